"""POSTs a text to an address that a setting names: over TLS, to a public machine, and nowhere else.

The name is resolved once; the connection goes to the address that was checked, with the name for TLS and Host. So no
second answer of DNS leads elsewhere. No redirect is followed, no proxy asked. The address is a secret: it stands in no
message and no log, which is why this speaks HTTP with the standard library - what instruments or logs the requests of
the usual clients would write it down.
"""

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from shared.errors import DeviceDropError
from shared.public_addresses import Address, is_public

LONGEST_SECONDS = 20.0
"""For the whole exchange; a wake-up is not held up longer."""

SECONDS_PER_ADDRESS = 5.0
MOST_ADDRESSES = 4

LONGEST_RETRY_AFTER = timedelta(hours=1)

_TLS = 443
_PASSING = frozenset({408, 429})

Resolve = Callable[[str, int], list[str]]
"""The addresses of a name. Raises OSError."""


class WebhookError(DeviceDropError):
    """The webhook did not take what it was told."""


class WebhookFailed(WebhookError):
    """It did not take it now; later it may. `retry_after` is what it asked for."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WebhookRefused(WebhookError):
    """It will not take it, however often it is told; a person must act."""


class Webhook(Protocol):
    """Someone who is told by HTTP."""

    def post(self, body: bytes, content_type: str) -> None:
        """Tell it `body`. Raises WebhookFailed or WebhookRefused."""


def resolved(host: str, port: int) -> list[str]:
    """The addresses that DNS gives now."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def trusted() -> ssl.SSLContext:
    """Who is trusted: a bundle that the environment names, as for Partner Center, or that of `requests`.

    A folder will do as well as a file. Raises OSError when it cannot be read.
    """
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or str(DEFAULT_CA_BUNDLE_PATH)
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


@dataclass(frozen=True, slots=True)
class HttpsWebhook:
    """`Webhook` over HTTPS; one serves all threads. Who is allowed, found and trusted can be replaced."""

    url: str = field(repr=False)
    is_allowed: Callable[[Address], bool] = is_public
    resolve: Resolve = resolved
    trust: Callable[[], ssl.SSLContext] = trusted
    seconds: float = LONGEST_SECONDS

    def post(self, body: bytes, content_type: str) -> None:
        """See `Webhook`."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _TLS
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = _CheckedConnection(host, port, self._addresses(host, port), self._trusted())
        try:
            with _ended_after(connection, self.seconds):
                connection.request("POST", target, body, {"Content-Type": content_type})
                answer = connection.getresponse()
                status, retry_after = answer.status, answer.headers.get("Retry-After")
        except ssl.SSLCertVerificationError:
            raise WebhookFailed("its certificate is not trusted") from None
        except (OSError, HTTPException) as error:
            raise WebhookFailed(f"it could not be reached, or gave no answer ({type(error).__name__})") from None
        finally:
            connection.close()
        _judge(status, retry_after)

    def _trusted(self) -> ssl.SSLContext:
        try:
            return self.trust()
        except OSError:
            raise WebhookFailed("the certificates that REQUESTS_CA_BUNDLE names cannot be read") from None

    def _addresses(self, host: str, port: int) -> list[str]:
        """The addresses to connect to: all of them must be allowed, or none is."""
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError):
            raise WebhookFailed("its name is not known to DNS") from None
        if not found or not all(self.is_allowed(ip_address(address)) for address in found):
            raise WebhookRefused("its name leads to an address that is not public, and nothing is sent there")
        return found[:MOST_ADDRESSES]


class _CheckedConnection(HTTPSConnection):
    """A connection to one of the addresses that were checked, under the name that they were found by."""

    def __init__(self, host: str, port: int, addresses: list[str], trust: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=SECONDS_PER_ADDRESS, context=trust)
        self._addresses = addresses
        self._trust = trust
        self._is_over = False

    def connect(self) -> None:
        """See `HTTPSConnection`."""
        plain = self._connected()
        try:
            self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        if self._is_over:
            raise TimeoutError("Time was up before the connection stood.")

    def end(self) -> None:
        """End the exchange, from another thread; one that is still being connected does not begin."""
        self._is_over = True
        if (open_socket := self.sock) is not None:
            # Whoever waits for it gets an error; it may be over at the same moment.
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> socket.socket:
        for address in self._addresses[:-1]:
            try:
                return socket.create_connection((address, self.port), SECONDS_PER_ADDRESS)
            except OSError:
                continue
        return socket.create_connection((self._addresses[-1], self.port), SECONDS_PER_ADDRESS)


@contextmanager
def _ended_after(connection: _CheckedConnection, seconds: float) -> Iterator[None]:
    """However slowly it is reached or answers, the exchange ends then."""
    timer = threading.Timer(seconds, connection.end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _judge(status: int, retry_after: str | None) -> None:
    if 200 <= status < 300:  # noqa: PLR2004
        return
    if status in _PASSING or status >= 500:  # noqa: PLR2004
        raise WebhookFailed(f"it answered with {status}", _wait(retry_after))
    if 300 <= status < 400:  # noqa: PLR2004
        raise WebhookRefused(f"it answered with a redirect ({status}), which is not followed")
    raise WebhookRefused(f"it answered with {status}")


def _wait(retry_after: str | None) -> timedelta | None:
    """The seconds that are asked for, within reason; a date is not read."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return min(timedelta(seconds=int(retry_after.strip()[:9])), LONGEST_RETRY_AFTER)
