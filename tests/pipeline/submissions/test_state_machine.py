"""The next step of a submission: every decision, without a network and with our own clock."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from shared.partner_center.client import Accepted
from shared.partner_center.errors import (
    NO_SERVICE_IDS,
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.pipeline.backoff import Pace
from shared.pipeline.submissions.state_machine import (
    REPEATS_WITHOUT_LINK,
    Action,
    FindBatchAgain,
    Finish,
    LastAnswer,
    Poll,
    PollAgain,
    Refuse,
    SendAgain,
    Split,
    WaitFor,
    action_for,
    after_failure,
    after_poll,
    after_poll_failed,
    after_post,
    is_past_deadline,
    next_record,
)
from shared.storage.records import (
    LONGEST_HISTORY,
    AnswerIds,
    Counts,
    JournaledRequest,
    RequestKind,
    ServiceFault,
    Submission,
)
from shared.vocabulary import SubmissionState

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PACE = Pace(
    first_poll=timedelta(seconds=27),
    longest_poll=timedelta(minutes=15),
    deadline=timedelta(hours=48),
    jitter=lambda: 1.0,
)
REQUEST = JournaledRequest(
    kind=RequestKind.APPEND,
    method="POST",
    url="https://x/devices",
    batch_id="Test",
    request_id="r-1",
    correlation_id="k",
    sent_at=NOW,
)
PENDING = Submission(
    file_id="f",
    reading_id="f.1",
    number="1",
    customer_id="c",
    batch_id="Test",
    devices=3,
    payload="f/1/1.json",
    rows="f/1/1.rows.json",
    first_row=1,
    last_row=3,
    payload_digest="d",
    state=SubmissionState.PENDING,
    sequence=4,
    due_at=NOW,
    request=REQUEST,
    claimed_until=NOW + MINUTE,
)
ACCEPTED = replace(
    PENDING,
    state=SubmissionState.ACCEPTED,
    claimed_until=None,
    tracking_id="t",
    accepted_at=NOW - 10 * MINUTE,
    polled_at=NOW - 2 * MINUTE,
    deadline_at=NOW + 30 * MINUTE,
)


def _accepted(tracking_id: str | None) -> Accepted:
    return Accepted(tracking_id=tracking_id, status=202, service_ids=NO_SERVICE_IDS)


# --- the action of a wake-up


def test_a_wake_up_older_than_the_journal_has_been_overtaken() -> None:
    assert action_for(replace(PENDING, claimed_until=None), 3, NOW) is Action.NOTHING_OVERTAKEN


def test_a_wake_up_of_a_final_submission_finds_it_final_however_old_it_is() -> None:
    assert action_for(replace(PENDING, state=SubmissionState.FINISHED), 0, NOW) is Action.CLOSE_FILE
    assert action_for(replace(PENDING, state=SubmissionState.REFUSED), 9, NOW) is Action.CLOSE_FILE


def test_a_claimed_submission_is_left_alone_until_the_claim_expires() -> None:
    assert action_for(PENDING, 4, NOW) is Action.WAIT_FOR_CLAIM
    assert action_for(PENDING, 4, NOW + MINUTE) is Action.POST


def test_an_accepted_submission_is_polled() -> None:
    assert action_for(ACCEPTED, 4, NOW) is Action.POLL


# --- after a POST


def test_an_acceptance_is_polled() -> None:
    assert after_post(PENDING, _accepted("t"), PACE) == Poll("t", PACE.first_poll, PACE.deadline)


def test_an_acceptance_without_a_link_is_repeated_under_the_same_request_id() -> None:
    step = after_post(replace(PENDING, attempts=7), _accepted(None), PACE)
    assert isinstance(step, SendAgain)
    assert (step.same_request, step.maybe_taken, step.without_link) == (True, True, True)
    assert next_record(PENDING, step, NOW).without_link == 1


def test_a_service_that_never_gives_a_link_is_believed_and_its_batch_looked_into() -> None:
    step = after_post(replace(PENDING, without_link=REPEATS_WITHOUT_LINK), _accepted(None), PACE)
    assert step == Poll(None, PACE.first_poll, PACE.deadline)
    assert next_record(PENDING, step, NOW).state is SubmissionState.ACCEPTED


@pytest.mark.parametrize(
    ("error", "same_request", "maybe_taken"),
    [
        (NeverSent("x"), True, False),
        (AnswerLost("x"), True, True),
        (Unavailable("x", status=408), True, True),
        (Unavailable("x", status=500), True, True),
        (Unavailable("x", status=502), True, True),
        (Unavailable("x", status=503), True, True),
        (Unavailable("x", status=504), True, True),
        (Throttled("x", status=429), True, False),
        (Unauthorised("x", status=401), True, False),
        (Unauthorised("x", status=403), True, False),
        (Refused("x", status=405), False, False),
    ],
)
def test_what_may_be_sent_again_is_sent_again(error: PartnerCenterError, same_request: bool, maybe_taken: bool) -> None:
    step = after_failure(PENDING, RequestKind.APPEND, error, PACE)
    assert isinstance(step, SendAgain)
    assert (step.same_request, step.maybe_taken) == (same_request, maybe_taken)


def test_a_throttled_submission_comes_back_after_the_time_it_was_told_and_not_before() -> None:
    step = after_failure(PENDING, RequestKind.APPEND, Throttled("x", retry_after=timedelta(seconds=57)), PACE)
    assert isinstance(step, SendAgain)
    assert timedelta(seconds=57) < step.delay < timedelta(seconds=70)


def test_after_a_first_401_it_is_sent_again_at_once_and_after_a_second_later() -> None:
    first = after_failure(PENDING, RequestKind.APPEND, Unauthorised("x", status=401), PACE)
    second = after_failure(replace(PENDING, attempts=1), RequestKind.APPEND, Unauthorised("x", status=401), PACE)
    assert isinstance(first, SendAgain)
    assert isinstance(second, SendAgain)
    assert (first.delay, second.delay) == (timedelta(0), timedelta(seconds=4))


def test_a_403_is_waited_out() -> None:
    step = after_failure(PENDING, RequestKind.APPEND, Unauthorised("x", status=403, code="20002"), PACE)
    assert isinstance(step, SendAgain)
    assert step.delay > timedelta(0)


@pytest.mark.parametrize(("status", "code"), [(400, "800002"), (400, "3000"), (400, None), (413, None), (413, "9")])
def test_a_refusal_that_one_device_may_be_to_blame_for_is_halved_until_it_is_one(status: int, code: str | None) -> None:
    error = Refused("x", status=status, code=code, description="Invalid request input")
    fault = ServiceFault(code=code or str(status), description="Invalid request input", may_be_one_device=True)
    split = Split(f"Split in two after code {code or status}: Invalid request input")
    assert after_failure(PENDING, RequestKind.APPEND, error, PACE) == split
    assert after_failure(replace(PENDING, devices=1), RequestKind.APPEND, error, PACE) == Refuse(fault)


def test_any_other_fault_of_the_payload_refuses_the_submission_in_the_services_own_words() -> None:
    error = Refused("x", status=400, code="900118", description="Invalid Customer ID")
    fault = ServiceFault(code="900118", description="Invalid Customer ID")
    assert after_failure(PENDING, RequestKind.APPEND, error, PACE) == Refuse(fault)


@pytest.mark.parametrize("kind", [RequestKind.APPEND, RequestKind.CREATE, None])
@pytest.mark.parametrize("code", ["60003", "3000"])
def test_a_customer_that_does_not_exist_refuses_and_never_creates(kind: RequestKind | None, code: str) -> None:
    error = Refused("x", status=404, code=code, description="Tenant not found")
    assert after_failure(PENDING, kind, error, PACE) == Refuse(ServiceFault(code=code, description="Tenant not found"))


def test_a_batch_that_is_missing_when_it_is_appended_to_is_looked_for_again() -> None:
    step = after_failure(PENDING, RequestKind.APPEND, Refused("x", status=404, code="1000"), PACE)
    assert isinstance(step, FindBatchAgain)
    assert step.create_refused is None


def test_a_creation_refused_with_400_is_believed_only_after_the_batches_were_listed_again() -> None:
    step = after_failure(PENDING, RequestKind.CREATE, Refused("x", status=400, code="9", description="no"), PACE)
    assert isinstance(step, FindBatchAgain)
    assert step.create_refused == ServiceFault(code="9", description="no")


def test_a_creation_in_conflict_lists_again_and_never_refuses() -> None:
    step = after_failure(PENDING, RequestKind.CREATE, Refused("x", status=409), PACE)
    assert isinstance(step, FindBatchAgain)
    assert step.create_refused is None


def test_a_listing_that_is_refused_otherwise_is_tried_again() -> None:
    assert isinstance(after_failure(PENDING, None, Refused("x", status=404, code="1000"), PACE), SendAgain)


# --- after a poll


def test_a_job_with_a_verdict_on_every_device_is_finished() -> None:
    counts = Counts(registered=2, failed=1)
    assert isinstance(after_poll(ACCEPTED, counts, "processing", NOW, PACE), Finish)


def test_a_finished_job_without_a_verdict_on_every_device_is_looked_at_again() -> None:
    step = after_poll(ACCEPTED, Counts(registered=2), "finished", NOW, PACE)
    assert isinstance(step, PollAgain)
    assert step.written == 2
    assert step.usable


@pytest.mark.parametrize(
    "error", [Unavailable("x"), AnswerLost("x"), NeverSent("x"), Throttled("x"), Unauthorised("x")]
)
def test_no_usable_answer_stops_the_clock_of_the_deadline(error: PartnerCenterError) -> None:
    step = after_poll_failed(ACCEPTED, error, NOW, PACE)
    assert isinstance(step, PollAgain)
    assert not step.usable
    submission = next_record(ACCEPTED, step, NOW)
    assert submission.deadline_at == NOW + 32 * MINUTE


def test_a_job_that_the_service_does_not_know_is_an_answer_and_the_clock_runs_on() -> None:
    step = after_poll_failed(ACCEPTED, Refused("x", status=404), NOW, PACE)
    assert isinstance(step, PollAgain)
    assert step.usable
    assert next_record(ACCEPTED, step, NOW).deadline_at == ACCEPTED.deadline_at


def test_days_without_an_answer_never_reach_the_deadline() -> None:
    submission, now = ACCEPTED, NOW
    for _ in range(500):
        step = after_poll_failed(submission, Unavailable("x", status=503), now, PACE)
        submission = next_record(submission, step, now)
        now = submission.due_at
        assert not is_past_deadline(next_record(submission, step, now), now)
    assert now - NOW > timedelta(days=7)


def test_the_deadline_is_over_when_its_time_has_come() -> None:
    assert is_past_deadline(ACCEPTED, NOW + 30 * MINUTE)
    assert not is_past_deadline(ACCEPTED, NOW + 29 * MINUTE)
    assert not is_past_deadline(PENDING, NOW + timedelta(days=1000))


# --- the submission afterwards


STEPS = [
    Poll("t", MINUTE, timedelta(hours=48)),
    SendAgain(MINUTE, "x"),
    FindBatchAgain(MINUTE, "x"),
    Refuse(ServiceFault(code="1", description="x")),
    Split("Split in two."),
    WaitFor(MINUTE, "x"),
    PollAgain(MINUTE, "x"),
    Finish(Counts(registered=3), "x"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_every_step_frees_the_claim_and_overtakes_older_wake_ups(step: Poll) -> None:
    submission = next_record(PENDING, step, NOW)
    assert submission.claimed_until is None
    assert submission.sequence == PENDING.sequence + 1
    assert submission.due_at >= NOW


def test_a_lost_answer_is_repeated_with_the_same_request_id() -> None:
    submission = next_record(PENDING, SendAgain(MINUTE, "x", same_request=True, maybe_taken=True), NOW)
    assert submission.request == REQUEST
    assert submission.answer_lost


def test_the_time_of_the_first_lost_request_is_kept() -> None:
    throttled = next_record(PENDING, SendAgain(MINUTE, "x", same_request=True), NOW)
    assert (throttled.answer_lost, throttled.first_lost_at) == (False, None)
    repeat = replace(REQUEST, sent_at=NOW + MINUTE)
    lost = SendAgain(MINUTE, "x", same_request=True, maybe_taken=True)
    once = next_record(replace(throttled, request=repeat), lost, NOW)
    assert (once.answer_lost, once.first_lost_at) == (True, NOW + MINUTE)
    twice = next_record(replace(once, request=replace(REQUEST, sent_at=NOW + 2 * MINUTE)), lost, NOW)
    assert twice.first_lost_at == NOW + MINUTE


def test_a_record_of_an_earlier_version_does_not_gain_a_wrong_time_of_its_first_lost_request() -> None:
    lost = SendAgain(MINUTE, "x", same_request=True, maybe_taken=True)
    assert next_record(replace(PENDING, answer_lost=True), lost, NOW).first_lost_at is None


def test_an_answered_failure_gets_a_new_request_id() -> None:
    assert next_record(PENDING, SendAgain(MINUTE, "x"), NOW).request is None
    assert next_record(PENDING, FindBatchAgain(MINUTE, "x"), NOW).request is None


def test_waiting_is_no_attempt() -> None:
    assert next_record(PENDING, WaitFor(MINUTE, "x"), NOW).attempts == PENDING.attempts
    assert next_record(PENDING, SendAgain(MINUTE, "x"), NOW).attempts == PENDING.attempts + 1


def test_waiting_for_a_gate_stops_the_clock_of_the_deadline() -> None:
    submission = next_record(ACCEPTED, WaitFor(MINUTE, "x"), NOW)
    assert submission.deadline_at == NOW + 32 * MINUTE
    assert next_record(submission, WaitFor(MINUTE, "x"), NOW + MINUTE).deadline_at == NOW + 33 * MINUTE


def test_the_deadline_runs_from_acceptance() -> None:
    submission = next_record(PENDING, Poll("t", MINUTE, timedelta(hours=48)), NOW)
    assert submission.deadline_at == NOW + timedelta(hours=48)
    assert submission.due_at == NOW + MINUTE


def test_final_steps_say_how_every_device_ended() -> None:
    refused = next_record(PENDING, Refuse(ServiceFault(code="1", description="x")), NOW)
    finished = next_record(ACCEPTED, Finish(Counts(registered=2, unknown=1), "x"), NOW)
    assert (refused.state, refused.counts) == (SubmissionState.REFUSED, Counts(failed=3))
    assert (finished.state, finished.counts) == (SubmissionState.FINISHED, Counts(registered=2, unknown=1))


def test_the_ids_of_the_answer_are_kept() -> None:
    ids = AnswerIds(request_id="a", correlation_id="b", correlation_vector="c", server_id="d")
    submission = next_record(PENDING, SendAgain(MINUTE, "x"), NOW, LastAnswer(ids, 503, "800003"))
    assert submission.answer_ids == ids
    assert (submission.last_status, submission.last_code) == (503, "800003")


def test_what_is_said_again_and_again_stands_in_the_history_once() -> None:
    submission = PENDING
    for _ in range(10):
        submission = next_record(submission, SendAgain(MINUTE, "Busy."), NOW)
    assert len(submission.history) == 1


def test_a_history_of_long_sentences_fits_into_a_property() -> None:
    submission = PENDING
    for number in range(200):
        submission = next_record(submission, SendAgain(MINUTE, f"{number} " + "ä" * 5_000), NOW)
    assert sum(map(len, submission.history)) < 32_000


def test_a_long_history_keeps_its_beginning_and_its_end() -> None:
    submission = PENDING
    for number in range(200):
        submission = next_record(submission, SendAgain(MINUTE, f"Said {number}."), NOW)
    assert len(submission.history) == LONGEST_HISTORY
    assert submission.history[0].endswith("Said 0.")
    assert submission.history[-1].endswith("Said 199.")
