"""A server whose answer never ends: a byte every so often, so that no timeout between two bytes is ever met."""

import socket
import threading
from enum import Enum
from itertools import cycle
from types import TracebackType
from typing import Self

SECONDS_BETWEEN_BYTES = 0.02

_START = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _START + b"Transfer-Encoding: chunked\r\n\r\n"


class DribblingAnswer(Enum):
    """The beginning of an answer, and the bytes repeated after it without an end."""

    STATUS_LINE = (b"HTTP/1.1 200 ", b"O")
    HEADERS = (_START, b"X-A: b\r\n")
    ONE_HEADER = (_START + b"X-A: ", b"b")
    CONTINUE = (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    BODY = (_START + b"Content-Length: 100000\r\n\r\n", b" ")
    BODY_WITHOUT_LENGTH = (_START + b"Connection: close\r\n\r\n", b" ")
    CHUNK_HEADER = (_CHUNKED, b"0")
    CHUNKS = (_CHUNKED, b"1\r\n \r\n")
    TRAILERS = (_CHUNKED + b"0\r\n", b"X-A: b\r\n")
    SILENCE = (b"", b"")


class DribblingServer:
    """Answers every connection so; `headers` stand before the answer's own."""

    def __init__(self, answer: DribblingAnswer, headers: str = "") -> None:
        start, self._repeated = answer.value
        status_line, line_end, rest = start.partition(b"\r\n")
        self._start = status_line + line_end + (f"{headers}\r\n".encode() if headers else b"") + rest
        self._is_closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.connections = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._is_closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._dribble, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _dribble(self, connection: socket.socket) -> None:
        pieces = cycle([self._repeated[at : at + 1] for at in range(len(self._repeated))] or [b""])
        with connection:
            try:
                connection.sendall(self._start)
                while not self._is_closed.wait(SECONDS_BETWEEN_BYTES):
                    connection.sendall(next(pieces))
            except OSError:
                return
