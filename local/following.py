"""Follows dropped device files to their end, and shows how every row ended."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.dropping import Dropped
from shared.pipeline.device_file import RESULTS_CONTAINER
from shared.pipeline.results import Summary
from shared.settings import StorageConnectionString
from shared.storage.connection import open_storage
from shared.storage.journal import Journal
from shared.storage.records import Counts
from shared.storage.tables import AzureTable
from shared.vocabulary import FileState, Outcome, SubmissionState

MOST_ROWS_SHOWN = 30
"""Files with more rows are to be shown by their counts alone."""

_OUTCOME_STYLES = {
    Outcome.REGISTERED: "green",
    Outcome.ALREADY_REGISTERED: "green",
    Outcome.DUPLICATE: "yellow",
    Outcome.UNKNOWN: "yellow",
    Outcome.REJECTED: "red",
    Outcome.FAILED: "red",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one dropped file has come; `summary` is None until the app has seen it."""

    dropped: Dropped
    summary: Summary | None
    counts: Counts = field(default_factory=Counts)
    submissions: int = 0
    submissions_done: int = 0

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the file."""
        return self.summary is not None and self.summary.state.is_final

    @property
    def is_closed(self) -> bool:
        """Whether every row of it has its outcome."""
        return self.summary is not None and self.summary.state is FileState.CLOSED

    @property
    def sentence(self) -> str:
        """Its state for people."""
        if self.summary is None:
            return "waiting to be received"
        match self.summary.state:
            case FileState.RECEIVED:
                return "its rows are being read"
            case FileState.READ:
                return f"{self.submissions_done} of {self.submissions} submissions done"
            case FileState.CLOSING:
                return "its results are being written"
            case FileState.CLOSED:
                return "closed"
            case FileState.REJECTED | FileState.GONE:
                return f"{self.summary.state}: {self.summary.what_happened or self.summary.reason or ''}"


class Follower:
    """Looks into the journal and the results container. Reads only."""

    def __init__(self, storage: str) -> None:
        clients = open_storage(StorageConnectionString(storage))
        self._journal = Journal(lambda name: AzureTable(clients.tables.get_table_client(name)))
        self._results = clients.blobs.get_container_client(RESULTS_CONTAINER)

    def look(self, dropped: Dropped) -> Progress:
        """How far `dropped` has come by now."""
        content = self._content(f"{dropped.results}/summary.json")
        if content is None:
            return Progress(dropped, None)
        summary = msgspec.json.decode(content, type=Summary)
        if summary.state is not FileState.READ:
            return Progress(dropped, summary, summary.counts, len(summary.submissions), len(summary.submissions))
        counts, done, number = summary.counts, 0, 0
        file = self._journal.file(dropped.customer_id, dropped.file_id)
        for stored in self._journal.submissions(file.record.reading_id) if file else ():
            number += 1
            counts += stored.record.counts
            done += SubmissionState(stored.record.state).is_final
        return Progress(dropped, summary, counts, number, done)

    def rows(self, dropped: Dropped) -> list[dict[str, str]]:
        """The rows of its results.csv, empty while there is none."""
        content = self._content(f"{dropped.results}/results.csv")
        text = io.StringIO((content or b"").decode("utf-8-sig"), newline="")
        return list(csv.DictReader(text))

    def _content(self, path: str) -> bytes | None:
        try:
            return self._results.download_blob(path).readall()
        except ResourceNotFoundError:
            return None


def progress_table(progresses: Iterable[Progress]) -> Table:
    """One line a file: where it is, and how many of its rows ended how."""
    table = Table("file", "state", "rows", "outcomes")
    for progress in progresses:
        table.add_row(
            harmless(_name(progress.dropped)),
            harmless(progress.sentence, "green" if progress.is_closed else "red" if progress.is_final else ""),
            str(progress.counts.total) if progress.counts.total else "",
            _in_words(progress.counts),
        )
    return table


def _in_words(counts: Counts) -> Text:
    numbers = ((outcome, getattr(counts, outcome)) for outcome in Outcome)
    return Text(", ").join(
        Text(f"{number} {_words(outcome)}", _OUTCOME_STYLES[outcome]) for outcome, number in numbers if number
    )


def _name(dropped: Dropped) -> str:
    """Its path without the customer's folder, which says little to people and is long."""
    return dropped.path if dropped.customer_id is None else dropped.path.partition("/")[2]


def show_rows(console: Console, progress: Progress, rows: Sequence[dict[str, str]]) -> None:
    """One line a row; nothing for a file without rows."""
    if not rows:
        return
    table = Table(
        "row", "serial number", "outcome", "what to do", title=harmless(_name(progress.dropped)), title_justify="left"
    )
    for row in rows:
        outcome = row["outcome"]
        style = _OUTCOME_STYLES.get(Outcome(outcome), "") if outcome in set(Outcome) else ""
        table.add_row(
            row["row"], harmless(row["serial_number"]), Text(_words(outcome), style), harmless(row["what_to_do"])
        )
    console.print(table)


def say(console: Console, sentence: str, style: str = "") -> None:
    """Print one line, as it is."""
    console.print(harmless(sentence, style), soft_wrap=True)


def harmless(text: str, style: str = "") -> Text:
    """`text` from a file or a service as a terminal may show it: no markup, control characters made visible."""
    return Text("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), style)


def _words(name: str) -> str:
    return name.replace("_", " ")


def copy_results(storage: str, folder: Path) -> int:
    """Copy what is new in the results container to `folder`; how many files that was."""
    container = BlobServiceClient.from_connection_string(storage).get_container_client(RESULTS_CONTAINER)
    copied = 0
    try:
        for blob in container.list_blobs():
            target = place_below(folder, blob.name)
            if target is None or not _is_newer(blob.size, blob.last_modified, target):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(container.download_blob(blob.name).readall())
            copied += 1
    except ResourceNotFoundError:
        return copied
    return copied


def place_below(folder: Path, name: str) -> Path | None:
    """Where in `folder` a blob of that name goes, None when its name leads out of it."""
    place = folder.resolve().joinpath(*name.split("/")).resolve()
    return place if place.is_relative_to(folder.resolve()) else None


def _is_newer(size: int, modified: datetime, target: Path) -> bool:
    if not target.exists():
        return True
    status = target.stat()
    return status.st_size != size or status.st_mtime < modified.timestamp()
