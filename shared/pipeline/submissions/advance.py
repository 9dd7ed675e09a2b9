"""Second step of the way: submissions, one step further. With `posting`, `looking` and `withdrawing` the only code that
talks to Partner Center.

Whoever calls it - the blob function for the first POSTs, the queue function - it starts from the row's state. Inside a
step the order is: change the row (due time, sequence), send the wake-up, return. So a message lost or doubled costs
time, never a device. Several submissions that one message names are each taken a step of their own: what fails with
one does not keep the others.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import of_step, of_submission, of_wake_up
from shared.pipeline.submissions.apply import Decided, apply_all
from shared.pipeline.submissions.follow_ups import FollowUps, following_up
from shared.pipeline.submissions.poll import poll
from shared.pipeline.submissions.post import post
from shared.pipeline.submissions.state_machine import Standing, standing
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Submission
from shared.storage.tables import Entity
from shared.storage.wakeups import SubmissionsWakeUp, SubmissionWakeUp
from shared.telemetry import StepName, span
from shared.vocabulary import SubmissionState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A submission as it was read, and the sequence of its wake-up."""

    stored: Stored[Submission]
    sequence: int
    body: bytes | None = None
    """Its request body, where that is at hand."""
    rows: Entity | None = None
    """Its packed rows, when they were read with it."""


def advance(pipeline: Pipeline, wake_up: SubmissionWakeUp) -> SubmissionState | None:
    """Take the submission that `wake_up` names one step further, if it is still where the wake-up was sent.

    Its state afterwards; None when someone else is at it, or there is none.
    """
    return _advance_named(pipeline, wake_up.reading_id, {wake_up.number: wake_up.sequence})[0]


def advance_several(pipeline: Pipeline, wake_up: SubmissionsWakeUp) -> None:
    """Take each submission that `wake_up` names one step further, if it is still where the wake-up was sent.

    Raises:
        ExceptionGroup: several of them failed; the others were advanced all the same.
    """
    _advance_named(pipeline, wake_up.reading_id, {due.number: due.sequence for due in wake_up.due})


def _advance_named(pipeline: Pipeline, reading_id: str, sequences: dict[str, int]) -> list[SubmissionState | None]:
    known = pipeline.journal.submissions.named(reading_id, list(sequences))
    for number in sequences.keys() - known.keys():
        logger.warning("A wake-up names no submission", extra=of_wake_up(reading_id, number, sequences[number]))
    dues = [
        Due(known[number].stored, sequence, rows=known[number].rows)
        for number, sequence in sequences.items()
        if number in known
    ]
    with following_up(pipeline) as follow_ups:
        return advance_all(pipeline, dues, follow_ups) or [None]


def advance_all(pipeline: Pipeline, dues: Sequence[Due], follow_ups: FollowUps) -> list[SubmissionState | None]:
    """Take each submission one step further; `follow_ups` holds what follows from that.

    Their states afterwards; None where someone else is at it.

    Raises:
        ExceptionGroup: several of them failed; the others were advanced all the same.
    """
    turn = _Turn(pipeline, follow_ups)
    for due in dues:
        with turn.isolated(due.stored.record):
            turn.take(due)
    turn.apply_polls()
    turn.raise_failures()
    return [turn.states.get(due.stored.record.number) for due in dues]


@dataclass(slots=True)
class _Turn:
    """One step of several submissions of one reading."""

    pipeline: Pipeline
    follow_ups: FollowUps
    states: dict[str, SubmissionState] = field(default_factory=dict)
    looks: list[Decided] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def take(self, due: Due) -> None:
        """POST it now, or look at it now and write later what was seen."""
        submission, now = due.stored.record, self.pipeline.clock()
        match standing(submission, due.sequence, now):
            case Standing.OVERTAKEN:
                fields = of_wake_up(submission.reading_id, submission.number, due.sequence)
                logger.info("A wake-up was overtaken", extra=fields)
            case Standing.FINAL:
                self.follow_ups.ended_before(submission)
                self.states[submission.number] = submission.state
            case Standing.CLAIMED:
                self.follow_ups.wake(submission, submission.claimed_until or now, due.sequence)
            case Standing.TO_POST:
                with span(StepName.SEND, submission.file_id, of_step(submission)):
                    self.states[submission.number] = post(self.pipeline, due.stored, self.follow_ups, due.body)
            case Standing.TO_POLL:
                with span(StepName.POLL, submission.file_id, of_step(submission)):
                    seen = poll(self.pipeline, due.stored, self.follow_ups, due.rows)
                if isinstance(seen, Decided):
                    self.looks.append(seen)
                else:
                    self.states[submission.number] = seen

    def apply_polls(self) -> None:
        """Write what was seen of all that were looked at."""
        for changed in apply_all(self.pipeline, self.looks, self.follow_ups):
            if changed is not None:
                self.states[changed.number] = changed.state

    @contextmanager
    def isolated(self, submission: Submission) -> Iterator[None]:
        """What fails with one submission is raised when all had their turn."""
        try:
            yield
        except Conflict:
            logger.info("Someone else took the submission further", extra=of_submission(submission))
        except Exception as failure:  # noqa: BLE001 - raised by `raise_failures`
            self.failures.append(failure)

    def raise_failures(self) -> None:
        """Raise what failed."""
        if len(self.failures) == 1:
            raise self.failures[0]
        if self.failures:
            raise ExceptionGroup("Several submissions could not be advanced; they are tried again.", self.failures)
