"""Lines to cells: comma, semicolon, tab, bar or caret, quoted and unquoted in one file, and in files glued together."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.formats.parts import DOUBT
from shared.device_files.hardware_hash.layout import HASH_CHARACTERS
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.reasons import FileReason, UnreadableDeviceFile

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
_TYPOGRAPHIC_CELL = re.compile(
    rf"((?:^|[,;\t|^])[^\S\t]*){_TYPOGRAPHIC.pattern}((?:[^\s,;|^{_TYPOGRAPHIC.pattern[1:-1]}][^{_TYPOGRAPHIC.pattern[1:-1]}]*)?)"
    rf"{_TYPOGRAPHIC.pattern}(?=\s*(?:[,;\t|^]|$))"
)
_BETWEEN_APOSTROPHES = re.compile(r"'[^']*'([,;\t|^])'[^']*'(?:\1(?:'[^']*'|(?:(?!\1)[^'\"])*))*")
"""A row whose cells stand between apostrophes, as those of SQL do."""
_MOST_LINES_WITH_QUOTES = 16
"""Of a row; more are taken for a quote that was never closed."""
_QUOTED_WHOLE = re.compile(r'\s*"((?:[^"]|"")*)"\s*')


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
        self._widths: tuple[int, ...] = ()
        """Cells that a row of the table may have: as its header, with and without empty ones at its end, or as two rows
        in turn. None before the first."""
        self._of_header: tuple[int, ...] = ()
        self._latest = 0
        self._use(",", is_settled=False)

    @property
    def delimiter(self) -> str | None:
        """The delimiter that held last; None while there is none, or for one that only a `sep=` line made one."""
        return self._delimiter if self._is_settled and self._delimiter in DELIMITERS else None

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        number, line = next(self.lines)
        while line[0] in _MAY_BE_OF_A_TOOL and line[:8].lstrip('\ufeff" ')[:4].casefold() in ("sep=", "#typ"):
            if named := _SEPARATOR_LINE.fullmatch(line.lstrip("\ufeff")):
                self._use(named[1])
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
        if len(cells) not in self._widths or len(self._widths) > 1:
            # Of two widths, the next header may have one.
            self._settle_widths(cells)
        # One character is looked for much faster than two.
        has_blanks = ('"' in line or (" " in line and self._blank_behind in line)) and cells[-1] != DOUBT
        if has_blanks and self._are_blanks_meaningless(line, cells):
            cells = [cell.lstrip(" ") for cell in cells]
        return number, cells

    def _are_blanks_meaningless(self, line: str, cells: Sequence[str]) -> bool:
        """Whether blanks before cells mean nothing: before all, or within quotes."""
        behind = [cell[0] for cell in cells[1:] if cell]
        return _is_each_quoted(line, self._delimiter, len(cells)) or (len(behind) > 1 and set(behind) == {" "})

    def _settle_widths(self, cells: Sequence[str]) -> None:
        """Take another number of cells for that of the table from a header on, or when two rows in turn have it."""
        count = len(cells)
        sense = self._sense(cells) if count > 1 else 0
        if sense >= SENSE_OF_HEADER:
            filled = max(at for at, cell in enumerate(cells, start=1) if cell.strip())
            self._of_header = self._widths = tuple({count, filled})
        elif sense > 0 and cells[-1] != DOUBT and (count == self._latest or not self._widths):
            self._widths = tuple({*self._of_header, count})
        self._latest = count

    def _use(self, delimiter: str, *, is_settled: bool = True) -> None:
        """Cut lines at `delimiter`; `is_settled`: it is known to be that of the table."""
        self._delimiter, self._is_settled = delimiter, is_settled
        self._blank_behind = f"{delimiter} "
        self._others = tuple(other for other in DELIMITERS if other != delimiter)[:4]

    def _cells(self, line: str) -> list[str]:
        if not line.isascii() and _TYPOGRAPHIC.search(line):
            line = _with_plain_quotes(line)
        elif line[0] == "'" and _BETWEEN_APOSTROPHES.fullmatch(line):
            line = line.replace('"', '""').replace("'", '"')
        if line[0] == '"' and (whole := _QUOTED_WHOLE.fullmatch(line)):
            # The line is quoted as a whole, as when a spreadsheet took it for one cell.
            line = whole[1].replace('""', '"')
        cells = self._split(line, self._delimiter)
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
        for other in filter(line.__contains__, self._others):
            split = _split(line, other, lambda _: "", ())
            found = self._sense(split) if len(split) <= MAXIMUM_CELLS else 0
            if found > sense or (found == sense > 0 and len(cells) == 1 and best == self._delimiter):
                best, sense = other, found
        if best != self._delimiter:
            cells = self._split(line, best)
        if sense >= (SENSE_OF_HEADER if self._is_settled else 1):
            self._use(best)
        return cells

    def _split(self, line: str, delimiter: str) -> list[str]:
        """The cells of a line, and of those that go on with a quoted cell of it.

        Where the quotes of a row may be read in two ways, it is given a cell too many, as a row that lost some.
        """
        if '"' not in line:
            return line.split(delimiter)
        cells = _split(line, delimiter, lambda text: self._following(text, delimiter), self._widths)
        plain = line.split(delimiter)
        fits, fits_plain = not self._widths or len(cells) in self._widths, len(plain) in self._widths
        is_certain = (fits and (not fits_plain or len(plain) == len(cells))) or _are_texts(line, cells, delimiter)
        if is_certain or _is_each_quoted(line, delimiter, len(cells)) or self._sense(cells) >= SENSE_OF_HEADER:
            return cells
        if fits_plain:
            return [*map(_without_quotes, plain), DOUBT]
        if any(delimiter in cell for cell in cells):
            return [*cells, *[""] * max(self._widths), DOUBT]
        return cells

    def _following(self, text: str, delimiter: str) -> str:
        """The lines behind a row that close a quoted cell of it; none where one of them is a row by itself."""
        taken: list[tuple[int, str]] = []
        quotes, begun = 0, len(text.split(delimiter))
        while len(taken) + 1 < MAXIMUM_LINES_OF_A_ROW and (line := self.lines.peek()) is not None:
            quotes += '"' in line
            is_too_much = len(text) > MAXIMUM_LINE or quotes > _MOST_LINES_WITH_QUOTES
            text += f"\n{line}"
            closes = '"' in line and _well_formed(delimiter).fullmatch(text) is not None
            joined = _parsed(text, delimiter) if closes else ()
            cells = list(map(_without_quotes, _with_plain_quotes(line).split(delimiter)))
            if is_too_much or self._is_row_by_itself(cells, begun, joined):
                break
            taken.append(next(self.lines))
            if joined and (not self._widths or len(joined) in self._widths):
                return "\n".join(["", *(line for _, line in taken)])
        self.lines.give_back(taken)
        return ""

    def _is_row_by_itself(self, cells: Sequence[str], begun: int, joined: Sequence[str]) -> bool:
        """Whether a line of these cells is a row, rather than the end of one that began with so many cells.

        `joined`: the cells of that row with this line, if it closes there.
        """
        if len(cells[0]) >= HASH_CHARACTERS // 2 and starts_as_hash(cells[0]):
            return True
        fits = len(joined) in self._widths
        if self._widths and 1 < len(cells) >= min(self._widths):
            return not (fits and begun < min(self._widths))
        return len(cells) > 1 and not fits and self._sense(cells) > 0


def _with_plain_quotes(line: str) -> str:
    """A line whose typographic quotes around cells are plain ones."""
    return _TYPOGRAPHIC_CELL.sub(lambda found: f'{found[1]}"{found[2].replace(DOUBT, 2 * DOUBT)}"', line)


_CELL = r'(?:([ \xa0]?)[ \xa0]*"([^"]*(?:""[^"]*)*)"[ \xa0]*|([^"{}]*))'
"""A cell of a row that is well formed: a blank before its quote, what is quoted; or what is not, without any quote."""


@lru_cache
def _well_formed(delimiter: str) -> re.Pattern[str]:
    """A row whose cells are quoted whole, perhaps with blanks around, or hold no quote."""
    cell = _CELL.format(re.escape(delimiter))
    return re.compile(f"{cell}(?:{re.escape(delimiter)}{cell})*")


@lru_cache
def _cell(delimiter: str) -> re.Pattern[str]:
    """A cell of such a row, with the delimiter behind it."""
    return re.compile(f"{_CELL.format(re.escape(delimiter))}(?:{re.escape(delimiter)}|\\Z)")


def _parsed(text: str, delimiter: str) -> list[str]:
    """The cells of a row that is well formed. A blank before a quote is kept, as one before a cell without is."""
    cells = [
        (blank and quoted and " ") + quoted.replace('""', '"') + plain
        for blank, quoted, plain in _cell(delimiter).findall(text)
    ]
    return cells if text[-1] == delimiter else cells[:-1]


def _split(line: str, delimiter: str, following: Callable[[str], str], widths: Sequence[int]) -> list[str]:
    """The cells of a line with quotes; `following` gives what closes a quote that is left open, if anything does.

    Quotes that are not in pairs around cells count for nothing: they are inch or ditto marks. `widths`: of the table.
    """
    text = line
    pattern = _well_formed(delimiter)
    if '\\"' in text and not pattern.fullmatch(text) and pattern.fullmatch(text.replace('\\"', '""')):
        text = text.replace('\\"', '""')
    if text.count('"') % 2:
        text += following(text)
    if pattern.fullmatch(text):
        cells = _parsed(text, delimiter)
        if len(cells) in widths or not any(map(_is_between_strays, cells)):
            return cells
    return [_without_quotes(cell) for cell in line.split(delimiter)]


def _is_each_quoted(line: str, delimiter: str, count: int) -> bool:
    """Whether each of so many cells stands between quotes: then none of these is a ditto or inch mark."""
    line = line.strip()
    joints = re.findall(f'"[ \xa0]*{re.escape(delimiter)}[ \xa0]*"', line)
    return line[0] == line[-1] == '"' and 1 < count == len(joints) + 1


def _are_texts(line: str, cells: Sequence[str], delimiter: str) -> bool:
    """Whether each delimiter between quotes is one of a text or number: the quotes are no ditto or inch marks."""
    between_cells = re.compile(rf"^{re.escape(delimiter)}|{re.escape(delimiter)}(?! \S|(?<=\d.)\d)")
    return _well_formed(delimiter).fullmatch(line) is not None and not any(map(between_cells.search, cells))


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
        is_inch_mark = text[-1] == '"' and text[-2].isdecimal()
        return blank + (text if is_inch_mark else text.removeprefix('"').removesuffix('"'))
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
