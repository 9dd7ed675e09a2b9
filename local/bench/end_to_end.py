"""The product from drop to close, compared with a plain script such as people use today, on the same machine.

Each gets its own Azurite and stand-in, and the same file with hashes. The product is the app on one local functions
host, from the drop to the closed file; its CPU is that of the host in this time (its start-up is reported separately).
The script's CPU is that of its whole process. The CPU of Azurite and the stand-in counts for neither and is reported.
Operations are counted in separate runs of 1,000 devices, so that counting slows down neither.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from local.app_settings import LOCAL_TOKEN
from local.azurite import Azurite, running_azurite
from local.bench.bench import BATCH, CUSTOMER, Bench, BenchError
from local.bench.counting import counted
from local.bench.device_files import Kind, pieces, read, write
from local.bench.goals import Figure, Measured
from local.bench.hosts_run import HOST_MARK, wait_until
from local.bench.local_storage import drop, is_closed, journal_of, running_service, settings_for
from local.bench.operations import taken
from local.bench.process_use import cpu_of_ended_children, use_of
from local.hosts import HostKind, running_hosts
from local.processes import ChildProcess

PEER = Path(__file__).with_name("peer.py")
SERVICE_SECONDS = 1.0
"""The seconds that the service needs for an upload."""
_SERVICE_MARK, _AZURITE_MARK = "local.partner_center", "azurite.js"
_MOST_SECONDS = 3600
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of the product or the script; None if the system does not report one."""

    seconds: float
    cpu_seconds: float | None
    start_up_cpu_seconds: float | None
    peak_mb: float | None
    azurite_cpu_seconds: float | None
    service_cpu_seconds: float | None


def measure(bench: Bench) -> Measured:
    """Devices per second and CPU per device, of both."""
    rows = bench.sizes.end_to_end_rows
    with bench.place() as folder:
        file = folder / "devices.csv"
        write(file, pieces(Kind.HASHES_UTF16, rows))
        few = folder / "few.csv"
        write(few, pieces(Kind.HASHES_UTF16, bench.sizes.counted_rows))
        ours = [_ours(bench, file)]
        peer = _peer(bench, file)
        bench.say(f"the script: {rows:,} devices in {peer.seconds:.1f} s")
        ours += [_ours(bench, file) for _ in range(bench.sizes.end_to_end_rounds - 1)]
        operations = _operations_of_peer(bench, few)
    ours_operations = taken(bench, bench.sizes.counted_rows).total * 1000 / bench.sizes.counted_rows
    peer_cpu, our_cpu = peer.cpu_seconds, [run.cpu_seconds for run in ours if run.cpu_seconds]
    return Measured(
        figures={
            "peer_speedup": Figure.of([peer.seconds / run.seconds for run in ours]),
            "peer_cpu_ratio": Figure(None)
            if not peer_cpu or not our_cpu
            else Figure.of([peer_cpu / cpu for cpu in our_cpu]),
        },
        raw={
            "devices": rows,
            "ours": _raw(sorted(ours, key=lambda run: run.seconds)[len(ours) // 2], rows)
            | {"operations_per_1000_devices": ours_operations},
            "peer": _raw(peer, rows) | {"operations_per_1000_devices": operations},
        },
    )


def _raw(run: Run, rows: int) -> dict[str, object]:
    cpu = run.cpu_seconds
    return asdict(run) | {
        "devices_per_second": rows / run.seconds,
        "cpu_ms_per_device": None if cpu is None else cpu * 1000 / rows,
    }


@contextmanager
def _surroundings(bench: Bench) -> Iterator[tuple[Path, Azurite, str]]:
    with (
        bench.place() as folder,
        running_azurite(bench.toolchain, data=folder / "azurite") as azurite,
        running_service(folder, delay=SERVICE_SECONDS) as service,
    ):
        yield folder, azurite, service


def _ours(bench: Bench, file: Path) -> Run:
    ended_before = cpu_of_ended_children()
    with _surroundings(bench) as (folder, azurite, service):
        settings = settings_for(azurite.connection_string, service)
        with running_hosts(bench.toolchain, HostKind.LOCAL, settings, number=1, logs=folder) as hosts:
            hosts.wait_until_ready()
            journal = journal_of(azurite.connection_string)
            before, began = use_of(HOST_MARK), time.monotonic()
            dropped = drop(azurite.connection_string, read(file)())
            wait_until(lambda: is_closed(journal, dropped), hosts.check)
            seconds, after = time.monotonic() - began, use_of(HOST_MARK)
            beside = _beside()
        ended = cpu_of_ended_children()
    bench.say(f"ours: {bench.sizes.end_to_end_rows:,} devices in {seconds:.1f} s")
    if before is None or after is None:
        # Without /proc, only ended processes are known: the host including its start-up.
        cpu = None if ended is None or ended_before is None else ended - ended_before
        return Run(seconds, cpu, None, None, *beside)
    return Run(seconds, after.cpu - before.cpu, before.cpu, after.peak / _MEGABYTE, *beside)


def _peer(bench: Bench, file: Path) -> Run:
    with _surroundings(bench) as (folder, azurite, service):
        before, began = cpu_of_ended_children(), time.monotonic()
        peak = _run_peer(file, folder, azurite.connection_string, service)
        seconds, after = time.monotonic() - began, cpu_of_ended_children()
        cpu = None if before is None or after is None else after - before
        return Run(seconds, cpu, None, peak, *_beside())


def _run_peer(file: Path, folder: Path, storage: str, service: str) -> float | None:
    """Run the script to its end; returns its peak memory in megabytes."""
    arguments = {
        "--service": service,
        "--storage": storage,
        "--customer": CUSTOMER,
        "--batch": BATCH,
        "--token": LOCAL_TOKEN,
    }
    process = ChildProcess.start(
        "the plain script",
        [sys.executable, str(PEER), str(file), *(word for pair in arguments.items() for word in pair)],
        log=folder / "peer.log",
        environment=settings_for(storage, service),
    )
    deadline, peak = time.monotonic() + _MOST_SECONDS, 0
    try:
        while (code := process.wait(0.5)) is None and time.monotonic() < deadline:
            use = use_of(str(PEER))
            peak = max(peak, use.peak if use else 0)
    finally:
        process.stop()
    if code != 0:
        raise BenchError(f"The plain script ended with {code}. It wrote:\n{process.last_output()}")
    return peak / _MEGABYTE if peak else None


def _beside() -> tuple[float | None, float | None]:
    """CPU seconds of the storage emulator and of the stand-in."""
    azurite, service = use_of(_AZURITE_MARK), use_of(_SERVICE_MARK)
    return azurite.cpu if azurite else None, service.cpu if service else None


def _operations_of_peer(bench: Bench, file: Path) -> float:
    with _surroundings(bench) as (folder, azurite, service), counted(azurite, folder) as storage:
        _run_peer(file, folder, storage.connection_string, service)
        return storage.operations().requests.total() * 1000 / bench.sizes.counted_rows
