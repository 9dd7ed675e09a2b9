"""The handler of each route, and faults as JSON for scripts and as a page for people."""

import re

import pytest

from shared.status.roles import Role
from shared.status.router import HANDLERS, PAGE_HANDLERS
from shared.status.routes import CHANGE, ROUTES, Access, Route
from tests.pipeline.world import CUSTOMER
from tests.status.client import UNKNOWN, Client
from tests.status.test_authentication import OBJECT_ID, principal


def test_every_route_has_a_handler_and_the_pages_have_those_that_are_called_for_a_person() -> None:
    of_people = {route.name for route in ROUTES if route.access is Access.SIGN_IN}
    assert set(PAGE_HANDLERS) == of_people
    assert set(HANDLERS) == {route.name for route in ROUTES} - of_people


def test_scripts_get_a_fault_as_json_and_people_as_a_page(client: Client) -> None:
    of_scripts = client.get(f"/api/files/{CUSTOMER}/{UNKNOWN}")
    of_people = client.get(f"/api/status/{CUSTOMER}/{UNKNOWN}")
    assert (of_scripts.status, of_scripts.json["code"]) == (404, "not_found")
    assert (of_people.status, of_people.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_handler_of_a_page_is_called_for_no_stranger(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "device-drop")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    for name in PAGE_HANDLERS:
        monkeypatch.setitem(PAGE_HANDLERS, name, lambda visit: pytest.fail(f"called for {visit.person}"))
    assert client.get("/api/status").status == 302
    assert client.post(f"/api/status/{CUSTOMER}/{UNKNOWN}/retry").status == 302


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.access is Access.SIGN_IN], ids=lambda one: one.name
)
@pytest.mark.parametrize("role", Role, ids=str)
def test_a_page_is_for_those_whose_role_it_takes(
    route: Route, role: Role, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "device-drop")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    header = principal((OBJECT_ID, "x"), ("roles", role.app_role))
    path = "/api/" + re.sub(r"\{\w+\}", UNKNOWN, route.template)
    headers = {"X-MS-CLIENT-PRINCIPAL": header, "Origin": f"http://{client.host}", "Host": client.host}
    answer = client.call(route.methods[0], path, headers)
    assert (b"takes the role" in answer.body) is (role < route.role)
    assert (answer.status == 403) is (role < route.role)


def test_what_changes_something_takes_more_than_the_role_to_see() -> None:
    for route in ROUTES:
        if route.access is Access.SIGN_IN and route.methods == CHANGE:
            assert route.role > Role.SEE, route.name
