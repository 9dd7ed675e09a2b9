"""The records of reading a device file: a row as read, the rules it is judged by, a row as judged."""

from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from shared.device_files.reasons import Note, RowReason


class DeviceRow(Struct, frozen=True):
    """One row as it stands in the file: its cells cleaned of what nobody sees, not yet judged."""

    source: str
    """Where a person finds it: `line 7`, `member.csv line 3`, `book.xlsx!Sheet1 line 3`."""
    serial_number: str = ""
    product_key: str = ""
    hardware_hash: str = ""
    manufacturer: str = ""
    model: str = ""
    group_tag: str = ""
    serial_is_number: bool = False
    """The serial number was a number in its file, so that zeros at its beginning may be lost."""
    problem: RowReason | None = None
    """Why the row cannot be read as a device at all."""
    notes: tuple[Note, ...] = ()


def with_note(row: DeviceRow, note: Note) -> DeviceRow:
    """The same row with one note more."""
    return replace(row, notes=(*row.notes, note))


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


class SendableDevice(Struct, frozen=True, gc=False):
    """Exactly the fields that go into the request: one of the combinations that Partner Center accepts.

    Hash with serial number and key where there are any; key alone; or serial number, manufacturer and model.
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
    """1 to the number of rows without gaps, in file order. Headers, prose, blanks and comments are no rows."""
    source: str
    """Where a person finds it: `line 7`, `member.csv line 3`, `book.xlsx!Sheet1 line 3`."""
    serial_number: str
    """As sent, else as in the file, else as in the hash; so are the next three. Empty when absent."""
    product_key: str
    manufacturer: str
    model: str
    group_tag: str
    device: SendableDevice | None
    """To be sent; `None` when the row is rejected or a duplicate."""
    reason: RowReason | None
    """Why it is not sent."""
    duplicate_of: int | None
    """The row that is sent in place of this one."""
    notes: tuple[Note, ...]


class CheckedRun(DeviceRow, frozen=True, kw_only=True):
    """Rows that were read and judged at once; it stands in place of their device rows."""

    checked: list[CheckedRow]
