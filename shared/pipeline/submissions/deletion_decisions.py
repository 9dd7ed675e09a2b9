"""Decisions about single devices that are being deleted, for withdrawals and removals alike. Pure."""

from datetime import datetime
from http import HTTPStatus

from msgspec.structs import replace

from shared.partner_center.client import ServiceIds
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Unauthorised,
    Unavailable,
)
from shared.pipeline.submissions.state_machine import WRONG_CUSTOMER_CODES
from shared.reasons import WITHDRAWAL_RESULTS, SentNote
from shared.storage.records import DeviceWithdrawal
from shared.vocabulary import WithdrawalResult

MOST_FORBIDDEN = 5
"""Consecutive steps of deletions that a 403 ended before a 403 counts as a verdict. Each waits behind the gate."""


def is_done(device: DeviceWithdrawal, run: int) -> bool:
    """Whether its result is final. A device that an earlier run was refused is tried again."""
    return device.result is not None and (device.result is not WithdrawalResult.REFUSED or device.run == run)


def may_be_ours(device: DeviceWithdrawal) -> bool:
    """Whether a request of ours may have deleted the device without its answer reaching us."""
    return device.answer_lost or (bool(device.request_id) and device.result is None)


def begun(device: DeviceWithdrawal, run: int, request_id: str) -> DeviceWithdrawal:
    """The device as journaled before its deletion is sent: a request whose answer was lost keeps its id."""
    if device.result is not None:
        device = DeviceWithdrawal(
            reading_id=device.reading_id,
            row=device.row,
            run=run,
            batch_id=device.batch_id,
            device_id=device.device_id,
        )
    return replace(device, run=run, request_id=device.request_id or request_id)


def deleted(device: DeviceWithdrawal, ids: ServiceIds, now: datetime) -> DeviceWithdrawal:
    """The device after the service deleted it."""
    return ended(device, WithdrawalResult.WITHDRAWN, ids, now)


def refused(device: DeviceWithdrawal, error: PartnerCenterError, now: datetime, *, repeated: bool) -> DeviceWithdrawal:
    """The device after a refusal. A 404 may be due to our own earlier request, if its answer was lost (`repeated`).

    A device that was registered again has a new id, so a later registration is never touched.
    """
    if error.status == HTTPStatus.NOT_FOUND and error.code not in WRONG_CUSTOMER_CODES:
        if repeated:
            gone = ended(device, WithdrawalResult.WITHDRAWN, error.service_ids, now)
            return replace(gone, notes=SentNote.FIRST_ANSWER_LOST)
        return ended(device, WithdrawalResult.ALREADY_GONE, error.service_ids, now)
    return replace(
        ended(device, WithdrawalResult.REFUSED, error.service_ids, now),
        error_code=error.code or str(error.status or ""),
        error_description=error.description or str(error),
    )


def unanswered(device: DeviceWithdrawal, error: PartnerCenterError, *, repeated: bool) -> DeviceWithdrawal:
    """The device after a request without a verdict: requests keep their id until the service gives one.

    The record keeps that this request, or the earlier request that it `repeated`, may have deleted the device.
    """
    match error:
        case AnswerLost():
            return device
        case NeverSent() if repeated:
            return device
        case _:
            return replace(device, request_id="", answer_lost=repeated or isinstance(error, Unavailable))


def is_verdict(error: PartnerCenterError, forbidden: int) -> bool:
    """Whether `error` decides on the device, where `forbidden` consecutive steps were ended by a 403."""
    if isinstance(error, Unauthorised) and error.status == HTTPStatus.FORBIDDEN:
        return forbidden >= MOST_FORBIDDEN
    return isinstance(error, Refused)


def ended(device: DeviceWithdrawal, result: WithdrawalResult, ids: ServiceIds, now: datetime) -> DeviceWithdrawal:
    """The device with its result."""
    return replace(
        device,
        result=result,
        request_id="",
        what_to_do=WITHDRAWAL_RESULTS[result].what_to_do,
        correlation_id=ids.correlation_id or "",
        at=now,
    )
