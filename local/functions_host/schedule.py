"""NCRONTAB expressions, `{second} {minute} {hour} {day} {month} {day of week}`, in UTC.

croniter finds the times. What it accepts beyond NCRONTAB (`@hourly`, `L`, `#`, a year) is refused first, so that a
schedule that works here works in Azure. Unlike in cron, a time must match both the day and the day of the week.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from croniter import croniter
from croniter.croniter import CroniterError

_PART = r"(?:\*|\d+|[a-zA-Z]{3})(?:-(?:\d+|[a-zA-Z]{3}))?(?:/\d+)?"
_FIELD = rf"{_PART}(?:,{_PART})*"
_EXPRESSION = re.compile(rf"{_FIELD}(?: +{_FIELD}){{5}}")


class ScheduleError(Exception):
    """A schedule is not an NCRONTAB expression, or never comes."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times that an NCRONTAB expression stands for."""

    expression: str

    @classmethod
    def parse(cls, expression: str) -> Self:
        """The schedule of `expression`.

        Raises:
            ScheduleError: it is not an NCRONTAB expression, or it never comes, as February 30 does not.
        """
        if _EXPRESSION.fullmatch(expression) is None:
            raise ScheduleError(
                f"the schedule {expression!r} does not have six fields of NCRONTAB "
                "(second minute hour day month weekday, such as 0 */5 * * * *)"
            )
        schedule = cls(expression)
        try:
            schedule.next_after(datetime.now(UTC))
        except CroniterError as error:
            raise ScheduleError(f"the schedule {expression!r} cannot be used: {error}") from error
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        """The first time of the schedule later than `moment`, in UTC."""
        times = croniter(self.expression, moment.astimezone(UTC), second_at_beginning=True, day_or=False)
        found: datetime = times.get_next(datetime)
        return found
