"""The hardware hash of a Windows PC ("4K hash"): verify it and undo harmless damage.

Anyone can build a valid hash: its checksum finds accidents, not fraud.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from shared.device_files.hardware_hash.layout import (
    CHECKSUM_BYTES,
    CHECKSUM_MARK,
    EPOCH,
    HASH_BYTES,
    HASH_CHARACTERS,
    HEAD_BYTES,
    MARK,
    UUID_BYTES,
    Block,
    IdSource,
    OsType,
    blocks_of,
    offline_id_of,
    text_of,
    tool_of,
    total_of,
)

OLD_HASH_BYTES = 128
"""Windows 10 1703 and older wrote 128 bytes without structure."""

VERIFIED_TOOL_BUILDS = range(19041, 26101)
"""The builds of the collecting tool whose checksum is known to be as it is verified here."""

_WINDOWS_10 = datetime.fromisoformat("2015-07-29T00:00:00+00:00")
_PROVING_DIGEST_BYTES = 8
"""So much of a cut checksum, if it agrees, proves that what it covers is intact."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_NOISE = re.compile("[\\s\"'=\\x00-\\x20\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")
_START = re.compile(r"[\s\"'\u200b\ufeff\x00]*T0[E-H]")
_TO_STANDARD_BASE64 = str.maketrans("-_", "+/")


class HashProblem(StrEnum):
    """Why a text is refused as a hardware hash."""

    NOT_A_HASH = "not_a_hash"
    """Not base64, or without the mark at its start."""
    CUT = "cut"
    """Its own length field reaches beyond its end."""
    DAMAGED = "damaged"
    """Its blocks do not end where they should."""


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

    @property
    def collected(self) -> datetime:
        """When the hash was collected, by the clock of the device."""
        return EPOCH + timedelta(seconds=self.collected_seconds)


def starts_as_hash(text: str) -> bool:
    """Whether a cell begins as every hardware hash begins; says nothing about the rest."""
    return _START.match(text) is not None


def verify(text: str) -> VerifiedHash | HashProblem:
    """Check a hash as it stands in a cell, with its harmless damage undone.

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


def is_plausible_collection(collected_seconds: int, now: datetime) -> bool:
    """Whether a device's clock can have been right."""
    return collected_seconds in plausible_collections(now)


def _is_sound(found: VerifiedHash | HashProblem) -> bool:
    return isinstance(found, VerifiedHash) and found.checksum is Checksum.OK


def _compact(text: str) -> str:
    """The base64 characters alone: no white space, quotes, invisible characters or padding."""
    return _NOISE.sub("", text).translate(_TO_STANDARD_BASE64)


def _verify_compact(compact: str, original: str) -> VerifiedHash | HashProblem:
    start = _from_base64(compact[:8]) or b""
    if not start.startswith(MARK) or len(start) < HEAD_BYTES:
        return _verify_old_form(compact, original)
    total = total_of(start)
    end = total + CHECKSUM_BYTES
    needed = _characters(end)
    head = _from_base64(compact[:needed])
    if head is None:
        return HashProblem.DAMAGED
    if len(head) < total:
        return HashProblem.CUT
    blocks = blocks_of(head, total)
    if not blocks:
        return HashProblem.DAMAGED
    tail = compact[needed:]
    tail_is_zero = tail == "A" * len(tail) and not any(head[end:])
    checksum = _checksum(head[:total], head[total:end], tail_is_zero=tail_is_zero)
    if checksum is Checksum.OK:
        is_canonical = tail_is_zero and len(compact) == HASH_CHARACTERS
        canonical: str | None = compact if is_canonical else _rebuilt(head[:total])
    else:
        canonical = _with_padding(compact)
    if canonical is None:
        return HashProblem.DAMAGED
    # Of several blocks of one type the first counts.
    return _verified(dict(reversed(blocks)), canonical, checksum, repaired=canonical != original)


def _verify_old_form(compact: str, original: str) -> VerifiedHash | HashProblem:
    record = _from_base64(compact)
    if record is None or len(record) != OLD_HASH_BYTES:
        return HashProblem.NOT_A_HASH
    canonical = base64.b64encode(record).decode()
    return replace(_verified({}, canonical, Checksum.MISSING, repaired=canonical != original), old_form=True)


def _verified(first: Mapping[int, bytes], canonical: str, checksum: Checksum, *, repaired: bool) -> VerifiedHash:
    tool = tool_of(first.get(Block.TOOL, b""))
    offline_id = offline_id_of(first.get(Block.OFFLINE_ID, b""))
    return VerifiedHash(
        canonical=canonical,
        checksum=checksum,
        repaired=repaired,
        old_form=False,
        serial_number=text_of(first.get(Block.SERIAL, b"")),
        manufacturer=text_of(first.get(Block.MANUFACTURER, b"")),
        model=text_of(first.get(Block.MODEL, b"")),
        product_key_id=text_of(first.get(Block.PRODUCT_KEY_ID, b"")),
        uuid=first.get(Block.UUID, b"")[:UUID_BYTES],
        tpm_key=offline_id.digest if offline_id is not None and offline_id.source == IdSource.TPM_KEY else b"",
        collected_seconds=tool.collected_seconds if tool is not None else 0,
        tool_build=tool.tool.build if tool is not None else 0,
        from_winpe=tool is not None and tool.os_type == OsType.WINPE,
    )


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
    return base64.b64encode(record.ljust(HASH_BYTES, b"\0")).decode()


def _with_padding(compact: str) -> str | None:
    """The same bytes as base64 is written; `None` when it is none."""
    record = _from_base64(compact)
    return None if record is None else base64.b64encode(record).decode()


def _characters(length: int) -> int:
    """How many base64 characters hold so many bytes: whole groups of four, for three bytes each."""
    return -(-length // 3) * 4


def _from_base64(compact: str) -> bytes | None:
    """Decode unpadded base64; a single left-over character carries no whole byte and is dropped."""
    if len(compact) % 4 == 1:
        compact = compact[:-1]
    try:
        return binascii.a2b_base64(compact + "=" * (-len(compact) % 4), strict_mode=True)
    except ValueError:
        return None
