"""Outcomes and the index of serial numbers, on the fake tables and on Table Storage."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from local.in_memory_storage import InMemoryTable
from shared.reasons import UnknownReason
from shared.storage import outcomes as outcomes_module
from shared.storage.journal import Journal, TableName
from shared.storage.records import Counts
from shared.storage.tables import Entity, Query, grouped
from shared.vocabulary import Outcome
from tests.storage.records import CUSTOMER, device_file, outcome_of


def test_outcomes_come_in_the_order_of_rows_over_all_blocks(journal: Journal) -> None:
    file = device_file()
    journal.outcomes.write(outcome_of(file, row) for row in range(1, 2_206, 5))
    rows = [outcome.row for outcome in journal.outcomes.of_rows(file.reading_id, 6, 2_201)]
    assert rows == list(range(6, 2_202, 5))
    whole = replace(file, read_counts=Counts(total=2_201))
    assert [outcome.row for outcome in journal.outcomes.of_file(whole)] == list(range(1, 2_202, 5))


def test_the_blocks_end_at_a_thousand_rows(journal: Journal) -> None:
    file = device_file()
    journal.outcomes.write([outcome_of(file, 1_000), outcome_of(file, 1_001)])
    assert [outcome.row for outcome in journal.outcomes.of_rows(file.reading_id, 1_000, 1_000)] == [1_000]
    assert [outcome.row for outcome in journal.outcomes.of_rows(file.reading_id, 1_001, 1_001)] == [1_001]


def test_a_cell_of_any_text_comes_back(journal: Journal) -> None:
    file = device_file()
    outcome = outcome_of(file, 1, serial_number="a/b\\c#?\t'%~ä", manufacturer="<script>", model="=1+1")
    journal.outcomes.write([outcome])
    assert list(journal.outcomes.of_rows(file.reading_id, 1, 1)) == [outcome]


def test_a_device_is_found_by_its_serial_number_whatever_its_case(journal: Journal) -> None:
    file = device_file()
    outcomes = [outcome_of(file, row, serial_number=f"Ab/{row % 10}") for row in range(1, 31)]
    assert list(journal.outcomes.indexed(file, outcomes)) == outcomes
    found = sorted(mention.row for mention in journal.outcomes.with_serial("aB/3"))
    assert found == [3, 13, 23]
    assert list(journal.outcomes.with_serial("aB/")) == []


def test_a_device_is_found_in_small_and_large_files_alike_and_forgotten_with_each(journal: Journal) -> None:
    sizes = (1, 30, 5_000, 19_999, 20_000, 1_000_000)
    files = [device_file(read_counts=Counts(total=size)) for size in sizes]
    for file in files:
        outcomes = [outcome_of(file, row, serial_number=f"S{row}") for row in range(1, 31)]
        journal.outcomes.write(outcomes)
        list(journal.outcomes.indexed(file, outcomes))
    assert [mention.file_id for mention in journal.outcomes.with_serial("s7")] == sorted(file.file_id for file in files)
    (first, *others) = journal.outcomes.with_serial("S30", CUSTOMER)
    assert list(journal.outcomes.with_serial("S30", CUSTOMER, after=first)) == others
    for file in files:
        journal.forget_file(file)
    assert [list(journal.outcomes.with_serial(f"S{row}")) for row in range(1, 31)] == [[]] * 30


@pytest.mark.parametrize("most_between", [0, 2_000])
def test_several_serial_numbers_are_found_together(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, most_between: int
) -> None:
    monkeypatch.setattr(outcomes_module, "MOST_BETWEEN_SERIALS", most_between)
    files = [device_file(read_counts=Counts(total=size)) for size in (30, 5_000, 20_000)]
    for file in files:
        list(journal.outcomes.indexed(file, [outcome_of(file, row, serial_number=f"S~{row}") for row in range(1, 31)]))
    wanted = ["s~7", "S~30", "S~3", "S~300", "", "S~7"]
    found = [(mention.file_id, mention.row) for mention in journal.outcomes.with_serials(wanted)]
    assert sorted(found) == sorted((file.file_id, row) for file in files for row in (3, 7, 30))
    assert list(journal.outcomes.with_serials([""])) == []


def test_a_device_is_found_by_its_product_key_apart_from_serial_numbers(journal: Journal) -> None:
    file = device_file()
    outcomes = [
        outcome_of(file, 1, serial_number="", product_key="3300000000001"),
        outcome_of(file, 2, serial_number="3300000000001", product_key="3300000000002"),
    ]
    journal.outcomes.write(outcomes)
    list(journal.outcomes.indexed(file, outcomes))
    assert [mention.row for mention in journal.outcomes.with_product_keys(["3300000000001", ""])] == [1]
    assert [mention.row for mention in journal.outcomes.with_serial("3300000000001")] == [2]
    assert [mention.row for mention in journal.outcomes.with_product_keys(["3300000000002"])] == [2]
    found = journal.outcomes.with_serial_or_key
    assert [mention.row for mention in found("3300000000001")] == [2], "a serial number comes first"
    (by_key,) = found("3300000000002", CUSTOMER)
    assert by_key.row == 2
    assert list(found("3300000000002", CUSTOMER, by_key)) == []
    journal.forget_file(file)
    assert list(journal.outcomes.with_product_keys(["3300000000001", "3300000000002"])) == []


class CountsUpserts(InMemoryTable):
    """A table that counts the rows of each transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []

    def upsert(self, entities: Iterable[Entity]) -> None:
        for group in grouped(entities):
            self.groups.append(len(group))
            super().upsert(group)


def test_the_index_of_a_small_file_takes_a_transaction_for_a_hundred_rows() -> None:
    table = CountsUpserts()
    journal = Journal(lambda name: table if name is TableName.DEVICES_BY_SERIAL else InMemoryTable())
    file = device_file(read_counts=Counts(total=1_000))
    list(journal.outcomes.indexed(file, [outcome_of(file, row) for row in range(1, 1_001)]))
    assert table.groups == [100] * 10


def test_a_very_long_serial_number_is_found_too(journal: Journal) -> None:
    file = device_file()
    outcomes = [outcome_of(file, row, serial_number="S" * 700 + str(row)) for row in (1, 2)]
    list(journal.outcomes.indexed(file, outcomes))
    assert [mention.row for mention in journal.outcomes.with_serial("s" * 700 + "2")] == [2]


def test_an_outcome_that_cannot_be_read_is_unknown_and_every_other_is_itself() -> None:
    tables = {name: InMemoryTable() for name in TableName}
    journal, table = Journal(tables.__getitem__), tables[TableName.DEVICE_OUTCOMES]
    file = device_file()
    journal.outcomes.write(outcome_of(file, row) for row in (1, 2, 3, 4))
    rows = [row.values for row in table.query(Query())]
    table.upsert([{**rows[0], "outcome": "of a later version"}, {**rows[1], "row": 1}, {**rows[2], "notes": 5}])
    found = list(journal.outcomes.of_rows(file.reading_id, 1, 4))
    assert [outcome.row for outcome in found] == [1, 2, 3, 4]
    assert [outcome.outcome for outcome in found] == [Outcome.UNKNOWN] * 3 + [Outcome.REGISTERED]
    assert {outcome.error_code for outcome in found[:3]} == {UnknownReason.OUTCOME_UNREADABLE}
    assert found[0].serial_number == outcome_of(file, 1).serial_number
    assert journal.outcomes.get(file.reading_id, 1) == found[0]
    assert len([row for row in table.query(Query()) if row.values["outcome"] == "of a later version"]) == 1
