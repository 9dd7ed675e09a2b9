"""Device batches: those known to exist at the service, and those that a submission is finding or creating."""

from datetime import UTC, datetime
from itertools import islice

from shared.storage import keys
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import OnUnreadable, RecordTable, Stored, log_unreadable
from shared.storage.records import Batch, BatchState
from shared.storage.tables import Query, Table


class Batches:
    """The table of batches. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._batches = RecordTable(table, Batch, lambda batch: keys.batch_key(batch.customer_id, batch.batch_id))

    def get(self, customer_id: str, batch_id: str) -> Stored[Batch] | None:
        """The record of a batch, or None.

        One that this version cannot read stands as an expired search: the next submission asks the service again.
        """
        entity = self._table.get(*keys.batch_key(customer_id, batch_id))
        if entity is None:
            return None
        try:
            return self._batches.stored(entity)
        except UnreadableRecord as unreadable:
            log_unreadable(unreadable)
            search = Batch(
                customer_id=customer_id,
                batch_id=batch_id,
                state=BatchState.LOOKING,
                claimed_by="",
                claimed_until=datetime.min.replace(tzinfo=UTC),
            )
            return Stored(search, entity.etag, entity.values)

    def known(self, most: int, unreadable: OnUnreadable) -> list[Batch]:
        """The batches that exist at the service, of all customers, at most `most` of them, by customer."""
        found = (stored.record for stored in self._batches.query(Query(), unreadable))
        return list(islice((batch for batch in found if batch.state is BatchState.KNOWN), most))

    def change(self, stored: Stored[Batch] | None, changed: Batch) -> Stored[Batch]:
        """Enter a batch, or replace the record read as `stored`. Raises Conflict."""
        return self._batches.change(stored, changed)
