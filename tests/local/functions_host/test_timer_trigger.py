"""A timer keeps its schedule although the clock of the machine is set forwards or back."""

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
from local.functions_host.timer_trigger import TimerListener

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
