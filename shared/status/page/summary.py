"""The head of a file's page: what happened, and what to do now. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.reasons import NOWHERE_NOW, PERHAPS_NOWHERE, FileNote
from shared.status.page.labels import DONE, FILE_STATES, REMEDIES, WITHDRAWN, Label
from shared.status.page.text import plain_time
from shared.status.schemas import (
    FileDetails,
    FileNoteView,
    FileView,
    OutcomeCounts,
    ReasonCount,
    StandstillKind,
    Waiting,
    WithdrawalView,
)
from shared.vocabulary import FileOrder, FileState, Outcome, Remedy, WithdrawalState, counted, grouped

ATTENTION = {order: Label(f"not {word}", "attention", "rejected") for order, word in DONE.items()}
WELL = Label("well", "registered", "registered")
CHECK = Label("check", "attention", "rejected")
IN_PROGRESS = FILE_STATES[FileState.READ]
STOPPED = Label("stands still", "attention", "rejected")

STANDS_STILL = "It stands still: the top of the page says why and who must do what."

BEING_STOPPED = (
    "It was stopped: its rows that were not sent end as cancelled, and those that Partner Center accepted get their "
    "verdict."
)

WITHDRAWING_DOES_NOT = (
    "Withdrawing neither unenrols a device from Intune nor disjoins it from Microsoft Entra. A device that was added "
    "through Intune or the admin centre is not visible to the partner and stays."
)

REMOVING_DOES_NOT = WITHDRAWING_DOES_NOT.replace("Withdrawing", "Removing", 1)

MOVING_DOES_NOT = (
    "Moving neither unenrols a device from Intune nor disjoins it from Microsoft Entra: it must be reset to get its "
    "new profile."
)

MOVED_GO_NOWHERE = (
    "A device that this file moved is deleted too: it does not go back to its former batch, and is registered nowhere "
    "afterwards. To have it there again, move it back instead."
)

_TENTHS = 10

_MEANINGS: dict[Outcome, str] = {
    Outcome.REGISTERED: "The device is registered now.",
    Outcome.ALREADY_REGISTERED: "The device was registered before, for the same customer.",
    Outcome.REMOVED: "The device was deleted from its batch.",
    Outcome.DUPLICATE: "Another row of the same file is the same device; that one was sent.",
}
"""Of outcomes whose rows need no sentence of their own."""


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
            # It is read on whether or not sending stands still.
            sentence = "Nothing has been sent yet." + ("" if details.stopped else " There is nothing to do.")
            return FileSummary(IN_PROGRESS, "Its rows are being read", (sentence,))
        case FileState.READ:
            return _registering(details)
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
        return f"{summarize(details).headline}."
    tenths = (counts.total - counts.open) * _TENTHS // counts.total
    return f"{tenths * _TENTHS} percent of the rows have their outcome."


def announcement_of_list(files: Sequence[FileView]) -> str:
    """The text that screen readers announce when a list of files changes."""
    in_progress = sum(not file.is_final for file in files)
    return f"{in_progress} of {counted(len(files), 'file')} in progress." if in_progress else "No file is in progress."


def meaning(reason: ReasonCount) -> str:
    """What one outcome with one reason means, and what to do about it: the sentence of its rows."""
    return reason.sentence or _MEANINGS.get(reason.outcome, "")


def warnings(details: FileDetails) -> list[FileNoteView]:
    """Notes on the file that everybody must see."""
    return [note for note in details.notes if note.note == FileNote.MAY_HOLD_DEVICES]


def is_in_progress(details: FileDetails) -> bool:
    """Whether anything of the page may change by itself."""
    withdrawal = details.withdrawal
    is_being_withdrawn = withdrawal is not None and withdrawal.state is WithdrawalState.UNDER_WAY
    return not details.file.is_final or is_being_withdrawn or details.assigning_profile is not None


def may_assign_profile(details: FileDetails) -> bool:
    """Whether a profile can be assigned to devices of the file now."""
    file = details.file
    there = file.counts.registered + file.counts.already_registered
    is_closed = file.state is FileState.CLOSED and file.order is not FileOrder.REMOVE
    return is_closed and there > 0 and details.withdrawal is None and details.assigning_profile is None


def may_withdraw(details: FileDetails) -> bool:
    """Whether the file has devices to withdraw and no withdrawal is in progress; refused devices may be tried again."""
    if details.file.state is not FileState.CLOSED or not details.file.counts.registered:
        return False
    withdrawal = details.withdrawal
    return withdrawal is None or (withdrawal.state is WithdrawalState.FINISHED and withdrawal.refused > 0)


def hold_of(details: FileDetails) -> StandstillKind | None:
    """Whether somebody holds this very file, or stopped it."""
    return next((each.kind for each in details.stopped if each.file_id == details.file.file_id), None)


def can_be_held(details: FileDetails) -> bool:
    """Whether the file may have rows left to send, and nobody stopped it."""
    if hold_of(details) is StandstillKind.STOPPED:
        return False
    is_waiting = details.waiting is None or details.waiting.to_be_sent > 0
    return details.file.state is FileState.RECEIVED or (details.file.state is FileState.READ and is_waiting)


def devices_to_withdraw(details: FileDetails) -> int:
    """How many devices a withdrawal would deregister: all, or those that were refused the last time."""
    withdrawal = details.withdrawal
    return details.file.counts.registered if withdrawal is None else withdrawal.refused


def withdrawn(withdrawal: WithdrawalView) -> str:
    """How far a withdrawal has come, in a headline."""
    ended = withdrawal.withdrawn + withdrawal.already_gone
    refused = f"; {grouped(withdrawal.refused)} refused by Partner Center" if withdrawal.refused else ""
    if withdrawal.state is WithdrawalState.UNDER_WAY:
        of_all = f"{grouped(ended)} of {counted(withdrawal.total, 'device')}"
        return f"The file is being withdrawn: {of_all} deregistered{refused}"
    verb = "was" if withdrawal.total == 1 else "were"
    return f"Withdrawn: {grouped(ended)} of {counted(withdrawal.total, 'device')} {verb} removed{refused}"


def _closed(file: FileView, details: FileDetails) -> FileSummary:
    rows = _rows_to_act_on(details)
    left = file.rows_left
    todos = (*_nowhere(details), *_todos(rows), *_to_check(details))
    attention = ATTENTION[file.order]
    if file.withdrawal is not None and details.withdrawal is not None:
        headline = withdrawn(details.withdrawal)
        label = attention if file.needs_attention else WITHDRAWN
        before = f"Before that {_how_it_had_ended(file)}."
        sentences = (before, WITHDRAWING_DOES_NOT, *_remarks(file))
        return _summary_with_rows(label, headline, sentences, todos, rows)
    if not left and file.is_incomplete:
        return FileSummary(attention, f"{_all_well(file)}; the file may hold more", _remarks(file), todos)
    if not left:
        return FileSummary(CHECK if file.without_profile else WELL, _all_well(file), _remarks(file), todos)
    return _summary_with_rows(attention, _how_it_ended(file), _remarks(file), todos, rows)


def _summary_with_rows(
    label: Label, headline: str, sentences: tuple[str, ...], todos: tuple[Todo, ...], rows: Counter[Remedy]
) -> FileSummary:
    return FileSummary(
        label,
        headline,
        sentences,
        todos,
        rows_to_fix=rows[Remedy.FIX],
        rows_to_send_again=rows[Remedy.SEND_AGAIN],
    )


def _how_it_ended(file: FileView) -> str:
    """How many devices are registered, and the others apart by what became of them."""
    good, left = file.rows_done, file.rows_left
    if file.order is FileOrder.REMOVE:
        return _how_removal_ended(file.counts, good, left)
    elsewhere = min(file.elsewhere, left)
    parts = [f"{grouped(good)} of {counted(good + left, 'device')} {'is' if good == 1 else 'are'} {DONE[file.order]}"]
    if left - elsewhere:
        parts.append(f"{grouped(left - elsewhere)} {'is' if left - elsewhere == 1 else 'are'} not")
    if elsewhere:
        parts.append(f"{grouped(elsewhere)} {'stands' if elsewhere == 1 else 'stand'} elsewhere")
    return "; ".join(parts)


def _how_it_had_ended(file: FileView) -> str:
    """How many devices were registered before a withdrawal, which leaves those that later files registered."""
    good, devices = file.rows_done - file.registered_later, file.rows_done + file.rows_left
    return f"{grouped(good)} of {counted(devices, 'device')} {'was' if good == 1 else 'were'} registered"


def _remarks(file: FileView) -> tuple[str, ...]:
    later = (
        (file.registered_later - file.fixed_later, "sent them again"),
        (file.fixed_later, "fixed them"),
    )
    told = [
        f"{counted(rows, 'row')} of it {'was' if rows == 1 else 'were'} {DONE[file.order]} by the file that {what}."
        for rows, what in later
        if rows
    ]
    does_not = (REMOVING_DOES_NOT,) if file.counts.removed else ()
    if file.order is FileOrder.MOVE:
        does_not = (MOVING_DOES_NOT,)
    return (*_profiles(file), *told, *_duplicates(file.counts), *does_not)


def _profiles(file: FileView) -> Iterator[str]:
    """How many devices got their profiles; each row says what became of its own."""
    if file.profiles is None:
        return
    assigned, left = file.profiles.assigned, file.profiles.not_assigned
    if assigned:
        yield f"{counted(assigned, 'device')} got {'its profile' if assigned == 1 else 'their profiles'}."
    if left:
        what = "its profile: the row says" if left == 1 else "their profiles: the rows say"
        yield f"{counted(left, 'device')} did not get {what} why."


def _nowhere(details: FileDetails) -> Iterator[Todo]:
    """Of a move: the devices that it removed and that are not registered since."""
    for beginning, are, verb in ((NOWHERE_NOW, "are", "is"), (PERHAPS_NOWHERE, "may be", "may be")):
        number = sum(reason.rows for reason in details.reasons if beginning in reason.sentence)
        if number and details.file.rows_left > 0:
            title = f"{counted(number, 'device')} {verb if number == 1 else are} registered nowhere."
            text = "The move removed them from their batch and could not register them since. Each row says why."
            yield Todo(CHECK, title, text)


def _todos(rows: Counter[Remedy]) -> Iterator[Todo]:
    if number := rows[Remedy.FIX]:
        text = "Fix them on the page. Or download to_fix.xlsx, correct what each row says, save it, and drop that file."
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


def _rows_to_act_on(details: FileDetails) -> Counter[Remedy]:
    """The rows by what to do about them, without those that were sent again and those that later files fixed."""
    rows: Counter[Remedy] = Counter()
    for reason in details.reasons:
        rows[reason.remedy] += reason.rows
    if details.retry_file_id is not None:
        del rows[Remedy.SEND_AGAIN]
    rows[Remedy.FIX] -= details.file.fixed_later
    return rows


def _all_well(file: FileView) -> str:
    counts, good = file.counts, file.rows_done
    if file.order is FileOrder.REMOVE:
        return _all_removed(counts, good)
    if file.order is FileOrder.MOVE:
        return _all_moved(counts, good)
    if not good:
        return "There was nothing to register"
    if good == 1:
        return "The device is registered"
    if counts.registered and counts.already_registered:
        return f"All {grouped(good)} devices are registered, {grouped(counts.already_registered)} of them from before"
    were_already = counts.already_registered == good
    return f"All {grouped(good)} devices {'were already' if were_already else 'are'} registered"


def _all_removed(counts: OutcomeCounts, good: int) -> str:
    if not good:
        return "There was nothing to remove"
    if counts.not_registered == good:
        return f"Nothing was to be removed: {_no_device_of(good)}"
    if not counts.not_registered:
        return "The device is removed" if good == 1 else f"All {grouped(good)} devices are removed"
    return (
        f"{counted(good - counts.not_registered, 'device')} removed; {grouped(counts.not_registered)} "
        f"{'was' if counts.not_registered == 1 else 'were'} not registered"
    )


def _all_moved(counts: OutcomeCounts, good: int) -> str:
    if not good:
        return "There was nothing to move"
    before = counts.already_registered
    stand = "The device stands" if good == 1 else f"All {grouped(good)} devices stand"
    return f"{stand} under the batch" + (f", {grouped(before)} of them from before" if 0 < before < good else "")


def _how_removal_ended(counts: OutcomeCounts, good: int, left: int) -> str:
    """How many devices are removed, and the others apart by what became of them."""
    removed, absent = good - counts.not_registered, counts.not_registered
    parts = [f"{grouped(removed)} of {counted(good + left, 'device')} {'is' if removed == 1 else 'are'} removed"]
    if absent:
        parts.append(f"{grouped(absent)} {'was' if absent == 1 else 'were'} not registered")
    parts.append(f"{grouped(left)} {'is' if left == 1 else 'are'} not removed")
    return "; ".join(parts)


def _no_device_of(rows: int) -> str:
    return "the device is not registered" if rows == 1 else f"none of the {grouped(rows)} devices is registered"


def _duplicates(counts: OutcomeCounts) -> tuple[str, ...]:
    match counts.duplicate:
        case 0:
            return ()
        case 1:
            return ("1 row is a duplicate of another.",)
        case number:
            return (f"{grouped(number)} rows are duplicates of others.",)


def _registering(details: FileDetails) -> FileSummary:
    """A file of which rows wait: for Partner Center, or for somebody."""
    waiting = details.waiting
    failing = None if waiting is None else waiting.failing
    rows = _rows_to_act_on(details)
    todos = (*_nowhere(details), *_todos(rows), *_to_check(details))
    sentences = [_submissions(details.file), *_waiting_in_words(waiting)]
    if failing is not None:
        sentences.append(f"Requests fail and are repeated by themselves. The last answer: {failing}")
    if hold_of(details) is StandstillKind.STOPPED:
        sentences.append(BEING_STOPPED)
    elif details.stopped:
        sentences.append(STANDS_STILL)
    elif failing is None and not todos:
        sentences.append("There is nothing to do: it continues by itself.")
    is_stopped = bool(details.stopped) or failing is not None
    return _summary_with_rows(
        STOPPED if is_stopped else IN_PROGRESS, _how_far(details.file), tuple(sentences), todos, rows
    )


def _waiting_in_words(waiting: Waiting | None) -> Iterator[str]:
    if waiting is None:
        return
    if number := waiting.without_verdict:
        until = f"{plain_time(waiting.verdict_until)} UTC" if waiting.verdict_until is not None else "the deadline"
        verb, become = ("waits", "becomes") if number == 1 else ("wait", "become")
        without = "it" if number == 1 else "they"
        yield (
            f"{counted(number, 'row')} {verb} for Microsoft; without an answer by {until} {without} {become} unknown."
        )
    if number := waiting.to_be_sent:
        yield f"{counted(number, 'row')} {'is' if number == 1 else 'are'} still to be sent."


def _how_far(file: FileView) -> str:
    counts = file.counts
    return f"{grouped(counts.total - counts.open)} of {counted(counts.total, 'row')} have their outcome"


def _submissions(file: FileView) -> str:
    return f"{grouped(file.submissions_final)} of {counted(file.submissions, 'submission')} to Partner Center are done."
