"""The copy of Partner Center's list: replaced as a whole, and read by one worker at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from shared.storage.partner_customers import ListReading, PartnerCustomer, PartnerCustomers
from shared.storage.record_table import Conflict
from shared.storage.tables import PARTITION_KEY, ROW_KEY, Query, Table

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTOSO, FABRIKAM, WINGTIP = (
    PartnerCustomer(customer_id=f"0c39d6d5-c70d-4c55-bc02-00000000000{number}", name=name, relationship="reseller")
    for number, name in enumerate(("Contoso", "Fabrikam", "Wingtip"))
)


@pytest.fixture
def customers(table: Table) -> PartnerCustomers:
    return PartnerCustomers(table)


def test_a_list_replaces_the_one_before(customers: PartnerCustomers) -> None:
    customers.replace_all([CONTOSO, FABRIKAM])
    renamed = replace(FABRIKAM, name="Fabrikam Ltd")
    customers.replace_all([renamed, WINGTIP])
    assert list(customers.all()) == [renamed, WINGTIP]
    assert customers.get(CONTOSO.customer_id) is None
    assert customers.get(FABRIKAM.customer_id) == renamed


def test_a_list_that_is_the_same_writes_nothing(customers: PartnerCustomers, table: Table) -> None:
    customers.replace_all([CONTOSO, FABRIKAM])
    before = [entity.etag for entity in table.query(Query())]
    customers.replace_all([FABRIKAM, CONTOSO])
    assert [entity.etag for entity in table.query(Query())] == before


def test_a_row_that_cannot_be_read_is_left_out_and_replaced_by_the_next_list(
    customers: PartnerCustomers, table: Table
) -> None:
    customers.replace_all([CONTOSO])
    table.upsert(
        [
            {PARTITION_KEY: "customers", ROW_KEY: CONTOSO.customer_id, "name": 5},
            {PARTITION_KEY: "customers", ROW_KEY: "nobody", "customer_id": "elsewhere"},
        ]
    )
    assert list(customers.all()) == []
    customers.replace_all([CONTOSO])
    assert list(customers.all()) == [CONTOSO]
    assert len(list(table.query(Query()))) == 1


def test_an_empty_list_leaves_the_record_of_its_reading(customers: PartnerCustomers) -> None:
    customers.change_reading(None, ListReading(due_at=NOW, read_at=NOW))
    customers.replace_all([CONTOSO])
    customers.replace_all([])
    assert list(customers.all()) == []
    assert customers.reading() is not None


def test_of_two_workers_one_reads_the_list(customers: PartnerCustomers) -> None:
    assert customers.reading() is None
    first = customers.change_reading(None, ListReading(due_at=NOW))
    with pytest.raises(Conflict):
        customers.change_reading(None, ListReading(due_at=NOW))
    customers.change_reading(first, ListReading(due_at=NOW + timedelta(hours=1)))
    with pytest.raises(Conflict):
        customers.change_reading(first, ListReading(due_at=NOW + timedelta(hours=2)))
