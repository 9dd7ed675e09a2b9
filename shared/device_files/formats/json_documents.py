"""JSON and JSON lines: which of the values of a file are devices, however they are wrapped."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from json import JSONEncoder
from typing import NamedTuple, TypeAlias

from shared.device_files.account import FileAccount, could_hold_device, excerpt
from shared.device_files.cells import CellType, TypedCell
from shared.device_files.formats.decoding import MAXIMUM_LINE, decoded
from shared.device_files.formats.json_parsing import SURROGATE, Cells, Json, documents
from shared.device_files.rows import IDENTIFYING, NAMES_OF_A_DEVICE, Column
from shared.reasons import FileReason, PassedOverKind, UnreadableDeviceFile

Meaning: TypeAlias = Callable[[str], Column | None]
"""Which column a name means."""
_Known: TypeAlias = dict[Column, tuple[str, str]]
"""The name and the value that an object has of each meaning."""

LONGEST_STRUCTURE = 500
"""Characters of a list or object that are kept where a text should be."""
_LONGEST_LOOKED_AT = 5_000
_LONGEST_PATH = 80
_ENCODER = JSONEncoder(ensure_ascii=False, separators=(",", ":"))

_MAKER_AND_MODEL = frozenset({Column.MANUFACTURER, Column.MODEL})
_SUFFICIENT = ({Column.HARDWARE_HASH}, {Column.PRODUCT_KEY}, NAMES_OF_A_DEVICE)
_HOLD_FOR_ITEMS = (Column.GROUP_TAG, Column.ORDER_NUMBER)
_COMPONENTS = re.compile(
    r"(?i)(?:disk|drive|monitor|display|screen|printer|batter(?:y|ie)|memory|adapter|dock|keyboard|mouse|camera|board|"
    r"headset|peripheral|accessor(?:y|ie)|processor|[cg]pu|graphic|chipset|tpm)s?$"
)
"""Names of what is in or at a device, and has a serial number, maker and model of its own."""
_NOT_TO_REGISTER = re.compile(
    r"(?i)(?:to_?)?(?:be_?)?(?:remov|delet|exclud|return(?!.?value)|retire|skip|fail|reject|ignor|decommission|duplicat|"
    r"retour|entfern|former|previous|defect)"
)
"""Names of lists begin so whose devices are somewhere else, or to be left out."""
_DEVICES = re.compile(
    r"(?i)device|item|value|computer|machine|client|laptop|notebook|desktop|tablet|endpoint|asset|unit|position|"
    r"line|row|record|result|entr|data|list|product|article|hardware|serial|content|system|ger(?:ä|ae)t|pcs?$"
)
"""Names of lists whose items are devices also where what holds the list, say a delivery note, has a serial number."""
_HARMLESS = re.compile(r"(?i)https?://[^\s\"]+|\b[0-9a-f]{8}-[-0-9a-f]{27}\b|\b\d{4}-\d\d-\d\dT[-+:.\dZ]+")
"""Addresses, GUIDs and times look like a device and name none."""
_NO_DEVICES = {
    "CloudAssignedTenantId": "It is an Autopilot profile (AutopilotConfigurationFile.json), which holds no device.",
    "error": "It is the answer of a service that reports an error, and holds no device.",
}
"""Files that are dropped by mistake, by a name that is in them."""


class _Found(NamedTuple):
    """The devices in a list or wrapper, and the values beside them with the paths where they stand."""

    devices: list[Cells]
    beside: list[tuple[str, Json]]


def items(
    chunks: Iterable[bytes], account: FileAccount, meaning: Meaning, prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Where each device of a JSON text stands, and its values by their names. `prefix` is for what is passed over.

    Raises:
        UnreadableDeviceFile: it is damaged, cut off or too large; an item is longer than a device; it cannot be told
            which of its objects are devices; or none is. What was sound before it was given.
    """
    finder = _Finder(meaning)
    count = 0
    refusal = UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, "There is nothing in it.")
    for number, document in enumerate(documents(decoded(chunks, account))):
        refusal = refusal if number else _refusal(document.value)
        found = finder.found_in(document.value, "")
        is_itself = isinstance(found, dict)
        if isinstance(found, dict):
            found = _Found([found], []) if finder.is_device(found) else _Found([], [("", document.value)])
        for cells in found.devices:
            count += 1
            place = f"line {document.line}" if is_itself and document.is_line else f"item {count}"
            yield place, _texts(cells, place)
            found.beside.extend((f"{place} {name}", value) for name, value in finder.devices_within(cells))
        for path, value in found.beside:
            place = f"line {document.line} {path}".strip() if document.is_line or not path else path
            shown = _text(value, _LONGEST_LOOKED_AT)
            is_suspicious = finder.has_identity(path, value) or could_hold_device(_HARMLESS.sub(" ", shown))
            may_hold_device = is_suspicious and "@odata." not in path
            account.pass_over(PassedOverKind.BESIDE_THE_LIST, prefix + place, shown, may_hold_device=may_hold_device)
    if not count:
        raise refusal


class _Finder:
    """Finds devices among values by the names that objects have. Works from the innermost value outwards."""

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning

    def found_in(self, value: list[Json] | Cells, path: str) -> Cells | _Found:
        """The cells of an object that is one thing; what was found in anything else."""
        return self._in_list(value, path) if isinstance(value, list) else self._in_object(value, path)

    def is_device(self, cells: Cells) -> bool:
        """Whether an object has the names of a device, whatever their values."""
        meanings = set(map(self._meaning, cells))
        return not IDENTIFYING.isdisjoint(meanings) or meanings >= _MAKER_AND_MODEL

    def devices_within(self, cells: Cells) -> Iterator[tuple[str, Json]]:
        """What in a device is perhaps another one, and none of its components."""
        for name, value in cells.items():
            if isinstance(value, list | dict) and not _COMPONENTS.search(name.removeprefix("rest of ")):
                inner = value if isinstance(value, list) else [value]
                if any(isinstance(part, dict) and self._is_sufficient(part) for part in inner):
                    yield name, value

    def has_identity(self, path: str, value: Json) -> bool:
        """Whether a value, or one in it, is what identifies a device, such as the number of a delivery note."""
        if isinstance(value, list):
            return any(self.has_identity("", inner) for inner in value)
        if isinstance(value, dict):
            return any(self.has_identity(name, inner) for name, inner in value.items())
        return bool(value) and self._meaning(path.rpartition(".")[2]) in IDENTIFYING

    def _in_list(self, values: list[Json], path: str) -> _Found:
        """The devices of a list. Where one of its objects is one, so are all of them, and texts that look like one."""
        paths = [f"{path}[{number}]" for number in range(len(values))]
        parts = [
            self.found_in(value, place) if isinstance(value, list | dict) else value
            for place, value in zip(paths, values, strict=True)
        ]
        is_devices = any(isinstance(part, dict) and self.is_device(part) for part in parts)
        if not is_devices and not any(isinstance(part, _Found) and part.devices for part in parts):
            return _Found([], [(path, values)] if values else [])
        whole = _Found([], [])
        for place, part in zip(paths, parts, strict=True):
            if isinstance(part, _Found):
                whole.devices.extend(part.devices)
                whole.beside.extend(part.beside)
            elif is_devices and isinstance(part, dict):
                whole.devices.append(part)
            elif is_devices and isinstance(part, str) and could_hold_device(part):
                whole.devices.append({"value": part})
            else:
                whole.beside.append((place, part))
        return whole

    def _in_object(self, whole: Cells, path: str) -> Cells | _Found:
        """An object that identifies a device is it, whatever it holds; any other wraps the devices that are in it.

        A delivery note has a number, too: where its list is one of devices by its name, that is what counts.
        """
        cells = self._with_texts(whole)
        parts = {
            name: self.found_in(value, _joined(path, name))
            for name, value in cells.items()
            if isinstance(value, list | dict) and not (_COMPONENTS.search(name) or _NOT_TO_REGISTER.match(name))
        }
        found = {name: part for name, part in parts.items() if isinstance(part, _Found) and part.devices}
        objects = {name: part for name, part in parts.items() if isinstance(part, dict) and self.is_device(part)}
        if self._is_identified(cells):
            if not all(map(_DEVICES.search, found)) and any(
                self._is_identified(device) for part in found.values() for device in part.devices
            ):
                raise _unclear(path, next(iter(found)))
            objects, found = {}, found if all(map(_DEVICES.search, found)) else {}
        elif any(isinstance(cells[name], list) for name in found):
            if any(map(self._is_sufficient, objects.values())):
                raise _unclear(path, next(iter(objects)))
            objects = {}
        found |= {name: _Found([{**part, "key": name}], []) for name, part in objects.items()}
        return self._in_wrapper(cells, found, path) if found else cells

    def _in_wrapper(self, cells: Cells, parts: dict[str, _Found], path: str) -> _Found:
        """The devices of an object that is none: its tag and order number are theirs, where they have none."""
        known = self._known(cells)
        holding: _Known = {column: known[column] for column in _HOLD_FOR_ITEMS if column in known}
        found = _Found([], [])
        for name, value in cells.items():
            if name in parts:
                found.devices.extend(device | self._lacking(device, holding) for device in parts[name].devices)
                found.beside.extend(parts[name].beside)
            elif name not in dict(holding.values()):
                found.beside.append((_joined(path, name), value))
        return found

    def _with_texts(self, cells: Cells) -> Cells:
        """An object in which a list of one text is a text, as is an object with a value or name, where one is expected.

        So PowerShell writes a string that has properties, and an asset database a maker.
        """
        result = dict(cells)
        for outer, value in cells.items():
            if isinstance(value, list | dict) and self._meaning(outer) is not None:
                within = value if isinstance(value, dict) else {"value": value[0]} if len(value) == 1 else {}
                key = next((key for key in ("value", "Value", "name") if isinstance(within.get(key), str)), None)
                rest = {name: part for name, part in within.items() if name != key}
                if key is not None and all(self._meaning(name) is None for name in rest):
                    result |= {outer: within[key]} | ({f"rest of {outer}": rest} if rest else {})
        return result

    def _is_identified(self, cells: Cells) -> bool:
        return not IDENTIFYING.isdisjoint(self._known(cells))

    def _is_sufficient(self, cells: Cells) -> bool:
        """Whether an object has what Partner Center needs to know a device."""
        return any(need <= self._known(cells).keys() for need in _SUFFICIENT)

    def _lacking(self, cells: Cells, more: _Known) -> Cells:
        known = self._known(cells)
        return {name: text for column, (name, text) in more.items() if column not in known}

    def _known(self, cells: Cells) -> _Known:
        """The first name that has a value of each meaning, and that value."""
        known: _Known = {}
        for name, value in cells.items():
            if isinstance(value, str) and value.strip() and (column := self._meaning(name)) is not None:
                known.setdefault(column, (name, value))
        return known


def _joined(path: str, name: str) -> str:
    return (f"{path}.{name}" if path else name)[:_LONGEST_PATH]


def _texts(cells: Cells, place: str) -> dict[str, str]:
    texts = {name: _text(value, LONGEST_STRUCTURE) for name, value in cells.items()}
    if sum(len(name) + len(text) for name, text in texts.items()) > MAXIMUM_LINE:
        detail = f"{place.capitalize()} has more than {MAXIMUM_LINE:,} characters."
        raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)
    return texts


def _text(value: Json, longest: int) -> str:
    """A value as text; a list or object as JSON, of which no more is written than is kept."""
    if value is None or isinstance(value, str):
        return value or ""
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += SURROGATE.sub("\ufffd", piece)
        if len(text) > longest:
            text = text[: longest - 1] + "…"
            break
    return TypedCell(text, CellType.STRUCTURE)


def _refusal(value: list[Json] | Cells) -> UnreadableDeviceFile:
    """Why a file that begins with this document is no list of devices, if nothing in it is a device."""
    sample: Json = value
    while isinstance(sample, list) and sample:
        sample = next((item for item in sample if isinstance(item, list | dict)), None)
    if sample is None:
        detail = "It is a list of texts or numbers, not of objects with names."
    elif not isinstance(sample, dict) or not sample or [] in sample.values():
        return UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, "It is JSON, and its list is empty.")
    elif (mistaken := next((name for name in _NO_DEVICES if name in sample), None)) is not None:
        detail = _NO_DEVICES[mistaken]
    else:
        shown = ", ".join(map(excerpt, list(sample)[:5]))
        detail = f"No name in it is that of a serial number, product key or hardware hash. It begins with: {shown}."
    return UnreadableDeviceFile(FileReason.NOT_DEVICES, detail)


def _unclear(path: str, name: str) -> UnreadableDeviceFile:
    shown = excerpt(_joined(path, name))
    detail = f"Devices may be what stands in {shown!r}, or else the object that has {shown!r}: which is unclear."
    return UnreadableDeviceFile(FileReason.NOT_DEVICES, detail)
