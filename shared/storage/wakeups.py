"""The alarm clock: queue messages that say "look at this now". They carry no truth; losing one loses time.

Fields that only a later version knows are passed over. So a later version may add fields to a wake-up, and kinds of
wake-ups: what this version drops of those, the later version's sweep finds again.
"""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Protocol

import msgspec
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient

from shared.errors import DeviceDropError

LONGEST_DELAY = timedelta(days=7)
"""Longest invisibility of a queue message (Queue Storage, Put Message)."""

POISON_HIDDEN_SECONDS = 60
"""How long a message that was read from a poison queue is not seen again, so that two sweeps do not both act on it."""

MOST_IN_A_MESSAGE = 8
"""Submissions that one message may name."""

_NEVER_EXPIRES = -1


_GUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

Guid = Annotated[str, msgspec.Meta(pattern=rf"^{_GUID}\Z")]
ReadingId = Annotated[str, msgspec.Meta(pattern=rf"^{_GUID}\.[0-9]{{1,6}}\Z")]
Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,7}(-[01])*\Z")]
Path = Annotated[str, msgspec.Meta(max_length=1024, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]
"""What the journal's keys and a blob's path can be: nothing else is looked up, whoever sent it."""


class SubmissionWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="submission"):
    """Look at a submission. One whose `sequence` is older than the journal's has been overtaken."""

    reading_id: ReadingId
    number: Number
    sequence: int


class DueSubmission(msgspec.Struct, frozen=True, kw_only=True):
    """One of several submissions that are due at about the same time."""

    number: Number
    sequence: int


class SubmissionsWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="submissions"):
    """Look at several submissions of one reading: one message instead of one for each."""

    reading_id: ReadingId
    due: Annotated[tuple[DueSubmission, ...], msgspec.Meta(min_length=1, max_length=MOST_IN_A_MESSAGE)]


class FileWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """Look at a device file that nobody has finished reading or closing."""

    customer_id: Guid | None
    file_id: Guid


class WithdrawalWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="withdrawal"):
    """Look at the withdrawal of a file's devices. One whose `sequence` is older than the journal's was overtaken."""

    customer_id: Guid
    file_id: Guid
    sequence: int


class NotificationWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="notification"):
    """Tell the webhook of a file that has ended; `attempts` were made in vain so far."""

    customer_id: Guid | None
    file_id: Guid
    attempts: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class BlobWakeUp(msgspec.Struct, frozen=True, kw_only=True, tag="blob"):
    """Look at a dropped blob whose event never came."""

    path: Path


WakeUp = SubmissionWakeUp | SubmissionsWakeUp | FileWakeUp | BlobWakeUp | WithdrawalWakeUp | NotificationWakeUp


class UnreadableWakeUp(DeviceDropError):
    """A queue message is no wake-up of ours."""


@dataclass(frozen=True, slots=True)
class PoisonedMessage:
    """A message that the host gave up on. `receipt` is what deleting it needs; `body` is empty when it is no text."""

    queue: str
    message_id: str
    receipt: str
    body: str


class Wakeups(Protocol):
    """Where wake-ups are left, and where the host puts what it gave up on."""

    def poisoned(self) -> Iterator[PoisonedMessage]:
        """Messages on the poison queues; each comes again after a minute unless it is deleted."""

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        """Delete a message from its poison queue; one already gone counts as deleted."""

    def prepare(self) -> None:
        """Make the queue when it is missing."""

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        """Leave `wake_up`, to be seen after `delay`, in whole seconds and at most a week; it never expires."""


class AzureWakeups:
    """Wake-ups in Queue Storage."""

    def __init__(self, client: QueueClient, poison_queues: Mapping[str, QueueClient]) -> None:
        self._client = client
        self._poison_queues = poison_queues

    def poisoned(self) -> Iterator[PoisonedMessage]:
        for name, client in self._poison_queues.items():
            try:
                for message in client.receive_messages(visibility_timeout=POISON_HIDDEN_SECONDS):
                    yield PoisonedMessage(name, message.id, message.pop_receipt or "", _text(message.content))
            except ResourceNotFoundError:
                # The host makes a poison queue when it first needs one.
                continue

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        with suppress(ResourceNotFoundError):
            self._poison_queues[message.queue].delete_message(message.message_id, message.receipt)

    def prepare(self) -> None:
        try:
            self._client.create_queue()
        except ResourceExistsError:
            return

    def send(self, wake_up: WakeUp, delay: timedelta = timedelta(0)) -> None:
        seconds = -(-min(max(delay, timedelta(0)), LONGEST_DELAY) // timedelta(seconds=1))
        self._client.send_message(encode(wake_up), visibility_timeout=seconds or None, time_to_live=_NEVER_EXPIRES)


def _text(content: str) -> str:
    """The text in a message on a poison queue, where anybody's messages may lie."""
    try:
        return b64decode(content, validate=True).decode()
    except ValueError:
        return ""


def encode(wake_up: WakeUp) -> str:
    """`wake_up` as the text of a message."""
    return msgspec.json.encode(wake_up).decode()


def decode(body: bytes) -> WakeUp:
    """The wake-up in the `body` of a message.

    Raises:
        UnreadableWakeUp: it is none; the sweep finds what it may have been about.
    """
    try:
        wake_up: WakeUp = msgspec.json.decode(body, type=WakeUp)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UnreadableWakeUp(
            f"The message is no wake-up ({error}); it is dropped, and the sweep finds its submission again."
        ) from error
    return wake_up
