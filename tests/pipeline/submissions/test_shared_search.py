"""The submissions of a file that removes or moves devices share one search of the customer's batches."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from local.partner_center import Behaviour
from shared.partner_center.client import CallIds
from shared.partner_center.errors import ListTooLong
from shared.partner_center.models import Device
from shared.pipeline.blob_names import reading_folder, search_prefix
from shared.pipeline.submissions import shared_search
from shared.pipeline.submissions.shared_search import SHARED_FOR
from shared.storage.blobs import BlobVersion
from shared.storage.wakeups import SubmissionsWakeUp, SubmissionWakeUp
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered

REMOVE = f"remove-devices/{CUSTOMER}/wrong.csv"


class Reads(Changed):
    """A service that notes which batches are read; those in `too_long` cannot be."""

    def __init__(self, world: World, *too_long: str) -> None:
        super().__init__(world.partner_center)
        self.batches: list[str] = []
        self.too_long = too_long

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        self.batches.append(batch_id)
        if batch_id in self.too_long:
            raise ListTooLong("x")
        return super().batch_devices(customer_id, batch_id, ids)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world with two devices a submission; twelve devices stand in one of two batches."""
    world = make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="2", INLINE_SUBMISSIONS="1")
    world.drop_file(numbered(12), f"{CUSTOMER}/Sales/a.csv")
    world.drop_file(numbered(1, "OTHER-"), f"{CUSTOMER}/Test/b.csv")
    world.run()
    return world


def outcomes(world: World, file: str, path: str = REMOVE) -> dict[str, int]:
    ended = world.outcomes(file, path)
    return {outcome: ended.count(outcome) for outcome in ended}


def kept_searches(world: World, file: str) -> list[BlobVersion]:
    return list(world.private.versions(search_prefix(reading_folder(world.file(file).reading_id))))


def test_the_batches_are_read_once_for_all_submissions_of_a_file_and_nothing_is_left(world: World) -> None:
    reads = Reads(world)
    world.meet(reads)
    file = world.drop_file(numbered(14), REMOVE)
    kept = kept_searches(world, file)
    world.run()
    assert sorted(reads.batches) == ["Sales", "Test"]
    assert outcomes(world, file) == {"removed": 12, "not_registered": 2}
    assert len(kept) == 1
    assert kept_searches(world, file) == []


def test_the_submissions_of_a_move_share_a_search_too(world: World) -> None:
    reads = Reads(world)
    world.meet(reads)
    path = f"move-devices/{CUSTOMER}/Test/moved.csv"
    file = world.drop_file(numbered(6), path)
    world.run()
    assert outcomes(world, file, path) == {"registered": 6}
    assert sorted(reads.batches) == ["Sales", "Test"]


def test_rows_of_another_batch_are_searched_for_there(world: World) -> None:
    reads = Reads(world)
    world.meet(reads)
    lines = [f"SN-{n:05},,,LENOVO,21R3001BUK,{'Sales' if n < 5 else 'Test'}" for n in range(1, 9)]
    file = world.drop_file("\r\n".join([f"{HEADER},Group Tag", *lines]), REMOVE)
    world.run()
    assert outcomes(world, file) == {"removed": 4, "not_registered": 4}
    assert sorted(reads.batches) == ["Sales", "Test"]


def test_a_search_of_long_ago_is_made_again(world: World) -> None:
    reads = Reads(world)
    world.meet(reads)
    file = world.drop_file(numbered(4), REMOVE)
    world.clock.now += SHARED_FOR
    world.service.delete_elsewhere(CUSTOMER, "SN-00003")
    world.run()
    assert sorted(reads.batches) == ["Sales", "Sales", "Test", "Test"]
    assert outcomes(world, file) == {"removed": 3, "not_registered": 1}


def test_a_device_that_is_gone_since_the_search_was_not_registered(world: World) -> None:
    file = world.drop_file(numbered(4), REMOVE)
    world.service.delete_elsewhere(CUSTOMER, "SN-00003")
    world.run()
    assert outcomes(world, file) == {"removed": 3, "not_registered": 1}


def test_a_search_that_did_not_come_to_its_end_is_kept_for_nobody(world: World) -> None:
    reads = Reads(world, "Test")
    world.meet(reads)
    file = world.drop_file(numbered(4), REMOVE)
    assert kept_searches(world, file) == []
    reads.too_long = ()
    world.run()
    assert outcomes(world, file) == {"rejected": 2, "removed": 2}


def test_a_kept_search_that_cannot_be_read_is_made_again(world: World) -> None:
    file = world.drop_file(numbered(4), REMOVE)
    (kept,) = kept_searches(world, file)
    world.private.write(kept.path, b"{}", "application/json")
    world.run()
    assert outcomes(world, file) == {"removed": 4}


def test_a_search_is_for_so_many_rows_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_search, "MOST_ROWS", 5)
    reads = Reads(world)
    world.meet(reads)
    file = world.drop_file(numbered(12), REMOVE)
    world.run()
    assert outcomes(world, file) == {"removed": 12}
    assert reads.batches.count("Sales") == 3


def test_the_search_of_one_submission_alone_is_not_kept(world: World) -> None:
    file = world.put(numbered(2), REMOVE)
    world.receive(REMOVE)
    assert not any(isinstance(each, SubmissionWakeUp | SubmissionsWakeUp) for _, each in world.wakeups.waiting)
    assert not any("search-" in version.path for version in world.private.versions(file))
    assert world.clock() - world.file(file).received_at < timedelta(seconds=1)
