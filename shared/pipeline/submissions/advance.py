"""Takes submissions one step further: POSTs pending submissions, or deletes their devices; polls accepted ones.

One step: `circuit_breaker` admits it, `post` or `poll` calls the service and returns a decision, `apply` writes the
decision, `follow_ups` collects the follow-ups. Only this module holds the admission and changes submissions, batches
and circuit breakers; `post`, `poll` and the functions they call change nothing. While a poll reads a batch, which may
take minutes, it calls back to keep the submission claimed.

A step starts from the row's state, whether the blob function (for the first POSTs) or the queue function calls it.
Inside a step the order is: change the row (due time, sequence), send the wake-up, return. So a lost or repeated message
costs time, never a device. Each submission that a message names takes its own step: the failure of one does not stop
the others.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from dataclasses import replace as replaced

from msgspec.structs import replace

from shared.failures import concerning
from shared.pipeline.backoff import PAUSED_DELAY
from shared.pipeline.composition import Pipeline
from shared.pipeline.holds import holds_now, is_stopped
from shared.pipeline.log_fields import of_step, of_submission, of_wake_up
from shared.pipeline.service import Service
from shared.pipeline.submissions.apply import PollClaim, SubmissionWriter
from shared.pipeline.submissions.cancellation import cancelled
from shared.pipeline.submissions.circuit_breaker import Admission, circuit_breaker_of, why_held
from shared.pipeline.submissions.contents import BlobMissing, Contents
from shared.pipeline.submissions.daily_limit import counted_today, wait_for_next_day
from shared.pipeline.submissions.device_batches import DeviceBatches
from shared.pipeline.submissions.follow_ups import FollowUps, following_up
from shared.pipeline.submissions.line import next_in_line
from shared.pipeline.submissions.lost_contents import ended_as_lost, is_lost_for_good
from shared.pipeline.submissions.poll import poll
from shared.pipeline.submissions.post import post, request_for
from shared.pipeline.submissions.profile_assignment import ProfileAssigner, request_for_profiles, rows_of
from shared.pipeline.submissions.profile_decisions import is_forbidden
from shared.pipeline.submissions.removal import remove_further
from shared.pipeline.submissions.state_machine import Action, Decided, WaitFor, action_for, with_cause, with_lost_answer
from shared.pipeline.submissions.watch import why_kept_back
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, Submission
from shared.storage.tables import Entity
from shared.storage.wakeups import SubmissionsWakeUp, SubmissionWakeUp
from shared.telemetry import StepName, span
from shared.vocabulary import FileOrder, FileState, SubmissionState, counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A submission as read, and the sequence of its wake-up."""

    stored: Stored[Submission]
    sequence: int
    body: bytes | None = None
    """Its request body, if this process still holds it in memory."""
    rows: Entity | None = None
    """Its packed rows, if they were read with it."""


def advance(pipeline: Pipeline, wake_up: SubmissionWakeUp) -> SubmissionState | None:
    """Take the submission that `wake_up` names one step further, unless the wake-up is out of date.

    Returns its state afterwards; None when another worker holds it or it does not exist.
    """
    return _advance_named(pipeline, wake_up.reading_id, {wake_up.number: wake_up.sequence})[0]


def advance_several(pipeline: Pipeline, wake_up: SubmissionsWakeUp) -> None:
    """Take each submission that `wake_up` names one step further, unless the wake-up is out of date.

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
    """Take each submission one step further; `follow_ups` collects the follow-ups.

    Returns their states afterwards; None where another worker holds the submission.

    Raises:
        ExceptionGroup: several of them failed; the others were advanced all the same.
    """
    turn = _Turn(pipeline, follow_ups)
    for due in dues:
        with turn.isolated(due.stored.record), concerning(of_submission(due.stored.record)):
            turn.take(due)
    turn.write_answers()
    turn.raise_failures()
    return [turn.states.get(due.stored.record.number) for due in dues]


class _Turn:
    """One step of several submissions of one reading."""

    def __init__(self, pipeline: Pipeline, follow_ups: FollowUps) -> None:
        journal, claim = pipeline.journal, pipeline.settings.advanced.claim
        self._pipeline = pipeline
        self._follow_ups = follow_ups
        self._service = pipeline.service
        self._contents = Contents(journal, pipeline.private)
        self._breaker = circuit_breaker_of(pipeline)
        self._batches = DeviceBatches(journal.batches, pipeline.cache.batches, self._service, claim)
        self._writer = SubmissionWriter(
            journal.submissions, journal.outcomes, self._contents, follow_ups, pipeline.clock, claim
        )
        self._answers: list[Decided] = []
        self._failures: list[Exception] = []
        self.states: dict[str, SubmissionState] = {}

    def take(self, due: Due) -> None:
        """Act on the wake-up. `write_answers` writes the answers to polls later."""
        submission, now = due.stored.record, self._pipeline.clock()
        match action_for(submission, due.sequence, now):
            case Action.NOTHING_OVERTAKEN:
                fields = of_wake_up(submission.reading_id, submission.number, due.sequence)
                logger.info("A wake-up was overtaken", extra=fields)
            case Action.CLOSE_FILE:
                self._follow_ups.ended_before(submission)
                self.states[submission.number] = submission.state
            case Action.WAIT_FOR_CLAIM:
                self._follow_ups.wake(submission, submission.claimed_until or now, due.sequence)
            case Action.POST if submission.assigns_profiles:
                with span(StepName.SEND, submission.file_id, of_step(submission)):
                    self._assign_profiles(due.stored)
            case Action.POST:
                with span(StepName.SEND, submission.file_id, of_step(submission)), self._ended_if_lost(due.stored):
                    self._post(due)
            case Action.POLL:
                with span(StepName.POLL, submission.file_id, of_step(submission)), self._ended_if_lost(due.stored):
                    self._poll(due)

    @contextmanager
    def _ended_if_lost(self, stored: Stored[Submission]) -> Iterator[None]:
        """End a submission whose contents have been missing for so long that they are lost for good."""
        try:
            yield
        except BlobMissing as missing:
            file = self._file(stored.record)
            if file is None or not is_lost_for_good(file.record, self._pipeline.clock()):
                self._note_missing(stored.record, str(missing))
                raise
            logger.exception("A submission ends without being sent", extra=of_submission(stored.record))
            self._write(ended_as_lost(self._contents, stored))

    def _note_missing(self, submission: Submission, cause: str) -> None:
        """Journal why the submission cannot go on, once; its due time stays, so the sweep tries again."""
        stored = self._pipeline.journal.submissions.get(submission.reading_id, submission.number)
        if stored is None or stored.record.sequence != submission.sequence:
            return
        with suppress(Conflict):
            self._pipeline.journal.submissions.change(stored, with_cause(stored.record, cause, self._pipeline.clock()))

    def _post(self, due: Due) -> None:
        stored = _remembering_an_abandoned_post(due.stored)
        submission = stored.record
        if not self._is_released(submission):
            self.states[submission.number] = submission.state
        elif self._is_stopped(submission) and not _may_be_under_way(submission):
            # Otherwise it is sent, or its deletions repeated, until the service has said its word.
            self._write(cancelled(self._contents, stored))
        elif (why := self._why_kept_back(submission)) is not None:
            self._write(Decided(stored, WaitFor(PAUSED_DELAY, why)))
        elif (wait := self._wait_for_next_day(submission)) is not None:
            self._write(Decided(stored, wait))
        else:
            with self._breaker.admission(submission.customer_id, yields=self._yields(submission)) as admitted:
                if isinstance(admitted, WaitFor):
                    self._write(Decided(stored, admitted))
                elif submission.order is not FileOrder.REGISTER:
                    self._remove(stored, admitted)
                else:
                    self._send(stored, due.body, admitted)

    def _wait_for_next_day(self, submission: Submission) -> WaitFor | None:
        """The daily limit is one of devices that are newly sent: a removal sends none."""
        is_removal = submission.order is not FileOrder.REGISTER
        return None if is_removal else wait_for_next_day(self._pipeline, submission)

    def _is_stopped(self, submission: Submission) -> bool:
        return is_stopped(holds_now(self._pipeline), submission.file_id)

    def _why_kept_back(self, submission: Submission) -> str | None:
        """Why nothing is sent of its file now: a hold, or the canary of the file; None when it may be sent."""
        why = why_held(self._pipeline, submission.customer_id, submission.file_id)
        if why is None:
            return None if submission.removed_before else why_kept_back(self._pipeline, submission)
        nowhere = counted(submission.removed_before, "device")
        return (
            f"{nowhere} of it, removed by the move, are registered nowhere. {why}" if submission.removed_before else why
        )

    def _yields(self, submission: Submission) -> bool:
        """Whether others of its file stand in line behind it: then it lets smaller files go first."""
        released = self._pipeline.cache.released.get(submission.reading_id)
        if released is None:
            return False
        file = released.record
        behind = next_in_line(submission.number, file.priority)
        return behind is not None and behind <= file.submissions

    def _send(self, stored: Stored[Submission], body: bytes | None, admitted: Admission) -> None:
        """Find the batch, claim the submission with its request, send the request, write the answer, report it."""
        submission = stored.record
        if body is None:
            # Load the body before claiming a batch: failing after the claim would block the batch for all others.
            body = self._contents.body(submission)
        target = self._batches.target_of(stored)
        if isinstance(target, Decided):
            self._write_and_report(target, admitted)
            return
        if target.was_listed:
            admitted.end_throttling()
        now = self._pipeline.clock()
        if (beyond := counted_today(self._pipeline, submission, now)) is not None:
            self._batches.note(submission, target, beyond)
            self._write(Decided(stored, beyond))
            return
        request = request_for(submission, target, self._pipeline.settings, self._service.call_ids(), now)
        first_sent_at = submission.first_sent_at or now
        claimed = self._writer.claimed(stored, replace(submission, request=request, first_sent_at=first_sent_at))
        decided = post(self._service, claimed, request, body)
        with admitted.reporting(decided.error):
            self._write(decided)
            self._batches.note(submission, target, decided.step)

    def _remove(self, stored: Stored[Submission], admitted: Admission) -> None:
        """Delete some of its devices, write the outcomes, report the answer."""
        stopped = self._is_stopped(stored.record)
        decided = remove_further(self._service, self._contents, self._writer, stored, admitted, is_stopped=stopped)
        self._write_and_report(decided, admitted)

    def _assign_profiles(self, stored: Stored[Submission]) -> None:
        """Make the list of an assignment of profiles, or send it."""
        stored = _remembering_an_abandoned_post(stored)
        assignment = stored.record
        is_cancelled = is_stopped(holds_now(self._pipeline), assignment.file_id) and not assignment.answer_lost
        if is_cancelled:
            self._write(self._profiles(self._service).cancelled(stored))
        elif (why := why_held(self._pipeline, assignment.customer_id, assignment.file_id)) is not None:
            self._write(Decided(stored, WaitFor(PAUSED_DELAY, why)))
        else:
            with self._breaker.admission(assignment.customer_id) as admitted:
                decided = Decided(stored, admitted) if isinstance(admitted, WaitFor) else self._assigned(stored)
                if isinstance(admitted, WaitFor) or is_forbidden(decided.error):
                    # That the account may not assign profiles says nothing of registering devices.
                    self._write(decided)
                else:
                    self._write_and_report(decided, admitted)

    def _assigned(self, stored: Stored[Submission]) -> Decided:
        """The decision for a claimed assignment, after a request of its own or the questions for its list."""
        assignment, now = stored.record, self._pipeline.clock()
        rows = rows_of(self._contents, assignment)
        if rows is None:
            claimed = self._writer.claimed(stored, replace(assignment, request=None))
            claim = PollClaim(self._writer, claimed, now)
            return claim.holding(self._profiles(replaced(self._service, keep_claim=claim.keep)).made(claimed))
        request = request_for_profiles(assignment, self._pipeline.settings.partner_center_url, self._service)
        first_sent_at = assignment.first_sent_at or now
        claimed = self._writer.claimed(stored, replace(assignment, request=request, first_sent_at=first_sent_at))
        return self._profiles(self._service).send(claimed, request, rows)

    def _profiles(self, service: Service) -> ProfileAssigner:
        return ProfileAssigner(service, self._contents, self._pipeline.cache.policies)

    def _poll(self, due: Due) -> None:
        with self._breaker.admission(due.stored.record.customer_id) as admitted:
            if isinstance(admitted, WaitFor):
                self._answers.append(Decided(due.stored, admitted))
                return
            claim = PollClaim(self._writer, due.stored, self._pipeline.clock())
            service = replaced(self._service, keep_claim=claim.keep)
            if due.stored.record.assigns_profiles:
                decided = claim.holding(self._profiles(service).poll(due.stored))
            else:
                decided = claim.holding(poll(service, self._contents, due.stored, due.rows))
            if decided.error is None and claim.stored is due.stored:
                admitted.note(None)
                self._answers.append(decided)
            else:
                self._write_and_report(decided, admitted)

    def _write_and_report(self, decided: Decided, admitted: Admission) -> None:
        if isinstance(decided.step, WaitFor):
            self._write(decided)
            return
        with admitted.reporting(decided.error):
            self._write(decided)

    def _write(self, decided: Decided) -> None:
        submission = decided.stored.record
        self.states[submission.number] = state = self._writer.apply(decided)
        if submission.state is SubmissionState.PENDING and state is not SubmissionState.PENDING:
            self._wake_next(submission)

    def _wake_next(self, left: Submission) -> None:
        """Wake the submission that stands in line behind `left`, which has been accepted or has ended."""
        released = self._pipeline.cache.released.get(left.reading_id)
        if released is not None and not left.is_canary:
            self._follow_ups.wake_next(left, released.record, self._pipeline.clock())

    def write_answers(self) -> None:
        """Write the decisions for all polled submissions together."""
        for changed in self._writer.apply_all(self._answers):
            if changed is not None:
                self.states[changed.number] = changed.state

    def _is_released(self, submission: Submission) -> bool:
        """Whether the submission's reading has journaled every row of its file."""
        if self._pipeline.cache.released.get(submission.reading_id) is not None:
            return True
        stored = self._file(submission)
        if (
            stored is not None
            and stored.record.state is FileState.READ
            and stored.record.reading_id == submission.reading_id
        ):
            self._pipeline.cache.released.keep(submission.reading_id, stored)
            return True
        logger.info("A submission that is not released is left alone", extra=of_submission(submission))
        return False

    def _file(self, submission: Submission) -> Stored[DeviceFile] | None:
        return self._pipeline.journal.files.get(submission.customer_id, submission.file_id)

    @contextmanager
    def isolated(self, submission: Submission) -> Iterator[None]:
        """Keep a failure of one submission until all have had their turn."""
        try:
            yield
        except Conflict:
            logger.info("Another worker took the submission further", extra=of_submission(submission))
        except Exception as failure:  # noqa: BLE001 - raised by `raise_failures`
            self._failures.append(failure)

    def raise_failures(self) -> None:
        """Raise the failures of all submissions."""
        if len(self._failures) == 1:
            raise self._failures[0]
        if self._failures:
            raise ExceptionGroup("Several submissions could not be advanced; they will be tried again.", self._failures)


def _may_be_under_way(submission: Submission) -> bool:
    """Whether the service may have devices of a pending submission, or have deleted some, without our knowing."""
    if submission.order is not FileOrder.REGISTER:
        return submission.first_sent_at is not None
    return submission.answer_lost or submission.removed_before > 0


def _remembering_an_abandoned_post(stored: Stored[Submission]) -> Stored[Submission]:
    """A worker that died holding the claim may have sent the request: treat its answer as lost.

    Without a request, it held the claim to write outcomes.
    """
    if stored.record.claimed_until is None or stored.record.request is None:
        return stored
    return stored.holding(replace(stored.record, **with_lost_answer(stored.record)))
