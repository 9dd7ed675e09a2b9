"""Lines to cells: comma, semicolon, tab, bar or caret, quoted and unquoted in one file, and in files glued together."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.hardware_hash.layout import HASH_CHARACTERS
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.reasons import FileReason, UnreadableDeviceFile

DELIMITERS = (",", ";", "\t", "|", "^")
MAXIMUM_CELLS = 16_384
"""The columns of a spreadsheet."""
MAXIMUM_LINES_OF_A_ROW = 128
"""A hash wrapped at 64 characters has 63 lines; a row of more is taken for a quote that was never closed."""
SENSE_OF_HEADER = 2
"""So much sense, told by a number of known names, makes another delimiter hold from here on."""

Sense = Callable[[Sequence[str]], int]
"""How many cells show that a line was cut at the right places: header names, a hash, a manufacturer."""

_BASE64 = re.compile(r"[A-Za-z0-9+/=]+")
_SHORTEST_WRAPPED = 40
"""Characters of a line that can only be the rest of a hash: no serial number is as long."""
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*[,;\t|^]*", re.IGNORECASE)
_TYPE_LINE = re.compile(r'"?#TYPE [\w.+`\[\], ]+"?', re.IGNORECASE)
"""What `Export-Csv` of Windows PowerShell writes above its header."""
_MAY_BE_OF_A_TOOL = frozenset('sS#" \ufeff')
_TYPOGRAPHIC = re.compile("[\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u301d\u301e\uff02]")
_QUOTED_WHOLE = re.compile(r'\s*"((?:[^"]|"")*)"\s*')
_BLANKS_BEFORE_QUOTE = re.compile(r'(^|[,;\t|^])[ \xa0]+(?=")')
_BLANKS_BEHIND_QUOTE = re.compile(r'"[ \xa0]+(?=[,;\t|^]|$)')


class Lines:
    """The lines of a text that are not empty, with their numbers. They can be given back."""

    def __init__(self, blocks: Iterable[tuple[int, Sequence[str]]]) -> None:
        """`blocks`: the number of a line, and it with some of those that follow, empty ones too."""
        self._lines = ((number, line) for first, block in blocks for number, line in enumerate(block, first) if line)
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._returned.popleft() if self._returned else next(self._lines)

    def peek(self) -> str | None:
        """The text of the line that comes next; `None` at the end."""
        if not self._returned and (line := next(self._lines, None)) is not None:
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

    def __init__(self, lines: Lines, sense: Sense) -> None:
        self.lines = lines
        self._sense = sense
        self._is_settled = False
        """The delimiter is known."""
        self._width = 0
        """Cells of the latest row with more than one; 0 before the first."""
        self._use(",")

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        number, line = next(self.lines)
        while line[0] in _MAY_BE_OF_A_TOOL and line[:8].lstrip('\ufeff" ')[:4].casefold() in ("sep=", "#typ"):
            if named := _SEPARATOR_LINE.fullmatch(line.lstrip("\ufeff")):
                self._use(named[1])
                self._is_settled = True
            elif not _TYPE_LINE.fullmatch(line.lstrip("\ufeff")):
                break
            number, line = next(self.lines)
        cells = self._cells(line)
        if len(cells) > MAXIMUM_CELLS:
            detail = f"Line {number} has {len(cells):,} cells; {MAXIMUM_CELLS:,} are the most."
            raise UnreadableDeviceFile(FileReason.TOO_MANY_COLUMNS, detail)
        last = cells[-1]
        if last[:2] == "T0" and len(last) < HASH_CHARACTERS and starts_as_hash(last):
            cells = _with_rest_of_hash(cells, self._delimiter, self.lines)
        if len(cells) > 1:
            self._width = len(cells)
        return number, cells

    def _use(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._others = tuple(other for other in DELIMITERS if other != delimiter)[:4]

    def _cells(self, line: str) -> list[str]:
        if not line.isascii() and _TYPOGRAPHIC.search(line):
            line = _with_plain_quotes(line)
        if line[0] == '"' and (whole := _QUOTED_WHOLE.fullmatch(line)):
            # The line is quoted as a whole, as when a spreadsheet took it for one cell.
            line = whole[1].replace('""', '"')
        cells = self._split(line)
        one, two, three, four = self._others
        if not self._is_settled or one in line or two in line or three in line or four in line:
            return self._best_cells(line, cells)
        return cells

    def _best_cells(self, line: str, cells: list[str]) -> list[str]:
        """The cells of a line that another delimiter may cut better."""
        best, sense = self._delimiter, self._sense(cells)
        if len(cells) > 1 and self._is_settled:
            # Cells that hold another delimiter were cut well by the first, unless the other makes a header of them.
            sense = max(sense, 1)
        for other in self._others:
            if other in line and (split := self._alone(line, other)):
                found = self._sense(split)
                if found > sense or (found == sense > 0 and len(cells) == 1 and best == self._delimiter):
                    best, sense = other, found
        if best != self._delimiter:
            cells = _split(line, best, self.lines, 0)
        if sense >= (SENSE_OF_HEADER if self._is_settled else 1):
            self._use(best)
            self._is_settled = True
        return cells

    def _alone(self, line: str, delimiter: str) -> list[str]:
        cells = _split(line, delimiter, Lines(()), 0)
        return cells if len(cells) <= MAXIMUM_CELLS else []

    def _split(self, line: str) -> list[str]:
        return _split(line, self._delimiter, self.lines, self._width)


def _with_plain_quotes(line: str) -> str:
    """A line whose typographic quotes around cells are plain ones."""
    line = re.sub(rf"(^|[,;\t|^])(\s*){_TYPOGRAPHIC.pattern}", r'\1\2"', line)
    return re.sub(rf"{_TYPOGRAPHIC.pattern}(\s*)(?=[,;\t|^]|$)", r'"\1', line)


def _split(line: str, delimiter: str, following: Lines, width: int) -> list[str]:
    """The cells of a line; a quoted cell may go on in the lines that follow, unless these are rows by themselves."""
    if '"' not in line:
        return line.split(delimiter)
    taken: list[tuple[int, str]] = []
    close = _BLANKS_BEHIND_QUOTE.sub('"', _BLANKS_BEFORE_QUOTE.sub(r"\1", line))
    growing = _growing(close, following, taken, delimiter, width)
    try:
        cells: list[str] = next(csv.reader(growing, delimiter=delimiter, strict=True))
    except csv.Error:
        cells = []
    plain = line.split(delimiter)
    if not cells or any(map(_is_between_strays, cells)):
        following.give_back(taken)
        return [_without_quotes(cell) for cell in plain]
    if len(cells) != width == len(plain):
        # Both readings of the quotes make a row: it is given one cell too many, as one that lost some.
        following.give_back(taken)
        return [*(_without_quotes(cell) for cell in plain), '"']
    return cells


def _growing(line: str, following: Lines, taken: list[tuple[int, str]], delimiter: str, width: int) -> Iterator[str]:
    yield line + "\n"
    characters = len(line)
    while (text := following.peek()) is not None:
        if len(taken) + 1 >= MAXIMUM_LINES_OF_A_ROW or characters + len(text) > MAXIMUM_LINE:
            return
        if _is_row_by_itself(text, delimiter, width):
            return
        taken.append(next(following))
        characters += len(text)
        yield text + "\n"


def _is_row_by_itself(line: str, delimiter: str, width: int) -> bool:
    cells = line.split(delimiter)
    return 1 < width <= len(cells) or (len(cells) > 1 and any(map(starts_as_hash, cells)))


def _is_between_strays(cell: str) -> bool:
    """Whether what two quotes enclose is only what stands between cells: the quotes were ditto or inch marks."""
    return bool(cell) and cell[0] in DELIMITERS and not cell.strip(' ,;\t|^"')


def _without_quotes(cell: str) -> str:
    """A cell without the quotes around it, of which one may be missing; the blank behind a comma tells of it."""
    if '"' not in cell:
        return cell
    text = cell.strip()
    blank = " " if cell[:1] == " " else ""
    if text.count('"') % 2 and text != '"':
        return blank + text.removeprefix('"').removesuffix('"')
    return blank + (text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)


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
