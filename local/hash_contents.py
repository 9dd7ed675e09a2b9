"""Everything that is known to stand in a hardware hash, as a typed record."""

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import UUID

from msgspec import Struct

from shared.device_files.hardware_hash.layout import (
    DIGEST_IN_OFFLINE_ID,
    EPOCH,
    OFFLINE_ID_BYTES,
    SOURCE_IN_OFFLINE_ID,
    Block,
    IdSource,
    OsType,
    blocks_of,
    text_of,
    total_of,
)
from shared.device_files.hardware_hash.verification import verify
from shared.errors import DeviceDropError
from shared.reasons import RowReason

_OS_TYPES: Mapping[int, str] = {OsType.WINPE: "WinPE", OsType.FULL: "FullOS"}
_ARCHITECTURES = {0: "x86", 5: "arm", 9: "x64", 12: "arm64"}
_MEDIA = {0: "unspecified", 9: "802.11", 10: "bluetooth", 14: "802.3"}
_BUSES = {1: "SCSI", 3: "ATA", 7: "USB", 8: "RAID", 10: "SAS", 11: "SATA", 12: "SD", 13: "MMC", 17: "NVMe", 19: "UFS"}
_POWER_ROLES = {1: "Desktop", 2: "Mobile", 3: "Workstation", 4: "EnterpriseServer", 8: "Slate"}
_ID_SOURCES: Mapping[int, str] = {IdSource.TPM_KEY: "TPM_EK", IdSource.REGISTRY: "Registry"}


class Detail(IntEnum):
    """The types of the other blocks whose meaning is known."""

    PROCESSOR = 2
    PROCESSOR_MANUFACTURER = 3
    PROCESSOR_MODEL = 4
    MEMORY = 5
    DISK = 6
    DISK_SERIAL = 7
    NETWORK = 8
    DISPLAY = 9
    CHASSIS = 10
    TPM_VERSION = 13
    FIRMWARE_VENDOR = 15
    SKU = 18
    FAMILY = 19
    BOARD_MANUFACTURER = 20
    BOARD_PRODUCT = 21
    BOARD_VERSION = 22
    SYSTEM_VERSION = 23
    TPM_KEY = 25
    PRODUCT_KEY_PART = 26
    DISK_SERIAL_OF_KERNEL = 28
    GRAPHICS = 30
    CORE_CLASSES = 34
    LOCALE = 36


def _named(names: Mapping[int, str], code: int) -> str:
    """The name of a code, or the code itself where it is not known."""
    return names.get(code, str(code))


_TOOL = struct.Struct("<8HIbBBB")
_LARGEST_UTC_OFFSET = timedelta(hours=14)


class Version(Struct, frozen=True):
    """A version of Windows or of the collecting tool."""

    major: int
    minor: int
    build: int
    revision: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.build}.{self.revision}"


class Tool(Struct, frozen=True):
    """Block 1: what collected the hash, when and where."""

    tool: Version
    system: Version
    collected_seconds: int
    """Since `EPOCH`, by the device's clock."""
    utc_offset: timedelta | None
    """`None` where the byte says what no place on earth has."""
    os_type: int
    architecture: int
    layout_version: int

    @property
    def collected(self) -> datetime:
        """When the hash was collected."""
        return EPOCH + timedelta(seconds=self.collected_seconds)


class OfflineId(Struct, frozen=True):
    """Block 11: an id that the device has without a network."""

    source: int
    digest: bytes


def tool_of(body: bytes) -> Tool | None:
    """Block 1, or `None` when it is shorter than that. Versions stand in the order minor, major, revision, build."""
    if len(body) < _TOOL.size:
        return None
    *numbers, seconds, quarters, os_type, architecture, layout_version = _TOOL.unpack_from(body)
    offset = timedelta(minutes=15 * quarters)
    return Tool(
        tool=Version(numbers[1], numbers[0], numbers[3], numbers[2]),
        system=Version(numbers[5], numbers[4], numbers[7], numbers[6]),
        collected_seconds=seconds,
        utc_offset=offset if abs(offset) <= _LARGEST_UTC_OFFSET else None,
        os_type=os_type,
        architecture=architecture,
        layout_version=layout_version,
    )


def offline_id_of(body: bytes) -> OfflineId | None:
    """Block 11, or `None` when it is shorter than that."""
    if len(body) < OFFLINE_ID_BYTES:
        return None
    return OfflineId(body[SOURCE_IN_OFFLINE_ID][0], body[DIGEST_IN_OFFLINE_ID])


def wide_text_of(body: bytes) -> str:
    """A text in UTF-16, up to its NUL."""
    return body.decode("utf-16-le", "replace").partition("\0")[0].strip()


class DamagedHash(DeviceDropError):
    """The text cannot be decoded as a hardware hash."""

    def __init__(self, problem: RowReason) -> None:
        """`problem` is the kind of damage."""
        super().__init__(f"The text is no readable hardware hash ({problem}); collect the hash again.")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Processor:
    """Block 2."""

    architecture: str
    packages: int
    cores: int
    threads: int
    hyperthreading: bool


@dataclass(frozen=True, slots=True)
class CoreClass:
    """One kind of core of a hybrid processor (block 34); the higher class is the faster."""

    efficiency_class: int
    cores: int
    threads: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Block 6."""

    gigabytes: int
    bus: str


@dataclass(frozen=True, slots=True)
class NetworkAdapter:
    """Block 8."""

    medium: str
    mac_address: str
    bus: str


@dataclass(frozen=True, slots=True)
class Display:
    """Block 9: size in millimetres and pixels; 65535 in each where there is no display."""

    width_mm: int
    height_mm: int
    width_pixels: int
    height_pixels: int


@dataclass(frozen=True, slots=True)
class HashContents:
    """Everything that is known to stand in a hardware hash. `None` or empty: the hash has no such block."""

    total: int
    """Bytes covered by the checksum."""
    block_types: tuple[int, ...]
    tool_build: str | None
    """Version of the tool that collected the hash, such as 10.0.26100.7705."""
    os_build: str | None
    collected: datetime | None
    """UTC, by the device's clock."""
    utc_offset: timedelta | None
    os_type: str | None
    """`FullOS` or `WinPE`."""
    os_architecture: str | None
    tool_version: int | None
    processor: Processor | None
    core_classes: tuple[CoreClass, ...]
    processor_manufacturer: str | None
    processor_model: str | None
    memory_gigabytes: int | None
    disks: tuple[Disk, ...]
    disk_serials: tuple[str, ...]
    disk_serial_of_kernel: str | None
    network_adapters: tuple[NetworkAdapter, ...]
    display: Display | None
    graphics: tuple[str, ...]
    chassis_type: int | None
    """SMBIOS chassis type: 3 desktop, 10 notebook."""
    power_role: str | None
    tpm_version: str | None
    tpm_key_sha256: str | None
    offline_device_id: str | None
    offline_device_id_source: str | None
    """`TPM_EK`: the id is SHA-256 of the TPM's endorsement key. `Registry`: it is not."""
    uuid: UUID | None
    serial_number: str | None
    firmware_vendor: str | None
    manufacturer: str | None
    model: str | None
    sku: str | None
    family: str | None
    system_version: str | None
    board_manufacturer: str | None
    board_product: str | None
    board_version: str | None
    product_key_id: str | None
    product_key_part: str | None
    locale: str | None


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The blocks of a record, asked by type. A body shorter than its layout counts as absent."""

    in_order: tuple[tuple[int, bytes], ...]

    def all(self, kind: Block | Detail, size: int = 0) -> list[bytes]:
        return [body for found, body in self.in_order if found == kind and len(body) >= size]

    def text(self, kind: Block | Detail) -> str | None:
        return next((text_of(body) for body in self.all(kind)), None)

    def unpack(self, kind: Block | Detail, layout: str) -> tuple[int, ...] | None:
        return next((struct.unpack_from(layout, body) for body in self.all(kind, struct.calcsize(layout))), None)

    def processor(self) -> Processor | None:
        numbers = self.unpack(Detail.PROCESSOR, "<5H")
        if numbers is None:
            return None
        architecture, packages, cores, threads, hyperthreading = numbers
        return Processor(_named(_ARCHITECTURES, architecture), packages, cores, threads, bool(hyperthreading))

    def core_classes(self) -> tuple[CoreClass, ...]:
        body = next(iter(self.all(Detail.CORE_CLASSES, 1)), b"\0")
        whole = body[1 : 1 + 5 * min(body[0], (len(body) - 1) // 5)]
        return tuple(CoreClass(*numbers) for numbers in struct.iter_unpack("<BHH", whole))

    def disks(self) -> tuple[Disk, ...]:
        bodies = self.all(Detail.DISK, 9)
        return tuple(Disk(int.from_bytes(body[:4], "little"), _named(_BUSES, body[8])) for body in bodies)

    def network_adapters(self) -> tuple[NetworkAdapter, ...]:
        return tuple(
            NetworkAdapter(
                medium=_named(_MEDIA, int.from_bytes(body[:4], "little")),
                mac_address=body[4:10].hex(":"),
                bus=wide_text_of(body[14 : 14 + int.from_bytes(body[10:14], "little")]),
            )
            for body in self.all(Detail.NETWORK, 14)
        )

    def display(self) -> Display | None:
        numbers = self.unpack(Detail.DISPLAY, "<4H")
        return Display(*numbers) if numbers else None

    def graphics(self) -> tuple[str, ...]:
        return tuple(wide_text_of(body) for body in self.all(Detail.GRAPHICS))

    def tpm_key_sha256(self) -> str | None:
        return next((hashlib.sha256(body).hexdigest() for body in self.all(Detail.TPM_KEY)), None)

    def uuid(self) -> UUID | None:
        return next((UUID(bytes_le=body[:16]) for body in self.all(Block.UUID, 16)), None)


def decode(text: str) -> HashContents:
    """Everything a hardware hash holds. Its checksum is not asked for; `verify` tells that.

    Raises:
        DamagedHash: the text is no hash, is cut, or its blocks do not fit together; also for the old form of 128 bytes,
            which has no structure.
    """
    found = verify(text)
    if isinstance(found, RowReason):
        raise DamagedHash(found)
    if found.old_form:
        raise DamagedHash(RowReason.HASH_NOT_A_HASH)
    return contents_of(base64.b64decode(found.canonical))


def contents_of(record: bytes) -> HashContents:
    """Everything that stands in a record whose blocks are sound."""
    total = total_of(record)
    blocks = _Blocks(tuple(blocks_of(record, total)))
    tool = next(map(tool_of, blocks.all(Block.TOOL)), None)
    offline_id = next(map(offline_id_of, blocks.all(Block.OFFLINE_ID)), None)
    memory = blocks.unpack(Detail.MEMORY, "<I")
    chassis = blocks.unpack(Detail.CHASSIS, "<BB")
    return HashContents(
        total=total,
        block_types=tuple(kind for kind, _ in blocks.in_order),
        tool_build=str(tool.tool) if tool else None,
        os_build=str(tool.system) if tool else None,
        collected=tool.collected if tool else None,
        utc_offset=tool.utc_offset if tool else None,
        os_type=_named(_OS_TYPES, tool.os_type) if tool else None,
        os_architecture=_named(_ARCHITECTURES, tool.architecture) if tool else None,
        tool_version=tool.layout_version if tool else None,
        processor=blocks.processor(),
        core_classes=blocks.core_classes(),
        processor_manufacturer=blocks.text(Detail.PROCESSOR_MANUFACTURER),
        processor_model=blocks.text(Detail.PROCESSOR_MODEL),
        memory_gigabytes=memory[0] if memory else None,
        disks=blocks.disks(),
        disk_serials=tuple(text_of(body) for body in blocks.all(Detail.DISK_SERIAL)),
        disk_serial_of_kernel=blocks.text(Detail.DISK_SERIAL_OF_KERNEL),
        network_adapters=blocks.network_adapters(),
        display=blocks.display(),
        graphics=blocks.graphics(),
        chassis_type=chassis[0] if chassis else None,
        power_role=_named(_POWER_ROLES, chassis[1]) if chassis else None,
        tpm_version=blocks.text(Detail.TPM_VERSION),
        tpm_key_sha256=blocks.tpm_key_sha256(),
        offline_device_id=offline_id.digest.hex() if offline_id else None,
        offline_device_id_source=_named(_ID_SOURCES, offline_id.source) if offline_id else None,
        uuid=blocks.uuid(),
        serial_number=blocks.text(Block.SERIAL),
        firmware_vendor=blocks.text(Detail.FIRMWARE_VENDOR),
        manufacturer=blocks.text(Block.MANUFACTURER),
        model=blocks.text(Block.MODEL),
        sku=blocks.text(Detail.SKU),
        family=blocks.text(Detail.FAMILY),
        system_version=blocks.text(Detail.SYSTEM_VERSION),
        board_manufacturer=blocks.text(Detail.BOARD_MANUFACTURER),
        board_product=blocks.text(Detail.BOARD_PRODUCT),
        board_version=blocks.text(Detail.BOARD_VERSION),
        product_key_id=blocks.text(Block.PRODUCT_KEY_ID),
        product_key_part=blocks.text(Detail.PRODUCT_KEY_PART),
        locale=blocks.text(Detail.LOCALE),
    )
