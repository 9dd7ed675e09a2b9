"""Device batches, on the fake tables and on Table Storage."""

import pytest
from msgspec.structs import replace

from local.in_memory_storage import InMemoryTable
from shared.storage.journal import Journal, TableName
from shared.storage.record_table import Conflict
from shared.storage.records import Batch, BatchState
from shared.storage.tables import Query
from tests.storage.records import CUSTOMER, NOW


def test_one_batch_in_two_spellings_is_one_batch_and_has_one_claimant(journal: Journal) -> None:
    batch = Batch(customer_id=CUSTOMER, batch_id="Sales", state=BatchState.LOOKING, claimed_by="f/1", claimed_until=NOW)
    claimed = journal.batches.change(None, batch)
    with pytest.raises(Conflict):
        journal.batches.change(None, replace(batch, batch_id="SALES", claimed_by="g/1"))
    journal.batches.change(claimed, replace(batch, batch_id="SaLeS", state=BatchState.KNOWN))
    known = journal.batches.get(CUSTOMER, "sales")
    assert known is not None
    assert known.record.batch_id == "SaLeS"


def test_a_batch_that_cannot_be_read_is_searched_for_again() -> None:
    tables = {name: InMemoryTable() for name in TableName}
    journal, table = Journal(tables.__getitem__), tables[TableName.BATCHES]
    batch = Batch(customer_id=CUSTOMER, batch_id="Sales", state=BatchState.KNOWN, claimed_by="f/1", claimed_until=NOW)
    journal.batches.change(None, batch)
    (row,) = table.query(Query())
    table.upsert([{**row.values, "state": "of a later version"}])
    found = journal.batches.get(CUSTOMER, "sales")
    assert found is not None
    assert found.record.state is BatchState.LOOKING
    assert found.record.claimed_until < NOW
    journal.batches.change(found, batch)
    assert (again := journal.batches.get(CUSTOMER, "Sales")) is not None
    assert again.record == batch
