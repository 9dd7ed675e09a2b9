"""The delays."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.partner_center.errors import AnswerLost, Throttled, Unauthorised
from shared.pipeline.backoff import LONGEST_BACKOFF, LONGEST_PATIENCE, SHORTEST_PATIENCE, Pace, patience

PACE = Pace(
    first_poll=timedelta(seconds=27),
    longest_poll=timedelta(minutes=15),
    deadline=timedelta(hours=48),
    jitter=lambda: 1.0,
)


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_a_backoff_is_never_longer_than_half_an_hour_nor_none(jitter: float, attempts: int) -> None:
    delay = replace_jitter(jitter).backoff(attempts)
    assert timedelta(seconds=1) <= delay <= LONGEST_BACKOFF


def replace_jitter(value: float) -> Pace:
    return Pace(PACE.first_poll, PACE.longest_poll, PACE.deadline, lambda: value)


def test_a_backoff_doubles() -> None:
    assert [PACE.backoff(attempts).total_seconds() for attempts in range(5)] == [2, 4, 8, 16, 32]


@given(st.floats(0, 10_000))
def test_a_job_is_seen_to_be_done_at_most_a_quarter_of_its_time_or_half_a_minute_late(seconds: float) -> None:
    done, looked = timedelta(seconds=seconds), PACE.first_poll
    while looked < done:
        looked += PACE.poll(looked)
    allowed = max(timedelta(seconds=30), done / 4)
    assert looked - done <= allowed


def test_a_job_of_ten_minutes_costs_at_most_twelve_looks() -> None:
    looks, at = 1, PACE.first_poll
    while at < timedelta(seconds=600):
        at += PACE.poll(at)
        looks += 1
    assert looks <= 12


def test_a_throttled_request_is_repeated_a_little_after_the_time_that_the_service_says() -> None:
    delay = PACE.after_failure(Throttled("x", retry_after=timedelta(seconds=57)), 7)
    assert timedelta(seconds=57) < delay < timedelta(seconds=70)


def test_throttling_without_a_time_is_waited_out_like_any_failure() -> None:
    assert PACE.after_failure(Throttled("x"), 3) == PACE.backoff(3)


def test_a_first_401_is_followed_by_a_new_token_at_once_unless_a_person_must_sign_in() -> None:
    assert PACE.after_failure(Unauthorised("x", status=401), 0) == timedelta(0)
    assert PACE.after_failure(Unauthorised("x", status=401), 1) == PACE.backoff(1)
    assert PACE.after_failure(Unauthorised("x", status=401, code="900421"), 0) == PACE.backoff(0)


def test_a_failed_poll_is_not_repeated_sooner_than_a_poll_that_succeeded() -> None:
    assert PACE.after_failure(AnswerLost("x"), 0, least=timedelta(minutes=5)) == timedelta(minutes=5)


def test_a_busy_worker_is_waited_for_as_long_again_as_it_has_been_busy() -> None:
    assert patience(timedelta(0)) == SHORTEST_PATIENCE
    assert patience(timedelta(seconds=9)) == timedelta(seconds=9)
    assert patience(timedelta(hours=1)) == LONGEST_PATIENCE


def test_behind_an_open_breaker_a_request_that_yields_comes_after_all_others() -> None:
    minute = timedelta(minutes=1)
    soonest, latest = (replace_jitter(at).behind_an_open_breaker(minute) for at in (0.0, 1.0))
    yielded = replace_jitter(0.0).behind_an_open_breaker(minute, yields=True)
    assert minute <= soonest < latest < yielded < 2 * minute
