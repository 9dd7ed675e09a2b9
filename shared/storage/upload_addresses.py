"""Addresses to which a browser uploads one blob by itself (valet key pattern): create and write only, for an hour."""

from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from shared.storage.connection import BLOB_RANGE

TIME_FOR_AN_UPLOAD = timedelta(hours=1)

BYTES_OF_A_BLOCK = BLOB_RANGE
"""The size of the blocks in which a browser uploads."""

_CLOCKS_DIFFER = timedelta(minutes=1)
"""A key that is valid from now on would not be valid yet on a machine of storage whose clock is behind."""

_ALLOWED = BlobSasPermissions(create=True, write=True)


class UploadAddresses(Protocol):
    """Gives the addresses. May raise the storage client's own errors when storage does not answer."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of the addresses, for the content security policy of the page that uses them."""

    def address(self, path: str, now: datetime) -> str | None:
        """An address to which one may write the blob at `path` until `TIME_FOR_AN_UPLOAD` from `now`.

        None where the connection to storage has neither an identity nor a key.
        """


class AzureUploadAddresses:
    """Signs addresses with a key that storage gives the app's identity, or with the account's key."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._service = service
        self._container = container

    @property
    def origin(self) -> str:
        """The origin of the blob service."""
        parts = urlsplit(self._service.url)
        return f"{parts.scheme}://{parts.netloc}"

    def address(self, path: str, now: datetime) -> str | None:
        """A new delegation key is asked for at each call: uploads are few, and no key is kept."""
        until, credential = now + TIME_FOR_AN_UPLOAD, self._service.credential
        account_key = getattr(credential, "account_key", None)
        delegation_key = None
        if account_key is None:
            if not hasattr(credential, "get_token"):
                return None
            delegation_key = self._service.get_user_delegation_key(now - _CLOCKS_DIFFER, until)
        signature = generate_blob_sas(
            self._service.account_name or "",
            self._container,
            path,
            account_key=account_key,
            user_delegation_key=delegation_key,
            permission=_ALLOWED,
            expiry=until,
        )
        return f"{self._service.get_blob_client(self._container, path).url}?{signature}"
