"""HTTP triggers, served on the loopback interface.

A listener that is given a function key asks for it, as Azure does; Core Tools never ask.
"""

import logging
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from azure.functions.meta import Datum

from local.functions_host.app import HostedFunction, HttpTrigger
from local.functions_host.converting import argument
from local.functions_host.invoking import Answer, Invoker

logger = logging.getLogger(__name__)

_LONGEST_LINE = 8_192
_EMPTY = (("Content-Length", "0"),)

_SEGMENT = re.compile(r"\{(?P<rest>\*)?(?P<name>\w+)\}")


class Route:
    """One function's route template, which may hold `{name}` for one segment and `{*rest}` for all that follow."""

    def __init__(self, function: HostedFunction, trigger: HttpTrigger, prefix: str) -> None:
        self.function = function
        self.needs_key = trigger.needs_key
        self._methods = trigger.methods
        segments = [segment for segment in f"{prefix}/{trigger.route}".split("/") if segment]
        self._pattern = re.compile("".join(_pattern(segment) for segment in segments) + "/?", re.IGNORECASE)

    def parameters(self, method: str, path: str) -> dict[str, str] | None:
        """The route's parameters in `path`, None when the request is not for this function."""
        match = self._pattern.fullmatch(path)
        if match is None or (self._methods and method not in self._methods):
            return None
        return {name: unquote(value) for name, value in match.groupdict().items() if value is not None}


def _pattern(segment: str) -> str:
    placeholder = _SEGMENT.fullmatch(segment)
    if placeholder is None:
        return f"/{re.escape(segment)}"
    part = f"/(?P<{placeholder['name']}>{'.*' if placeholder['rest'] else '[^/]+'})"
    return f"(?:{part})?" if placeholder["rest"] else part


class HttpListener(ThreadingHTTPServer):
    """Serves the app's HTTP functions; `serve_forever` is its thread."""

    daemon_threads = True

    def __init__(self, port: int, routes: Iterable[Route], invoker: Invoker, function_key: str | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        # The real host tries functions in the order of their names, however exact their routes are.
        self.routes = sorted(routes, key=lambda route: route.function.name)
        self.invoker = invoker
        self.function_key = function_key

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: HttpListener
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = self._length_of_body()
        if length is None:
            self.close_connection = True
            self._send(HTTPStatus.BAD_REQUEST, _EMPTY, b"")
            return
        body = self.rfile.read(length)
        for route in self.server.routes:
            parameters = route.parameters(self.command, url.path)
            if parameters is not None:
                if route.needs_key and not self._has_key():
                    self._send(HTTPStatus.UNAUTHORIZED, _EMPTY, b"")
                    return
                request = self._request(url.query, parameters, body)
                detail = f"{self.command} {url.path}"
                self._reply(self.server.invoker.start(route.function, request, detail).result())
                return
        self._send(HTTPStatus.NOT_FOUND, _EMPTY, b"")

    def _length_of_body(self) -> int | None:
        """Bytes of the body; None when the headers do not give them in a way that this host understands."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            # The real host passes an empty body on.
            return 0 if self._skip_chunks() else None
        return int(length) if length.isascii() and length.isdigit() else None

    def _skip_chunks(self) -> bool:
        """Read a body that was sent in chunks; whether it was sent as RFC 9112, 7.1, says."""
        while (size := self.rfile.readline(_LONGEST_LINE).partition(b";")[0].strip()) not in (b"", b"0"):
            if not re.fullmatch(rb"[0-9a-fA-F]{1,7}", size):
                return False
            self.rfile.read(int(size, 16) + 2)
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass
        return size == b"0"

    def _has_key(self) -> bool:
        key = self.server.function_key
        in_address = dict(parse_qsl(urlsplit(self.path).query)).get("code")
        return key is None or key in (self.headers.get("x-functions-key"), in_address)

    def _request(self, query: str, parameters: dict[str, str], body: bytes) -> object:
        data = {
            "method": Datum(self.command, "string"),
            "url": Datum(f"{self.server.url}{self.path}", "string"),
            "headers": _joined((name.lower(), value) for name, value in self.headers.items()),
            "query": _joined(parse_qsl(query, keep_blank_values=True)),
            "params": {name: Datum(value, "string") for name, value in parameters.items()},
            "body": Datum(body, "bytes"),
        }
        return argument("httpTrigger", Datum(data, "http"), {})

    def _reply(self, answer: Answer) -> None:
        response = answer.response
        if response is None:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _EMPTY, b"")
            return
        body = response.get_body()
        headers = [(name, value) for name, value in response.headers.items() if name.lower() != "content-length"]
        if "content-type" not in response.headers:
            headers.append(("Content-Type", f"{response.mimetype}; charset={response.charset}"))
        self._send(response.status_code, [*headers, ("Content-Length", str(len(body)))], body)

    def _send(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The base class calls `do_PURGE` for PURGE; the app answers every method, whether it takes it or not."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Leave the log to the invoker's line."""


def _joined(fields: Iterable[tuple[str, str]]) -> dict[str, Datum]:
    """Fields by name; the values of a repeated field are joined by commas, as by the real host."""
    joined: dict[str, str] = {}
    for name, value in fields:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return {name: Datum(value, "string") for name, value in joined.items()}
