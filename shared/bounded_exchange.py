"""An HTTP exchange with a deadline, however slowly its bytes arrive, that knows whether its request began.

The timeouts of `requests` run from one byte to the next: dribbling headers, an endless `100 Continue` or endless
trailers never reach them. Here a second thread shuts the connection down at the deadline, whatever its state; the
thread waiting for it then gets an error. Two steps cannot be shut down: resolving a name, which the system's resolver
limits, and connecting, which has its own timeout.
"""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from http import HTTPStatus
from http.client import BadStatusLine, HTTPResponse, parse_headers
from itertools import count
from time import monotonic
from typing import Any

from requests import ConnectionError, Response  # noqa: A004 - the name in `requests`
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class ExchangeTimedOut(OSError):
    """The exchange was ended because its time was up."""


@dataclass(slots=True)
class Exchange:
    """An exchange, or several consecutive exchanges, with a common deadline."""

    seconds: float
    has_begun: bool = False
    """Whether a byte of a request may have been sent: from then on it may be processed, whatever error follows."""
    is_over: bool = False
    _connection: socket.socket | None = None
    """Our own socket on the current connection: the socket in use changes its owner when TLS begins."""
    _is_done: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Raises ExchangeTimedOut when time is up: an answer that ends at that moment may have been cut off."""
        if self.is_over:
            raise ExchangeTimedOut(_timed_out(self.seconds))

    def use(self, connection: socket.socket) -> None:
        """Set the connection to shut down at the deadline."""
        with self._lock:
            self._replace(socket.fromfd(connection.fileno(), connection.family, connection.type, connection.proto))

    def end(self) -> None:
        """Shut the connection down unless the exchange is done. Called from another thread than the waiting thread."""
        with self._lock:
            if self._is_done:
                return
            self.is_over = True
            if self._connection is not None:
                with suppress(OSError):  # the connection ended at the same moment
                    self._connection.shutdown(socket.SHUT_RDWR)

    def done(self) -> None:
        """Release the connection, which other exchanges may use from now on."""
        with self._lock:
            self._is_done = True
            self._replace(None)

    def _replace(self, connection: socket.socket | None) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = connection


def _timed_out(seconds: float) -> str:
    return f"it was not over after {seconds:g} seconds"


class _Watchdog:
    """Ends exchanges at their deadlines, from one thread for all: one thread each would cost as much as a request."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Exchange]] = []
        self._numbers = count()
        self._earliest_changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, exchange: Exchange) -> None:
        """End `exchange` when its seconds have passed, unless it is done by then."""
        entry = (monotonic() + exchange.seconds, next(self._numbers), exchange)
        with self._earliest_changed:
            heappush(self._waiting, entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines of exchanges", daemon=True)
                self._thread.start()
            elif self._waiting[0] is entry:
                self._earliest_changed.notify()

    def _run(self) -> None:
        while True:
            self._next_to_end().end()

    def _next_to_end(self) -> Exchange:
        """Wait for the earliest deadline."""
        with self._earliest_changed:
            while not self._waiting or self._waiting[0][0] > monotonic():
                self._earliest_changed.wait(self._waiting[0][0] - monotonic() if self._waiting else None)
            return heappop(self._waiting)[2]


_watchdog = _Watchdog()
_present = threading.local()


@contextmanager
def bounded_exchange(seconds: float) -> Iterator[Exchange]:
    """All requests that this thread sends inside, through the classes below, end after `seconds` in total.

    Answers must be read inside, too. Inside another deadline the outer deadline applies; infinite seconds are none.
    """
    outer: Exchange | None = getattr(_present, "exchange", None)
    if outer is not None:
        yield outer
        return
    exchange = Exchange(seconds)
    if seconds < math.inf:
        _watchdog.watch(exchange)
    _present.exchange = exchange
    try:
        yield exchange
    finally:
        _present.exchange = None
        exchange.done()


def request_begins() -> None:
    """Note that this thread is about to send the first byte of a request."""
    exchange: Exchange | None = getattr(_present, "exchange", None)
    if exchange is not None:
        exchange.has_begun = True


def _used_now(connection: socket.socket | None) -> None:
    """Note that this thread's exchange now uses `connection`; None before a connection exists."""
    exchange: Exchange | None = getattr(_present, "exchange", None)
    if exchange is not None:
        if connection is not None:
            exchange.use(connection)
        exchange.check()


class _FinalResponse(HTTPResponse):
    """The final answer to a request. `http.client` takes every interim one but `100 Continue` for the final answer.

    The final one, left unread, would then be the answer to the next request on the connection: to another POST.
    """

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # unknown to its annotations
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise BadStatusLine("the connection is used for another protocol from now on")
            if not HTTPStatus.SWITCHING_PROTOCOLS < status < HTTPStatus.OK:
                return version, status, reason
            parse_headers(self.fp)


class _BoundedConnection(HTTPConnection):
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        _used_now(None)
        connected = super()._new_conn()
        try:
            _used_now(connected)
        except ExchangeTimedOut:
            connected.close()
            raise
        return connected

    def request(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - those of HTTPConnection
        """See `HTTPConnection`; the connection may have been kept open since an earlier exchange."""
        if self.sock is None:
            self.connect()
        _used_now(self.sock)
        request_begins()
        super().request(*arguments, **options)


class BoundedTlsConnection(_BoundedConnection, HTTPSConnection):
    """A single TLS connection, for requests that connection pools and their instrumentation must not log."""


class _BoundedPool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _BoundedTlsPool(HTTPSConnectionPool):
    ConnectionCls = BoundedTlsConnection


_POOLS = {"http": _BoundedPool, "https": _BoundedTlsPool}


class BoundedAdapter(HTTPAdapter):
    """An adapter of `requests` whose exchanges `bounded_exchange` can end, also through a proxy."""

    def send(self, *arguments: Any, **options: Any) -> Response:  # noqa: ANN401 - those of HTTPAdapter
        """See `HTTPAdapter`. Headers cut off by the deadline look like the end of an answer, but are an error."""
        response: Response = super().send(*arguments, **options)
        exchange: Exchange | None = getattr(_present, "exchange", None)
        if exchange is not None and exchange.is_over:
            response.close()
            raise ConnectionError(_timed_out(exchange.seconds), request=response.request)
        return response

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - those of HTTPAdapter
        """See `HTTPAdapter`."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:  # noqa: ANN401
        """See `HTTPAdapter`."""
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
