"""The head of a file's page: what happened, and what to do now. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.partner_center.models import JobState
from shared.partner_center.outcome_codes import explain
from shared.pipeline.outcome_rules import remedy
from shared.reasons import REASONS, UNKNOWN_REASONS, FileNote, RowReason, UnknownReason
from shared.status.page.bars import not_registered
from shared.status.page.labels import FILE_STATES, REMEDIES, Label
from shared.status.page.text import counted, grouped
from shared.status.schemas import FileDetails, FileNoteView, FileView, OutcomeCounts, ReasonCount, WithdrawalView
from shared.storage.records import DeviceOutcome
from shared.vocabulary import FileState, Outcome, Remedy, WithdrawalState

ATTENTION = Label("not registered", "attention", "rejected")
WELL = Label("well", "registered", "registered")
CHECK = Label("check", "attention", "rejected")
IN_PROGRESS = FILE_STATES[FileState.READ]

_TENTHS = 10

_MEANINGS: dict[Outcome, str] = {
    Outcome.REGISTERED: "The device is registered now.",
    Outcome.ALREADY_REGISTERED: "The device was registered before, for the same customer.",
    Outcome.DUPLICATE: "Another row of the same file is the same device; that one was sent.",
    Outcome.UNKNOWN: UNKNOWN_REASONS[UnknownReason.NO_VERDICT].sentence,
}


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing that a person can do now."""

    label: Label
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class FileSummary:
    """The head of a file's page."""

    label: Label
    headline: str
    sentences: tuple[str, ...] = ()
    todos: tuple[Todo, ...] = ()
    rows_to_fix: int = 0
    rows_to_send_again: int = 0


def summarize(details: FileDetails) -> FileSummary:
    """What happened to the file, and what to do now."""
    file = details.file
    match file.state:
        case FileState.RECEIVED:
            return FileSummary(
                IN_PROGRESS, "Its rows are being read", ("Nothing has been sent yet. There is nothing to do.",)
            )
        case FileState.READ:
            return FileSummary(
                IN_PROGRESS, _how_far(file), (_submissions(file), "There is nothing to do: it continues by itself.")
            )
        case FileState.CLOSING:
            return FileSummary(IN_PROGRESS, "Every row has its outcome; the results are being written")
        case FileState.CLOSED:
            return _closed(file, details)
        case FileState.REJECTED | FileState.GONE:
            label = FILE_STATES[file.state]
            headline = "Nothing was sent" if file.state is FileState.REJECTED else "It was deleted before it was read"
            return FileSummary(label, headline, tuple(filter(None, (details.what_happened,))))


def announcement(details: FileDetails) -> str:
    """The text that screen readers announce when it changes: at each tenth of the rows, and at the end."""
    counts = details.file.counts
    if details.file.state is not FileState.READ or not counts.total:
        withdrawal = "" if details.withdrawal is None else f" {withdrawn(details.withdrawal)}"
        return f"{summarize(details).headline}.{withdrawal}"
    tenths = (counts.total - counts.open) * _TENTHS // counts.total
    return f"{tenths * _TENTHS} percent of the rows have their outcome."


def announcement_of_list(files: Sequence[FileView]) -> str:
    """The text that screen readers announce when a list of files changes."""
    in_progress = sum(not file.is_final for file in files)
    return f"{in_progress} of {counted(len(files), 'file')} in progress." if in_progress else "No file is in progress."


def meaning(reason: ReasonCount) -> str:
    """What one outcome with one reason means, and what to do about it."""
    if reason.outcome is Outcome.REJECTED and reason.reason in list(RowReason):
        return REASONS[RowReason(reason.reason)].sentence
    if reason.outcome is Outcome.FAILED:
        return explain(reason.reason, None, JobState.FINISHED_WITH_ERRORS).what_to_do
    return _MEANINGS.get(reason.outcome, "")


def warnings(details: FileDetails) -> list[FileNoteView]:
    """Notes on the file that everybody must see."""
    return [note for note in details.notes if note.note == FileNote.MAY_HOLD_DEVICES]


def is_in_progress(details: FileDetails) -> bool:
    """Whether anything of the page may change by itself."""
    withdrawal = details.withdrawal
    return not details.file.is_final or (withdrawal is not None and withdrawal.state is WithdrawalState.UNDER_WAY)


def may_withdraw(details: FileDetails) -> bool:
    """Whether the file has devices to withdraw and no withdrawal is in progress; refused devices may be tried again."""
    if details.file.state is not FileState.CLOSED or not details.file.counts.registered:
        return False
    withdrawal = details.withdrawal
    return withdrawal is None or (withdrawal.state is WithdrawalState.FINISHED and withdrawal.refused > 0)


def devices_to_withdraw(details: FileDetails) -> int:
    """How many devices a withdrawal would deregister: all, or those that were refused the last time."""
    withdrawal = details.withdrawal
    return details.file.counts.registered if withdrawal is None else withdrawal.refused


def withdrawn(withdrawal: WithdrawalView) -> str:
    """How far a withdrawal has come, in a sentence."""
    ended = withdrawal.withdrawn + withdrawal.already_gone
    done = f"{grouped(ended)} of {counted(withdrawal.total, 'device')} deregistered"
    refused = f", {grouped(withdrawal.refused)} refused by Partner Center" if withdrawal.refused else ""
    if withdrawal.state is WithdrawalState.UNDER_WAY:
        return f"The file is being withdrawn: {done}{refused}."
    return f"The file was withdrawn: {done}{refused}."


def _closed(file: FileView, details: FileDetails) -> FileSummary:
    counts = file.counts
    rows = _rows_by_remedy(details.reasons)
    if details.retry_file_id is not None:
        del rows[Remedy.SEND_AGAIN]
    good = counts.registered + counts.already_registered
    bad = not_registered(counts)
    todos = (*_todos(rows), *_to_check(details))
    if not bad and file.is_incomplete:
        return FileSummary(ATTENTION, f"{_all_well(counts)}; the file may hold more", _duplicates(counts), todos)
    if not bad:
        return FileSummary(WELL, _all_well(counts), _duplicates(counts))
    headline = (
        f"{grouped(good)} of {counted(good + bad, 'device')} {'is' if good == 1 else 'are'} registered; "
        f"{grouped(bad)} {'is' if bad == 1 else 'are'} not"
    )
    return FileSummary(
        ATTENTION,
        headline,
        _duplicates(counts),
        todos,
        rows_to_fix=rows[Remedy.FIX],
        rows_to_send_again=rows[Remedy.SEND_AGAIN],
    )


def _todos(rows: Counter[Remedy]) -> Iterator[Todo]:
    if number := rows[Remedy.FIX]:
        text = "Download to_fix.csv, correct what each row says, and drop the file again as it is."
        yield Todo(REMEDIES[Remedy.FIX], f"Fix {counted(number, 'row')}.", text)
    if number := rows[Remedy.SEND_AGAIN]:
        text = "Nothing is wrong with these rows. Partner Center may accept them now."
        yield Todo(REMEDIES[Remedy.SEND_AGAIN], f"Send {counted(number, 'row')} again.", text)
    if number := rows[Remedy.ASK]:
        text = "Someone else must act first; each row says who."
        yield Todo(
            REMEDIES[Remedy.ASK], f"{counted(number, 'row')} {'needs' if number == 1 else 'need'} someone else.", text
        )


def _to_check(details: FileDetails) -> Iterator[Todo]:
    if any(kept.may_hold_device for kept in details.passed_over) or warnings(details):
        text = "Part of the file looks like a device but is in no row, so it was not sent."
        yield Todo(CHECK, "Check what was passed over.", text)


def _rows_by_remedy(reasons: Sequence[ReasonCount]) -> Counter[Remedy]:
    rows: Counter[Remedy] = Counter()
    for reason in reasons:
        rows[_remedy(reason)] += reason.rows
    return rows


def _remedy(reason: ReasonCount) -> Remedy:
    """The remedy by outcome and code alone, for rows that were sent."""
    return remedy(
        DeviceOutcome(reading_id="", row=1, outcome=reason.outcome, error_code=reason.reason, tracking_id="any")
    )


def _all_well(counts: OutcomeCounts) -> str:
    good = counts.registered + counts.already_registered
    if not good:
        return "There was nothing to register"
    if good == 1:
        return "The device is registered"
    if counts.registered and counts.already_registered:
        return f"All {grouped(good)} devices are registered, {grouped(counts.already_registered)} of them from before"
    return f"All {grouped(good)} devices {'are' if counts.registered else 'were already'} registered"


def _duplicates(counts: OutcomeCounts) -> tuple[str, ...]:
    match counts.duplicate:
        case 0:
            return ()
        case 1:
            return ("1 row is a duplicate of another.",)
        case number:
            return (f"{grouped(number)} rows are duplicates of others.",)


def _how_far(file: FileView) -> str:
    counts = file.counts
    return f"{grouped(counts.total - counts.open)} of {counted(counts.total, 'row')} have their outcome"


def _submissions(file: FileView) -> str:
    return f"{grouped(file.submissions_final)} of {counted(file.submissions, 'submission')} to Partner Center are done."
