"""Human acts, on the fake tables and on Table Storage."""

from datetime import timedelta

from local.in_memory_storage import InMemoryTable
from shared.storage.acts import position_of
from shared.storage.codec import UnreadableRecord
from shared.storage.journal import Journal, TableName
from shared.storage.records import Act
from shared.storage.tables import Query
from shared.vocabulary import ActKind
from tests.storage.records import NOW


def _act(number: int) -> Act:
    return Act(
        act_id=f"00000000-0000-4000-8000-{number:012d}",
        asked_at=NOW + timedelta(minutes=number),
        kind=ActKind.WITHDRAW,
        who="Anna",
        subject=f"{number}.csv",
    )


def test_acts_are_listed_newest_first_from_any_position(journal: Journal) -> None:
    for number in (2, 1, 3):
        journal.acts.note(_act(number))
    assert [act.subject for act in journal.acts.latest()] == ["3.csv", "2.csv", "1.csv"]
    assert list(journal.acts.latest(position_of(_act(2)))) == [_act(1)]


def test_old_acts_are_forgotten_a_bounded_number_at_once(journal: Journal) -> None:
    for number in range(5):
        journal.acts.note(_act(number))
    before = NOW + timedelta(minutes=3)
    assert [journal.acts.forget_before(before, most=2) for _ in range(3)] == [2, 1, 0]
    assert {act.subject for act in journal.acts.latest()} == {"3.csv", "4.csv"}


def test_an_act_that_cannot_be_read_is_named_and_forgotten_like_others() -> None:
    tables = {name: InMemoryTable() for name in TableName}
    journal, table = Journal(tables.__getitem__), tables[TableName.ACTS]
    for number in (1, 2):
        journal.acts.note(_act(number))
    (row,) = table.query(Query(equals={"subject": "2.csv"}))
    table.upsert([{**row.values, "kind": "dance"}])
    unreadable: list[UnreadableRecord] = []
    assert list(journal.acts.latest(unreadable=unreadable.append)) == [_act(1)]
    assert len(unreadable) == 1
    assert journal.acts.forget_before(NOW + timedelta(days=1), most=10) == 2
