"""HTTP functions: their routes, and how requests reach them and answers leave them."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import azure.functions as func
import pytest

from local.functions_host.app import HostedFunction, HttpTrigger
from local.functions_host.http_trigger import HttpListener, Route
from local.functions_host.invoking import Invoker


def route(
    template: str, *methods: str, name: str = "f", call: Callable[..., object] = print, needs_key: bool = False
) -> Route:
    trigger = HttpTrigger(template, frozenset(methods), needs_key)
    function = HostedFunction(name, trigger, "req", call)
    return Route(function, trigger, "api")


@contextmanager
def listening(*routes: Route, key: str | None = None) -> Iterator[int]:
    """The port of a listener of these routes."""
    listener = HttpListener(0, routes, Invoker(2), key)
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield int(listener.server_address[1])
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def raw(port: int, *lines: str, body: bytes = b"") -> tuple[int, bytes]:
    """The answer to a request of exactly these lines."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    connection.sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    response = http.client.HTTPResponse(connection.sock)
    response.begin()
    answer = response.status, response.read()
    connection.close()
    return answer


def echo(req: func.HttpRequest) -> func.HttpResponse:
    """What arrived."""
    what = {"params": dict(req.params), "route": dict(req.route_params), "x": req.headers.get("X-SEEN")}
    return func.HttpResponse(json.dumps(what | {"body": req.get_body().decode()}))


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("files", "/api/files", {}),
        ("files", "/API/Files/", {}),
        ("files/{id}", "/api/files/a b", {"id": "a b"}),
        ("pages/{*rest}", "/api/pages/a/b.css", {"rest": "a/b.css"}),
        ("files", "/files", None),
        ("files/{id}", "/api/files", None),
        ("files/{id}", "/api/files/1/2", None),
    ],
)
def test_a_route_finds_its_parameters(template: str, path: str, parameters: dict[str, str] | None) -> None:
    assert route(template).parameters("GET", path) == parameters


def test_a_route_serves_its_methods_alone() -> None:
    assert route("files", "GET").parameters("POST", "/api/files") is None
    assert route("files", "GET", "POST").parameters("POST", "/api/files") == {}


def test_what_is_given_more_than_once_is_joined_by_commas_and_names_of_headers_have_no_case() -> None:
    with listening(route("echo/{name}", call=echo)) as port:
        status, body = raw(
            port,
            "POST /api/echo/a%2Fb?q=1&q=2&empty= HTTP/1.1",
            "Host: localhost",
            "x-seen: one",
            "X-SEEN: two",
            "Content-Length: 4",
            body=b"body",
        )
    assert status == 200
    expected = {"params": {"q": "1,2"}, "route": {"name": "a%2Fb"}, "x": "one,two", "body": "body"}
    assert json.loads(body) == expected


def test_a_body_in_chunks_arrives_empty_as_from_the_real_host() -> None:
    lines = ("POST /api/echo/x HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked")
    with listening(route("echo/{name}", call=echo)) as port:
        status, body = raw(port, *lines, body=b"3;x=y\r\nabc\r\n0\r\n\r\n")
        assert (status, json.loads(body)["body"]) == (200, "")
        assert raw(port, *lines, body=b"no size\r\n")[0] == 400


@pytest.mark.parametrize(
    "line",
    [
        "Content-Length: x",
        "Content-Length: -1",
        "Content-Length: \xb2",
        f"Content-Length: {'9' * 5_000}",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 2",
        "no header\r\nContent-Length: 0",
    ],
)
def test_a_body_whose_length_is_not_told_is_refused(line: str) -> None:
    with listening(route("echo/{name}", call=echo)) as port:
        assert raw(port, "POST /api/echo/x HTTP/1.1", "Host: localhost", line)[0] == 400


def test_a_body_that_ends_before_its_length_reaches_no_function() -> None:
    seen: list[bytes] = []

    def note(req: func.HttpRequest) -> func.HttpResponse:
        seen.append(req.get_body())
        return func.HttpResponse("taken")

    request = b"POST /api/echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"
    with (
        listening(route("echo/{name}", call=note)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
    ):
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1_000).startswith(b"HTTP/1.1 400 ")
    assert seen == []


def test_a_line_that_is_too_long_is_refused() -> None:
    with listening(route("echo/{name}", call=echo)) as port:
        assert raw(port, f"GET /api/echo/{'x' * 70_000} HTTP/1.1", "Host: localhost")[0] == 414


def test_functions_are_tried_in_the_order_of_their_names_as_by_the_real_host() -> None:
    def named(name: str) -> Callable[..., func.HttpResponse]:
        return lambda req: func.HttpResponse(name)  # noqa: ARG005

    routes = [route("a/b", name="second", call=named("second")), route("a/{x}", name="first", call=named("first"))]
    with listening(*routes) as port:
        assert raw(port, "GET /api/a/b HTTP/1.1", "Host: localhost") == (200, b"first")


def test_a_function_that_returns_no_response_fails() -> None:
    with listening(route("a", call=lambda req: "text")) as port:  # noqa: ARG005
        assert raw(port, "GET /api/a HTTP/1.1", "Host: localhost") == (500, b"")


def test_a_key_is_asked_for_where_the_listener_has_one_and_the_function_wants_it() -> None:
    routes = [route("keyed", name="keyed", call=echo, needs_key=True), route("open", name="open", call=echo)]
    with listening(*routes, key="the key") as port:
        for path, header, status in (
            ("keyed", "X: y", 401),
            ("keyed", "x-functions-key: wrong", 401),
            ("keyed", "x-functions-key: the key", 200),
            ("keyed?code=the%20key", "X: y", 200),
            ("open", "X: y", 200),
        ):
            assert raw(port, f"GET /api/{path} HTTP/1.1", "Host: localhost", header)[0] == status
    with listening(*routes) as port:
        assert raw(port, "GET /api/keyed HTTP/1.1", "Host: localhost")[0] == 200


def test_no_other_machine_reaches_the_listener() -> None:
    with HttpListener(0, [], Invoker(1)) as listener:
        assert listener.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("question", "header", "status"),
    [
        ("?code=right", "X: y", 200),
        ("?Code=right", "X: y", 200),
        ("?code=right&CODE=right", "X: y", 401),
        ("?code=right", "x-functions-key: wrong", 401),
        ("?code=wrong", "x-functions-key: right", 200),
        ("?code=", "X: y", 401),
    ],
)
def test_a_key_counts_as_by_the_real_host(question: str, header: str, status: int) -> None:
    with listening(route("keyed", call=echo, needs_key=True), key="right") as port:
        assert raw(port, f"GET /api/keyed{question} HTTP/1.1", "Host: localhost", header)[0] == status
