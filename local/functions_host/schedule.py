"""NCRONTAB expressions, `{second} {minute} {hour} {day} {month} {day of week}`, in UTC.

croniter finds the times. What it accepts beyond NCRONTAB is refused first, so that a schedule that works here works in
Azure. Unlike in cron, a time must match both the day and the day of the week.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from croniter import croniter
from croniter.croniter import CroniterError

from shared.ncrontab import schedule_fault, written_out


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
        if (fault := schedule_fault(expression)) is not None:
            raise ScheduleError(f"the schedule {expression!r} cannot be used: {fault}")
        schedule = cls(expression)
        try:
            schedule.next_after(datetime.now(UTC))
        except CroniterError as error:
            raise ScheduleError(f"the schedule {expression!r} cannot be used: {error}") from error
        return schedule

    def next_after(self, moment: datetime) -> datetime:
        """The first time of the schedule later than `moment`, in UTC."""
        times = croniter(written_out(self.expression), moment.astimezone(UTC), second_at_beginning=True, day_or=False)
        found: datetime = times.get_next(datetime)
        return found
