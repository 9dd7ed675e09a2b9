"""The readings of registered devices: by customer and batch, changed only as they were read, and a budget by day."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from shared.storage.inventories import BatchInventory, CustomerInventory, Inventories, RequestBudget
from shared.storage.record_table import Conflict
from shared.storage.tables import PARTITION_KEY, ROW_KEY, Table

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTOSO, FABRIKAM = (f"0c39d6d5-c70d-4c55-bc02-00000000000{number}" for number in (1, 2))
READING = CustomerInventory(customer_id=CONTOSO, asked_at=NOW, due_at=NOW)


@pytest.fixture
def inventories(table: Table) -> Inventories:
    return Inventories(table)


def batch(name: str, customer_id: str = CONTOSO) -> BatchInventory:
    return BatchInventory(customer_id=customer_id, batch_id=name, listed_at=NOW)


def test_of_two_workers_one_changes_a_reading(inventories: Inventories) -> None:
    stored = inventories.change(None, READING)
    assert READING.is_in_progress
    inventories.change(stored, replace(READING, due_at=None))
    with pytest.raises(Conflict):
        inventories.change(stored, READING)
    with pytest.raises(Conflict):
        inventories.change(None, READING)


def test_the_batches_of_a_customer_are_its_own_and_two_that_differ_in_case_are_two(inventories: Inventories) -> None:
    for each in (batch("Test"), batch("TEST"), batch("a/b #?"), batch("Test", FABRIKAM)):
        inventories.change_batch(None, each)
    assert {stored.record.batch_id for stored in inventories.batches(CONTOSO)} == {"Test", "TEST", "a/b #?"}
    found = inventories.batch(CONTOSO, "a/b #?")
    assert found is not None
    inventories.remove_batch(found)
    assert inventories.batch(CONTOSO, "a/b #?") is None


def test_readings_are_listed_by_customer_without_batches_and_budgets(inventories: Inventories) -> None:
    other = replace(READING, customer_id=FABRIKAM)
    for each in (READING, other):
        inventories.change(None, each)
    inventories.change_batch(None, batch("Test"))
    inventories.change_budget(None, RequestBudget(day="2026-03-01", requests=1))
    first, second = inventories.all()
    assert [first.record, second.record] == [READING, other]
    inventories.remove(first)
    assert inventories.get(CONTOSO) is None


def test_a_record_that_cannot_be_read_stands_for_none(inventories: Inventories, table: Table) -> None:
    table.upsert([{PARTITION_KEY: "customers", ROW_KEY: CONTOSO, "customer_id": 5}])
    assert inventories.get(CONTOSO) is None
    assert list(inventories.all()) == []


def test_budgets_of_earlier_days_are_forgotten(inventories: Inventories) -> None:
    for day in ("2026-02-28", "2026-03-01"):
        inventories.change_budget(None, RequestBudget(day=day, requests=7))
    inventories.forget_budgets_before(date(2026, 3, 1))
    assert inventories.budget(date(2026, 2, 28)) is None
    kept = inventories.budget(date(2026, 3, 1))
    assert kept is not None
    assert kept.record.requests == 7
