"""What is no serial number, though it stands where one should; and the serial number inside what wraps it."""

import re
import unicodedata

from shared.device_files.cells import CellType, type_of
from shared.device_files.checks import excel_damage
from shared.device_files.placeholders import is_manufacturer, is_template_text
from shared.device_files.tables.header_names import meaning
from shared.reasons import RowReason

_WRAPPED = re.compile(
    r"@\{\s*(?:[^;}]*;\s*)?(?:SerialNumber|IdentifyingNumber)\s*=\s*(?P<object>[^;{}]+?)\s*(?:;[^{}]*)?\}"
    r"|(?:S/?N|N[°º]|Serial(?:\s*(?:Number|No\.?|Nr\.?))?|SerialNumber|Seriennummer|Service\s*Tag)"
    r"(?:\s*[:=#]\s*(?P<labelled>\S.*)|\s+(?P<named>\S*[0-9]\S*))"
    r"|['\u2018\u2019`\u00b4]+\s*(?P<marked>\w.*)"
    r"|(?:[-\u2013\u2022\u00b7*>]|\(?\d{1,4}[.)]|\[.?\])\s+(?P<listed>\w.*)"
    r"|(?P<remarked>.*\w)(?:\s*\*+|[.,;:]+|\s+\([^()0-9]+\)|\s+\[[^\[\]0-9]+\])",
    re.IGNORECASE,
)
"""An object that PowerShell wrote as text; before the serial number a label, an apostrophe or the mark of a list; a
remark behind it."""
_WIDE = re.compile("[\uff01-\uff5e]")
"""Letters and digits of an East Asian keyboard."""

_WRITTEN_VALUE = re.compile(
    r"true|false|wahr|falsch|vrai|faux|verdadero|falso|vero"
    r"|\$(?:true|false|null)|@\{.*\}?"
    r"|(?:System|Microsoft)(?:\.\w+)+.*|Win32_\w+.*|\w+\[\]",
    re.IGNORECASE | re.DOTALL,
)
"""Truth values, and variables, objects and types of PowerShell."""
_NO_SERIAL = re.compile(
    r"yes|no|ja|nein|oui|non|[a-z]+=.*"
    r"|[+-]\d+|[+-]?\d+[.,]\d+|\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-F]{2}:){5}[0-9A-F]{2}|(?:[0-9A-Z]{5}-){4}[0-9A-Z]{5}"
    r"|(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[ T]+)?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:\s*[AP]M)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}T.*"
    r'|.*(?:[@\u20ac$\u00a3*\\"\u201c-\u201f\u00ab\u00bb]|->|\u2192|://).*',
    re.IGNORECASE | re.DOTALL,
)
"""Answers, numbers with a sign or a fraction, addresses, product keys, times, and signs that no serial number has."""
_WORD = re.compile(r"(?<![^\s(])(?=\S*[a-z])[^\W\d_]{4,}(?![^\s).,:!])")
"""A word that stands by itself; one of capitals alone may be of a serial number."""
_RANGE = re.compile(r"([0-9A-Z]{5,})[0-9A-Z]{1,6}\s*[-\u2013]\s*\1[0-9A-Z]{1,6}", re.IGNORECASE)
_COMMENT = re.compile(r"[#;%&!~^|]|//|--|/\*|REM\s", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*[,;|/&+\n]\s*|\s+(?:and|und|et|y|e|en|or|oder|ou|to|bis|until)\s+")
_ONE_OF_SEVERAL = re.compile(r"(?=.*[0-9])[0-9A-Za-z-]{5,}")
_SHORTEST_APART = 7
"""Characters of each of several serial numbers that blanks alone hold apart; makers group theirs in fewer."""

_REASON_OF_TYPE = {
    CellType.BOOLEAN: RowReason.SERIAL_NOT_A_SERIAL,
    CellType.STRUCTURE: RowReason.SERIAL_NOT_A_SERIAL,
    CellType.FRACTION: RowReason.SERIAL_DAMAGED,
    CellType.DATE: RowReason.SERIAL_DAMAGED,
    CellType.ERROR: RowReason.SERIAL_DAMAGED,
    CellType.FORMULA: RowReason.FORMULA_WITHOUT_VALUE,
}
"""A number is a serial number, which may have lost its zeros."""


def unwrapped(cell: str) -> str:
    """The serial number in a cell; the cell itself where nothing wraps it."""
    if cell.isalnum() and cell.isascii():
        return cell
    text = unicodedata.normalize("NFKC", cell) if _WIDE.search(cell) else cell
    wrapped = _WRAPPED.fullmatch(text)
    return unwrapped(wrapped[wrapped.lastgroup or 0].strip()) if wrapped else text


def problem_of(serial_number: str) -> RowReason | None:
    """Why a text is no serial number; `None` where it may be one. Placeholders are another matter."""
    if type(serial_number) is str and serial_number.isalnum() and serial_number.isascii():
        return RowReason.SERIAL_NOT_A_SERIAL if names_something_else(serial_number) else None
    type_ = type_of(serial_number)
    if type_ in _REASON_OF_TYPE:
        return _REASON_OF_TYPE[type_]
    if excel_damage.is_damaged(serial_number):
        return RowReason.SERIAL_DAMAGED
    if "\ufffd" in serial_number or "?" in serial_number:
        return RowReason.TEXT_UNREADABLE
    if not is_written_value(serial_number) and is_template_text(serial_number):
        return RowReason.TEMPLATE_SAMPLE
    first, *others = serial_number.split(" ")
    is_words = bool(others) and (_WORD.search(serial_number) is not None or is_manufacturer(first))
    is_structure = serial_number[:1] + serial_number[-1:] in ("{}", "[]")
    is_other = is_words or is_structure or holds_several(serial_number) or _is_another_value(serial_number)
    return RowReason.SERIAL_NOT_A_SERIAL if is_other or names_something_else(serial_number) else None


def is_written_value(text: str) -> bool:
    """Whether a text is what a program wrote for something that is no text."""
    return _WRITTEN_VALUE.fullmatch(text) is not None


def is_commented_out(serial_number: str) -> bool:
    """Whether a row begins with the mark of a comment: somebody took it out of the table."""
    return _COMMENT.match(serial_number) is not None


def holds_several(text: str) -> bool:
    """Whether a cell holds more than one serial number."""
    parts = _SEPARATOR.split(text)
    if len(parts) > 1:
        return all(map(_ONE_OF_SEVERAL.fullmatch, parts))
    parts = text.split()
    if _RANGE.fullmatch(text):
        return True
    return len(parts) > 1 and min(map(len, parts)) >= _SHORTEST_APART and all(map(_ONE_OF_SEVERAL.fullmatch, parts))


def names_something_else(text: str) -> bool:
    """Whether a text is a word, a truth value, a maker or the name of a column: none has a digit but `4K hash`."""
    if any(map(str.isdecimal, text)) and text[:2] not in ("4K", "4k"):
        return False
    is_word = text.isascii() and any(map(str.islower, text))
    return is_word or _is_another_value(text) or is_manufacturer(text) or meaning(text) is not None


def _is_another_value(text: str) -> bool:
    return is_written_value(text) or _NO_SERIAL.fullmatch(text) is not None
