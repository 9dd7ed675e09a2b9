"""A lease on a blob of the host's storage, which lets one instance among all do the work it stands for."""

import logging
import time
from contextlib import suppress

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

logger = logging.getLogger(__name__)

HOST_CONTAINER = "azure-webjobs-hosts"

_LEASE_SECONDS = 15
"""The shortest blob lease there is, and so the longest time until another instance takes over after a crash."""
_RENEW_AFTER_SECONDS = 5


class Singleton:
    """Work that at most one instance does at a time. Used by one thread."""

    def __init__(self, storage: BlobServiceClient, host_id: str, work: str) -> None:
        self._storage = storage
        self._blob = storage.get_blob_client(HOST_CONTAINER, f"locks/{host_id}/{work}")
        self._lease: BlobLeaseClient | None = None
        self._renewed = 0.0

    def is_mine(self) -> bool:
        """Whether this instance holds the lease now; takes it when it is free, renews it when that is due.

        To be called every few seconds while the work is in progress.
        """
        if self._lease is None:
            self._try_to_take()
        elif time.monotonic() - self._renewed > _RENEW_AFTER_SECONDS:
            self._renew(self._lease)
        return self._lease is not None

    def release(self) -> None:
        """Let another instance take the lease at once."""
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                lease.release()
            except AzureError:
                logger.debug("A lease could not be released; it expires by itself", exc_info=True)

    def _try_to_take(self) -> None:
        asked = time.monotonic()
        try:
            self._lease = self._blob.acquire_lease(_LEASE_SECONDS)
        except ResourceNotFoundError:
            self._create()
        except HttpResponseError as error:
            if error.status_code != 409:  # noqa: PLR2004 - LeaseAlreadyPresent: another instance has it
                raise
        self._renewed = asked

    def _create(self) -> None:
        try:
            self._blob.upload_blob(b"", overwrite=False)
        except ResourceExistsError:
            logger.debug("Another instance made the lock first")
        except ResourceNotFoundError:
            logger.warning("The container %s was deleted while the host was running; it is made again", HOST_CONTAINER)
            with suppress(ResourceExistsError):
                self._storage.create_container(HOST_CONTAINER)
        except HttpResponseError as error:
            logger.debug("The lock could not be made yet: %s", error.reason)

    def _renew(self, lease: BlobLeaseClient) -> None:
        asked = time.monotonic()
        try:
            lease.renew()
            self._renewed = asked
        except HttpResponseError:
            logger.warning("A lease was lost; another instance may have it now")
            self._lease = None
