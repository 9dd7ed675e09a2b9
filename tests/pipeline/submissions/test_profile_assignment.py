"""Devices get their profiles after they are registered: the way of an assignment, its faults and its end."""

from datetime import timedelta

import pytest

from local.partner_center import Behaviour, Fault, NamedPolicy, Operation
from shared.pipeline.hold_requests import go_on, hold, stop
from shared.pipeline.human_acts import COMMAND, subject_of
from shared.pipeline.sweep import sweep
from shared.storage.records import ProfileCounts, Submission
from shared.vocabulary import FileState, ProfileOutcome, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World

HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model,Profile"


def wishing(*wishes: tuple[str, str]) -> str:
    """A device file of serial numbers and the profiles that they wish for."""
    return "\r\n".join([HEADER, *(f"{serial},,,LENOVO,21R3001BUK,{profile}" for serial, profile in wishes), ""])


def ended(world: World, identifier: str) -> list[tuple[str, str, str]]:
    """Outcome, profile outcome and its reason of each row."""
    rows = world.rows(identifier)
    return [(row["outcome"], row["profile_outcome"], row["profile_reason"]) for row in rows]


def assignment(world: World, identifier: str, number: str = "1-p") -> Submission:
    return world.submission(identifier, number).record


def given(world: World) -> dict[str, str | None]:
    """The name of the policy that each device has."""
    page = world.partner_center.configuration_policies(CUSTOMER, world.pipeline.service.call_ids())
    names = {policy.id: policy.name for policy in page}
    return {serial: names.get(policy) for serial, policy in world.service.policies_of_devices(CUSTOMER).items()}


def asked(world: World, operation: Operation) -> int:
    received: int = world.service.report()["received"][operation]
    return received


def deliver_until_sent(world: World) -> None:
    """Deliver wake-ups until an update of devices was asked for."""
    while not asked(world, Operation.UPDATE_DEVICE_POLICIES):
        assert world.deliver_next()


def test_devices_get_the_profiles_that_their_rows_wish_for(world: World) -> None:
    identifier = world.drop_file(
        wishing(("A-1", "standard"), ("B-1", ""), ("C-1", "Kiosk"), ("STANDIN-808-1", "Kiosk"))
    )
    world.run()
    assert ended(world, identifier) == [
        ("registered", "assigned", ""),
        ("registered", "", ""),
        ("registered", "assigned", ""),
        ("failed", "", ""),
    ]
    assert given(world) == {"A-1": "Standard", "B-1": None, "C-1": "Kiosk"}
    assert world.file(identifier).profiles == ProfileCounts(assigned=2)
    assert world.summary(identifier)["profiles"]["assigned"] == 2
    assert [each["number"] for each in world.summary(identifier)["submissions"]] == ["1", "1-p"]
    assert world.file(identifier).submissions == 1
    assert world.private.read(assignment(world, identifier).payload) is None


def test_one_request_assigns_all_profiles_of_a_submission(world: World) -> None:
    world.drop_file(wishing(*((f"S{number}", "Kiosk") for number in range(40))))
    world.run()
    assert asked(world, Operation.UPDATE_DEVICE_POLICIES) == asked(world, Operation.CONFIGURATION_POLICIES) == 1


def test_a_file_without_wishes_asks_for_no_policies(world: World) -> None:
    identifier = world.drop_file(wishing(("A-1", ""), ("B-1", "")))
    world.run()
    assert asked(world, Operation.CONFIGURATION_POLICIES) == asked(world, Operation.UPDATE_DEVICE_POLICIES) == 0
    assert world.file(identifier).profiles is None


def test_an_unknown_profile_says_so_and_the_registration_goes_on(world: World) -> None:
    identifier = world.drop_file(wishing(("A-1", "Nobody's"), ("B-1", "Kiosk")))
    world.run()
    assert ended(world, identifier) == [
        ("registered", "rejected", "profile_unknown"),
        ("registered", "assigned", ""),
    ]
    assert "configuration policy" in world.rows(identifier)[0]["profile_what_to_do"]


def test_a_profile_that_was_made_a_moment_ago_is_found(world: World) -> None:
    world.drop_file(wishing(("A-1", "Kiosk")))
    world.run()
    world.service.add_policy(CUSTOMER, NamedPolicy("Lobby"))
    world.drop_file(wishing(("B-1", "Lobby")), f"{CUSTOMER}/Test/second.csv")
    world.run()
    assert given(world)["B-1"] == "Lobby"


def test_a_device_that_was_registered_before_gets_its_profile_too(world: World) -> None:
    world.drop_file(wishing(("A-1", "")))
    world.run()
    path = f"{CUSTOMER}/Test/again.csv"
    identifier = world.drop_file(wishing(("A-1", "Kiosk")), path)
    world.run()
    (row,) = world.rows(identifier, path)
    assert (row["outcome"], row["profile_outcome"]) == ("already_registered", "assigned")
    assert given(world) == {"A-1": "Kiosk"}


def test_a_verdict_against_the_profile_stands_beside_the_outcome(world: World) -> None:
    identifier = world.drop_file(wishing(("STANDIN-PROFILE-809-1", "Kiosk"), ("A-1", "Kiosk")))
    world.run()
    assert ended(world, identifier) == [
        ("registered", "failed", "809 ZtdProfileIsNotRegistered"),
        ("registered", "assigned", ""),
    ]
    assert world.file(identifier).profiles == ProfileCounts(assigned=1, failed=1)


def test_an_account_that_is_no_admin_agent_is_told_so_and_registers_as_before(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60, is_admin_agent=False))
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    world.run()
    assert ended(world, identifier) == [("registered", "failed", "no_admin_agent")]
    assert "Admin agent" in world.rows(identifier)[0]["profile_what_to_do"]
    assert asked(world, Operation.UPDATE_DEVICE_POLICIES) == 2
    assert not world.journal.gates.closed()


@pytest.mark.parametrize("fault", [Fault.DROPPED_AFTER, Fault.DROPPED_BEFORE, Fault.GATEWAY_TIMEOUT, Fault.THROTTLE])
def test_a_lost_answer_is_repeated_with_the_same_bytes_and_id(world: World, fault: Fault) -> None:
    world.service.script(fault, operation=Operation.UPDATE_DEVICE_POLICIES)
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    deliver_until_sent(world)
    first = assignment(world, identifier).request
    world.run()
    last = assignment(world, identifier).request
    assert first is not None
    assert last is not None
    assert first.request_id == last.request_id
    assert ended(world, identifier) == [("registered", "assigned", "")]
    assert world.service.report()["processed"][Operation.UPDATE_DEVICE_POLICIES] == 1


def test_the_request_is_journaled_before_it_is_sent(world: World) -> None:
    world.service.script(Fault.DROPPED_AFTER, operation=Operation.UPDATE_DEVICE_POLICIES)
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    deliver_until_sent(world)
    request = assignment(world, identifier).request
    assert request is not None
    assert (request.method, request.url.rpartition("/")[2]) == ("PATCH", "DevicePolicyUpdates")
    assert assignment(world, identifier).answer_lost


def test_a_file_is_closed_when_its_profiles_have_their_outcomes(world: World) -> None:
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    deliver_until_sent(world)
    assert world.submission(identifier).record.state is SubmissionState.FINISHED
    assert world.file(identifier).state is FileState.READ
    world.run()
    assert world.file(identifier).state is FileState.CLOSED


def test_a_lost_wake_up_is_found_by_the_sweep(world: World) -> None:
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    deliver_until_sent(world)
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    sweep(world.pipeline)
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")]


def test_a_lost_list_is_made_anew(world: World) -> None:
    world.service.script(Fault.UNAVAILABLE, operation=Operation.UPDATE_DEVICE_POLICIES)
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    deliver_until_sent(world)
    world.private.delete(assignment(world, identifier).payload)
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")]


def test_a_lost_list_of_an_accepted_assignment_is_made_anew_and_sent_once_more(world: World) -> None:
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    deliver_until_sent(world)
    world.private.delete(assignment(world, identifier).payload)
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")]
    assert asked(world, Operation.UPDATE_DEVICE_POLICIES) == 2


def test_without_a_link_the_profiles_are_looked_up_in_the_batch(world: World) -> None:
    world.service.script(Fault.WITHOUT_LOCATION, times=4, operation=Operation.UPDATE_DEVICE_POLICIES)
    identifier = world.drop_file(wishing(("A-1", "Kiosk"), ("B-1", "Standard")))
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")] * 2
    assert assignment(world, identifier).tracking_id is None


def test_after_the_deadline_the_batch_tells_what_it_shows(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), OUTCOME_DEADLINE_HOURS="1")
    identifier = world.drop_file(wishing(("A-1", "Kiosk"), ("STANDIN-PROFILE-STUCK-1", "Kiosk")))
    deliver_until_sent(world)
    world.service.script(Fault.UNKNOWN_TRACKING_ID, times=1000, operation=Operation.BATCH_JOB_STATUS)
    world.run()
    assert ended(world, identifier) == [
        ("registered", "assigned", ""),
        ("registered", "unknown", "profile_no_verdict"),
    ]


def test_nothing_is_assigned_while_the_file_is_on_hold_and_it_goes_on_afterwards(world: World) -> None:
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    subject = subject_of(world.file(identifier))
    hold(world.pipeline, COMMAND, subject)
    world.clock.now += timedelta(seconds=5)
    for _ in range(20):
        world.deliver_next()
    assert asked(world, Operation.UPDATE_DEVICE_POLICIES) == 0
    go_on(world.pipeline, COMMAND, subject)
    world.clock.now += timedelta(seconds=5)
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")]


def test_a_stopped_file_asks_for_no_profiles_any_more(world: World) -> None:
    identifier = world.drop_file(wishing(("A-1", "Kiosk")))
    stop(world.pipeline, COMMAND, world.file(identifier))
    world.clock.now += timedelta(seconds=5)
    world.run()
    assert ended(world, identifier) == [("registered", "cancelled", "profile_stopped")]
    assert asked(world, Operation.UPDATE_DEVICE_POLICIES) == 0


def test_an_assignment_that_is_refused_for_one_of_its_devices_is_halved(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.partner_center.policies.MOST_DEVICES", 2)
    world = make_world(Behaviour(delay=60))
    identifier = world.drop_file(wishing(*((f"S{number}", "Kiosk") for number in range(5))))
    world.run()
    assert ended(world, identifier) == [("registered", "assigned", "")] * 5
    assert assignment(world, identifier).state is SubmissionState.SPLIT
    assert world.file(identifier).submissions == 1


def test_each_submission_is_followed_by_its_own_assignment(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), DEVICES_PER_SUBMISSION="2", HOLD_FROM_FAILED_PERCENT="100")
    identifier = world.drop_file(wishing(*((f"S{number}", "Kiosk" if number < 4 else "") for number in range(6))))
    world.run()
    assert [profile for _, profile, _ in ended(world, identifier)] == [ProfileOutcome.ASSIGNED] * 4 + [""] * 2
    numbers = [each["number"] for each in world.summary(identifier)["submissions"]]
    assert numbers == ["1", "1-p", "2", "2-p", "3"]
