"""Rows of the journal as a later version, a faulty tool, or a person with a storage browser may leave them."""

from collections.abc import Iterator
from datetime import UTC, datetime

from shared.storage.tables import PARTITION_KEY, ROW_KEY, Entity, Value

NOT_JSON = ("{", "null", '"text"', "[1]", "5", '{"state": 5}', "[" * 30_000, "\x00")
TIMES: tuple[Value, ...] = (
    "yesterday",
    "2026-11-20T12:00:00",
    5,
    datetime.max.replace(tzinfo=UTC),
    datetime(1601, 1, 1, tzinfo=UTC),
)
TEXTS: tuple[Value, ...] = ("of a later version", "", 5, 2.5, True, "x" * 32_000, "/\\#?%'\x00")
NUMBERS: tuple[Value, ...] = ("five", 2.5, True, -1, 2**62)


def damaged(row: Entity) -> Iterator[tuple[str, Entity]]:
    """The row with each of its properties missing, or of another type or content; each named for a failing test."""
    keys = {name: row[name] for name in (PARTITION_KEY, ROW_KEY)}
    yield "nothing but its key", keys
    for name, value in row.items():
        if name in keys:
            continue
        yield f"without {name}", {other: given for other, given in row.items() if other != name}
        for changed in _damages(name, value):
            yield f"{name} = {str(changed)[:40]!r}", {**row, name: changed}


def _damages(name: str, value: Value) -> tuple[Value, ...]:
    if name.endswith("_json"):
        return NOT_JSON
    if isinstance(value, datetime):
        return TIMES
    return TEXTS if isinstance(value, str) else NUMBERS
