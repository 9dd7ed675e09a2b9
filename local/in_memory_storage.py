"""Storage in memory with the semantics of the real one: ETags, conditions, versions, delays.

The one set of stand-ins for storage, for tests and the bench. It passes the contract tests of the real storage
(`tests/storage`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import IO
from urllib.parse import quote

from shared.device_files.system_files import FOLDER_MARK
from shared.storage.blobs import BLOBS_ON_A_PAGE, NO_METADATA, BlobPage, BlobVersion, VersionGone
from shared.storage.tables import (
    PARTITION_KEY,
    ROW_KEY,
    Change,
    Entity,
    EntityChanged,
    EntityExists,
    Query,
    Replacement,
    StoredEntity,
    Upsertion,
    check_transaction,
)
from shared.storage.upload_addresses import TIME_FOR_AN_UPLOAD
from shared.storage.wakeups import LONGEST_DELAY, POISON_HIDDEN_SECONDS, PoisonedMessage, WakeUp

_etags = count(1)


def _new_etag() -> str:
    return f"etag-{next(_etags)}"


class InMemoryTable:
    """A table in memory. `new_etag` gives each change its ETag."""

    def __init__(self, new_etag: Callable[[], str] = _new_etag) -> None:
        self._new_etag = new_etag
        self._rows: dict[tuple[str, str], StoredEntity] = {}

    def prepare(self) -> None:
        return

    def insert(self, entity: Entity) -> str:
        if _key(entity) in self._rows:
            raise EntityExists("exists")
        return self._put(entity)

    def get(self, partition: str, row: str) -> StoredEntity | None:
        return self._rows.get((partition, row))

    def replace(self, entity: Entity, etag: str) -> str:
        present = self._rows.get(_key(entity))
        if present is None or present.etag != etag:
            raise EntityChanged("changed")
        return self._put(entity)

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        check_transaction(changes)
        for change in changes:
            present = self._rows.get(_key(change.entity))
            expected = change.etag if isinstance(change, Replacement) else None
            if not isinstance(change, Upsertion) and (present.etag if present else None) != expected:
                raise EntityChanged("changed")
        return [self._put(change.entity) for change in changes]

    def upsert(self, entities: Iterable[Entity]) -> None:
        for entity in entities:
            self._put(entity)

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        for key in list(keys):
            self._rows.pop(key, None)

    def remove(self, partition: str, row: str, etag: str) -> None:
        present = self._rows.get((partition, row))
        if present is not None and present.etag != etag:
            raise EntityChanged("changed")
        self._rows.pop((partition, row), None)

    def query(self, query: Query) -> Iterator[StoredEntity]:
        found = (self._rows[key] for key in sorted(self._rows) if _meets(query, key, self._rows[key].values))
        return islice(iter(list(found)), query.limit)

    def _put(self, entity: Entity) -> str:
        etag = self._new_etag()
        self._rows[_key(entity)] = StoredEntity(dict(entity), etag)
        return etag


def _key(entity: Entity) -> tuple[str, str]:
    return str(entity[PARTITION_KEY]), str(entity[ROW_KEY])


def _meets(query: Query, key: tuple[str, str], values: Entity) -> bool:
    partition, row = key
    return (
        query.partition in (None, partition)
        and (query.partition_from is None or partition >= query.partition_from)
        and (query.partition_below is None or partition < query.partition_below)
        and (query.row_from is None or row >= query.row_from)
        and (query.row_below is None or row < query.row_below)
        and all(values.get(name) == value for name, value in query.equals.items())
    )


@dataclass(slots=True)
class _Blob:
    content: bytes
    version: BlobVersion
    number: int = -1


class InMemoryContainer:
    """A container in memory. `others` are the containers of the same account, for copies.

    `new_etag` gives each change its ETag, `clock` its time.
    """

    def __init__(
        self,
        others: dict[str, "InMemoryContainer"] | None = None,
        new_etag: Callable[[], str] = _new_etag,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._new_etag = new_etag
        self._clock = clock
        self._blobs: dict[str, _Blob] = {}
        self._others = others or {}

    def prepare(self) -> None:
        return

    def version(self, path: str) -> BlobVersion | None:
        blob = self._blobs.get(path)
        return None if blob is None else blob.version

    def metadata(self, path: str) -> Mapping[str, str]:
        return self._blobs[path].version.metadata if path in self._blobs else {}

    def versions(self, folder: str = "") -> Iterator[BlobVersion]:
        return iter([self._listed(path) for path in sorted(self._blobs) if path.startswith(folder)])

    def page(self, marker: str | None = None, most: int = BLOBS_ON_A_PAGE) -> BlobPage:
        paths = sorted(path for path in self._blobs if path >= (marker or ""))
        versions = [self._listed(path) for path in paths[:most]]
        return BlobPage(versions, next(iter(paths[most:]), None))

    def _listed(self, path: str) -> BlobVersion:
        """A blob as a listing tells it."""
        return replace(self._blobs[path].version, metadata={})

    def read(self, path: str) -> bytes | None:
        blob = self._blobs.get(path)
        return None if blob is None else blob.content

    def stream(self, path: str) -> Iterator[bytes]:
        content = self.read(path)
        if content is None:
            raise VersionGone(f"Blob {path} is gone.")
        first = self._blobs[path].version.etag
        for start in range(0, len(content), 1000):
            if path not in self._blobs or self._blobs[path].version.etag != first:
                raise VersionGone(f"Blob {path} was overwritten while it was read.")
            yield content[start : start + 1000]

    def write(self, path: str, content: bytes | Iterable[bytes] | IO[bytes], content_type: str) -> None:  # noqa: ARG002
        self.put(path, content if isinstance(content, bytes) else b"".join(content))

    def write_new(
        self,
        path: str,
        content: bytes | Iterable[bytes],
        content_type: str,  # noqa: ARG002
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> bool:
        whole = content if isinstance(content, bytes) else b"".join(content)
        if path in self._blobs:
            return False
        self.put(path, whole)
        self._mark(path, metadata)
        return True

    def write_newer(self, path: str, content: bytes, content_type: str, version: int) -> bool:  # noqa: ARG002
        present = self._blobs.get(path)
        if present is not None and present.number >= version:
            return False
        self.put(path, content)
        self._blobs[path].number = version
        return True

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        blob = self._others[source]._blobs.get(version.path)  # noqa: SLF001 - a container like this one
        if blob is None or blob.version.etag != version.etag:
            raise VersionGone(f"Blob {version.path} was deleted or overwritten.")
        if path not in self._blobs:
            self.put(path, blob.content)

    def copy_new(self, source: str, version: BlobVersion, path: str, metadata: Mapping[str, str]) -> BlobVersion | None:
        if path in self._blobs:
            return None
        self.copy_from(source, version, path)
        self._mark(path, metadata)
        return self._blobs[path].version

    def delete(self, path: str) -> None:
        self._blobs.pop(path, None)

    def put(self, path: str, content: bytes, modified_at: datetime | None = None) -> str:
        """Write a blob as a person would; its ETag."""
        etag = self._new_etag()
        version = BlobVersion(path, etag, len(content), modified_at or self._clock())
        self._blobs[path] = _Blob(content, version)
        return etag

    def mark_as_folder(self, path: str) -> None:
        """Mark a blob as the marker of a folder."""
        self._mark(path, {FOLDER_MARK: "true"})

    def _mark(self, path: str, metadata: Mapping[str, str]) -> None:
        self._blobs[path].version = replace(self._blobs[path].version, metadata=dict(metadata))


class InMemoryWakeups:
    """A queue of wake-ups in memory, each with the time from which it is seen; and what the host gave up on."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._hidden_until: dict[str, datetime] = {}
        self.waiting: list[tuple[datetime, WakeUp]] = []
        self.poison: list[PoisonedMessage] = []
        self.sent = 0

    def prepare(self) -> None:
        return

    def poisoned(self) -> Iterator[PoisonedMessage]:
        now = self._clock()
        for message in list(self.poison):
            if self._hidden_until.get(message.message_id, now) <= now:
                self._hidden_until[message.message_id] = now + timedelta(seconds=POISON_HIDDEN_SECONDS)
                yield message

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        with suppress(ValueError):
            self.poison.remove(message)
        self._hidden_until.pop(message.message_id, None)

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        self.sent += 1
        self.waiting.append((self._clock() + min(max(delay, timedelta(0)), LONGEST_DELAY), wake_up))

    def seen(self) -> list[WakeUp]:
        """The wake-ups that the host would take now."""
        return [wake_up for due, wake_up in self.waiting if due <= self._clock()]


class InMemoryFileEvents:
    """Events in memory."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def prepare(self) -> None:
        return

    def send(self, event: str) -> None:
        self.sent.append(event)


class InMemoryUploadAddresses:
    """Addresses that lead nowhere; `gives` is False for storage that signs none."""

    origin = "http://storage.invalid"

    def __init__(self) -> None:
        self.gives = True

    def address(self, path: str, now: datetime) -> str | None:
        return f"{self.origin}/staging/{quote(path)}?until={now + TIME_FOR_AN_UPLOAD:%H:%M}" if self.gives else None


class InMemoryStorageProbes:
    """Probes of a storage that lets everybody do everything, but for its `faults`: errors by the name they meet."""

    def __init__(self) -> None:
        self.faults: dict[str, Exception] = {}
        self.waiting: dict[str, int] = {}
        """Messages by queue."""
        self.newest: dict[str, datetime] = {}
        """The time of the newest blob by container."""
        self.ahead = timedelta(0)

    def try_container(self, name: str) -> None:
        self._try(name)

    def try_queue(self, name: str) -> None:
        self._try(name)

    def read_table(self, name: str) -> None:
        self._try(name)

    def try_table(self, name: str) -> None:
        self._try(name)

    def messages(self, name: str) -> int:
        self._try(name)
        return self.waiting.get(name, 0)

    def newest_blob(self, name: str) -> datetime | None:
        self._try(name)
        return self.newest.get(name)

    def clock_ahead(self, container: str) -> timedelta:
        self._try(container)
        return self.ahead

    def _try(self, name: str) -> None:
        if name in self.faults:
            raise self.faults[name]
