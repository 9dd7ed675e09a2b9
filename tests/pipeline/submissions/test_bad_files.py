"""What verdicts say of a file: its canary alone, then the share of devices that fail."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.pipeline.submissions.bad_files import (
    CANARY_PATIENCE,
    CanaryResult,
    canary_result,
    fails_too_much,
    failures,
    keeps_others_back,
    why_bad,
)
from shared.storage.records import Counts, ReasonTally, Submission
from shared.vocabulary import Outcome, Remedy, SubmissionState
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
