"""The partner's customers as Partner Center listed them last, and how the last reading of the list ended.

A copy for people and for suggestions: what Partner Center says of a customer now is decided by asking it.
"""

from collections.abc import Iterable, Iterator

import msgspec

from shared.storage.codec import UnreadableRecord
from shared.storage.keys import Key
from shared.storage.record_table import RecordTable, Stored, log_unreadable
from shared.storage.records import Moment
from shared.storage.tables import Query, Table

_LISTED = "customers"
_READINGS = "readings"


class PartnerCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer on Partner Center's list, in the service's words."""

    customer_id: str
    name: str = ""
    domain: str = ""
    relationship: str = ""


class ListReading(msgspec.Struct, frozen=True, kw_only=True):
    """When the list was read, and when it is read again."""

    due_at: Moment
    """When it is read again; while a worker reads it, the end of that worker's claim."""
    read_at: Moment | None = None
    """When it was last read to its end."""
    customers: int = 0
    """The customers on it then."""
    failed_at: Moment | None = None
    """When it could not be read; None after it was read to its end."""
    failure: str = ""
    """Why, in one sentence for people."""


class PartnerCustomers:
    """The table of the partner's customers. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._customers = RecordTable(table, PartnerCustomer, lambda customer: _key(customer.customer_id))
        self._readings = RecordTable(table, ListReading, lambda _: (_READINGS, _READINGS))

    def reading(self) -> Stored[ListReading] | None:
        """How the last reading of the list ended; None when it was never read. Raises UnreadableRecord."""
        return self._readings.get((_READINGS, _READINGS))

    def change_reading(self, stored: Stored[ListReading] | None, changed: ListReading) -> Stored[ListReading]:
        """Replace the record read as `stored`, or enter the first one. Raises Conflict."""
        return self._readings.change(stored, changed)

    def get(self, customer_id: str) -> PartnerCustomer | None:
        """The customer with this id, if the list names it. Raises UnreadableRecord."""
        stored = self._customers.get(_key(customer_id))
        return None if stored is None else stored.record

    def all(self) -> Iterator[PartnerCustomer]:
        """Every customer of the list, by id, without those whose rows this version cannot read."""
        return (stored.record for stored in self._customers.query(Query(partition=_LISTED), log_unreadable))

    def replace_all(self, customers: Iterable[PartnerCustomer]) -> None:
        """Make these the customers of the list. Only rows that differ are written; repeating it ends the same."""
        listed = {_key(customer.customer_id): customer for customer in customers}
        known: dict[Key, PartnerCustomer | None] = {}
        for each in self._customers.each(Query(partition=_LISTED)):
            if isinstance(each, UnreadableRecord):
                known[each.key] = None
            else:
                known[_key(each.record.customer_id)] = each.record
        self._customers.upsert(customer for key, customer in listed.items() if known.get(key) != customer)
        self._customers.delete(sorted(known.keys() - listed.keys()))


def _key(customer_id: str) -> Key:
    """The key of a customer, whose id is a GUID in small letters."""
    return _LISTED, customer_id
