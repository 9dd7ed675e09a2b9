"""Looks at the job of an accepted submission: which devices have their own final status, and what follows from that."""

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from shared.partner_center.client import CallIds, JobAnswer
from shared.partner_center.errors import PartnerCenterError, Refused
from shared.partner_center.models import BatchUploadDetails, Device
from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import of_error, of_submission
from shared.pipeline.outcome_rules import counted, outcome_from_read_back, outcome_from_verdict, outcome_without_verdict
from shared.pipeline.submissions.apply import Decided, apply, sent_rows
from shared.pipeline.submissions.circuit_breaker import Admission, admission
from shared.pipeline.submissions.follow_ups import FollowUps
from shared.pipeline.submissions.last_answer import answer_ids_of, last_answer_of
from shared.pipeline.submissions.matching import SentRow, match, match_by_name
from shared.pipeline.submissions.state_machine import (
    Finish,
    LastAnswer,
    PollAgain,
    WaitFor,
    after_poll,
    after_poll_failed,
    is_past_deadline,
    pace_of,
)
from shared.storage.record_table import Stored
from shared.storage.records import DeviceOutcome, Submission
from shared.storage.tables import Entity
from shared.telemetry import annotate
from shared.vocabulary import SubmissionState

logger = logging.getLogger(__name__)


def poll(
    pipeline: Pipeline, stored: Stored[Submission], follow_ups: FollowUps, rows: Entity | None = None
) -> Decided | SubmissionState:
    """Ask for the job's status, and decide what follows: that is still to be written.

    After a failure it is written already, and the submission's state is given: whom a failure concerns is told after
    that, so that a late owner tells nobody. `rows` are the submission's packed rows, when they were read with it.

    Raises:
        Conflict: someone else took it further meanwhile.
    """
    with admission(pipeline, stored.record.customer_id) as admitted:
        if isinstance(admitted, WaitFor):
            return Decided(stored, admitted)
        if stored.record.tracking_id is None:
            return _poll_batch(pipeline, stored, admitted, follow_ups)
        return _poll_job(pipeline, stored, stored.record.tracking_id, admitted, follow_ups, rows)


def _poll_job(
    pipeline: Pipeline,
    stored: Stored[Submission],
    tracking_id: str,
    admitted: Admission,
    follow_ups: FollowUps,
    rows: Entity | None,
) -> Decided | SubmissionState:
    try:
        answer = pipeline.partner_center.batch_job_status(stored.record.customer_id, tracking_id, _ids(pipeline))
    except PartnerCenterError as error:
        return _take_failure(pipeline, stored, admitted, follow_ups, error)
    admitted.note(None)
    return _after_answer(pipeline, stored, answer, rows)


def _after_answer(pipeline: Pipeline, stored: Stored[Submission], answer: JobAnswer, rows: Entity | None) -> Decided:
    details = answer.details
    annotate({"job_status": details.status, "correlation_id": answer.service_ids.correlation_id})
    told = replace(
        stored.record,
        job_status=details.status,
        job_started=details.started_time,
        job_completed=details.completed_time,
    )
    outcomes = _verdicts(pipeline, told, details, rows)
    counts = counted(outcomes)
    # While the job runs, its verdicts are written when their number has changed; each of its last ones always is.
    is_news = details.is_final or counts.ended != told.written
    step = after_poll(told, counts, details.status or "", pipeline.clock(), pace_of(pipeline.settings, pipeline.jitter))
    decided = Decided(
        stored.holding(told),
        step,
        LastAnswer(answer_ids_of(answer.service_ids)),
        tuple(outcomes) if is_news else (),
    )
    return _unless_given_up(pipeline, decided)


def _verdicts(
    pipeline: Pipeline, submission: Submission, details: BatchUploadDetails, pack: Entity | None
) -> list[DeviceOutcome]:
    """The outcomes of the devices that have their own final status."""
    statuses = details.devices_status or ()
    if not any(status.is_final for status in statuses):
        return []
    rows = sent_rows(pipeline, submission, pack)
    return [
        outcome_from_verdict(submission, row, verdict)
        for row, verdict in zip(rows, match(rows, statuses), strict=True)
        if verdict is not None and verdict.is_final
    ]


def _poll_batch(
    pipeline: Pipeline, stored: Stored[Submission], admitted: Admission, follow_ups: FollowUps
) -> Decided | SubmissionState:
    """The service took it without saying where to ask: its devices are looked for in the batch itself."""
    submission, rows = stored.record, sent_rows(pipeline, stored.record)
    try:
        devices = _devices_in_batch(pipeline, submission, rows)
    except PartnerCenterError as error:
        return _take_failure(pipeline, stored, admitted, follow_ups, error)
    admitted.note(None)
    outcomes = _found(submission, rows, devices)
    pace = pace_of(pipeline.settings, pipeline.jitter)
    step = after_poll(submission, counted(outcomes), "nothing of a job", pipeline.clock(), pace)
    return _unless_given_up(pipeline, Decided(stored, step, None, outcomes))


def _take_failure(
    pipeline: Pipeline,
    stored: Stored[Submission],
    admitted: Admission,
    follow_ups: FollowUps,
    error: PartnerCenterError,
) -> SubmissionState:
    """Take the step that follows `error`; then tell those whom it concerns."""
    logger.warning("A job's status could not be had", extra=of_submission(stored.record) | of_error(error))
    annotate(of_error(error))
    pace = pace_of(pipeline.settings, pipeline.jitter)
    step = after_poll_failed(stored.record, error, pipeline.clock(), pace)
    state = apply(pipeline, _unless_given_up(pipeline, Decided(stored, step, last_answer_of(error))), follow_ups)
    admitted.note_failure(step, error)
    return state


def _unless_given_up(pipeline: Pipeline, decided: Decided) -> Decided:
    """`decided`, or the end of the waiting when it would look again after an answer and the deadline is over."""
    step = decided.step
    if isinstance(step, PollAgain) and step.usable and is_past_deadline(decided.stored.record, pipeline.clock()):
        return _give_up(pipeline, decided.stored, decided.outcomes)
    return decided


def _give_up(pipeline: Pipeline, stored: Stored[Submission], just_told: Sequence[DeviceOutcome]) -> Decided:
    """The deadline is over. What the batch itself shows is the last word; every other row is `unknown`."""
    submission, rows = stored.record, sent_rows(pipeline, stored.record)
    journaled = pipeline.journal.outcomes.of_rows(submission.reading_id, submission.first_row, submission.last_row)
    known = {outcome.row: outcome for outcome in journaled if outcome.submission == submission.number}
    known |= {outcome.row: outcome for outcome in just_told}
    missing = [row for row in rows if row.row not in known]
    try:
        devices = _devices_in_batch(pipeline, submission, missing)
    except PartnerCenterError as error:
        logger.warning("A batch could not be read back", extra=of_submission(submission) | of_error(error))
        delay = pace_of(pipeline.settings, pipeline.jitter).backoff(submission.attempts)
        return Decided(stored, PollAgain(delay, str(error), usable=False), last_answer_of(error), just_told)
    there = _found(submission, missing, devices)
    rows_there = {outcome.row for outcome in there}
    absent = [outcome_without_verdict(submission, row) for row in missing if row.row not in rows_there]
    said = f"No verdict on {len(missing)} devices before the deadline; {len(absent)} of them stay unknown."
    finish = Finish(counted([*known.values(), *there, *absent]), said)
    return Decided(stored, finish, None, sorted([*just_told, *there, *absent], key=lambda outcome: outcome.row))


def _devices_in_batch(pipeline: Pipeline, submission: Submission, rows: Sequence[SentRow]) -> list[Device | None]:
    """Which of the rows' devices stand in the batch. A batch that the service does not show holds none."""
    batch = pipeline.journal.batches.get(submission.customer_id, submission.batch_id)
    batch_id = submission.batch_id if batch is None else batch.record.batch_id
    try:
        return match_by_name(
            rows, pipeline.partner_center.batch_devices(submission.customer_id, batch_id, _ids(pipeline))
        )
    except Refused:
        return [None] * len(rows)


def _found(submission: Submission, rows: Sequence[SentRow], devices: Sequence[Device | None]) -> list[DeviceOutcome]:
    return [
        outcome_from_read_back(submission, row, device)
        for row, device in zip(rows, devices, strict=True)
        if device is not None
    ]


def _ids(pipeline: Pipeline) -> CallIds:
    return CallIds(request_id=pipeline.new_id(), correlation_id=pipeline.new_id())
