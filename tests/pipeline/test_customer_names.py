"""Names for customers on request, and the customers that a text may mean."""

from collections.abc import Sequence

import pytest

from local.partner_center import CUSTOMERS, Behaviour, NamedCustomer
from shared.pipeline.customer_names import (
    customer_meant,
    customers_to_choose,
    listed_as,
    name_customer,
    remove_name,
    rename_customer,
    shown_customer,
    similar_customers,
)
from shared.pipeline.human_acts import COMMAND
from shared.pipeline.partner_customers import refresh_partner_customers
from shared.storage.customers import CustomerNameRefused, CustomerNameUnknown
from shared.storage.partner_customers import PartnerCustomer
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered

CONTOSO = CUSTOMERS[0]
FORMER = next(each for each in CUSTOMERS if each.relationship == "none")
TWINS = [NamedCustomer(f"0c39d6d5-c70d-4c55-bc02-00000000000{number}", "Twin", f"twin{number}.test") for number in "12"]


@pytest.fixture
def listed(make_world: MakeWorld) -> World:
    """A world in which the list was read; two customers on it have the same name."""
    world = make_world(Behaviour(delay=60, customers=[*CUSTOMERS, *TWINS]))
    refresh_partner_customers(world.pipeline)
    return world


def acts(world: World) -> Sequence[tuple[str, str, str]]:
    return [(act.kind, act.subject, act.detail) for act in world.journal.acts.latest()][::-1]


def test_each_change_is_kept_with_what_it_is_about(world: World) -> None:
    name_customer(world.pipeline, COMMAND, " Contoso ", CUSTOMER.upper(), "the pilot")
    world.clock.now += world.settings.advanced.claim
    rename_customer(world.pipeline, COMMAND, "contoso", "Contoso Ltd")
    world.clock.now += world.settings.advanced.claim
    removed = remove_name(world.pipeline, COMMAND, "Contoso Ltd")
    assert (removed.name, removed.customer_id, removed.notes) == ("Contoso Ltd", CUSTOMER, "the pilot")
    assert acts(world) == [
        ("name_customer", "Contoso", ""),
        ("rename_customer", "Contoso", "to Contoso Ltd"),
        ("remove_customer", "Contoso Ltd", ""),
    ]


def test_a_change_that_is_refused_is_no_act(world: World) -> None:
    with pytest.raises(CustomerNameRefused):
        name_customer(world.pipeline, COMMAND, "a/b", CUSTOMER)
    with pytest.raises(CustomerNameUnknown):
        rename_customer(world.pipeline, COMMAND, "Contoso", "Contoso Ltd")
    with pytest.raises(CustomerNameUnknown):
        remove_name(world.pipeline, COMMAND, "Contoso")
    assert acts(world) == []


@pytest.mark.parametrize("text", ["Contoso", " CONTOSO ", "contoso.onmicrosoft.com"])
def test_a_listed_customer_is_found_by_its_name_or_its_domain(listed: World, text: str) -> None:
    assert listed_as(listed.pipeline, text).customer_id == CONTOSO.id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Twin", f"{TWINS[0].id}); Twin (twin2.test"),
        ("Tailspin Toys", "no relationship with the partner any more"),
        ("Kontoso", f"Did you mean Contoso (contoso.onmicrosoft.com, {CONTOSO.id})?"),
        ("Nobody", "has no customer with the name or domain 'Nobody'. Give the GUID"),
    ],
)
def test_a_text_that_means_no_one_customer_is_refused_with_what_there_is(
    listed: World, text: str, expected: str
) -> None:
    with pytest.raises(CustomerNameRefused) as refused:
        listed_as(listed.pipeline, text)
    assert expected in str(refused.value)


@pytest.mark.parametrize(("may_read", "expected"), [(True, "not read yet"), (False, "The sign-in may not list")])
def test_without_a_list_the_id_is_asked_for_with_the_reason(
    make_world: MakeWorld, *, may_read: bool, expected: str
) -> None:
    world = make_world(Behaviour(may_read_customers=may_read))
    if not may_read:
        refresh_partner_customers(world.pipeline)
    with pytest.raises(CustomerNameUnknown, match=expected):
        listed_as(world.pipeline, "Contoso")


@pytest.mark.parametrize(
    ("text", "names", "ids"),
    [
        ("Contosso", [], [CONTOSO.id]),
        ("contoso.onmicrosoft.con", [], [CONTOSO.id]),
        ("fabrikan", ["FAB"], []),
        ("FABS", ["FAB"], []),
        ("zzz", [], []),
    ],
)
def test_a_misspelt_name_may_mean_a_name_in_use_or_a_listed_customer(
    listed: World, text: str, names: Sequence[str], ids: Sequence[str]
) -> None:
    listed.customers.add("FAB", CUSTOMERS[1].id, "", listed.clock())
    similar = similar_customers(listed.pipeline, text)
    assert list(similar.names) == names
    assert [customer.customer_id for customer in similar.listed] == ids


def test_a_file_in_a_misspelt_folder_is_told_which_customer_may_be_meant(listed: World) -> None:
    path = "Kontoso/Test/devices.csv"
    told = listed.summary(listed.drop_file(numbered(1), path), path)["what_happened"]
    assert f"'Kontoso' is not a known customer. Did you mean Contoso (contoso.onmicrosoft.com, {CONTOSO.id})" in told
    listed.customers.add("Contoso", CONTOSO.id, "", listed.clock())
    path = "Kontoso/Test/again.csv"
    told = listed.summary(listed.drop_file(numbered(1), path), path)["what_happened"]
    assert "'Kontoso' is not a known customer. Did you mean 'Contoso'?" in told


def test_a_customer_without_a_name_or_a_domain_is_shown_by_its_id() -> None:
    assert shown_customer(PartnerCustomer(customer_id=CUSTOMER)) == CUSTOMER


def test_a_customer_is_meant_by_id_name_in_use_or_name_and_domain_on_the_list(listed: World) -> None:
    name_customer(listed.pipeline, COMMAND, "The pilot", CUSTOMER)
    for text, customer_id in (
        (CUSTOMER.upper(), CUSTOMER),
        (" the PILOT", CUSTOMER),
        (CONTOSO.name.lower(), CONTOSO.id),
        (CONTOSO.domain, CONTOSO.id),
    ):
        assert customer_meant(listed.pipeline, text) == customer_id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Twin", "Several customers"),
        (FORMER.name, "no relationship"),
        ("Nobody", "is no name in use and no customer id"),
        ("The pilo", "Did you mean 'The pilot'"),
        ("", "is no name in use"),
        ("_", "is no name in use"),
    ],
)
def test_a_text_that_means_nobody_in_particular_is_refused(listed: World, text: str, said: str) -> None:
    name_customer(listed.pipeline, COMMAND, "The pilot", CUSTOMER)
    with pytest.raises(CustomerNameRefused, match=said):
        customer_meant(listed.pipeline, text)


def test_a_name_that_was_removed_means_nobody_even_where_the_list_has_it(listed: World) -> None:
    name_customer(listed.pipeline, COMMAND, "Former", CUSTOMER)
    listed.clock.now += listed.settings.advanced.claim
    remove_name(listed.pipeline, COMMAND, "Former")
    with pytest.raises(CustomerNameUnknown):
        customer_meant(listed.pipeline, "Former")


def test_names_in_use_are_offered_first_then_those_on_the_list_with_a_relationship(listed: World) -> None:
    name_customer(listed.pipeline, COMMAND, "The pilot", CONTOSO.id)
    offered = customers_to_choose(listed.pipeline)
    assert offered[0] == "The pilot"
    assert "Twin" in offered
    assert len(offered) == len(set(offered))
    assert not {CONTOSO.name, FORMER.name} & set(offered)
