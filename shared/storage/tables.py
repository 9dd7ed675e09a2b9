"""One table as the journal needs it: conditional single changes, grouped upserts, and queries inside partitions.

`Table` is what the journal is written against; `AzureTable` is Table Storage. Values are what Table Storage holds:
text, whole numbers, floats, booleans and times.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import EntityProperty, TableClient, TableEntity, UpdateMode

from shared.errors import DeviceDropError

Value = str | int | float | bool | datetime
Entity = Mapping[str, Value]

PARTITION_KEY = "PartitionKey"
ROW_KEY = "RowKey"
TRANSACTION_ROWS = 100
"""Most changes in one entity group transaction (Table Storage)."""

_LARGEST_INT32 = 2**31 - 1
_CHANGED = 412
_PRECONDITIONS = (404, _CHANGED)
_EXISTS = 409


class EntityExists(DeviceDropError):
    """Someone else inserted the row first."""


class EntityChanged(DeviceDropError):
    """Someone else changed or deleted the row since it was read."""


@dataclass(frozen=True, slots=True)
class StoredEntity:
    """A row as it was read, with the ETag that its next change must name."""

    values: Entity
    etag: str


@dataclass(frozen=True, slots=True)
class Query:
    """Rows of a range of keys, optionally with equal properties. A range is `from <= key < below`."""

    partition: str | None = None
    partition_from: str | None = None
    partition_below: str | None = None
    row_from: str | None = None
    row_below: str | None = None
    equals: Mapping[str, Value] = field(default_factory=dict)
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Insertion:
    """A row that must not exist, as part of a transaction."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Replacement:
    """A row that must still have `etag`, as part of a transaction."""

    entity: Entity
    etag: str


class Table(Protocol):
    """A table of the journal. Every method may raise the storage client's own errors when storage does not answer."""

    def prepare(self) -> None:
        """Make the table when it is missing."""

    def insert(self, entity: Entity) -> str:
        """Insert a row that must not exist; its ETag. Raises EntityExists."""

    def get(self, partition: str, row: str) -> StoredEntity | None:
        """One row, or None."""

    def replace(self, entity: Entity, etag: str) -> str:
        """Replace the row that still has `etag`; its new ETag. Raises EntityChanged."""

    def change_together(self, changes: Sequence[Insertion | Replacement]) -> None:
        """All of at most a hundred changes of one partition, or none. Raises EntityChanged."""

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Insert or replace rows of any partitions, a hundred of one partition in one transaction."""

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        """Delete rows by partition and row key; those already gone count as deleted."""

    def remove(self, partition: str, row: str, etag: str) -> None:
        """Delete the row that still has `etag`; one already gone counts as deleted. Raises EntityChanged."""

    def query(self, query: Query) -> Iterator[StoredEntity]:
        """The rows that `query` names, by partition and row key, a page at a time."""


class AzureTable:
    """A table of Table Storage."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def prepare(self) -> None:
        """Make the table when it is missing."""
        try:
            self._client.create_table()
        except ResourceExistsError:
            return

    def insert(self, entity: Entity) -> str:
        """Insert a row that must not exist; its ETag."""
        try:
            return _etag(self._client.create_entity(_typed(entity)))
        except ResourceExistsError as error:
            raise EntityExists(f"Row {_name(entity)} was inserted by someone else; read it again.") from error

    def get(self, partition: str, row: str) -> StoredEntity | None:
        """One row, or None."""
        try:
            return _stored(self._client.get_entity(partition, row))
        except ResourceNotFoundError:
            return None

    def replace(self, entity: Entity, etag: str) -> str:
        """Replace the row that still has `etag`; its new ETag."""
        try:
            answer = self._client.update_entity(
                _typed(entity), UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            raise EntityChanged(f"Row {_name(entity)} was changed by someone else; read it again.") from error
        return _etag(answer)

    def change_together(self, changes: Sequence[Insertion | Replacement]) -> None:
        """All of the changes, or none."""
        try:
            self._client.submit_transaction(map(_operation, changes))
        except HttpResponseError as error:
            if error.status_code not in (*_PRECONDITIONS, _EXISTS):
                raise
            raise EntityChanged("One of the rows was changed or inserted by someone else; read them again.") from error

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Insert or replace rows, a hundred of one partition in one transaction."""
        for group in grouped(entities):
            if len(group) == 1:
                self._client.upsert_entity(_typed(group[0]), UpdateMode.REPLACE)
            else:
                self._client.submit_transaction(
                    ("upsert", _typed(entity), {"mode": UpdateMode.REPLACE}) for entity in group
                )

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        """Delete rows by partition and row key; those already gone count as deleted."""
        entities = ({PARTITION_KEY: partition, ROW_KEY: row} for partition, row in keys)
        for group in grouped(entities):
            try:
                self._client.submit_transaction(("delete", entity) for entity in group)
            except HttpResponseError as error:
                # One row already gone takes the whole transaction back.
                if error.status_code not in _PRECONDITIONS:
                    raise
                for entity in group:
                    self._client.delete_entity(entity)

    def remove(self, partition: str, row: str, etag: str) -> None:
        """Delete the row that still has `etag`."""
        try:
            self._client.delete_entity(partition, row, etag=etag, match_condition=MatchConditions.IfNotModified)
        except ResourceModifiedError as error:
            raise EntityChanged(f"Row {partition}/{row} was changed by someone else; read it again.") from error

    def query(self, query: Query) -> Iterator[StoredEntity]:
        """The rows that `query` names, a page at a time."""
        text, parameters = _odata(query)
        pages = self._client.query_entities(text, parameters=parameters, results_per_page=query.limit)
        return islice(map(_stored, pages), query.limit)


def grouped(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    """Neighbours of one partition together, at most a transaction's worth."""
    group: list[Entity] = []
    for entity in entities:
        if group and (len(group) == TRANSACTION_ROWS or group[0][PARTITION_KEY] != entity[PARTITION_KEY]):
            yield group
            group = []
        group.append(entity)
    if group:
        yield group


def _odata(query: Query) -> tuple[str, dict[str, Value]]:
    """`query` as a filter with parameters, which the client quotes."""
    parts: list[str] = []
    parameters: dict[str, Value] = {}

    def add(column: str, comparison: str, value: Value | None) -> None:
        if value is not None:
            name = f"p{len(parameters)}"
            parts.append(f"{column} {comparison} @{name}")
            parameters[name] = value

    add(PARTITION_KEY, "eq", query.partition)
    add(PARTITION_KEY, "ge", query.partition_from)
    add(PARTITION_KEY, "lt", query.partition_below)
    add(ROW_KEY, "ge", query.row_from)
    add(ROW_KEY, "lt", query.row_below)
    for column, value in query.equals.items():
        add(column, "eq", value)
    return " and ".join(parts), parameters


def _typed(entity: Entity) -> dict[str, object]:
    """`entity` for the client, which takes a whole number for 32 bits unless it is told otherwise."""
    return {
        name: EntityProperty(value, "Edm.Int64")
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_INT32
        else value
        for name, value in entity.items()
    }


def _operation(change: Insertion | Replacement) -> tuple[str, dict[str, object], dict[str, object]]:
    if isinstance(change, Insertion):
        return "create", _typed(change.entity), {}
    condition = {"mode": UpdateMode.REPLACE, "etag": change.etag, "match_condition": MatchConditions.IfNotModified}
    return "update", _typed(change.entity), condition


def _stored(entity: TableEntity) -> StoredEntity:
    return StoredEntity(
        {name: _plain(value) for name, value in entity.items()},
        str(entity.metadata["etag"]),
    )


def _plain(value: Value | EntityProperty) -> Value:
    """A value without the client's own types, which no other library knows."""
    if isinstance(value, EntityProperty):
        return _plain(value.value)
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.time(), value.tzinfo or UTC)
    return value


def _etag(answer: Mapping[str, object]) -> str:
    return str(answer["etag"])


def _name(entity: Entity) -> str:
    return f"{entity[PARTITION_KEY]}/{entity[ROW_KEY]}"
