"""The registered devices of customers as last read from Partner Center: what was read when, and what is read next.

The devices themselves stand in blobs, a few thousand in each: a table partition for each batch would slow down with the
batch. The record of a batch names its blobs, so a reading replaces them all at once by changing the record.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum

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
    unseen_since: Moment | None = None
    """When the batches were read last that the last reading could not read; None where it read all of them."""
    changes: int = 0
    """Devices that are there or gone since the reading before, of which it is not decided yet who did that."""
    drifted_at: Moment | None = None
    """When drift was found last."""
    drifted: int = 0
    """How many devices had drifted then."""
    webhook_told_at: Moment | None = None
    """When the webhook was notified of drift last."""

    @property
    def is_in_progress(self) -> bool:
        """Whether a reading has begun and not ended."""
        return self.due_at is not None

    @property
    def all_seen_at(self) -> Moment:
        """When all registered devices had been seen last; of a customer that was never read, when it was asked for."""
        last = self.read_at or self.asked_at
        return last if self.unseen_since is None else min(last, self.unseen_since)


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
    nameless: int = 0
    """Those of them that are listed with neither a serial number nor a product key: nobody watches them for drift."""
    read_at: Moment | None = None
    """When they were read."""
    failed_at: Moment | None = None
    """When they could not be read; None after they were."""
    failure: str = ""
    """Why, in one sentence for people."""


class DeviceChange(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is in a batch, or no longer in it, since the reading before."""

    customer_id: str
    change_id: str
    is_there: bool
    """Whether it is there now; otherwise it is gone."""
    batch_id: str
    device_id: str = ""
    serial_number: str = ""
    product_key: str = ""
    manufacturer: str = ""
    model: str = ""
    uploaded_by: str = ""
    since: Moment
    """When the batch was read before."""
    seen_at: Moment


class DriftKind(StrEnum):
    """What somebody else did with a registered device."""

    DELETED = "deleted"
    MOVED = "moved"
    """It stands under another batch."""
    REGISTERED = "registered"


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A registered device that somebody else deleted, moved or registered. Nothing is repaired by itself."""

    customer_id: str
    drift_id: str
    kind: DriftKind
    batch_id: str
    """Where it stood; of a registered one, where it stands."""
    new_batch_id: str = ""
    """Where a moved one stands."""
    device_id: str = ""
    serial_number: str = ""
    product_key: str = ""
    manufacturer: str = ""
    model: str = ""
    who: str = ""
    """Who did it, where Partner Center tells; empty where it does not."""
    since: Moment
    """It happened after this time."""
    seen_at: Moment
    """It was found at this time."""


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
        self._changes = RecordTable(
            table, DeviceChange, lambda change: keys.device_change_key(change.customer_id, change.change_id)
        )
        self._drifts = RecordTable(
            table, Drift, lambda drift: keys.drift_key(drift.customer_id, drift.seen_at, drift.drift_id)
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

    def enter_changes(self, changes: Iterable[DeviceChange]) -> None:
        """Enter changes of one customer. Entering them again changes nothing."""
        self._changes.upsert(changes)

    def changes(self, customer_id: str, most: int) -> list[DeviceChange]:
        """At most so many changes of which it is not decided yet who did that."""
        query = Query(partition=keys.device_change_key(customer_id, "")[0], limit=most)
        return [stored.record for stored in self._changes.query(query, log_unreadable)]

    def delete_changes(self, changes: Iterable[DeviceChange]) -> None:
        """Delete changes that are decided on."""
        self._changes.delete(keys.device_change_key(change.customer_id, change.change_id) for change in changes)

    def enter_drift(self, drift: Iterable[Drift]) -> None:
        """Enter what drifted. Entering it again changes nothing."""
        self._drifts.upsert(drift)

    def drift(self, customer_id: str, most: int) -> list[Drift]:
        """At most so many devices that drifted, newest first."""
        query = Query(partition=keys.drift_partition(customer_id), limit=most)
        return [stored.record for stored in self._drifts.query(query, log_unreadable)]

    def forget_drift_before(self, customer_id: str, before: datetime, most: int) -> None:
        """Delete at most so many records of what drifted earlier."""
        first = keys.time_cursor(before).row
        query = Query(partition=keys.drift_partition(customer_id), row_from=first, limit=most)
        old = [stored.record for stored in self._drifts.query(query, log_unreadable)]
        self._drifts.delete(keys.drift_key(one.customer_id, one.seen_at, one.drift_id) for one in old)

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
