"""Rows of a device file as a table that can be mended in a spreadsheet and dropped again. Pure.

Rows of one table keep their columns and their order. Where a file holds several tables, or objects, their columns are
merged: those of one meaning into one, others of one name into one, each in the order in which it first appears. The
cells of a row that nobody could tell apart stand in columns without a meaning (`column 1`, ...), out of which they are
to be moved: so a row that is dropped again unmended is never read as something else.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.device_files.formats.decoding import MAXIMUM_LINE, clean, marked_as_text, safe_original
from shared.device_files.formats.delimited import MAXIMUM_CELLS, MAXIMUM_LINES_OF_A_ROW
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.originals import STANDARD_NAMES, Original
from shared.device_files.tables.headers import IDENTIFYING, WITHOUT_HEADER_FOR_PARTNERS, Column, recognised

WHAT_TO_DO = "what_to_do"
"""The first column. Reading leaves it out."""

LONGEST_HEADER = MAXIMUM_LINE // 2
"""Characters of all names together; columns without a meaning beyond them are left out."""

_TOO_LONG = "The row is too long to be sent back. Mend it in the file itself and drop that."
_DELIMITERS = re.compile(r"[,;|\s]+")

_Key = Column | tuple[str, int]
"""What makes two columns one: their meaning; else their name as it is compared, and how often it came before."""


def lines_to_mend(rows: Callable[[], Iterator[tuple[Original, str]]]) -> Iterator[str]:
    """The lines of a CSV of `rows`, each with what to do about it; they are gone through twice, the header first.

    What cannot stand as a row stands as a comment, which reading leaves out: a member or sheet that could not be read,
    and a row that is longer than is read. No cell is run by a spreadsheet, and none is cut.
    """
    columns = MergedColumns()
    for original, _ in rows():
        columns.add(original)
    yield _line(columns.header())
    for original, what_to_do in rows():
        if original.cells is None:
            yield _comment(original, what_to_do)
            continue
        cells = columns.cells(original, what_to_do)
        line = _line(cells)
        breaks = line.count("\n") + line.count("\r")
        is_readable = len(line) <= MAXIMUM_LINE and len(cells) <= MAXIMUM_CELLS and breaks < MAXIMUM_LINES_OF_A_ROW
        yield line if is_readable else _comment(original, _TOO_LONG)


@dataclass(slots=True)
class MergedColumns:
    """The columns of all rows that are sent back. First every row is added, then each is laid out."""

    _places: dict[_Key, int] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)
    _meanings: list[Column | None] = field(default_factory=list)
    _characters: int = 0
    _latest: tuple[object, Sequence[int | None]] = ((), ())
    """The latest header and where its columns are: nearly every row has the header of the one before."""

    def add(self, original: Original) -> None:
        """Make room for the cells of a row."""
        if self._latest[0] == _heading(original):
            return
        places = [
            None if meaning is Column.WHAT_TO_DO else self._place(key, name, meaning)
            for key, name, meaning in _columns_of(original)
        ]
        self._latest = (_heading(original), places)

    def _place(self, key: _Key, name: str, meaning: Column | None) -> int | None:
        """Where a column stands, if it is kept."""
        if key not in self._places and (meaning is not None or self._characters + len(name) < LONGEST_HEADER):
            self._places[key] = len(self._names)
            self._names.append(name)
            self._meanings.append(meaning)
            self._characters += len(name) + 1
        return self._places.get(key)

    def header(self) -> list[str]:
        """The names, `what_to_do` in front. Where none identifies a device, the standard ones follow, to be filled.

        Each means what it meant: one that would come to mean something else beside its new neighbours is changed.
        """
        names, meanings = list(self._names), list(self._meanings)
        if not IDENTIFYING.intersection(meanings):
            standard = WITHOUT_HEADER_FOR_PARTNERS.columns
            missing = [column for column in standard if column is not None and column not in meanings]
            names += [STANDARD_NAMES[column] for column in missing]
            meanings += missing
        while (meant := _meanings_of(names)) != meanings:
            names = [
                name if now is before else _renamed(name, before)
                for name, before, now in zip(names, meanings, meant, strict=True)
            ]
        return [WHAT_TO_DO, *map(marked_as_text, names)]

    def cells(self, original: Original, what_to_do: str) -> list[str]:
        """A row below the header. Cells beyond the row's own columns stand beyond all columns.

        It has two cells at least: a line of one quoted cell is read as if its quotes were not there.
        """
        self.add(original)
        given, places = original.cells or (), self._latest[1]
        laid_out = {place: cell for place, cell in zip(places, given, strict=False) if place is not None}
        row = [laid_out.get(place, "") for place in range(max(1, len(self._names)))]
        beyond = given[len(places) :]
        if any(map(clean, beyond)):
            row += beyond
        return [marked_as_text(what_to_do), *map(safe_original, row)]


def _heading(original: Original) -> object:
    """Two rows with the same one have the same columns."""
    return (original.names, original.meanings) if original.names else len(original.cells or ())


def _columns_of(original: Original) -> Iterator[tuple[_Key, str, Column | None]]:
    """Key, name and meaning of each column of a row."""
    if not original.names:
        for place in range(len(original.cells or ())):
            yield ("", -1 - place), f"column {place + 1}", None
        return
    seen: dict[str, int] = {}
    for name, meaning in zip(original.names, original.meanings, strict=True):
        shown = "column" if starts_as_hash(name) else _DELIMITERS.sub(" ", clean(name))
        compared = shown.casefold()
        seen[compared] = seen.get(compared, 0) + 1
        yield (compared, seen[compared]) if meaning is None else meaning, shown, meaning


def _meanings_of(names: Sequence[str]) -> list[Column | None]:
    header = recognised([WHAT_TO_DO, *names])
    return [None] * len(names) if header is None else list(header.columns[1:])


def _renamed(name: str, meaning: Column | None) -> str:
    """A name that means what it should: the standard one, or one that means nothing."""
    return f"{name} column" if meaning is None else STANDARD_NAMES[meaning]


def _comment(original: Original, text: str) -> str:
    """A line that begins with # and holds no delimiter that could make several cells of it."""
    return _line(["# " + _DELIMITERS.sub(" ", marked_as_text(clean(f"{original.source}: {text}")))])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()
