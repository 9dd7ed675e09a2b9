"""Retries a closed file: rows that can be sent again unchanged become a new device file, which names its parent.

The new file is dropped beside its parent, under a name derived from the parent's id. So a second request, or a request
after a crash, finds the same file. The blob's event, or the sweep, does the rest.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from msgspec.structs import replace

from shared.device_files.checks.duplicates import ReadAgain
from shared.device_files.rows import CheckedRow
from shared.errors import DeviceDropError
from shared.pipeline.blob_names import SHORT_ID, retry_path
from shared.pipeline.blob_names import file_id as file_id_of
from shared.pipeline.closing.csv_output import CSV, csv_text
from shared.pipeline.closing.summary import write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import ended_file, rows_again
from shared.pipeline.log_fields import of_file
from shared.storage.blobs import BlobVersion, VersionGone
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, DeviceOutcome, with_sentence
from shared.vocabulary import FileState, Remedy, counted

logger = logging.getLogger(__name__)

COLUMNS = (
    "Row",
    "Device Serial Number",
    "Windows Product ID",
    "Hardware Hash",
    "Manufacturer name",
    "Device model",
    "Purchase Order",
    "Profile",
    "Group Tag",
)
"""The columns of the new file. `Row` is the row's number in the parent. It also prevents a serial number that begins
with # from being the first cell of its line, which would turn the line into a comment."""

_TRIES = 3


class RetryLost(DeviceDropError):
    """The new file was deleted just as it was created."""


class RetryBlocked(DeviceDropError):
    """Other files lie at both paths that the new file may have."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry of a file."""

    parent_file_id: str
    file_id: str | None
    """The new file; None when no row can be sent again unchanged."""
    path: str | None
    """The path of the new file in the drop container."""
    rows: int
    is_new: bool
    """Whether this request created the file."""


def retry(pipeline: Pipeline, customer_id: str, file_id: str) -> Retry:
    """Drop the rows of a closed file that ended `unknown`, or `failed` for a transient reason, as a new device file.

    Repeating the request returns the same file. Devices of `unknown` rows may be registered already: they end as
    `already_registered`.

    Raises:
        FileUnknown, FileStillOpen: see `ended_file`.
        CopyExpired: the rows are no longer available.
        RetryLost: the new file was deleted as soon as it existed.
        RetryBlocked: other files lie at the paths of the new file.
    """
    file = ended_file(pipeline, customer_id, file_id).record
    if (known := _known(pipeline, file)) is not None:
        # The request that created it may have crashed before it wrote the parent's summary.
        write_summary(pipeline.journal, pipeline.results, file)
        return known
    count = sum(1 for _ in _to_send_again(pipeline, file))
    if count == 0:
        return Retry(parent_file_id=file_id, file_id=None, path=None, rows=0, is_new=False)
    again = _RowsAgain(pipeline, file)
    path, made, is_new = _dropped(pipeline, file, again)
    child = Retry(
        parent_file_id=file_id,
        file_id=file_id_of(path, made.etag),
        path=path,
        rows=again.written if is_new else count,
        is_new=is_new,
    )
    return _note(pipeline, customer_id, child)


def _known(pipeline: Pipeline, file: DeviceFile) -> Retry | None:
    """The retry that an earlier request created, unless its file was deleted before it was received."""
    if file.retry is None:
        return None
    child = pipeline.journal.files.get(file.customer_id, file.retry)
    path = _path_of_unreceived(pipeline, file) if child is None else child.record.path
    if path is None or (child is not None and child.record.state is FileState.GONE):
        return None
    return Retry(parent_file_id=file.file_id, file_id=file.retry, path=path, rows=file.retried_rows, is_new=False)


def _path_of_unreceived(pipeline: Pipeline, file: DeviceFile) -> str | None:
    """The path of the retry that the file's record names, which is not received yet; None if it was deleted."""
    for path in _paths(pipeline, file):
        there = pipeline.drop.version(path)
        if there is not None and file_id_of(path, there.etag) == file.retry:
            return path
    return None


def _dropped(pipeline: Pipeline, file: DeviceFile, again: "_RowsAgain") -> tuple[str, BlobVersion, bool]:
    """Drop the new file unless an earlier or concurrent request has; its path and version, and whether it is new.

    A blob with other content at its path is not ours: the file then has the path with the parent's whole id.
    """
    for path in _paths(pipeline, file):
        is_new = pipeline.drop.write_new(path, again.content(), CSV)
        made = pipeline.drop.version(path)
        if made is None:
            raise RetryLost(
                f"The file {path}, which sends rows of file {file.file_id} again, was deleted at the same moment. "
                "Try again."
            )
        if is_new or _is_ours(pipeline, file, made, again):
            return path, made, is_new
        logger.warning("Another file lies at the path of a retry", extra=of_file(file) | {"blob": path})
    raise RetryBlocked(
        f"Other files lie at the paths under which rows of file {file.file_id} ({file.name}) would be sent again. "
        "Rename or delete them, then try again."
    )


def _is_ours(pipeline: Pipeline, file: DeviceFile, there: BlobVersion, again: "_RowsAgain") -> bool:
    """Whether the blob at the path of a retry is this retry: it has its content, and was not received as another's."""
    child = pipeline.journal.files.get(file.customer_id, file_id_of(there.path, there.etag))
    if child is not None and child.record.parent != file.file_id:
        return False
    wanted = hashlib.sha256()
    size = 0
    for piece in again.content():
        wanted.update(piece)
        size += len(piece)
    if size != there.size:
        return False
    found = hashlib.sha256()
    try:
        for piece in pipeline.drop.stream(there.path):
            found.update(piece)
    except VersionGone:
        return False
    return found.digest() == wanted.digest()


def _paths(pipeline: Pipeline, file: DeviceFile) -> Iterator[str]:
    """The paths of the new file, in the order of preference: the short one unless another id begins alike."""
    unreadable: list[UnreadableRecord] = []
    beginning = file.file_id[:SHORT_ID]
    others = pipeline.journal.files.with_id_prefix(file.customer_id or "", beginning, unreadable.append)
    if all(other.file_id == file.file_id for other in others) and not unreadable:
        yield retry_path(file.path, file.file_id)
    yield retry_path(file.path, file.file_id, whole_id=True)


def _to_send_again(pipeline: Pipeline, file: DeviceFile) -> Iterator[DeviceOutcome]:
    """The outcomes of the rows that can be sent again unchanged, in order."""
    counts = file.closed_counts
    if counts is None or counts.failed + counts.unknown == 0:
        return
    for outcome in pipeline.journal.outcomes.of_rows(file.reading_id, 1, counts.total):
        if outcome.remedy is Remedy.SEND_AGAIN:
            yield outcome


@dataclass(slots=True)
class _RowsAgain:
    """The lines of the new file, made one by one."""

    pipeline: Pipeline
    file: DeviceFile
    written: int = field(default=0)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file. Without a batch folder, the group tags decide on the batches."""
        return COLUMNS if self.file.batch_id is None else COLUMNS[:-1]

    def content(self) -> Iterator[bytes]:
        """The bytes of the new file: the same at every request."""
        return csv_text(chain([self.columns], self.lines()))

    def lines(self) -> Iterator[list[str]]:
        """One line for each row: the private copy is read beside the outcomes, both in the order of the file."""
        self.written = 0
        rows = rows_again(self.pipeline, self.file)
        for outcome in _to_send_again(self.pipeline, self.file):
            row = _row_numbered(rows, outcome.row)
            line = None if row is None else self._line(row, outcome)
            if line is None:
                logger.error(
                    "A row cannot be sent again: the copy of its file now reads differently",
                    extra=of_file(self.file) | {"row": outcome.row},
                )
                continue
            self.written += 1
            yield line

    def _line(self, row: CheckedRow, outcome: DeviceOutcome) -> list[str] | None:
        """Cells that will be read as the same device for the same batch."""
        device = row.device
        if device is None or _differs(row.serial_number, outcome.serial_number):
            return None
        cells = [
            str(row.row),
            device.serial_number or "",
            device.product_key or "",
            device.hardware_hash or "",
            device.manufacturer or "",
            device.model or "",
            outcome.order_number,
            outcome.profile,
            outcome.batch_id,
        ]
        return cells[: len(self.columns)]


def _row_numbered(rows: Iterator[CheckedRow], number: int) -> CheckedRow | None:
    """The row of that number; None if there is none."""
    with suppress(ReadAgain):
        return next((row for row in rows if row.row == number), None)
    return None


def _differs(one: str, other: str) -> bool:
    return bool(one and other) and one[: len(other)] != other


def _note(pipeline: Pipeline, customer_id: str, child: Retry) -> Retry:
    """Note the retry in the parent's record and summary, unless a concurrent request has done so."""
    for _ in range(_TRIES):
        stored = ended_file(pipeline, customer_id, child.parent_file_id)
        if stored.record.retry == child.file_id:
            break
        try:
            noted = pipeline.journal.files.change(stored, _noted(pipeline, stored, child))
        except Conflict:
            continue
        write_summary(pipeline.journal, pipeline.results, noted.record)
        fields = of_file(noted.record) | {"retry_file_id": child.file_id, "rows": child.rows}
        logger.info("Rows of a file are sent again", extra=fields)
        break
    return child


def _noted(pipeline: Pipeline, stored: Stored[DeviceFile], child: Retry) -> DeviceFile:
    file = stored.record
    sentence = f"{counted(child.rows, 'row is', 'rows are')} sent again as file {child.file_id}."
    return replace(
        file,
        retry=child.file_id,
        retried_rows=child.rows,
        changes_since_closed=file.changes_since_closed + 1,
        history=with_sentence(file.history, sentence, pipeline.clock()),
    )
