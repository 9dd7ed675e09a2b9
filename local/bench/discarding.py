"""Storage that accepts everything and keeps nothing, so that only the product's own work is measured."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import IO

from local.app_settings import app_settings
from shared.pipeline.composition import Pipeline, compose
from shared.settings import settings_from
from shared.storage.blobs import BLOBS_ON_A_PAGE, BlobPage, BlobVersion
from shared.storage.journal import Journal
from shared.storage.tables import Change, Entity, Query, StoredEntity
from shared.storage.wakeups import PoisonedMessage, WakeUp

_ETAG = "etag"


class DiscardingTable:
    """A table that is always empty."""

    def prepare(self) -> None:
        """Nothing."""

    def insert(self, entity: Entity) -> str:  # noqa: ARG002
        """Discard the row."""
        return _ETAG

    def get(self, partition: str, row: str) -> StoredEntity | None:  # noqa: ARG002
        """Nothing is found."""
        return None

    def replace(self, entity: Entity, etag: str) -> str:  # noqa: ARG002
        """Discard the row."""
        return _ETAG

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        """Discard the rows."""
        return [_ETAG] * len(changes)

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Discard the rows, which are made."""
        for _ in entities:
            pass

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        """Nothing is there."""

    def remove(self, partition: str, row: str, etag: str) -> None:
        """Nothing is there."""

    def query(self, query: Query) -> Iterator[StoredEntity]:  # noqa: ARG002
        """Nothing is found."""
        return iter(())


class DiscardingContainer:
    """A container that is always empty."""

    def prepare(self) -> None:
        """Nothing."""

    def version(self, path: str) -> BlobVersion | None:  # noqa: ARG002
        """Nothing is found."""
        return None

    def versions(self, folder: str = "") -> Iterator[BlobVersion]:  # noqa: ARG002
        """Nothing is found."""
        return iter(())

    def page(self, marker: str | None = None, most: int = BLOBS_ON_A_PAGE) -> BlobPage:  # noqa: ARG002
        """Nothing is found."""
        return BlobPage((), None)

    def read(self, path: str) -> bytes | None:  # noqa: ARG002
        """Nothing is found."""
        return None

    def stream(self, path: str) -> Iterator[bytes]:  # noqa: ARG002
        """Nothing is found."""
        return iter(())

    def write(self, path: str, content: bytes | Iterable[bytes] | IO[bytes], content_type: str) -> None:  # noqa: ARG002
        """Discard the content, which is made."""
        if not isinstance(content, bytes):
            for _ in content:
                pass

    def write_new(self, path: str, content: bytes | Iterable[bytes], content_type: str) -> bool:
        """Discard the content, which is made."""
        self.write(path, content, content_type)
        return True

    def write_newer(self, path: str, content: bytes, content_type: str, version: int) -> bool:  # noqa: ARG002
        """Discard the content."""
        return True

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        """Nothing."""

    def delete(self, path: str) -> None:
        """Nothing is there."""


class DiscardingWakeups:
    """A queue that nobody reads."""

    def prepare(self) -> None:
        """Nothing."""

    def poisoned(self) -> Iterator[PoisonedMessage]:
        """Nothing is found."""
        return iter(())

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        """Nothing is there."""

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        """Discard the message."""


def pipeline_without_storage() -> Pipeline:
    """The real pipeline, with nothing behind it."""
    settings = app_settings({}, storage="UseDevelopmentStorage=true", partner_center_url="http://127.0.0.1")
    container = DiscardingContainer()
    return replace(
        compose(settings_from(settings)),
        journal=Journal(lambda _: DiscardingTable()),
        drop=container,
        private=container,
        results=container,
        wakeups=DiscardingWakeups(),
    )
