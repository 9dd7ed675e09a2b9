"""Opening storage: nothing is sent before the first use, and an outage is reported soon."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.settings import StorageConnectionString, StorageIdentity
from shared.storage.connection import StorageClients, open_storage
from tests.raw_server import StartRawServer

NOBODY = "http://127.0.0.1:9"
NO_STORAGE = StorageConnectionString(
    "AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    f"BlobEndpoint={NOBODY}/d;QueueEndpoint={NOBODY}/d;TableEndpoint={NOBODY}/d"
)
WITHOUT_KEY = StorageIdentity("https://a.blob.invalid", "https://a.queue.invalid", "https://a.table.invalid", "the app")

USES: list[Callable[[StorageClients], object]] = [
    lambda clients: clients.blobs.get_container_client("x").exists(),
    lambda clients: clients.queue("x").get_queue_properties(),
    lambda clients: clients.table("x").get("p", "r"),
]


class Identity:
    """A source of tokens that refuses, under its name."""

    def __init__(self, client_id: str) -> None:
        self._name = client_id

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        raise ClientAuthenticationError(f"asked: {self._name}")


def test_nothing_is_sent_before_the_first_use(raw_server: StartRawServer) -> None:
    server = raw_server(b"")
    connection = NO_STORAGE.value.replace(NOBODY, server.url)
    open_storage(StorageConnectionString(connection)).queue("x")
    assert server.received == []


@pytest.mark.parametrize("use", USES)
def test_an_outage_is_reported_within_half_a_minute(
    use: Callable[[StorageClients], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with pytest.raises(AzureError):
        use(open_storage(NO_STORAGE))
    assert pauses, "it is tried again"
    assert sum(pauses) < 30


@pytest.mark.parametrize("use", USES)
def test_a_person_signs_in_with_their_own_identity_and_the_app_with_its_own(
    use: Callable[[StorageClients], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.identity.ManagedIdentityCredential", Identity)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(ClientAuthenticationError, match="asked: the person"):
        use(open_storage(WITHOUT_KEY, Identity("the person")))
    with pytest.raises(ClientAuthenticationError, match="asked: the app"):
        use(open_storage(WITHOUT_KEY))


def test_a_message_is_written_in_base64_as_the_host_reads_it(clients: StorageClients) -> None:
    queue = clients.queue(f"q{uuid4().hex}")
    queue.create_queue()
    queue.send_message("Grüße")
    (message,) = queue.receive_messages()
    assert b64decode(message.content).decode() == "Grüße"
