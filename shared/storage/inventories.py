"""The registered devices of customers as last read from Partner Center: what was read when, and what is read next.

The devices themselves stand in blobs, a few thousand in each: a table partition for each batch would slow down with the
batch. The record of a batch names its blobs, so a reading replaces them all at once by changing the record.
"""

from collections.abc import Iterator
from datetime import date

import msgspec

from shared.storage import keys
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import OnUnreadable, RecordTable, Stored, log_unreadable
from shared.storage.records import Moment
from shared.storage.tables import Query, Table


class CustomerInventory(msgspec.Struct, frozen=True, kw_only=True):
    """The reading of all batches of one customer: the one in progress, or the last one."""

    customer_id: str
    asked_at: Moment
    """When the devices were asked for last. Batches read before that are read anew."""
    due_at: Moment | None = None
    """When the reading goes on; None when it has ended."""
    claimed_until: Moment | None = None
    """The end of the claim of the worker that reads."""
    sequence: int = 0
    """Counts its changes of turn; a wake-up with a lower number is out of date."""
    attempts: int = 0
    """Consecutive steps without a usable answer."""
    listed_at: Moment | None = None
    """When the list of the customer's batches was read."""
    read_at: Moment | None = None
    """The start of the last reading that came to its end: every batch is as new as this, or says why not."""
    waits_for: str = ""
    """Why the reading does not go on now, in one sentence for people."""
    failed_at: Moment | None = None
    """When the reading was given up; None after one that came to its end."""
    failure: str = ""
    """Why it was given up, in one sentence for people."""

    @property
    def is_in_progress(self) -> bool:
        """Whether a reading has begun and not ended."""
        return self.due_at is not None


class BatchInventory(msgspec.Struct, frozen=True, kw_only=True):
    """One batch of a customer, and its devices as last read."""

    customer_id: str
    batch_id: str
    """As the service spells it."""
    listed_at: Moment
    """When the list of batches had it last."""
    listed_devices: int | None = None
    """The number of its devices in that list, where the service tells it."""
    snapshot: str = ""
    """The folder of the blobs with its devices; empty while it was never read."""
    devices: int = 0
    """The devices in these blobs."""
    read_at: Moment | None = None
    """When they were read."""
    failed_at: Moment | None = None
    """When they could not be read; None after they were."""
    failure: str = ""
    """Why, in one sentence for people."""


class RequestBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that readings of registered devices have sent on one day (UTC)."""

    day: str
    requests: int = 0


class Inventories:
    """The table of readings of registered devices. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._customers = RecordTable(table, CustomerInventory, lambda one: keys.inventory_key(one.customer_id))
        self._batches = RecordTable(
            table, BatchInventory, lambda batch: keys.batch_inventory_key(batch.customer_id, batch.batch_id)
        )
        self._budgets = RecordTable(table, RequestBudget, lambda budget: (keys.BUDGETS, budget.day))

    def get(self, customer_id: str) -> Stored[CustomerInventory] | None:
        """The reading of a customer; None when its devices were never asked for, or the record cannot be read."""
        try:
            return self._customers.get(keys.inventory_key(customer_id))
        except UnreadableRecord as unreadable:
            log_unreadable(unreadable)
            return None

    def all(self, unreadable: OnUnreadable = log_unreadable) -> Iterator[Stored[CustomerInventory]]:
        """The readings of all customers whose devices were asked for."""
        return self._customers.query(Query(partition=keys.INVENTORIES), unreadable)

    def change(self, stored: Stored[CustomerInventory] | None, changed: CustomerInventory) -> Stored[CustomerInventory]:
        """Enter a reading, or replace the record read as `stored`. Raises Conflict."""
        return self._customers.change(stored, changed)

    def remove(self, stored: Stored[CustomerInventory]) -> None:
        """Remove the reading of a customer. Raises Conflict."""
        self._customers.remove(stored)

    def batches(self, customer_id: str) -> Iterator[Stored[BatchInventory]]:
        """The customer's batches in the order of their keys, without those that this version cannot read."""
        return self._batches.query(Query(partition=customer_id), log_unreadable)

    def batch(self, customer_id: str, batch_id: str) -> Stored[BatchInventory] | None:
        """The batch of exactly this name, or None. Raises UnreadableRecord."""
        return self._batches.get(keys.batch_inventory_key(customer_id, batch_id))

    def change_batch(self, stored: Stored[BatchInventory] | None, changed: BatchInventory) -> Stored[BatchInventory]:
        """Enter a batch, or replace the record read as `stored`. Raises Conflict."""
        return self._batches.change(stored, changed)

    def remove_batch(self, stored: Stored[BatchInventory]) -> None:
        """Remove a batch. Raises Conflict."""
        self._batches.remove(stored)

    def budget(self, day: date) -> Stored[RequestBudget] | None:
        """The requests sent on `day`; None before the first. Raises UnreadableRecord."""
        return self._budgets.get((keys.BUDGETS, day.isoformat()))

    def change_budget(self, stored: Stored[RequestBudget] | None, changed: RequestBudget) -> Stored[RequestBudget]:
        """Enter a day, or replace the record read as `stored`. Raises Conflict."""
        return self._budgets.change(stored, changed)

    def forget_budgets_before(self, day: date) -> None:
        """Delete the records of earlier days."""
        old = Query(partition=keys.BUDGETS, row_below=day.isoformat())
        self._budgets.delete([(keys.BUDGETS, stored.record.day) for stored in self._budgets.query(old, log_unreadable)])
