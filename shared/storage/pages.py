"""Encodes queries to Table Storage as filters, and decodes the pages of their answers to rows. Pure.

From the service's pages "Query Entities", "Querying tables and entities" and "Payload format for Table service
operations": with minimal metadata each row of `value` has its ETag as `odata.etag`, and a value whose type JSON cannot
show has the type in a property of its name and `@odata.type`. A type that we never write is left to the storage client.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.storage.transactions import LARGEST_INT32, NotUnderstood, Value

_ETAG = "odata.etag"
_TYPE = "@odata.type"
_CHANGED_AT = "Timestamp"
"""The service's own property, which no record has."""


class _Page(msgspec.Struct):
    value: list[dict[str, Any]]


_PAGE = msgspec.json.Decoder(_Page)


def condition(column: str, comparison: str, value: Value) -> str:
    """One condition of a filter, such as `RowKey ge 'a''b'`."""
    return f"{column} {comparison} {_literal(value)}"


def all_of(conditions: Iterable[str]) -> str:
    """A filter whose conditions must all hold."""
    return " and ".join(conditions)


def rows_in(content: bytes) -> list[tuple[dict[str, Value], str]]:
    """The rows of a page, each with its ETag.

    Raises:
        NotUnderstood: the content is not such a page, or has a type that is unknown here.
    """
    try:
        page = _PAGE.decode(content)
        return [_row(properties) for properties in page.value]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(f"A page of rows is not as expected ({type(error).__name__}).") from error


def _row(properties: dict[str, Any]) -> tuple[dict[str, Value], str]:
    """The row and its ETag in `properties`, without the service's own properties."""
    etag = properties.pop(_ETAG)
    if not isinstance(etag, str):
        raise TypeError("An ETag is text.")
    properties.pop(_CHANGED_AT, None)
    for name in [name for name in properties if "@" in name or name.startswith("odata.")]:
        kind = properties.pop(name)
        if name.endswith(_TYPE) and (column := name.removesuffix(_TYPE)) in properties:
            properties[column] = _READ[kind](properties[column])
    if not _KINDS.issuperset(map(type, properties.values())):
        raise TypeError("A value is of no known type.")
    return properties, etag


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"datetime'{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z'"
    if isinstance(value, int):
        return f"{value}L" if abs(value) > LARGEST_INT32 else str(value)
    return repr(value)


def _time(text: Value) -> datetime:
    """A time of the service, given in tenths of a microsecond, rounded down to microseconds."""
    moment, dot, fraction = str(text).removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{moment}{dot}{fraction[:6].ljust(6, '0') if dot else ''}").replace(tzinfo=UTC)


_KINDS = frozenset({str, int, float, bool, datetime})

_READ: Mapping[str, Callable[[Value], Value]] = {
    "Edm.String": str,
    "Edm.Boolean": bool,
    "Edm.Int32": int,  # type: ignore[dict-item]
    "Edm.Int64": int,  # type: ignore[dict-item]
    "Edm.Double": float,  # type: ignore[dict-item]
    "Edm.DateTime": _time,
}
