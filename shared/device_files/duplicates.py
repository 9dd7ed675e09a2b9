"""Which rows of a file are the same device, and which of them is the best record of it.

Rows with hashes are one device when two of these agree: SMBIOS UUID, TPM key, manufacturer + model + serial number. One
alone proves nothing: boards share default UUIDs, and cloned machines share more. A row without a hash is the same
device as another with its manufacturer, model and serial number, or with its product key; it joins the first such
device and never makes two devices one. A false duplicate would never enrol, while a false send costs one error code: so
in doubt rows are different.

The better record: a hash before none, one from the full system (or with a TPM) before one from Windows PE without TPM,
then the newest plausible collection time, then the first row.

Memory: identities are kept as 16-byte digests in one table of 20-byte slots, at most three quarters full and doubled
when it is (27 to 53 bytes a digest). A row with a hash has six digests, seven with a product key, a row without a hash
one. With 9 bytes for rank and group that is 168 to 329 bytes for a row with a hash (with a key 195 to 383) and 35 to 63
for one without; for a moment, while the table doubles, half as much again.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import combinations
from struct import Struct as Layout

from msgspec import Struct

from shared.device_files.hardware_hash import VerifiedHash, is_plausible_collection
from shared.device_files.known_values import is_default_uuid, is_placeholder
from shared.device_files.rows import DeviceRow, SendableDevice
from shared.errors import DeviceDropError

DIGEST_BYTES = 16
_SLOT_BYTES = DIGEST_BYTES + 4
_FIRST_SLOTS = 1024
_HALVES = Layout("<QQ")


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


class Verdict(Struct, frozen=True):
    """Where a row stands among the rows before it."""

    sent: int
    """The row that is sent for its device: itself, or another."""
    shares_identity: bool
    """An earlier row shares one part of its identity, which does not make them one device."""


class DigestTable:
    """16-byte digests, each with a row number from 1, in three arrays. Open addressing; nothing is removed."""

    def __init__(self) -> None:
        self._used = 0
        self._allot(_FIRST_SLOTS)

    def __len__(self) -> int:
        return self._used

    @property
    def memory(self) -> int:
        """Bytes of the arrays."""
        return len(self._rows) * _SLOT_BYTES

    def claim(self, digest: bytes, row: int) -> int:
        """The row that has `digest`, or 0: then it is `row`'s from now on."""
        low, high = _HALVES.unpack(digest)
        slot = self._slot(low, high)
        held = self._rows[slot]
        if not held:
            self._rows[slot], self._lows[slot], self._highs[slot] = row, low, high
            self._used += 1
            if self._used * 4 > len(self._rows) * 3:
                self._grow()
        return held

    def reassign(self, digest: bytes, row: int) -> None:
        """Give a digest that is in the table to another row."""
        self._rows[self._slot(*_HALVES.unpack(digest))] = row

    def _allot(self, slots: int) -> None:
        self._mask = slots - 1
        self._rows = array("I", bytes(4 * slots))
        self._lows = array("Q", bytes(8 * slots))
        self._highs = array("Q", bytes(8 * slots))

    def _slot(self, low: int, high: int) -> int:
        """Where a digest stands, or the free slot where it would."""
        rows, lows, highs, mask = self._rows, self._lows, self._highs, self._mask
        slot = low & mask
        while rows[slot] and not (lows[slot] == low and highs[slot] == high):
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old = zip(self._rows, self._lows, self._highs, strict=True)
        self._allot(len(self._rows) * 2)
        for row, low, high in old:
            if row:
                slot = self._slot(low, high)
                self._rows[slot], self._lows[slot], self._highs[slot] = row, low, high


class Identity(Struct, frozen=True):
    """What a device is recognised by, as digests."""

    proving: tuple[bytes, ...] = ()
    """Each of these proves that two rows with hashes are one device: two parts that agree."""
    parts: tuple[bytes, ...] = ()
    """Each of these alone proves nothing between rows with hashes."""
    names: tuple[bytes, ...] = ()
    """What a row without a hash knows the device by: manufacturer, model and serial number, or the product key."""


class DuplicateIndex:
    """The devices of the rows read so far. Call `place` or `skip` once for each row, in file order."""

    def __init__(self, *, now: datetime, winners: Winners | None = None) -> None:
        """`winners`: of an earlier reading of the same file, if there was one."""
        self._now = now
        self._winners = winners
        self._table = DigestTable()
        self._better_found = False
        self._group = array("I", [0])
        """For each row a row of the same device that is nearer to the best; the best names itself. 0: not sent."""
        self._quality = array("B", [0])
        self._collected = array("I", [0])

    @property
    def memory(self) -> int:
        """Bytes held, but for the fixed size of the objects."""
        arrays = (self._group, self._quality, self._collected)
        return self._table.memory + sum(len(rows) * rows.itemsize for rows in arrays)

    def skip(self) -> None:
        """Count a row that is not sent: a rejected row is nobody's duplicate."""
        self._append(0, 0, 0)

    def place(self, row_read: DeviceRow, device: SendableDevice, found: VerifiedHash | None) -> Verdict:
        """Where the next row stands, of which `device` is to be sent; `found` are the contents of its hash."""
        row = len(self._group)
        self._append(row, _quality(found), self._plausible_time(found))
        identity = identity_of(row_read, device, found)
        if self._winners is None:
            self._join(row, identity)
        winner = self._sent_for(row)
        shares = self._shares(row, identity.parts)
        return Verdict(winner, shares_identity=shares) if winner == row else Verdict(winner, shares_identity=False)

    def winners(self) -> Winners | None:
        """At the end of a first reading: who is sent, if any row was given out before a better record of it came."""
        if not self._better_found:
            return None
        return Winners(array("I", (self._best(row) if self._group[row] else 0 for row in range(len(self._group)))))

    def _append(self, group: int, quality: int, collected: int) -> None:
        self._group.append(group)
        self._quality.append(quality)
        self._collected.append(collected)

    def _plausible_time(self, found: VerifiedHash | None) -> int:
        seconds = found.collected_seconds if found is not None else 0
        return seconds if is_plausible_collection(seconds, self._now) else 0

    def _sent_for(self, row: int) -> int:
        """The row that is sent for the device of `row`."""
        return self._best(row) if self._winners is None else self._winners.of(row)

    def _best(self, row: int) -> int:
        group = self._group
        while group[row] != row:
            group[row] = group[group[row]]
            row = group[row]
        return row

    def _join(self, row: int, identity: Identity) -> None:
        """Make `row` one with every earlier row that is the same device."""
        for digest in identity.proving:
            self._unite(self._table.claim(digest, row), row)
        for digest in identity.names:
            other = self._table.claim(digest, row)
            if not self._quality[row]:
                self._unite(other, row)
            elif other and not self._quality[other]:
                self._unite(other, row)
                self._table.reassign(digest, row)

    def _shares(self, row: int, parts: Sequence[bytes]) -> bool:
        """Whether an earlier device has one of `parts`."""
        others = [self._table.claim(digest, row) for digest in parts]
        return any(other and self._sent_for(other) != self._sent_for(row) for other in others)

    def _unite(self, one: int, other: int) -> None:
        """Make one device of two rows; row 0 is none. The last row was not given out yet: it may lose unseen."""
        if not one:
            return
        first, second = self._best(one), self._best(other)
        if first == second:
            return
        winner, loser = (first, second) if self._rank(first) > self._rank(second) else (second, first)
        self._group[loser] = winner
        self._better_found = self._better_found or loser != len(self._group) - 1

    def _rank(self, row: int) -> tuple[int, int, int]:
        return self._quality[row], self._collected[row], -row


def identity_of(row: DeviceRow, device: SendableDevice, found: VerifiedHash | None) -> Identity:
    """What a device is recognised by. Placeholders and default UUIDs are no identity."""
    if found is None:
        return Identity(names=_names_without_hash(row, device))
    uuid = b"" if is_default_uuid(found.uuid) else found.uuid
    named = _tuple_digest(found.manufacturer, found.model, device.serial_number or "")
    parts = (uuid and _digest(b"u" + uuid), found.tpm_key and _digest(b"t" + found.tpm_key), named)
    pairs = tuple(_digest(one + other) for one, other in combinations(parts, 2) if one and other)
    # A hash that says too little about its device is at least the same one as its copy.
    proving = pairs or (_digest(f"h{device.hardware_hash}".encode()),)
    return Identity(proving, tuple(filter(None, parts)), tuple(filter(None, (named, _key_digest(device.product_key)))))


def _names_without_hash(row: DeviceRow, device: SendableDevice) -> tuple[bytes, ...]:
    """Both names where the row has both, though only one of them is sent."""
    serial_number = device.serial_number or row.serial_number
    names = (_key_digest(device.product_key), _tuple_digest(row.manufacturer, row.model, serial_number))
    return tuple(filter(None, names))


def _key_digest(product_key: str | None) -> bytes:
    """A key of another shape than 13 digits is sent alone only, and so compared only where there is nothing else."""
    return _digest(f"k{product_key}".casefold().encode()) if product_key else b""


def _tuple_digest(manufacturer: str, model: str, serial_number: str) -> bytes:
    """Of the three names together; empty where one is missing or a placeholder."""
    if any(map(is_placeholder, (manufacturer, model, serial_number))):
        return b""
    return _digest(f"m{manufacturer}\0{model}\0{serial_number}".casefold().encode())


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=DIGEST_BYTES).digest()


def _quality(found: VerifiedHash | None) -> int:
    if found is None:
        return 0
    return 1 if found.from_winpe and not found.tpm_key else 2
