"""How fast device files are read, compared with `csv.reader` that only splits the same text.

The product decodes the bytes, splits them, verifies every hash, checks rows, finds duplicates and encodes request
bodies of 500. Whatever else the pipeline's `Intake` does (the data kept of each row, the digest of each body) is
measured with it, on storage that keeps nothing, and reported separately.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from local.bench.bench import BATCH, CUSTOMER, Bench, BenchError
from local.bench.device_files import Kind, pieces
from local.bench.discarding import pipeline_without_storage
from local.bench.goals import Figure, Measured
from local.bench.timing import in_turns
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, Rules
from shared.partner_center.models import NewDevice, encode_devices
from shared.pipeline.blob_names import file_id
from shared.pipeline.composition import Pipeline
from shared.pipeline.intake.row_batcher import Intake
from shared.pipeline.lease import FileLease
from shared.pipeline.submissions.request_body import new_device
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile
from shared.vocabulary import FileState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEVICES_PER_SUBMISSION = 500
_CSV_FIELD_LIMIT = 1_000_000


def measure(bench: Bench) -> Measured:
    """Rows per second of CPU, with and without hashes, against the same baseline."""
    rows, tuple_rows = bench.sizes.intake_rows, bench.sizes.tuple_rows
    hashes, tuples = list(pieces(Kind.HASHES_UTF16, rows)), list(pieces(Kind.TUPLES, tuple_rows))
    text = b"".join(hashes).decode("utf-16")
    pipeline = pipeline_without_storage()
    csv.field_size_limit(_CSV_FIELD_LIMIT)
    actions = (
        lambda: _split(text, rows),
        lambda: _read_and_encode(lambda: hashes, rows),
        lambda: _read_and_encode(lambda: tuples, tuple_rows),
        lambda: take_in(pipeline, lambda: hashes, rows),
        lambda: take_in(pipeline, lambda: tuples, tuple_rows),
    )
    in_turns(1, *actions)
    bench.say("warm; measuring")
    rounds = in_turns(bench.sizes.intake_rounds, *actions)
    counts = (rows, rows, tuple_rows, rows, tuple_rows)
    rates = [[count / took.cpu for count, took in zip(counts, one, strict=True)] for one in rounds]
    names = (
        "csv_reader",
        "intake",
        "tuple_intake",
        "intake_with_all_that_is_kept",
        "tuple_intake_with_all_that_is_kept",
    )
    return Measured(
        figures={
            "intake_vs_csv_reader": Figure.of([rate[1] / rate[0] for rate in rates]),
            "tuple_rows_vs_csv_reader": Figure.of([rate[2] / rate[0] for rate in rates]),
        },
        raw={
            "rows": rows,
            "tuple_rows": tuple_rows,
            "rows_per_cpu_second": {
                name: Figure.of([rate[place] for rate in rates]).value for place, name in enumerate(names)
            },
        },
    )


def take_in(pipeline: Pipeline, opened: Callable[[], Iterable[bytes]], rows: int) -> None:
    """Read a file of `rows` rows, and check that each of them is to be sent.

    Raises:
        BenchError: the bench's own file was not read as intended.
    """
    held = FileLease(pipeline, Stored(_file(), "etag", {}))
    intake = Intake(pipeline, held)
    intake.add_all(_checked(opened))
    intake.finish()
    counts = held.record.read_counts
    if (counts.total, counts.rejected, counts.duplicate) != (rows, 0, 0):
        raise BenchError(f"Of {rows:,} rows that the bench made, the product read {counts}.")


def _split(text: str, rows: int) -> None:
    split = sum(1 for _ in csv.reader(io.StringIO(text, newline="")))
    if split != rows + 1:
        raise BenchError(f"csv.reader split {rows + 1:,} lines into {split:,}.")


def _read_and_encode(opened: Callable[[], Iterable[bytes]], rows: int) -> None:
    devices: list[NewDevice] = []
    encoded = 0
    for row in _checked(opened):
        device = row.device
        if device is not None:
            devices.append(new_device(device))
            if len(devices) == DEVICES_PER_SUBMISSION:
                encode_devices(devices)
                encoded += len(devices)
                devices.clear()
    if encoded != rows:
        raise BenchError(f"Of {rows:,} rows that the bench made, the product would send {encoded:,}.")


def _checked(opened: Callable[[], Iterable[bytes]]) -> Iterator[CheckedRow]:
    return read_device_file(opened, name="devices.csv", rules=Rules(), now=NOW)


def _file() -> DeviceFile:
    path = f"{CUSTOMER}/{BATCH}/devices.csv"
    return DeviceFile(
        customer_id=CUSTOMER,
        file_id=file_id(path, "etag"),
        path=path,
        etag="etag",
        name="devices.csv",
        batch_id=BATCH,
        size=0,
        state=FileState.RECEIVED,
        received_at=NOW,
        due_at=NOW,
        devices_per_submission=DEVICES_PER_SUBMISSION,
    )
