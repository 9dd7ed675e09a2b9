"""Closed gates, on the fake tables and on Table Storage."""

import pytest
from msgspec.structs import replace

from shared.storage.journal import Journal
from shared.storage.record_table import Conflict
from shared.storage.records import Gate
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
