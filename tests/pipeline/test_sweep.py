"""The cost of one sweep, however much is stored."""

from datetime import timedelta

from local.partner_center import Behaviour
from shared.pipeline.container_rounds import PAGES_AT_ONCE
from shared.pipeline.sweep import RECENT, sweep
from shared.storage.blobs import BLOBS_ON_A_PAGE
from shared.storage.wakeups import BlobWakeUp
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered
from tests.storage.counting import CountedContainer, Operations

KEPT = 100_000


def _with_counted_drop(world: World) -> Operations:
    operations = Operations()
    world.drop = CountedContainer("device-files", operations)
    world.pipeline = world.pipeline_with()
    return operations


def test_a_sweep_lists_a_few_pages_of_a_hundred_thousand_blobs_and_finds_a_lost_one_within_a_round(
    make_world: MakeWorld,
) -> None:
    world = make_world(Behaviour(delay=1))
    operations = _with_counted_drop(world)
    long_ago = world.clock() - world.settings.retention - timedelta(days=1)
    for number in range(KEPT):
        world.drop.put(f"{CUSTOMER}/Test/{number:06d}.csv", b"", long_ago)
    world.put(numbered(1), f"{CUSTOMER}/Test/lost.csv")
    world.clock.now += timedelta(minutes=5)
    sweeps = 0
    while not world.wakeups.waiting:
        before = operations.counts.total()
        sweep(world.pipeline)
        sweeps += 1
        assert operations.counts.total() - before <= PAGES_AT_ONCE
        assert sweeps <= KEPT // (PAGES_AT_ONCE * BLOBS_ON_A_PAGE) + 1
    assert [wake_up for _, wake_up in world.wakeups.waiting] == [BlobWakeUp(path=f"{CUSTOMER}/Test/lost.csv")]


def test_a_blob_that_was_lost_long_ago_is_found_by_the_first_round_of_a_day(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=1))
    sweep(world.pipeline)
    path = f"{CUSTOMER}/Test/lost.csv"
    world.drop.put(path, numbered(1).encode(), world.clock() - RECENT - timedelta(hours=1))
    assert sweep(world.pipeline).unknown_blobs == 0
    world.clock.now += timedelta(days=1)
    assert sweep(world.pipeline).unknown_blobs == 1
    world.run()
    assert [row["outcome"] for row in world.rows(_only_file(world), path)] == ["registered"]


def _only_file(world: World) -> str:
    ((_, listing),) = world.journal.files.final()
    return listing.file_id


def test_open_files_whose_index_was_lost_are_found_by_their_blobs(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(3))
    world.journal.files.no_longer_open(file)
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    sweep(world.pipeline)
    assert [mention.file_id for mention in world.journal.files.still_open()] == [file]
    assert world.wakeups.waiting == []
    sweep(world.pipeline)
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    sweep(world.pipeline)
    assert list(world.journal.files.still_open()) == []
