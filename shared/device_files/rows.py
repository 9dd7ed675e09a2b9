"""The records of reading a device file: a row as read, the rules it is judged by, a row as judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from msgspec import Struct

from shared.reasons import FileNote, Note, PassedOverKind, RowReason


class Column(IntEnum):
    """What a column of a device file can mean to Device Drop.

    The first `FIELDS` of them are also places in `Header.places`: a new field stands before the assigned user.
    """

    SERIAL_NUMBER = 0
    PRODUCT_KEY = 1
    HARDWARE_HASH = 2
    MANUFACTURER = 3
    MODEL = 4
    GROUP_TAG = 5
    ORDER_NUMBER = 6
    """Kept with the row and shown; Partner Center takes none."""
    PROFILE = 7
    """The configuration policy that the device is to have, by its name or id."""
    ASSIGNED_USER = 8
    """Known so that it is recognised as a header; Partner Center takes no user."""
    WHAT_TO_DO = 9
    """Stands behind rows that were sent back to be fixed; known so that it can be left out."""
    FIX_REASON = 10
    """Stands in front of these rows; known so that it can be left out, as is the next."""
    FIX_SOURCE = 11


ADDED_TO_FIX = frozenset({Column.WHAT_TO_DO, Column.FIX_REASON, Column.FIX_SOURCE})
"""The columns that only rows sent back to be fixed have. Their cells hold nothing that could fall apart."""

IDENTIFYING = frozenset({Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH})
"""One of these at least is in every header."""
NAMES_OF_A_DEVICE = frozenset({Column.SERIAL_NUMBER, Column.MANUFACTURER, Column.MODEL})
"""These together identify a device without a hash."""

FIELDS = 8
"""Columns that are fields of a row: those before the assigned user."""
ABSENT = -1


@dataclass(frozen=True, slots=True)
class Header:
    """Which cell of a row holds which field."""

    names: tuple[str, ...]
    """As they stand in the file; empty where there is no header line and the columns are known without."""
    columns: tuple[Column | None, ...]
    """The meaning of each cell; `None` where it has none for us."""
    places: tuple[int, ...]
    """For each field in the order of `Column`, the cell that holds it, or `ABSENT`."""

    @property
    def width(self) -> int:
        """How many cells a row should have."""
        return len(self.columns)

    def place(self, column: Column) -> int:
        """The cell that holds `column`, or `ABSENT`."""
        return self.places[column]


def header_of(columns: Sequence[Column | None], names: Sequence[str] = ()) -> Header:
    """The header that gives each field its first column."""
    places = [columns.index(field) if field in columns else ABSENT for field in list(Column)[:FIELDS]]
    return Header(tuple(names), tuple(columns), tuple(places))


UNKNOWN_COLUMNS = header_of([])
"""Of a row whose cells nobody could tell apart."""


class DeviceRow(Struct, frozen=True, gc=False):
    """One row as it stands in the file: its cells cleaned of what nobody sees, not yet judged."""

    source: str
    """Where a person finds it: `line 7`, `member.csv line 3`, `book.xlsx!Sheet1 line 3`."""
    serial_number: str = ""
    """A `TypedCell` where its file gave it a type: zeros of a number may be lost."""
    product_key: str = ""
    hardware_hash: str = ""
    manufacturer: str = ""
    model: str = ""
    group_tag: str = ""
    order_number: str = ""
    profile: str = ""
    problem: RowReason | None = None
    """Why the row cannot be read as a device at all."""
    notes: tuple[Note, ...] = ()
    header: Header = UNKNOWN_COLUMNS
    """The columns by which it was read."""
    cells: Sequence[str] | None = None
    """As they were split and decoded; `None` for a part of a file that could not be read as rows."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of checking. A file read twice with the same rules gives the same rows."""

    trust_hash_serial: bool = False
    """Send a row whose serial number is not the one in its hash, with the hash's. The service believes the hash."""
    reject_bad_checksum_of_unknown_tools: bool = False
    """Refuse a wrong checksum also where the collecting tool is older or newer than those verified."""
    oldest_hash_days: int | None = None
    """Note hashes collected longer ago; `None`: at any age."""
    maximum_rows: int = 1_000_000
    batch_by_group_tag: bool = False
    """Each row goes to the batch of its group tag: the file lies in no batch folder."""
    has_default_batch: bool = True
    """Rows without a group tag can be sent, where batches are told by group tag."""
    serial_number_is_enough: bool = False
    """A serial number alone may stand for a device: of a file that removes devices, which finds it by that."""
    refuse_device_identifiers: bool = False
    """Refuse a file of corporate device identifiers: registering takes devices out of device preparation."""


class SendableDevice(Struct, frozen=True, gc=False):
    """Exactly the fields that go into the request: one of the combinations that Partner Center accepts.

    Hash with serial number and key where there are any; key alone; or serial number, manufacturer and model. A device
    to be removed, which is sent nowhere, may have its serial number alone.
    """

    serial_number: str | None = None
    product_key: str | None = None
    hardware_hash: str | None = None
    """It identifies a PC for life, and so is never shown."""
    manufacturer: str | None = None
    model: str | None = None

    def __repr__(self) -> str:
        return f"SendableDevice({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, str | None]]:
        """What is shown: also by rich, for which a Struct has a way of its own."""
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "hardware_hash"]


class CheckedRow(Struct, frozen=True, gc=False):
    """One row of a device file and what becomes of it."""

    row: int
    """1 to the number of rows without gaps, in file order. Headers, blanks and what is passed over are no rows."""
    source: str
    """Where a person finds it: `line 7`, `member.csv line 3`, `book.xlsx!Sheet1 line 3`."""
    serial_number: str
    """As sent, else as in the file, else as in the hash; so are the next three. Empty when absent."""
    product_key: str
    manufacturer: str
    model: str
    group_tag: str
    order_number: str
    """Of the customer's order, where the file has a column of such; shown, never sent."""
    profile: str
    """The configuration policy that the device is to have, where the file has a column of such."""
    device: SendableDevice | None
    """To be sent; `None` when the row is rejected or a duplicate."""
    reason: RowReason | None
    """Why it is not sent."""
    duplicate_of: int | None
    """The row that is sent in place of this one."""
    notes: tuple[Note, ...]


class PassedOver(Struct, frozen=True):
    """All parts of one kind that were passed over."""

    kind: PassedOverKind
    count: int
    places: tuple[str, ...]
    """The first few, as a person finds them: `line 7`, `member.csv line 3`, `book.xlsx!Sheet1`."""
    excerpts: tuple[str, ...]
    """The beginnings of these, without anything that may be of a hash."""
    may_hold_device: bool
    """Something of it looks like a serial number, a product key, a hash or a manufacturer."""


class FileRemark(Struct, frozen=True):
    """A note on a file, with what it is about in this one."""

    note: FileNote
    detail: str = ""
