"""A file is closed once, by one owner at a time, and an interrupted closing is continued."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from local.in_memory_storage import InMemoryTable
from local.partner_center import Fault, Operation
from shared.pipeline.closing import close
from shared.pipeline.closing.close import close_if_complete
from shared.pipeline.intake.receive import take_up
from shared.pipeline.sweep import sweep
from shared.storage.journal import Journal, TableName
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile
from shared.storage.tables import Query
from shared.vocabulary import FileState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.failing import deliver_until_it_fails, fails
from tests.pipeline.world import CUSTOMER, World, numbered, tuples


def test_a_closed_file_has_counts_that_add_up_and_the_reasons_of_its_rows(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1", "STANDIN-808-1", "FINE-1", "FINE-2"]))
    world.run()
    closed = world.file(file)
    counts = closed.closed_counts
    assert counts is not None
    assert (counts.total, counts.ended) == (4, 4)
    assert (counts.registered, counts.failed, counts.duplicate) == (2, 1, 1)
    assert sum(tally.rows for tally in closed.reasons) == 4
    assert world.summary(file)["counts"]["total"] == len(world.rows(file)) == 4


def test_a_closing_that_fails_goes_on_at_the_hosts_next_try_and_not_by_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.drop_file(numbered(1))
    with monkeypatch.context() as patched:
        patched.setattr(world.results, "write", fails)
        failed = deliver_until_it_fails(world)
    assert world.file(file).state is FileState.CLOSING
    world.wakeups.send(failed)
    world.run()
    assert len(world.events.of(file)) == 1


@dataclass(slots=True)
class _OthersAtTheEnd:
    """Other owners act while one owner stops right after its file became `closed`."""

    world: World
    claims_expire: bool
    change: Callable[[Stored[DeviceFile], DeviceFile], Stored[DeviceFile]]
    came: int = 0

    def __call__(self, stored: Stored[DeviceFile], changed: DeviceFile) -> Stored[DeviceFile]:
        done = self.change(stored, changed)
        if changed.state is FileState.CLOSED and not self.came:
            self.came += 1
            if self.claims_expire:
                self.world.clock.now += self.world.settings.advanced.claim * 2
            take_up(self.world.pipeline, done)
            close_if_complete(self.world.pipeline, CUSTOMER, changed.file_id, changed.reading_id)
            sweep(self.world.pipeline)
            self.world.run()
        return done


@pytest.mark.parametrize("claims_expire", [False, True])
def test_of_two_owners_that_close_a_file_at_the_same_time_one_tells(
    world: World, monkeypatch: pytest.MonkeyPatch, claims_expire: bool
) -> None:
    file = world.drop_file(numbered(1))
    others = _OthersAtTheEnd(world, claims_expire, world.journal.files.change)
    monkeypatch.setattr(world.journal.files, "change", others)
    world.run()
    assert others.came == 1
    assert len(world.events.of(file)) == 1
    assert not world.journal.files.is_open(file)


@pytest.mark.parametrize("listed_at_once", [0, 20])
def test_a_file_closes_though_an_ended_submission_of_it_cannot_be_read(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, listed_at_once: int
) -> None:
    monkeypatch.setattr(close, "MOST_LISTED_AT_ONCE", listed_at_once)
    world, tables = make_world(DEVICES_PER_SUBMISSION="1"), {name: InMemoryTable() for name in TableName}
    world.journal = Journal(tables.__getitem__)
    world.pipeline = world.pipeline_with()
    world.service.script(Fault.UNAVAILABLE, operation=Operation.APPEND_DEVICES)
    file = world.drop_file(numbered(3))
    while not world.submission(file).record.state.is_final:
        assert world.deliver_next()
    assert world.file(file).state is FileState.READ
    (row,) = tables[TableName.SUBMISSIONS].query(Query(equals={"number": "1", "kind": "submission"}))
    tables[TableName.SUBMISSIONS].upsert([{**row.values, "accepted_at": "some day"}])
    world.run()
    closed = world.file(file)
    assert (closed.state, closed.submissions) == (FileState.CLOSED, 3)
    assert closed.closed_counts is not None
    assert closed.closed_counts.registered == 3
