"""Records of the journal as the records that are shown (schemas). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from msgspec.structs import asdict, replace

from shared.device_files.rows import FileRemark, PassedOver
from shared.pipeline.blob_names import NO_FOLDER
from shared.pipeline.closing import accounting
from shared.pipeline.closing.reason_counts import ReasonCounter
from shared.status.schemas import (
    DeviceView,
    FileLinks,
    FileNoteView,
    FileView,
    OutcomeCounts,
    OutcomeView,
    PassedOverView,
    ProfileCountsView,
    ReasonCount,
    SubmissionView,
    TimeLineEntry,
    UnreadableView,
    Waiting,
    WithdrawalView,
)
from shared.storage.codec import UnreadableRecord
from shared.storage.customers import is_guid
from shared.storage.records import (
    Counts,
    DeviceFile,
    DeviceOutcome,
    FileListing,
    PassedOverTally,
    ProfileCounts,
    ReasonTally,
    Remark,
    Submission,
    Withdrawal,
    elsewhere_in,
)
from shared.vocabulary import FileOrder, FileState, Outcome, SubmissionState, WithdrawalResult, counted

NO_CUSTOMER_ID = NO_FOLDER
"""Stands in place of the customer id in the addresses of a file whose path names no customer."""

_TIME_OF_A_SENTENCE = "%Y-%m-%d %H:%M:%S"
_LENGTH_OF_A_TIME = len("2026-11-20 12:00:00")


_HAS_RESULTS = frozenset({FileState.READ, FileState.CLOSING, FileState.CLOSED})
"""The states in which rows have outcomes that stay."""


FAILING = 3
"""Consecutive requests without a usable answer after which people are told of them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many submissions of a file are final, the outcomes of its rows so far, and the rows without one."""

    counts: Counts
    submissions: int
    final: int
    elsewhere: int = 0
    reasons: tuple[ReasonTally, ...] = ()
    waiting: Waiting | None = None

    @classmethod
    def of(cls, file: DeviceFile, submissions: Iterable[Submission]) -> "Progress":
        """The progress of `file`; the halves of a split submission count in its place."""
        whole = [
            submission
            for submission in submissions
            if submission.state is not SubmissionState.SPLIT and not submission.assigns_profiles
        ]
        final = sum(submission.state.is_final for submission in whole)
        if file.closed_counts is not None:
            return cls(file.closed_counts, len(whole), final, elsewhere_in(file.reasons), file.reasons)
        counts = sum((submission.counts for submission in whole), file.read_counts)
        reasons = ReasonCounter()
        reasons.add_tallies(file.reasons)
        for submission in whole:
            reasons.add_tallies(submission.reasons)
        waiting = _waiting(whole) if file.state is FileState.READ else None
        tallies = reasons.tallies()
        return cls(counts, len(whole), final, elsewhere_in(tallies), tallies, waiting)


def _waiting(submissions: Iterable[Submission]) -> Waiting:
    to_be_sent = without_verdict = 0
    until: datetime | None = None
    failing: Submission | None = None
    for submission in submissions:
        if not submission.state.is_final and submission.attempts >= max(FAILING, failing.attempts if failing else 0):
            failing = submission
        rows = submission.devices - submission.counts.ended
        if submission.state is SubmissionState.PENDING:
            to_be_sent += rows
        elif submission.state is SubmissionState.ACCEPTED:
            without_verdict += rows
            until = max(filter(None, (until, submission.deadline_at)), default=None)
    return Waiting(
        to_be_sent=to_be_sent,
        without_verdict=without_verdict,
        verdict_until=until,
        failing=None if failing is None else failing.last_answer,
    )


def file_view(
    file: DeviceFile | FileListing,
    progress: Progress,
    customer_name: str | None = None,
    *,
    registered_later: int = 0,
    fixed_later: int = 0,
    is_stopped: bool = False,
) -> FileView:
    """A file and its progress. `registered_later` rows were registered by later files, `fixed_later` of them fixed."""
    view = FileView(
        file_id=file.file_id,
        customer_id=file.customer_id,
        customer_name=customer_name,
        batch_id=file.batch_id,
        sent_by=file.sent_by or None,
        name=file.name,
        order=file.order,
        path=file.path,
        state=file.state,
        is_final=file.state.is_final,
        reason=file.reason,
        what_happened=file.reason_text,
        received_at=file.received_at,
        closed_at=file.closed_at,
        size=file.size,
        counts=outcome_counts(progress.counts),
        is_incomplete=file.is_incomplete,
        submissions=progress.submissions,
        submissions_final=progress.final,
        parent_file_id=file.parent,
        elsewhere=progress.elsewhere,
        registered_later=registered_later,
        fixed_later=fixed_later,
        profiles=None if file.profiles is None else profile_counts_view(file.profiles),
        withdrawal=None if file.withdrawal is None else withdrawal_view(file.withdrawal),
        assigned_customer_id=None if file.assigned is None else file.assigned.customer_id,
        assigned_file_id=None if file.assigned is None else file.assigned.file_id or None,
        links=links_of(file),
    )
    return replace(view, needs_attention=_needs_attention(view, progress.waiting, is_stopped=is_stopped))


def _needs_attention(file: FileView, waiting: Waiting | None, *, is_stopped: bool) -> bool:
    """Whether somebody must look at the file."""
    return (
        (file.state is FileState.REJECTED and file.assigned_file_id is None)
        or file.is_incomplete
        or file.rows_left > file.counts.cancelled
        or (is_stopped and file.state is FileState.READ)
        or (waiting is not None and waiting.failing is not None)
        or (file.profiles is not None and file.profiles.not_assigned > file.profiles.cancelled)
        or (file.withdrawal is not None and file.withdrawal.refused > 0)
    )


def listed_file_view(
    listing: FileListing, customer_name: str | None = None, *, registered_later: int = 0, fixed_later: int = 0
) -> FileView:
    """A final file, from its entry in the index by time."""
    progress = Progress(listing.counts, listing.submissions, listing.submissions, listing.elsewhere)
    return file_view(listing, progress, customer_name, registered_later=registered_later, fixed_later=fixed_later)


def links_of(file: DeviceFile | FileListing) -> FileLinks:
    """The addresses at which a file is shown."""
    withdrawal = file.withdrawal
    is_withdrawn = withdrawal is not None and (withdrawal.run > 1 or not withdrawal.is_under_way)
    return file_links(file.customer_id, file.file_id, file.state, file.parent, is_withdrawn=is_withdrawn)


def file_links(
    customer_id: str | None, file_id: str, state: FileState, parent: str | None, *, is_withdrawn: bool = False
) -> FileLinks:
    """The addresses at which a file is shown."""
    file = file_address(customer_id, file_id)
    has_results = state in _HAS_RESULTS
    return FileLinks(
        file=file,
        outcomes=f"{file}/outcomes",
        page=page_address(customer_id, file_id),
        results_csv=f"{file}/results.csv" if has_results else None,
        results_xlsx=f"{file}/results.xlsx" if has_results else None,
        to_fix_csv=f"{file}/to_fix.csv" if has_results else None,
        to_fix_xlsx=f"{file}/to_fix.xlsx" if has_results else None,
        withdrawals_csv=f"{file}/withdrawals.csv" if is_withdrawn else None,
        report_html=f"{file}/report.html" if state is FileState.CLOSED else None,
        parent=None if parent is None else file_address(customer_id, parent),
    )


def page_address(customer_id: str | None, file_id: str) -> str:
    """The address of the page of a file."""
    return f"/api/status/{_place(customer_id, file_id)}"


def file_address(customer_id: str | None, file_id: str) -> str:
    """The address of the JSON of a file."""
    return f"/api/files/{_place(customer_id, file_id)}"


def outcome_counts(counts: Counts) -> OutcomeCounts:
    """Counts of rows by outcome, with the rows that are still open."""
    return OutcomeCounts(
        total=counts.total,
        registered=counts.registered,
        already_registered=counts.already_registered,
        removed=counts.removed,
        not_registered=counts.not_registered,
        failed=counts.failed,
        rejected=counts.rejected,
        duplicate=counts.duplicate,
        unknown=counts.unknown,
        cancelled=counts.cancelled,
        open=max(counts.total - counts.ended, 0),
    )


def submission_view(submission: Submission) -> SubmissionView:
    """A submission and the last event of its history."""
    last = _entry(submission.history[-1], None) if submission.history else None
    is_final = submission.state.is_final
    total = Counts(total=0 if submission.assigns_profiles else submission.devices)
    return SubmissionView(
        number=submission.number,
        order=submission.order,
        batch_id=submission.batch_id,
        devices=submission.devices,
        state=submission.state,
        assigns_profiles=submission.assigns_profiles,
        tracking_id=submission.tracking_id,
        correlation_id=submission.answer_ids.correlation_id,
        sent_at=submission.first_sent_at,
        accepted_at=submission.accepted_at,
        finished_at=last.at if last and is_final else None,
        next_poll_at=None if is_final else submission.due_at,
        counts=outcome_counts(submission.counts + total),
        last_event=last.what if last else "",
    )


def time_line(file: DeviceFile, submissions: Iterable[SubmissionView]) -> list[TimeLineEntry]:
    """The history of a file and of each of its submissions, oldest first."""
    own = [entry for sentence in file.history if (entry := _entry(sentence, None)) is not None]
    # The history knows whole seconds only: events within the same second keep the order of a file's life.
    closed_at = file.closed_at
    beginning = own
    if closed_at is not None:
        beginning = [entry for entry in own if entry.at <= _whole_second(closed_at)][:-1]
    of_submissions = [entry for submission in submissions for entry in _milestones(submission)]
    entries = [*beginning, *of_submissions, *own[len(beginning) :]]
    return sorted(entries, key=lambda entry: _whole_second(entry.at))


def profile_counts_view(counts: ProfileCounts) -> ProfileCountsView:
    """The rows of a file by profile outcome."""
    return ProfileCountsView(**asdict(counts))


def outcome_view(outcome: DeviceOutcome, withdrawal: WithdrawalResult | None = None) -> OutcomeView:
    """The outcome of a row, and what became of its withdrawal."""
    return OutcomeView(
        row=outcome.row,
        source=outcome.source,
        serial_number=outcome.serial_number,
        product_key=outcome.product_key,
        manufacturer=outcome.manufacturer,
        model=outcome.model,
        order_number=outcome.order_number,
        outcome=outcome.outcome,
        profile=outcome.profile,
        profile_outcome=outcome.profile_outcome,
        profile_reason=outcome.profile_reason,
        profile_what_to_do=outcome.profile_what_to_do,
        error_code=outcome.error_code,
        error_description=outcome.error_description,
        what_to_do=outcome.what_to_do,
        remedy=outcome.remedy,
        registered_by=outcome.registered_by,
        notes=outcome.notes,
        batch_id=outcome.batch_id,
        moved_from=outcome.moved_from,
        submission=outcome.submission,
        tracking_id=outcome.tracking_id,
        device_id=outcome.device_id,
        withdrawal=withdrawal,
    )


def unreadable_views(records: Iterable[UnreadableRecord]) -> list[UnreadableView]:
    """The records that could not be read, each once."""
    return list(dict.fromkeys(map(_unreadable_view, records)))


def _unreadable_view(record: UnreadableRecord) -> UnreadableView:
    partition, row = record.key
    named = (record.text("file_id"), row.rpartition("~")[2], partition.partition(".")[0])
    return UnreadableView(
        file_id=next(filter(is_guid, named), None), name=record.text("name") or None, message=str(record)
    )


def device_view(
    file: DeviceFile,
    customer_id: str,
    outcome: DeviceOutcome,
    customer_name: str | None = None,
    withdrawal: WithdrawalResult | None = None,
) -> DeviceView:
    """A row of a file, as the search for a serial number finds it."""
    return DeviceView(
        customer_id=customer_id,
        customer_name=customer_name,
        file_id=file.file_id,
        file_name=file.name,
        received_at=file.received_at,
        outcome=outcome_view(outcome, withdrawal),
        links=links_of(file),
    )


def reason_counts(tallies: Iterable[ReasonTally], ended: OutcomeCounts) -> list[ReasonCount]:
    """Rows by outcome and reason; rows whose reasons are not counted yet have an empty reason."""
    reasons = [
        ReasonCount(
            outcome=tally.outcome,
            reason=tally.reason,
            name=tally.name,
            remedy=tally.remedy,
            sentence=tally.sentence,
            rows=tally.rows,
        )
        for tally in tallies
    ]
    for outcome in Outcome:
        counted = sum(reason.rows for reason in reasons if reason.outcome is outcome)
        rest = getattr(ended, outcome) - counted
        if rest > 0:
            reasons.append(ReasonCount(outcome=outcome, reason="", rows=rest))
    return sorted(reasons, key=lambda reason: (-reason.rows, reason.outcome, reason.reason, reason.name))


def file_note_view(remark: Remark | FileRemark) -> FileNoteView:
    """A note on a file."""
    explanation = accounting.explained(remark.note)
    return FileNoteView(
        note=remark.note, detail=remark.detail, sentence=explanation.sentence, what_to_do=explanation.what_to_do
    )


def passed_over_view(kept: PassedOverTally | PassedOver) -> PassedOverView:
    """The parts of one kind in a file that were passed over."""
    return PassedOverView(
        kind=kept.kind,
        meaning=accounting.kind_in_words(kept.kind),
        count=kept.count,
        places=list(kept.places),
        excerpts=list(kept.excerpts),
        may_hold_device=kept.may_hold_device,
    )


def withdrawal_view(withdrawal: Withdrawal) -> WithdrawalView:
    """A withdrawal and its progress."""
    return WithdrawalView(
        state=withdrawal.state,
        asked_at=withdrawal.asked_at,
        finished_at=withdrawal.finished_at,
        total=withdrawal.total,
        withdrawn=withdrawal.withdrawn,
        already_gone=withdrawal.already_gone,
        refused=withdrawal.refused,
        last_answer=withdrawal.last_answer,
    )


def _whole_second(time: datetime) -> datetime:
    return time.replace(microsecond=0)


def _milestones(submission: SubmissionView) -> Iterable[TimeLineEntry]:
    number = submission.number
    if submission.sent_at is not None:
        devices = counted(submission.devices, "device")
        sentence = f"Submission {number} was sent: {devices} for batch {submission.batch_id}."
        if submission.order is not FileOrder.REGISTER:
            sentence = f"Submission {number} began to delete devices from their batches."
        yield TimeLineEntry(at=submission.sent_at, what=sentence, submission=number)
    if submission.accepted_at is not None:
        yield TimeLineEntry(at=submission.accepted_at, what=f"Submission {number} was accepted.", submission=number)
    if submission.finished_at is not None:
        sentence = f"Submission {number} ended ({submission.state}). {submission.last_event}"
        yield TimeLineEntry(at=submission.finished_at, what=sentence, submission=number)


def _entry(sentence: str, submission: str | None) -> TimeLineEntry | None:
    """An entry of a history: a time in UTC, then a sentence."""
    try:
        at = datetime.strptime(sentence[:_LENGTH_OF_A_TIME], _TIME_OF_A_SENTENCE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return TimeLineEntry(at=at, what=sentence[_LENGTH_OF_A_TIME:].strip(), submission=submission)


def _place(customer_id: str | None, file_id: str) -> str:
    return f"{_in_path(customer_id or NO_CUSTOMER_ID)}/{_in_path(file_id)}"


def _in_path(identifier: str) -> str:
    """One part of a path. An id that an address names may be any text, such as half of a pair of surrogates."""
    return quote(identifier, safe="", errors="replace")
