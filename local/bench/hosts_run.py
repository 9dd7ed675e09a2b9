"""One file on one or several local functions hosts, and where its time goes."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.azurite import running_azurite
from local.bench.bench import Bench, BenchError
from local.bench.device_files import Kind, pieces
from local.bench.local_storage import drop, is_closed, journal_of, settings_for
from local.bench.process_use import use_of
from local.bench.waiting import LATENCY
from local.hosts import HostKind, running_hosts
from local.partner_center import Behaviour, Operation, PartnerCenterStandIn, Reply, route

HOST_MARK = "local.functions_host"
_POLL_SECONDS = 0.25
_MOST_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class HostsRun:
    """Seconds of each phase of one file; CPU of all hosts together, None if the system does not report it."""

    hosts: int
    devices: int
    reading_seconds: float
    """From the drop to the first POST."""
    posting_seconds: float
    """From the first POST to the last answer to one."""
    finishing_seconds: float
    """From there to the closed file."""
    host_cpu_seconds: float | None

    @property
    def seconds(self) -> float:
        """From the drop to the closed file."""
        return self.reading_seconds + self.posting_seconds + self.finishing_seconds


class RecordingStandIn(PartnerCenterStandIn):
    """A stand-in that records when each POST of devices arrived and was answered."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.posts: list[tuple[float, float]] = []
        self._recording = threading.Lock()
        super().__init__(behaviour)

    def reply(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The stand-in's reply; records when the request came and when it was answered."""
        began = time.monotonic()
        given = super().reply(method, target, headers, body)
        request = route(method, target, headers, b"")
        if method == "POST" and request is not None and request.operation is not Operation.BATCH_JOB_STATUS:
            with self._recording:
                self.posts.append((began, time.monotonic()))
        return given


def run_on_hosts(bench: Bench, hosts: int, rows: int) -> HostsRun:
    """Process a file of `rows` devices without hashes from drop to close, with `hosts` hosts on one storage."""
    with (
        bench.place() as folder,
        RecordingStandIn(Behaviour(latency=LATENCY)) as service,
        running_azurite(bench.toolchain, data=folder / "azurite") as azurite,
        running_hosts(
            bench.toolchain,
            HostKind.LOCAL,
            settings_for(azurite.connection_string, service.url),
            number=hosts,
            logs=folder,
        ) as running,
    ):
        running.wait_until_ready()
        journal = journal_of(azurite.connection_string)
        # The batch, the tables and every host are warm before the clock starts.
        warm = drop(azurite.connection_string, pieces(Kind.TUPLES, 1), "first.csv")
        wait_until(lambda: is_closed(journal, warm), running.check)
        service.posts.clear()
        before = use_of(HOST_MARK)
        dropped_at = time.monotonic()
        dropped = drop(azurite.connection_string, pieces(Kind.TUPLES, rows))
        wait_until(lambda: is_closed(journal, dropped), running.check)
        closed_at, after = time.monotonic(), use_of(HOST_MARK)
        first, last = min(start for start, _ in service.posts), max(end for _, end in service.posts)
        found = HostsRun(
            hosts=hosts,
            devices=rows,
            reading_seconds=first - dropped_at,
            posting_seconds=last - first,
            finishing_seconds=closed_at - last,
            host_cpu_seconds=None if before is None or after is None else after.cpu - before.cpu,
        )
    bench.say(
        f"{hosts} host{'s' if hosts > 1 else ''}: {rows:,} devices in {found.seconds:.1f} s, of which "
        f"{found.posting_seconds:.1f} s sending"
    )
    return found


def wait_until(is_so: Callable[[], bool], check: Callable[[], None]) -> None:
    """Poll until `is_so`; `check` raises if a process that should run has ended.

    Raises:
        BenchError: it took too long.
    """
    deadline = time.monotonic() + _MOST_SECONDS
    while not is_so():
        check()
        if time.monotonic() > deadline:
            raise BenchError(f"The file was not closed within {_MOST_SECONDS} seconds.")
        time.sleep(_POLL_SECONDS)
