"""NCRONTAB expressions: `{second} {minute} {hour} {day} {month} {day of week}`, in UTC.

As the timer trigger's documentation describes them: `*`, lists, ranges, steps, English names of months and weekdays.
A time matches when all six fields do (day and weekday are both required, unlike cron's either).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_WEEKDAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_YEARS_SEARCHED = 12
"""February 29 on a given weekday can be this far away, and twice that around a century; nothing needs more here."""


class ScheduleError(Exception):
    """A schedule is not an NCRONTAB expression, or never comes."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    words: dict[str, int]

    def values(self, text: str) -> frozenset[int]:
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> range:
        match = re.fullmatch(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
        if match is None:
            raise ScheduleError(f"{part!r} is not a {self.name}")
        every, first, last, step = match.groups()
        if every:
            start, end = self.least, self.most
        else:
            start = self._value(first)
            end = self._value(last) if last else (self.most if step else start)
        if start > end or step == "0":
            raise ScheduleError(f"{part!r} is not a {self.name}")
        return range(start, end + 1, int(step or 1))

    def _value(self, text: str) -> int:
        value = self.words.get(text[:3].lower()) if text.isalpha() else int(text) if text.isdecimal() else None
        if value is None or not self.least <= value <= self.most:
            raise ScheduleError(f"{text!r} is not a {self.name} ({self.least} to {self.most})")
        return value


_FIELDS = (
    _Field("second", 0, 59, {}),
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times an NCRONTAB expression stands for."""

    expression: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""

    @classmethod
    def parse(cls, expression: str) -> Self:
        """The schedule of a six-field expression; one of five fields has second 0.

        Raises:
            ScheduleError: it is none; the message says which field.
        """
        fields = expression.split()
        if len(fields) == len(_FIELDS) - 1:
            fields.insert(0, "0")
        if len(fields) != len(_FIELDS):
            raise ScheduleError(
                f"the schedule {expression!r} has {len(fields)} fields instead of six "
                "(second minute hour day month weekday, such as 0 */5 * * * *)"
            )
        try:
            second, minute, hour, day, month, weekday = (
                kind.values(text) for kind, text in zip(_FIELDS, fields, strict=True)
            )
        except ScheduleError as error:
            raise ScheduleError(f"the schedule {expression!r} cannot be read: {error}") from None
        return cls(
            expression,
            seconds=tuple(sorted(second)),
            minutes=tuple(sorted(minute)),
            hours=tuple(sorted(hour)),
            days=day,
            months=month,
            weekdays=weekday,
        )

    def next_after(self, moment: datetime) -> datetime:
        """The first time of the schedule later than `moment`, in UTC.

        Raises:
            ScheduleError: there is none, as for February 30.
        """
        earliest = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = earliest.replace(hour=0, minute=0, second=0)
        for _ in range(366 * _YEARS_SEARCHED):
            if self._matches_day(day):
                found = self._first_time_on(day, earliest)
                if found is not None:
                    return found
            day += timedelta(days=1)
        raise ScheduleError(f"the schedule {self.expression!r} never comes")

    def _matches_day(self, day: datetime) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _first_time_on(self, day: datetime, earliest: datetime) -> datetime | None:
        for hour in self.hours:
            if day.replace(hour=hour, minute=59, second=59) < earliest:
                continue
            for minute in self.minutes:
                if day.replace(hour=hour, minute=minute, second=59) < earliest:
                    continue
                for second in self.seconds:
                    time = day.replace(hour=hour, minute=minute, second=second)
                    if time >= earliest:
                        return time
        return None
