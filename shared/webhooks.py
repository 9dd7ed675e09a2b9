"""POSTs a notification to the webhook that a setting names: over https, without redirects, within a deadline.

The address is a secret, so it appears in no message and no log. Common HTTP clients and their instrumentation log the
addresses of requests, so this module uses a single connection of urllib3, below its pools.

Private addresses are refused unless a setting allows them. The name is resolved once before each request; the
connection resolves it again, and the certificate must be for that name wherever it then leads.
"""

import os
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPException
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_auth_from_url, get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import make_headers

from shared.bounded_exchange import BoundedTlsConnection, bounded_exchange
from shared.errors import DeviceDropError
from shared.public_addresses import is_public

LONGEST_SECONDS = 20.0
"""The limit of the whole exchange, so that a wake-up is not held up longer."""

LONGEST_RETRY_AFTER = timedelta(hours=1)

_TLS = 443
_PROXY = 80
_PASSING = frozenset({408, 429})


class WebhookError(DeviceDropError):
    """The webhook did not accept the notification."""


class WebhookFailed(WebhookError):
    """It may accept the notification later; `retry_after` is the wait it requested."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WebhookRefused(WebhookError):
    """It will never accept the notification; a person must act."""


class Webhook(Protocol):
    """The HTTP endpoint for notifications."""

    def post(self, body: bytes, content_type: str) -> None:
        """Send `body`. Raises WebhookFailed or WebhookRefused."""


@dataclass(frozen=True, slots=True)
class HttpsWebhook:
    """`Webhook` over HTTPS; one instance serves all threads."""

    url: str = field(repr=False)
    allows_private: bool = False
    seconds: float = LONGEST_SECONDS

    def post(self, body: bytes, content_type: str) -> None:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or _TLS
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with bounded_exchange(self.seconds) as exchange, closing(self._connection(host, port)) as connection:
                if not self.allows_private:
                    _check_addresses(host, port)
                connection.request("POST", target, body=body, headers={"Content-Type": content_type})
                answer = connection.getresponse()
                exchange.check()
        except ssl.SSLCertVerificationError:
            raise WebhookFailed("its certificate is not trusted") from None
        except SSLError:
            raise WebhookFailed("the certificates that REQUESTS_CA_BUNDLE names cannot be read") from None
        except (OSError, HTTPException, HTTPError) as error:
            raise WebhookFailed(f"it could not be reached, or gave no answer ({type(error).__name__})") from None
        _check(answer.status, answer.headers.get("Retry-After"))

    def _connection(self, host: str, port: int) -> BoundedTlsConnection:
        """A connection to the webhook, through the environment's proxy for it, if any."""
        trusted = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH
        options: dict[str, Any] = {
            "timeout": self.seconds,
            "ca_cert_dir" if Path(trusted).is_dir() else "ca_certs": trusted,
        }
        proxy = select_proxy(self.url, get_environ_proxies(self.url))
        if proxy is None:
            return BoundedTlsConnection(host, port, **options)
        way = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        connection = BoundedTlsConnection(way.hostname or "", way.port or _PROXY, **options)
        user, password = get_auth_from_url(way.geturl())
        connection.set_tunnel(host, port, make_headers(proxy_basic_auth=f"{user}:{password}") if user else {})
        return connection


def _check_addresses(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WebhookFailed("its name is not known to DNS") from None
    if not all(is_public(ip_address(entry[4][0])) for entry in found):
        raise WebhookRefused(
            "its name leads to an address that is not public, where nothing is sent unless "
            "NOTIFY_WEBHOOK_ALLOW_PRIVATE is true"
        )


def _check(status: int, retry_after: str | None) -> None:
    if 200 <= status < 300:  # noqa: PLR2004
        return
    if status in _PASSING or status >= 500:  # noqa: PLR2004
        raise WebhookFailed(f"it answered with {status}", _wait(retry_after))
    if 300 <= status < 400:  # noqa: PLR2004
        raise WebhookRefused(f"it answered with a redirect ({status}), which is not followed")
    raise WebhookRefused(f"it answered with {status}")


def _wait(retry_after: str | None) -> timedelta | None:
    """The requested wait in seconds, within limits; a date is ignored."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return min(timedelta(seconds=int(retry_after.strip()[:9])), LONGEST_RETRY_AFTER)
