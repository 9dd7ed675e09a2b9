"""The text of one cell: its type in the file it came from, and what nobody sees of it taken off."""

import re
import unicodedata
from enum import StrEnum
from typing import Self


class CellType(StrEnum):
    """What a workbook or JSON says that a cell is. Everything else is plain text."""

    NUMBER = "number"
    """A whole number, as its full digits: zeros at its beginning may be lost."""
    FRACTION = "fraction"
    """A number with a fractional part, or one too large to be held exactly."""
    BOOLEAN = "boolean"
    DATE = "date"
    """A date, a time, or both."""
    ERROR = "error"
    """An error of a spreadsheet, such as #N/A."""
    FORMULA = "formula"
    """A formula without a value: a program wrote it, and no spreadsheet has calculated it yet."""
    STRUCTURE = "structure"
    """A list or object where a text should be."""


class TypedCell(str):
    """The text of a cell that is no text in its file."""

    __slots__ = ("type",)

    type: CellType

    def __new__(cls, text: str, type_: CellType) -> Self:
        """`text` as a spreadsheet would show it."""
        cell = super().__new__(cls, text)
        cell.type = type_
        return cell


def type_of(cell: str) -> CellType | None:
    """The type of a cell; `None` for plain text."""
    return cell.type if isinstance(cell, TypedCell) else None


_INVISIBLE = re.compile(
    "\\x1b\\[[0-9;?]*[A-Za-z]|[\\x00-\\x08\\x0e-\\x1f\\x7f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891"
    "\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Colours of a terminal, control characters, and what Unicode calls format characters or ignorable by default."""
LOST = re.compile(r"[\x80-\x9f]|\x00{128,}")
"""What a letter in a wrong encoding became, and the zeros that end a file of which the rest was never written."""
_PLAIN_FORMS = (
    {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x2800, 0x3000), " ")
    | dict.fromkeys((0x2010, 0x2011), "-")
)
"""Letters and signs of an East Asian keyboard, blanks of other widths, hyphens that only typesetting knows."""
_LINE_BREAKS = re.compile(r"[\t\n\x0b\x0c\r\u2028\u2029]+")
_MARKED_AS_TEXT = re.compile(r'="([^"]*)"')
_RUN_AS_FORMULA = r"[=+\-@\uff0b\uff0d\uff1d\uff20]"
"""What a spreadsheet runs as a formula begins so; the last four are the wide forms of an East Asian keyboard."""
NEEDS_MARK = re.compile(rf"[\s']*(?:{_RUN_AS_FORMULA}|(?<=')[0-9]|[\t\n\x0b\x0c\r\u2028\u2029])")
RUNS = re.compile(rf"\s*(?:{_RUN_AS_FORMULA}|[\t\n\x0b\x0c\r\u2028\u2029])")


def clean(cell: str) -> str:
    """A cell without what nobody sees: invisible characters, blanks around it, and marks that keep it text.

    What people cannot tell apart is made one: a letter and its accent, wide and plain letters, blanks, hyphens.

    `'=1` and `="0123"` are how spreadsheets are told to leave a cell alone; one apostrophe or the formula is removed.
    """
    if cell.isascii() and cell.isprintable():
        cell = str(cell).strip()
        return _unmarked(cell).strip() if cell[:1] in ("'", "=") else cell
    return _LINE_BREAKS.sub(" ", _unmarked(_in_plain_form(cell))).strip()


def in_one_line(text: str) -> str:
    """A text that a person typed, without what nobody sees: `clean`, but for the marks, which people see.

    What `clean` gives of a cell stays as it is.
    """
    return _LINE_BREAKS.sub(" ", _in_plain_form(text)).strip()


def without_invisible(cell: str) -> str:
    """A cell without the characters that nobody sees and that are no white space; U+FFFD where one was lost."""
    return _INVISIBLE.sub("", LOST.sub("\ufffd", cell))


def _in_plain_form(text: str) -> str:
    return unicodedata.normalize("NFC", without_invisible(text).translate(_PLAIN_FORMS)).strip()


def _unmarked(text: str) -> str:
    if text[:1] == "'":
        return text[1:] if NEEDS_MARK.match(text) else text
    marked = _MARKED_AS_TEXT.fullmatch(text)
    return marked[1] if marked else text
