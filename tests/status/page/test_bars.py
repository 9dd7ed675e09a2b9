"""Counts of rows as the segments of a bar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.status.page.bars import LEAST_SHARE, WHOLE, by_outcome, segments, share
from shared.status.schemas import OutcomeCounts
from shared.vocabulary import Outcome

NUMBERS = st.integers(0, 1_000_000)


@given(st.tuples(*[NUMBERS] * (len(Outcome) + 1)))
def test_a_bar_shows_every_kind_of_row_and_is_full(numbers: tuple[int, ...]) -> None:
    counts = OutcomeCounts(**dict(zip([*map(str, Outcome), "open"], numbers, strict=True)))
    found = segments(counts)
    assert {segment.name for segment in found} == {name for name, _ in by_outcome(counts)}
    assert all(segment.width >= LEAST_SHARE - 0.01 for segment in found)
    end = 0.0
    for segment in found:
        assert segment.start == pytest.approx(end, abs=0.02)
        end = segment.start + segment.width
    assert not found or end == pytest.approx(WHOLE, abs=0.05)


def test_one_failure_in_a_hundred_thousand_rows_is_seen() -> None:
    (_, failed) = segments(OutcomeCounts(total=100_000, registered=99_999, failed=1))
    assert failed.width == pytest.approx(LEAST_SHARE, abs=0.01)
    assert failed.is_textured


def test_rows_without_an_outcome_come_last() -> None:
    counts = OutcomeCounts(total=10, duplicate=1, registered=2, failed=3, open=4)
    assert by_outcome(counts) == [("registered", 2), ("failed", 3), ("duplicate", 1), ("open", 4)]


@pytest.mark.parametrize(("number", "most", "expected"), [(0, 0, 0), (0, 5, 0), (5, 5, 100), (1, 100_000, LEAST_SHARE)])
def test_the_longest_of_several_bars_is_full(number: int, most: int, expected: float) -> None:
    assert share(number, most) == expected
