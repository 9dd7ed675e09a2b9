"""Keys of Table Storage."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.paging import FilePosition, cursor, position_in
from shared.storage.keys import LONGEST_KEY, TimeCursor, cursor_of_key, listing_key, safe_key, time_cursor, time_key

FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
AWKWARD = st.text(alphabet=st.sampled_from("ab!~/\\#?%'.\x00\x7f2fÄ😀"), max_size=40)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(AWKWARD | st.text(max_size=700))
def test_a_key_has_no_forbidden_character_and_is_never_too_long(text: str) -> None:
    key = safe_key(text)
    assert not FORBIDDEN.search(key)
    assert _units(key) <= LONGEST_KEY


@given(AWKWARD, AWKWARD)
def test_two_texts_never_share_a_key(one: str, other: str) -> None:
    assert (safe_key(one) == safe_key(other)) == (one == other)


def test_long_texts_that_begin_alike_have_different_keys() -> None:
    assert safe_key("/" * 900) != safe_key("/" * 901)
    assert safe_key("😀" * 600) != safe_key("😀" * 601)


def test_a_plain_name_is_its_own_key() -> None:
    assert safe_key("Sales Laptops 2026") == "Sales Laptops 2026"


def test_a_part_of_a_key_holds_no_separator() -> None:
    assert "~" not in safe_key("a~b", 300)


FILE_ID = "0b94a2c1-7f1e-5d3a-9a70-3a1b2c3d4e5f"
TIMES = st.datetimes(
    timezones=st.just(UTC) | st.sampled_from([timezone(timedelta(hours=hours)) for hours in (-12, 14)])
) | st.timedeltas(timedelta(0), timedelta(days=365)).map(lambda since: datetime(2026, 1, 1, tzinfo=UTC) + since)


@given(TIMES)
def test_every_time_has_a_position_that_keys_and_cursors_share(received_at: datetime) -> None:
    position = time_cursor(received_at, FILE_ID)
    assert cursor_of_key(time_key(received_at, FILE_ID)) == position
    assert cursor_of_key(listing_key(None, received_at, FILE_ID)) == position
    given_back = position_in(cursor(FilePosition(position.day, position.row)), FilePosition)
    assert (given_back.day, given_back.row) == (position.day, position.row)


@given(TIMES, TIMES)
def test_the_newer_of_two_times_sorts_first(one: datetime, other: datetime) -> None:
    newer, older = (time_cursor(time) for time in (max(one, other), min(one, other)))
    assert (newer.day, newer.row) <= (older.day, older.row)


@pytest.mark.parametrize("day", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)])
def test_a_day_begins_at_midnight(day: datetime) -> None:
    last_of_the_day_before = day - timedelta(microseconds=1)
    assert time_cursor(day).day.endswith(f"~{day:%Y-%m-%d}")
    assert time_cursor(last_of_the_day_before).day.endswith(f"~{last_of_the_day_before:%Y-%m-%d}")


def test_the_key_of_a_file_stays_as_it_was_written() -> None:
    received_at = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
    assert time_cursor(received_at, "id") == TimeCursor("2912119~2026-11-20", "82048239998766~id")
