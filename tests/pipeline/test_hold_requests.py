"""Holds and stops of people: what is sent afterwards, how every row ends, and that each is kept as an act."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from local.partner_center import Fault, Operation
from shared.pipeline.hold_requests import EVERYTHING, HoldRefused, NothingToHold, go_on, hold, stop
from shared.pipeline.human_acts import Asker, Subject, subject_of
from shared.pipeline.sweep import sweep
from shared.vocabulary import FileState, HoldState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered
from tests.storage.records import device_file

ANNA = Asker("Anna", "a1")
UPLOADS = (Operation.CREATE_BATCH, Operation.APPEND_DEVICES)
OTHER = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A file of six rows has three submissions, of which none is sent when it is received."""
    return make_world(DEVICES_PER_SUBMISSION="2", INLINE_SUBMISSIONS="0")


def closed_at(world: World, file: str) -> datetime:
    at = world.file(file).closed_at
    assert at is not None
    return at


def uploads(world: World) -> int:
    received = world.service.report()["received"]
    return sum(received.get(operation, 0) for operation in UPLOADS)


def pass_minutes(world: World, minutes: int = 30) -> None:
    """Deliver what is due within that time."""
    end = world.clock.now + timedelta(minutes=minutes)
    while world.wakeups.waiting and min(due for due, _ in world.wakeups.waiting) <= end:
        world.deliver_next()
    world.clock.now = end


@pytest.mark.parametrize("subject", ["file", "customer", "everything"])
def test_what_is_held_sends_nothing_until_it_goes_on(world: World, subject: str) -> None:
    file = world.drop_file(numbered(6))
    subjects = {
        "file": subject_of(world.file(file)),
        "customer": Subject("Contoso", CUSTOMER),
        "everything": EVERYTHING,
    }
    held = subjects[subject]
    assert hold(world.pipeline, ANNA, held)
    assert not hold(world.pipeline, ANNA, held), "it is held already"
    pass_minutes(world)
    assert uploads(world) == 0
    assert world.submission(file).record.last_answer == f"Sending of {held.name} is on hold, by Anna."
    assert go_on(world.pipeline, ANNA, held)
    assert not go_on(world.pipeline, ANNA, held)
    before = world.clock.now
    world.run()
    assert world.outcomes(file) == ["registered"] * 6
    assert closed_at(world, file) - before < timedelta(minutes=1), "it was woken, and did not wait until it was due"
    assert Counter(act.kind for act in world.journal.acts.latest()) == {"go_on": 2, "hold": 2}
    assert {act.who for act in world.journal.acts.latest()} == {"Anna"}


def test_the_reason_of_a_hold_and_of_a_stop_is_kept_with_it_and_its_act_in_one_clean_line(world: World) -> None:
    file = world.drop_file(numbered(6))
    subject = subject_of(world.file(file))
    hold(world.pipeline, ANNA, subject, " the wrong\r\nbatch\x1b[31m\u202e " + "!" * 300)
    (gate,) = world.journal.gates.all().values()
    kept = "the wrong batch[31m " + "!" * 180
    assert gate.record.reason == f"Sending of {subject.name} is on hold, by Anna: {kept}"
    pass_minutes(world)
    assert world.submission(file).record.last_answer == gate.record.reason
    stop(world.pipeline, ANNA, world.file(file), "as agreed with Contoso")
    acts = sorted(world.journal.acts.latest(), key=lambda act: act.kind)
    assert [(act.kind, act.detail) for act in acts] == [("hold", kept), ("stop", "as agreed with Contoso")]
    (gate,) = world.journal.gates.all().values()
    assert gate.record.reason == "Stopped by Anna: as agreed with Contoso"
    world.run()
    assert world.outcomes(file) == ["cancelled"] * 6


def test_a_hold_concerns_no_other_customer(world: World) -> None:
    hold(world.pipeline, ANNA, Subject("Fabrikam", OTHER))
    held = world.drop_file(numbered(2), f"{OTHER}/Test/devices.csv")
    file = world.drop_file(numbered(2))
    pass_minutes(world)
    assert world.file(file).state is FileState.CLOSED
    assert world.file(held, OTHER).state is FileState.READ


def test_a_held_file_still_gets_its_verdicts(world: World) -> None:
    file = world.drop_file(numbered(6))
    world.deliver_next()
    sent = uploads(world)
    assert 0 < sent < 3
    hold(world.pipeline, ANNA, subject_of(world.file(file)))
    pass_minutes(world)
    assert uploads(world) == sent
    states = Counter(each.record.state for each in world.journal.submissions.of_reading(f"{file}.1"))
    assert states == {"finished": sent, "pending": 3 - sent}


def test_a_stop_cancels_what_was_not_sent_and_the_rest_gets_its_verdict(world: World) -> None:
    file = world.drop_file(numbered(6))
    world.deliver_next()
    sent = uploads(world)
    assert stop(world.pipeline, ANNA, world.file(file))
    world.run()
    assert uploads(world) == sent
    assert world.outcomes(file) == ["registered"] * 2 * sent + ["cancelled"] * 2 * (3 - sent)
    last = world.rows(file)[-1]
    assert last["error_code"] == "stopped"
    assert "Drop the file again" in last["what_to_do"]
    closed = world.file(file)
    assert closed.closed_counts is not None
    assert closed.closed_counts.total == closed.closed_counts.ended == 6
    assert any("Stopped by Anna." in sentence for sentence in closed.history)
    assert world.summary(file)["standing"] == "closed, partly registered"
    assert world.journal.gates.all() == {}, "the hold of a file goes with its end"
    assert not [version for version in world.private.versions("") if version.path.endswith(".json")]


def test_a_held_file_is_stopped_at_once(world: World) -> None:
    file = world.drop_file(numbered(6))
    hold(world.pipeline, ANNA, EVERYTHING)
    hold(world.pipeline, ANNA, subject_of(world.file(file)))
    pass_minutes(world, 1)
    stop(world.pipeline, ANNA, world.file(file))
    before = world.clock.now
    world.run()
    assert world.outcomes(file) == ["cancelled"] * 6
    assert closed_at(world, file) - before < timedelta(seconds=10)


@pytest.mark.parametrize("fault", [Fault.DROPPED_AFTER, Fault.DROPPED_BEFORE])
def test_a_request_whose_answer_was_lost_is_repeated_and_never_cancelled(world: World, fault: Fault) -> None:
    file = world.drop_file(numbered(2))
    world.service.script(fault, operation=Operation.CREATE_BATCH)
    world.deliver_next()
    lost = world.submission(file).record
    assert lost.answer_lost
    assert lost.request is not None
    stop(world.pipeline, ANNA, world.file(file))
    world.run()
    assert world.outcomes(file) == ["registered"] * 2


def test_a_worker_that_dies_while_it_cancels_leaves_nothing_that_is_sent(world: World) -> None:
    file = world.drop_file(numbered(2))
    world.service.script(Fault.THROTTLE, operation=Operation.CREATE_BATCH)
    world.deliver_next()
    assert world.submission(file).record.request is not None
    stop(world.pipeline, ANNA, world.file(file))
    change, calls = world.journal.submissions.change, []

    def dies(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) > 1:
            raise OSError("the host dies")
        return change(*arguments)  # type: ignore[arg-type]

    world.journal.submissions.change = dies  # type: ignore[method-assign,assignment]
    with pytest.raises(OSError, match="dies"):
        world.run()
    world.journal.submissions.change = change  # type: ignore[method-assign]
    sent = uploads(world)
    world.clock.now += world.settings.advanced.claim * 2
    sweep(world.pipeline)
    world.run()
    assert world.outcomes(file) == ["cancelled"] * 2
    assert uploads(world) == sent


def test_a_file_that_is_being_read_can_be_stopped(world: World) -> None:
    file = world.put(numbered(4))
    (version,) = world.drop.versions()
    stored, _ = world.journal.files.enter(
        device_file(
            file_id=file,
            etag=version.etag,
            received_at=world.clock(),
            due_at=world.clock(),
            claimed_until=None,
            devices_per_submission=2,
        )
    )
    stop(world.pipeline, ANNA, stored.record)
    world.receive()
    world.run()
    assert world.outcomes(file) == ["cancelled"] * 4
    assert uploads(world) == 0


def test_what_has_ended_is_neither_held_nor_stopped(world: World) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    with pytest.raises(NothingToHold, match="withdraw"):
        stop(world.pipeline, ANNA, world.file(file))
    with pytest.raises(NothingToHold):
        hold(world.pipeline, ANNA, subject_of(world.file(file)))
    assert list(world.journal.acts.latest()) == []


def test_a_stop_is_for_good(world: World) -> None:
    file = world.file(world.drop_file(numbered(2)))
    assert stop(world.pipeline, ANNA, file)
    assert not stop(world.pipeline, ANNA, file)
    with pytest.raises(HoldRefused, match="for good"):
        go_on(world.pipeline, ANNA, subject_of(file))
    with pytest.raises(HoldRefused, match="Anna"):
        hold(world.pipeline, ANNA, subject_of(file))
    (gate,) = world.journal.gates.all().values()
    assert gate.record.hold is HoldState.STOPPED


def test_the_sweep_removes_the_hold_of_a_file_that_ended_meanwhile(world: World) -> None:
    file = world.file(world.drop_file(numbered(1)))
    hold(world.pipeline, ANNA, subject_of(file))
    (gate,) = world.journal.gates.all().values()
    go_on(world.pipeline, ANNA, subject_of(file))
    world.run()
    world.journal.gates.change(None, gate.record)
    sweep(world.pipeline)
    assert world.journal.gates.all() != {}, "a file may be entered a moment later"
    world.clock.now += world.settings.advanced.claim
    sweep(world.pipeline)
    assert world.journal.gates.all() == {}
