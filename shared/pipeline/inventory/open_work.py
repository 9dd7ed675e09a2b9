"""The app's own work in progress for a customer, which may explain how its registered devices changed.

Rows are found by the names of their devices only once their file is closed. So a decision on drift waits for work that
began before the changes were seen, but not for longer than half a day: drift is to be told within 24 hours. After that
the rows of open files are read themselves.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from shared.pipeline.composition import Pipeline
from shared.pipeline.outcome_rules import outcome_without_verdict
from shared.pipeline.submissions.contents import BlobMissing, Contents
from shared.pipeline.submissions.registered_elsewhere import Name, Registration, names_of
from shared.storage.codec import UnreadableRecord
from shared.storage.inventories import DeviceChange
from shared.storage.record_table import Conflict, log_unreadable
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import FileOrder

LONGEST_WAIT = timedelta(hours=12)
"""The time after which changes are decided on although work that may explain them is still in progress."""

READ_WITHIN = timedelta(hours=1)
"""How much later than its change was seen, which is when the reading of its batch began, work may have caused it."""


def has_waited_enough(changes: Sequence[DeviceChange], now: datetime) -> bool:
    """Whether one of the changes was seen so long ago that the decision waits no longer. Pure."""
    return any(now - change.seen_at >= LONGEST_WAIT for change in changes)


def may_explain(began: datetime, change: DeviceChange) -> bool:
    """Whether work that began at that time may explain the change, which later work cannot. Pure."""
    return began <= change.seen_at + READ_WITHIN


def is_awaited(changes: Sequence[DeviceChange], began: Iterable[datetime], now: datetime) -> bool:
    """Whether to decide later: work that is in progress since one of these times may explain a change. Pure."""
    if has_waited_enough(changes, now):
        return False
    return any(may_explain(at, change) for at in began for change in changes)


def work_in_progress(pipeline: Pipeline, customer_id: str) -> list[datetime]:
    """When the open files of the customer were received, and its withdrawals in progress asked for."""
    files = pipeline.journal.files.still_open(log_unreadable)
    withdrawals = pipeline.journal.withdrawals.in_progress(log_unreadable)
    return [
        *(each.received_at for each in files if each.customer_id == customer_id),
        *(each.asked_at for each in withdrawals if each.customer_id == customer_id),
    ]


def rows_of_open_files(pipeline: Pipeline, customer_id: str, changes: Sequence[DeviceChange]) -> Iterator[Registration]:
    """The rows of the customer's open files with a name of a changed device; one without an outcome is `unknown`.

    Rows that no request was sent for, to register or to remove, are left out: they explain nothing.
    """
    names = {name for change in changes for name in names_of(change)}
    for mention in pipeline.journal.files.still_open(log_unreadable):
        if mention.customer_id != customer_id or not any(may_explain(mention.received_at, each) for each in changes):
            continue
        try:
            stored = pipeline.journal.files.get(customer_id, mention.file_id)
        except UnreadableRecord as unreadable:
            log_unreadable(unreadable)
            continue
        if stored is not None:
            rows = _rows_of(pipeline, stored.record, names)
            yield from (Registration(stored.record, outcome) for outcome in rows.values())


def _rows_of(pipeline: Pipeline, file: DeviceFile, names: Collection[Name]) -> dict[int, DeviceOutcome]:
    """The rows of a file with these names. The outcomes are read last: they count where a row has ended."""
    contents = Contents(pipeline.journal, pipeline.private)
    rows = dict[int, DeviceOutcome]()
    for stored in pipeline.journal.submissions.each_open(file.reading_id):
        if isinstance(stored, UnreadableRecord):
            log_unreadable(stored)
            continue
        submission = stored.record
        # Of a move, devices may have been removed for a submission that was not sent yet.
        is_unsent = submission.first_sent_at is None and file.order is FileOrder.REGISTER
        if is_unsent or submission.assigns_profiles:
            continue
        with suppress(Conflict, BlobMissing):  # it has ended meanwhile, or its rows end as `unknown`
            for row in contents.rows(submission):
                if any(name in names for name in names_of(row)):
                    rows[row.row] = outcome_without_verdict(submission, row)
    for outcome in pipeline.journal.outcomes.of_file(file):
        if any(name in names for name in names_of(outcome)):
            rows[outcome.row] = outcome
    return rows
