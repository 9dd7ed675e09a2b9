"""The handler of each route, and faults as JSON for scripts and as a page for people."""

import pytest

from shared.status.router import HANDLERS, PAGE_HANDLERS
from shared.status.routes import ROUTES, Access
from tests.pipeline.world import CUSTOMER
from tests.status.client import UNKNOWN, Client


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
