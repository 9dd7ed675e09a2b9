"""Addresses for a browser's upload: what they allow, on Azurite, and how they are signed with an identity."""

import http.client
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient, UserDelegationKey

from shared.storage.connection import StorageClients
from shared.storage.upload_addresses import TIME_FOR_AN_UPLOAD, AzureUploadAddresses

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def put(address: str, content: bytes = b"rows", method: str = "PUT", **headers: str) -> int:
    """The status of a request to the address."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", content, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def put_blob(address: str, content: bytes = b"rows") -> int:
    return put(address, content, **{"x-ms-blob-type": "BlockBlob"})


@pytest.fixture
def staging(clients: StorageClients) -> tuple[AzureUploadAddresses, str]:
    name = f"staging-{uuid4().hex}"
    clients.blobs.create_container(name)
    return AzureUploadAddresses(clients.blobs, name), name


def test_a_browser_writes_one_blob_in_blocks_and_can_read_nothing(
    staging: tuple[AzureUploadAddresses, str], clients: StorageClients
) -> None:
    addresses, name = staging
    address = addresses.address("id/ä b#?.csv", datetime.now(UTC))
    assert address is not None
    assert address.startswith(f"{addresses.origin}/")
    assert put(f"{address}&comp=block&blockid=MDAx", b"one,") == 201
    assert put(f"{address}&comp=block&blockid=MDAy", b"two") == 201
    blocks = b"<BlockList><Latest>MDAx</Latest><Latest>MDAy</Latest></BlockList>"
    assert put(f"{address}&comp=blocklist", blocks) == 201
    assert clients.blobs.get_blob_client(name, "id/ä b#?.csv").download_blob().readall() == b"one,two"
    assert put(address, b"", "GET") == 403
    assert put(address, b"", "DELETE") == 403
    other = urlsplit(address)
    assert put_blob(f"{addresses.origin}{other.path}x?{other.query}") == 403


def test_an_address_ends_after_an_hour(staging: tuple[AzureUploadAddresses, str]) -> None:
    addresses, _ = staging
    late = addresses.address("id/a.csv", datetime.now(UTC) - TIME_FOR_AN_UPLOAD - timedelta(minutes=1))
    assert late is not None
    assert put_blob(late) == 403


@dataclass
class _Identity:
    """A service whose identity storage gives a key."""

    account_name: str = "account"
    url: str = "https://account.blob.core.windows.net/"
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def credential(self) -> object:
        return self

    def get_token(self) -> None:
        return

    def get_user_delegation_key(self, start: datetime, end: datetime) -> UserDelegationKey:
        self.asked.append((start, end))
        key = UserDelegationKey()  # type: ignore[no-untyped-call]
        key.signed_oid, key.signed_tid, key.value = "oid", "tid", "a2V5"
        key.signed_start, key.signed_expiry = "2026-11-20T11:59:00Z", "2026-11-20T13:00:00Z"
        key.signed_service, key.signed_version = "b", "2026-02-06"
        return key

    def get_blob_client(self, container: str, path: str) -> object:
        return BlobServiceClient(self.url).get_blob_client(container, path)


def test_an_identity_signs_with_a_key_that_storage_gives_it_for_the_hour() -> None:
    identity = _Identity()
    address = AzureUploadAddresses(identity, "staging").address("id/a.csv", NOW)  # type: ignore[arg-type]
    assert address is not None
    fields = parse_qs(urlsplit(address).query)
    assert (fields["sp"], fields["sr"], fields["se"]) == (["cw"], ["b"], ["2026-11-20T13:00:00Z"])
    assert (fields["skoid"], fields["sktid"]) == (["oid"], ["tid"])
    ((start, end),) = identity.asked
    assert (end, start < NOW) == (NOW + TIME_FOR_AN_UPLOAD, True)


def test_a_connection_with_neither_key_nor_identity_gives_no_address() -> None:
    service = BlobServiceClient("https://account.blob.core.windows.net/?sv=1&sig=abc")
    assert AzureUploadAddresses(service, "staging").address("id/a.csv", NOW) is None
