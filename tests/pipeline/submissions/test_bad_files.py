"""What verdicts say of a file: its canary alone, then the share of devices that fail."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.pipeline.submissions.bad_files import (
    CANARY_PATIENCE,
    LATELY,
    MOST_ON_TRUST,
    CanaryResult,
    canary_result,
    fails_too_much,
    failures,
    is_known_good,
    keeps_others_back,
    why_bad,
)
from shared.storage.files import listing_of
from shared.storage.records import Counts, FileListing, ReasonTally, Submission
from shared.vocabulary import FileState, Outcome, Remedy, SubmissionState
from tests.pipeline.world import CUSTOMER, START
from tests.storage.records import device_file

CANARY = Submission(
    file_id="file",
    reading_id="file.1",
    number="1",
    customer_id=CUSTOMER,
    batch_id="Test",
    devices=50,
    payload="payload",
    first_row=1,
    last_row=50,
    payload_digest="digest",
    is_canary=True,
    state=SubmissionState.PENDING,
    due_at=START,
)
ACCEPTED = replace(CANARY, state=SubmissionState.ACCEPTED, accepted_at=START, polled_at=START)


def tally(
    rows: int, remedy: Remedy = Remedy.ASK, outcome: Outcome = Outcome.FAILED, reason: str = "808"
) -> ReasonTally:
    return ReasonTally(outcome=outcome, reason=reason, remedy=remedy, rows=rows, sentence=f"Because of {reason}.")


def finished(*reasons: ReasonTally, of: Submission = ACCEPTED, ended: bool = True) -> Submission:
    counts = sum((Counts(**{str(each.outcome): each.rows}) for each in reasons), Counts())
    state = SubmissionState.FINISHED if ended else of.state
    return replace(of, state=state, counts=counts, reasons=reasons)


GOOD = tally(1, Remedy.NOTHING, Outcome.REGISTERED, "")


@pytest.mark.parametrize(
    ("canary", "result"),
    [
        ([], CanaryResult.GOOD),  # a file of an earlier version
        ([CANARY], CanaryResult.AWAITED),
        ([ACCEPTED], CanaryResult.AWAITED),
        ([finished(tally(50))], CanaryResult.BAD),
        ([finished(tally(49), GOOD)], CanaryResult.GOOD),
        ([finished(tally(20), ended=False)], CanaryResult.AWAITED),
        ([finished(tally(20), GOOD, ended=False)], CanaryResult.GOOD),
        ([finished(tally(50, Remedy.SEND_AGAIN))], CanaryResult.GOOD),
        ([finished(tally(50, Remedy.SEND_AGAIN, Outcome.UNKNOWN))], CanaryResult.GOOD),
        ([replace(finished(tally(50, Remedy.FIX)), state=SubmissionState.REFUSED)], CanaryResult.BAD),
        ([replace(CANARY, state=SubmissionState.SPLIT), finished(tally(25)), ACCEPTED], CanaryResult.AWAITED),
        ([replace(CANARY, state=SubmissionState.SPLIT), finished(tally(25)), finished(tally(25))], CanaryResult.BAD),
        ([replace(CANARY, state=SubmissionState.SPLIT), finished(tally(25)), finished(GOOD)], CanaryResult.GOOD),
    ],
)
def test_a_canary_is_awaited_good_or_bad(canary: list[Submission], result: CanaryResult) -> None:
    assert canary_result(canary, START) is result


def test_a_service_that_gives_no_verdict_for_an_hour_says_nothing_of_the_file() -> None:
    assert canary_result([ACCEPTED], START + CANARY_PATIENCE) is CanaryResult.GOOD
    assert canary_result([CANARY], START + timedelta(days=2)) is CanaryResult.AWAITED
    assert keeps_others_back(CANARY)
    assert keeps_others_back(ACCEPTED)
    assert not keeps_others_back(replace(ACCEPTED, polled_at=START + CANARY_PATIENCE))
    assert not keeps_others_back(finished(GOOD, ended=False))
    assert keeps_others_back(finished(tally(1), ended=False)), "failures alone are no good sign"
    assert not keeps_others_back(replace(CANARY, is_canary=False))


POLLED = replace(ACCEPTED, job_status="Processing")


@pytest.mark.parametrize(
    ("canary", "result"),
    [
        ([CANARY], CanaryResult.AWAITED),
        ([ACCEPTED], CanaryResult.AWAITED),
        ([POLLED], CanaryResult.GOOD),
        ([finished(tally(20), of=POLLED, ended=False)], CanaryResult.AWAITED),
        ([finished(tally(50), of=POLLED)], CanaryResult.BAD),
    ],
)
def test_a_file_of_known_good_shape_waits_for_the_first_poll_of_its_canary(
    canary: list[Submission], result: CanaryResult
) -> None:
    assert canary_result(canary, START, is_known_good=True) is result
    if not canary[0].state.is_final:
        assert keeps_others_back(canary[0], is_known_good=True) is (result is CanaryResult.AWAITED)


def test_a_part_of_a_canary_does_not_tell_of_the_others_even_in_a_file_of_known_good_shape() -> None:
    assert keeps_others_back(replace(POLLED, number="1-0"), is_known_good=True)


def listing(registered: int = 0, failed: int = 0, **changes: object) -> FileListing:
    counts = Counts(total=registered + failed, registered=registered, failed=failed)
    file = device_file(state=FileState.CLOSED, closed_at=START, closed_counts=counts)
    return replace(listing_of(file), **changes)


@pytest.mark.parametrize(
    ("latest", "devices", "is_good"),
    [
        ([], 100, False),
        ([listing(1)], 100, True),
        ([listing(1)], MOST_ON_TRUST, True),
        ([listing(1)], MOST_ON_TRUST + 1, False),
        ([listing(), listing(10)], 100, True),  # no verdict says nothing
        ([listing(70, 30), listing(0, 10)], 100, True),  # the last one decides
        ([listing(69, 31), listing(10)], 100, False),
        ([listing(10, closed_at=START - LATELY - timedelta(seconds=1))], 100, False),
        ([replace(listing(10), counts=Counts(total=20, registered=10, cancelled=10))], 100, False),
    ],
)
def test_the_customers_last_file_says_whether_a_small_one_is_of_known_good_shape(
    latest: list[FileListing], devices: int, *, is_good: bool
) -> None:
    assert is_known_good(latest, devices, 30, START) is is_good


@pytest.mark.parametrize(
    ("failed", "well", "is_too_much"), [(16, 34, True), (15, 35, False), (49, 0, False), (50, 0, True), (0, 50, False)]
)
def test_more_than_a_share_of_at_least_fifty_verdicts_is_too_much(failed: int, well: int, *, is_too_much: bool) -> None:
    registered = tally(well, Remedy.NOTHING, Outcome.REGISTERED)
    parts = [finished(tally(failed)), finished(registered)]
    assert fails_too_much(parts, 30) is is_too_much
    assert not fails_too_much([finished(registered)], 30, least=1)


def test_only_what_would_fail_again_is_a_failure() -> None:
    parts = [finished(tally(3), tally(5, Remedy.SEND_AGAIN), tally(7, Remedy.FIX), GOOD)]
    assert failures(parts) == 10


def test_the_commonest_reason_is_told() -> None:
    assert why_bad(device_file(name="devices.csv"), [finished(tally(2, reason="812"), tally(40), GOOD)]) == (
        "devices.csv is on hold, by the app: 42 of its first 43 devices failed, most of them with 808. Because of 808."
    )
