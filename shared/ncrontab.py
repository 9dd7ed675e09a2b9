"""Checks NCRONTAB expressions, `{second} {minute} {hour} {day} {month} {day of week}`, as the timer trigger reads them.

The Functions host parses them with NCrontab, and the local host with croniter. What only one of them takes, or both
take differently, is refused: 7 for Sunday, ranges that end before they begin, `L`, `#`, `?`, `@hourly`, a year. Pure.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(\*|[0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?(?:/([0-9]{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    """The values of one field."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int] | None:
        """The values that `text` stands for; None if it is not a field of this kind."""
        parts = [self._part(part) for part in text.lower().split(",")]
        return None if None in parts else frozenset().union(*(part for part in parts if part is not None))

    def _part(self, text: str) -> range | None:
        found = _PART.fullmatch(text)
        if found is None:
            return None
        first, last, step = found.groups()
        if first == "*":
            begin, end = (self.least, self.most) if last is None else (None, None)
        else:
            begin = self._number(first)
            # NCrontab and croniter both read 5/10 as from 5 to the end.
            end = self._number(last) if last else self.most if step else begin
        if begin is None or end is None or begin > end or (step is not None and int(step) == 0):
            return None
        return range(begin, end + 1, int(step or 1))

    def _number(self, text: str) -> int | None:
        if text in self.names:
            return self.names.index(text) + self.least
        return int(text) if text.isdecimal() and self.least <= int(text) <= self.most else None


_DAY, _MONTH = _Field("day", 1, 31), _Field("month", 1, 12, _MONTHS)
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _DAY,
    _MONTH,
    _Field("day of week", 0, 6, _WEEKDAYS),
)


def schedule_fault(expression: str) -> str | None:
    """The fault of a schedule, in words; None if it has none."""
    texts = _texts(expression)
    if len(texts) != len(_FIELDS):
        return f"it has {len(texts)} fields instead of {len(_FIELDS)}"
    for field, text in zip(_FIELDS, texts, strict=True):
        if field.values(text) is None:
            return f"{text!r} is no {field.name}, which goes from {field.least} to {field.most}"
    days, months = _DAY.values(texts[_FIELDS.index(_DAY)]), _MONTH.values(texts[_FIELDS.index(_MONTH)])
    if days and months and min(days) > max(_LONGEST_MONTHS[month - 1] for month in months):
        return "it never comes: none of its months has such a day"
    return None


def longest_pause(expression: str) -> timedelta | None:
    """The longest time between two runs of a schedule without fault, by the minute; None unless it runs every day."""
    _, minutes, hours, *days = (field.values(text) for field, text in zip(_FIELDS, _texts(expression), strict=True))
    runs_every_day = all(values == field.values("*") for field, values in zip(_FIELDS[3:], days, strict=True))
    if not (minutes and hours and runs_every_day):
        return None
    runs = sorted(60 * hour + minute for hour in hours for minute in minutes)
    following = [*runs[1:], runs[0] + 24 * 60]
    return timedelta(minutes=max(later - run for run, later in zip(runs, following, strict=True)))


def _texts(expression: str) -> list[str]:
    """The fields. NCrontab takes no other blanks."""
    return re.split(r"[ \t]+", expression.strip(" \t"))


def written_out(expression: str) -> str:
    """A schedule without fault with every value of each field, which every library reads alike.

    croniter takes 3-3 for the whole range.
    """
    values = (field.values(text) for field, text in zip(_FIELDS, _texts(expression), strict=True))
    return " ".join(",".join(map(str, sorted(found or ()))) for found in values)
