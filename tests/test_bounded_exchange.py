"""Exchanges end at their deadline, whatever the other side does."""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from shared.bounded_exchange import BoundedAdapter, ExchangeTimedOut, bounded_exchange
from tests.dribbling_server import DribblingAnswer, DribblingServer
from tests.raw_server import StartRawServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
SOON = 0.2
"""Seconds to a deadline that is to be met."""
NEVER = 60.0
"""Seconds of a timeout that is not the one under test."""


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A session whose exchanges can be ended, and that asks the environment for nothing."""
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter())
        yield session


@pytest.mark.parametrize("answer", DribblingAnswer)
def test_an_answer_without_end_ends(session: requests.Session, answer: DribblingAnswer) -> None:
    with (
        DribblingServer(answer) as server,
        bounded_exchange(SOON) as exchange,
    ):
        with suppress(requests.RequestException):  # a body without a length has no other end than the connection's
            session.get(server.url, timeout=NEVER)
        with pytest.raises(ExchangeTimedOut):
            exchange.check()


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Odd"])
def test_an_interim_answer_is_not_the_answer(
    session: requests.Session, raw_server: StartRawServer, interim: bytes
) -> None:
    server = raw_server(b"HTTP/1.1 " + interim + b"\r\nLink: </a>\r\n\r\n" + OK)
    assert session.get(server.url, timeout=NEVER).content == b"done"


def test_a_handshake_without_end_ends(session: requests.Session) -> None:
    with (
        DribblingServer(DribblingAnswer.SILENCE) as server,
        pytest.raises(requests.RequestException),
        bounded_exchange(SOON),
    ):
        session.get(server.url.replace("http:", "https:"), timeout=NEVER)


def test_a_request_that_is_never_taken_ends(session: requests.Session) -> None:
    with (
        DribblingServer(DribblingAnswer.SILENCE) as server,
        pytest.raises(requests.RequestException),
        bounded_exchange(SOON),
    ):
        session.post(server.url, data=b" " * 50_000_000, timeout=NEVER)


def test_a_proxy_whose_answer_never_ends_ends(session: requests.Session) -> None:
    with (
        DribblingServer(DribblingAnswer.HEADERS) as proxy,
        pytest.raises(requests.RequestException),
        bounded_exchange(SOON),
    ):
        session.get("https://partner.example/", proxies={"https": proxy.url}, timeout=NEVER)


def test_after_the_deadline_nothing_more_is_sent(session: requests.Session) -> None:
    with (
        DribblingServer(DribblingAnswer.HEADERS) as slow,
        DribblingServer(DribblingAnswer.HEADERS) as server,
        bounded_exchange(SOON) as exchange,
    ):
        with pytest.raises(requests.RequestException):
            session.get(slow.url, timeout=NEVER)
        assert exchange.is_over
        with pytest.raises(requests.RequestException):
            session.get(server.url, timeout=NEVER)
        assert server.connections == 0


def test_a_connection_that_was_kept_open_is_ended_too(session: requests.Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_answer_once, args=(listener,))
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with bounded_exchange(NEVER):
            assert session.get(url, timeout=NEVER).content == b"done"
        with pytest.raises(requests.RequestException), bounded_exchange(SOON):
            session.get(url, timeout=NEVER)
        server.join()


def _answer_once(listener: socket.socket) -> None:
    """Answer the first request of a connection, and no other, until the client ends it."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(OK)
        while connection.recv(65536):
            pass


def test_the_earlier_of_two_deadlines_holds(session: requests.Session) -> None:
    with (
        DribblingServer(DribblingAnswer.BODY) as server,
        pytest.raises(requests.RequestException),
        bounded_exchange(SOON),
        bounded_exchange(NEVER),
    ):
        session.get(server.url, timeout=NEVER)


def test_the_deadline_of_one_thread_ends_no_exchange_of_another(
    session: requests.Session, raw_server: StartRawServer
) -> None:
    server = raw_server(OK)
    answers: list[bytes] = []
    other = threading.Thread(target=lambda: answers.append(session.get(server.url, timeout=NEVER).content))
    with DribblingServer(DribblingAnswer.HEADERS) as slow, bounded_exchange(SOON):
        with pytest.raises(requests.RequestException):
            session.get(slow.url, timeout=NEVER)
        other.start()
        other.join()
    assert answers == [b"done"]


def test_one_thread_serves_the_deadlines_of_all_exchanges() -> None:
    with bounded_exchange(NEVER):
        pass
    before = threading.active_count()
    for _ in range(20):
        with bounded_exchange(NEVER) as exchange:
            assert threading.active_count() == before
    assert not exchange.is_over


def test_an_exchange_with_an_earlier_deadline_than_those_before_it_ends_first(session: requests.Session) -> None:
    with bounded_exchange(NEVER):
        pass
    with (
        DribblingServer(DribblingAnswer.SILENCE) as server,
        pytest.raises(requests.RequestException),
        bounded_exchange(SOON),
    ):
        session.get(server.url, timeout=NEVER)


def test_an_exchange_that_is_done_is_not_ended_later() -> None:
    with bounded_exchange(NEVER) as exchange:
        pass
    exchange.end()  # as at its deadline
    assert not exchange.is_over


def test_an_infinite_time_has_no_deadline() -> None:
    with bounded_exchange(math.inf) as exchange:
        exchange.check()
    assert not exchange.is_over
