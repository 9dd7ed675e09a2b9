"""Whole, undamaged hardware hashes, verified quickly: what `hardware_hash.verify` finds in one, or that it must say.

Only the part that the checksum covers is decoded: the rest is zeros, which are 'A' in base64. Devices of one model have
their blocks in the same places: the places of each layout are remembered, and a hash is compared with those.
"""

import binascii
from collections.abc import Callable
from hashlib import sha256
from operator import itemgetter
from struct import Struct as Layout

import pybase64
from msgspec import Struct

from shared.device_files.hardware_hash.layout import (
    CHECKSUM_BYTES,
    CHECKSUM_MARK,
    COLLECTED_IN_TOOL,
    DIGEST_IN_OFFLINE_ID,
    HASH_BYTES,
    HASH_CHARACTERS,
    HEAD_BYTES,
    MARK,
    OFFLINE_ID_BYTES,
    OS_TYPE_IN_TOOL,
    SOURCE_IN_OFFLINE_ID,
    TOOL_BYTES,
    UUID_BYTES,
    Block,
    blocks_of,
    total_of,
)
from shared.device_files.placeholders import TEMPLATE_HASH

_START_CHARACTERS = 8
"""They hold the mark and the total."""
_TOTAL_CHARACTERS = 6
"""They tell the total."""
_BLOCK_HEAD_BYTES = 4
_MOST_BLOCKS = 64
"""Hashes of real devices have up to 40."""
_MOST_EXTENTS = 512
_MOST_LAYOUTS = 1024
"""More would be no models, but hashes made up one by one; `hardware_hash.verify` is as fast for those."""
_MOST_LAYOUTS_OF_A_TOTAL = 16

PlainFields = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""Bodies of the blocks with serial number, manufacturer and model; UUID; collection time (little-endian); type of the
system; source of the offline id and its digest. Empty where there is none."""


class _Extent(Struct, frozen=True):
    """How far a hash is covered."""

    total: int
    characters: int
    """So many hold the covered part and its checksum."""
    zeros: bytes
    """What their last group holds beyond the checksum."""
    tail: str
    """The characters that follow them."""


class _Placed(Struct, frozen=True):
    """Where the blocks of a covered part stand."""

    heads: Layout
    """Takes the head of each block."""
    expected: tuple[int, ...]
    """Type and length of each, as one number."""
    fields: Callable[[bytes], PlainFields]


class PlainHashes:
    """Verifies hashes that need no repair; what it learns from them stays within some megabytes."""

    def __init__(self) -> None:
        self._extents: dict[str, _Extent] = {}
        self._placed: dict[int, list[_Placed]] = {}
        self._learnt = 0

    def fields(self, text: str) -> PlainFields | None:
        """What stands in a hash of 4,000 characters whose checksum is right; `None` for any other text, or a sample."""
        if len(text) != HASH_CHARACTERS:
            return None
        extent = self._extents.get(text[:_TOTAL_CHARACTERS]) or self._learn_extent(text)
        if extent is None or not text.endswith(extent.tail):
            return None
        try:
            record = pybase64.b64decode(text[: extent.characters], None, True)  # noqa: FBT003 - keywords cost time
        except (binascii.Error, ValueError):
            return None
        covered = record[: extent.total]
        if record[extent.total :] != CHECKSUM_MARK + sha256(covered).digest() + extent.zeros:
            return None
        for placed in self._placed.get(extent.total, ()):
            if placed.heads.unpack(covered) == placed.expected:
                return placed.fields(covered)
        return self._learn_places(covered)

    def _learn_extent(self, text: str) -> _Extent | None:
        extent = None if text.startswith(TEMPLATE_HASH[:_TOTAL_CHARACTERS]) else _extent(text)
        if extent is not None and len(self._extents) < _MOST_EXTENTS:
            self._extents[text[:_TOTAL_CHARACTERS]] = extent
        return extent

    def _learn_places(self, covered: bytes) -> PlainFields | None:
        known = self._placed.setdefault(len(covered), [])
        blocks = blocks_of(covered, len(covered))
        has_short_uuid = any(kind == Block.UUID and len(body) < UUID_BYTES for kind, body in blocks)
        if not 0 < len(blocks) <= _MOST_BLOCKS or has_short_uuid or self._learnt >= _MOST_LAYOUTS:
            return None
        placed = _placed(blocks)
        if len(known) < _MOST_LAYOUTS_OF_A_TOTAL:
            known.append(placed)
            self._learnt += 1
        return placed.fields(covered)


def _extent(text: str) -> _Extent | None:
    try:
        start = binascii.a2b_base64(text[:_START_CHARACTERS], strict_mode=True)
    except ValueError:
        return None
    total = total_of(start)
    end = total + CHECKSUM_BYTES
    if not start.startswith(MARK) or total <= HEAD_BYTES or end > HASH_BYTES:
        return None
    groups = -(-end // 3)
    return _Extent(total, 4 * groups, bytes(3 * groups - end), "A" * (HASH_CHARACTERS - 4 * groups))


def _placed(blocks: list[tuple[int, bytes]]) -> _Placed:
    """The places of these blocks. Of several blocks of one type the first counts."""
    bodies: dict[int, slice] = {}
    expected: list[int] = []
    start = HEAD_BYTES
    for kind, body in blocks:
        start += _BLOCK_HEAD_BYTES
        bodies.setdefault(kind, slice(start, start + len(body)))
        expected.append(kind + ((_BLOCK_HEAD_BYTES + len(body)) << 16))
        start += len(body)
    heads = "".join(f"I{len(body)}x" for _, body in blocks)
    return _Placed(Layout(f"<{HEAD_BYTES}x{heads}"), tuple(expected), itemgetter(*_field_places(bodies)))


def _field_places(bodies: dict[int, slice]) -> list[slice]:
    """Where the fields are that checking needs, in the order of `PlainFields`."""
    none = slice(0, 0)
    tool, offline_id = bodies.get(Block.TOOL, none), bodies.get(Block.OFFLINE_ID, none)
    tool = tool if tool.stop - tool.start >= TOOL_BYTES else none
    offline_id = offline_id if offline_id.stop - offline_id.start >= OFFLINE_ID_BYTES else none
    uuid = bodies.get(Block.UUID, none)
    return [
        bodies.get(Block.SERIAL, none),
        bodies.get(Block.MANUFACTURER, none),
        bodies.get(Block.MODEL, none),
        slice(uuid.start, min(uuid.stop, uuid.start + UUID_BYTES)),
        _within(tool, COLLECTED_IN_TOOL),
        _within(tool, OS_TYPE_IN_TOOL),
        _within(offline_id, SOURCE_IN_OFFLINE_ID),
        _within(offline_id, DIGEST_IN_OFFLINE_ID),
    ]


def _within(body: slice, part: slice) -> slice:
    """A part of a block, in the record; empty where there is no such block."""
    return slice(body.start + part.start, body.start + part.stop) if body.stop else body
