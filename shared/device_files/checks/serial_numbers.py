"""What is no serial number, though it stands where one should; and the serial number inside what wraps it."""

import re
import unicodedata

from shared.device_files.cells import CellType, type_of
from shared.device_files.checks import excel_damage
from shared.device_files.placeholders import is_manufacturer, is_template_text
from shared.device_files.tables.header_names import meaning
from shared.reasons import RowReason

_WRAPPED = re.compile(
    r"@\{\s*(?:[^;}]*;\s*)?(?:SerialNumber|IdentifyingNumber)\s*=\s*([^;{}]+?)\s*(?:;[^{}]*)?\}"
    r"|(?:S/?N|Serial(?:\s*(?:Number|No\.?|Nr\.?))?|SerialNumber|Seriennummer|Service\s*Tag)\s*[:=#]\s*(\S.*)",
    re.IGNORECASE,
)
"""An object that PowerShell wrote as text, and a label before the serial number."""
_WIDE = re.compile("[\uff01-\uff5e]")
"""Letters and digits of an East Asian keyboard."""

_NO_SERIAL = re.compile(
    r"true|false|wahr|falsch|vrai|faux|verdadero|falso|vero|yes|no|ja|nein|oui|non"
    r"|\$(?:true|false|null)|@\{.*\}?"
    r"|(?:System|Microsoft)(?:\.\w+)+.*|Win32_\w+.*|\w+\[\]"
    r"|[+-]?\d+[.,]\d+"
    r"|(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[ T]+)?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:\s*[AP]M)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}T.*",
    re.IGNORECASE | re.DOTALL,
)
"""Truth values, variables, objects and types of PowerShell, fractions, times, dates with a time."""
_SEPARATOR = re.compile(r"\s*[,;|/&+\n]\s*|\s+(?:and|und|et|y|e|en)\s+")
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
    return (wrapped[1] or wrapped[2]).strip() if wrapped else text


def problem_of(serial_number: str) -> RowReason | None:
    """Why a text is no serial number; `None` where it may be one. Placeholders are another matter."""
    if type(serial_number) is str and serial_number.isalnum() and serial_number.isascii():
        return RowReason.SERIAL_NOT_A_SERIAL if _names_something_else(serial_number) else None
    type_ = type_of(serial_number)
    if type_ in _REASON_OF_TYPE:
        return _REASON_OF_TYPE[type_]
    if "\ufffd" in serial_number:
        return RowReason.TEXT_UNREADABLE
    if excel_damage.is_damaged(serial_number):
        return RowReason.SERIAL_DAMAGED
    if _NO_SERIAL.fullmatch(serial_number) or holds_several(serial_number) or '"' in serial_number:
        return RowReason.SERIAL_NOT_A_SERIAL
    if is_template_text(serial_number):
        return RowReason.TEMPLATE_SAMPLE
    if serial_number[:1] + serial_number[-1:] in ("{}", "[]"):
        return RowReason.SERIAL_NOT_A_SERIAL
    return RowReason.SERIAL_NOT_A_SERIAL if _names_something_else(serial_number) else None


def holds_several(text: str) -> bool:
    """Whether a cell holds more than one serial number."""
    parts = _SEPARATOR.split(text)
    if len(parts) > 1:
        return all(map(_ONE_OF_SEVERAL.fullmatch, parts))
    parts = text.split()
    return len(parts) > 1 and min(map(len, parts)) >= _SHORTEST_APART and all(map(_ONE_OF_SEVERAL.fullmatch, parts))


def _names_something_else(text: str) -> bool:
    """Whether a text is a truth value, a manufacturer or the name of a column: none has a digit but `4K hash`."""
    if not text.isalpha() and text[:1] != "4" and any(map(str.isdecimal, text)):
        return False
    return _NO_SERIAL.fullmatch(text) is not None or is_manufacturer(text) or meaning(text) is not None
