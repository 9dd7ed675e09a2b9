"""Which rows of a file are the same device, and which of them is the best record of it.

Rows with hashes are one device when two of these agree: SMBIOS UUID, TPM key, manufacturer + model + serial number. One
alone proves nothing: boards share default UUIDs, and cloned machines share more. A row without a hash is the same
device as another with its manufacturer, model and serial number, or with its product key; it joins one such device and
never makes two devices with hashes one, in whatever order the rows come. Its serial number beside another manufacturer
or model is noted: a column may have been copied. A false duplicate would never enrol, while a false send costs one
error code: so in doubt rows are different.

One product key beside two serial numbers proves that the column was copied: keys are then no identity in this file, and
it is read again without them.

The better record: where batches are told by group tag, a row with a tag before one without; a hash before none, one
from the full system (or with a TPM) before one from Windows PE without TPM, then the newest plausible collection time,
then the first row. Where the best record has no batch, no row of its device has one.

What is kept of a row are its parts, each with the first row that has it. Two parts that came with the same row are a
pair of that row, so that a pair is written down only where its parts came with different rows: an ordinary row costs no
more than its parts.

Memory: a digest of 16 bytes takes 28 to 52 with its row and its slots. A row with a hash has three digests, and up to
three more when it shares a part with an earlier row, a row without a hash one, a product key three; with 13 bytes for
rank and group that is 97 to 169 bytes for an ordinary row with a hash (with a key 181 to 334), 41 to 65 without one,
and about a megabyte for the serial numbers of the first rows without one.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations
from struct import Struct as Layout

from msgspec import Struct

from shared.device_files.batch_names import batch_of_tag
from shared.device_files.hardware_hash.verification import VerifiedHash, plausible_collections
from shared.device_files.placeholders import is_default_uuid, is_placeholder
from shared.device_files.rows import DeviceRow, Rules, SendableDevice
from shared.errors import DeviceDropError
from shared.reasons import Note, RowReason

DIGEST_BYTES = 16
_DIGEST = Layout(f"{DIGEST_BYTES}s")
_FIRST_SLOTS = 1024
_GROWTH = 4
_MOST_SERIALS = 10_000


@dataclass(frozen=True, slots=True)
class Findings:
    """What one reading of a file found out that the next one is to know from its first row."""

    keys_are_copied: bool = False
    """One product key stands beside different serial numbers: no key of this file identifies a device."""
    winners: "array[int] | None" = None
    """Indexed by row: the row that is sent for its device, itself or another; 0 for a rejected row. 4 bytes a row."""


class ReadAgain(DeviceDropError):
    """A later row changed what becomes of an earlier one, which was already given out.

    Nothing is wrong with the file: discard what was made of this reading and read once more with `findings`.
    """

    def __init__(self, findings: Findings) -> None:
        """`findings` of the whole file, but where they are that keys are copied."""
        super().__init__("A later row changed what becomes of an earlier one: read the file again with the findings.")
        self.findings = findings


_KINDS = (b"u", b"t", b"n")
"""Tell the parts of a device with a hash apart: its UUID, its TPM key, and its names with its serial number."""
_FROM_WINPE, _FULL, _TAGGED = 1 << 32, 2 << 32, 4 << 32
"""Ranks of rows; the collection time tells those of one kind apart. A row without a hash has neither of the first."""


class Verdict(Struct, frozen=True, gc=False):
    """Where a row stands among the rows before it."""

    reason: RowReason | None = None
    """Why it is not sent: it is a duplicate, or no row of its device names a batch and there is no other."""
    duplicate_of: int | None = None
    """The row that is sent in its place."""
    notes: tuple[Note, ...] = ()


_NEW, _NO_BATCH, _SHARES_IDENTITY = Verdict(), Verdict(RowReason.NO_BATCH), Verdict(notes=(Note.SHARES_IDENTITY,))
"""The last one: an earlier row shares one part of its identity, which does not make them one device."""


class DigestTable:
    """16-byte digests, each with a row number from 1. Open addressing; nothing is removed."""

    def __init__(self) -> None:
        self._digests = bytearray(DIGEST_BYTES)
        """One after the other, as they came. The first place stands for none."""
        self._rows = array("I", [0])
        self._allot(_FIRST_SLOTS)

    def setdefault(self, digest: bytes, row: int) -> int:
        """The row that has `digest`, or 0: then it is `row`'s from now on."""
        slot = self._slot(digest)
        if place := self._slots[slot]:
            return self._rows[place]
        self._slots[slot] = place = len(self._rows)
        self._rows.append(row)
        self._digests += digest
        if place + place > self._mask:
            self._grow()
        return 0

    def reassign(self, digest: bytes, row: int) -> None:
        """Give a digest that is in the table to another row."""
        self._rows[self._slots[self._slot(digest)]] = row

    def _slot(self, digest: bytes) -> int:
        """Where a digest is, or would be."""
        slots, digests, mask = self._slots, self._digests, self._mask
        slot = hash(digest) & mask
        while (at := slots[slot] * DIGEST_BYTES) and digests[at : at + DIGEST_BYTES] != digest:
            slot = (slot + 1) & mask
        return slot

    def _allot(self, slots: int) -> None:
        self._mask = slots - 1
        self._slots = array("I", bytes(4 * slots))

    def _grow(self) -> None:
        self._allot(_GROWTH * len(self._slots))
        for place, (digest,) in enumerate(_DIGEST.iter_unpack(self._digests)):
            self._slots[self._slot(digest)] = place


class DuplicateIndex:
    """The devices of the rows read so far. Call `place` once for each row, in file order."""

    def __init__(self, *, now: datetime, findings: Findings | None = None, rules: Rules) -> None:
        """`findings`: of an earlier reading of the same file, if there was one."""
        self._plausible = plausible_collections(now)
        self._findings = findings or Findings()
        self._winners = self._findings.winners
        self._tagged = _TAGGED if rules.batch_by_group_tag else 0
        self._needed = 0 if rules.has_default_batch else self._tagged
        """What the rank of a row has that can be sent."""
        self._uuids, self._tpm_keys, self._names, self._proofs, self._keys = (DigestTable() for _ in range(5))
        self._serials: dict[str, int] = {}
        """Of the first rows without a hash, without case."""
        self._better_found = False
        self._group = array("I", [0])
        """For each row a row of the same device that is nearer to the best; the best names itself. 0: not sent."""
        self._ranks = array("Q", [0])
        """How good a record each row is."""
        self._hashes = bytearray(1)
        """For the best row of a device, whether any row of it has a hash."""

    def expect_not_copied(self, product_key: str, serial_number: str) -> None:
        """Tell of a product key beside a serial number, in a row that is sent or rejected.

        Raises:
            ReadAgain: another row has the key beside another serial number.
        """
        findings = self._findings
        if findings.keys_are_copied or findings.winners is not None or is_placeholder(serial_number):
            return
        row, key = len(self._group), _digest_of_key(product_key)
        with_serial = _digest(key + serial_number.casefold().encode("utf-8", "surrogatepass"))
        is_known = self._keys.setdefault(key, row)
        if not self._keys.setdefault(with_serial, row) and is_known:
            raise ReadAgain(Findings(keys_are_copied=True))

    def place(self, row_read: DeviceRow, device: SendableDevice | None, found: VerifiedHash | None) -> Verdict:
        """Where the next row stands, of which `device` is to be sent; `found` are the contents of its hash.

        A row without a device is rejected, and nobody's duplicate.
        """
        if device is None:
            self._append(0, 0, has_hash=False)
            return _NEW
        row = len(self._group)
        rank = self._tagged if self._tagged and batch_of_tag(row_read.group_tag) else 0
        serial_number = device.serial_number or row_read.serial_number
        is_validated = found is None and device.serial_number is not None
        if not is_validated and is_placeholder(serial_number):
            serial_number = ""
        key = b"" if device.product_key is None else _digest_of_key(device.product_key)
        if found is None:
            self._append(row, rank, has_hash=False)
            named = _named(row_read.manufacturer, row_read.model, serial_number)
            first_of_serial = self._first_of_serial(serial_number, row) if named else 0
            if not (named or key):
                named = _alone(row_read.manufacturer, row_read.model, serial_number)
            return self._place_without_hash(row, first_of_serial, key, named)
        rank |= _FROM_WINPE if found.from_winpe and not found.tpm_key else _FULL
        rank |= found.collected_seconds if found.collected_seconds in self._plausible else 0
        self._append(row, rank, has_hash=True)
        uuid = b"" if is_default_uuid(found.uuid) else found.uuid
        named = _named(found.manufacturer, found.model, serial_number)
        return self._place_with_hash(row, (uuid, found.tpm_key[:DIGEST_BYTES], named), key, found.canonical)

    def _first_of_serial(self, serial_number: str, row: int) -> int:
        """The row without a hash that had the serial number first, or 0. A copied column shows in the first rows."""
        folded = serial_number.casefold()
        first = self._serials.get(folded, 0)
        if not first and len(self._serials) < _MOST_SERIALS:
            self._serials[folded] = row
        return first

    def winners(self) -> Findings | None:
        """At the end of a first reading: who is sent, if any row was given out before a better record of it came."""
        if not self._better_found:
            return None
        best = array("I", (self._sent_for(row) if self._group[row] else 0 for row in range(len(self._group))))
        return Findings(self._findings.keys_are_copied, best)

    def _append(self, row: int, rank: int, *, has_hash: bool) -> None:
        self._group.append(row)
        self._ranks.append(rank)
        self._hashes.append(has_hash)

    def _place_without_hash(self, row: int, first_of_serial: int, *names: bytes) -> Verdict:
        if self._winners is None:
            firsts = [first for name in names if name and (first := self._names.setdefault(name, row))]
            for first in firsts:
                self._union_by_name(first, row)
            if not (firsts or first_of_serial or self._needed):
                return _NEW
        return self._verdict(row, first_of_serial)

    def _place_with_hash(self, row: int, parts: tuple[bytes, bytes, bytes], key: bytes, hardware_hash: str) -> Verdict:
        """`parts`: UUID, TPM key and names, empty where the device has none or one that identifies nothing.

        A key is a name for rows without a hash, and proves nothing between rows with one. A hash that holds fewer than
        two parts is at least the same device as its copy.
        """
        uuid, tpm_key, named = parts
        first_uuid = self._uuids.setdefault(uuid, row) if uuid else 0
        first_tpm_key = self._tpm_keys.setdefault(tpm_key, row) if tpm_key else 0
        first_named = self._names.setdefault(named, row) if named else 0
        if self._winners is None:
            has_pair = sum(map(bool, parts)) > 1
            if has_pair and not (first_uuid or first_tpm_key or first_named or key or self._needed):
                return _NEW
            if not has_pair:
                self._union(self._proofs.setdefault(_digest(f"h{hardware_hash}".encode()), row), row)
            first_named = self._without_hashless(first_named, named, row)
            self._join(row, parts, (first_uuid, first_tpm_key, first_named))
            if key:
                self._without_hashless(self._names.setdefault(key, row), key, row)
        return self._verdict(row, first_uuid, first_tpm_key, first_named)

    def _verdict(self, row: int, *sharing: int) -> Verdict:
        """Where a row stands that shares parts of its identity with those; row 0 is none."""
        winner = self._sent_for(row)
        if winner != row:
            return Verdict(RowReason.DUPLICATE, winner) if winner else _NO_BATCH
        shares = any(other and self._sent_for(other) != row for other in sharing)
        return _SHARES_IDENTITY if shares else _NEW

    def _sent_for(self, row: int) -> int:
        """The row that is sent for the device of `row`, or 0; one that the first reading did not see is sent itself."""
        if self._winners is not None:
            return self._winners[row] if row < len(self._winners) else row
        best = self._find(row)
        return best if self._ranks[best] & self._needed == self._needed else 0

    def _find(self, row: int) -> int:
        group = self._group
        while group[row] != row:
            group[row] = group[group[row]]
            row = group[row]
        return row

    def _without_hashless(self, first: int, name: bytes, row: int) -> int:
        """The first row with a hash that has `name`. One without is the same device as `row`, which takes its place."""
        if not first or self._ranks[first] & (_FROM_WINPE | _FULL):
            return first
        self._union_by_name(first, row)
        self._names.reassign(name, row)
        return 0

    def _join(self, row: int, parts: Sequence[bytes], first: Sequence[int]) -> None:
        """Make `row` one with every row that has two of its parts, which `first` had before; 0: no row had it."""
        held = [(had or row, kind + part) for kind, part, had in zip(_KINDS, parts, first, strict=True) if part]
        for (one, of_one), (other, of_other) in combinations(held, 2):
            self._union(one if one == other else self._proofs.setdefault(_digest(of_one + of_other), row), row)

    def _union_by_name(self, one: int, other: int) -> None:
        """Make one device of two rows of which one has no hash, unless two devices with hashes would become one."""
        if not (self._hashes[self._find(one)] and self._hashes[self._find(other)]):
            self._union(one, other)

    def _union(self, one: int, other: int) -> None:
        """Make one device of two rows; row 0 is none. The last row was not given out yet: it may lose unseen."""
        if not one:
            return
        first, second = self._find(one), self._find(other)
        if first == second:
            return
        is_better = (self._ranks[first], -first) > (self._ranks[second], -second)
        winner, loser = (first, second) if is_better else (second, first)
        self._group[loser] = winner
        self._hashes[winner] |= self._hashes[loser]
        self._better_found = self._better_found or loser != len(self._group) - 1


@lru_cache(maxsize=4096)
def _name_start(manufacturer: str, model: str) -> str:
    """What the names of all devices of a model begin with; empty where a placeholder identifies none."""
    has_placeholder = is_placeholder(manufacturer) or is_placeholder(model)
    return "" if has_placeholder else f"m{manufacturer}\0{model}\0".casefold()


def _named(manufacturer: str, model: str, serial_number: str) -> bytes:
    """Of the three names together; empty where one is missing or identifies none."""
    start = _name_start(manufacturer, model)
    if not (start and serial_number):
        return b""
    return _digest((start + serial_number.casefold()).encode("utf-8", "surrogatepass"))


def _alone(manufacturer: str, model: str, serial_number: str) -> bytes:
    """Of a device that its serial number alone is to tell, with what else stands in the row."""
    return _digest(f"a{manufacturer}\0{model}\0{serial_number}".casefold().encode("utf-8", "surrogatepass"))


def _digest_of_key(product_key: str) -> bytes:
    return _digest(f"k{product_key}".encode())


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=DIGEST_BYTES).digest()
