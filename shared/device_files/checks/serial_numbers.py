"""What is no serial number, though it stands where one should; and the serial number inside what wraps it."""

import re
import unicodedata
from itertools import pairwise

from shared.device_files.cells import CellType, type_of
from shared.device_files.checks import excel_damage
from shared.device_files.placeholders import is_manufacturer, is_template_text
from shared.device_files.tables.header_names import meaning
from shared.reasons import RowReason

_WRAPPED = re.compile(
    r"@\{(?:[^;}]*;)?\s*(?:SerialNumber|IdentifyingNumber)\s*=(?P<object>[^;{}]+)(?:;[^{}]*)?\}"
    r"|(?:S/?N|N[°º]|Serial(?:\s*(?:Number|No\.?|Nr\.?))?|SerialNumber|Seriennummer|Service\s*Tag)"
    r"(?:\s*(?:[:=#]|(?<=S/N)[-.])\s*(?P<labelled>\S.*)|\s+(?P<named>\S*[0-9]\S*))"
    r"|(?:[-\u2013\u2022\u00b7*>]|\(?\d{1,4}[.)]|\[.?\])\s+(?P<listed>\w.*)"
    r"|(?P<remarked>.*\w)(?:\s*\*+|[.,;:]+|\s+\([^()0-9]+\)|\s+\[[^\[\]0-9]+\])",
    re.IGNORECASE,
)
"""An object that PowerShell wrote as text; before the serial number a label or the mark of a list; a remark behind it.
"""
_SERIAL = re.compile(r"[^\W_]+(?:[-._/ \u00a9\u00ae][^\W_]+)*")
"""What firmware, labels and purchase lists have: letters and digits, and single signs between them."""

_LOOK_ALIKE = re.compile(
    r"(?=[^ ]*[0-9A-Za-z])[^ ]*[\u0370-\u058f\u13a0-\u13ff\u2c80-\u2cff\ua4d0-\ua4ff]|[\u02b0-\u02ff]|[^\D0-9]"
)
"""A word of plain letters or digits with one of an alphabet among them whose letters look like plain ones (Greek,
Cyrillic, Armenian, Cherokee, Coptic, Lisu); letters that look like quotes; and digits of other scripts."""
_WRITTEN_VALUE = re.compile(
    r"true|false|wahr|falsch|vrai|faux|verdadero|falso|vero"
    r"|\$(?:true|false|null)|@\{.*\}?"
    r"|(?:System|Microsoft)(?:\.\w+)+.*|Win32_\w+.*|\w+\[\]",
    re.IGNORECASE | re.DOTALL,
)
"""Truth values, and variables, objects and types of PowerShell."""
_ANOTHER_VALUE = re.compile(
    r"yes|no|ja|nein|oui|non|REM\s.*|\d+(?:\.\d+)+(?:/\d+)?|S-1-5-.*|(?:[0-9A-Z]{5}-){4}[0-9A-Z]{5}"
    r"|(?:[0-9A-F]{2}-){5}[0-9A-F]{2}|(?:[0-9A-F]{4}\.){2}[0-9A-F]{4}|.*\.[a-z]{2,}"
    r"|(?:.* )?(?:EUR|USD|CHF|GBP)(?: .*)?|(?-i:[^ ]+ ff?)",
    re.IGNORECASE,
)
"""Answers, a comment, fractions and versions, addresses, product keys, names of hosts and files, prices, `X ff.`"""
_NAME_OR_TIME = re.compile(
    r"(?:DESKTOP|LAPTOP)-[0-9A-Z]{6,8}|WIN-[0-9A-Z]{11}|Win(?:dows)?\d\d|2\dH[12]|PC[- ]?\d{1,3}"
    r"|(?:Q\d|[CK]W ?\d\d?)[-/ ]20\d\d|[CK]W ?\d\d|20\d\d[-/][WQ]?\d\d?|\d\d?/20\d\d|\d\d?/\d\d?|0?\d|[1-9]\d{1,3}"
    r"|(?-i:(?:[A-Z][a-z]+)*[A-Z][a-z]{3,}[- ]?\d+|(?=[A-Z]{5,} )(?=[^AEIOU ]*[AEIOU])[A-Z]+ .*)",
    re.IGNORECASE,
)
"""Names that Windows gives a PC or has itself, quarters, weeks and months, counts (`1/5`, `12`), `LIFEBOOK U7510`."""
_LONGEST_TIME = 6
"""In capitals, of letters and digits alone."""
_LETTERS_IN_CAPITALS = re.compile(r"(?=.*[AEIOUÄÖÜ])[A-ZÄÖÜß]+")
"""A word: serial numbers without a digit have no vowels, which keeps words out of them (Dell's service tags)."""
_QUANTITY = re.compile(
    r"\d{1,3}x .*|\d{1,4} (?:x|stk|stück|st|pcs|pieces|units|inch|zoll|kg)(?: .*)?|\d{1,4} ?[mgt]b(?: .*)?",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?<![^ ])(?=[^ ]*[a-z\u00df-\u00f6\u00f8-\u00ff])(?![a-fA-F]+(?: |$))[^\W\d_]+(?= |$)")
"""A word that stands by itself; one of capitals alone may be of a serial number, and so may hexadecimal digits."""
_RANGE = re.compile(r"([0-9A-Z]{5,})[0-9A-Z]{1,6}\s*[-\u2013._ ]\s*\1[0-9A-Z]{1,6}", re.IGNORECASE)
_SEPARATOR = re.compile(r"/| (?:and|und|et|y|e|en|or|oder|ou|to|bis|until) ", re.IGNORECASE)
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
    wrapped = _WRAPPED.fullmatch(cell)
    return unwrapped(wrapped[wrapped.lastgroup or 0].strip()) if wrapped else cell


def is_usual(text: str) -> bool:
    """Whether a text is what nearly every serial number is: capitals and digits, too many for a time, and no quantity.

    Nothing else is wrong with it, unless it is a placeholder.
    """
    return (
        type(text) is str
        and len(text) > _LONGEST_TIME
        and text.isalnum()
        and text.isascii()
        and not text.isalpha()
        and text == text.upper()
        and text[:2] != "4K"
        and not (text[-1] == "B" and text[0] <= "9")
    )


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
    is_other = has_foreign_sign(serial_number) or _is_words(serial_number) or holds_several(serial_number)
    return RowReason.SERIAL_NOT_A_SERIAL if is_other or names_something_else(serial_number) else None


def is_name_or_time(text: str) -> bool:
    """Whether a text that stands where a serial number should, with no hash that tells it, is rather something else."""
    if text.isalpha():
        return _LETTERS_IN_CAPITALS.fullmatch(text) is not None
    is_usual = len(text) > _LONGEST_TIME and text.isalnum() and text == text.upper()
    return not is_usual and _NAME_OR_TIME.fullmatch(text) is not None


def has_foreign_sign(text: str) -> bool:
    """Whether a text has a sign that no serial number has, or one where none has it.

    A letter or digit in another form, such as that of a footnote, is such a sign.
    """
    if _SERIAL.fullmatch(text) is None or _LOOK_ALIKE.search(text) is not None:
        return True
    return not (text.isascii() or unicodedata.is_normalized("NFKC", text))


def _is_words(text: str) -> bool:
    first, *others = text.split(" ")
    has_maker = bool(others) and (is_manufacturer(first) or is_manufacturer(others[-1]))
    has_digit = any(map(str.isdecimal, text)) or not text.isascii()
    return bool(others) and (not has_digit or _WORD.search(text) is not None or has_maker)


def is_written_value(text: str) -> bool:
    """Whether a text is what a program wrote for something that is no text."""
    return _WRITTEN_VALUE.fullmatch(text) is not None


def holds_several(text: str) -> bool:
    """Whether a cell holds more than one serial number."""
    parts = _SEPARATOR.split(text)
    if len(parts) > 1 and (all(map(_ONE_OF_SEVERAL.fullmatch, parts)) or _is_counted_on(parts)):
        return True
    if _RANGE.fullmatch(text):
        return True
    whole = (
        part for part in re.split("[ /]", text) if len(part) >= _SHORTEST_APART and _ONE_OF_SEVERAL.fullmatch(part)
    )
    return sum(1 for _ in whole) > 1


def _is_counted_on(parts: list[str]) -> bool:
    """Whether the first part is a serial number, and the others are the ends of those that follow it: `5CG0041/42`."""
    ends = [parts[0][-len(part) :] for part in parts[1:2]] + parts[1:]
    is_number = len(parts[0]) > len(ends[0]) > 1 and all(end.isdecimal() and end.isascii() for end in ends)
    return is_number and all(int(end) + 1 == int(following) for end, following in pairwise(ends))


def names_something_else(text: str) -> bool:
    """Whether a text is a word, another value, a maker or the name of a column."""
    is_plain = text.isalnum() and text.isascii()
    has_digit = (not text.isalpha() if is_plain else any(map(str.isdecimal, text))) and text[:2] not in ("4K", "4k")
    if text[:1].isdecimal() and (not is_plain or text[-1] in "Bb") and _QUANTITY.fullmatch(text):
        return True
    if not (has_digit and text.isalnum()) and (is_written_value(text) or _ANOTHER_VALUE.fullmatch(text)):
        return True
    if has_digit:
        return False  # No word, maker or name of a column has a digit but `4K hash`.
    is_word = (text.isascii() or text.isalpha()) and any(map(str.islower, text))
    return is_word or is_manufacturer(text) or meaning(text) is not None
