"""The queue that tells others of files that have ended. Whoever reads it takes its messages; unread ones expire."""

from datetime import timedelta
from typing import Protocol

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient


class FileEvents(Protocol):
    """Where it is told that a file has ended."""

    def prepare(self) -> None:
        """Make the queue when it is missing."""

    def send(self, event: str) -> None:
        """Leave the text of an event."""


class AzureFileEvents:
    """Events in Queue Storage, each kept for as long as the file is."""

    def __init__(self, client: QueueClient, kept: timedelta) -> None:
        self._client = client
        self._kept = kept

    def prepare(self) -> None:
        try:
            self._client.create_queue()
        except ResourceExistsError:
            return

    def send(self, event: str) -> None:
        self._client.send_message(event, time_to_live=int(self._kept.total_seconds()))
