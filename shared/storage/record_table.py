"""Records of one kind in a table, read with their ETag and changed only while it still matches.

The life of a claim, on a file (while it is read) or a submission (while it is POSTed):

    free --- claim: change the row, naming its ETag; claimed_until = now + CLAIM ---> mine
    mine --- done: change the row, naming the ETag of the claim ---> free, one state further
    mine --- the owner dies; claimed_until passes ---> any worker may claim; a change by the late owner is refused

So only one of two owners succeeds, and nothing is lost when an owner dies.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import msgspec

from shared.errors import DeviceDropError
from shared.storage.codec import UnreadableRecord, from_entity, to_entity, with_unknown
from shared.storage.keys import Key
from shared.storage.tables import (
    PARTITION_KEY,
    ROW_KEY,
    Change,
    Entity,
    EntityChanged,
    EntityExists,
    Insertion,
    Query,
    Replacement,
    StoredEntity,
    Table,
)

logger = logging.getLogger(__name__)

Kept = TypeVar("Kept", bound=msgspec.Struct)

NOT_THERE = ""
"""Used in place of an ETag for a record that must not exist yet."""


class Conflict(DeviceDropError):
    """The record was changed by another worker since it was read; that worker continues with it."""


@dataclass(frozen=True, slots=True)
class Stored(Generic[Kept]):
    """A record as it was read, with the ETag that its next change must name."""

    record: Kept
    etag: str
    row: Entity = field(compare=False, repr=False)
    """The row that was read. The next change keeps the properties in it that only a later version knows."""

    @classmethod
    def absent(cls, record: Kept) -> "Stored[Kept]":
        """`record`, to be inserted."""
        return cls(record, NOT_THERE, {})

    def holding(self, record: Kept) -> "Stored[Kept]":
        """The same row, with `record` in place of the record that was read."""
        return replace(self, record=record)


OnUnreadable = Callable[[UnreadableRecord], None]
"""Takes a record that this version cannot read, while the others of a list are read."""


def raise_unreadable(unreadable: UnreadableRecord) -> None:
    """For lists of which a part would mislead: nothing of the list counts."""
    raise unreadable


def log_unreadable(unreadable: UnreadableRecord) -> None:
    """For lists that serve others: they go on without the record."""
    logger.error("A record is left out: %s", unreadable)


class RecordTable(Generic[Kept]):
    """The records of one kind in a table, which may hold other kinds under other keys."""

    def __init__(
        self,
        table: Table,
        kind: type[Kept],
        key: Callable[[Kept], Key],
        filtered_by: Callable[[Kept], Entity] | None = None,
    ) -> None:
        """`filtered_by` returns additional properties of a record for queries to filter by."""
        self._table = table
        self._kind = kind
        self._key = key
        self._filtered_by = filtered_by

    def get(self, key: Key) -> Stored[Kept] | None:
        """The record under a key, or None. Raises UnreadableRecord."""
        entity = self._table.get(*key)
        return None if entity is None else self.stored(entity)

    def query(self, query: Query, unreadable: OnUnreadable = raise_unreadable) -> Iterator[Stored[Kept]]:
        """The records that match `query`, ordered by key.

        Each row is read alone: an unreadable row is given to `unreadable` and left out.
        """
        for found in self.each(query):
            if isinstance(found, UnreadableRecord):
                unreadable(found)
            else:
                yield found

    def each(self, query: Query) -> Iterator[Stored[Kept] | UnreadableRecord]:
        """The record in each row that matches `query`, or why this version cannot read it."""
        for entity in self._table.query(query):
            try:
                found: Stored[Kept] | UnreadableRecord = self.stored(entity)
            except UnreadableRecord as unreadable:
                found = unreadable
            yield found

    def stored(self, entity: StoredEntity) -> Stored[Kept]:
        """The record in a row of the table.

        Raises:
            UnreadableRecord: this version cannot read it, or its fields are those of another row, which a change would
                replace.
        """
        record = from_entity(entity.values, self._kind)
        if not self._belongs_to(record, key_of(entity)):
            raise UnreadableRecord.of(self._kind, entity.values, "its fields are those of another row")
        return Stored(record, entity.etag, entity.values)

    def _belongs_to(self, record: Kept, key: Key) -> bool:
        try:
            return self._key(record) == key
        except (ValueError, OverflowError, OSError):
            return False

    def entity(self, record: Kept) -> Entity:
        """`record` as a row of the table."""
        entity = to_entity(record, self._key(record))
        return entity if self._filtered_by is None else {**entity, **self._filtered_by(record)}

    def insert(self, record: Kept) -> Stored[Kept] | None:
        """Insert a record; None if its key is taken."""
        entity = self.entity(record)
        try:
            return Stored(record, self._table.insert(entity), entity)
        except EntityExists:
            return None

    def upsert(self, records: Iterable[Kept]) -> None:
        """Insert or replace records. Nothing of a replaced row is kept: these records are derived from others."""
        self._table.upsert(map(self.entity, records))

    def delete(self, keys: Iterable[Key]) -> None:
        """Delete the records under these keys, if they exist."""
        self._table.delete(keys)

    def change(self, stored: Stored[Kept] | None, changed: Kept) -> Stored[Kept]:
        """Replace the record that was read as `stored`, or insert it where None was read.

        Raises:
            Conflict: the record has been changed or inserted since.
        """
        if stored is None:
            entered = self.insert(changed)
            if entered is None:
                raise Conflict(f"{self._name(changed)} was inserted by another worker first.")
            return entered
        entity = self._replacement(stored, changed)
        try:
            return Stored(changed, self._table.replace(entity, stored.etag), entity)
        except EntityChanged as error:
            raise Conflict(f"{self._name(changed)} was changed by another worker, which continues with it.") from error

    def change_all(self, changes: Sequence[tuple[Stored[Kept], Kept]]) -> list[Stored[Kept]]:
        """Replace records of one partition, all of them or none; a record whose ETag is `NOT_THERE` is inserted.

        Raises:
            Conflict: one of them has been changed since it was read.
        """
        prepared = [self.change_of(stored, changed) for stored, changed in changes]
        etags = self.change_together(prepared)
        return [
            Stored(changed, etag, change.entity)
            for (_, changed), etag, change in zip(changes, etags, prepared, strict=True)
        ]

    def change_of(self, stored: Stored[Kept], changed: Kept) -> Change:
        """The change that replaces `stored`, for a transaction."""
        entity = self._replacement(stored, changed)
        return Insertion(entity) if stored.etag == NOT_THERE else Replacement(entity, stored.etag)

    def _replacement(self, stored: Stored[Kept], changed: Kept) -> Entity:
        return with_unknown(self.entity(changed), stored.row, self._kind)

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        """Change rows of one partition, all of them or none; their new ETags.

        Raises:
            Conflict: one of them has been changed since it was read.
        """
        try:
            return self._table.change_together(changes)
        except EntityChanged as error:
            raise Conflict(
                f"One of {len(changes)} rows of {changes[0].entity[PARTITION_KEY]} was changed by another worker."
            ) from error

    def remove(self, stored: Stored[Kept]) -> None:
        """Delete the record that was read as `stored`, if it still exists.

        Raises:
            Conflict: the record has been changed since it was read.
        """
        try:
            self._table.remove(*self._key(stored.record), stored.etag)
        except EntityChanged as error:
            raise Conflict(f"{self._name(stored.record)} was changed by another worker.") from error

    def _name(self, record: Kept) -> str:
        return f"{self._kind.__name__} {'/'.join(self._key(record))}"


def key_of(entity: StoredEntity) -> Key:
    """The key of a row."""
    return str(entity.values[PARTITION_KEY]), str(entity.values[ROW_KEY])
