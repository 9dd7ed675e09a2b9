"""Tells of rows that ended without a verdict whether their device was seen in its batch later.

The outcome of a row does not change: it says what was known at the end of its file.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice

from shared.partner_center.models import Device
from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.listing import batches_of
from shared.pipeline.inventory.snapshots import devices_of
from shared.pipeline.submissions.matching import match_by_name, named_row
from shared.storage.blobs import VersionGone
from shared.storage.inventories import BatchInventory
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import Outcome

MOST_DEVICES = 50_000
"""Devices of a batch that are compared for the rows of a page."""


def seen_later(pipeline: Pipeline, file: DeviceFile, rows: Sequence[DeviceOutcome]) -> dict[int, datetime]:
    """When the devices of rows without a verdict were seen in their batch after the file was closed, by row."""
    customer_id, closed_at = file.customer_id, file.closed_at
    unknown = [row for row in rows if row.outcome is Outcome.UNKNOWN and (row.serial_number or row.product_key)]
    if customer_id is None or closed_at is None or not unknown:
        return {}
    seen: dict[int, datetime] = {}
    for batch_id in dict.fromkeys(row.batch_id for row in unknown if row.batch_id):
        of_batch = [row for row in unknown if row.batch_id == batch_id]
        for batch in batches_of(pipeline, customer_id, batch_id):
            if batch.read_at is not None and batch.read_at > closed_at:
                seen |= dict.fromkeys(_found(pipeline, batch, of_batch), batch.read_at)
    return seen


def _found(pipeline: Pipeline, batch: BatchInventory, rows: Sequence[DeviceOutcome]) -> list[int]:
    """The rows whose devices are in the batch as last read; none while it is being read anew."""
    with suppress(VersionGone):
        found = match_by_name(list(map(named_row, rows)), islice(_devices(pipeline, batch), MOST_DEVICES))
        return [row.row for row, device in zip(rows, found, strict=True) if device is not None]
    return []


def _devices(pipeline: Pipeline, batch: BatchInventory) -> Iterator[Device]:
    for device in devices_of(pipeline.private, batch):
        yield Device(
            id=device.device_id,
            serial_number=device.serial_number,
            product_key=device.product_key,
            oem_manufacturer_name=device.manufacturer,
            model_name=device.model,
        )
