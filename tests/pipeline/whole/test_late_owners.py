"""Owners that die, fail or come late between any two effects: every lasting effect happens once, and none is undone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar, cast

import msgspec
import pytest

from local.in_memory_storage import InMemoryContainer, InMemoryTable
from local.partner_center import Behaviour, Fault, Operation
from shared.partner_center.client import Accepted, CallIds, JobAnswer, PartnerCenter
from shared.partner_center.errors import Refused
from shared.partner_center.models import Device, DeviceBatch
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.retry import retry
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.process_cache import ProcessCache
from shared.pipeline.submissions import follow_ups
from shared.pipeline.submissions.advance import advance
from shared.pipeline.submissions.contents import BlobMissing
from shared.pipeline.submissions.follow_ups import wake_up_of
from shared.pipeline.sweep import sweep
from shared.storage.blobs import VersionGone
from shared.storage.files import Files
from shared.storage.journal import Journal, TableName
from shared.storage.outcomes import Outcomes
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.storage.submissions import Submissions
from shared.storage.tables import EntityChanged, EntityExists, Query, Table
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import FileState, SubmissionState, WithdrawalState
from tests.device_files.hash_builder import build_hash
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered, tuples

PATH = f"{CUSTOMER}/Test/devices.csv"
IDS = CallIds("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")

EFFECTS = frozenset(
    {
        "insert",
        "replace",
        "change_together",
        "upsert",
        "delete",
        "remove",
        "write",
        "write_new",
        "write_newer",
        "copy_from",
        "send",
        "create_batch",
        "append_devices",
        "delete_device",
    }
)
"""The methods of tables, containers, wake-ups and the service that change anything."""

CONDITIONAL = frozenset({"insert", "replace", "change_together", "remove"})

Part = TypeVar("Part")


class Died(BaseException):
    """The process was killed."""


@dataclass(slots=True)
class Moments:
    """Counts the effects; an event happens before, or after, the effect numbered `at`."""

    at: int
    before: Callable[[], None] = lambda: None
    after: Callable[[str], None] = lambda _: None
    seen: int = 0
    effect: str = "none"

    def call(self, name: str, effect: Callable[..., Any], *arguments: Any) -> Any:
        self.seen += 1
        is_it = self.seen == self.at
        if is_it:
            self.effect = f"{name} {arguments[0] if arguments else ''}"[:200]
            self.before()
        result = effect(*arguments)
        if is_it:
            self.after(name)
        return result


@dataclass(slots=True)
class _Watched:
    part: Any
    moments: Moments

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.part, name)
        if name not in EFFECTS:
            return method
        return lambda *arguments: self.moments.call(name, method, *arguments)


def _watched(part: Part, moments: Moments) -> Part:
    """`part`, each effect of which is a moment."""
    return cast("Part", _Watched(part, moments))


class RefusesOne(Changed):
    """A service that refuses every request with a certain serial number."""

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        _refuse(devices)
        return super().append_devices(customer_id, batch_id, devices, ids)

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        _refuse(devices)
        return super().create_batch(customer_id, batch_id, devices, ids)


def _refuse(devices: bytes) -> None:
    if b"BAD" in devices:
        raise Refused("Refused.", status=400, code="800002", description="Invalid request input")


@dataclass(slots=True)
class House:
    """A world whose parts can be watched."""

    world: World
    tables: dict[TableName, Table] = field(default_factory=lambda: {name: InMemoryTable() for name in TableName})

    def __post_init__(self) -> None:
        self.world.journal = Journal(self.tables.__getitem__)
        self.world.meet(RefusesOne(self.world.partner_center))

    def watched(self, moments: Moments) -> Pipeline:
        """The pipeline of an owner to whom something happens."""
        pipeline = self.world.pipeline
        return replace(
            pipeline,
            journal=Journal(lambda name: _watched(self.tables[name], moments)),
            private=_watched(pipeline.private, moments),
            results=_watched(pipeline.results, moments),
            drop=_watched(pipeline.drop, moments),
            wakeups=_watched(pipeline.wakeups, moments),
            events=_watched(pipeline.events, moments),
            partner_center=_watched(pipeline.partner_center, moments),
            cache=ProcessCache(),
        )

    def take_the_whole_way(self, path: str, moments: Moments) -> None:
        """One owner receives the file and takes it to its end, unless something happens to it."""
        others = self.world.pipeline
        self.world.pipeline = self.watched(moments)
        try:
            self.world.receive(path)
            self.world.run()
        finally:
            self.world.pipeline = others

    def withdraw(self, file: str, moments: Moments) -> None:
        """One owner requests the withdrawal of a file and takes it to its end, unless something happens to it."""
        others = self.world.pipeline
        self.world.pipeline = self.watched(moments)
        try:
            withdraw(self.world.pipeline, CUSTOMER, file)
            self.world.run()
        finally:
            self.world.pipeline = others


def _do_the_rest(world: World) -> None:
    """The claims expire, and other instances do the remaining work."""
    for _ in range(4):
        world.clock.now += world.settings.advanced.claim * 2 + timedelta(minutes=3)
        sweep(world.pipeline)
        world.run()


def _do_one_thing(world: World) -> None:
    """The claims expire, and another instance starts the remaining work."""
    world.clock.now += world.settings.advanced.claim * 2 + timedelta(minutes=3)
    sweep(world.pipeline)
    world.deliver_next()


def _by_others(house: House, do: Callable[[World], None]) -> Callable[[], None]:
    """The actions of others while an owner stalls."""
    world, others = house.world, house.world.pipeline

    def done() -> None:
        mine, world.pipeline = world.pipeline, others
        try:
            do(world)
        finally:
            world.pipeline = mine

    return done


def _die() -> None:
    raise Died


def _fail() -> None:
    raise OSError("storage does not answer")


def _meet_its_own_change(effect: str) -> None:
    """The answer of a conditional change is lost; the client repeats it and finds its own change."""
    if effect == "insert":
        raise EntityExists("It took effect, but looks as if someone else had been first.")
    if effect in CONDITIONAL:
        raise EntityChanged("It took effect, but looks as if someone else had been first.")


MISHAPS: dict[str, Callable[[House, int], Moments]] = {
    "it dies": lambda _, at: Moments(at, before=_die),
    "storage fails": lambda _, at: Moments(at, before=_fail),
    "the answer fails": lambda _, at: Moments(at, after=lambda _: _fail()),
    "it meets its own change": lambda _, at: Moments(at, after=_meet_its_own_change),
    "others do one thing": lambda house, at: Moments(at, before=_by_others(house, _do_one_thing)),
    "others do the rest": lambda house, at: Moments(at, before=_by_others(house, _do_the_rest)),
}
"""The events that befall an owner at one of its effects."""


def _effects(mishap: str, *, campaign: bool) -> Iterator[int]:
    """The effects at which it happens: every third, for each mishap from another one; in a campaign all."""
    step = 1 if campaign else 3
    return count(1 + list(MISHAPS).index(mishap) % step, step)


def _file_of_every_kind(number: int) -> str:
    """Read twice, since its last row is the better record of its first; then two submissions, one of them halved."""
    rows = [
        f"A{number},,,Contoso,Laptop 7",
        f"B{number},,,Contoso,Laptop 7",
        f"BAD{number},,,Contoso,Laptop 7",
        ",,,Contoso,Laptop 7",
        f"C{number},,,Contoso,Laptop 7",
        f"A{number},,{build_hash(f'A{number}', uuid=None, tpm_key=None)},,",
    ]
    return "\r\n".join([HEADER, *rows, ""])


ENDS = ["duplicate", "registered", "failed", "rejected", "registered", "registered"]


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_happens_to_an_owner_at_any_of_its_effects_every_row_ends_once(
    make_world: MakeWorld, mishap: str, campaign: bool
) -> None:
    told_twice: list[str] = []
    house = House(make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="2"))
    world = house.world
    for at in _effects(mishap, campaign=campaign):
        path = f"{CUSTOMER}/Batch {at}/devices.csv"
        file = world.put(_file_of_every_kind(at), path)
        moments = MISHAPS[mishap](house, at)
        with suppress(Died, OSError, EntityExists):
            house.take_the_whole_way(path, moments)
        _do_the_rest(world)
        place = f"{mishap} at effect {at}: {moments.effect}"
        assert world.outcomes(file, path) == ENDS, place
        assert _as_journaled(world, file) == ENDS, place
        assert world.summary(file, path)["state"] == "closed", place
        assert not world.journal.files.is_open(file), place
        assert world.service.report()["devicesPostedMoreThanOnce"] == {}, place
        events = world.events.of(file)
        assert {event["id"] for event in events} == {events[0]["id"]}, place
        if len(events) > 1:
            told_twice.append(place)
        if moments.seen < at:
            break
    # Only an owner that stops between sending the event and entering the file in the index by time is followed by one
    # that sends it again.
    assert len(told_twice) <= 2, told_twice


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_happens_to_who_withdraws_a_file_every_device_of_it_is_deleted_and_said_to_be(
    make_world: MakeWorld, mishap: str, campaign: bool
) -> None:
    house = House(make_world(Behaviour(delay=60)))
    world = house.world
    for at in _effects(mishap, campaign=campaign):
        path = f"{CUSTOMER}/Batch {at}/devices.csv"
        file = world.drop_file(tuples([f"A{at}", f"STANDIN-808-{at}", f"B{at}", f"C{at}"]), path)
        world.run()
        before = world.rows(file, path)
        moments = MISHAPS[mishap](house, at)
        with suppress(Died, OSError, EntityExists):
            house.withdraw(file, moments)
        place = f"{mishap} at effect {at}: {moments.effect}"
        # A person whose request was not answered repeats it.
        withdraw(world.pipeline, CUSTOMER, file)
        _do_the_rest(world)
        stored = world.journal.files.get(CUSTOMER, file)
        assert stored is not None
        withdrawal = stored.record.withdrawal
        assert withdrawal is not None
        assert (withdrawal.state, withdrawal.run) == (WithdrawalState.FINISHED, 1), place
        assert (withdrawal.total, withdrawal.withdrawn) == (3, 3), place
        known = [str(each.record.result) for each in world.journal.withdrawals.devices(f"{file}.1", 1, 4)]
        assert known == ["withdrawn"] * 3, place
        lines = (world.results.read(f"{world.folder(file, path)}/withdrawals.csv") or b"").decode().splitlines()
        assert [line.split(",")[7] for line in lines[1:]] == ["withdrawn"] * 3, place
        assert list(world.partner_center.batch_devices(CUSTOMER, f"Batch {at}", IDS)) == [], place
        assert world.rows(file, path) == before, place
        assert world.summary(file, path)["withdrawal"]["state"] == "finished", place
        assert list(world.journal.withdrawals.in_progress()) == [], place
        if moments.seen < at:
            return


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_happens_to_who_moves_devices_each_of_them_stands_under_the_new_batch_in_the_end(
    make_world: MakeWorld, mishap: str, campaign: bool
) -> None:
    house = House(make_world(Behaviour(delay=60)))
    world = house.world
    for at in _effects(mishap, campaign=campaign):
        world.drop_file(tuples([f"A{at}", f"B{at}"]), f"{CUSTOMER}/Old {at}/devices.csv")
        world.run()
        path = f"move-devices/{CUSTOMER}/New {at}/move.csv"
        file = world.put(tuples([f"A{at}", f"B{at}", f"C{at}"]), path)
        moments = MISHAPS[mishap](house, at)
        with suppress(Died, OSError, EntityExists):
            house.take_the_whole_way(path, moments)
        _do_the_rest(world)
        place = f"{mishap} at effect {at}: {moments.effect}"
        ended = [(row["outcome"], row["moved_from"]) for row in world.rows(file, path)]
        assert ended == [("registered", f"Old {at}"), ("registered", f"Old {at}"), ("registered", "")], place
        assert list(world.partner_center.batch_devices(CUSTOMER, f"Old {at}", IDS)) == [], place
        moved = world.partner_center.batch_devices(CUSTOMER, f"New {at}", IDS)
        assert {device.serial_number for device in moved} == {f"A{at}", f"B{at}", f"C{at}"}, place
        assert world.summary(file, path)["state"] == "closed", place
        if moments.seen < at:
            return


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_happens_to_who_sends_rows_again_they_are_sent_again_once(
    make_world: MakeWorld, mishap: str, campaign: bool
) -> None:
    house = House(make_world(Behaviour(delay=60)))
    world = house.world
    for at in _effects(mishap, campaign=campaign):
        path = f"{CUSTOMER}/Batch {at}/devices.csv"
        file = world.drop_file(tuples([f"A{at}", f"STANDIN-StorageError-{at}"]), path)
        world.run()
        moments = MISHAPS[mishap](house, at)
        with suppress(Died, OSError, EntityExists, Conflict):
            retry(house.watched(moments), CUSTOMER, file)
        place = f"{mishap} at effect {at}: {moments.effect}"
        again = retry(world.pipeline, CUSTOMER, file)
        _do_the_rest(world)
        children = [each for each in world.journal.files.with_id_prefix(CUSTOMER, "") if each.parent == file]
        assert [child.file_id for child in children] == [again.file_id], place
        assert world.outcomes(children[0].file_id, children[0].path) == ["registered"], place
        stored = world.journal.files.get(CUSTOMER, file)
        assert stored is not None
        assert stored.record.retry == again.file_id, place
        assert sum("sent again" in sentence for sentence in stored.record.history) == 1, place
        assert world.summary(file, path)["retry_file_id"] == again.file_id, place
        if moments.seen < at:
            return


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_happens_to_an_owner_of_submissions_that_share_messages_every_row_ends_once(
    make_world: MakeWorld, mishap: str, campaign: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_ups, "LAST_ALONE", 0)
    house = House(make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="2", INLINE_SUBMISSIONS="0"))
    world, rows = house.world, 4
    for at in _effects(mishap, campaign=campaign):
        path = f"{CUSTOMER}/Batch {at}/devices.csv"
        file = world.put(tuples([f"S{at}-{row}" for row in range(rows)]), path)
        moments = MISHAPS[mishap](house, at)
        with suppress(Died, OSError, EntityExists, ExceptionGroup):
            house.take_the_whole_way(path, moments)
        _do_the_rest(world)
        place = f"{mishap} at effect {at}: {moments.effect}"
        assert world.outcomes(file, path) == ["registered"] * rows, place
        assert _as_journaled(world, file) == ["registered"] * rows, place
        assert not world.journal.files.is_open(file), place
        assert world.service.report()["devicesPostedMoreThanOnce"] == {}, place
        if moments.seen < at:
            return


@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_happens_to_the_owner_of_a_file_that_cannot_be_read_it_is_rejected_with_its_results(
    make_world: MakeWorld, mishap: str, campaign: bool
) -> None:
    house = House(make_world())
    world = house.world
    for at in _effects(mishap, campaign=campaign):
        path = f"{CUSTOMER}/Batch {at}/devices.csv"
        file = world.put("no device in here", path)
        moments = MISHAPS[mishap](house, at)
        with suppress(Died, OSError, EntityExists):
            house.take_the_whole_way(path, moments)
        _do_the_rest(world)
        place = f"{mishap} at effect {at}: {moments.effect}"
        assert world.rows(file, path) == [], place
        assert world.summary(file, path)["state"] == "rejected", place
        assert not world.journal.files.is_open(file), place
        if moments.seen < at:
            return


def test_a_sweep_that_dies_while_it_forgets_a_file_is_followed_by_one_that_forgets_the_rest(
    make_world: MakeWorld,
) -> None:
    house = House(make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="2"))
    world = house.world
    for at in count(1):
        path = f"{CUSTOMER}/Batch {at}/devices.csv"
        file = world.drop_file(_file_of_every_kind(at), path)
        world.run()
        world.clock.now += world.settings.retention + timedelta(days=2)
        moments = Moments(at, before=_die)
        with suppress(Died):
            sweep(house.watched(moments))
        sweep(world.pipeline)
        place = f"effect {at}: {moments.effect}"
        assert world.journal.files.get(CUSTOMER, file) is None, place
        assert list(world.private.versions(f"{file}/")) == [], place
        # A batch's record stays, with the name of the submission that found it.
        naming = [name for name in TableName if name is not TableName.BATCHES and _names(house.tables[name], file)]
        assert naming == [], place
        assert world.wakeups.waiting == [], place
        if moments.seen < at:
            return


def _names(table: Table, file: str) -> bool:
    """Whether a row of `table` names the file."""
    return any(file in str(entity.values) for entity in table.query(Query()))


def _as_journaled(world: World, file: str) -> list[str]:
    """The outcomes of the final reading in the journal."""
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    return [
        outcome.outcome
        for outcome in world.journal.outcomes.of_rows(stored.record.reading_id, 1, stored.record.read_counts.total)
    ]


# --- how long work waits after a kill

SWEEP = timedelta(minutes=5)
LONGEST_WAIT = timedelta(minutes=10)
"""A claim, and the time until the next sweep."""


class Changes(Moments):
    """Counts the effects, without messages that only put work off."""

    def call(self, name: str, effect: Callable[..., Any], *arguments: Any) -> Any:
        self.seen += name != "send"
        return effect(*arguments)


def _until_work_goes_on(house: House, first_sweep: timedelta, *, ended: Callable[[], bool]) -> timedelta:
    """The time until another worker changes anything, where a sweep runs every five minutes; none if all has ended.

    The message that the killed worker held never comes back.
    """
    world, killed_at = house.world, house.world.clock.now
    next_sweep, others = killed_at + first_sweep, world.pipeline
    while not ended():
        due = min((due_at for due_at, _ in world.wakeups.waiting), default=None)
        if due is None or due > next_sweep:
            world.clock.now = max(world.clock.now, next_sweep)
            sweep(world.pipeline)
            next_sweep += SWEEP
            continue
        changes = Changes(0)
        world.pipeline = house.watched(changes)
        try:
            world.deliver_next()
        finally:
            world.pipeline = others
        if changes.seen:
            return world.clock.now - killed_at
    return timedelta()


def wait_after_kill(house: House, at: int, first_sweep: timedelta) -> timedelta | None:
    """The wait after a kill before the effect `at` of a file's owner, or None if it has fewer effects.

    The next sweep comes `first_sweep` after the kill.
    """
    world, path = house.world, PATH
    file = world.put(tuples(["A", "BAD", "C"]), path)
    moments = Moments(at, before=_die)
    with suppress(Died):
        house.take_the_whole_way(path, moments)

    def has_ended() -> bool:
        stored = world.journal.files.get(CUSTOMER, file)
        return stored is not None and stored.record.state.is_final and not world.journal.files.is_open(file)

    return None if moments.seen < at else _until_work_goes_on(house, first_sweep, ended=has_ended)


@pytest.mark.parametrize("first_sweep", [1, 299])
@pytest.mark.parametrize("inline", ["0", "1"])
def test_a_kill_at_any_moment_delays_the_work_by_a_claim_and_a_sweep(
    make_world: MakeWorld, first_sweep: int, inline: str, campaign: bool
) -> None:
    for at in count(1) if campaign else count(1 + first_sweep // 299, 2):
        house = House(make_world(Behaviour(delay=60), INLINE_SUBMISSIONS=inline))
        waited = wait_after_kill(house, at, timedelta(seconds=first_sweep))
        if waited is None:
            break
        assert waited <= LONGEST_WAIT, f"{waited} after a kill before effect {at}"


# --- one at a time


class DiesAfterSending(Changed):
    """A service whose caller is killed after the service has accepted the devices."""

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        super().append_devices(customer_id, batch_id, devices, ids)
        raise Died


def test_a_post_whose_owner_died_counts_as_one_whose_answer_was_lost(make_world: MakeWorld) -> None:
    world = _world_with_a_batch(make_world, INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(3))
    service = world.partner_center
    world.meet(DiesAfterSending(service))
    with pytest.raises(Died):
        world.deliver_next()
    world.meet(service)
    world.service.script(Fault.FORGET_REQUEST_IDS, operation=Operation.APPEND_DEVICES)
    _do_the_rest(world)
    assert {(row["outcome"], row["notes"]) for row in world.rows(file)} == {("registered", "first_answer_lost")}


class StallsAtDeadline(Changed):
    """A service that gives no verdict and whose batch lags behind; while it is read, others finish the submission."""

    def __init__(self, real: PartnerCenter, others: Callable[[], None]) -> None:
        super().__init__(real)
        self._others = others

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        answer = super().batch_job_status(customer_id, tracking_id, ids)
        return replace(answer, details=msgspec.structs.replace(answer.details, devices_status=()))

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:  # noqa: ARG002
        self._others()
        return iter(())


def test_who_gives_up_on_a_submission_that_a_doubled_message_finished_writes_nothing(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), OUTCOME_DEADLINE_HOURS="1", INLINE_SUBMISSIONS="1")
    file = world.drop_file(numbered(2))
    world.clock.now += timedelta(hours=2)
    wake_up = wake_up_of(world.submission(file).record)
    others = world.pipeline
    world.meet(StallsAtDeadline(world.partner_center, lambda: _advance_to_final(others, wake_up)))
    assert advance(world.pipeline, wake_up) is None
    assert world.outcomes(file) == ["registered"] * 2
    assert _as_journaled(world, file) == ["registered"] * 2


def _advance_to_final(pipeline: Pipeline, wake_up: SubmissionWakeUp) -> None:
    assert advance(pipeline, wake_up) is SubmissionState.FINISHED


class ListsLate(Changed):
    """A service that lists the batches so late that other workers have taken over, and then refuses the customer."""

    def __init__(self, real: PartnerCenter, others: Callable[[], None]) -> None:
        super().__init__(real)
        self._others = others

    def device_batches(self, customer_id: str, ids: CallIds) -> tuple[DeviceBatch, ...]:  # noqa: ARG002
        self._others()
        raise Refused("Refused.", status=404, code="60003", description="Invalid customer")


def test_who_is_refused_after_others_took_over_writes_nothing(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(2))
    service, wake_up = world.partner_center, wake_up_of(world.submission(file).record)

    def others() -> None:
        world.meet(service)
        world.clock.now += world.settings.advanced.claim * 2
        advance(world.pipeline, wake_up)
        world.run()

    world.meet(ListsLate(service, others))
    assert advance(world.pipeline, wake_up) is None
    assert world.outcomes(file) == ["registered"] * 2
    assert _as_journaled(world, file) == ["registered"] * 2


def test_a_request_body_that_was_changed_is_not_sent(make_world: MakeWorld) -> None:
    world = _world_with_a_batch(make_world, INLINE_SUBMISSIONS="0")
    file = world.drop_file(numbered(2))
    other = b'[{"serialNumber":"OTHER","oemManufacturerName":"LENOVO","modelName":"21R3001BUK"}]'
    world.lose_content(file)
    world.private.put(world.submission(file).record.payload, other)
    with pytest.raises(BlobMissing, match=r"missing or was changed. Restore it"):
        world.run()
    assert not any("OTHER" in device for device in world.service.report()["devices"])


class AnswersLate(Changed):
    """A service whose refusal arrives when the caller's claim has nearly expired."""

    def __init__(self, real: PartnerCenter, world: World) -> None:
        super().__init__(real)
        self._world = world

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:  # noqa: ARG002
        self._world.clock.now += self._world.settings.advanced.claim - timedelta(seconds=1)
        raise Refused("Refused.", status=400, code="12345", description="Invalid request input")


class TellsTheClaim(Outcomes):
    """Outcomes that record the end of the claim of the submission whose outcomes were written last."""

    def __init__(self, submissions: Submissions) -> None:
        super().__init__(InMemoryTable(), InMemoryTable())
        self._submissions = submissions
        self.claimed_until: datetime | None = None

    def write(self, outcomes: Iterable[DeviceOutcome]) -> None:
        written = list(outcomes)
        super().write(written)
        last = written[-1] if written else None
        if last is not None and (stored := self._submissions.get(last.reading_id, last.submission)) is not None:
            self.claimed_until = stored.record.claimed_until


def test_outcomes_are_written_under_a_claim_that_is_not_about_to_end(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    outcomes = TellsTheClaim(world.journal.submissions)
    world.journal.outcomes = outcomes
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    world.meet(AnswersLate(world.partner_center, world))
    world.drop_file(numbered(2))
    world.deliver_next()
    assert outcomes.claimed_until is not None
    assert outcomes.claimed_until - world.clock() >= world.settings.advanced.claim / 2


class ChangedUnderItsReader(InMemoryContainer):
    """A container whose copy is overwritten while its first reader reads it."""

    reads = 0

    def stream(self, path: str) -> Iterator[bytes]:
        self.reads += 1
        for number, piece in enumerate(super().stream(path)):
            if self.reads == 1 and number == 1:
                self.put(path, self.read(path) or b"")
            yield piece


def test_a_copy_that_changes_under_its_reader_is_read_anew_and_not_gone(world: World) -> None:
    world.private = ChangedUnderItsReader({"device-files": world.drop})
    world.pipeline = world.pipeline_with()
    file = world.put(numbered(200))
    with pytest.raises(VersionGone):
        world.receive()
    world.receive()
    world.run()
    assert world.outcomes(file) == ["registered"] * 200
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}


class DiesBeforeItIsRead(Files):
    """Files whose user is killed after everything is journaled, just before the file becomes `read`."""

    def change(self, stored: Stored[DeviceFile], changed: DeviceFile) -> Stored[DeviceFile]:
        if changed.state is FileState.READ:
            raise Died
        return super().change(stored, changed)


def test_submissions_of_an_abandoned_reading_are_never_sent_and_keep_no_file_open(make_world: MakeWorld) -> None:
    house = House(make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="10"))
    world = house.world
    file, others = world.put(numbered(35)), world.pipeline
    dying = Journal(house.tables.__getitem__)
    tables = (TableName.DEVICE_FILES, TableName.OPEN_FILES, TableName.FILES_BY_TIME)
    dying.files = DiesBeforeItIsRead(*(house.tables[name] for name in tables))
    world.pipeline = replace(others, journal=dying, cache=ProcessCache())
    with pytest.raises(Died):
        world.receive()
    world.pipeline = others
    abandoned = [stored.record for stored in world.journal.submissions.of_reading(f"{file}.1")]
    assert abandoned
    for _ in range(3):
        for submission in abandoned:
            world.wakeups.send(wake_up_of(submission))
        _do_the_rest(world)
    assert world.summary(file)["state"] == "closed"
    assert world.outcomes(file) == ["registered"] * 35
    assert world.service.report()["devicesPostedMoreThanOnce"] == {}
    assert [stored.record for stored in world.journal.submissions.of_reading(f"{file}.1")] == abandoned


def _world_with_a_batch(make_world: MakeWorld, **settings: str) -> World:
    """A world in which the batch exists, so that devices are appended."""
    world = make_world(Behaviour(delay=60), **settings)
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    return world
