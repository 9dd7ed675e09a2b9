"""A timer keeps its schedule although the clock of the machine is set forwards or back."""

import json
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient

from local.functions_host.app import HostedFunction, TimerTrigger
from local.functions_host.invoking import Answer, Invoker
from local.functions_host.leases import HOST_CONTAINER
from local.functions_host.schedule import Schedule
from local.functions_host.timer_trigger import TimerListener, Times, is_kept, reckoned

START = datetime(2026, 11, 20, 12, 1, tzinfo=UTC)
EVERY_FIVE_MINUTES = Schedule.parse("0 */5 * * * *")


class Timer:
    """A timer function, and the clock of its machine."""

    def __init__(self, storage: BlobServiceClient) -> None:
        self.now = START
        self.runs = 0
        function = cast("HostedFunction", type("Function", (), {"function_id": "sweep", "name": "sweep"}))
        trigger = cast("TimerTrigger", type("Trigger", (), {"schedule": EVERY_FIVE_MINUTES}))
        self.listener = TimerListener(
            function=function,
            trigger=trigger,
            host_storage=storage,
            host_id=uuid4().hex,
            invoker=cast("Invoker", self),
            clock=lambda: self.now,
        )

    def start(self, *_: object) -> "Future[Answer]":
        self.runs += 1
        done: Future[Answer] = Future()
        done.set_result(cast("Answer", None))
        return done

    def pass_minutes(self, minutes: int) -> int:
        """Let time pass; how often the function ran in it."""
        before = self.runs
        for _ in range(minutes):
            self.now += timedelta(minutes=1)
            self.listener._poll()
        return self.runs - before


@pytest.fixture
def timer(azurite_connection: str) -> Timer:
    storage = BlobServiceClient.from_connection_string(azurite_connection)
    if not storage.get_container_client(HOST_CONTAINER).exists():
        storage.create_container(HOST_CONTAINER)
    timer = Timer(storage)
    # The lock is made, then taken.
    for _ in range(2):
        timer.listener._poll()
    return timer


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(days=1), -timedelta(hours=1), -timedelta(days=1)])
def test_a_jump_of_the_clock_stops_no_timer(jump: timedelta, timer: Timer) -> None:
    assert timer.pass_minutes(20) == 4
    timer.now += jump
    assert 4 <= timer.pass_minutes(20) <= 5
    timer.now -= jump
    assert 4 <= timer.pass_minutes(20) <= 5


# --- the record, as README of the recorded exchanges tells of the timer extension


def test_the_first_record_is_that_of_a_timer_that_never_ran() -> None:
    record = json.loads(Times(None, START + timedelta(minutes=4), START).to_json())
    assert record == {
        "Last": "0001-01-01T00:00:00+00:00",
        "Next": "2026-11-20T12:05:00+00:00",
        "LastUpdated": "2026-11-20T12:01:00+00:00",
    }
    assert Times.from_json(json.dumps(record)) == Times(None, START + timedelta(minutes=4), START)


def test_a_record_of_the_same_schedule_is_taken_over() -> None:
    for last in (None, START - timedelta(minutes=1)):
        times = Times(last, START + timedelta(minutes=4), START)
        assert reckoned(times, EVERY_FIVE_MINUTES, START + timedelta(days=1)) is times


@pytest.mark.parametrize(
    ("after", "due"),
    [(timedelta(minutes=1), timedelta(minutes=4)), (timedelta(minutes=10), timedelta(minutes=14))],
)
def test_a_changed_schedule_is_reckoned_anew_and_never_past_due(after: timedelta, due: timedelta) -> None:
    hourly = Times(START - timedelta(minutes=1), START + timedelta(minutes=59), START - timedelta(minutes=1))
    times = reckoned(hourly, EVERY_FIVE_MINUTES, START + after)
    assert (times.last, times.due) == (None, START + due)
    assert times.due > START + after


@pytest.mark.parametrize(("expression", "kept"), [("*/30 * * * * *", False), ("0 * * * * *", True)])
def test_a_schedule_of_less_than_a_minute_keeps_no_record(expression: str, kept: bool) -> None:
    assert is_kept(Schedule.parse(expression), START) is kept
