"""`python -m local report --month YYYY-MM`: the outcomes of a month's devices, by customer and batch, as CSV."""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from local.commands import account
from local.commands.ending import ExitCode, ended
from local.commands.showing import print_json, write_bytes
from shared.pipeline.closing.csv_output import csv_text
from shared.pipeline.composition import Pipeline
from shared.status.queries import customer_names
from shared.storage.codec import UnreadableRecord
from shared.storage.keys import time_cursor
from shared.storage.record_table import OnUnreadable, raise_unreadable
from shared.storage.records import Counts, FileListing
from shared.vocabulary import FileState, Outcome

_DECEMBER = 12
_COUNTS = ("total", *Outcome)


class Line(msgspec.Struct, kw_only=True):
    """One customer and batch in a month. Rows of files without a batch folder that were never sent have no batch."""

    customer_id: str
    customer_name: str
    batch_id: str
    files: int = 0
    counts: Counts = Counts()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--month",
        required=True,
        type=_month,
        metavar="YYYY-MM",
        help="the month in which the files were received (UTC)",
    )
    account.add_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Write the report: 0 when it is written."""
    return ended(arguments, lambda: _report(arguments))


def _report(arguments: argparse.Namespace) -> ExitCode:
    pipeline = account.open_account(arguments).pipeline
    unreadable: list[UnreadableRecord] = []
    lines = monthly(pipeline, arguments.month, unreadable.append)
    for record in unreadable:
        print(f"Not counted: {record}", file=sys.stderr)
    if arguments.json:
        print_json(lines)
    else:
        columns = ("month", "customer_id", "customer", "batch_id", "files", *_COUNTS)
        write_bytes(csv_text(columns, (_cells(arguments.month, line) for line in lines)))
    return ExitCode.NOT_ALL_WELL if unreadable else ExitCode.DONE


def _cells(month: datetime, line: Line) -> list[str]:
    counts = (str(getattr(line.counts, name)) for name in _COUNTS)
    return [f"{month:%Y-%m}", line.customer_id, line.customer_name, line.batch_id, str(line.files), *counts]


def monthly(pipeline: Pipeline, month: datetime, unreadable: OnUnreadable = raise_unreadable) -> list[Line]:
    """A line for each customer and batch of the closed files received in `month`, by customer and batch.

    Records that cannot be read are given to `unreadable`, and counted nowhere.
    """
    names = customer_names(pipeline)
    lines: dict[tuple[str, str], Line] = {}
    for listing in _closed_in(pipeline, month, unreadable):
        for batch_id, counts in _by_batch(pipeline, listing, unreadable):
            customer_id = listing.customer_id or ""
            line = lines.setdefault(
                (customer_id, batch_id.casefold()),
                Line(customer_id=customer_id, customer_name=names.name_of(customer_id) or "", batch_id=batch_id),
            )
            line.files += 1
            line.counts += counts
    return [lines[key] for key in sorted(lines)]


def _closed_in(pipeline: Pipeline, month: datetime, unreadable: OnUnreadable) -> Iterator[FileListing]:
    for _, listing in pipeline.journal.files.final(time_cursor(_next(month)), unreadable=unreadable):
        if listing.received_at < month:
            return
        if listing.received_at < _next(month) and listing.state is FileState.CLOSED:
            yield listing


def _by_batch(pipeline: Pipeline, listing: FileListing, unreadable: OnUnreadable) -> Iterator[tuple[str, Counts]]:
    """The counts of a file, split by the batches of its submissions if group tags decided the batch."""
    if listing.batch_id is not None:
        yield listing.batch_id, listing.counts
        return
    try:
        stored = pipeline.journal.files.get(listing.customer_id, listing.file_id)
    except UnreadableRecord as record:
        unreadable(record)
        return
    found: dict[str, Counts] = {}
    for submission in pipeline.journal.submissions.of_reading(stored.record.reading_id, unreadable) if stored else ():
        counts = submission.record.counts
        sent = msgspec.structs.replace(counts, total=counts.ended)
        found[submission.record.batch_id] = found.get(submission.record.batch_id, Counts()) + sent
    never_sent = Counts(
        total=listing.counts.rejected + listing.counts.duplicate,
        rejected=listing.counts.rejected,
        duplicate=listing.counts.duplicate,
    )
    yield from found.items()
    if never_sent.total:
        yield "", never_sent


def _month(text: str) -> datetime:
    try:
        month = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        _next(month)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month such as 2026-11") from None
    return month


def _next(month: datetime) -> datetime:
    if month.month == _DECEMBER:
        return month.replace(year=month.year + 1, month=1)
    return month.replace(month=month.month + 1)
