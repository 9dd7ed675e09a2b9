"""CPU and memory of this process and of those it started, as far as this system reports them."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import resource

_PROC = Path("/proc")
_GUARD = "guard.py"
"""Every process started here is started by a guard, whose command line contains that of its command."""
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Use:
    """CPU in seconds since the start, memory in bytes; `peak` is the sum of every process's own."""

    cpu: float
    resident: int
    peak: int


@dataclass(frozen=True, slots=True)
class Process:
    """One process of /proc."""

    pid: int
    parent: int
    cpu: float
    command: str
    resident: int
    peak: int


def use_of(mark: str) -> Use | None:
    """The use of this process's running descendants whose command line contains `mark`, with all that they started.

    None if there is no /proc.
    """
    if not has_proc():
        return None
    return added(started_with(mark, {process.pid: process for process in _processes()}, os.getpid()))


def has_proc() -> bool:
    """Whether this system reports the use of other processes."""
    return (_PROC / "self" / "stat").exists()


def started_with(mark: str, processes: Mapping[int, Process], ancestor: int) -> list[Process]:
    """Those of `processes` below `ancestor` whose command holds `mark`, and everything below them. Pure."""

    def line_of(process: Process) -> list[Process]:
        """The process and those above it, up to the ancestor; empty when it is not below the ancestor."""
        line = [process]
        while line[-1].parent != ancestor:
            parent = processes.get(line[-1].parent)
            if parent is None or parent in line:
                return []
            line.append(parent)
        return line

    return [
        process
        for process in processes.values()
        if any(mark in one.command and _GUARD not in one.command for one in line_of(process))
    ]


def added(processes: list[Process]) -> Use:
    """The sum of their use. Pure."""
    return Use(
        sum(process.cpu for process in processes),
        sum(process.resident for process in processes),
        sum(process.peak for process in processes),
    )


def cpu_of_ended_children() -> float | None:
    """CPU seconds of the children of this process that have ended, with theirs; None on Windows."""
    if sys.platform == "win32":
        return None
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def forget_peak() -> None:
    """Reset this process's peak, if the system can."""
    try:
        (_PROC / "self" / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def own_memory() -> tuple[int, int] | None:
    """Resident bytes of this process now and at most; None if the system does not report them.

    `getrusage` knows only the peak, so without /proc both are the peak: the growth is then from an earlier peak.
    """
    if (_PROC / "self" / "status").exists():
        status = memory_in((_PROC / "self" / "status").read_text(encoding="utf-8"))
        return status["VmRSS"], status["VmHWM"]
    if sys.platform == "win32":
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else _KILOBYTE)
    return most, most


def memory_in(status: str) -> dict[str, int]:
    """The two figures of a /proc/PID/status, in bytes; 0 for a process that has just ended. Pure."""
    found = {"VmRSS": 0, "VmHWM": 0}
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0]) * _KILOBYTE
    return found


def stat_in(text: str, ticks: int) -> tuple[int, float]:
    """Parent and CPU seconds (with those of ended children) in a /proc/PID/stat. Pure."""
    # The name of the program stands in brackets and may hold anything, brackets and blanks too.
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(int(value) for value in fields[11:15]) / ticks


def _processes() -> list[Process]:
    ticks = os.sysconf("SC_CLK_TCK") if sys.platform != "win32" else 100
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            parent, cpu = stat_in((folder / "stat").read_text(encoding="utf-8", errors="replace"), ticks)
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            memory = memory_in((folder / "status").read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        found.append(Process(int(folder.name), parent, cpu, command, memory["VmRSS"], memory["VmHWM"]))
    return found
