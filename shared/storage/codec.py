"""Converts records to rows of a table and back. Pure.

A property has the name of its field. Objects and lists are written as JSON, in a property named `{field}_json`. A
property is left out if its field is None, or empty text where that is the default. So people can read the tables with
any storage tool.

Two versions may run side by side, and a deployment may be rolled back, so a row may hold data that only a later version
knows. A change by this version keeps (`with_unknown`):

- properties of the row that are not fields of the record;
- unknown members of nested objects, to any depth, unless the field is emptied;
- a list with the unknown members of its items, unless this version changes the list.

A value that this version cannot read, such as a state that only a later version knows, makes the record unreadable:
`UnreadableRecord` is raised and nothing is changed, so that the record waits until a version runs that can read it. A
later version may therefore add enum values, and fields with a default. It may not change the type of a field, drop a
field without default, or use a field for a mapping of free keys.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from shared.errors import DeviceDropError
from shared.storage.keys import Key, beginning_of, units_in
from shared.storage.tables import PARTITION_KEY, ROW_KEY, Entity, Value

LONGEST_TEXT = 8_000
"""Characters of one text property that are kept. A property holds 32,768; an entity 1 MiB."""

LARGEST_PACK = 96_000
"""Characters of packed content that are kept in one row."""

_LONGEST_PROPERTY = 32_000
"""Characters of one property. Table Storage holds 32,768 (Understanding the Table service data model)."""

SHORTENED = "shortened"
"""Property that names the texts and lists of a record that were cut, since they would not have fitted."""

_PACKED = "packed_"
_JSON = "_json"

Record = TypeVar("Record", bound=msgspec.Struct)


class UnreadableRecord(DeviceDropError):
    """The record in a row cannot be read by this version; a later version may have written it."""

    def __init__(self, message: str, values: Mapping[str, Value] = MappingProxyType({})) -> None:
        """`values` is the row as it was read."""
        super().__init__(message)
        self.values = values

    @classmethod
    def of(cls, kind: type[msgspec.Struct], values: Mapping[str, Value], fault: object) -> "UnreadableRecord":
        """The error for the row `values` of a `kind` of record."""
        return cls(
            f"{kind.__name__} {values.get(PARTITION_KEY)}/{values.get(ROW_KEY)} cannot be read by this version "
            f"({fault}). It stays unchanged until a version runs that can read it: if one was rolled back, deploy "
            "that.",
            values,
        )

    @property
    def key(self) -> Key:
        """The key of the row."""
        return str(self.values.get(PARTITION_KEY, "")), str(self.values.get(ROW_KEY, ""))

    def text(self, field: str) -> str:
        """The text of a field that can be read all the same; empty otherwise."""
        value = self.values.get(field)
        return value if isinstance(value, str) else ""


def to_entity(record: msgspec.Struct, key: Key) -> Entity:
    """`record` as a row under this key."""
    partition, row = key
    values: dict[str, Any] = {PARTITION_KEY: partition, ROW_KEY: row}
    absent = _layout(type(record)).empty_unless_given
    for name, value in msgspec.to_builtins(record, builtin_types=(datetime,)).items():
        if isinstance(value, str):
            if value or name not in absent:
                values[name] = value if len(value) <= LONGEST_TEXT else _cut(values, name, value)
        elif isinstance(value, list | tuple | dict):
            text = msgspec.json.encode(value).decode()
            if len(text) > _LONGEST_PROPERTY // 2 and units_in(text) > _LONGEST_PROPERTY:
                text = _shorter_json(value, _LONGEST_PROPERTY)
                _mark_shortened(values, name)
            values[name + _JSON] = text
        elif value is not None:
            values[name] = value
    return values


def shortened(entity: Entity, most: int) -> Entity:
    """The row with the texts and lists that people read cut to about `most` units; `SHORTENED` names them.

    Keys, packed content, and what later steps go by stay as they are. For a row that storage refuses as too large: a
    change that cannot be written would be tried for ever.
    """
    values = dict(entity)
    for name, value in entity.items():
        is_text = isinstance(value, str) and name not in _NEVER_CUT and not name.startswith(_PACKED)
        if not (is_text and units_in(str(value)) > most):
            continue
        if name.endswith(_JSON):
            values[name] = _shorter_json(msgspec.json.decode(str(value)), most)
            _mark_shortened(values, name.removesuffix(_JSON))
        else:
            _mark_shortened(values, name)
            values[name] = beginning_of(str(value), most)
    return values


_NEVER_CUT = frozenset(
    {
        *(PARTITION_KEY, ROW_KEY, SHORTENED),
        *("path", "name", "batch_id", "default_batch", "payload", "rows", "request" + _JSON),
        *("tracking_id", "serial_number", "product_key", "device_id"),
    }
)
"""Part of a path or name is another's path or name. A request that is repeated keeps its id by its whole address."""


def _cut(values: dict[str, Any], name: str, text: str) -> str:
    _mark_shortened(values, name)
    return text[:LONGEST_TEXT]


def _mark_shortened(values: dict[str, Any], name: str) -> None:
    names = str(values.get(SHORTENED, "")).split()
    if name not in names:
        values[SHORTENED] = " ".join((*names, name))


def _shorter_json(value: object, most: int) -> str:
    """`value` as JSON of at most `most` units if it can be: first its lists lose their middles, then its texts ends."""
    items, characters = _MOST_ITEMS, _MOST_CHARACTERS
    while True:
        text = msgspec.json.encode(_shorter(value, items, characters)).decode()
        if units_in(text) <= most or (items, characters) == (_FEWEST_ITEMS, _FEWEST_CHARACTERS):
            return text
        if items > _FEWEST_ITEMS:
            items = max(_FEWEST_ITEMS, items * 2 // 3)
        else:
            characters = max(_FEWEST_CHARACTERS, characters // 2)


_MOST_ITEMS, _FEWEST_ITEMS = 4_096, 2
_MOST_CHARACTERS, _FEWEST_CHARACTERS = 32_768, 64
"""No time, GUID or word of the vocabulary is longer than the fewest: those are never cut."""


def _shorter(value: object, items: int, characters: int) -> object:
    match value:
        case str():
            return beginning_of(value, characters)
        case dict():
            return {name: _shorter(member, items, characters) for name, member in value.items()}
        case list() | tuple():
            half = items // 2
            kept = value if len(value) <= items else [*value[:half], *value[-half:]]
            return [_shorter(item, items, characters) for item in kept]
        case _:
            return value


def from_entity(values: Mapping[str, Value], kind: type[Record]) -> Record:
    """The record of `kind` in a row.

    Raises:
        UnreadableRecord: this version cannot read a value, or misses one.
    """
    fields: Mapping[str, object] = values
    try:
        if written_as_json := values.keys() & _layout(kind).as_json.keys():
            decoded = {name.removesuffix(_JSON): msgspec.json.decode(str(values[name])) for name in written_as_json}
            fields = {**values, **decoded}
        return msgspec.convert(fields, kind)
    except RecursionError as error:
        raise UnreadableRecord.of(kind, values, "its JSON is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeError, OverflowError) as error:
        raise UnreadableRecord.of(kind, values, error) from error


def with_unknown(changed: Entity, read: Entity, kind: type[msgspec.Struct]) -> Entity:
    """The row `changed`, with everything in the row `read`, which it replaces, that this version does not know."""
    layout = _layout(kind)
    unknown = {name: value for name, value in read.items() if name not in layout.names}
    nested = {
        name: _merged_json(str(changed[name]), str(read[name]), layout.as_json[name])
        for name in changed.keys() & read.keys() & layout.as_json.keys()
        if changed[name] != read[name]
    }
    return {**unknown, **changed, **nested}


def _merged_json(changed: str, read: str, kind: Any) -> str:  # noqa: ANN401 - the type of a field
    decode, encode = msgspec.json.decode, msgspec.json.encode
    understood = encode(decode(read, type=kind))
    return encode(_merged(decode(changed), decode(read), decode(understood))).decode()


def _merged(changed: object, read: object, understood: object) -> object:
    """`changed` with the unknown part of `read`; `understood` is the known part of `read`, which was changed."""
    if changed == understood:
        return read
    if not (isinstance(changed, dict) and isinstance(read, dict) and isinstance(understood, dict)):
        return changed
    unknown = {name: value for name, value in read.items() if name not in understood}
    known = {
        name: _merged(value, read[name], understood[name]) if name in read and name in understood else value
        for name, value in changed.items()
    }
    return {**unknown, **known}


@dataclass(frozen=True, slots=True)
class _Layout:
    """The layout of a kind of record in a row."""

    as_json: Mapping[str, Any]
    """The type of each field, by the name of its property if it is written as JSON."""
    names: frozenset[str]
    """Every property that the fields and the key may have."""
    empty_unless_given: frozenset[str]
    """The fields whose default is empty text. They are left out when empty, since most outcomes fill few of them."""


@cache
def _layout(kind: type[msgspec.Struct]) -> _Layout:
    fields = msgspec.structs.fields(kind)
    as_json = {field.name + _JSON: field.type for field in fields}
    return _Layout(
        as_json=as_json,
        names=frozenset({PARTITION_KEY, ROW_KEY, SHORTENED, *as_json, *(field.name for field in fields)}),
        empty_unless_given=frozenset(field.name for field in fields if field.default == ""),
    )


def packed(content: bytes) -> dict[str, str] | None:
    """`content` compressed, as properties of a row; None when it is too large for one."""
    text = b64encode(zlib.compress(content)).decode()
    if len(text) > LARGEST_PACK:
        return None
    pieces = range(0, len(text), _LONGEST_PROPERTY)
    return {f"{_PACKED}{number}": text[start : start + _LONGEST_PROPERTY] for number, start in enumerate(pieces)}


def unpacked(values: Mapping[str, Value]) -> bytes:
    """The content packed into the properties of a row."""
    pieces = [str(values[name]) for name in sorted(values) if name.startswith(_PACKED)]
    return zlib.decompress(b64decode("".join(pieces)))
