"""XLSX and XLS workbooks: the rows of each visible sheet, read by python-calamine in a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO

import msgspec

from shared.device_files.formats.decoding import MAXIMUM_LINE, NumberCell, clean
from shared.device_files.reasons import FileReason, Note, RowReason, UnreadableDeviceFile
from shared.device_files.rows import DeviceRow, with_note
from shared.device_files.tables import table

MAXIMUM_WORKBOOK = 64 * 1024 * 1024
"""Bytes of a workbook as it is stored. Its process may use 768 MiB to read it, some 40,000 rows with hashes."""

_PROGRAM = Path(__file__).with_name("workbook_process.py")
_LONGEST_LINE = 16 * MAXIMUM_LINE
"""Bytes of one row as the process writes it."""


class _Line(msgspec.Struct):
    """One line that the process writes; its docstring tells their kinds."""

    hidden: list[str] = []
    sheet: str = ""
    row: int = 0
    cells: list[int | str] = []
    unreadable: bool = False
    problem: str | None = None


_PROBLEMS = {
    "locked": FileReason.WORKBOOK_LOCKED,
    "unreadable": FileReason.WORKBOOK_UNREADABLE,
    "too_large": FileReason.WORKBOOK_TOO_LARGE,
}
_LONGEST_NAME = 31
"""Characters of a sheet's name that a spreadsheet allows."""
_MOST_NAMES = 5
"""Names of hidden sheets that are shown."""
_TIMEOUT_SECONDS = 180
_decoder = msgspec.json.Decoder(_Line)


def device_rows(workbook: IO[bytes], book: str, read_table: table.ReadTable = table.device_rows) -> Iterator[DeviceRow]:
    """The device rows of the visible sheets. `book` is the workbook's name, shown before each sheet's.

    Raises:
        UnreadableDeviceFile: it is damaged, locked, or needs more memory or time than a workbook may; or it has hidden
            sheets, and no device in the others.
    """
    with tempfile.TemporaryFile() as output:
        _read(workbook, output)
        output.seek(0)
        lines = _lines(output)
        hidden = next(lines, _Line()).hidden
        for sheet, rows in groupby(lines, key=lambda line: line.sheet):
            for row in _sheet_rows(f"{clean(book)}!{_name(sheet)} ", rows, read_table):
                yield with_note(row, Note.HIDDEN_SHEETS_SKIPPED) if hidden else row
                hidden = []
        if hidden:
            raise UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, f"Hidden sheets are not read: {_shown(hidden)}.")


def _name(sheet: str) -> str:
    """A sheet's name as it may be shown: a made-up workbook may hold any."""
    return clean(sheet)[:_LONGEST_NAME]


def _shown(sheets: Sequence[str]) -> str:
    names = ", ".join(map(_name, sheets[:_MOST_NAMES]))
    return names if len(sheets) <= _MOST_NAMES else f"{names} and {len(sheets) - _MOST_NAMES:,} more"


def _sheet_rows(prefix: str, lines: Iterable[_Line], read_table: table.ReadTable) -> Iterator[DeviceRow]:
    """The rows of one sheet; a damaged sheet is one rejected row, and the others are read."""
    for is_unreadable, group in groupby(lines, key=lambda line: line.unreadable):
        if is_unreadable:
            yield DeviceRow(source=prefix.strip(), problem=RowReason.UNREADABLE_MEMBER)
        else:
            yield from read_table(((line.row, _texts(line)) for line in group), prefix)


def _texts(line: _Line) -> list[str]:
    texts = [NumberCell(cell) if isinstance(cell, int) else cell for cell in line.cells]
    if max(map(len, texts), default=0) > MAXIMUM_LINE:
        detail = f"Sheet {_name(line.sheet)}, line {line.row} has a cell of more than {MAXIMUM_LINE:,} characters."
        raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)
    return texts


def _read(workbook: IO[bytes], output: IO[bytes]) -> None:
    """Let the process read `workbook` and write its rows to `output`."""
    with tempfile.TemporaryFile() as given:
        shutil.copyfileobj(workbook, given)
        given.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no argument from outside
                [sys.executable, "-P", str(_PROGRAM)],
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
        was_stopped = done.returncode < 0
        raise UnreadableDeviceFile(FileReason.WORKBOOK_TOO_LARGE if was_stopped else FileReason.WORKBOOK_UNREADABLE)


def _lines(output: IO[bytes]) -> Iterator[_Line]:
    while data := output.readline(_LONGEST_LINE):
        if len(data) == _LONGEST_LINE:
            raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, f"A row of it has more than {_LONGEST_LINE:,} bytes.")
        line = _decoder.decode(data)
        if line.problem is not None:
            raise UnreadableDeviceFile(_PROBLEMS[line.problem])
        yield line
