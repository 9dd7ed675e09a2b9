"""Takes messages from a queue and has them processed, as the storage extension's queue listener does.

A message taken is invisible to others for the lease, which is renewed at half while its function runs; a crashed
instance's message reappears when the lease ends. A failed message reappears after the visibility timeout; one taken
more often than allowed, or that failed at its last allowed time, is copied to the poison queue and then deleted.
"""

import base64
import binascii
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
_MOST_POLL_SECONDS = 1.0
"""Shorter than the real host's: people wait in front of this machine, and its queue costs nothing."""
_MESSAGE_GONE = (400, 404)
"""Statuses of a pop receipt that is no longer valid, and of a message that is gone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a queue is worked on."""

    batch_size: int
    new_batch_threshold: int
    """Take the next batch when no more than this many messages are still being worked on."""
    max_dequeue_count: int
    failure_delay: timedelta
    max_polling_interval: timedelta
    lease: timedelta = LEASE


class NotDecodableError(Exception):
    """A message cannot be what it should be; no repetition helps, it is poison at once."""


Processor = Callable[[QueueMessage], "Future[Answer] | None"]
"""Starts the function for a message; None when there is nothing to run, and the message may go."""


class QueueListener:
    """Works on one queue until told to stop; `run` is its thread."""

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
        """Take and process messages until `stopping` is set; what is being processed then goes on."""
        most = min(_MOST_POLL_SECONDS, self._limits.max_polling_interval.total_seconds())
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
        """Whether no message is being worked on."""
        return self._in_flight == 0

    def _has_room(self) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight <= self._limits.new_batch_threshold, timeout=0.2)

    def _take(self) -> list[QueueMessage]:
        lease = int(self._limits.lease.total_seconds())
        try:
            return list(
                self._queue.receive_messages(
                    max_messages=self._limits.batch_size,
                    messages_per_page=self._limits.batch_size,
                    visibility_timeout=lease,
                )
            )
        except ResourceNotFoundError:
            return []
        except AzureError as error:
            logger.warning("The queue %s cannot be read, it is tried again: %s", self.name, error)
            return []

    def _begin(self, message: QueueMessage) -> None:
        with self._changed:
            self._in_flight += 1
        self._pool.submit(self._work_on, message).add_done_callback(self._end)

    def _end(self, done: Future[None]) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()
        error = done.exception()
        if error is not None:
            logger.error(
                "A message of %s could not be settled; it reappears after its lease", self.name, exc_info=error
            )

    def _work_on(self, message: QueueMessage) -> None:
        taken = message.dequeue_count or 1
        if taken > self._limits.max_dequeue_count:
            self._poison(message)
            return
        try:
            running = self._process(message)
        except NotDecodableError as error:
            logger.warning("Message %s of %s: %s", message.id, self.name, error)
            self._poison(message)
            return
        if running is None or self._answer(running, message).succeeded:
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
            logger.debug("Message %s of %s is in other hands now", message.id, self.name)

    def _delete(self, message: QueueMessage) -> None:
        try:
            self._queue.delete_message(message.id, message.pop_receipt)
        except HttpResponseError as error:
            if error.status_code not in _MESSAGE_GONE:
                raise
            logger.debug("Message %s of %s is in other hands now", message.id, self.name)

    def _poison(self, message: QueueMessage) -> None:
        poison = self._poison_queue.queue_name
        logger.error("Message %s of %s was taken %s times; it moves to %s", *_story(message, self.name, poison))
        try:
            self._poison_queue.send_message(message.content)
        except ResourceNotFoundError:
            self._poison_queue.create_queue()
            self._poison_queue.send_message(message.content)
        self._delete(message)


def _story(message: QueueMessage, queue: str, poison: str) -> tuple[str, str, int, str]:
    return message.id, queue, message.dequeue_count or 1, poison


def function_processor(function: HostedFunction, invoker: Invoker, *, is_base64: bool) -> Processor:
    """What to do with a message of the queue that triggers `function`."""

    def process(message: QueueMessage) -> Future[Answer]:
        body = decoded(message.content, is_base64=is_base64)
        queued = argument("queueTrigger", body, _metadata(message))
        return invoker.start(function, queued, f"message {message.id}, taken {message.dequeue_count or 1} times")

    return process


def decoded(content: str, *, is_base64: bool) -> Datum:
    """A message's text as the worker gets it: a string where it is UTF-8, else bytes.

    Raises:
        NotDecodableError: host.json promises base64, and it is not.
    """
    if not is_base64:
        return Datum(content, "string")
    try:
        body = base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise NotDecodableError("it is not base64, which host.json's messageEncoding asks for") from error
    try:
        return Datum(body.decode(), "string")
    except UnicodeDecodeError:
        return Datum(body, "bytes")


def encoded(text: str) -> str:
    """`text` as the host writes it into a queue of its own."""
    return base64.b64encode(text.encode()).decode()


def _metadata(message: QueueMessage) -> dict[str, Datum]:
    return {
        "Id": Datum(message.id, "string"),
        "DequeueCount": Datum(str(message.dequeue_count or 1), "string"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
        "InsertionTime": _time(message.inserted_on),
        "ExpirationTime": _time(message.expires_on),
        "NextVisibleTime": _time(message.next_visible_on),
    }


def _time(moment: datetime | None) -> Datum:
    return Datum(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00") if moment else "", "string")
