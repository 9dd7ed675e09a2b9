"""summary.json, the progress of a device file, and the folder of its results."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from shared.pipeline.blob_names import JSON, results_folder
from shared.pipeline.closing.accounting import explained
from shared.storage.blobs import Container
from shared.storage.journal import Journal
from shared.storage.record_table import log_unreadable
from shared.storage.records import Counts, DeviceFile, PassedOverTally, Remark, Submission, Withdrawal, elsewhere_in
from shared.vocabulary import FileState, WithdrawalState

_SUMMARY_VERSIONS = {FileState.RECEIVED: 1, FileState.READ: 2}
"""Only the summary of a later state overwrites a summary."""
_FINAL_VERSION = 3


class SubmissionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One submission in summary.json."""

    number: str
    batch_id: str
    devices: int
    tracking_id: str | None
    state: str


class WithdrawalSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of withdrawing the file's devices, in summary.json."""

    state: WithdrawalState
    asked_at: datetime
    asked_by: str
    finished_at: datetime | None
    total: int
    withdrawn: int
    already_gone: int
    refused: int


class FileNoteSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A note on the file as a whole, in summary.json."""

    note: str
    detail: str
    sentence: str
    what_to_do: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """summary.json: the progress of a device file."""

    file_id: str
    customer_id: str | None
    batch_id: str | None
    file: str
    etag: str
    received_at: datetime
    closed_at: datetime | None
    state: FileState
    reason: str | None
    what_happened: str | None
    counts: Counts
    elsewhere: int
    """Of the rows already registered, those whose device does not stand under the batch of the row."""
    is_incomplete: bool
    """Whether the file may hold devices that are in none of its rows."""
    notes: list[FileNoteSummary]
    passed_over: tuple[PassedOverTally, ...]
    parent_file_id: str | None = None
    """The file whose rows this file sends again."""
    retry_file_id: str | None = None
    """The file that sends rows of this file again."""
    withdrawal: WithdrawalSummary | None = None
    submissions: list[SubmissionSummary]


def folder_of(file: DeviceFile) -> str:
    """The folder of the file's results in the results container."""
    return results_folder(file.customer_id, file.batch_id, file.name, file.file_id)


def write_summary(
    journal: Journal, results: Container, file: DeviceFile, submissions: Sequence[Submission] | None = None
) -> None:
    """Write summary.json, unless a later state's summary already exists.

    `submissions` are the file's submissions, if the caller has them.
    """
    if submissions is None and file.state in (FileState.READ, FileState.CLOSED):
        found = journal.submissions.of_reading(file.reading_id, log_unreadable)
        submissions = [stored.record for stored in found]
    results.write_newer(
        f"{folder_of(file)}/summary.json",
        msgspec.json.format(msgspec.json.encode(summary(file, submissions or ())), indent=2),
        JSON,
        _SUMMARY_VERSIONS.get(file.state, _FINAL_VERSION + file.changes_since_closed),
    )


def summary(file: DeviceFile, submissions: Iterable[Submission]) -> Summary:
    """The summary of `file` and its `submissions`."""
    return Summary(
        file_id=file.file_id,
        customer_id=file.customer_id,
        batch_id=file.batch_id,
        file=file.name,
        etag=file.etag,
        received_at=file.received_at,
        closed_at=file.closed_at,
        state=file.state,
        reason=file.reason,
        what_happened=file.reason_text,
        counts=file.closed_counts or file.read_counts,
        elsewhere=elsewhere_in(file.reasons),
        is_incomplete=file.is_incomplete,
        notes=[_note_summary(remark) for remark in file.remarks],
        passed_over=file.passed_over,
        parent_file_id=file.parent,
        retry_file_id=file.retry,
        withdrawal=_withdrawal_summary(file.withdrawal),
        submissions=[
            SubmissionSummary(
                number=submission.number,
                batch_id=submission.batch_id,
                devices=submission.devices,
                tracking_id=submission.tracking_id,
                state=submission.state,
            )
            for submission in submissions
        ],
    )


def _note_summary(remark: Remark) -> FileNoteSummary:
    explanation = explained(remark.note)
    return FileNoteSummary(
        note=remark.note, detail=remark.detail, sentence=explanation.sentence, what_to_do=explanation.what_to_do
    )


def _withdrawal_summary(withdrawal: Withdrawal | None) -> WithdrawalSummary | None:
    if withdrawal is None:
        return None
    return WithdrawalSummary(
        **{name: getattr(withdrawal, name) for name in WithdrawalSummary.__struct_fields__},
    )
