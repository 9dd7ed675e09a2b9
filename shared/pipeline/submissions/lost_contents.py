"""Ends a submission whose request body or rows are lost for good, so that its file ends too."""

from datetime import datetime

from msgspec.structs import replace

from shared.pipeline.closing.reason_counts import reasons_of
from shared.pipeline.outcome_rules import counted, outcome_of_lost_content
from shared.pipeline.submissions.contents import BlobMissing, Contents
from shared.pipeline.submissions.deletion_decisions import may_be_ours
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.state_machine import NEVER_ACCEPTED_ALARM, Decided, Finish
from shared.storage.record_table import Stored
from shared.storage.records import Counts, DeviceFile, Submission
from shared.vocabulary import FileOrder, WithdrawalResult


def is_lost_for_good(file: DeviceFile, now: datetime) -> bool:
    """Whether to stop waiting for a missing blob of the file: people have had time to restore it."""
    return now - file.received_at > NEVER_ACCEPTED_ALARM


def ended_as_lost(contents: Contents, stored: Stored[Submission]) -> Decided:
    """The decision that ends the submission: each of its rows without an outcome is `unknown`."""
    submission = stored.record
    known = {outcome.row: outcome for outcome in contents.outcomes(submission)}
    removed = _removed_by_move(contents, submission)
    lost = [
        outcome_of_lost_content(submission, replace(row, moved_from=removed.get(row.row, row.moved_from)))
        for row in _rows(contents, submission)
        if row.row not in known
    ]
    counts = counted([*known.values(), *lost])
    unlisted = Counts(unknown=submission.devices - counts.ended)
    reason = "Its request body is lost and cannot be rebuilt from the file's copy; its devices stay unknown."
    finish = Finish(counts + unlisted, reason, reasons_of([*known.values(), *lost]))
    return Decided(stored, finish, outcomes=lost)


def _removed_by_move(contents: Contents, submission: Submission) -> dict[int, str]:
    """The batches from which an unfinished move removed devices, or may have, by row."""
    if submission.order is not FileOrder.MOVE:
        return {}
    rows = submission.reading_id, submission.first_row, submission.last_row
    devices = [stored.record for stored in contents.journal.withdrawals.devices(*rows)]
    return {
        device.row: device.batch_id
        for device in devices
        if device.result is WithdrawalResult.WITHDRAWN or (device.result is None and may_be_ours(device))
    }


def _rows(contents: Contents, submission: Submission) -> list[SentRow]:
    """The rows of the submission; none if their list is lost too, which leaves them to the closing of the file."""
    try:
        return contents.rows(submission)
    except BlobMissing:
        return []
