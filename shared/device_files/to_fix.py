"""Rows of a device file as a table that can be fixed in a spreadsheet and dropped again. Pure.

Rows of one table keep their columns and their order. Where a file holds several tables, or objects, their columns are
merged: those of one meaning into one, others of one name into one, each in the order in which it first appears. The
cells of a row that nobody could tell apart stand in columns without a meaning (`column 1`, ...), out of which they are
to be moved: so a row that is dropped again unchanged is never read as something else. Why the row is sent back and
where it stood are the first columns, short and without delimiters. What to do, a sentence, is the last: a tool that
loses its quotes moves no cell of a device.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.device_files.cells import CellType, clean, type_of
from shared.device_files.checks.excel_damage import is_error
from shared.device_files.checks.serial_numbers import problem_of
from shared.device_files.checks.validation import NO_TAG
from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.formats.delimited import MAXIMUM_CELLS
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.rows import ADDED_TO_FIX, IDENTIFYING, Column, DeviceRow, Header
from shared.device_files.tables.header_names import folded, meaning
from shared.device_files.tables.headerless import FOR_PARTNERS
from shared.device_files.tables.headers import STANDARD_NAMES, find_header
from shared.device_files.tables.realignment import UNTOLD_NAME

IN_FRONT = ("fix_reason", "fix_source")
"""The first columns. Reading leaves them out, as it does the last."""
WHAT_TO_DO = "what_to_do"
"""The last column."""

LONGEST_HEADER = MAXIMUM_LINE // 2
"""Characters of all names together; columns without a meaning beyond them are left out."""

LONGEST_CELL = 32_767
"""Characters; a spreadsheet cuts longer cells (Excel specifications and limits)."""

_AROUND_A_CELL = len('\'"",')
"""Characters that a CSV may add to a cell, beside the second one of each quote."""

_TOO_LONG = "The row is too long to be sent back. Fix it in the file itself and drop that."
_LINE_BREAKS = re.compile(r"[\r\n]+")
_DELIMITERS = re.compile(r"[,;|^\s]+")

_NO_VALUE = "#VALUE!"
_NO_TEXT = (CellType.FORMULA, CellType.STRUCTURE, CellType.ERROR)

_Key = Column | tuple[str, int]
"""What makes two columns one: their meaning; else their name as it is compared, and how often it came before."""


class Fix(NamedTuple):
    """Why a row is sent back, in one word or a code, and what to do about it."""

    reason: str
    what_to_do: str


def table_to_fix(rows: Callable[[], Iterator[tuple[DeviceRow, Fix]]]) -> Iterator[Sequence[str]]:
    """The cells of a table of `rows`, each with what to do about it; they are gone through twice, the header first.

    What cannot stand as a row stands as a comment, a single cell that reading passes over: a member or sheet that could
    not be read, and a row that is longer than is read, or has a cell that a spreadsheet would cut.
    """
    columns = MergedColumns()
    for row, _ in rows():
        columns.add(row)
    yield columns.header()
    for row, fix in rows():
        if row.cells is None:
            yield _comment(row, fix.what_to_do)
            continue
        cells = columns.cells(row, row.cells, fix)
        yield cells if _can_be_read(cells) else _comment(row, _TOO_LONG)


def as_text(cell: str, *, is_tag: bool = False) -> str:
    """A cell of a file as it is written into a text, which keeps no type of a cell.

    A formula without a value, a list, a number such as 1e22 or a date that a spreadsheet made of a group tag would come
    back as a serial number, a name or a group tag of that spelling. An error of a spreadsheet stands for it, which
    identifies no device anywhere.
    """
    type_ = type_of(cell)
    is_no_text = (type_ in _NO_TEXT and not is_error(cell)) or (is_tag and type_ in NO_TAG)
    reads_as_text = cell.isalpha() or problem_of(str(cell)) is None
    return _NO_VALUE if is_no_text or (type_ is CellType.FRACTION and reads_as_text) else cell


def _can_be_read(cells: Sequence[str]) -> bool:
    length = sum(len(cell) + cell.count('"') + _AROUND_A_CELL for cell in cells)
    return length <= MAXIMUM_LINE and len(cells) <= MAXIMUM_CELLS and max(map(len, cells)) <= LONGEST_CELL


@dataclass(slots=True)
class MergedColumns:
    """The columns of all rows that are sent back. First every row is added, then each is laid out."""

    _places: dict[_Key, int] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)
    _meanings: list[Column | None] = field(default_factory=list)
    _characters: int = 0
    _latest: tuple[object, Sequence[int | None]] = ((), ())
    """The latest header and where its columns are: nearly every row has the header of the one before."""
    _width: int = 0
    """Columns of the header but for ours."""

    def add(self, row: DeviceRow) -> Sequence[int | None]:
        """Make room for the cells of a row, and tell the column of each that is kept."""
        if self._latest[0] != _heading(row):
            places = [
                None if column in ADDED_TO_FIX else self._place(key, name, column)
                for key, name, column in _columns_of(row.header, len(row.cells or ()))
            ]
            self._latest = (_heading(row), places)
        return self._latest[1]

    def _place(self, key: _Key, name: str, meaning: Column | None) -> int | None:
        """Where a column stands, if it is kept."""
        if key not in self._places and (meaning is not None or self._characters + len(name) < LONGEST_HEADER):
            self._places[key] = len(self._names)
            self._names.append(name)
            self._meanings.append(meaning)
            self._characters += len(name) + 1
        return self._places.get(key)

    def header(self) -> list[str]:
        """The names, between those of ours. Where none identifies a device, the standard ones follow, to be filled.

        Each means what it meant: one that would come to mean something else beside its new neighbours is changed.
        """
        names, meanings = list(self._names), list(self._meanings)
        if not IDENTIFYING.intersection(meanings):
            standard = FOR_PARTNERS.columns[:-1]
            missing = [column for column in standard if column is not None and column not in meanings]
            names += [STANDARD_NAMES[column] for column in missing]
            meanings += missing
        self._width = len(names)
        return [*IN_FRONT, *_kept_meanings(names, meanings), WHAT_TO_DO]

    def cells(self, row: DeviceRow, given: Sequence[str], fix: Fix) -> list[str]:
        """A row below the header."""
        laid_out = {place: cell for place, cell in zip(self.add(row), given, strict=False) if place is not None}
        # A line break in a cell means a blank; the lines of a row could be taken for rows by themselves.
        tag = self._places.get(Column.GROUP_TAG)
        texts = (as_text(laid_out.get(place, ""), is_tag=place == tag) for place in range(self._width))
        cells = [_LINE_BREAKS.sub(" ", text) for text in texts]
        return [_in_one_cell(fix.reason), _in_one_cell(row.source), *cells, fix.what_to_do]


def _kept_meanings(names: Sequence[str], meanings: Sequence[Column | None]) -> Sequence[str]:
    """The names, changed where they would not mean what they should: to the standard ones, or to mean nothing."""
    wanted = [column if column in STANDARD_NAMES else None for column in meanings]
    for is_bold in (False, True):
        meant = _meanings_of(names)
        names = [
            name if (now is before and not is_bold) or meant == wanted else _renamed(name, before)
            for name, before, now in zip(names, wanted, meant, strict=True)
        ]
    return names


def _meanings_of(names: Sequence[str]) -> list[Column | None]:
    found = find_header([*IN_FRONT, *names, WHAT_TO_DO])
    if found is None or found.twins:
        return [None] * len(names)
    return list(found.header.columns[len(IN_FRONT) : -1])


def _renamed(name: str, column: Column | None) -> str:
    """A name that means what it should: the standard one, or one that means nothing."""
    if column is not None:
        return STANDARD_NAMES[column]
    means_anything = meaning(name) is not None or folded(name) == folded("device name")
    return f"{name} column" if means_anything else name


def _heading(row: DeviceRow) -> object:
    """Two rows with the same one have the same columns."""
    return row.header if row.header.columns else len(row.cells or ())


def _columns_of(header: Header, count: int) -> Iterator[tuple[_Key, str, Column | None]]:
    """Key, name and meaning of each column of a row of so many cells."""
    if not header.columns:
        for place in range(count):
            yield ("", -1 - place), UNTOLD_NAME.format(place + 1), None
        return
    seen: dict[str, int] = {}
    for place, column in enumerate(header.columns):
        name = header.names[place] if header.names else STANDARD_NAMES[column] if column is not None else ""
        shown = "column" if starts_as_hash(name) else _in_one_cell(name)
        compared = shown.casefold()
        seen[compared] = seen.get(compared, 0) + 1
        yield (compared, seen[compared]) if column is None else column, shown, column


def _comment(row: DeviceRow, text: str) -> list[str]:
    """A line that begins with # and holds no delimiter that could make several cells of it."""
    return [f"# {_in_one_cell(f'{row.source}: {text}')}"]


def _in_one_cell(text: str) -> str:
    """A text without what a tool that removes quotes would split it at, or what makes a name the rest of another."""
    return _DELIMITERS.sub(" ", clean(text)).strip()
