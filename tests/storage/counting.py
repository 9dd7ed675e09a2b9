"""Storage in memory whose operations are counted as a storage account counts them: one for each request.

An entity group transaction, a page of a query or listing, a range of a blob and a block of an upload are one each.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO

from local.in_memory_storage import InMemoryContainer, InMemoryTable, InMemoryWakeups
from shared.storage.blobs import BLOBS_ON_A_PAGE, BlobPage, BlobVersion
from shared.storage.connection import BLOB_RANGE
from shared.storage.tables import PARTITION_KEY, ROW_KEY, Change, Entity, Query, StoredEntity, grouped
from shared.storage.wakeups import WakeUp

ROWS_ON_A_PAGE = 1_000
"""Most rows of a query's page (Table service, "Query timeout and pagination")."""

SMALL_BLOB = 4 * 1024 * 1024
"""Content in pieces up to this size is written in one request."""

MESSAGES_AT_ONCE = 8
"""Messages that the host takes with one request (host.json)."""


@dataclass(slots=True)
class Operations:
    """The number of operations by kind."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, number: int = 1) -> None:
        """Add so many operations."""
        self.counts[what] += number


class CountedTable(InMemoryTable):
    """A table whose requests are counted."""

    def __init__(self, name: str, operations: Operations) -> None:
        super().__init__()
        self._name = name
        self._operations = operations

    def insert(self, entity: Entity) -> str:
        self._count("insert")
        return super().insert(entity)

    def get(self, partition: str, row: str) -> StoredEntity | None:
        self._count("get")
        return super().get(partition, row)

    def replace(self, entity: Entity, etag: str) -> str:
        self._count("replace")
        return super().replace(entity, etag)

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        self._count("transaction")
        return super().change_together(changes)

    def upsert(self, entities: Iterable[Entity]) -> None:
        for group in grouped(entities):
            self._count("transaction")
            super().upsert(group)

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        for group in grouped({PARTITION_KEY: partition, ROW_KEY: row} for partition, row in keys):
            self._count("transaction")
            super().delete((str(entity[PARTITION_KEY]), str(entity[ROW_KEY])) for entity in group)

    def remove(self, partition: str, row: str, etag: str) -> None:
        self._count("remove")
        super().remove(partition, row, etag)

    def query(self, query: Query) -> Iterator[StoredEntity]:
        found = list(super().query(query))
        self._count("page", max(1, _parts(len(found), ROWS_ON_A_PAGE)))
        return iter(found)

    def _count(self, what: str, number: int = 1) -> None:
        self._operations.add(f"table {self._name}: {what}", number)


class CountedContainer(InMemoryContainer):
    """A container whose requests are counted. A blob that is streamed counts as `stretch` times as large as it is."""

    def __init__(
        self,
        name: str,
        operations: Operations,
        others: dict[str, InMemoryContainer] | None = None,
        stretch: float = 1.0,
    ) -> None:
        super().__init__(others)
        self._name = name
        self._operations = operations
        self._stretch = stretch
        self._written_here: set[str] = set()

    def version(self, path: str) -> BlobVersion | None:
        self._count("get properties")
        return super().version(path)

    def metadata(self, path: str) -> Mapping[str, str]:
        self._count("get properties")
        return super().metadata(path)

    def versions(self, folder: str = "") -> Iterator[BlobVersion]:
        found = list(super().versions(folder))
        self._count("page", 1 + len(found) // BLOBS_ON_A_PAGE)
        return iter(found)

    def page(self, marker: str | None = None, most: int = BLOBS_ON_A_PAGE) -> BlobPage:
        self._count("page")
        return super().page(marker, most)

    def read(self, path: str) -> bytes | None:
        content = super().read(path)
        self._count("read", _parts(len(content or b"") or 1, BLOB_RANGE))
        return content

    def stream(self, path: str) -> Iterator[bytes]:
        size = len(super().read(path) or b"") * self._stretch
        self._count("read", _parts(int(size) or 1, BLOB_RANGE))
        return super().stream(path)

    def write(self, path: str, content: bytes | Iterable[bytes] | IO[bytes], content_type: str) -> None:
        whole = content if isinstance(content, bytes) else b"".join(content)
        is_one = isinstance(content, bytes) or len(whole) <= SMALL_BLOB
        self._count("write", 1 if is_one else _parts(len(whole), BLOB_RANGE) + 1)
        super().write(path, whole, content_type)

    def write_newer(self, path: str, content: bytes, content_type: str, version: int) -> bool:
        # A first try that assumes the blob is known; if it is not, a read and a second try.
        is_known = path in self._written_here or path not in self._blobs
        self._count("write", 1 if is_known else 3)
        self._written_here.add(path)
        return super().write_newer(path, content, content_type, version)

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        self._count("copy")
        super().copy_from(source, version, path)

    def delete(self, path: str) -> None:
        self._count("delete")
        super().delete(path)

    def _count(self, what: str, number: int = 1) -> None:
        self._operations.add(f"blob {self._name}: {what}", number)


class CountedQueue(InMemoryWakeups):
    """A queue whose messages are received as by the host, and counted."""

    def __init__(self, operations: Operations, now: datetime) -> None:
        super().__init__(lambda: self.now)
        self._operations = operations
        self.now = now

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        self._operations.add("queue submissions: put")
        super().send(wake_up, delay)

    def taken(self) -> list[WakeUp]:
        """The next messages, when the first of them is due; each is deleted after it is handled."""
        self.waiting.sort(key=lambda entry: entry[0])
        if not self.waiting:
            return []
        self.now = max(self.now, self.waiting[0][0])
        taken = [wake_up for due, wake_up in self.waiting[:MESSAGES_AT_ONCE] if due <= self.now]
        del self.waiting[: len(taken)]
        self._operations.add("queue submissions: get")
        self._operations.add("queue submissions: delete", len(taken))
        return taken


def _parts(size: int, part: int) -> int:
    return -(-size // part)
