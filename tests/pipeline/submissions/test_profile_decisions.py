"""Which policy a row means, and what the service's answers say of its profile."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.partner_center.errors import AnswerLost, PartnerCenterError, Refused, Throttled, Unauthorised
from shared.partner_center.models import ConfigurationPolicy, Device, DeviceUploadDetails, Policy
from shared.pipeline.backoff import Pace
from shared.pipeline.submissions.profile_decisions import (
    ProfileRow,
    after_deadline,
    after_failed_update,
    after_verdicts,
    body_of,
    following_assignment,
    is_forbidden,
    policy_named,
    registered_by,
    verdicts_on,
    wishes,
    with_fault,
    with_verdict,
)
from shared.pipeline.submissions.state_machine import Finish, PollAgain, Refuse, SendAgain, Split
from shared.reasons import ProfileReason
from shared.storage.records import Counts, DeviceOutcome, ServiceFault, Submission
from shared.vocabulary import Outcome, ProfileOutcome, SubmissionState
from tests.pipeline.submissions.test_post import PENDING
from tests.pipeline.world import START

PACE = Pace(timedelta(seconds=27), timedelta(minutes=15), timedelta(hours=48), lambda: 0.5)
ASSIGNMENT = replace(following_assignment(PENDING, START), devices=2)
POLICIES = (
    ConfigurationPolicy(id="id-1", name="Standard", category="o_o_b_e"),
    ConfigurationPolicy(id="id-2", name="Twice", category="o_o_b_e"),
    ConfigurationPolicy(id="id-3", name="TWICE", category="o_o_b_e"),
    ConfigurationPolicy(id="id-4", name="No profile", category="none"),
    ConfigurationPolicy(name="Without id", category="o_o_b_e"),
)
ROWS = [ProfileRow(row=1, device_id="A", policy_id="id-1"), ProfileRow(row=2, device_id="B", policy_id="id-2")]


def outcome(row: int = 1) -> DeviceOutcome:
    """A registered row that wishes for a profile."""
    return DeviceOutcome(reading_id="f.1", row=row, outcome=Outcome.REGISTERED, submission="1", profile="Standard")


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ("Standard", "id-1"),
        (" standard ", "id-1"),
        ("ID-1", "id-1"),
        ("twice", ProfileReason.PROFILE_AMBIGUOUS),
        ("id-3", "id-3"),
        ("No profile", ProfileReason.PROFILE_UNKNOWN),
        ("Without id", ProfileReason.PROFILE_UNKNOWN),
        ("Stand", ProfileReason.PROFILE_UNKNOWN),
    ],
)
def test_a_policy_is_named_by_its_name_or_id_without_case(wish: str, found: str) -> None:
    assert policy_named(wish, POLICIES) == found


def test_one_policy_on_two_pages_of_a_list_is_one() -> None:
    assert policy_named("standard", (POLICIES[0], POLICIES[0])) == "id-1"


def test_an_assignment_follows_a_submission_with_wishes_of_which_a_device_is_there() -> None:
    wishing = replace(PENDING, wishes_profiles=True, state=SubmissionState.FINISHED)
    assert replace(wishing, counts=Counts(already_registered=1)).is_followed
    assert not replace(wishing, counts=Counts(failed=1)).is_followed
    assert not replace(wishing, counts=Counts(registered=1), state=SubmissionState.ACCEPTED).is_followed
    assert not replace(PENDING, state=SubmissionState.FINISHED, counts=Counts(registered=1)).is_followed


@pytest.mark.parametrize("number", ["1", "1-0", "12-1-0"])
def test_an_assignment_knows_whose_devices_it_is_of_however_often_it_was_halved(number: str) -> None:
    assignment = following_assignment(replace(PENDING, number=number), START)
    assert registered_by(assignment) == number
    assert registered_by(replace(assignment, number=f"{assignment.number}-0-1")) == number


def test_only_registered_rows_of_its_submission_that_wish_and_have_no_profile_outcome_get_a_profile() -> None:
    rows = [
        outcome(1),
        replace(outcome(2), outcome=Outcome.ALREADY_REGISTERED),
        replace(outcome(3), outcome=Outcome.FAILED),
        replace(outcome(4), profile=""),
        replace(outcome(5), submission="2"),
        replace(outcome(6), profile_outcome=ProfileOutcome.ASSIGNED),
    ]
    assert [each.row for each in wishes(rows, ASSIGNMENT)] == [1, 2]


def test_the_body_is_the_same_for_the_same_rows() -> None:
    assert body_of(ROWS) == body_of(list(ROWS))
    assert b'"id":"A"' in body_of(ROWS)


def test_verdicts_are_matched_by_the_id_of_the_device_whatever_their_order() -> None:
    verdicts = [DeviceUploadDetails(device_id="b", status="finished"), DeviceUploadDetails(device_id="A", status="x")]
    assert verdicts_on(ROWS, verdicts) == [verdicts[1], verdicts[0]]


def test_verdicts_without_ids_are_matched_by_name_or_by_position() -> None:
    named = [ProfileRow(row=1, device_id="A", policy_id="p", serial_number="S-1"), ROWS[1]]
    verdicts = [DeviceUploadDetails(serial_number="s-1", status="finished"), DeviceUploadDetails(status="finished")]
    assert verdicts_on(named, verdicts) == verdicts
    assert verdicts_on(named, verdicts[1:]) == [None, None]


def test_a_verdict_on_another_device_is_none_and_so_are_two_that_contradict_each_other() -> None:
    other = DeviceUploadDetails(device_id="C", status="finished")
    twice = [DeviceUploadDetails(device_id="A", status=status) for status in ("finished", "finished_with_errors")]
    assert verdicts_on(ROWS, [other, other]) == [None, None]
    assert verdicts_on(ROWS, twice) == [None, None]


@pytest.mark.parametrize(
    ("verdict", "ended", "reason"),
    [
        (DeviceUploadDetails(status="finished"), ProfileOutcome.ASSIGNED, ""),
        (DeviceUploadDetails(status="finished", error_code="0"), ProfileOutcome.ASSIGNED, ""),
        (
            DeviceUploadDetails(
                status="finished_with_errors", error_code="809", error_description="ZtdProfileIsNotRegistered"
            ),
            ProfileOutcome.FAILED,
            "809 ZtdProfileIsNotRegistered",
        ),
        (DeviceUploadDetails(status="finished_with_errors"), ProfileOutcome.FAILED, "finished_with_errors"),
    ],
)
def test_a_verdict_is_the_end_of_the_profile_and_leaves_the_outcome_alone(
    verdict: DeviceUploadDetails, ended: ProfileOutcome, reason: str
) -> None:
    judged = with_verdict(outcome(), verdict)
    assert (judged.outcome, judged.profile_outcome, judged.profile_reason) == (Outcome.REGISTERED, ended, reason)
    assert judged.profile_what_to_do


def failed(error: PartnerCenterError, assignment: Submission = ASSIGNMENT) -> object:
    return after_failed_update(assignment, error, PACE)


def test_a_403_is_repeated_once_and_the_second_one_says_that_the_account_may_not_assign() -> None:
    forbidden = Unauthorised("forbidden", status=403)
    assert is_forbidden(forbidden)
    assert isinstance(failed(forbidden), SendAgain)
    refused = failed(forbidden, replace(ASSIGNMENT, last_status=403))
    assert isinstance(refused, Refuse)
    judged = with_fault(outcome(), refused.fault)
    assert (judged.profile_outcome, judged.profile_reason) == (ProfileOutcome.FAILED, ProfileReason.NO_ADMIN_AGENT)
    assert "Admin agent" in judged.profile_what_to_do


@pytest.mark.parametrize(
    "error", [AnswerLost("lost"), Throttled("slow", status=429), Unauthorised("token", status=401)]
)
def test_what_decides_nothing_is_sent_again_as_it_was(error: PartnerCenterError) -> None:
    assert not is_forbidden(error)
    again = failed(error)
    assert isinstance(again, SendAgain)
    assert again.same_request


def test_a_refusal_that_one_device_may_cause_halves_the_assignment_and_any_other_ends_it() -> None:
    malformed = Refused("malformed", status=400, code="800002")
    assert isinstance(failed(malformed), Split)
    assert isinstance(failed(malformed, replace(ASSIGNMENT, devices=1)), Refuse)
    assert isinstance(failed(Refused("unknown", status=404, code="60003")), Refuse)
    assert with_fault(outcome(), ServiceFault(code="60003", description="d")).profile_reason == "60003"


def test_the_last_verdict_finishes_the_assignment_without_counting_its_rows_again() -> None:
    assert isinstance(after_verdicts(ASSIGNMENT, 1, "processing", START, PACE), PollAgain)
    end = after_verdicts(ASSIGNMENT, 2, "finished", START, PACE)
    assert isinstance(end, Finish)
    assert end.counts == Counts()


def test_after_the_deadline_a_device_has_its_profile_only_if_its_batch_shows_it() -> None:
    with_it = Device(id="A", policies=(Policy(key="o_o_b_e", value="ID-1"),))
    assert after_deadline(outcome(), ROWS[0], with_it).profile_outcome is ProfileOutcome.ASSIGNED
    assert after_deadline(outcome(), ROWS[0], None).profile_outcome is ProfileOutcome.UNKNOWN
    assert after_deadline(outcome(), ROWS[0], Device(id="A")).profile_reason == ProfileReason.NO_VERDICT
