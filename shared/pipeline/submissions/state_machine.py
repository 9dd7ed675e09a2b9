"""What to do next with a submission. Pure: no clock, no storage, no network.

`action_for` decides on a wake-up's action; `after_post`, `after_failure`, `after_poll` and `after_poll_failed` turn the
service's answer into a `Step`; `next_record` turns a step into the submission's next record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, auto
from http import HTTPStatus

from msgspec.structs import replace

from shared.partner_center.client import Accepted
from shared.partner_center.errors import (
    NeverSent,
    PartnerCenterError,
    Refused,
    ServiceIds,
    Throttled,
    Unauthorised,
)
from shared.pipeline.backoff import Pace
from shared.pipeline.submissions.matching import SentRow
from shared.storage.record_table import Stored
from shared.storage.records import (
    AnswerIds,
    Counts,
    DeviceOutcome,
    ReasonTally,
    RequestKind,
    ServiceFault,
    Submission,
    with_sentence,
)
from shared.vocabulary import SubmissionState

NEVER_ACCEPTED_ALARM = timedelta(hours=48)
"""A submission that waits longer than this, counted from the receipt of its file, is an alarm. It is still sent; if its
request body is lost, it ends."""

REPEATS_WITHOUT_LINK = 3
"""How often a request accepted without a tracking id is repeated under its request id."""

CODES_OF_A_MALFORMED_PART = frozenset({"800002", "3000", None})
"""Codes of a 400 that a single device may cause (Partner Center error codes); None is an answer without a code."""

WRONG_CUSTOMER_CODES = frozenset({"60003", "3000", "900118"})
"""Codes that say the customer or partner does not exist (Partner Center error codes): no batch is created then."""


class Action(Enum):
    """The action of a wake-up on its submission."""

    NOTHING_OVERTAKEN = auto()
    """The submission has moved on since the wake-up was sent."""
    CLOSE_FILE = auto()
    """The submission is final: its file may be complete."""
    WAIT_FOR_CLAIM = auto()
    """Another worker holds it, or died a moment ago."""
    POST = auto()
    POLL = auto()


def action_for(submission: Submission, sequence: int, now: datetime) -> Action:
    """The action of a wake-up of `sequence`."""
    if submission.state.is_final:
        return Action.CLOSE_FILE
    if sequence < submission.sequence:
        return Action.NOTHING_OVERTAKEN
    if submission.claimed_until is not None and submission.claimed_until > now:
        return Action.WAIT_FOR_CLAIM
    return Action.POLL if submission.state is SubmissionState.ACCEPTED else Action.POST


@dataclass(frozen=True, slots=True)
class Poll:
    """The service accepted it: poll its job after `delay`, or read its batch when there is no tracking id."""

    tracking_id: str | None
    delay: timedelta
    deadline: timedelta


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Not accepted, or not known to be: POST again after `delay`, the same request or a new one."""

    delay: timedelta
    reason: str
    same_request: bool = False
    maybe_taken: bool = False
    """The service may hold the devices although no answer says so; `next_record` keeps that as `answer_lost`."""
    without_link: bool = False


@dataclass(frozen=True, slots=True)
class FindBatchAgain:
    """The known batch is wrong: list the batches after `delay`, then send a new request."""

    delay: timedelta
    reason: str
    create_refused: ServiceFault | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The service will never accept it; each of its devices failed, with the service's own words."""

    fault: ServiceFault
    reasons: tuple[ReasonTally, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """Send its two parts, each as its own submission: the service, or today's limit, might let one of them pass."""

    reason: str
    first_part: int | None = None
    """Devices of the first part; None: half of them."""
    counted_on: date | None = None
    """The day whose limit the first part is counted in."""


@dataclass(frozen=True, slots=True)
class WaitFor:
    """No request was sent: try again after `delay`."""

    delay: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class PollAgain:
    """Some devices have no verdict yet: poll again after `delay`; `written` outcomes are in the journal."""

    delay: timedelta
    reason: str
    usable: bool = True
    """Whether the answer was about the job: otherwise the time to the deadline stands still."""
    written: int = 0
    counts: Counts | None = None
    """The written outcomes; None when this answer gave no verdict."""
    reasons: tuple[ReasonTally, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """Every device has its outcome."""

    counts: Counts
    reason: str
    reasons: tuple[ReasonTally, ...] = ()


@dataclass(frozen=True, slots=True)
class MoveOn:
    """The devices of a move are removed from where they stood: these rows go on as submissions that register them.

    The others have their outcome.
    """

    counts: Counts
    reason: str
    rows: Sequence[SentRow]
    reasons: tuple[ReasonTally, ...] = ()


Step = Poll | SendAgain | FindBatchAgain | Refuse | Split | WaitFor | PollAgain | Finish | MoveOn


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The service's last answer as received, beside our reading of it."""

    ids: AnswerIds
    status: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision for a submission as read, beside the answer or the error that led to it."""

    stored: Stored[Submission]
    step: Step
    answer: LastAnswer | None = None
    outcomes: Sequence[DeviceOutcome] = ()
    error: PartnerCenterError | None = None


def after_post(submission: Submission, accepted: Accepted, pace: Pace) -> Step:
    """The step that follows a POST which the service accepted."""
    if accepted.tracking_id is not None or submission.without_link >= REPEATS_WITHOUT_LINK:
        return Poll(accepted.tracking_id, pace.first_poll, pace.deadline)
    # The service may send the link after all when the request is repeated under the same id.
    return SendAgain(
        pace.backoff(submission.without_link),
        "The service accepted it without saying where to ask; it is sent again.",
        same_request=True,
        maybe_taken=True,
        without_link=True,
    )


def after_failure(submission: Submission, kind: RequestKind | None, error: PartnerCenterError, pace: Pace) -> Step:
    """The step that follows a failed POST of `kind`, or a failed listing of batches (None).

    The request keeps its id until the service has decided on the payload: 2xx or a refusal of it (Partner Center REST
    headers: reset upon success or business failure). A lost answer, throttling, a bad token and a gateway's 408 or 5xx
    decide nothing; after a lost answer or a gateway's, the service may have the devices.
    """
    if isinstance(error, Refused):
        return _after_refusal(submission, kind, error, pace)
    maybe_taken = kind is not None and not isinstance(error, NeverSent | Throttled | Unauthorised)
    delay = pace.after_failure(error, submission.attempts)
    return SendAgain(delay, str(error), same_request=True, maybe_taken=maybe_taken)


def _after_refusal(submission: Submission, kind: RequestKind | None, error: Refused, pace: Pace) -> Step:
    delay = pace.after_failure(error, submission.attempts)
    says_wrong_customer = error.code in WRONG_CUSTOMER_CODES
    fault = fault_of(kind, error)
    match kind, error.status:
        case _, 404 if says_wrong_customer:
            return Refuse(fault)
        case None, _:
            return Refuse(fault) if says_wrong_customer else SendAgain(delay, str(error))
        case RequestKind.CREATE, 400:
            return FindBatchAgain(delay, str(error), fault)
        case RequestKind.CREATE, 409:
            return FindBatchAgain(delay, str(error), None)
        case RequestKind.APPEND, 404:
            return FindBatchAgain(delay, str(error))
        case _, 400 | 413:
            return refusal(submission, fault)
        case _:
            return SendAgain(delay, str(error))


def refusal(submission: Submission, fault: ServiceFault) -> Refuse | Split:
    """The step that follows a refusal of the payload: halve it while a single device may be the cause."""
    if fault.may_be_one_device and submission.devices > 1:
        return Split(f"Split in two after code {fault.code}: {fault.description}")
    return Refuse(fault)


def fault_of(kind: RequestKind | None, error: Refused) -> ServiceFault:
    """What the service says of a payload that it refused, or of a listing of batches (None)."""
    malformed_part = error.status == HTTPStatus.BAD_REQUEST and error.code in CODES_OF_A_MALFORMED_PART
    return ServiceFault(
        code=error.code or str(error.status),
        description=error.description or str(error),
        may_be_one_device=kind is not None and (malformed_part or error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    )


def after_poll_failed(submission: Submission, error: PartnerCenterError, now: datetime, pace: Pace) -> Step:
    """The step that follows a poll that failed. Only a 404 is an answer about the job."""
    delay = pace.after_failure(error, submission.attempts, least=pace.poll(_since_acceptance(submission, now)))
    is_usable = isinstance(error, Refused) and error.status == HTTPStatus.NOT_FOUND
    return PollAgain(delay, str(error), usable=is_usable, written=submission.written)


def after_poll(
    submission: Submission,
    counts: Counts,
    status: str,
    now: datetime,
    pace: Pace,
    reasons: tuple[ReasonTally, ...] = (),
) -> Step:
    """The step that follows a job's status with `counts` final verdicts for these `reasons`, all of them written."""
    reason = f"The service says {status or 'nothing'}: {counts.ended} of {submission.devices} devices have a verdict."
    if counts.ended == submission.devices:
        return Finish(counts, reason, reasons)
    delay = pace.poll(_since_acceptance(submission, now))
    return PollAgain(delay, reason, written=counts.ended, counts=counts, reasons=reasons)


def answer_of(error: PartnerCenterError) -> LastAnswer:
    """The stored form of an answer that was an error."""
    return LastAnswer(ids_to_keep(error.service_ids), error.status, error.code)


def ids_to_keep(ids: ServiceIds) -> AnswerIds:
    """The stored form of an answer's ids."""
    return AnswerIds(
        request_id=ids.request_id,
        correlation_id=ids.correlation_id,
        correlation_vector=ids.correlation_vector,
        server_id=ids.server_id,
    )


def is_past_deadline(submission: Submission, now: datetime) -> bool:
    """Whether the time for a verdict is over. Time without a usable answer from the service does not count."""
    return submission.deadline_at is not None and now >= submission.deadline_at


def next_record(submission: Submission, step: Step, now: datetime, answer: LastAnswer | None = None) -> Submission:
    """The submission after `step`: its sequence raised, its claim released, due when the step says."""
    common = replace(
        submission,
        sequence=submission.sequence + 1,
        claimed_until=None,
        answer_ids=answer.ids if answer else submission.answer_ids,
        last_status=answer.status if answer else submission.last_status,
        last_code=answer.code if answer else submission.last_code,
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
                **(with_lost_answer(submission) if step.maybe_taken else {}),
                without_link=submission.without_link + step.without_link,
                **_with_reason(submission, step.reason, now),
            )
        case FindBatchAgain():
            return replace(
                common,
                due_at=now + step.delay,
                attempts=submission.attempts + 1,
                request=None,
                create_refused=step.create_refused,
                **_with_reason(submission, step.reason, now),
            )
        case Refuse(fault, reasons):
            return replace(
                common,
                state=SubmissionState.REFUSED,
                due_at=now,
                request=None,
                written=submission.devices,
                counts=Counts(failed=submission.devices),
                reasons=reasons,
                **_with_reason(submission, f"Refused by the service with code {fault.code}: {fault.description}", now),
            )
        case Split(reason):
            return replace(
                common,
                state=SubmissionState.SPLIT,
                due_at=now,
                request=None,
                **_with_reason(submission, reason, now),
            )
        case WaitFor():
            return replace(
                _standing_still(common, now), due_at=now + step.delay, **_with_reason(submission, step.reason, now)
            )
        case PollAgain():
            return replace(_polled(common, step, now), **_with_reason(submission, step.reason, now))
        case MoveOn():
            return replace(
                common,
                state=SubmissionState.FINISHED,
                due_at=now,
                devices=step.counts.ended,
                written=step.counts.ended,
                counts=step.counts,
                reasons=step.reasons,
                **_with_reason(submission, step.reason, now),
            )
        case Finish(counts, reason, reasons):
            return replace(
                common,
                state=SubmissionState.FINISHED,
                due_at=now,
                written=submission.devices,
                counts=counts,
                reasons=reasons,
                **_with_reason(submission, reason, now),
            )


def with_lost_answer(submission: Submission) -> dict[str, object]:
    """The fields after the answer to its request was lost: they tell since when the service may have the devices."""
    sent_at = None if submission.request is None else submission.request.sent_at
    # An earlier version kept no time: a later time would be wrong.
    is_first = not submission.answer_lost
    return {"answer_lost": True, "first_lost_at": sent_at if is_first else submission.first_lost_at}


def with_cause(submission: Submission, cause: str, now: datetime) -> Submission:
    """The submission with the `cause` that keeps it from going on; all else stays, so nothing else is decided."""
    return replace(submission, **_with_reason(submission, cause, now))


def _polled(submission: Submission, step: PollAgain, now: datetime) -> Submission:
    """After a usable answer the time since the last poll counts towards the deadline; after any other it does not."""
    polled = replace(submission, polled_at=now) if step.usable else _standing_still(submission, now)
    if step.counts is not None and step.counts.ended >= submission.counts.ended:
        polled = replace(polled, counts=step.counts, reasons=step.reasons)
    return replace(
        polled,
        due_at=now + step.delay,
        attempts=0 if step.usable else submission.attempts + 1,
        written=max(submission.written, step.written),
    )


def _standing_still(submission: Submission, now: datetime) -> Submission:
    """The time since the last poll does not count towards the deadline."""
    if submission.deadline_at is None or submission.polled_at is None:
        return submission
    return replace(submission, polled_at=now, deadline_at=submission.deadline_at + (now - submission.polled_at))


def _with_reason(submission: Submission, reason: str, now: datetime) -> dict[str, object]:
    """The reason why it waits or ended; a repeated reason appears in the history once."""
    if reason == submission.last_answer:
        return {}
    return {"last_answer": reason, "history": with_sentence(submission.history, reason, now)}


def _since_acceptance(submission: Submission, now: datetime) -> timedelta:
    return now - (submission.accepted_at or now)
