"""Wake-ups: queue messages that name the work that is due. They decide nothing, and losing one only loses time.

Fields that only a later version knows are ignored. A later version may also add kinds of wake-ups: this version drops
them, and the later version's sweep finds their work.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Protocol
from urllib.parse import quote, unquote

import msgspec
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from shared.errors import DeviceDropError
from shared.storage.recreating import Resource

LONGEST_DELAY = timedelta(days=7)
"""Longest invisibility of a queue message (Queue Storage, Put Message)."""

POISON_HIDDEN_SECONDS = 60
"""How long a message read from a poison queue stays hidden, so that two sweeps do not both act on it."""

MOST_IN_A_MESSAGE = 8
"""Submissions that one message may name."""

_NEVER_EXPIRES = -1


_GUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

Guid = Annotated[str, msgspec.Meta(pattern=rf"^{_GUID}\Z")]
ReadingId = Annotated[str, msgspec.Meta(pattern=rf"^{_GUID}\.[0-9]{{1,6}}\Z")]
Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,7}(-[01])*(-p[0-9]{0,4}(-[01])*)?\Z")]
"""The forms of the journal's keys: a message with anything else is refused."""

_LONGEST_PATH = 1024

Path = Annotated[str, msgspec.Meta(max_length=_LONGEST_PATH, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]
"""A blob's path as Azure documents it. Storage takes others too, which are sent percent-encoded."""

_UNDOCUMENTED = re.compile(rf"[\x00-\x1f\x7f-\x9f]|(?s:.){{{_LONGEST_PATH + 1}}}")


class SubmissionWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="submission"):
    """A submission is due. A wake-up whose `sequence` is lower than the journal's is out of date."""

    reading_id: ReadingId
    number: Number
    sequence: int


class DueSubmission(msgspec.Struct, frozen=True, kw_only=True):
    """One of several submissions that are due at about the same time."""

    number: Number
    sequence: int


class SubmissionsWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="submissions"):
    """Several submissions of one reading are due: one message instead of one for each."""

    reading_id: ReadingId
    due: Annotated[tuple[DueSubmission, ...], msgspec.Meta(min_length=1, max_length=MOST_IN_A_MESSAGE)]


class FileWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """A device file is still to be read or closed."""

    customer_id: Guid | None
    file_id: Guid


class WithdrawalWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="withdrawal"):
    """The withdrawal of a file's devices is due. A wake-up with a lower `sequence` is out of date."""

    customer_id: Guid
    file_id: Guid
    sequence: int


class InventoryWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="inventory"):
    """The reading of a customer's registered devices is due. A wake-up with a lower `sequence` is out of date."""

    customer_id: Guid
    sequence: int


class ProfilesWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="profiles"):
    """Somebody asked for the profiles of a customer."""

    customer_id: Guid


class DriftWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="drift"):
    """The webhook is to be notified of devices of a customer that drifted; `attempts` have failed so far."""

    customer_id: Guid
    attempts: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class HoldWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="hold"):
    """The webhook is to be notified of a file that the app holds; `attempts` have failed so far."""

    customer_id: Guid | None
    file_id: Guid
    attempts: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class NotificationWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="notification"):
    """The webhook is to be notified of a file that has ended; `attempts` have failed so far."""

    customer_id: Guid | None
    file_id: Guid
    attempts: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class BlobWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="blob"):
    """A dropped blob was not received because its event never arrived."""

    path: Path


WakeUp = (
    SubmissionWakeUp
    | SubmissionsWakeUp
    | FileWakeUp
    | BlobWakeUp
    | WithdrawalWakeUp
    | InventoryWakeUp
    | ProfilesWakeUp
    | DriftWakeUp
    | HoldWakeUp
    | NotificationWakeUp
)


class _QuotedBlobWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="quoted-blob"):
    """The message for a blob whose path has control characters or is longer than documented."""

    quoted_path: Annotated[str, msgspec.Meta(min_length=1)]


class UnreadableWakeUp(DeviceDropError):
    """A queue message is not a wake-up."""


@dataclass(frozen=True, slots=True)
class PoisonedMessage:
    """A message that the host gave up on. Deleting it needs its `receipt`; `body` is empty when it is not text."""

    queue: str
    message_id: str
    receipt: str
    body: str


class Wakeups(Protocol):
    """The queue of wake-ups, and the poison queues where the host puts messages that it gave up on."""

    def poisoned(self) -> Iterator[PoisonedMessage]:
        """Messages on the poison queues; each is returned again after a minute unless it is deleted."""

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        """Delete a message from its poison queue, if it is still there."""

    def prepare(self) -> None:
        """Create the queue if it does not exist."""

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        """Send `wake_up`, to be delivered after `delay` (whole seconds, at most a week). It never expires."""


class AzureWakeups:
    """Wake-ups in Queue Storage."""

    def __init__(self, client: QueueClient, poison_queues: Mapping[str, QueueClient]) -> None:
        self._client = client
        self._resource = Resource(client.queue_name, client.create_queue)
        self._poison_queues = poison_queues

    def poisoned(self) -> Iterator[PoisonedMessage]:
        for name, client in self._poison_queues.items():
            try:
                for message in client.receive_messages(visibility_timeout=POISON_HIDDEN_SECONDS):
                    yield PoisonedMessage(name, message.id, message.pop_receipt or "", _text(message.content))
            except ResourceNotFoundError:
                # The host creates a poison queue when it first needs one.
                continue

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        with suppress(ResourceNotFoundError):
            self._poison_queues[message.queue].delete_message(message.message_id, message.receipt)

    def prepare(self) -> None:
        self._resource.prepare()

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        seconds = -(-min(max(delay, timedelta(0)), LONGEST_DELAY) // timedelta(seconds=1))

        def send() -> None:
            self._client.send_message(encode(wake_up), visibility_timeout=seconds or None, time_to_live=_NEVER_EXPIRES)

        self._resource.using(send)


def _text(content: str) -> str:
    """The text of a message on a poison queue; empty if it is not base64, since any sender is possible."""
    try:
        return b64decode(content, validate=True).decode()
    except ValueError:
        return ""


def encode(wake_up: WakeUp) -> str:
    """`wake_up` as the text of a message."""
    sent: WakeUp | _QuotedBlobWakeUp = wake_up
    if isinstance(wake_up, BlobWakeUp) and _UNDOCUMENTED.search(wake_up.path):
        sent = _QuotedBlobWakeUp(quoted_path=quote(wake_up.path))
    return msgspec.json.encode(sent).decode()


def decode(body: bytes) -> WakeUp:
    """The wake-up in the `body` of a message.

    Raises:
        UnreadableWakeUp: it is not a wake-up.
    """
    try:
        sent: WakeUp | _QuotedBlobWakeUp = msgspec.json.decode(body, type=WakeUp | _QuotedBlobWakeUp)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The decoder's own message quotes what is wrong, which may be anything.
        raise UnreadableWakeUp(
            f"The message is not a wake-up ({type(error).__name__}); it is dropped, and the sweep finds its work."
        ) from None
    return BlobWakeUp(path=unquote(sent.quoted_path)) if isinstance(sent, _QuotedBlobWakeUp) else sent
