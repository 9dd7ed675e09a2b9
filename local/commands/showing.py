"""How the commands show files and rows: tables for people, the status page's own records for scripts."""

import json
import shutil
import sys
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.following import harmless, in_words, say
from shared.pipeline.blob_names import SHORT_ID
from shared.reasons import FileNote
from shared.status.page.labels import ORDERS, REMEDIES, STANDSTILLS, file_label
from shared.status.page.summary import meaning, summarize
from shared.status.schemas import FileDetails, FileView, OutcomeView, Standstill, UnreadableView
from shared.storage.records import DeviceOutcome
from shared.vocabulary import FileOrder, FileState, Outcome, Remedy

WIDTH_OF_FILES = 160
"""Columns of output that does not go to a terminal."""

NOT_WELL = (Outcome.FAILED, Outcome.REJECTED, Outcome.UNKNOWN, Outcome.CANCELLED)
"""Outcomes of devices that are not registered."""

WAITING_SHOWN = 5
"""Submissions of a file that are shown with their due time and last event."""

HELD_IN_MEMORY = 4 * 1024 * 1024
"""Characters of a list of rows that are held in memory before they are written."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the error to `ending`."""
        raise  # noqa: PLE0704 - it is called while the error is handled


def console() -> Console:
    """The console for people."""
    return _Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)


def print_json(document: object) -> None:
    """Print one JSON document, in the form of the status page's JSON."""
    print(_json(document))


def print_json_list(items: Iterable[object]) -> None:
    """Print one JSON list of any number of items; nothing is written before all items are known."""
    with SpooledTemporaryFile(HELD_IN_MEMORY, "w+", encoding="ascii") as whole:
        separator = "["
        for item in items:
            whole.write(f"{separator}\n{_json(item)}")
            separator = ","
        whole.write("[]\n" if separator == "[" else "\n]\n")
        whole.seek(0)
        shutil.copyfileobj(whole, sys.stdout)


def _json(document: object) -> str:
    """JSON in ASCII, which is the same in the code page of every console."""
    return json.dumps(msgspec.to_builtins(document), indent=2)


def write_bytes(pieces: Iterable[bytes]) -> None:
    """Write bytes to standard output unchanged, to be piped into a file."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def files_table(files: Iterable[FileView]) -> Table:
    """One line per file, newest first."""
    table = Table("file id", "received (UTC)", "customer", "batch", "file", "state", "rows", "outcomes")
    for file in files:
        table.add_row(
            file.file_id[:SHORT_ID],
            f"{file.received_at:%Y-%m-%d %H:%M}",
            harmless(customer_shown(file)),
            harmless(batch_shown(file)),
            harmless(file.name),
            _state(file),
            str(file.counts.total or ""),
            in_words(file.counts),
        )
    return table


def show_unreadable(output: Console, records: Iterable[UnreadableView]) -> None:
    """Say which records could not be read."""
    for record in records:
        say(output, f"{record.name}: {record.message}" if record.name else record.message, "red")


def customer_shown(file: FileView) -> str:
    """The customer's name, or its id if it has no name."""
    return file.customer_name or file.customer_id or "nobody"


def show_standstills(output: Console, stopped: Iterable[Standstill]) -> None:
    """Show what stands still now: since when, why, and who must do what; nothing in normal operation."""
    for each in stopped:
        of_file = "a file of " if each.file_id else ""
        customer = f" for {of_file}{each.customer_name or each.customer_id}" if each.customer_id else ""
        since = f", since {each.since:%Y-%m-%d %H:%M} UTC" if each.since else ""
        again = f"; tried again at {each.tried_again_at:%Y-%m-%d %H:%M} UTC" if each.tried_again_at else ""
        say(output, f"{STANDSTILLS[each.kind]}{customer}{since}{again}. {each.reason}", "bold red")
        say(output, f"Who must act: {each.what_to_do}", "red")


def batch_shown(file: FileView) -> str:
    """The batch of a file, and what is to be done with its devices if it is not to register them."""
    if file.order is FileOrder.REGISTER:
        return file.batch_id or "by group tag"
    return f"{file.batch_id or 'by group tag, or any'} ({ORDERS[file.order]})"


def show_file(output: Console, details: FileDetails) -> None:
    """Show one file: what stands still, its state, what to do, the reasons, and its history."""
    show_standstills(output, details.stopped)
    file = details.file
    say(output, f"{file.name} ({file.file_id})")
    say(output, f"customer {customer_shown(file)}, batch {batch_shown(file)}")
    output.print(Text.assemble(_state(file), "; ", in_words(file.counts) or "no outcomes yet"))
    told = summarize(details)
    say(output, f"{told.headline}.")
    for sentence in told.sentences:
        say(output, sentence)
    for todo in told.todos:
        say(output, f"To do: {todo.title} {todo.text}", "yellow")
    if details.what_happened and details.what_happened not in told.sentences:
        say(output, details.what_happened)
    show_unreadable(output, details.unreadable)
    reasons = Table("outcome", "reason", "rows", "next", "what to do")
    for reason in details.reasons:
        code = " ".join(filter(None, (reason.reason, reason.name)))
        reasons.add_row(
            reason.outcome.replace("_", " "),
            harmless(code),
            str(reason.rows),
            "" if reason.remedy is Remedy.NOTHING else REMEDIES[reason.remedy].text,
            harmless(meaning(reason)),
        )
    if details.reasons:
        output.print(reasons)
    _show_beside_the_rows(output, details)
    for entry in details.time_line:
        say(output, f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.what}")
    waiting = [submission for submission in details.submissions if submission.next_poll_at is not None]
    for submission in waiting[:WAITING_SHOWN]:
        due = f"Submission {submission.number} is due. {submission.last_event}"
        say(output, f"{submission.next_poll_at:%Y-%m-%d %H:%M:%S}  {due}")
    if len(waiting) > WAITING_SHOWN:
        say(output, f"... and {len(waiting) - WAITING_SHOWN} more waiting submissions (--json lists them)")


def _show_beside_the_rows(output: Console, details: FileDetails) -> None:
    """Show the notes on the file as a whole, and the parts that are in no row."""
    for note in details.notes:
        detail = f" ({note.detail})" if note.detail else ""
        style = "yellow" if note.note == FileNote.MAY_HOLD_DEVICES else ""
        say(output, f"note {note.note}: {note.sentence}{detail} {note.what_to_do}", style)
    for kept in details.passed_over:
        style = "yellow" if kept.may_hold_device else ""
        say(output, f"passed over: {kept.meaning} ({kept.count}), such as {', '.join(kept.places)}", style)


def is_well(file: FileView) -> bool:
    """Whether every device is as the file asks, with its profile, and no other part of the file may be a device."""
    is_lacking = file.needs_attention or file.counts.cancelled or file.without_profile
    return file.state is FileState.CLOSED and not is_lacking


def is_row_well(row: OutcomeView | DeviceOutcome) -> bool:
    """Whether the device of a row is as its file asks, with its profile, or the row is a duplicate of another."""
    is_elsewhere = row.outcome is Outcome.ALREADY_REGISTERED and row.remedy is not Remedy.NOTHING
    return row.outcome not in NOT_WELL and not is_elsewhere and not row.profile_outcome.is_missing


def _state(file: FileView) -> Text:
    if file.state is FileState.READ and file.submissions:
        return Text(f"{file.submissions_final} of {file.submissions} submissions done")
    text = file_label(file).text if file.state is FileState.CLOSED else str(file.state)
    if file.needs_attention:
        return Text(text, "red" if file.state.is_final and not file.rows_done else "yellow")
    style = "red" if file.state is FileState.GONE else "green" if file.is_final else ""
    return Text(text, style)
