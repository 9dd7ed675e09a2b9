"""The clock that all instances share, on machines whose own clock is wrong, jumps, or is in another time zone."""

import logging
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.settings import StorageConnectionString
from shared.storage.connection import open_storage
from shared.storage.storage_clock import TOLERANCE, StorageClock, utc_now

START = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Machine:
    """A machine whose own clock is `ahead` of the time."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.time = START
        self.ahead = ahead
        self.clock = StorageClock(lambda: self.time + self.ahead, self._monotonic)

    def _monotonic(self) -> float:
        return (self.time - START).total_seconds()

    def ask(self, takes: timedelta = timedelta(), dated: timedelta = timedelta()) -> None:
        """Send a request that takes this long; its answer is dated this long after it was sent."""
        sent_at, date = self.clock.seconds(), self.time + dated
        self.time += takes
        self.clock.note(format_datetime(date, usegmt=True), sent_at)

    @property
    def error(self) -> timedelta:
        return abs(self.clock() - self.time)


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_wrong_clock_is_corrected_by_the_first_answer(ahead: timedelta) -> None:
    machine = Machine(ahead)
    assert machine.error == abs(ahead)
    machine.ask()
    assert machine.error <= TOLERANCE + SECOND


@given(st.timedeltas(-TOLERANCE, TOLERANCE), st.timedeltas(timedelta(), timedelta(minutes=5)), st.floats(0, 1))
def test_a_right_clock_is_used_as_it_is_however_long_an_answer_takes(
    ahead: timedelta, takes: timedelta, part: float
) -> None:
    machine = Machine(ahead)
    machine.ask(takes, takes * part)
    assert machine.clock() == machine.time + ahead


@pytest.mark.parametrize("jump", [timedelta(hours=1), -timedelta(hours=1), timedelta(days=1), -timedelta(days=1)])
def test_a_jump_between_two_answers_is_not_seen(jump: timedelta) -> None:
    machine = Machine()
    machine.ask()
    machine.ahead = jump
    machine.time += timedelta(minutes=3)
    assert machine.error <= TOLERANCE
    machine.ask()
    assert machine.error <= TOLERANCE + SECOND
    machine.ahead = timedelta()
    machine.ask()
    assert machine.error == timedelta()


def test_two_instances_that_are_five_minutes_apart_have_one_time() -> None:
    machines = [Machine(timedelta(seconds=seconds)) for seconds in (-150, 150)]
    for machine in machines:
        machine.ask()
        machine.time += timedelta(minutes=10)
    one, other = (machine.clock() for machine in machines)
    assert abs(one - other) <= 2 * SECOND


@pytest.mark.parametrize("date", [None, "", "today", "Fri, 99 Nov 2026 12:00:00 GMT", "0", "\x00"])
def test_an_answer_without_a_date_changes_nothing(date: str | None) -> None:
    machine = Machine(timedelta(hours=1))
    machine.clock.note(date, 0)
    assert machine.clock() == machine.time + timedelta(hours=1)


def test_a_wrong_clock_is_logged_once_and_again_after_it_was_right(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(timedelta(hours=1))
    with caplog.at_level(logging.WARNING):
        for ahead in (1, 1, 0, 0, 1):
            machine.ahead = timedelta(hours=ahead)
            machine.ask()
    assert [record.message.split(";")[0] for record in caplog.records] == ["The clock of this machine is wrong"] * 2


def test_storage_dates_its_answers(azurite_connection: str) -> None:
    wrong = StorageClock(lambda: utc_now() + timedelta(hours=1))
    clients = open_storage(StorageConnectionString(azurite_connection), clock=wrong)
    for ask in (
        lambda: clients.blobs.get_container_client("none").exists(),
        lambda: list(clients.queues.list_queues()),
        lambda: list(clients.tables.list_tables()),
        lambda: clients.table("none").get("p", "r"),
    ):
        wrong._anchor = None
        assert abs(wrong() - utc_now()) > timedelta(minutes=59)
        ask()
        assert abs(wrong() - utc_now()) < TOLERANCE + SECOND


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sets no time zone for one process")
@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati", "UTC"]
)
def test_the_time_zone_of_a_machine_and_its_daylight_saving_change_nothing(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.environ.get("TZ")
    try:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert abs(utc_now().timestamp() - time.time()) < 5
        machine = Machine(timedelta(hours=1))
        for month in range(1, 13):
            machine.time = datetime(2027, month, 28, 1, 30, tzinfo=UTC)
            machine.ask()
            assert machine.error <= TOLERANCE + SECOND
    finally:
        monkeypatch.undo()
        time.tzset()
    assert os.environ.get("TZ") == before
