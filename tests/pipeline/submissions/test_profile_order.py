"""The assignments of an order are begun once for each submission that has registered devices."""

from datetime import timedelta

from shared.pipeline.submissions.profile_order import begin_assignments
from shared.storage.records import ProfileOrder
from tests.pipeline.world import START, World, tuples


def test_what_was_begun_is_left_alone(world: World) -> None:
    identifier = world.drop_file(tuples(["A-1", "STANDIN-808-1"]))
    world.run()
    world.clock.now += timedelta(hours=1)
    order = ProfileOrder(profile="Kiosk", run=3, asked_at=START)
    assert begin_assignments(world.pipeline, world.file(identifier), order) == 1
    assert world.submission(identifier, "1-p3").record.profile == "Kiosk"
    world.run()
    assert begin_assignments(world.pipeline, world.file(identifier), order) == 0
    assert world.wakeups.waiting == []


def test_a_file_without_registered_devices_has_none(world: World) -> None:
    identifier = world.drop_file(tuples(["STANDIN-808-1"]))
    world.run()
    order = ProfileOrder(profile="Kiosk", run=1, asked_at=START)
    assert begin_assignments(world.pipeline, world.file(identifier), order) == 0
