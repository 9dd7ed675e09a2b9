"""Second step of the way: one submission, one step further. The only code that talks to Partner Center.

Whoever calls it - the blob function for the first POSTs, the queue function - it starts from the row's state. Inside a
step the order is: change the row (due time, sequence), send the wake-up, return. So a message lost or doubled costs
time, never a device.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.partner_center.client import Accepted, CallIds, append_path, create_path
from shared.partner_center.errors import PartnerCenterError, ServiceIds
from shared.partner_center.models import DeviceUploadDetails
from shared.partner_center.outcome_codes import explain
from shared.pipeline.composition import Pipeline
from shared.pipeline.decisions import (
    LONGEST_BATCH_WAIT,
    PAUSED_DELAY,
    FindBatchAgain,
    Finish,
    LookAgain,
    Poll,
    Refuse,
    SendAgain,
    Standing,
    Step,
    WaitFor,
    after_failure,
    after_look,
    after_look_failed,
    after_post,
    is_past_deadline,
    pace_of,
    standing,
    taken,
)
from shared.pipeline.device_file import payload_path, rows_path
from shared.pipeline.matching import SentRow, match
from shared.pipeline.results import close_if_complete
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import (
    AnswerIds,
    Batch,
    BatchState,
    Counts,
    DeviceOutcome,
    JournaledRequest,
    RequestKind,
    ServiceFault,
    Submission,
)
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import FileState, Outcome

logger = logging.getLogger(__name__)

NO_VERDICT = "no_verdict"
NO_VERDICT_SENTENCE = "Partner Center gave no verdict on this device before the deadline."
NO_VERDICT_CURE = (
    "Look the device up in Partner Center; if it is not there, drop its row again. A device that is there already "
    "comes back as already_registered."
)
REFUSED_CURE = (
    "The service refused the whole request. Mend what its words name and drop the rows again; ask Microsoft's support "
    "with the file's correlation ids if they name nothing."
)


class PayloadMissing(DeviceDropError):
    """The private container no longer holds a request body that was not yet accepted."""


def advance(pipeline: Pipeline, wake_up: SubmissionWakeUp) -> None:
    """Take the submission that `wake_up` names one step further, if it is still where the wake-up was sent."""
    stored = pipeline.journal.submission(wake_up.file_id, wake_up.number)
    if stored is None:
        logger.warning("A wake-up names no submission", extra=_wake_up_fields(wake_up))
        return
    submission, now = stored.record, pipeline.clock()
    try:
        match standing(submission, wake_up.sequence, now):
            case Standing.OVERTAKEN:
                logger.info("A wake-up was overtaken", extra=_wake_up_fields(wake_up))
            case Standing.FINAL:
                close_if_complete(pipeline, submission.customer_id, submission.file_id)
            case Standing.CLAIMED:
                until = submission.claimed_until or now
                pipeline.wakeups.send(wake_up, until - now)
            case Standing.TO_POST:
                _post(pipeline, stored)
            case Standing.TO_LOOK:
                _look(pipeline, stored)
    except JournalChanged:
        logger.info("Someone else took the submission further", extra=_fields(submission))


# --- sending


@dataclass(frozen=True, slots=True)
class Target:
    """The batch that a submission goes to, in the service's spelling, and how."""

    kind: RequestKind
    batch_id: str


def _post(pipeline: Pipeline, stored: Stored[Submission]) -> None:
    submission = stored.record
    if not _is_released(pipeline, submission):
        return
    if pipeline.settings.paused:
        _take(pipeline, stored, WaitFor(PAUSED_DELAY, "Sending is paused (setting PAUSED)."))
        return
    target = _target(pipeline, submission)
    if not isinstance(target, Target):
        _take(pipeline, stored, target)
        return
    claimed = _claim(pipeline, stored, target)
    body = pipeline.private.read(submission.payload)
    if body is None:
        raise PayloadMissing(
            f"The request body of submission {submission.number} of file {submission.file_id} is missing from the "
            "private container. Restore the blob (soft delete keeps it), or drop the file again."
        )
    step, ids = _send(pipeline, claimed.record, target, body)
    _take(pipeline, claimed, step, ids)
    _note_batch(pipeline, submission, target, step)


def _is_released(pipeline: Pipeline, submission: Submission) -> bool:
    """Whether the whole file is journaled, and this submission is one of those it was cut into."""
    stored = pipeline.journal.file(submission.customer_id, submission.file_id)
    if stored is None or stored.record.state is not FileState.READ:
        logger.info("A submission whose file is not read yet waits", extra=_fields(submission))
        return False
    return int(submission.number.partition("-")[0]) <= stored.record.submissions


def _claim(pipeline: Pipeline, stored: Stored[Submission], target: Target) -> Stored[Submission]:
    """Journal the exact request and take the submission, in one change, before anything is sent.

    A request whose answer was lost is kept as it was; every other one is new.
    """
    submission, now = stored.record, pipeline.clock()
    until = now + pipeline.settings.claim
    request = submission.request or JournaledRequest(
        kind=target.kind,
        method="POST",
        url=_url(pipeline, submission, target),
        batch_id=target.batch_id,
        request_id=pipeline.new_id(),
        sent_at=now,
    )
    claimed = replace(
        submission,
        request=request,
        claimed_until=until,
        due_at=until,
        first_sent_at=submission.first_sent_at or now,
    )
    return pipeline.journal.change_submission(stored, claimed)


def _send(pipeline: Pipeline, submission: Submission, target: Target, body: bytes) -> tuple[Step, AnswerIds]:
    pace = pace_of(pipeline.settings, pipeline.jitter)
    assert submission.request is not None  # noqa: S101 - narrows the type; `_claim` set it
    ids = CallIds(request_id=submission.request.request_id, correlation_id=pipeline.new_id())
    try:
        accepted = _call(pipeline, submission, target, body, ids)
    except PartnerCenterError as error:
        logger.warning("A submission was not accepted", extra=_fields(submission) | _error_fields(error))
        step = after_failure(submission, target.kind, error, pace)
        _sign_in_anew(pipeline, step)
        return step, _answer_ids(error.service_ids)
    logger.info("A submission was accepted", extra=_fields(submission) | {"tracking_id": accepted.tracking_id})
    return after_post(submission, accepted, pace), _answer_ids(accepted.service_ids)


def _call(pipeline: Pipeline, submission: Submission, target: Target, body: bytes, ids: CallIds) -> Accepted:
    if target.kind is RequestKind.CREATE:
        return pipeline.partner_center.create_batch(submission.customer_id, target.batch_id, body, ids)
    return pipeline.partner_center.append_devices(submission.customer_id, target.batch_id, body, ids)


def _url(pipeline: Pipeline, submission: Submission, target: Target) -> str:
    version = pipeline.settings.partner_center_version
    if target.kind is RequestKind.CREATE:
        path = create_path(version, submission.customer_id)
    else:
        path = append_path(version, submission.customer_id, target.batch_id)
    return pipeline.settings.partner_center_url + path


# --- the batch


def _target(pipeline: Pipeline, submission: Submission) -> Target | Step:
    """Where the submission goes, or what to do before that can be said.

    Batches are listed before one is created; one submission at a time does so for a batch, the others wait for it.
    """
    if submission.request is not None:
        return Target(submission.request.kind, submission.request.batch_id)
    now = pipeline.clock()
    known = pipeline.journal.batch(submission.customer_id, submission.batch_id)
    if known is not None and known.record.state is BatchState.KNOWN:
        return Target(RequestKind.APPEND, known.record.batch_id)
    if known is not None and known.record.claimed_until > now and known.record.state is BatchState.LOOKING:
        return _wait_for_batch(known.record.claimed_until - now)
    try:
        claimed = pipeline.journal.change_batch(known, _batch(pipeline, submission, BatchState.LOOKING))
    except JournalChanged:
        return _wait_for_batch(LONGEST_BATCH_WAIT)
    return _find_or_create(pipeline, submission, claimed)


def _wait_for_batch(longest: timedelta) -> WaitFor:
    return WaitFor(min(longest, LONGEST_BATCH_WAIT), "Another submission is looking for the batch or creating it.")


def _batch(pipeline: Pipeline, submission: Submission, state: BatchState, batch_id: str | None = None) -> Batch:
    now = pipeline.clock()
    return Batch(
        customer_id=submission.customer_id,
        batch_id=batch_id or submission.batch_id,
        state=state,
        claimed_by=_owner(submission),
        claimed_until=now + pipeline.settings.claim if state is BatchState.LOOKING else now,
    )


def _find_or_create(pipeline: Pipeline, submission: Submission, claimed: Stored[Batch]) -> Target | Step:
    ids = CallIds(request_id=pipeline.new_id(), correlation_id=pipeline.new_id())
    try:
        batches = pipeline.partner_center.device_batches(submission.customer_id, ids)
    except PartnerCenterError as error:
        logger.warning("The batches could not be listed", extra=_fields(submission) | _error_fields(error))
        _free_batch(pipeline, claimed)
        step = after_failure(submission, None, error, pace_of(pipeline.settings, pipeline.jitter))
        _sign_in_anew(pipeline, step)
        return step
    wanted = submission.batch_id.casefold()
    spellings = [batch.id for batch in batches if batch.id is not None and batch.id.casefold() == wanted]
    if spellings:
        found = submission.batch_id if submission.batch_id in spellings else spellings[0]
        pipeline.journal.change_batch(claimed, _batch(pipeline, submission, BatchState.KNOWN, found))
        return Target(RequestKind.APPEND, found)
    if submission.create_refused is not None:
        _free_batch(pipeline, claimed)
        return Refuse(submission.create_refused)
    return Target(RequestKind.CREATE, submission.batch_id)


def _note_batch(pipeline: Pipeline, submission: Submission, target: Target, step: Step) -> None:
    """What the answer to a POST says about the batch: whether the others may go on, or must list again."""
    known = pipeline.journal.batch(submission.customer_id, submission.batch_id)
    if known is None:
        return
    creates = target.kind is RequestKind.CREATE and known.record.claimed_by == _owner(submission)
    match step:
        case Poll() if creates:
            known_now = _batch(pipeline, submission, BatchState.KNOWN, target.batch_id)
            pipeline.journal.change_batch(known, known_now)
        case SendAgain(same_request=True):
            return
        case FindBatchAgain():
            _free_batch(pipeline, known)
        case _ if creates:
            _free_batch(pipeline, known)


def _free_batch(pipeline: Pipeline, stored: Stored[Batch]) -> None:
    """Whoever comes next lists the batches."""
    freed = replace(stored.record, state=BatchState.LOOKING, claimed_until=pipeline.clock())
    pipeline.journal.change_batch(stored, freed)


def _owner(submission: Submission) -> str:
    return f"{submission.file_id}/{submission.number}"


# --- looking


def _look(pipeline: Pipeline, stored: Stored[Submission]) -> None:
    submission = stored.record
    pace = pace_of(pipeline.settings, pipeline.jitter)
    ids = CallIds(request_id=pipeline.new_id(), correlation_id=pipeline.new_id())
    try:
        answer = pipeline.partner_center.batch_job_status(submission.customer_id, submission.tracking_id or "", ids)
    except PartnerCenterError as error:
        logger.warning("A job's status could not be had", extra=_fields(submission) | _error_fields(error))
        step: Step = after_look_failed(submission, error, pipeline.clock(), pace)
        _sign_in_anew(pipeline, step)
        if isinstance(step, LookAgain) and step.usable and is_past_deadline(submission, pipeline.clock()):
            step = _give_up(pipeline, submission)
        _take(pipeline, stored, step, _answer_ids(error.service_ids))
        return
    details = answer.details
    told = replace(
        submission,
        job_status=details.status,
        job_started=details.started_time,
        job_completed=details.completed_time,
    )
    counts = _write_verdicts(pipeline, told, details.devices_status or ())
    step = after_look(told, counts, details.status or "", pipeline.clock(), pace)
    if isinstance(step, LookAgain) and is_past_deadline(told, pipeline.clock()):
        step = _give_up(pipeline, told)
    _take(pipeline, Stored(told, stored.etag), step, _answer_ids(answer.service_ids))


def _write_verdicts(pipeline: Pipeline, submission: Submission, verdicts: Sequence[DeviceUploadDetails]) -> Counts:
    """Write the outcomes of devices that have their own final status, when there are more than last time."""
    if not any(verdict.is_final for verdict in verdicts):
        return Counts()
    rows = _sent_rows(pipeline, submission)
    outcomes = [
        _outcome(submission, row, verdict)
        for row, verdict in zip(rows, match(rows, verdicts), strict=True)
        if verdict is not None and verdict.is_final
    ]
    if len(outcomes) > submission.written:
        pipeline.journal.write_outcomes(outcomes)
    return _counts(outcomes)


def _give_up(pipeline: Pipeline, submission: Submission) -> Finish:
    """The deadline is over: every row that has no outcome of this submission yet is `unknown`."""
    rows = _sent_rows(pipeline, submission)
    known = {
        outcome.row: outcome
        for outcome in pipeline.journal.outcomes(submission.file_id, rows[0].row, rows[-1].row)
        if outcome.submission == submission.number
    }
    unknown = [_without_verdict(submission, row) for row in rows if row.row not in known]
    pipeline.journal.write_outcomes(unknown)
    kept = [known[row.row] for row in rows if row.row in known]
    reason = f"No verdict on {len(unknown)} devices before the deadline."
    return Finish(_counts([*kept, *unknown]), reason)


# --- outcomes


def _outcome(submission: Submission, row: SentRow, verdict: DeviceUploadDetails) -> DeviceOutcome:
    explanation = explain(verdict.error_code, verdict.error_description, verdict.state)
    return replace(
        _named(submission, row, explanation.verdict),
        error_code="" if verdict.error_code is None else str(verdict.error_code),
        error_description=verdict.error_description or "",
        what_to_do=explanation.what_to_do,
        device_id=verdict.device_id or "",
    )


def _without_verdict(submission: Submission, row: SentRow) -> DeviceOutcome:
    return replace(
        _named(submission, row, Outcome.UNKNOWN),
        error_code=NO_VERDICT,
        error_description=NO_VERDICT_SENTENCE,
        what_to_do=NO_VERDICT_CURE,
    )


def _write_refusal(pipeline: Pipeline, submission: Submission, fault: ServiceFault) -> None:
    pipeline.journal.write_outcomes(
        replace(
            _named(submission, row, Outcome.FAILED),
            error_code=fault.code,
            error_description=fault.description,
            what_to_do=REFUSED_CURE,
        )
        for row in _sent_rows(pipeline, submission)
    )


def _named(submission: Submission, row: SentRow, outcome: Outcome) -> DeviceOutcome:
    return DeviceOutcome(
        file_id=submission.file_id,
        row=row.row,
        outcome=outcome,
        source=row.source,
        serial_number=row.serial_number,
        product_key=row.product_key,
        manufacturer=row.manufacturer,
        model=row.model,
        notes=row.notes,
        batch_id=submission.batch_id,
        submission=submission.number,
        tracking_id=submission.tracking_id or "",
    )


def _counts(outcomes: Sequence[DeviceOutcome]) -> Counts:
    numbers = dict.fromkeys(Outcome, 0)
    for written in outcomes:
        numbers[written.outcome] += 1
    return Counts(**{str(outcome): number for outcome, number in numbers.items()})


def _sent_rows(pipeline: Pipeline, submission: Submission) -> list[SentRow]:
    content = pipeline.private.read(rows_path(submission.file_id, submission.number))
    if content is None:
        raise PayloadMissing(
            f"The rows of submission {submission.number} of file {submission.file_id} are missing from the private "
            "container. Restore the blob (soft delete keeps it), or drop the file again."
        )
    rows: list[SentRow] = msgspec.json.decode(content, type=list[SentRow])
    return rows


# --- the end of every step


def _take(pipeline: Pipeline, stored: Stored[Submission], step: Step, ids: AnswerIds | None = None) -> None:
    """Write what `step` makes of the submission, then ring when it is due; a final one may be its file's last."""
    now = pipeline.clock()
    submission = taken(stored.record, step, now, ids)
    if isinstance(step, Refuse):
        _write_refusal(pipeline, submission, step.fault)
    pipeline.journal.change_submission(stored, submission)
    if not submission.state.is_final:
        wake_up = SubmissionWakeUp(file_id=submission.file_id, number=submission.number, sequence=submission.sequence)
        pipeline.wakeups.send(wake_up, submission.due_at - now)
        return
    logger.info("A submission is final", extra=_fields(submission))
    pipeline.private.delete(payload_path(submission.file_id, submission.number))
    close_if_complete(pipeline, submission.customer_id, submission.file_id)


def _sign_in_anew(pipeline: Pipeline, step: Step) -> None:
    if isinstance(step, SendAgain | LookAgain) and step.sign_in_anew:
        pipeline.partner_center.sign_in_anew()


def _answer_ids(ids: ServiceIds) -> AnswerIds:
    return AnswerIds(
        request_id=ids.request_id,
        correlation_id=ids.correlation_id,
        trace_vector=ids.trace_vector,
        server_id=ids.server_id,
    )


def _fields(submission: Submission) -> dict[str, object]:
    return {
        "file_id": submission.file_id,
        "submission": submission.number,
        "customer_id": submission.customer_id,
        "state": str(submission.state),
    }


def _wake_up_fields(wake_up: SubmissionWakeUp) -> dict[str, object]:
    return {"file_id": wake_up.file_id, "submission": wake_up.number, "sequence": wake_up.sequence}


def _error_fields(error: PartnerCenterError) -> dict[str, object]:
    return {
        "error": type(error).__name__,
        "status": error.status,
        "code": error.code,
        "correlation_id": error.service_ids.correlation_id,
    }
