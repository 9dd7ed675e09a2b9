"""Customers whose registered devices were not seen for seven days are found, whatever kept them from being read."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from local.partner_center import Behaviour, Fault, Operation
from shared.partner_center.client import CallIds
from shared.partner_center.models import Device
from shared.pipeline.inventory.unseen import (
    SEEN_WITHIN,
    Unseen,
    customers_never_asked_for,
    unseen_customers,
    unseen_devices,
)
from shared.storage.inventories import CustomerInventory
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, Changed, World, numbered

SECOND = timedelta(seconds=1)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A customer has three devices in one batch, and two in another."""
    world = make_world(Behaviour())
    world.drop_file(numbered(3, "A-"), f"{CUSTOMER}/Sales/a.csv")
    world.drop_file(numbered(2, "B-"), f"{CUSTOMER}/Test/b.csv")
    world.run()
    return world


def readings(world: World) -> list[CustomerInventory]:
    return [stored.record for stored in world.journal.inventories.all()]


def unseen(world: World) -> list[Unseen]:
    return unseen_customers(readings(world), world.clock())


def test_devices_that_were_not_read_for_seven_days_are_found(world: World) -> None:
    world.read_devices()
    read_at = world.clock()
    world.clock.now += SEEN_WITHIN
    assert unseen(world) == []
    world.clock.now += SECOND
    assert unseen(world) == [Unseen(CUSTOMER, read_at)]
    assert unseen_devices(world.pipeline, CUSTOMER) == 5
    world.read_devices()
    assert unseen(world) == []
    assert unseen_devices(world.pipeline, CUSTOMER) == 0


def test_a_batch_that_cannot_be_read_is_not_hidden_by_the_others(world: World) -> None:
    world.read_devices()
    read_at = world.clock()

    class Refusing(Changed):
        def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
            return self.real.batch_devices(customer_id, "No such batch" if batch_id == "Test" else batch_id, ids)

    real = world.partner_center
    world.meet(Refusing(real))
    for _ in range(8):
        world.clock.now += timedelta(days=1)
        world.read_devices()
    assert unseen(world) == [Unseen(CUSTOMER, read_at)]
    assert unseen_devices(world.pipeline, CUSTOMER) == 2
    world.meet(real)
    world.read_devices()
    assert unseen(world) == []


def test_a_customer_that_was_never_read_counts_from_when_it_was_asked_for(world: World) -> None:
    assert customers_never_asked_for(world.pipeline, readings(world)) == 1
    world.clock.now += SECOND
    asked_at = world.clock.now + SECOND
    for _ in range(9):
        world.service.script(Fault.FORBIDDEN, operation=Operation.DEVICE_BATCHES)
        world.read_devices()
        world.clock.now += timedelta(days=1)
    assert customers_never_asked_for(world.pipeline, readings(world)) == 0
    assert unseen(world) == [Unseen(CUSTOMER, asked_at)]
