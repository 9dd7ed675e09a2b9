"""POSTs a submission and decides by the answer. Nothing is written here.

`advance` journals the request that `request_for` makes, calls `post` to send it, then writes the decision.
"""

import logging
from datetime import datetime

from shared.partner_center.client import Accepted, CallIds, PartnerCenter
from shared.partner_center.errors import PartnerCenterError
from shared.partner_center.paths import append_path, create_path
from shared.pipeline.log_fields import of_submission
from shared.pipeline.service import Service
from shared.pipeline.submissions.device_batches import Target
from shared.pipeline.submissions.state_machine import (
    Decided,
    LastAnswer,
    after_failure,
    after_post,
    answer_of,
    ids_to_keep,
)
from shared.settings import Settings
from shared.storage.record_table import Stored
from shared.storage.records import JournaledRequest, RequestKind, Submission
from shared.telemetry import annotate

logger = logging.getLogger(__name__)


def request_for(
    submission: Submission, target: Target, settings: Settings, ids: CallIds, now: datetime
) -> JournaledRequest:
    """The exact POST to send to `target`. Pure.

    It keeps the last request's id until the service has accepted or refused that request.
    """
    url = settings.partner_center_url + _path(submission.customer_id, target)
    known = submission.request if submission.request and submission.request.url == url else None
    return JournaledRequest(
        kind=target.kind,
        method="POST",
        url=url,
        batch_id=target.batch_id,
        request_id=known.request_id if known else ids.request_id,
        correlation_id=ids.correlation_id,
        sent_at=now,
    )


def _path(customer_id: str, target: Target) -> str:
    if target.kind is RequestKind.CREATE:
        return create_path(customer_id)
    return append_path(customer_id, target.batch_id)


def post(service: Service, claimed: Stored[Submission], request: JournaledRequest, body: bytes) -> Decided:
    """Send the journaled `request` of a submission that this worker has claimed."""
    submission = claimed.record
    try:
        accepted = _send(service.partner_center, submission.customer_id, request, body)
    except PartnerCenterError as error:
        step = after_failure(submission, request.kind, error, service.pace)
        return Decided(claimed, step, answer_of(error), error=error)
    fields = {"tracking_id": accepted.tracking_id, "correlation_id": accepted.service_ids.correlation_id}
    logger.info("A submission was accepted", extra=of_submission(submission) | fields)
    annotate(fields)
    answer = LastAnswer(ids_to_keep(accepted.service_ids), accepted.status)
    return Decided(claimed, after_post(submission, accepted, service.pace), answer)


def _send(partner_center: PartnerCenter, customer_id: str, request: JournaledRequest, body: bytes) -> Accepted:
    ids = CallIds(request_id=request.request_id, correlation_id=request.correlation_id)
    if request.kind is RequestKind.CREATE:
        return partner_center.create_batch(customer_id, request.batch_id, body, ids)
    return partner_center.append_devices(customer_id, request.batch_id, body, ids)
