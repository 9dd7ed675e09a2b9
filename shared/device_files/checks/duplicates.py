"""Which rows of a file are the same device, and which of them is the best record of it.

Rows with hashes are one device when two of these agree: SMBIOS UUID, TPM key, manufacturer + model + serial number. One
alone proves nothing: boards share default UUIDs, and cloned machines share more. A row without a hash is the same
device as another with its manufacturer, model and serial number, or with its product key; it joins the first such
device and never makes two devices one. A false duplicate would never enrol, while a false send costs one error code: so
in doubt rows are different.

The better record: a hash before none, one from the full system (or with a TPM) before one from Windows PE without TPM,
then the newest plausible collection time, then the first row.

What is kept of a row are its parts, each with the first row that has it. Two parts that came with the same row are a
pair of that row, so that a pair is written down only where its parts came with different rows: an ordinary row costs no
more than its parts.

Memory: identities are kept as 16-byte digests, each with 4 bytes for its row and its place in a table of 4-byte slots,
which is at most half full and made four times as large when it is: 28 to 52 bytes a digest, and up to 3 that arrays
allot ahead. A row with a hash has three digests, four with a product key, and up to three more when it shares a part
with an earlier row; a row without a hash has one for its names and one for its product key. With 12 bytes for rank and
group that is 96 to 168 bytes for an ordinary row with a hash (with a key 124 to 220) and 40 to 64 for one without.
16 KiB are there from the beginning.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import combinations
from struct import Struct as Layout

from msgspec import Struct
from msgspec.structs import replace

from shared.device_files.hardware_hash.verification import VerifiedHash, plausible_collections
from shared.device_files.placeholders import is_default_uuid, is_placeholder
from shared.device_files.reasons import Note, RowReason
from shared.device_files.rows import CheckedRow, DeviceRow, SendableDevice
from shared.errors import DeviceDropError

DIGEST_BYTES = 16
_DIGEST = Layout(f"{DIGEST_BYTES}s")
_FIRST_SLOTS = 1024
_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Winners:
    """Which row of a file is sent for the device of each row. Four bytes a row."""

    by_row: "array[int]"
    """Indexed by row number: the row that is sent for its device, itself or another; 0 for a rejected row."""

    def of(self, row: int) -> int:
        """The row that is sent for the device of `row`; a row that the first reading did not see stands for itself."""
        return self.by_row[row] if row < len(self.by_row) else row


class BetterRecordFound(DeviceDropError):
    """A later row is the better record of a device whose earlier row was already given out as to be sent.

    Nothing is wrong with the file: discard what was made of this reading and read once more with `winners`.
    """

    def __init__(self, winners: Winners) -> None:
        """`winners` of the whole file."""
        super().__init__(
            "A later row is the better record of a device: read the file once more with the winners known."
        )
        self.winners = winners


_KINDS = (b"u", b"t", b"n")
"""Tell digests of `Parts` apart."""
_FROM_WINPE, _FULL = 1 << 32, 2 << 32
"""Ranks of hashes; the collection time tells those of one kind apart."""


class Verdict(Struct, frozen=True, gc=False):
    """Where a row stands among the rows before it."""

    same_as: int = 0
    """The row that is sent in its place; 0: it is sent itself."""
    shares_identity: bool = False
    """An earlier row shares one part of its identity, which does not make them one device."""


NEW = Verdict()
"""Nothing about it is known from an earlier row."""


def with_verdict(row: CheckedRow, verdict: Verdict) -> CheckedRow:
    """A row that is to be sent, as it stands among the rows before it."""
    if verdict.same_as:
        return replace(row, device=None, reason=RowReason.DUPLICATE, duplicate_of=verdict.same_as)
    return replace(row, notes=(*row.notes, Note.SHARES_IDENTITY)) if verdict.shares_identity else row


class DigestTable:
    """16-byte digests, each with a row number from 1. Open addressing; nothing is removed."""

    def __init__(self) -> None:
        self._digests = bytearray(DIGEST_BYTES)
        """One after the other, as they came. The first place stands for none."""
        self._rows = array("I", [0])
        self._allot(_FIRST_SLOTS)

    def __len__(self) -> int:
        return len(self._rows) - 1

    @property
    def memory(self) -> int:
        """Bytes of the arrays."""
        return len(self._digests) + self._rows.itemsize * (len(self._rows) + len(self._slots))

    def claim(self, digest: bytes, row: int) -> int:
        """The row that has `digest`, or 0: then it is `row`'s from now on."""
        slots, digests, rows, mask = self._slots, self._digests, self._rows, self._mask
        slot = hash(digest) & mask
        while place := slots[slot]:
            at = place * DIGEST_BYTES
            if digests[at : at + DIGEST_BYTES] == digest:
                return rows[place]
            slot = (slot + 1) & mask
        slots[slot] = place = len(rows)
        rows.append(row)
        digests += digest
        if place + place > mask:
            self._grow()
        return 0

    def reassign(self, digest: bytes, row: int) -> None:
        """Give a digest that is in the table to another row."""
        slot = hash(digest) & self._mask
        while self._digest(self._slots[slot]) != digest:
            slot = (slot + 1) & self._mask
        self._rows[self._slots[slot]] = row

    def _digest(self, place: int) -> bytes:
        return bytes(self._digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES])

    def _allot(self, slots: int) -> None:
        self._mask = slots - 1
        self._slots = array("I", bytes(4 * slots))

    def _grow(self) -> None:
        self._allot(_GROWTH * len(self._slots))
        slots, mask = self._slots, self._mask
        for place, (digest,) in enumerate(_DIGEST.iter_unpack(self._digests)):
            slot = hash(digest) & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = place


Parts = tuple[bytes, bytes, bytes]
"""What a device with a hash is recognised by, as digests: its UUID, its TPM key, and manufacturer, model and serial
number together. What it has not, or what identifies nothing, is empty.
"""


class DuplicateIndex:
    """The devices of the rows read so far. Call `place...` or `skip` once for each row, in file order."""

    def __init__(self, *, now: datetime, winners: Winners | None = None) -> None:
        """`winners`: of an earlier reading of the same file, if there was one."""
        self._plausible = plausible_collections(now)
        self._winners = winners
        self._uuids, self._tpm_keys, self._names, self._proofs = (DigestTable() for _ in range(4))
        self._better_found = False
        self._group = array("I", [0])
        """For each row a row of the same device that is nearer to the best; the best names itself. 0: not sent."""
        self._ranks = array("Q", [0])
        """How good a record each row is; 0 without a hash."""

    @property
    def rows(self) -> int:
        """How many rows were placed or skipped."""
        return len(self._group) - 1

    @property
    def memory(self) -> int:
        """Bytes held, but for the fixed size of the objects."""
        tables = (self._uuids, self._tpm_keys, self._names, self._proofs)
        of_a_row = self._group.itemsize + self._ranks.itemsize
        return sum(table.memory for table in tables) + len(self._group) * of_a_row

    def skip(self) -> None:
        """Count a row that is not sent: a rejected row is nobody's duplicate."""
        self._group.append(0)
        self._ranks.append(0)

    def place(self, row_read: DeviceRow, device: SendableDevice, found: VerifiedHash | None) -> Verdict:
        """Where the next row stands, of which `device` is to be sent; `found` are the contents of its hash."""
        if found is None:
            return self.place_without_hash(*_names_without_hash(row_read, device))
        parts = _parts(device, found)
        has_pair = sum(map(bool, parts)) > 1
        return self.place_with_hash(
            parts,
            from_winpe=found.from_winpe,
            collected=found.collected_seconds,
            product_key=_key_digest(device.product_key),
            lone_hash=b"" if has_pair else _digest(f"h{device.hardware_hash}".encode()),
        )

    def place_without_hash(self, *names: bytes) -> Verdict:
        """Where the next row stands, which has no hash and is known by its names."""
        row = len(self._group)
        self._group.append(row)
        self._ranks.append(0)
        if self._winners is None:
            for name in names:
                if first := self._names.claim(name, row):
                    self._unite(first, row)
        winner = self._sent_for(row)
        return NEW if winner == row else Verdict(winner)

    def place_with_hash(
        self, parts: Parts, *, from_winpe: bool, collected: int, product_key: bytes = b"", lone_hash: bytes = b""
    ) -> Verdict:
        """Where the next row stands, whose hash was collected so many seconds after 2000.

        `product_key` is a name for rows without a hash, and proves nothing between rows with one. `lone_hash` is of a
        hash that holds fewer than two parts: it is at least the same device as its copy.
        """
        row = len(self._group)
        uuid, tpm_key, named = parts
        quality = _FROM_WINPE if from_winpe and not tpm_key else _FULL
        self._group.append(row)
        self._ranks.append(quality | collected if collected in self._plausible else quality)
        first_uuid = self._uuids.claim(uuid, row) if uuid else 0
        first_tpm_key = self._tpm_keys.claim(tpm_key, row) if tpm_key else 0
        first_named = self._names.claim(named, row) if named else 0
        if self._winners is None:
            if not (first_uuid or first_tpm_key or first_named or product_key or lone_hash):
                return NEW
            first_named = self._without_hashless(first_named, named, row)
            if product_key:
                self._without_hashless(self._names.claim(product_key, row), product_key, row)
            if lone_hash:
                self._unite(self._proofs.claim(lone_hash, row), row)
            self._join(row, parts, (first_uuid, first_tpm_key, first_named))
        winner = self._sent_for(row)
        others = filter(None, (first_uuid, first_tpm_key, first_named))
        shares = winner == row and any(self._sent_for(other) != row for other in others)
        return Verdict(0 if winner == row else winner, shares_identity=shares)

    def winners(self) -> Winners | None:
        """At the end of a first reading: who is sent, if any row was given out before a better record of it came."""
        if not self._better_found:
            return None
        return Winners(array("I", (self._best(row) if self._group[row] else 0 for row in range(len(self._group)))))

    def _sent_for(self, row: int) -> int:
        """The row that is sent for the device of `row`."""
        return self._best(row) if self._winners is None else self._winners.of(row)

    def _best(self, row: int) -> int:
        group = self._group
        while group[row] != row:
            group[row] = group[group[row]]
            row = group[row]
        return row

    def _without_hashless(self, first: int, name: bytes, row: int) -> int:
        """The first row with a hash that has `name`. One without is the same device as `row`, which takes its place."""
        if not first or self._ranks[first]:
            return first
        self._unite(first, row)
        self._names.reassign(name, row)
        return 0

    def _join(self, row: int, parts: Parts, first: tuple[int, int, int]) -> None:
        """Make `row` one with every row that has two of its parts, which `first` had before; 0: no row had it."""
        held = [(had or row, kind + part) for kind, part, had in zip(_KINDS, parts, first, strict=True) if part]
        for (one, of_one), (other, of_other) in combinations(held, 2):
            self._unite(one if one == other else self._proofs.claim(_digest(of_one + of_other), row), row)

    def _unite(self, one: int, other: int) -> None:
        """Make one device of two rows; row 0 is none. The last row was not given out yet: it may lose unseen."""
        if not one:
            return
        first, second = self._best(one), self._best(other)
        if first == second:
            return
        is_better = (self._ranks[first], -first) > (self._ranks[second], -second)
        winner, loser = (first, second) if is_better else (second, first)
        self._group[loser] = winner
        self._better_found = self._better_found or loser != len(self._group) - 1


def uuid_part(uuid: bytes) -> bytes:
    """An SMBIOS UUID as part of an identity: it is its own digest. Empty for one that many boards share."""
    if is_default_uuid(uuid):
        return b""
    return uuid if len(uuid) == DIGEST_BYTES or not uuid else _digest(uuid)


def tpm_part(tpm_key: bytes) -> bytes:
    """SHA-256 of a TPM key as part of an identity: its beginning is digest enough."""
    return tpm_key[:DIGEST_BYTES]


def name_part(folded_name: str) -> bytes:
    """Manufacturer, model and serial number as part of an identity, given as `name_start` and case-folded serial."""
    return _digest(folded_name.encode())


def name_start(manufacturer: str, model: str) -> str:
    """What the names of all devices of a model begin with; empty where a placeholder identifies none."""
    has_placeholder = is_placeholder(manufacturer) or is_placeholder(model)
    return "" if has_placeholder else f"m{manufacturer}\0{model}\0".casefold()


def _parts(device: SendableDevice, found: VerifiedHash) -> Parts:
    """Placeholders and default UUIDs are no part of an identity."""
    named = _named(found.manufacturer, found.model, device.serial_number or "")
    return uuid_part(found.uuid), tpm_part(found.tpm_key), named


def _names_without_hash(row: DeviceRow, device: SendableDevice) -> Iterator[bytes]:
    """Both names where the row has both, though only one of them is sent."""
    named = _named(row.manufacturer, row.model, device.serial_number or row.serial_number)
    return filter(None, (_key_digest(device.product_key), named))


def _named(manufacturer: str, model: str, serial_number: str) -> bytes:
    """Of the three names together; empty where one is missing or a placeholder."""
    start = name_start(manufacturer, model)
    return name_part(start + serial_number.casefold()) if start and not is_placeholder(serial_number) else b""


def _key_digest(product_key: str | None) -> bytes:
    """A key of another shape than 13 digits is sent alone only, and so compared only where there is nothing else."""
    return _digest(f"k{product_key}".casefold().encode()) if product_key else b""


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=DIGEST_BYTES).digest()
