"""Each kind of storage twice: in memory, and in a real Azurite."""

from uuid import uuid4

import pytest

from shared.settings import StorageConnectionString
from shared.storage.blobs import AzureContainer, Container
from shared.storage.connection import StorageClients, open_storage
from shared.storage.tables import AzureTable, Table
from tests.storage.fakes import InMemoryContainer, InMemoryTable

KINDS = ["memory", "azurite"]


@pytest.fixture
def clients(azurite_connection: str) -> StorageClients:
    return open_storage(StorageConnectionString(azurite_connection))


@pytest.fixture(params=KINDS)
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return InMemoryTable()
    clients: StorageClients = request.getfixturevalue("clients")
    table = AzureTable(clients.tables.get_table_client(f"t{uuid4().hex}"))
    table.prepare()
    return table


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
