"""The requests of a day are counted, and each day has its own."""

from datetime import timedelta

from local.partner_center import Behaviour
from shared.pipeline.inventory.request_budget import requests_left, spend
from tests.pipeline.conftest import MakeWorld


def test_what_is_spent_is_not_left_until_the_next_day(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(), DEVICES_REQUESTS_PER_DAY="10")
    assert requests_left(world.pipeline) == 10
    spend(world.pipeline, 4)
    spend(world.pipeline, 7)
    assert requests_left(world.pipeline) == -1
    world.clock.now += timedelta(days=1)
    assert requests_left(world.pipeline) == 10
