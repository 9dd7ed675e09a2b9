"""NCRONTAB expressions: what is taken is taken by croniter too, with the same times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.functions_host.schedule import Schedule
from shared.ncrontab import _FIELDS, longest_pause, schedule_fault
from tests.examples import examples

START = datetime(2026, 11, 20, 23, 58, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        *("99 * * * * *", "60 * * * * *", "* 60 * * * *", "* * 24 * * *", "* * * 0 * *", "* * * 32 * *", "* * * * 0 *"),
        *("* * * * 13 *", "* * * * * 7", "* * * * * 8", "*/0 * * * * *", "1-5/0 * * * * *", "5-1 * * * * *"),
        *("-1 * * * * *", "*-5 * * * * *", "1-2-3 * * * * *", ",1 * * * * *", "1, * * * * *", "a * * * * *"),
        *("0 0 0 30 2 *", "0 0 0 31 4,6,9,11 *", "0 0 0 31 feb mon", "0 0 0 * * abc", "0 0 0 * mon *", "0 0 0 * * jan"),
        *("", "* * * * *", "* * * * * * *", "@hourly", "00:05:00", "0 0 0 L * *", "0 0 0 ? * *", "0 0 0 * * 1#2"),
        *("\u0663 * * * * *", "1.5 * * * * *", "+1 * * * * *", "0x1 * * * * *", "100 * * * * *", "*/9999 * * * * *"),
    ],
)
def test_what_no_host_would_run_is_refused(expression: str) -> None:
    assert schedule_fault(expression) is not None


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "* * * * * *",
            "0 */5 * * * *",
            "0 3/20 * * * *",
            "0 0 9-17 * * MON-FRI",
            "0 30 9 * jan Mon",
            "00 00 00 * * *",
        ),
        *("30,45 0 0 1 * *", "0 0 0 29 2 *", "0  0\t0 * * *", "*/99 * * * * *", "0 0 0 31 1-12/2 0-6", "1-1 * * * * *"),
    ],
)
def test_what_every_host_runs_is_taken(expression: str) -> None:
    assert schedule_fault(expression) is None
    Schedule.parse(expression)


WORDS = st.sampled_from(
    ["*", "0", "1", "5", "6", "7", "12", "23", "29", "31", "59", "60", "jan", "feb", "sun", "sat", "99"]
)
PARTS = st.one_of(
    WORDS,
    st.tuples(WORDS, WORDS).map("-".join),
    st.tuples(WORDS, st.sampled_from(["0", "1", "7", "59"])).map("/".join),
    st.text("0123456789*-/,?L#", max_size=4),
)
EXPRESSIONS = st.lists(st.lists(PARTS, min_size=1, max_size=2).map(",".join), min_size=5, max_size=7).map(" ".join)


@given(EXPRESSIONS)
@settings(max_examples=examples(900))
def test_what_is_taken_is_run_by_croniter_too_at_the_times_that_are_meant(expression: str) -> None:
    if schedule_fault(expression) is not None:
        return
    wanted = [field.values(text) or frozenset() for field, text in zip(_FIELDS, expression.split(), strict=True)]
    moment = Schedule.parse(expression).next_after(START)
    given = (moment.second, moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
    assert all(part in values for part, values in zip(given, wanted, strict=True))
    assert moment > START


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("0 */5 * * * *", 5),
        ("30 0,50 * * * *", 50),
        ("0 0 * * * *", 60),
        ("0 0 8-18 * * *", 14 * 60),
        ("0 15 3 * * *", 24 * 60),
        ("0 15 3 * * 1", None),
        ("0 15 3 1 * *", None),
        ("0 15 3 * jan *", None),
    ],
)
def test_the_longest_pause_of_a_schedule_is_known_where_it_runs_every_day(expression: str, minutes: int | None) -> None:
    assert longest_pause(expression) == (None if minutes is None else timedelta(minutes=minutes))
