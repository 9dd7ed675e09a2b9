"""Registered devices are read batch by batch, within a budget, and never in the way of registering."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest

from local.partner_center import Behaviour, Fault, Operation
from shared.partner_center.client import CallIds
from shared.partner_center.models import Device, DeviceBatch
from shared.pipeline.dispatch import wake
from shared.pipeline.hold_requests import EVERYTHING, go_on, hold
from shared.pipeline.human_acts import COMMAND
from shared.pipeline.inventory.listing import batches_of, listed_devices
from shared.pipeline.inventory.reading import (
    BUDGET_SPENT,
    MOST_ATTEMPTS,
    TRIED_AGAIN,
    ask_for_devices,
    is_to_be_read,
    keep_fresh,
)
from shared.pipeline.sweep import sweep
from shared.storage.inventories import BatchInventory, CustomerInventory
from shared.storage.wakeups import InventoryWakeUp, encode
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, START, Changed, World, numbered

PATHS = (f"{CUSTOMER}/Sales/devices.csv", f"{CUSTOMER}/Test/devices.csv")
OTHER = "11111111-2222-3333-4444-555555555555"


def registered(world: World) -> None:
    """Three devices in one batch, and two in another."""
    world.drop_file(numbered(3, "A-"), PATHS[0])
    world.drop_file(numbered(2, "B-"), PATHS[1])
    world.run()


def reading_of(world: World, customer_id: str = CUSTOMER) -> CustomerInventory:
    stored = world.journal.inventories.get(customer_id)
    assert stored is not None
    return stored.record


def serials(world: World) -> dict[str, list[str]]:
    """The serial numbers that are kept, by batch."""
    return {
        batch.batch_id: [each.device.serial_number for each in listed_devices(world.pipeline, [batch])]
        for batch in batches_of(world.pipeline, CUSTOMER)
    }


def asked(world: World) -> int:
    """How many requests for batches and devices the service got."""
    received = world.service.report()["received"]
    return int(received[Operation.DEVICE_BATCHES] + received[Operation.BATCH_DEVICES])


def batch_named(world: World, name: str) -> BatchInventory:
    (batch,) = batches_of(world.pipeline, CUSTOMER, name)
    return batch


BOTH = {"Sales": ["A-00001", "A-00002", "A-00003"], "Test": ["B-00001", "B-00002"]}


def test_every_batch_is_read_and_kept_with_its_time(world: World) -> None:
    registered(world)
    before = asked(world)
    world.read_devices()
    assert serials(world) == BOTH
    reading = reading_of(world)
    assert (reading.is_in_progress, reading.read_at, reading.failure) == (False, reading.asked_at, "")
    assert {batch.read_at for batch in batches_of(world.pipeline, CUSTOMER)} == {world.clock()}
    assert asked(world) - before == 3, "the list of batches and one page of each"
    budget = world.journal.inventories.budget(world.clock().date())
    assert budget is not None
    assert budget.record.requests == 3


def test_a_later_reading_replaces_what_was_read_and_leaves_no_blob_of_it(world: World) -> None:
    registered(world)
    world.read_devices()
    world.drop_file(numbered(1, "C-"), f"{CUSTOMER}/Test/more.csv")
    world.run()
    world.read_devices()
    assert serials(world) == BOTH | {"Test": ["B-00001", "B-00002", "C-00001"]}
    kept = {version.path for version in world.private.versions("registered/")}
    assert kept == {f"{batch.snapshot}000000.jsonl" for batch in batches_of(world.pipeline, CUSTOMER)}


def test_a_batch_that_the_service_no_longer_lists_is_removed(world: World) -> None:
    registered(world)
    world.read_devices()

    class Fewer(Changed):
        def device_batches(self, customer_id: str, ids: CallIds) -> Iterable[DeviceBatch]:
            return (batch for batch in self.real.device_batches(customer_id, ids) if batch.id != "Sales")

    world.meet(Fewer(world.partner_center))
    world.read_devices()
    assert list(serials(world)) == ["Test"]
    assert len(list(world.private.versions("registered/"))) == 1


def test_a_device_that_the_pages_list_twice_is_one(world: World) -> None:
    registered(world)

    class Repeating(Changed):
        def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
            for device in self.real.batch_devices(customer_id, batch_id, ids):
                yield from (device, device)

    world.meet(Repeating(world.partner_center))
    world.read_devices()
    assert serials(world) == BOTH


# --- when it is read


@pytest.mark.parametrize(
    ("known", "is_due"),
    [
        (None, True),
        (CustomerInventory(customer_id=CUSTOMER, asked_at=START, due_at=START), False),
        (CustomerInventory(customer_id=CUSTOMER, asked_at=START, read_at=START), False),
        (CustomerInventory(customer_id=CUSTOMER, asked_at=START, read_at=START - timedelta(hours=25)), True),
        (CustomerInventory(customer_id=CUSTOMER, asked_at=START, failed_at=START), False),
        (CustomerInventory(customer_id=CUSTOMER, asked_at=START, failed_at=START - TRIED_AGAIN), True),
    ],
)
def test_what_is_old_is_read_anew_unless_that_is_in_progress_or_just_failed(
    known: CustomerInventory | None, is_due: bool
) -> None:
    assert is_to_be_read(known, START, timedelta(hours=24)) is is_due


def test_looking_has_the_devices_read_once_and_again_when_they_are_old(world: World) -> None:
    registered(world)
    for hours in (0, 0, 23, 2):
        world.clock.now += timedelta(hours=hours)
        keep_fresh(world.pipeline, CUSTOMER)
        world.run()
    assert world.service.report()["received"][Operation.DEVICE_BATCHES] == 2 + 2, (
        "two creations of a batch, two readings"
    )


def test_asking_during_a_reading_reads_everything_once_more(world: World) -> None:
    registered(world)

    class Asking(Changed):
        def __init__(self, world: World) -> None:
            super().__init__(world.partner_center)
            self.world, self.times = world, 0

        def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
            self.world.clock.now += timedelta(seconds=1)
            if not self.times:
                ask_for_devices(self.world.pipeline, CUSTOMER)
            self.times += 1
            return self.real.batch_devices(customer_id, batch_id, ids)

    meddling = Asking(world)
    world.meet(meddling)
    world.read_devices()
    assert meddling.times == 4
    reading = reading_of(world)
    assert reading.read_at is not None
    assert reading.read_at >= reading.asked_at
    assert not reading.is_in_progress


# --- what it gives way to


def test_nothing_is_asked_while_everything_is_held(world: World) -> None:
    registered(world)
    before = asked(world)
    hold(world.pipeline, COMMAND, EVERYTHING)
    ask_for_devices(world.pipeline, CUSTOMER)
    world.deliver_next()
    assert asked(world) == before
    assert reading_of(world).waits_for
    go_on(world.pipeline, COMMAND, EVERYTHING)
    world.run()
    assert serials(world) == BOTH


def test_a_pause_that_the_service_asks_for_holds_and_the_reading_goes_on_behind_it(world: World) -> None:
    registered(world)
    world.service.script(Fault.THROTTLE, operation=Operation.BATCH_DEVICES)
    ask_for_devices(world.pipeline, CUSTOMER)
    world.deliver_next()
    assert world.journal.gates.closed(), "registering waits too"
    world.run()
    assert serials(world) == BOTH
    assert reading_of(world).waits_for == ""


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.DROPPED_BEFORE, Fault.TRUNCATED, Fault.UNAUTHORISED])
def test_a_failure_is_tried_again_and_opens_no_circuit_breaker(world: World, fault: Fault) -> None:
    registered(world)
    world.service.script(fault, operation=Operation.BATCH_DEVICES)
    world.read_devices()
    assert serials(world) == BOTH
    assert world.journal.gates.all() == {}


def test_a_sign_in_without_permission_ends_the_reading_and_says_so(world: World) -> None:
    registered(world)
    world.service.script(Fault.FORBIDDEN, operation=Operation.DEVICE_BATCHES)
    world.read_devices()
    reading = reading_of(world)
    assert (reading.is_in_progress, reading.read_at) == (False, None)
    assert "403" in reading.failure
    assert world.journal.gates.all() == {}


def test_a_lasting_outage_ends_the_reading_and_what_was_read_stands(world: World) -> None:
    registered(world)
    world.read_devices()
    world.service.script(Fault.UNAVAILABLE, times=MOST_ATTEMPTS, operation=Operation.DEVICE_BATCHES)
    world.read_devices()
    assert reading_of(world).failed_at is not None
    assert serials(world) == BOTH


def test_a_batch_that_the_service_refuses_to_list_is_told_and_the_others_are_read(world: World) -> None:
    registered(world)

    class Refusing(Changed):
        def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
            return self.real.batch_devices(customer_id, "No such batch" if batch_id == "Sales" else batch_id, ids)

    world.meet(Refusing(world.partner_center))
    world.read_devices()
    assert serials(world) == {"Sales": [], "Test": BOTH["Test"]}
    assert "404" in batch_named(world, "Sales").failure
    assert reading_of(world).read_at is not None


# --- the budget


def test_behind_the_requests_of_a_day_the_reading_waits_for_the_next(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), DEVICES_REQUESTS_PER_DAY="2")
    registered(world)
    ask_for_devices(world.pipeline, CUSTOMER)
    world.deliver_next()
    assert reading_of(world).waits_for == BUDGET_SPENT
    assert [len(each) for each in serials(world).values()] == [3, 0]
    day = world.clock().date()
    world.run()
    assert serials(world) == BOTH
    assert world.clock().date() == day + timedelta(days=1)


def test_a_batch_that_needs_more_than_a_days_requests_is_told_and_does_not_stop_the_others(
    make_world: MakeWorld,
) -> None:
    world = make_world(Behaviour(delay=60), DEVICES_REQUESTS_PER_DAY="1")
    world.drop_file(numbered(150, "A-"), PATHS[0])
    world.drop_file(numbered(2, "B-"), PATHS[1])
    world.run()
    world.read_devices()
    assert serials(world) == {"Sales": [], "Test": BOTH["Test"]}
    assert "DEVICES_REQUESTS_PER_DAY" in batch_named(world, "Sales").failure


def test_with_a_budget_of_nothing_nothing_is_asked(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), DEVICES_REQUESTS_PER_DAY="0")
    registered(world)
    before = asked(world)
    ask_for_devices(world.pipeline, CUSTOMER)
    world.deliver_next()
    assert asked(world) == before


# --- lost owners and messages


def test_the_sweep_finds_a_reading_whose_wake_up_was_lost(world: World) -> None:
    registered(world)
    ask_for_devices(world.pipeline, CUSTOMER)
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(minutes=5)
    assert sweep(world.pipeline).overdue_inventories == 1
    world.run()
    assert serials(world) == BOTH


def test_a_reader_that_dies_is_followed_by_another(world: World) -> None:
    registered(world)

    class Dying(Changed):
        def batch_devices(self, *_: object) -> Iterator[Device]:
            raise KeyboardInterrupt

    real = world.partner_center
    world.meet(Dying(real))
    ask_for_devices(world.pipeline, CUSTOMER)
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.meet(real)
    world.clock.now += world.settings.advanced.claim
    assert sweep(world.pipeline).overdue_inventories == 1
    world.run()
    assert serials(world) == BOTH


def test_a_message_that_is_out_of_date_or_about_nobody_does_nothing(world: World) -> None:
    registered(world)
    before = asked(world)
    ask_for_devices(world.pipeline, CUSTOMER)
    ask_for_devices(world.pipeline, CUSTOMER)
    for customer_id in (CUSTOMER, OTHER):
        wake(world.pipeline, encode(InventoryWakeUp(customer_id=customer_id, sequence=1)).encode(), "message-1")
    assert asked(world) == before


def test_what_nobody_has_asked_for_since_the_retention_is_deleted(world: World) -> None:
    registered(world)
    world.read_devices()
    world.clock.now += world.settings.retention
    assert sweep(world.pipeline).forgotten_inventories == 1
    assert world.journal.inventories.get(CUSTOMER) is None
    assert batches_of(world.pipeline, CUSTOMER) == []
    assert list(world.private.versions("registered/")) == []
