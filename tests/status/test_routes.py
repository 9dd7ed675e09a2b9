"""The table of addresses, and that the app, the router and the OpenAPI document agree with it."""

from itertools import combinations

import pytest

from shared.status.openapi import OPERATIONS
from shared.status.routes import CATCH_ALL, ROUTES, Access, Route, allowed_methods
from tests.status.client import Served


def _names(*access: Access) -> set[str]:
    return {route.name for route in ROUTES if route.access in access}


def _overlap(one: Route, other: Route) -> bool:
    """Whether some request fits both."""
    return bool(set(one.methods) & set(other.methods)) and (_fits(one, other) or _fits(other, one))


def _fits(route: Route, other: Route) -> bool:
    """Whether `route` takes an address of `other`, whose placeholders may hold the fixed words of `route`."""
    parts, others = route.template.split("/"), other.template.split("/")
    if parts[-1].startswith("{*"):
        parts, others = parts[:-1], others[: len(parts) - 1]
    return len(parts) == len(others) and all(
        part == other_part or "{" in part + other_part for part, other_part in zip(parts, others, strict=True)
    )


def test_the_functions_of_the_app_are_those_of_the_table(served: Served) -> None:
    functions = {
        function.name: (function.trigger.route, set(function.trigger.methods)) for function in served.functions
    }
    assert functions == {route.name: (route.template, set(route.methods)) for route in ROUTES}


def test_the_host_asks_for_a_key_where_the_table_says_so_and_nowhere_else(served: Served) -> None:
    assert {function.name for function in served.functions if function.trigger.needs_key} == _names(Access.KEY)


def test_what_asks_for_no_key_is_the_page_and_the_answer_to_wrong_addresses() -> None:
    assert _names(Access.OPEN) == {"page_static_file", "page_template", CATCH_ALL.name}
    assert {route.template.partition("/")[0] for route in ROUTES if route.access is Access.SIGN_IN} == {"status"}


def test_no_request_fits_two_routes_so_that_their_order_means_nothing() -> None:
    for one, other in combinations(ROUTES, 2):
        if CATCH_ALL not in (one, other):
            assert not _overlap(one, other), f"{one.name} and {other.name}"


def test_routes_that_overlap_would_be_seen() -> None:
    file = Route("page_of_file", "status/{customer_id}/{file_id}", ("GET",), Access.SIGN_IN)
    assert _overlap(file, Route("static", "status/static/{name}", ("GET",), Access.OPEN))
    assert _overlap(file, Route("all", "status/{*path}", ("GET",), Access.OPEN))
    assert not _overlap(file, Route("change", "status/static/{name}", ("POST",), Access.OPEN))


def test_the_catch_all_is_the_last_that_the_host_tries() -> None:
    assert max(ROUTES, key=lambda route: route.name) is CATCH_ALL


def test_the_document_describes_every_route_for_scripts_but_its_own() -> None:
    assert set(OPERATIONS) == _names(Access.KEY) - {"show_openapi"}


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("files", ("GET", "HEAD")),
        ("/FILES/", ("GET", "HEAD")),
        ("files/c/f", ("GET", "HEAD")),
        ("files/c/f/retry", ("POST",)),
        ("status/c/f/withdraw", ("GET", "POST")),
        ("devices/c", ("GET", "HEAD")),
        ("devices/c/a", ()),
        ("files/c", ()),
        ("files//f", ()),
        ("", ()),
    ],
)
def test_an_address_takes_the_methods_of_its_route(path: str, methods: tuple[str, ...]) -> None:
    assert tuple(allowed_methods(path)) == methods
