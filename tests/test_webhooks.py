"""A webhook is reached over https, at an address that is allowed, within a deadline, and its own address is secret."""

import logging
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.settings import WebhookFormat, WebhookSettings
from shared.webhooks import HttpsWebhook, WebhookError, WebhookFailed, WebhookRefused
from tests.dribbling_server import DribblingAnswer, DribblingServer
from tests.https_server import HttpsServer, https_server

JSON = "application/json; charset=utf-8"
TARGET = "/services/T000/B000/s3cret-key?sig=s3cret-signature"


@pytest.fixture(scope="module")
def running() -> Iterator[HttpsServer]:
    with https_server("localhost") as server:
        yield server


@pytest.fixture
def server(running: HttpsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HttpsServer:
    """The server, which this process trusts."""
    bundle = tmp_path / "trusted.pem"
    bundle.write_text(running.certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    running.answers(200)
    return running


def _webhook(server: HttpsServer, host: str = "localhost", **changes: Any) -> HttpsWebhook:
    return HttpsWebhook(f"https://{host}:{server.port}{TARGET}", **{"allows_private": True, **changes})


def _resolves(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Every name leads to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_named: found)


def test_a_body_is_posted_under_the_name_of_the_webhook(server: HttpsServer) -> None:
    _webhook(server).post(b'{"a":1}', JSON)
    (request,) = server.taken()
    assert request.line == f"POST {TARGET} HTTP/1.1"
    assert request.headers["Host"] == f"localhost:{server.port}"
    assert request.headers["Content-Type"] == JSON
    assert request.body == b'{"a":1}'
    assert request.server_name == "localhost"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_answer_that_may_pass_is_a_failure(server: HttpsServer, status: int) -> None:
    server.answers(status, {"Retry-After": "57"})
    with pytest.raises(WebhookFailed, match=f"it answered with {status}") as caught:
        _webhook(server).post(b"{}", JSON)
    assert caught.value.retry_after == timedelta(seconds=57)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301, 307])
def test_an_answer_that_says_no_is_a_refusal(server: HttpsServer, status: int) -> None:
    server.answers(status, {"Location": f"https://localhost:{server.port}/elsewhere"})
    with pytest.raises(WebhookRefused, match=f"{status}"):
        _webhook(server).post(b"{}", JSON)
    assert [request.line.split()[1] for request in server.taken()] == [TARGET]


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.215.14", "10.0.0.5"], ["::1"], ["169.254.169.254"]])
def test_nothing_is_sent_to_an_address_that_is_not_public_unless_a_setting_allows_it(
    server: HttpsServer, monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    with monkeypatch.context() as patched:
        _resolves(patched, *found)
        with pytest.raises(WebhookRefused, match="not public, where nothing is sent unless NOTIFY_WEBHOOK_ALLOW_PRIV"):
            _webhook(server, allows_private=False).post(b"{}", JSON)
    assert server.taken() == []
    _webhook(server, allows_private=True).post(b"{}", JSON)
    assert len(server.taken()) == 1


def test_a_public_address_needs_no_setting(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _resolves(monkeypatch, "93.184.215.14")
    monkeypatch.setattr("urllib3.util.connection.create_connection", _connecting_to(server.port))
    _webhook(server, allows_private=False).post(b"{}", JSON)
    assert len(server.taken()) == 1


def _connecting_to(port: int) -> Any:
    """A way to connect that leads to this machine, whatever the name."""

    def connect(*_arguments: object, **_named: object) -> socket.socket:
        connected = socket.socket()
        connected.connect(("127.0.0.1", port))
        return connected

    return connect


def test_a_name_that_is_not_known_is_a_failure(server: HttpsServer) -> None:
    with pytest.raises(WebhookFailed, match="its name is not known to DNS"):
        _webhook(server, "hooks.invalid", allows_private=False).post(b"{}", JSON)
    with pytest.raises(WebhookFailed, match="its name is not known to DNS"):
        _webhook(server, f"{'a' * 64}.invalid", allows_private=False).post(b"{}", JSON)


def test_a_certificate_of_another_name_or_of_nobody_is_not_trusted(
    server: HttpsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(WebhookFailed, match="its certificate is not trusted"):
        _webhook(server, "127.0.0.1").post(b"{}", JSON)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nobody"))
    (tmp_path / "nobody").mkdir()
    with pytest.raises(WebhookFailed, match="its certificate is not trusted"):
        _webhook(server).post(b"{}", JSON)
    assert server.taken() == []


def test_certificates_that_cannot_be_read_are_a_failure(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    with pytest.raises(WebhookFailed, match="REQUESTS_CA_BUNDLE names cannot be read"):
        _webhook(server).post(b"{}", JSON)


def test_a_webhook_without_an_answer_is_left_at_the_deadline(server: HttpsServer) -> None:
    server.answers(200, delay=1)
    with pytest.raises(WebhookFailed, match="could not be reached, or gave no answer"):
        _webhook(server, seconds=0.2).post(b"{}", JSON)
    server.taken()


def test_a_webhook_that_never_speaks_is_left_at_the_deadline() -> None:
    with DribblingServer(DribblingAnswer.SILENCE) as server, pytest.raises(WebhookFailed):
        HttpsWebhook(server.url.replace("http:", "https:"), allows_private=True, seconds=0.2).post(b"{}", JSON)


# --- a proxy


@dataclass(slots=True)
class Proxy:
    """An egress proxy, which alone knows the way: every tunnel leads to one port of this machine."""

    leads_to: int
    asked: list[bytes] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve_one(self) -> None:
        client, _ = self.listener.accept()
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.asked.append(head)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        server = socket.create_connection(("127.0.0.1", self.leads_to))
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=_relay, args=(one, other), daemon=True).start()


def _relay(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):  # either side may hang up
        while piece := one.recv(65_536):
            other.sendall(piece)
        other.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    running = Proxy(server.port)
    threading.Thread(target=running.serve_one, daemon=True).start()
    monkeypatch.setenv("https_proxy", f"http://user:p%40ss@127.0.0.1:{running.port}")
    with running.listener:
        yield running


def test_a_proxy_is_used_with_its_password_and_sees_neither_path_nor_body(server: HttpsServer, proxy: Proxy) -> None:
    _webhook(server).post(b"{}", JSON)
    (head,) = proxy.asked
    assert head.startswith(f"CONNECT localhost:{server.port} HTTP/1.".encode())
    assert b64encode(b"user:p@ss") in head
    assert b"s3cret" not in head
    (request,) = server.taken()
    assert request.server_name == "localhost"
    assert "proxy-authorization" not in {name.lower() for name in request.headers}


def test_with_the_setting_a_name_that_only_the_proxy_knows_is_not_resolved_here(
    server: HttpsServer, proxy: Proxy
) -> None:
    with pytest.raises(WebhookFailed, match="its certificate is not trusted"):
        # The tunnel stands, and the server has no certificate for the name.
        _webhook(server, "hooks.invalid").post(b"{}", JSON)
    assert proxy.asked[0].startswith(b"CONNECT hooks.invalid:")


# --- the address is a secret


def test_the_address_of_a_webhook_is_in_no_log_and_no_message(
    server: HttpsServer, caplog: pytest.LogCaptureFixture
) -> None:
    said = []
    with caplog.at_level(logging.DEBUG):
        for status in (200, 404, 503):
            server.answers(status)
            try:
                _webhook(server).post(b"{}", JSON)
            except WebhookError as error:
                said.append(f"{error!r} {error.__cause__!r}")
    assert len(said) == 2
    settings = WebhookSettings(_webhook(server).url, WebhookFormat.TEAMS)
    assert "s3cret" not in caplog.text + "".join(said) + repr(_webhook(server)) + repr(settings)
    server.taken()
