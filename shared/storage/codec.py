"""How a record becomes a row of a table, and the other way round. Pure.

Names of properties are the names of fields; what is no plain value is written as JSON under its name and `_json`. Left
out is what is None, and what is empty where a field is empty unless it is given. So a person reads the tables with any
storage tool.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from shared.storage.keys import Key
from shared.storage.tables import PARTITION_KEY, ROW_KEY, Entity, Value

LONGEST_TEXT = 8_000
"""Characters of one text property that are kept. A property holds 32,768; an entity 1 MiB."""

LARGEST_PACK = 96_000
"""Characters of packed content that are kept in one row."""

_LONGEST_PROPERTY = 32_000
"""Characters of one property. Table Storage holds 32,768 (Understanding the Table service data model)."""

_PACKED = "packed_"
_JSON = "_json"

Record = TypeVar("Record", bound=msgspec.Struct)


def to_entity(record: msgspec.Struct, key: Key) -> Entity:
    """`record` as a row under this key."""
    partition, row = key
    values: dict[str, Any] = {PARTITION_KEY: partition, ROW_KEY: row}
    absent = _empty_unless_given(type(record))
    for name, value in msgspec.to_builtins(record, builtin_types=(datetime,)).items():
        if isinstance(value, str):
            if value or name not in absent:
                values[name] = value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT]
        elif isinstance(value, list | tuple | dict):
            values[name + _JSON] = msgspec.json.encode(value).decode()
        elif value is not None:
            values[name] = value
    return values


@cache
def _empty_unless_given(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields whose default is empty text: a row without them reads back alike, and most outcomes fill few."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.default == "")


def from_entity(values: Mapping[str, Value], kind: type[Record]) -> Record:
    """The record of `kind` in a row."""
    written_as_json = [name for name in values if name.endswith(_JSON)]
    if not written_as_json:
        return msgspec.convert(values, kind)
    fields: dict[str, object] = dict(values)
    for name in written_as_json:
        if isinstance(value := values[name], str):
            fields[name.removesuffix(_JSON)] = msgspec.json.decode(value)
    return msgspec.convert(fields, kind)


def packed(content: bytes) -> dict[str, str] | None:
    """`content` compressed, as properties of a row; None when it is too large for one."""
    text = b64encode(zlib.compress(content)).decode()
    if len(text) > LARGEST_PACK:
        return None
    pieces = range(0, len(text), _LONGEST_PROPERTY)
    return {f"{_PACKED}{number}": text[start : start + _LONGEST_PROPERTY] for number, start in enumerate(pieces)}


def unpacked(values: Mapping[str, Value]) -> bytes:
    """What was packed into the properties of a row."""
    pieces = [str(values[name]) for name in sorted(values) if name.startswith(_PACKED)]
    return zlib.decompress(b64decode("".join(pieces)))
