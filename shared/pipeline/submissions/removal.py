"""Takes a submission of devices to be removed or moved one step further: finds the devices, then deletes them.

The id of each device, or the reason why it is not deleted, is journaled before anything is deleted, and each deletion
before it is sent (`device_deletion`). So an owner that takes over deletes exactly the devices that the first one found.
Days may pass in between: a device that is gone by then may have been registered anew, under another id. When all others
are done, such devices are searched once more. A submission of a stopped file repeats only the deletions whose answers
are missing; its other rows end as `cancelled`.

Of a move, the rows whose devices stand nowhere then go on as a submission that registers them (`MoveOn`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.partner_center.errors import PartnerCenterError
from shared.pipeline.closing.reason_counts import reasons_of
from shared.pipeline.outcome_rules import counted as counted_by_outcome
from shared.pipeline.outcome_rules import outcome_of_cancelled_row, outcome_of_removal
from shared.pipeline.service import Service
from shared.pipeline.submissions.apply import SubmissionWriter
from shared.pipeline.submissions.circuit_breaker import Admission
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.deletion_decisions import is_done, may_be_ours
from shared.pipeline.submissions.device_deletion import (
    DEVICES_IN_A_STEP,
    LONGEST_STEP,
    SHARE_OF_A_CLAIM_FOR_A_CALL,
    Deletion,
    Known,
)
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.removal_decisions import (
    RUN,
    has_ended,
    is_to_be_searched_again,
    moves_on,
    to_remove,
)
from shared.pipeline.submissions.shared_search import search_for_file
from shared.pipeline.submissions.state_machine import Decided, Finish, MoveOn, PollAgain, after_failure, answer_of
from shared.reasons import SentNote
from shared.storage.record_table import Stored
from shared.storage.records import DeviceOutcome, DeviceWithdrawal, Submission
from shared.vocabulary import FileOrder, WithdrawalResult


@dataclass(slots=True)
class _Claim:
    """The claim on a submission, renewed before each effect that must not outlast it."""

    writer: SubmissionWriter
    stored: Stored[Submission]

    def keep(self) -> None:
        """Renew the claim unless it outlasts the longest request. Raises Conflict when it was lost."""
        claim, until = self.writer.claim, self.stored.record.claimed_until
        if until is None or until - self.writer.clock() < claim * SHARE_OF_A_CLAIM_FOR_A_CALL:
            self.change(self.stored.record)

    def change(self, submission: Submission) -> None:
        """Journal a change, with the claim renewed. Raises Conflict when it was lost."""
        self.stored = self.writer.claimed(self.stored, submission)


def remove_further(
    service: Service,
    contents: Contents,
    writer: SubmissionWriter,
    stored: Stored[Submission],
    admitted: Admission,
    *,
    is_stopped: bool,
) -> Decided:
    """Claim the submission, find its devices if that was not done, and delete some hundreds of them.

    Raises:
        Conflict: another worker took the submission further.
        BlobMissing: its list of rows is missing, or the body of a move; nothing was claimed.
    """
    began = service.clock()
    # Load the contents before the claim: a submission whose contents are lost ends as it was read.
    rows = contents.rows(stored.record)
    if stored.record.order is FileOrder.MOVE:
        contents.body(stored.record)  # without it nothing could be registered that is removed
    claim = _Claim(writer, stored.holding(replace(stored.record, claimed_until=None)))
    claim.keep()
    service = replaced(service, keep_claim=claim.keep)
    known = _known(contents, stored.record, rows)
    if not is_stopped and (wanted := _to_search(rows, known)):
        try:
            found = _found(service, contents, stored.record, wanted, known, lambda: admitted.note(None))
        except PartnerCenterError as error:
            step = after_failure(stored.record, None, error, service.pace)
            return Decided(claim.stored, step, answer_of(error), error=error)
        claim.keep()
        known |= {device.record.row: device for device in contents.journal.withdrawals.change_devices(found)}
    deletion = Deletion(
        service=service,
        withdrawals=contents.journal.withdrawals,
        customer_id=stored.record.customer_id,
        run=RUN,
        admitted=admitted,
        is_long=lambda: _is_long(service, began),
    )
    failure, deleted = _delete(claim, deletion, list(known.values()), is_stopped=is_stopped)
    devices = {row: device.record for row, device in known.items()} | deleted
    moving = list(_moving(stored.record, rows, devices, is_stopped=is_stopped))
    moving_rows = {row.row for row in moving}
    left = [row for row in rows if row.row not in moving_rows]
    outcomes = list(_outcomes(claim.stored.record, left, devices, is_stopped=is_stopped))
    return _decided(claim.stored, service, len(rows), outcomes, moving, failure)


def _known(contents: Contents, submission: Submission, rows: Sequence[SentRow]) -> dict[int, Known]:
    """The devices that were found in an earlier step, by row."""
    own = {row.row for row in rows}
    devices = contents.journal.withdrawals.devices(submission.reading_id, submission.first_row, submission.last_row)
    return {device.record.row: device for device in devices if device.record.row in own}


def _to_search(rows: Sequence[SentRow], known: Mapping[int, Known]) -> list[SentRow]:
    """The rows whose devices are to be searched: for the first time, or again when nothing else is left to do."""
    if new := [row for row in rows if row.row not in known]:
        return new
    if not all(is_done(device.record, RUN) for device in known.values()):
        return []
    return [row for row in rows if is_to_be_searched_again(known[row.row].record)]


def _found(
    service: Service,
    contents: Contents,
    submission: Submission,
    rows: Sequence[SentRow],
    known: Mapping[int, Known],
    answered: Callable[[], None],
) -> list[Known]:
    """The devices of rows as a search finds them, to be written. A search from before a device was gone counts not.

    Raises:
        PartnerCenterError: the batches, or one of them, could not be read now.
        Conflict: another worker took the submission further meanwhile.
    """
    gone = {row.row: known[row.row] for row in rows if row.row in known}
    gone_at = max((device.record.at for device in gone.values() if device.record.at is not None), default=None)
    search = search_for_file(service, contents, submission, rows, answered, not_before=gone_at)
    now = service.clock()
    found = [to_remove(submission, row, search, now, searched_again=row.row in gone) for row in rows]
    return [gone[one.row].holding(one) if one.row in gone else Stored.absent(one) for one in found]


def _is_long(service: Service, began: datetime) -> bool:
    return service.clock() - began > LONGEST_STEP


def _delete(
    claim: _Claim, deletion: Deletion, known: Sequence[Known], *, is_stopped: bool
) -> tuple[PartnerCenterError | None, dict[int, DeviceWithdrawal]]:
    """Delete the next devices; the error that ended the step, and the devices whose result is known now, by row."""
    left = [device for device in known if not is_done(device.record, RUN)]
    due = [device for device in left if not is_stopped or may_be_ours(device.record)][:DEVICES_IN_A_STEP]
    if not due:
        return None, {}
    submission = claim.stored.record
    if submission.first_sent_at is None:
        submission = replace(submission, first_sent_at=deletion.service.clock())
        claim.change(submission)
    progress = deletion.delete_all(due, submission.forbidden)
    claim.stored = claim.stored.holding(replace(claim.stored.record, forbidden=progress.forbidden))
    return progress.error, {device.row: device for device in progress.done}


def _moving(
    submission: Submission, rows: Sequence[SentRow], devices: Mapping[int, DeviceWithdrawal], *, is_stopped: bool
) -> Iterator[SentRow]:
    """The rows of a move that go on to be registered, each with the batch from which its device was removed."""
    for row in rows if submission.order is FileOrder.MOVE else ():
        device = devices.get(row.row)
        if device is None or not moves_on(device, is_stopped=is_stopped):
            continue
        if device.result is WithdrawalResult.WITHDRAWN:
            notes = " ".join(filter(None, (row.notes, SentNote.MOVED)))
            yield replace(row, moved_from=device.batch_id, notes=notes)
        else:
            yield row


def _outcomes(
    submission: Submission, rows: Sequence[SentRow], devices: Mapping[int, DeviceWithdrawal], *, is_stopped: bool
) -> Iterator[DeviceOutcome]:
    """The outcomes of the rows that have one after a step."""
    for row in rows:
        device = devices.get(row.row)
        is_ended = device is not None and has_ended(device)
        if device is not None and is_ended and not (is_stopped and _stands_nowhere_by_others(submission, device)):
            yield outcome_of_removal(submission, row, device)
        elif is_stopped and (device is None or is_ended or not may_be_ours(device)):
            yield outcome_of_cancelled_row(submission, row)


def _stands_nowhere_by_others(submission: Submission, device: DeviceWithdrawal) -> bool:
    """Whether a move found the device nowhere: of a stopped file it is not registered."""
    return submission.order is FileOrder.MOVE and device.result is WithdrawalResult.ALREADY_GONE


def _decided(
    stored: Stored[Submission],
    service: Service,
    devices: int,
    outcomes: Sequence[DeviceOutcome],
    moving: Sequence[SentRow],
    error: PartnerCenterError | None,
) -> Decided:
    """The decision after a step with these outcomes: whether to go on, and when."""
    counts, reasons = counted_by_outcome(outcomes), reasons_of(outcomes)
    told = f"{counts.removed} of {devices} devices removed; {counts.ended} rows have their outcome."
    if moving and counts.ended + len(moving) == devices:
        told = f"{len(moving)} of {devices} devices stand under no batch now, and are to be registered."
        return Decided(stored, MoveOn(counts, told, moving, reasons), outcomes=outcomes, error=error)
    if counts.ended == devices:
        return Decided(stored, Finish(counts, told, reasons), outcomes=outcomes, error=error)
    is_usable = error is None
    delay = timedelta(0) if error is None else service.pace.after_failure(error, stored.record.attempts)
    reason = told if error is None else str(error)
    if stored.record.order is FileOrder.MOVE:
        # No verdict before the move has ended: the rest of the file waits for what becomes of its canary's devices.
        reason = str(error) if error else f"{len(moving)} of {devices} devices stand under no batch so far."
        again = PollAgain(delay, reason, is_usable)
        return Decided(stored, again, None if error is None else answer_of(error), error=error)
    step = PollAgain(delay, reason, is_usable, written=counts.ended, counts=counts, reasons=reasons)
    answer = None if error is None else answer_of(error)
    is_news = counts.ended != stored.record.written
    return Decided(stored, step, answer, outcomes if is_news else (), error=error)
