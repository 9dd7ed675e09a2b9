"""A front of the table endpoint on this machine that throttles, cuts connections and answers as Azurite never would."""

import contextlib
import http.client
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = ("transfer-encoding", "connection", "keep-alive", "content-length")
_NO_CONTENT = 204


@dataclass(frozen=True)
class Answer:
    """The front's answer instead of Azurite's."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Done:
    """Azurite does it; then the front answers this instead of Azurite's answer, or cuts the connection."""

    instead: Answer | None = None


@dataclass(frozen=True)
class Cut:
    """The connection ends without an answer, and nothing was done."""


Act = Answer | Done | Cut


@dataclass(frozen=True)
class Seen:
    """A transaction as it reached the front, and when."""

    at: float
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that leaves, and show every other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Front:
    """A table endpoint that does the acts of `script`, one for each transaction, then leaves everything to Azurite."""

    def __init__(self, azurite: str) -> None:
        self.script: list[Act] = []
        self.seen: list[Seen] = []
        self._azurite = urlsplit(azurite)
        handle = self._handle

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                handle(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self._azurite.path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        act: Act | None = None
        if request.path.endswith("/$batch"):
            self.seen.append(Seen(time.monotonic(), dict(request.headers), body))
            act = self.script.pop(0) if self.script else None
        if isinstance(act, Answer):
            _answer(request, act)
        elif isinstance(act, Cut):
            request.close_connection = True
        else:
            answer = self._forward(request, body)
            if act is None or act.instead is not None:
                _answer(request, answer if act is None or act.instead is None else act.instead)
            else:
                request.close_connection = True

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self._azurite.netloc, timeout=30)
        with contextlib.closing(connection):
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            return Answer(answer.status, kept, answer.read())


def _answer(request: BaseHTTPRequestHandler, answer: Answer) -> None:
    request.send_response_only(answer.status)
    for name, value in answer.headers.items():
        request.send_header(name, value)
    if answer.status != _NO_CONTENT:
        request.send_header("Content-Length", str(len(answer.body)))
    request.end_headers()
    request.wfile.write(answer.body)
    request.wfile.flush()
