"""The scan for blobs goes on although what the host itself needs in storage was deleted."""

import base64
import json
import threading
from typing import cast
from uuid import uuid4

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from local.functions_host.app import BlobTrigger, HostedFunction
from local.functions_host.blob_trigger import BlobScanner, WatchedFunction, internal_queue, is_called_for
from local.functions_host.leases import HOST_CONTAINER, Singleton


@pytest.fixture
def storage(azurite_connection: str) -> BlobServiceClient:
    storage = BlobServiceClient.from_connection_string(azurite_connection, retry_total=0)
    if not storage.get_container_client(HOST_CONTAINER).exists():
        storage.create_container(HOST_CONTAINER)
    return storage


def _is_taken(singleton: Singleton) -> bool:
    return any(singleton.is_mine() for _ in range(5))


def test_a_lock_is_taken_although_the_container_of_the_host_was_deleted(storage: BlobServiceClient) -> None:
    storage.delete_container(HOST_CONTAINER)
    assert _is_taken(Singleton(storage, uuid4().hex, "work"))


def test_a_lock_whose_container_was_deleted_is_taken_again(storage: BlobServiceClient) -> None:
    singleton = Singleton(storage, uuid4().hex, "work")
    assert _is_taken(singleton)
    storage.delete_container(HOST_CONTAINER)
    singleton._renewed -= 60
    assert not singleton.is_mine()
    assert _is_taken(singleton)


def test_a_blob_is_found_although_the_queue_and_the_container_of_the_host_were_deleted(
    storage: BlobServiceClient, azurite_connection: str
) -> None:
    host_id, container = uuid4().hex, f"files-{uuid4().hex}"
    function = cast("HostedFunction", type("Function", (), {"function_id": "receive"}))
    trigger = cast("BlobTrigger", type("Trigger", (), {"container": container}))
    queue = QueueClient.from_connection_string(azurite_connection, internal_queue(host_id))
    scanner = BlobScanner(WatchedFunction(function, trigger, storage), storage, queue, host_id, 0.1)
    assert _is_taken(scanner._singleton)
    scanner._scan(threading.Event())
    storage.create_container(container).upload_blob("a.csv", b"1")
    storage.delete_container(HOST_CONTAINER)
    scanner._singleton._renewed -= 60
    for _ in range(5):
        try:
            scanner._singleton.is_mine()
            scanner._scan(threading.Event())
        except AzureError:
            continue
    announced = [json.loads(base64.b64decode(message.content)) for message in queue.receive_messages()]
    assert announced
    # The real host leaves the ETag its quotes, in messages and in receipts.
    etag = announced[0]["ETag"]
    assert etag == f'"{etag[1:-1]}"'
    assert scanner._known == {f"blobreceipts/{host_id}/receive/{etag}/{container}/a.csv"}
    assert storage.get_container_client(HOST_CONTAINER).exists()
    assert len(scanner._known) == 1


@pytest.mark.parametrize(
    ("name", "is_called"),
    [("a.csv", True), ("a/b.csv", True), (".a", True), ("a\n", True), ("a/", False), ("/", False), ("a\nb", False)],
)
def test_a_function_is_called_for_the_names_that_the_real_host_calls_it_for(name: str, is_called: bool) -> None:
    assert is_called_for(name) is is_called
