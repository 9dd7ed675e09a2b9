"""Finds the devices that another device file of the same customer sent. Reads the journal only."""

from collections.abc import Callable, Iterator, Sequence

from shared.pipeline.submissions.contents import BlobMissing, Contents
from shared.pipeline.submissions.matching import SentRow, folded
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import Conflict, log_unreadable
from shared.storage.records import DeviceFile, DeviceOutcome, Submission
from shared.vocabulary import FileOrder, FileState, Outcome

_OF_REMOVALS = frozenset({Outcome.REMOVED, Outcome.NOT_REGISTERED})

MOST_ROWS_READ = 20_000
"""Rows of other open files that are read for one submission; with more, every device counts as sent by another file."""


def rows_sent_by_no_other(
    contents: Contents, submission: Submission, rows: Sequence[SentRow], keep_claim: Callable[[], None]
) -> set[int]:
    """The numbers of those rows whose device certainly no other device file of the customer sent.

    A closed file is found by serial number, so a row without one is never certain. Nor is a row while a record that may
    name its device cannot be read: the submission goes on all the same.
    `keep_claim` is called before each search in the index, which takes some queries.
    """
    if not rows:
        return set()
    # Open files first: a file that closes meanwhile enters the index by serial number before it stops being open.
    elsewhere = _sent_by_open_files(contents, submission)
    if elsewhere is None:
        return set()
    certain: set[int] = set()
    for row in rows:
        if row.serial_number and folded(row.serial_number) not in elsewhere:
            keep_claim()
            if not _is_sent_by_closed_file(contents, submission, row):
                certain.add(row.row)
    return certain


def _sent_by_open_files(contents: Contents, submission: Submission) -> set[str] | None:
    """The serial numbers that other open files of the customer sent; None when they cannot be told."""
    serials: set[str] = set()
    read = 0
    try:
        for file in _other_open_files(contents, submission):
            read += file.read_counts.total
            if read > MOST_ROWS_READ:
                return None
            serials.update(folded(row.serial_number) for row in _sent_rows(contents, file))
    except (Conflict, BlobMissing):
        return None
    except UnreadableRecord as unreadable:
        log_unreadable(unreadable)
        return None
    # A device sent without a serial number may be any.
    return None if "" in serials else serials


def _other_open_files(contents: Contents, submission: Submission) -> Iterator[DeviceFile]:
    def raise_if_of_this_customer(unreadable: UnreadableRecord) -> None:
        if unreadable.text("customer_id") in ("", submission.customer_id):
            raise unreadable

    for mention in contents.journal.files.still_open(raise_if_of_this_customer):
        if mention.customer_id == submission.customer_id and mention.file_id != submission.file_id:
            stored = contents.journal.files.get(mention.customer_id, mention.file_id)
            # Nothing is sent before a file is `read`; a closed file is in the index by serial number.
            if stored is not None and stored.record.state in (FileState.READ, FileState.CLOSING):
                yield stored.record


def _sent_rows(contents: Contents, file: DeviceFile) -> Iterator[SentRow | DeviceOutcome]:
    for stored in contents.journal.submissions.of_reading(file.reading_id):
        submission = stored.record
        is_registering = submission.order is FileOrder.REGISTER and not submission.assigns_profiles
        if submission.first_sent_at is not None and is_registering:
            yield from contents.outcomes(submission) if submission.state.is_final else contents.rows(submission)


def _is_sent_by_closed_file(contents: Contents, submission: Submission, row: SentRow) -> bool:
    journal = contents.journal
    try:
        for mention in journal.outcomes.with_serial(row.serial_number, submission.customer_id):
            if mention.file_id == submission.file_id:
                continue
            file = journal.files.get(submission.customer_id, mention.file_id)
            outcome = None if file is None else journal.outcomes.get(file.record.reading_id, mention.row)
            if outcome is not None and outcome.submission and outcome.outcome not in _OF_REMOVALS:
                return True
    except UnreadableRecord as unreadable:
        log_unreadable(unreadable)
        return True
    return False
