"""What to do next with a submission. Pure: no clock, no storage, no network.

`standing` says what a wake-up finds; `after_post`, `after_failure` and `after_poll` turn what the service said into a
`Step`; `taken` turns a step into the submission's next record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from msgspec.structs import replace

from shared.partner_center.client import Accepted
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
)
from shared.settings import Settings
from shared.storage.records import AnswerIds, Counts, RequestKind, ServiceFault, Submission, with_sentence
from shared.vocabulary import SubmissionState

POLL_SHARE = 0.25
"""The next look at a job comes after this share of the time it has taken so far: late by at most as much."""

FIRST_BACKOFF = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=30)
PAUSED_DELAY = timedelta(minutes=5)
SHORTEST_PATIENCE = timedelta(seconds=1)
LONGEST_PATIENCE = timedelta(seconds=20)

REPEATS_WITHOUT_LINK = 3
"""How often a request that was accepted without a tracking id is repeated under its request id."""

BAD_REQUEST = 400
TOO_LARGE = 413

CODES_OF_A_MALFORMED_PART = frozenset({"800002", "3000", None})
"""Codes of a 400 that may be due to one device alone (Partner Center error codes); None is an answer without a code."""

WRONG_CUSTOMER_CODES = frozenset({"60003", "3000", "900118"})
"""Codes that say the customer or partner does not exist (Partner Center error codes): no batch is created for it."""


class Standing(Enum):
    """What a wake-up finds of its submission."""

    OVERTAKEN = auto()
    """The journal is further than the wake-up."""
    FINAL = auto()
    CLAIMED = auto()
    """Someone is at it, or died at it a moment ago."""
    TO_POST = auto()
    TO_POLL = auto()


def standing(submission: Submission, sequence: int, now: datetime) -> Standing:
    """What a wake-up of `sequence` finds."""
    if submission.state.is_final:
        return Standing.FINAL
    if sequence < submission.sequence:
        return Standing.OVERTAKEN
    if submission.claimed_until is not None and submission.claimed_until > now:
        return Standing.CLAIMED
    return Standing.TO_POLL if submission.state is SubmissionState.ACCEPTED else Standing.TO_POST


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait: `jitter` gives a number from 0 to 1, so that waiting submissions do not come back as one."""

    first: timedelta
    longest: timedelta
    deadline: timedelta
    jitter: Callable[[], float]

    def poll(self, since_acceptance: timedelta) -> timedelta:
        """Until the next look at a job that was accepted `since_acceptance` ago."""
        return min(max(self.first, since_acceptance * POLL_SHARE), self.longest)

    def backoff(self, attempts: int) -> timedelta:
        """After `attempts` without a usable answer: doubling, at most 30 minutes, at least half of it certain."""
        whole = min(FIRST_BACKOFF * (1 << min(attempts, 20)), LONGEST_BACKOFF)
        return whole * (0.5 + 0.5 * self.jitter())


def patience(held_for: timedelta) -> timedelta:
    """Until one comes back who met another at work: about as long again as that has taken so far."""
    return min(max(held_for, SHORTEST_PATIENCE), LONGEST_PATIENCE)


def pace_of(settings: Settings, jitter: Callable[[], float]) -> Pace:
    """The pace that `settings` asks for."""
    return Pace(settings.poll_first_delay, settings.poll_max_delay, settings.outcome_deadline, jitter)


@dataclass(frozen=True, slots=True)
class Poll:
    """The service took it: look at its job after `delay`; without a tracking id, at the batch."""

    tracking_id: str | None
    delay: timedelta
    deadline: timedelta


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Not taken, or not known to be: POST again after `delay`; the same request again, or a new one."""

    delay: timedelta
    reason: str
    same_request: bool = False
    maybe_taken: bool = False
    without_link: bool = False
    sign_in_anew: bool = False


@dataclass(frozen=True, slots=True)
class FindBatchAgain:
    """What is known of the batch is wrong: list the batches after `delay`, then send a new request."""

    delay: timedelta
    reason: str
    create_refused: ServiceFault | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The service will never take it; every device of it failed, with the service's own words."""

    fault: ServiceFault


@dataclass(frozen=True, slots=True)
class Split:
    """Part of it might be taken: send its halves, each as a submission of its own."""

    fault: ServiceFault


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Nothing was asked of the service: come back after `delay`."""

    delay: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class PollAgain:
    """No verdict on every device yet: look again after `delay`; `written` outcomes stand in the journal."""

    delay: timedelta
    reason: str
    usable: bool = True
    written: int = 0
    sign_in_anew: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Every device has its outcome."""

    counts: Counts
    reason: str


Step = Poll | SendAgain | FindBatchAgain | Refuse | Split | WaitFor | PollAgain | Finish


def after_post(submission: Submission, accepted: Accepted, pace: Pace) -> Step:
    """The step that follows a POST which the service accepted."""
    if accepted.tracking_id is not None or submission.without_link >= REPEATS_WITHOUT_LINK:
        return Poll(accepted.tracking_id, pace.first, pace.deadline)
    # Under the same request id the service may give the link after all.
    return SendAgain(
        pace.backoff(submission.without_link),
        "The service accepted it without saying where to ask; it is sent again.",
        same_request=True,
        maybe_taken=True,
        without_link=True,
    )


def after_failure(submission: Submission, kind: RequestKind | None, error: PartnerCenterError, pace: Pace) -> Step:
    """The step that follows a failed POST of `kind`, or a failed listing of batches (None).

    An answer lost keeps the request id, so that the service can recognise the repeat; any answer received ends it
    (Partner Center REST headers: reset upon a response, success or business failure).
    """
    delay = pace.backoff(submission.attempts)
    match error:
        case NeverSent():
            return SendAgain(delay, str(error), same_request=True)
        case AnswerLost():
            return SendAgain(delay, str(error), same_request=True, maybe_taken=kind is not None)
        case Throttled(retry_after=retry_after):
            return SendAgain(throttled_delay(retry_after, delay, pace), str(error))
        case Unauthorised():
            at_once = error.may_be_cured_by_a_new_token and submission.attempts == 0
            return SendAgain(
                timedelta(0) if at_once else delay, str(error), sign_in_anew=error.may_be_cured_by_a_new_token
            )
        case Refused():
            return _after_refusal(submission, kind, error, delay)
        case _:
            return SendAgain(delay, str(error), maybe_taken=kind is not None)


def _after_refusal(submission: Submission, kind: RequestKind | None, error: Refused, delay: timedelta) -> Step:
    says_wrong_customer = error.code in WRONG_CUSTOMER_CODES
    fault = _fault(kind, error)
    match kind, error.status:
        case _, 404 if says_wrong_customer:
            return Refuse(fault)
        case None, _:
            return Refuse(fault) if says_wrong_customer else SendAgain(delay, str(error))
        case RequestKind.CREATE, 400 | 409:
            return FindBatchAgain(delay, str(error), fault if error.status == BAD_REQUEST else None)
        case RequestKind.APPEND, 404:
            return FindBatchAgain(delay, str(error))
        case _, 400 | 413:
            return refusal(submission, fault)
        case _:
            return SendAgain(delay, str(error))


def refusal(submission: Submission, fault: ServiceFault) -> Refuse | Split:
    """What a refusal of the payload means: halves, while one device may be to blame for all."""
    return Split(fault) if fault.may_be_one_device and submission.devices > 1 else Refuse(fault)


def _fault(kind: RequestKind | None, error: Refused) -> ServiceFault:
    malformed_part = error.status == BAD_REQUEST and error.code in CODES_OF_A_MALFORMED_PART
    return ServiceFault(
        code=error.code or str(error.status),
        description=error.description or str(error),
        may_be_one_device=kind is not None and (malformed_part or error.status == TOO_LARGE),
    )


def after_poll_failed(submission: Submission, error: PartnerCenterError, now: datetime, pace: Pace) -> Step:
    """The step that follows a status request without a job's status. Only a 404 is an answer about the job."""
    delay = max(pace.backoff(submission.attempts), pace.poll(_since_acceptance(submission, now)))
    match error:
        case Throttled(retry_after=retry_after):
            return PollAgain(throttled_delay(retry_after, delay, pace), str(error), usable=False)
        case Unauthorised():
            return PollAgain(delay, str(error), usable=False, sign_in_anew=error.may_be_cured_by_a_new_token)
        case Refused(status=404):
            return PollAgain(delay, str(error))
        case _:
            return PollAgain(delay, str(error), usable=False)


def after_poll(submission: Submission, counts: Counts, status: str, now: datetime, pace: Pace) -> Step:
    """The step that follows a job's status that gave `counts` final verdicts, all of which are written."""
    said = f"The service says {status or 'nothing'}: {counts.ended} of {submission.devices} devices have a verdict."
    if counts.ended == submission.devices:
        return Finish(counts, said)
    return PollAgain(pace.poll(_since_acceptance(submission, now)), said, written=counts.ended)


def is_past_deadline(submission: Submission, now: datetime) -> bool:
    """Whether the time for a verdict is over. It stands still while the service gives no usable answer."""
    return submission.deadline_at is not None and now >= submission.deadline_at


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What the service's last answer was, beside our reading of it."""

    ids: AnswerIds
    status: int | None = None
    code: str | None = None


def next_record(submission: Submission, step: Step, now: datetime, said: LastAnswer | None = None) -> Submission:
    """The submission after `step`: one change further, free, and due when the step says."""
    common = replace(
        submission,
        sequence=submission.sequence + 1,
        claimed_until=None,
        answer_ids=said.ids if said else submission.answer_ids,
        last_status=said.status if said else submission.last_status,
        last_code=said.code if said else submission.last_code,
    )
    match step:
        case Poll(tracking_id, delay, deadline):
            return replace(
                common,
                state=SubmissionState.ACCEPTED,
                tracking_id=tracking_id,
                accepted_at=now,
                polled_at=now,
                deadline_at=now + deadline,
                due_at=now + delay,
                attempts=0,
                last_answer=None,
                history=with_sentence(submission.history, f"Accepted as job {tracking_id or '(not named)'}.", now),
            )
        case SendAgain():
            return replace(
                common,
                due_at=now + step.delay,
                attempts=submission.attempts + 1,
                request=submission.request if step.same_request else None,
                answer_lost=submission.answer_lost or step.maybe_taken,
                without_link=submission.without_link + step.without_link,
                **_said(submission, step.reason, now),
            )
        case FindBatchAgain():
            return replace(
                common,
                due_at=now + step.delay,
                attempts=submission.attempts + 1,
                request=None,
                create_refused=step.create_refused,
                **_said(submission, step.reason, now),
            )
        case Refuse(fault):
            return replace(
                common,
                state=SubmissionState.REFUSED,
                due_at=now,
                request=None,
                written=submission.devices,
                counts=Counts(failed=submission.devices),
                **_said(submission, f"Refused by the service with code {fault.code}: {fault.description}", now),
            )
        case Split(fault):
            return replace(
                common,
                state=SubmissionState.SPLIT,
                due_at=now,
                request=None,
                **_said(submission, f"Split in two after code {fault.code}: {fault.description}", now),
            )
        case WaitFor():
            return replace(_standing_still(common, now), due_at=now + step.delay, **_said(submission, step.reason, now))
        case PollAgain():
            return replace(_looked(common, step, now), **_said(submission, step.reason, now))
        case Finish(counts, reason):
            return replace(
                common,
                state=SubmissionState.FINISHED,
                due_at=now,
                written=submission.devices,
                counts=counts,
                **_said(submission, reason, now),
            )


def _looked(submission: Submission, step: PollAgain, now: datetime) -> Submission:
    """The clock of the deadline runs on after a usable answer and stands still over the time before any other."""
    looked = replace(submission, polled_at=now) if step.usable else _standing_still(submission, now)
    return replace(
        looked,
        due_at=now + step.delay,
        attempts=0 if step.usable else submission.attempts + 1,
        written=max(submission.written, step.written),
    )


def _standing_still(submission: Submission, now: datetime) -> Submission:
    """The time since the last look does not count."""
    if submission.deadline_at is None or submission.polled_at is None:
        return submission
    return replace(submission, polled_at=now, deadline_at=submission.deadline_at + (now - submission.polled_at))


def _said(submission: Submission, reason: str, now: datetime) -> dict[str, object]:
    """What was said, once in the history however often it is said."""
    if reason == submission.last_answer:
        return {}
    return {"last_answer": reason, "history": with_sentence(submission.history, reason, now)}


def throttled_delay(retry_after: timedelta | None, delay: timedelta, pace: Pace) -> timedelta:
    """What the service asks for and a little more, else `delay`: the waiting shall not come back at one moment."""
    return delay if retry_after is None else retry_after * (1 + 0.1 * pace.jitter()) + timedelta(seconds=1)


def _since_acceptance(submission: Submission, now: datetime) -> timedelta:
    return now - (submission.accepted_at or now)
