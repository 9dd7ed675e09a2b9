"""What a spreadsheet makes of a serial number: a rounded number, a date, a number without its zeros, an error.

Restoring is safe in one direction only: from a serial number that is known (it stands in the hardware hash) to the
texts that Excel shows for it. If the cell is one of these texts, the spreadsheet did it.
"""

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext

_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+\d{2,3}", re.IGNORECASE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_MONTH_ELSEWHERE = (
    r"janv?|gen|ene|sty|f[eé]vr?|febr?|lut|mrz|mrt|m[aä]rz?|mars|kwi|avr|abr|mai|may|maj|mei|mag|juin|giu|cze|juil|lip|lug"
    r"|ao[uû]t|ago|sie|aug|sept?|set|wrz|okt|oct|ott|out|pa[zź]|nov|lis|d[eé][czs]|dic|gru|jan|feb|mar|apr|jun|jul|sep"
    r"|oca|şub|nis|haz|tem|ağu|eyl|eki|kas|tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu"
    r"|янв|фев|мар|апр|мая|май|июн|июл|авг|сен|окт|ноя|дек"
)
_DAY_OF_MONTH = re.compile(rf"\d{{1,2}}[-/. ]{{1,2}}(?:{_MONTH_ELSEWHERE})\.?", re.IGNORECASE)
"""5-Jan, as spreadsheets in other languages show it: 05. Mrz, 05-mars, 05/mar."""
_DATE = re.compile(
    rf"\d{{1,2}}-(?:{_MONTH})(?:-\d{{2,4}})?|(?:{_MONTH})-\d{{2}}"
    r"|\d{1,2}[/.]\d{1,2}[/.](?:\d{2}|\d{4})(?: 0?0:00(?::00)?)?"
    r"|\d{4}-\d{2}-\d{2}(?: 00:00:00)?",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!|BEZUG!|WERT!|NV|#+"
    r"|(?-i:[\u00a1\u00bf]?[^\W\d_a-z]+(?:/0)?[!?]|[N\u041d]/[A-Z\u0414]!?))",
    re.IGNORECASE,
)
"""In any language: #ZAHL!, #NOMBRE?, #\u00a1VALOR!, #DEEL/0!, #N/D."""

_DIGITS_KEPT = 15
"""Excel keeps 15 digits of a number; the rest become zeros."""
_DIGITS_SHOWN = 11
"""The General format shows longer numbers as 1.65208E+11, with 6 digits."""

_WHOLE_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TYPED_AS_SCIENTIFIC = re.compile(r"(\d+)E(\d{1,3})", re.IGNORECASE)
_TYPED_AS_MONTH = re.compile(rf"(?P<month>{_MONTH})[a-z]*[- /]?(?P<number>\d{{1,2}}|\d{{4}})", re.IGNORECASE)
_TYPED_AS_DAY = re.compile(rf"(?P<number>\d{{1,2}})[- /]?(?P<month>{_MONTH})[a-z]*", re.IGNORECASE)
_TYPED_AS_NUMBERS = re.compile(r"(\d{1,2})[-/](\d{1,2})(?:[-/](\d{4}|\d{2}))?")
_LARGEST_EXPONENT = 307
_LAST_DAY = 31
_LAST_MONTH = 12
_CENTURY = 100
_PIVOT = 30
"""Two-digit years below 30 are of this century."""


def is_error(cell: str) -> bool:
    """Whether a cell holds an error of a spreadsheet, such as #N/A, or the ##### of a column that was too narrow."""
    return cell[:1] == "#" and _ERROR.fullmatch(cell) is not None


def is_damaged(cell: str) -> bool:
    """Whether a cell can only be what a spreadsheet made of something else: 1.65208E+11, 5-Jan, #N/A."""
    return loses_text(cell) or _DATE.fullmatch(cell) is not None or is_error(cell)


def loses_text(cell: str) -> bool:
    """Whether nobody writes a cell so as a name: 1.65E+05, 5-Jan, 05. Mrz. Not so 2026-01-05, Jan-26 or 2026."""
    return _SCIENTIFIC.fullmatch(cell) is not None or _DAY_OF_MONTH.fullmatch(cell) is not None


def could_show(cell: str, serial_number: str) -> bool:
    """Whether Excel, given `serial_number` in a column not formatted as text, shows exactly `cell`."""
    shown = {cell.replace(",", ".").casefold(), *_shown_for_date(cell)}
    return any(reading.casefold() in shown for reading in _readings(serial_number))


def would_change(cell: str) -> bool:
    """Whether Excel, given `cell` in a CSV, shows and saves something else: 0042, 3305250000019, 1-2, 12E3."""
    return bool(_readings(cell))


def _shown_for_date(cell: str) -> set[str]:
    """What Excel shows for a date without a year or a day of its own, which a workbook holds as a whole date."""
    date = _WHOLE_DATE.fullmatch(cell)
    if date is None or not 1 <= int(date[2]) <= _LAST_MONTH:
        return set()
    month = _MONTHS[int(date[2]) - 1].casefold()
    of_month = {f"{month}-{date[1][2:]}"} if date[3] == "01" else set()
    return {f"{int(date[3])}-{month}"} | of_month


def _readings(serial_number: str) -> set[str]:
    if serial_number.isdecimal() and serial_number.isascii():
        return _readings_of_digits(serial_number)
    typed = _TYPED_AS_SCIENTIFIC.fullmatch(serial_number)
    if typed:
        return _readings_of_scientific(int(typed[1]), int(typed[2]))
    return _readings_of_dates(serial_number)


def _readings_of_digits(digits: str) -> set[str]:
    kept = digits.lstrip("0")[:_DIGITS_KEPT]
    value = int(kept.ljust(len(digits.lstrip("0")), "0") or "0")
    readings = {str(value)}
    if len(str(value)) > _DIGITS_SHOWN:
        readings |= _scientific(value)
    return readings - {digits}


def _readings_of_scientific(mantissa: int, exponent: int) -> set[str]:
    if exponent > _LARGEST_EXPONENT:
        return set()
    value = mantissa * 10**exponent
    return _scientific(value) | _readings_of_digits("0" + str(value))


def _scientific(value: int) -> set[str]:
    """`value` as 1.65E+11 and as 1.65208E+11, rounded half up as Excel does, not by way of a binary fraction."""
    shown: set[str] = set()
    with localcontext(rounding=ROUND_HALF_UP):
        for decimals, left_out in ((2, ""), (5, "0")):
            mantissa, _, exponent = format(Decimal(value), f".{decimals}E").partition("E+")
            shown.add(f"{mantissa.rstrip(left_out).rstrip('.')}E+{int(exponent) if value else 0:02d}")
    return shown


def _readings_of_dates(serial_number: str) -> set[str]:
    named = _TYPED_AS_MONTH.fullmatch(serial_number) or _TYPED_AS_DAY.fullmatch(serial_number)
    if named:
        return _month_with(named["month"], named["number"])
    numbers = _TYPED_AS_NUMBERS.fullmatch(serial_number)
    if numbers is None:
        return set()
    first, second = int(numbers[1]), int(numbers[2])
    if numbers[3]:
        return _full_dates(first, second, int(numbers[3]))
    readings: set[str] = set()
    for month, day in ((first, second), (second, first)):
        if 1 <= month <= _LAST_MONTH:
            readings |= _month_with(_MONTHS[month - 1], str(day))
    return readings


def _month_with(name: str, number: str) -> set[str]:
    month = name[:3].title()
    value = int(number)
    if 1 <= value <= _LAST_DAY:
        return {f"{value}-{month}", f"{value:02d}-{month}"}
    return {f"{month}-{value % _CENTURY:02d}"}


def _full_dates(first: int, second: int, year: int) -> set[str]:
    if year < _CENTURY:
        year += 2000 if year < _PIVOT else 1900
    readings: set[str] = set()
    for month, day in ((first, second), (second, first)):
        if 1 <= month <= _LAST_MONTH and 1 <= day <= _LAST_DAY:
            readings |= {f"{first}/{second}/{year}", f"{first:02d}/{second:02d}/{year}"}
            readings |= {f"{first:02d}.{second:02d}.{year}", f"{year}-{month:02d}-{day:02d}"}
    return readings
