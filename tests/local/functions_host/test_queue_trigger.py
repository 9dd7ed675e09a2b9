"""Queue messages, as the README of the recorded exchanges tells of the WebJobs SDK with messageEncoding base64."""

import base64
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.queue import QueueClient, QueueMessage

from local.functions_host.app import HostedFunction
from local.functions_host.invoking import Answer, Invoker
from local.functions_host.queue_trigger import Limits, QueueListener, function_processor

LIMITS = Limits(
    batch_size=8,
    new_batch_threshold=0,
    max_dequeue_count=3,
    failure_delay=timedelta(seconds=60),
    max_polling_interval=timedelta(seconds=10),
)


class Queue:
    """A queue in memory, as far as a listener uses it."""

    queue_name = "work"

    def __init__(self, *pages: list[QueueMessage] | Exception) -> None:
        self._pages = pages
        self.deleted: list[str] = []
        self.hidden: list[int] = []
        self.sent: list[str] = []

    def receive_messages(self, **_: object) -> Any:
        return SimpleNamespace(by_page=lambda: iter(self._pages_read()))

    def _pages_read(self) -> Iterator[list[QueueMessage]]:
        for page in self._pages:
            if isinstance(page, Exception):
                raise page
            yield page

    def delete_message(self, identifier: str, _receipt: str) -> None:
        self.deleted.append(identifier)

    def update_message(self, _identifier: str, _receipt: str, *, visibility_timeout: int) -> Any:
        self.hidden.append(visibility_timeout)
        return SimpleNamespace(pop_receipt="next")

    def send_message(self, content: str) -> None:
        self.sent.append(content)


class Calls:
    """Stands in for the thread pool, and notes the bodies that functions are called with."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def start(self, _function: object, message: Any, _detail: str) -> "Future[Answer]":
        self.bodies.append(message.get_body())
        done: Future[Answer] = Future()
        done.set_result(Answer(succeeded=True))
        return done


def _message(content: str, taken: int = 1) -> QueueMessage:
    message = QueueMessage(content=content)
    message.id, message.pop_receipt, message.dequeue_count = "1", "first", taken
    return message


def _listener(queue: Queue, poison: Queue, calls: Calls, limits: Limits = LIMITS) -> QueueListener:
    function = cast("HostedFunction", SimpleNamespace(name="work"))
    process = function_processor(function, cast("Invoker", calls))
    return QueueListener(cast("QueueClient", queue), cast("QueueClient", poison), limits, process)


def _processed(content: str, taken: int = 1) -> tuple[list[bytes], Queue, Queue]:
    queue, poison, calls = Queue(), Queue(), Calls()
    _listener(queue, poison, calls)._process_and_settle(_message(content, taken))
    return calls.bodies, queue, poison


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("aGVsbG8=", b"hello"),
        ("aGVs bG8=", b"hello"),
        (" \taGVs\r\nbG8=\n", b"hello"),
        ("", b""),
        (base64.b64encode(b"\xef\xbb\xbf{}").decode(), b"\xef\xbb\xbf{}"),
        (base64.b64encode(b"x" * 49_152).decode(), b"x" * 49_152),
    ],
)
def test_a_text_in_base64_reaches_the_function(content: str, body: bytes) -> None:
    bodies, queue, poison = _processed(content)
    assert (bodies, queue.deleted, poison.sent) == ([body], ["1"], [])


@pytest.mark.parametrize(
    "content", ["plain text", '{"a": 1}', "aGVsbG8", "aGVsbG8===", "-_-_", "h\xe9llo", "aGVs\xa0bG8=", "\u2603"]
)
def test_what_is_no_base64_is_poison_at_once_and_unchanged(content: str) -> None:
    bodies, queue, poison = _processed(content)
    assert (bodies, queue.deleted, poison.sent) == ([], ["1"], [content])


def test_bytes_that_are_no_text_fail_until_they_are_poison() -> None:
    content = base64.b64encode(b"\xff\xfe").decode()
    for taken in (1, 2):
        bodies, queue, poison = _processed(content, taken)
        assert (bodies, queue.hidden, queue.deleted, poison.sent) == ([], [60], [], [])
    bodies, queue, poison = _processed(content, 3)
    assert (bodies, queue.deleted, poison.sent) == ([], ["1"], [content])


def test_a_message_that_was_taken_too_often_is_poison_without_a_call() -> None:
    bodies, _, poison = _processed("aGVsbG8=", 4)
    assert (bodies, poison.sent) == ([], ["aGVsbG8="])


def test_a_batch_is_one_request() -> None:
    messages = [_message("aGVsbG8=")]
    listener = _listener(Queue(messages, HttpResponseError("the second request fails")), Queue(), Calls())
    assert listener._take() == messages


def test_an_empty_queue_gives_nothing() -> None:
    assert _listener(Queue(), Queue(), Calls())._take() == []


def test_a_queue_that_may_not_be_read_ends_the_real_host(caplog: pytest.LogCaptureFixture) -> None:
    forbidden = HttpResponseError("no role")
    forbidden.status_code = 403
    assert _listener(Queue(forbidden), Queue(), Calls())._take() == []
    assert "In Azure the host would stop here" in caplog.text
    as_in_azure = Limits(
        batch_size=8,
        new_batch_threshold=0,
        max_dequeue_count=3,
        failure_delay=timedelta(seconds=60),
        max_polling_interval=timedelta(seconds=10),
        stops_where_not_allowed=True,
    )
    with pytest.raises(HttpResponseError):
        _listener(Queue(forbidden), Queue(), Calls(), as_in_azure)._take()
