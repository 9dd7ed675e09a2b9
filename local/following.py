"""Follows dropped device files until they are closed, and shows how every row ended."""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobServiceClient, ContainerClient
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.dropping import Dropped
from local.escaping import escaped
from shared.pipeline.blob_names import RESULTS_CONTAINER, SHORT_ID, split_order
from shared.pipeline.closing.csv_output import results_table
from shared.pipeline.closing.summary import folder_of
from shared.pipeline.closing.workbook_output import MOST_ROWS, workbook
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import CopyExpired
from shared.pipeline.corrections.to_fix import NAME as TO_FIX
from shared.pipeline.corrections.to_fix import WORKBOOK_NAME, to_fix_csv, to_fix_rows
from shared.pipeline.drop_path import resolve_drop_path
from shared.reasons import SentNote
from shared.status import queries
from shared.status.page.labels import WITHDRAWALS, file_label, note_meaning
from shared.status.presenters import NO_CUSTOMER_ID
from shared.status.queries import NotFound
from shared.status.report import NAME as REPORT
from shared.status.report import report_html, rows_that_need_attention
from shared.status.schemas import FileView, OutcomeCounts, OutcomeView
from shared.storage.codec import UnreadableRecord
from shared.storage.records import DeviceFile
from shared.vocabulary import FileState, Outcome, Remedy

MOST_ROWS_SHOWN = 30
"""Of files with more rows only those are shown that somebody must look at."""

MOST_ROWS_TO_LOOK_AT = 200

_OUTCOME_STYLES = {
    Outcome.REGISTERED: "green",
    Outcome.ALREADY_REGISTERED: "green",
    Outcome.REMOVED: "green",
    Outcome.NOT_REGISTERED: "green",
    Outcome.DUPLICATE: "yellow",
    Outcome.UNKNOWN: "yellow",
    Outcome.CANCELLED: "yellow",
    Outcome.REJECTED: "red",
    Outcome.FAILED: "red",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one dropped file has come; `view` is None until the app has seen it."""

    dropped: Dropped
    view: FileView | None
    what_happened: str | None = None
    """Why it was ended without sending, or cannot be read, and what to do."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the file."""
        return self.view is not None and self.view.is_final

    @property
    def is_closed(self) -> bool:
        """Whether every row of it has its outcome."""
        return self.view is not None and self.view.state is FileState.CLOSED

    @property
    def counts(self) -> OutcomeCounts:
        """Its rows by outcome so far."""
        return OutcomeCounts() if self.view is None else self.view.counts

    @property
    def sentence(self) -> str:
        """Its state for people."""
        if self.view is None:
            return self.what_happened or "waiting to be received"
        match self.view.state:
            case FileState.RECEIVED:
                return "its rows are being read"
            case FileState.READ:
                return f"{self.view.submissions_final} of {self.view.submissions} submissions done"
            case FileState.CLOSING:
                return "its results are being written"
            case FileState.CLOSED:
                where = f" ('python -m local status {self.view.file_id[:SHORT_ID]}' says where)"
                return file_label(self.view).text + (where if self.view.is_incomplete else "")
            case FileState.REJECTED | FileState.GONE:
                return f"{self.view.state}: {self.what_happened or self.view.reason or ''}"


class Follower:
    """Reads the progress of files from the journal, as the status page does."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def poll(self, dropped: Dropped) -> Progress:
        """The progress of `dropped` so far."""
        for customer_id in self._customers_of(dropped):
            try:
                details = queries.file(self._pipeline, customer_id, dropped.file_id)
            except NotFound:
                continue
            except UnreadableRecord as unreadable:
                return Progress(dropped, None, str(unreadable))
            return Progress(dropped, details.file, details.what_happened)
        return Progress(dropped, None)

    def knows(self, dropped: Dropped) -> bool:
        """Whether the app has received this version; without an ETag the version is unknown."""
        view = self.poll(dropped).view if dropped.etag else None
        return view is not None and view.state is not FileState.GONE

    def rows(self, progress: Progress, limit: int) -> list[OutcomeView]:
        """The first rows of it that have their outcome."""
        record = self._record(progress)
        found: list[OutcomeView] = []
        following: str | None = None
        while record is not None and len(found) < limit:
            # A page may end before: it is bounded in time.
            page = queries.outcomes(self._pipeline, record, page=following, limit=limit - len(found))
            found += page.outcomes
            following = page.next
            if following is None:
                break
        return found

    def rows_to_look_at(self, progress: Progress, limit: int) -> list[OutcomeView]:
        """The first rows of it that somebody must look at, wherever in the file they stand."""
        record = self._record(progress)
        return [] if record is None else rows_that_need_attention(self._pipeline, record, limit)

    def corrections(self, progress: Progress) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The files that are made on request for a closed file: each with its path among the results."""
        record = self._record(progress)
        if record is None or record.state is not FileState.CLOSED:
            return
        folder = folder_of(record)
        with suppress(CopyExpired):
            yield f"{folder}/{TO_FIX}", to_fix_csv(self._pipeline, record)
            if record.read_counts.total <= MOST_ROWS:
                yield f"{folder}/{WORKBOOK_NAME}", workbook(to_fix_rows(self._pipeline, record), record.received_at)
        if record.read_counts.total <= MOST_ROWS:
            rows = self._pipeline.journal.outcomes.of_file(record)
            yield f"{folder}/results.xlsx", workbook(results_table(rows), record.received_at)
        yield f"{folder}/{REPORT}", iter([report_html(self._pipeline, record).encode("utf-8", "replace")])

    def results(self, progress: Progress) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The results of a file that has ended, with those made on request: each with its name."""
        record = self._record(progress)
        if record is None:
            return
        folder = folder_of(record)
        for version in list(self._pipeline.results.versions(f"{folder}/")):
            yield version.path.removeprefix(f"{folder}/"), self._pipeline.results.stream(version.path)
        for path, content in self.corrections(progress):
            yield path.removeprefix(f"{folder}/"), content

    def _record(self, progress: Progress) -> DeviceFile | None:
        if progress.view is None:
            return None
        customer_id = progress.view.customer_id or NO_CUSTOMER_ID
        return queries.known_file(self._pipeline, customer_id, progress.dropped.file_id)

    def _customers_of(self, dropped: Dropped) -> list[str]:
        """The customers to search; a file whose path names no customer belongs to `NO_CUSTOMER_ID`."""
        place = resolve_drop_path(self._pipeline.customers, dropped.path)
        return [*filter(None, [place.customer_id]), NO_CUSTOMER_ID]


def progress_table(progresses: Iterable[Progress]) -> Table:
    """One line per file: its state, and the number of rows by outcome."""
    table = Table("file", "state", "rows", "outcomes")
    for progress in progresses:
        table.add_row(
            harmless(name_of(progress.dropped)),
            harmless(progress.sentence, _style(progress)),
            str(progress.counts.total) if progress.counts.total else "",
            in_words(progress.counts),
        )
    return table


def _style(progress: Progress) -> str:
    if progress.view is not None and progress.is_closed:
        return "yellow" if progress.view.needs_attention else "green"
    return "red" if progress.is_final else ""


def in_words(counts: OutcomeCounts) -> Text:
    """The number of rows by outcome, in the colours of the outcomes."""
    numbers = ((outcome, getattr(counts, outcome)) for outcome in Outcome)
    return Text(", ").join(
        Text(f"{number} {_words(outcome)}", _OUTCOME_STYLES[outcome]) for outcome, number in numbers if number
    )


def name_of(dropped: Dropped) -> str:
    """The path of a file, without the customer's folder if that is an id, which is long and means little to people."""
    if dropped.customer_id is None:
        return dropped.path
    order, below = split_order(dropped.path)
    return "/".join(filter(None, (order.folder, below.partition("/")[2])))


def show_rows(console: Console, title: str, rows: Sequence[OutcomeView]) -> None:
    """Print one line per row; nothing for a file without rows."""
    if not rows:
        return
    table = Table("row", "serial number", "outcome", "why", "what to do", title=harmless(title), title_justify="left")
    for row in rows:
        table.add_row(
            str(row.row),
            harmless(row.serial_number or row.product_key),
            outcome_in_words(row),
            harmless(why(row)),
            harmless(what_to_do(row)),
        )
    console.print(table)


def outcome_in_words(row: OutcomeView) -> Text:
    """The outcome of a row, and what became of its withdrawal and of its profile."""
    withdrawal = "" if row.withdrawal is None else f", {WITHDRAWALS[row.withdrawal].text}"
    profile = f", profile {row.profile_outcome}" if row.profile_outcome else ""
    return Text(_words(row.outcome) + withdrawal + profile, _OUTCOME_STYLES[row.outcome])


def why(row: OutcomeView) -> str:
    """The reason for the outcome, and the changes of the row before it was sent."""
    changed = [
        f"It was moved from the batch {row.moved_from}." if note == SentNote.MOVED else note_meaning(note)
        for note in row.notes.split()
    ]
    code = row.error_code if row.outcome is Outcome.FAILED else ""
    by = f"Registered by {row.registered_by}." if row.registered_by and row.outcome is Outcome.FAILED else ""
    reason = " ".join(filter(None, [code, row.error_description]))
    if reason and (by or changed):
        reason = f"{reason.rstrip('.')}."
    return " ".join(filter(None, [reason, by, *changed]))


def what_to_do(row: OutcomeView) -> str:
    """What to do about the row, and about a profile that its device did not get."""
    if not row.profile_outcome.is_missing:
        return row.what_to_do
    reason = f"({row.profile_reason})" if row.profile_reason else ""
    of_row = "" if row.remedy is Remedy.NOTHING else row.what_to_do
    return " ".join(filter(None, [of_row, row.profile_what_to_do, reason]))


def say(console: Console, sentence: str, style: str = "") -> None:
    """Print one line, as it is."""
    console.print(harmless(sentence, style), soft_wrap=True)


def harmless(text: str, style: str = "") -> Text:
    """`text` from a file or a service as a terminal may show it: no markup, control characters made visible."""
    return Text(escaped(text), style)


def _words(name: str) -> str:
    return name.replace("_", " ")


def next_steps(progresses: Iterable[Progress], page: str | None = None) -> Iterator[str]:
    """The command for each file that somebody must look at, and the address of its page if that is known."""
    for progress in progresses:
        file = progress.view
        if file is None or not file.is_final:
            continue
        if file.needs_attention and file.state is FileState.CLOSED:
            yield f"Next for {file.name}: {'; '.join(_ways_on(file))}."
        if page is not None:
            yield f"Page of {file.name}: {page.removesuffix('/api/status')}{file.links.page}"


def _ways_on(file: FileView) -> Iterator[str]:
    """The commands that help with the rows of a closed file that need attention."""
    short = file.file_id[:SHORT_ID]
    yield f"'python -m local outcomes {short} --failed' shows the rows that need attention"
    if file.counts.failed or file.counts.rejected:
        yield f"'python -m local outcomes {short} --to-fix > to_fix.csv' writes those that can be fixed"
    if file.without_profile:
        yield f"'python -m local assign-profile {short} PROFILE' gives all its registered devices one profile"
    if file.counts.unknown:
        yield f"'python -m local retry {short}' sends those again that have no verdict"


def write_results(folder: Path, path: str, content: Iterable[bytes]) -> bool:
    """Write a file among the copied results; False when its name leads out of the folder."""
    target = place_below(folder, path)
    if target is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as written:
        for piece in content:
            written.write(piece)
    return True


def copy_results(storage: str, folder: Path, is_too_long: Callable[[str], None] = lambda _: None) -> int:
    """Copy new files of the results container to `folder`; returns their number.

    `is_too_long` is called with each name that is too long for the file system. Raises OSError when the folder cannot
    be written to.
    """
    container = BlobServiceClient.from_connection_string(storage).get_container_client(RESULTS_CONTAINER)
    copied = 0
    try:
        for blob in container.list_blobs():
            target = place_below(folder, blob.name)
            if target is None:
                continue
            try:
                copied += _copy_if_newer(container, blob, target)
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                is_too_long(blob.name)
    except ResourceNotFoundError:
        return copied
    return copied


def _copy_if_newer(container: ContainerClient, blob: BlobProperties, target: Path) -> bool:
    if not _is_newer(blob.size, blob.last_modified, target):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(container.download_blob(blob.name).readall())
    return True


def place_below(folder: Path, name: str) -> Path | None:
    """The path in `folder` for a blob of that name; None if the name leads out of the folder."""
    place = folder.resolve().joinpath(*name.split("/")).resolve()
    return place if place.is_relative_to(folder.resolve()) else None


def _is_newer(size: int, modified: datetime, target: Path) -> bool:
    if not target.exists():
        return True
    status = target.stat()
    return status.st_size != size or status.st_mtime < modified.timestamp()
