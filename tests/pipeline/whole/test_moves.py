"""Files that ask to move devices: none is neither here nor there without a row that says so, whatever happens."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.partner_center.client import Accepted, CallIds, JobAnswer, PartnerCenter, ServiceIds
from shared.partner_center.errors import AnswerLost, Refused
from shared.partner_center.models import Device
from shared.pipeline.corrections.retry import retry
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.hold_requests import go_on, hold, limit_customer, stop
from shared.pipeline.human_acts import COMMAND, Subject
from shared.pipeline.sweep import sweep
from shared.reasons import SentNote
from shared.vocabulary import FileOrder, FileState, Standing, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, Changed, World, numbered, tuples

OLD = f"{CUSTOMER}/Old/devices.csv"
MOVE = f"move-devices/{CUSTOMER}/New/move.csv"
THE_CUSTOMER = Subject("Contoso", CUSTOMER)
NO_ID = "00000000-0000-5000-8000-000000000000"

Row = dict[str, str]


def _closed(world: World, content: str, path: str = OLD) -> str:
    identifier = world.drop_file(content, path)
    world.run()
    assert world.file(identifier).state is FileState.CLOSED
    return identifier


def _moved(world: World, content: str) -> list[Row]:
    """The rows of a file that asks to move devices, once it is closed."""
    return world.rows(_closed(world, content, MOVE), MOVE)


def _ended(rows: list[Row]) -> list[tuple[str, ...]]:
    return [(row["outcome"], row["moved_from"]) for row in rows]


def _in_batch(world: World, batch: str) -> list[str]:
    ids = CallIds(NO_ID, NO_ID)
    try:
        return sorted(str(device.serial_number) for device in world.partner_center.batch_devices(CUSTOMER, batch, ids))
    except Refused:
        return []


def test_devices_are_removed_from_their_batch_and_registered_under_the_new_one(world: World) -> None:
    _closed(world, tuples(["SN-1", "SN-2", "SN-3"]))
    identifier = _closed(world, tuples(["SN-1", "SN-3"]), MOVE)
    rows = world.rows(identifier, MOVE)
    assert _ended(rows) == [("registered", "Old")] * 2
    assert [(row["notes"], row["batch_id"]) for row in rows] == [(SentNote.MOVED, "New")] * 2
    assert (_in_batch(world, "Old"), _in_batch(world, "New")) == (["SN-2"], ["SN-1", "SN-3"])
    file, summary = world.file(identifier), world.summary(identifier, MOVE)
    assert (file.order, file.batch_id, summary["standing"]) == (FileOrder.MOVE, "New", Standing.CLOSED)
    assert [(each["number"], each["devices"]) for each in summary["submissions"]] == [("1", 0), ("1-0", 2)]


def test_what_stands_there_already_stays_and_what_stands_nowhere_is_registered(world: World) -> None:
    _closed(world, numbered(1), f"{CUSTOMER}/NEW/devices.csv")
    rows = _moved(world, tuples(["SN-00001", "NOWHERE-1", "NOWHERE-1"]))
    assert _ended(rows) == [("already_registered", ""), ("registered", ""), ("duplicate", "")]
    assert rows[0]["error_code"] == "already_there"
    assert world.service.report()["received"]["delete_device"] == 0


def test_a_row_that_could_not_be_registered_is_refused_before_anything_is_removed(world: World) -> None:
    _closed(world, numbered(2))
    rows = _moved(world, numbered(1) + "SN-00002,,,,\r\n")
    assert _ended(rows) == [("registered", "Old"), ("rejected", "")]
    assert _in_batch(world, "Old") == ["SN-00002"]


def test_a_move_without_a_batch_folder_is_refused(world: World) -> None:
    path = f"move-devices/{CUSTOMER}/move.csv"
    identifier = world.drop_file(numbered(1), path)
    assert (world.file(identifier).state, world.file(identifier).reason) == (FileState.REJECTED, "move_without_batch")


class Refusing(Changed):
    """A service that refuses some deletions, and every upload while it does."""

    def __init__(self, real: PartnerCenter, *, deletions: int = 0, uploads: bool = False) -> None:
        super().__init__(real)
        self.deletions = deletions
        self.uploads = uploads

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        if self.deletions:
            self.deletions -= 1
            raise Refused("no", status=400, code="811", description="Of another tenant")
        return super().delete_device(customer_id, batch_id, device_id, ids)

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self._refuse()
        return super().create_batch(customer_id, batch_id, devices, ids)

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self._refuse()
        return super().append_devices(customer_id, batch_id, devices, ids)

    def _refuse(self) -> None:
        if self.uploads:
            raise Refused("no", status=413, code="999", description="Never")


def test_a_device_that_the_service_does_not_delete_stays_where_it_is(world: World) -> None:
    _closed(world, numbered(2))
    world.meet(Refusing(world.partner_center, deletions=1))
    first, second = _moved(world, numbered(2))
    assert (first["outcome"], first["error_code"], first["moved_from"]) == ("failed", "811", "")
    assert (second["outcome"], second["moved_from"]) == ("registered", "Old")
    assert (_in_batch(world, "Old"), _in_batch(world, "New")) == (["SN-00001"], ["SN-00002"])


def test_a_device_that_is_refused_after_its_removal_says_loudly_that_it_is_nowhere_and_can_be_sent_again(
    world: World,
) -> None:
    _closed(world, numbered(2))
    refusing = Refusing(world.partner_center, uploads=True)
    world.meet(refusing)
    identifier = _closed(world, numbered(2), MOVE)
    for row in world.rows(identifier, MOVE):
        assert (row["outcome"], row["moved_from"], row["notes"]) == ("failed", "Old", "moved registered_nowhere")
        assert row["what_to_do"].startswith("REGISTERED NOWHERE NOW: it was removed from the batch Old")
    assert world.summary(identifier, MOVE)["standing"] == Standing.NONE_MOVED
    refusing.uploads = False
    assert retry(world.pipeline, CUSTOMER, identifier).rows == 0, "a person fixes what the service names first"
    assert _ended(_moved(world, numbered(2) + "# again\r\n")) == [("registered", "")] * 2
    assert _in_batch(world, "New") == ["SN-00001", "SN-00002"]


class Once(Changed):
    """A service that lets something happen after the first device was deleted: once."""

    is_done = False

    def happen(self) -> None:
        raise NotImplementedError

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        answer = super().delete_device(customer_id, batch_id, device_id, ids)
        if not self.is_done:
            self.is_done = True
            self.happen()
        return answer


class Dying(Once):
    def happen(self) -> None:
        raise RuntimeError("the process dies")


class Losing(Once):
    def happen(self) -> None:
        raise AnswerLost("lost")


def test_an_owner_that_dies_between_the_halves_is_followed_by_another(world: World) -> None:
    _closed(world, numbered(2))
    real = world.partner_center
    world.meet(Dying(real))
    identifier = world.put(numbered(2), MOVE)
    with pytest.raises(RuntimeError):
        world.receive(MOVE)
    assert _in_batch(world, "Old") == ["SN-00002"]
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    world.meet(real)
    sweep(world.pipeline)
    world.run()
    assert _ended(world.rows(identifier, MOVE)) == [("registered", "Old")] * 2
    assert _in_batch(world, "New") == ["SN-00001", "SN-00002"]


def test_what_stood_nowhere_is_stopped_between_the_halves(world: World) -> None:
    _closed(world, numbered(1))
    identifier = world.drop_file(tuples(["SN-00001", "NOWHERE-1"]), MOVE)
    assert [world.submission(identifier, f"1-{half}").record.removed_before for half in (0, 1)] == [1, 0]
    stop(world.pipeline, COMMAND, world.file(identifier))
    world.run()
    assert _ended(world.rows(identifier, MOVE)) == [("registered", "Old"), ("cancelled", "")]


def test_what_was_removed_goes_on_although_the_file_is_stopped(world: World) -> None:
    _closed(world, numbered(2))
    world.meet(Losing(world.partner_center))
    identifier = world.drop_file(numbered(2) + "NOWHERE-1,,,LENOVO,21R3001BUK\r\n", MOVE)
    stop(world.pipeline, COMMAND, world.file(identifier))
    world.run()
    rows = world.rows(identifier, MOVE)
    assert _ended(rows) == [("registered", "Old"), ("cancelled", ""), ("cancelled", "")]
    assert (_in_batch(world, "Old"), _in_batch(world, "New")) == (["SN-00002"], ["SN-00001"])


def test_a_hold_between_the_halves_says_that_devices_are_nowhere_and_a_stop_does_not_keep_them_so(world: World) -> None:
    _closed(world, numbered(2))
    identifier = world.drop_file(numbered(2), MOVE)
    assert world.submission(identifier).record.state is SubmissionState.FINISHED
    hold(world.pipeline, COMMAND, THE_CUSTOMER)
    world.deliver_next()
    waiting = world.submission(identifier, "1-0").record
    assert (waiting.state, waiting.removed_before) == (SubmissionState.PENDING, 2)
    assert waiting.last_answer is not None
    assert waiting.last_answer.startswith("2 devices of it, removed by the move, are registered nowhere.")
    assert world.file(identifier).state is FileState.READ
    stop(world.pipeline, COMMAND, world.file(identifier))
    go_on(world.pipeline, COMMAND, THE_CUSTOMER)
    world.run()
    assert _ended(world.rows(identifier, MOVE)) == [("registered", "Old")] * 2


def test_the_canary_of_a_move_is_what_becomes_of_its_devices(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="60")
    _closed(world, numbered(150))
    world.meet(Refusing(world.partner_center, uploads=True))
    identifier = world.drop_file(numbered(150), MOVE)
    for _ in range(20):
        world.deliver_next()
    assert world.file(identifier).state is FileState.READ
    assert len(_in_batch(world, "Old")) == 100, "the others were left where they stand"


def test_a_large_move_ends_with_every_device_under_the_new_batch(make_world: MakeWorld) -> None:
    world = make_world(DEVICES_PER_SUBMISSION="60")
    _closed(world, numbered(200))
    assert _ended(_moved(world, numbered(200))) == [("registered", "Old")] * 200
    assert (len(_in_batch(world, "Old")), len(_in_batch(world, "New"))) == (0, 200)


def test_no_daily_limit_keeps_devices_nowhere(world: World) -> None:
    _closed(world, numbered(3))
    limit_customer(world.pipeline, COMMAND, CUSTOMER, 1)
    before = world.clock.now
    assert _ended(_moved(world, numbered(3))) == [("registered", "Old")] * 3
    assert world.clock.now - before < timedelta(hours=1)


def test_withdrawing_a_move_deletes_the_devices_that_it_registered(world: World) -> None:
    _closed(world, numbered(2))
    identifier = _closed(world, numbered(2), MOVE)
    withdraw(world.pipeline, CUSTOMER, identifier)
    world.run()
    withdrawal = world.file(identifier).withdrawal
    assert withdrawal is not None
    assert (withdrawal.withdrawn, withdrawal.already_gone) == (2, 0)
    assert _in_batch(world, "New") == []


class Lists(Changed):
    """A service that lists each device as one that may not be deleted."""

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        for device in super().batch_devices(customer_id, batch_id, ids):
            yield Device(id=device.id, serial_number=device.serial_number, allowed_operations=("GET",))


def test_a_device_that_may_not_be_deleted_is_not_moved(world: World) -> None:
    _closed(world, numbered(1))
    world.meet(Lists(world.partner_center))
    (row,) = _moved(world, numbered(1))
    assert (row["outcome"], row["error_code"]) == ("rejected", "deletion_not_allowed")
    assert _in_batch(world, "Old") == ["SN-00001"]


class Slow(Changed):
    """A service that calls every device of a job registered already, as if a removal were not through yet."""

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        answer = super().batch_job_status(customer_id, tracking_id, ids)
        devices = tuple(
            replace(
                device, status="finished_with_errors", error_code="806", error_description="ZtdDeviceAlreadyAssigned"
            )
            for device in answer.details.devices_status or ()
        )
        return JobAnswer(replace(answer.details, devices_status=devices), answer.service_ids)

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        return super().batch_devices(customer_id, batch_id, ids) if batch_id == "Old" else iter(())


def test_a_device_that_the_service_still_calls_registered_after_its_removal_may_be_nowhere(world: World) -> None:
    _closed(world, numbered(1))
    world.meet(Slow(world.partner_center))
    (row,) = _moved(world, numbered(1))
    assert (row["outcome"], row["moved_from"]) == ("already_registered", "Old")
    assert row["what_to_do"].startswith("PERHAPS REGISTERED NOWHERE: it was removed from the batch Old")
    assert "stands under the batch Old" not in row["what_to_do"]
    assert SentNote.REGISTERED_NOWHERE in row["notes"].split()
