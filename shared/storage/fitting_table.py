"""Cuts the texts of rows that storage refuses as too large: a change that cannot be written is tried for ever.

The texts of the service, of files and of histories are bounded where they enter, so that this is needed only where a
bound was missed, or where storage counts otherwise than the emulator.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from azure.core.exceptions import HttpResponseError

from shared.storage.codec import shortened
from shared.storage.tables import (
    TRANSACTION_ROWS,
    Change,
    Entity,
    Query,
    StoredEntity,
    Table,
    grouped,
    is_too_large,
    name_of,
)

logger = logging.getLogger(__name__)

Written = TypeVar("Written")

_LENGTHS = (8_000, 2_000, 500, 100)
"""Units to which the texts of a row that is too large are cut, until storage takes it."""


class FittingTable:
    """A table in which a row that storage refuses as too large is written with its texts cut, rather than never."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def prepare(self) -> None:
        self._table.prepare()

    def get(self, partition: str, row: str) -> StoredEntity | None:
        return self._table.get(partition, row)

    def query(self, query: Query) -> Iterator[StoredEntity]:
        return self._table.query(query)

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        self._table.delete(keys)

    def remove(self, partition: str, row: str, etag: str) -> None:
        self._table.remove(partition, row, etag)

    def insert(self, entity: Entity) -> str:
        return self._fitted(lambda rows: self._table.insert(rows[0]), [entity])

    def replace(self, entity: Entity, etag: str) -> str:
        return self._fitted(lambda rows: self._table.replace(rows[0], etag), [entity])

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        return self._fitted(
            lambda rows: self._table.change_together(
                [replace(change, entity=row) for change, row in zip(changes, rows, strict=True)]
            ),
            [change.entity for change in changes],
        )

    def upsert(self, entities: Iterable[Entity]) -> None:
        rest, is_over = iter(entities), False
        while not is_over:
            last = deque[Entity](maxlen=2 * TRANSACTION_ROWS + 1)  # what may be on its way: a group, and the next one
            try:
                self._table.upsert(_remembering(rest, last))
                is_over = True
            except HttpResponseError as error:
                if not is_too_large(error):
                    raise
                for group in grouped(last):
                    self._upsert_in_parts(group)

    def _upsert_in_parts(self, group: Sequence[Entity]) -> None:
        if len(group) == 1:
            self._fitted(self._table.upsert, group)
            return
        try:
            self._table.upsert(group)
        except HttpResponseError as error:
            if not is_too_large(error):
                raise
            half = len(group) // 2
            self._upsert_in_parts(group[:half])
            self._upsert_in_parts(group[half:])

    def _fitted(self, write: Callable[[Sequence[Entity]], Written], entities: Sequence[Entity]) -> Written:
        """Write the rows; if storage refuses them as too large, shorter ones until it takes them."""
        lengths = iter(_LENGTHS)
        rows = entities
        while True:
            try:
                return write(rows)
            except HttpResponseError as error:
                most = next(lengths, None) if is_too_large(error) else None
                if most is None:
                    raise
            fields = {"row": name_of(entities[0]), "rows": len(entities), "units": most}
            logger.error("A row is too large for storage and is written with its texts cut", extra=fields)
            rows = [shortened(entity, most) for entity in entities]


def _remembering(entities: Iterator[Entity], last: deque[Entity]) -> Iterator[Entity]:
    for entity in entities:
        last.append(entity)
        yield entity
