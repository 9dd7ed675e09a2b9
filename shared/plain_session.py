"""Sends requests to Partner Center and to storage without additions.

It leaves out the additions of a `requests.Session`: redirects, cookies, and a .netrc that would replace our
Authorization header. A session also reads proxies and certificates from the environment at each request, which costs as
much as sending; here they are read once per host. Proxies are used except for this machine.
"""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from shared.bounded_exchange import BoundedAdapter
from shared.settings import is_loopback

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The environment variables that `requests` reads for a bundle of trusted certificates, before it uses certifi's."""


class PlainSession(requests.Session):
    """urllib3's connection pools, shared by all threads, behind the interface that azure-core uses."""

    def __init__(self, connections: int) -> None:
        """Keeps at most `connections` open to one host; further threads open their own."""
        super().__init__()
        self.trust_env = False  # would be read at each request
        self._certificates = next(filter(None, map(os.environ.get, _CERTIFICATES)), True)
        self._proxies: dict[str, dict[str, str]] = {}
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter(pool_maxsize=connections))

    def request(  # type: ignore[override]  # not `params`, `auth` and the like: what a caller gives is sent as it is
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,  # noqa: ANN401 - these three as `requests` accepts them
        files: Any = None,  # noqa: ANN401
        json: Any = None,  # noqa: ANN401
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        **_same_for_all: object,
    ) -> requests.Response:
        """Send the request, and read the whole answer unless `stream`. A redirect is returned like any other answer.

        The request has only the given headers and body. Its address stays unchanged, because it was signed.

        Raises:
            requests.RequestException: no answer arrived, or not all of it.
        """
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.url = url
        request.prepare_headers(headers)
        request.prepare_body(data, files, json)
        response = self.get_adapter(url).send(
            request,
            stream=stream,
            timeout=timeout,  # type: ignore[arg-type]  # it accepts a session's values, unlike its annotations
            verify=self._certificates,
            proxies=self._proxies_for(url),
        )
        if not stream:
            _ = response.content  # reads the body and returns the connection to the pool
        return response

    def _proxies_for(self, url: str) -> dict[str, str]:
        host = urlsplit(url).netloc
        if host not in self._proxies:
            self._proxies[host] = {} if _is_this_machine(url) else dict(requests.utils.get_environ_proxies(url))
        return self._proxies[host]


def _is_this_machine(url: str) -> bool:
    """Whether `url` is on this machine. Names below localhost are reserved for it (RFC 6761); emulators use them."""
    return is_loopback(url) or (urlsplit(url).hostname or "").endswith(".localhost")
