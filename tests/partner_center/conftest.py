"""A stand-in with a client beside it, and a server that answers with the very bytes a test gives it."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from local.partner_center import Behaviour, PartnerCenterStandIn
from shared.partner_center.client import CallIds, PartnerCenterClient
from shared.partner_center.sign_in import StaticToken

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MakeClient = Callable[..., PartnerCenterClient]


class RawServer:
    """Answers the connections to it with given bytes, one after the other, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self.received: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self.received.append(self._read(connection))
                connection.sendall(answer)

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < (int(lengths[0]) if lengths else 0):
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Starts `RawServer`s that end with the test."""
    servers: list[RawServer] = []

    def start(*answers: bytes) -> RawServer:
        servers.append(RawServer(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def stand_in() -> Iterator[PartnerCenterStandIn]:
    """A stand-in that takes one token alone, and is done with an upload at once."""
    with PartnerCenterStandIn(Behaviour(token="a-token")) as service:
        yield service


@pytest.fixture
def client_of() -> Iterator[MakeClient]:
    """Makes clients of a base address."""
    clients: list[PartnerCenterClient] = []

    def make(url: str, *, token: str = "a-token", read_timeout: float = 3.0) -> PartnerCenterClient:
        client = PartnerCenterClient(
            base_url=url,
            version="v1",
            sign_in=StaticToken(token),
            clock=lambda: NOW,
            connect_timeout=2.0,
            read_timeout=read_timeout,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(stand_in: PartnerCenterStandIn, client_of: MakeClient) -> PartnerCenterClient:
    """A client of the stand-in."""
    return client_of(stand_in.url)


@pytest.fixture
def new_ids() -> Callable[[], CallIds]:
    """Fresh identifiers for one call."""
    return lambda: CallIds(request_id=str(uuid4()), correlation_id=str(uuid4()))
