"""Device batches: those known to exist at the service, and those that a submission is finding or creating."""

from shared.storage import keys
from shared.storage.record_table import RecordTable, Stored
from shared.storage.records import Batch
from shared.storage.tables import Table


class Batches:
    """The table of batches. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._batches = RecordTable(table, Batch, lambda batch: keys.batch_key(batch.customer_id, batch.batch_id))

    def get(self, customer_id: str, batch_id: str) -> Stored[Batch] | None:
        """The record of a batch, or None."""
        return self._batches.get(keys.batch_key(customer_id, batch_id))

    def change(self, stored: Stored[Batch] | None, changed: Batch) -> Stored[Batch]:
        """Enter a batch, or replace the record read as `stored`. Raises Conflict."""
        return self._batches.change(stored, changed)
