"""Sends requests as they are made, to Partner Center and to storage.

What a `requests.Session` adds must not be here: redirects and cookies, and a .netrc that replaces our Authorization
header. What it asks of the environment at each request, proxies and certificates, is asked once for a host: it costs as
much as sending. Proxies are used except for this machine.
"""

import os
from urllib.parse import urlsplit

import requests

from shared.bounded_exchange import BoundedAdapter
from shared.settings import is_loopback

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where `requests` looks for a bundle of certificates to trust, before it takes certifi's."""


class PlainSession(requests.Session):
    """urllib3's pools of connections, which all threads share, behind the interface that azure-core sends through."""

    def __init__(self, connections: int) -> None:
        """`connections` are kept open to one host at most; more threads than that still work, on their own."""
        super().__init__()
        self.trust_env = False  # which would be asked at each request
        self._certificates = next(filter(None, map(os.environ.get, _CERTIFICATES)), True)
        self._proxies: dict[str, dict[str, str]] = {}
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter(pool_maxsize=connections))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """The request with its own headers and body, and nothing else.

        Its address is whole and stays as it is: what was signed is sent.
        """
        prepared = requests.PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.url = str(request.url)
        prepared.prepare_headers(request.headers)
        prepared.prepare_body(request.data, request.files, request.json)
        return prepared

    def send(
        self,
        request: requests.PreparedRequest,
        *,
        stream: bool | None = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        **_same_for_all: object,
    ) -> requests.Response:
        """Send, and read the whole answer unless `stream`. A redirect is an answer like any other.

        Raises:
            requests.RequestException: nothing came back, or not all of it.
        """
        url = request.url or ""
        response = self.get_adapter(url).send(
            request,
            stream=bool(stream),
            timeout=timeout,  # type: ignore[arg-type]  # it takes what a session takes, its types do not say so
            verify=self._certificates,
            proxies=self._proxies_for(url),
        )
        if not stream:
            _ = response.content  # which reads it, and gives the connection back
        return response

    def _proxies_for(self, url: str) -> dict[str, str]:
        host = urlsplit(url).netloc
        if host not in self._proxies:
            self._proxies[host] = {} if _is_this_machine(url) else dict(requests.utils.get_environ_proxies(url))
        return self._proxies[host]


def _is_this_machine(url: str) -> bool:
    """Names below localhost are kept for this machine (RFC 6761), as the emulator's accounts may have."""
    return is_loopback(url) or (urlsplit(url).hostname or "").endswith(".localhost")
