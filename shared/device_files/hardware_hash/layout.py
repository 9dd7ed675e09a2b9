"""How a hardware hash is laid out: a little-endian record of blocks.

    0      'O' 'A'
    2      u16 total                       the bytes that the checksum covers
    4      blocks until offset == total:   u16 type | u16 length (these 4 bytes included) | body
    total  'C' 'S' | u16 36 | 32 bytes SHA-256 of bytes[0:total]
    then   zeros up to 3,000 bytes = exactly 4,000 base64 characters

Verified on hashes of six makers, collected by tools of builds 19041 to 26100.
"""

import struct
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from msgspec import Struct

MARK = b"OA"
HEAD_BYTES = 4
"""Of the record as a whole: the mark and the total."""
HASH_BYTES = 3000
HASH_CHARACTERS = 4000
CHECKSUM_MARK = b"CS" + struct.pack("<H", 36)
CHECKSUM_BYTES = 36
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Collection times are seconds since then."""

_CHECKSUM_TYPE = int.from_bytes(CHECKSUM_MARK[:2], "little")
_HEAD = struct.Struct("<HH")
_TOOL = struct.Struct("<8HIbBBB")
TOOL_BYTES = _TOOL.size
COLLECTED_IN_TOOL = slice(16, 20)
"""Where in block 1 the collection time stands, little-endian."""
OS_TYPE_IN_TOOL = slice(21, 22)
_LARGEST_UTC_OFFSET = timedelta(hours=14)
OFFLINE_ID_BYTES = 42
SOURCE_IN_OFFLINE_ID = slice(4, 5)
UUID_BYTES = 16
DIGEST_IN_OFFLINE_ID = slice(10, OFFLINE_ID_BYTES)


class Block(IntEnum):
    """The types of blocks whose meaning is known."""

    TOOL = 1
    PROCESSOR = 2
    PROCESSOR_MANUFACTURER = 3
    PROCESSOR_MODEL = 4
    MEMORY = 5
    DISK = 6
    DISK_SERIAL = 7
    NETWORK = 8
    DISPLAY = 9
    CHASSIS = 10
    OFFLINE_ID = 11
    UUID = 12
    TPM_VERSION = 13
    SERIAL = 14
    FIRMWARE_VENDOR = 15
    MANUFACTURER = 16
    MODEL = 17
    SKU = 18
    FAMILY = 19
    BOARD_MANUFACTURER = 20
    BOARD_PRODUCT = 21
    BOARD_VERSION = 22
    SYSTEM_VERSION = 23
    PRODUCT_KEY_ID = 24
    TPM_KEY = 25
    PRODUCT_KEY_PART = 26
    DISK_SERIAL_OF_KERNEL = 28
    GRAPHICS = 30
    CORE_CLASSES = 34
    LOCALE = 36


class OsType(IntEnum):
    """The system in which a hash was collected."""

    WINPE = 1
    FULL = 2


class IdSource(IntEnum):
    """What the offline device id is made of."""

    TPM_KEY = 1
    """It is SHA-256 of the TPM's endorsement key."""
    REGISTRY = 3


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


def total_of(record: bytes) -> int:
    """How many bytes the checksum covers."""
    return int.from_bytes(record[2:4], "little")


def blocks_of(record: bytes, total: int) -> list[tuple[int, bytes]]:
    """Type and body of each block; none at all when they do not end exactly at `total`.

    The checksum is laid out like a block, but is none: a damaged `total` may reach beyond it.
    """
    blocks: list[tuple[int, bytes]] = []
    start = HEAD_BYTES
    while start + _HEAD.size <= total:
        kind, length = _HEAD.unpack_from(record, start)
        end = start + length
        if length < _HEAD.size or end > total or kind == _CHECKSUM_TYPE:
            return []
        blocks.append((kind, record[start + _HEAD.size : end]))
        start = end
    return blocks if start == total else []


def tool_of(body: bytes) -> Tool | None:
    """Block 1, or `None` when it is shorter than that. Versions stand in the order minor, major, revision, build."""
    if len(body) < TOOL_BYTES:
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


def text_of(body: bytes) -> str:
    """A text, up to its NUL, without blanks around it or characters that cannot be shown."""
    text = body.partition(b"\0")[0].decode("utf-8", "replace").strip()
    return text if text.isprintable() else "".join(filter(str.isprintable, text)).strip()


def wide_text_of(body: bytes) -> str:
    """A text in UTF-16, up to its NUL."""
    return body.decode("utf-16-le", "replace").partition("\0")[0].strip()
