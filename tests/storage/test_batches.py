"""Device batches, on the fake tables and on Table Storage."""

import pytest
from msgspec.structs import replace

from shared.storage.journal import Journal
from shared.storage.record_table import Conflict
from shared.storage.records import Batch, BatchState
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
