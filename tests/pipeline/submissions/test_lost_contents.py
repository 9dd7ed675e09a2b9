"""A file ends even if storage has lost contents of its submissions."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour, Fault, Operation
from shared.pipeline.blob_names import JSON, private_copy
from shared.pipeline.submissions.contents import BlobMissing
from shared.pipeline.submissions.state_machine import NEVER_ACCEPTED_ALARM
from shared.pipeline.sweep import sweep
from shared.status import queries
from shared.vocabulary import FileState, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered

LATE = NEVER_ACCEPTED_ALARM + timedelta(hours=1)


@pytest.fixture
def waiting(make_world: MakeWorld) -> World:
    """A world whose wake-ups send every submission, of two devices."""
    return make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="2")


def _run_all(world: World) -> int:
    """Deliver every wake-up; returns the number that failed because of lost contents."""
    failed = 0
    while world.wakeups.waiting:
        try:
            world.run()
        except BlobMissing:
            failed += 1
    return failed


def _state(world: World, file: str) -> FileState:
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    return stored.record.state


def test_a_submission_whose_body_is_lost_is_sent_from_the_private_copy(waiting: World) -> None:
    file = waiting.drop_file(numbered(4))
    for number in ("1", "2"):
        waiting.private.delete(waiting.submission(file, number).record.payload)
    waiting.run()
    assert waiting.outcomes(file) == ["registered"] * 4


def test_a_submission_whose_body_and_copy_are_lost_waits_for_them_until_the_alarm(waiting: World) -> None:
    file = waiting.drop_file(numbered(4))
    submission = waiting.submission(file).record
    body = waiting.private.read(submission.payload)
    assert body is not None
    waiting.lose_content(file)
    assert _run_all(waiting) == 1
    waiting.clock.now += NEVER_ACCEPTED_ALARM - timedelta(hours=2)
    sweep(waiting.pipeline)
    assert _run_all(waiting) == 1
    assert _state(waiting, file) is FileState.READ
    waiting.private.write(submission.payload, body, JSON)
    waiting.clock.now += timedelta(hours=1)
    sweep(waiting.pipeline)
    waiting.run()
    assert waiting.outcomes(file) == ["registered"] * 4


def _altered(world: World, file: str) -> None:
    world.private.put(world.submission(file).record.payload, b"[]")


def _missing(world: World, file: str) -> None:
    world.private.delete(world.submission(file).record.payload)


@pytest.mark.parametrize("spoil", [_altered, _missing])
def test_a_body_that_is_altered_or_missing_is_made_again_from_the_private_copy(
    waiting: World, spoil: Callable[[World, str], None]
) -> None:
    file = waiting.drop_file(numbered(4))
    spoil(waiting, file)
    waiting.run()
    assert waiting.outcomes(file) == ["registered"] * 4


@pytest.mark.parametrize("spoil", [_altered, _missing])
def test_the_cause_is_journaled_once_and_shown_while_a_submission_waits_for_its_contents(
    waiting: World, spoil: Callable[[World, str], None]
) -> None:
    file = waiting.drop_file(numbered(4))
    spoil(waiting, file)
    waiting.private.delete(private_copy(file))
    assert _run_all(waiting) == 1
    for _ in range(2):
        waiting.clock.now += timedelta(hours=1)
        sweep(waiting.pipeline)
        assert _run_all(waiting) == 1
    record = waiting.submission(file).record
    assert record.last_answer is not None
    assert "is missing or was changed. Restore it" in record.last_answer
    assert sum("is missing or was changed" in sentence for sentence in record.history) == 1
    shown = queries.file(waiting.pipeline, CUSTOMER, file).submissions
    assert ["is missing or was changed" in submission.last_event for submission in shown] == [True, False]


def test_after_the_alarm_the_rows_of_a_lost_submission_are_unknown_and_the_file_ends(
    waiting: World, caplog: pytest.LogCaptureFixture
) -> None:
    file = waiting.drop_file(numbered(4))
    waiting.lose_content(file)
    assert _run_all(waiting) == 1
    waiting.clock.now += LATE
    sweep(waiting.pipeline)
    waiting.run()
    assert [(row["outcome"], row["error_code"]) for row in waiting.rows(file)] == [
        ("unknown", "content_lost"),
        ("unknown", "content_lost"),
        ("registered", ""),
        ("registered", ""),
    ]
    assert waiting.submission(file).record.counts.unknown == 2
    assert waiting.summary(file)["counts"]["unknown"] == 2
    assert _state(waiting, file) is FileState.CLOSED
    assert not waiting.journal.files.is_open(file)
    assert sum(waiting.service.report()["devices"].values()) == 2
    assert "A submission ends without being sent" in caplog.text


def test_an_accepted_submission_whose_list_of_rows_is_lost_ends_too(waiting: World) -> None:
    file = waiting.drop_file(numbered(2))
    while waiting.submission(file).record.state is not SubmissionState.ACCEPTED:
        waiting.deliver_next()
    stored = waiting.submission(file)
    waiting.journal.submissions.change(stored, replace(stored.record, rows="lost/1.rows.json"))
    assert _run_all(waiting) == 1
    waiting.clock.now += LATE
    sweep(waiting.pipeline)
    waiting.run()
    assert [(row["outcome"], row["error_code"]) for row in waiting.rows(file)] == [("unknown", "outcome_missing")] * 2
    assert waiting.submission(file).record.counts.unknown == 2


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.DROPPED_AFTER])
def test_a_move_whose_contents_are_lost_after_a_deletion_says_that_the_device_may_be_nowhere(
    make_world: MakeWorld, fault: Fault
) -> None:
    world = make_world(Behaviour(delay=60))
    world.drop_file(numbered(2), f"{CUSTOMER}/Old/a.csv")
    world.run()
    world.service.script(fault, operation=Operation.DELETE_DEVICE)
    path = f"move-devices/{CUSTOMER}/New/move.csv"
    file = world.drop_file(numbered(2), path)
    world.lose_content(file)
    world.clock.now += LATE
    world.run()
    first, second = world.rows(file, path)
    assert [row["outcome"] for row in (first, second)] == ["unknown"] * 2
    assert first["what_to_do"].startswith("PERHAPS REGISTERED NOWHERE: it was removed from the batch Old")
    assert (first["moved_from"], second["moved_from"]) == ("Old", "")
