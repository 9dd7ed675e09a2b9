"""The list of customers: names and Partner Center's own list, in one order, searched and page by page."""

import pytest
from msgspec.structs import replace

from local.partner_center import CUSTOMERS, Behaviour
from shared.pipeline.partner_customers import READ_AGAIN, refresh_partner_customers
from shared.status import customers as module
from shared.status.customers import customer, customers, list_reading
from shared.storage.codec import UnreadableRecord
from shared.storage.partner_customers import PartnerCustomer
from shared.vocabulary import Priority
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World
from tests.status.client import Client, pages

CONTOSO = CUSTOMERS[0]


@pytest.fixture
def listed(world: World) -> World:
    """A world in which the list was read; Contoso has two names, and another customer one."""
    refresh_partner_customers(world.pipeline)
    world.customers.add("CTS", CONTOSO.id, "the pilot", world.clock())
    world.customers.add("Contoso GmbH", CONTOSO.id, "", world.clock())
    world.customers.add("Adatum", CUSTOMER, "", world.clock())
    return world


def test_customers_with_a_name_come_first_each_by_name(listed: World) -> None:
    found = customers(listed.pipeline).customers
    assert [view.shown_name for view in found] == [
        "Adatum",
        "Contoso",
        "Fabrikam, Inc.",
        "Tailspin Toys",
        "Wingtip Toys",
    ]
    contoso = found[1]
    assert [(name.name, name.notes) for name in contoso.names] == [("Contoso GmbH", ""), ("CTS", "the pilot")]
    assert (contoso.domain, contoso.relationship) == ("contoso.onmicrosoft.com", "reseller")
    assert (found[0].name, found[0].is_listed, found[0].customer_id) == (None, False, CUSTOMER)


def test_a_customer_that_has_only_a_priority_is_on_the_list(world: World) -> None:
    world.customers.prioritise(CONTOSO.id, Priority.HIGH, world.clock())
    assert [(view.customer_id, view.priority) for view in customers(world.pipeline).customers] == [
        (CONTOSO.id, Priority.HIGH)
    ]
    assert customer(world.pipeline, CONTOSO.id).priority is Priority.HIGH
    assert customer(world.pipeline, CUSTOMER).priority is Priority.NORMAL


@pytest.mark.parametrize(
    ("search", "shown"),
    [
        ("contoso", ["Contoso"]),
        ("cts", ["Contoso"]),
        ("TOYS", ["Tailspin Toys", "Wingtip Toys"]),
        ("fabrikam.onmicrosoft", ["Fabrikam, Inc."]),
        (CUSTOMER[:8], ["Adatum"]),
        ("nobody", []),
    ],
)
def test_a_search_finds_names_domains_and_ids(listed: World, search: str, shown: list[str]) -> None:
    found = customers(listed.pipeline, search)
    assert [view.shown_name for view in found.customers] == shown
    assert found.total == len(shown)


@pytest.mark.usefixtures("listed")
def test_scripts_get_the_same_page_by_page(client: Client) -> None:
    everything = client.get("/api/customers").json
    assert everything["total"] == len(everything["customers"]) == 5
    assert everything["next"] is None
    assert everything["reading"]["customers"] == len(CUSTOMERS)
    assert list(pages(client, "/api/customers?limit=1", "customers")) == everything["customers"]
    assert [each["name"] for each in client.get("/api/customers?search=wingtip").json["customers"]] == ["Wingtip Toys"]


@pytest.mark.parametrize("query", ["next=x", "limit=0", "search=" + "x" * 201, "what=1"])
def test_a_wrong_parameter_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/api/customers?{query}").status == 400


def test_a_customer_that_left_between_two_pages_ends_none_of_them(listed: World) -> None:
    first = customers(listed.pipeline, limit=3)
    left = first.customers[-1].customer_id
    rest = [each for each in listed.journal.partner_customers.all() if each.customer_id != left]
    listed.journal.partner_customers.replace_all(rest)
    assert [view.shown_name for view in customers(listed.pipeline, page=first.next).customers] == [
        "Tailspin Toys",
        "Wingtip Toys",
    ]


def test_the_longest_name_has_a_cursor(world: World) -> None:
    ids = [f"0c39d6d5-c70d-4c55-bc02-00000000000{number}" for number in range(3)]
    # The letter takes three others when case is left out.
    listed = [PartnerCustomer(customer_id=each, name="\N{LATIN SMALL LIGATURE FFI}" * 256) for each in ids]
    world.journal.partner_customers.replace_all(listed)
    first = customers(world.pipeline, limit=1)
    assert [view.customer_id for view in customers(world.pipeline, page=first.next).customers] == ids[1:]


def test_one_customer_is_shown_with_or_without_a_name_and_a_list(listed: World) -> None:
    assert [name.name for name in customer(listed.pipeline, CONTOSO.id).names] == ["Contoso GmbH", "CTS"]
    unknown = customer(listed.pipeline, "00000000-0000-4000-8000-000000000000")
    assert (unknown.names, unknown.is_listed, unknown.shown_name) == ([], False, unknown.customer_id)


def test_the_list_says_when_it_was_read_and_why_it_could_not_be(make_world: MakeWorld) -> None:
    world = make_world()
    assert list_reading(world.pipeline).sentence == module.NEVER_READ
    refresh_partner_customers(world.pipeline)
    read = f"Partner Center's list of customers, as read on {world.clock():%Y-%m-%d %H:%M} UTC, has 4 customers."
    assert list_reading(world.pipeline).sentence == read
    stored = world.journal.partner_customers.reading()
    assert stored is not None
    failed_at = world.clock() + READ_AGAIN
    world.journal.partner_customers.change_reading(
        stored, replace(stored.record, failed_at=failed_at, failure="Not now.")
    )
    assert list_reading(world.pipeline).sentence == (
        f"{read} It could not be read on {failed_at:%Y-%m-%d %H:%M} UTC: Not now."
    )


def test_a_list_that_may_not_be_read_is_said_to_be_so_and_names_are_listed(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(may_read_customers=False))
    refresh_partner_customers(world.pipeline)
    world.customers.add("Adatum", CUSTOMER, "", world.clock())
    found = customers(world.pipeline)
    assert [view.shown_name for view in found.customers] == ["Adatum"]
    assert "could not be read on" in found.reading.sentence
    assert "The sign-in may not list customers." in found.reading.sentence


def test_a_record_of_a_later_version_is_said_to_be_unreadable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> None:
        raise UnreadableRecord("It cannot be read by this version.")

    monkeypatch.setattr(world.journal.partner_customers, "reading", unreadable)
    assert customers(world.pipeline).reading.sentence == "It cannot be read by this version."
