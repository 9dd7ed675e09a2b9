"""The parts of a device file: what a container holds, each as rows of cells or as items whose values have names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.reasons import FileReason

Records = Iterable[tuple[int, Sequence[str]]]
"""The cells of each row, with its line number."""
Delimiter = Callable[[], str]
"""What stands between the cells of the latest row."""
Items = Iterable[tuple[str, Mapping[str, str]]]
"""Where each item stands (`item 3`, `line 7`), and its values by the names that they have there."""


@dataclass(frozen=True, slots=True)
class TablePart:
    """A text with delimiters, or a sheet of a workbook. Its records are read once, and may raise while they are."""

    records: Records
    prefix: str = ""
    """Stands before line numbers: `member.csv `, `book.xlsx!Sheet1 `."""
    member: str = ""
    """The member of an archive that it is, or is of: when it cannot be read, the others are."""
    delimiter: Delimiter | None = None
    """Of a text, whose cells may have fallen apart at it."""


@dataclass(frozen=True, slots=True)
class ItemsPart:
    """A JSON or XML document."""

    items: Items
    prefix: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class UnreadPart:
    """A member of an archive or a sheet that cannot be read."""

    label: str
    reason: FileReason


Part = TablePart | ItemsPart | UnreadPart

DOUBT = '"'
"""The last cell of a row whose quotes may be read in two ways; no value of one."""
