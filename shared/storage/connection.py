"""Opens the three kinds of storage with one connection. Nothing is sent before the first use."""

from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64EncodePolicy

from shared.plain_session import PlainSession
from shared.settings import StorageConnection, StorageConnectionString
from shared.storage.storage_clock import StorageClock
from shared.storage.table_service import TableService
from shared.storage.tables import AzureTable

SUBMISSIONS_QUEUE = "submissions"

FILE_EVENTS_QUEUE = "file-events"
"""The queue of events about files that have ended, for other systems."""

SUBMISSIONS_POISON_QUEUE = "submissions-poison"
BLOB_POISON_QUEUE = "webjobs-blobtrigger-poison"
"""Queues for messages that failed too often, filled by the host: of the queue trigger, and of all blob triggers."""

BLOB_RANGE = 4 * 1024 * 1024
"""Bytes held of a blob at a time. The client's default first read of 32 MiB would be most of a worker's memory."""

MOST_CONNECTIONS = 32
"""Most connections kept open to one host; twice the worker's number of threads."""

CONNECTION_TIMEOUT_S = 20
READ_TIMEOUT_S = 65
"""Seconds. The service itself ends a transaction after 30."""

READ_AT_ONCE = 256 * 1024
"""Bytes of a blob read from its connection at a time, as the storage clients do by default."""

_RETRIES: dict[str, Any] = {"initial_backoff": 1, "increment_base": 2}
"""Seconds. With these retries an outage is reported after about 20 seconds. By default the client takes 90 seconds:
people who open the page would give up, and instances would be held up by work that could wait in the queue."""


@dataclass(frozen=True, slots=True)
class StorageClients:
    """The clients of one storage account; safe to share between threads."""

    blobs: BlobServiceClient
    queues: QueueServiceClient
    tables: TableServiceClient
    transactions: TableService

    def table(self, name: str) -> AzureTable:
        """A table."""
        return AzureTable(self.tables.get_table_client(name), self.transactions)

    def queue(self, name: str) -> QueueClient:
        """A queue written in base64, as the Functions host expects. Reading returns messages undecoded."""
        return self.queues.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())


def open_storage(
    connection: StorageConnection, person: TokenCredential | None = None, clock: StorageClock | None = None
) -> StorageClients:
    """The clients of `connection`. If it has no key, `person` signs in, or the app itself.

    `clock` learns the time from every answer.
    """
    ranges: dict[str, Any] = {
        "max_single_get_size": BLOB_RANGE,
        "max_chunk_get_size": BLOB_RANGE,
        "max_block_size": BLOB_RANGE,
        **_RETRIES,
    }
    transport = new_transport(clock)
    ranges["transport"] = transport
    if isinstance(connection, StorageConnectionString):
        blobs = BlobServiceClient.from_connection_string(connection.value, **ranges)
        queues = QueueServiceClient.from_connection_string(connection.value, transport=transport, **_RETRIES)
        tables = TableServiceClient.from_connection_string(connection.value, transport=transport)
    else:
        credential = person or _managed_identity(connection.client_id)
        blobs = BlobServiceClient(connection.blob_service_uri, credential, **ranges)
        queues = QueueServiceClient(connection.queue_service_uri, credential, transport=transport, **_RETRIES)
        tables = TableServiceClient(connection.table_service_uri, credential=credential, transport=transport)
    return StorageClients(blobs, queues, tables, TableService(tables.url, tables.credential, transport))


def new_transport(clock: StorageClock | None = None) -> RequestsTransport:
    """A transport for all clients of an account: closing one client leaves it open for the others."""
    return _DatedTransport(
        clock or StorageClock(),
        session=PlainSession(MOST_CONNECTIONS),
        session_owner=False,
        connection_timeout=CONNECTION_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        connection_data_block_size=READ_AT_ONCE,
    )


class _DatedTransport(RequestsTransport):  # type: ignore[misc]  # azure-core exports it without its type
    """Tells a clock the date of every answer."""

    def __init__(self, clock: StorageClock, **options: Any) -> None:  # noqa: ANN401 - as the base class has them
        super().__init__(**options)
        self._clock = clock

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - two kinds of requests have two of answers
        sent_at = self._clock.seconds()
        response = super().send(request, **options)
        self._clock.note(response.headers.get("Date"), sent_at)
        return response


def _managed_identity(client_id: str | None) -> TokenCredential:
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - half a second that a key does not need

    return ManagedIdentityCredential(client_id=client_id) if client_id else ManagedIdentityCredential()
