"""Matches the service's verdicts to rows. Pure; an uncertain match is never guessed."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from shared.partner_center.models import Device, DeviceUploadDetails


class SentRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of a submission as stored beside the request body, in the order of its devices."""

    row: int
    source: str = ""
    serial_number: str = ""
    product_key: str = ""
    manufacturer: str = ""
    model: str = ""
    order_number: str = ""
    notes: str = ""


def match(rows: Sequence[SentRow], verdicts: Sequence[DeviceUploadDetails]) -> list[DeviceUploadDetails | None]:
    """For each row its verdict, or None.

    Rows match by serial number, then by product key, each only where it occurs once on both sides. The rest match by
    position if both sides are equally long and nothing contradicts that the service kept the order: every match found
    by name is at its own position, and no name differs. (Devices sent with only a hash come back without a name; that
    the service keeps the order is not documented.)
    """
    names = [
        ([row_name(row) for row in rows], [verdict_name(verdict) for verdict in verdicts])
        for row_name, verdict_name in _NAMES
    ]
    places: list[int | None] = [None] * len(rows)
    for row_names, verdict_names in names:
        _match_by_name(places, row_names, verdict_names)
    if len(rows) == len(verdicts) and all(place in (None, index) for index, place in enumerate(places)):
        for index, place in enumerate(places):
            if place is None and not any(_differ(ours[index], theirs[index]) for ours, theirs in names):
                places[index] = index
    return [None if place is None else verdicts[place] for place in places]


def match_by_name(rows: Sequence[SentRow], devices: Iterable[Device]) -> list[Device | None]:
    """For each row the device of that name in a batch, or None.

    A batch has no positions. It may hold another maker's device with the same serial number, so maker and model must
    agree where both sides have them.
    """
    wanted = {name for row in rows for row_name, _ in _NAMES if (name := row_name(row))}
    named = [device for device in devices if any(device_name(device) in wanted for _, device_name in _NAMES)]
    places: list[int | None] = [None] * len(rows)
    for row_name, device_name in _NAMES:
        _match_by_name(places, [row_name(row) for row in rows], [device_name(device) for device in named])
    found = [None if place is None else named[place] for place in places]
    return [
        None if device is None or _is_another(row, device) else device for row, device in zip(rows, found, strict=True)
    ]


def _is_another(row: SentRow, device: Device) -> bool:
    known = ((row.manufacturer, device.oem_manufacturer_name), (row.model, device.model_name))
    return _contradict(row, device) or any(_differ(_folded(ours), _folded(theirs)) for ours, theirs in known)


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


def _contradict(row: SentRow, device: Device) -> bool:
    return any(_differ(row_name(row), device_name(device)) for row_name, device_name in _NAMES)


def _differ(ours: str, theirs: str) -> bool:
    """Whether both are known and different."""
    return bool(ours and theirs and ours != theirs)


def _folded(text: str | None) -> str:
    return (text or "").strip().casefold()


_NAMES: tuple[tuple[Callable[[SentRow], str], Callable[[DeviceUploadDetails | Device], str]], ...] = (
    (lambda row: _folded(row.serial_number), lambda verdict: _folded(verdict.serial_number)),
    (lambda row: _folded(row.product_key), lambda verdict: _folded(verdict.product_key)),
)
"""The names of a device on both sides, strongest first."""
