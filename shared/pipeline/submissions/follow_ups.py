"""The follow-ups of changed submissions: wake-ups, clean-up of blobs no longer needed, closing their file.

They run after all submissions of a step have been changed, so that submissions due at the same time share a message and
their file is checked once. If the worker dies in between, the sweep does the rest.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.pipeline.closing.close import close_if_complete
from shared.pipeline.composition import Pipeline
from shared.pipeline.submissions.line import IN_LINE, next_in_line
from shared.pipeline.submissions.profile_decisions import following_assignment
from shared.pipeline.submissions.watch import judge
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, Submission
from shared.storage.wakeups import DueSubmission, SubmissionsWakeUp, SubmissionWakeUp, WakeUp
from shared.vocabulary import SubmissionState

MOST_TOGETHER = 2
"""Submissions that share a message. One worker sends them one after the other, so more would leave other workers idle
at the end of a file."""

LAST_ALONE = 8
"""The last submissions of a file get a message each: as many as a host processes at a time, so that all its workers
finish at about the same time."""

DUE_TOGETHER = timedelta(seconds=5)
"""The longest time between the due times of submissions in one message, and so the longest delay of any of them."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A submission that needs a wake-up."""

    due_at: datetime
    reading_id: str
    number: str
    sequence: int


@dataclass(slots=True)
class FollowUps:
    """Collects the follow-ups of changed submissions."""

    waiting: list[Waiting] = field(default_factory=list)
    spent: list[Submission] = field(default_factory=list)
    ended: list[Submission] = field(default_factory=list)
    judged: list[Submission] = field(default_factory=list)

    def follow(self, changed: Submission) -> None:
        """Note the follow-up of a change: a wake-up at its due time, or the clean-up of a final submission."""
        if changed.state.is_final or changed.is_canary:
            self.judged.append(changed)
        if not changed.state.is_final:
            self.wake(changed, changed.due_at)
            return
        self.spent.append(changed)
        if changed.is_followed:
            self.wake(following_assignment(changed, changed.due_at), changed.due_at)
        if changed.state is not SubmissionState.SPLIT:
            self.ended_before(changed)

    def ended_before(self, submission: Submission) -> None:
        """Note a final submission: its file may be complete."""
        self.ended.append(submission)

    def wake(self, submission: Submission, at: datetime, sequence: int | None = None) -> None:
        """Note a wake-up for the submission at that time."""
        number = submission.sequence if sequence is None else sequence
        self.waiting.append(Waiting(at, submission.reading_id, submission.number, number))

    def wake_next(self, left: Submission, file: DeviceFile, now: datetime) -> None:
        """Wake the submission of `file` behind `left`, which is no longer pending."""
        number = next_in_line(left.number, file.priority)
        if number is not None and number <= file.submissions:
            self.waiting.append(Waiting(now, left.reading_id, str(number), 0))

    def _wake_behind_canary(self, file: DeviceFile, now: datetime) -> None:
        """Wake the first submissions behind the canary; each of them wakes the next in line."""
        for number in range(2, min(file.submissions, IN_LINE[file.priority] + 1) + 1):
            self.waiting.append(Waiting(now, file.reading_id, str(number), 0))

    def run(self, pipeline: Pipeline) -> None:
        """Do all the follow-ups."""
        judged, self.judged = self.judged, []
        for submission in judged:
            if (file := judge(pipeline, submission)) is not None:
                self._wake_behind_canary(file, pipeline.clock())
        waiting, self.waiting = self.waiting, []
        spent, self.spent = self.spent, []
        ended, self.ended = self.ended, []
        for wake_up, due_at in wake_ups_of(waiting):
            pipeline.wakeups.send(wake_up, due_at - pipeline.clock())
        for submission in spent:
            if submission.payload:
                pipeline.private.delete(submission.payload)
            if submission.rows is not None:
                pipeline.private.delete(submission.rows)
        files = {(each.customer_id, each.file_id, each.reading_id): None for each in ended}
        for customer_id, file_id, reading_id in files:
            of_file = sorted((each for each in ended if each.reading_id == reading_id), key=lambda each: each.first_row)
            close_if_complete(pipeline, customer_id, file_id, reading_id, of_file)


@contextmanager
def following_up(pipeline: Pipeline) -> Iterator[FollowUps]:
    """FollowUps that run at the end even after a failure: changes already made need their follow-ups."""
    collected = FollowUps()
    try:
        yield collected
    except Exception:
        collected.run(pipeline)
        raise
    collected.run(pipeline)


def first_in_line(file: DeviceFile, *, sent: int) -> Iterator[list[str]]:
    """The submissions of `file` to wake when it is read, in groups that share a message. Pure.

    The first `sent` are sent at once, and each wakes the submission behind it.
    """
    submissions = file.submissions
    numbers = list(range(sent + 1, min(submissions, max(sent, IN_LINE[file.priority])) + 1))
    while numbers:
        is_end = submissions - numbers[0] + 1 < LAST_ALONE + MOST_TOGETHER
        together = 1 if is_end else MOST_TOGETHER
        yield [str(number) for number in numbers[:together]]
        del numbers[:together]


def wake_up_of(submission: Submission) -> SubmissionWakeUp:
    """The wake-up for the submission in its current state."""
    return SubmissionWakeUp(reading_id=submission.reading_id, number=submission.number, sequence=submission.sequence)


def wake_again(pipeline: Pipeline, stored: Stored[Submission]) -> None:
    """Change the submission, so that a wake-up still in the queue is out of date, and send another."""
    submission = stored.record
    woken = replace(submission, sequence=submission.sequence + 1, due_at=pipeline.clock())
    try:
        pipeline.journal.submissions.change(stored, woken)
    except Conflict:
        return
    pipeline.wakeups.send(wake_up_of(woken))


def first_wake_up(reading_id: str, numbers: Iterable[str]) -> WakeUp:
    """The first message for new submissions of these numbers, at most `MOST_TOGETHER`. Pure."""
    return _wake_up(reading_id, [DueSubmission(number=number, sequence=0) for number in numbers])


def wake_ups_of(waiting: list[Waiting]) -> Iterator[tuple[WakeUp, datetime]]:
    """The messages for the waiting submissions, each with the due time of its last one. Pure."""
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
