"""Compares the rows of a device file with what is known to be registered, before anything is sent.

Two witnesses are asked: the batches of the customer as last read from Partner Center, and the app's own files. Of a
file that ended before the batches were read, the batches tell. What neither can know is told as such and never guessed.

Devices are compared as the service compares them: by hardware hash, by product key, or by serial number with maker and
model. Partner Center lists no hashes, so a row with a hash is compared by the names that its hash holds. Devices to be
removed or moved are compared as their search finds them: by serial number or product key, unless anything differs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice

from shared.device_files.reading import OpenFile, read_device_file
from shared.device_files.rows import CheckedRow
from shared.partner_center.models import Device
from shared.pipeline.composition import Pipeline
from shared.pipeline.default_profiles import DefaultProfiles
from shared.pipeline.intake.preview import MOST_ROWS_KEPT, Destination, Fate, Preview, fate_of, preview
from shared.pipeline.inventory.listing import batches_of
from shared.pipeline.inventory.planned_profiles import (
    ELSEWHERE,
    PLACE_NOT_KNOWN,
    DeviceStanding,
    KnownProfiles,
    PlannedProfile,
    ProfileFate,
)
from shared.pipeline.inventory.snapshots import RegisteredDevice, devices_of, hash_digest
from shared.pipeline.profiles import profiles_of
from shared.pipeline.submissions.matching import differ, folded
from shared.pipeline.submissions.registered_elsewhere import Registration, Registrations, latest
from shared.storage.inventories import BatchInventory
from shared.storage.record_table import log_unreadable
from shared.vocabulary import FileOrder, ProfileOutcome

ROWS_AT_ONCE = 500
"""Rows that one search of the index of serial numbers is for."""


class Place(StrEnum):
    """Where the device of a row stands before the file is sent."""

    NEW = "new"
    """Under no batch of the customer, as far as the two witnesses know."""
    IN_THIS_BATCH = "in_this_batch"
    IN_OTHER_BATCH = "in_other_batch"
    AT_OTHER_CUSTOMER = "at_other_customer"
    CANNOT_BE_TOLD = "cannot_be_told"


NOT_READ = "The batches of the customer were not read, or not to their end: have them read anew, then plan again."
NOTHING_TO_FIND_IT_BY = "The row has neither a serial number nor a product key by which its device could be found."
SEVERAL_FIT = (
    "Several registered devices fit the row, so none of them would be touched: add maker and model, or name the batch "
    "to remove it from."
)
DIFFERS = (
    "A device with this serial number or product key is registered but differs from the row otherwise, so it would not "
    "be touched: compare the two."
)
MAY_NOT_BE_DELETED = "Partner Center does not allow the partner to delete it, so it would stay there"
ENDED_SINCE = "A file of this customer has ended since: have the batches read anew to see what it did."
_NEWEST_FILES = 20
"""Files of a customer among which one is looked for that ended after the batches were read."""
UNLIKE = "A device with this serial number is registered, but Partner Center does not list its maker and model."


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that would be sent, and where its device stands now."""

    row: CheckedRow
    batch_id: str | None
    """The batch that it would be sent to; None where the batch does not matter."""
    place: Place
    where: str = ""
    """The other batch, or the other customer's id."""
    why: str = ""
    """How that is known, or why it cannot be told."""
    has_profiles: Sequence[str] = ()
    """The names or ids of the profiles of its registered device, as far as known."""
    profile: PlannedProfile | None = None
    """The profile that it wishes for; None where it wishes for none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows of a file by where their devices stand."""

    preview: Preview
    places: Mapping[Place, int] = field(default_factory=dict)
    """The rows that would be sent."""
    shown: Mapping[Place, Sequence[Planned]] = field(default_factory=dict)
    """The first rows of each place."""
    profiles: Mapping[ProfileFate, int] = field(default_factory=dict)
    """The rows of these that wish for a profile, by what would come of the wish."""
    is_cut_short: bool = False
    """Whether the time was up before the end of the file: the counts are those of its first rows."""


def plan(
    pipeline: Pipeline,
    open_file: OpenFile,
    *,
    name: str,
    customer_id: str,
    destination: Destination,
    is_late: Callable[[], bool] = lambda: False,
) -> Plan:
    """Where the devices of a file stand, counted, with the first rows of each place. Raises VersionGone."""
    now = pipeline.clock()
    found = preview(open_file, name=name, destination=destination, now=now, is_late=is_late)
    places, profiles = Counter[Place](), Counter[ProfileFate]()
    shown: dict[Place, list[Planned]] = {place: [] for place in Place}
    is_cut_short = found.is_cut_short
    rows = planned_rows(pipeline, open_file, name, customer_id, destination, found, now)
    for planned in () if found.fault is not None or is_cut_short else rows:
        places[planned.place] += 1
        if planned.profile is not None:
            profiles[planned.profile.fate] += 1
        if len(shown[planned.place]) < MOST_ROWS_KEPT:
            shown[planned.place].append(planned)
        if is_late():
            is_cut_short = True
            break
    return Plan(found, {place: places[place] for place in Place if places[place]}, shown, profiles, is_cut_short)


def planned_rows(
    pipeline: Pipeline,
    open_file: OpenFile,
    name: str,
    customer_id: str,
    destination: Destination,
    found: Preview,
    now: datetime,
) -> Iterator[Planned]:
    """The rows that would be sent, in the order of the file, each with where its device stands. Raises VersionGone.

    `found` is the preview of the file. Memory holds the names of its rows as digests, and the registered devices that
    have one of them.
    """

    def rows() -> Iterator[CheckedRow]:
        checked = read_device_file(open_file, name=name, rules=destination.rules, now=now, findings=found.findings)
        return (row for row in checked if fate_of(row) is Fate.SEND)

    # First, so that the app's own files tell of a device that only a newer reading of the batches lists.
    read_at = _read_at(pipeline, customer_id)
    witnesses = _Witnesses(
        customer_id,
        _known_devices(pipeline, customer_id, rows()),
        Registrations(pipeline.journal, keep_claim=lambda: None),
        read_at=read_at,
    )
    wishes = _Wishes(pipeline, customer_id, destination.order)
    left = rows()
    while some := list(islice(left, ROWS_AT_ONCE)):
        yield from map(wishes.added_to, _planned(witnesses, some, destination))


class _Wishes:
    """The profiles that rows wish for, and what would come of each wish. The profiles are read at the first one."""

    def __init__(self, pipeline: Pipeline, customer_id: str, order: FileOrder) -> None:
        self._pipeline = pipeline
        self._customer_id = customer_id
        self._order = order
        self._defaults = DefaultProfiles.of_customer(pipeline.customers, customer_id, order)
        self._known: KnownProfiles | None = None

    def added_to(self, planned: Planned) -> Planned:
        """The row with its wish."""
        wish = None
        if planned.batch_id is not None and self._order is not FileOrder.REMOVE:
            wish = self._defaults.wish(planned.row.profile, planned.batch_id)
        if wish is None:
            return planned
        if self._known is None:
            self._known = KnownProfiles(profiles_of(self._pipeline, self._customer_id))
        return replace(planned, profile=self._known.planned(wish, _standing_of(planned, self._order)))


def _standing_of(planned: Planned, order: FileOrder) -> DeviceStanding:
    """What is known of a row's device for its profile. Pure.

    A device that is moved is registered anew, as is one that is to be moved and stands nowhere. The profile of a device
    that stays under another batch is not changed for certain: where the verdict on it has no id, the assignment finds
    a device in the row's batch alone.
    """
    is_move = order is FileOrder.MOVE
    match planned.place:
        case Place.NEW:
            return DeviceStanding(would_be_registered=True)
        case Place.IN_THIS_BATCH:
            return DeviceStanding(would_be_registered=True, profiles=planned.has_profiles)
        case Place.IN_OTHER_BATCH if is_move and MAY_NOT_BE_DELETED in planned.why:
            return DeviceStanding(would_be_registered=False)
        case Place.IN_OTHER_BATCH if is_move:
            return DeviceStanding(would_be_registered=True)
        case Place.AT_OTHER_CUSTOMER:
            return DeviceStanding(would_be_registered=False)
        case Place.IN_OTHER_BATCH:
            return DeviceStanding(would_be_registered=None, why=ELSEWHERE, profiles=planned.has_profiles)
        case Place.CANNOT_BE_TOLD:
            return DeviceStanding(would_be_registered=None, why=PLACE_NOT_KNOWN, profiles=planned.has_profiles)


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A registered device that has a name of some row, and its batch."""

    device: RegisteredDevice
    batch: BatchInventory


@dataclass(frozen=True, slots=True)
class _Witnesses:
    """What is known of the customer's devices."""

    customer_id: str
    listed: Mapping[int, Sequence[KnownDevice]]
    """The devices of the batches as last read, by the digest of each of their names."""
    registrations: Registrations
    read_at: datetime | None
    """Since when every batch of the customer was read; None when some was not."""


def ended_since(pipeline: Pipeline, customer_id: str) -> str:
    """That a file of the customer has ended since its batches were read, as a sentence; empty where none has."""
    read_at = _read_at(pipeline, customer_id)
    if read_at is None:
        return ""
    newest = pipeline.journal.files.final(limit=_NEWEST_FILES, customer_id=customer_id, unreadable=log_unreadable)
    has_ended = any(listing.closed_at is not None and listing.closed_at > read_at for _, listing in newest)
    return ENDED_SINCE if has_ended else ""


def _read_at(pipeline: Pipeline, customer_id: str) -> datetime | None:
    stored = pipeline.journal.inventories.get(customer_id)
    is_whole = all(batch.read_at is not None for batch in batches_of(pipeline, customer_id))
    return stored.record.read_at if stored is not None and is_whole else None


def _known_devices(
    pipeline: Pipeline, customer_id: str, rows: Iterable[CheckedRow]
) -> Mapping[int, Sequence[KnownDevice]]:
    """The devices of the customer's batches that have a name of some row. Raises VersionGone."""
    wanted = {name for row in rows for name in _names_of_row(row)}
    listed: dict[int, list[KnownDevice]] = {}
    for batch in batches_of(pipeline, customer_id) if wanted else ():
        for device in devices_of(pipeline.private, batch):
            for name in _names(device.serial_number, device.product_key, device.hash_digest):
                if name in wanted:
                    listed.setdefault(name, []).append(KnownDevice(device, batch))
    return listed


def _names_of_row(row: CheckedRow) -> Sequence[int]:
    return _names(row.serial_number, row.product_key, _digest_of(row))


def _names(serial_number: str, product_key: str, digest: str) -> Sequence[int]:
    """The names by which a device may be found, as numbers: two of them that are the same by chance cost a look."""
    kinds = (("serial", folded(serial_number)), ("key", folded(product_key)), ("hash", digest))
    return [hash(name) for name in kinds if name[1]]


def _digest_of(row: CheckedRow) -> str:
    return hash_digest(row.device.hardware_hash or "") if row.device is not None else ""


def _planned(witnesses: _Witnesses, rows: Sequence[CheckedRow], destination: Destination) -> Iterator[Planned]:
    """Some rows with their places; the index is searched for those whose devices are in no batch as last read."""
    order = destination.order
    named = [_named_alike(witnesses, row) for row in rows]
    listed = [
        [known for known in of_row if likeness(row, known.device, order) is not Likeness.OTHER]
        for row, of_row in zip(rows, named, strict=True)
    ]
    unlisted = [row for row, found in zip(rows, listed, strict=True) if not found]
    registered = dict(zip((row.row for row in unlisted), witnesses.registrations.of_several(unlisted), strict=True))
    for row, of_row, found in zip(rows, named, listed, strict=True):
        batch_id = destination.batch_of(row)
        if order is not FileOrder.REGISTER and (planned := place_of_search(row, batch_id, found, of_row, order)):
            yield planned
            continue
        own = registered.get(row.row, ())
        yield place_of(row, batch_id, found, own, witnesses.customer_id, read_at=witnesses.read_at)


def _named_alike(witnesses: _Witnesses, row: CheckedRow) -> list[KnownDevice]:
    """The registered devices that have a name of the row."""
    found = {id(known): known for name in _names_of_row(row) for known in witnesses.listed.get(name, ())}
    return list(found.values())


class Likeness(StrEnum):
    """Whether the service would take the device of a row and a registered one for the same. Pure."""

    SAME = "same"
    UNLIKE = "unlike"
    """They share a serial number, and too little is listed to tell."""
    OTHER = "other"


def likeness(row: CheckedRow, device: RegisteredDevice, order: FileOrder = FileOrder.REGISTER) -> Likeness:
    """Whether the service, or the search of a removal or move, would take both devices for the same. Pure.

    By hash, by product key, or by serial number with maker and model. For a row with a hash its serial number counts
    alone where maker and model are not listed: the service knows them from the hash of the registered device.
    """
    if order is not FileOrder.REGISTER:
        return Likeness.SAME if _is_found(row, device) else Likeness.OTHER
    sent, digest = row.device, _digest_of(row)
    if digest and device.hash_digest:
        return Likeness.SAME if digest == device.hash_digest else Likeness.OTHER
    if row.product_key and folded(row.product_key) == folded(device.product_key):
        return Likeness.SAME
    is_tuple = not digest and sent is not None and bool(sent.serial_number and sent.manufacturer and sent.model)
    has_names = bool(row.serial_number) and (is_tuple or bool(digest))
    if not has_names or folded(row.serial_number) != folded(device.serial_number):
        return Likeness.OTHER
    pairs = ((row.manufacturer, device.manufacturer), (row.model, device.model))
    if any(differ(folded(ours), folded(theirs)) for ours, theirs in pairs):
        return Likeness.OTHER
    return Likeness.UNLIKE if is_tuple and not (device.manufacturer and device.model) else Likeness.SAME


def _is_found(row: CheckedRow, device: RegisteredDevice) -> bool:
    """Whether the search of a removal or move takes the device for that of the row, as `devices_of` does."""
    names = ((row.serial_number, device.serial_number), (row.product_key, device.product_key))
    makes = ((row.manufacturer, device.manufacturer), (row.model, device.model))
    if any(differ(folded(ours), folded(theirs)) for ours, theirs in (*names, *makes)):
        return False
    return any(folded(ours) and folded(ours) == folded(theirs) for ours, theirs in names)


def place_of_search(
    row: CheckedRow, batch_id: str | None, found: Sequence[KnownDevice], named: Sequence[KnownDevice], order: FileOrder
) -> Planned | None:
    """Where the device of a row stands that is to be removed or moved; None where the batches do not tell. Pure.

    `found` are the registered devices that fit the row, `named` all that have one of its names.
    """
    if not (row.serial_number or row.product_key):
        return Planned(row, batch_id, Place.CANNOT_BE_TOLD, why=NOTHING_TO_FIND_IT_BY)
    # A removal searches the batch that it names, or all; a move searches all, and leaves what stands under its own.
    here = [known for known in found if batch_id and known.batch.batch_id.casefold() == batch_id.casefold()]
    searched = found if order is FileOrder.MOVE or not batch_id else here
    if len(searched) > 1:
        return Planned(row, batch_id, Place.CANNOT_BE_TOLD, why=SEVERAL_FIT)
    if not (searched or found):
        return Planned(row, batch_id, Place.CANNOT_BE_TOLD, why=DIFFERS) if named else None
    (known, *_) = searched or found
    is_here = known in (here if order is FileOrder.MOVE else searched)
    place = Place.IN_THIS_BATCH if is_here else Place.IN_OTHER_BATCH
    may_be_deleted = Device(allowed_operations=known.device.allowed_operations).may_be_deleted is not False
    why = "; ".join(filter(None, (_as_listed(known.batch), "" if may_be_deleted else MAY_NOT_BE_DELETED)))
    return Planned(row, batch_id, place, known.batch.batch_id, why, known.device.policies)


def _as_listed(batch: BatchInventory) -> str:
    return (
        "as Partner Center listed it" if batch.read_at is None else f"as listed on {batch.read_at:%Y-%m-%d %H:%M} UTC"
    )


def place_of(
    row: CheckedRow,
    batch_id: str | None,
    listed: Sequence[KnownDevice],
    registered: Sequence[Registration],
    customer_id: str,
    *,
    read_at: datetime | None,
) -> Planned:
    """Where the device of a row stands, by the batches as last read and by the app's own files. Pure."""
    same = [known for known in listed if likeness(row, known.device) is Likeness.SAME]
    if same:
        places = [(known.batch.batch_id, known.device.policies) for known in same]
        return _of_batch(row, batch_id, places, _as_listed(same[0].batch))
    if listed:
        return Planned(row, batch_id, Place.CANNOT_BE_TOLD, listed[0].batch.batch_id, UNLIKE)
    own = latest([one for one in registered if one.file.customer_id == customer_id])
    if own is not None and (read_at is None or own.file.closed_at is None or own.file.closed_at > read_at):
        has_it = own.outcome.profile_outcome is ProfileOutcome.ASSIGNED
        return _of_batch(row, batch_id, [(own.outcome.batch_id, (own.outcome.profile,) if has_it else ())], own.words)
    other = latest([one for one in registered if one.file.customer_id != customer_id])
    if other is not None:
        return Planned(row, batch_id, Place.AT_OTHER_CUSTOMER, other.file.customer_id or "", other.words)
    if read_at is None:
        return Planned(row, batch_id, Place.CANNOT_BE_TOLD, why=NOT_READ)
    return Planned(row, batch_id, Place.NEW)


def _of_batch(row: CheckedRow, batch_id: str | None, places: Sequence[tuple[str, Sequence[str]]], why: str) -> Planned:
    """A row whose device is registered for the customer, under one of some batches, with its profiles there."""
    here = [place for place in places if batch_id is None or place[0].casefold() == batch_id.casefold()]
    where, has_profiles = (here or places)[0]
    place = Place.IN_THIS_BATCH if here else Place.IN_OTHER_BATCH
    return Planned(row, batch_id, place, where, why, has_profiles)
