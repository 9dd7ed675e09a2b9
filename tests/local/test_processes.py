"""Child processes end with the process that started them, in whatever way that ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local import guard
from local.processes import PROJECT, ChildProcess

FAMILY = """
import os, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), grandchild.pid, flush=True)
{then}
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def family(tmp_path: Path, then: str = "time.sleep(60)") -> tuple[ChildProcess, list[int]]:
    process = ChildProcess.start(
        "family", [sys.executable, "-c", FAMILY.format(then=then)], log=tmp_path / "log", grace_seconds=0.5
    )
    eventually(lambda: process.log.read_text().endswith("\n"))
    return process, [int(pid) for pid in process.log.read_text().split()]


def is_running(pid: int) -> bool:
    """Whether it runs; a process that has ended but was not waited for does not."""
    status = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, check=False).stdout[:1] > b"Z"
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_the_exit_code_and_the_output_are_the_commands(tmp_path: Path) -> None:
    process = ChildProcess.start("one", [sys.executable, "-c", "print('hello'); exit(7)"], log=tmp_path / "log")
    assert process.wait(60) == 7
    assert process.last_output() == "hello"
    process.stop()


def test_a_command_starts_though_the_environment_of_this_process_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", "exit(7)"]
    monkeypatch.setattr("sys.executable", str(tmp_path / "removed"))
    process = ChildProcess.start("one", command, log=tmp_path / "log")
    assert process.wait(60) == 7
    process.stop()


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
@pytest.mark.parametrize("then", ["time.sleep(60)", STUBBORN])
def test_stopping_ends_the_whole_family_even_a_stubborn_one(tmp_path: Path, then: str) -> None:
    process, pids = family(tmp_path, then)
    process.stop()
    eventually(lambda: not any(map(is_running, pids)))
    assert process.exit_code is not None


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_killing_leaves_nothing(tmp_path: Path) -> None:
    process, pids = family(tmp_path)
    process.kill()
    eventually(lambda: not any(map(is_running, pids)))


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_the_owner_ends_the_family(tmp_path: Path, how: signal.Signals) -> None:
    owner_code = (
        "import sys, time; from pathlib import Path; from local.processes import ChildProcess\n"
        f"ChildProcess.start('family', [sys.executable, '-c', {FAMILY.format(then=STUBBORN)!r}],"
        f" log=Path({str(tmp_path / 'log')!r}), grace_seconds=0.5); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", owner_code], cwd=PROJECT)
    log = tmp_path / "log"
    eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    owner.send_signal(how)
    owner.wait()
    eventually(lambda: not any(is_running(int(pid)) for pid in log.read_text().split()))


@pytest.mark.skipif(shutil.which("ps") is None, reason="this machine has no ps")
def test_a_machine_without_proc_lists_its_processes_by_ps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    me = (os.getpid(), os.getpgrp())
    assert me in {(process, group) for process, group, _ in guard._processes()}
    monkeypatch.setattr(guard, "_PROC", tmp_path)
    assert me in {(process, group) for process, group, _ in guard._processes()}


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_what_a_command_leaves_behind_when_it_ends_by_itself_is_ended_too(tmp_path: Path) -> None:
    process, pids = family(tmp_path, "sys.exit(3)")
    assert process.wait(30) == 3
    assert not any(map(is_running, pids))
