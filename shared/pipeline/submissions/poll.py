"""Polls the job of an accepted submission and decides by the devices that have their own final status.

Nothing is written here: `advance` writes the decision.
"""

from collections.abc import Sequence
from dataclasses import replace as replaced

from msgspec.structs import replace

from shared.partner_center.client import JobAnswer
from shared.partner_center.errors import PartnerCenterError
from shared.partner_center.models import BatchUploadDetails, JobState
from shared.pipeline.closing.reason_counts import reasons_of
from shared.pipeline.outcome_rules import (
    counted,
    lost_post_registered,
    outcome_from_read_back,
    outcome_from_verdict,
    outcome_of_lost_post,
    outcome_without_verdict,
    told_if_nowhere,
)
from shared.pipeline.service import Service
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.matching import SentRow, match
from shared.pipeline.submissions.other_senders import rows_sent_by_no_other
from shared.pipeline.submissions.registered_elsewhere import rows_in_batch, told_where
from shared.pipeline.submissions.state_machine import (
    Decided,
    Finish,
    LastAnswer,
    PollAgain,
    after_poll,
    after_poll_failed,
    answer_of,
    ids_to_keep,
    is_past_deadline,
)
from shared.storage.record_table import Stored
from shared.storage.records import DeviceOutcome, Submission
from shared.storage.tables import Entity
from shared.telemetry import annotate
from shared.vocabulary import Outcome


def poll(service: Service, contents: Contents, stored: Stored[Submission], pack: Entity | None = None) -> Decided:
    """Poll the submission's job; past its deadline, read its batch too.

    `pack` is the submission's packed rows, if they were read with it.
    """
    tracking_id = stored.record.tracking_id
    try:
        decided = (
            _read_batch(service, contents, stored)
            if tracking_id is None
            else _ask_for_status(service, contents, stored, tracking_id, pack)
        )
    except PartnerCenterError as error:
        step = after_poll_failed(stored.record, error, service.clock(), service.pace)
        decided = Decided(stored, step, answer_of(error), error=error)
    return _unless_given_up(service, contents, decided)


def _ask_for_status(
    service: Service, contents: Contents, stored: Stored[Submission], tracking_id: str, pack: Entity | None
) -> Decided:
    answer = service.partner_center.batch_job_status(stored.record.customer_id, tracking_id, service.call_ids())
    details = answer.details
    annotate({"job_status": details.status, "correlation_id": answer.service_ids.correlation_id})
    submission = _with_job(stored.record, answer)
    rows, outcomes = _verdicts(contents, submission, details, pack)
    # Verdicts are written when their number has changed, and once when the job ends; some may come later still.
    has_ended = details.is_final and not JobState.of(stored.record.job_status).is_final
    is_news = has_ended or len(outcomes) != submission.written
    counts, reasons = submission.counts, submission.reasons
    if is_news:
        # Each may read the batch back, so neither is done for verdicts that are written already.
        lost = _registered_by_lost_posts(service, contents, submission, rows, outcomes)
        outcomes = [lost.get(outcome.row, outcome) for outcome in outcomes]
        outcomes = list(map(told_if_nowhere, told_where(service, contents, submission, rows, outcomes)))
        counts, reasons = counted(outcomes), reasons_of(outcomes)
    step = after_poll(submission, counts, details.status or "", service.clock(), service.pace, reasons)
    return Decided(
        stored.holding(submission),
        step,
        LastAnswer(ids_to_keep(answer.service_ids)),
        tuple(outcomes) if is_news else (),
    )


def _with_job(submission: Submission, answer: JobAnswer) -> Submission:
    """The submission with the service's answer about its job as a whole."""
    details = answer.details
    return replace(
        submission,
        job_status=details.status,
        job_started=details.started_time,
        job_completed=details.completed_time,
    )


def _verdicts(
    contents: Contents, submission: Submission, details: BatchUploadDetails, pack: Entity | None
) -> tuple[list[SentRow], list[DeviceOutcome]]:
    """The submission's rows, and the outcomes of the devices that have their own final status."""
    statuses = details.devices_status or ()
    if not any(status.is_final for status in statuses):
        return [], []
    rows = contents.rows(submission, pack)
    outcomes = [
        outcome_from_verdict(submission, row, verdict)
        for row, verdict in zip(rows, match(rows, statuses), strict=True)
        if verdict is not None and verdict.is_final
    ]
    return rows, outcomes


def _registered_by_lost_posts(
    service: Service,
    contents: Contents,
    submission: Submission,
    rows: Sequence[SentRow],
    outcomes: Sequence[DeviceOutcome],
) -> dict[int, DeviceOutcome]:
    """By row, the outcomes of devices that the service calls already registered because of our own lost POST.

    Only proven ones: a withdrawal deletes the devices of registered rows.
    """
    doubtful = {outcome.row: outcome for outcome in outcomes if outcome.outcome is Outcome.ALREADY_REGISTERED}
    if submission.first_lost_at is None or not doubtful:
        return {}
    in_batch = rows_in_batch(service, contents, submission, [row for row in rows if row.row in doubtful])
    explained = [
        (row, device) for row, device in in_batch if lost_post_registered(submission, doubtful[row.row], device)
    ]
    certain = rows_sent_by_no_other(contents, submission, [row for row, _ in explained], service.keep_claim)
    return {row.row: outcome_of_lost_post(doubtful[row.row], device) for row, device in explained if row.row in certain}


def _read_batch(service: Service, contents: Contents, stored: Stored[Submission]) -> Decided:
    """The service accepted the submission without naming a job: search for its devices in the batch itself."""
    submission, rows = stored.record, contents.rows(stored.record)
    outcomes = _read_back(service, contents, submission, rows)
    now, reasons = service.clock(), reasons_of(outcomes)
    step = after_poll(submission, counted(outcomes), "nothing of a job", now, service.pace, reasons)
    return Decided(stored, step, None, outcomes)


def _unless_given_up(service: Service, contents: Contents, decided: Decided) -> Decided:
    """`decided`, or giving up if it would poll again after an answer although the deadline has passed."""
    step, submission = decided.step, decided.stored.record
    if not (isinstance(step, PollAgain) and step.usable and is_past_deadline(submission, service.clock())):
        return decided
    try:
        return _give_up(service, contents, decided)
    except PartnerCenterError as error:
        delay = service.pace.after_failure(error, submission.attempts)
        again = replaced(step, delay=delay, reason=str(error), usable=False)
        return replaced(decided, step=again, answer=answer_of(error), error=error)


def _give_up(service: Service, contents: Contents, decided: Decided) -> Decided:
    """The deadline has passed. Devices found in the batch are registered; every other row is `unknown`."""
    submission, rows = decided.stored.record, contents.rows(decided.stored.record)
    known = {outcome.row: outcome for outcome in (*contents.outcomes(submission), *decided.outcomes)}
    missing = [row for row in rows if row.row not in known]
    present = _read_back(service, contents, submission, missing)
    rows_present = {outcome.row for outcome in present}
    absent = [outcome_without_verdict(submission, row) for row in missing if row.row not in rows_present]
    reason = f"No verdict on {len(missing)} devices before the deadline; {len(absent)} of them stay unknown."
    every = [*known.values(), *present, *absent]
    finish = Finish(counted(every), reason, reasons_of(every))
    outcomes = sorted([*decided.outcomes, *present, *absent], key=lambda outcome: outcome.row)
    return replaced(decided, step=finish, answer=None, outcomes=outcomes)


def _read_back(
    service: Service, contents: Contents, submission: Submission, rows: Sequence[SentRow]
) -> list[DeviceOutcome]:
    """The outcomes of the rows whose devices are in the batch."""
    in_batch = rows_in_batch(service, contents, submission, rows)
    certain = rows_sent_by_no_other(contents, submission, [row for row, _ in in_batch], service.keep_claim)
    return [
        outcome_from_read_back(submission, row, device, is_sent_by_another=row.row not in certain)
        for row, device in in_batch
    ]
