"""Runs one command and ends it, with all its child processes, when the process that started it is gone.

The process that starts a command through this file keeps the writing end of its standard input. When that end closes,
on purpose or because the process died in any way, this program asks the command's whole process group to terminate, and
kills it after a grace period. A pipe works alike on Linux, macOS and Windows, survives a `kill -9` of the owner, and
leaves no moment at which a child exists that nothing will end.

Usage: python -I -S guard.py GRACE_SECONDS COMMAND [ARGUMENT ...]; the exit code is the command's.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

if sys.platform == "win32":
    _NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _NEW_GROUP = 0


def main(grace_seconds: float, command: list[str]) -> int:
    """Run `command` until it ends by itself, or until standard input closes or SIGTERM comes."""
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, creationflags=_NEW_GROUP)
    threading.Thread(target=_watch_owner, args=(ending,), daemon=True).start()
    threading.Thread(target=_end_group, args=(ending, child, grace_seconds), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _watch_owner(ending: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    ending.set()


def _end_group(ending: threading.Event, child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    ending.wait()
    if sys.platform == "win32":
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            child.send_signal(signal.CTRL_BREAK_EVENT)
            child.wait(grace_seconds)
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, check=False)
        return
    os.killpg(0, signal.SIGTERM)
    try:
        child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
