"""`.venv`, the virtual environment of the local commands. Standard library only.

It holds the packages of one or more locks, each with the hashes of its files. It is noticed when the environment is not
complete, was made for another Python, another folder or older locks, or when files of it are missing; then it is made
again from scratch. A link to another folder is never written to, since that folder may belong to others.
"""

from __future__ import annotations

import csv
import os
import platform
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path

from local.escaping import escaped
from local.processes import IS_WINDOWS, PROJECT
from local.set_up.installing import Installation, SetUpError, Tick
from local.set_up.stamp import digest, read_stamp, write_stamp
from local.toolchain import answer_of

LOCK_OF_COMMANDS = PROJECT / "local" / "requirements.lock"
LOCK_OF_TESTS = PROJECT / "requirements-development.lock"
"""Holds every package of the other lock too, at the same version."""
LOCK_OF_NODE = PROJECT / "local" / "node" / "requirements.lock"
"""Node.js, for machines without it."""

TESTED_PYTHONS = ("3.11", "3.12", "3.13")

_WHEELS_WITH_HASHES = ("--require-hashes", "--no-deps", "--only-binary=:all:")
"""Exactly the packages of a lock: nothing is resolved, compiled or run."""
_WHO_ARE_YOU = "import sys; print('%s.%s' % sys.version_info[:2], sys.prefix)"
_OLDEST_PIP = (22, 3)
"""The first that installs into another environment."""
_OF_ANOTHER_PYTHON = ("PYTHONHOME", "PYTHONPATH")
"""Variables with which the environment would take modules from another place, before its own."""
_NOT_OURS = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_PYTHON", *_OF_ANOTHER_PYTHON)
"""Variables with which pip would install to, or count packages of, another place."""


class Condition(Enum):
    """What an environment is good for."""

    READY = auto()
    LACKS_PACKAGES = auto()
    """It is sound, but not every lock that is needed has been installed."""
    UNUSABLE = auto()


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """A virtual environment with the packages of `locks`, the first of which are those of the later ones too."""

    folder: Path
    locks: tuple[Path, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if IS_WINDOWS else "bin/python")

    def condition(self, version: str) -> Condition:
        """What it is good for, with Python `version` and the locks as they are now."""
        stamp = read_stamp(self.folder)
        is_sound = (
            stamp.get("python") == version
            and stamp.get("folder") == str(self.folder.resolve())
            and self._answers_as(version)
            and not missing_files(self.folder, _names(stamp.get("distributions")))
        )
        return condition_of(_digests(stamp.get("locks")), self._wanted(), is_sound=is_sound)

    def _answers_as(self, version: str) -> bool:
        """Whether its interpreter runs, is of that version and knows that it belongs to this environment."""
        answer = answer_of([str(self.python), "-I", "-c", _WHO_ARE_YOU])
        minor, _, prefix = answer.partition(" ")
        return minor == version and Path(prefix).resolve() == self.folder.resolve()

    def make(self, version: str, tick: Tick) -> None:
        """Make it as needed, with the running Python of that version.

        Raises:
            SetUpError: the folder is a link or in use, or the installers failed.
        """
        if is_link(self.folder):
            raise SetUpError(
                f"{self.folder} is a link to {self.folder.resolve()}, which does not have the packages of this folder, "
                "and other folders may use it. Remove the link; then run this command again, which creates the folder."
            )
        condition = self.condition(version)
        if condition is Condition.READY:
            return
        if (fault := fault_of_name(str(self.folder.parent))) is not None:
            raise SetUpError(fault)
        is_new = condition is Condition.UNUSABLE
        if is_new:
            _remove(self.folder)
        # The last lock holds the packages of all.
        self._install(self.locks[-1], tick, is_new=is_new)
        kept = {} if is_new else _digests(read_stamp(self.folder).get("locks"))
        write_stamp(
            self.folder,
            {
                "python": version,
                "folder": str(self.folder.resolve()),
                "locks": kept | self._wanted(),
                "distributions": sorted(found.name for found in _distributions(self.folder)),
            },
        )

    def add(self, lock: Path, tick: Tick) -> None:
        """Install the packages of one more lock.

        Raises:
            SetUpError: the folder is a link, or the installers failed.
        """
        if is_link(self.folder):
            raise SetUpError(f"{self.folder} is a link: nothing is installed there, since other folders may use it.")
        self._install(lock, tick, is_new=False)

    def _install(self, lock: Path, tick: Tick, *, is_new: bool) -> None:
        # The Python that a virtual environment was made from: the running one may be in the folder just removed.
        base = getattr(sys, "_base_executable", sys.executable)
        arguments = (*_WHEELS_WITH_HASHES, "--requirement", str(lock))

        def with_uv(uv: str) -> None:
            if is_new:
                _run([uv, "venv", "--quiet", "--python", base, str(self.folder)], tick)
            _run(_uv_install(uv, self.python, *arguments), tick)
            self._check_installed(lock)

        def with_pip() -> None:
            if is_new:
                _remove(self.folder)
                own_pip = () if _pip_version(base) < _OLDEST_PIP else ("--without-pip",)
                _run(
                    [base, "-m", "venv", *own_pip, str(self.folder)],
                    tick,
                    cure="On Debian and Ubuntu, install the package python3-venv; then run this command again.",
                )
            _run(_pip_install(base, self.python, *arguments), tick)
            self._check_installed(lock)

        _first_that_works(with_uv, with_pip)

    def _check_installed(self, lock: Path) -> None:
        """Installers succeed too when a setting of theirs keeps them from installing, or sends packages elsewhere."""
        installed = {found.name.partition("-")[0] for found in _distributions(self.folder)}
        if lacking := packages_everywhere(lock.read_text(encoding="utf-8")) - installed:
            raise SetUpError(
                f"The packages of {lock.name} are not in {self.folder} although their installation did not fail; the "
                f"first that is missing is {min(lacking)}. A setting of pip may be the reason, such as a dry run or "
                "another target: check 'pip config list' and the environment variables that begin with PIP_; then run "
                "this command again."
            )

    def _wanted(self) -> dict[str, str]:
        return {lock.name: digest([lock]) for lock in self.locks}


def condition_of(installed: Mapping[str, str], wanted: Mapping[str, str], *, is_sound: bool) -> Condition:
    """What an environment with the locks `installed` is good for when `wanted` are needed. Pure."""
    is_old = any(installed.get(name, current) != current for name, current in wanted.items())
    if not is_sound or is_old or not installed:
        return Condition.UNUSABLE
    return Condition.READY if wanted.keys() <= installed.keys() else Condition.LACKS_PACKAGES


def packages_everywhere(lock: str) -> set[str]:
    """The packages of a lock that every system needs, named as their `dist-info` folders are. Pure."""
    lines = re.findall(r"^([\w.-]+)==([^;\n]*)$", lock, re.MULTILINE)
    return {re.sub(r"[-_.]+", "_", name).lower() for name, _ in lines}


def fault_of_name(folder: str) -> str | None:
    """Why no environment can be made in the folder with this name, and what to do; None if one can. Pure."""
    move = "Move the project to a folder without it; then run this command again."
    if os.pathsep in folder:
        return f"The name of the folder {escaped(folder)} has a '{os.pathsep}', which separates folders in PATH. {move}"
    if re.search(r"[\ud800-\udfff\r\n]", folder):
        return f"The name of the folder {escaped(folder)} has a line end, or a character that is not UTF-8. {move}"
    return None


def missing_files(folder: Path, distributions: Sequence[str]) -> list[str]:
    """The parts of the installed distributions that are not as they were installed; at most one of each."""
    present = {found.name: found for found in _distributions(folder)}
    missing = [name for name in distributions if name not in present]
    for name in distributions:
        if name in present:
            missing.extend(_first_missing(present[name]))
    return missing


def _first_missing(distribution: Path) -> Iterator[str]:
    root = distribution.parent
    try:
        with (distribution / "RECORD").open(encoding="utf-8", newline="") as record:
            for name, _, size in csv.reader(record):
                # Files without a size, such as compiled ones, come and go.
                if size and os.stat(root / name).st_size != int(size):  # noqa: PTH116 - faster, for thousands of files
                    yield name
                    return
    except (OSError, ValueError) as error:
        yield f"{distribution.name}: {error}"


def is_link(path: Path) -> bool:
    """Whether it is a symbolic link, or a junction of Windows; where the link leads does not matter."""
    try:
        status = path.lstat()
    except OSError:
        return False
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return stat.S_ISLNK(status.st_mode) or (junction is not None and getattr(status, "st_reparse_tag", 0) == junction)


def variables_inside(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of a command that is run again inside the environment. Pure.

    Of PYTHONPATH only this project is left: the command may have been started in another folder, and found by it.
    """
    kept = {name: value for name, value in variables.items() if name not in _OF_ANOTHER_PYTHON}
    return kept | ({"PYTHONPATH": str(PROJECT)} if variables.get("PYTHONPATH") else {})


def running_python() -> str:
    """The minor version of the Python that runs this, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _distributions(folder: Path) -> list[Path]:
    """The installed packages, each by its folder `NAME-VERSION.dist-info`."""
    pattern = "Lib/site-packages/*.dist-info" if IS_WINDOWS else "lib/python*/site-packages/*.dist-info"
    return list(folder.glob(pattern))


def _remove(folder: Path) -> None:
    """Remove a folder as a whole or not at all: half an environment would be of no use to a program that runs in it."""
    if folder.exists() and not folder.is_dir():
        raise SetUpError(f"{folder} is not a folder. Rename or remove it; then run this command again.")
    beside = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(beside, ignore_errors=True)
    if not folder.exists():
        return
    try:
        folder.rename(beside)
    except OSError as error:
        raise SetUpError(
            f"{folder} must be made again and cannot be removed ({error.strerror}). End the programs that use it, such "
            "as another local command or an editor; then run this command again."
        ) from error
    shutil.rmtree(beside, ignore_errors=True)


def _first_that_works(with_uv: Callable[[str], None], with_pip: Callable[[], None]) -> None:
    """Use uv where it is installed and works: it is faster, but does not know an index that only pip is set up for."""
    uv = shutil.which("uv")
    if uv and answer_of([uv, "--version"]):
        try:
            with_uv(uv)
        except SetUpError:
            with_pip()
        return
    with_pip()


def _uv_install(uv: str, python: Path, *arguments: str) -> list[str]:
    compiling = ("--compile-bytecode",) if _is_compiled_by_installers() else ()
    return [uv, "pip", "install", "--quiet", *compiling, "--python", str(python), *arguments]


def _pip_install(base: str, python: Path, *arguments: str) -> list[str]:
    compiling = "--compile" if _is_compiled_by_installers() else "--no-compile"
    install = ("install", "--quiet", "--disable-pip-version-check", compiling, *arguments)
    if _pip_version(base) < _OLDEST_PIP:
        return [str(python), "-m", "pip", *install]
    return [base, "-m", "pip", "--python", str(python), *install]


def _is_compiled_by_installers() -> bool:
    """Whether modules are compiled as they are installed: Python compiles what it imports, unless it is told not to."""
    return bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))


@lru_cache
def _pip_version(python: str) -> tuple[int, ...]:
    found = re.match(r"pip (\d+)\.(\d+)", answer_of([python, "-m", "pip", "--version"]))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(command: Sequence[str], tick: Tick, *, cure: str | None = None) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS} | {"PIP_USER": "0"}
    Installation.start("set-up-python", command, cure=cure or _cure(), environment=environment).finish(tick)


def _cure() -> str:
    """What to do when packages cannot be installed, with what is known of this Python."""
    version = running_python()
    known = []
    if version not in TESTED_PYTHONS:
        known.append(f"Not every package may be there for Python {version}: use 3.11 to 3.13.")
    if IS_WINDOWS and platform.machine() == "ARM64":
        known.append("Not every package is there for Windows on ARM: use the Python for x64, which runs there too.")
    known.append("Check that this machine reaches a Python package index; then run this command again.")
    return " ".join(known)


def _digests(found: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _names(found: object) -> list[str]:
    return [str(name) for name in found] if isinstance(found, list) else []
