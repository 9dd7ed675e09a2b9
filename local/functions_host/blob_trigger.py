"""Blob triggers with the source LogsAndContainerScan, as the storage extension serves them.

One instance among all scans the container. A version of a blob without a receipt becomes a message on an internal queue
of the host's storage, and has its receipt from that moment: a receipt proves detection, not success. All instances take
from that queue. A message whose blob was deleted or has another ETag by now is dropped as done. A failed message is
visible again at once; after `poisonBlobThreshold` attempts it moves to the poison queue.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobServiceClient, BlobType
from azure.storage.queue import QueueClient, QueueMessage

from local.functions_host.app import BlobTrigger, HostedFunction
from local.functions_host.converting import blob_client
from local.functions_host.invoking import Answer, Invoker
from local.functions_host.leases import HOST_CONTAINER, Singleton
from local.functions_host.queue_trigger import NotDecodableError, Processor, decoded, encoded

logger = logging.getLogger(__name__)

POISON_QUEUE = "webjobs-blobtrigger-poison"

_RESTING = 2
"""A scan is followed by a pause of at least this many times its own length, so that large containers cost little."""


def internal_queue(host_id: str) -> str:
    """The queue from which all instances of an app take detected blobs."""
    return f"azure-webjobs-blobtrigger-{host_id}"


@dataclass(frozen=True, slots=True)
class WatchedFunction:
    """A function with a blob trigger, and the storage it watches."""

    function: HostedFunction
    trigger: BlobTrigger
    storage: BlobServiceClient


class BlobScanner:
    """Finds new versions of blobs while no other instance does; `run` is its thread."""

    def __init__(
        self,
        watched: WatchedFunction,
        host_storage: BlobServiceClient,
        queue: QueueClient,
        host_id: str,
        seconds_between_scans: float,
    ) -> None:
        self._container = watched.storage.get_container_client(watched.trigger.container)
        self._function_id = watched.function.function_id
        self._host_storage = host_storage
        self._queue = queue
        self._host_id = host_id
        self._singleton = Singleton(host_storage, host_id, "WebJobs.Internal.Blobs.Listener")
        self._between_scans = seconds_between_scans
        self._known: set[str] = set()
        """Receipts known to exist."""

    def run(self, stopping: threading.Event) -> None:
        """Scan again and again until `stopping` is set."""
        pause = 0.0
        while not stopping.wait(pause):
            began = time.monotonic()
            try:
                if self._singleton.is_mine():
                    self._scan(stopping)
            except AzureError as error:
                logger.warning("The blobs cannot be scanned; trying again: %s", error)
            pause = max(self._between_scans, _RESTING * (time.monotonic() - began))
        self._singleton.release()

    def _scan(self, stopping: threading.Event) -> None:
        for blob in self._blobs():
            if stopping.is_set() or not self._singleton.is_mine():
                return
            if is_called_for(blob.name):
                self._announce(blob)

    def _blobs(self) -> Iterator[BlobProperties]:
        try:
            yield from self._container.list_blobs()
        except ResourceNotFoundError:
            logger.debug("The container %s does not exist", self._container.container_name)

    def _announce(self, blob: BlobProperties) -> None:
        etag, container = _bare(blob.etag), self._container.container_name
        receipt = f'blobreceipts/{self._host_id}/{self._function_id}/"{etag}"/{container}/{blob.name}'
        if receipt in self._known:
            return
        record = self._host_storage.get_blob_client(HOST_CONTAINER, receipt)
        if not record.exists():
            message = {
                "Type": "BlobTrigger",
                "FunctionId": self._function_id,
                "BlobType": BlobType(blob.blob_type).value,
                "ContainerName": container,
                "BlobName": blob.name,
                "ETag": f'"{etag}"',
            }
            self._send(encoded(json.dumps(message)))
            record.upload_blob(b"", overwrite=True)
            logger.info("Found %s/%s, ETag %s", container, blob.name, etag)
        self._known.add(receipt)

    def _send(self, message: str) -> None:
        try:
            self._queue.send_message(message)
        except ResourceNotFoundError:
            logger.warning(
                "The queue %s was deleted while the host was running; it is made again", self._queue.queue_name
            )
            self._queue.create_queue()
            self._queue.send_message(message)


def is_called_for(name: str) -> bool:
    """Whether the real host calls a function for a blob of this name."""
    return not name.endswith("/") and "\n" not in name[:-1]


def blob_processor(watched: WatchedFunction, invoker: Invoker) -> Processor:
    """Starts the watched function for each message of the internal queue whose blob is still the one detected."""

    def process(message: QueueMessage) -> Future[Answer] | None:
        content = _content(message)
        container, name = str(content["ContainerName"]), str(content["BlobName"])
        try:
            found = watched.storage.get_blob_client(container, name).get_blob_properties()
        except ResourceNotFoundError:
            logger.info("Blob %s/%s was deleted; nothing to do", container, name)
            return None
        if _bare(found.etag) != _bare(str(content["ETag"])):
            logger.info("Blob %s/%s has changed; the scan finds its newer version", container, name)
            return None
        argument = blob_client(connection=watched.trigger.connection, container=container, blob=name)
        return invoker.start(watched.function, argument, f"blob {container}/{name}")

    return process


def _content(message: QueueMessage) -> Mapping[str, object]:
    try:
        content = json.loads(decoded(message.content))
    except ValueError as error:
        raise NotDecodableError("it is not the JSON of a blob's message") from error
    if not isinstance(content, dict) or not {"ContainerName", "BlobName", "ETag"} <= content.keys():
        raise NotDecodableError("it does not name a container, a blob and its ETag")
    return content


def _bare(etag: str) -> str:
    return etag.strip('"')
