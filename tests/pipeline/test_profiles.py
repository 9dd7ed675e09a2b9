"""The profiles of a customer are listed by the app, and defaults are given to rows that name none."""

from datetime import timedelta

import pytest

from local.partner_center import Fault, NamedPolicy, Operation
from shared.pipeline.human_acts import COMMAND
from shared.pipeline.profiles import (
    OLD,
    WAITS,
    ProfileRefused,
    ask_for_profiles,
    list_profiles,
    profiles_of,
    set_default_profile,
)
from shared.pipeline.submissions.circuit_breaker import customer_scope
from shared.storage.customers import CustomerNameRefused, ProfileList
from shared.storage.records import Gate
from tests.pipeline.submissions.test_profile_assignment import given, wishing
from tests.pipeline.world import CUSTOMER, World, numbered


def kept(world: World) -> ProfileList:
    stored = world.customers.profile_list(CUSTOMER)
    assert stored is not None
    return stored.record


def test_the_first_look_has_them_listed_and_an_old_list_is_listed_anew(world: World) -> None:
    assert profiles_of(world.pipeline, CUSTOMER).is_in_progress
    world.run()
    assert [profile.name for profile in kept(world).profiles] == ["Kiosk", "Standard"]
    assert not profiles_of(world.pipeline, CUSTOMER).is_in_progress
    assert world.wakeups.waiting == []
    world.service.add_policy(CUSTOMER, NamedPolicy("Lobby"))
    world.service.add_policy(CUSTOMER, NamedPolicy("No profile", category="none"))
    world.clock.now += OLD
    assert profiles_of(world.pipeline, CUSTOMER).is_in_progress
    world.run()
    assert [profile.name for profile in kept(world).profiles] == ["Kiosk", "Lobby", "Standard"]


def test_what_cannot_be_listed_says_why_keeps_the_last_list_and_opens_no_breaker(world: World) -> None:
    list_profiles(world.pipeline, CUSTOMER)
    world.clock.now += timedelta(minutes=1)
    world.service.script(Fault.FORBIDDEN, operation=Operation.CONFIGURATION_POLICIES)
    ask_for_profiles(world.pipeline, CUSTOMER)
    world.run()
    listed = kept(world)
    assert (listed.failed_at, listed.is_in_progress, len(listed.profiles)) == (world.clock(), False, 2)
    assert "supplied role" in listed.failure
    assert not world.journal.gates.closed()


def test_nothing_is_asked_behind_an_open_breaker(world: World) -> None:
    until = world.clock() + timedelta(hours=1)
    gate = Gate(scope=customer_scope(CUSTOMER), closed_until=until, reason="Busy.")
    world.journal.gates.change(None, gate)
    list_profiles(world.pipeline, CUSTOMER)
    assert kept(world).failure == WAITS
    assert world.service.report()["received"][Operation.CONFIGURATION_POLICIES] == 0


def test_a_row_that_names_no_profile_gets_the_default_of_its_batch_else_that_of_all(world: World) -> None:
    set_default_profile(world.pipeline, COMMAND, CUSTOMER, "", "Standard")
    set_default_profile(world.pipeline, COMMAND, CUSTOMER.upper(), " test ", "Kiosk")
    world.drop_file(wishing(("A-1", ""), ("B-1", "Standard")))
    world.drop_file(numbered(1, "C-"), f"{CUSTOMER}/Other/devices.csv")
    world.run()
    assert given(world) == {"A-1": "Kiosk", "B-1": "Standard", "C-00001": "Standard"}


def test_a_removed_default_counts_no_more_and_each_change_is_an_act(world: World) -> None:
    set_default_profile(world.pipeline, COMMAND, CUSTOMER, "", "Standard")
    world.clock.now += timedelta(seconds=1)
    set_default_profile(world.pipeline, COMMAND, CUSTOMER, "", "")
    world.drop_file(numbered(1))
    world.run()
    assert given(world) == {"SN-00001": None}
    assert world.customers.default_profiles(CUSTOMER) == []
    details = [act.detail for act in world.journal.acts.latest()]
    assert details == ["of all batches: removed", "of all batches: Standard"]


def test_defaults_of_another_customer_are_not_its_own(world: World) -> None:
    other = "11111111-2222-3333-4444-555555555555"
    set_default_profile(world.pipeline, COMMAND, other, "", "Standard")
    assert world.customers.default_profiles(CUSTOMER) == []


def test_what_is_no_customer_or_too_long_is_refused(world: World) -> None:
    with pytest.raises(CustomerNameRefused):
        set_default_profile(world.pipeline, COMMAND, "contoso", "", "Standard")
    with pytest.raises(ProfileRefused):
        set_default_profile(world.pipeline, COMMAND, CUSTOMER, "", "x" * 257)
    assert world.customers.default_profiles(CUSTOMER) == []
