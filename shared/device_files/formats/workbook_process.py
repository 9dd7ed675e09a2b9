"""Reads one workbook in a process of its own: standard input is the workbook, standard output one JSON object a line.

A damaged workbook can make native code ask for any amount of memory and end its process. Here that process is this one,
which has a bounded memory and time and nothing else to lose. Run by path, it imports nothing of the project.

Lines: `{"hidden": [names]}` first; `{"sheet": name, "row": number, "cells": [...]}` for each row, numbers of a sheet as
JSON integers, all else as text; `{"sheet": name, "unreadable": true}`; `{"problem": "locked" | "unreadable" |
"too_large"}` last.
"""

import datetime as dt
import io
import json
import posixpath
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

MAXIMUM_MEMORY = 768 * 1024 * 1024
MAXIMUM_OUTPUT = 1024 * 1024 * 1024
MAXIMUM_SECONDS = 120
_EXACT_BELOW = 10**15
"""Excel keeps 15 digits; longer numbers have lost theirs."""

_ZEROS = re.compile(r"0{2,}")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_RELATIONSHIP = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

Cell = str | int
Paddings = Mapping[tuple[int, int], int]
"""Row and column, from 0, of the numbers whose format shows zeros at their beginning: how many digits they show."""


def bound_this_process() -> None:
    """Cap memory and time, where the system can (not on Windows)."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAXIMUM_MEMORY, MAXIMUM_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAXIMUM_SECONDS, MAXIMUM_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAXIMUM_OUTPUT, MAXIMUM_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def lines_of(data: bytes) -> Iterator[Mapping[str, object]]:
    """The lines to write for a workbook."""
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        yield {"problem": "locked"}
        return
    except CalamineError:
        yield {"problem": "unreadable"}
        return
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    yield {"hidden": [sheet.name for sheet in sheets if sheet.visible != SheetVisibleEnum.Visible]}
    for sheet in sheets:
        if sheet.visible == SheetVisibleEnum.Visible:
            yield from _sheet_lines(workbook, sheet.name, data)


def _sheet_lines(workbook: CalamineWorkbook, name: str, data: bytes) -> Iterator[Mapping[str, object]]:
    try:
        rows = workbook.get_sheet_by_name(name)
    except CalamineError:
        yield {"sheet": name, "unreadable": True}
        return
    paddings = _paddings(data, name)
    for number, cells in enumerate(_rows(rows)):
        if any(cell != "" for cell in cells):
            texts = [_cell(cell, paddings.get((number, column), 0)) for column, cell in enumerate(cells)]
            yield {"sheet": name, "row": number + 1, "cells": texts}


def _rows(sheet: CalamineSheet) -> Iterator[list[object]]:
    for row in sheet.iter_rows():
        yield list(row)


def _cell(value: object, padding: int) -> Cell:
    """A cell as text, or as an integer where it is a number; numbers that lost digits as what Excel shows."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, padding)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return value if isinstance(value, str) else str(value)


def _number(value: float, padding: int) -> Cell:
    if abs(value) >= _EXACT_BELOW:
        return f"{value:.5E}"
    if not float(value).is_integer():
        return repr(value)
    return str(int(value)).rjust(padding, "0") if padding else int(value)


def _paddings(data: bytes, sheet: str) -> Paddings:
    """The cells of an XLSX sheet whose number format shows zeros at the beginning; none where that cannot be told."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            styles = _padded_styles(package)
            path = _path_of(package, sheet) if styles else None
            return _padded_cells(package, path, styles) if path is not None else {}
    except (zipfile.BadZipFile, KeyError, ValueError, ET.ParseError, NotImplementedError, RuntimeError):
        return {}


def _padded_styles(package: zipfile.ZipFile) -> Mapping[str, int]:
    """The styles whose format is nothing but zeros, and how many."""
    root = ET.fromstring(package.read("xl/styles.xml"))  # noqa: S314 - memory and time are bounded
    formats = {item.get("numFmtId"): item.get("formatCode", "") for item in root.iterfind(".//{*}numFmts/{*}numFmt")}
    codes = [formats.get(item.get("numFmtId"), "") for item in root.iterfind(".//{*}cellXfs/{*}xf")]
    return {str(style): len(code) for style, code in enumerate(codes) if _ZEROS.fullmatch(code)}


def _path_of(package: zipfile.ZipFile, sheet: str) -> str | None:
    book = ET.fromstring(package.read("xl/workbook.xml"))  # noqa: S314
    links = ET.fromstring(package.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {item.get("Id"): item.get("Target", "") for item in links}
    named = (item for item in book.iterfind(".//{*}sheets/{*}sheet") if item.get("name") == sheet)
    target = next((targets.get(item.get(_RELATIONSHIP)) for item in named), None)
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/") if target else None


def _padded_cells(package: zipfile.ZipFile, path: str, styles: Mapping[str, int]) -> Paddings:
    paddings: dict[tuple[int, int], int] = {}
    with package.open(path) as stream:
        for _, item in ET.iterparse(stream):  # noqa: S314
            if item.tag.endswith("}c") and item.get("s") in styles:
                place = _REFERENCE.fullmatch(item.get("r", ""))
                if place:
                    paddings[int(place[2]) - 1, _column(place[1])] = styles[item.get("s", "")]
            if item.tag.endswith("}row"):
                item.clear()
    return paddings


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def main() -> None:
    """Read standard input, write lines."""
    bound_this_process()
    write = sys.stdout.write
    try:
        for line in lines_of(sys.stdin.buffer.read()):
            write(json.dumps(line, ensure_ascii=True) + "\n")
    except MemoryError:
        write('{"problem": "too_large"}\n')


if __name__ == "__main__":
    main()
