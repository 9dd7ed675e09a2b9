"""Tries each kind of access to storage and leaves nothing behind, to find a missing role or a wrong key.

Storage decides on the caller's rights before it looks at blobs and conditions: a write under a condition that is never
met ends with 412 for a caller who may write, and with 403 for one who may not. So no blob is made, which would start
functions of this app or of others. A message is deleted while it is still hidden, and a row stands in a partition of
its own.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from shared.storage.connection import StorageClients
from shared.storage.storage_clock import utc_now

PROBE_BLOB = "device-drop-probe"
"""The name of a blob that is never made."""

PROBE_KEY = "device-drop-probe"
"""Partition and row of a row that is deleted at once; no query of the journal has this partition."""

PROBE_MESSAGE = "device-drop-probe"

HIDDEN_SECONDS = 60
"""How long a message stays hidden that was not deleted because its sender died; it expires a second later."""

_NEVER = '"0x0"'
"""An ETag that no blob has."""

_ONCE: dict[str, Any] = {"retry_total": 0}
"""A probe reports the first failure: a person waits for it."""

DEAD_LETTERS_READ = 5_000
"""Most blobs of a container of dead letters whose times are compared: one page of its listing."""


class StorageProbes(Protocol):
    """Tries of each kind of access. Each may raise the storage client's own errors, which say what is refused."""

    def try_container(self, name: str) -> None:
        """List, write and delete in a container, under conditions that are never met."""

    def try_queue(self, name: str) -> None:
        """Add a message to a queue, hidden, and delete it."""

    def read_table(self, name: str) -> None:
        """Ask a table for a row."""

    def try_table(self, name: str) -> None:
        """Write a row into a table, read it, and delete it."""

    def messages(self, name: str) -> int:
        """About how many messages a queue has; 0 for a queue that was never needed."""

    def newest_blob(self, name: str) -> datetime | None:
        """When the newest blob of a container was written; None when it has none, or was never needed."""

    def clock_ahead(self, container: str) -> timedelta:
        """How far this machine's clock is ahead of storage's, to the second; negative where it is behind."""


class AzureStorageProbes:
    """Probes of a storage account in Azure, or of its emulator."""

    def __init__(self, clients: StorageClients, wall: Callable[[], datetime] = utc_now) -> None:
        """`wall` is this machine's clock."""
        self._clients = clients
        self._wall = wall

    def try_container(self, name: str) -> None:
        container = self._clients.blobs.get_container_client(name)
        list(islice(container.list_blobs(results_per_page=1, **_ONCE), 1))
        blob = container.get_blob_client(PROBE_BLOB)
        condition: dict[str, Any] = {"etag": _NEVER, "match_condition": MatchConditions.IfNotModified}
        # Past the check of rights: no blob has this ETag, and there is no such blob.
        with suppress(ResourceModifiedError):
            blob.upload_blob(b"", overwrite=True, **condition, **_ONCE)
        with suppress(ResourceModifiedError, ResourceNotFoundError):
            blob.delete_blob(**condition, **_ONCE)

    def try_queue(self, name: str) -> None:
        queue = self._clients.queue(name)
        sent = queue.send_message(
            PROBE_MESSAGE, visibility_timeout=HIDDEN_SECONDS, time_to_live=HIDDEN_SECONDS + 1, **_ONCE
        )
        queue.delete_message(sent.id, sent.pop_receipt, **_ONCE)

    def read_table(self, name: str) -> None:
        table = self._clients.tables.get_table_client(name)
        list(islice(table.query_entities(f"PartitionKey eq '{PROBE_KEY}'", results_per_page=1, **_ONCE), 1))

    def try_table(self, name: str) -> None:
        table = self._clients.tables.get_table_client(name)
        table.upsert_entity({"PartitionKey": PROBE_KEY, "RowKey": PROBE_KEY}, **_ONCE)
        self.read_table(name)
        table.delete_entity(PROBE_KEY, PROBE_KEY, **_ONCE)

    def messages(self, name: str) -> int:
        try:
            return self._clients.queue(name).get_queue_properties(**_ONCE).approximate_message_count or 0
        except ResourceNotFoundError:
            return 0

    def newest_blob(self, name: str) -> datetime | None:
        container = self._clients.blobs.get_container_client(name)
        try:
            found = list(islice(container.list_blobs(**_ONCE), DEAD_LETTERS_READ))
        except ResourceNotFoundError:
            return None
        return max((blob.last_modified for blob in found), default=None)

    def clock_ahead(self, container: str) -> timedelta:
        dates: list[datetime] = []
        before = self._wall()

        def note(response: Any) -> None:  # noqa: ANN401 - azure-core's own answer
            dates.append(parsedate_to_datetime(response.http_response.headers["Date"]).astimezone(UTC))

        self._clients.blobs.get_container_client(container).get_container_properties(raw_response_hook=note, **_ONCE)
        between = before + (self._wall() - before) / 2
        # A date names the second that has begun.
        return timedelta(seconds=round((between - dates[-1] - timedelta(seconds=0.5)).total_seconds()))
