"""Calls the service for devices that are being withdrawn, and decides by its answers. Nothing is written here.

`withdrawal_steps` journals a request, calls this module to send it, then writes the decision.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.partner_center.errors import PartnerCenterError, Refused
from shared.partner_center.models import Device
from shared.pipeline.corrections.withdrawal_decisions import (
    FORBIDDEN,
    deleted,
    identified,
    is_verdict,
    refused,
    unanswered,
)
from shared.pipeline.service import Service
from shared.storage.records import DeviceFile, DeviceOutcome, DeviceWithdrawal


@dataclass(frozen=True, slots=True)
class DeviceDecided:
    """The state of a device after its deletion was sent, beside the error that led to it."""

    device: DeviceWithdrawal
    """Has no result if the answer was not a verdict."""
    forbidden: int
    """The number of consecutive deletions answered with 403."""
    error: PartnerCenterError | None = None


@dataclass(frozen=True, slots=True)
class IdsDecided:
    """The devices of a batch, each with its id or its result; or the error that left them unknown."""

    devices: Sequence[DeviceWithdrawal] = ()
    error: PartnerCenterError | None = None


def delete(
    service: Service, customer_id: str, batch_id: str, device: DeviceWithdrawal, *, repeated: bool, forbidden: int
) -> DeviceDecided:
    """Send the journaled deletion of a device.

    `repeated`: an earlier request may have deleted it; `forbidden` consecutive deletions were answered with 403.
    """
    ids = service.call_ids(device.request_id)
    try:
        answer = service.partner_center.delete_device(customer_id, batch_id, device.device_id, ids)
    except PartnerCenterError as error:
        in_a_row = forbidden + 1 if error.status == FORBIDDEN else 0
        if is_verdict(error, in_a_row):
            return DeviceDecided(refused(device, error, service.clock(), repeated=repeated), in_a_row, error)
        return DeviceDecided(unanswered(device, error, repeated=repeated), in_a_row, error)
    return DeviceDecided(deleted(device, answer, service.clock()), 0)


def find_ids(
    service: Service,
    file: DeviceFile,
    batch_id: str,
    devices: list[tuple[DeviceOutcome, DeviceWithdrawal]],
    reading: Callable[[Iterable[Device]], Iterator[Device]],
) -> IdsDecided:
    """Search a batch for devices whose id is unknown; `reading` passes on the devices that the service lists."""
    now = service.clock()
    try:
        in_batch = service.partner_center.batch_devices(file.customer_id or "", batch_id, service.call_ids())
        return IdsDecided(identified(file, devices, reading(in_batch), now))
    except Refused as error:
        return IdsDecided([refused(device, error, now, repeated=False) for _, device in devices])
    except PartnerCenterError as error:
        return IdsDecided(error=error)
