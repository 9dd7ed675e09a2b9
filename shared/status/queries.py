"""The lists and records that people and scripts see, read from the journal by keys: no query scans history.

Each page of a list bears the cursor of the page that follows it.
"""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.pipeline.closing.registered_later import registered_later
from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.seen_later import seen_later
from shared.status.names import CustomerNames
from shared.status.paging import DevicePosition, FilePosition, RowPosition, cursor, position_in
from shared.status.presenters import (
    NO_CUSTOMER_ID,
    Progress,
    device_view,
    file_note_view,
    file_view,
    listed_file_view,
    outcome_view,
    passed_over_view,
    reason_counts,
    submission_view,
    time_line,
    unreadable_views,
    withdrawal_view,
)
from shared.status.schemas import (
    DevicePage,
    DeviceView,
    FileDetails,
    FilePage,
    FileView,
    OutcomePage,
    OutcomeView,
    Standstill,
)
from shared.status.standstills import concerns, standstills
from shared.storage.codec import UnreadableRecord
from shared.storage.customers import is_guid
from shared.storage.keys import ROWS_IN_A_BLOCK, TimeCursor, time_cursor
from shared.storage.record_table import OnUnreadable, log_unreadable
from shared.storage.records import (
    DeviceFile,
    DeviceMention,
    DeviceOutcome,
    FileListing,
    FileMention,
    Submission,
)
from shared.vocabulary import FileState, Outcome, WithdrawalResult

FILES_ON_A_PAGE = 50
MOST_FILES_ON_A_PAGE = 1_000
OUTCOMES_ON_A_PAGE = 100
MOST_OUTCOMES_ON_A_PAGE = 500
DEVICES_ON_A_PAGE = 50

NO_GUID = "This is no customer id: give the GUID of the customer's tenant. GET /api/customers lists them."

MOST_FILES_EXAMINED = 2_000
"""Files that are examined for one page, however few of them match the filter."""

SECONDS_FOR_FILES = 0.8
"""After this time a page ends before the next file that is still open: each is read with its submissions."""

MOST_SUBMISSIONS_COUNTED = 4_000
"""Submissions whose counts are added up. A file of a million rows has half as many, unless the settings make more."""

SUBMISSIONS_SHOWN = 200

FIRST_BLOCKS = 25
"""Blocks of rows in the first query; each further query is for twice as many."""

SECONDS_FOR_ROWS = 0.15
"""After this time a page ends with the rows found: a filter makes storage read every row that it leaves out."""


class NotFound(DeviceDropError):
    """There is no such file, or no row with this serial number or product key."""


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files to list; None matches all. Received at or after `received_from`, before `received_before`."""

    customer_id: str | None = None
    state: FileState | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None
    name: str = ""
    """Part of the file's name, in capital or small letters."""
    attention: bool = False
    """Only files that somebody must look at."""

    @property
    def is_selective(self) -> bool:
        """Whether it leaves out files of the index by time or by customer."""
        return self.state is not None or bool(self.name) or self.attention

    def matches(self, file: FileListing | DeviceFile) -> bool:
        """Whether the filter matches a file."""
        return self.matches_mention(file) and self.state in (None, file.state)

    def matches_mention(self, file: FileListing | DeviceFile | FileMention) -> bool:
        """Whether the filter matches a file, as far as its mention tells."""
        return (
            self.customer_id in (None, file.customer_id or NO_CUSTOMER_ID)
            and self.name.casefold() in file.name.casefold()
            and (self.received_from is None or file.received_at >= self.received_from)
            and (self.received_before is None or file.received_at < self.received_before)
        )


@dataclass(frozen=True, slots=True)
class OutcomeFilter:
    """Which rows of a file to list; None matches all. `reason` is their `error_code`."""

    outcome: Outcome | None = None
    reason: str | None = None

    @property
    def equals(self) -> dict[str, str]:
        """The properties by which storage filters; empty text is not stored."""
        wanted = {"outcome": self.outcome, "error_code": self.reason}
        return {name: str(value) for name, value in wanted.items() if value}

    def matches(self, outcome: DeviceOutcome) -> bool:
        """Whether the filter matches a row that storage found."""
        return self.outcome in (None, outcome.outcome) and self.reason in (None, outcome.error_code)


EVERY_FILE = FileFilter()
EVERY_OUTCOME = OutcomeFilter()


def files(
    pipeline: Pipeline,
    wanted: FileFilter = EVERY_FILE,
    page: str | None = None,
    limit: int = FILES_ON_A_PAGE,
    monotonic: Callable[[], float] = time.monotonic,
    names: CustomerNames | None = None,
) -> FilePage:
    """Files, newest first; `names` are read when they are not given. Raises BadCursor."""
    names = names or customer_names(pipeline)
    stopped = standstills(pipeline, names, _customer_in(wanted))
    end = monotonic() + SECONDS_FOR_FILES
    after = _first_position(wanted) if page is None else _time_cursor_in(page)
    found: list[FileView] = []
    unreadable: list[UnreadableRecord] = []
    last, following, taken = after, None, 0
    for examined, (position, entry) in enumerate(_candidates(pipeline, wanted, after, limit, unreadable.append)):
        if _is_before(position, wanted.received_from):
            break
        is_late = examined > 0 and isinstance(entry, FileMention) and monotonic() >= end
        if last is not None and (is_late or taken == limit or examined == MOST_FILES_EXAMINED):
            following = cursor(FilePosition(last.day, last.row))
            break
        try:
            view = _view_of(pipeline, wanted, entry, names, stopped, unreadable.append)
        except UnreadableRecord as record:
            unreadable.append(record)
            taken += 1
        else:
            if view is not None and (view.needs_attention or not wanted.attention):
                found.append(view)
                taken += 1
        last = position
    return FilePage(stopped=stopped, files=found, unreadable=unreadable_views(unreadable), next=following)


def _customer_in(wanted: FileFilter) -> str | None:
    return None if wanted.customer_id == NO_CUSTOMER_ID else wanted.customer_id


def file(pipeline: Pipeline, customer_id: str, file_id: str) -> FileDetails:
    """One file in detail; `_` is the customer of files without one. Raises NotFound."""
    return details(pipeline, known_file(pipeline, customer_id, file_id))


def details(pipeline: Pipeline, record: DeviceFile) -> FileDetails:
    """The file of `record` in detail."""
    unreadable: list[UnreadableRecord] = []
    submissions = _submissions(pipeline, record, unreadable.append)
    names = customer_names(pipeline)
    name = names.name_of(record.customer_id)
    progress = Progress.of(record, submissions)
    to_be_sent = 0 if progress.waiting is None else progress.waiting.to_be_sent
    stopped = standstills(pipeline, names, record.customer_id, record.file_id, to_be_sent)
    later = registered_later(pipeline.journal.files, record)
    view = file_view(
        record, progress, name, registered_later=later.all, fixed_later=later.fixed, is_stopped=bool(stopped)
    )
    shown = [submission_view(submission) for submission in _most_interesting(submissions)]
    return FileDetails(
        stopped=stopped,
        file=view,
        what_happened=record.reason_text,
        time_line=time_line(record, shown),
        submissions=shown,
        submissions_left_out=_number_of(submissions, record) - len(shown),
        reasons=reason_counts(progress.reasons, view.counts),
        notes=list(map(file_note_view, record.remarks)),
        passed_over=list(map(passed_over_view, record.passed_over)),
        unreadable=unreadable_views(unreadable),
        retry_file_id=record.retry,
        fix_file_ids=list(record.fixes),
        withdrawal=None if record.withdrawal is None else withdrawal_view(record.withdrawal),
        assigning_profile=None if record.profile_order is None else record.profile_order.profile,
        waiting=progress.waiting,
    )


def outcomes(
    pipeline: Pipeline,
    record: DeviceFile,
    wanted: OutcomeFilter = EVERY_OUTCOME,
    page: str | None = None,
    limit: int = OUTCOMES_ON_A_PAGE,
    monotonic: Callable[[], float] = time.monotonic,
) -> OutcomePage:
    """Rows of one file that have their outcome, in the order of the file. Raises BadCursor.

    Before the file is `read` there are none: its reading may begin anew.
    """
    behind = 0 if page is None else position_in(page, RowPosition).row
    scan = _RowScan(pipeline, record, wanted, behind + 1, FIRST_BLOCKS)
    end = monotonic() + SECONDS_FOR_ROWS
    found: list[DeviceOutcome] = []
    while not scan.is_over and len(found) <= limit:
        found += scan.next_rows(limit + 1 - len(found))
        if monotonic() >= end:
            break
    shown = outcome_views(pipeline, record, found[:limit])
    if len(found) > limit:
        return OutcomePage(file_id=record.file_id, outcomes=shown, next=cursor(RowPosition(shown[-1].row)))
    following = None if scan.is_over else cursor(RowPosition(scan.first - 1))
    return OutcomePage(file_id=record.file_id, outcomes=shown, next=following)


def outcome_views(pipeline: Pipeline, record: DeviceFile, rows: Sequence[DeviceOutcome]) -> list[OutcomeView]:
    """Rows of a file, in its order, each with what became of its withdrawal, and whether it was seen later."""
    results: dict[int, WithdrawalResult | None] = {}
    if record.withdrawal is not None and rows:
        first, last = rows[0].row, rows[-1].row
        known = pipeline.journal.withdrawals.devices(record.reading_id, first, last, log_unreadable)
        results = {stored.record.row: stored.record.result for stored in known if stored.record.is_of_withdrawal}
    seen = seen_later(pipeline, record, rows)
    return [replace(outcome_view(row, results.get(row.row)), seen_at=seen.get(row.row)) for row in rows]


def devices(
    pipeline: Pipeline,
    customer_id: str,
    serial_number: str,
    page: str | None = None,
    names: CustomerNames | None = None,
) -> DevicePage:
    """Every row of a customer's closed files with this serial number or product key, newest first.

    `names` are read when they are not given. Of more than `DEVICES_ON_A_PAGE` rows each page is newest first by
    itself. Raises NotFound, BadCursor.
    """
    customer = canonical(customer_id)
    behind = None if page is None else position_in(page, DevicePosition)
    unreadable: list[UnreadableRecord] = []
    open_files = pipeline.journal.files.still_open(log_unreadable)
    still_open = sum(mention.customer_id == customer for mention in open_files)
    mentions: list[DeviceMention] = []
    if customer is not None and serial_number:
        after = None if behind is None else _mention(serial_number, customer, behind)
        rows = pipeline.journal.outcomes.with_serial_or_key(serial_number, customer, after, unreadable.append)
        mentions = list(islice(rows, DEVICES_ON_A_PAGE + 1))
    if not mentions and not unreadable and page is None:
        raise NotFound(_no_device(still_open))
    names = names or customer_names(pipeline)
    shown = mentions[:DEVICES_ON_A_PAGE]
    is_last_page = len(mentions) <= DEVICES_ON_A_PAGE
    views = device_views(pipeline, shown, names, unreadable.append)
    return DevicePage(
        stopped=standstills(pipeline, names, customer),
        serial_number=serial_number,
        devices=sorted(views, key=lambda view: view.received_at, reverse=True),
        files_not_searched=still_open,
        unreadable=unreadable_views(unreadable),
        next=None if is_last_page else cursor(DevicePosition(shown[-1].file_id, shown[-1].row)),
    )


def customer_names(pipeline: Pipeline) -> CustomerNames:
    """The names of customers."""
    return CustomerNames.of(pipeline.customers.all())


def canonical(identifier: str) -> str | None:
    """A GUID as it stands in keys; None when it is no GUID, so that nothing can be found by it."""
    return identifier.lower() if is_guid(identifier) else None


def canonical_customer(customer_id: str) -> str:
    """The id of a customer as it stands in keys. Raises NotFound when it is no GUID."""
    customer = canonical(customer_id)
    if customer is None:
        raise NotFound(NO_GUID)
    return customer


# --- files

_Entry = FileMention | FileListing | UnreadableRecord

_EXACTNESS = timedelta(milliseconds=1)
"""Positions in the index by time are at least this exact; times are exact."""


def _time_cursor_in(page: str) -> TimeCursor:
    position = position_in(page, FilePosition)
    return TimeCursor(position.day, position.row)


def _first_position(wanted: FileFilter) -> TimeCursor | None:
    """The position of the newest file that matches the filter, or a little before."""
    if wanted.received_before is None:
        return None
    return time_cursor(wanted.received_before + _EXACTNESS)


def _is_before(position: TimeCursor, received_from: datetime | None) -> bool:
    """Whether a position in the index by time is behind every file received from then on."""
    if received_from is None:
        return False
    last = time_cursor(received_from - _EXACTNESS)
    return (position.day, position.row) > (last.day, last.row)


def _candidates(
    pipeline: Pipeline, wanted: FileFilter, after: TimeCursor | None, limit: int, unreadable: OnUnreadable
) -> Iterator[tuple[TimeCursor, _Entry]]:
    """Files that may match the filter, newest first: open files merged with final ones, each file once.

    Entries of open files that cannot be read have no place in this order; they stand on the first page.
    """
    known: str | None = None
    for position, entry in heapq.merge(
        _open_candidates(pipeline, wanted, after, unreadable),
        _final_candidates(pipeline, wanted, after, limit),
        key=lambda found: (found[0].day, found[0].row, isinstance(found[1], FileMention)),
    ):
        # A file that is being closed is in both indexes for a moment; its final entry comes first.
        if position.row != known:
            known = position.row
            yield position, entry


def _open_candidates(
    pipeline: Pipeline, wanted: FileFilter, after: TimeCursor | None, unreadable: OnUnreadable
) -> list[tuple[TimeCursor, _Entry]]:
    if wanted.state is not None and wanted.state.is_final:
        return []
    is_first_page = after in (None, _first_position(wanted))
    found: list[tuple[TimeCursor, _Entry]] = []
    for mention in pipeline.journal.files.still_open(unreadable if is_first_page else log_unreadable):
        position = time_cursor(mention.received_at, mention.file_id)
        is_later = after is None or (position.day, position.row) > (after.day, after.row)
        if is_later and wanted.matches_mention(mention):
            found.append((position, mention))
    return sorted(found, key=lambda entry: (entry[0].day, entry[0].row))


def _final_candidates(
    pipeline: Pipeline, wanted: FileFilter, after: TimeCursor | None, limit: int
) -> Iterable[tuple[TimeCursor, _Entry]]:
    if wanted.state is not None and not wanted.state.is_final:
        return []
    # Enough to fill the page, and one more, even if the filter leaves some of them out.
    begins_exactly = wanted.received_before is None or after != _first_position(wanted)
    most = limit + 1 if not wanted.is_selective and begins_exactly else MOST_FILES_EXAMINED + 1
    return pipeline.journal.files.final_entries(after, most, wanted.customer_id)


def _view_of(
    pipeline: Pipeline,
    wanted: FileFilter,
    entry: _Entry,
    names: CustomerNames,
    stopped: Sequence[Standstill],
    unreadable: OnUnreadable,
) -> FileView | None:
    """The file of `entry`; None when its record does not match the filter, or it was mentioned before it was entered.

    Raises:
        UnreadableRecord: the record of the file, or its entry; the file's submissions are given to `unreadable`.
    """
    if isinstance(entry, UnreadableRecord):
        raise entry
    if isinstance(entry, FileListing):
        if not wanted.matches(entry):
            return None
        later = registered_later(pipeline.journal.files, entry)
        name = names.name_of(entry.customer_id)
        return listed_file_view(entry, name, registered_later=later.all, fixed_later=later.fixed)
    stored = pipeline.journal.files.get(entry.customer_id, entry.file_id)
    if stored is None or not wanted.matches(stored.record):
        return None
    progress = Progress.of(stored.record, _submissions(pipeline, stored.record, unreadable))
    later = registered_later(pipeline.journal.files, stored.record)
    customer_id = stored.record.customer_id
    return file_view(
        stored.record,
        progress,
        names.name_of(customer_id),
        registered_later=later.all,
        fixed_later=later.fixed,
        is_stopped=any(concerns(each, customer_id, entry.file_id) for each in stopped),
    )


def known_file(pipeline: Pipeline, customer_id: str, file_id: str) -> DeviceFile:
    """The record of one file; `_` is the customer of files without one. Raises NotFound."""
    customer = NO_CUSTOMER_ID if customer_id == NO_CUSTOMER_ID else canonical(customer_id)
    identifier = canonical(file_id)
    stored = None if customer is None or identifier is None else pipeline.journal.files.get(customer, identifier)
    if stored is None:
        raise NotFound(
            "There is no such file of this customer: the address is mistyped, or the file is past its retention. "
            "GET /api/files lists the files there are."
        )
    return stored.record


def _submissions(pipeline: Pipeline, file: DeviceFile, unreadable: OnUnreadable) -> list[Submission]:
    """The submissions of a file that has been read; before that, those of its reading do not count."""
    if file.state not in (FileState.READ, FileState.CLOSING, FileState.CLOSED):
        return []
    stored = pipeline.journal.submissions.of_reading(file.reading_id, unreadable)
    return [submission.record for submission in islice(stored, MOST_SUBMISSIONS_COUNTED)]


def _number_of(submissions: Sequence[Submission], file: DeviceFile) -> int:
    """The number of submissions of a file, of which not all were read if there are very many."""
    return len(submissions) if len(submissions) < MOST_SUBMISSIONS_COUNTED else max(len(submissions), file.submissions)


def _most_interesting(submissions: Sequence[Submission]) -> list[Submission]:
    """As many submissions as are shown, by number: the open ones before all others."""
    open_first = sorted(range(len(submissions)), key=lambda index: submissions[index].state.is_final)
    return [submissions[index] for index in sorted(open_first[:SUBMISSIONS_SHOWN])]


# --- rows


@dataclass(slots=True)
class _RowScan:
    """Searches for rows from `first` on, a number of blocks at a time."""

    pipeline: Pipeline
    file: DeviceFile
    wanted: OutcomeFilter
    first: int
    blocks: int

    @property
    def is_over(self) -> bool:
        """Whether every row was searched."""
        return self.first > self._total

    @property
    def _total(self) -> int:
        wanted, counts = self.wanted.outcome, self.file.closed_counts
        if wanted is not None and counts is not None and getattr(counts, wanted) == 0:
            return 0
        return 0 if self.file.state is FileState.RECEIVED else self.file.read_counts.total

    def next_rows(self, limit: int) -> list[DeviceOutcome]:
        """At most `limit` rows of the next blocks."""
        journal, last = self.pipeline.journal, min(self.first + self.blocks * ROWS_IN_A_BLOCK - 1, self._total)
        rows = list(journal.outcomes.where(self.file.reading_id, self.wanted.equals, self.first, last, limit))
        self.first = last + 1 if len(rows) < limit else rows[-1].row + 1
        self.blocks *= 2
        return [row for row in rows if self.wanted.matches(row)]


# --- devices


def device_views(
    pipeline: Pipeline, mentions: Iterable[DeviceMention], names: CustomerNames, unreadable: OnUnreadable
) -> Iterator[DeviceView]:
    """The outcomes of the rows that are mentioned; rows deleted meanwhile are left out."""
    known: dict[str, DeviceFile | None] = {}
    for mention in mentions:
        if mention.file_id not in known:
            known[mention.file_id] = _file_or_none(pipeline, mention, unreadable)
        record = known[mention.file_id]
        outcome = None if record is None else pipeline.journal.outcomes.get(record.reading_id, mention.row)
        if record is not None and outcome is not None:
            (row,) = outcome_views(pipeline, record, [outcome])
            name = names.name_of(mention.customer_id)
            yield device_view(record, mention.customer_id, outcome, name, row.withdrawal)


def _file_or_none(pipeline: Pipeline, mention: DeviceMention, unreadable: OnUnreadable) -> DeviceFile | None:
    try:
        stored = pipeline.journal.files.get(mention.customer_id, mention.file_id)
    except UnreadableRecord as record:
        unreadable(record)
        return None
    return None if stored is None else stored.record


def _mention(serial_number: str, customer_id: str, position: DevicePosition) -> DeviceMention:
    return DeviceMention(
        serial_number=serial_number, customer_id=customer_id, file_id=position.file_id, row=position.row
    )


def _no_device(still_open: int) -> str:
    searched = "No closed file of this customer has a row with this serial number or product key."
    if still_open:
        return f"{searched} {still_open} of its files are still open; their rows are found once they are closed."
    return f"{searched} Check the number, and whether the file is past its retention."
