"""The queue of events about files that have ended, for other systems to read. Unread events expire."""

from datetime import timedelta
from typing import Protocol

from azure.storage.queue import QueueClient

from shared.storage.recreating import Resource


class FileEvents(Protocol):
    """A queue of events about files that have ended."""

    def prepare(self) -> None:
        """Create the queue if it does not exist."""

    def send(self, event: str) -> None:
        """Add the text of an event to the queue."""


class AzureFileEvents:
    """Events in Queue Storage. An event expires when its file's retention ends."""

    def __init__(self, client: QueueClient, kept: timedelta) -> None:
        self._client = client
        self._resource = Resource(client.queue_name, client.create_queue)
        self._kept = kept

    def prepare(self) -> None:
        self._resource.prepare()

    def send(self, event: str) -> None:
        def send() -> None:
            self._client.send_message(event, time_to_live=int(self._kept.total_seconds()))

        self._resource.using(send)
