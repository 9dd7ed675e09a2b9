"""The outcome of a row, with the text that people read. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache

from msgspec.structs import replace

from shared.device_files.rows import CheckedRow
from shared.errors import DeviceDropError
from shared.partner_center.models import Device, DeviceUploadDetails, JobState
from shared.partner_center.outcome_codes import UNDOCUMENTED, Explanation, explain
from shared.pipeline.submissions.matching import SentRow
from shared.reasons import (
    CANCELLED_REASONS,
    DELETION_REFUSED,
    DEVICE_REMOVED,
    NOWHERE_NOW,
    PERHAPS_NOWHERE,
    REASONS,
    REMOVAL_REASONS,
    REQUEST_REFUSED,
    SENT_NOTES,
    STILL_REGISTERED,
    UNKNOWN_REASONS,
    CancelledReason,
    RemovalReason,
    SentNote,
    UnknownReason,
)
from shared.storage.records import Counts, DeviceOutcome, DeviceWithdrawal, ServiceFault, Submission
from shared.vocabulary import FileOrder, Outcome, Remedy, WithdrawalResult

LONGEST_CELL = 256
"""Characters of a cell that are shown. A hundred outcomes go into one transaction of at most 4 MiB."""

CLOCKS_MAY_DIFFER = timedelta(minutes=5)


class RowWithoutReason(DeviceDropError):
    """A row that cannot be sent has no reason: a defect of the checks, never of the file."""


def outcome_from_verdict(submission: Submission, row: SentRow, verdict: DeviceUploadDetails) -> DeviceOutcome:
    """The outcome of a row by the service's own final verdict on its device."""
    lost = submission.answer_lost
    explanation = _explained(
        verdict.error_code, verdict.error_description, JobState.of(verdict.status), answer_was_lost=lost
    )
    notes = [SentNote.FIRST_ANSWER_LOST] if lost and explanation.verdict is Outcome.ALREADY_REGISTERED else []
    return replace(
        _named(submission, row, explanation.verdict, notes),
        error_code="" if verdict.error_code is None else str(verdict.error_code),
        error_description=verdict.error_description or "",
        what_to_do=explanation.what_to_do,
        remedy=explanation.remedy,
        device_id=verdict.device_id or "",
        device_status=verdict.status or "",
    )


def lost_post_registered(submission: Submission, outcome: DeviceOutcome, device: Device) -> bool:
    """Whether the device, which the service calls already registered, entered the batch after a POST that was lost.

    Then it was not there before, so that POST registered it, unless somebody else sent it meanwhile.
    """
    lost, uploaded = submission.first_lost_at, device.uploaded_at
    is_same = device.id is not None and outcome.device_id in ("", device.id)
    return is_same and lost is not None and uploaded is not None and uploaded >= lost.replace(microsecond=0)


def outcome_of_lost_post(outcome: DeviceOutcome, device: Device) -> DeviceOutcome:
    """The outcome of a row that the service calls already registered because our own lost POST registered it."""
    what_to_do = SENT_NOTES[SentNote.FIRST_ANSWER_LOST].what_to_do
    return replace(outcome, outcome=Outcome.REGISTERED, what_to_do=what_to_do, device_id=device.id or "")


def outcome_from_read_back(
    submission: Submission, row: SentRow, device: Device, *, is_sent_by_another: bool
) -> DeviceOutcome:
    """The outcome of a row whose device is in the batch.

    The submission registered it if it appeared after it was first sent and no other device file can have sent it.
    """
    first = submission.first_sent_at
    uploaded = device.uploaded_at
    is_since = first is not None and uploaded is not None and uploaded >= first - CLOCKS_MAY_DIFFER
    is_ours = is_since and not is_sent_by_another
    outcome = Outcome.REGISTERED if is_ours else Outcome.ALREADY_REGISTERED
    return replace(
        _named(submission, row, outcome, [SentNote.READ_BACK]),
        what_to_do=SENT_NOTES[SentNote.READ_BACK].what_to_do,
        device_id=device.id or "",
    )


def outcome_without_verdict(submission: Submission, row: SentRow) -> DeviceOutcome:
    """The outcome of a row on which the service gave no verdict in time."""
    return told_if_nowhere(_unknown(_named(submission, row, Outcome.UNKNOWN), UnknownReason.NO_VERDICT))


def outcome_of_lost_content(submission: Submission, row: SentRow) -> DeviceOutcome:
    """The outcome of a row whose request was lost in storage before the service accepted it."""
    return told_if_nowhere(_unknown(_named(submission, row, Outcome.UNKNOWN), UnknownReason.CONTENT_LOST))


def outcome_of_cancelled_row(submission: Submission, row: SentRow) -> DeviceOutcome:
    """The outcome of a row whose file somebody stopped before it was sent."""
    if submission.order is not FileOrder.REGISTER:
        return _with_reason(_named(submission, row, Outcome.CANCELLED), RemovalReason.REMOVAL_STOPPED)
    explanation = CANCELLED_REASONS[CancelledReason.STOPPED]
    return replace(
        _named(submission, row, Outcome.CANCELLED),
        error_code=CancelledReason.STOPPED,
        error_description=explanation.sentence,
        what_to_do=explanation.what_to_do,
        remedy=explanation.remedy,
    )


def outcome_of_removal(submission: Submission, row: SentRow, device: DeviceWithdrawal) -> DeviceOutcome:
    """The outcome of a row whose device was to be removed, by the result of its deletion."""
    notes = [SentNote.DELETION_ANSWER_LOST] if device.notes else []

    def outcome(ended: Outcome) -> DeviceOutcome:
        named = _named(submission, row, ended, notes)
        return replace(named, batch_id=device.batch_id or submission.batch_id, device_id=device.device_id)

    if device.result is WithdrawalResult.WITHDRAWN:
        return replace(outcome(Outcome.REMOVED), what_to_do=DEVICE_REMOVED)
    if device.result is WithdrawalResult.ALREADY_GONE and device.searched_again and device.device_id:
        return _with_reason(outcome(Outcome.FAILED), RemovalReason.LISTED_BUT_GONE)
    if device.result is WithdrawalResult.ALREADY_GONE:
        return _with_reason(outcome(Outcome.NOT_REGISTERED), RemovalReason.NOT_THERE)
    if device.error_code in (RemovalReason.NOT_THERE, RemovalReason.NOT_IN_BATCH):
        return _with_reason(outcome(Outcome.NOT_REGISTERED), RemovalReason(device.error_code))
    if device.error_code == RemovalReason.ALREADY_THERE:
        return _with_reason(outcome(Outcome.ALREADY_REGISTERED), RemovalReason.ALREADY_THERE)
    if device.error_code in list(RemovalReason):
        reason = RemovalReason(device.error_code)
        return replace(_with_reason(outcome(Outcome.REJECTED), reason), what_to_do=device.what_to_do)
    return replace(
        outcome(Outcome.FAILED),
        error_code=device.error_code,
        error_description=device.error_description,
        what_to_do=DELETION_REFUSED.what_to_do,
        remedy=DELETION_REFUSED.remedy,
    )


def _with_reason(outcome: DeviceOutcome, reason: RemovalReason) -> DeviceOutcome:
    explanation = REMOVAL_REASONS[reason]
    return replace(
        outcome,
        error_code=reason,
        error_description=explanation.sentence,
        what_to_do=explanation.what_to_do,
        remedy=explanation.remedy,
    )


def outcome_never_written(reading_id: str, row: int) -> DeviceOutcome:
    """The outcome of a row of a closed file for which the journal has none."""
    nothing_known = DeviceOutcome(reading_id=reading_id, row=row, outcome=Outcome.UNKNOWN)
    return _unknown(nothing_known, UnknownReason.OUTCOME_MISSING)


def _unknown(outcome: DeviceOutcome, reason: UnknownReason) -> DeviceOutcome:
    explanation = UNKNOWN_REASONS[reason]
    return replace(
        outcome,
        error_code=reason,
        error_description=explanation.sentence,
        what_to_do=explanation.what_to_do,
        remedy=Remedy.SEND_AGAIN,
    )


def outcome_of_refusal(submission: Submission, row: SentRow, fault: ServiceFault) -> DeviceOutcome:
    """The outcome of a row whose whole submission the service refused: a code that is not a device's is fixed."""
    explanation = _explained(fault.code, fault.description, JobState.FINISHED_WITH_ERRORS, answer_was_lost=False)
    is_of_a_device = explanation.verdict is Outcome.FAILED and explanation is not UNDOCUMENTED
    refused = replace(
        _named(submission, row, Outcome.FAILED),
        error_code=fault.code,
        error_description=fault.description,
        what_to_do=explanation.what_to_do if is_of_a_device else REQUEST_REFUSED.text,
        remedy=explanation.remedy if is_of_a_device else Remedy.FIX,
    )
    return told_if_nowhere(refused)


def told_if_nowhere(outcome: DeviceOutcome) -> DeviceOutcome:
    """`outcome`, which says so where a move removed the device and it may be registered nowhere now."""
    what_happened = f"it was removed from the batch {outcome.moved_from}"
    match outcome.outcome:
        case _ if not outcome.moved_from:
            return outcome
        case Outcome.FAILED:
            told = f"{NOWHERE_NOW} {what_happened} and not registered under {outcome.batch_id}."
        case Outcome.UNKNOWN:
            told = f"{PERHAPS_NOWHERE} {what_happened} and nothing is known since."
        case Outcome.ALREADY_REGISTERED if outcome.remedy is not Remedy.NOTHING:
            # What is known of its place is from before the removal.
            told = f"{PERHAPS_NOWHERE} {what_happened} and Partner Center calls it registered already."
            outcome = replace(outcome, what_to_do=STILL_REGISTERED, registered_by="")
        case _:
            return outcome
    return replace(
        outcome,
        what_to_do=f"{told} {outcome.what_to_do}",
        notes=" ".join(filter(None, (outcome.notes, SentNote.REGISTERED_NOWHERE))),
        remedy=Remedy.SEND_AGAIN if outcome.remedy is Remedy.NOTHING else outcome.remedy,
    )


def outcome_of_unsent_row(reading_id: str, row: CheckedRow) -> DeviceOutcome:
    """The outcome of a row that is not sent: rejected, or the duplicate of another row, which it names.

    Raises:
        RowWithoutReason: the checks neither let the row be sent nor gave a reason.
    """
    if row.reason is None:
        raise RowWithoutReason(
            f"Row {row.row} ({row.source}) of reading {reading_id} cannot be sent, and no check gave a reason. "
            "This is a defect of the app: nothing of the file was sent; report it with the file."
        )
    explanation = REASONS[row.reason]
    same_as = "" if row.duplicate_of is None else f" It is the same device as row {row.duplicate_of}."
    return replace(
        _of_row(reading_id, sent_row(row), Outcome.REJECTED if row.duplicate_of is None else Outcome.DUPLICATE),
        error_code=row.reason,
        error_description=explanation.sentence + same_as,
        what_to_do=explanation.what_to_do,
        remedy=explanation.remedy if row.duplicate_of is None else Remedy.NOTHING,
    )


def sent_row(row: CheckedRow) -> SentRow:
    """The fields of a row stored beside its device. A very long source is cut, as the reader cuts cells."""
    return SentRow(
        row=row.row,
        source=row.source[:LONGEST_CELL],
        serial_number=row.serial_number,
        product_key=row.product_key,
        manufacturer=row.manufacturer,
        model=row.model,
        order_number=row.order_number,
        profile=row.profile,
        notes=" ".join(row.notes) if row.notes else "",
    )


@lru_cache(maxsize=256)
def _explained(code: str | int | None, name: str | None, state: JobState, *, answer_was_lost: bool) -> Explanation:
    """The meaning of a verdict. Cached, because many devices have the same one."""
    return explain(code, name, state, answer_was_lost=answer_was_lost)


def _named(submission: Submission, row: SentRow, outcome: Outcome, notes: Sequence[str] = ()) -> DeviceOutcome:
    return replace(
        _of_row(submission.reading_id, row, outcome),
        notes=" ".join(filter(None, [row.notes, *notes])),
        batch_id=submission.batch_id,
        submission=submission.number,
        tracking_id=submission.tracking_id or "",
    )


def _of_row(reading_id: str, row: SentRow, outcome: Outcome) -> DeviceOutcome:
    return DeviceOutcome(
        reading_id=reading_id,
        row=row.row,
        outcome=outcome,
        source=row.source,
        serial_number=row.serial_number,
        product_key=row.product_key,
        manufacturer=row.manufacturer,
        model=row.model,
        order_number=row.order_number,
        profile=row.profile,
        notes=row.notes,
        moved_from=row.moved_from,
    )


def counted(outcomes: Iterable[DeviceOutcome]) -> Counts:
    """The counts by outcome. The total is left to the file."""
    numbers = dict.fromkeys(Outcome, 0)
    for written in outcomes:
        numbers[written.outcome] += 1
    return Counts(**{str(outcome): number for outcome, number in numbers.items()})
