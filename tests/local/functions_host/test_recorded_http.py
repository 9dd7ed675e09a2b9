"""The local host answers as the real Functions host did: it is held against exchanges recorded with host 4.1037.

`NOT_FOLLOWED` is the one list of cases in which it deliberately does not, each with its reason.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from local.functions_host.app import HostedFunction, HttpTrigger
from local.functions_host.http_trigger import HttpListener, Route
from local.functions_host.invoking import Invoker

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "recorded" / "http.json").read_text())
HOST = "localhost:7071"
ROOT = Path(__file__).parents[3]

NOT_FOLLOWED: Mapping[str, str] = {
    "path /": "recorded with the platform's landing page, which the app switches off (AzureWebJobsDisableHomepage)",
}
NOT_RECORDED: Mapping[str, str] = {
    "Set-Cookie": "no response of the app sets a cookie; the form in which the real host writes one was not recorded",
}
"""What the recorded exchanges do not show, and why it is not needed."""
CASES = [exchange for exchange in RECORDED if exchange["request"] is not None]


def _echo(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "url": req.url,
        "method": req.method,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body()[:200].decode("latin-1"),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


def _status(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("body", status_code=int(req.route_params["code"]))


def _big(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(b"x" * int(req.route_params["n"]), mimetype="application/octet-stream")


def _boom(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    raise ValueError("boom")


def _of(response: object) -> Callable[[func.HttpRequest], object]:
    return lambda req: response  # noqa: ARG005 - the host passes it by name


FUNCTIONS: dict[str, tuple[str, Callable[[func.HttpRequest], object]]] = {
    "aa_x": ("a/{x}", _of(func.HttpResponse("zz {x}"))),
    "a_special_last": ("a/special", _of(func.HttpResponse("special"))),
    "badhdr": ("badhdr", lambda req: func.HttpResponse("x", headers={"X-A": "a\r\nb"})),  # noqa: ARG005
    "big": ("big/{n}", _big),
    "boom": ("boom", _boom),
    "bytess": ("bytess", _of(b"bytes")),
    "dictt": ("dictt", _of({"a": 1})),
    "echo": ("echo/{*rest}", _echo),
    "hdr": ("hdr", _of(func.HttpResponse("x", headers={"Content-Length": "7"}))),
    "none": ("none", _of(None)),
    "status": ("status/{code}", _status),
    "text": ("text", _of(func.HttpResponse("h\xe9llo"))),
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    routes = []
    for name, (route, call) in FUNCTIONS.items():
        trigger = HttpTrigger(route, frozenset())
        # The name of the general route comes first.
        hosted = "zz" if name == "a_special_last" else name
        routes.append(Route(HostedFunction(hosted, trigger, "req", call), trigger, "api"))
    listener = HttpListener(0, routes, Invoker(4))
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield int(listener.server_address[1])
    listener.shutdown()
    thread.join()
    listener.server_close()


def _exchange(port: int, request: str) -> bytes:
    """The whole answer to a request as it went over the wire."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def _parsed(answer: bytes) -> tuple[object, dict[str, list[str]], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return int(first.split()[1]) if first else "ERR", headers, body


@pytest.mark.parametrize("exchange", CASES, ids=lambda exchange: exchange["case"][:60])
def test_the_local_host_answers_as_the_real_one_did(port: int, exchange: dict[str, Any]) -> None:
    if exchange["case"] in NOT_FOLLOWED:
        pytest.skip(NOT_FOLLOWED[exchange["case"]])
    status, headers, body = _parsed(_exchange(port, exchange["request"]))
    assert status == exchange["status"]
    recorded: dict[str, list[str]] = {}
    for name, value in exchange["headers"]:
        recorded.setdefault(name.lower(), []).append(value)
    # The local host tells the length where the real one sends chunks.
    framing = {"content-length", "transfer-encoding", "date", "server", "connection"}
    assert {name: headers[name] for name in headers.keys() - framing} == {
        name: recorded[name] for name in recorded.keys() - framing
    }
    if "function_saw" not in exchange:
        assert body.decode("latin-1") == exchange.get("body", "")
        return
    saw, real = json.loads(body), exchange["function_saw"]
    if "length" not in real:
        assert saw == real


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("a" * 7_000, "", 404),
        ("a" * 8_300, "", 414),
        ("a" * 70_000, "", 414),
        ("api/text", "x" * 16_000, 200),
        ("api/text", "x" * 20_000, 200),
        ("api/text", "x" * 40_000, 431),
        ("api/text", "x" * 70_000, 431),
    ],
)
def test_a_request_is_as_large_as_the_real_host_takes(port: int, path: str, header: str, status: int) -> None:
    request = f"GET /{path} HTTP/1.1\r\nHost: {HOST}\r\nX-Long: {header}\r\nConnection: close\r\n\r\n"
    answered, headers, body = _parsed(_exchange(port, request))
    assert answered == status
    if status != HTTPStatus.OK:
        assert (headers["content-length"], body) == (["0"], b"")


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        # As browsers send them: in one header.
        (["Cookie: a=1; b=2"], "a=1; b=2"),
        (["cookie: a=1", "COOKIE: b=2"], "a=1,b=2"),
        (["Cookie: a=1; b=2", "Cookie: c=3"], "a=1; b=2,c=3"),
        (['Cookie: AppServiceAuthSession="x=,;y"'], 'AppServiceAuthSession="x=,;y"'),
    ],
)
def test_a_function_gets_cookies_as_from_the_real_host(port: int, lines: list[str], seen: str) -> None:
    request = "\r\n".join(["GET /api/echo/x HTTP/1.1", f"Host: {HOST}", *lines, "Connection: close", "", ""])
    assert json.loads(_parsed(_exchange(port, request))[2])["headers"]["cookie"] == seen


def test_no_response_of_the_app_sets_a_cookie() -> None:
    assert "Set-Cookie" in NOT_RECORDED
    assert not any("set-cookie" in json.dumps(exchange["headers"]).lower() for exchange in RECORDED)
    sources = [ROOT / "function_app.py", *(ROOT / "shared").rglob("*.py"), *(ROOT / "shared").rglob("*.js")]
    assert len(sources) > 100
    naming = re.compile(r"set-?cookie|document\.cookie|SimpleCookie", re.IGNORECASE)
    assert [source for source in sources if naming.search(source.read_text(encoding="utf-8"))] == []


def test_there_is_nothing_in_place_of_the_landing_page(port: int) -> None:
    for path, status in (("/", 204), ("/robots.txt", 404), ("/api", 404)):
        answer = _exchange(port, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")
        assert _parsed(answer)[::2] == (status, b"")


def test_a_body_over_100_mib_reaches_no_function(port: int) -> None:
    request = f"POST /api/echo/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {100 * 1024**2 + 1}\r\n\r\n"
    assert _parsed(_exchange(port, request))[0] == 500


def test_a_case_that_is_not_followed_is_one_of_those_recorded() -> None:
    assert set(NOT_FOLLOWED) <= {exchange["case"] for exchange in RECORDED}
