"""The ids of calls to Partner Center."""

from datetime import timedelta

from shared.partner_center.client import CallIds
from shared.pipeline.backoff import pace_of
from shared.pipeline.service import Service
from tests.pipeline.world import World


def _service(world: World) -> Service:
    numbers = iter(range(100))
    return Service(world.partner_center, world.clock, lambda: f"id {next(numbers)}", world.pipeline.service.pace)


def test_every_call_has_ids_of_its_own(world: World) -> None:
    service = _service(world)
    assert [service.call_ids(), service.call_ids()] == [CallIds("id 0", "id 1"), CallIds("id 2", "id 3")]


def test_a_repeated_call_keeps_its_request_id_and_has_a_new_correlation_id(world: World) -> None:
    service = _service(world)
    assert [service.call_ids("of the first").request_id, service.call_ids("of the first").request_id] == [
        "of the first"
    ] * 2
    assert service.call_ids("of the first").correlation_id != service.call_ids("of the first").correlation_id


def test_the_service_of_a_pipeline_has_its_clock_and_the_delays_of_its_settings(world: World) -> None:
    service = world.pipeline.service
    before = service.clock()
    world.clock.now += timedelta(hours=1)
    assert service.clock() - before == timedelta(hours=1)
    assert service.pace.first_poll == pace_of(world.settings, lambda: 0.5).first_poll
