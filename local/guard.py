"""Runs one command and ends it, with all its child processes, when the process that started it is gone.

The process that starts a command through this file keeps the writing end of its standard input. When that end closes,
on purpose or because the process died in any way, or when the command ends by itself, this program signals the whole
process group of the command, waits until the group is empty, and kills the rest after a grace period. A pipe works on
Linux, macOS and Windows alike, survives a `kill -9` of the owner, and leaves no moment at which a child exists that
nothing will end.

Usage: python -I -S guard.py GRACE_SECONDS SIGNAL COMMAND [ARGUMENT ...]; the exit code is the command's.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    _NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _NEW_GROUP = 0

_PROC = Path("/proc")
_ZOMBIE = "Z"


def main(grace_seconds: float, signal_name: str, command: list[str]) -> int:
    """Run `command` until it ends by itself, or until standard input closes or SIGTERM comes."""
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    # A handler: the command would inherit that a signal is ignored. The signal is meant for the rest of the group.
    signal.signal(signal.SIGINT, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, creationflags=_NEW_GROUP)
    threading.Thread(target=_watch_owner, args=(ending,), daemon=True).start()
    threading.Thread(target=_watch_child, args=(child, ending), daemon=True).start()
    ending.wait()
    if sys.platform == "win32":
        _end_tree(child, grace_seconds)
    else:
        _end_group(signal.Signals[signal_name], grace_seconds)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _watch_owner(ending: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    ending.set()


def _watch_child(child: subprocess.Popen[bytes], ending: threading.Event) -> None:
    child.wait()
    ending.set()


def _end_tree(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    if sys.platform == "win32":
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            child.send_signal(signal.CTRL_BREAK_EVENT)
            child.wait(grace_seconds)
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, check=False)


def _end_group(asked: signal.Signals, grace_seconds: float) -> None:
    """Signal the rest of this process's group, and kill those that still run after the grace period."""
    if sys.platform == "win32":
        return
    deadline = time.monotonic() + grace_seconds
    if any(_rest_of_group()):
        os.killpg(0, asked)
    while any(_rest_of_group()) and time.monotonic() < deadline:
        time.sleep(0.02)
    # A process that is killed may just have started another.
    while rest := list(_rest_of_group()):
        for process in rest:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def _rest_of_group() -> Iterator[int]:
    """The other processes of this process's group; a process that has ended but was not waited for is none."""
    for process, group, state in _processes():
        if group == os.getpgrp() and process != os.getpid() and not state.startswith(_ZOMBIE):
            yield process


def _processes() -> Iterator[tuple[int, int, str]]:
    """Process, group and state of every process of this machine, on Linux and on macOS."""
    if not (_PROC / "self" / "stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=False)
        for line in listed.stdout.splitlines():
            process, group, state = line.split()
            yield int(process), int(group), state
        return
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                # The name of the program, in parentheses, may hold anything.
                state, _, group = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
                yield int(folder.name), int(group), state


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
