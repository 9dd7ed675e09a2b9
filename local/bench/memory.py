"""The memory that a large file adds to a worker: while it is read, and while its results are written.

A separate worker reads the file from Azurite exactly as the app does. The figure is its peak less the memory resident
when it was ready for its first file, so that everything a file makes it load counts too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from local.azurite import running_azurite
from local.bench.bench import BATCH, CUSTOMER, Bench, BenchError
from local.bench.device_files import Kind, pieces, serial_number
from local.bench.goals import Figure, Measured
from local.bench.local_storage import Dropped, drop, run_program, settings_for
from shared.pipeline.composition import Pipeline, compose
from shared.settings import settings_from
from shared.storage.records import Counts, DeviceFile, DeviceOutcome
from shared.vocabulary import FileState, Outcome, SubmissionState

_MEGABYTE = 1024 * 1024
_SECONDS = 1800
_NOWHERE = "http://127.0.0.1:9"
"""Nothing is sent: sending is paused."""


def measure(bench: Bench) -> Measured:
    """The largest of reading a file in either encoding and of writing the results of one."""
    rows = bench.sizes.large_rows
    added: dict[str, float | None] = {}
    for kind in (Kind.HASHES_UTF16, Kind.HASHES_UTF8):
        with bench.place() as folder, running_azurite(bench.toolchain, data=folder / "azurite") as azurite:
            worker = _Worker(folder, settings_for(azurite.connection_string, _NOWHERE, PAUSED="true"))
            bench.say(f"dropping {rows:,} rows with hashes in {kind.value}")
            dropped = drop(azurite.connection_string, pieces(kind, rows))
            bench.say("taking it in")
            added[f"reading_{kind.value}_mb"] = worker.added("receive", dropped.path)
            pipeline = compose(settings_from(worker.environment))
            _file(pipeline, dropped, FileState.READ, rows)
            if kind is Kind.HASHES_UTF8:
                bench.say("writing the outcome of each row")
                _finish(pipeline, dropped)
                bench.say("closing it")
                added["results_mb"] = worker.added("close", CUSTOMER, dropped.file_id)
                _file(pipeline, dropped, FileState.CLOSED, rows)
    known = [value for value in added.values() if value is not None]
    worst = max(known) if len(known) == len(added) else None
    return Measured(figures={"memory_added_mb": Figure(worst)}, raw={"rows": rows, **added})


@dataclass(frozen=True, slots=True)
class _Worker:
    folder: Path
    environment: dict[str, str]

    def added(self, what: str, *names: str) -> float | None:
        """Megabytes that the work adds; None if the system does not report it."""
        written = run_program(
            f"a worker that is to {what} a file",
            ["-m", "local.bench.memory_of_worker", what, *names],
            log=self.folder / f"{what}.log",
            seconds=_SECONDS,
            environment=self.environment | {"INLINE_SUBMISSIONS": "0"},
        )
        last = written.splitlines()[-1]
        return None if last == "unknown" else int(last) / _MEGABYTE


def _file(pipeline: Pipeline, dropped: Dropped, state: FileState, rows: int) -> DeviceFile:
    """The journal's record of the file.

    Raises:
        BenchError: it did not reach `state` with all of its rows.
    """
    stored = pipeline.journal.files.get(CUSTOMER, dropped.file_id)
    if stored is None or stored.record.state is not state or stored.record.read_counts.total != rows:
        raise BenchError(f"The worker was to make the file {state}, with {rows:,} rows; it is {stored}.")
    return stored.record


def _finish(pipeline: Pipeline, dropped: Dropped) -> None:
    """Change every submission as if the service had registered all of its devices."""
    stored_file = pipeline.journal.files.get(CUSTOMER, dropped.file_id)
    if stored_file is None:
        raise BenchError("The file has gone from the journal.")
    file = stored_file.record
    pipeline.journal.outcomes.write(_registered(file))
    for stored in list(pipeline.journal.submissions.of_reading(file.reading_id)):
        devices = stored.record.devices
        finished = replace(
            stored.record, state=SubmissionState.FINISHED, counts=Counts(registered=devices), written=devices
        )
        pipeline.journal.submissions.change(stored, finished)


def _registered(file: DeviceFile) -> Iterator[DeviceOutcome]:
    for row in range(1, file.read_counts.total + 1):
        yield DeviceOutcome(
            reading_id=file.reading_id,
            row=row,
            outcome=Outcome.REGISTERED,
            source=f"line {row + 1}",
            serial_number=serial_number(row),
            manufacturer="LENOVO",
            model="21R3001BUK",
            what_to_do="Nothing.",
            batch_id=BATCH,
            submission=str((row - 1) // file.devices_per_submission + 1),
        )
