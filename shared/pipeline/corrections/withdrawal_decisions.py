"""Decisions about devices that are being withdrawn, with the texts that people read. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

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
from shared.partner_center.models import Device
from shared.pipeline.closing.csv_output import in_one_cell
from shared.pipeline.outcome_rules import CLOCKS_MAY_DIFFER
from shared.pipeline.submissions.matching import SentRow, match_by_name
from shared.pipeline.submissions.state_machine import WRONG_CUSTOMER_CODES
from shared.reasons import WITHDRAWAL_REASONS, WITHDRAWAL_RESULTS, SentNote, WithdrawalReason
from shared.storage.records import DeviceFile, DeviceOutcome, DeviceWithdrawal
from shared.vocabulary import WithdrawalResult

MOST_FORBIDDEN = 5
"""Consecutive 403 answers to deletions before a 403 counts as a verdict. Each of them waits behind the gate."""

NOT_FOUND = 404
FORBIDDEN = 403

COLUMNS = (
    "row",
    "serial_number",
    "product_key",
    "manufacturer",
    "model",
    "batch_id",
    "device_id",
    "withdrawal",
    "error_code",
    "notes",
    "source",
    "error_description",
    "what_to_do",
)
"""Columns of withdrawals.csv, with the sentences last as in results.csv."""


def to_withdraw(outcome: DeviceOutcome, run: int) -> DeviceWithdrawal:
    """The device of a registered row, known so far only from its outcome."""
    return DeviceWithdrawal(
        reading_id=outcome.reading_id,
        row=outcome.row,
        run=run,
        batch_id=outcome.batch_id,
        device_id=outcome.device_id,
    )


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
    return _ended(device, WithdrawalResult.WITHDRAWN, ids, now)


def refused(device: DeviceWithdrawal, error: PartnerCenterError, now: datetime, *, repeated: bool) -> DeviceWithdrawal:
    """The device after a refusal. A 404 may be due to our own earlier request, if its answer was lost (`repeated`).

    A device that was registered again has a new id, so a later registration is never touched.
    """
    if error.status == NOT_FOUND and error.code not in WRONG_CUSTOMER_CODES:
        if repeated:
            gone = _ended(device, WithdrawalResult.WITHDRAWN, error.service_ids, now)
            return replace(gone, notes=SentNote.FIRST_ANSWER_LOST)
        return _ended(device, WithdrawalResult.ALREADY_GONE, error.service_ids, now)
    return replace(
        _ended(device, WithdrawalResult.REFUSED, error.service_ids, now),
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
    """Whether `error` decides on the device, after `forbidden` consecutive deletions were answered with 403."""
    if isinstance(error, Unauthorised) and error.status == FORBIDDEN:
        return forbidden >= MOST_FORBIDDEN
    return isinstance(error, Refused)


def identified(
    file: DeviceFile, rows: list[tuple[DeviceOutcome, DeviceWithdrawal]], in_batch: Iterable[Device], now: datetime
) -> list[DeviceWithdrawal]:
    """Devices without an id, identified by name among the devices of their batch.

    A device that entered the batch before the file was received or after it was closed is another registration.
    """
    sent = [_sent_row(outcome) for outcome, _ in rows]
    names = {name for row in sent for name in _names(row.serial_number, row.product_key)}
    present = set[tuple[str, str]]()

    def named() -> Iterator[Device]:
        for device in in_batch:
            if own := names & _names(device.serial_number, device.product_key):
                present.update(own)
                yield device

    matched = match_by_name(sent, named())
    return [
        _identified(file, device, found, now, is_named=bool(_names(row.serial_number, row.product_key) & present))
        if _names(row.serial_number, row.product_key)
        else _not_identified(device, now)
        for row, (_, device), found in zip(sent, rows, matched, strict=True)
    ]


def _identified(
    file: DeviceFile, device: DeviceWithdrawal, found: Device | None, now: datetime, *, is_named: bool
) -> DeviceWithdrawal:
    if found is None:
        return _not_identified(device, now) if is_named else gone(device, now)
    came = found.uploaded_at
    first, last = file.received_at - CLOCKS_MAY_DIFFER, (file.closed_at or now) + CLOCKS_MAY_DIFFER
    if came is not None and came > last:
        return gone(device, now)
    if found.id is None or came is None or came < first:
        return _not_identified(device, now)
    return replace(device, device_id=found.id)


def gone(device: DeviceWithdrawal, now: datetime) -> DeviceWithdrawal:
    """The device after it was found to be no longer in its batch."""
    return _ended(device, WithdrawalResult.ALREADY_GONE, ServiceIds(), now)


def _not_identified(device: DeviceWithdrawal, now: datetime) -> DeviceWithdrawal:
    reason = WithdrawalReason.DEVICE_NOT_IDENTIFIED
    return replace(
        _ended(device, WithdrawalResult.REFUSED, ServiceIds(), now),
        error_code=reason,
        error_description=WITHDRAWAL_REASONS[reason].sentence,
        what_to_do=WITHDRAWAL_REASONS[reason].what_to_do,
    )


def _ended(device: DeviceWithdrawal, result: WithdrawalResult, ids: ServiceIds, now: datetime) -> DeviceWithdrawal:
    return replace(
        device,
        result=result,
        request_id="",
        what_to_do=WITHDRAWAL_RESULTS[result].what_to_do,
        correlation_id=ids.correlation_id or "",
        at=now,
    )


def _sent_row(outcome: DeviceOutcome) -> SentRow:
    return SentRow(
        row=outcome.row,
        serial_number=outcome.serial_number,
        product_key=outcome.product_key,
        manufacturer=outcome.manufacturer,
        model=outcome.model,
    )


def _names(serial_number: str | None, product_key: str | None) -> set[tuple[str, str]]:
    both = (("serial number", serial_number), ("product key", product_key))
    return {(kind, name.strip().casefold()) for kind, name in both if name and name.strip()}


def line(outcome: DeviceOutcome, device: DeviceWithdrawal) -> list[str]:
    """A line of withdrawals.csv."""
    of_row = {column: str(getattr(outcome, column)) for column in COLUMNS if hasattr(outcome, column)}
    of_device = {column: str(getattr(device, column)) for column in COLUMNS if hasattr(device, column)}
    result = "" if device.result is None else str(device.result)
    cells = of_row | of_device | {"withdrawal": result}
    sentences = {column: in_one_cell(cells[column]) for column in COLUMNS[-2:]}
    return [(cells | sentences)[column] for column in COLUMNS]
