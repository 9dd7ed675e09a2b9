"""summary.json, the progress of a device file, and the folder of its results."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec.structs import replace

from shared.pipeline.blob_names import JSON, results_folder
from shared.pipeline.closing.accounting import explained
from shared.pipeline.closing.registered_later import (
    GENERATIONS,
    NOTHING_LATER,
    RegisteredLater,
    registered_later,
)
from shared.storage.blobs import Container
from shared.storage.codec import UnreadableRecord
from shared.storage.journal import Journal
from shared.storage.record_table import Conflict, log_unreadable
from shared.storage.records import (
    Counts,
    DeviceFile,
    PassedOverTally,
    ProfileCounts,
    Remark,
    Submission,
    Withdrawal,
    elsewhere_in,
)
from shared.vocabulary import FileOrder, FileState, Standing, WithdrawalState

_SUMMARY_VERSIONS = {FileState.RECEIVED: 1, FileState.READ: 2}
"""Only the summary of a later state overwrites a summary."""
_FINAL_VERSION = 3

_TRIES = 5

_STANDINGS = {
    FileState.RECEIVED: Standing.READING,
    FileState.CLOSING: Standing.WRITING_RESULTS,
    FileState.REJECTED: Standing.REJECTED,
    FileState.GONE: Standing.GONE,
}


@dataclass(frozen=True, slots=True)
class _Standings:
    """The standings of files of one order."""

    in_progress: Standing
    partly: Standing
    none: Standing
    nothing: Standing


_OF_ORDERS = {
    FileOrder.REGISTER: _Standings(
        Standing.REGISTERING, Standing.PARTLY_REGISTERED, Standing.NONE_REGISTERED, Standing.NOTHING_TO_REGISTER
    ),
    FileOrder.REMOVE: _Standings(
        Standing.REMOVING, Standing.PARTLY_REMOVED, Standing.NONE_REMOVED, Standing.NOTHING_TO_REMOVE
    ),
    FileOrder.MOVE: _Standings(Standing.MOVING, Standing.PARTLY_MOVED, Standing.NONE_MOVED, Standing.NOTHING_TO_MOVE),
}


class SubmissionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One submission in summary.json."""

    number: str
    batch_id: str
    devices: int
    tracking_id: str | None
    state: str
    assigns_profiles: bool = False
    """Whether it gives devices of another submission their profiles."""


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
    order: FileOrder
    """What is asked for with its devices."""
    etag: str
    received_at: datetime
    closed_at: datetime | None
    state: FileState
    standing: Standing
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
    assigned_file_id: str | None = None
    """The file as which it was sent to the customer that a person chose."""
    fix_file_ids: tuple[str, ...] = ()
    """The files in which rows of this file that a person fixed were dropped again."""
    registered_later: int = 0
    """Rows whose devices these files registered; `counts` are the rows as this file ended."""
    fixed_later: int = 0
    """Of these, the rows that were fixed."""
    profiles: ProfileCounts | None = None
    """The rows by profile outcome; `counts` are the rows by the outcome of registering."""
    withdrawal: WithdrawalSummary | None = None
    submissions: list[SubmissionSummary]


class WithdrawalProgress(Protocol):
    """The part of a withdrawal on which the standing of its file depends."""

    @property
    def state(self) -> WithdrawalState:
        """Whether it is under way."""

    @property
    def refused(self) -> int:
        """Devices that the service refused to delete."""


def standing(
    state: FileState,
    *,
    order: FileOrder,
    done: int,
    left: int,
    total: int,
    is_incomplete: bool,
    without_profile: int,
    withdrawal: WithdrawalProgress | None,
) -> Standing:
    """How a file stands: closed alone means that every device of it is as the file asks.

    `done` rows ended as the file asks; `left` rows have a device that is not registered under its batch, or not
    removed, though it should be. `without_profile` rows have one that did not get the profile that it should have.
    """
    words = _OF_ORDERS[order]
    if state is not FileState.CLOSED:
        return words.in_progress if state is FileState.READ else _STANDINGS[state]
    if withdrawal is not None:
        return _standing_of_withdrawal(withdrawal)
    if left:
        return words.partly if done else words.none
    if is_incomplete:
        return Standing.MAY_BE_INCOMPLETE
    if without_profile:
        return Standing.PROFILES_MISSING
    return words.nothing if total and not done else Standing.CLOSED


def _standing_of_withdrawal(withdrawal: WithdrawalProgress) -> Standing:
    if withdrawal.state is WithdrawalState.UNDER_WAY:
        return Standing.BEING_WITHDRAWN
    return Standing.PARTLY_WITHDRAWN if withdrawal.refused else Standing.WITHDRAWN


def standing_of(file: DeviceFile, later: RegisteredLater = NOTHING_LATER) -> Standing:
    """How a file stands by its own rows and those that `later` files registered."""
    counts, elsewhere = file.closed_counts or file.read_counts, elsewhere_in(file.reasons)
    return standing(
        file.state,
        order=file.order,
        done=counts.done - elsewhere + later.all,
        left=counts.failed + counts.rejected + counts.unknown + counts.cancelled + elsewhere - later.all,
        total=counts.total,
        is_incomplete=file.is_incomplete,
        without_profile=file.without_profile,
        withdrawal=file.withdrawal,
    )


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
        msgspec.json.format(
            msgspec.json.encode(summary(file, submissions or (), registered_later(journal.files, file))), indent=2
        ),
        JSON,
        _SUMMARY_VERSIONS.get(file.state, _FINAL_VERSION + file.changes_since_closed),
    )


def rewrite_parents_summaries(journal: Journal, results: Container, file: DeviceFile) -> None:
    """Write the summaries of the files whose rows `file` sends again, since its end changed how they stand.

    Each is first journaled as changed: of several files that end at once the last to do so has seen all of them, and
    its summary stays. Safe to repeat. Raises Conflict.
    """
    for _ in range(GENERATIONS):
        parent = _journaled_as_changed(journal, file.customer_id, file.parent)
        if parent is None:
            return
        write_summary(journal, results, parent)
        file = parent


def _journaled_as_changed(journal: Journal, customer_id: str | None, file_id: str | None) -> DeviceFile | None:
    """The closed file of that id; None when there is none, or only another version of the app can read it."""
    for left in reversed(range(_TRIES)):
        try:
            stored = None if file_id is None else journal.files.get(customer_id, file_id)
        except UnreadableRecord as unreadable:
            log_unreadable(unreadable)
            return None
        if stored is None or stored.record.state is not FileState.CLOSED:
            return None
        changed = replace(stored.record, changes_since_closed=stored.record.changes_since_closed + 1)
        try:
            return journal.files.change(stored, changed).record
        except Conflict:
            if not left:
                raise
    return None


def summary(file: DeviceFile, submissions: Iterable[Submission], later: RegisteredLater = NOTHING_LATER) -> Summary:
    """The summary of `file`, its `submissions`, and what `later` files registered of it."""
    return Summary(
        file_id=file.file_id,
        customer_id=file.customer_id,
        batch_id=file.batch_id,
        file=file.name,
        order=file.order,
        etag=file.etag,
        received_at=file.received_at,
        closed_at=file.closed_at,
        state=file.state,
        standing=standing_of(file, later),
        reason=file.reason,
        what_happened=file.reason_text,
        counts=file.closed_counts or file.read_counts,
        elsewhere=elsewhere_in(file.reasons),
        is_incomplete=file.is_incomplete,
        notes=[_note_summary(remark) for remark in file.remarks],
        passed_over=file.passed_over,
        parent_file_id=file.parent,
        retry_file_id=file.retry,
        assigned_file_id=None if file.assigned is None else file.assigned.file_id or None,
        fix_file_ids=file.fixes,
        registered_later=later.all,
        fixed_later=later.fixed,
        profiles=file.profiles,
        withdrawal=_withdrawal_summary(file.withdrawal),
        submissions=[
            SubmissionSummary(
                number=submission.number,
                batch_id=submission.batch_id,
                devices=submission.devices,
                tracking_id=submission.tracking_id,
                state=submission.state,
                assigns_profiles=submission.assigns_profiles,
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
