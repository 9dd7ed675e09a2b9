"""Device files, and the indexes that find them: of open files, of final ones by time, and by customer."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain, islice

from shared.storage import keys
from shared.storage.codec import UnreadableRecord
from shared.storage.keys import TimeCursor
from shared.storage.record_table import Conflict, OnUnreadable, RecordTable, Stored, raise_unreadable
from shared.storage.records import DeviceFile, FileListing, FileMention, Withdrawal, elsewhere_in
from shared.storage.tables import Query, Table, Upsertion


class Files:
    """The table of device files and its indexes. Safe to share between threads."""

    def __init__(self, files: Table, open_files: Table, by_time: Table) -> None:
        self._files = RecordTable(files, DeviceFile, lambda file: keys.file_key(file.customer_id, file.file_id))
        self._by_customer = RecordTable(
            files,
            FileListing,
            lambda listing: keys.listing_key(listing.customer_id, listing.received_at, listing.file_id),
        )
        self._open = RecordTable(open_files, FileMention, lambda mention: keys.open_file_key(mention.file_id))
        self._by_time = RecordTable(
            by_time, FileListing, lambda listing: keys.time_key(listing.received_at, listing.file_id)
        )
        self._named_by_time = RecordTable(
            by_time, FileMention, lambda mention: keys.time_key(mention.received_at, mention.file_id)
        )
        """The same rows, read only for the file's name, which every version of the app can read."""

    def enter(self, file: DeviceFile) -> tuple[Stored[DeviceFile], bool]:
        """Insert `file` unless it is known; returns the record in the table, and whether it is new.

        The index of open files is written first, so that the sweep finds every known file.
        """
        is_mentioned = self._open.insert(_mention(file)) is not None
        entered = self._files.insert(file)
        if entered is not None:
            return entered, True
        known = self.get(file.customer_id, file.file_id)
        if known is None:
            raise Conflict(f"File {file.file_id} was deleted while it was entered once more; the sweep finds its blob.")
        if is_mentioned and known.record.state.is_final:
            # The file was final and no longer in the index; only this call put it back.
            self.no_longer_open(file.file_id)
        return known, False

    def get(self, customer_id: str | None, file_id: str) -> Stored[DeviceFile] | None:
        """A device file, or None."""
        return self._files.get(keys.file_key(customer_id, file_id))

    def change(self, stored: Stored[DeviceFile], changed: DeviceFile) -> Stored[DeviceFile]:
        """Replace the record that was read as `stored`. Raises Conflict.

        A file that becomes final is added to its customer's listing in the same transaction; a later change that lists
        show, such as a withdrawal, changes both listings.
        """
        was_final, listing = stored.record.state.is_final, listing_of(changed)
        if not changed.state.is_final or (was_final and listing == listing_of(stored.record)):
            return self._files.change(stored, changed)
        change = self._files.change_of(stored, changed)
        etag, _ = self._files.change_together([change, Upsertion(self._by_customer.entity(listing))])
        if was_final and self.is_listed(changed):
            self._by_time.upsert([listing])
        return Stored(changed, etag, change.entity)

    def with_id_prefix(
        self, customer_id: str, prefix: str, unreadable: OnUnreadable = raise_unreadable
    ) -> Iterator[DeviceFile]:
        """Known files of a customer whose ids begin with `prefix`."""
        partition, first = keys.file_key(customer_id, prefix)
        query = Query(partition=partition, row_from=first, row_below=first + keys.BEHIND)
        return (stored.record for stored in self._files.query(query, unreadable))

    def delete(self, file: DeviceFile) -> None:
        """Delete a file and its index entries; the entry in the index by time, which finds the file, goes last."""
        self.no_longer_open(file.file_id)
        listing_key = keys.listing_key(file.customer_id, file.received_at, file.file_id)
        self._files.delete([keys.file_key(file.customer_id, file.file_id), listing_key])
        self._by_time.delete([keys.time_key(file.received_at, file.file_id)])

    # --- open files

    def still_open(self, unreadable: OnUnreadable = raise_unreadable) -> Iterator[FileMention]:
        """Every file that is not closed, and sometimes a file closed a moment ago."""
        for shard in range(keys.OPEN_FILE_SHARDS):
            for stored in self._open.query(Query(partition=keys.open_file_shard(shard)), unreadable):
                yield stored.record

    def is_open(self, file_id: str) -> bool:
        """Whether the index of open files names this one."""
        return self._open.get(keys.open_file_key(file_id)) is not None

    def enter_as_open(self, file: DeviceFile) -> None:
        """Add a file that is not closed to the index of open files again, after the index was lost."""
        self._open.upsert([_mention(file)])

    def no_longer_open(self, file_id: str) -> None:
        """Remove a closed file from the index of open files."""
        self._open.delete([keys.open_file_key(file_id)])

    # --- final files

    def enter_by_time(self, file: DeviceFile) -> None:
        """Add a final file to the index by time, before it leaves the index of open files: it is always in one."""
        self._by_time.upsert([listing_of(file)])

    def is_listed(self, file: DeviceFile) -> bool:
        """Whether a final file is in the index by time."""
        return self._by_time.get(keys.time_key(file.received_at, file.file_id)) is not None

    def final(
        self,
        after: TimeCursor | None = None,
        limit: int | None = None,
        customer_id: str | None = None,
        unreadable: OnUnreadable = raise_unreadable,
    ) -> Iterator[tuple[TimeCursor, FileListing]]:
        """Final files, newest first, each with its position in this order.

        With `after`, only files behind this position; with `customer_id`, only files of this customer.
        """
        for position, listing in self.final_entries(after, limit, customer_id):
            if isinstance(listing, UnreadableRecord):
                unreadable(listing)
            else:
                yield position, listing

    def final_of_day(self, day: date, unreadable: OnUnreadable = raise_unreadable) -> Iterator[FileListing]:
        """Final files that were received on `day` (UTC), newest first."""
        return (stored.record for stored in self._by_time.query(Query(partition=keys.day_key(day)), unreadable))

    def final_entries(
        self, after: TimeCursor | None = None, limit: int | None = None, customer_id: str | None = None
    ) -> Iterator[tuple[TimeCursor, FileListing | UnreadableRecord]]:
        """As `final`, with the entries that this version cannot read at their positions."""
        if customer_id is not None:
            first = keys.LISTED if after is None else f"{keys.LISTED}{after.row}~"
            return _placed(self._by_customer, Query(partition=customer_id, row_from=first, limit=limit))
        queries = [Query(limit=limit)]
        if after is not None:
            # All keys of the index have the same length, so the next key is greater than this key with `~` appended.
            queries = [
                Query(partition=after.day, row_from=f"{after.row}~", limit=limit),
                Query(partition_from=f"{after.day}~", limit=limit),
            ]
        return islice(chain.from_iterable(_placed(self._by_time, query) for query in queries), limit)

    def received_before(self, day: date, unreadable: OnUnreadable = raise_unreadable) -> Iterator[FileMention]:
        """Final files received before `day` (UTC), newest first."""
        query = Query(partition_from=keys.day_key(day - timedelta(days=1)))
        return (stored.record for stored in self._named_by_time.query(query, unreadable))

    def forget_listing(self, mention: FileMention) -> None:
        """Remove a file that is no longer known from the indexes of final files."""
        self._by_customer.delete([keys.listing_key(mention.customer_id, mention.received_at, mention.file_id)])
        self._by_time.delete([keys.time_key(mention.received_at, mention.file_id)])


def _placed(
    table: RecordTable[FileListing], query: Query
) -> Iterator[tuple[TimeCursor, FileListing | UnreadableRecord]]:
    for found in table.each(query):
        if not isinstance(found, UnreadableRecord):
            yield keys.time_cursor(found.record.received_at, found.record.file_id), found.record
        else:
            yield keys.cursor_of_key(found.key), found


def _mention(file: DeviceFile) -> FileMention:
    return FileMention(
        customer_id=file.customer_id,
        file_id=file.file_id,
        path=file.path,
        name=file.name,
        batch_id=file.batch_id,
        received_at=file.received_at,
    )


def listing_of(file: DeviceFile) -> FileListing:
    """The entry of a file in the indexes of final files."""
    return FileListing(
        customer_id=file.customer_id,
        file_id=file.file_id,
        path=file.path,
        name=file.name,
        batch_id=file.batch_id,
        order=file.order,
        sent_by=file.sent_by,
        size=file.size,
        state=file.state,
        reason=file.reason,
        reason_text=file.reason_text,
        received_at=file.received_at,
        closed_at=file.closed_at,
        counts=file.closed_counts or file.read_counts,
        profiles=file.profiles,
        elsewhere=elsewhere_in(file.reasons),
        is_incomplete=file.is_incomplete,
        submissions=file.submissions,
        parent=file.parent,
        retry=file.retry,
        fixes=file.fixes,
        rows_to_fix=file.rows_to_fix,
        assigned=file.assigned,
        withdrawal=None if file.withdrawal is None else _listed(file.withdrawal),
    )


def _listed(withdrawal: Withdrawal) -> Withdrawal:
    """A withdrawal as lists show it: claiming it or waiting with it changes no listing."""
    return Withdrawal(
        state=withdrawal.state,
        asked_at=withdrawal.asked_at,
        asked_by=withdrawal.asked_by,
        run=withdrawal.run,
        due_at=withdrawal.asked_at,
        total=withdrawal.total,
        withdrawn=withdrawal.withdrawn,
        already_gone=withdrawal.already_gone,
        refused=withdrawal.refused,
        finished_at=withdrawal.finished_at,
    )
