"""Opens the three kinds of storage with one connection. Nothing is sent before the first use."""

from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from shared.settings import StorageConnection, StorageConnectionString

SUBMISSIONS_QUEUE = "submissions"

BLOB_RANGE = 4 * 1024 * 1024
"""Bytes held of a blob at a time. The client's default first read of 32 MiB would be most of a worker's memory."""


@dataclass(frozen=True, slots=True)
class StorageClients:
    """The clients of one storage account; safe to share between threads."""

    blobs: BlobServiceClient
    queue: QueueClient
    tables: TableServiceClient


def open_storage(connection: StorageConnection) -> StorageClients:
    """The clients that `connection` asks for."""
    # The Functions host reads its messages as base64, which the queue client does not write by itself.
    encoding: dict[str, Any] = {
        "message_encode_policy": TextBase64EncodePolicy(),
        "message_decode_policy": TextBase64DecodePolicy(),
    }
    ranges: dict[str, Any] = {
        "max_single_get_size": BLOB_RANGE,
        "max_chunk_get_size": BLOB_RANGE,
        "max_block_size": BLOB_RANGE,
    }
    if isinstance(connection, StorageConnectionString):
        return StorageClients(
            blobs=BlobServiceClient.from_connection_string(connection.value, **ranges),
            queue=QueueClient.from_connection_string(connection.value, SUBMISSIONS_QUEUE, **encoding),
            tables=TableServiceClient.from_connection_string(connection.value),
        )
    credential = _managed_identity(connection.client_id)
    return StorageClients(
        blobs=BlobServiceClient(connection.blob_service_uri, credential, **ranges),
        queue=QueueClient(connection.queue_service_uri, SUBMISSIONS_QUEUE, credential=credential, **encoding),
        tables=TableServiceClient(connection.table_service_uri, credential=credential),
    )


def _managed_identity(client_id: str | None) -> TokenCredential:
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - half a second that a key does not need

    return ManagedIdentityCredential(client_id=client_id) if client_id else ManagedIdentityCredential()
