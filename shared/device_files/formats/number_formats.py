"""The number of a workbook's cell as a spreadsheet shows it: what a person sees is the serial number.

Of the codes of ECMA-376 18.8.31 those are followed that show a whole number as digits: zeros at its beginning, texts
around and between the digits, and sections by sign; dates and times are told. All else, conditions too, is as General,
and separators of thousands are no part of a serial number.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from shared.device_files.cells import CellType, TypedCell

_EXACT_BELOW = 10**15
"""A spreadsheet keeps 15 digits; longer numbers have lost theirs."""
_PLAIN_BELOW = 10**11
"""General shows a longer number that is not whole with an exponent."""
_LONGEST_CODE = 255
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[Ee][+-]?[0-9]{1,3})?")

_SECONDS_A_DAY = 86_400
_LAST_DAY = 2_958_465
"""9999-12-31; a spreadsheet shows no later date."""
_DAYS_TO_1904 = 1_462
_LEAP_DAY_OF_1900 = 60
"""A day that never was, which spreadsheets count."""

_TOKEN = re.compile(
    r"""(?P<end>;) | "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | [_*].
    | \[(?P<elapsed>h+|m+|s+)\] | \[\$(?P<currency>[^\]-]+)[^\]]*\]
    | (?P<condition>\[\s*[<>=][^\]]*\]?) | \[[^\]]*\]?
    | (?P<general>General|Standard) | (?P<digit>[0#?]) | (?P<date>[ymdhs]) | (?P<text>@) | (?P<thousands>,(?=[0#?]))
    | (?P<other>[.,%/]|E[+-]) | (?P<literal>.)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""What else stands in brackets, such as a colour, shows nothing. `other`: a decimal point, an exponent, a fraction, a
percentage, a division by thousands."""
_SHOWN_AS_IT_IS = frozenset({"quoted", "escaped", "currency", "date", "literal"})
_MOST_SECTIONS = 3
"""For numbers above, below and equal to zero; a fourth section is for text."""


@dataclass(slots=True)
class _Section:
    """One of the parts of a code that semicolons part."""

    places: list[tuple[str, bool]] = field(default_factory=list)
    """Texts, and placeholders of a digit (`True`), in their order."""
    kinds: set[str | None] = field(default_factory=set)
    """The kinds of its tokens."""

    @property
    def is_date(self) -> bool:
        """Digits stand in a date or time only behind a point: elsewhere a program forgot to quote `SN` in `SN0000`."""
        has_digits = any(is_digit for _, is_digit in self.places)
        return "elapsed" in self.kinds or ("date" in self.kinds and ("other" in self.kinds or not has_digits))


def shown(number: str, code: str, *, is_1904: bool = False) -> str:
    """The cell of a `number` as the workbook stores it, under the format `code`. What is no number stays as it is.

    It is plain text where the format shows zeros or texts of its own. `is_1904`: the workbook's dates begin in 1904.
    """
    if not _NUMBER.fullmatch(number):
        return number
    value = float(number)
    positive, *others = _sections(code[:_LONGEST_CODE])
    negative, zero, *_ = (*others, positive, positive)
    section = positive if value > 0 else negative if value < 0 else zero
    if section.is_date and 0 <= value <= _LAST_DAY - _DAYS_TO_1904 * is_1904:
        text = _elapsed(value) if "elapsed" in section.kinds else _moment(value, is_1904=is_1904)
        return TypedCell(text, CellType.DATE)
    if not value.is_integer() or abs(value) >= _EXACT_BELOW:
        digits = ".11G" if abs(value) < _PLAIN_BELOW else ".6G"
        return TypedCell(format(value, digits), CellType.FRACTION)
    return _whole(int(value), section, shows_sign=section is not positive)


def _whole(value: int, section: _Section, *, shows_sign: bool) -> str:
    """A whole number: plain text if its section shows zeros or texts of its own."""
    plain = TypedCell(str(value), CellType.NUMBER)
    if section.is_date or section.kinds & {"text", "other", "condition"}:
        return plain
    digits = str(abs(value)) if value else ""
    text, zeros = _filled(section, digits)
    text = text if value >= 0 or shows_sign else f"-{text}"
    holds_digits = digits in re.sub(r"[^0-9]", "", text) and any(map(str.isalnum, text))
    is_full = zeros > 1 and zeros == len(digits)
    return text if holds_digits and (text != plain or is_full) else plain


def _filled(section: _Section, digits: str) -> tuple[str, int]:
    """The digits in the placeholders of a section with its texts, and how many zeros it shows at least."""
    places = [place for place in section.places if place[1] or "thousands" not in section.kinds]
    count = sum(is_digit for _, is_digit in places)
    # The first placeholder takes the digits for which there are no others.
    in_first = max(1, len(digits) - count + 1)
    padded = digits.rjust(count)
    given = iter([padded[:in_first], *padded[in_first:]])
    text, zeros = "", 0
    for place, is_digit in places:
        zeros += is_digit and (zeros > 0 or place == "0")
        text += next(given).replace(" ", "0" if zeros else "") if is_digit else place
    return text.strip(), zeros


def _moment(value: float, *, is_1904: bool) -> str:
    """A date, a time of day, or both."""
    days, seconds = divmod(round(value * _SECONDS_A_DAY), _SECONDS_A_DAY)
    time = str(dt.timedelta(seconds=seconds)).rjust(8, "0")
    if not days:
        return time
    days = min(days + _DAYS_TO_1904 * is_1904, _LAST_DAY)
    first = dt.date(1899, 12, 30) if days > _LEAP_DAY_OF_1900 else dt.date(1899, 12, 31)
    date = "1900-02-29" if days == _LEAP_DAY_OF_1900 else (first + dt.timedelta(days)).isoformat()
    return f"{date} {time}" if seconds else date


def _elapsed(value: float) -> str:
    """A duration in hours, minutes and seconds."""
    minutes, seconds = divmod(round(value * _SECONDS_A_DAY), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


@lru_cache(maxsize=1024)
def _sections(code: str) -> Sequence[_Section]:
    """The sections of a code that are for numbers; one that shows nothing of its own, where conditions choose them."""
    sections = [_Section()]
    for token in _TOKEN.finditer(code):
        kind = token.lastgroup
        if kind == "end":
            sections.append(_Section())
            continue
        sections[-1].kinds.add(kind)
        if kind in _SHOWN_AS_IT_IS:
            sections[-1].places.append((token[token.lastindex or 0], False))
        elif kind in ("digit", "general"):
            sections[-1].places.append((token[0] if kind == "digit" else "0", True))
    if len(sections) > 1 and "text" in sections[-1].kinds:
        sections.pop()
    has_condition = any("condition" in section.kinds for section in sections)
    return [_Section(kinds={"condition"})] if has_condition else sections[:_MOST_SECTIONS]
