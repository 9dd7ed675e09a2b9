"""Lines to cells: comma, semicolon, tab or bar, quoted and unquoted in one file, and in files glued together."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.hardware_hash.layout import HASH_CHARACTERS
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.placeholders import is_manufacturer
from shared.device_files.reasons import FileReason, UnreadableDeviceFile
from shared.device_files.tables import headers as columns

DELIMITERS = (",", ";", "\t", "|")
MAXIMUM_CELLS = 16_384
"""The columns of a spreadsheet."""
MAXIMUM_LINES_OF_A_ROW = 128
"""A hash wrapped at 64 characters has 63 lines; a row of more is taken for a quote that was never closed."""

_BASE64 = re.compile(r"[A-Za-z0-9+/=]+")
_SHORTEST_WRAPPED = 40
"""Characters of a line that can only be the rest of a hash: no serial number is as long."""

_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*[,;\t|]*", re.IGNORECASE)


class Lines:
    """The lines of a text that are not empty, with their numbers. They can be given back, and taken many at once."""

    def __init__(self, blocks: Iterable[tuple[int, Sequence[str]]]) -> None:
        """`blocks`: the number of a line, and it with some of those that follow, empty ones too."""
        self._blocks = iter(blocks)
        self._first = 1
        self._block: Sequence[str] = ()
        self._at = 0
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self._returned:
            return self._returned.popleft()
        line = ""
        while not line:
            while self._at == len(self._block):
                self._first, self._block = next(self._blocks)
                self._at = 0
            line = self._block[self._at]
            self._at += 1
        return self._first + self._at - 1, line

    def ahead(self, most: int) -> tuple[int, Sequence[str]]:
        """The number of the line that comes next, and it with some of those that follow, empty ones too.

        None at all at the end of the text, and where a line was given back.
        """
        if self._returned:
            return 0, ()
        while self._at == len(self._block):
            following = next(self._blocks, None)
            if following is None:
                return 0, ()
            self._first, self._block = following
            self._at = 0
        return self._first + self._at, self._block[self._at : self._at + most]

    def take(self, count: int) -> None:
        """Go on behind so many of the lines `ahead`."""
        self._at += count

    def peek(self) -> str | None:
        """The text of the line that comes next; `None` at the end."""
        if not self._returned and (line := next(self, None)) is not None:
            self._returned.append(line)
        return self._returned[0][1] if self._returned else None

    def give_back(self, lines: Sequence[tuple[int, str]]) -> None:
        """Have these come next again."""
        self._returned.extendleft(reversed(lines))


class Records:
    """The cells of each row, with the number of its first line.

    The delimiter is the one that makes a header of a line, or a device where there is no header, or that a `sep=` line
    names. Once it is found, another holds for a row that makes sense with it alone, and from another header on.

    Raises:
        UnreadableDeviceFile: a row has more than `MAXIMUM_CELLS` cells.
    """

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.delimiter = ","
        self.is_settled = False
        """The delimiter is known."""

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        number, line = next(self.lines)
        while named := _separator_named(line):
            self.delimiter, self.is_settled = named, True
            number, line = next(self.lines)
        cells = self._cells(line)
        if len(cells) > MAXIMUM_CELLS:
            detail = f"Line {number} has {len(cells):,} cells; {MAXIMUM_CELLS:,} are the most."
            raise UnreadableDeviceFile(FileReason.TOO_MANY_COLUMNS, detail)
        if len(cells[-1]) < HASH_CHARACTERS and starts_as_hash(cells[-1]):
            cells = _with_rest_of_hash(cells, self.delimiter, self.lines)
        return number, cells

    def _cells(self, line: str) -> list[str]:
        cells = _split(line, self.delimiter, self.lines)
        if len(cells) == 1 and cells[0] != line:
            # The line is quoted as a whole, as when a spreadsheet took it for one cell.
            line = cells[0]
            cells = _split(line, self.delimiter, self.lines)
        if not self.is_settled or (len(cells) == 1 and _has_delimiter(line)):
            best, sense = _best_delimiter(line, self.delimiter)
            if sense and best != self.delimiter:
                cells = _split(line, best, self.lines)
            if sense >= (columns.FEWEST_NAMES if self.is_settled else 1):
                self.delimiter, self.is_settled = best, True
        return cells


def _separator_named(line: str) -> str | None:
    """The delimiter that a `sep=` line names."""
    if not line[:6].lstrip('\ufeff" ').casefold().startswith("sep="):
        return None
    named = _SEPARATOR_LINE.fullmatch(line)
    return named[1] if named else None


def _split(line: str, delimiter: str, following: Lines) -> list[str]:
    """The cells of a line; a quoted cell may go on in the lines that follow."""
    if '"' not in line:
        return line.split(delimiter)
    taken: list[tuple[int, str]] = []
    try:
        return next(csv.reader(_growing(line, following, taken), delimiter=delimiter, strict=True))
    except csv.Error:
        following.give_back(taken)
        return [cell.replace('"', "") for cell in line.split(delimiter)]


def _growing(line: str, following: Lines, taken: list[tuple[int, str]]) -> Iterator[str]:
    yield line + "\n"
    characters = len(line)
    for numbered in following:
        taken.append(numbered)
        characters += len(numbered[1])
        if len(taken) >= MAXIMUM_LINES_OF_A_ROW or characters > MAXIMUM_LINE:
            return
        yield numbered[1] + "\n"


def _with_rest_of_hash(cells: list[str], delimiter: str, following: Lines) -> list[str]:
    """A row whose hash was wrapped without quotes, with the lines that go on with it."""
    while (line := following.peek()) is not None and len(cells[-1]) < HASH_CHARACTERS:
        rest, *others = line.split(delimiter)
        completes = len(cells[-1]) + len(rest) == HASH_CHARACTERS
        if not _BASE64.fullmatch(rest) or not (completes or len(rest) >= _SHORTEST_WRAPPED) or starts_as_hash(line):
            break
        next(following)
        cells = [*cells[:-1], cells[-1] + rest, *others]
        if others:
            break
    return cells


def _best_delimiter(line: str, current: str) -> tuple[str, int]:
    """The delimiter with which a line makes most sense, and how much."""
    candidates = [current, *(delimiter for delimiter in DELIMITERS if delimiter != current and delimiter in line)]
    sense = {delimiter: _sense(_cells_alone(line, delimiter)) for delimiter in candidates}
    best = max(candidates, key=sense.__getitem__)
    return best, sense[best]


def _has_delimiter(line: str) -> bool:
    return any(delimiter in line for delimiter in DELIMITERS)


def _cells_alone(line: str, delimiter: str) -> list[str]:
    return _split(line, delimiter, Lines(()))


def _sense(cells: Sequence[str]) -> int:
    """How many cells show that a line was cut at the right places: header names, a hash, a manufacturer."""
    if len(cells) > MAXIMUM_CELLS:
        return 0
    header = columns.recognised(cells)
    if header is not None:
        return sum(column is not None for column in header.columns)
    if any(starts_as_hash(cell) and not _has_delimiter(cell) for cell in cells):
        return 1
    return int(len(cells) == len(columns.IDENTIFIERS_WITHOUT_HEADER.columns) and is_manufacturer(cells[0].strip()))
