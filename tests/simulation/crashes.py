"""Storage whose every effect is a step: before and after it others may run, the process may die, storage may fail.

A conditional change whose answer is lost is repeated by the storage client and then meets its own first attempt, which
it takes for another worker's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import IO, Protocol

from azure.core.exceptions import HttpResponseError

from shared.storage.blobs import NO_METADATA, BlobPage, BlobVersion, Container
from shared.storage.keys import LONGEST_KEY
from shared.storage.tables import (
    PARTITION_KEY,
    ROW_KEY,
    Change,
    Entity,
    EntityChanged,
    EntityExists,
    Query,
    StoredEntity,
    Table,
    Upsertion,
    grouped,
)
from shared.storage.wakeups import PoisonedMessage, WakeUp, encode

LONGEST_PATH = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ILLEGAL = re.compile(r"[/\\#?]|" + _CONTROL.pattern)

ROWS_ON_A_PAGE = 7
"""Rows on a page of a query or listing; other invocations may change the next page."""


class Steps(Protocol):
    """The events between two effects."""

    def before(self, what: str) -> None:
        """Called before an effect. Raises ProcessDied or an error of the storage client."""

    def after(self, what: str) -> bool:
        """Called after an effect; True if the storage client takes its own change for another's. Raises as `before`."""


class SteppedTable:
    """A table whose effects are steps."""

    def __init__(self, name: str, inner: Table, steps: Steps) -> None:
        self._name = name
        self._inner = inner
        self._steps = steps

    def prepare(self) -> None:
        self._inner.prepare()

    def insert(self, entity: Entity) -> str:
        what = f"insert {self._name} {_key(entity)}"
        self._steps.before(what)
        etag = self._inner.insert(entity)
        if self._steps.after(what):
            raise EntityExists("The client's own repeat met the row it had inserted.")
        return etag

    def get(self, partition: str, row: str) -> StoredEntity | None:
        self._steps.before(f"get {self._name} {partition} {row}")
        _refuse_illegal_key(partition)
        _refuse_illegal_key(row)
        return self._inner.get(partition, row)

    def replace(self, entity: Entity, etag: str) -> str:
        what = f"replace {self._name} {_key(entity)}"
        self._steps.before(what)
        changed = self._inner.replace(entity, etag)
        if self._steps.after(what):
            raise EntityChanged("The client's own repeat met the change it had made.")
        return changed

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        what = f"change together {self._name} {' '.join(_key(change.entity) for change in changes)}"
        self._steps.before(what)
        etags = self._inner.change_together(changes)
        if self._steps.after(what) and not all(isinstance(change, Upsertion) for change in changes):
            raise EntityChanged("The client's own repeat met the changes it had made.")
        return etags

    def upsert(self, entities: Iterable[Entity]) -> None:
        for group in grouped(entities):
            what = f"upsert {self._name} {_key(group[0])} and {len(group) - 1} more"
            self._steps.before(what)
            self._inner.upsert(group)
            self._steps.after(what)

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        for group in grouped({PARTITION_KEY: partition, ROW_KEY: row} for partition, row in keys):
            what = f"delete {self._name} {_key(group[0])} and {len(group) - 1} more"
            self._steps.before(what)
            self._inner.delete((str(entity[PARTITION_KEY]), str(entity[ROW_KEY])) for entity in group)
            self._steps.after(what)

    def remove(self, partition: str, row: str, etag: str) -> None:
        what = f"remove {self._name} {partition} {row}"
        self._steps.before(what)
        self._inner.remove(partition, row, etag)
        if self._steps.after(what):
            raise EntityChanged("The client's own repeat met the row it had removed.")

    def query(self, query: Query) -> Iterator[StoredEntity]:
        """The rows page by page, each page as the table is when it is requested."""
        last = ("", "")
        left = query.limit
        while left is None or left > 0:
            self._steps.before(f"query {self._name} {query.partition or ''} after {last[1]}")
            unlimited = Query(
                partition=query.partition,
                partition_from=query.partition_from,
                partition_below=query.partition_below,
                row_from=query.row_from,
                row_below=query.row_below,
                equals=query.equals,
            )
            rest = [found for found in self._inner.query(unlimited) if _place(found) > last]
            page = rest[: ROWS_ON_A_PAGE if left is None else min(left, ROWS_ON_A_PAGE)]
            yield from page
            if len(page) == len(rest):
                return
            last = _place(page[-1])
            left = None if left is None else left - len(page)


class SteppedContainer:
    """A container whose effects are steps."""

    def __init__(self, name: str, inner: Container, steps: Steps) -> None:
        self._name = name
        self._inner = inner
        self._steps = steps

    def prepare(self) -> None:
        self._inner.prepare()

    def version(self, path: str) -> BlobVersion | None:
        self._steps.before(f"get properties of {self._name}/{path}")
        _refuse_illegal_path(path)
        return self._inner.version(path)

    def metadata(self, path: str) -> Mapping[str, str]:
        self._steps.before(f"get metadata of {self._name}/{path}")
        return self._inner.metadata(path)

    def versions(self, folder: str = "") -> Iterator[BlobVersion]:
        """The blobs page by page, each page as the container is when it is requested."""
        last = ""
        while True:
            self._steps.before(f"list {self._name}/{folder} after {last}")
            rest = [version for version in self._inner.versions(folder) if version.path > last]
            yield from rest[:ROWS_ON_A_PAGE]
            if len(rest) <= ROWS_ON_A_PAGE:
                return
            last = rest[ROWS_ON_A_PAGE - 1].path

    def page(self, marker: str | None = None, most: int = ROWS_ON_A_PAGE) -> BlobPage:
        self._steps.before(f"list {self._name} from {marker}")
        return self._inner.page(marker, most)

    def read(self, path: str) -> bytes | None:
        self._steps.before(f"read {self._name}/{path}")
        return self._inner.read(path)

    def stream(self, path: str) -> Iterator[bytes]:
        self._steps.before(f"stream {self._name}/{path}")
        return self._inner.stream(path)

    def write(self, path: str, content: bytes | Iterable[bytes] | IO[bytes], content_type: str) -> None:
        whole = content if isinstance(content, bytes) else b"".join(content)
        self._steps.before(f"write {self._name}/{path}")
        self._inner.write(path, whole, content_type)
        self._steps.after(f"write {self._name}/{path}")

    def write_new(
        self, path: str, content: bytes | Iterable[bytes], content_type: str, metadata: Mapping[str, str] = NO_METADATA
    ) -> bool:
        whole = content if isinstance(content, bytes) else b"".join(content)
        self._steps.before(f"write new {self._name}/{path}")
        was_written = self._inner.write_new(path, whole, content_type, metadata)
        # The client's repeat finds its own blob.
        return was_written and not self._steps.after(f"write new {self._name}/{path}")

    def write_newer(self, path: str, content: bytes, content_type: str, version: int) -> bool:
        self._steps.before(f"write {self._name}/{path} version {version}")
        was_written = self._inner.write_newer(path, content, content_type, version)
        # The client's repeat finds its own version, which is not older.
        return was_written and not self._steps.after(f"write {self._name}/{path} version {version}")

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        self._steps.before(f"copy {source}/{version.path} to {self._name}/{path}")
        self._inner.copy_from(source, version, path)
        self._steps.after(f"copy to {self._name}/{path}")

    def copy_new(self, source: str, version: BlobVersion, path: str, metadata: Mapping[str, str]) -> BlobVersion | None:
        self._steps.before(f"copy {source}/{version.path} to new {self._name}/{path}")
        copied = self._inner.copy_new(source, version, path, metadata)
        # The client's repeat finds its own copy.
        return None if self._steps.after(f"copy to new {self._name}/{path}") else copied

    def delete(self, path: str) -> None:
        self._steps.before(f"delete {self._name}/{path}")
        self._inner.delete(path)
        self._steps.after(f"delete {self._name}/{path}")


class Queue(Protocol):
    """The queue in which messages wait."""

    def send(self, body: str, delay: timedelta) -> None: ...

    def poisoned(self) -> list[PoisonedMessage]: ...

    def delete_poisoned(self, message: PoisonedMessage) -> None: ...


class SteppedWakeups:
    """Wake-ups whose sending is a step."""

    def __init__(self, queue: Queue, steps: Steps) -> None:
        self._queue = queue
        self._steps = steps

    def prepare(self) -> None:
        return

    def poisoned(self) -> Iterator[PoisonedMessage]:
        self._steps.before("receive poisoned messages")
        yield from self._queue.poisoned()

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        self._steps.before(f"delete poisoned message {message.message_id}")
        self._queue.delete_poisoned(message)
        self._steps.after(f"delete poisoned message {message.message_id}")

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        self._steps.before(f"send {encode(wake_up)} in {delay.total_seconds():.0f} s")
        self._queue.send(encode(wake_up), delay)
        self._steps.after("send")


class SteppedEvents:
    """Events whose sending is a step; sent events are kept in `sent`."""

    def __init__(self, sent: list[str], steps: Steps) -> None:
        self._sent = sent
        self._steps = steps

    def prepare(self) -> None:
        return

    def send(self, event: str) -> None:
        self._steps.before("send an event")
        self._sent.append(event)
        self._steps.after("send an event")


def _refuse_illegal_key(key: str) -> None:
    """Refuse a key that Table Storage refuses ("Characters disallowed in key fields")."""
    if len(key.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST_KEY or _ILLEGAL.search(key):
        raise HttpResponseError("Table Storage does not take such a key.")


def _refuse_illegal_path(path: str) -> None:
    """Refuse a path that the storage client or Blob Storage refuses."""
    if not path:
        raise ValueError("Please specify a container name and blob name.")
    if len(path) > LONGEST_PATH or _CONTROL.search(path):
        raise HttpResponseError("Blob Storage does not take such a path.")


def _place(entity: StoredEntity) -> tuple[str, str]:
    return str(entity.values[PARTITION_KEY]), str(entity.values[ROW_KEY])


def _key(entity: Entity) -> str:
    return f"{entity[PARTITION_KEY]} {entity[ROW_KEY]}"
