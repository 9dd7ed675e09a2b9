"""Reads one workbook in a process of its own: standard input is the workbook, standard output what its cells hold.

A damaged or hostile workbook can ask for any amount of memory and time. Here the process that then ends is this one,
which has a bounded memory and time and nothing else to lose. Run by path, it imports nothing of the project.

Output: a line of JSON for each row that holds something, `[number, [columns], [cells]]`, columns from 0. A cell is a
text, or the list of its type (a value of `CellType`), its text and its number format. Then a line that tells of the
workbook, `{"is_1904": false, "sheets": [a Sheet, ...]}`. Last, in 20 characters, where that line begins. A status other
than 0: it is not read.
"""

import errno
import json
import os
import posixpath
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import IO
from xml.etree import ElementTree as ET
from xml.parsers.expat import errors

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

MAXIMUM_MEMORY = 768 * 1024 * 1024
MAXIMUM_OUTPUT = 1024 * 1024 * 1024
MAXIMUM_SECONDS = 120
DAMAGED, LOCKED, TOO_LARGE = 1, 3, 4
"""What the status says that is not 0."""

_COLUMNS, _ROWS = 16_384, 1_048_576
_MOST_PLACES = 6
"""Places of a kind that are told of each sheet: one more than is shown."""
_PIECE = 262_144
_OLE_MARK = b"\xd0\xcf\x11\xe0"
_TRUE = ("1", "true", "on")
_BUILT_IN_DATES = {
    **dict.fromkeys([*range(14, 18), *range(27, 37), *range(50, 59)], "yyyy-mm-dd"),
    **dict.fromkeys([*range(18, 23), 45, 47], "hh:mm:ss"),
    46: "[h]:mm:ss",
}
"""Number formats that stand in no workbook (ECMA-376 18.8.30) and show dates or times; the others show numbers."""
_BEHIND_ROWS = ("mergeCells", "conditionalFormatting", "dataValidations", "hyperlinks", "pageMargins", "worksheet")
"""Where reading ends: merged cells stand before the others of these (ECMA-376 18.3.1.99)."""
_MOST_MERGED, _MERGED_COLUMNS = 50_000, 256
"""A sheet of more such cells, or with some further to the right, is not read: each row is filled from them."""
_MERGED = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})")
_LETTERS, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SURROGATES = range(0xD800, 0xE000)
_DAMAGE = (
    *(CalamineError, ET.ParseError, zipfile.BadZipFile, zlib.error),
    *(EOFError, LookupError, NotImplementedError, RuntimeError, ValueError),
)

Cell = str | list[str]
Row = tuple[int, Mapping[int, Cell]]
"""The number of a row, and those of its cells that hold something, by their columns."""


@dataclass
class Sheet:
    """What there is to know of a sheet before its rows are read. Of places the first few are told."""

    name: str
    is_hidden: bool
    offset: int = 0
    """Where its rows begin in the output."""
    rows: int = 0
    first_column: int = _COLUMNS
    """The first one that holds something, from 0."""
    is_damaged: bool = False
    hidden_rows: list[str] = field(default_factory=list)
    hidden_columns: list[str] = field(default_factory=list)
    """Both where they hold something."""
    formulas: list[str] = field(default_factory=list)
    """Cells whose formula has no value."""
    merged: list[tuple[int, int, int]] = field(default_factory=list)
    """First row, last row and column of cells that are merged downwards."""


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


def write_workbook(workbook: IO[bytes], output: IO[bytes]) -> None:
    """Write what the sheets of a workbook hold."""
    package = None if workbook.read(len(_OLE_MARK)) == _OLE_MARK else _Package(workbook)
    sheets = []
    for sheet, rows in package.sheets() if package else _old_sheets(workbook):
        _write_rows(sheet, rows, output)
        sheets.append(asdict(sheet))
    offset = output.tell()
    output.write(_line({"is_1904": package is not None and package.is_1904, "sheets": sheets}) + b"%20d" % offset)


def _write_rows(sheet: Sheet, rows: Iterable[Row], output: IO[bytes]) -> None:
    sheet.offset = output.tell()
    try:
        for number, cells in rows:
            output.write(_line([number, list(cells), list(cells.values())]))
            sheet.rows += 1
            sheet.first_column = min(sheet.first_column, *cells)
    except _DAMAGE as error:
        if _is_out_of_memory(error):
            raise
        sheet.is_damaged = True


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, ET.ParseError) and error.code == errors.codes[errors.XML_ERROR_NO_MEMORY]


def _old_sheets(workbook: IO[bytes]) -> Iterator[tuple[Sheet, Iterable[Row]]]:
    """The sheets of an XLS workbook. Its number formats, errors and hidden rows are not to be had."""
    workbook.seek(0)
    book = CalamineWorkbook.from_filelike(workbook)
    for sheet in book.sheets_metadata:
        if sheet.typ == SheetTypeEnum.WorkSheet:
            yield Sheet(sheet.name, sheet.visible != SheetVisibleEnum.Visible), _old_rows(book, sheet.name)


def _old_rows(book: CalamineWorkbook, name: str) -> Iterator[Row]:
    for number, values in enumerate(book.get_sheet_by_name(name).iter_rows(), 1):
        cells = {column: _old_cell(value) for column, value in enumerate(values) if value != ""}
        if cells:
            yield number, cells


def _old_cell(value: object) -> Cell:
    match value:
        case str():
            return value
        case bool():
            return ["boolean", str(value).upper(), ""]
        case int() | float():
            return ["number", repr(value), ""]
        case _:
            return ["date", str(value), ""]


class _Package:
    """An XLSX workbook: the parts of its package (ECMA-376 part 2), and what holds for all of its sheets."""

    def __init__(self, workbook: IO[bytes]) -> None:
        self._archive = zipfile.ZipFile(workbook)
        self._members = {_folded(member.filename): member for member in self._archive.infolist()}
        self._targets = self._links("")
        path = self._target("officeDocument", "xl/workbook.xml")
        self._book, self._targets = self._tree(path), self._links(path)
        properties, calculation = self._book.find("{*}workbookPr"), self._book.find("{*}calcPr")
        self.is_1904 = properties is not None and properties.get("date1904") in _TRUE
        self._is_stale = calculation is not None and calculation.get("fullCalcOnLoad") in _TRUE
        """A program wrote it and left calculating to others: 0 and nothing are then no values (XlsxWriter, EPPlus)."""
        self._formats = self._number_formats(self._target("styles", "xl/styles.xml"))
        self._strings = self._shared_strings(self._target("sharedStrings", "xl/sharedStrings.xml"))

    def sheets(self) -> Iterator[tuple[Sheet, Iterable[Row]]]:
        """Each worksheet with its rows; sheets of charts and dialogs hold no cells."""
        entries = self._book.findall("{*}sheets/{*}sheet")
        if not entries:
            raise ValueError("It has no sheets.")
        for entry in entries:
            link = next((value for name, value in entry.items() if name.endswith("}id")), "")
            kind, path = self._targets.get(link, ("worksheet", ""))
            if kind == "worksheet":
                sheet = Sheet(entry.get("name", ""), entry.get("state", "visible") != "visible")
                yield sheet, self._rows(sheet, path)

    def _open(self, path: str) -> IO[bytes]:
        return self._archive.open(self._members[_folded(path)])

    def _tree(self, path: str) -> ET.Element:
        with self._open(path) as stream:
            return ET.parse(stream).getroot()  # noqa: S314 - memory and time are bounded

    def _links(self, path: str) -> Mapping[str, tuple[str, str]]:
        """The kinds and paths of the parts that a part refers to, by the names of the links."""
        folder, name = posixpath.split(path)
        links = posixpath.join(folder, "_rels", f"{name}.rels")
        return {
            link.get("Id", ""): (
                link.get("Type", "").rpartition("/")[2],
                posixpath.join("/", folder, link.get("Target", "")),
            )
            for link in (self._tree(links) if _folded(links) in self._members else ())
        }

    def _target(self, kind: str, usual: str) -> str:
        return next((path for found, path in self._targets.values() if found == kind), usual)

    def _number_formats(self, path: str) -> Sequence[str]:
        """The number format of each style."""
        if _folded(path) not in self._members:
            return ()
        styles = self._tree(path)
        own = {item.get("numFmtId"): item.get("formatCode") for item in styles.iterfind("{*}numFmts/{*}numFmt")}
        numbers = [item.get("numFmtId", "0") for item in styles.iterfind("{*}cellXfs/{*}xf")]
        return [own.get(number) or _BUILT_IN_DATES.get(int(number), "") for number in numbers]

    def _shared_strings(self, path: str) -> Sequence[str]:
        if _folded(path) not in self._members:
            return ()
        with self._open(path) as stream:
            return [_text(item) for item in _elements(stream, ("si",), last=("sst",))]

    def _rows(self, sheet: Sheet, path: str) -> Iterator[Row]:
        """The rows of a sheet that hold something. Neither rows nor cells need to say where they stand."""
        number = 0
        hidden: set[int] = set()
        with self._open(path) as stream:
            for item in _elements(stream, ("col", "row", "mergeCell"), last=_BEHIND_ROWS):
                if _local(item.tag) == "col":
                    hidden.update(_hidden_columns(item))
                    continue
                if _local(item.tag) == "mergeCell":
                    sheet.merged.extend(_merged_downwards(item.get("ref", "")))
                    _checked(len(sheet.merged), _MOST_MERGED)
                    continue
                number = _number_of(item, number)
                cells = self._cells(item, number, sheet) if any(map(len, item)) else {}
                if cells:
                    if _is_hidden(item, "ht"):
                        _keep(sheet.hidden_rows, str(number))
                    for column in sorted(hidden.intersection(cells)):
                        _keep(sheet.hidden_columns, _letters(column))
                    yield number, cells

    def _cells(self, row: ET.Element, number: int, sheet: Sheet) -> Mapping[int, Cell]:
        cells: dict[int, Cell] = {}
        column = -1
        for item in row:
            if _local(item.tag) != "c":
                continue
            reference = item.get("r")
            column = _column(reference.rstrip(_DIGITS)) if reference else _checked(column + 1, _COLUMNS)
            cell = self._cell(item) if len(item) else ""
            if cell:
                if column in cells:
                    raise ValueError("Two cells claim one place.")
                cells[column] = cell
                if cell[0] == "formula":
                    _keep(sheet.formulas, f"{_letters(column)}{number}")
        return cells

    def _cell(self, item: ET.Element) -> Cell:
        parts = {_local(part.tag): part for part in item}
        if "is" in parts:
            return _text(parts["is"])
        kind, value, formula = item.get("t", "n"), parts.get("v"), parts.get("f")
        text = (value.text or "") if value is not None else ""
        if formula is not None and self._has_no_value(kind, text, is_given=value is not None):
            return ["formula", f"={formula.text or ''}", ""]
        typed = text.strip()
        match kind:
            case "s" if typed:
                return self._strings[_checked(int(typed), len(self._strings))]
            case "n" if typed:
                style = int(item.get("s", "0"))
                return ["number", typed, self._formats[style] if 0 <= style < len(self._formats) else ""]
            case "b" if typed:
                return ["boolean", "TRUE" if typed in _TRUE else "FALSE", ""]
            case "e" | "d" if typed:
                return ["error" if kind == "e" else "date", typed, ""]
            case _:
                return _unescaped(text)

    def _has_no_value(self, kind: str, text: str, *, is_given: bool) -> bool:
        """Whether a formula was never calculated. An empty text is a value, where it stands and values are fresh."""
        if self._is_stale:
            return not text or (kind == "n" and text == "0")
        return not text and not (kind == "str" and is_given)


def _elements(stream: IO[bytes], names: Sequence[str], *, last: Sequence[str]) -> Iterator[ET.Element]:
    """The elements of these names up to the end of one of `last`, each forgotten when the next is taken."""
    parents: list[ET.Element] = []
    for event, item in ET.iterparse(stream, ("start", "end")):  # noqa: S314 - as above
        if event == "start":
            parents.append(item)
            continue
        parents.pop()
        name = _local(item.tag)
        if name in names:
            yield item
            for parent in parents[-1:]:
                parent.clear()
        elif name in last:
            break
    while stream.read(_PIECE):
        """The archive compares the checksum at the end."""


def _folded(name: str) -> str:
    """The name of a part as it is compared: programs differ in case and slashes."""
    return posixpath.normpath(name.replace("\\", "/")).lstrip("/").casefold()


@lru_cache(maxsize=256)
def _local(tag: str) -> str:
    """The name of an element without its namespace, of which there are two (ECMA-376 transitional and strict)."""
    return tag.rpartition("}")[2]


def _text(item: ET.Element) -> str:
    """The text of a string and its runs, without the phonetic ones."""
    names = ((_local(part.tag), part) for part in item)
    return "".join(
        _text(part) if name == "r" else _unescaped(part.text or "") for name, part in names if name in ("r", "t")
    )


def _unescaped(text: str) -> str:
    """A text without the escapes of characters that XML does not hold, such as `_x000D_`."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(escape: re.Match[str]) -> str:
    code = int(escape[1], 16)
    return "\ufffd" if code in _SURROGATES else chr(code)


def _number_of(row: ET.Element, before: int) -> int:
    """The number of a row: what it says, else what its first cell says, else the next."""
    first = next((item.get("r", "") for item in row), "")
    stated = row.get("r") or first[len(first.rstrip(_DIGITS)) :]
    return _checked((int(stated) if stated else before + 1) - 1, _ROWS) + 1


def _checked(number: int, end: int) -> int:
    if not 0 <= number < end:
        raise ValueError("A place outside of the sheet, or a string that is not there.")
    return number


@lru_cache(maxsize=_COLUMNS)
def _column(letters: str) -> int:
    """The number of a column, from 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + _LETTERS.index(letter) + 1
    return _checked(number - 1, _COLUMNS)


def _letters(column: int) -> str:
    before = _letters(column // 26 - 1) if column >= len(_LETTERS) else ""
    return before + _LETTERS[column % 26]


def _merged_downwards(reference: str) -> Iterator[tuple[int, int, int]]:
    """First row, last row and column of cells that are merged over several rows."""
    merged = _MERGED.fullmatch(reference)
    if merged is not None and int(merged[2]) < int(merged[3]):
        yield int(merged[2]), int(merged[3]), _checked(_column(merged[1]), _MERGED_COLUMNS)


def _hidden_columns(item: ET.Element) -> range:
    last = min(int(item.get("max", "0")), _COLUMNS)
    return range(int(item.get("min", "1")) - 1, last if _is_hidden(item, "width") else 0)


def _is_hidden(item: ET.Element, size: str) -> bool:
    return item.get("hidden") in _TRUE or item.get(size) in ("0", "0.0")


def _keep(places: list[str], place: str) -> None:
    if len(places) < _MOST_PLACES and place not in places:
        places.append(place)


def main() -> int:
    """Read standard input, write standard output; the status to exit with."""
    bound_this_process()
    try:
        write_workbook(sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except PasswordError:
        return LOCKED
    except MemoryError:
        return TOO_LARGE
    except OSError as error:
        return TOO_LARGE if error.errno == errno.EFBIG else DAMAGED
    except _DAMAGE as error:
        return TOO_LARGE if _is_out_of_memory(error) else DAMAGED
    return 0


if __name__ == "__main__":
    # At an ordinary exit, what a failed write left in the buffer would be written again.
    os._exit(main())
