"""Rows of cells to device rows: headers wherever they stand, prose and comments left out, cells below their headers."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.device_files.checks import excel_damage as excel
from shared.device_files.checks.validation import is_key_id
from shared.device_files.formats.decoding import NumberCell, clean
from shared.device_files.hardware_hash.verification import VerifiedHash, starts_as_hash, verify
from shared.device_files.placeholders import is_manufacturer, is_placeholder
from shared.device_files.reasons import Note, RowReason
from shared.device_files.rows import DeviceRow
from shared.device_files.tables import headers as columns
from shared.device_files.tables.headers import ABSENT, Column, Header
from shared.device_files.tables.realignment import Fields, fields_of, realigned

LONGEST_PREAMBLE = 100
"""So many lines without a header are kept, in case they turn out to be devices without one."""

_WORD = re.compile(r"(?<![\w-])[^\W\d_]{3,}(?![\w-])")
_WORDS_OF_PROSE = 3

ReadTable = Callable[[Iterable[tuple[int, Sequence[str]]], str], Iterator[DeviceRow]]
"""Makes device rows of the cells of a table's rows with their line numbers, and of what is put before those."""


def device_rows(records: Iterable[tuple[int, Sequence[str]]], prefix: str = "") -> Iterator[DeviceRow]:
    """The device rows of a table. Headers, prose, comments and blank rows are no device rows.

    `records` are the cells of each row with its line number; `prefix` tells a person where the table is.
    """
    table = Table(prefix)
    for number, cells in records:
        yield from table.read(number, cells)


@dataclass(slots=True)
class Table:
    """What is known of a table after the rows read so far."""

    prefix: str
    header: Header | None = None
    has_no_header: bool = False
    """Devices were found before any header."""
    is_report: bool = False
    """It is Configuration Manager's report, whose rows bear their headers."""
    preamble: "deque[tuple[int, Sequence[str]]]" = field(default_factory=lambda: deque(maxlen=LONGEST_PREAMBLE))
    """The lines before the first header or device."""

    def read(self, number: int, cells: Sequence[str]) -> Sequence[DeviceRow]:
        """The device rows that the next row of cells makes known: none, itself, or some before it as well."""
        header = self.header
        if header is not None and _has_hash_in_place(header, cells) and len(cells) <= header.width:
            return (self._row(number, fields_of(header, cells)),)
        if _is_blank(cells) or _is_comment(cells):
            return ()
        report = _report_row(cells, needs_hash=not self.is_report)
        if report is not None:
            self.is_report = True
            self.preamble.clear()
            return (self._row(number, report),)
        found = columns.recognised(cells)
        if found is not None and (header is None or _is_header_after(header, found, cells)):
            self.header, self.has_no_header = found, False
            self.preamble.clear()
            return ()
        if header is None:
            return self._without_header(number, cells)
        return self._under_header(header, number, cells)

    def _under_header(self, header: Header, number: int, cells: Sequence[str]) -> Sequence[DeviceRow]:
        fields = fields_of(header, cells)
        if _is_prose(fields, cells):
            # Words in every column of a device are nobody's explanation: such a row is refused aloud, not passed over.
            is_filled_in = bool(fields.manufacturer and fields.model)
            return (self._row(number, _shown(fields), problem=RowReason.SHIFTED_CELLS),) if is_filled_in else ()
        cells = _without_empty_end(cells, header.width)
        hash_elsewhere = not starts_as_hash(fields.hardware_hash) and any(map(starts_as_hash, cells))
        if len(cells) <= header.width and not hash_elsewhere:
            return (self._row(number, fields),)
        return (self._put_right(header, number, cells),)

    def _without_header(self, number: int, cells: Sequence[str]) -> Sequence[DeviceRow]:
        """A row before any header: a device if its columns are unmistakable."""
        cells = _without_empty_end(cells, 1)
        row = self._unmistakable(number, cells)
        if row is not None:
            unclear = [self._unclear(*line) for line in self.preamble if _could_be_device(line[1])]
            self.preamble.clear()
            self.has_no_header = True
            return (*unclear, row)
        if self.has_no_header:
            is_prose = _is_prose(fields_of(columns.WITHOUT_HEADER, cells), cells)
            return () if is_prose else (self._unclear(number, cells),)
        self.preamble.append((number, cells))
        return ()

    def _unmistakable(self, number: int, cells: Sequence[str]) -> DeviceRow | None:
        hashes = [place for place, cell in enumerate(cells) if starts_as_hash(cell)]
        if hashes:
            return self._hash_without_header(number, cells, hashes)
        if _is_identifier(cells):
            return self._put_right(columns.IDENTIFIERS_WITHOUT_HEADER, number, cells)
        is_tuple = len(cells) >= columns.WITHOUT_HEADER_FOR_PARTNERS.width and not any(map(clean, cells[1:3]))
        if is_tuple and is_manufacturer(clean(cells[3])):
            return self._put_right(columns.WITHOUT_HEADER_FOR_PARTNERS, number, cells)
        return None

    def _hash_without_header(self, number: int, cells: Sequence[str], hashes: Sequence[int]) -> DeviceRow:
        """A hash shows that the row is a device; the other cells may still be unclear."""
        if len(cells) == 1:
            return self._row(number, Fields(hardware_hash=cells[0]))
        if hashes != [columns.WITHOUT_HEADER.place(Column.HARDWARE_HASH)]:
            fields = realigned(columns.HASH_ALONE, cells)
            return self._unclear(number, cells) if fields is None else self._row(number, fields)
        partners = columns.WITHOUT_HEADER_FOR_PARTNERS
        is_for_partners = len(cells) >= partners.width and _names_manufacturer(cells[hashes[0] + 1], cells[hashes[0]])
        return self._put_right(partners if is_for_partners else columns.WITHOUT_HEADER, number, cells)

    def _put_right(self, header: Header, number: int, cells: Sequence[str]) -> DeviceRow:
        """A row whose cells may be more than its headers, or not below them."""
        if len(cells) <= header.width and _has_hash_in_place(header, cells) == any(map(starts_as_hash, cells)):
            return self._row(number, fields_of(header, cells))
        fields = realigned(header, cells)
        if fields is not None:
            return self._row(number, fields, note=Note.CELLS_REALIGNED)
        return self._row(number, _shown(fields_of(header, cells)), problem=RowReason.SHIFTED_CELLS)

    def _unclear(self, number: int, cells: Sequence[str]) -> DeviceRow:
        first = next(filter(None, map(clean, cells)), "")
        return self._row(number, _shown(Fields(serial_number=first)), problem=RowReason.UNCLEAR_COLUMNS)

    def _row(
        self, number: int, fields: Fields, *, note: Note | None = None, problem: RowReason | None = None
    ) -> DeviceRow:
        return DeviceRow(
            source=f"{self.prefix}line {number}",
            serial_number=str(fields.serial_number),
            product_key=fields.product_key,
            hardware_hash=fields.hardware_hash,
            manufacturer=fields.manufacturer,
            model=fields.model,
            group_tag=fields.group_tag,
            serial_is_number=isinstance(fields.serial_number, NumberCell),
            problem=problem,
            notes=(note,) if note else (),
        )


def _shown(fields: Fields) -> Fields:
    """What of a row that could not be read is shown: never a hash in another column."""
    cells = (fields.serial_number, fields.product_key, "", fields.manufacturer, fields.model, fields.group_tag)
    return Fields(*("" if starts_as_hash(cell) else cell for cell in cells))


def _has_hash_in_place(header: Header, cells: Sequence[str]) -> bool:
    place = header.place(Column.HARDWARE_HASH)
    return ABSENT < place < len(cells) and starts_as_hash(cells[place])


def _is_blank(cells: Sequence[str]) -> bool:
    return not any(map(clean, cells))


def _is_comment(cells: Sequence[str]) -> bool:
    """A line that begins with # and holds neither a hash nor an error that a spreadsheet left in a cell."""
    first = clean(cells[0])
    return first[:1] == "#" and not any(starts_as_hash(cell) or excel.is_error(clean(cell)) for cell in cells)


def _is_header_after(header: Header, found: Header, cells: Sequence[str]) -> bool:
    """Whether a row with names of columns, `found`, is a new header after the one that holds so far.

    Configuration Manager's report holds names beside the values of a row; a single name among several cells is a value.
    """
    names = {place for place, column in enumerate(found.columns) if column is not None}
    values = {place for place in header.places if ABSENT < place < len(cells) and clean(cells[place])}
    return (not values or bool(names & values)) and (len(names) >= columns.FEWEST_NAMES or len(cells) == 1)


def _report_row(cells: Sequence[str], *, needs_hash: bool) -> Fields | None:
    """A row of Configuration Manager's report: it repeats the names of its columns before their values.

    A row with a hash shows it beyond doubt; one without might as well be a header with further columns.
    """
    names, values = names_and_values(cells)
    header = columns.recognised(names) if 0 < len(values) <= len(names) else None
    if header is None or (needs_hash and not _has_hash_in_place(header, values)):
        return None
    return fields_of(header, values)


def names_and_values(cells: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The names of columns with which a row of Configuration Manager's report begins, and what follows them."""
    if len(cells) < 2 * columns.FEWEST_NAMES or columns.column_named(cells[0]) is None:
        return (), cells
    cells = _without_empty_end(cells, 0)
    count = next((place for place, cell in enumerate(cells) if columns.column_named(cell) is None), len(cells))
    return cells[:count], cells[count:]


def _is_identifier(cells: Sequence[str]) -> bool:
    """Manufacturer, model and serial number without a header; a manufacturer may have lost its quotes."""
    if len(cells) < columns.IDENTIFIERS_WITHOUT_HEADER.width or not all(map(clean, cells)):
        return False
    return is_manufacturer(clean(cells[0])) or is_manufacturer(clean(",".join(cells[:2])))


def _names_manufacturer(cell: str, hardware_hash: str) -> bool:
    """Whether a cell begins the manufacturer that the row's hash names, or one that is known where it names none."""
    text, found = clean(cell), verify(hardware_hash)
    if isinstance(found, VerifiedHash) and found.manufacturer:
        return bool(text) and found.manufacturer.casefold().startswith(text.casefold())
    return is_manufacturer(text)


def _is_prose(fields: Fields, cells: Sequence[str]) -> bool:
    """Explanations left in the file: several words in place of a serial number, and nothing that names a device."""
    if len(_WORD.findall(fields.serial_number)) < _WORDS_OF_PROSE or is_placeholder(fields.serial_number):
        return False
    names_device = is_key_id(fields.product_key) or is_manufacturer(fields.manufacturer)
    return not (names_device or any(map(starts_as_hash, cells)))


def _could_be_device(cells: Sequence[str]) -> bool:
    """Whether a row has as many cells as the fewest that identify a device without a hash."""
    return sum(1 for cell in cells if clean(cell)) >= columns.IDENTIFIERS_WITHOUT_HEADER.width


def _without_empty_end(cells: Sequence[str], width: int) -> Sequence[str]:
    """The cells without the empty ones beyond `width`."""
    count = len(cells)
    while count > width and not clean(cells[count - 1]):
        count -= 1
    return cells[:count]
