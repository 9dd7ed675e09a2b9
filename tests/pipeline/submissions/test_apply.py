"""Decisions are written: outcomes under a claim, then the submission, then its follow-ups are noted."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from local.in_memory_storage import InMemoryTable
from local.partner_center import Behaviour
from shared.pipeline.submissions.apply import SubmissionWriter
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.follow_ups import FollowUps
from shared.pipeline.submissions.state_machine import Decided, Finish, PollAgain, Refuse, SendAgain, Split
from shared.storage.outcomes import Outcomes
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Counts, DeviceOutcome, ServiceFault, Submission
from shared.storage.submissions import Submissions
from shared.vocabulary import Outcome, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import World, numbered

MINUTE = timedelta(minutes=1)
FAULT = ServiceFault(code="12345", description="No.")


@pytest.fixture
def waiting(make_world: MakeWorld) -> World:
    """A world that sends nothing by itself."""
    return make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="3")


def _writer(world: World, follow_ups: FollowUps, outcomes: Outcomes | None = None) -> SubmissionWriter:
    journal = world.journal
    return SubmissionWriter(
        journal.submissions,
        outcomes or journal.outcomes,
        Contents(journal, world.private),
        follow_ups,
        world.clock,
        world.settings.advanced.claim,
    )


def _outcomes(submission: Submission) -> list[DeviceOutcome]:
    return [
        DeviceOutcome(
            reading_id=submission.reading_id, row=row, outcome=Outcome.REGISTERED, submission=submission.number
        )
        for row in range(submission.first_row, submission.last_row + 1)
    ]


def _finished(stored: Stored[Submission]) -> Decided:
    return Decided(stored, Finish(Counts(registered=3), "Done."), outcomes=_outcomes(stored.record))


def test_a_submission_that_waits_is_woken_when_it_is_due(waiting: World) -> None:
    stored = waiting.submission(waiting.drop_file(numbered(3)))
    follow_ups = FollowUps()
    state = _writer(waiting, follow_ups).apply(Decided(stored, SendAgain(MINUTE, "Busy.")))
    assert state is SubmissionState.PENDING
    (woken,) = follow_ups.waiting
    assert (woken.due_at, woken.sequence) == (waiting.clock() + MINUTE, stored.record.sequence + 1)


def test_a_final_submission_is_followed_by_the_end_of_what_it_needed(waiting: World) -> None:
    stored = waiting.submission(waiting.drop_file(numbered(3)))
    follow_ups = FollowUps()
    assert _writer(waiting, follow_ups).apply(_finished(stored)) is SubmissionState.FINISHED
    assert [each.number for each in follow_ups.spent] == [each.number for each in follow_ups.ended] == ["1"]
    assert follow_ups.waiting == []


def test_a_submission_that_another_worker_took_further_is_not_written(waiting: World) -> None:
    stored = waiting.submission(waiting.drop_file(numbered(3)))
    waiting.journal.submissions.change(stored, replace(stored.record, sequence=7))
    follow_ups = FollowUps()
    with pytest.raises(Conflict):
        _writer(waiting, follow_ups).apply(_finished(stored))
    assert waiting.submission(stored.record.file_id).record.sequence == 7
    assert list(waiting.journal.outcomes.of_rows(stored.record.reading_id, 1, 3)) == []
    assert (follow_ups.waiting, follow_ups.spent, follow_ups.ended) == ([], [], [])


def test_of_several_only_the_one_that_another_worker_took_further_is_not_written(waiting: World) -> None:
    file = waiting.drop_file(numbered(6))
    first, second = waiting.submission(file, "1"), waiting.submission(file, "2")
    waiting.journal.submissions.change(first, replace(first.record, sequence=7))
    follow_ups = FollowUps()
    changed = _writer(waiting, follow_ups).apply_all([_finished(first), _finished(second)])
    assert [each and each.number for each in changed] == [None, "2"]
    written = list(waiting.journal.outcomes.of_rows(first.record.reading_id, 1, 6))
    assert [outcome.row for outcome in written] == [4, 5, 6]


class Watched(Outcomes):
    """Outcomes that check the submission when they are written."""

    def __init__(self, submissions: Submissions) -> None:
        super().__init__(InMemoryTable(), InMemoryTable())
        self._submissions = submissions
        self.seen: list[Submission] = []

    def write(self, outcomes: Iterable[DeviceOutcome]) -> None:
        written: Sequence[DeviceOutcome] = list(outcomes)
        stored = self._submissions.get(written[0].reading_id, written[0].submission)
        assert stored is not None
        self.seen.append(stored.record)
        super().write(written)


def test_outcomes_are_written_under_a_claim_and_before_the_submission_is_final(waiting: World) -> None:
    stored = waiting.submission(waiting.drop_file(numbered(3)))
    outcomes = Watched(waiting.journal.submissions)
    _writer(waiting, FollowUps(), outcomes).apply(_finished(stored))
    (seen,) = outcomes.seen
    assert seen.state is SubmissionState.PENDING
    assert seen.claimed_until == waiting.clock() + waiting.settings.advanced.claim


def test_without_outcomes_nothing_is_claimed_first(waiting: World) -> None:
    stored = waiting.submission(waiting.drop_file(numbered(3)))
    _writer(waiting, FollowUps()).apply(Decided(stored, PollAgain(MINUTE, "Not yet.")))
    assert waiting.submission(stored.record.file_id).record.sequence == stored.record.sequence + 1
    assert waiting.submission(stored.record.file_id).record.claimed_until is None


def test_a_refusal_gives_every_row_the_words_of_the_service(waiting: World) -> None:
    stored = waiting.submission(waiting.drop_file(numbered(3)))
    assert _writer(waiting, FollowUps()).apply(Decided(stored, Refuse(FAULT))) is SubmissionState.REFUSED
    written = list(waiting.journal.outcomes.of_rows(stored.record.reading_id, 1, 3))
    assert [(each.outcome, each.error_code, each.error_description) for each in written] == [
        (Outcome.FAILED, "12345", "No.")
    ] * 3


def test_halves_hold_what_the_whole_held_and_remember_that_its_answer_was_lost(waiting: World) -> None:
    file = waiting.drop_file(numbered(3))
    stored = waiting.submission(file)
    lost = stored.holding(replace(stored.record, answer_lost=True, first_lost_at=waiting.clock()))
    follow_ups = FollowUps()
    assert _writer(waiting, follow_ups).apply(Decided(lost, Split("Split in two."))) is SubmissionState.SPLIT
    halves = [waiting.submission(file, number).record for number in ("1-0", "1-1")]
    assert [(half.first_row, half.last_row, half.devices, half.answer_lost) for half in halves] == [
        (1, 1, 1, True),
        (2, 3, 2, True),
    ]
    assert {half.first_lost_at for half in halves} == {waiting.clock()}
    whole = msgspec.json.decode(waiting.private.read(stored.record.payload) or b"", type=list[msgspec.Raw])
    contents = Contents(waiting.journal, waiting.private)
    parts = [msgspec.json.decode(contents.body(half), type=list[msgspec.Raw]) for half in halves]
    assert [*parts[0], *parts[1]] == whole
    assert [woken.number for woken in follow_ups.waiting] == ["1-0", "1-1"]
    assert (len(follow_ups.spent), follow_ups.ended) == (1, [])
