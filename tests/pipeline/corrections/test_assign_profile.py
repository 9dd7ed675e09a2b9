"""A profile is assigned to the devices of a file that is closed."""

from datetime import timedelta

import pytest

from local.partner_center import Behaviour, Fault, Operation
from shared.pipeline.closing import close
from shared.pipeline.corrections import assign_profile as module
from shared.pipeline.corrections.assign_profile import NoProfileToAssign, assign_profile, may_assign
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.human_acts import COMMAND
from shared.pipeline.sweep import sweep
from shared.storage.records import ProfileCounts
from shared.vocabulary import FileState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.submissions.test_profile_assignment import ended, given, wishing
from tests.pipeline.world import CUSTOMER, World, tuples


def assigned(world: World, identifier: str, profile: str = "kiosk") -> None:
    assign_profile(world.pipeline, COMMAND, CUSTOMER, identifier, profile)


@pytest.fixture
def closed(world: World) -> str:
    """A closed file: two registered devices, of which one has the profile Standard, and one that failed."""
    identifier = world.drop_file(wishing(("A-1", "Standard"), ("B-1", ""), ("STANDIN-808-1", "Kiosk")))
    world.run()
    world.clock.now += timedelta(days=1)
    return identifier


def test_all_registered_devices_of_a_closed_file_get_the_profile(world: World, closed: str) -> None:
    assigned(world, closed)
    assert not may_assign(world.file(closed))
    world.run()
    assert ended(world, closed) == [("registered", "assigned", ""), ("registered", "assigned", ""), ("failed", "", "")]
    assert [row["profile"] for row in world.rows(closed)] == ["kiosk", "kiosk", "Kiosk"]
    assert given(world) == {"A-1": "Kiosk", "B-1": "Kiosk"}
    file = world.file(closed)
    assert (file.profiles, file.profile_order, file.profile_runs) == (ProfileCounts(assigned=2), None, 1)
    assert file.history[-1].endswith("Assigned: 2 of 2 devices got the profile.")
    assert world.summary(closed)["profiles"]["assigned"] == 2
    assert not world.journal.files.is_open(closed)
    assert [path.path for path in world.private.versions() if path.path.endswith(".json")] == []
    ((_, listing),) = list(world.journal.files.final())
    assert listing.profiles == ProfileCounts(assigned=2)


def test_another_profile_may_follow_and_an_unknown_one_says_so(world: World, closed: str) -> None:
    assigned(world, closed)
    world.run()
    assigned(world, closed, "Nobody's")
    world.run()
    assert ended(world, closed)[:2] == [("registered", "rejected", "profile_unknown")] * 2
    assert given(world) == {"A-1": "Kiosk", "B-1": "Kiosk"}
    assigned(world, closed, "Standard")
    world.run()
    assert given(world) == {"A-1": "Standard", "B-1": "Standard"}


def test_every_submission_has_its_assignment(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="2", HOLD_FROM_FAILED_PERCENT="100")
    identifier = world.drop_file(tuples([f"S{number}" for number in range(7)]))
    world.run()
    assigned(world, identifier)
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")] * 7
    assert world.service.report()["received"][Operation.UPDATE_DEVICE_POLICIES] == 4


def test_a_role_that_was_missing_is_given_and_the_profile_assigned(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60))
    world.service.script(Fault.FORBIDDEN, times=2, operation=Operation.UPDATE_DEVICE_POLICIES)
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    world.run()
    assert ended(world, identifier) == [("registered", "failed", "no_admin_agent")]
    assigned(world, identifier)
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")]


def test_a_request_whose_owner_died_before_it_began_is_taken_up_by_the_sweep(
    world: World, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> int:
        raise OSError("the host dies")

    with monkeypatch.context() as patched:
        patched.setattr(module, "begin_assignments", dies)
        with pytest.raises(OSError, match="dies"):
            assigned(world, closed)
    world.clock.now += timedelta(minutes=30)
    sweep(world.pipeline)
    world.run()
    assert given(world) == {"A-1": "Kiosk", "B-1": "Kiosk"}
    assert world.file(closed).profile_order is None


def test_a_file_whose_end_was_not_announced_yet_is_announced_when_a_profile_is_assigned(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise RuntimeError("The owner died.")

    identifier = world.drop_file(wishing(("A-1", "")))
    with monkeypatch.context() as patch:
        patch.setattr(close, "announce", dies)
        with pytest.raises(RuntimeError, match="died"):
            world.run()
    assert world.file(identifier).state is FileState.CLOSED
    assert world.events.of(identifier) == []
    assigned(world, identifier)
    world.run()
    assert len(world.events.of(identifier)) == 1
    assert world.journal.files.is_listed(world.file(identifier))


def test_lost_wake_ups_are_found_by_the_sweep(world: World, closed: str) -> None:
    assigned(world, closed)
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(minutes=30)
    sweep(world.pipeline)
    world.run()
    assert ended(world, closed)[0] == ("registered", "assigned", "")
    assert not world.journal.files.is_open(closed)


def test_what_cannot_be_done_says_why(world: World, closed: str) -> None:
    with pytest.raises(NoProfileToAssign, match="1 to 256"):
        assigned(world, closed, " ")
    assigned(world, closed)
    with pytest.raises(NoProfileToAssign, match="is being assigned"):
        assigned(world, closed)
    world.run()
    withdraw(world.pipeline, CUSTOMER, closed)
    with pytest.raises(NoProfileToAssign, match="withdrawn"):
        assigned(world, closed)
    none = world.drop_file(tuples(["STANDIN-808-2"]), f"{CUSTOMER}/Test/none.csv")
    world.run()
    with pytest.raises(NoProfileToAssign, match="none of its devices"):
        assigned(world, none)


def test_the_request_is_an_act(world: World, closed: str) -> None:
    assigned(world, closed)
    act = next(iter(world.journal.acts.latest()))
    assert (act.kind, act.file_id, act.detail) == ("assign_profile", closed, "kiosk")
