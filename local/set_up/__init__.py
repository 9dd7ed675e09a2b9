"""Sets up what the local commands need: `.venv` with the Python packages, Node.js, and Azurite.

Standard library only, since it runs on a machine that has nothing but Python. Each part leaves a stamp when it is
complete; a part that no longer matches its stamp is made again. A lock keeps two commands from setting up at once.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from local.file_lock import LockedError, file_lock
from local.processes import IS_WINDOWS, PROJECT
from local.set_up.installing import WORK, SetUpError, Tick, progress
from local.set_up.npm_packages import NpmPackages
from local.set_up.python_packages import (
    LOCK_OF_COMMANDS,
    LOCK_OF_NODE,
    LOCK_OF_TESTS,
    Condition,
    PythonEnvironment,
    running_python,
    variables_inside,
)
from local.toolchain import NodeJs, Toolchain, machine_node, packaged_node

__all__ = ["LOCK_OF_COMMANDS", "WORK", "SetUpError", "enter_environment", "ready_npm_packages", "ready_toolchain"]

_WITH_STORAGE = ("run", "services", "test", "bench")
"""The commands that start Azurite."""


def enter_environment(arguments: Sequence[str]) -> None:
    """Set up `.venv` and continue inside it: returns if already inside, otherwise runs `python -m local` there.

    What the command needs beside is set up at the same time.

    Raises:
        SetUpError: it could not be made.
    """
    command = arguments[0] if arguments else ""
    locks = (LOCK_OF_COMMANDS, LOCK_OF_TESTS) if command == "test" else (LOCK_OF_COMMANDS,)
    environment = PythonEnvironment(PROJECT / ".venv", locks)
    version = running_python()
    if environment.condition(version) is not Condition.READY:
        with _set_up_lock():
            _make(environment, version, npm_packages() if command in _WITH_STORAGE else None)
        _run_again(environment.python, arguments)
    if Path(sys.prefix).resolve() != environment.folder.resolve():
        _run_again(environment.python, arguments)


def _make(environment: PythonEnvironment, version: str, packages: NpmPackages | None) -> None:
    """Make the environment, and install the npm packages meanwhile where they are missing and the machine has npm."""
    condition = environment.condition(version)
    if condition is Condition.READY:
        return
    node = machine_node() if packages is not None and packages.ready() is None else None
    beside = None if packages is None or node is None else (packages, node)
    what = _what(environment.folder, condition, with_azurite=beside is not None)
    folders = [environment.folder, *([beside[0].folder] if beside else [])]
    with progress(what, folders) as tick, _meanwhile(beside, tick):
        environment.make(version, tick)


@contextlib.contextmanager
def _meanwhile(packages_and_node: tuple[NpmPackages, NodeJs] | None, tick: Tick) -> Iterator[None]:
    """Install npm packages while the context lasts; it ends when they are there."""
    if packages_and_node is None:
        yield
        return
    packages, node = packages_and_node
    installation = packages.start(node)
    try:
        yield
        installation.finish(tick)
    finally:
        installation.stop()
    packages.complete(node)


def _what(folder: Path, condition: Condition, *, with_azurite: bool) -> str:
    """What is done, in a line that leaves room for size and time on a narrow terminal."""
    beside = " and Azurite" if with_azurite else ""
    if condition is Condition.LACKS_PACKAGES:
        return f"Adding packages to {folder.name}{beside}"
    if folder.exists():
        return f"Setting up {folder.name}{beside} again (damaged or out of date)"
    return f"Setting up {folder.name} (Python {running_python()}){beside}, once"


def _run_again(python: Path, arguments: Sequence[str]) -> NoReturn:
    command = [str(python), "-m", "local", *arguments]
    variables = variables_inside(os.environ)
    if not IS_WINDOWS:
        os.execve(command[0], command, variables)  # noqa: S606 - the same command, in the environment made for it
    # Windows has no exec: this process waits, and leaves Ctrl-C, which reaches both, to the other.
    child = subprocess.Popen(command, env=variables)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(child.wait())


def npm_packages() -> NpmPackages:
    """Azurite and its packages."""
    return NpmPackages(PROJECT / "local" / "node", WORK / "npm")


def ready_toolchain() -> Toolchain:
    """Node.js and the npm packages, set up if necessary. To be called inside the virtual environment.

    Raises:
        SetUpError: pip or npm failed.
    """
    packages = npm_packages()
    return Toolchain(ready_npm_packages("Azurite", packages.source, packages.folder), packages.folder)


def ready_npm_packages(name: str, source: Path, folder: Path) -> Path:
    """The Node.js to run the npm packages that `source` locks; they are in `folder`, set up if necessary.

    Raises:
        SetUpError: pip or npm failed.
    """
    packages = NpmPackages(source, folder)
    if (node := packages.ready()) is not None:
        return node
    with _set_up_lock():
        if (node := packages.ready()) is not None:
            return node
        found = machine_node() or packaged_node() or _install_node()
        with progress(f"Setting up {name}, once (Node.js {found.version})", [folder]) as tick:
            packages.start(found).finish(tick)
        packages.complete(found)
    return found.node


def _install_node() -> NodeJs:
    environment = PythonEnvironment(Path(sys.prefix), (LOCK_OF_COMMANDS,))
    with progress("Setting up Node.js, which this machine does not have", [environment.folder]) as tick:
        environment.add(LOCK_OF_NODE, tick)
    node = packaged_node()
    if node is None:
        raise SetUpError(
            "Node.js from the Python package index does not run on this machine. Install Node.js 20 or newer with npm, "
            "so that 'node --version' and 'npm --version' answer; then run this command again."
        )
    return node


@contextlib.contextmanager
def _set_up_lock() -> Iterator[None]:
    """Lets one command set up at a time; another prints that it waits."""
    path = WORK / "set-up.lock"
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(path, wait=False))
        except LockedError:
            print("Waiting for another command that is setting up this folder.", file=sys.stderr, flush=True)
            held.enter_context(file_lock(path, wait=True))
        yield
