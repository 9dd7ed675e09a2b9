"""Assigns profiles to the devices of a finished submission: finds out what to send, sends it, polls it.

Nothing of the journal is written here: `advance` claims the assignment, calls these functions and writes the decision.
`profile_decisions` decides by the answers.

An assignment is first made: the names of its rows are looked up among the customer's configuration policies, and
devices whose id is unknown in their batch. The list of devices and policies, from which the same request body is always
made, becomes a blob. If the blob is lost, the assignment is made anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from shared.partner_center.client import CallIds
from shared.partner_center.errors import ListTooLong, PartnerCenterError, Refused
from shared.partner_center.models import ConfigurationPolicy, Device, JobState
from shared.partner_center.paths import policy_updates_path
from shared.pipeline.blob_names import JSON, is_payload, payload_digest, payload_path, reading_folder
from shared.pipeline.process_cache import KnownPolicies
from shared.pipeline.service import Service
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.matching import named_row
from shared.pipeline.submissions.profile_decisions import (
    ProfileRow,
    after_deadline,
    after_failed_update,
    after_verdicts,
    body_of,
    finished,
    has_profile,
    policy_named,
    verdicts_on,
    wishes,
    with_fault,
    with_profile,
    with_verdict,
    without_profile,
)
from shared.pipeline.submissions.registered_elsewhere import rows_in_batch
from shared.pipeline.submissions.state_machine import (
    Decided,
    LastAnswer,
    PollAgain,
    Refuse,
    WaitFor,
    after_poll_failed,
    after_post,
    answer_of,
    ids_to_keep,
    is_past_deadline,
)
from shared.reasons import ProfileReason
from shared.storage.lru_cache import LruCache
from shared.storage.record_table import Stored
from shared.storage.records import DeviceOutcome, JournaledRequest, RequestKind, Submission
from shared.telemetry import annotate
from shared.vocabulary import ProfileOutcome, SubmissionState, counted

POLICIES_BELIEVED = timedelta(minutes=5)
"""How long listed policies are used. A name that is not among them makes the list be read anew at once."""


@dataclass(frozen=True, slots=True)
class ProfileAssigner:
    """Takes one assignment a step further and returns the decision."""

    service: Service
    contents: Contents
    known_policies: LruCache[str, KnownPolicies]

    def made(self, claimed: Stored[Submission]) -> Decided:
        """The assignment with the list of its devices; it ends here if no profile can be assigned."""
        assignment = claimed.record
        wishing = wishes(self._outcomes(assignment), assignment)
        try:
            policies = self._policies(assignment.customer_id, wishing)
            device_ids = self._device_ids(assignment, wishing)
        except PartnerCenterError as error:
            return self._failed(claimed, error, wishing)
        rows: list[ProfileRow] = []
        ended: list[DeviceOutcome] = []
        """The rows that get none, and by order the others with the new wish."""
        for outcome in wishing:
            policy_id, device_id = policy_named(outcome.profile, policies), device_ids.get(outcome.row)
            if isinstance(policy_id, ProfileReason):
                ended.append(_rejected(outcome, policy_id))
            elif device_id is None:
                ended.append(_rejected(outcome, ProfileReason.DEVICE_NOT_IDENTIFIED))
            else:
                ended += [outcome] if assignment.profile else []
                rows.append(_row(outcome, device_id, policy_id))
        if not rows:
            return Decided(claimed, finished("No profile can be assigned."), outcomes=ended)
        step = WaitFor(timedelta(0), f"Assigns profiles to {counted(len(rows), 'device')}.")
        return Decided(claimed.holding(with_rows(self.contents, assignment, rows)), step, outcomes=ended)

    def send(self, claimed: Stored[Submission], request: JournaledRequest, rows: Sequence[ProfileRow]) -> Decided:
        """Send the journaled `request`."""
        assignment, service = claimed.record, self.service
        ids = CallIds(request_id=request.request_id, correlation_id=request.correlation_id)
        try:
            accepted = service.partner_center.update_device_policies(assignment.customer_id, body_of(rows), ids)
        except PartnerCenterError as error:
            sent = {row.row for row in rows}
            outcomes = [outcome for outcome in self._outcomes(assignment) if outcome.row in sent]
            return self._failed(claimed, error, outcomes)
        annotate({"tracking_id": accepted.tracking_id, "correlation_id": accepted.service_ids.correlation_id})
        answer = LastAnswer(ids_to_keep(accepted.service_ids), accepted.status)
        return Decided(claimed, after_post(assignment, accepted, service.pace), answer)

    def poll(self, stored: Stored[Submission]) -> Decided:
        """Poll the job of an accepted assignment; past its deadline, read the batch."""
        assignment = stored.record
        rows = rows_of(self.contents, assignment)
        if rows is None:
            return Decided(stored.holding(made_anew(assignment)), WaitFor(timedelta(0), "Its list is made anew."))
        try:
            decided = self._polled(stored, rows)
            if is_over(decided, self.service):
                return self._given_up(decided, rows)
        except PartnerCenterError as error:
            step = after_poll_failed(assignment, error, self.service.clock(), self.service.pace)
            decided = Decided(stored, step, answer_of(error), error=error)
            if is_over(decided, self.service):
                return self._given_up(decided, rows)
        return decided

    def cancelled(self, stored: Stored[Submission]) -> Decided:
        """The end of an assignment of a stopped file that was certainly not sent."""
        assignment = stored.record
        outcomes = [
            without_profile(outcome, ProfileOutcome.CANCELLED, ProfileReason.STOPPED)
            for outcome in wishes(self._outcomes(assignment), assignment)
        ]
        step = finished("Cancelled: somebody stopped the file before its profiles were assigned.")
        return Decided(stored.holding(replace(assignment, request=None)), step, outcomes=outcomes)

    def _polled(self, stored: Stored[Submission], rows: Sequence[ProfileRow]) -> Decided:
        assignment, service = stored.record, self.service
        if assignment.tracking_id is None:
            return self._looked_up(stored, rows)
        answer = service.partner_center.batch_job_status(
            assignment.customer_id, assignment.tracking_id, service.call_ids()
        )
        details = answer.details
        annotate({"job_status": details.status, "correlation_id": answer.service_ids.correlation_id})
        verdicts = verdicts_on(rows, details.devices_status or ())
        by_row = {
            row.row: verdict
            for row, verdict in zip(rows, verdicts, strict=True)
            if verdict is not None and verdict.is_final
        }
        # As for registrations, verdicts are written when their number has changed, and once when the job ends.
        has_ended = details.is_final and not JobState.of(assignment.job_status).is_final
        outcomes = self._outcomes(assignment) if has_ended or len(by_row) != assignment.written else ()
        ended = [with_verdict(outcome, by_row[outcome.row]) for outcome in outcomes if outcome.row in by_row]
        step = after_verdicts(assignment, len(by_row), details.status or "", service.clock(), service.pace)
        polled = replace(
            assignment,
            job_status=details.status,
            job_started=details.started_time,
            job_completed=details.completed_time,
        )
        return Decided(stored.holding(polled), step, LastAnswer(ids_to_keep(answer.service_ids)), ended)

    def _looked_up(self, stored: Stored[Submission], rows: Sequence[ProfileRow]) -> Decided:
        """The service accepted the assignment without naming a job: look the profiles up in the batch itself."""
        assignment = stored.record
        in_batch = self._in_batch(assignment, rows)
        there = {row.row for row in rows if has_profile(in_batch.get(row.device_id), row)}
        outcomes = [
            with_profile(outcome, ProfileOutcome.ASSIGNED)
            for outcome in (self._outcomes(assignment) if len(there) != assignment.written else ())
            if outcome.row in there
        ]
        step = after_verdicts(assignment, len(there), "nothing of a job", self.service.clock(), self.service.pace)
        return Decided(stored, step, None, outcomes)

    def _given_up(self, decided: Decided, rows: Sequence[ProfileRow]) -> Decided:
        """The deadline has passed: a device whose profile stands in the batch has it, any other's is unknown."""
        assignment, service = decided.stored.record, self.service
        known = {outcome.row: outcome for outcome in self._outcomes(assignment)}
        known |= {outcome.row: outcome for outcome in decided.outcomes}
        left = [row for row in rows if row.row in known and known[row.row].profile_outcome is ProfileOutcome.NONE]
        try:
            in_batch = self._in_batch(assignment, left)
        except PartnerCenterError as error:
            again = PollAgain(service.pace.after_failure(error, assignment.attempts), str(error), usable=False)
            return Decided(decided.stored, again, answer_of(error), decided.outcomes, error)
        ended = [after_deadline(known[row.row], row, in_batch.get(row.device_id)) for row in left]
        outcomes = sorted([*decided.outcomes, *ended], key=lambda outcome: outcome.row)
        reason = f"No verdict on {counted(len(left), 'profile')} before the deadline."
        return Decided(decided.stored, finished(reason), None, outcomes)

    def _in_batch(self, assignment: Submission, rows: Sequence[ProfileRow]) -> dict[str, Device]:
        """The devices of the rows in their batch, by id; none of a batch that the service does not show."""
        wanted = {row.device_id for row in rows}
        batch_id = self.contents.spelling_of_batch(assignment)
        try:
            listed = self.service.batch_devices(assignment.customer_id, batch_id)
            return {device.id: device for device in listed if device.id is not None and device.id in wanted}
        except (Refused, ListTooLong):
            return {}

    def _failed(
        self, claimed: Stored[Submission], error: PartnerCenterError, outcomes: Sequence[DeviceOutcome]
    ) -> Decided:
        """A request failed. If it never succeeds, each of these rows failed with the service's own words."""
        step = after_failed_update(claimed.record, error, self.service.pace)
        if not isinstance(step, Refuse):
            return Decided(claimed, step, answer_of(error), error=error)
        reason = f"Refused by the service with code {step.fault.code}: {step.fault.description}"
        failed = [with_fault(outcome, step.fault) for outcome in outcomes]
        return Decided(claimed, finished(reason), answer_of(error), failed, error)

    def _outcomes(self, assignment: Submission) -> Iterable[DeviceOutcome]:
        journal = self.contents.journal
        return journal.outcomes.of_rows(assignment.reading_id, assignment.first_row, assignment.last_row)

    def _policies(self, customer_id: str, wishing: Sequence[DeviceOutcome]) -> Sequence[ConfigurationPolicy]:
        """The policies of the customer: listed anew if they are old, or if one that is wished is not among them."""
        known, now = self.known_policies.get(customer_id), self.service.clock()
        if known is not None and timedelta(0) <= now - known.listed_at < POLICIES_BELIEVED:
            names = {outcome.profile for outcome in wishing}
            if not any(isinstance(policy_named(name, known.policies), ProfileReason) for name in names):
                return known.policies
        return listed_policies(self.service, self.known_policies, customer_id)

    def _device_ids(self, assignment: Submission, wishing: Sequence[DeviceOutcome]) -> dict[int, str]:
        """The ids of the devices by row; those that came back without one are looked up in their batch by name."""
        known = {outcome.row: outcome.device_id for outcome in wishing if outcome.device_id}
        unnamed = [named_row(outcome) for outcome in wishing if not outcome.device_id]
        if not unnamed:
            return known
        found = rows_in_batch(self.service, self.contents, assignment, unnamed)
        return known | {row.row: device.id for row, device in found if device.id}


def listed_policies(
    service: Service, known: LruCache[str, KnownPolicies], customer_id: str
) -> Sequence[ConfigurationPolicy]:
    """The configuration policies of the customer as the service lists them now. Raises PartnerCenterError."""
    policies = tuple(service.partner_center.configuration_policies(customer_id, service.call_ids()))
    known.keep(customer_id, KnownPolicies(policies, service.clock()))
    return policies


def is_over(decided: Decided, service: Service) -> bool:
    """Whether the assignment would be polled again after an answer although its deadline has passed."""
    step = decided.step
    return isinstance(step, PollAgain) and step.usable and is_past_deadline(decided.stored.record, service.clock())


def rows_of(contents: Contents, assignment: Submission) -> list[ProfileRow] | None:
    """Its rows with their devices and policies; None when the list of them is not made yet, or lost."""
    content = contents.private.read(assignment.payload) if assignment.payload else None
    if content is None or not is_payload(content, assignment.payload_digest):
        return None
    rows: list[ProfileRow] = msgspec.json.decode(content, type=list[ProfileRow])
    return rows


def made_anew(assignment: Submission) -> Submission:
    """The assignment whose list was lost, to be made and sent once more."""
    return replace(
        assignment, state=SubmissionState.PENDING, payload="", payload_digest="", request=None, tracking_id=None
    )


def request_for_profiles(assignment: Submission, base_url: str, service: Service) -> JournaledRequest:
    """The exact PATCH to send. It keeps the last request's id until the service has said its word on it."""
    ids = service.call_ids(None if assignment.request is None else assignment.request.request_id)
    return JournaledRequest(
        kind=RequestKind.UPDATE,
        method="PATCH",
        url=base_url + policy_updates_path(assignment.customer_id),
        batch_id="",
        request_id=ids.request_id,
        correlation_id=ids.correlation_id,
        sent_at=service.clock(),
    )


def with_rows(contents: Contents, assignment: Submission, rows: Sequence[ProfileRow]) -> Submission:
    """The assignment of these rows, whose list is kept as a blob. Only the holder of a claim may make it."""
    content = msgspec.json.encode(rows)
    path = payload_path(reading_folder(assignment.reading_id), assignment.number)
    contents.private.write(path, content, JSON)
    return replace(assignment, payload=path, payload_digest=payload_digest(content), devices=len(rows), attempts=0)


def halves_of(contents: Contents, assignment: Submission, rows: Sequence[ProfileRow]) -> list[Submission]:
    """The two assignments in whose place a refused one stood."""
    middle = len(rows) // 2
    half = replace(assignment, state=SubmissionState.PENDING, sequence=0, request=None, attempts=0)
    return [
        with_rows(contents, replace(half, number=f"{assignment.number}-{index}"), part)
        for index, part in enumerate((rows[:middle], rows[middle:]))
    ]


def _rejected(outcome: DeviceOutcome, reason: ProfileReason) -> DeviceOutcome:
    return without_profile(outcome, ProfileOutcome.REJECTED, reason)


def _row(outcome: DeviceOutcome, device_id: str, policy_id: str) -> ProfileRow:
    return ProfileRow(
        row=outcome.row,
        device_id=device_id,
        policy_id=policy_id,
        serial_number=outcome.serial_number,
        product_key=outcome.product_key,
    )
