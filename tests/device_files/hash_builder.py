"""Builds hardware hashes, so that tests say what stands in them. The layout is written down once more, on purpose."""

import base64
import hashlib
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

COLLECTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOME_UUID = UUID("4c4c4544-0042-3510-8056-b4c04f4e5931")
SOME_TPM_KEY = bytes(range(256))
FULL_OS, WINPE = 2, 1


def block(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, 4 + len(body)) + body


def tool_block(
    tool_build: int = 26100, collected: datetime = COLLECTED, os_type: int = FULL_OS, quarters: int = -20
) -> bytes:
    seconds = int((collected - datetime(2000, 1, 1, tzinfo=UTC)) / timedelta(seconds=1))
    return block(
        1, struct.pack("<8HIbBBB", 0, 10, 7705, tool_build, 0, 10, 7840, 26100, seconds, quarters, os_type, 9, 9)
    )


def build_record(
    serial: str = "SN-1",
    manufacturer: str = "Contoso",
    model: str = "Laptop 7",
    *,
    product_key: str = "",
    uuid: UUID | None = SOME_UUID,
    tpm_key: bytes | None = SOME_TPM_KEY,
    collected: datetime = COLLECTED,
    os_type: int = FULL_OS,
    tool_build: int = 26100,
    more: bytes = b"",
) -> bytes:
    """The covered part of a hash: what its checksum is of."""
    blocks = tool_block(tool_build, collected, os_type)
    if tpm_key is not None:
        blocks += block(25, tpm_key)
        blocks += block(11, struct.pack("<IBBI", 0, 1, 0, 32) + hashlib.sha256(tpm_key).digest())
    if uuid is not None:
        blocks += block(12, uuid.bytes_le)
    for kind, text in ((14, serial), (16, manufacturer), (17, model), (24, product_key)):
        blocks += block(kind, text.encode() + b"\0") if text else b""
    blocks += more
    return b"OA" + struct.pack("<H", 4 + len(blocks)) + blocks


def checksum_block(record: bytes) -> bytes:
    return b"CS" + struct.pack("<H", 36) + hashlib.sha256(record).digest()


def padded(data: bytes) -> str:
    return base64.b64encode(data.ljust(3000, b"\0")).decode()


def build_hash(serial: str = "SN-1", manufacturer: str = "Contoso", model: str = "Laptop 7", **fields: object) -> str:
    """A whole hash of 4,000 characters; the fields are those of `build_record`."""
    record = build_record(serial, manufacturer, model, **fields)  # type: ignore[arg-type]
    return padded(record + checksum_block(record))
