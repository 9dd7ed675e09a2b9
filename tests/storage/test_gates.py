"""Closed gates, on the fake tables and on Table Storage."""

import pytest
from msgspec.structs import replace

from local.in_memory_storage import InMemoryTable
from shared.storage.journal import Journal, TableName
from shared.storage.record_table import Conflict
from shared.storage.records import Gate
from shared.storage.tables import Query
from tests.storage.records import NOW


def test_a_gate_is_closed_once_and_opened_only_as_it_was_read(journal: Journal) -> None:
    gate = Gate(scope="partner", closed_until=NOW, reason="Busy.")
    stored = journal.gates.change(None, gate)
    with pytest.raises(Conflict):
        journal.gates.change(None, gate)
    again = journal.gates.change(stored, replace(gate, failures=2))
    with pytest.raises(Conflict):
        journal.gates.open(stored)
    journal.gates.open(again)
    assert journal.gates.closed() == {}


def test_a_gate_that_cannot_be_read_holds_nothing_back() -> None:
    tables = {name: InMemoryTable() for name in TableName}
    journal, table = Journal(tables.__getitem__), tables[TableName.GATES]
    for scope in ("partner", "customer"):
        journal.gates.change(None, Gate(scope=scope, closed_until=NOW, reason="Busy."))
    (row,) = table.query(Query(equals={"scope": "partner"}))
    table.upsert([{**row.values, "failures": "many"}])
    assert list(journal.gates.closed()) == ["customer"]
