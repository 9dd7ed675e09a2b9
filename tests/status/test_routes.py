"""The addresses of the app: which function gets a request, and what the table of addresses says of them."""

import re
from itertools import combinations

import pytest

from shared.status.openapi import OPERATIONS
from shared.status.routes import ROUTES, allowed_methods
from tests.status.calling import Served

CATCH_ALL = "wrong_address"


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\\\*\w+\\\}", ".*", re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route))))


def _example(route: str) -> str:
    return re.sub(r"\{\*?\w+\}", "x", route)


def test_the_table_of_addresses_is_that_of_the_functions(served: Served) -> None:
    routes: dict[str, set[str]] = {}
    for function in served.functions:
        if function.name != CATCH_ALL:
            routes.setdefault(function.trigger.route, set()).update(function.trigger.methods)
    assert routes == {route: set(methods) for route, methods in ROUTES.items()}


def test_the_host_tries_no_broader_address_before_a_narrower_one(served: Served) -> None:
    ordered = sorted(served.functions, key=lambda function: function.name)
    assert ordered[-1].name == CATCH_ALL
    for first, later in combinations(ordered, 2):
        is_shadowed = _pattern(first.trigger.route).fullmatch(_example(later.trigger.route))
        same_methods = first.trigger.methods & later.trigger.methods
        assert not (is_shadowed and same_methods), f"{first.name} takes what is meant for {later.name}"


def test_the_document_describes_every_door_that_asks_for_a_key(served: Served) -> None:
    keyed = {function.name for function in served.functions if function.trigger.needs_key}
    assert keyed == {operation.name for operation in OPERATIONS} | {"show_openapi"}
    for operation in OPERATIONS:
        [function] = [function for function in served.functions if function.name == operation.name]
        assert function.trigger.route.replace("{*", "{") == operation.path.strip("/")
        assert operation.method.upper() in function.trigger.methods


def test_what_asks_for_no_key_is_the_page_and_the_answer_to_wrong_addresses(served: Served) -> None:
    open_to_all = [function for function in served.functions if not function.trigger.needs_key]
    assert all(
        function.name == CATCH_ALL or function.trigger.route.partition("/")[0] == "status" for function in open_to_all
    )


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("files", ("GET", "HEAD")),
        ("/FILES/", ("GET", "HEAD")),
        ("files/c/f", ("GET", "HEAD")),
        ("files/c/f/retry", ("POST",)),
        ("devices/c/a/b", ("GET", "HEAD")),
        ("devices/c", ()),
        ("files/c", ()),
        ("files//f", ()),
        ("", ()),
    ],
)
def test_an_address_takes_the_methods_of_its_route(path: str, methods: tuple[str, ...]) -> None:
    assert tuple(allowed_methods(path)) == methods
