"""Asks the service for the ids of devices that are being withdrawn. Nothing is written here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.partner_center.errors import PartnerCenterError, Refused
from shared.partner_center.models import Device
from shared.pipeline.corrections.withdrawal_decisions import identified
from shared.pipeline.service import Service
from shared.pipeline.submissions.deletion_decisions import refused
from shared.storage.records import DeviceFile, DeviceOutcome, DeviceWithdrawal


@dataclass(frozen=True, slots=True)
class IdsDecided:
    """The devices of a batch, each with its id or its result; or the error that left them unknown."""

    devices: Sequence[DeviceWithdrawal] = ()
    error: PartnerCenterError | None = None


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
