"""to_fix.csv and to_fix.xlsx: the rows of a file that a person can fix, to be dropped again. Made on request.

Its cells come from the private copy, the only place that stores hashes, so it can be created until the copy is deleted.
"""

import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.device_files.csv_defusing import safe_original
from shared.device_files.reading import device_rows
from shared.device_files.rows import DeviceRow
from shared.device_files.to_fix import Fix, table_to_fix
from shared.pipeline.closing.csv_output import csv_text, in_one_cell
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import copied_bytes, expect_copy
from shared.pipeline.outcome_rules import LONGEST_CELL
from shared.reasons import READ_ELSEWHERE
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import Remedy

NAME = "to_fix.csv"

WORKBOOK_NAME = "to_fix.xlsx"


def to_fix_csv(pipeline: Pipeline, file: DeviceFile) -> Iterator[bytes]:
    """The CSV in pieces, with the delimiter of the file; no cell is changed by a spreadsheet that opens and saves it.

    If the device file is not closed yet, it covers the rows that have an outcome. Without a row to fix it has only a
    header.

    Raises:
        CopyExpired: the rows are no longer available; at once, or half-way if the copy is deleted meanwhile.
    """
    return csv_text(to_fix_rows(pipeline, file), file.delimiter, safe_original)


def to_fix_rows(pipeline: Pipeline, file: DeviceFile) -> Iterator[Sequence[str]]:
    """The cells of the CSV and of the workbook, the header first. Raises CopyExpired, as `to_fix_csv` does."""
    rows = _rows_to_fix(pipeline, file)
    if rows.fixes:
        expect_copy(pipeline, file)
    return table_to_fix(lambda: _with_cells(pipeline, file, rows))


@dataclass(slots=True)
class _RowsToFix:
    """The rows to fix and how to fix them, in six bytes for each row of the file."""

    fixes: list[Fix] = field(default_factory=list)
    """Reasons and instructions, each once."""
    which: "array[int]" = field(default_factory=lambda: array("H"))
    """For each row of the file, from 1: the number of its fix, counted from 1, or 0 when there is nothing to fix."""
    sources: "array[int]" = field(default_factory=lambda: array("I"))
    """For each row, a checksum of its position in the file."""

    def add(self, outcome: DeviceOutcome) -> None:
        """Add a row. Rows between it and the previous added row need no fixing, or have no outcome yet."""
        if outcome.remedy is not Remedy.FIX:
            return
        missing = outcome.row - 1 - len(self.which)
        self.which.extend([0] * missing)
        self.sources.extend([0] * missing)
        fix = Fix(outcome.error_code, in_one_cell(outcome.what_to_do))
        if fix not in self.fixes:
            self.fixes.append(fix)
        self.which.append(1 + self.fixes.index(fix))
        self.sources.append(_checksum(outcome.source))

    def fix_of(self, number: int) -> Fix | None:
        """Why and how to fix the row of that number; None when it needs no fixing."""
        if number > len(self.which) or not self.which[number - 1]:
            return None
        return self.fixes[self.which[number - 1] - 1]

    def is_the_same(self, number: int, row: DeviceRow) -> bool:
        """Whether the row is still at the position it had when its outcome was written."""
        return self.sources[number - 1] == _checksum(row.source)


def _rows_to_fix(pipeline: Pipeline, file: DeviceFile) -> _RowsToFix:
    rows = _RowsToFix()
    counts = file.closed_counts or file.read_counts
    if file.closed_counts is None or counts.failed or counts.rejected:
        for outcome in pipeline.journal.outcomes.of_rows(file.reading_id, 1, counts.total):
            rows.add(outcome)
    return rows


def _with_cells(pipeline: Pipeline, file: DeviceFile, rows: _RowsToFix) -> Iterator[tuple[DeviceRow, Fix]]:
    if not rows.fixes:
        return
    left = sum(map(bool, rows.which))
    for number, row in device_rows(lambda: copied_bytes(pipeline, file), name=file.name):
        fix = rows.fix_of(number)
        if fix is None:
            continue
        if rows.is_the_same(number, row):
            yield row, fix
        else:
            yield DeviceRow(source=row.source), Fix("", READ_ELSEWHERE.text)
        left -= 1
        if not left:
            return


def _checksum(source: str) -> int:
    return zlib.crc32(source[:LONGEST_CELL].encode("utf-8", "replace"))
