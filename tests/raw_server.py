"""A server that answers with given bytes, and keeps what it was sent."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_LONGEST_SECONDS = 60
"""After which a test fails instead of waiting for ever."""


class RawServer:
    """Answers the connections to it with given bytes, one after the other, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self.received: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LONGEST_SECONDS)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        with suppress(OSError):
            # Wakes the thread that waits for a connection, on systems where closing alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_LONGEST_SECONDS)

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(_LONGEST_SECONDS)
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


StartRawServer = Callable[..., RawServer]
