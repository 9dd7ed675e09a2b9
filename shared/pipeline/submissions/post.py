"""Sends a pending submission. The exact request is journaled before anything is sent."""

import logging

from msgspec.structs import replace

from shared.partner_center.client import Accepted, CallIds, append_path, create_path
from shared.partner_center.errors import PartnerCenterError
from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import of_error, of_submission
from shared.pipeline.submissions.apply import Decided, apply, request_body
from shared.pipeline.submissions.circuit_breaker import Admission, admission
from shared.pipeline.submissions.device_batches import ListingFailed, Target, note_batch, target_of
from shared.pipeline.submissions.follow_ups import FollowUps
from shared.pipeline.submissions.last_answer import answer_ids_of, last_answer_of
from shared.pipeline.submissions.state_machine import (
    PAUSED_DELAY,
    LastAnswer,
    WaitFor,
    after_failure,
    after_post,
    pace_of,
)
from shared.storage.record_table import Stored
from shared.storage.records import JournaledRequest, RequestKind, Submission
from shared.telemetry import annotate
from shared.vocabulary import FileState, SubmissionState

logger = logging.getLogger(__name__)


def post(
    pipeline: Pipeline, stored: Stored[Submission], follow_ups: FollowUps, body: bytes | None = None
) -> SubmissionState:
    """POST a pending submission whose file is read; its state afterwards.

    `body` is its request body when that has not left this process since it was kept.

    Raises:
        Conflict: someone else took it further meanwhile.
    """
    stored = _remembering_an_abandoned_post(stored)
    submission = stored.record
    if not _is_released(pipeline, submission):
        return submission.state
    if pipeline.settings.paused:
        return apply(
            pipeline, Decided(stored, WaitFor(PAUSED_DELAY, "Sending is paused (setting PAUSED).")), follow_ups
        )
    with admission(pipeline, submission.customer_id) as admitted:
        if isinstance(admitted, WaitFor):
            return apply(pipeline, Decided(stored, admitted), follow_ups)
        return _post(pipeline, stored, admitted, follow_ups, body)


def _remembering_an_abandoned_post(stored: Stored[Submission]) -> Stored[Submission]:
    """Whoever claimed it and died may have sent it: that answer is as lost as one that the network lost."""
    if stored.record.claimed_until is None:
        return stored
    return stored.holding(replace(stored.record, answer_lost=True))


def _is_released(pipeline: Pipeline, submission: Submission) -> bool:
    """Whether its file is journaled to the last row, by the reading that the submission belongs to."""
    if pipeline.cache.released.get(submission.reading_id) is not None:
        return True
    stored = pipeline.journal.files.get(submission.customer_id, submission.file_id)
    is_released = (
        stored is not None
        and stored.record.state is FileState.READ
        and stored.record.reading_id == submission.reading_id
    )
    if stored is not None and is_released:
        pipeline.cache.released.keep(submission.reading_id, stored)
    else:
        logger.info("A submission that is not released is left alone", extra=of_submission(submission))
    return is_released


def _post(
    pipeline: Pipeline, stored: Stored[Submission], admitted: Admission, follow_ups: FollowUps, body: bytes | None
) -> SubmissionState:
    submission = stored.record
    if body is None:
        # Before a batch is claimed: one that cannot be sent would keep the batch from all others.
        body = request_body(pipeline, submission)
    target = target_of(pipeline, submission)
    if isinstance(target, ListingFailed):
        return _take_failure(pipeline, stored, admitted, follow_ups, None, target.error)
    if not isinstance(target, Target):
        return apply(pipeline, Decided(stored, target), follow_ups)
    claimed, request = _claim(pipeline, stored, target)
    try:
        accepted = _send(pipeline, submission.customer_id, request, body)
    except PartnerCenterError as error:
        return _take_failure(pipeline, claimed, admitted, follow_ups, target, error)
    answer = {"tracking_id": accepted.tracking_id, "correlation_id": accepted.service_ids.correlation_id}
    logger.info("A submission was accepted", extra=of_submission(submission) | answer)
    annotate(answer)
    step = after_post(claimed.record, accepted, pace_of(pipeline.settings, pipeline.jitter))
    said = LastAnswer(answer_ids_of(accepted.service_ids), accepted.status)
    state = apply(pipeline, Decided(claimed, step, said), follow_ups)
    note_batch(pipeline, submission, target, step)
    admitted.note(None)
    return state


def _take_failure(
    pipeline: Pipeline,
    stored: Stored[Submission],
    admitted: Admission,
    follow_ups: FollowUps,
    target: Target | None,
    error: PartnerCenterError,
) -> SubmissionState:
    """Take the step that follows `error`; then tell those whom it concerns."""
    logger.warning("A submission was not accepted", extra=of_submission(stored.record) | of_error(error))
    annotate(of_error(error))
    kind = target.kind if target else None
    step = after_failure(stored.record, kind, error, pace_of(pipeline.settings, pipeline.jitter))
    state = apply(pipeline, Decided(stored, step, last_answer_of(error)), follow_ups)
    if target is not None:
        note_batch(pipeline, stored.record, target, step)
    admitted.note_failure(step, error)
    return state


def _claim(
    pipeline: Pipeline, stored: Stored[Submission], target: Target
) -> tuple[Stored[Submission], JournaledRequest]:
    """Journal the exact request and take the submission, in one change, before anything is sent.

    A request whose answer was lost is kept as it was; every other one is new.
    """
    submission, now = stored.record, pipeline.clock()
    url = pipeline.settings.partner_center_url + _path(pipeline, submission.customer_id, target)
    known = submission.request if submission.request and submission.request.url == url else None
    request = JournaledRequest(
        kind=target.kind,
        method="POST",
        url=url,
        batch_id=target.batch_id,
        request_id=known.request_id if known else pipeline.new_id(),
        correlation_id=pipeline.new_id(),
        sent_at=now,
    )
    until = now + pipeline.settings.claim
    claimed = replace(
        submission,
        request=request,
        claimed_until=until,
        due_at=until,
        first_sent_at=submission.first_sent_at or now,
    )
    return pipeline.journal.submissions.change(stored, claimed), request


def _path(pipeline: Pipeline, customer_id: str, target: Target) -> str:
    version = pipeline.settings.partner_center_version
    if target.kind is RequestKind.CREATE:
        return create_path(version, customer_id)
    return append_path(version, customer_id, target.batch_id)


def _send(pipeline: Pipeline, customer_id: str, request: JournaledRequest, body: bytes) -> Accepted:
    ids = CallIds(request_id=request.request_id, correlation_id=request.correlation_id)
    if request.kind is RequestKind.CREATE:
        return pipeline.partner_center.create_batch(customer_id, request.batch_id, body, ids)
    return pipeline.partner_center.append_devices(customer_id, request.batch_id, body, ids)
