"""A device that another file of the customer may have sent is never certainly ours."""

import pytest

from local.in_memory_storage import InMemoryTable
from local.partner_center import Behaviour, Fault, Operation
from shared.pipeline.submissions import other_senders
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.other_senders import rows_sent_by_no_other
from shared.storage.journal import Journal, TableName
from shared.storage.tables import Query
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered, tuples

OTHER = f"{CUSTOMER}/Test/other.csv"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")


def _certain(world: World, file: str) -> set[int]:
    submission, contents = world.submission(file).record, Contents(world.journal, world.private)
    return rows_sent_by_no_other(contents, submission, contents.rows(submission), lambda: None)


def test_a_file_alone_sent_all_its_devices(world: World) -> None:
    assert _certain(world, world.drop_file(numbered(3))) == {1, 2, 3}


@pytest.mark.parametrize("spelling", ["SN-00002", "sn-00002"])
@pytest.mark.parametrize("steps", range(1, 8))
def test_a_device_that_another_file_sent_is_uncertain_at_every_moment_of_that_file(
    world: World, steps: int, spelling: str
) -> None:
    world.drop_file(tuples([spelling, "SN-99999"]), OTHER)
    for _ in range(steps):
        world.deliver_next()
    assert _certain(world, world.drop_file(numbered(3))) == {1, 3}


def test_a_device_of_another_file_that_has_sent_nothing_yet_is_certain(world: World) -> None:
    world.drop_file(numbered(3), OTHER)
    assert _certain(world, world.drop_file(numbered(3))) == {1, 2, 3}


def test_a_device_whose_row_another_file_only_rejected_is_certain(world: World) -> None:
    other = world.drop_file(f"{HEADER}\r\nSN-00002,,,,\r\nSN-7,,,LENOVO,21R3\r\n", OTHER)
    world.run()
    assert world.outcomes(other, OTHER)[0] == "rejected"
    assert _certain(world, world.drop_file(numbered(3))) == {1, 2, 3}


def test_nothing_is_certain_beside_an_open_file_that_sent_devices_without_serial_numbers(world: World) -> None:
    world.drop_file(f"{HEADER}\r\n,3000000000001,,,\r\n", OTHER)
    world.deliver_next()
    assert _certain(world, world.drop_file(numbered(3))) == set()


def test_nothing_is_certain_beside_more_open_rows_than_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_senders, "MOST_ROWS_READ", 2)
    world.drop_file(numbered(3, "OTHER-"), OTHER)
    world.deliver_next()
    assert _certain(world, world.drop_file(numbered(3))) == set()


def test_another_customer_s_file_is_no_other_sender(world: World) -> None:
    path = "11111111-2222-3333-4444-555555555555/Test/other.csv"
    world.service.script(Fault.THROTTLE, operation=Operation.CREATE_BATCH)
    world.drop_file(numbered(3), path)
    world.deliver_next()
    assert _certain(world, world.drop_file(numbered(3))) == {1, 2, 3}


class _Damaged:
    """A world whose rows can be made unreadable."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._tables = {name: InMemoryTable() for name in TableName}
        world.journal = Journal(self._tables.__getitem__)
        world.pipeline = world.pipeline_with()

    def damage(self, name: TableName, file: str) -> None:
        """Make every row of a file in one table unreadable, except for its customer."""
        table = self._tables[name]
        rows = [row.values for row in table.query(Query()) if file in row.values.values()]
        assert rows
        times = ("received_at", "state", "row")
        table.upsert([{key: value for key, value in row.items() if key not in times} for row in rows])


@pytest.fixture
def damaged(world: World) -> _Damaged:
    return _Damaged(world)


@pytest.mark.parametrize("name", [TableName.OPEN_FILES, TableName.DEVICE_FILES, TableName.SUBMISSIONS])
def test_nothing_is_certain_while_an_open_file_of_the_customer_cannot_be_read(
    damaged: _Damaged, name: TableName
) -> None:
    other = damaged.world.drop_file(numbered(3, "OTHER-"), OTHER)
    damaged.world.deliver_next()
    file = damaged.world.drop_file(numbered(3))
    damaged.damage(name, other)
    assert _certain(damaged.world, file) == set()


def test_an_open_file_of_another_customer_that_cannot_be_read_makes_nothing_uncertain(damaged: _Damaged) -> None:
    other = damaged.world.drop_file(numbered(3, "OTHER-"), "11111111-2222-3333-4444-555555555555/Test/other.csv")
    file = damaged.world.drop_file(numbered(3))
    damaged.damage(TableName.OPEN_FILES, other)
    assert _certain(damaged.world, file) == {1, 2, 3}


@pytest.mark.parametrize("name", [TableName.DEVICES_BY_SERIAL, TableName.DEVICE_FILES])
def test_a_device_is_uncertain_while_a_closed_file_that_has_it_cannot_be_read(
    damaged: _Damaged, name: TableName
) -> None:
    other = damaged.world.drop_file(tuples(["SN-00002"]), OTHER)
    damaged.world.run()
    file = damaged.world.drop_file(numbered(3))
    damaged.damage(name, other)
    assert _certain(damaged.world, file) == {1, 3}


def test_no_table_is_read_for_no_rows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    submission = world.submission(world.drop_file(numbered(3))).record
    monkeypatch.setattr(other_senders, "_sent_by_open_files", None)
    assert rows_sent_by_no_other(Contents(world.journal, world.private), submission, [], lambda: None) == set()


def test_the_claim_is_kept_through_the_searches(world: World) -> None:
    submission, contents = world.submission(world.drop_file(numbered(3))).record, Contents(world.journal, world.private)
    kept: list[int] = []
    rows_sent_by_no_other(contents, submission, contents.rows(submission), lambda: kept.append(1))
    assert len(kept) == 3
