"""A row that ended without a verdict says when its device was seen in its batch later."""

from datetime import timedelta

import pytest

from local.partner_center import Behaviour, Fault, Operation
from shared.pipeline.inventory.seen_later import seen_later
from shared.status.queries import outcomes
from shared.vocabulary import Outcome
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import World, numbered


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world in which a verdict takes longer than the app waits for it."""
    return make_world(Behaviour(delay=7_200), OUTCOME_DEADLINE_HOURS="1")


def test_a_device_without_a_verdict_that_is_seen_later_says_so_and_its_outcome_stays(world: World) -> None:
    file = world.drop_file(numbered(2))
    world.run()
    assert world.outcomes(file) == ["unknown", "unknown"]
    world.clock.now += timedelta(hours=2)
    world.read_devices()
    rows = outcomes(world.pipeline, world.file(file)).outcomes
    assert [(row.outcome, row.seen_at) for row in rows] == [(Outcome.UNKNOWN, world.clock())] * 2


def test_a_device_that_was_not_seen_or_only_before_says_nothing(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    before = world.file(file)
    assert seen_later(world.pipeline, before, list(world.journal.outcomes.of_file(before))) == {}
    world.read_devices()
    assert seen_later(world.pipeline, before, list(world.journal.outcomes.of_file(before))) == {}


def test_rows_with_a_verdict_ask_nothing(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60))
    file = world.drop_file(numbered(1))
    world.run()
    world.service.script(Fault.FORBIDDEN, operation=Operation.BATCH_DEVICES)
    record = world.file(file)
    assert seen_later(world.pipeline, record, list(world.journal.outcomes.of_file(record))) == {}
