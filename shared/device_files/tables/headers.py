"""Header names of device files and which column each one means.

The names are those of Get-WindowsAutopilotInfo, Intune, the Partner Center template, Managed Desktop, the Partner
Center API, Configuration Manager's report and the spreadsheets of resellers. They are compared without case, spaces and
punctuation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType

from shared.device_files.formats.decoding import NumberCell, clean
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.rows import DeviceRow


class Column(IntEnum):
    """What a column of a device file can mean to Device Drop; also the place of the field in `Header.places`."""

    SERIAL_NUMBER = 0
    PRODUCT_KEY = 1
    HARDWARE_HASH = 2
    MANUFACTURER = 3
    MODEL = 4
    GROUP_TAG = 5
    ASSIGNED_USER = 6
    """Known so that it is recognised as a header; Partner Center takes no user."""
    WHAT_TO_DO = 7
    """Stands in front of rows that were sent back to be mended; known so that it can be left out."""


NAMES: Mapping[Column, str] = {
    Column.SERIAL_NUMBER: "device serial number|serial number|serial|serial no|serial nr|serialnum|s/n|service tag|"
    "device serial|hardware serial number|seriennummer|numero de serie|numéro de série",
    Column.PRODUCT_KEY: "windows product id|product key|product key id|windows product key id|product id|pkid|"
    "windows product key",
    Column.HARDWARE_HASH: "hardware hash|hash|4k hash|4k hardware hash|4khh|device hash|hw hash|"
    "hardware identifier|device hardware data|autopilot hash|hardware id",
    Column.MANUFACTURER: "manufacturer name|manufacturer|oem manufacturer name|oem manufacturer|oem name|oem|make|"
    "device manufacturer|hersteller|fabricant",
    Column.MODEL: "device model|model|model name|device model name|oem model|product name|modell|modele|modèle",
    Column.GROUP_TAG: "group tag|order id|order identifier|tag|autopilot group tag|enrollment group tag",
    Column.ASSIGNED_USER: "assigned user|assigned user principal name|user principal name|upn",
    Column.WHAT_TO_DO: "what to do",
}
_WEAK_NAMES: Mapping[Column, str] = {Column.MODEL: "device name"}
"""Names that count beside the manufacturer alone: a device name is a model in one specification, else a PC's name."""

_REMARK = re.compile(r"(?<=\w)\s*\([^()]*\)")
"""`Serial number (required)`."""
_NOT_COMPARED = re.compile(r"[\W_]+")
_REPORT_PREFIX = re.compile(r"detailstable\d+")
"""Configuration Manager names its report's cells `Details_Table0_SerialNumber`."""

IDENTIFYING = {Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH}
"""One of these at least is in every header."""
_LONGEST_NAME = 128
"""Longer cells are no names."""
FEWEST_NAMES = 2
"""So many recognised names make a line a header; a single one does only where nothing stands beside it."""


def _normalised(name: str) -> str:
    """A header name as it is compared."""
    return _REPORT_PREFIX.sub("", _NOT_COMPARED.sub("", _REMARK.sub("", name.casefold())), count=1)


def _by_name(names: Mapping[Column, str]) -> Mapping[str, Column]:
    pairs = ((_normalised(name), column) for column, texts in names.items() for name in texts.split("|"))
    return MappingProxyType(dict(pairs))


_BY_NAME = _by_name(NAMES)
_BY_WEAK_NAME = _by_name(_WEAK_NAMES)
_FIELDS = 6
ABSENT = -1


@dataclass(frozen=True, slots=True)
class Header:
    """Which cell of a row holds which field."""

    columns: tuple[Column | None, ...]
    """The meaning of each cell; `None` where it has none for us."""
    places: tuple[int, ...]
    """For each of the six fields in the order of `Column`, the cell that holds it, or `ABSENT`."""

    @property
    def width(self) -> int:
        """How many cells a row should have."""
        return len(self.columns)

    def place(self, column: Column) -> int:
        """The cell that holds `column`, or `ABSENT`."""
        return self.places[column]


def header_of(columns: Sequence[Column | None]) -> Header:
    """The header that gives each field its first column."""
    places = [columns.index(field) if field in columns else ABSENT for field in list(Column)[:_FIELDS]]
    return Header(tuple(columns), tuple(places))


def column_named(name: str) -> Column | None:
    """The column that a header name means, or `None` where it means none that is read."""
    return _meaning(name)[0] if len(name) <= _LONGEST_NAME else None


def recognised(cells: Sequence[str]) -> Header | None:
    """The header that a line is, or `None` when it is none."""
    columns = [column_named(cell) for cell in cells]
    found = {column for column in columns if column is not None}
    if not found & IDENTIFYING or any(map(starts_as_hash, cells)):
        return None
    if len(found) < FEWEST_NAMES and sum(1 for cell in cells if clean(cell)) > 1:
        return None
    for place, cell in enumerate(cells):
        weak = _meaning(cell)[1] if len(cell) <= _LONGEST_NAME else None
        if weak is not None and columns[max(0, place - 1)] is Column.MANUFACTURER and weak not in columns:
            columns[place] = weak
    return header_of(_first_of_each(columns))


@lru_cache(maxsize=4096)
def _meaning(name: str) -> tuple[Column | None, Column | None]:
    """The column that a name means, and the one that it means beside the manufacturer."""
    compared = _normalised(name)
    return _BY_NAME.get(compared), _BY_WEAK_NAME.get(compared)


def _first_of_each(columns: Sequence[Column | None]) -> list[Column | None]:
    """A name that comes twice means its first column."""
    first = {column: place for place, column in reversed(list(enumerate(columns)))}
    return [column if first[column] == place else None for place, column in enumerate(columns)]


WITHOUT_HEADER = header_of(
    [Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH, Column.GROUP_TAG, Column.ASSIGNED_USER]
)
"""What Get-WindowsAutopilotInfo writes, with its header line skipped."""
WITHOUT_HEADER_FOR_PARTNERS = header_of(
    [Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH, Column.MANUFACTURER, Column.MODEL]
)
IDENTIFIERS_WITHOUT_HEADER = header_of([Column.MANUFACTURER, Column.MODEL, Column.SERIAL_NUMBER])
"""What Get-WindowsAutopilotInfo -Identifier writes: a corporate device identifier."""
HASH_ALONE = header_of([Column.HARDWARE_HASH])


def row_of(source: str, fields: Mapping[Column, str]) -> DeviceRow:
    """The device row of a record whose fields have names, such as a JSON object."""
    serial_number = fields.get(Column.SERIAL_NUMBER, "")
    return DeviceRow(
        source=source,
        serial_number=str(serial_number),
        product_key=fields.get(Column.PRODUCT_KEY, ""),
        hardware_hash=fields.get(Column.HARDWARE_HASH, ""),
        manufacturer=fields.get(Column.MANUFACTURER, ""),
        model=fields.get(Column.MODEL, ""),
        group_tag=fields.get(Column.GROUP_TAG, ""),
        serial_is_number=isinstance(serial_number, NumberCell),
    )
