"""How many storage operations a device costs: counted in memory, as a storage account counts them."""

from collections import Counter

import pytest

from local.partner_center import Behaviour
from shared.pipeline.blob_names import DROP_CONTAINER
from shared.pipeline.dispatch import wake
from shared.storage.journal import Journal
from shared.storage.wakeups import encode
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import World, numbered
from tests.storage.counting import CountedContainer, CountedQueue, CountedTable, Operations

BYTES_OF_A_ROW = 8_160
"""With a hash of 4,000 characters, in UTF-16."""

OF_THE_BLOB_TRIGGER = 2
"""The host's own message about a dropped blob: taken, deleted."""

OF_A_FILE_EVENT = 1
"""One message that announces the end of the file."""


@pytest.mark.parametrize(("rows", "most"), [(1, 36), (500, 47), (1_000, 80), (10_000, 500)])
def test_a_file_takes_no_more_operations_than_it_is_said_to(make_world: MakeWorld, rows: int, most: int) -> None:
    counts = _operations(make_world(Behaviour(delay=1)), rows)
    assert counts.total() + OF_THE_BLOB_TRIGGER + OF_A_FILE_EVENT <= most, counts


def test_a_further_look_takes_its_message_the_question_for_the_gates_and_one_change_of_all_that_share_it(
    make_world: MakeWorld,
) -> None:
    without_canary = {"HOLD_FROM_FAILED_PERCENT": "100"}
    once = _operations(make_world(Behaviour(delay=1), **without_canary), 1_000)
    thrice = _operations(make_world(Behaviour(delay=50), **without_canary), 1_000)
    more = thrice - once
    looks = more["queue submissions: get"]
    assert looks > 0
    assert more.total() == looks * 6
    assert set(more) == {
        "queue submissions: put",
        "queue submissions: get",
        "queue submissions: delete",
        "table Submissions: page",
        "table Submissions: transaction",
        "table Gates: page",
    }


def _operations(world: World, rows: int) -> Counter[str]:
    """The operations for a whole file and a batch that must be created, without the event of the file's end."""
    operations, content = Operations(), numbered(rows, "PF-")
    stretch = BYTES_OF_A_ROW * rows / len(content)
    world.drop = CountedContainer("device-files", operations)
    world.private = CountedContainer("submissions", operations, {DROP_CONTAINER: world.drop}, stretch)
    world.results = CountedContainer("results", operations)
    queue = CountedQueue(operations, world.clock())
    world.journal = Journal(lambda name: CountedTable(name, operations))
    world.wakeups = queue
    world.pipeline = world.pipeline_with()
    file = world.drop_file(content)
    while messages := queue.taken():
        world.clock.now = queue.now
        for message in messages:
            wake(world.pipeline, encode(message).encode(), "message")
    counts = operations.counts.copy()
    assert world.outcomes(file) == ["registered"] * rows
    assert world.summary(file)["state"] == "closed"
    assert len(world.events.of(file)) == 1
    return counts
