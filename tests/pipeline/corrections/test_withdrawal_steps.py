"""Only devices that a file newly registered are deleted again, each with its result, whatever happens."""

import csv
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from local.partner_center import Behaviour, Fault, Operation
from shared.partner_center.client import CallIds, JobAnswer, PartnerCenter, ServiceIds
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.partner_center.models import Device
from shared.pipeline.corrections.retry import retry
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.corrections.withdrawal_steps import withdraw_further
from shared.pipeline.submissions.circuit_breaker import customer_scope
from shared.pipeline.submissions.deletion_decisions import MOST_FORBIDDEN
from shared.pipeline.submissions.device_deletion import DEVICES_IN_A_STEP, LONGEST_STEP, MOST_SET_ASIDE
from shared.pipeline.sweep import sweep
from shared.reasons import SentNote, WithdrawalReason
from shared.storage.records import Withdrawal
from shared.storage.wakeups import WithdrawalWakeUp
from shared.vocabulary import WithdrawalState
from tests.device_files.hash_builder import build_hash
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered, tuples

PATH = f"{CUSTOMER}/Test/devices.csv"
NO_CUSTOMER_ID = "00000000-0000-5000-8000-000000000000"


def _closed(world: World, content: str, path: str = PATH) -> str:
    identifier = world.drop_file(content, path)
    world.run()
    return identifier


def _withdrawal(world: World, identifier: str) -> Withdrawal:
    withdrawal = world.file(identifier).withdrawal
    assert withdrawal is not None
    return withdrawal


def _withdrawn(world: World, identifier: str) -> Withdrawal:
    """Request the withdrawal of a file and finish it."""
    assert withdraw(world.pipeline, CUSTOMER, identifier, "anna@example.com").is_new
    world.run()
    withdrawal = _withdrawal(world, identifier)
    assert withdrawal.state is WithdrawalState.FINISHED
    return withdrawal


def _lines(world: World, identifier: str, path: str = PATH) -> list[dict[str, str]]:
    content = world.results.read(f"{world.folder(identifier, path)}/withdrawals.csv")
    assert content is not None
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def _results(world: World, identifier: str, path: str = PATH) -> list[tuple[str, str]]:
    return [(line["row"], line["withdrawal"]) for line in _lines(world, identifier, path)]


def _in_batch(world: World, batch: str = "Test") -> list[str | None]:
    ids = CallIds(NO_CUSTOMER_ID, NO_CUSTOMER_ID)
    return [device.serial_number for device in world.partner_center.batch_devices(CUSTOMER, batch, ids)]


def _deletions(world: World) -> int:
    count: int = world.service.report()["received"]["delete_device"]
    return count


MIXED = tuples(["NEW-1", "OLD-1", "STANDIN-808-1", "NEW-2", "NEW-2"])


def test_the_devices_that_a_file_newly_registered_are_deleted_and_no_others(world: World) -> None:
    _closed(world, tuples(["OLD-1"]), f"{CUSTOMER}/Test/before.csv")
    file = _closed(world, MIXED)
    assert world.outcomes(file) == ["registered", "already_registered", "failed", "registered", "duplicate"]
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.total, withdrawal.withdrawn, withdrawal.already_gone, withdrawal.refused) == (2, 2, 0, 0)
    assert _results(world, file) == [("1", "withdrawn"), ("4", "withdrawn")]
    assert _in_batch(world) == ["OLD-1"]


def test_the_outcomes_stay_what_they_were(world: World) -> None:
    file = _closed(world, MIXED)
    before, counts = world.rows(file), world.file(file).closed_counts
    _withdrawn(world, file)
    assert world.rows(file) == before
    assert world.file(file).closed_counts == counts
    assert world.summary(file)["counts"]["registered"] == 3


def test_who_asked_and_what_came_of_it_stands_in_history_and_summary(world: World) -> None:
    file = _closed(world, numbered(2))
    withdraw(world.pipeline, CUSTOMER, file, "anna@example.com")
    assert world.summary(file)["withdrawal"]["state"] == "under_way"
    world.run()
    history = "\n".join(world.file(file).history)
    assert "Withdrawal of 2 devices asked for by anna@example.com." in history
    assert "Withdrawal finished: 2 withdrawn, 0 already gone, 0 refused." in history
    told = world.summary(file)["withdrawal"]
    assert (told["state"], told["total"], told["withdrawn"], told["asked_by"]) == (
        "finished",
        2,
        2,
        "anna@example.com",
    )
    assert list(world.journal.withdrawals.in_progress()) == []


def test_a_large_file_is_withdrawn_in_bounded_steps_with_progress_to_be_seen(world: World) -> None:
    count = 2 * DEVICES_IN_A_STEP + 10
    file = _closed(world, numbered(count))
    withdraw(world.pipeline, CUSTOMER, file)
    seen = []
    while world.deliver_next():
        seen.append(_withdrawal(world, file).done)
    assert seen == [DEVICES_IN_A_STEP, 2 * DEVICES_IN_A_STEP, count]
    assert _in_batch(world) == []
    assert len(_results(world, file)) == count


class Slow(Changed):
    """A service that takes a while for each deletion."""

    def __init__(self, real: PartnerCenter, world: World, takes: timedelta) -> None:
        super().__init__(real)
        self._world = world
        self._takes = takes

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        self._world.clock.now += self._takes
        return super().delete_device(customer_id, batch_id, device_id, ids)


def test_a_step_ends_in_time_however_slow_the_service_is_and_keeps_its_claim(world: World) -> None:
    file = _closed(world, numbered(120))
    world.meet(Slow(world.partner_center, world, timedelta(seconds=60)))
    withdraw(world.pipeline, CUSTOMER, file)
    seen = []
    while world.wakeups.waiting:
        began = world.clock.now
        world.deliver_next()
        seen.append(_withdrawal(world, file).done)
        assert world.clock.now - began <= LONGEST_STEP + timedelta(seconds=60)
    assert (seen[:2], seen[-1]) == ([6, 12], 120)
    assert _deletions(world) == 120
    assert {line["notes"] for line in _lines(world, file)} == {""}


def test_a_file_whose_last_step_is_full_ends_with_the_next_one(world: World) -> None:
    file = _closed(world, numbered(DEVICES_IN_A_STEP))
    assert _withdrawn(world, file).withdrawn == DEVICES_IN_A_STEP


def test_a_device_that_was_deleted_by_hand_is_already_gone(world: World) -> None:
    file = _closed(world, numbered(2))
    _delete_by_hand(world, world.rows(file)[0]["device_id"])
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.withdrawn, withdrawal.already_gone) == (1, 1)
    line = _lines(world, file)[0]
    assert line["withdrawal"] == "already_gone"
    assert line["what_to_do"].startswith("Nothing: the device that this file registered is not there any more.")


def _delete_by_hand(world: World, device_id: str) -> None:
    world.partner_center.delete_device(CUSTOMER, "Test", device_id, CallIds(NO_CUSTOMER_ID, NO_CUSTOMER_ID))


def test_a_device_that_a_later_file_registered_again_is_left_alone(world: World) -> None:
    file = _closed(world, numbered(2))
    _delete_by_hand(world, world.rows(file)[0]["device_id"])
    later = _closed(world, numbered(1), f"{CUSTOMER}/Test/later.csv")
    assert world.outcomes(later, f"{CUSTOMER}/Test/later.csv") == ["registered"]
    assert _withdrawn(world, file).already_gone == 1
    assert _in_batch(world) == ["SN-00001"]


# --- devices without an id


def hashes(*serials: str) -> str:
    """A device file with only hashes, which come back from the service without any name."""
    rows = [f",,{build_hash(serial, uuid=None, tpm_key=None)},," for serial in serials]
    return "\r\n".join([HEADER, *rows, ""])


class WithoutIds(Changed):
    """A service that never names the device that it registered."""

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        answer = self.real.batch_job_status(customer_id, tracking_id, ids)
        devices = tuple(
            msgspec.structs.replace(device, device_id=None) for device in answer.details.devices_status or ()
        )
        return replace(answer, details=msgspec.structs.replace(answer.details, devices_status=devices))


def _without_ids(world: World) -> None:
    world.meet(WithoutIds(world.partner_center))


def test_a_device_without_id_is_looked_for_in_its_batch(world: World) -> None:
    _without_ids(world)
    file = _closed(world, numbered(250))
    assert {row["device_id"] for row in world.rows(file)} == {""}
    assert _withdrawn(world, file).withdrawn == 250
    assert all(line["device_id"] for line in _lines(world, file))
    assert _in_batch(world) == []


def test_a_device_without_id_that_is_not_in_its_batch_is_already_gone(world: World) -> None:
    _without_ids(world)
    file = _closed(world, numbered(2))
    (first, _) = world.partner_center.batch_devices(CUSTOMER, "Test", CallIds(NO_CUSTOMER_ID, NO_CUSTOMER_ID))
    _delete_by_hand(world, first.id or "")
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.withdrawn, withdrawal.already_gone) == (1, 1)


def test_a_device_without_id_that_was_registered_again_later_is_left_alone(world: World) -> None:
    _without_ids(world)
    file = _closed(world, numbered(1))
    (first,) = world.partner_center.batch_devices(CUSTOMER, "Test", CallIds(NO_CUSTOMER_ID, NO_CUSTOMER_ID))
    _delete_by_hand(world, first.id or "")
    world.clock.now += timedelta(hours=1)
    _closed(world, numbered(1), f"{CUSTOMER}/Test/later.csv")
    assert _withdrawn(world, file).already_gone == 1
    assert _in_batch(world) == ["SN-00001"]


class Lists(Changed):
    """A service whose batches hold the devices of a test."""

    def __init__(self, real: PartnerCenter, change: Callable[[Device], list[Device]]) -> None:
        super().__init__(real)
        self._change = change

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        for device in self.real.batch_devices(customer_id, batch_id, ids):
            yield from self._change(device)


@pytest.mark.parametrize(
    "change",
    [
        lambda device: [device, msgspec.structs.replace(device, id=NO_CUSTOMER_ID)],
        lambda device: [msgspec.structs.replace(device, uploaded_date=None)],
        lambda device: [msgspec.structs.replace(device, uploaded_date="2020-01-01T00:00:00")],
        lambda device: [msgspec.structs.replace(device, id=None)],
    ],
    ids=["two of that name", "no date", "there before the file", "no id"],
)
def test_a_device_that_is_not_beyond_doubt_is_not_deleted(
    world: World, change: Callable[[Device], list[Device]]
) -> None:
    _without_ids(world)
    file = _closed(world, numbered(1))
    world.meet(Lists(world.partner_center, change))
    assert _withdrawn(world, file).refused == 1
    (line,) = _lines(world, file)
    assert (line["withdrawal"], line["error_code"]) == ("refused", WithdrawalReason.DEVICE_NOT_IDENTIFIED)
    assert line["what_to_do"] == "Delete it in Partner Center by hand if it is there and is the one."
    assert _deletions(world) == 0


def test_devices_of_hashes_alone_are_found_by_the_serial_numbers_in_them(world: World) -> None:
    _without_ids(world)
    file = _closed(world, hashes("HASHED-1", "HASHED-2"))
    assert [(row["outcome"], row["device_id"]) for row in world.rows(file)] == [("registered", "")] * 2
    assert _withdrawn(world, file).withdrawn == 2
    assert _in_batch(world) == []


def test_a_batch_that_cannot_be_listed_now_is_listed_later(world: World) -> None:
    _without_ids(world)
    file = _closed(world, numbered(2))
    world.service.script(Fault.UNAVAILABLE, times=3, operation=Operation.BATCH_DEVICES)
    assert _withdrawn(world, file).withdrawn == 2


# --- the service's answers


class Refuses(Changed):
    """A service that will not delete some devices."""

    def __init__(self, real: PartnerCenter, *ids: str, status: int = 400, code: str | None = "811") -> None:
        super().__init__(real)
        self.ids = set(ids)
        self._status = status
        self._code = code
        self.asked = 0

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        self.asked += 1
        if device_id in self.ids:
            kind = Unauthorised if self._status == 403 else Refused
            raise kind("No.", status=self._status, code=self._code, description="ZtdDeviceRegisteredByOtherTenant")
        return super().delete_device(customer_id, batch_id, device_id, ids)


@pytest.mark.parametrize(("status", "code"), [(400, "811"), (409, None), (404, "60003")])
def test_a_device_that_the_service_will_not_delete_is_refused_in_its_own_words(
    world: World, status: int, code: str | None
) -> None:
    file = _closed(world, numbered(3))
    world.meet(Refuses(world.partner_center, world.rows(file)[1]["device_id"], status=status, code=code))
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.withdrawn, withdrawal.refused) == (2, 1)
    line = _lines(world, file)[1]
    assert (line["withdrawal"], line["error_code"]) == ("refused", code or str(status))
    assert line["error_description"] == "ZtdDeviceRegisteredByOtherTenant"
    assert "request the withdrawal again" in line["what_to_do"]


def test_what_was_refused_is_tried_once_more_when_asked_again(world: World) -> None:
    file = _closed(world, numbered(3))
    service = Refuses(world.partner_center, world.rows(file)[1]["device_id"])
    world.meet(service)
    assert _withdrawn(world, file).refused == 1
    service.ids.clear()
    service.asked = 0
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.run, withdrawal.withdrawn, withdrawal.refused) == (2, 3, 0)
    assert service.asked == 1
    assert _results(world, file) == [("1", "withdrawn"), ("2", "withdrawn"), ("3", "withdrawn")]


def test_devices_without_id_that_were_not_told_apart_are_looked_for_again(world: World) -> None:
    _without_ids(world)
    file = _closed(world, numbered(1))
    service = world.partner_center
    world.meet(Lists(service, lambda device: [msgspec.structs.replace(device, uploaded_date=None)]))
    assert _withdrawn(world, file).refused == 1
    world.meet(service)
    assert _withdrawn(world, file).withdrawn == 1


@pytest.mark.parametrize(
    "fault", [Fault.UNAVAILABLE, Fault.THROTTLE, Fault.UNAUTHORISED, Fault.FORBIDDEN, Fault.DROPPED_BEFORE]
)
def test_what_passes_is_waited_for(world: World, fault: Fault) -> None:
    file = _closed(world, numbered(5))
    world.service.script(fault, times=3, operation=Operation.DELETE_DEVICE)
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.withdrawn, withdrawal.already_gone, withdrawal.refused) == (5, 0, 0)
    assert _in_batch(world) == []


@pytest.mark.parametrize("fault", [Fault.DROPPED_AFTER, Fault.NOT_JSON, Fault.TRUNCATED])
def test_a_deletion_whose_answer_was_lost_counts_as_our_own(world: World, fault: Fault) -> None:
    file = _closed(world, numbered(3))
    world.service.script(fault, operation=Operation.DELETE_DEVICE)
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.withdrawn, withdrawal.already_gone, withdrawal.refused) == (3, 0, 0)
    notes = [line["notes"] for line in _lines(world, file)]
    assert notes[1:] == ["", ""]
    assert notes[0] in ("", SentNote.FIRST_ANSWER_LOST)


class DeletesAndFails(Changed):
    """A service whose gateway gives up although the first device was deleted."""

    failed = False

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        answer = super().delete_device(customer_id, batch_id, device_id, ids)
        if not self.failed:
            self.failed = True
            raise Unavailable("The gateway gave up.", status=504)
        return answer


def test_a_deletion_that_the_gateway_gave_up_on_counts_as_our_own_when_the_device_is_gone(world: World) -> None:
    file = _closed(world, numbered(2))
    world.meet(DeletesAndFails(world.partner_center))
    withdrawal = _withdrawn(world, file)
    assert (withdrawal.withdrawn, withdrawal.already_gone) == (2, 0)
    assert [line["notes"] for line in _lines(world, file)] == [SentNote.FIRST_ANSWER_LOST, ""]


class Forgetful(Changed):
    """A service that does not recognise repeated requests, and answers each deletion according to a script."""

    def __init__(self, real: PartnerCenter, *script: BaseException | None) -> None:
        """For each deletion in turn: `None` deletes, an exception is raised, `AnswerLost` is raised after deleting."""
        super().__init__(real)
        self._script = list(script)

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        told = self._script.pop(0) if self._script else None
        if told is not None and not isinstance(told, AnswerLost):
            raise told
        answer = super().delete_device(customer_id, batch_id, device_id, replace(ids, request_id=str(uuid4())))
        if told is not None:
            raise told
        return answer


@pytest.mark.parametrize(
    "between", [Throttled("Slower.", retry_after=timedelta(seconds=5)), NeverSent("No route."), Unavailable("Later.")]
)
def test_a_lost_answer_is_remembered_whatever_the_repeat_is_told(world: World, between: PartnerCenterError) -> None:
    file = _closed(world, numbered(2))
    world.meet(Forgetful(world.partner_center, AnswerLost("Lost."), between))
    _withdrawn(world, file)
    assert [(line["withdrawal"], line["notes"]) for line in _lines(world, file)] == [
        ("withdrawn", SentNote.FIRST_ANSWER_LOST),
        ("withdrawn", ""),
    ]


def test_what_an_owner_who_died_may_have_deleted_is_remembered_when_the_next_one_is_stopped(world: World) -> None:
    file = _closed(world, numbered(4))
    world.meet(Forgetful(world.partner_center, None, None, KeyboardInterrupt(), NeverSent("No route.")))
    withdraw(world.pipeline, CUSTOMER, file)
    waiting = list(world.wakeups.waiting)
    with pytest.raises(KeyboardInterrupt):
        world.deliver_next()
    world.wakeups.waiting[:] = waiting
    world.run()
    assert [(line["withdrawal"], line["notes"]) for line in _lines(world, file)] == [
        *[("withdrawn", SentNote.FIRST_ANSWER_LOST)] * 2,
        *[("withdrawn", "")] * 2,
    ]


def test_a_device_whose_deletion_was_never_sent_is_not_claimed_as_our_own(world: World) -> None:
    file = _closed(world, numbered(3))
    world.service.script(Fault.UNAVAILABLE, operation=Operation.DELETE_DEVICE)
    withdraw(world.pipeline, CUSTOMER, file)
    world.deliver_next()
    _delete_by_hand(world, world.rows(file)[1]["device_id"])
    world.run()
    assert _results(world, file) == [("1", "withdrawn"), ("2", "already_gone"), ("3", "withdrawn")]


def test_a_wake_up_of_yesterday_does_not_shorten_the_waiting(world: World) -> None:
    file = _closed(world, numbered(3))
    world.service.script(Fault.UNAVAILABLE, times=5, operation=Operation.DELETE_DEVICE)
    withdraw(world.pipeline, CUSTOMER, file)
    ((_, first),) = world.wakeups.waiting
    world.deliver_next()
    waiting = list(world.wakeups.waiting)
    before = _withdrawal(world, file)
    assert isinstance(first, WithdrawalWakeUp)
    assert withdraw_further(world.pipeline, first) is None
    assert (_withdrawal(world, file), world.wakeups.waiting) == (before, waiting)


def test_an_outage_of_days_costs_waiting_only(world: World) -> None:
    file = _closed(world, numbered(3))
    world.service.script(Fault.UNAVAILABLE, times=150)
    before = world.wakeups.sent
    assert _withdrawn(world, file).withdrawn == 3
    assert world.wakeups.sent - before < 170


def test_throttling_closes_the_gate_of_the_customer(world: World) -> None:
    file = _closed(world, numbered(3))
    world.service.script(Fault.THROTTLE, operation=Operation.DELETE_DEVICE)
    withdraw(world.pipeline, CUSTOMER, file)
    world.deliver_next()
    assert list(world.journal.gates.closed()) == [customer_scope(CUSTOMER)]
    assert _withdrawal(world, file).last_answer is not None
    deletions = _deletions(world)
    world.run()
    assert world.journal.gates.closed() == {}
    assert _deletions(world) - deletions == 3


def test_a_batch_that_may_not_be_searched_for_an_hour_closes_the_gate_of_the_customer(world: World) -> None:
    _without_ids(world)
    file = _closed(world, numbered(3))
    withdraw(world.pipeline, CUSTOMER, file)
    throttled = Throttled("Too many requests.", status=429, retry_after=timedelta(hours=1))
    world.meet(ListsNothing(world.partner_center, throttled))
    world.deliver_next()
    assert list(world.journal.gates.closed()) == [customer_scope(CUSTOMER)]
    start = world.clock()
    world.run()
    assert world.clock() - start >= timedelta(hours=1)
    assert _withdrawal(world, file).withdrawn == 3


class ListsNothing(Changed):
    """A service whose first list of a batch's devices fails."""

    def __init__(self, real: PartnerCenter, error: PartnerCenterError) -> None:
        super().__init__(real)
        self._errors = [error]

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        if self._errors:
            raise self._errors.pop()
        return super().batch_devices(customer_id, batch_id, ids)


def test_what_is_forbidden_for_good_is_refused_after_some_hours_and_keeps_nobody_waiting(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    file = _closed(world, numbered(40))
    service = Refuses(world.partner_center, *(row["device_id"] for row in world.rows(file)), status=403, code=None)
    world.meet(service)
    began = world.clock.now
    with caplog.at_level(logging.ERROR):
        withdrawal = _withdrawn(world, file)
    assert withdrawal.refused == 40
    assert service.asked == 40 + MOST_SET_ASIDE * (MOST_FORBIDDEN - 1)
    assert timedelta(minutes=5) < world.clock.now - began < timedelta(hours=4)
    assert len(caplog.records) == 1


def test_while_sending_is_paused_nothing_is_deleted(world: World) -> None:
    file = _closed(world, numbered(2))
    withdraw(world.pipeline, CUSTOMER, file)
    going = world.pipeline
    world.pipeline = world.pipeline_with(settings=replace(world.settings, paused=True))
    for _ in range(3):
        assert world.deliver_next()
    assert _deletions(world) == 0
    assert _withdrawal(world, file).last_answer == "Sending is paused (setting PAUSED)."
    world.pipeline = going
    world.run()
    assert _withdrawal(world, file).withdrawn == 2


# --- lost, doubled, late


class AskedMeanwhile:
    """A journal in which a new request arrives just before or after a file is removed from the index."""

    def __init__(self, world: World, identifier: str, *, before: bool) -> None:
        self._real = world.journal.withdrawals.end
        self._world, self._identifier, self._before = world, identifier, before
        self._asked = False

    def __call__(self, file_id: str) -> None:
        if not self._before:
            self._real(file_id)
        if not self._asked:
            self._asked = True
            assert withdraw(self._world.pipeline, CUSTOMER, self._identifier).is_new
        if self._before:
            self._real(file_id)


@pytest.mark.parametrize("before", [True, False])
def test_who_asks_anew_while_a_run_ends_is_found_by_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch, *, before: bool
) -> None:
    file = _closed(world, numbered(2))
    world.meet(Forgetful(world.partner_center, Refused("No.", status=400)))
    withdraw(world.pipeline, CUSTOMER, file)
    monkeypatch.setattr(world.journal.withdrawals, "end", AskedMeanwhile(world, file, before=before))
    world.deliver_next()
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    sweep(world.pipeline)
    world.run()
    assert (_withdrawal(world, file).state, _withdrawal(world, file).refused) == (WithdrawalState.FINISHED, 0)
    assert list(world.journal.withdrawals.in_progress()) == []


def test_every_wake_up_twice_changes_nothing(world: World) -> None:
    file = _closed(world, numbered(DEVICES_IN_A_STEP + 5))
    withdraw(world.pipeline, CUSTOMER, file)
    while world.wakeups.waiting:
        world.wakeups.waiting.append(world.wakeups.waiting[0])
        world.deliver_next()
        world.deliver_next()
    assert _deletions(world) == DEVICES_IN_A_STEP + 5
    assert _withdrawal(world, file).withdrawn == DEVICES_IN_A_STEP + 5


def test_a_wake_up_that_names_no_withdrawal_is_left(world: World) -> None:
    file = _closed(world, numbered(1))
    for identifier in (file, NO_CUSTOMER_ID):
        assert (
            withdraw_further(world.pipeline, WithdrawalWakeUp(customer_id=CUSTOMER, file_id=identifier, sequence=0))
            is None
        )


def test_a_wake_up_that_finds_a_live_claim_rings_again_when_it_expires(world: World) -> None:
    file = _closed(world, numbered(1))
    withdraw(world.pipeline, CUSTOMER, file)
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    held = msgspec.structs.replace(_withdrawal(world, file), claimed_until=world.clock.now + timedelta(seconds=200))
    world.journal.files.change(stored, msgspec.structs.replace(stored.record, withdrawal=held))
    world.deliver_next()
    assert _deletions(world) == 0
    ((due, _),) = world.wakeups.waiting
    assert due == world.clock.now + timedelta(seconds=200)


def test_a_file_that_is_being_withdrawn_is_not_forgotten_before_that_is_done(world: World) -> None:
    file = _closed(world, numbered(1))
    withdraw(world.pipeline, CUSTOMER, file)
    world.wakeups.waiting.clear()
    world.clock.now += world.settings.retention + timedelta(days=2)
    assert sweep(world.pipeline).forgotten_files == 0
    world.run()
    assert _withdrawal(world, file).withdrawn == 1
    assert sweep(world.pipeline).forgotten_files == 1
    assert list(world.journal.withdrawals.devices(f"{file}.1", 1, 1)) == []


def test_a_file_may_be_sent_again_and_withdrawn(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60))
    file = _closed(world, tuples(["FINE-1", "STANDIN-StorageError-1"]))
    withdraw(world.pipeline, CUSTOMER, file)
    again = retry(world.pipeline, CUSTOMER, file)
    world.receive(again.path or "")
    world.run()
    assert _withdrawal(world, file).withdrawn == 1
    assert world.file(file).retry == again.file_id
    assert world.summary(file)["retry_file_id"] == again.file_id
    assert world.summary(file)["withdrawal"]["state"] == "finished"
    assert _in_batch(world) == ["STANDIN-StorageError-1"]


class ThrottlesWhileTheFileChanges(Changed):
    """A service that throttles a deletion, while another worker changes the record of the file."""

    def __init__(self, real: PartnerCenter, change: Callable[[], None]) -> None:
        super().__init__(real)
        self._change = change

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:  # noqa: ARG002
        self._change()
        raise Throttled("Slow down.", status=429, retry_after=timedelta(minutes=10))


def test_a_requested_pause_holds_though_the_record_of_the_file_was_changed_meanwhile(world: World) -> None:
    file = _closed(world, numbered(3))

    def change_meanwhile() -> None:
        stored = world.journal.files.get(CUSTOMER, file)
        assert stored is not None
        changed = msgspec.structs.replace(stored.record, webhook_told_at=world.clock())
        world.journal.files.change(stored, changed)

    withdraw(world.pipeline, CUSTOMER, file)
    world.meet(ThrottlesWhileTheFileChanges(world.partner_center, change_meanwhile))
    world.deliver_next()
    assert list(world.journal.gates.closed()) == [customer_scope(CUSTOMER)]
