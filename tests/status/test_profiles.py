"""The profiles of a customer as JSON."""

from http import HTTPStatus

from local.partner_center import Fault, Operation
from shared.pipeline.human_acts import COMMAND
from shared.pipeline.profiles import set_default_profile
from shared.status.queries import NO_GUID
from tests.pipeline.world import CUSTOMER, World
from tests.status.client import Client

ADDRESS = f"/api/customers/{CUSTOMER}/profiles"


def test_profiles_and_defaults_are_listed(client: Client, world: World) -> None:
    set_default_profile(world.pipeline, COMMAND, CUSTOMER, "Sales", "Kiosk")
    set_default_profile(world.pipeline, COMMAND, CUSTOMER, "", "Standard")
    first = client.get(ADDRESS).json
    assert (first["is_in_progress"], first["profiles"]) == (True, [])
    world.run()
    found = client.get(ADDRESS).json
    assert [profile["name"] for profile in found["profiles"]] == ["Kiosk", "Standard"]
    assert found["profiles"][0]["devices"] == 0
    assert found["defaults"] == [
        {"batch_id": None, "profile": "Standard", "fault": ""},
        {"batch_id": "Sales", "profile": "Kiosk", "fault": ""},
    ]
    assert found["sentence"].startswith("Partner Center listed them on")


def test_a_default_that_the_customer_does_not_have_says_so_once_the_profiles_are_listed(
    client: Client, world: World
) -> None:
    set_default_profile(world.pipeline, COMMAND, CUSTOMER, "", "Nobody's")
    assert client.get(ADDRESS).json["defaults"][0]["fault"] == ""
    world.run()
    fault = client.get(ADDRESS).json["defaults"][0]["fault"]
    assert fault.startswith("The customer has no configuration policy of this name or id")
    page = client.get(f"/api/status/profiles?customer={CUSTOMER}").body.decode()
    assert "Devices get none by this default" in page


def test_why_they_could_not_be_listed_is_said(client: Client, world: World) -> None:
    world.service.script(Fault.UNAVAILABLE, operation=Operation.CONFIGURATION_POLICIES)
    client.get(ADDRESS)
    world.run()
    assert "could not be listed" in client.get(ADDRESS).json["sentence"]


def test_what_is_no_customer_is_not_found(client: Client) -> None:
    answer = client.get("/api/customers/contoso/profiles")
    assert (answer.status, answer.json["message"]) == (HTTPStatus.NOT_FOUND, NO_GUID)
