"""Lists the registered devices of a customer as last read, with the file of ours that registered each, and as tables.

Which file registered a device is derived from the journal whenever it is shown: a file may be withdrawn at any time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from shared.device_files.csv_defusing import safe_original
from shared.pipeline.closing.csv_output import csv_text
from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.profile_names import ProfileNames
from shared.pipeline.inventory.snapshots import RegisteredDevice, devices_of
from shared.pipeline.submissions.registered_elsewhere import Registration, Registrations, latest
from shared.storage.inventories import BatchInventory

LOOKED_UP_TOGETHER = 500
"""Devices whose files are found with one search of the index of serial numbers."""

COLUMNS = (
    "batch_id",
    "serial_number",
    "product_key",
    "manufacturer",
    "model",
    "device_id",
    "uploaded_at",
    "uploaded_by",
    "allowed_operations",
    "profiles",
    "seen_at",
    "registered_by",
    "file_id",
    "row",
    "profile_names",
)
"""The columns of the CSV."""

FILE_COLUMNS = (
    "Device Serial Number",
    "Windows Product ID",
    "Hardware Hash",
    "Manufacturer name",
    "Device model",
    "Group Tag",
)
"""The columns of the device file, as Microsoft's script names them. Partner Center lists no hash."""


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A registered device, its batch, and the row of ours that registered it."""

    batch: BatchInventory
    place: int
    """In the batch, from 0."""
    device: RegisteredDevice
    registration: Registration | None = None
    """The file that registered it under this batch, or found it there; None when none of ours is known."""


def batches_of(pipeline: Pipeline, customer_id: str, batch_id: str | None = None) -> list[BatchInventory]:
    """The batches of the customer in the order of their keys, or those of one name, compared without case."""
    wanted = None if batch_id is None else batch_id.casefold()
    records = (stored.record for stored in pipeline.journal.inventories.batches(customer_id))
    return [batch for batch in records if wanted in (None, batch.batch_id.casefold())]


def listed_devices(pipeline: Pipeline, batches: Iterable[BatchInventory], first: int = 0) -> Iterator[ListedDevice]:
    """The devices of the batches as last read, from the place `first` of the first batch on. Raises VersionGone."""
    for batch in batches:
        for place, device in enumerate(devices_of(pipeline.private, batch, first), start=first):
            yield ListedDevice(batch, place, device)
        first = 0


def with_registrations(pipeline: Pipeline, devices: Sequence[ListedDevice]) -> list[ListedDevice]:
    """The devices, each with the file of ours that registered it."""
    registrations = Registrations(pipeline.journal, keep_claim=lambda: None)
    found = registrations.of_several([each.device for each in devices])
    return [
        ListedDevice(each.batch, each.place, each.device, _of_the_batch(each.batch, of_device))
        for each, of_device in zip(devices, found, strict=True)
    ]


def _of_the_batch(batch: BatchInventory, found: Sequence[Registration]) -> Registration | None:
    return latest(
        [
            one
            for one in found
            if one.file.customer_id == batch.customer_id
            and one.outcome.batch_id.casefold() == batch.batch_id.casefold()
        ]
    )


def devices_csv(pipeline: Pipeline, customer_id: str, batch_id: str | None, *, as_device_file: bool) -> Iterator[bytes]:
    """The devices as last read in pieces of CSV. Raises VersionGone, half-way."""
    batches = batches_of(pipeline, customer_id, batch_id)
    if as_device_file:
        return csv_text(device_file_table(pipeline, batches), safe_cell=safe_original)
    return csv_text(devices_table(pipeline, batches, ProfileNames(pipeline, customer_id)))


def devices_table(
    pipeline: Pipeline, batches: Sequence[BatchInventory], names: ProfileNames
) -> Iterator[Sequence[str]]:
    """The cells of the CSV, the header first. Raises VersionGone."""
    yield COLUMNS
    devices = listed_devices(pipeline, batches)
    while some := list(islice(devices, LOOKED_UP_TOGETHER)):
        for each in with_registrations(pipeline, some):
            yield (*_cells(each), "; ".join(names.of(each.device.policies)))


def device_file_table(pipeline: Pipeline, batches: Sequence[BatchInventory]) -> Iterator[Sequence[str]]:
    """The cells of a device file of the devices, the header first; without those that no file could name.

    Dropped directly under a customer, each row goes to the batch in its group tag. Raises VersionGone.
    """
    yield FILE_COLUMNS
    for each in listed_devices(pipeline, batches):
        device = each.device
        if device.product_key or (device.serial_number and device.manufacturer and device.model):
            names = (device.serial_number, device.product_key, "", device.manufacturer, device.model)
            yield *names, each.batch.batch_id


def _cells(each: ListedDevice) -> Sequence[str]:
    device, registration, seen_at = each.device, each.registration, each.batch.read_at
    return (
        each.batch.batch_id,
        device.serial_number,
        device.product_key,
        device.manufacturer,
        device.model,
        device.device_id,
        device.uploaded_at.isoformat() if device.uploaded_at else "",
        device.uploaded_by,
        " ".join(device.allowed_operations),
        " ".join(device.policies),
        seen_at.isoformat() if seen_at else "",
        registration.file.name if registration else "",
        registration.file.file_id if registration else "",
        str(registration.outcome.row) if registration else "",
    )
