"""How a hardware hash is laid out: a little-endian record of blocks.

    0      'O' 'A'
    2      u16 total                       the bytes that the checksum covers
    4      blocks until offset == total:   u16 type | u16 length (these 4 bytes included) | body
    total  'C' 'S' | u16 36 | 32 bytes SHA-256 of bytes[0:total]
    then   zeros up to 3,000 bytes = exactly 4,000 base64 characters

Verified on hashes of six makers, collected by tools of builds 19041 to 26100.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum
from operator import itemgetter

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
TOOL = struct.Struct("<6x H 8x I x B 2x")
"""Build of the tool, collection time and system, in block 1."""
OFFLINE_ID_BYTES = 42
SOURCE_IN_OFFLINE_ID = slice(4, 5)
UUID_BYTES = 16
DIGEST_IN_OFFLINE_ID = slice(10, OFFLINE_ID_BYTES)


class Block(IntEnum):
    """The types of the blocks that checking needs."""

    TOOL = 1
    OFFLINE_ID = 11
    UUID = 12
    SERIAL = 14
    MANUFACTURER = 16
    MODEL = 17
    PRODUCT_KEY_ID = 24


class OsType(IntEnum):
    """The system in which a hash was collected."""

    WINPE = 1
    FULL = 2


class IdSource(IntEnum):
    """What the offline device id is made of."""

    TPM_KEY = 1
    """It is SHA-256 of the TPM's endorsement key."""
    REGISTRY = 3


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


BlockFields = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""Bodies of the blocks that checking needs: serial number, manufacturer, model, product key id, UUID, tool, offline id.

Empty where there is none, or one that is shorter than its layout. Of several blocks of one type the first counts.
"""
NO_FIELDS: BlockFields = (b"", b"", b"", b"", b"", b"", b"")
_NEEDED = (
    (Block.SERIAL, None),
    (Block.MANUFACTURER, None),
    (Block.MODEL, None),
    (Block.PRODUCT_KEY_ID, None),
    (Block.UUID, UUID_BYTES),
    (Block.TOOL, TOOL.size),
    (Block.OFFLINE_ID, OFFLINE_ID_BYTES),
)
"""Each with how much of its body is needed; `None`: all there is."""
_MOST_LAYOUTS = 1024


class _Layout(Struct, frozen=True):
    """Where the blocks of a covered part stand. Devices of one model have theirs in the same places."""

    heads: struct.Struct
    """Takes the head of each block."""
    expected: tuple[int, ...]
    """Type and length of each, as one number."""
    fields: Callable[[bytes], BlockFields]


_layouts: dict[int, _Layout] = {}
"""The latest layout of each total: remembering them changes no result, only how soon it is known."""


def block_fields(covered: bytes) -> BlockFields | None:
    """What checking needs of the covered part of a hash; `None` when its blocks do not end where it ends."""
    layout = _layouts.get(len(covered))
    if layout is None or layout.heads.unpack(covered) != layout.expected:
        blocks = blocks_of(covered, len(covered))
        if not blocks:
            return None
        if len(_layouts) >= _MOST_LAYOUTS:
            _layouts.clear()
        layout = _layouts[len(covered)] = _layout_of(blocks)
    return layout.fields(covered)


def _layout_of(blocks: list[tuple[int, bytes]]) -> _Layout:
    bodies: dict[int, slice] = {}
    expected: list[int] = []
    start = HEAD_BYTES
    for kind, body in blocks:
        start += _HEAD.size
        bodies.setdefault(kind, slice(start, start + len(body)))
        expected.append(kind | (_HEAD.size + len(body)) << 16)
        start += len(body)
    heads = "".join(f"I{len(body)}x" for _, body in blocks)
    places = [_needed(bodies.get(kind, slice(0, 0)), size) for kind, size in _NEEDED]
    return _Layout(struct.Struct(f"<{HEAD_BYTES}x{heads}"), tuple(expected), itemgetter(*places))


def _needed(body: slice, size: int | None) -> slice:
    if size is None:
        return body
    return slice(body.start, body.start + size) if body.stop - body.start >= size else slice(0, 0)


def text_of(body: bytes) -> str:
    """A text, up to its NUL, without blanks around it or characters that cannot be shown."""
    text = body.partition(b"\0")[0].decode("utf-8", "replace").strip()
    return text if text.isprintable() else "".join(filter(str.isprintable, text)).strip()
