"""The page of customers: what it shows, and what its forms change or refuse."""

import re
from urllib.parse import urlencode

import pytest

from local.partner_center import CUSTOMERS
from shared.pipeline.hold_requests import daily_limits
from shared.pipeline.partner_customers import refresh_partner_customers
from shared.status.authentication import Person
from shared.status.page.customers import customers_page
from shared.status.roles import Role
from shared.status.schemas import CustomerListView, CustomerNameView, CustomerPage, CustomerView
from shared.vocabulary import Priority
from tests.pipeline.world import CUSTOMER, START, World
from tests.status.client import Answer, Client

PAGE = "/api/status/customers"
CONTOSO = CUSTOMERS[0]
FORMER = next(each for each in CUSTOMERS if each.relationship == "none")


def change(client: Client, **fields: str) -> Answer:
    """The answer to a form of the page."""
    headers = {"Origin": f"http://{client.host}", "Content-Type": "application/x-www-form-urlencoded"}
    return client.post(PAGE, urlencode(fields).encode(), headers)


def shown(client: Client, query: str = "") -> str:
    """The page as text; tags and repeated space are left out."""
    answer = client.get(PAGE + query)
    assert answer.status == 200
    return text_of(answer)


def text_of(answer: Answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^<>]*>", "", answer.body.decode()))


def names(world: World) -> dict[str, str]:
    return {customer.name: customer.customer_id for customer in world.customers.all()}


def test_the_page_shows_names_and_partner_centers_list(client: Client, world: World) -> None:
    assert "was not read yet" in shown(client)
    refresh_partner_customers(world.pipeline)
    world.customers.add("CTS", CONTOSO.id, "", world.clock())
    text = shown(client)
    for word in ("CTS", "Contoso", "contoso.onmicrosoft.com", CONTOSO.id, "Fabrikam, Inc.", "none: files are refused"):
        assert word in text
    assert "as read on 2026-11-20 12:00 UTC, has 4 customers" in text
    assert "Fabrikam" not in shown(client, "?search=cts")
    assert "No customer matches" in shown(client, "?search=nobody")


def test_a_customer_of_the_list_is_given_a_name(client: Client, world: World) -> None:
    refresh_partner_customers(world.pipeline)
    assert 'value="Contoso"' in client.get(f"{PAGE}?customer={CONTOSO.id}").body.decode(), "its name is proposed"
    answer = change(client, action="add", customer_id=CONTOSO.id, name=" Contoso ", notes="the pilot")
    assert (answer.status, answer.headers["location"]) == (303, f"{PAGE}?customer={CONTOSO.id}#chosen")
    assert names(world) == {"Contoso": CONTOSO.id}
    text = shown(client, f"?customer={CONTOSO.id.upper()}")
    assert "Names of Contoso" in text
    assert "the pilot" in text
    (act,) = world.journal.acts.latest()
    assert (act.kind, act.subject, act.who) == ("name_customer", "Contoso", "somebody at the page, without sign-in")


def test_a_name_is_replaced_and_removed(client: Client, world: World) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    form = {"customer_id": CUSTOMER, "name": "Contoso"}
    assert change(client, action="rename", new_name="Contoso Ltd", **form).status == 303
    assert names(world) == {"Contoso Ltd": CUSTOMER}
    assert change(client, action="remove", customer_id=CUSTOMER, name="Contoso Ltd").status == 303
    assert names(world) == {}
    assert "has no name yet" in shown(client, f"?customer={CUSTOMER}")


def test_an_id_that_is_not_on_the_list_and_a_former_customer_are_pointed_out(client: Client, world: World) -> None:
    assert "list does not have this id" not in shown(client, f"?customer={CUSTOMER}")
    refresh_partner_customers(world.pipeline)
    assert "list does not have this id" in shown(client, f"?customer={CUSTOMER}")
    assert "no relationship with the partner any more" in shown(client, f"?customer={FORMER.id}")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action": "add", "name": "a/b"}, "cannot be the name of a folder"),
        ({"action": "add", "name": ""}, "has 1 to 100 characters"),
        ({"action": "add", "name": "x" * 101}, "has 1 to 100 characters"),
        ({"action": "add", "name": CUSTOMER}, "is a GUID, which stands for its own tenant"),
        ({"action": "add", "name": "Taken"}, "a name never changes its meaning"),
        ({"action": "add", "name": "Gone"}, "a name never changes its meaning"),
        ({"action": "add", "name": "New", "customer_id": "contoso"}, "no customer id"),
        ({"action": "rename", "name": "Mine", "new_name": "Taken"}, "a name never changes its meaning"),
        ({"action": "rename", "name": "Mine", "new_name": "."}, "a dot at the end"),
        ({"action": "rename", "name": "Nobody", "new_name": "New"}, "no customer named"),
        ({"action": "remove", "name": "Nobody"}, "no customer named"),
        ({"action": "remove", "name": "Gone"}, "no customer named"),
        ({"action": "", "name": "New"}, "does not say what to change"),
        ({"action": "add", "name": "x" * 600}, "longer than 512 characters"),
    ],
)
def test_a_form_that_cannot_be_done_says_why_and_changes_nothing(
    client: Client, world: World, fields: dict[str, str], said: str
) -> None:
    world.customers.add("Mine", CUSTOMER, "", world.clock())
    world.customers.add("Taken", CONTOSO.id, "", world.clock())
    world.customers.add("Gone", CONTOSO.id, "", world.clock())
    world.customers.remove("Gone", world.clock())
    before = names(world)
    answer = change(client, **({"customer_id": CUSTOMER} | fields))
    assert answer.status == 400
    assert said in text_of(answer)
    assert 'role="alert"' in answer.body.decode() or fields["action"] == "" or len(fields["name"]) > 512
    assert names(world) == before
    assert list(world.journal.acts.latest()) == []


def test_a_customer_is_given_a_priority(client: Client, world: World) -> None:
    answer = change(client, action="priority", customer_id=CUSTOMER, priority="low")
    assert (answer.status, answer.headers["location"]) == (303, f"{PAGE}?customer={CUSTOMER}#chosen")
    assert world.customers.priority_of(CUSTOMER) is Priority.LOW
    assert [act.detail for act in world.journal.acts.latest()] == ["to low"]
    assert "Priority low" in shown(client, f"?customer={CUSTOMER}")
    assert change(client, action="priority", customer_id=CUSTOMER, priority="urgent").status == 400


def test_a_customer_is_given_a_daily_limit_and_loses_it(client: Client, world: World) -> None:
    answer = change(client, action="limit", customer_id=CUSTOMER, limit="1,500")
    assert (answer.status, answer.headers["location"]) == (303, f"{PAGE}?customer={CUSTOMER}#chosen")
    assert "1,500 devices, 0 sent today (UTC)" in shown(client, f"?customer={CUSTOMER}")
    for wrong in ("many", "0", "-5", "1.5", "1_000", "7" * 500):
        refused = change(client, action="limit", customer_id=CUSTOMER, limit=wrong)
        assert refused.status == 400
        assert "aria-describedby=fault-limit" in refused.body.decode()
    assert change(client, action="limit", customer_id=CUSTOMER, limit="").status == 303
    assert daily_limits(world.pipeline) == {}
    assert {act.detail for act in world.journal.acts.latest()} == {"removed", "to 1,500 devices a day"}


def test_what_was_typed_stays_in_the_form(client: Client) -> None:
    answer = change(client, action="add", customer_id=CUSTOMER, name="a/b", notes="our <pilot>").body.decode()
    assert 'value="a/b"' in answer
    assert 'value="our &lt;pilot&gt;"' in answer
    assert "aria-invalid=true aria-describedby=fault-add" in answer


def test_what_is_no_id_is_said_beside_its_field(client: Client) -> None:
    answer = client.get(f"{PAGE}?customer=Contoso")
    assert answer.status == 400
    assert "is no customer id: it is the GUID of the customer" in text_of(answer)
    assert "aria-describedby=fault-id" in answer.body.decode()


def test_a_form_of_another_site_changes_nothing(client: Client, world: World) -> None:
    fields = urlencode({"action": "add", "customer_id": CUSTOMER, "name": "Contoso"}).encode()
    for origin in ("http://evil.example", None):
        headers = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
        assert client.post(PAGE, fields, headers).status == 403
    assert names(world) == {}


def test_a_body_that_is_too_large_is_refused(client: Client, world: World) -> None:
    assert change(client, action="add", customer_id=CUSTOMER, name="Contoso", notes="x" * 20_000).status == 413
    assert names(world) == {}


HOSTILE = '"><script>alert(1)</script>'


def _view(number: int, *, relationship: str | None = "reseller") -> CustomerView:
    names = [CustomerNameView(name=HOSTILE, notes=HOSTILE, added_at=START)]
    customer_id = f"0c39d6d5-c70d-4c55-bc02-00000000000{number}"
    return CustomerView(
        customer_id=customer_id,
        name=HOSTILE,
        domain=HOSTILE,
        relationship=relationship,
        names=names,
        priority=Priority.LOW,
    )


def _rendered(role: Role) -> str:
    reading = CustomerListView(read_at=START, customers=1, failed_at=START, failure=HOSTILE, sentence=HOSTILE)
    found = CustomerPage(reading=reading, customers=[_view(1), _view(2, relationship=HOSTILE)], total=2, next="x")
    return customers_page(found, Person("id", HOSTILE, role), search=HOSTILE, chosen=_view(1), is_later_page=True)


def test_nothing_that_the_service_or_a_person_wrote_is_markup() -> None:
    assert "<script>alert" not in _rendered(Role.MANAGE)


@pytest.mark.parametrize("role", list(Role))
def test_forms_that_change_names_are_for_those_who_may_manage(role: Role) -> None:
    assert ('method="post"' in _rendered(role)) is (role is Role.MANAGE)
