"""The lines at the beginning and the end of a file say what service levels, failure rates and alerts are made of."""

import logging
from datetime import timedelta

import pytest

from shared.pipeline.closing.service_level import fields_of_ended, fields_of_received
from shared.pipeline.sweep import sweep
from shared.storage.records import Counts, ReasonTally
from shared.vocabulary import FileState, Outcome, Remedy
from tests.pipeline.failing import deliver_until_it_fails, fails
from tests.pipeline.world import CUSTOMER, START, World, numbered, settings_with
from tests.storage.records import device_file

ENDS = ("A device file was closed", "A device file was ended without sending")

CLOSED = device_file(
    file_id="file",
    path=f"{CUSTOMER}/Jane Doe/Jane's laptops.csv",
    name="Jane's laptops.csv",
    batch_id="Jane Doe",
    sent_by="jane@example.com",
    state=FileState.CLOSED,
    received_at=START,
    first_accepted_at=START + timedelta(seconds=90),
    closed_at=START + timedelta(minutes=20),
    closed_counts=Counts(
        total=16, registered=3, already_registered=1, failed=4, rejected=1, duplicate=1, unknown=1, cancelled=5
    ),
    reasons=(
        ReasonTally(outcome=Outcome.CANCELLED, reason="stopped", rows=5),
        ReasonTally(outcome=Outcome.FAILED, reason="806", name="ZtdDeviceAssignedToOtherTenant", rows=4),
        ReasonTally(outcome=Outcome.REGISTERED, reason="", rows=3),
        ReasonTally(outcome=Outcome.ALREADY_REGISTERED, reason="ZtdDeviceAlreadyAssigned", remedy=Remedy.ASK, rows=1),
        ReasonTally(outcome=Outcome.REJECTED, reason="no_identity", sentence="Jane's row.", rows=1),
        ReasonTally(outcome=Outcome.DUPLICATE, reason="duplicate", rows=1),
        ReasonTally(outcome=Outcome.UNKNOWN, reason="no_verdict", rows=1),
    ),
)


def test_the_line_at_the_beginning_says_how_long_the_file_may_take() -> None:
    fields = fields_of_received(CLOSED, settings_with({"CLOSED_WITHIN_MINUTES": "90"}))
    assert (fields["file_id"], fields["customer_id"], fields["seconds_allowed"]) == ("file", CUSTOMER, 5400)


def test_the_line_at_the_end_has_times_rows_by_outcome_and_the_commonest_failure_which_no_stop_is() -> None:
    assert fields_of_ended(CLOSED, settings_with({})) == {
        "file_id": "file",
        "customer_id": CUSTOMER,
        "file_state": "closed",
        "seconds_allowed": 3600,
        "seconds_to_accepted": 90,
        "seconds_to_closed": 1200,
        "rows": 16,
        "registered": 3,
        "already_registered": 1,
        "removed": 0,
        "not_registered": 0,
        "failed": 4,
        "rejected": 1,
        "duplicate": 1,
        "unknown": 1,
        "cancelled": 5,
        "failed_rows": 7,
        "reason": "806",
    }


def test_a_file_ended_without_sending_has_its_own_reason_and_was_never_accepted(world: World) -> None:
    identifier = world.drop_file("just some text", f"{CUSTOMER}/Test/devices.csv")
    stored = world.journal.files.get(CUSTOMER, identifier)
    assert stored is not None
    fields = fields_of_ended(stored.record, world.settings)
    assert fields["file_state"] == "rejected"
    assert fields["reason"] == stored.record.reason
    assert fields["seconds_to_accepted"] is None


def _ends(caplog: pytest.LogCaptureFixture, identifier: str) -> list[dict[str, object]]:
    """The fields of each line that this file has ended."""
    names = fields_of_ended(CLOSED, settings_with({}))
    return [
        {name: getattr(record, name) for name in names}
        for record in caplog.records
        if record.message in ENDS and vars(record)["file_id"] == identifier
    ]


def test_a_file_that_is_closed_undisturbed_is_logged_once_with_its_times(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    identifier = world.drop_file(numbered(2))
    world.run()
    (end,) = _ends(caplog, identifier)
    assert (end["rows"], end["registered"], end["failed_rows"], end["reason"]) == (2, 2, 0, None)
    accepted, closed = end["seconds_to_accepted"], end["seconds_to_closed"]
    assert isinstance(accepted, float)
    assert isinstance(closed, float)
    assert 0 <= accepted < 60 <= closed < 3600
    world.receive()
    sweep(world.pipeline)
    world.run()
    assert len(_ends(caplog, identifier)) == 1


@pytest.mark.parametrize(
    ("failing", "lines"),
    [("enter_by_time", 2), ("no_longer_open", 1)],
    ids=["before the index says that it was logged", "after the index says that it was logged"],
)
def test_an_owner_that_dies_at_the_end_leaves_a_file_that_is_logged_and_repeats_only_the_same_line(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, failing: str, lines: int
) -> None:
    caplog.set_level(logging.INFO)
    identifier = world.drop_file(numbered(1))
    with monkeypatch.context() as patched:
        patched.setattr(world.journal.files, failing, fails)
        failed = deliver_until_it_fails(world)
    for _ in range(3):
        world.clock.now += timedelta(hours=1)
        world.wakeups.send(failed)
        world.run()
    ends = _ends(caplog, identifier)
    assert len(ends) == lines
    assert all(end == ends[0] for end in ends)


def test_an_owner_that_dies_before_the_line_is_followed_by_one_that_logs_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    identifier = world.drop_file(numbered(1))
    world.events.fails = 1
    failed = deliver_until_it_fails(world)
    assert _ends(caplog, identifier) == []
    world.wakeups.send(failed)
    world.run()
    assert len(_ends(caplog, identifier)) == 1


def test_the_line_names_no_person_file_or_batch() -> None:
    fields = fields_of_ended(CLOSED, settings_with({}))
    assert "jane" not in str(fields).lower()
