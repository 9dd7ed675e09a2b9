"""A container, queue or table that is deleted while the app runs is made again where it is missed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from shared.storage.blobs import AzureContainer, BlobPage, BlobVersion, VersionGone
from shared.storage.connection import StorageClients
from shared.storage.file_events import AzureFileEvents
from shared.storage.recreating import Resource
from shared.storage.tables import Entity, EntityChanged, Insertion, Query, Replacement, Table, Upsertion
from shared.storage.wakeups import AzureWakeups, BlobWakeUp
from tests.storage.conftest import WAYS, table_of

ENTITY: Entity = {"PartitionKey": "p", "RowKey": "r", "a": 1}
OTHER: Entity = {"PartitionKey": "p", "RowKey": "s", "a": 2}
LARGE = 9 * 1024 * 1024


@pytest.fixture
def deleted(clients: StorageClients) -> AzureContainer:
    """A container that was used and then deleted."""
    name = f"deleted-{uuid4().hex}"
    container = AzureContainer(clients.blobs, name)
    container.prepare()
    container.write_newer("newer", b"1", "text/plain", 1)
    clients.blobs.delete_container(name)
    return container


@pytest.mark.parametrize(
    "write",
    [
        lambda container: container.write("a", b"content", "text/plain"),
        lambda container: container.write("a", iter([b"con", b"tent"]), "text/plain"),
        lambda container: container.write_new("a", b"content", "text/plain"),
        lambda container: container.write_new("a", iter([b"con", b"tent"]), "text/plain"),
        lambda container: container.write_newer("a", b"content", "text/plain", 1),
    ],
)
def test_a_blob_is_written_although_its_container_was_deleted(
    write: Callable[[AzureContainer], object], deleted: AzureContainer
) -> None:
    assert write(deleted) in (None, True)
    assert deleted.read("a") == b"content"


def test_a_blob_that_this_process_has_written_before_is_written_again(deleted: AzureContainer) -> None:
    assert deleted.write_newer("newer", b"2", "text/plain", 2)
    assert deleted.read("newer") == b"2"


def test_a_large_blob_is_written_at_the_next_attempt(deleted: AzureContainer) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [b"x" * 1024 * 1024] * (LARGE // 1024 // 1024)

    with pytest.raises(ResourceNotFoundError):
        deleted.write("a", pieces(), "text/plain")
    deleted.write("a", pieces(), "text/plain")
    assert len(deleted.read("a") or b"") == LARGE


def test_a_copy_is_made_although_the_container_for_it_was_deleted(
    clients: StorageClients, deleted: AzureContainer
) -> None:
    name = f"drop-{uuid4().hex}"
    drop = AzureContainer(clients.blobs, name)
    drop.prepare()
    drop.write("a", b"content", "text/plain")
    version = drop.version("a")
    assert version is not None
    deleted.copy_from(name, version, "copy")
    assert deleted.read("copy") == b"content"


def test_a_copy_from_a_container_that_was_deleted_is_a_version_that_is_gone(deleted: AzureContainer) -> None:
    with pytest.raises(VersionGone):
        deleted.copy_from(f"never-{uuid4().hex}", BlobVersion("a", "0x1", 1, datetime.now(UTC)), "copy")


def test_a_deleted_container_is_read_as_an_empty_one(deleted: AzureContainer) -> None:
    assert deleted.page() == BlobPage([], None)
    assert list(deleted.versions("a")) == []
    assert deleted.version("a") is None
    assert deleted.read("a") is None
    deleted.delete("a")
    with pytest.raises(VersionGone):
        list(deleted.stream("a"))


@pytest.fixture(params=WAYS)
def deleted_table(request: pytest.FixtureRequest, clients: StorageClients) -> Table:
    """A table that was used and then deleted."""
    table = table_of(clients, request.param)
    table.insert(ENTITY)
    clients.tables.delete_table(table._client.table_name)
    return table


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.insert(ENTITY),
        lambda table: table.upsert([ENTITY]),
        lambda table: table.upsert([ENTITY, OTHER]),
        lambda table: table.change_together([Insertion(ENTITY), Upsertion(OTHER)]),
    ],
)
def test_a_row_is_written_although_its_table_was_deleted(
    change: Callable[[Table], object], deleted_table: Table
) -> None:
    change(deleted_table)
    stored = deleted_table.get("p", "r")
    assert stored is not None
    assert stored.values["a"] == 1


def test_a_row_of_a_deleted_table_is_a_changed_one(deleted_table: Table) -> None:
    with pytest.raises(EntityChanged):
        deleted_table.replace(ENTITY, 'W/"1"')
    with pytest.raises(EntityChanged):
        deleted_table.change_together([Replacement(ENTITY, 'W/"1"')])


def test_a_deleted_table_is_read_as_an_empty_one(deleted_table: Table) -> None:
    assert list(deleted_table.query(Query())) == []
    assert list(deleted_table.query(Query("p", limit=1))) == []
    assert deleted_table.get("p", "r") is None
    deleted_table.delete([("p", "r")])
    deleted_table.remove("p", "r", 'W/"1"')
    deleted_table.insert(ENTITY)


def test_a_wake_up_and_an_event_are_sent_although_their_queue_was_deleted(clients: StorageClients) -> None:
    queues = [clients.queue(f"q{uuid4().hex}") for _ in range(2)]
    wakeups, events = AzureWakeups(queues[0], {}), AzureFileEvents(queues[1], timedelta(days=1))
    wakeups.prepare()
    events.prepare()
    for queue in queues:
        queue.delete_queue()
    wakeups.send(BlobWakeUp(path="a"))
    events.send("event")
    assert [len(list(queue.receive_messages())) for queue in queues] == [1, 1]


def test_any_other_error_is_raised_and_nothing_is_made() -> None:
    created: list[str] = []

    def fails() -> None:
        raise HttpResponseError("forbidden")

    resource = Resource("any", lambda: created.append("any"))
    resource.prepare()
    with pytest.raises(HttpResponseError, match="forbidden"):
        resource.using(fails)
    with pytest.raises(HttpResponseError, match="forbidden"):
        resource.recreate_after(HttpResponseError("forbidden"))
    assert created == ["any"]


def test_what_this_process_has_not_prepared_is_not_made(clients: StorageClients) -> None:
    name = f"absent-{uuid4().hex}"
    with pytest.raises(ResourceNotFoundError):
        AzureContainer(clients.blobs, name).write("a", b"content", "text/plain")
    with pytest.raises(ResourceNotFoundError):
        AzureWakeups(clients.queue(name), {}).send(BlobWakeUp(path="a"))
    assert not clients.blobs.get_container_client(name).exists()
