"""NCRONTAB expressions, as the timer trigger's documentation describes them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host.schedule import Schedule, ScheduleError

START = datetime(2026, 11, 20, 23, 58, 59, 500_000, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * * *", "2026-11-20 23:59:00"),
        ("0 */5 * * * *", "2026-11-21 00:00:00"),
        ("0 3/20 * * * *", "2026-11-21 00:03:00"),
        ("0 0 9-17 * * MON-FRI", "2026-11-23 09:00:00"),
        ("0 30 9 * jan Mon", "2027-01-04 09:30:00"),
        ("30,45 0 0 1 * *", "2026-12-01 00:00:30"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 0 13 * fri", "2027-08-13 00:00:00"),
        ("0 0 0 * * 0", "2026-11-22 00:00:00"),
    ],
)
def test_the_next_time_of_a_schedule(expression: str, expected: str) -> None:
    assert Schedule.parse(expression).next_after(START) == datetime.fromisoformat(f"{expected}+00:00")


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "",
            "* * * * *",
            "* * * * * * *",
            "60 * * * * *",
            "* * 24 * * *",
            "* * * 0 * *",
            "* * * * 13 *",
            "* * * * * 8",
        ),
        *(
            "*/0 * * * * *",
            "a * * * * *",
            "1-2-3 * * * * *",
            ",1 * * * * *",
            "00:05:00",
            "@hourly",
            "0 0 0 L * *",
            "0 0 0 30 2 *",
        ),
    ],
)
def test_what_is_no_schedule_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ScheduleError, match="schedule"):
        Schedule.parse(expression)


def test_another_time_zone_gives_the_same_moment() -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=5, minutes=45)))
    schedule = Schedule.parse("0 0 12 * * *")
    assert schedule.next_after(elsewhere) == schedule.next_after(START)


FIELD = st.one_of(
    st.just("*"),
    st.integers(1, 23).map(str),
    st.integers(1, 20).map(lambda step: f"*/{step}"),
    st.tuples(st.integers(0, 11), st.integers(12, 23)).map(lambda ends: f"{ends[0]}-{ends[1]}"),
)


@given(second=FIELD, minute=FIELD, hour=FIELD, seconds=st.floats(0, 1e9))
def test_no_earlier_second_matches(second: str, minute: str, hour: str, seconds: float) -> None:
    start = START + timedelta(seconds=seconds)
    found = Schedule.parse(f"{second} {minute} {hour} * * *").next_after(start)
    fields = tuple(zip((hour, minute, second), (24, 60, 60), strict=True))

    def matches(moment: datetime) -> bool:
        times = moment.timetuple()[3:6]
        return all(part in values(text, most) for part, (text, most) in zip(times, fields, strict=True))

    assert found > start
    assert matches(found)
    between = int((found - start).total_seconds()) - 1
    first = start.replace(microsecond=0) + timedelta(seconds=1)
    assert not any(matches(first + timedelta(seconds=number)) for number in range(min(between, 4000)))


def values(field: str, most: int) -> range:
    """The values below `most` that a field of `FIELD` stands for."""
    if field.startswith("*"):
        return range(0, most, int(field[2:] or 1))
    first, _, last = field.partition("-")
    return range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("day", ["2026-10-25", "2026-11-01", "2027-03-28", "2027-03-14", "2027-04-04", "2026-10-04"])
def test_daylight_saving_neither_skips_nor_repeats_a_time(day: str, zone: str) -> None:
    schedule, end = Schedule.parse("0 */10 * * * *"), datetime.fromisoformat(f"{day}T23:59:59+00:00")
    moment = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    while moment < end:
        following = schedule.next_after(moment.astimezone(ZoneInfo(zone)))
        assert following - moment == timedelta(minutes=10)
        moment = following
