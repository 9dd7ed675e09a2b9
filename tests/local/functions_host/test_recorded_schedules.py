"""The local host's schedules are those of NCrontab: held against 700 expressions with the next occurrences of each."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from local.functions_host.schedule import Schedule, ScheduleError
from shared.ncrontab import schedule_fault

RECORDED = [
    (json.loads(expression), datetime.fromisoformat(after), times.split(","))
    for expression, after, times in (
        line.split("\t")
        for line in (Path(__file__).parent / "recorded" / "schedules.tsv").read_text(encoding="utf-8").splitlines()[1:]
    )
]
REFUSED, NEVER = "ERR", "NEVER"
NOT_FOLLOWED = {"0 0 0 29 2 MON": "NCrontab gives up after some hundred years, croniter finds the next one, in 2168"}
MOST_REFUSED = 120
"""Expressions that NCrontab takes and settings' check refuses, since croniter or a reader takes them otherwise: five
fields, ranges that end before they begin, shortened names, steps of 0."""


def _times(expression: str, after: datetime, number: int) -> list[str]:
    schedule, moment = Schedule.parse(expression), after
    return [(moment := schedule.next_after(moment)).strftime("%Y-%m-%dT%H:%M:%S") for _ in range(number)]


def test_a_schedule_that_settings_take_has_the_times_of_the_real_host() -> None:
    assert len(RECORDED) == 700
    for expression, after, times in RECORDED:
        if schedule_fault(expression) is None and expression not in NOT_FOLLOWED and NEVER not in times:
            assert _times(expression, after, len(times)) == times, expression


def test_a_schedule_that_the_real_host_refuses_or_never_reaches_is_refused() -> None:
    for expression, _, times in RECORDED:
        if times[0] in (REFUSED, NEVER):
            with pytest.raises(ScheduleError):
                Schedule.parse(expression)


def test_few_schedules_that_the_real_host_takes_are_refused() -> None:
    taken = [expression for expression, _, times in RECORDED if times[0] not in (REFUSED, NEVER)]
    assert sum(schedule_fault(expression) is not None for expression in taken) <= MOST_REFUSED
