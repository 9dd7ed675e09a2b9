"""XLSX and XLS workbooks: the cells of each visible sheet with their types, read in a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO

import msgspec

from shared.device_files.account import MOST_SHOWN, FileAccount, could_hold_device
from shared.device_files.cells import CellType, TypedCell, clean
from shared.device_files.formats import number_formats, workbook_process
from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.formats.delimited import DELIMITERS, SENSE_OF_HEADER, Lines, Records, Sense
from shared.device_files.formats.parts import Part, TablePart, UnreadPart
from shared.device_files.formats.workbook_process import Sheet
from shared.reasons import FileNote, FileReason, PassedOverKind, UnreadableDeviceFile

MAXIMUM_WORKBOOK = 64 * 1024 * 1024
"""Bytes of a workbook as it is stored. Its process may use 768 MiB to read it, some 40,000 rows with hashes."""

_LONGEST_LINE = 16 * MAXIMUM_LINE
"""Bytes of one row as the process writes it."""
_OFFSET_BYTES = 20
_LONGEST_NAME = 31
"""Characters of a sheet's name that a spreadsheet allows."""
_TIMEOUT_SECONDS = 180
_REASONS = {
    workbook_process.DAMAGED: FileReason.WORKBOOK_UNREADABLE,
    workbook_process.LOCKED: FileReason.WORKBOOK_LOCKED,
}
"""By the status of the process; any other means that it was stopped."""

_Row = tuple[int, Sequence[str]]
_row_decoder = msgspec.json.Decoder(tuple[int, list[int], list[str | tuple[CellType, str, str]]])


class _Contents(msgspec.Struct):
    """What the process tells of a workbook behind its rows."""

    is_1904: bool
    sheets: list[Sheet]


def parts(workbook: IO[bytes], book: str, account: FileAccount, sense: Sense, member: str = "") -> Iterator[Part]:
    """The sheets of a workbook that hold something. `book` is its name; `member` too, if it lies in an archive.

    Hidden sheets are passed over. The lines of a text that a spreadsheet did not split stand in one column; `sense`
    tells how well a line was cut into cells. Each part is read to its end, or given up, before the next is asked for.

    Raises:
        UnreadableDeviceFile: it is damaged, locked, or needs more memory or time than a workbook may.
    """
    size = workbook.seek(0, os.SEEK_END)
    if size > MAXIMUM_WORKBOOK:
        detail = f"It has {size:,} bytes; {MAXIMUM_WORKBOOK:,} are the most."
        raise UnreadableDeviceFile(FileReason.WORKBOOK_TOO_LARGE, detail)
    workbook.seek(0)
    with tempfile.TemporaryFile() as output:
        _read(workbook, output)
        contents = _contents(output)
        for sheet in contents.sheets:
            name = _name(sheet)
            label = f"{clean(book)}!{name}"
            rows = _rows(output, sheet, is_1904=contents.is_1904)
            if sheet.is_hidden:
                _pass_over(sheet, rows, label, account)
            elif sheet.is_damaged:
                yield UnreadPart(label, FileReason.WORKBOOK_UNREADABLE)
            elif sheet.rows:
                _note(sheet, label if member else name, account)
                yield TablePart(_split(rows, sense), f"{label} ", member)


def _split(rows: Iterator[_Row], sense: Sense) -> Iterator[_Row]:
    """The rows of a sheet; from one on that is the header line of a text in one cell, its lines are cut into cells.

    A line that the spreadsheet cut at commas is put together again.
    """
    for number, cells in rows:
        line, is_single = cells[0], not any(cells[1:])
        if is_single and any(mark in line and sense(line.split(mark)) >= SENSE_OF_HEADER for mark in DELIMITERS):
            following = ((number, [",".join(cells)]) for number, cells in rows)
            yield from Records(Lines(chain([(number, [line])], following)), sense)
            return
        yield number, cells
        if not is_single:
            break
    yield from rows


def _name(sheet: Sheet) -> str:
    return clean(sheet.name)[:_LONGEST_NAME]


def _pass_over(sheet: Sheet, rows: Iterator[_Row], label: str, account: FileAccount) -> None:
    """Account for a hidden sheet, unless it is empty."""
    first = next(rows, (0, ()))[1]
    if not first and not sheet.is_damaged:
        return
    all_cells = chain(first, (cell for _, cells in rows for cell in cells))
    may_hold_device = sheet.is_damaged or any(map(could_hold_device, all_cells))
    account.note(FileNote.HIDDEN_SHEETS_SKIPPED, _name(sheet))
    account.pass_over(PassedOverKind.HIDDEN_SHEET, label, ", ".join(first), may_hold_device=may_hold_device)


def _note(sheet: Sheet, shown: str, account: FileAccount) -> None:
    """Note what a person may not know of a sheet: formulas never calculated, and what is read though it is hidden."""
    if sheet.formulas:
        account.note(FileNote.FORMULAS_WITHOUT_VALUE, *(f"{shown}!{place}" for place in sheet.formulas))
    for kind, places in (("rows", sheet.hidden_rows), ("columns", sheet.hidden_columns)):
        if places:
            more = " …" if len(places) > MOST_SHOWN else ""
            account.note(FileNote.HIDDEN_ROWS_READ, f"{shown} {kind} {', '.join(places[:MOST_SHOWN])}{more}")


def _rows(output: IO[bytes], sheet: Sheet, *, is_1904: bool) -> Iterator[_Row]:
    """The rows of a sheet from the first column that holds something. Cells merged downwards are those of all rows."""
    merges: dict[int, list[tuple[int, int]]] = {}
    for first, last, column in sheet.merged:
        merges.setdefault(first, []).append((last, column))
    merged: dict[int, tuple[int, str | tuple[CellType, str, str]]] = {}
    output.seek(sheet.offset)
    for _ in range(sheet.rows):
        data = output.readline(_LONGEST_LINE)
        if len(data) == _LONGEST_LINE:
            raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, f"A row of it has more than {_LONGEST_LINE:,} bytes.")
        number, columns, cells = _row_decoder.decode(data)
        row = dict(zip(columns, cells, strict=True))
        row = {column: cell for column, (last, cell) in merged.items() if number <= last} | row
        merged |= {column: (last, row[column]) for last, column in merges.get(number, ()) if column in row}
        texts = [""] * (max(row) + 1 - sheet.first_column)
        for column, cell in row.items():
            texts[column - sheet.first_column] = cell if isinstance(cell, str) else _typed(cell, is_1904=is_1904)
        if max(map(len, texts)) > MAXIMUM_LINE:
            detail = f"Sheet {_name(sheet)}, line {number} has a cell of more than {MAXIMUM_LINE:,} characters."
            raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)
        yield number, texts


def _typed(cell: tuple[CellType, str, str], *, is_1904: bool) -> str:
    """The cell that is no text in the workbook."""
    kind, text, number_format = cell
    if kind is CellType.NUMBER:
        return number_formats.shown(text, number_format, is_1904=is_1904)
    if kind is CellType.DATE:
        text = text.replace("T", " ").removesuffix("Z").partition(".")[0].removesuffix(" 00:00:00")
    return TypedCell(text, kind)


def _read(workbook: IO[bytes], output: IO[bytes]) -> None:
    """Let the process read `workbook` and write to `output`."""
    with tempfile.TemporaryFile() as given:
        shutil.copyfileobj(workbook, given)
        given.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no argument from outside
                [sys.executable, "-P", workbook_process.__file__],
                stdin=given,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UnreadableDeviceFile(FileReason.WORKBOOK_TOO_LARGE) from error
    if done.returncode:
        raise UnreadableDeviceFile(_REASONS.get(done.returncode, FileReason.WORKBOOK_TOO_LARGE))


def _contents(output: IO[bytes]) -> _Contents:
    output.seek(-_OFFSET_BYTES, os.SEEK_END)
    end = output.tell()
    offset = int(output.read())
    output.seek(offset)
    return msgspec.json.decode(output.read(end - offset), type=_Contents)
