"""Each night what is registered is reconciled with what the app did; what somebody else did is told, never repaired."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour, Fault, Operation
from local.partner_center.devices import SentDevice
from shared.partner_center.client import CallIds
from shared.partner_center.models import Device
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.inventory.listing import batches_of, listed_devices
from shared.pipeline.inventory.open_work import LONGEST_WAIT, READ_WITHIN
from shared.pipeline.inventory.reading import ask_for_devices, read_further
from shared.pipeline.inventory.reconciliation import Candidate, choose, reconcile, tell_drift
from shared.pipeline.sweep import sweep
from shared.storage.inventories import Drift, DriftKind
from shared.storage.wakeups import InventoryWakeUp
from shared.vocabulary import FileOrder, FileState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, START, Changed, World, numbered, tuples

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
SOMEBODY = "someone.else@partner.onmicrosoft.com"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world that is reconciled; three devices stand in each of two batches, which were read."""
    world = make_world(Behaviour(delay=60), RECONCILE="true", PAGE_URL="https://drop.example.com")
    world.drop_file(numbered(3, "A-"), f"{CUSTOMER}/Sales/a.csv")
    world.drop_file(numbered(3, "B-"), f"{CUSTOMER}/Test/b.csv")
    world.run()
    night(world)
    assert drifted(world) == []
    return world


def night(world: World) -> None:
    """The next night: the devices are read, and a sweep follows."""
    world.clock.now += timedelta(days=1)
    reconcile(world.pipeline)
    world.run()
    sweep(world.pipeline)
    world.run()


def read_alone(world: World) -> None:
    """A day later the devices are read; no other wake-up is delivered."""
    world.clock.now += timedelta(days=1)
    reconcile(world.pipeline)
    for entry in list(world.wakeups.waiting):
        if isinstance(entry[1], InventoryWakeUp):
            world.wakeups.waiting.remove(entry)
            read_further(world.pipeline, entry[1])


def drift_of(world: World) -> list[Drift]:
    return world.journal.inventories.drift(CUSTOMER, 100)


def drifted(world: World) -> list[tuple[DriftKind, str, str, str, str]]:
    return sorted((one.kind, one.serial_number, one.batch_id, one.new_batch_id, one.who) for one in drift_of(world))


def register_elsewhere(world: World, serial: str, batch: str) -> None:
    device = SentDevice.of(
        serial=serial, product_key=None, manufacturer="LENOVO", model="21R3001BUK", hardware_hash=None
    )
    world.service.register_elsewhere(CUSTOMER, batch, device)


def drift_events(world: World) -> list[dict[str, object]]:
    events = [json.loads(text) for text in world.events.sent]
    return [event for event in events if event["type"] == "devicedrop.devices.drifted"]


# --- drift


def test_what_somebody_else_deleted_moved_or_registered_is_told_the_night_after_with_who_did_it(world: World) -> None:
    world.service.delete_elsewhere(CUSTOMER, "A-00001")
    world.service.delete_elsewhere(CUSTOMER, "B-00001")
    register_elsewhere(world, "B-00001", "Portal")
    register_elsewhere(world, "NEW-1", "Sales")
    night(world)
    assert drifted(world) == [
        (DriftKind.DELETED, "A-00001", "Sales", "", SOMEBODY),
        (DriftKind.MOVED, "B-00001", "Test", "Portal", SOMEBODY),
        (DriftKind.REGISTERED, "NEW-1", "Sales", "", SOMEBODY),
    ]
    assert all(one.seen_at - one.since == timedelta(days=1) for one in drift_of(world))
    (event,) = drift_events(world)
    data = event["data"]
    assert isinstance(data, dict)
    assert (data["deleted"], data["moved"], data["registered"]) == (1, 1, 1)
    assert data["page"] == f"https://drop.example.com/api/status/devices?customer={CUSTOMER}"
    night(world)
    assert len(drift_of(world)) == 3, "it is told once"
    assert len(drift_events(world)) == 1


def test_nothing_is_repaired_by_itself(world: World) -> None:
    world.service.delete_elsewhere(CUSTOMER, "A-00001")
    before = world.service.report()["received"]
    night(world)
    after = world.service.report()["received"]
    changed = {operation for operation in after if after[operation] != before[operation]}
    assert changed == {Operation.DEVICE_BATCHES, Operation.BATCH_DEVICES, Operation.AUDIT_RECORDS, Operation.CUSTOMERS}


def test_what_the_app_itself_registers_and_withdraws_is_no_drift(world: World) -> None:
    file = world.drop_file(numbered(2, "C-"), f"{CUSTOMER}/Sales/c.csv")
    world.run()
    night(world)
    withdraw(world.pipeline, CUSTOMER, file)
    world.run()
    night(world)
    assert drifted(world) == []
    assert drift_events(world) == []


def test_what_a_file_removes_or_moves_is_no_drift(world: World) -> None:
    world.drop_file(numbered(1, "A-"), f"{FileOrder.REMOVE.folder}/{CUSTOMER}/Sales/remove.csv")
    world.drop_file(numbered(1, "B-"), f"{FileOrder.MOVE.folder}/{CUSTOMER}/Sales/move.csv")
    world.run()
    night(world)
    standing = {
        (each.batch.batch_id, each.device.serial_number)
        for each in listed_devices(world.pipeline, batches_of(world.pipeline, CUSTOMER))
    }
    assert ("Sales", "B-00001") in standing
    assert ("Sales", "A-00001") not in standing
    assert drifted(world) == []


KEYS = ("3300000000001", "3300000000002")


def by_key(*product_keys: str, serial: str = "") -> str:
    return "\r\n".join([HEADER, *(f"{serial},{key},,," for key in product_keys)])


class ListsSerials(Changed):
    """A service that knows the serial number of a device that was registered by its product key alone."""

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        for device in super().batch_devices(customer_id, batch_id, ids):
            yield replace(device, serial_number=device.serial_number or f"OF-{device.product_key}")


@pytest.mark.parametrize("serial", ["", "ROW-1"])
def test_devices_of_product_keys_are_watched_as_others_are(world: World, serial: str) -> None:
    world.drop_file(by_key(KEYS[0], serial=serial), f"{CUSTOMER}/Sales/keys.csv")
    world.run()
    night(world)
    assert drifted(world) == [], "a row with a key is sent as its key alone"
    other = SentDevice.of(serial=None, product_key=KEYS[1], manufacturer=None, model=None, hardware_hash=None)
    world.service.register_elsewhere(CUSTOMER, "Sales", other)
    night(world)
    assert [(one.kind, one.product_key) for one in drift_of(world)] == [(DriftKind.REGISTERED, KEYS[1])]
    (event,) = drift_events(world)
    assert KEYS[1] in json.dumps(event["data"])
    world.drop_file(by_key(*KEYS), f"{FileOrder.REMOVE.folder}/{CUSTOMER}/remove.csv")
    world.run()
    night(world)
    assert len(drift_of(world)) == 1


def test_a_row_by_product_key_alone_explains_a_device_that_is_listed_with_its_serial_number_too(world: World) -> None:
    world.meet(ListsSerials(world.partner_center))
    world.drop_file(by_key(KEYS[0]), f"{CUSTOMER}/Sales/keys.csv")
    world.run()
    night(world)
    listed = list(listed_devices(world.pipeline, batches_of(world.pipeline, CUSTOMER)))
    assert [each.device.serial_number for each in listed if each.device.product_key] == [f"OF-{KEYS[0]}"]
    assert drifted(world) == []


def test_a_device_that_is_told_by_another_name_than_before_is_no_drift(world: World) -> None:
    world.drop_file(by_key(KEYS[0]), f"{CUSTOMER}/Sales/keys.csv")
    world.run()
    night(world)
    world.meet(ListsSerials(world.partner_center))
    night(world)
    assert drifted(world) == []


def test_a_device_that_was_told_once_is_told_again_when_it_is_deleted_once_more(world: World) -> None:
    for _ in range(2):
        world.service.delete_elsewhere(CUSTOMER, "A-00001")
        night(world)
        world.drop_file(numbered(1, "A-"), f"{CUSTOMER}/Sales/again {world.clock():%d}.csv")
        world.run()
        night(world)
        world.clock.now += timedelta(days=3)
    assert [kind for kind, *_ in drifted(world)] == [DriftKind.DELETED] * 2


def test_a_row_without_a_verdict_explains_a_device_that_appears_later(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=7 * 86_400), RECONCILE="true", OUTCOME_DEADLINE_HOURS="1")
    file = world.drop_file(numbered(1))
    world.run()
    assert world.outcomes(file) == ["unknown"]
    for _ in range(9):
        night(world)
    (batch,) = batches_of(world.pipeline, CUSTOMER)
    assert batch.devices == 1
    assert drift_of(world) == []


def test_while_a_file_is_open_nothing_is_decided(world: World) -> None:
    world.service.delete_elsewhere(CUSTOMER, "A-00001")
    world.clock.now += timedelta(days=1)
    reconcile(world.pipeline)
    world.run()
    world.drop_file(numbered(1, "OPEN-"), f"{CUSTOMER}/Sales/open.csv")
    sweep(world.pipeline)
    assert drifted(world) == []
    world.run()
    sweep(world.pipeline)
    assert [kind for kind, *_ in drifted(world)] == [DriftKind.DELETED]


def test_a_customer_that_drops_files_all_day_is_told_of_drift_within_the_day(world: World) -> None:
    world.service.delete_elsewhere(CUSTOMER, "A-00001")
    world.drop_file(numbered(1, "HELD-"), f"{CUSTOMER}/Sales/held.csv")
    read_alone(world)
    begins = world.clock()
    for hour in range(23):
        world.drop_file(numbered(1, f"H{hour:02}-"), f"{CUSTOMER}/Sales/{hour}.csv")
        sweep(world.pipeline)
        if drifted(world):
            break
        world.clock.now += timedelta(hours=1)
    assert [(kind, serial) for kind, serial, *_ in drifted(world)] == [(DriftKind.DELETED, "A-00001")]
    assert world.clock() - begins == LONGEST_WAIT
    world.run()
    night(world)
    assert len(drift_of(world)) == 1


def test_a_file_that_was_received_long_after_the_reading_holds_up_nothing_and_explains_nothing(world: World) -> None:
    register_elsewhere(world, "NEW-1", "Sales")
    world.clock.now += timedelta(days=1)
    reconcile(world.pipeline)
    world.run()
    world.clock.now += READ_WITHIN + timedelta(minutes=1)
    world.drop_file(numbered(1, "NEW-").replace("NEW-00001", "NEW-1"), f"{CUSTOMER}/Sales/open.csv")
    sweep(world.pipeline)
    assert [(kind, serial) for kind, serial, *_ in drifted(world)] == [(DriftKind.REGISTERED, "NEW-1")]


@pytest.mark.parametrize("order", FileOrder)
def test_what_an_open_file_is_doing_is_no_drift_however_long_it_takes(world: World, order: FileOrder) -> None:
    serial, batch = {
        FileOrder.REGISTER: ("OWN-00001", "Sales"),
        FileOrder.REMOVE: ("A-00001", "Sales"),
        FileOrder.MOVE: ("A-00001", "Portal"),
    }[order]
    folder = f"{order.folder}/" if order is not FileOrder.REGISTER else ""
    world.service.script(Fault.DROPPED_AFTER, operation=Operation.DELETE_DEVICE)
    file = world.drop_file(tuples([serial]), f"{folder}{CUSTOMER}/{batch}/own.csv")
    world.service.delete_elsewhere(CUSTOMER, "B-00001")
    read_alone(world)
    world.clock.now += LONGEST_WAIT
    assert world.file(file).state is FileState.READ
    sweep(world.pipeline)
    assert [(kind, serial) for kind, serial, *_ in drifted(world)] == [(DriftKind.DELETED, "B-00001")]


def test_a_reading_that_waits_for_its_budget_holds_up_drift_for_half_a_day(world: World) -> None:
    world.service.delete_elsewhere(CUSTOMER, "A-00001")
    world.clock.now += timedelta(days=1)
    reconcile(world.pipeline)
    world.run()
    reading = world.journal.inventories.get(CUSTOMER)
    assert reading is not None
    waiting = replace(reading.record, due_at=world.clock() + timedelta(days=1))
    reading = world.journal.inventories.change(reading, waiting)
    assert tell_drift(world.pipeline, reading) == 0
    world.clock.now += LONGEST_WAIT
    claimed = world.journal.inventories.change(
        reading, replace(waiting, claimed_until=world.clock() + timedelta(minutes=1))
    )
    assert tell_drift(world.pipeline, claimed) == 0, "the worker that reads would lose its claim"
    assert tell_drift(world.pipeline, world.journal.inventories.change(claimed, waiting)) == 1


def test_a_whole_batch_that_is_gone_is_told(world: World) -> None:
    for number in (1, 2, 3):
        world.service.delete_elsewhere(CUSTOMER, f"B-0000{number}")
    night(world)
    assert [serial for _, serial, *_ in drifted(world)] == ["B-00001", "B-00002", "B-00003"]


def test_without_the_setting_nothing_is_read_and_nothing_told(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60))
    world.drop_file(numbered(1))
    world.run()
    assert reconcile(world.pipeline) == 0
    for _ in range(2):
        world.clock.now += timedelta(days=1)
        ask_for_devices(world.pipeline, CUSTOMER)
        world.run()
        world.service.delete_elsewhere(CUSTOMER, "SN-00001")
        sweep(world.pipeline)
    assert drift_of(world) == []


def test_a_crash_between_event_and_record_repeats_the_same_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.service.delete_elsewhere(CUSTOMER, "A-00001")
    world.clock.now += timedelta(days=1)
    reconcile(world.pipeline)
    world.run()
    with monkeypatch.context() as patch:
        patch.setattr(type(world.journal.inventories), "change", lambda *_: (_ for _ in ()).throw(OSError("storage")))
        with pytest.raises(ExceptionGroup):
            sweep(world.pipeline)
    sweep(world.pipeline)
    first, second = drift_events(world)
    assert first["id"] == second["id"]
    assert len(drift_of(world)) == 1


def test_drift_past_the_retention_is_forgotten(world: World) -> None:
    world.service.delete_elsewhere(CUSTOMER, "A-00001")
    night(world)
    world.clock.now += world.settings.retention + timedelta(days=1)
    sweep(world.pipeline)
    assert drift_of(world) == []


# --- which customers are read


def test_customers_read_longest_ago_come_first_as_far_as_the_requests_go() -> None:
    never = Candidate("never", None, 2)
    old = Candidate("old", START - timedelta(days=9), 5)
    late = Candidate("late", START - timedelta(days=2), 4)
    assert choose([late, old, never], 7) == [never, old]
    assert choose([late, old, never], 100) == [never, old, late]
    assert choose([Candidate("huge", None, 1_000)], 10) == [Candidate("huge", None, 1_000)]
    assert choose([], 10) == []


def test_every_device_of_all_customers_is_seen_again_within_seven_nights(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), RECONCILE="true", RECONCILE_REQUESTS="3")
    customers = [f"0c39d6d5-c70d-4c55-bc02-f620844f3f{number:02d}" for number in range(6)]
    for number, customer_id in enumerate(customers):
        world.drop_file(numbered(2, f"C{number}-"), f"{customer_id}/Test/devices.csv")
    world.run()
    for _ in range(14):
        night(world)
    for customer_id in customers:
        (batch,) = batches_of(world.pipeline, customer_id)
        assert batch.read_at is not None
        assert world.clock() - batch.read_at <= timedelta(days=7)
        assert len(list(listed_devices(world.pipeline, [batch]))) == 2


def test_a_customer_that_was_read_lately_is_left_out(world: World) -> None:
    world.clock.now += timedelta(hours=1)
    assert reconcile(world.pipeline) == 0
