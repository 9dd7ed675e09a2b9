"""The schedule of status requests, as the bench computes it."""

from datetime import timedelta

import pytest

from local.bench.polling import DURATIONS, default_pace, longest_wait, most_polls, table, waited
from shared.pipeline.backoff import Pace

EVERY_TEN_SECONDS = Pace(timedelta(seconds=10), timedelta(seconds=10), timedelta(hours=1), lambda: 0.5)


@pytest.mark.parametrize(("duration", "polls", "wait"), [(1, 1, 9), (10, 1, 0), (11, 2, 9), (95, 10, 5)])
def test_the_poll_that_sees_the_end_counts(duration: float, polls: int, wait: float) -> None:
    found = waited(EVERY_TEN_SECONDS, duration)
    assert (found.polls, found.wait) == (polls, wait)


def test_half_a_minute_is_always_allowed_and_a_quarter_of_long_jobs() -> None:
    assert waited(EVERY_TEN_SECONDS, 1).share_of_allowed == pytest.approx(9 / 30)
    assert waited(EVERY_TEN_SECONDS, 3_601).share_of_allowed == pytest.approx(9 / (3_601 / 4))


def test_the_product_waits_no_longer_than_allowed_after_any_job() -> None:
    pace = default_pace(lambda: 0.5)
    assert [each.duration for each in table(pace)] == list(DURATIONS)
    assert longest_wait(pace).share_of_allowed <= 1


def test_a_job_of_ten_minutes_costs_at_most_12_requests_and_14_with_jitter() -> None:
    assert waited(default_pace(lambda: 0.5), 600).polls <= 12
    assert most_polls(600) <= 14
