"""Each kind of access is tried on a real Azurite, and nothing is left behind."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from shared.settings import StorageConnectionString
from shared.storage.connection import StorageClients, open_storage
from shared.storage.probes import AzureStorageProbes


@pytest.fixture
def name(clients: StorageClients) -> str:
    """The name of a container, a queue and a table that exist."""
    name = f"probed{uuid4().hex}"
    clients.blobs.create_container(name)
    clients.queues.create_queue(name)
    clients.tables.create_table(name)
    return name


def test_all_that_is_allowed_is_tried_and_nothing_is_left(clients: StorageClients, name: str) -> None:
    probes = AzureStorageProbes(clients)
    clients.blobs.get_container_client(name).upload_blob("a", b"1")
    probes.try_container(name)
    probes.try_queue(name)
    probes.read_table(name)
    probes.try_table(name)
    assert [blob.name for blob in clients.blobs.get_container_client(name).list_blobs()] == ["a"]
    assert list(clients.queue(name).receive_messages()) == []
    assert probes.messages(name) == 0
    assert list(clients.tables.get_table_client(name).list_entities()) == []


def test_messages_and_the_newest_blob_are_told(clients: StorageClients, name: str) -> None:
    probes = AzureStorageProbes(clients)
    assert probes.newest_blob(name) is None
    clients.blobs.get_container_client(name).upload_blob("a", b"1")
    newest = probes.newest_blob(name)
    assert newest is not None
    assert datetime.now(UTC) - newest < timedelta(minutes=5)
    clients.queue(name).send_message("1")
    assert probes.messages(name) == 1


def test_what_was_never_needed_is_empty_and_what_is_missing_is_an_error(clients: StorageClients) -> None:
    probes, missing = AzureStorageProbes(clients), f"missing{uuid4().hex}"
    assert (probes.messages(missing), probes.newest_blob(missing)) == (0, None)
    for attempt in (probes.try_container, probes.try_queue, probes.read_table, probes.try_table, probes.clock_ahead):
        with pytest.raises(ResourceNotFoundError):
            attempt(missing)


def test_a_wrong_key_is_refused_at_every_try(azurite_connection: str, name: str) -> None:
    wrong = b64encode(b"wrong" * 12).decode()
    parts = [f"AccountKey={wrong}" if part.startswith("AccountKey") else part for part in azurite_connection.split(";")]
    probes = AzureStorageProbes(open_storage(StorageConnectionString(";".join(parts))))
    for attempt in (
        probes.try_container,
        probes.try_queue,
        probes.read_table,
        probes.try_table,
        probes.messages,
        probes.newest_blob,
        probes.clock_ahead,
    ):
        with pytest.raises(HttpResponseError) as refused:
            attempt(name)
        assert refused.value.status_code == 403


@pytest.mark.parametrize("wrong_by", [0, 3600, -90])
def test_the_clock_of_this_machine_is_compared_with_storages(clients: StorageClients, name: str, wrong_by: int) -> None:
    probes = AzureStorageProbes(clients, lambda: datetime.now(UTC) + timedelta(seconds=wrong_by))
    assert abs(probes.clock_ahead(name).total_seconds() - wrong_by) <= 5
