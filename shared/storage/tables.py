"""One table as the journal needs it: conditional single changes, grouped upserts, and queries inside partitions.

The journal uses `Table`; `AzureTable` implements it with Table Storage. Values have the types of Table Storage: text,
whole numbers, floats, booleans and times.

Changes and queries are sent by `shared.storage.table_service`; the storage client creates tables, removes single rows,
and sends the requests that the service module cannot encode or whose answer it does not understand. In the latter case
changes are sent twice: upserts and deletions end the same, and insertions or replacements that were already done are
reported as changed by another worker, as they are after a lost answer. The caller then reads the rows again and finds
its own change.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Protocol

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import EntityProperty, TableClient, TableEntity, TableErrorCode, UpdateMode

from shared.errors import DeviceDropError
from shared.storage.pages import all_of, condition
from shared.storage.recreating import Resource
from shared.storage.table_service import TableService
from shared.storage.transactions import (
    LARGEST_INT32,
    PARTITION_KEY,
    ROW_KEY,
    TRANSACTION_ROWS,
    Deletion,
    Entity,
    Insertion,
    NotEncodable,
    NotUnderstood,
    Operation,
    Replacement,
    Upsertion,
    Value,
)

__all__ = [
    "PARTITION_KEY",
    "ROW_KEY",
    "TRANSACTION_ROWS",
    "AzureTable",
    "Change",
    "Entity",
    "EntityChanged",
    "EntityExists",
    "Insertion",
    "Query",
    "Replacement",
    "StoredEntity",
    "Table",
    "Upsertion",
    "Value",
    "check_transaction",
    "grouped",
    "is_too_large",
    "name_of",
]

logger = logging.getLogger(__name__)

Change = Insertion | Upsertion | Replacement

MOST_ROWS_AT_ONCE = 1_000
"""Most rows in one answer, and so in one request (Table service, "Query timeout and pagination")."""

_TOO_LARGE = frozenset(
    {TableErrorCode.PROPERTY_VALUE_TOO_LARGE, TableErrorCode.ENTITY_TOO_LARGE, TableErrorCode.REQUEST_BODY_TOO_LARGE}
)
_CHANGED = 412
_GONE = frozenset({TableErrorCode.ENTITY_NOT_FOUND, TableErrorCode.RESOURCE_NOT_FOUND})
"""The codes for a row that does not exist. Any other 404 means a wrong address."""


class EntityExists(DeviceDropError):
    """Another worker inserted the row first."""


class EntityChanged(DeviceDropError):
    """The row was changed or deleted since it was read."""


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


class Table(Protocol):
    """A table of the journal. Every method may raise the storage client's own errors when storage does not answer."""

    def prepare(self) -> None:
        """Create the table if it does not exist."""

    def insert(self, entity: Entity) -> str:
        """Insert a row that must not exist; its ETag. Raises EntityExists."""

    def get(self, partition: str, row: str) -> StoredEntity | None:
        """One row, or None."""

    def replace(self, entity: Entity, etag: str) -> str:
        """Replace the row that still has `etag`; its new ETag. Raises EntityChanged."""

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        """All of the changes, or none; the new ETag of each row.

        Raises:
            EntityChanged: one of the rows was changed, inserted or deleted by another worker.
            ValueError: there are more than a hundred, or they are of several partitions. Nothing was sent.
        """

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Insert or replace rows of any partitions, a hundred of one partition in one transaction."""

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        """Delete the rows under these partition and row keys, if they exist."""

    def remove(self, partition: str, row: str, etag: str) -> None:
        """Delete the row that still has `etag`, if it exists. Raises EntityChanged."""

    def query(self, query: Query) -> Iterator[StoredEntity]:
        """The rows that match `query`, ordered by partition and row key, a page at a time."""


class AzureTable:
    """A table of Table Storage, which reads as an empty one after it was deleted, and is created again.

    Without a `service` the storage client sends everything.
    """

    def __init__(self, client: TableClient, service: TableService | None = None) -> None:
        self._client = client
        self._service = service
        self._resource = Resource(client.table_name, client.create_table)

    def prepare(self) -> None:
        self._resource.prepare()

    def insert(self, entity: Entity) -> str:
        try:
            return self._submit([Insertion(entity)], repeatable=False)[0]
        except HttpResponseError as error:
            if not _is_there(error):
                raise
            raise EntityExists(f"Row {name_of(entity)} was inserted by another worker; read it again.") from error

    def get(self, partition: str, row: str) -> StoredEntity | None:
        try:
            return next(self.query(Query(partition, equals={ROW_KEY: row}, limit=1)), None)
        except ResourceNotFoundError:
            return None

    def replace(self, entity: Entity, etag: str) -> str:
        try:
            # Sent again after a lost answer, it meets its own change and reports it as another worker's.
            return self._submit([Replacement(entity, etag)], repeatable=True)[0]
        except HttpResponseError as error:
            if not _is_changed(error):
                raise
            raise EntityChanged(f"Row {name_of(entity)} was changed by another worker; read it again.") from error

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        check_transaction(changes)
        try:
            return self._submit(changes, repeatable=all(isinstance(change, Upsertion) for change in changes))
        except HttpResponseError as error:
            if not (_is_changed(error) or _is_there(error)):
                raise
            raise EntityChanged(
                "One of the rows was changed or inserted by another worker; read them again."
            ) from error

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Several rows are first inserted; from the first group of which a row exists on, they are upserted.

        The emulator searches the partition once for an insertion and twice for an upsert, and that is most of its work.
        """
        inserting = self._service
        for group in grouped(entities):
            if inserting is not None and len(group) > 1:
                if self._are_inserted(inserting, group):
                    continue
                inserting = None
            self._submit([Upsertion(entity) for entity in group], repeatable=True)

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        entities = ({PARTITION_KEY: partition, ROW_KEY: row} for partition, row in keys)
        for group in grouped(entities):
            try:
                self._submit([Deletion(entity) for entity in group], repeatable=True)
            except HttpResponseError as error:
                # One row that is already deleted rolls back the whole transaction.
                if not _is_changed(error):
                    raise
                for entity in group:
                    self._client.delete_entity(entity)

    def remove(self, partition: str, row: str, etag: str) -> None:
        try:
            self._client.delete_entity(partition, row, etag=etag, match_condition=MatchConditions.IfNotModified)
        except ResourceModifiedError as error:
            raise EntityChanged(f"Row {partition}/{row} was changed by another worker; read it again.") from error

    def query(self, query: Query) -> Iterator[StoredEntity]:
        at_once = None if query.limit is None else min(query.limit, MOST_ROWS_AT_ONCE)
        return islice(self._rows(all_of(_conditions(query)), at_once), query.limit)

    def _rows(self, filtered_by: str, at_once: int | None) -> Iterator[StoredEntity]:
        """All rows that match a filter; none of a table that was deleted."""
        try:
            yield from self._found(filtered_by, at_once)
        except HttpResponseError as error:
            self._resource.recreate_after(error)

    def _found(self, filtered_by: str, at_once: int | None) -> Iterator[StoredEntity]:
        """All rows that match a filter; read by the storage client if the first page is not understood."""
        if self._service is not None:
            is_begun = False
            try:
                for values, etag in self._service.rows(self._client.table_name, filtered_by, at_once):
                    is_begun = True
                    yield StoredEntity(values, etag)
            except NotUnderstood as error:
                if is_begun:
                    raise
                self._warn(error)
            else:
                return
        yield from map(_stored, self._client.query_entities(filtered_by, results_per_page=at_once))

    def _are_inserted(self, service: TableService, group: Sequence[Entity]) -> bool:
        """Insert rows of one partition unless one exists, as after a lost answer; whether they were inserted."""
        try:
            return self._sent(service, [Insertion(entity) for entity in group], repeatable=True) is not None
        except HttpResponseError as error:
            if not _is_there(error):
                raise
            return False

    def _submit(self, operations: Sequence[Operation], *, repeatable: bool) -> list[str]:
        """Do the operations; returns the new ETag of each row, empty for a deleted row."""
        if not operations:
            return []
        if self._service is not None:
            etags = self._sent(self._service, operations, repeatable=repeatable)
            if etags is not None:
                return etags
        answers = self._resource.using(lambda: self._client.submit_transaction(map(_for_client, operations)))
        return [str(answer.get("etag", "")) for answer in answers]

    def _sent(self, service: TableService, operations: Sequence[Operation], *, repeatable: bool) -> list[str] | None:
        """The new ETags; None if the storage client must do it."""
        try:
            return self._resource.using(
                lambda: service.submit(self._client.table_name, operations, repeatable=repeatable)
            )
        except (NotEncodable, NotUnderstood) as error:
            self._warn(error)
            return None

    def _warn(self, error: NotEncodable | NotUnderstood) -> None:
        logger.warning(
            "A request to a table is left to the storage client",
            extra={"table": self._client.table_name, "reason": str(error)},
        )


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


def check_transaction(changes: Sequence[Change]) -> None:
    """Raise ValueError for changes that cannot form a transaction."""
    partitions = {change.entity[PARTITION_KEY] for change in changes}
    if len(changes) > TRANSACTION_ROWS or len(partitions) > 1:
        raise ValueError(
            f"{len(changes)} changes of {len(partitions)} partitions are no transaction, which holds at most "
            f"{TRANSACTION_ROWS} of one. Send them apart."
        )


def _conditions(query: Query) -> Iterator[str]:
    asked: list[tuple[str, str, Value | None]] = [
        (PARTITION_KEY, "eq", query.partition),
        (PARTITION_KEY, "ge", query.partition_from),
        (PARTITION_KEY, "lt", query.partition_below),
        (ROW_KEY, "ge", query.row_from),
        (ROW_KEY, "lt", query.row_below),
        *((column, "eq", value) for column, value in query.equals.items()),
    ]
    for column, comparison, value in asked:
        if value is not None:
            yield condition(column, comparison, value)


def _typed(entity: Entity) -> dict[str, object]:
    """`entity` for the client, which sends a whole number as 32 bits unless its type is given."""
    return {
        name: EntityProperty(value, "Edm.Int64")
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_INT32
        else value
        for name, value in entity.items()
    }


def _for_client(operation: Operation) -> tuple[str, dict[str, object], dict[str, object]]:
    """`operation` in the storage client's form."""
    entity = _typed(operation.entity)
    match operation:
        case Upsertion():
            return "upsert", entity, {"mode": UpdateMode.REPLACE}
        case Insertion():
            return "create", entity, {}
        case Replacement(_, etag):
            condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
            return "update", entity, {"mode": UpdateMode.REPLACE} | condition
        case Deletion():
            return "delete", entity, {}


def _stored(entity: TableEntity) -> StoredEntity:
    return StoredEntity(
        {name: _plain(value) for name, value in entity.items()},
        str(entity.metadata["etag"]),
    )


def _plain(value: Value | EntityProperty) -> Value:
    """A value without the client's own types, which other libraries do not know."""
    if isinstance(value, EntityProperty):
        return _plain(value.value)
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.time(), value.tzinfo or UTC)
    return value


def is_too_large(error: HttpResponseError) -> bool:
    """Whether a row, one of its properties, or all rows together are too large for storage."""
    return error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or _code(error) in _TOO_LARGE


def _is_there(error: HttpResponseError) -> bool:
    """Whether a row could not be inserted because it exists."""
    return _code(error) == TableErrorCode.ENTITY_ALREADY_EXISTS


def _is_changed(error: HttpResponseError) -> bool:
    """Whether a row was changed or deleted since it was read."""
    return error.status_code == _CHANGED or _code(error) in _GONE


def _code(error: HttpResponseError) -> str | None:
    """The service's error code; the storage client and `TableService` keep it in the same place."""
    return getattr(error, "error_code", None)


def name_of(entity: Entity) -> str:
    """The keys of a row, for messages."""
    return f"{entity[PARTITION_KEY]}/{entity[ROW_KEY]}"
