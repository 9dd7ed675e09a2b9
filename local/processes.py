"""Child processes that never outlive the command that started them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROJECT = Path(__file__).resolve().parent.parent
_GUARD = Path(__file__).with_name("guard.py")
_TAIL_CHARACTERS = 4000
IS_WINDOWS = os.name == "nt"
"""Whether programs end in .exe and stand where Windows has them. A test may claim the other."""

if sys.platform == "win32":
    _NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _NEW_GROUP = 0


@dataclass(slots=True)
class ChildProcess:
    """A command in its own process group, which ends with this process or by `stop`; see `local/guard.py`."""

    name: str
    """The name of the process in messages."""
    log: Path
    """The file that receives its output."""
    grace_seconds: float
    _guard: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path = PROJECT,
        grace_seconds: float = 10,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Self:
        """Start `command` in `folder`, its output in the new file `log`. `environment` replaces this process's own.

        `stop_signal` asks the command and its child processes to end; on Windows they get Ctrl-Break.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        # Set-up may have removed the environment that this process runs in; the guard needs the standard library alone.
        python = getattr(sys, "_base_executable", sys.executable)
        with log.open("wb") as output:
            guard = subprocess.Popen(
                [python, "-I", "-S", str(_GUARD), str(grace_seconds), stop_signal.name, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=folder,
                start_new_session=os.name == "posix",
                creationflags=_NEW_GROUP,
            )
        return cls(name, log, grace_seconds, guard)

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, None while it runs."""
        return self._guard.poll()

    def last_output(self) -> str:
        """The end of its output, for an error message."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:].strip()

    def wait(self, seconds: float) -> int | None:
        """Wait at most `seconds` for its end; returns its exit code, or None if it still runs."""
        try:
            return self._guard.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def ask_to_stop(self) -> None:
        """Ask the process to end, without waiting."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()

    def stop(self) -> None:
        """End the process: ask it to end, and kill it after the grace period. None of it is left when this returns."""
        self.ask_to_stop()
        if self.wait(self.grace_seconds + 5) is None:
            self.kill()

    def kill(self) -> None:
        """Kill the process at once, without a chance to clean up, as a power failure would."""
        if sys.platform == "win32":
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(self._guard.pid)], capture_output=True, check=False)
        elif self._guard.poll() is None:
            os.killpg(self._guard.pid, signal.SIGKILL)
        self._guard.wait()
        self.ask_to_stop()
