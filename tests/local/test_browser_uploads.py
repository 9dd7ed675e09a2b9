"""Which pages may upload to the local storage from a browser."""

import http.client
from urllib.parse import urlsplit

import pytest
from azure.storage.blob import BlobServiceClient

from local.browser_uploads import allow_uploads_from


def _preflight(storage: BlobServiceClient, origin: str, method: str) -> int:
    """What storage answers to the question of a browser whether a page may send a request."""
    parts = urlsplit(storage.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        connection.request("OPTIONS", f"{parts.path}staging/id/a.csv?comp=block", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("origin", "method", "status"),
    [
        ("http://localhost:7071", "PUT", 200),
        ("http://127.0.0.1:7071", "PUT", 200),
        ("http://localhost:7071", "GET", 403),
        ("http://localhost:7072", "PUT", 403),
        ("https://evil.example", "PUT", 403),
    ],
)
def test_only_the_page_may_upload_and_do_nothing_else(
    azurite_connection: str, origin: str, method: str, status: int
) -> None:
    storage = BlobServiceClient.from_connection_string(azurite_connection)
    allow_uploads_from("http://localhost:7071/api/status", storage)
    assert _preflight(storage, origin, method) == status
