"""Rows of cells to device rows: headers wherever they stand, cells below their headers; all else is accounted for."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import itemgetter
from typing import NamedTuple

from msgspec.structs import replace

from shared.device_files.account import FileAccount, could_hold_device, names_device
from shared.device_files.cells import TypedCell, clean
from shared.device_files.formats.parts import Delimiter, Records
from shared.device_files.hardware_hash.layout import HASH_CHARACTERS
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.placeholders import is_manufacturer, is_placeholder, is_template_text, names_manufacturer
from shared.device_files.rows import ABSENT, UNKNOWN_COLUMNS, Column, DeviceRow, Header, header_of
from shared.device_files.tables import headers, tool_output
from shared.device_files.tables.fields import Fields, cleaned, fields_of, may_be_another_device
from shared.device_files.tables.header_names import column_named
from shared.device_files.tables.headerless import HASH_ALONE, columns_of
from shared.device_files.tables.realignment import is_in_place, realigned
from shared.reasons import FileNote, FileReason, Note, PassedOverKind, RowReason, UnreadableDeviceFile

LONGEST_PREAMBLE = 100
"""So many lines without a header wait for one; those before them are told of as they are."""
_MOST_REMEMBERED = 4_096
_LONGEST_PLAIN_SERIAL = 64

_WORD = re.compile(r"(?<![\w-])[^\W\d_]{3,}(?![\w-])")
_WORDS_OF_PROSE = 3
_OTHER_DELIMITER = re.compile(r"[\t;|^]|,(?=\S)")
"""In a line of one cell: it may be a row of several, cut at another delimiter."""
_NAME_WITH_DIGIT = re.compile(r"[^\W\d]+0|[^\W\d]{5,}[ _]?\d{1,2}")
"""What a made-up column name looks like: Name0, Field_1, Textbox12."""
_LONGEST_COUNT = 5
_TOTAL = re.compile(
    r"\W*(?:(?:sub|grand)?\W*(?:total|sum)\w{0,4}|(?:gesamt|zwischen)?summe|gesamt|somme|suma|count|anzahl)\W*",
    re.IGNORECASE,
)
_MOST_DIGITS_OF_NAME = 2
"""Such as of `Kennung (15-stellig)`."""
_NUMBERED = re.compile(r"[^\W\d][^0-9]*[0-9]{1,2}")
_FEWEST_OF_DEVICE = 3
"""Cells of the fewest that identify a device without a hash."""


def table_rows(
    records: Records,
    account: FileAccount,
    prefix: str = "",
    delimiter: Delimiter | None = None,
    *,
    is_log: bool = False,
) -> Iterator[DeviceRow]:
    """The device rows of a table. Headers and blank lines are none; what else is none is told to `account`.

    `records` are the cells of each row with its line number; `prefix` tells a person where the table is. `delimiter`:
    of a text, whose cells may have lost their quotes. `is_log`: lines that are not understood are passed over.

    Raises:
        UnreadableDeviceFile: two columns of one meaning differ in a row, or it is a picture of a table.
    """
    table = Table(prefix, account, delimiter, is_log)
    for number, cells in records:
        row = table.ordinary(number, cells)
        if row is not None:
            yield row
        else:
            yield from table.read(number, cells)
    yield from table.finish()


class _Layout:
    """What a header decides for all rows below it, and what their cells of few values decided so far."""

    def __init__(self, found: headers.FoundHeader) -> None:
        self.header = header = found.header
        self.width = width = found.width
        self.named = header.width
        self.twins, self.other_tags = found.twins, found.other_tags
        self.has_rivals = bool(self.twins or self.other_tags)
        self.serial, self.key, self.hash = header.places[:3]
        self.order, self.profile = header.place(Column.ORDER_NUMBER), header.place(Column.PROFILE)
        behind_tag = header.place(Column.GROUP_TAG) + 1
        self.behind_tag = behind_tag if behind_tag < width else 0
        # A cell that is absent is looked for behind all others, where an empty one is put.
        self.pick = itemgetter(*(place if place != ABSENT else width for place in header.places[3:6]))
        self.needs_empty = ABSENT in header.places[3:6]
        self.unknown = [place for place, column in enumerate(header.columns) if column is None]
        self.remembered: dict[tuple[str, str, str], tuple[str, str, str]] = {}
        """Manufacturer, model and group tag of rows: what was read of these cells, which many rows share."""
        self.devices: set[tuple[str, str]] = set()
        """Manufacturers and models of rows so far."""
        self.is_doubted = False
        """Below a line that may be the names of other columns: until a device comes that was there before."""

    def doubt(self) -> None:
        """From here on other names may hold: rows are read only from one on that shows that they do not."""
        self.is_doubted = True
        self.remembered.clear()

    def holds_for(self, fields: Fields) -> bool:
        """Whether nothing speaks against a row's cells standing below their names: a hash, or a device as before."""
        is_known = bool(fields.manufacturer) and (fields.manufacturer, fields.model) in self.devices
        is_sure = is_known or starts_as_hash(fields.hardware_hash)
        self.is_doubted = self.is_doubted and not is_sure
        return not self.is_doubted

    def remember(self, header: Header, cells: Sequence[str], fields: Fields) -> None:
        """Keep the device of a row, and what the shared cells of an ordinary one decided."""
        if max(len(self.devices), len(self.remembered)) >= _MOST_REMEMBERED:
            self.devices.clear()
            self.remembered.clear()
        self.devices.add((fields.manufacturer, fields.model))
        if len(cells) == self.width and header is self.header and not isinstance(fields.manufacturer, TypedCell):
            self.remembered[self.shared_cells(cells)] = fields.manufacturer, fields.model, fields.group_tag

    def has_no_row_like(self, words: Fields) -> bool:
        """Whether a row of words is rather the names of other columns: no row so far has its maker, though some came.

        Right below the header they may be the same names in another language; capitals may be a serial number.
        """
        makers = {maker for maker, _ in self.devices if maker}
        is_serial_number = words.serial_number.isalpha() and words.serial_number.isupper() and not words.model.isupper()
        return words.manufacturer not in makers and not is_serial_number

    def ignored(self, cells: Sequence[str]) -> Sequence[str]:
        """The cells of a row below names that mean nothing."""
        return [cells[place] for place in self.unknown if place < len(cells)] if self.unknown else ()

    def header_for(self, cells: Sequence[str]) -> Header:
        """The header by which a row is read: where its group tag is empty, a less sure one that is filled is it.

        Raises:
            UnreadableDeviceFile: two columns have equally sure names of one meaning, and different cells in this row.
        """
        texts = [*map(clean, cells), *[""] * self.width]
        for place, other in self.twins:
            if texts[other] and texts[other].casefold() != texts[place].casefold():
                raise headers.columns_twice(self.header, place, other)
        tag = next((place for place in self.other_tags if texts[place]), ABSENT)
        if tag == ABSENT or texts[self.header.place(Column.GROUP_TAG)]:
            return self.header
        columns = list(self.header.columns)
        columns[self.header.place(Column.GROUP_TAG)], columns[tag] = None, Column.GROUP_TAG
        return header_of(columns, self.header.names)

    def shared_cells(self, cells: Sequence[str]) -> tuple[str, str, str]:
        """Manufacturer, model and group tag as they stand in a row that is as wide as its header."""
        found: tuple[str, str, str] = self.pick([*cells, ""] if self.needs_empty else cells)
        return found


class _WaitingLine(NamedTuple):
    """A line before the first header or device."""

    number: int
    cells: Sequence[str]
    names: int
    """How many columns it names, none of which is known."""


@dataclass(slots=True)
class Table:
    """What is known of a table after the rows read so far."""

    prefix: str
    account: FileAccount
    delimiter: Delimiter | None = None
    """Of a text, in which a cell that lost its quotes fell apart."""
    is_log: bool = False
    layout: _Layout | None = None
    has_no_header: bool = False
    """Devices were found before any header."""
    is_report: bool = False
    """It is Configuration Manager's report, whose rows bear their headers."""
    preamble: "deque[_WaitingLine]" = field(default_factory=deque)
    """The lines before the first header or device."""
    is_under_unknown_names: bool = False
    """The devices found before any header stand below names that nobody knows."""
    listed: set[Column] = field(default_factory=set)
    """Names that stood alone on a line, each before a colon."""

    def read(self, number: int, cells: Sequence[str]) -> Sequence[DeviceRow]:
        """The device rows that the next row of cells makes known: none, itself, or some before it as well."""
        filled = list(filter(None, map(clean, cells)))
        if not filled:
            return ()
        self._expect_no_picture(filled)
        if self.layout is not None and all(map(is_template_text, filled)):
            return self._pass_over(PassedOverKind.TEMPLATE_LINE, number, cells)
        report = self._report_row(number, cells)
        if report is not None:
            return (*self._settle_preamble(), report)
        found = headers.find_header(cells, is_first=self.layout is None) or self._header_of_two_lines(cells)
        if found is not None:
            return self._begin(found, number)
        kind = self._kind_passed_over(cells, filled)
        above = self.preamble[-1].cells if self.preamble else ()
        if tool_output.is_rule(filled[0]) and len(above) == 1 and tool_output.shows_names(above[0]):
            # Dashes below names that stand side by side in one cell.
            raise UnreadableDeviceFile(FileReason.NOT_DEVICES, tool_output.TABLE_PICTURE)
        if kind is not None:
            return self._pass_over(kind, number, cells)
        if self.layout is None:
            return self._without_header(number, cells)
        return (self._under_header(self.layout, number, cells),)

    def finish(self) -> Sequence[DeviceRow]:
        """At the end: one row for what nobody understood, where it could hold devices."""
        names = {column_named(clean(line.cells[0])) for line in self.preamble} - {None}
        unclear = self._settle_preamble()
        if not unclear:
            return ()
        first, last = unclear[0].source.removeprefix(self.prefix), unclear[-1].source.rpartition(" ")[2]
        source = f"{self.prefix}{first} to {last}" if len(unclear) > 1 else unclear[0].source
        source += f" ({tool_output.TURNED})" if len(names) >= headers.FEWEST_NAMES else ""
        return (DeviceRow(source, problem=RowReason.PART_NOT_UNDERSTOOD),)

    def ordinary(self, number: int, cells: Sequence[str]) -> DeviceRow | None:
        """The row of cells that can be nothing else: with a hash in its place, or names that were read before."""
        layout = self.layout
        if layout is None or len(cells) != layout.width or any(cells[layout.named :]):
            return None
        if layout.has_rivals or (layout.unknown and may_be_another_device(layout.ignored(cells))):
            return None
        if layout.behind_tag and cells[layout.behind_tag][:1] == " ":
            return None
        serial = cells[layout.serial] if layout.serial >= 0 else ""
        if layout.unknown and _is_count(serial):
            return None
        hash_ = cells[layout.hash] if layout.hash >= 0 else ""
        shared = layout.remembered.get(layout.shared_cells(cells))
        if hash_[:2] == "T0" and (len(hash_) == HASH_CHARACTERS or starts_as_hash(hash_)):
            if shared is None:
                return None
        elif (
            shared is None
            or hash_
            or not (shared[0] and shared[1] and serial.isalnum() and len(serial) <= _LONGEST_PLAIN_SERIAL)
        ):
            return None
        key = cells[layout.key] if layout.key >= 0 else ""
        order = cells[layout.order] if layout.order >= 0 else ""
        profile = cells[layout.profile] if layout.profile >= 0 else ""
        return DeviceRow(
            f"{self.prefix}line {number}",
            serial if serial.isalnum() and serial.isascii() else cleaned(serial),
            cleaned(key) if key else "",
            hash_,
            *shared,
            cleaned(order) if order else "",
            cleaned(profile) if profile else "",
            None,
            (),
            layout.header,
            cells,
        )

    def _header_of_two_lines(self, cells: Sequence[str]) -> headers.FoundHeader | None:
        """The header whose names go on in the line right below it, where that makes another column known."""
        layout = self.layout
        if layout is None or layout.devices or len(cells) > layout.width:
            return None
        names = [f"{clean(name)} {clean(cell)}" for name, cell in zip_longest(layout.header.names, cells, fillvalue="")]
        found = headers.find_header(names)
        is_more = found is not None and found.header.columns.count(None) < layout.header.columns.count(None)
        return found if is_more else None

    def _begin(self, found: headers.FoundHeader, number: int) -> Sequence[DeviceRow]:
        """From here on a header holds."""
        self.layout, self.has_no_header = _Layout(found), False
        self.is_under_unknown_names = False
        if found.ignored:
            self.account.note(FileNote.COLUMNS_IGNORED, *found.ignored)
        if any(headers.is_value(name) and could_hold_device(name) for name in found.ignored):
            self.account.note(FileNote.MAY_HOLD_DEVICES, self._place(number))
        for preferred in found.preferred:
            self.account.note(FileNote.COLUMN_PREFERRED, f"{self.prefix}line {number}: {preferred}")
        return self._settle_preamble()

    def _under_header(self, layout: _Layout, number: int, cells: Sequence[str]) -> DeviceRow:
        header = layout.header_for(cells)
        if may_be_another_device(layout.ignored(cells)):
            self.account.note(FileNote.MAY_HOLD_DEVICES, self._place(number))
        fields = fields_of(header, cells)
        is_renamed = _begins_with_name(fields)
        is_names = is_renamed or _is_row_of_words(fields) or (len(cells) == 1 and _names_in(cells) >= _FEWEST_OF_DEVICE)
        if is_names and layout.devices and (is_renamed or layout.has_no_row_like(fields)):
            self.account.note(FileNote.HEADER_NOT_UNDERSTOOD, f"{self._place(number)}: {_text_of(cells)}")
            layout.doubt()
        if _is_count(fields.serial_number) and any(map(_TOTAL.fullmatch, layout.ignored(cells))):
            return self._row(number, header, cells, fields, RowReason.SERIAL_NOT_A_SERIAL)
        if is_names or not layout.holds_for(fields):
            return self._row(number, header, cells, _shown(fields), RowReason.UNCLEAR_COLUMNS)
        if not is_in_place(header, cells, layout.width, self._delimiter()):
            return self._aligned(header, layout.width, number, cells)
        layout.remember(header, cells, fields)
        return self._row(number, header, cells, fields)

    def _expect_no_picture(self, filled: Sequence[str]) -> None:
        """Refuse what a screen shows: hashes that it cut, and lists, whose lines are a name, a colon and a value."""
        if any(map(tool_output.is_cut_on_screen, filled)):
            raise UnreadableDeviceFile(FileReason.NOT_DEVICES, tool_output.TABLE_PICTURE)
        if len(filled) == 1 and (name := tool_output.listed_name(filled[0])) is not None:
            self.listed.add(name)
            if len(self.listed) >= headers.FEWEST_NAMES:
                raise UnreadableDeviceFile(FileReason.NOT_DEVICES, tool_output.LIST_PICTURE)

    def _pass_over(self, kind: PassedOverKind, number: int, cells: Sequence[str]) -> Sequence[DeviceRow]:
        text = _text_of(cells)
        # A tool's own lines name machines and paths; a row that went to its prompt has several cells.
        is_of_tool = kind is PassedOverKind.TOOL_OUTPUT and sum(map(bool, map(clean, cells))) == 1
        may_hold_device = False if kind is PassedOverKind.TEMPLATE_LINE or is_of_tool else None
        if kind is PassedOverKind.UNKNOWN_HEADER:
            may_hold_device = names_manufacturer(text)
        if self.is_log:
            may_hold_device = names_device(text)
        self.account.pass_over(kind, self._place(number), text, may_hold_device=may_hold_device)
        return ()

    def _kind_passed_over(self, cells: Sequence[str], filled: Sequence[str]) -> PassedOverKind | None:
        """What a line is that is neither header nor row; `None` where it may be a row."""
        if any(map(starts_as_hash, filled)):
            return None
        text = _text_of(cells)
        if tool_output.is_tool_line(text) or all(map(tool_output.is_rule, filled)):
            return PassedOverKind.TOOL_OUTPUT
        if all(map(is_template_text, filled)):
            return PassedOverKind.TEMPLATE_LINE
        if filled[0][:1] == "#" and clean(cells[0]) and not self._could_be_row(cells, filled):
            return PassedOverKind.COMMENT
        is_one = len(filled) == 1 and not any(map(_OTHER_DELIMITER.search, cells))
        is_prose = is_one and len(_WORD.findall(filled[0])) >= _WORDS_OF_PROSE
        could_be_names = self.layout is None and tool_output.shows_names(filled[0])
        if is_prose and not (could_be_names or is_placeholder(filled[0])):
            if not could_hold_device(filled[0]):
                return PassedOverKind.PROSE
            return PassedOverKind.UNCLEAR_TEXT if self.layout is None else None
        return None

    def _could_be_row(self, cells: Sequence[str], filled: Sequence[str]) -> bool:
        """Whether a line that begins with # could still be a row: it is one cell too many for a comment."""
        if len(filled) == 1:
            return self.layout is not None and " " not in filled[0]
        is_wide = self.layout is not None and (len(cells) == self.layout.width or len(filled) >= _FEWEST_OF_DEVICE)
        return is_wide or any(map(could_hold_device, filled))

    def _without_header(self, number: int, cells: Sequence[str]) -> Sequence[DeviceRow]:
        """A row before any header: a device if its columns are unmistakable."""
        cells = _without_empty_end(cells)
        columns = columns_of(cells, is_named=self._has_unknown_names_above(cells))
        if columns is not None:
            before = self._settle_preamble()
            self.has_no_header = True
            return (*before, self._by_columns(columns, number, cells))
        if self.has_no_header:
            return self._settled(number, cells)
        self.preamble.append(_WaitingLine(number, cells, _names_in(cells)))
        if len(self.preamble) <= LONGEST_PREAMBLE:
            return ()
        line = self.preamble.popleft()
        return self._settled(line.number, line.cells)

    def _by_columns(self, columns: Header, number: int, cells: Sequence[str]) -> DeviceRow:
        if columns is UNKNOWN_COLUMNS:
            return self._unclear(number, cells)
        if is_in_place(columns, cells, columns.width, self._delimiter()):
            return self._row(number, columns, cells, fields_of(columns, cells))
        return self._aligned(columns, columns.width, number, cells)

    def _has_unknown_names_above(self, cells: Sequence[str]) -> bool:
        """Whether a line of names that nobody knows heads this row: then its cells are not told by their places.

        Lines of one cell may be rows between: their delimiter is known once one of them makes sense.
        """
        if not (self.is_under_unknown_names or self.has_no_header):
            self.is_under_unknown_names = any(1 < len(cells) <= line.names for line in self.preamble)
        return self.is_under_unknown_names

    def _settle_preamble(self) -> Sequence[DeviceRow]:
        """What the lines before the first header or device are after all."""
        lines, self.preamble = self.preamble, deque()
        return [row for line in lines for row in self._settled(line.number, line.cells)]

    def _settled(self, number: int, cells: Sequence[str]) -> Sequence[DeviceRow]:
        """A line without a header, of which nobody can say what its cells are: a rejected row, or names of columns."""
        filled = list(filter(None, map(clean, cells)))
        if self.is_log and not (self.has_no_header or any(map(starts_as_hash, filled))):
            return self._pass_over(PassedOverKind.UNCLEAR_TEXT, number, cells)
        if _are_unknown_names(filled):
            if len(filled) > 1 or _names_in(cells) >= headers.FEWEST_NAMES:
                self.is_under_unknown_names = self.is_under_unknown_names or self.has_no_header
                self.account.note(FileNote.HEADER_NOT_UNDERSTOOD, f"{self._place(number)}: {_text_of(cells)}")
            return self._pass_over(PassedOverKind.UNKNOWN_HEADER, number, cells)
        return (self._unclear(number, cells),)

    def _unclear(self, number: int, cells: Sequence[str]) -> DeviceRow:
        first = next((cell for cell in map(clean, cells) if cell and not starts_as_hash(cell)), "")
        return self._row(number, UNKNOWN_COLUMNS, cells, Fields(first), RowReason.UNCLEAR_COLUMNS)

    def _delimiter(self) -> str | None:
        return None if self.delimiter is None else self.delimiter()

    def _aligned(self, header: Header, width: int, number: int, cells: Sequence[str]) -> DeviceRow:
        """A row put right, if it can be: else nobody can say which cell is what."""
        aligned = realigned(header, cells, width, self._delimiter() or ",")
        below = fields_of(header, cells)
        if aligned is None and header is HASH_ALONE:
            return self._unclear(number, cells)
        if aligned is None:
            return self._row(number, UNKNOWN_COLUMNS, cells, _shown(below), RowReason.SHIFTED_CELLS)
        row = self._row(number, *aligned, fields_of(*aligned))
        is_told = header is HASH_ALONE or fields_of(*aligned) == below
        return row if is_told else replace(row, notes=(Note.CELLS_REALIGNED,))

    def _report_row(self, number: int, cells: Sequence[str]) -> DeviceRow | None:
        """A row of Configuration Manager's report: it repeats the names of its columns before their values.

        A hash or a known manufacturer in its place shows it; else it might as well be a header with further columns.
        """
        names, values = _names_and_values(cells)
        found = headers.find_header(names) if 0 < len(values) <= len(names) else None
        if found is None or found.twins:
            return None  # A header may have two names of one meaning, and a better one behind.
        fields = fields_of(found.header, values)
        has_device = _has_hash_in_place(found.header, values) or is_manufacturer(fields.manufacturer)
        self.is_report = self.is_report or has_device
        return self._row(number, found.header, values, fields) if self.is_report else None

    def _row(
        self, number: int, header: Header, cells: Sequence[str], fields: Fields, problem: RowReason | None = None
    ) -> DeviceRow:
        return DeviceRow(self._place(number), *fields, problem, (), header, cells)

    def _place(self, number: int) -> str:
        return f"{self.prefix}line {number}"


def _text_of(cells: Sequence[str]) -> str:
    """A line as it is shown to a person."""
    return ", ".join(filter(None, map(clean, cells)))


def _shown(fields: Fields) -> Fields:
    """What of a row that could not be read is shown: never a hash in another column."""
    shown = Fields(*("" if starts_as_hash(cell) else cell for cell in fields))
    return shown._replace(hardware_hash="", order_number="", profile="")


def _is_count(serial_number: str) -> bool:
    """Whether a serial number is as short as a count of rows, as in the line of totals below a table."""
    return len(serial_number) <= _LONGEST_COUNT and serial_number.isdecimal()


def _has_hash_in_place(header: Header, cells: Sequence[str]) -> bool:
    place = header.place(Column.HARDWARE_HASH)
    return ABSENT < place < len(cells) and starts_as_hash(cells[place])


def _begins_with_name(fields: Fields) -> bool:
    """Whether a row has the name of a column where its serial number should be, and something beside it."""
    has_others = any(fields[1:]) and not (fields.hardware_hash or is_manufacturer(fields.manufacturer))
    return has_others and column_named(fields.serial_number) is not None


def _is_row_of_words(fields: Fields) -> bool:
    """Whether a row is words alone, or numbered words, as unknown names of columns are, and no known manufacturer."""
    if fields.hardware_hash or not (fields.serial_number and fields.manufacturer and fields.model):
        return False
    if is_manufacturer(fields.manufacturer):
        return False
    names = fields.serial_number, fields.manufacturer, fields.model
    if all(map(_NUMBERED.fullmatch, names[:2])):
        return True
    if any(map(str.isdecimal, fields.serial_number)):
        has_word = any(word != word.upper() for word in _WORD.findall(fields.serial_number))
        return has_word and all(sum(map(str.isdecimal, name)) <= _MOST_DIGITS_OF_NAME for name in names)
    return not is_placeholder(fields.serial_number)


def _are_unknown_names(filled: Sequence[str]) -> bool:
    """Whether cells are rather names of columns, or words, than a device: none has a digit but in a made-up name."""
    if any(starts_as_hash(cell) or is_manufacturer(cell) for cell in filled):
        return False
    has_digit = (cell for cell in filled if any(character.isdecimal() for character in cell))
    return all(_NAME_WITH_DIGIT.fullmatch(cell) for cell in has_digit)


def _names_in(line: Sequence[str]) -> int:
    """How many columns a line rather names, none of which is known; 0 where it is no line of names."""
    names = list(map(clean, _OTHER_DELIMITER.split(line[0]) if len(line) == 1 else line))
    filled = list(filter(None, names))
    return len(names) if len(filled) > len(names) // 2 and _are_unknown_names(filled) else 0


def _names_and_values(cells: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The names of columns with which a row of Configuration Manager's report begins, and what follows them."""
    if len(cells) < 2 * headers.FEWEST_NAMES or column_named(cells[0]) is None:
        return (), cells
    cells = _without_empty_end(cells)
    count = next((place for place, cell in enumerate(cells) if column_named(cell) is None), len(cells))
    return cells[:count], cells[count:]


def _without_empty_end(cells: Sequence[str]) -> Sequence[str]:
    """The cells without the empty ones at their end."""
    count = len(cells)
    while count > 1 and not clean(cells[count - 1]):
        count -= 1
    return cells[:count]
