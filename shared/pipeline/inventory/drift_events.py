"""The notification that registered devices of a customer drifted: an event, and the same for the webhook."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from shared.pipeline.closing.event_formats import LONGEST_NAME, SOURCE, Card, Event
from shared.pipeline.closing.notify import notify_webhook
from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import Fields
from shared.settings import Settings
from shared.storage.inventories import CustomerInventory, Drift, DriftKind
from shared.storage.record_table import Conflict, Stored
from shared.storage.wakeups import DriftWakeUp
from shared.vocabulary import counted

EVENT_TYPE = "devicedrop.devices.drifted"

DEVICES_IN_AN_EVENT = 20
"""Devices that an event names: a queue message holds 48 KiB of text. The page has all."""

MOST_DEVICES = 500
"""The newest drift that a notification tells of at once."""

MOST_ATTEMPTS = 20
"""Tries of the webhook, over some hours."""

_TRIES = 5

DRIFT_WORDS = {
    DriftKind.DELETED: "deleted elsewhere",
    DriftKind.MOVED: "moved to another batch",
    DriftKind.REGISTERED: "registered by someone else",
}
"""What was done with a device, for people: in a card and on the page."""


class DriftedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that somebody else deleted, moved or registered."""

    kind: DriftKind
    batch_id: str
    new_batch_id: str
    serial_number: str
    product_key: str
    """The name of a device that is listed without a serial number."""
    manufacturer: str
    model: str
    who: str
    """Empty where Partner Center does not tell."""
    since: datetime
    seen_at: datetime


class DevicesDrifted(msgspec.Struct, frozen=True, kw_only=True):
    """The data of the event: the customer, the devices by what was done with them, and the first of them."""

    customer_id: str
    deleted: int = 0
    moved: int = 0
    registered: int = 0
    devices: tuple[DriftedDevice, ...]
    page: str | None = None


def drift_event(customer_id: str, drift: Sequence[Drift], settings: Settings) -> Event[DevicesDrifted]:
    """The event of devices that drifted, of which there is one at least. Pure."""
    kinds = Counter(one.kind for one in drift)
    page = settings.page_url
    ids = ",".join(sorted(one.drift_id for one in drift))
    return Event(
        id=str(uuid5(UUID(customer_id), f"{EVENT_TYPE} {ids}")),
        source=page or SOURCE,
        type=EVENT_TYPE,
        subject=customer_id,
        time=max(one.seen_at for one in drift),
        data=DevicesDrifted(
            customer_id=customer_id,
            deleted=kinds[DriftKind.DELETED],
            moved=kinds[DriftKind.MOVED],
            registered=kinds[DriftKind.REGISTERED],
            devices=tuple(map(_device, drift[:DEVICES_IN_AN_EVENT])),
            page=None if page is None else f"{page}/api/status/devices?customer={customer_id}",
        ),
    )


def _device(drift: Drift) -> DriftedDevice:
    return DriftedDevice(
        kind=drift.kind,
        batch_id=drift.batch_id[:LONGEST_NAME],
        new_batch_id=drift.new_batch_id[:LONGEST_NAME],
        serial_number=drift.serial_number,
        product_key=drift.product_key,
        manufacturer=drift.manufacturer,
        model=drift.model,
        who=drift.who,
        since=drift.since,
        seen_at=drift.seen_at,
    )


def drift_card(data: DevicesDrifted) -> Card:
    """The card of devices that drifted. Pure."""
    total = data.deleted + data.moved + data.registered
    numbers = {DriftKind.DELETED: data.deleted, DriftKind.MOVED: data.moved, DriftKind.REGISTERED: data.registered}
    facts = [
        ("Customer", data.customer_id),
        *((DRIFT_WORDS[kind].capitalize(), str(number)) for kind, number in numbers.items() if number),
        ("Devices", ", ".join(device.serial_number or device.product_key for device in data.devices[:5])),
    ]
    buttons = [] if data.page is None else [("Open the registered devices", data.page)]
    return Card(f"{counted(total, 'registered device')} changed by somebody else", facts, buttons)


def notify_of_drift(pipeline: Pipeline, wake_up: DriftWakeUp) -> None:
    """Notify the webhook of drift that it was not notified of yet; after a failure try again, for some hours."""
    stored = pipeline.journal.inventories.get(wake_up.customer_id)
    if stored is None:
        return
    told_at = stored.record.webhook_told_at
    newest = pipeline.journal.inventories.drift(wake_up.customer_id, MOST_DEVICES)
    drift = [one for one in newest if told_at is None or one.seen_at > told_at]
    if not drift:
        return
    event = drift_event(wake_up.customer_id, drift, pipeline.settings)
    is_last = wake_up.attempts + 1 >= MOST_ATTEMPTS
    fields: Fields = {"customer_id": wake_up.customer_id}
    if notify_webhook(pipeline, event, drift_card(event.data), wake_up, fields, is_last=is_last):
        _note_notified(pipeline, stored, event.time)


def _note_notified(pipeline: Pipeline, stored: Stored[CustomerInventory] | None, told_at: datetime) -> None:
    """Keep that the webhook was notified, with other changes made to the record meanwhile."""
    for _ in range(_TRIES):
        if stored is None:
            return
        try:
            pipeline.journal.inventories.change(stored, replace(stored.record, webhook_told_at=told_at))
        except Conflict:
            stored = pipeline.journal.inventories.get(stored.record.customer_id)
        else:
            return
