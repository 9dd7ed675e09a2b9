"""Runs the programs that install packages, and shows in one line what they do. Standard library only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.disk_faults import cure_of_output
from local.processes import PROJECT, ChildProcess

WORK = PROJECT / ".local"
"""Everything the local commands keep between runs, apart from `.venv`."""

Tick = Callable[[], None]
"""Called again and again while something is installed."""

_LONGEST_SECONDS = 1800
_GRACE_SECONDS = 2
_TICK_SECONDS = 0.5
_SHARE_OF_MEASURING = 0.1
"""The share of time that may go into adding up sizes."""
_MEGABYTE = 1_000_000
_BLOCK_BYTES = 512


class SetUpError(Exception):
    """A part could not be set up; the message contains the output of the failed program, and what to do."""


@dataclass(slots=True)
class Installation:
    """A program that installs packages and has been started."""

    command: Sequence[str]
    cure: str
    """What to do when it fails."""
    _process: ChildProcess

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        cure: str,
        folder: Path = PROJECT,
        environment: Mapping[str, str] | None = None,
    ) -> Installation:
        """Start `command` in `folder`; its output goes to a log named after `name`."""
        process = ChildProcess.start(
            name,
            command,
            log=WORK / "logs" / f"{name}.log",
            environment=environment,
            folder=folder,
            grace_seconds=_GRACE_SECONDS,
        )
        return cls(command, cure, process)

    def finish(self, tick: Tick) -> None:
        """Wait for its end.

        Raises:
            SetUpError: it failed, or took longer than half an hour.
        """
        deadline = time.monotonic() + _LONGEST_SECONDS
        try:
            while (code := self._process.wait(_TICK_SECONDS)) is None and time.monotonic() < deadline:
                tick()
        finally:
            self._process.stop()
        line = " ".join(self.command)
        if code is None:
            raise SetUpError(f"{line}\ndid not finish within {_LONGEST_SECONDS / 60:.0f} minutes.\n\n{self.cure}")
        if code != 0:
            output = self._process.last_output()
            cure = cure_of_output(output) or self.cure
            raise SetUpError(f"{line}\nfailed with exit code {code} and wrote:\n{output}\n\n{cure}")

    def stop(self) -> None:
        """End it, if it still runs."""
        self._process.stop()


@contextmanager
def progress(what: str, folders: Sequence[Path]) -> Iterator[Tick]:
    """Show in one line what is set up, with the size of `folders` and the time so far.

    The line goes to standard error: the output of a command may be read by a script. On a terminal the line changes as
    the folders grow; elsewhere it is completed at the end.
    """
    started = time.monotonic()
    next_measure = started
    is_terminal = sys.stderr.isatty()

    def so_far() -> str:
        return f"{what} ... {sum(map(size_of, folders)) / _MEGABYTE:.0f} MB, {time.monotonic() - started:.0f} s"

    def tick() -> None:
        nonlocal next_measure
        begun = time.monotonic()
        if is_terminal and begun >= next_measure:
            print(f"\r{so_far()}", end="", file=sys.stderr, flush=True)
            next_measure = begun + (time.monotonic() - begun) / _SHARE_OF_MEASURING

    print(f"{what} ...", end="", file=sys.stderr, flush=True)
    try:
        yield tick
    except BaseException:
        print(" failed", file=sys.stderr, flush=True)
        raise
    print(f"\r{so_far()}" if is_terminal else so_far().removeprefix(f"{what} ..."), file=sys.stderr, flush=True)


def size_of(folder: Path) -> int:
    """The bytes that a folder takes on disk; files that vanish meanwhile do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - twice as fast, for thousands of files
            except OSError:
                continue
            # Windows does not tell the blocks of a file.
            total += getattr(status, "st_blocks", 0) * _BLOCK_BYTES or status.st_size
    return total
