"""Route templates of HTTP functions."""

from pathlib import Path

import pytest

from local.functions_host.app import HostedFunction, HttpTrigger
from local.functions_host.http_trigger import Route


def route(template: str, *methods: str) -> Route:
    trigger = HttpTrigger(template, frozenset(methods))
    function = HostedFunction("f", trigger, "req", object, takes_context=False, folder=Path(), call=print)
    return Route(function, trigger, "api")


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("files", "/api/files", {}),
        ("files", "/API/Files/", {}),
        ("files/{id}", "/api/files/a%20b", {"id": "a b"}),
        ("files/{id:guid}", "/api/files/x", {"id": "x"}),
        ("files/{id?}", "/api/files", {}),
        ("files/{id?}", "/api/files/1", {"id": "1"}),
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
