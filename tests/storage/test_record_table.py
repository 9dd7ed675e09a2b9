"""Records in a table: a change names the ETag that was read, and keeps a later version's additions to the row."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from shared.storage.record_table import Conflict, RecordTable, Stored
from shared.storage.records import Batch, BatchState
from shared.storage.tables import Entity, Table

NOW = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)
KEY = ("customer", "test")
BATCH = Batch(customer_id="customer", batch_id="test", state=BatchState.LOOKING, claimed_by="me", claimed_until=NOW)
LATER: Entity = {"owner": "someone", "weight": 2**40, "seen_at": NOW}
"""A later version's additions to the row."""


@pytest.fixture
def batches(table: Table) -> RecordTable[Batch]:
    return RecordTable(table, Batch, lambda batch: (batch.customer_id, batch.batch_id))


def _written_later(table: Table, batches: RecordTable[Batch], batch: Batch = BATCH) -> Stored[Batch]:
    """A record whose row a later version has extended."""
    table.insert({**batches.entity(batch), **LATER})
    stored = batches.get((batch.customer_id, batch.batch_id))
    assert stored is not None
    assert stored.record == batch
    return stored


def _beside(table: Table, batches: RecordTable[Batch], batch: Batch) -> dict[str, object]:
    """The additional members in the row of `batch`, whose record must be `batch`."""
    entity = table.get(batch.customer_id, batch.batch_id)
    assert entity is not None
    assert batches.stored(entity).record == batch
    return {name: value for name, value in entity.values.items() if name not in batches.entity(batch)}


def test_a_change_and_the_next_one_keep_what_a_later_version_wrote(table: Table, batches: RecordTable[Batch]) -> None:
    stored = _written_later(table, batches)
    known = replace(BATCH, state=BatchState.KNOWN)
    changed = batches.change(stored, known)
    assert _beside(table, batches, known) == LATER
    again = replace(known, claimed_by="another")
    batches.change(changed.holding(known), again)
    assert _beside(table, batches, again) == LATER


def test_changes_in_one_transaction_keep_what_a_later_version_wrote(table: Table, batches: RecordTable[Batch]) -> None:
    first = _written_later(table, batches)
    second = replace(BATCH, batch_id="other")
    changes = [(first, replace(BATCH, claimed_by="you")), (Stored.absent(second), second)]
    written = batches.change_all(changes)
    assert _beside(table, batches, changes[0][1]) == LATER
    assert _beside(table, batches, second) == {}
    batches.change_all([(stored, replace(stored.record, claimed_by="they")) for stored in written])
    assert _beside(table, batches, replace(BATCH, claimed_by="they")) == LATER


def test_a_record_that_was_changed_since_it_was_read_is_not_changed(table: Table, batches: RecordTable[Batch]) -> None:
    stored = batches.insert(BATCH)
    assert stored is not None
    batches.change(stored, replace(BATCH, claimed_by="another"))
    with pytest.raises(Conflict):
        batches.change(stored, replace(BATCH, claimed_by="me again"))
    with pytest.raises(Conflict):
        batches.change(None, BATCH)
    with pytest.raises(Conflict):
        batches.change_all([(Stored.absent(BATCH), BATCH)])
    with pytest.raises(Conflict):
        batches.remove(stored)
    assert _beside(table, batches, replace(BATCH, claimed_by="another")) == {}
