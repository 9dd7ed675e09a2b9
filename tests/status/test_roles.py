"""The roles of people on the page."""

import json
from base64 import b64encode
from http import HTTPStatus

import pytest

from shared.status.roles import Role
from shared.status.routes import ROUTES, Access
from tests.pipeline.world import CUSTOMER, World, numbered
from tests.status.client import Client


def test_each_role_may_do_all_that_those_before_it_may() -> None:
    assert Role.SEE < Role.SEND < Role.MANAGE


def test_app_roles_have_the_names_that_are_registered_in_entra() -> None:
    assert [role.app_role for role in Role] == ["DeviceDrop.See", "DeviceDrop.Send", "DeviceDrop.Manage"]


def _principal(role: Role | None) -> str:
    claims = [{"typ": "oid", "val": "id-1"}, *([{"typ": "roles", "val": role.app_role}] if role else [])]
    return b64encode(json.dumps({"claims": claims}).encode()).decode()


@pytest.mark.parametrize("role", [None, *Role])
def test_every_route_of_the_page_takes_the_role_that_the_table_says(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, role: Role | None
) -> None:
    monkeypatch.setenv("WEBSITE_SITE_NAME", "app")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")
    file = world.drop_file(numbered(1))
    headers = {"x-functions-key": None, "Origin": f"http://{client.host}", "x-ms-client-principal": _principal(role)}
    for route in (route for route in ROUTES if route.access is Access.SIGN_IN):
        path = route.template.format(customer_id=CUSTOMER, file_id=file)
        status = client.call(route.methods[0], f"/api/{path}", headers).status
        assert (status == HTTPStatus.FORBIDDEN) == ((role or Role.SEE) < route.role), route.name
