"""Looks at the job of an accepted submission, and writes the outcome of every device that has its own final status."""

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from shared.partner_center.client import CallIds, JobAnswer
from shared.partner_center.errors import PartnerCenterError, Refused
from shared.partner_center.models import BatchUploadDetails, Device
from shared.pipeline.composition import Pipeline
from shared.pipeline.decisions import (
    Finish,
    LookAgain,
    Said,
    Step,
    WaitFor,
    after_look,
    after_look_failed,
    is_past_deadline,
    pace_of,
)
from shared.pipeline.gates import Admission, admission
from shared.pipeline.log_fields import of_error, of_submission
from shared.pipeline.matching import SentRow, match, match_by_name
from shared.pipeline.outcomes import counted, found, judged, without_verdict
from shared.pipeline.said import said_by, said_in
from shared.pipeline.steps import sent_rows, take, write_outcomes
from shared.storage.journal import Stored
from shared.storage.records import DeviceOutcome, Submission
from shared.vocabulary import SubmissionState

logger = logging.getLogger(__name__)


def look(pipeline: Pipeline, stored: Stored[Submission]) -> SubmissionState:
    """Ask for the job's status and take the step that follows; the submission's state afterwards."""
    with admission(pipeline, stored.record.customer_id) as admitted:
        if isinstance(admitted, WaitFor):
            return take(pipeline, stored, admitted)
        if stored.record.tracking_id is None:
            return _look_into_batch(pipeline, stored, admitted)
        return _look_at_job(pipeline, stored, stored.record.tracking_id, admitted)


def _look_at_job(
    pipeline: Pipeline, stored: Stored[Submission], tracking_id: str, admitted: Admission
) -> SubmissionState:
    try:
        answer = pipeline.partner_center.batch_job_status(stored.record.customer_id, tracking_id, _ids(pipeline))
    except PartnerCenterError as error:
        return _take_failure(pipeline, stored, admitted, error)
    state = _take_answer(pipeline, stored, answer)
    admitted.note(None)
    return state


def _take_answer(pipeline: Pipeline, stored: Stored[Submission], answer: JobAnswer) -> SubmissionState:
    details = answer.details
    told = replace(
        stored.record,
        job_status=details.status,
        job_started=details.started_time,
        job_completed=details.completed_time,
    )
    outcomes = _verdicts(pipeline, told, details)
    counts = counted(outcomes)
    held = Stored(told, stored.etag)
    # While the job runs, its verdicts are written when their number has changed; each of its last ones always is.
    if outcomes and (details.is_final or counts.ended != told.written):
        held = write_outcomes(pipeline, held, outcomes)
    step = after_look(told, counts, details.status or "", pipeline.clock(), pace_of(pipeline.settings, pipeline.jitter))
    return _take_or_give_up(pipeline, held, step, Said(said_by(answer.service_ids)))


def _verdicts(pipeline: Pipeline, submission: Submission, details: BatchUploadDetails) -> list[DeviceOutcome]:
    """The outcomes of the devices that have their own final status."""
    statuses = details.devices_status or ()
    if not any(status.is_final for status in statuses):
        return []
    rows = sent_rows(pipeline, submission)
    return [
        judged(submission, row, verdict)
        for row, verdict in zip(rows, match(rows, statuses), strict=True)
        if verdict is not None and verdict.is_final
    ]


def _look_into_batch(pipeline: Pipeline, stored: Stored[Submission], admitted: Admission) -> SubmissionState:
    """The service took it without saying where to ask: its devices are looked for in the batch itself."""
    submission, rows = stored.record, sent_rows(pipeline, stored.record)
    try:
        devices = _devices_in_batch(pipeline, submission, rows)
    except PartnerCenterError as error:
        return _take_failure(pipeline, stored, admitted, error)
    outcomes = _found(submission, rows, devices)
    held = write_outcomes(pipeline, stored, outcomes) if outcomes else stored
    pace = pace_of(pipeline.settings, pipeline.jitter)
    step = after_look(submission, counted(outcomes), "nothing of a job", pipeline.clock(), pace)
    state = _take_or_give_up(pipeline, held, step, None)
    admitted.note(None)
    return state


def _take_failure(
    pipeline: Pipeline, stored: Stored[Submission], admitted: Admission, error: PartnerCenterError
) -> SubmissionState:
    """Take the step that follows `error`; then tell those whom it concerns."""
    logger.warning("A job's status could not be had", extra=of_submission(stored.record) | of_error(error))
    pace = pace_of(pipeline.settings, pipeline.jitter)
    step = after_look_failed(stored.record, error, pipeline.clock(), pace)
    state = _take_or_give_up(pipeline, stored, step, said_in(error))
    admitted.note_failure(step, error)
    return state


def _take_or_give_up(pipeline: Pipeline, stored: Stored[Submission], step: Step, said: Said | None) -> SubmissionState:
    """Take `step`, or end the waiting when it would look again after an answer and the deadline is over."""
    if isinstance(step, LookAgain) and step.usable and is_past_deadline(stored.record, pipeline.clock()):
        return _give_up(pipeline, stored)
    return take(pipeline, stored, step, said)


def _give_up(pipeline: Pipeline, stored: Stored[Submission]) -> SubmissionState:
    """The deadline is over. What the batch itself shows is the last word; every other row is `unknown`."""
    submission, rows = stored.record, sent_rows(pipeline, stored.record)
    known = [
        outcome
        for outcome in pipeline.journal.outcomes(submission.reading_id, submission.first_row, submission.last_row)
        if outcome.submission == submission.number
    ]
    rows_known = {outcome.row for outcome in known}
    missing = [row for row in rows if row.row not in rows_known]
    try:
        devices = _devices_in_batch(pipeline, submission, missing)
    except PartnerCenterError as error:
        logger.warning("A batch could not be read back", extra=of_submission(submission) | of_error(error))
        delay = pace_of(pipeline.settings, pipeline.jitter).backoff(submission.attempts)
        return take(pipeline, stored, LookAgain(delay, str(error), usable=False), said_in(error))
    there = _found(submission, missing, devices)
    rows_there = {outcome.row for outcome in there}
    absent = [without_verdict(submission, row) for row in missing if row.row not in rows_there]
    held = write_outcomes(pipeline, stored, sorted([*there, *absent], key=lambda outcome: outcome.row))
    said = f"No verdict on {len(missing)} devices before the deadline; {len(absent)} of them stay unknown."
    return take(pipeline, held, Finish(counted([*known, *there, *absent]), said))


def _devices_in_batch(pipeline: Pipeline, submission: Submission, rows: Sequence[SentRow]) -> list[Device | None]:
    """Which of the rows' devices stand in the batch. A batch that the service does not show holds none."""
    batch = pipeline.journal.batch(submission.customer_id, submission.batch_id)
    batch_id = submission.batch_id if batch is None else batch.record.batch_id
    try:
        return match_by_name(
            rows, pipeline.partner_center.batch_devices(submission.customer_id, batch_id, _ids(pipeline))
        )
    except Refused:
        return [None] * len(rows)


def _found(submission: Submission, rows: Sequence[SentRow], devices: Sequence[Device | None]) -> list[DeviceOutcome]:
    return [found(submission, row, device) for row, device in zip(rows, devices, strict=True) if device is not None]


def _ids(pipeline: Pipeline) -> CallIds:
    return CallIds(request_id=pipeline.new_id(), correlation_id=pipeline.new_id())
