"""Rows of a file that a person fixes on the page: the changed rows become a new device file, which names its parent.

The new file lies beside its parent, under the name of a to_fix.csv; the blob's event, or the sweep, does the rest. A
hardware hash is never shown or edited: it is kept with its row, or left out of it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from shared.device_files.reading import device_rows
from shared.device_files.rows import UNKNOWN_COLUMNS, Column, DeviceRow
from shared.device_files.to_fix import as_text
from shared.errors import DeviceDropError
from shared.pipeline.blob_names import fix_path
from shared.pipeline.closing.csv_output import CSV, csv_text
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import copied_bytes
from shared.pipeline.corrections.retry import COLUMNS
from shared.pipeline.intake.preview import Preview, destination_for, preview
from shared.pipeline.intake.senders import sender_metadata
from shared.reasons import RemovalReason, RowReason
from shared.storage.blobs import BlobVersion
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import Remedy, grouped

MOST_ROWS = 5_000
"""Rows to fix of a file that is fixed on the page: with their hashes about 20 MB."""

EDITABLE = (Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG)

FOR_ALL = (Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG)
"""Cells that may be the same in all rows."""

_MOST_NAMES = 50
_LARGEST_FIX = 64 * 1024 * 1024
"""Bytes: more than all rows that are fixed on the page have."""


class NotFixableHere(DeviceDropError):
    """The rows of the file cannot be fixed on the page; the message says what to do."""


class NothingChanged(DeviceDropError):
    """No row was changed, so there is nothing to send."""


@dataclass(frozen=True, slots=True)
class RowToFix:
    """A row of a file that a person can fix."""

    outcome: DeviceOutcome
    row: DeviceRow
    was_sent: bool = False
    """Whether it was changed and sent on the page before."""

    @property
    def has_fields(self) -> bool:
        """Whether it is known which cell is what; where it is not, the row can only be fixed in its file."""
        return self.row.cells is not None and self.row.header != UNKNOWN_COLUMNS

    @property
    def cells(self) -> Mapping[Column, str]:
        """The cells that can be edited, as they stand in the file; an error for those that are no text there."""
        row = self.row
        values = (row.serial_number, row.product_key, row.manufacturer, row.model, row.group_tag)
        return dict(zip(EDITABLE, map(str, map(as_text, values)), strict=True))


@dataclass(frozen=True, slots=True)
class Edit:
    """A person's version of a row."""

    cells: Mapping[Column, str] = field(default_factory=dict)
    """The cells that were edited or confirmed; others stay."""
    without_hash: bool = False
    left_out: bool = False
    """Whether the row is not to be sent."""


@dataclass(frozen=True, slots=True)
class Edits:
    """A person's versions of the rows of a file, by the number of the row."""

    by_row: Mapping[int, Edit] = field(default_factory=dict)
    for_all: Mapping[Column, str] = field(default_factory=dict)
    """Cells for every row that was not sent before. A cell of a row that was edited by itself goes before."""


@dataclass(frozen=True, slots=True)
class FixedRow:
    """A changed row, as it is to be sent."""

    original: RowToFix
    cells: Mapping[Column, str]
    without_hash: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in the row."""
        return not any(self.line()[1:])

    def line(self) -> list[str]:
        """The row in the columns of the new file."""
        row = self.original.row
        return [
            str(self.original.outcome.row),
            self.cells[Column.SERIAL_NUMBER],
            self.cells[Column.PRODUCT_KEY],
            "" if self.without_hash else row.hardware_hash,
            self.cells[Column.MANUFACTURER],
            self.cells[Column.MODEL],
            row.order_number,
            row.profile,
            self.cells[Column.GROUP_TAG],
        ]


def rows_to_fix(pipeline: Pipeline, file: DeviceFile) -> list[RowToFix]:
    """The rows of a file that a person can fix, in the order of the file.

    Raises:
        NotFixableHere: there are too many of them.
        CopyExpired: the rows are no longer available.
    """
    outcomes = {outcome.row: outcome for outcome in _outcomes_to_fix(pipeline, file)}
    return [] if not outcomes else list(_with_rows(pipeline, file, outcomes))


def fixes_of(pipeline: Pipeline, file: DeviceFile) -> list[BlobVersion]:
    """The files that were made here of rows of a file and lie where they were dropped, the first one first."""
    beginning = fix_path(file.path, file.file_id, 1).removesuffix(".csv")
    found = (version for version in pipeline.drop.versions(beginning) if version.size <= _LARGEST_FIX)
    return sorted(found, key=lambda version: (version.modified_at, len(version.path), version.path))


def with_rows_sent(pipeline: Pipeline, rows: Sequence[RowToFix], fixes: Iterable[BlobVersion]) -> list[RowToFix]:
    """The rows to fix of a file, with those marked that these files have.

    Their first cells stand in the parent for good: one value for all rows must not send them once more.
    """
    sent = {number for fix in fixes for number in _rows_of_the_parent(pipeline.drop.read(fix.path) or b"")}
    return [replace(row, was_sent=row.outcome.row in sent) for row in rows]


def _outcomes_to_fix(pipeline: Pipeline, file: DeviceFile) -> Iterator[DeviceOutcome]:
    total = (file.closed_counts or file.read_counts).total
    wanted = {"remedy": Remedy.FIX.value}
    for found, outcome in enumerate(pipeline.journal.outcomes.where(file.reading_id, wanted, 1, total, MOST_ROWS + 1)):
        if found == MOST_ROWS:
            raise NotFixableHere(
                f"More than {grouped(MOST_ROWS)} rows of this file are to be fixed, which is too many for a page. "
                "Download to_fix.xlsx, fix the rows there and drop that file."
            )
        yield outcome


def _with_rows(pipeline: Pipeline, file: DeviceFile, outcomes: dict[int, DeviceOutcome]) -> Iterator[RowToFix]:
    left = len(outcomes)
    for number, row in device_rows(lambda: copied_bytes(pipeline, file), name=file.name):
        outcome = outcomes.get(number)
        if outcome is None:
            continue
        # A row that this version of the app finds elsewhere is not the row that ended so.
        is_the_same = row.source[: len(outcome.source)] == outcome.source
        yield RowToFix(outcome, row if is_the_same else DeviceRow(source=outcome.source))
        left -= 1
        if not left:
            return


def _rows_of_the_parent(content: bytes) -> Iterator[int]:
    """The numbers that the rows of a fix have in its parent; none of a file that was not made here. Pure."""
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    with suppress(csv.Error):
        if next(lines, [])[:1] == [COLUMNS[0]]:
            yield from (int(line[0]) for line in lines if line and line[0].isascii() and line[0].isdigit())


def changed_rows(rows: Sequence[RowToFix], edits: Edits) -> list[FixedRow]:
    """The rows that the edits change; the others are not sent. Pure."""
    fixed = (_fixed(row, edits) for row in rows)
    return [row for row in fixed if row is not None]


def _fixed(row: RowToFix, edits: Edits) -> FixedRow | None:
    edit = edits.by_row.get(row.outcome.row, Edit())
    if edit.left_out or not row.has_fields:
        return None
    own = {column: cell for column, cell in edit.cells.items() if cell != row.cells[column]}
    without_hash = edit.without_hash and bool(row.row.hardware_hash)
    for_all = {} if row.was_sent and not (own or without_hash) else edits.for_all
    cells = {**row.cells, **for_all, **own}
    return FixedRow(row, cells, without_hash) if without_hash or cells != row.cells else None


def what_would_happen(pipeline: Pipeline, file: DeviceFile, rows: Sequence[FixedRow], now: datetime) -> Preview:
    """What would happen to the fixed rows, numbered from 1, if they were sent now."""
    destination = destination_for(pipeline.settings, file.customer_id, file.batch_id, file.order)
    content = _content(file, rows)
    return preview(lambda: iter([content]), name="fixed.csv", destination=destination, now=now)


def is_sent(pipeline: Pipeline, file: DeviceFile, rows: Sequence[FixedRow], fixes: Iterable[BlobVersion]) -> bool:
    """Whether one of these files has exactly these rows."""
    content = _content(file, rows)
    return any(fix.size == len(content) and pipeline.drop.read(fix.path) == content for fix in fixes)


def send_fixed(pipeline: Pipeline, file: DeviceFile, rows: Sequence[FixedRow], sent_by: str = "") -> str:
    """Drop the fixed rows as a new file beside their parent; its path. The same rows sent twice make one file.

    `sent_by` names the person, if one signed in.

    Raises:
        NothingChanged: there is no row.
        NotFixableHere: other files lie at every name that the new file may have.
    """
    if not rows:
        raise NothingChanged("No cell was changed, so nothing was sent. Change the cells of the rows that you fix.")
    content = _content(file, rows)
    metadata = sender_metadata(pipeline, sent_by)
    for number in range(1, _MOST_NAMES + 1):
        path = fix_path(file.path, file.file_id, number)
        if pipeline.drop.write_new(path, content, CSV, metadata) or pipeline.drop.read(path) == content:
            return path
    raise NotFixableHere(
        "Rows of this file were fixed too many times on the page. Download to_fix.xlsx, fix the rows there and drop "
        "that file."
    )


def _content(file: DeviceFile, rows: Sequence[FixedRow]) -> bytes:
    """The new file. In a batch folder the group tag would only be noted, so the column is left out."""
    width = len(COLUMNS) if file.batch_id is None else len(COLUMNS) - 1
    return b"".join(csv_text([COLUMNS[:width], *(row.line()[:width] for row in rows)]))


_SERIAL, _KEY = (Column.SERIAL_NUMBER,), (Column.PRODUCT_KEY,)
_MAKE, _TAG = (Column.MANUFACTURER, Column.MODEL), (Column.GROUP_TAG,)

_CELLS_AT_FAULT: Mapping[str, Sequence[Column]] = MappingProxyType(
    {
        RowReason.NO_IDENTITY: (*_SERIAL, *_KEY, *_MAKE),
        RowReason.SERIAL_ALONE: _MAKE,
        RowReason.SERIAL_PLACEHOLDER: _SERIAL,
        RowReason.SERIAL_DAMAGED: _SERIAL,
        RowReason.SERIAL_MISMATCH: _SERIAL,
        RowReason.SERIAL_NOT_A_SERIAL: _SERIAL,
        RowReason.FORMULA_WITHOUT_VALUE: _SERIAL,
        RowReason.PRODUCT_KEY_DAMAGED: _KEY,
        RowReason.PRODUCT_KEY_NOT_A_KEY: (*_KEY, *_MAKE),
        RowReason.PRODUCT_KEY_MISMATCH: _KEY,
        RowReason.PRODUCT_KEY_COPIED: (*_KEY, *_MAKE),
        RowReason.NO_BATCH: _TAG,
        RowReason.GROUP_TAG_UNREADABLE: _TAG,
        RemovalReason.SEVERAL_DEVICES: _TAG,
        RemovalReason.SEARCH_INCOMPLETE: _TAG,
        RemovalReason.ANOTHER_DEVICE: (*_SERIAL, *_KEY, *_MAKE),
        RemovalReason.NOTHING_TO_FIND_IT_BY: (*_SERIAL, *_MAKE),
    }
)
"""The cells that a reason is about; in rows that ended for another reason, none can be told."""


def cells_at_fault(row: RowToFix) -> Sequence[Column]:
    """The cells that the reason of a row is about."""
    return _CELLS_AT_FAULT.get(row.outcome.error_code, ())
