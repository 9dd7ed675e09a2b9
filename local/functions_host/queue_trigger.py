"""Takes messages from a queue and processes them, as the storage extension's queue listener does.

A message taken is invisible to others for the lease, which is renewed at half while its function runs; the message of
a crashed instance reappears when the lease ends. A failed message reappears after the visibility timeout. A message
taken more often than allowed, or failing at its last allowed attempt, is copied to the poison queue and then deleted.
"""

import base64
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import timedelta

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.queue import QueueClient, QueueMessage

from local.functions_host.app import HostedFunction
from local.functions_host.converting import argument
from local.functions_host.invoking import Answer, Invoker

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
"""The storage extension's fixed lease on a message."""

_FIRST_POLL_SECONDS = 0.1
_NOT_ALLOWED = (401, 403)
_MESSAGE_GONE = (400, 404)
"""Statuses for a pop receipt that is no longer valid, and for a message that no longer exists."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages of a queue are processed at a time, and for how long and how often."""

    batch_size: int
    new_batch_threshold: int
    """Take the next batch when no more than this many messages are still being processed."""
    max_dequeue_count: int
    failure_delay: timedelta
    max_polling_interval: timedelta
    lease: timedelta = LEASE
    stops_where_not_allowed: bool = False
    """Whether the listener fails where it may not read its queue, as in Azure, or tries again."""


class NotTextError(Exception):
    """A message is no UTF-8 text, as the function wants it: the function is not called, and every attempt fails."""


class NotDecodableError(Exception):
    """A message does not have the form it must have; no repetition helps, so it is poison at once."""


Processor = Callable[[QueueMessage], "Future[Answer] | None"]
"""Starts the function for a message; None when there is nothing to run and the message can be deleted."""


class QueueListener:
    """Processes the messages of one queue until the host stops; `run` is its thread."""

    def __init__(self, queue: QueueClient, poison_queue: QueueClient, limits: Limits, process: Processor) -> None:
        self.name = queue.queue_name
        self._queue = queue
        self._poison_queue = poison_queue
        self._limits = limits
        self._process = process
        self._in_flight = 0
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(limits.batch_size + limits.new_batch_threshold, thread_name_prefix=self.name)

    def run(self, stopping: threading.Event) -> None:
        """Take and process messages until `stopping` is set; messages in progress are then still finished."""
        most = self._limits.max_polling_interval.total_seconds()
        delay = _FIRST_POLL_SECONDS
        while not stopping.is_set():
            if not self._has_room():
                continue
            messages = self._take()
            for message in messages:
                self._begin(message)
            delay = _FIRST_POLL_SECONDS if messages else min(most, delay * random.uniform(1.5, 2))
            if not messages:
                stopping.wait(delay)

    @property
    def is_idle(self) -> bool:
        """Whether no message is being processed."""
        return self._in_flight == 0

    def _has_room(self) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight <= self._limits.new_batch_threshold, timeout=0.2)

    def _take(self) -> list[QueueMessage]:
        lease = int(self._limits.lease.total_seconds())
        try:
            # One request: an error of a second one would strand what the first has taken.
            pages = self._queue.receive_messages(
                messages_per_page=self._limits.batch_size, visibility_timeout=lease
            ).by_page()
            return list(next(pages, []))
        except ResourceNotFoundError:
            return []
        except AzureError as error:
            logger.warning("The queue %s cannot be read; trying again: %s", self.name, error)
            if isinstance(error, HttpResponseError) and error.status_code in _NOT_ALLOWED:
                logger.error("In Azure the host would stop here: it may not read the queue %s", self.name)  # noqa: TRY400
                if self._limits.stops_where_not_allowed:
                    raise
            return []

    def _begin(self, message: QueueMessage) -> None:
        with self._changed:
            self._in_flight += 1
        self._pool.submit(self._process_and_settle, message).add_done_callback(self._end)

    def _end(self, done: Future[None]) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()
        error = done.exception()
        if error is not None:
            logger.error(
                "A message of %s could not be settled; it reappears after its lease", self.name, exc_info=error
            )

    def _process_and_settle(self, message: QueueMessage) -> None:
        taken = _times_taken(message)
        if taken > self._limits.max_dequeue_count:
            self._poison(message)
            return
        has_succeeded = False
        try:
            running = self._process(message)
            has_succeeded = running is None or self._answer(running, message).succeeded
        except NotDecodableError as error:
            logger.warning("Message %s of %s: %s", message.id, self.name, error)
            self._poison(message)
            return
        except NotTextError as error:
            logger.warning("Message %s of %s: %s", message.id, self.name, error)
        if has_succeeded:
            self._delete(message)
        elif taken >= self._limits.max_dequeue_count:
            self._poison(message)
        else:
            self._make_visible_in(message, self._limits.failure_delay)

    def _answer(self, running: Future[Answer], message: QueueMessage) -> Answer:
        half = self._limits.lease.total_seconds() / 2
        while not wait_for([running], timeout=half).done:
            try:
                self._make_visible_in(message, self._limits.lease)
            except AzureError as error:
                logger.warning("The lease on a message of %s was not renewed: %s", self.name, error)
        return running.result()

    def _make_visible_in(self, message: QueueMessage, delay: timedelta) -> None:
        try:
            updated = self._queue.update_message(
                message.id, message.pop_receipt, visibility_timeout=int(delay.total_seconds())
            )
            message.pop_receipt = updated.pop_receipt
        except HttpResponseError as error:
            if error.status_code not in _MESSAGE_GONE:
                raise
            logger.debug("Another instance holds message %s of %s now", message.id, self.name)

    def _delete(self, message: QueueMessage) -> None:
        try:
            self._queue.delete_message(message.id, message.pop_receipt)
        except HttpResponseError as error:
            if error.status_code not in _MESSAGE_GONE:
                raise
            logger.debug("Another instance holds message %s of %s now", message.id, self.name)

    def _poison(self, message: QueueMessage) -> None:
        logger.error(
            "Message %s of %s was taken %s times; it moves to %s",
            *(message.id, self.name, _times_taken(message), self._poison_queue.queue_name),
        )
        try:
            self._poison_queue.send_message(message.content)
        except ResourceNotFoundError:
            self._poison_queue.create_queue()
            self._poison_queue.send_message(message.content)
        self._delete(message)


def _times_taken(message: QueueMessage) -> int:
    return message.dequeue_count or 1


def function_processor(function: HostedFunction, invoker: Invoker) -> Processor:
    """Starts `function` for each message of the queue that triggers it."""

    def process(message: QueueMessage) -> Future[Answer]:
        taken = str(_times_taken(message))
        metadata = {"Id": Datum(message.id, "string"), "DequeueCount": Datum(taken, "string")}
        body = decoded(message.content)
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise NotTextError("its content is no UTF-8") from error
        queued = argument("queueTrigger", Datum(body, "bytes"), metadata)
        return invoker.start(function, queued, f"message {message.id}, taken {taken} times")

    return process


_BLANKS = dict.fromkeys(map(ord, " \t\r\n"))
"""Blanks that .NET passes over in base64."""


def decoded(content: str) -> bytes:
    """The body of a message.

    Raises:
        NotDecodableError: host.json promises base64, and the content is not.
    """
    try:
        return base64.b64decode(content.translate(_BLANKS), validate=True)
    except ValueError as error:
        raise NotDecodableError("its content is not base64, which host.json's messageEncoding asks for") from error


def encoded(text: str) -> str:
    """`text` as the host writes it into a queue of its own."""
    return base64.b64encode(text.encode()).decode()
