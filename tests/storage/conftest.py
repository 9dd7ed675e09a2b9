"""Each kind of storage twice: in memory, and in a real Azurite; tables there both ways of sending transactions."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from local.in_memory_storage import InMemoryContainer, InMemoryTable
from shared.settings import StorageConnectionString
from shared.storage.blobs import AzureContainer, Container
from shared.storage.connection import StorageClients, open_storage
from shared.storage.journal import Journal, TableName
from shared.storage.tables import AzureTable, Table

KINDS = ["memory", "azurite"]
WAYS = ["own transactions", "the client's transactions"]


@pytest.fixture
def clients(azurite_connection: str) -> StorageClients:
    return open_storage(StorageConnectionString(azurite_connection))


def table_of(clients: StorageClients, way: str) -> AzureTable:
    """A new table that sends its transactions in one of the two ways."""
    name = f"t{uuid4().hex}"
    table = clients.table(name) if way == WAYS[0] else AzureTable(clients.tables.get_table_client(name))
    table.prepare()
    return table


@pytest.fixture(params=["memory", *WAYS])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return InMemoryTable()
    return table_of(request.getfixturevalue("clients"), request.param)


@pytest.fixture(params=WAYS)
def azure_table(request: pytest.FixtureRequest, clients: StorageClients) -> AzureTable:
    """A table of Azurite, for requests that only a real service refuses."""
    return table_of(clients, request.param)


@pytest.fixture(params=KINDS)
def containers(request: pytest.FixtureRequest) -> tuple[str, Container, Container]:
    """The name of a container, the container, and another one of the same account."""
    if request.param == "memory":
        drop = InMemoryContainer()
        return "drop", drop, InMemoryContainer({"drop": drop})
    clients: StorageClients = request.getfixturevalue("clients")
    name = f"drop-{uuid4().hex}"
    made = [AzureContainer(clients.blobs, container) for container in (name, f"private-{uuid4().hex}")]
    for container in made:
        container.prepare()
    return name, made[0], made[1]


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest) -> Journal:
    made: Callable[[TableName], Table]
    if request.param == "memory":
        made = lambda _: InMemoryTable()  # noqa: E731
    else:
        clients: StorageClients = request.getfixturevalue("clients")
        prefix = f"t{uuid4().hex}"
        made = lambda name: clients.table(prefix + name)  # noqa: E731
    journal = Journal(made)
    journal.prepare()
    journal.prepare()
    return journal
