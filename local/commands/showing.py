"""What the commands show of files, rows and months: tables for people, the status page's own records for scripts."""

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
from shared.reasons import FileNote
from shared.status.page.labels import file_word
from shared.status.schemas import FileDetails, FileView
from shared.vocabulary import FileState, Outcome

WIDTH_OF_FILES = 160
"""Columns of output that is no terminal's."""

SHORT_ID = 8
"""Characters of an id that are shown in lists, and taken by every command."""

NOT_WELL = (Outcome.FAILED, Outcome.REJECTED, Outcome.UNKNOWN)
"""Outcomes after which somebody has something to do."""


WAITING_SHOWN = 5
"""Submissions of a file of which it is said when they are due, and what was said of them last."""

HELD_IN_MEMORY = 4 * 1024 * 1024
"""Characters of a list of rows that are held before it is written."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to how commands end."""
        raise  # noqa: PLE0704 - it is called while the error is handled


def console() -> Console:
    """Where people read."""
    return _Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)


def print_json(document: object) -> None:
    """One JSON document, as the status page's JSON has it."""
    print(_json(document))


def print_json_list(items: Iterable[object]) -> None:
    """One JSON document of any number of items; nothing of it is written before all are there."""
    with SpooledTemporaryFile(HELD_IN_MEMORY, "w+", encoding="ascii") as whole:
        separator = "["
        for item in items:
            whole.write(f"{separator}\n{_json(item)}")
            separator = ","
        whole.write("[]\n" if separator == "[" else "\n]\n")
        whole.seek(0)
        shutil.copyfileobj(whole, sys.stdout)


def _json(document: object) -> str:
    """In ASCII, which reads the same in the code page of every console."""
    return json.dumps(msgspec.to_builtins(document), indent=2)


def write_bytes(pieces: Iterable[bytes]) -> None:
    """What is to be piped into a file, as it is."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def files_table(files: Iterable[FileView]) -> Table:
    """One line a file, newest first."""
    table = Table("file id", "received (UTC)", "customer", "batch", "file", "state", "rows", "outcomes")
    for file in files:
        table.add_row(
            file.file_id[:SHORT_ID],
            f"{file.received_at:%Y-%m-%d %H:%M}",
            harmless(customer_shown(file)),
            harmless(file.batch_id or "by group tag"),
            harmless(file.name),
            _state(file),
            str(file.counts.total or ""),
            in_words(file.counts),
        )
    return table


def customer_shown(file: FileView) -> str:
    """The customer's name where it has one."""
    return file.customer_name or file.customer_id or "nobody"


def show_file(output: Console, details: FileDetails) -> None:
    """One file: what became of it, why, and what happened when."""
    file = details.file
    say(output, f"{file.name} ({file.file_id})")
    say(output, f"customer {customer_shown(file)}, batch {file.batch_id or 'by group tag'}")
    output.print(Text.assemble(_state(file), "; ", in_words(file.counts) or "no outcomes yet"))
    if details.what_happened:
        say(output, details.what_happened)
    reasons = Table("outcome", "reason", "rows")
    for reason in details.reasons:
        reasons.add_row(reason.outcome.replace("_", " "), harmless(reason.reason), str(reason.rows))
    if details.reasons:
        output.print(reasons)
    _show_beside_the_rows(output, details)
    for entry in details.time_line:
        say(output, f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.what}")
    waiting = [submission for submission in details.submissions if submission.next_look_at is not None]
    for submission in waiting[:WAITING_SHOWN]:
        say(
            output,
            f"{submission.next_look_at:%Y-%m-%d %H:%M:%S}  Submission {submission.number} is due. {submission.said}",
        )
    if len(waiting) > WAITING_SHOWN:
        say(output, f"... and {len(waiting) - WAITING_SHOWN} more submissions that wait (--json lists them)")


def _show_beside_the_rows(output: Console, details: FileDetails) -> None:
    """Notes on the file as a whole, and what of it is in no row."""
    for note in details.notes:
        detail = f" ({note.detail})" if note.detail else ""
        style = "yellow" if note.note == FileNote.MAY_HOLD_DEVICES else ""
        say(output, f"note {note.note}: {note.sentence}{detail} {note.what_to_do}", style)
    for kept in details.passed_over:
        style = "yellow" if kept.may_hold_device else ""
        say(output, f"passed over: {kept.meaning} ({kept.count}), such as {', '.join(kept.places)}", style)


def is_well(file: FileView) -> bool:
    """Whether every row of it is registered, or another row's duplicate, and nothing else may be a device."""
    is_closed = file.state is FileState.CLOSED and not file.is_incomplete
    return is_closed and not any(getattr(file.counts, outcome) for outcome in NOT_WELL)


def _state(file: FileView) -> Text:
    if file.state is FileState.READ and file.submissions:
        return Text(f"{file.submissions_final} of {file.submissions} submissions done")
    if file.state is FileState.CLOSED and file.is_incomplete:
        return Text(file_word(file).label, "yellow")
    style = "red" if file.state in (FileState.REJECTED, FileState.GONE) else "green" if file.is_final else ""
    return Text(file.state, style)
