"""JSON and JSON lines: which of the values of a file are devices, however they are wrapped."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from shared.device_files.account import FileAccount, PassedOverKind, could_hold_device, excerpt
from shared.device_files.cells import CellType, TypedCell
from shared.device_files.formats.decoding import MAXIMUM_LINE, decoded
from shared.device_files.formats.json_parsing import Document, Json, documents
from shared.device_files.reasons import FileReason, UnreadableDeviceFile
from shared.device_files.rows import Column

Meaning: TypeAlias = Callable[[str], Column | None]
"""Which column a name means."""
_Cells: TypeAlias = dict[str, Json]

LONGEST_STRUCTURE = 500
"""Characters of a list or object that are kept where a text should be."""
_LONGEST_LOOKED_AT = 5_000
"""Characters of what is passed over that are looked at: more than the longest hash."""
_LONGEST_PATH = 80
_MOST_NAMES = 5
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

_IDENTIFYING = frozenset({Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH})
_MAKER_AND_MODEL = frozenset({Column.MANUFACTURER, Column.MODEL})
_SUFFICIENT = (
    frozenset({Column.HARDWARE_HASH}),
    frozenset({Column.PRODUCT_KEY}),
    frozenset({Column.SERIAL_NUMBER, *_MAKER_AND_MODEL}),
)
_HOLD_FOR_ITEMS = (Column.GROUP_TAG, Column.ORDER_NUMBER)
"""What a wrapper says of all the devices in it."""

_COMPONENTS = re.compile(
    r"(?:disk|drive|monitor|display|screen|printer|batter(?:y|ie)|memory|adapter|dock|dockingstation|keyboard|mouse|"
    r"webcam|camera|headset|peripheral|accessor(?:y|ie)|(?:base|mother|main)board|processor|[cg]pu|graphic|chipset|tpm)s?$",
    re.IGNORECASE,
)
"""Names of what is in or at a device, and has a serial number, maker and model of its own."""
_DEVICES = re.compile(
    r"device|item|value|computer|machine|client|laptop|notebook|desktop|tablet|workstation|endpoint|asset|unit|position|"
    r"line|row|record|result|entr|data|list|product|article|hardware|serial|content|system|identit|ger(?:ä|ae)t|pcs?$",
    re.IGNORECASE,
)
"""Names of lists whose items are devices also where what holds the list, say a delivery note, has a serial number."""
_TEXT_OF_AN_OBJECT = ("value", "name", "display_value", "displayname")
"""Where an object in place of a text has that text: PowerShell's strings with properties, asset databases."""
_HARMLESS = re.compile(
    r"https?://[^\s\"]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+)?",
    re.IGNORECASE,
)
"""Addresses, GUIDs and times look like a device and name none."""

_NO_DEVICES: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset(
            {"CloudAssignedTenantId", "CloudAssignedOobeConfig", "CloudAssignedTenantDomain", "ZtdCorrelationId"}
        ),
        "It is an Autopilot profile for existing devices (AutopilotConfigurationFile.json), which holds no device.",
    ),
    (frozenset({"error", "errors"}), "It is the answer of a service that reports an error, and holds no device."),
    (frozenset({"contentVersion"}), "It is a deployment template, which holds no device."),
    (frozenset({"dependencies", "devDependencies"}), "It is a package manifest, which holds no device."),
    (frozenset({"OOBESettings", "outOfBoxExperienceSettings"}), "It is an Autopilot profile, which holds no device."),
)
"""Files that are dropped by mistake: one of these names tells what they are."""


class _Beside(NamedTuple):
    """A value that is no device nor part of one."""

    path: str
    name: str
    value: Json


@dataclass(slots=True)
class _Found:
    """What was found in a list, or in an object that is a wrapper."""

    devices: list[_Cells] = field(default_factory=list)
    beside: list[_Beside] = field(default_factory=list)

    def take(self, other: "_Found") -> None:
        self.devices += other.devices
        self.beside += other.beside


def items(
    chunks: Iterable[bytes], account: FileAccount, meaning: Meaning, prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Where each device of a JSON text stands, and its values by their names. `prefix` is for what is passed over.

    Every document of the text is read, and every list in it. Memory: a few MB for JSON lines or an array of any length;
    for a document of another form no more than `json_parsing.MAXIMUM_DOCUMENT`.

    Raises:
        UnreadableDeviceFile: it is damaged, cut off or too large; an item is longer than a device; it cannot be told
            which of its objects are devices; or none is. What was sound before it was given.
    """
    finder = _Finder(meaning)
    count = 0
    refusal: UnreadableDeviceFile | None = None
    for document in documents(decoded(chunks, account)):
        refusal = refusal or _refusal(document.value)
        found, is_itself = finder.devices_of(document)
        for cells in found.devices:
            count += 1
            place = f"line {document.line}" if is_itself and document.is_line else f"item {count}"
            yield place, _texts(cells, place)
        for beside in found.beside:
            place = f"line {document.line} {beside.path}" if document.is_line or not beside.path else beside.path
            _pass_over(account, f"{prefix}{place}".strip(), beside, is_identity=finder.is_identity(beside))
    if not count:
        raise refusal or UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, "There is nothing in it.")


class _Finder:
    """Finds devices among values by the names that objects have. Works from the innermost value outwards."""

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning

    def devices_of(self, document: Document) -> tuple[_Found, bool]:
        """The devices of a document, and whether it is one itself."""
        if isinstance(document.value, list):
            return self._in_list(document.value, "", document.first), False
        found = self._in_object(document.value, "")
        if isinstance(found, _Found):
            return found, False
        if self._is_device(found):
            return _Found([found]), True
        return _Found(beside=[_Beside("", "", document.value)]), False

    def is_identity(self, beside: _Beside) -> bool:
        """Whether something passed over is what identifies a device, such as the number of a delivery note."""
        return bool(beside.value) and self._meaning(beside.name) in _IDENTIFYING

    def _in_list(self, values: list[Json], path: str, first: int = 0) -> _Found:
        """The devices of a list. Where one of its objects is one, so are all of them, and texts that look like one."""
        parts = [
            self._in_value(value, f"{path}[{number}]") if isinstance(value, list | dict) else value
            for number, value in enumerate(values, first)
        ]
        is_devices = any(isinstance(part, dict) and self._is_device(part) for part in parts)
        if not is_devices and not any(isinstance(part, _Found) and part.devices for part in parts):
            return _Found(beside=[_Beside(path, "", values)] if values else [])
        whole = _Found()
        for number, part in enumerate(parts, first):
            if isinstance(part, _Found):
                whole.take(part)
            elif is_devices and isinstance(part, dict):
                whole.devices.append(part)
            elif is_devices and isinstance(part, str) and could_hold_device(part):
                whole.devices.append({"value": part})
            else:
                whole.beside.append(_Beside(f"{path}[{number}]", "", part))
        return whole

    def _in_value(self, value: "list[Json] | _Cells", path: str) -> "_Cells | _Found":
        return self._in_list(value, path) if isinstance(value, list) else self._in_object(value, path)

    def _in_object(self, whole: _Cells, path: str) -> _Cells | _Found:
        """The cells of an object that is one thing, with those of the objects in it; what was found in any other."""
        if not any(isinstance(value, list | dict) for value in whole.values()):
            return whole
        cells = self._with_texts(whole)
        nested: dict[str, _Cells] = {}
        lists: dict[str, _Found] = {}
        for name, value in cells.items():
            if isinstance(value, list | dict) and not _COMPONENTS.search(name):
                part = self._in_value(value, _joined(path, name))
                if isinstance(part, dict):
                    nested[name] = part
                elif isinstance(part, _Found) and part.devices:
                    lists[name] = part
        if lists or self._is_keyed(cells, nested):
            return self._with_lists(cells, nested, lists, path)
        return self._with_nested(cells, nested)

    def _with_lists(self, cells: _Cells, nested: dict[str, _Cells], lists: dict[str, _Found], path: str) -> _Found:
        """What was found in an object that holds devices: it is a wrapper, or a device with others beside it."""
        others = {name: value for name, value in cells.items() if name not in lists}
        is_identified = not _IDENTIFYING.isdisjoint(self._known(others))
        peers = {} if is_identified else {name: part for name, part in nested.items() if self._is_device(part)}
        itself = self._with_nested(others, {name: part for name, part in nested.items() if name not in peers})
        if is_identified and self._is_device_beside(itself, lists, path):
            return _Found([itself], [_Beside(_joined(path, name), name, cells[name]) for name in lists])
        if any(isinstance(cells[name], list) for name in lists):
            if any(map(self._is_sufficient, peers.values())):
                raise _unclear(path, next(iter(peers)))
            peers = {}
        found = _Found([{**part, "key": name} for name, part in peers.items()])
        for part in lists.values():
            found.take(part)
        holding = [known for column, known in self._known(itself).items() if column in _HOLD_FOR_ITEMS]
        if holding:
            found.devices = [self._with(device, holding) for device in found.devices]
        given = {name for name, _ in holding} | peers.keys()
        found.beside += [
            _Beside(_joined(path, name), name, value) for name, value in others.items() if name not in given
        ]
        return found

    def _is_device_beside(self, cells: _Cells, lists: Mapping[str, _Found], path: str) -> bool:
        """Whether an object with an identity and lists of devices is one itself, and they are what is in or at it."""
        within = {column for part in lists.values() for device in part.devices for column in self._known(device)}
        if _IDENTIFYING.isdisjoint(within):
            return True
        has_hash = Column.HARDWARE_HASH in self._known(cells)
        if has_hash is not (Column.HARDWARE_HASH in within):
            return has_hash
        if all(map(_DEVICES.search, lists)):
            return False
        raise _unclear(path, next(iter(lists)))

    def _is_sufficient(self, cells: _Cells) -> bool:
        """Whether an object has what Partner Center needs to know a device."""
        return any(need <= self._known(cells).keys() for need in _SUFFICIENT)

    def _is_keyed(self, cells: _Cells, nested: dict[str, _Cells]) -> bool:
        """Whether the objects in an object are devices each, and their names what tells them apart."""
        devices = {name: part for name, part in nested.items() if self._is_device(part)}
        if not devices or not _IDENTIFYING.isdisjoint(self._known(cells)):
            return False
        known = map(self._known, devices.values())
        identities = {(column, one[column][1]) for one in known for column in _IDENTIFYING & one.keys()}
        is_one = len(identities) == len({column for column, _ in identities})
        return not is_one or sum(map(self._is_sufficient, devices.values())) > 1 or any(map(could_hold_device, devices))

    def _with_nested(self, cells: _Cells, nested: dict[str, _Cells]) -> _Cells:
        """An object with the meanings that it lacks and only one of the objects in it has, or all in the same way."""
        own = self._known(cells)
        offers: dict[Column, dict[str, str]] = {}
        for part in nested.values():
            for column, (name, text) in self._offered(own, self._known(part)).items():
                offers.setdefault(column, {})[text] = name
        lifted = {column: next(iter(offer.items())) for column, offer in offers.items() if len(offer) == 1}
        if not lifted:
            return cells
        result = dict(cells)
        for name, part in nested.items():
            gone = [other for other, value in part.items() if (value, other) in lifted.values()]
            if gone:
                del result[name]
                rest: _Cells = {other: value for other, value in part.items() if value and other not in gone}
                if rest:
                    result[f"rest of {name}"] = rest
        return self._with(result, [(name, text) for text, name in lifted.values()])

    def _offered(
        self, own: Mapping[Column, tuple[str, str]], part: Mapping[Column, tuple[str, str]]
    ) -> dict[Column, tuple[str, str]]:
        """What an object adds to the one that it stands in: nothing where it is another thing, with another identity.

        A maker goes with its model: the maker of a firmware is not the one of the device.
        """
        if any(column in own and own[column][1] != part[column][1] for column in _IDENTIFYING & part.keys()):
            return {}
        has_both = (own.keys() | part.keys()) >= _MAKER_AND_MODEL
        return {
            column: known
            for column, known in part.items()
            if column not in own and (has_both or column not in _MAKER_AND_MODEL)
        }

    def _with(self, cells: _Cells, more: Iterable[tuple[str, str]]) -> _Cells:
        """An object with values whose meanings it lacks; names of it with that meaning and nothing in them go."""
        known = self._known(cells)
        added = {name: value for name, value in more if self._meaning(name) not in known}
        if not added:
            return cells
        meanings = set(map(self._meaning, added))
        return {name: value for name, value in cells.items() if self._meaning(name) not in meanings} | added

    def _with_texts(self, cells: _Cells) -> _Cells:
        """An object in which a list or object that stands for one text is that text, where a text is expected."""
        result = dict(cells)
        for name, value in cells.items():
            if isinstance(value, list | dict) and self._meaning(name) is not None:
                text, rest = self._text_within(value)
                if text is not None:
                    result[name] = text
                if rest:
                    result[f"rest of {name}"] = rest
        return result

    def _text_within(self, value: "list[Json] | _Cells") -> tuple[str | None, _Cells]:
        """The only text of a list, or the one that an object stands for, and what else is in that object."""
        if isinstance(value, list):
            return (value[0] if len(value) == 1 and isinstance(value[0], str) else None), {}
        texts = {name.casefold(): name for name, text in value.items() if isinstance(text, str)}
        name = next((texts[name] for name in _TEXT_OF_AN_OBJECT if name in texts), "")
        text = value.get(name)
        rest = {other: value[other] for other in value if other != name}
        is_text = isinstance(text, str) and all(self._meaning(other) is None for other in rest)
        return (text, rest) if is_text else (None, {})

    def _is_device(self, cells: _Cells) -> bool:
        meanings = set(map(self._meaning, cells))
        return not _IDENTIFYING.isdisjoint(meanings) or meanings >= _MAKER_AND_MODEL

    def _known(self, cells: _Cells) -> dict[Column, tuple[str, str]]:
        """The first name that has a value of each meaning, and that value."""
        known: dict[Column, tuple[str, str]] = {}
        for name, value in cells.items():
            if isinstance(value, str) and value.strip() and (column := self._meaning(name)) is not None:
                known.setdefault(column, (name, value))
        return known


def _unclear(path: str, name: str) -> UnreadableDeviceFile:
    shown = excerpt(_joined(path, name))
    detail = f"What {shown} stands in may be a device, or what stands in {shown}: which of them are is unclear."
    return UnreadableDeviceFile(FileReason.NOT_DEVICES, detail)


def _joined(path: str, name: str) -> str:
    return (f"{path}.{name}" if path else name)[:_LONGEST_PATH]


def _texts(cells: _Cells, place: str) -> dict[str, str]:
    """The values of an item as cells.

    Raises:
        UnreadableDeviceFile: they are longer than a row may be.
    """
    texts = {name: _text(value) for name, value in cells.items()}
    if sum(len(name) + len(text) for name, text in texts.items()) > MAXIMUM_LINE:
        detail = f"{place.capitalize()} has more than {MAXIMUM_LINE:,} characters."
        raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)
    return texts


def _text(value: Json) -> str:
    if isinstance(value, list | dict):
        return TypedCell(_compact(value, LONGEST_STRUCTURE), CellType.STRUCTURE)
    return "" if value is None else value


def _compact(value: Json, longest: int) -> str:
    """A value as JSON, of which no more is written than is kept."""
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece
        if len(text) > longest:
            return text[: longest - 1] + "…"
    return text


def _pass_over(account: FileAccount, place: str, beside: _Beside, *, is_identity: bool) -> None:
    value = beside.value
    text = "" if value is None else value if isinstance(value, str) else _compact(value, _LONGEST_LOOKED_AT)
    is_suspicious = is_identity or could_hold_device(_HARMLESS.sub(" ", text))
    may_hold_device = is_suspicious and not beside.name.startswith("@odata.")
    account.pass_over(PassedOverKind.BESIDE_THE_LIST, place, text, may_hold_device=may_hold_device)


def _refusal(value: "list[Json] | _Cells") -> UnreadableDeviceFile:
    """Why a file that begins with this document is no list of devices, if nothing in it is a device."""
    sample: Json = value
    while isinstance(sample, list) and sample:
        sample = next((item for item in sample if isinstance(item, list | dict)), None)
    if sample is None:
        return UnreadableDeviceFile(
            FileReason.NOT_DEVICES, "It is a list of texts or numbers, not of objects with names."
        )
    if not isinstance(sample, dict) or not sample or [] in sample.values():
        return UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, "It is JSON, and its list is empty.")
    for names, sentence in _NO_DEVICES:
        if names & sample.keys():
            return UnreadableDeviceFile(FileReason.NOT_DEVICES, sentence)
    shown = ", ".join(map(excerpt, list(sample)[:_MOST_NAMES]))
    detail = f"None of its names is that of a serial number, product key or hardware hash. It begins with: {shown}."
    return UnreadableDeviceFile(FileReason.NOT_DEVICES, detail)
