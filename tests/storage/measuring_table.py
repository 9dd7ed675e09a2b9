"""A table in memory that refuses what Table Storage refuses as too large."""

from collections.abc import Iterable, Sequence

from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableErrorCode

from local.in_memory_storage import InMemoryTable
from shared.storage.codec import SHORTENED
from shared.storage.tables import Change, Entity, Insertion, Replacement, Upsertion
from shared.storage.transactions import encoded


class MeasuringTable(InMemoryTable):
    """A table with the limits of Table Storage, or smaller ones."""

    def __init__(self, text: int = 32_768, body: int = 4 * 1024 * 1024) -> None:
        super().__init__()
        self._text, self._body = text, body
        self.refused = 0
        self.cut = 0
        """Rows of which something had to be cut before they were written."""

    def insert(self, entity: Entity) -> str:
        self._measure([Insertion(entity)])
        return super().insert(entity)

    def replace(self, entity: Entity, etag: str) -> str:
        self._measure([Replacement(entity, etag)])
        return super().replace(entity, etag)

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        self._measure(changes)
        return super().change_together(changes)

    def upsert(self, entities: Iterable[Entity]) -> None:
        group: list[Entity] = []
        for entity in entities:
            group.append(entity)
            if len(group) == 100:
                self._upsert(group)
                group = []
        self._upsert(group)

    def _upsert(self, group: list[Entity]) -> None:
        if group:
            self._measure([Upsertion(entity) for entity in group])
        super().upsert(group)

    def _measure(self, changes: Sequence[Change]) -> None:
        texts = (value for change in changes for value in change.entity.values() if isinstance(value, str))
        self.cut += sum(SHORTENED in change.entity for change in changes)
        code = None
        if any(len(text.encode("utf-16-le")) // 2 > self._text for text in texts):
            code = TableErrorCode.PROPERTY_VALUE_TOO_LARGE
        elif len(encoded(changes, "https://account.table.core.windows.net/Table")) > self._body:
            code = TableErrorCode.REQUEST_BODY_TOO_LARGE
        if code is not None:
            self.refused += 1
            error = HttpResponseError(code)
            error.error_code = code  # type: ignore[attr-defined]
            raise error
