"""How a batch changed between two readings, and what of that somebody else did: drift."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.snapshots import RegisteredDevice, difference
from shared.pipeline.submissions.matching import differ, folded
from shared.pipeline.submissions.registered_elsewhere import Name, names_of
from shared.storage.blobs import VersionGone
from shared.storage.inventories import BatchInventory, CustomerInventory, DeviceChange, Drift, DriftKind

MOST_CHANGES = 1_000
"""Devices of each kind that are entered for one reading of a batch."""


def enter_changes(pipeline: Pipeline, reading: CustomerInventory, before: BatchInventory, after: BatchInventory) -> int:
    """Enter how a batch changed since it was read before, if drift is to be told; the number of changes.

    A batch that is new since a complete reading had no devices then.
    """
    since = before.read_at or reading.read_at
    if not pipeline.settings.reconcile or since is None or after.read_at is None:
        return 0
    try:
        found = difference(pipeline.private, before, after, MOST_CHANGES)
    except VersionGone:  # the snapshot before is no longer there: this one is the first to compare with
        return 0
    changes = [
        _change(after, device, since, after.read_at, is_there=is_there)
        for devices, is_there in ((found.there, True), (found.gone, False))
        for device in devices
    ]
    pipeline.journal.inventories.enter_changes(changes)
    return len(changes)


def _change(
    batch: BatchInventory, device: RegisteredDevice, since: datetime, seen_at: datetime, *, is_there: bool
) -> DeviceChange:
    """The change, whose id is the same when the batch is read again after a crash."""
    name = f"{batch.batch_id}\0{is_there}\0{since.isoformat()}\0".encode() + device.identity
    return DeviceChange(
        customer_id=batch.customer_id,
        change_id=hashlib.blake2b(name, digest_size=16).hexdigest(),
        is_there=is_there,
        batch_id=batch.batch_id,
        device_id=device.device_id,
        serial_number=device.serial_number,
        product_key=device.product_key,
        manufacturer=device.manufacturer,
        model=device.model,
        uploaded_by=device.uploaded_by,
        since=since,
        seen_at=seen_at,
    )


def drift_in(changes: Sequence[DeviceChange], ours: Collection[str]) -> Iterator[Drift]:
    """What somebody else did, of the changes of one customer; `ours` are the ids of those that the app made. Pure.

    A device that is gone from one batch and there in another was moved, unless the app did one of both. One of which
    only a name changed is the same, which its id tells. Without a name nobody can tell whether the app made a change:
    such devices are left out.
    """
    renamed = _of_renamed_devices(changes)
    by_name: dict[Name, list[DeviceChange]] = {}
    for change in sorted(changes, key=lambda each: each.seen_at):
        names = names_of(change)
        if names and change.change_id not in renamed:
            by_name.setdefault(names[0], []).append(change)
    for of_name in by_name.values():
        there = [change for change in of_name if change.is_there]
        gone = [change for change in of_name if not change.is_there]
        yield from _drift_of_name(there, gone, ours)


def _drift_of_name(
    there: Sequence[DeviceChange], gone: Sequence[DeviceChange], ours: Collection[str]
) -> Iterator[Drift]:
    """The drift of devices with one name: several of them, or one that changed more than once."""
    left_over = list(gone)
    for came in there:
        left = next((each for each in left_over if _may_be_same_device(each, came)), None)
        if left is not None:
            left_over.remove(left)
        if came.change_id in ours:
            if left is not None and left.change_id not in ours:
                yield _drift(DriftKind.DELETED, left)
        elif left is None or left.change_id in ours or left.batch_id == came.batch_id:
            yield _drift(DriftKind.REGISTERED, came)
        else:
            yield _drift(DriftKind.MOVED, left, came)
    yield from (_drift(DriftKind.DELETED, left) for left in left_over if left.change_id not in ours)


def _of_renamed_devices(changes: Sequence[DeviceChange]) -> set[str]:
    """The ids of the changes of devices of which a reading only lists other names than the reading before."""

    def places(*, is_there: bool) -> set[tuple[object, ...]]:
        return {_place(change) for change in changes if change.is_there is is_there and change.device_id}

    both = places(is_there=True) & places(is_there=False)
    return {change.change_id for change in changes if _place(change) in both}


def _place(change: DeviceChange) -> tuple[object, ...]:
    """The device in its batch, and the reading."""
    return change.batch_id, change.device_id, change.seen_at


def _may_be_same_device(left: DeviceChange, came: DeviceChange) -> bool:
    """Whether the device that is gone may be the one that came: with a new id, and of no other maker or model."""
    names = ((left.manufacturer, came.manufacturer), (left.model, came.model))
    has_new_id = not left.device_id or left.device_id != came.device_id
    return has_new_id and not any(differ(folded(one), folded(other)) for one, other in names)


def _drift(kind: DriftKind, change: DeviceChange, new: DeviceChange | None = None) -> Drift:
    last = new or change
    return Drift(
        customer_id=change.customer_id,
        drift_id=change.change_id,
        kind=kind,
        batch_id=change.batch_id,
        new_batch_id=new.batch_id if new else "",
        device_id=change.device_id,
        serial_number=change.serial_number,
        product_key=change.product_key,
        manufacturer=change.manufacturer,
        model=change.model,
        who=last.uploaded_by if last.is_there else "",
        since=min(change.since, last.since),
        seen_at=max(change.seen_at, last.seen_at),
    )
