"""Second step of the way: one submission, one step further. The only code that talks to Partner Center.

Whoever calls it - the blob function for the first POSTs, the queue function - it starts from the row's state. Inside a
step the order is: change the row (due time, sequence), send the wake-up, return. So a message lost or doubled costs
time, never a device.
"""

import logging
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.partner_center.client import Accepted, CallIds, append_path, create_path
from shared.partner_center.errors import PartnerCenterError, Refused, ServiceIds
from shared.partner_center.models import Device, DeviceUploadDetails
from shared.pipeline.batches import ListingFailed, Target, note_batch, target_of
from shared.pipeline.composition import Pipeline
from shared.pipeline.decisions import (
    PAUSED_DELAY,
    Finish,
    LookAgain,
    Refuse,
    SendAgain,
    Split,
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
from shared.pipeline.device_file import JSON, payload_digest, payload_path, rows_path
from shared.pipeline.gates import Admission, admit, note_answer
from shared.pipeline.log_fields import of_error, of_submission
from shared.pipeline.matching import SentRow, match, match_by_name
from shared.pipeline.outcomes import counted, found, judged, refused, without_verdict
from shared.pipeline.results import close_if_complete
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import (
    AnswerIds,
    Counts,
    JournaledRequest,
    RequestKind,
    Submission,
    with_sentence,
)
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import FileState, SubmissionState

logger = logging.getLogger(__name__)


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
        logger.info("Someone else took the submission further", extra=of_submission(submission))


# --- sending


def _post(pipeline: Pipeline, stored: Stored[Submission]) -> None:
    submission = stored.record
    if not _is_released(pipeline, submission):
        return
    if pipeline.settings.paused:
        _take(pipeline, stored, WaitFor(PAUSED_DELAY, "Sending is paused (setting PAUSED)."))
        return
    admission = admit(pipeline, submission.customer_id)
    if isinstance(admission, WaitFor):
        _take(pipeline, stored, admission)
        return
    target = target_of(pipeline, submission)
    if isinstance(target, ListingFailed):
        step, ids = _after_failure(pipeline, admission, submission, None, target.error)
        _take(pipeline, stored, step, ids)
        return
    if not isinstance(target, Target):
        _take(pipeline, stored, target)
        return
    claimed = _claim(pipeline, stored, target)
    body = pipeline.private.read(submission.payload)
    if body is None:
        raise _payload_missing(submission)
    step, ids = _send(pipeline, claimed.record, target, body, admission)
    _take(pipeline, claimed, step, ids)
    note_batch(pipeline, submission, target, step)


def _is_released(pipeline: Pipeline, submission: Submission) -> bool:
    """Whether the whole file is journaled, and this submission is one of those it was cut into."""
    stored = pipeline.journal.file(submission.customer_id, submission.file_id)
    if stored is None or stored.record.state is not FileState.READ:
        logger.info("A submission whose file is not read yet waits", extra=of_submission(submission))
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


def _send(
    pipeline: Pipeline, submission: Submission, target: Target, body: bytes, admission: Admission
) -> tuple[Step, AnswerIds]:
    assert submission.request is not None  # noqa: S101 - narrows the type; `_claim` set it
    ids = CallIds(request_id=submission.request.request_id, correlation_id=pipeline.new_id())
    try:
        accepted = _call(pipeline, submission, target, body, ids)
    except PartnerCenterError as error:
        return _after_failure(pipeline, admission, submission, target.kind, error)
    note_answer(pipeline, admission, submission.customer_id, None)
    logger.info("A submission was accepted", extra=of_submission(submission) | {"tracking_id": accepted.tracking_id})
    step = after_post(submission, accepted, pace_of(pipeline.settings, pipeline.jitter))
    return step, _answer_ids(accepted.service_ids)


def _after_failure(
    pipeline: Pipeline,
    admission: Admission,
    submission: Submission,
    kind: RequestKind | None,
    error: PartnerCenterError,
) -> tuple[Step, AnswerIds]:
    logger.warning("A submission was not accepted", extra=of_submission(submission) | of_error(error))
    step = after_failure(submission, kind, error, pace_of(pipeline.settings, pipeline.jitter))
    _note_failure(pipeline, admission, submission, step, error)
    return step, _answer_ids(error.service_ids)


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


# --- looking


def _look(pipeline: Pipeline, stored: Stored[Submission]) -> None:
    submission = stored.record
    admission = admit(pipeline, submission.customer_id)
    if isinstance(admission, WaitFor):
        _take(pipeline, stored, admission)
        return
    try:
        answer = pipeline.partner_center.batch_job_status(
            submission.customer_id, submission.tracking_id or "", _new_ids(pipeline)
        )
    except PartnerCenterError as error:
        step = _after_look_failed(pipeline, admission, submission, error)
        _take(pipeline, stored, step, _answer_ids(error.service_ids))
        return
    note_answer(pipeline, admission, submission.customer_id, None)
    details = answer.details
    told = replace(
        submission,
        job_status=details.status,
        job_started=details.started_time,
        job_completed=details.completed_time,
    )
    counts = _write_verdicts(pipeline, told, details.devices_status or ())
    pace = pace_of(pipeline.settings, pipeline.jitter)
    step = after_look(told, counts, details.status or "", pipeline.clock(), pace)
    _take(pipeline, Stored(told, stored.etag), _or_give_up(pipeline, told, step), _answer_ids(answer.service_ids))


def _after_look_failed(
    pipeline: Pipeline, admission: Admission, submission: Submission, error: PartnerCenterError
) -> Step:
    logger.warning("A job's status could not be had", extra=of_submission(submission) | of_error(error))
    step = after_look_failed(submission, error, pipeline.clock(), pace_of(pipeline.settings, pipeline.jitter))
    _note_failure(pipeline, admission, submission, step, error)
    return _or_give_up(pipeline, submission, step)


def _or_give_up(pipeline: Pipeline, submission: Submission, step: Step) -> Step:
    """`step`, or the end of waiting when it would look again and the deadline is over."""
    if isinstance(step, LookAgain) and step.usable and is_past_deadline(submission, pipeline.clock()):
        return _give_up(pipeline, submission)
    return step


def _write_verdicts(pipeline: Pipeline, submission: Submission, verdicts: Sequence[DeviceUploadDetails]) -> Counts:
    """Write the outcomes of devices that have their own final status, when there are more than last time."""
    if not any(verdict.is_final for verdict in verdicts):
        return Counts()
    rows = _sent_rows(pipeline, submission)
    outcomes = [
        judged(submission, row, verdict)
        for row, verdict in zip(rows, match(rows, verdicts), strict=True)
        if verdict is not None and verdict.is_final
    ]
    if len(outcomes) > submission.written:
        pipeline.journal.write_outcomes(outcomes)
    return counted(outcomes)


def _give_up(pipeline: Pipeline, submission: Submission) -> Step:
    """The deadline is over. What the batch itself shows is the last word; every other row is `unknown`."""
    rows = _sent_rows(pipeline, submission)
    known = {
        outcome.row: outcome
        for outcome in pipeline.journal.outcomes(submission.file_id, rows[0].row, rows[-1].row)
        if outcome.submission == submission.number
    }
    missing = [row for row in rows if row.row not in known]
    try:
        devices = _read_back(pipeline, submission, missing)
    except PartnerCenterError as error:
        logger.warning("A batch could not be read back", extra=of_submission(submission) | of_error(error))
        delay = pace_of(pipeline.settings, pipeline.jitter).backoff(submission.attempts)
        return LookAgain(delay, str(error), usable=False)
    last_words = [
        without_verdict(submission, row) if device is None else found(submission, row, device)
        for row, device in zip(missing, devices, strict=True)
    ]
    pipeline.journal.write_outcomes(last_words)
    counts = counted([*known.values(), *last_words])
    return Finish(counts, f"No verdict on {len(missing)} devices before the deadline; {counts.unknown} stay unknown.")


def _read_back(pipeline: Pipeline, submission: Submission, rows: Sequence[SentRow]) -> list[Device | None]:
    """Which of the rows' devices stand in the batch. A batch that the service does not show holds none."""
    batch = pipeline.journal.batch(submission.customer_id, submission.batch_id)
    batch_id = submission.batch_id if batch is None else batch.record.batch_id
    try:
        devices = pipeline.partner_center.batch_devices(submission.customer_id, batch_id, _new_ids(pipeline))
        return match_by_name(rows, devices)
    except Refused:
        return [None] * len(rows)


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
        rows = _sent_rows(pipeline, submission)
        pipeline.journal.write_outcomes(refused(submission, row, step.fault) for row in rows)
    if isinstance(step, Split):
        _split(pipeline, stored, submission)
        return
    pipeline.journal.change_submission(stored, submission)
    if not submission.state.is_final:
        wake_up = SubmissionWakeUp(file_id=submission.file_id, number=submission.number, sequence=submission.sequence)
        pipeline.wakeups.send(wake_up, submission.due_at - now)
        return
    logger.info("A submission is final", extra=of_submission(submission))
    pipeline.private.delete(payload_path(submission.file_id, submission.number))
    close_if_complete(pipeline, submission.customer_id, submission.file_id)


def _split(pipeline: Pipeline, stored: Stored[Submission], split: Submission) -> None:
    """Halve a refused submission: the bodies first, then both halves and the end of the whole in one change."""
    body = pipeline.private.read(split.payload)
    if body is None:
        raise _payload_missing(split)
    devices = msgspec.json.decode(body, type=list[msgspec.Raw])
    rows = _sent_rows(pipeline, split)
    middle = len(rows) // 2
    parts = (slice(None, middle), slice(middle, None))
    halves = [
        _half(pipeline, split, f"{split.number}-{index}", devices[part], rows[part]) for index, part in enumerate(parts)
    ]
    pipeline.journal.split_submission(stored, split, halves)
    logger.warning("A refused submission was split in two", extra=of_submission(split))
    for half in halves:
        pipeline.wakeups.send(SubmissionWakeUp(file_id=half.file_id, number=half.number, sequence=half.sequence))
    pipeline.private.delete(split.payload)


def _half(
    pipeline: Pipeline, split: Submission, number: str, devices: list[msgspec.Raw], rows: list[SentRow]
) -> Submission:
    body = msgspec.json.encode(devices)
    pipeline.private.write(payload_path(split.file_id, number), body, JSON)
    pipeline.private.write(rows_path(split.file_id, number), msgspec.json.encode(rows), JSON)
    now = pipeline.clock()
    return Submission(
        file_id=split.file_id,
        number=number,
        customer_id=split.customer_id,
        batch_id=split.batch_id,
        devices=len(rows),
        payload=payload_path(split.file_id, number),
        payload_digest=payload_digest(body),
        state=SubmissionState.PENDING,
        due_at=now,
        answer_lost=split.answer_lost,
        first_sent_at=split.first_sent_at,
        history=with_sentence((), f"Waits with {len(rows)} devices, a half of submission {split.number}.", now),
    )


def _note_failure(
    pipeline: Pipeline, admission: Admission, submission: Submission, step: Step, error: PartnerCenterError
) -> None:
    """Sign in anew when that may be the cure; else let everyone who is concerned wait."""
    if isinstance(step, SendAgain | LookAgain) and step.sign_in_anew:
        pipeline.partner_center.sign_in_anew()
    else:
        note_answer(pipeline, admission, submission.customer_id, error)


def _new_ids(pipeline: Pipeline) -> CallIds:
    return CallIds(request_id=pipeline.new_id(), correlation_id=pipeline.new_id())


def _payload_missing(submission: Submission) -> PayloadMissing:
    return PayloadMissing(
        f"The request body of submission {submission.number} of file {submission.file_id} is missing from the "
        "private container. Restore the blob (soft delete keeps it), or drop the file again."
    )


def _answer_ids(ids: ServiceIds) -> AnswerIds:
    return AnswerIds(
        request_id=ids.request_id,
        correlation_id=ids.correlation_id,
        trace_vector=ids.trace_vector,
        server_id=ids.server_id,
    )


def _wake_up_fields(wake_up: SubmissionWakeUp) -> dict[str, object]:
    return {"file_id": wake_up.file_id, "submission": wake_up.number, "sequence": wake_up.sequence}
