"""HTTP triggers, served on the loopback interface.

A listener that is given a function key asks for it, as Azure does; Core Tools never ask.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from email.errors import MissingHeaderBodySeparatorDefect
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from azure.functions.meta import Datum

from local.functions_host.app import HostedFunction, HttpTrigger
from local.functions_host.converting import argument
from local.functions_host.invoking import Answer, Invoker
from local.functions_host.urls import decoded_path, encoded_path, joined, query_parameters

logger = logging.getLogger(__name__)

LONGEST_REQUEST_LINE = 8_192
LARGEST_HEADERS = 32_768
LARGEST_BODY = 100 * 1024 * 1024
"""Bytes: more is answered with 414, 431 and 500, and reaches no function."""

KEY = "x-functions-key"
KEY_PARAMETER = "code"

_LONGEST_LINE = 8_192
_EMPTY = (("Content-Length", "0"),)
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_STATUSES = range(100, 1000)
_LENGTH = re.compile(r"[0-9]{1,18}")

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
        """The route's parameters in a decoded `path`, None when the request is not for this function."""
        match = self._pattern.fullmatch(path)
        if match is None or (self._methods and method not in self._methods):
            return None
        return {name: value for name, value in match.groupdict().items() if value}


def _pattern(segment: str) -> str:
    placeholder = _SEGMENT.fullmatch(segment)
    if placeholder is None:
        return f"/{re.escape(segment)}"
    part = f"/(?P<{placeholder['name']}>{'(?s:.*)' if placeholder['rest'] else '[^/]+'})"
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
    disable_nagle_algorithm = True
    """The body follows the headers at once, and not when they are acknowledged, which takes 40 ms."""

    def _serve(self) -> None:
        self.command = self.command.upper()
        length = self._length_of_body()
        refusal = HTTPStatus.BAD_REQUEST if length is None else self._refusal(length)
        if length is None or refusal is not None:
            self.close_connection = True
            self._send(refusal or HTTPStatus.BAD_REQUEST, _EMPTY, b"")
            return
        # `self.path` has one slash where the request has several.
        target = self.requestline.split()[1]
        raw_path, _, query = target.partition("?")
        path, parameters = decoded_path(raw_path), query_parameters(query)
        body = self.rfile.read(length)
        if len(body) < length:
            # The client has gone, or will not send the rest.
            self.close_connection = True
            self._send(HTTPStatus.BAD_REQUEST, _EMPTY, b"")
            return
        for route in self.server.routes:
            of_route = route.parameters(self.command, path)
            if of_route is not None:
                if route.needs_key and not self._has_key(parameters):
                    self._send(HTTPStatus.UNAUTHORIZED, _EMPTY, b"")
                    return
                address = encoded_path(path) + (f"?{query}" if "?" in target else "")
                request = self._request(address, parameters, of_route, body)
                detail = f"{self.command} {raw_path}"
                self._reply(self.server.invoker.start(route.function, request, detail).result())
                return
        # So the real host answers where its landing page would be, since the app switches that off.
        self._send(HTTPStatus.NO_CONTENT if path == "/" else HTTPStatus.NOT_FOUND, _EMPTY, b"")

    def _refusal(self, length: int) -> HTTPStatus | None:
        """The status for a request that is larger than the real host takes."""
        if len(self.requestline) > LONGEST_REQUEST_LINE:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        if sum(len(name) + len(value) + 4 for name, value in self.headers.items()) > LARGEST_HEADERS:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        return HTTPStatus.INTERNAL_SERVER_ERROR if length > LARGEST_BODY else None

    def _length_of_body(self) -> int | None:
        """Bytes of the body; None when the headers do not give them in a way that this host understands."""
        if any(isinstance(defect, MissingHeaderBodySeparatorDefect) for defect in self.headers.defects):
            # One line is no header, and what follows it is not read as headers.
            return None
        if "Transfer-Encoding" in self.headers:
            # The real host passes an empty body on.
            return 0 if self._skip_chunks() else None
        [length, *others] = self.headers.get_all("Content-Length", ["0"])
        return int(length) if _LENGTH.fullmatch(length) and not others else None

    def _skip_chunks(self) -> bool:
        """Read a body that was sent in chunks; whether it was sent as RFC 9112, 7.1, says."""
        while (size := self.rfile.readline(_LONGEST_LINE).partition(b";")[0].strip()) not in (b"", b"0"):
            if not re.fullmatch(rb"[0-9a-fA-F]{1,7}", size):
                return False
            self.rfile.read(int(size, 16) + 2)
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass
        return size == b"0"

    def _has_key(self, parameters: Mapping[str, str]) -> bool:
        """Whether the request has the key. A key in the header, even a wrong one, goes before one in the address."""
        in_address = [value for name, value in parameters.items() if name.lower() == KEY_PARAMETER]
        given = self.headers.get_all(KEY) or in_address
        return self.server.function_key is None or given == [self.server.function_key]

    def _request(self, address: str, parameters: Mapping[str, str], route: Mapping[str, str], body: bytes) -> object:
        host = self.headers.get("Host") or "{}:{}".format(*self.server.server_address[:2])
        headers = joined(
            (name.lower(), value.strip().encode("latin-1").decode(errors="replace"))
            for name, value in self.headers.items()
        )
        data = {
            "method": Datum(self.command, "string"),
            "url": Datum(f"http://{host}{address}", "string"),
            "headers": _data(headers),
            "query": _data(parameters),
            "params": _data(route),
            "body": Datum(body, "bytes"),
        }
        return argument("httpTrigger", Datum(data, "http"), {})

    def _reply(self, answer: Answer) -> None:
        response = answer.response
        if response is None:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _EMPTY, b"")
            return
        if response.status_code not in _STATUSES:
            # The real host closes the connection without an answer.
            self.close_connection = True
            return
        body = b"" if response.status_code in _WITHOUT_BODY else response.get_body()
        if response.headers.get("content-length", str(len(body))) != str(len(body)):
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _EMPTY, b"")
            return
        headers = [(name, value) for name, value in response.headers.items() if name.lower() != "content-length"]
        if "content-type" not in response.headers:
            is_text = response.mimetype.startswith("text/")
            charset = f"; charset={response.charset}" if is_text else ""
            headers.append(("Content-Type", f"{response.mimetype}{charset}"))
        self._send(response.status_code, [*headers, ("Content-Length", str(len(body)))], body)

    def _send(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse what the base class cannot read as the real host does: without a page."""
        self.close_connection = True
        self._send(code, _EMPTY, b"")

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The base class calls `do_PURGE` for PURGE; the app answers every method, whether it takes it or not."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Leave the log to the invoker's line."""


def _data(fields: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in fields.items()}
