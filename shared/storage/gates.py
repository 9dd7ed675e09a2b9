"""Closed gates, at which all submissions of a scope wait, with holds and daily limits. All instances share them."""

from shared.storage import keys
from shared.storage.record_table import RecordTable, Stored, log_unreadable
from shared.storage.records import Gate
from shared.storage.tables import Query, Table


class Gates:
    """The table of closed gates. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._gates = RecordTable(table, Gate, lambda gate: keys.gate_key(gate.scope))

    def closed(self) -> dict[str, Stored[Gate]]:
        """The gates that answers of the service closed, by scope; empty in normal operation.

        A gate that this version cannot read holds nothing back: the service throttles again where it must.
        """
        return {scope: stored for scope, stored in self.all().items() if _is_closed_by_service(stored.record)}

    def get(self, scope: str) -> Stored[Gate] | None:
        """The gate of a scope, or None."""
        return self._gates.get(keys.gate_key(scope))

    def all(self) -> dict[str, Stored[Gate]]:
        """The closed gates, holds, daily limits and notices by scope; empty in normal operation."""
        found = self._gates.query(Query(partition=keys.GATES), log_unreadable)
        return {stored.record.scope: stored for stored in found}

    def change(self, stored: Stored[Gate] | None, changed: Gate) -> Stored[Gate]:
        """Close a gate, or replace the record read as `stored`. Raises Conflict."""
        return self._gates.change(stored, changed)

    def open(self, stored: Stored[Gate]) -> None:
        """Open a gate. Raises Conflict when it was changed since it was read."""
        self._gates.remove(stored)


def _is_closed_by_service(gate: Gate) -> bool:
    return not gate.is_notice and gate.hold is None and gate.limit is None
