"""Makes a container, queue or table again that was deleted while the app runs: its contents are lost, the work goes on.

A process creates missing tables, containers and queues once, before its first use. Without this, work on a container
that was deleted later would fail until every instance has restarted.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import HttpResponseError, ResourceExistsError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_MISSING = frozenset({"ContainerNotFound", "QueueNotFound", "TableNotFound"})
"""The codes of Blob, Queue and Table Storage for a request to a container, queue or table that does not exist."""


class Resource:
    """A container, queue or table that this process creates, and creates again when it is found missing.

    What this process has not prepared is not created: its address may be wrong.
    """

    def __init__(self, name: str, create: Callable[[], object]) -> None:
        """`create` makes it, and raises ResourceExistsError if it exists."""
        self._name = name
        self._create = create
        self._is_prepared = False

    def prepare(self) -> None:
        """Create it if it does not exist."""
        self._is_prepared = True
        try:
            self._create()
        except ResourceExistsError:
            return

    def using(self, work: Callable[[], Answer]) -> Answer:
        """Do `work`; if it fails because this was deleted, create it and do `work` once more.

        Storage takes up to a minute to delete a container, and refuses to create it until then: the second error is
        raised.
        """
        try:
            return work()
        except HttpResponseError as error:
            if not self.is_deleted(error):
                raise
        self.recreate()
        return work()

    def is_deleted(self, error: HttpResponseError) -> bool:
        """Whether a request failed because this was deleted after this process had prepared it."""
        return self._is_prepared and getattr(error, "error_code", None) in _MISSING

    def recreate(self) -> None:
        """Create it again, empty, and log that it was deleted."""
        logger.error(
            "A container, queue or table was deleted while the app was running; it is made again, empty",
            extra={"deleted": self._name},
        )
        self.prepare()

    def recreate_after(self, error: HttpResponseError) -> None:
        """Create it again if that is what `error` was about; raise any other error."""
        if not self.is_deleted(error):
            raise error
        self.recreate()
