"""Submissions due at about the same time share a message, and the failure of one does not stop the others."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.partner_center import Behaviour
from shared.pipeline.submissions.advance import advance, advance_several
from shared.pipeline.submissions.contents import BlobMissing
from shared.pipeline.submissions.follow_ups import (
    DUE_TOGETHER,
    LAST_ALONE,
    MOST_TOGETHER,
    Waiting,
    wake_up_of,
    wake_ups_of,
)
from shared.storage.records import Submission
from shared.storage.wakeups import DueSubmission, SubmissionsWakeUp, SubmissionWakeUp, decode, encode
from shared.vocabulary import SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.whole.test_faults import RefusesSome
from tests.pipeline.world import START, World, numbered
from tests.simulation.world import submissions_in

READINGS = ("aaaaaaaa-0000-5000-8000-000000000001.1", "aaaaaaaa-0000-5000-8000-000000000002.1")


def _waiting(reading: int, number: int, seconds: float) -> Waiting:
    return Waiting(START + timedelta(seconds=seconds), READINGS[reading], str(number), sequence=number + 1)


@given(
    st.lists(
        st.builds(_waiting, st.integers(0, 1), st.integers(1, 99), st.floats(0, 60)),
        unique_by=lambda each: (each.reading_id, each.number),
    )
)
def test_every_submission_is_named_in_one_message_and_none_is_woken_early_or_much_too_late(
    waiting: list[Waiting],
) -> None:
    sent: dict[tuple[str, str], datetime] = {}
    for wake_up, at in wake_ups_of(waiting):
        assert decode(encode(wake_up).encode()) == wake_up
        named = submissions_in(wake_up)
        assert 1 <= len(named) <= MOST_TOGETHER
        assert not sent.keys() & set(named)
        sent |= dict.fromkeys(named, at)
    due = {(each.reading_id, each.number): each.due_at for each in waiting}
    assert sent.keys() == due.keys()
    assert all(timedelta(0) <= sent[name] - due[name] <= DUE_TOGETHER for name in due)


def test_those_due_at_one_time_share_messages() -> None:
    messages = [wake_up for wake_up, _ in wake_ups_of([_waiting(0, number, 1) for number in range(1, 6)])]
    assert [len(submissions_in(message)) for message in messages] == [2, 2, 1]
    assert messages[0] == SubmissionsWakeUp(
        reading_id=READINGS[0],
        due=(DueSubmission(number="1", sequence=2), DueSubmission(number="2", sequence=3)),
    )
    assert messages[2] == SubmissionWakeUp(reading_id=READINGS[0], number="5", sequence=6)


def test_a_large_file_wakes_its_submissions_two_by_two_and_the_last_ones_alone(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0", HOLD_FROM_FAILED_PERCENT="100")
    world.drop_file(numbered(15))
    sizes = [len(submissions_in(wake_up)) for _, wake_up in world.wakeups.waiting]
    assert sizes == [2] * 3 + [1] * 9
    assert 9 - LAST_ALONE < MOST_TOGETHER


# --- together


def _together(world: World, file: str, *numbers: str) -> SubmissionsWakeUp:
    submissions = [world.submission(file, number).record for number in numbers]
    due = tuple(DueSubmission(number=each.number, sequence=each.sequence) for each in submissions)
    return SubmissionsWakeUp(reading_id=submissions[0].reading_id, due=due)


def _submissions(world: World, file: str) -> list[Submission]:
    return [stored.record for stored in world.journal.submissions.of_reading(f"{file}.1")]


@pytest.fixture
def two_submissions(make_world: MakeWorld) -> tuple[World, str]:
    """A file of two submissions, neither of which is sent."""
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="2", INLINE_SUBMISSIONS="0", HOLD_FROM_FAILED_PERCENT="100"
    )
    file = world.drop_file(numbered(4))
    world.wakeups.waiting.clear()
    return world, file


def test_a_submission_whose_body_is_missing_keeps_no_other_of_its_message(two_submissions: tuple[World, str]) -> None:
    world, file = two_submissions
    world.lose_content(file)
    with pytest.raises(BlobMissing):
        advance_several(world.pipeline, _together(world, file, "1", "2"))
    assert [each.state for each in _submissions(world, file)] == [SubmissionState.PENDING, SubmissionState.ACCEPTED]
    assert [named for _, wake_up in world.wakeups.waiting for _, named in submissions_in(wake_up)] == ["2"]


def test_two_that_fail_are_both_told(two_submissions: tuple[World, str]) -> None:
    world, file = two_submissions
    for number in ("1", "2"):
        world.lose_content(file, number)
    with pytest.raises(ExceptionGroup) as failure:
        advance_several(world.pipeline, _together(world, file, "1", "2"))
    assert [type(each) for each in failure.value.exceptions] == [BlobMissing, BlobMissing]


def test_one_that_someone_else_took_further_keeps_no_other_from_its_outcomes(
    two_submissions: tuple[World, str],
) -> None:
    world, file = two_submissions
    advance_several(world.pipeline, _together(world, file, "1", "2"))
    world.clock.now += timedelta(minutes=5)
    both = _together(world, file, "1", "2")
    advance(world.pipeline, wake_up_of(world.submission(file, "1").record))
    advance_several(world.pipeline, both)
    assert {each.state for each in _submissions(world, file)} == {SubmissionState.FINISHED}
    assert world.outcomes(file) == ["registered"] * 4


def test_a_message_that_names_what_is_not_there_advances_what_is(two_submissions: tuple[World, str]) -> None:
    world, file = two_submissions
    known = _together(world, file, "1")
    unknown = DueSubmission(number="2-1", sequence=0)
    advance_several(world.pipeline, SubmissionsWakeUp(reading_id=known.reading_id, due=(*known.due, unknown)))
    assert world.submission(file, "1").record.state is SubmissionState.ACCEPTED


def test_a_doubled_wake_up_of_a_split_submission_does_not_close_its_file(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60))
    world.meet(RefusesSome(world.partner_center, "SN-00002"))
    file = world.drop_file(numbered(4))
    while world.submission(file).record.state is not SubmissionState.SPLIT:
        assert world.deliver_next()
    advance(world.pipeline, wake_up_of(world.submission(file).record))
    stored = world.journal.files.get(_submissions(world, file)[0].customer_id, file)
    assert stored is not None
    assert not stored.record.state.is_final
    world.run()
    assert world.outcomes(file) == ["registered", "failed", "registered", "registered"]


# --- the cache


def test_a_batch_that_is_remembered_and_was_deleted_is_found_or_made_again(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="1")
    first = world.drop_file(numbered(1, "FIRST"))
    world.run()
    remembered = world.pipeline.cache.batches
    assert remembered.get((_submissions(world, first)[0].customer_id, "test")) == "Test"
    remembered.keep((_submissions(world, first)[0].customer_id, "gone"), "Gone")
    path = f"{_submissions(world, first)[0].customer_id}/Gone/devices.csv"
    file = world.drop_file(numbered(3), path)
    world.run()
    assert world.outcomes(file, path) == ["registered"] * 3
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}
