"""The hardware hash of a Windows PC ("4K hash"): verify it and undo harmless damage.

Anyone can build a valid hash: its checksum finds accidents, not fraud.
"""

import base64
import hashlib
import re
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

import pybase64
from msgspec import Struct

from shared.device_files.hardware_hash.layout import (
    CHECKSUM_BYTES,
    CHECKSUM_MARK,
    DIGEST_IN_OFFLINE_ID,
    EPOCH,
    HASH_BYTES,
    HASH_CHARACTERS,
    HEAD_BYTES,
    MARK,
    NO_FIELDS,
    SOURCE_IN_OFFLINE_ID,
    TOOL,
    BlockFields,
    IdSource,
    OsType,
    block_fields,
    text_of,
    total_of,
)
from shared.reasons import RowReason

OLD_HASH_BYTES = 128
"""Windows 10 1703 and older wrote 128 bytes without structure."""

VERIFIED_TOOL_BUILDS = range(19041, 26101)
"""The builds of the collecting tool whose checksum is known to be as it is verified here."""

_WINDOWS_10 = datetime.fromisoformat("2015-07-29T00:00:00+00:00")
_PROVING_DIGEST_BYTES = 8
"""So much of a cut checksum, if it agrees, proves that what it covers is intact."""

_START_CHARACTERS = 8
"""They hold the mark and the total."""
_MOST_EXTENTS = 512
_OF_TPM_KEY = bytes([IdSource.TPM_KEY])

_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_NOISE = re.compile("[\\s\"'=\\x00-\\x20\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")
_START = re.compile(r"[\s\"'\u200b\ufeff\x00]*T0[E-H](?:\s*[A-Za-z0-9+/_-]){20}")
"""A serial number may begin as a hash does, but none goes on so long."""
_TO_STANDARD_BASE64 = str.maketrans("-_", "+/")


class Checksum(StrEnum):
    """What the checksum inside a hash says about it."""

    OK = "ok"
    WRONG = "wrong"
    MISSING = "missing"
    """The blocks are complete and nothing follows them."""


class VerifiedHash(Struct, frozen=True):
    """A hash whose structure is sound: what to send, and what checking a row needs of its contents."""

    canonical: str
    """The hash as the service expects it: padded base64, its zero tail complete."""
    checksum: Checksum
    repaired: bool
    """Whether the text had harmless damage that was undone."""
    old_form: bool
    """128 bytes without structure: everything below is empty."""
    serial_number: str
    manufacturer: str
    model: str
    product_key_id: str
    """Empty on virtual machines."""
    uuid: bytes
    """The SMBIOS UUID as the hash holds it (mixed endian); empty when absent."""
    tpm_key: bytes
    """SHA-256 of the TPM's endorsement key; empty when there was no TPM."""
    collected_seconds: int
    """Seconds since 2000-01-01 UTC; 0 when unknown."""
    tool_build: int
    from_winpe: bool


def starts_as_hash(text: str) -> bool:
    """Whether a cell begins as every hardware hash begins; says nothing about the rest."""
    return _START.match(text) is not None


def verify(text: str) -> VerifiedHash | RowReason:
    """Check a hash as it stands in a cell, with its harmless damage undone; the reason why it is none.

    White space inside is removed; only where the checksum then fails, and holds with `+` in place of each blank
    (a URL-decoded hash), is that believed.
    """
    found = _verify_compact(text, text)
    if not _is_sound(found) and not _BASE64.fullmatch(text):
        found = _verify_compact(_compact(text), text)
    if _is_sound(found) or " " not in text.strip():
        return found
    with_plus = _verify_compact(_compact(text.strip().replace(" ", "+")), text)
    return with_plus if _is_sound(with_plus) else found


def plausible_collections(now: datetime) -> range:
    """The collection times that a device's clock can have shown, in seconds: from Windows 10 on, until tomorrow."""
    second = timedelta(seconds=1)
    return range((_WINDOWS_10 - EPOCH) // second, (now + timedelta(days=1) - EPOCH) // second + 1)


def _is_sound(found: VerifiedHash | RowReason) -> bool:
    return isinstance(found, VerifiedHash) and found.checksum is Checksum.OK


def _compact(text: str) -> str:
    """The base64 characters alone: no white space, quotes, invisible characters or padding."""
    return _NOISE.sub("", text).translate(_TO_STANDARD_BASE64)


def _verify_compact(compact: str, original: str) -> VerifiedHash | RowReason:
    extent = _extent(compact[:_START_CHARACTERS])
    if extent is None:
        return _verify_old_form(compact, original)
    total = extent.total
    head = _from_base64(compact[: extent.characters])
    if head is None:
        return RowReason.HASH_DAMAGED
    if len(head) < total:
        return RowReason.HASH_CUT
    covered, trailer = head[:total], head[total : total + CHECKSUM_BYTES]
    fields = block_fields(covered)
    if fields is None:
        return RowReason.HASH_DAMAGED
    tail = compact[extent.characters :]
    has_zero_tail = tail == extent.zero_tail or not tail.strip("A")
    if not has_zero_tail and (len(compact) > HASH_CHARACTERS or not _BASE64.fullmatch(tail)):
        # Another hash may follow.
        return RowReason.HASH_DAMAGED
    tail_is_zero = has_zero_tail and not any(head[total + CHECKSUM_BYTES :])
    checksum = _checksum(covered, trailer, tail_is_zero=tail_is_zero)
    if checksum is Checksum.OK:
        canonical = compact if tail_is_zero and len(compact) == HASH_CHARACTERS else _rebuilt(covered)
    elif (record := _from_base64(compact)) is not None:
        canonical = _to_base64(record)
    else:
        return RowReason.HASH_DAMAGED
    return _verified(fields, canonical, checksum, repaired=canonical != original)


class _Extent(Struct, frozen=True):
    """How far a hash is covered, as its first characters tell."""

    total: int
    characters: int
    """So many hold the covered part and its checksum."""
    zero_tail: str
    """The characters that follow them in a whole hash."""


@lru_cache(maxsize=_MOST_EXTENTS)
def _extent(start: str) -> _Extent | None:
    """`None`: these are not the first characters of a hash."""
    head = _from_base64(start) or b""
    if not head.startswith(MARK) or len(head) < HEAD_BYTES:
        return None
    total = total_of(head)
    characters = -(-(total + CHECKSUM_BYTES) // 3) * 4
    return _Extent(total, characters, "A" * (HASH_CHARACTERS - characters))


def _verify_old_form(compact: str, original: str) -> VerifiedHash | RowReason:
    record = _from_base64(compact)
    if record is None or len(record) != OLD_HASH_BYTES:
        return RowReason.HASH_NOT_A_HASH
    canonical = _to_base64(record)
    return _verified(NO_FIELDS, canonical, Checksum.MISSING, repaired=canonical != original, old_form=True)


def _verified(
    fields: BlockFields, canonical: str, checksum: Checksum, *, repaired: bool, old_form: bool = False
) -> VerifiedHash:
    serial_number, manufacturer, model, key, uuid, tool, offline_id = fields
    tool_build, collected_seconds, os_type = TOOL.unpack(tool) if tool else (0, 0, 0)
    return VerifiedHash(
        canonical=canonical,
        checksum=checksum,
        repaired=repaired,
        old_form=old_form,
        serial_number=text_of(serial_number),
        manufacturer=_common_text(manufacturer),
        model=_common_text(model),
        product_key_id=text_of(key) if key else "",
        uuid=uuid,
        tpm_key=offline_id[DIGEST_IN_OFFLINE_ID] if offline_id[SOURCE_IN_OFFLINE_ID] == _OF_TPM_KEY else b"",
        collected_seconds=collected_seconds,
        tool_build=tool_build,
        from_winpe=os_type == OsType.WINPE,
    )


_common_text = lru_cache(maxsize=4096)(text_of)
"""Of manufacturers and models, which many hashes share."""


def _checksum(covered: bytes, trailer: bytes, *, tail_is_zero: bool) -> Checksum:
    """What the checksum block says; one that is cut short counts when enough of it is there to prove the rest."""
    right = CHECKSUM_MARK + hashlib.sha256(covered).digest()
    if trailer == right:
        return Checksum.OK
    if not tail_is_zero:
        return Checksum.WRONG
    trailer = trailer.rstrip(b"\0")
    if not right.startswith(trailer):
        return Checksum.WRONG
    return Checksum.OK if len(trailer) >= len(CHECKSUM_MARK) + _PROVING_DIGEST_BYTES else Checksum.MISSING


def _rebuilt(covered: bytes) -> str:
    """The whole hash made anew from the part that its checksum covers."""
    record = covered + CHECKSUM_MARK + hashlib.sha256(covered).digest()
    return _to_base64(record.ljust(HASH_BYTES, b"\0"))


def _to_base64(record: bytes) -> str:
    return base64.b64encode(record).decode()


def _from_base64(compact: str) -> bytes | None:
    """Decode unpadded base64; a single left-over character carries no whole byte and is dropped."""
    if not compact.isascii():
        return None
    if len(compact) % 4 == 1:
        compact = compact[:-1]
    try:
        return pybase64.b64decode(compact + "=" * (-len(compact) % 4), None, True)  # noqa: FBT003 - a keyword costs time
    except ValueError:
        return None
