"""Files that ask to remove devices: each device is deleted once, with an outcome for each row, whatever happens."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour
from local.partner_center.devices import SentDevice
from shared.device_files.rows import Column
from shared.partner_center.client import CallIds, PartnerCenter, ServiceIds
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.partner_center.models import Device, DeviceBatch
from shared.pipeline.corrections import fix_rows
from shared.pipeline.corrections.assign import assign
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.hold_requests import go_on, hold, stop
from shared.pipeline.human_acts import COMMAND, Subject
from shared.pipeline.submissions import removal
from shared.pipeline.submissions.deletion_decisions import MOST_FORBIDDEN
from shared.pipeline.submissions.device_deletion import BEGUN_AT_ONCE, MOST_SET_ASIDE
from shared.pipeline.sweep import sweep
from shared.reasons import RemovalReason, SentNote
from shared.vocabulary import FileOrder, FileState, Standing
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered, tuples

REGISTER = f"{CUSTOMER}/Test/devices.csv"
REMOVE = f"remove-devices/{CUSTOMER}/wrong.csv"
OTHER_CUSTOMER = "11111111-2222-3333-4444-555555555555"
THE_CUSTOMER = Subject("Contoso", CUSTOMER)
NO_ID = "00000000-0000-5000-8000-000000000000"


def _closed(world: World, content: str, path: str = REGISTER) -> str:
    identifier = world.drop_file(content, path)
    world.run()
    return identifier


def _removed(world: World, content: str, path: str = REMOVE) -> list[tuple[str, str]]:
    """The outcome and reason of each row of a file that asks to remove devices."""
    identifier = _closed(world, content, path)
    assert world.file(identifier).state is FileState.CLOSED
    return [(row["outcome"], row["error_code"]) for row in world.rows(identifier, path)]


def _in_batch(world: World, batch: str = "Test", customer_id: str = CUSTOMER) -> list[str | None]:
    ids = CallIds(NO_ID, NO_ID)
    return [device.serial_number for device in world.partner_center.batch_devices(customer_id, batch, ids)]


def _deletions(world: World) -> int:
    count: int = world.service.report()["received"]["delete_device"]
    return count


def test_the_devices_of_a_file_are_deleted_and_each_row_says_what_became_of_it(world: World) -> None:
    _closed(world, tuples(["SN-1", "SN-2", "SN-3"]))
    rows = _removed(world, tuples(["SN-1", "SN-3", "NONE-1", "SN-3"]))
    assert rows == [("removed", ""), ("removed", ""), ("not_registered", "not_there"), ("duplicate", "duplicate")]
    assert _in_batch(world) == ["SN-2"]
    assert _deletions(world) == 2


def test_order_counts_and_standing_say_that_devices_were_removed(world: World) -> None:
    _closed(world, numbered(2))
    identifier = _closed(world, numbered(3), REMOVE)
    file, summary = world.file(identifier), world.summary(identifier, REMOVE)
    assert (file.order, file.batch_id) == (FileOrder.REMOVE, None)
    assert file.closed_counts is not None
    assert (file.closed_counts.removed, file.closed_counts.not_registered, file.closed_counts.registered) == (2, 1, 0)
    assert file.closed_counts.ended == file.closed_counts.total == 3
    assert (summary["order"], summary["standing"]) == ("remove", Standing.CLOSED)
    assert world.events.of(identifier)[0]["data"]["order"] == "remove"
    rows = world.rows(identifier, REMOVE)
    assert [row["batch_id"] for row in rows] == ["Test", "Test", ""]
    assert all(row["what_to_do"] for row in rows)


def test_a_batch_folder_limits_the_removal_to_that_batch_however_it_is_spelled(world: World) -> None:
    _closed(world, tuples(["SN-1"]), f"{CUSTOMER}/Sales/a.csv")
    _closed(world, tuples(["SN-2"]), f"{CUSTOMER}/Lab/a.csv")
    path = f"remove-devices/{CUSTOMER}/SALES/wrong.csv"
    assert _removed(world, tuples(["SN-1", "SN-2"]), path) == [("removed", ""), ("not_registered", "not_in_batch")]
    assert (_in_batch(world, "Sales"), _in_batch(world, "Lab")) == ([], ["SN-2"])


def test_without_a_batch_folder_the_group_tag_of_a_row_names_its_batch_and_the_default_batch_does_not(
    make_world: MakeWorld,
) -> None:
    world = make_world(DEFAULT_BATCH="Everyone")
    _closed(world, tuples(["SN-1", "SN-2", "SN-3"]))
    lines = [
        f"{HEADER},Group Tag",
        *(f"SN-{n},,,LENOVO,21R3001BUK,{tag}" for n, tag in ((1, "test"), (2, "Lab"), (3, ""))),
    ]
    assert _removed(world, "\r\n".join(lines)) == [
        ("removed", ""),
        ("not_registered", "not_in_batch"),
        ("removed", ""),
    ]
    assert _in_batch(world) == ["SN-2"]


def _alone(*serials: str, order: FileOrder = FileOrder.REMOVE) -> tuple[str, str]:
    return "\r\n".join(["Serial number", *serials, ""]), f"{order.folder}/{CUSTOMER}/Portal/alone.csv"


def _register_of(world: World, maker: str, batch: str, serial: str = "SN-1", model: str = "21R3") -> None:
    device = SentDevice.of(serial=serial, product_key=None, manufacturer=maker, model=model, hardware_hash=None)
    world.service.register_elsewhere(CUSTOMER, batch, device)


def test_a_serial_number_alone_removes_the_only_device_that_has_it(world: World) -> None:
    _closed(world, tuples(["SN-1", "1SN-2", "SN-3"]))
    content = _alone("SN-1", "1sn-2", "sn-1", "NONE-1", "To be filled by O.E.M.")[0]
    assert _removed(world, content) == [
        ("removed", ""),
        ("removed", ""),
        ("duplicate", "duplicate"),
        ("not_registered", "not_there"),
        ("rejected", "serial_placeholder"),
    ]
    assert _in_batch(world) == ["SN-3"]


def test_a_serial_number_that_devices_of_two_makers_have_removes_none_of_them(world: World) -> None:
    _register_of(world, "Dell Inc.", "Portal")
    _register_of(world, "HP", "Lab")
    identifier = _closed(world, _alone("SN-1")[0], REMOVE)
    (row,) = world.rows(identifier, REMOVE)
    assert (row["outcome"], row["error_code"]) == ("rejected", "several_devices")
    assert row["what_to_do"].startswith("It stands under the batches Lab and Portal.")
    assert _deletions(world) == 0
    assert _removed(world, *_alone("SN-1")) == [("removed", "")], "the folder names the batch"
    _register_of(world, "Lenovo", "Lab")
    assert _removed(world, _alone("SN-1")[0]) == [("rejected", "several_devices")]
    assert _removed(world, "Serial number,Manufacturer\r\nSN-1,HP\r\n") == [("removed", "")]


def test_a_serial_number_alone_moves_nothing_since_it_could_not_be_registered_again(world: World) -> None:
    _closed(world, tuples(["SN-1"]))
    assert _removed(world, *_alone("SN-1", order=FileOrder.MOVE)) == [("rejected", "serial_alone")]
    assert _in_batch(world) == ["SN-1"]


def test_a_customer_may_be_named_by_its_name(world: World) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    _closed(world, numbered(1))
    assert _removed(world, numbered(1), "remove-devices/Contoso/Test/a.csv") == [("removed", "")]


def test_a_file_for_an_unknown_customer_keeps_its_order_when_it_is_sent_to_one(world: World) -> None:
    _closed(world, numbered(1))
    path = "remove-devices/Fabrikam/a.csv"
    identifier = world.drop_file(numbered(1), path)
    rejected = world.file(identifier, None)
    assert (rejected.state, rejected.reason, rejected.order) == (
        FileState.REJECTED,
        "unknown_customer",
        FileOrder.REMOVE,
    )
    made = assign(world.pipeline, rejected, CUSTOMER)
    assert made.path == f"remove-devices/{CUSTOMER}/a.csv"
    world.receive(made.path)
    world.run()
    assert (world.outcomes(made.file_id, made.path), _in_batch(world)) == (["removed"], [])


class Twice(Changed):
    """A service that lists the devices of one batch under another one too, as copies with ids of their own."""

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterator[DeviceBatch]:
        for batch in self.real.device_batches(customer_id, ids):
            yield batch
            yield replace(batch, id="Copy")

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        for device in self.real.batch_devices(customer_id, "Test" if batch_id == "Copy" else batch_id, ids):
            yield device if batch_id != "Copy" else replace(device, id="of the copy")


def test_a_device_under_several_batches_is_deleted_from_none_unless_one_is_named(world: World) -> None:
    _closed(world, numbered(1))
    world.meet(Twice(world.partner_center))
    identifier = _closed(world, numbered(1), REMOVE)
    (row,) = world.rows(identifier, REMOVE)
    assert (row["outcome"], row["error_code"]) == ("rejected", "several_devices")
    assert row["what_to_do"].startswith("It stands under the batches Test and Copy. Name the batch")
    assert _deletions(world) == 0
    assert _removed(world, numbered(1), f"remove-devices/{CUSTOMER}/Test/a.csv") == [("removed", "")]


class Lists(Changed):
    """A service that lists these devices alone in each batch."""

    def __init__(self, real: PartnerCenter, *devices: Device) -> None:
        super().__init__(real)
        self._devices = devices

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:  # noqa: ARG002
        return iter(self._devices)


@pytest.mark.parametrize(
    ("device", "outcome", "reason"),
    [
        (Device(id="d", serial_number="SN-00001", allowed_operations=("get",)), "rejected", "deletion_not_allowed"),
        (Device(serial_number="SN-00001"), "rejected", "without_id"),
        (Device(id="d", serial_number="SN-00001", model_name="Another"), "rejected", "another_device"),
        (Device(id="d", serial_number="SN-00002"), "not_registered", "not_there"),
    ],
)
def test_a_device_that_may_not_be_deleted_or_is_another_is_left_alone_and_the_row_says_why(
    world: World, device: Device, outcome: str, reason: str
) -> None:
    _closed(world, tuples(["SN-9"]))
    world.meet(Lists(world.partner_center, device))
    assert _removed(world, numbered(1)) == [(outcome, reason)]
    assert _deletions(world) == 0


def test_devices_of_another_customer_are_never_touched(world: World) -> None:
    _closed(world, numbered(1), f"{OTHER_CUSTOMER}/Test/a.csv")
    assert _removed(world, numbered(1)) == [("not_registered", "not_there")]
    assert _in_batch(world, customer_id=OTHER_CUSTOMER) == ["SN-00001"]


class Failing(Changed):
    """A service that answers deletions with errors, one after the other; None lets a deletion through."""

    def __init__(self, real: PartnerCenter, *errors: PartnerCenterError | None, takes_it: bool = False) -> None:
        super().__init__(real)
        self.errors = list(errors)
        self.takes_it = takes_it
        self.request_ids: list[str] = []

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        self.request_ids.append(ids.request_id)
        error = self.errors.pop(0) if self.errors else None
        if error is None or self.takes_it:
            answer = super().delete_device(customer_id, batch_id, device_id, ids)
            if error is None:
                return answer
        raise error


def test_a_lost_answer_is_repeated_under_its_id_and_counts_as_the_removal(world: World) -> None:
    _closed(world, numbered(2))
    failing = Failing(world.partner_center, AnswerLost("lost"), takes_it=True)
    world.meet(failing)
    identifier = _closed(world, numbered(2), REMOVE)
    rows = world.rows(identifier, REMOVE)
    assert [(row["outcome"], row["notes"]) for row in rows] == [
        ("removed", SentNote.DELETION_ANSWER_LOST),
        ("removed", ""),
    ]
    assert failing.request_ids[0] == failing.request_ids[1] != failing.request_ids[2]


@pytest.mark.parametrize("error", [NeverSent("x"), Throttled("x", status=429), Unavailable("x", status=503)])
def test_a_service_that_does_not_answer_costs_waiting_only(world: World, error: PartnerCenterError) -> None:
    _closed(world, numbered(3))
    world.meet(Failing(world.partner_center, None, error, error))
    assert _removed(world, numbered(3)) == [("removed", "")] * 3


def test_what_the_service_refuses_fails_in_its_own_words(world: World) -> None:
    _closed(world, numbered(2))
    world.meet(Failing(world.partner_center, Refused("x", status=400, code="811", description="Of another tenant")))
    identifier = _closed(world, numbered(2), REMOVE)
    first, second = world.rows(identifier, REMOVE)
    assert (first["outcome"], first["error_code"], first["error_description"]) == ("failed", "811", "Of another tenant")
    assert second["outcome"] == "removed"
    assert world.summary(identifier, REMOVE)["standing"] == Standing.PARTLY_REMOVED


class Meanwhile(Changed):
    """A service for which somebody deletes a device just before the app does, and may register it anew elsewhere."""

    def __init__(self, world: World, serial: str, anew_in: str = "") -> None:
        super().__init__(world.partner_center)
        self._world, self._serial, self._anew_in = world, serial, anew_in
        self.batches: list[str] = []
        self.lists = 0

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterator[DeviceBatch]:
        self.lists += 1
        yield from super().device_batches(customer_id, ids)

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        if not self.batches:
            self._world.service.delete_elsewhere(CUSTOMER, self._serial)
            if self._anew_in:
                _register_of(self._world, "LENOVO", self._anew_in, self._serial, "21R3001BUK")
        self.batches.append(batch_id)
        return super().delete_device(customer_id, batch_id, device_id, ids)


def test_a_device_that_is_gone_when_its_turn_comes_is_searched_once_more_and_was_not_registered(world: World) -> None:
    _closed(world, numbered(3))
    meanwhile = Meanwhile(world, "SN-00001")
    world.meet(meanwhile)
    assert _removed(world, numbered(3)) == [("not_registered", "not_there"), ("removed", ""), ("removed", "")]
    assert (meanwhile.lists, len(meanwhile.batches)) == (2, 3)


def test_a_device_that_is_registered_anew_when_its_turn_comes_is_found_there_and_removed(world: World) -> None:
    _closed(world, numbered(2))
    meanwhile = Meanwhile(world, "SN-00001", anew_in="Lab")
    world.meet(meanwhile)
    assert _removed(world, numbered(2)) == [("removed", "")] * 2
    assert meanwhile.batches == ["Test", "Test", "Lab"]
    assert (_in_batch(world), _in_batch(world, "Lab")) == ([], [])


def test_of_a_batch_that_is_named_a_device_that_is_registered_anew_elsewhere_is_left_there(world: World) -> None:
    _closed(world, numbered(1))
    world.meet(Meanwhile(world, "SN-00001", anew_in="Lab"))
    path = f"remove-devices/{CUSTOMER}/Test/wrong.csv"
    assert _removed(world, numbered(1), path) == [("not_registered", "not_in_batch")]
    assert _in_batch(world, "Lab") == ["SN-00001"]


def test_a_device_to_be_moved_that_is_registered_anew_when_its_turn_comes_is_moved_from_there(world: World) -> None:
    _closed(world, numbered(1))
    world.meet(Meanwhile(world, "SN-00001", anew_in="Lab"))
    path = f"{FileOrder.MOVE.folder}/{CUSTOMER}/Portal/moved.csv"
    assert _removed(world, numbered(1), path) == [("registered", "")]
    assert (_in_batch(world, "Lab"), _in_batch(world, "Portal")) == ([], ["SN-00001"])


def test_a_device_that_is_listed_and_never_there_to_be_deleted_ends_as_that_and_not_as_gone(world: World) -> None:
    _closed(world, numbered(1))
    failing = Failing(world.partner_center, *[Refused("x", status=404, code="1000")] * 9)
    world.meet(failing)
    assert _removed(world, numbered(1)) == [("failed", "listed_but_gone")]
    assert len(failing.request_ids) == 2


def test_a_device_that_was_gone_when_its_file_was_stopped_is_not_told_to_be_nowhere(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "DEVICES_IN_A_STEP", 1)
    _closed(world, numbered(2))
    world.meet(Meanwhile(world, "SN-00001", anew_in="Lab"))
    identifier = world.drop_file(numbered(2), REMOVE)
    stop(world.pipeline, COMMAND, world.file(identifier))
    world.run()
    assert [(row["outcome"], row["error_code"]) for row in world.rows(identifier, REMOVE)] == [
        ("cancelled", "removal_stopped")
    ] * 2
    assert _in_batch(world, "Lab") == ["SN-00001"]


def test_an_account_that_may_not_delete_ends_the_rows_after_a_while(world: World) -> None:
    _closed(world, numbered(3))
    forbidding = Failing(world.partner_center, *[Unauthorised("no", status=403)] * 99)
    world.meet(forbidding)
    identifier = _closed(world, numbered(3), REMOVE)
    assert world.outcomes(identifier, REMOVE) == ["failed"] * 3
    assert len(forbidding.request_ids) == MOST_FORBIDDEN * MOST_SET_ASIDE


class Forbidding(Changed):
    """A service that forbids the deletion of some devices so many times; it notes each deletion that is asked for."""

    def __init__(self, world: World, forbidden: dict[str, int]) -> None:
        super().__init__(world.partner_center)
        devices = self.real.batch_devices(CUSTOMER, "Test", CallIds(NO_ID, NO_ID))
        self.serials = {device.id: str(device.serial_number) for device in devices}
        self.forbidden = forbidden
        self.asked: list[str] = []

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        serial = self.serials[device_id]
        self.asked.append(serial)
        if self.forbidden.get(serial, 0):
            self.forbidden[serial] -= 1
            raise Unauthorised("no", status=403, code="600006")
        return super().delete_device(customer_id, batch_id, device_id, ids)


def test_devices_that_alone_are_forbidden_fail_at_once_and_hold_up_nothing(world: World) -> None:
    _closed(world, numbered(60))
    forbidding = Forbidding(world, {"SN-00002": 99, "SN-00003": 99, "SN-00020": 99, "SN-00060": 99})
    world.meet(forbidding)
    before = world.clock.now
    identifier = _closed(world, numbered(60), REMOVE)
    ended = {row["serial_number"]: (row["outcome"], row["error_code"]) for row in world.rows(identifier, REMOVE)}
    assert {serial for serial, end in ended.items() if end == ("failed", "600006")} == forbidding.forbidden.keys()
    assert [outcome for outcome, _ in ended.values()].count("removed") == 56
    assert len(forbidding.asked) == 60 + 4
    assert world.clock.now == before, "nothing waited"
    assert not world.journal.gates.all()


def test_a_device_that_was_forbidden_once_is_removed_at_the_second_request_of_the_same_id(world: World) -> None:
    _closed(world, numbered(3))
    forbidding = Forbidding(world, {"SN-00001": 1})
    world.meet(forbidding)
    assert _removed(world, numbered(3)) == [("removed", "")] * 3
    assert forbidding.asked == ["SN-00001", "SN-00002", "SN-00003", "SN-00001"]


def test_where_nothing_could_be_deleted_a_forbidden_device_waits_for_a_person(world: World) -> None:
    _closed(world, numbered(2))
    world.meet(Forbidding(world, {"SN-00001": 1, "SN-00002": 1}))
    identifier = world.drop_file(numbered(2), REMOVE)
    assert world.submission(identifier).record.forbidden == 1
    assert world.journal.gates.all()
    world.run()
    assert world.outcomes(identifier, REMOVE) == ["removed"] * 2


def test_a_large_file_is_removed_in_bounded_steps(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="1000", HOLD_FROM_FAILED_PERCENT="100")
    in_a_step = BEGUN_AT_ONCE + 10
    monkeypatch.setattr(removal, "DEVICES_IN_A_STEP", in_a_step)
    count = 2 * in_a_step + 10
    _closed(world, numbered(count))
    identifier = world.drop_file(numbered(count), REMOVE)
    seen = [world.submission(identifier).record.counts.removed]
    while world.deliver_next():
        seen.append(world.submission(identifier).record.counts.removed)
    assert seen == [in_a_step, 2 * in_a_step, count]
    assert world.outcomes(identifier, REMOVE) == ["removed"] * count


def test_a_held_file_deletes_nothing_until_it_goes_on(world: World) -> None:
    _closed(world, numbered(2))
    identifier = world.put(numbered(2), REMOVE)
    hold(world.pipeline, COMMAND, THE_CUSTOMER)
    world.receive(REMOVE)
    assert _deletions(world) == 0
    go_on(world.pipeline, COMMAND, THE_CUSTOMER)
    world.run()
    assert world.outcomes(identifier, REMOVE) == ["removed"] * 2


def test_a_paused_app_deletes_nothing(make_world: MakeWorld) -> None:
    world = make_world(PAUSED="true")
    world.drop_file(numbered(2), REMOVE)
    for _ in range(3):
        world.deliver_next()
    assert world.service.report()["received"] == dict.fromkeys(world.service.report()["received"], 0)


def test_a_file_that_is_stopped_half_way_says_of_each_row_what_became_of_it(world: World) -> None:
    _closed(world, numbered(3))
    world.meet(Failing(world.partner_center, None, AnswerLost("lost"), takes_it=True))
    identifier = world.drop_file(numbered(3), REMOVE)
    stop(world.pipeline, COMMAND, world.file(identifier))
    world.run()
    rows = world.rows(identifier, REMOVE)
    assert [(row["outcome"], row["error_code"]) for row in rows] == [
        ("removed", ""),
        ("removed", ""),
        ("cancelled", RemovalReason.REMOVAL_STOPPED),
    ]
    assert _in_batch(world) == ["SN-00003"]


def test_a_file_that_is_stopped_at_once_removes_nothing(world: World) -> None:
    _closed(world, numbered(2))
    identifier = world.put(numbered(2), REMOVE)
    hold(world.pipeline, COMMAND, THE_CUSTOMER)
    world.receive(REMOVE)
    stop(world.pipeline, COMMAND, world.file(identifier))
    world.run()
    assert world.outcomes(identifier, REMOVE) == ["cancelled"] * 2
    assert _deletions(world) == 0


def test_a_canary_goes_first_and_a_file_whose_devices_are_all_refused_is_held(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="60")
    _closed(world, numbered(150))
    refusing = Failing(world.partner_center, *[Refused("x", status=400, code="9")] * 1_000)
    world.meet(refusing)
    identifier = world.drop_file(numbered(150), REMOVE)
    for _ in range(20):
        world.deliver_next()
    assert len(refusing.request_ids) == 50
    assert world.file(identifier).state is FileState.READ


def test_an_owner_that_dies_leaves_nothing_undone(world: World) -> None:
    _closed(world, numbered(3))
    identifier = world.put(numbered(3), REMOVE)
    real = world.partner_center
    world.meet(Dying(real))
    with pytest.raises(RuntimeError):
        world.receive(REMOVE)
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    world.meet(real)
    sweep(world.pipeline)
    world.run()
    rows = world.rows(identifier, REMOVE)
    assert [row["outcome"] for row in rows] == ["removed"] * 3
    assert [row["notes"] for row in rows] == [SentNote.DELETION_ANSWER_LOST, SentNote.DELETION_ANSWER_LOST, ""]


class Dying(Changed):
    """A service whose caller dies when its second deletion was done."""

    deleted = 0

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        answer = super().delete_device(customer_id, batch_id, device_id, ids)
        self.deleted += 1
        if self.deleted == 2:
            raise RuntimeError("the process dies")
        return answer


def test_a_file_for_a_customer_that_does_not_exist_fails_in_the_words_of_the_service(make_world: MakeWorld) -> None:
    world = make_world(behaviour=Behaviour(unknown_customers=frozenset({CUSTOMER})))
    assert {outcome for outcome, _ in _removed(world, numbered(2))} == {"failed"}


def test_a_file_that_removed_devices_has_nothing_to_withdraw(world: World) -> None:
    _closed(world, numbered(1))
    identifier = _closed(world, numbered(1), REMOVE)
    assert withdraw(world.pipeline, CUSTOMER, identifier).withdrawal is None


def test_a_row_that_fits_several_devices_is_fixed_by_its_group_tag_and_removes_in_the_same_way(world: World) -> None:
    _closed(world, numbered(1))
    world.meet(Twice(world.partner_center))
    identifier = _closed(world, numbered(1), REMOVE)
    file = world.file(identifier)
    rows = fix_rows.rows_to_fix(world.pipeline, file)
    assert fix_rows.cells_at_fault(rows[0]) == (Column.GROUP_TAG,)
    changed = fix_rows.changed_rows(rows, fix_rows.Edits({1: fix_rows.Edit({Column.GROUP_TAG: "Test"})}))
    path = fix_rows.send_fixed(world.pipeline, file, changed)
    assert path.startswith(f"remove-devices/{CUSTOMER}/")
    world.receive(path)
    world.run()
    assert _in_batch(world) == []
    assert world.summary(identifier, REMOVE)["standing"] == Standing.CLOSED
