"""Wake-ups: their text, and the queue that carries them."""

import time
import traceback
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.storage.queue import QueueClient
from hypothesis import given
from hypothesis import strategies as st

from local.in_memory_storage import InMemoryWakeups
from shared.storage.connection import StorageClients
from shared.storage.wakeups import (
    AzureWakeups,
    BlobWakeUp,
    DueSubmission,
    FileWakeUp,
    HoldWakeUp,
    NotificationWakeUp,
    PoisonedMessage,
    SubmissionsWakeUp,
    SubmissionWakeUp,
    UnreadableWakeUp,
    WakeUp,
    Wakeups,
    WithdrawalWakeUp,
    decode,
    encode,
)
from tests.storage.conftest import KINDS

READING = "5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51.1"

WAKE_UPS: st.SearchStrategy[WakeUp] = st.one_of(
    st.builds(
        SubmissionWakeUp,
        reading_id=st.builds("{}.{}".format, st.uuids(), st.integers(1, 50)),
        number=st.sampled_from(["1", "12", "1000000", "3-0", "3-1-0-1"]),
        sequence=st.integers(0, 2**31),
    ),
    st.builds(FileWakeUp, customer_id=st.none() | st.uuids().map(str), file_id=st.uuids().map(str)),
    st.builds(
        WithdrawalWakeUp,
        customer_id=st.uuids().map(str),
        file_id=st.uuids().map(str),
        sequence=st.integers(0, 2**31),
    ),
    st.builds(
        NotificationWakeUp,
        customer_id=st.none() | st.uuids().map(str),
        file_id=st.uuids().map(str),
        attempts=st.integers(0, 100),
    ),
    st.builds(HoldWakeUp, customer_id=st.uuids().map(str), file_id=st.uuids().map(str), attempts=st.integers(0, 100)),
    st.builds(BlobWakeUp, path=st.text(st.characters(exclude_categories=["Cs"]), min_size=1)),
)


@pytest.fixture
def queue(clients: StorageClients) -> QueueClient:
    return clients.queue(f"q{uuid4().hex}")


@pytest.fixture
def poison(clients: StorageClients) -> QueueClient:
    return clients.queue(f"p{uuid4().hex}")


@pytest.fixture
def wakeups(queue: QueueClient, poison: QueueClient) -> AzureWakeups:
    wakeups = AzureWakeups(queue, {"poison": poison})
    wakeups.prepare()
    wakeups.prepare()
    return wakeups


@given(WAKE_UPS)
def test_a_wake_up_is_read_as_it_was_written(wake_up: WakeUp) -> None:
    assert decode(encode(wake_up).encode()) == wake_up


@pytest.mark.parametrize(
    "name",
    [
        *("a\x7fb", "a\x81b", "a\x9f", "a\ufffeb", "a\uffff", "a\tb", "a\nb", "\x00", "a\u2028b", "\ufeffa"),
        *("%00", "a%0Ab", "a\\b", "a.", "..a", "...", "a/../b", "x" * 1_025, "\U0001f600" * 1_024, "a/" * 300 + "b"),
    ],
)
def test_the_wake_up_of_every_name_that_storage_takes_is_readable(name: str) -> None:
    assert decode(encode(BlobWakeUp(path=name)).encode()) == BlobWakeUp(path=name)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_other_message_is_unreadable_and_nothing_else(body: bytes) -> None:
    with pytest.raises(UnreadableWakeUp):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"a":' * 10_000,
        b'{"type":"submission","later":' + b"[" * 10_000,
        b'{"type":"submission"}',
        b'{"type":"submission","reading_id":"f","number":"1","sequence":"0"}',
        b'{"type":"submission","reading_id":"../../x","number":"1","sequence":0}',
        b'{"type":"submission","reading_id":"5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51.1","number":"abc","sequence":0}',
        b'{"type":"file","customer_id":"a/b","file_id":"c"}',
        b'{"type":"blob","path":""}',
        b'{"type":"blob","path":"a\\nb"}',
        b'{"type":"file","customer_id":null,"file_id":"5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51\\n"}',
        b'{"type":"withdrawal","customer_id":null,"file_id":"5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51","sequence":0}',
        b'{"type":"notification","customer_id":null,"file_id":"5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51","attempts":-1}',
        b'{"type":"device"}',
        b"null",
        b"\xff\xfe{}",
    ],
)
def test_a_message_of_another_shape_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableWakeUp):
        decode(body)


@pytest.mark.parametrize(
    ("body", "wake_up"),
    [
        (
            b'{"type":"submission","reading_id":"%b","number":"1","sequence":0,"later":{"a":1}}' % READING.encode(),
            SubmissionWakeUp(reading_id=READING, number="1", sequence=0),
        ),
        (
            b'{"type":"submissions","reading_id":"%b","due":[{"number":"1","sequence":0,"later":1}],"later":[]}'
            % READING.encode(),
            SubmissionsWakeUp(reading_id=READING, due=(DueSubmission(number="1", sequence=0),)),
        ),
        (b'{"type":"blob","path":"a","later":null}', BlobWakeUp(path="a")),
    ],
)
def test_what_a_later_version_adds_to_a_wake_up_is_passed_over(body: bytes, wake_up: WakeUp) -> None:
    assert decode(body) == wake_up


def test_a_wake_up_arrives_as_the_host_reads_it_and_never_expires(wakeups: AzureWakeups, queue: QueueClient) -> None:
    wake_up = SubmissionWakeUp(reading_id="5a0e2f6c-7d0b-5c2e-9d2b-0f4c1f1f6a51.1", number="12", sequence=3)
    wakeups.send(wake_up)
    (message,) = queue.receive_messages()
    assert decode(b64decode(message.content)) == wake_up
    assert message.expires_on is not None
    assert message.expires_on.year == 9999


def test_a_poison_queue_that_the_host_has_not_made_yet_holds_nothing(wakeups: AzureWakeups) -> None:
    assert list(wakeups.poisoned()) == []


def test_a_poisoned_message_that_is_no_text_is_read_as_empty(
    clients: StorageClients, wakeups: AzureWakeups, poison: QueueClient
) -> None:
    poison.create_queue()
    clients.queues.get_queue_client(poison.queue_name).send_message("not base64 at all!")
    (message,) = wakeups.poisoned()
    assert message.body == ""


# --- promises of the queue in memory, too


@dataclass(frozen=True, slots=True)
class Queue:
    """Wake-ups, and their host's actions."""

    wakeups: Wakeups
    seen: Callable[[], list[WakeUp]]
    pass_time: Callable[[float], None]
    give_up_on: Callable[[str], None]


@pytest.fixture(params=KINDS)
def hosted(request: pytest.FixtureRequest) -> Queue:
    if request.param == "azurite":
        queue, poison, wakeups = map(request.getfixturevalue, ("queue", "poison", "wakeups"))
        poison.create_queue()
        return Queue(wakeups, lambda: _received(queue), time.sleep, poison.send_message)
    clock = Clock()
    fake = InMemoryWakeups(clock)
    return Queue(
        fake, fake.seen, clock.go_on, lambda body: fake.poison.append(PoisonedMessage("poison", "m", "r", body))
    )


def _received(queue: QueueClient) -> list[WakeUp]:
    return [decode(b64decode(message.content)) for message in queue.receive_messages()]


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self._now

    def go_on(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def test_a_wake_up_is_seen_at_once_unless_it_is_delayed(hosted: Queue) -> None:
    hosted.wakeups.prepare()
    for path, delay in (("now", 0), ("past", -5), ("soon", 1), ("later", 600), ("cut to a week", 10**7)):
        hosted.wakeups.send(BlobWakeUp(path=path), timedelta(seconds=delay))
    seen = set[WakeUp]()
    for _ in range(60):
        seen.update(hosted.seen())
        if BlobWakeUp(path="soon") in seen:
            break
        hosted.pass_time(0.5)
    assert seen == {BlobWakeUp(path="now"), BlobWakeUp(path="past"), BlobWakeUp(path="soon")}


def test_poisoned_messages_are_read_once_and_deleted_when_told(hosted: Queue) -> None:
    assert list(hosted.wakeups.poisoned()) == []
    hosted.give_up_on("one")
    (message,) = hosted.wakeups.poisoned()
    assert (message.queue, message.body) == ("poison", "one")
    assert list(hosted.wakeups.poisoned()) == []
    hosted.wakeups.delete_poisoned(message)
    hosted.wakeups.delete_poisoned(message)
    assert list(hosted.wakeups.poisoned()) == []


def test_what_is_wrong_with_a_message_is_not_quoted() -> None:
    for body in (b'{"type": "hunter2"}', b"hunter2", b'{"type": "submission", "hunter2": 1}'):
        with pytest.raises(UnreadableWakeUp) as refused:
            decode(body)
        assert "hunter2" not in "".join(traceback.format_exception(refused.value))
