"""Decides which profile the device of a row gets, and what the service's answers say of it. Pure.

A profile is a configuration policy of the customer in Partner Center. After the verdicts on a submission whose rows
wish for profiles, another submission follows it, the assignment: one PATCH that gives its devices their profiles. It
is idempotent: to ask for the same profile again does no harm.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec
from msgspec.structs import replace

from shared.partner_center.errors import NO_RELATIONSHIP, PartnerCenterError, Refused, Unauthorised
from shared.partner_center.models import ConfigurationPolicy, Device, DeviceUploadDetails, encode_policy_updates
from shared.partner_center.outcome_codes import explain
from shared.pipeline.backoff import Pace
from shared.pipeline.submissions.matching import SentRow, folded, match
from shared.pipeline.submissions.state_machine import (
    Finish,
    PollAgain,
    Refuse,
    SendAgain,
    Step,
    after_failure,
    fault_of,
    refusal,
)
from shared.reasons import PROFILE_NOT_ASSIGNED, PROFILE_REASONS, ProfileReason
from shared.storage.records import (
    Counts,
    DeviceOutcome,
    ProfileOrder,
    RequestKind,
    ServiceFault,
    Submission,
    with_sentence,
)
from shared.vocabulary import Outcome, ProfileOutcome, SubmissionState

_MARK = "-p"
"""Between the number of a submission and what tells its assignments apart."""

_FIRST_FORBIDDEN_FAILURES = 4
"""A person must act on a 403, so the wait before the request is repeated is longer than after a passing fault."""


class ProfileRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of an assignment: its device, and the configuration policy that this gets."""

    row: int
    device_id: str
    policy_id: str
    serial_number: str = ""
    product_key: str = ""


def following_assignment(submission: Submission, now: datetime, order: ProfileOrder | None = None) -> Submission:
    """The assignment that follows a finished submission, by itself or by `order`. Its devices are not known yet."""
    return Submission(
        file_id=submission.file_id,
        reading_id=submission.reading_id,
        number=f"{submission.number}{_MARK}{'' if order is None else order.run}",
        customer_id=submission.customer_id,
        batch_id=submission.batch_id,
        devices=0,
        payload="",
        first_row=submission.first_row,
        last_row=submission.last_row,
        payload_digest="",
        assigns_profiles=True,
        profile="" if order is None else order.profile,
        state=SubmissionState.PENDING,
        due_at=now,
        history=with_sentence((), f"Waits to assign the profiles of submission {submission.number}.", now),
    )


def registered_by(assignment: Submission) -> str:
    """The number of the submission whose devices get their profiles."""
    return assignment.number.partition(_MARK)[0]


def wishes(outcomes: Iterable[DeviceOutcome], assignment: Submission) -> list[DeviceOutcome]:
    """The rows of the assignment whose devices are to have a profile and have no profile outcome.

    An assignment by order is of all its registered devices, whatever became of an earlier profile.
    """
    number = registered_by(assignment)
    there = (
        _with_wish(outcome, assignment.profile)
        for outcome in outcomes
        if outcome.submission == number and outcome.outcome in (Outcome.REGISTERED, Outcome.ALREADY_REGISTERED)
    )
    return [outcome for outcome in there if outcome.profile and outcome.profile_outcome is ProfileOutcome.NONE]


def _with_wish(outcome: DeviceOutcome, profile: str) -> DeviceOutcome:
    """The outcome of a row that wishes for `profile` from now on; as it is where that is empty."""
    if not profile:
        return outcome
    return replace(
        outcome, profile=profile, profile_outcome=ProfileOutcome.NONE, profile_reason="", profile_what_to_do=""
    )


def policy_named(wish: str, policies: Iterable[ConfigurationPolicy]) -> str | ProfileReason:
    """The id of the policy that has this name or id, without case; or why none is meant for certain."""
    wanted = folded(wish)
    profiles = [policy for policy in policies if policy.is_profile]
    if any(folded(policy.id) == wanted for policy in profiles):
        return next(policy.id or "" for policy in profiles if folded(policy.id) == wanted)
    named = {folded(policy.id): policy.id or "" for policy in profiles if folded(policy.name) == wanted}
    if len(named) == 1:
        return next(iter(named.values()))
    return ProfileReason.PROFILE_AMBIGUOUS if named else ProfileReason.PROFILE_UNKNOWN


def body_of(rows: Iterable[ProfileRow]) -> bytes:
    """The request body, the same for the same rows."""
    return encode_policy_updates({row.device_id: row.policy_id for row in rows})


def verdicts_on(
    rows: Sequence[ProfileRow], verdicts: Sequence[DeviceUploadDetails]
) -> list[DeviceUploadDetails | None]:
    """For each row its verdict, or None: by the id of its device, else as verdicts on an upload are matched."""
    by_id: dict[str, DeviceUploadDetails | None] = {}
    for verdict in verdicts:
        if device_id := folded(verdict.device_id):
            by_id[device_id] = None if device_id in by_id and by_id[device_id] != verdict else verdict
    sent = [SentRow(row=row.row, serial_number=row.serial_number, product_key=row.product_key) for row in rows]
    found: list[DeviceUploadDetails | None] = []
    for row, matched in zip(rows, match(sent, verdicts), strict=True):
        device_id = folded(row.device_id)
        if device_id in by_id:
            found.append(by_id[device_id])
        else:
            found.append(matched if matched is not None and not matched.device_id else None)
    return found


def with_verdict(outcome: DeviceOutcome, verdict: DeviceUploadDetails) -> DeviceOutcome:
    """The outcome of a row with the service's own final verdict on its profile."""
    code, name = verdict.error_code, verdict.error_description
    if explain(code, name, verdict.state).verdict is Outcome.REGISTERED:
        return with_profile(outcome, ProfileOutcome.ASSIGNED)
    given = " ".join(filter(None, ("" if code is None else str(code), name)))
    return _failed(outcome, given or (verdict.status or ""))


def with_fault(outcome: DeviceOutcome, fault: ServiceFault) -> DeviceOutcome:
    """The outcome of a row whose assignment the service refused as a whole."""
    if fault.code == ProfileReason.NO_ADMIN_AGENT:
        return without_profile(outcome, ProfileOutcome.FAILED, ProfileReason.NO_ADMIN_AGENT)
    return _failed(outcome, fault.code)


def _failed(outcome: DeviceOutcome, reason: str) -> DeviceOutcome:
    return replace(
        outcome,
        profile_outcome=ProfileOutcome.FAILED,
        profile_reason=reason,
        profile_what_to_do=PROFILE_NOT_ASSIGNED,
    )


def with_profile(outcome: DeviceOutcome, profile_outcome: ProfileOutcome) -> DeviceOutcome:
    """The outcome of a row with a profile outcome that needs no reason."""
    return replace(outcome, profile_outcome=profile_outcome, profile_reason="", profile_what_to_do="Nothing.")


def without_profile(outcome: DeviceOutcome, profile_outcome: ProfileOutcome, reason: ProfileReason) -> DeviceOutcome:
    """The outcome of a row whose profile was not assigned, with our reason."""
    return replace(
        outcome,
        profile_outcome=profile_outcome,
        profile_reason=reason,
        profile_what_to_do=PROFILE_REASONS[reason].text,
    )


def has_profile(device: Device | None, row: ProfileRow) -> bool:
    """Whether a device that the service lists has the profile of the row."""
    return device is not None and folded(device.profile_id) == folded(row.policy_id)


def after_deadline(outcome: DeviceOutcome, row: ProfileRow, device: Device | None) -> DeviceOutcome:
    """The outcome of a row without a verdict on its profile in time; `device` is its device in the batch, if read."""
    if has_profile(device, row):
        return with_profile(outcome, ProfileOutcome.ASSIGNED)
    return without_profile(outcome, ProfileOutcome.UNKNOWN, ProfileReason.NO_VERDICT)


def after_failed_update(submission: Submission, error: PartnerCenterError, pace: Pace) -> Step:
    """The step that follows a PATCH that failed.

    A 403 is repeated once: it may be passing. The second one in a row says that the account may not assign profiles.
    """
    if isinstance(error, Refused):
        return refusal(submission, fault_of(RequestKind.UPDATE, error))
    if not is_forbidden(error):
        return after_failure(submission, RequestKind.UPDATE, error, pace)
    if submission.last_status == HTTPStatus.FORBIDDEN:
        return Refuse(ServiceFault(code=ProfileReason.NO_ADMIN_AGENT, description=str(error)))
    return SendAgain(pace.backoff(_FIRST_FORBIDDEN_FAILURES), str(error), same_request=True)


def is_forbidden(error: PartnerCenterError | None) -> bool:
    """Whether the service answered with a 403 that says nothing of registering devices: one about profiles alone."""
    return isinstance(error, Unauthorised) and error.status == HTTPStatus.FORBIDDEN and error.code != NO_RELATIONSHIP


def after_verdicts(submission: Submission, ended: int, status: str, now: datetime, pace: Pace) -> Step:
    """The step that follows the status of an assignment of which `ended` devices have a final verdict."""
    reason = f"The service says {status or 'nothing'}: {ended} of {submission.devices} profiles have a verdict."
    if ended == submission.devices:
        return finished(reason)
    since = timedelta(0) if submission.accepted_at is None else now - submission.accepted_at
    return PollAgain(pace.poll(since), reason, written=ended)


def finished(reason: str) -> Finish:
    """The end of an assignment. Its rows are counted by their own submission."""
    return Finish(Counts(), reason)
