"""Blob triggers with the source LogsAndContainerScan, as the storage extension serves them.

One instance among all scans the containers. A version of a blob without a receipt becomes a message on an internal
queue of the host's storage, and has its receipt from that moment: a receipt proves detection, not success. All
instances take from that queue. A message whose blob is gone, or has another ETag by now, is dropped as done. A failed
one is visible again at once; after `poisonBlobThreshold` tries it moves to the poison queue.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient, BlobType
from azure.storage.queue import QueueClient, QueueMessage

from local.functions_host.app import BlobTrigger, HostedFunction
from local.functions_host.converting import argument, blob_client, is_sdk_type
from local.functions_host.invoking import Answer, Invoker
from local.functions_host.leases import HOST_CONTAINER, Singleton
from local.functions_host.queue_trigger import NotDecodableError, Processor, decoded, encoded

logger = logging.getLogger(__name__)

POISON_QUEUE = "webjobs-blobtrigger-poison"

_SCAN_SECONDS = 0.5
_RESTING = 2
"""A scan is followed by a pause of at least this many times its own length, so that large containers cost little."""


def internal_queue(host_id: str) -> str:
    """The queue that all instances of an app take detected blobs from."""
    return f"azure-webjobs-blobtrigger-{host_id}"


@dataclass(frozen=True, slots=True)
class WatchedFunction:
    """A function with a blob trigger, and the storage it watches."""

    function: HostedFunction
    trigger: BlobTrigger
    storage: BlobServiceClient

    def matches(self, blob_name: str) -> bool:
        """Whether the trigger's path has a place for a blob of that name."""
        parts = re.split(r"\{\w+\}", self.trigger.pattern)
        return re.fullmatch(".+".join(re.escape(part) for part in parts), blob_name, re.DOTALL) is not None


class BlobScanner:
    """Finds new versions of blobs while no other instance does; `run` is its thread."""

    def __init__(
        self, watched: Iterable[WatchedFunction], host_storage: BlobServiceClient, queue: QueueClient, host_id: str
    ) -> None:
        self._watched = tuple(watched)
        self._host_storage = host_storage
        self._queue = queue
        self._host_id = host_id
        self._singleton = Singleton(host_storage, host_id, "WebJobs.Internal.Blobs.Listener")
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
                logger.warning("The blobs cannot be scanned, it is tried again: %s", error)
            pause = max(_SCAN_SECONDS, _RESTING * (time.monotonic() - began))
        self._singleton.release()

    def _scan(self, stopping: threading.Event) -> None:
        for watched in self._watched:
            container = watched.storage.get_container_client(watched.trigger.container)
            try:
                for blob in container.list_blobs():
                    if stopping.is_set() or not self._singleton.is_mine():
                        return
                    if watched.matches(blob.name):
                        self._announce(watched, blob)
            except ResourceNotFoundError:
                continue

    def _announce(self, watched: WatchedFunction, blob: BlobProperties) -> None:
        etag = _bare(blob.etag)
        function_id = watched.function.function_id
        receipt = f"blobreceipts/{self._host_id}/{function_id}/{etag}/{watched.trigger.container}/{blob.name}"
        if receipt in self._known:
            return
        record = self._host_storage.get_blob_client(HOST_CONTAINER, receipt)
        if not record.exists():
            message = {
                "Type": "BlobTrigger",
                "FunctionId": function_id,
                "BlobType": BlobType(blob.blob_type).value,
                "ContainerName": watched.trigger.container,
                "BlobName": blob.name,
                "ETag": f'"{etag}"',
            }
            self._queue.send_message(encoded(json.dumps(message)))
            record.upload_blob(b"", overwrite=True)
            logger.info("Found %s/%s, ETag %s", watched.trigger.container, blob.name, etag)
        self._known.add(receipt)


def blob_processor(watched: Iterable[WatchedFunction], invoker: Invoker) -> Processor:
    """What to do with a message of the internal queue."""
    by_id = {one.function.function_id: one for one in watched}

    def process(message: QueueMessage) -> Future[Answer] | None:
        content = _content(message)
        found = by_id.get(str(content.get("FunctionId")))
        if found is None:
            logger.warning("A blob's message is for %s, which this app has not; dropped", content.get("FunctionId"))
            return None
        blob = found.storage.get_blob_client(str(content["ContainerName"]), str(content["BlobName"]))
        try:
            properties = blob.get_blob_properties()
        except ResourceNotFoundError:
            logger.info("Blob %s/%s is gone; nothing to do", blob.container_name, blob.blob_name)
            return None
        if _bare(properties.etag) != _bare(str(content["ETag"])):
            logger.info("Blob %s/%s has changed; its newer version is found by itself", *_place(blob))
            return None
        return invoker.start(found.function, _argument(found, blob, properties), f"blob {'/'.join(_place(blob))}")

    return process


def _content(message: QueueMessage) -> Mapping[str, object]:
    try:
        content = json.loads(str(decoded(message.content, is_base64=True).value))
    except ValueError as error:
        raise NotDecodableError("it is not the JSON of a blob's message") from error
    if not isinstance(content, dict) or not {"FunctionId", "ContainerName", "BlobName", "ETag"} <= content.keys():
        raise NotDecodableError("it does not name a function, a container, a blob and its ETag")
    return content


def _place(blob: BlobClient) -> tuple[str, str]:
    return blob.container_name, blob.blob_name


def _bare(etag: str) -> str:
    return etag.strip('"')


def _argument(watched: WatchedFunction, blob: BlobClient, properties: BlobProperties) -> object:
    wanted = watched.function.parameter_type
    container, name = _place(blob)
    if is_sdk_type(wanted):
        return blob_client(wanted, connection=watched.trigger.connection, container=container, blob=name)
    metadata = {
        "BlobTrigger": Datum(f"{container}/{name}", "string"),
        "Uri": Datum(blob.url, "string"),
        "Properties": Datum(json.dumps({"ContentLength": properties.size, "ETag": properties.etag}), "json"),
        "Metadata": Datum(json.dumps(properties.metadata or {}), "json"),
    }
    return argument("blobTrigger", Datum(blob.download_blob().readall(), "bytes"), metadata)
