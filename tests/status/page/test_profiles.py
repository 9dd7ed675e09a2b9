"""The page of a customer's profiles, and the form for its defaults."""

from http import HTTPStatus
from urllib.parse import urlencode

from shared.status.authentication import Person
from shared.status.page.profiles import profiles_page
from shared.status.profiles import customer_profiles
from shared.status.roles import Role
from tests.pipeline.world import CUSTOMER, World
from tests.status.client import Answer, Client
from tests.status.page.test_registered import text_of

PAGE = "/api/status/profiles"
OWN = f"{PAGE}?customer={CUSTOMER}"


def set_default(client: Client, **fields: str) -> Answer:
    headers = {"Origin": f"http://{client.host}", "Content-Type": "application/x-www-form-urlencoded"}
    return client.post(PAGE, urlencode({"customer": CUSTOMER, **fields}).encode(), headers)


def test_the_page_shows_the_profiles_and_the_page_of_customers_leads_to_it(client: Client, world: World) -> None:
    assert "They are being listed now." in text_of(client.get(OWN))
    world.run()
    text = text_of(client.get(OWN))
    for words in ("2 profiles", "Kiosk", "Standard", "skip_eula", "There is none: only devices"):
        assert words in text
    assert f'href="{OWN}"' in client.get(f"/api/status/customers?customer={CUSTOMER}").body.decode()


def test_a_default_is_set_and_removed(client: Client, world: World) -> None:
    assert set_default(client, batch="Sales", profile="Kiosk").status == HTTPStatus.SEE_OTHER
    assert "Batch Sales" in text_of(client.get(OWN))
    assert set_default(client, batch="sales", profile="").status == HTTPStatus.SEE_OTHER
    assert world.customers.default_profiles(CUSTOMER) == []


def test_a_default_that_is_too_long_is_refused_beside_the_form(client: Client, world: World) -> None:
    answer = set_default(client, batch="Sales", profile="x" * 300)
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert "at most 256 characters" in text_of(answer)
    assert world.customers.default_profiles(CUSTOMER) == []


def test_without_a_customer_the_page_says_where_to_open_it(client: Client) -> None:
    assert client.get(PAGE).status == HTTPStatus.BAD_REQUEST
    assert set_default(client, customer="contoso").status == HTTPStatus.BAD_REQUEST


def test_a_person_who_may_not_manage_sees_no_form(world: World) -> None:
    found = customer_profiles(world.pipeline, CUSTOMER)
    assert "<form" not in profiles_page(found, Person("P", "p", Role.SEE)).partition("<main")[2]
    assert 'name="profile"' in profiles_page(found, Person("P", "p", Role.MANAGE))
