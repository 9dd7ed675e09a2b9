"""Wake-ups: their text, and the queue that carries them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.storage.connection import StorageClients
from shared.storage.wakeups import (
    AzureWakeups,
    BlobWakeUp,
    FileWakeUp,
    SubmissionWakeUp,
    UnreadableWakeUp,
    WakeUp,
    decode,
    encode,
)

WAKE_UPS: st.SearchStrategy[WakeUp] = st.one_of(
    st.builds(SubmissionWakeUp, file_id=st.text(), number=st.text(), sequence=st.integers(0, 2**31)),
    st.builds(FileWakeUp, customer_id=st.none() | st.text(), file_id=st.text()),
    st.builds(BlobWakeUp, path=st.text()),
)


@pytest.fixture
def queue(clients: StorageClients) -> StorageClients:
    AzureWakeups(clients.queue).prepare()
    clients.queue.clear_messages()
    return clients


@given(WAKE_UPS)
def test_a_wake_up_is_read_as_it_was_written(wake_up: WakeUp) -> None:
    assert decode(encode(wake_up).encode()) == wake_up


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_other_message_is_unreadable_and_nothing_else(body: bytes) -> None:
    with pytest.raises(UnreadableWakeUp):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"type":"submission"}',
        b'{"type":"submission","file_id":"f","number":"1","sequence":"0"}',
        b'{"type":"submission","file_id":"f","number":"1","sequence":0,"and":"more"}',
        b'{"type":"device"}',
        b"null",
        b"\xff\xfe{}",
    ],
)
def test_a_message_of_another_shape_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableWakeUp):
        decode(body)


def test_a_wake_up_arrives_as_the_host_reads_it_and_never_expires(queue: StorageClients) -> None:
    wake_up = SubmissionWakeUp(file_id="f", number="12", sequence=3)
    AzureWakeups(queue.queue).send(wake_up)
    (message,) = queue.queue.receive_messages()
    assert decode(message.content.encode()) == wake_up
    assert message.expires_on is not None
    assert message.expires_on.year == 9999


def test_a_delayed_wake_up_is_not_seen_before_its_time(queue: StorageClients) -> None:
    AzureWakeups(queue.queue).send(BlobWakeUp(path="p"), timedelta(milliseconds=300))
    assert list(queue.queue.receive_messages()) == []
    properties = queue.queue.get_queue_properties()
    assert properties.approximate_message_count == 1


def test_a_delay_longer_than_the_queue_allows_is_cut_to_what_it_allows(queue: StorageClients) -> None:
    AzureWakeups(queue.queue).send(BlobWakeUp(path="p"), timedelta(days=30))
    assert list(queue.queue.receive_messages()) == []


def test_a_delay_in_the_past_is_none(queue: StorageClients) -> None:
    AzureWakeups(queue.queue).send(BlobWakeUp(path="p"), timedelta(seconds=-5))
    assert len(list(queue.queue.receive_messages())) == 1


def test_preparing_twice_is_preparing_once(clients: StorageClients) -> None:
    prepare: Callable[[], None] = AzureWakeups(clients.queue).prepare
    prepare()
    prepare()
