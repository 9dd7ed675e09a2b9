"""Refused submissions that are halved, verdicts that never come, messages that the host gave up on."""

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from local.in_memory_storage import InMemoryContainer, InMemoryTable
from local.partner_center import Behaviour, Fault, Operation
from shared.partner_center.client import Accepted, CallIds, PartnerCenter
from shared.partner_center.errors import NeverSent, Refused
from shared.partner_center.models import Device
from shared.pipeline.blob_names import DROP_CONTAINER
from shared.pipeline.submissions.contents import BlobMissing
from shared.pipeline.submissions.state_machine import REPEATS_WITHOUT_LINK
from shared.pipeline.sweep import RECENT, sweep
from shared.storage.batches import Batches
from shared.storage.blobs import BLOBS_ON_A_PAGE, BlobPage
from shared.storage.codec import UnreadableRecord
from shared.storage.journal import Journal, TableName
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Batch
from shared.storage.tables import Entity, Query, Table
from shared.storage.wakeups import PoisonedMessage, encode
from shared.vocabulary import SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered, tuples


class RefusesSome(Changed):
    """A service that refuses every request with one of the named serial numbers."""

    def __init__(self, real: PartnerCenter, *serials: str, code: str | None = "800002") -> None:
        super().__init__(real)
        self.posts = 0
        self._bad = [serial.encode() for serial in serials]
        self._code = code

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self._refuse(devices)
        return super().append_devices(customer_id, batch_id, devices, ids)

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self._refuse(devices)
        return super().create_batch(customer_id, batch_id, devices, ids)

    def _refuse(self, devices: bytes) -> None:
        self.posts += 1
        if any(serial in devices for serial in self._bad):
            raise Refused("Refused.", status=400, code=self._code, description="Invalid request input")


@pytest.mark.parametrize("code", ["800002", "3000", None])
def test_one_malformed_device_costs_its_own_row_alone(world: World, code: str | None) -> None:
    world.meet(RefusesSome(world.partner_center, "SN-00013", code=code))
    file = world.drop_file(numbered(40))
    world.run()
    rows = world.rows(file)
    assert [row["outcome"] for row in rows] == ["registered"] * 12 + ["failed"] + ["registered"] * 27
    assert rows[12]["error_description"] == "Invalid request input"
    assert rows[12]["what_to_do"]
    assert world.summary(file)["counts"]["total"] == 40
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


def test_halves_bear_the_number_of_the_whole_and_leave_no_blob_behind(world: World) -> None:
    world.meet(RefusesSome(world.partner_center, "SN-00002"))
    file = world.drop_file(numbered(3))
    world.run()
    states = {entry["number"]: entry["state"] for entry in world.summary(file)["submissions"]}
    assert states["1"] == "split"
    assert states["1-0"] == "finished"
    assert states["1-1"] == "split"
    assert {states["1-1-0"], states["1-1-1"]} == {"refused", "finished"}
    assert [version.path for version in world.private.versions(f"{file}/")] == [f"{file}/device-file"]


def test_any_other_refusal_is_not_halved(world: World) -> None:
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    service = RefusesSome(world.partner_center, "SN-00002", code="12345")
    world.meet(service)
    file = world.drop_file(numbered(3))
    world.run()
    assert world.outcomes(file) == ["failed"] * 3
    assert service.posts == 1


def test_a_device_without_verdict_is_looked_for_in_the_batch_before_it_is_unknown(world: World) -> None:
    file = world.drop_file(tuples(["FINE-1", "FINE-2", "STANDIN-STUCK-1"]))
    world.service.script(Fault.SHORTER_STATUS, times=10_000)
    world.service.script(Fault.UNKNOWN_STATUS, times=10_000)
    world.run(most=20_000)
    rows = world.rows(file)
    assert [row["outcome"] for row in rows[:2]] == ["registered"] * 2
    assert rows[2]["outcome"] == "unknown"


def test_a_job_that_the_service_forgot_is_read_back_from_the_batch(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.clock.now += timedelta(minutes=5)
    ids = CallIds(str(uuid4()), str(uuid4()))
    world.partner_center.batch_job_status(CUSTOMER, _tracking_id(world, file), ids)
    world.service.script(Fault.UNKNOWN_TRACKING_ID, times=10_000)
    world.run(most=20_000)
    rows = world.rows(file)
    assert [row["outcome"] for row in rows] == ["registered"] * 3
    assert all("read_back" in row["notes"] for row in rows)


def _tracking_id(world: World, file: str) -> str:
    tracking_id = world.submission(file).record.tracking_id
    assert tracking_id is not None
    return tracking_id


def _posted_twice(world: World, content: str, first: Fault = Fault.DROPPED_AFTER) -> str:
    """Drop a file whose first POST has the given fault, and whose second the service takes for a new one."""
    if world.journal.batches.get(CUSTOMER, "Test") is None:
        world.drop_file(numbered(1, "FIRST"))
        world.run()
    world.service.script(first, operation=Operation.APPEND_DEVICES)
    file = world.drop_file(content)
    world.service.script(Fault.FORGET_REQUEST_IDS, operation=Operation.APPEND_DEVICES)
    return file


def _endings(world: World, file: str) -> set[tuple[str, str, str]]:
    return {(row["outcome"], row["error_code"], row["notes"]) for row in world.rows(file)}


def test_a_device_that_our_own_lost_request_registered_is_registered_and_can_be_withdrawn(world: World) -> None:
    file = _posted_twice(world, numbered(3))
    world.run()
    assert _endings(world, file) == {("registered", "806", "first_answer_lost")}
    in_batch = {device.serial_number: device.id for device in _devices_in_batch(world)}
    outcomes = world.journal.outcomes.of_rows(f"{file}.1", 1, 3)
    assert [outcome.device_id for outcome in outcomes] == [in_batch[f"SN-0000{row}"] for row in (1, 2, 3)]


def _devices_in_batch(world: World) -> list[Device]:
    return list(world.partner_center.batch_devices(CUSTOMER, "Test", CallIds(str(uuid4()), str(uuid4()))))


def _registered_by_someone_else(world: World, serials: list[str]) -> None:
    """Another tool registers the devices in the same batch, and its job ends."""
    devices = [
        {"serialNumber": serial, "oemManufacturerName": "LENOVO", "modelName": "21R3001BUK"} for serial in serials
    ]
    accepted = world.partner_center.append_devices(
        CUSTOMER, "Test", msgspec.json.encode(devices), CallIds(str(uuid4()), str(uuid4()))
    )
    world.clock.now += timedelta(minutes=2)
    world.partner_center.batch_job_status(CUSTOMER, accepted.tracking_id or "", CallIds(str(uuid4()), str(uuid4())))


@pytest.mark.parametrize("by_our_own_file", [True, False])
@pytest.mark.parametrize("first", [Fault.DROPPED_AFTER, Fault.DROPPED_BEFORE, Fault.GATEWAY_TIMEOUT])
def test_a_device_that_was_there_before_the_lost_request_is_already_registered(
    world: World, first: Fault, *, by_our_own_file: bool
) -> None:
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    if by_our_own_file:
        world.drop_file(numbered(3), f"{CUSTOMER}/Test/earlier.csv")
        world.run()
    else:
        _registered_by_someone_else(world, ["SN-00001", "SN-00002", "SN-00003"])
    file = _posted_twice(world, numbered(3), first)
    world.run()
    assert _endings(world, file) == {("already_registered", "806", "first_answer_lost")}


def test_a_device_that_another_open_file_registered_after_the_lost_request_is_already_registered(world: World) -> None:
    file = _posted_twice(world, numbered(3), Fault.DROPPED_BEFORE)
    path = f"{CUSTOMER}/Test/meanwhile.csv"
    other = world.drop_file(numbered(3), path)
    world.run()
    assert world.outcomes(other, path) == ["registered"] * 3
    assert _endings(world, file) == {("already_registered", "806", "first_answer_lost")}


def test_a_device_that_was_registered_between_a_throttled_and_a_lost_request_is_already_registered(
    world: World,
) -> None:
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    world.service.script(Fault.THROTTLE, operation=Operation.APPEND_DEVICES)
    file = world.drop_file(numbered(3))
    _registered_by_someone_else(world, ["SN-00001", "SN-00002", "SN-00003"])
    world.service.script(Fault.DROPPED_BEFORE, operation=Operation.APPEND_DEVICES)
    world.run()
    assert _endings(world, file) == {("already_registered", "806", "first_answer_lost")}


def test_of_a_device_without_a_serial_number_nobody_knows_who_registered_it(world: World) -> None:
    file = _posted_twice(world, f"{HEADER}\r\n,3000000000001,,,\r\n")
    world.run()
    assert _endings(world, file) == {("already_registered", "806", "first_answer_lost")}


def test_already_registered_without_a_lost_answer_bears_no_such_note(world: World) -> None:
    world.drop_file(numbered(3))
    world.run()
    file = world.drop_file(numbered(3))
    world.run()
    assert {row["notes"] for row in world.rows(file)} == {""}


def test_a_service_that_is_gone_for_three_days_costs_waiting_only(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="1")
    file = world.drop_file(numbered(3))
    world.service.script(Fault.UNAVAILABLE, times=170)
    before = world.wakeups.sent
    world.run()
    assert world.outcomes(file) == ["registered"] * 3
    assert world.clock.now - _received_at(world, file) > timedelta(hours=60)
    assert world.wakeups.sent - before <= 200


def _received_at(world: World, file: str) -> datetime:
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    return stored.record.received_at


def test_a_poisoned_wake_up_is_tried_again(world: World) -> None:
    file = world.drop_file(numbered(3))
    wake_up = world.wakeups.waiting.pop()[1]
    world.wakeups.poison.append(PoisonedMessage("submissions-poison", "m", "r", encode(wake_up)))
    assert sweep(world.pipeline).poisoned_messages == 1
    assert world.wakeups.poison == []
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


def test_a_poisoned_blob_event_is_received_after_all(world: World) -> None:
    file = world.put(numbered(3))
    event = {
        "FunctionId": "Host.Functions.receive_device_file",
        "BlobType": "BlockBlob",
        "ContainerName": DROP_CONTAINER,
        "BlobName": f"{CUSTOMER}/Test/devices.csv",
        "ETag": "0x1",
    }
    world.wakeups.poison.append(PoisonedMessage("webjobs-blobtrigger-poison", "m", "r", json.dumps(event)))
    assert sweep(world.pipeline).poisoned_messages == 1
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


@pytest.mark.parametrize(
    "body", ["", "not json", "[]", '{"a":' * 10_000, '{"ContainerName": "other", "BlobName": "x"}']
)
def test_a_poisoned_message_of_nobody_is_counted_and_deleted(world: World, body: str) -> None:
    world.wakeups.poison.append(PoisonedMessage("submissions-poison", "m", "r", body))
    assert sweep(world.pipeline).poisoned_messages == 1
    assert world.wakeups.poison == []
    assert world.wakeups.waiting == []


def test_request_bodies_that_outlived_their_file_are_deleted_once_a_day(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.run()
    for leftover in (f"{file}/1/7.json", f"{file}/1/7.rows.json"):
        world.private.put(leftover, b"[]")
    waiting = world.drop_file(numbered(2, "MORE"))
    assert sweep(world.pipeline).leftover_blobs == 2
    assert world.private.read(f"{waiting}/1/1.json") is not None
    world.private.put(f"{file}/1/8.json", b"[]")
    assert sweep(world.pipeline).leftover_blobs == 0
    world.clock.now += timedelta(days=1)
    assert sweep(world.pipeline).leftover_blobs == 1


def test_a_submission_that_nobody_accepts_for_two_days_is_an_alarm(world: World) -> None:
    world.service.script(Fault.UNAVAILABLE, times=100_000)
    world.drop_file(numbered(3))
    while world.clock.now < _start(world) + timedelta(hours=49):
        world.deliver_next()
    assert sweep(world.pipeline).never_accepted == 1


def _start(world: World) -> datetime:
    (mention,) = world.journal.files.still_open()
    return mention.received_at


def test_halves_whose_wake_ups_were_never_sent_are_found_by_the_sweep(world: World) -> None:
    world.meet(RefusesSome(world.partner_center, "SN-00002"))
    file = world.drop_file(numbered(4))
    for _ in range(8):
        world.wakeups.waiting.clear()
        world.clock.now += timedelta(minutes=20)
        sweep(world.pipeline)
        world.deliver_next()
    world.run()
    assert world.outcomes(file) == ["registered", "failed", "registered", "registered"]
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


class WithoutLink(Changed):
    """A service that accepts devices without a link to poll; a given number of first requests are never sent."""

    def __init__(self, real: PartnerCenter, *, never_sent: int = 0, without_link: int = 10_000) -> None:
        super().__init__(real)
        self.request_ids: list[str] = []
        self._never_sent = never_sent
        self._without_link = without_link

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        self.request_ids.append(ids.request_id)
        if len(self.request_ids) <= self._never_sent:
            raise NeverSent("The service could not be reached.")
        accepted = super().append_devices(customer_id, batch_id, devices, ids)
        if len(self.request_ids) <= self._never_sent + self._without_link:
            return replace(accepted, tracking_id=None)
        return accepted


def test_a_service_that_never_says_where_to_ask_is_sent_one_request_and_its_batch_is_looked_into(
    make_world: MakeWorld,
) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    service = WithoutLink(world.partner_center)
    world.meet(service)
    file = world.drop_file(numbered(2))
    world.run()
    assert {(row["outcome"], row["notes"]) for row in world.rows(file)} == {("registered", "read_back")}
    assert len(set(service.request_ids)) == 1
    assert len(service.request_ids) == 1 + REPEATS_WITHOUT_LINK


def test_an_outage_before_an_acceptance_without_a_link_changes_no_request_id(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    service = WithoutLink(world.partner_center, never_sent=REPEATS_WITHOUT_LINK, without_link=1)
    world.meet(service)
    file = world.drop_file(numbered(2))
    world.run()
    assert {(row["outcome"], row["notes"]) for row in world.rows(file)} == {("registered", "")}
    assert len(set(service.request_ids)) == 1


def test_many_submissions_that_wait_for_days_are_one_alarm_at_a_sweep(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0", PAUSED="true")
    world.drop_file(numbered(200))
    world.clock.now += timedelta(hours=49)
    with caplog.at_level(logging.ERROR):
        assert sweep(world.pipeline).never_accepted == 200
    (alarm,) = caplog.records
    assert alarm.__dict__["submissions"] == 200


class MeetsItsOwnChange(Batches):
    """Batches whose first change takes effect although it looks as if another worker had been first."""

    changes = 0

    def change(self, stored: Stored[Batch] | None, changed: Batch) -> Stored[Batch]:
        result = super().change(stored, changed)
        self.changes += 1
        if self.changes == 1:
            raise Conflict("Its answer was lost, and the repeat met what the first did.")
        return result


def test_who_meets_its_own_claim_on_a_batch_goes_on_within_a_moment(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.journal.batches = MeetsItsOwnChange(InMemoryTable())
    file, start = world.drop_file(numbered(2)), world.clock()
    while world.submission(file).record.state is SubmissionState.PENDING:
        assert world.deliver_next()
    assert world.clock() - start < timedelta(minutes=1)


class FailsToListBlobs(InMemoryContainer):
    """A container that cannot be listed."""

    def page(self, marker: str | None = None, most: int = BLOBS_ON_A_PAGE) -> BlobPage:  # noqa: ARG002
        raise OSError("storage does not answer")


def test_a_duty_of_the_sweep_that_fails_keeps_no_other_from_being_done(world: World) -> None:
    file = world.drop_file(numbered(3))
    world.wakeups.waiting.clear()
    world.wakeups.poison.append(PoisonedMessage("submissions-poison", "m", "r", ""))
    world.clock.now += timedelta(minutes=20)
    with pytest.raises(ExceptionGroup) as failure:
        sweep(replace(world.pipeline, drop=FailsToListBlobs()))
    assert [str(cause) for cause in failure.value.exceptions] == ["storage does not answer"]
    assert world.wakeups.poison == []
    world.run()
    assert world.outcomes(file) == ["registered"] * 3


def test_a_submission_that_cannot_be_sent_does_not_keep_its_batch_from_the_others(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="1", HOLD_FROM_FAILED_PERCENT="100"
    )
    file = world.drop_file(numbered(2))
    world.lose_content(file)
    with pytest.raises(BlobMissing):
        world.deliver_next()
    world.deliver_next()
    assert world.submission(file, "2").record.state is SubmissionState.ACCEPTED


def _in_watched_tables(world: World) -> dict[TableName, Table]:
    """The tables of a world, for inspection."""
    tables: dict[TableName, Table] = {name: InMemoryTable() for name in TableName}
    world.journal = Journal(tables.__getitem__)
    world.pipeline = world.pipeline_with()
    return tables


def test_a_file_whose_row_cannot_be_read_keeps_the_sweep_from_no_other(world: World) -> None:
    tables = _in_watched_tables(world)
    paths = [f"{CUSTOMER}/Test/{number}.csv" for number in range(8)]
    files = [world.drop_file(numbered(1, f"F{number}-"), path) for number, path in enumerate(paths)]
    world.wakeups.waiting.clear()
    damaged = next(iter(world.journal.files.still_open())).file_id
    (row,) = (row for row in tables[TableName.DEVICE_FILES].query(Query()) if row.values["file_id"] == damaged)
    tables[TableName.DEVICE_FILES].upsert([{**row.values, "state": "of another version"}])
    world.clock.now += timedelta(minutes=20)
    with pytest.raises(ExceptionGroup):
        sweep(world.pipeline)
    world.run()
    assert [file for file in files if world.journal.files.is_open(file)] == [damaged]
    tables[TableName.DEVICE_FILES].upsert([row.values])
    world.clock.now += timedelta(minutes=20)
    sweep(world.pipeline)
    world.run()
    assert not [file for file in files if world.journal.files.is_open(file)]


def test_a_final_file_that_only_a_later_version_can_read_keeps_no_other_from_being_forgotten(world: World) -> None:
    tables = _in_watched_tables(world)
    first, last = (world.drop_file(numbered(1), f"{CUSTOMER}/Test/{number}.csv") for number in range(2))
    world.run()
    newest_first = [listing.file_id for _, listing in world.journal.files.final()]
    for name in (TableName.DEVICE_FILES, TableName.FILES_BY_TIME):
        for row in list(tables[name].query(Query(equals={"file_id": newest_first[0]}))):
            tables[name].upsert([{**row.values, "state": "of another version"}])
    world.clock.now += world.settings.retention + timedelta(days=2)
    with pytest.raises(ExceptionGroup, match="could not be done") as raised:
        sweep(world.pipeline)
    assert raised.group_contains(UnreadableRecord, match=f"DeviceFile .*{newest_first[0]}")
    standing = {row.values["file_id"] for row in tables[TableName.DEVICE_FILES].query(Query())}
    assert {first, last} & standing == {newest_first[0]}


class NeverEnters(InMemoryTable):
    """A table whose writer is killed before it enters anything."""

    def insert(self, entity: Entity) -> str:  # noqa: ARG002
        raise KeyboardInterrupt


def test_a_file_that_was_never_entered_and_whose_blob_is_gone_is_not_looked_for_for_ever(world: World) -> None:
    world.put(numbered(1))
    tables = _in_watched_tables(world)
    tables[TableName.DEVICE_FILES] = NeverEnters()
    world.journal = Journal(tables.__getitem__)
    world.pipeline = world.pipeline_with()
    with pytest.raises(KeyboardInterrupt):
        world.receive()
    world.drop.delete(f"{CUSTOMER}/Test/devices.csv")
    world.clock.now += RECENT + timedelta(hours=1)
    assert sweep(world.pipeline).open_files == 1
    assert sweep(world.pipeline).open_files == 0


class TakesTheBodyAway(RefusesSome):
    """A service during whose refusal the body of the request is lost."""

    def __init__(self, world: World) -> None:
        super().__init__(world.partner_center, "SN-00002")
        self._world = world

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        for path in [version.path for version in self._world.private.versions()]:
            if path.endswith(("/1.json", "/device-file")):
                self._world.private.delete(path)
        return super().create_batch(customer_id, batch_id, devices, ids)


def test_a_body_that_is_lost_before_its_submission_is_split_is_an_error_and_not_someone_elses_doing(
    make_world: MakeWorld,
) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.meet(TakesTheBodyAway(world))
    world.drop_file(numbered(4))
    with pytest.raises(BlobMissing):
        world.run()
