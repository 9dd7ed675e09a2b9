"""Storage that accepts everything and keeps nothing, so that only the product's own work is measured."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from local.app_settings import app_settings
from local.in_memory_storage import InMemoryContainer, InMemoryTable, InMemoryWakeups
from shared.pipeline.composition import Pipeline, compose
from shared.settings import settings_from
from shared.storage.customers import Customers
from shared.storage.journal import Journal
from shared.storage.tables import Change, Entity
from shared.storage.wakeups import WakeUp

_ETAG = "etag"


class DiscardingTable(InMemoryTable):
    """A table that is always empty, and in which every row can be changed."""

    def replace(self, entity: Entity, etag: str) -> str:  # noqa: ARG002
        """Discard the row."""
        return self._put(entity)

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        """Discard the rows."""
        return [self._put(change.entity) for change in changes]

    def _put(self, entity: Entity) -> str:  # noqa: ARG002
        return _ETAG


class DiscardingContainer(InMemoryContainer):
    """A container that is always empty."""

    def put(self, path: str, content: bytes, modified_at: datetime | None = None) -> str:  # noqa: ARG002
        """Discard the content."""
        return _ETAG

    def write_newer(self, path: str, content: bytes, content_type: str, version: int) -> bool:  # noqa: ARG002
        """Discard the content."""
        return True


class DiscardingWakeups(InMemoryWakeups):
    """A queue that nobody reads."""

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        """Discard the message."""


def pipeline_without_storage() -> Pipeline:
    """The real pipeline, with nothing behind it."""
    settings = app_settings({}, storage="UseDevelopmentStorage=true", partner_center_url="http://127.0.0.1")
    container = DiscardingContainer()
    return replace(
        compose(settings_from(settings)),
        journal=Journal(lambda _: DiscardingTable()),
        customers=Customers(DiscardingTable()),
        drop=container,
        private=container,
        results=container,
        staging=container,
        wakeups=DiscardingWakeups(lambda: datetime.now(UTC)),
    )
