"""The devices of a batch as they were read: blobs of some thousands each, in the order in which the service lists them.

A reading writes blobs of its own, which count once the record of the batch names them. So a snapshot is whole or not
there, its pages are found without reading those before, and no more than one blob is held in memory.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import msgspec

from shared.partner_center.models import Device
from shared.partner_center.service_text import service_text
from shared.pipeline.submissions.matching import folded
from shared.pipeline.submissions.registered_elsewhere import names_of
from shared.storage.blobs import Container, VersionGone
from shared.storage.inventories import BatchInventory

DEVICES_IN_A_BLOB = 5_000

LONGEST_TEXT = 256
"""Characters kept of each text of a device."""

FOLDER = "registered"
"""The folder of all snapshots in the private container."""

_JSON_LINES = "application/x-ndjson"


class RegisteredDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A device of a batch, in the service's words. Of a hardware hash only a digest is kept."""

    device_id: str = ""
    serial_number: str = ""
    product_key: str = ""
    manufacturer: str = ""
    model: str = ""
    hash_digest: str = ""
    """16 bytes in hexadecimal; empty where the service lists no hash."""
    uploaded_at: datetime | None = None
    uploaded_by: str = ""
    allowed_operations: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    """The ids of the configuration policies (profiles) assigned to it."""

    @property
    def identity(self) -> bytes:
        """A digest of the names of the device and its id, by which it is known again in a later reading."""
        names = (self.device_id, self.serial_number, self.product_key, self.manufacturer, self.model)
        return hashlib.blake2b("\0".join(map(folded, names)).encode(), digest_size=16).digest()


def registered_device(device: Device) -> RegisteredDevice:
    """What is kept of a device that the service lists."""
    policies = (policy.value for policy in device.policies or ())
    return RegisteredDevice(
        device_id=_kept(device.id),
        serial_number=_kept(device.serial_number),
        product_key=_kept(device.product_key),
        manufacturer=_kept(device.oem_manufacturer_name),
        model=_kept(device.model_name),
        hash_digest=hash_digest(device.hardware_hash or ""),
        uploaded_at=device.uploaded_at,
        uploaded_by=_kept(device.uploaded_by),
        allowed_operations=tuple(map(_kept, device.allowed_operations or ())),
        policies=tuple(_kept(policy) for policy in policies if policy),
    )


def hash_digest(hardware_hash: str) -> str:
    """The digest of a hardware hash; empty for none."""
    return hashlib.blake2b(hardware_hash.encode(), digest_size=16).hexdigest() if hardware_hash else ""


def snapshot_folder(customer_id: str, batch_id: str, reading: str) -> str:
    """The folder of the snapshot of a batch that the `reading` of this id writes."""
    return f"{batch_folder(customer_id, batch_id)}{reading}/"


def batch_folder(customer_id: str, batch_id: str) -> str:
    """The folder of all snapshots of a batch, whose name may have any character."""
    name = hashlib.blake2b(batch_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{FOLDER}/{customer_id}/{name}/"


@dataclass(frozen=True, slots=True)
class Written:
    """How many devices a snapshot has."""

    devices: int
    nameless: int
    """Those of them that are listed with neither a serial number nor a product key."""


def write_snapshot(container: Container, folder: str, devices: Iterable[RegisteredDevice]) -> Written:
    """Write the devices as blobs in `folder`; how many. A device that the pages list twice is one device."""
    seen, written, nameless = set[bytes](), 0, 0
    for number, part in enumerate(_parts(_once(devices, seen))):
        container.write(_blob(folder, number), b"".join(map(_line, part)), _JSON_LINES)
        written += len(part)
        nameless += sum(not names_of(device) for device in part)
    return Written(written, nameless)


def devices_of(container: Container, batch: BatchInventory, first: int = 0) -> Iterator[RegisteredDevice]:
    """The devices of a batch as last read, from the place `first` on.

    Raises:
        VersionGone: the batch was read anew meanwhile, which replaced the blobs that its record named.
    """
    blobs = -(-batch.devices // DEVICES_IN_A_BLOB) if batch.snapshot else 0
    skipped = first % DEVICES_IN_A_BLOB
    for number in range(first // DEVICES_IN_A_BLOB, blobs):
        content = container.read(_blob(batch.snapshot, number))
        if content is None:
            raise VersionGone(f"The devices of batch {batch.batch_id} were read anew; ask for the page again.")
        for line in content.splitlines()[skipped:]:
            yield _DECODER.decode(line)
        skipped = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """The first devices that are in the later of two snapshots alone, and in the earlier alone."""

    there: Sequence[RegisteredDevice]
    gone: Sequence[RegisteredDevice]


def difference(container: Container, before: BatchInventory, after: BatchInventory, most: int) -> Difference:
    """How two snapshots of a batch differ, at most so many devices of each kind. Raises VersionGone."""

    def alone(one: BatchInventory, other: BatchInventory) -> list[RegisteredDevice]:
        known = {device.identity for device in devices_of(container, other)}
        return list(islice((device for device in devices_of(container, one) if device.identity not in known), most))

    return Difference(there=alone(after, before), gone=alone(before, after))


def delete_snapshots(container: Container, folder: str, kept: str = "") -> None:
    """Delete the blobs in `folder`, but those of the snapshot `kept`."""
    for version in list(container.versions(folder)):
        if not kept or not version.path.startswith(kept):
            container.delete(version.path)


def _blob(folder: str, number: int) -> str:
    return f"{folder}{number:06d}.jsonl"


def _once(devices: Iterable[RegisteredDevice], seen: set[bytes]) -> Iterator[RegisteredDevice]:
    for device in devices:
        if (identity := device.identity) not in seen:
            seen.add(identity)
            yield device


def _parts(devices: Iterator[RegisteredDevice]) -> Iterator[list[RegisteredDevice]]:
    return iter(lambda: list(islice(devices, DEVICES_IN_A_BLOB)), [])


def _line(device: RegisteredDevice) -> bytes:
    return msgspec.json.encode(device) + b"\n"


_DECODER = msgspec.json.Decoder(RegisteredDevice)


def _kept(text: str | None) -> str:
    if not text:
        return ""
    return text if len(text) <= LONGEST_TEXT and text.isprintable() else service_text(text, LONGEST_TEXT)
