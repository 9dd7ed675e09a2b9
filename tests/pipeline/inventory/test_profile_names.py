"""The names of profiles are those last listed; an old list is asked for again, within the requests of a day."""

from datetime import timedelta

import pytest

from local.partner_center import Behaviour, NamedPolicy, Operation
from shared.pipeline.inventory.profile_names import ProfileNames
from shared.pipeline.inventory.reading import TRIED_AGAIN
from shared.pipeline.inventory.request_budget import requests_left
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World


def names(world: World, *policy_ids: str) -> list[str]:
    return ProfileNames(world.pipeline, CUSTOMER).of(policy_ids)


def asked(world: World) -> int:
    received: int = world.service.report()["received"][Operation.CONFIGURATION_POLICIES]
    return received


def test_the_first_look_has_them_listed_and_later_ones_know_the_names(world: World) -> None:
    lobby = world.service.add_policy(CUSTOMER, NamedPolicy("Lobby"))
    left = requests_left(world.pipeline)
    assert names(world, lobby, lobby) == ["", ""]
    world.run()
    assert names(world, lobby.upper(), "gone") == ["Lobby", ""]
    assert (asked(world), left - requests_left(world.pipeline)) == (1, 1)


def test_an_old_list_is_asked_for_again_and_stays_known_meanwhile(world: World) -> None:
    lobby = world.service.add_policy(CUSTOMER, NamedPolicy("Lobby"))
    names(world, lobby)
    world.run()
    world.clock.now += world.settings.devices_read_again - timedelta(seconds=1)
    names(world, lobby)
    assert world.wakeups.waiting == []
    world.clock.now += timedelta(seconds=1)
    found = ProfileNames(world.pipeline, CUSTOMER)
    assert found.of([lobby]) == ["Lobby"]
    assert found.listed is not None
    assert found.listed.is_in_progress
    assert len(world.wakeups.waiting) == 1


def test_an_id_without_a_name_is_asked_for_sooner(world: World) -> None:
    names(world, "any")
    world.run()
    lobby = world.service.add_policy(CUSTOMER, NamedPolicy("Lobby"))
    assert names(world, lobby) == [""]
    assert world.wakeups.waiting == []
    world.clock.now += TRIED_AGAIN
    assert names(world, lobby, lobby) == ["", ""]
    world.run()
    assert (names(world, lobby), asked(world)) == (["Lobby"], 2)


def test_behind_the_requests_of_the_day_and_without_an_id_nothing_is_asked(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(), DEVICES_REQUESTS_PER_DAY="0")
    found = ProfileNames(world.pipeline, CUSTOMER)
    assert found.of(["any", "other"]) == ["", ""]
    assert found.listed is None
    assert names(world) == []
    assert world.wakeups.waiting == []


@pytest.mark.parametrize("name", ["", "Kiosk; Lobby"])
def test_a_name_is_shown_as_it_is(world: World, name: str) -> None:
    policy = world.service.add_policy(CUSTOMER, NamedPolicy(name))
    names(world, policy)
    world.run()
    assert names(world, policy) == [name]
