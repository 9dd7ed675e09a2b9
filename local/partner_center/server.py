"""The sockets: reads requests, has them answered, writes the answers or hangs up."""

import logging
import socket
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.partner_center.contract import Answer, Replying

MOST_REQUEST_BYTES = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """Keeps its connections, so that stopping ends them as the end of a process would."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], reply: Replying) -> None:
        super().__init__(address, _Handler)
        self.reply = reply
        self.connections_made = 0
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take the next connection, and keep it."""
        connection, address = super().get_request()
        with self._lock:
            self._connections.add(connection)
            self.connections_made += 1
        return connection, address

    def close_request(self, request: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Let go of a connection that ended."""
        with self._lock:
            self._connections.discard(request)
        super().close_request(request)

    def close_connections(self) -> None:
        """Hang up on every caller."""
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002
        """Log a failure of ours; a caller may hang up."""
        error = sys.exception()
        if isinstance(error, ConnectionError):
            logger.debug("A caller hung up")
        else:
            logger.error("The stand-in failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, has the stand-in answer, writes each answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        logger.debug(format, *args)

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "" if self.command in ("POST", "PATCH") else "0")
        if not length.isdigit() or int(length) > MOST_REQUEST_BYTES:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if length.isdigit() else HTTPStatus.LENGTH_REQUIRED
            self.close_connection = True
            self.wfile.write(_as_bytes(Answer(status, {"Connection": "close"}), headers))
            return
        body = self.rfile.read(int(length))
        reply = self.server.reply(self.command, self.path, headers, body)
        if reply.answer is None:
            self._hang_up()
        elif reply.is_cut_off:
            self.wfile.write(_first_part(reply.answer, headers))
            self._hang_up()
        else:
            self.wfile.write(_as_bytes(reply.answer, headers))

    def _hang_up(self) -> None:
        self.close_connection = True
        _hang_up(self.connection)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("The connection was gone already")


def _first_part(answer: Answer, asked: Mapping[str, str]) -> bytes:
    """The response up to the middle of its body or, without one, of its headers."""
    whole = _as_bytes(answer, asked)
    end_of_headers = whole.index(b"\r\n\r\n")
    return whole[: len(whole) - len(answer.body) // 2] if answer.body else whole[: end_of_headers // 3]


def _as_bytes(answer: Answer, asked: Mapping[str, str]) -> bytes:
    """The response as it goes over the wire."""
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        *(f"{name}: {value}" for name, value in answer.headers_for(asked).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + answer.body
