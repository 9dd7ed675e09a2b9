"""Names for customers: found without case, and never given another meaning."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.storage.customers import CustomerNameRefused, CustomerNameUnknown, Customers, checked_name
from shared.storage.tables import Table
from shared.vocabulary import Priority

CONTOSO = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
FABRIKAM = "1d4ae7e6-d81e-4d66-8d13-073195504ae2"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def customers(table: Table) -> Customers:
    return Customers(table)


def test_a_name_is_found_without_case_and_shown_as_it_was_given(customers: Customers) -> None:
    customers.add(" Contoso Ltd ", CONTOSO.upper(), "since 2019", NOW)
    found = customers.named("contoso LTD")
    assert found is not None
    assert (found.name, found.customer_id, found.notes) == ("Contoso Ltd", CONTOSO, "since 2019")


def test_a_name_that_was_never_added_stands_for_nobody(customers: Customers) -> None:
    assert customers.named("Contoso") is None


def test_names_of_any_script_are_told_apart(customers: Customers) -> None:
    customers.add("Müller & Söhne #1", CONTOSO, "", NOW)
    customers.add("Müller & Söhne ?1", FABRIKAM, "", NOW)
    assert {customer.name: customer.customer_id for customer in customers.all()} == {
        "Müller & Söhne #1": CONTOSO,
        "Müller & Söhne ?1": FABRIKAM,
    }


def test_one_customer_may_have_several_names(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "", NOW)
    customers.add("Contoso Germany", CONTOSO, "", NOW)
    assert [customer.name for customer in customers.all()] == ["Contoso", "Contoso Germany"]


def test_adding_a_name_again_changes_its_notes_alone(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "old", NOW)
    customers.add("Contoso", CONTOSO, "new", NOW + timedelta(days=1))
    (customer,) = customers.all()
    assert (customer.notes, customer.added_at) == ("new", NOW)


def test_a_name_never_stands_for_another_customer(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "", NOW)
    with pytest.raises(CustomerNameRefused, match=CONTOSO):
        customers.add("CONTOSO", FABRIKAM, "", NOW)


def test_a_name_is_the_same_however_its_accents_are_written(customers: Customers) -> None:
    composed, decomposed = "M\u00fcller", "Mu\u0308LLER"
    customers.add(composed, CONTOSO, "", NOW)
    found = customers.named(decomposed)
    assert found is not None
    assert found.customer_id == CONTOSO
    with pytest.raises(CustomerNameRefused, match="never changes"):
        customers.add(decomposed, FABRIKAM, "", NOW)


def test_a_removed_name_is_not_listed_and_still_stands_for_no_other(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "", NOW)
    customers.remove("contoso", NOW)
    assert list(customers.all()) == []
    removed = customers.named("Contoso")
    assert removed is not None
    assert removed.removed_at == NOW
    with pytest.raises(CustomerNameRefused, match="never changes"):
        customers.add("Contoso", FABRIKAM, "", NOW)


def test_adding_a_removed_name_again_brings_it_back(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "", NOW)
    customers.remove("Contoso", NOW)
    customers.add("Contoso", CONTOSO, "", NOW)
    assert [customer.name for customer in customers.all()] == ["Contoso"]


def test_removing_what_is_not_there_says_so(customers: Customers) -> None:
    with pytest.raises(CustomerNameUnknown, match="no customer named"):
        customers.remove("Contoso", NOW)


@pytest.mark.parametrize(
    "name", ["", "   ", "a/b", "a\\b", "a\nb", "ends in a dot.", "..", CONTOSO, CONTOSO.upper(), "x" * 101]
)
def test_what_no_folder_can_bear_or_means_itself_is_refused(customers: Customers, name: str) -> None:
    with pytest.raises(CustomerNameRefused):
        customers.add(name, CONTOSO, "", NOW)


@pytest.mark.parametrize("customer_id", ["", "Contoso", CONTOSO.replace("-", ""), f"{{{CONTOSO}}}"])
def test_what_is_no_tenant_id_is_refused(customers: Customers, customer_id: str) -> None:
    with pytest.raises(CustomerNameRefused, match="GUID"):
        customers.add("Contoso", customer_id, "", NOW)


def test_a_new_name_stands_for_the_same_customer_and_the_old_one_is_retired(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "since 2019", NOW)
    later = NOW + timedelta(days=1)
    renamed = customers.rename("contoso", "Contoso Ltd", later)
    assert (renamed.name, renamed.customer_id, renamed.notes) == ("Contoso Ltd", CONTOSO, "since 2019")
    old = customers.named("Contoso")
    assert old is not None
    assert (old.customer_id, old.removed_at) == (CONTOSO, later)
    assert [customer.name for customer in customers.all()] == ["Contoso Ltd"]


def test_a_name_may_be_spelt_otherwise(customers: Customers) -> None:
    customers.add("contoso", CONTOSO, "", NOW)
    assert customers.rename("contoso", "Contoso", NOW).name == "Contoso"
    assert [customer.name for customer in customers.all()] == ["Contoso"]


def test_a_name_is_not_given_to_the_customer_of_another(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "", NOW)
    customers.add("Fabrikam", FABRIKAM, "", NOW)
    with pytest.raises(CustomerNameRefused, match=FABRIKAM):
        customers.rename("Contoso", "FABRIKAM", NOW)
    with pytest.raises(CustomerNameRefused, match="slashes"):
        customers.rename("Contoso", "a/b", NOW)
    with pytest.raises(CustomerNameUnknown):
        customers.rename("Nobody", "Anybody", NOW)
    assert [customer.name for customer in customers.all()] == ["Contoso", "Fabrikam"]


def test_a_renaming_that_died_half_way_leaves_both_names_and_is_ended_by_the_next(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "", NOW)
    customers.add("Contoso Ltd", CONTOSO, "", NOW)  # what the first half of the renaming did
    customers.rename("Contoso", "Contoso Ltd", NOW)
    assert [customer.name for customer in customers.all()] == ["Contoso Ltd"]
    with pytest.raises(CustomerNameUnknown):
        customers.rename("Contoso", "Contoso Ltd", NOW)


def test_a_removed_name_of_the_same_customer_may_come_back(customers: Customers) -> None:
    customers.add("Contoso", CONTOSO, "old notes", NOW)
    customers.remove("Contoso", NOW)
    customers.add("Contoso Ltd", CONTOSO, "", NOW)
    assert customers.rename("Contoso Ltd", "Contoso", NOW).notes == "old notes"
    assert [customer.name for customer in customers.all()] == ["Contoso"]


@pytest.mark.parametrize(("name", "customer_id"), [("a/b", CONTOSO), ("Contoso", "1"), ("Taken", FABRIKAM)])
def test_a_refusal_is_known_before_anything_is_changed(customers: Customers, name: str, customer_id: str) -> None:
    customers.add("Taken", CONTOSO, "", NOW)
    with pytest.raises(CustomerNameRefused):
        customers.refuse_unusable(name, customer_id)
    customers.refuse_unusable("Taken", CONTOSO.upper())


# --- priorities


def test_a_customer_has_normal_priority_until_it_is_given_another(customers: Customers) -> None:
    customers.prioritise(CONTOSO.upper(), Priority.LOW, NOW)
    customers.prioritise(CONTOSO, Priority.HIGH, NOW)
    assert [customers.priority_of(each) for each in (CONTOSO, FABRIKAM)] == [Priority.HIGH, Priority.NORMAL]
    assert customers.priorities() == {CONTOSO: Priority.HIGH}
    customers.prioritise(CONTOSO, Priority.NORMAL, NOW)
    assert customers.priorities() == {}
    assert list(customers.all()) == []


@pytest.mark.parametrize("name", ["remove-devices", "Move-Devices "])
def test_no_customer_is_named_like_the_folder_of_an_order(name: str) -> None:
    with pytest.raises(CustomerNameRefused):
        checked_name(name)
