"""What follows when the rows of submissions are changed: wake-ups, the end of what is no longer needed, the closing.

It is done when all of those that were advanced together have been changed, so that those that are due together share a
message, and their file is asked about once. What a worker that dies in between leaves undone, the sweep does.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.pipeline.closing.close import close_if_complete
from shared.pipeline.composition import Pipeline
from shared.storage.records import Submission
from shared.storage.wakeups import DueSubmission, SubmissionsWakeUp, SubmissionWakeUp, WakeUp
from shared.vocabulary import SubmissionState

MOST_TOGETHER = 2
"""Submissions that share a message. They are sent one after the other, so more of them would leave other workers idle
at the end of a file."""

LAST_ALONE = 8
"""The last submissions of a file have messages of their own: as many as a host works on at a time, so that all its
workers end at about the same time."""

DUE_TOGETHER = timedelta(seconds=5)
"""How far apart those that share a message are due at most: none is looked at later than that."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A submission that is to be woken."""

    due_at: datetime
    reading_id: str
    number: str
    sequence: int


@dataclass(slots=True)
class FollowUps:
    """What is to be done for submissions that were changed."""

    waiting: list[Waiting] = field(default_factory=list)
    spent: list[Submission] = field(default_factory=list)
    ended: list[Submission] = field(default_factory=list)

    def follow(self, changed: Submission) -> None:
        """What follows from a change: a wake-up when it is due, or the end of it."""
        if not changed.state.is_final:
            self.wake(changed, changed.due_at)
            return
        self.spent.append(changed)
        if changed.state is not SubmissionState.SPLIT:
            self.ended_before(changed)

    def ended_before(self, submission: Submission) -> None:
        """It is final: its file may be complete."""
        self.ended.append(submission)

    def wake(self, submission: Submission, at: datetime, sequence: int | None = None) -> None:
        """Wake it at that time."""
        number = submission.sequence if sequence is None else sequence
        self.waiting.append(Waiting(at, submission.reading_id, submission.number, number))

    def run(self, pipeline: Pipeline) -> None:
        """Do all of it."""
        waiting, self.waiting = self.waiting, []
        spent, self.spent = self.spent, []
        ended, self.ended = self.ended, []
        for wake_up, due_at in wake_ups_of(waiting):
            pipeline.wakeups.send(wake_up, due_at - pipeline.clock())
        for submission in spent:
            pipeline.private.delete(submission.payload)
            if submission.rows is not None:
                pipeline.private.delete(submission.rows)
        files = {(each.customer_id, each.file_id, each.reading_id): None for each in ended}
        for customer_id, file_id, reading_id in files:
            of_file = sorted((each for each in ended if each.reading_id == reading_id), key=lambda each: each.first_row)
            close_if_complete(pipeline, customer_id, file_id, reading_id, of_file)


@contextmanager
def following_up(pipeline: Pipeline) -> Iterator[FollowUps]:
    """FollowUps that are run at the end, whatever else failed: what was changed is to be followed up."""
    collected = FollowUps()
    try:
        yield collected
    except Exception:
        collected.run(pipeline)
        raise
    collected.run(pipeline)


def wake_up_of(submission: Submission) -> SubmissionWakeUp:
    """The wake-up for the submission as it is now."""
    return SubmissionWakeUp(reading_id=submission.reading_id, number=submission.number, sequence=submission.sequence)


def first_wake_up(reading_id: str, numbers: Iterable[str]) -> WakeUp:
    """The first message for new submissions of these numbers, at most `MOST_TOGETHER`. Pure."""
    return _wake_up(reading_id, [DueSubmission(number=number, sequence=0) for number in numbers])


def wake_ups_of(waiting: list[Waiting]) -> Iterator[tuple[WakeUp, datetime]]:
    """The messages for those that wait, and when the last one named in each is due. Pure."""
    group: list[Waiting] = []
    for each in sorted(waiting, key=lambda one: (one.reading_id, one.due_at)):
        if group and not _share_a_message(group, each):
            yield _wake_up_of(group), group[-1].due_at
            group = []
        group.append(each)
    if group:
        yield _wake_up_of(group), group[-1].due_at


def _share_a_message(group: list[Waiting], next_one: Waiting) -> bool:
    return (
        len(group) < MOST_TOGETHER
        and group[0].reading_id == next_one.reading_id
        and next_one.due_at - group[0].due_at <= DUE_TOGETHER
    )


def _wake_up_of(group: list[Waiting]) -> WakeUp:
    due = [DueSubmission(number=each.number, sequence=each.sequence) for each in group]
    return _wake_up(group[0].reading_id, due)


def _wake_up(reading_id: str, due: list[DueSubmission]) -> WakeUp:
    if len(due) == 1:
        return SubmissionWakeUp(reading_id=reading_id, number=due[0].number, sequence=due[0].sequence)
    return SubmissionsWakeUp(reading_id=reading_id, due=tuple(due))
