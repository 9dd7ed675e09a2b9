"""to_fix.csv: the rows of a file that a person can fix, as a file to be dropped again. It is created on request.

Its cells come from the private copy, the only place that stores hashes, so it can be created until the copy is deleted.
"""

import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.device_files.reading import device_rows
from shared.device_files.rows import DeviceRow
from shared.device_files.to_fix import lines_to_fix
from shared.pipeline.closing.csv_output import in_one_cell
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import copied_bytes, expect_copy
from shared.pipeline.outcome_rules import LONGEST_CELL
from shared.reasons import READ_ELSEWHERE
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import Remedy

NAME = "to_fix.csv"

PIECE = 256 * 1024
"""Characters of the file held in memory at a time."""

_MARK = "\ufeff"
"""The byte order mark, without which Excel reads UTF-8 in the machine's code page."""


def to_fix_csv(pipeline: Pipeline, file: DeviceFile) -> Iterator[bytes]:
    """The file in pieces: UTF-8 with a byte order mark, CRLF; `shared.device_files.to_fix` defines its columns.

    If the device file is not closed yet, it covers the rows that have an outcome. Without a row to fix it has only a
    header.

    Raises:
        CopyExpired: the rows are no longer available; at once, or half-way if the copy is deleted meanwhile.
    """
    rows = _rows_to_fix(pipeline, file)
    if rows.texts:
        expect_copy(pipeline, file)
    return _pieces(lines_to_fix(lambda: _with_cells(pipeline, file, rows)))


@dataclass(slots=True)
class _RowsToFix:
    """The rows to fix and how to fix them, in six bytes for each row of the file."""

    texts: list[str] = field(default_factory=list)
    """The instructions, each once."""
    which: "array[int]" = field(default_factory=lambda: array("H"))
    """For each row of the file, from 1: the number of its text, counted from 1, or 0 when there is nothing to fix."""
    sources: "array[int]" = field(default_factory=lambda: array("I"))
    """For each row, a checksum of its position in the file."""

    def add(self, outcome: DeviceOutcome) -> None:
        """Add a row. Rows between it and the previous added row need no fixing, or have no outcome yet."""
        if outcome.remedy is not Remedy.FIX:
            return
        missing = outcome.row - 1 - len(self.which)
        self.which.extend([0] * missing)
        self.sources.extend([0] * missing)
        text = in_one_cell(outcome.what_to_do)
        if text not in self.texts:
            self.texts.append(text)
        self.which.append(1 + self.texts.index(text))
        self.sources.append(_checksum(outcome.source))

    def what_to_do(self, number: int) -> str | None:
        """The instruction for the row of that number; None when it needs no fixing."""
        if number > len(self.which) or not self.which[number - 1]:
            return None
        return self.texts[self.which[number - 1] - 1]

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


def _with_cells(pipeline: Pipeline, file: DeviceFile, rows: _RowsToFix) -> Iterator[tuple[DeviceRow, str]]:
    if not rows.texts:
        return
    left = sum(map(bool, rows.which))
    for number, row in device_rows(lambda: copied_bytes(pipeline, file), name=file.name):
        what_to_do = rows.what_to_do(number)
        if what_to_do is None:
            continue
        if rows.is_the_same(number, row):
            yield row, what_to_do
        else:
            yield DeviceRow(source=row.source), READ_ELSEWHERE.text
        left -= 1
        if not left:
            return


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    held, characters = [_MARK], 0
    for line in lines:
        held.append(line)
        characters += len(line)
        if characters > PIECE:
            yield "".join(held).encode("utf-8", "replace")
            held, characters = [], 0
    yield "".join(held).encode("utf-8", "replace")


def _checksum(source: str) -> int:
    return zlib.crc32(source[:LONGEST_CELL].encode("utf-8", "replace"))
