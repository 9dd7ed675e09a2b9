"""Decisions about devices that are being withdrawn, with the texts that people read. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from shared.partner_center.client import ServiceIds
from shared.partner_center.models import Device
from shared.pipeline.closing.csv_output import in_one_cell
from shared.pipeline.outcome_rules import CLOCKS_MAY_DIFFER
from shared.pipeline.submissions.deletion_decisions import ended
from shared.pipeline.submissions.matching import match_by_name, named_row
from shared.reasons import WITHDRAWAL_REASONS, WithdrawalReason
from shared.storage.records import DeviceFile, DeviceOutcome, DeviceWithdrawal
from shared.vocabulary import WithdrawalResult

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


def identified(
    file: DeviceFile, rows: list[tuple[DeviceOutcome, DeviceWithdrawal]], in_batch: Iterable[Device], now: datetime
) -> list[DeviceWithdrawal]:
    """Devices without an id, identified by name among the devices of their batch.

    A device that entered the batch before the file was received or after it was closed is another registration.
    """
    sent = [named_row(outcome) for outcome, _ in rows]
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
    return ended(device, WithdrawalResult.ALREADY_GONE, ServiceIds(), now)


def _not_identified(device: DeviceWithdrawal, now: datetime) -> DeviceWithdrawal:
    reason = WithdrawalReason.DEVICE_NOT_IDENTIFIED
    return replace(
        ended(device, WithdrawalResult.REFUSED, ServiceIds(), now),
        error_code=reason,
        error_description=WITHDRAWAL_REASONS[reason].sentence,
        what_to_do=WITHDRAWAL_REASONS[reason].what_to_do,
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
