"""Matches the service's verdicts to rows. Pure; an uncertain match is never guessed."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from shared.partner_center.models import Device, DeviceUploadDetails
from shared.partner_center.outcome_codes import explain
from shared.storage.records import DeviceOutcome
from shared.vocabulary import Outcome


class SentRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of a submission as stored beside the request body, in the order of its devices."""

    row: int
    source: str = ""
    serial_number: str = ""
    product_key: str = ""
    manufacturer: str = ""
    model: str = ""
    order_number: str = ""
    profile: str = ""
    """The configuration policy that its device is to have."""
    notes: str = ""
    moved_from: str = ""
    """The batch from which its device was removed for this submission."""


def named_row(outcome: DeviceOutcome) -> SentRow:
    """The row of an outcome, with the names by which its device is matched."""
    return SentRow(
        row=outcome.row,
        serial_number=outcome.serial_number,
        product_key=outcome.product_key,
        manufacturer=outcome.manufacturer,
        model=outcome.model,
    )


def match(rows: Sequence[SentRow], verdicts: Sequence[DeviceUploadDetails]) -> list[DeviceUploadDetails | None]:
    """For each row its verdict, or None.

    Rows match by serial number, then by product key, each only where it occurs once on both sides. The rest match by
    position if both sides are equally long and nothing contradicts that the service kept the order: every match found
    by name is at its own position, and no name differs. (Devices sent with only a hash come back without a name; that
    the service keeps the order is not documented.)

    Several verdicts that name the device of one row are one verdict if they agree, and none if they contradict each
    other; the other rows have theirs all the same.
    """
    verdicts = _settled(rows, verdicts)
    names = [
        ([row_name(row) for row in rows], [verdict_name(verdict) for verdict in verdicts])
        for row_name, verdict_name in _NAMES
    ]
    places: list[int | None] = [None] * len(rows)
    for row_names, verdict_names in names:
        _match_by_name(places, row_names, verdict_names)
    if len(rows) == len(verdicts) and all(place in (None, index) for index, place in enumerate(places)):
        for index, place in enumerate(places):
            if place is None and not any(differ(ours[index], theirs[index]) for ours, theirs in names):
                places[index] = index
    found = [None if place is None else verdicts[place] for place in places]
    return [None if verdict is _NO_VERDICT else verdict for verdict in found]


_NO_VERDICT = DeviceUploadDetails()
"""Stands at the place of verdicts that contradict each other, and of repeated ones."""


def _settled(rows: Sequence[SentRow], verdicts: Sequence[DeviceUploadDetails]) -> Sequence[DeviceUploadDetails]:
    """`verdicts` with one for each device, at the place of the first of several that name it.

    The repeated ones keep their places only in an answer as long as the submission: there positions may count.
    """
    settled, repeated = list(verdicts), set[int]()
    for places in _places_of_several(rows, verdicts):
        if not _agree([verdicts[place] for place in places]):
            settled[places[0]] = _NO_VERDICT
        for place in places[1:]:
            settled[place] = _NO_VERDICT
            repeated.add(place)
    if len(settled) == len(rows):
        return settled
    return [verdict for place, verdict in enumerate(settled) if place not in repeated]


def _places_of_several(rows: Sequence[SentRow], verdicts: Sequence[DeviceUploadDetails]) -> Iterator[list[int]]:
    """The places of the verdicts on each row that several verdicts name. A name of several rows identifies none."""
    placed = [_places_by_name(map(verdict_name, verdicts)) for _, verdict_name in _NAMES]
    unique = [_unique(map(row_name, rows)) for row_name, _ in _NAMES]
    for row in rows:
        named = {
            place
            for (row_name, _), names, places in zip(_NAMES, unique, placed, strict=True)
            if (name := row_name(row)) in names
            for place in places.get(name, ())
        }
        own = sorted(place for place in named if not _contradict(row, verdicts[place])) if len(named) > 1 else []
        if len(own) > 1:
            yield own


def _places_by_name(names: Iterable[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if name:
            places.setdefault(name, []).append(place)
    return places


def _agree(verdicts: Iterable[DeviceUploadDetails]) -> bool:
    """Whether all say the same of a device: that it is not finished, registered, or failed with the same code."""
    return len(set(map(_meaning, verdicts))) == 1


def _meaning(verdict: DeviceUploadDetails) -> tuple[object, ...]:
    if not verdict.is_final:
        return (False,)
    explanation = explain(verdict.error_code, verdict.error_description, verdict.state)
    code = folded(str(verdict.error_code)) if explanation.verdict is Outcome.FAILED else ""
    return True, explanation, code


def match_by_name(rows: Sequence[SentRow], devices: Iterable[Device]) -> list[Device | None]:
    """For each row the device of that name in a batch, or None.

    A batch has no positions. It may hold another maker's device with the same serial number, so maker and model must
    agree where both sides have them. A device that the pages list twice, under one id, is one device.
    """
    wanted = {name for row in rows for row_name, _ in _NAMES if (name := row_name(row))}
    named = _few_of_each_name(wanted, devices)
    places: list[int | None] = [None] * len(rows)
    for row_name, device_name in _NAMES:
        _match_by_name(places, [row_name(row) for row in rows], [device_name(device) for device in named])
    found = [None if place is None else named[place] for place in places]
    return [
        None if device is None or _is_another(row, device) else device for row, device in zip(rows, found, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class NamedDevices:
    """The devices of a batch that have a name of one row."""

    fitting: list[Device] = field(default_factory=list)
    """Those that nothing in the row contradicts: no more than show that there are several."""
    others: list[Device] = field(default_factory=list)
    """The first of those that the row contradicts."""


def devices_of(rows: Sequence[SentRow], devices: Iterable[Device]) -> list[NamedDevices]:
    """For each row the devices of its name among those of a batch.

    Unlike `match_by_name`, it tells a name that nobody has from one that identifies no device. A device that the pages
    list twice, under one id, is one device.
    """
    found = [NamedDevices() for _ in rows]
    by_name: dict[tuple[int, str], list[int]] = {}
    for place, row in enumerate(rows):
        for kind, (row_name, _) in enumerate(_NAMES):
            if name := row_name(row):
                by_name.setdefault((kind, name), []).append(place)
    for device in devices:
        names = [(kind, device_name(device)) for kind, (_, device_name) in enumerate(_NAMES)]
        for place in {place for name in names for place in by_name.get(name, ())}:
            own = found[place].others if _is_another(rows[place], device) else found[place].fitting
            if len(own) < _ENOUGH and not any(_is_same(known, device) for known in own):
                own.append(device)
    return found


def _is_same(one: Device, other: Device) -> bool:
    """Whether two entries of a list, which have a name in common, are one device."""
    return one.id is not None and one.id == other.id


def _few_of_each_name(wanted: Collection[str], devices: Iterable[Device]) -> list[Device]:
    """The devices with a wanted name; of one name no more than show that it identifies none.

    A device that was listed before, by id and names, is left out: a batch that changes between two pages repeats it.
    The id alone would be too little: one id on many devices, such as that of zeros, would leave all but one out.
    """
    kept: dict[object, Device] = {}
    counts = Counter[str]()
    for device in devices:
        names = frozenset(name for _, device_name in _NAMES if (name := device_name(device)) in wanted)
        identity = (device.id, names) if device.id else id(device)
        if identity not in kept and any(counts[name] < _ENOUGH for name in names):
            kept[identity] = device
            counts.update(names)
    return list(kept.values())


_ENOUGH = 2
"""Devices of one name that show that it identifies none."""


def _is_another(row: SentRow, device: Device) -> bool:
    known = ((row.manufacturer, device.oem_manufacturer_name), (row.model, device.model_name))
    return _contradict(row, device) or any(differ(folded(ours), folded(theirs)) for ours, theirs in known)


def _match_by_name(places: list[int | None], row_names: list[str], verdict_names: list[str]) -> None:
    """Fill in the `places` of rows whose name occurs once among rows and once among verdicts."""
    taken = {place for place in places if place is not None}
    unique_rows = _unique(row_names)
    unique_verdicts = _unique(verdict_names)
    verdict_of = {name: place for place, name in enumerate(verdict_names) if name in unique_verdicts}
    for index, name in enumerate(row_names):
        place = verdict_of.get(name) if name in unique_rows else None
        if places[index] is None and place is not None and place not in taken:
            places[index] = place


def _unique(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if name and count == 1}


def _contradict(row: SentRow, device: Device | DeviceUploadDetails) -> bool:
    return any(differ(row_name(row), device_name(device)) for row_name, device_name in _NAMES)


def differ(ours: str, theirs: str) -> bool:
    """Whether both are known and different."""
    return bool(ours and theirs and ours != theirs)


def folded(text: str | None) -> str:
    """A name as names are compared: without regard to case, and to blanks around it."""
    return (text or "").strip().casefold()


_NAMES: tuple[tuple[Callable[[SentRow], str], Callable[[DeviceUploadDetails | Device], str]], ...] = (
    (lambda row: folded(row.serial_number), lambda verdict: folded(verdict.serial_number)),
    (lambda row: folded(row.product_key), lambda verdict: folded(verdict.product_key)),
)
"""The names of a device on both sides, strongest first."""
