"""The journal: the only truth about files, submissions, outcomes and batches.

The life of a claim, on a file (while it is read) or a submission (while it is POSTed):

    free --- claim: change the row, naming its ETag; claimed_until = now + CLAIM ---> mine
    mine --- done: change the row, naming the ETag of the claim ---> free, one state further
    mine --- the owner dies; claimed_until passes ---> anyone may claim; the late owner's change meets another ETag

So two owners never both succeed, and nothing is lost with an owner. What a reader writes before its file is `read`
bears the number of its reading, which every claim of a reading raises: a late reader writes beside what counts.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from heapq import merge
from itertools import chain, groupby, islice
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.storage.keys import safe_key
from shared.storage.records import (
    IS_OPEN,
    KIND,
    SUBMISSION,
    Batch,
    DeviceFile,
    DeviceMention,
    DeviceOutcome,
    DeviceWithdrawal,
    FileListing,
    FileMention,
    Gate,
    Record,
    Submission,
    WithdrawalMention,
    from_entity,
    to_entity,
)
from shared.storage.tables import (
    PARTITION_KEY,
    ROW_KEY,
    TRANSACTION_ROWS,
    Change,
    Entity,
    EntityChanged,
    EntityExists,
    Insertion,
    Query,
    Replacement,
    StoredEntity,
    Table,
    Upsertion,
)

ROWS_IN_A_BLOCK = 1_000
"""Outcomes in one partition. Azure takes 2,000 entities a second in one; the emulator slows down in large ones."""

OPEN_FILE_SHARDS = 16

SERIAL_BUCKETS = 256
"""Partitions of the index of serial numbers for large files: a serial number has one of them."""

SERIAL_SHARDS = 16
"""Its partitions for all other files: a file has one of them, or a few. One transaction takes a hundred of its rows
then, where each row would need one of its own if it went to the bucket of its serial number."""

ROWS_OF_A_LARGE_FILE = 20_000
"""From here on a file fills transactions in every bucket; and it would be too much for one partition."""

ROWS_IN_A_SHARD = 2_000
"""Of one file. Azure takes 2,000 entities a second in a partition."""

LONGEST_SERIAL_KEY = 300
"""UTF-16 units of a serial number in a key, which also names customer, file and row."""

NO_CUSTOMER = "_"
"""Partition of files whose path names no customer."""

_GATES = "gates"

_LISTED = "~"
"""Begins the key of a final file's listing in the table of files; a file's own key is its id, which sorts before."""

_BEHIND = "~"
"""Sorts behind every character of a submission's number."""
_ROWS = f"{_BEHIND}rows"
"""Ends the key of what is kept with a submission."""

NOT_THERE = ""
"""In place of the ETag of a row that must not be there yet."""

_WITHDRAWALS = "withdrawals"
"""Partition of the index of open files that names those whose devices are being withdrawn."""

_LAST_TICK = 10**14
"""Seconds since 1970 in tenths of a millisecond are subtracted from this, so that newer sorts first."""


class TableName(StrEnum):
    """The tables of the journal."""

    DEVICE_FILES = "DeviceFiles"
    SUBMISSIONS = "Submissions"
    DEVICE_OUTCOMES = "DeviceOutcomes"
    DEVICE_WITHDRAWALS = "DeviceWithdrawals"
    BATCHES = "Batches"
    OPEN_FILES = "OpenFiles"
    FILES_BY_TIME = "FilesByTime"
    DEVICES_BY_SERIAL = "DevicesBySerial"
    GATES = "Gates"


class Conflict(DeviceDropError):
    """Someone else changed the record since it was read; whoever did goes on with it."""


Kept = TypeVar("Kept", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class TimeCursor:
    """Where a final file stands in the index by time."""

    day: str
    row: str


@dataclass(frozen=True, slots=True)
class SubmissionEntry:
    """A submission to be entered, and the packed rows that are kept with it unless they are too large (None)."""

    submission: Submission
    rows: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Stored(Generic[Kept]):
    """A record as it was read, with the ETag that its next change must name."""

    record: Kept
    etag: str


@dataclass(frozen=True, slots=True)
class SubmissionWithRows:
    """A submission as it was read, and the packed rows that were entered with it."""

    stored: Stored[Submission]
    rows: Entity | None


class Journal:
    """The tables, as the pipeline uses them. Safe to share between threads."""

    def __init__(self, table: Callable[[TableName], Table]) -> None:
        self._tables = {name: table(name) for name in TableName}

    def prepare(self) -> None:
        """Make the tables that are missing."""
        for table in self._tables.values():
            table.prepare()

    # --- device files

    def open_file(self, file: DeviceFile) -> tuple[Stored[DeviceFile], bool]:
        """Enter `file` unless it is known; the record that stands, and whether it is new.

        The index of open files comes first, so that a file is never known and yet not found again.
        """
        is_mentioned = self._is_inserted(TableName.OPEN_FILES, _file_mention(file), _open_file_key(file.file_id))
        entity = to_entity(file, *_file_key(file.customer_id, file.file_id))
        try:
            etag = self._tables[TableName.DEVICE_FILES].insert(entity)
        except EntityExists:
            known = self.file(file.customer_id, file.file_id)
            if known is None:
                raise
            if is_mentioned and known.record.state.is_final:
                # It had left the index for good, and this mention is the only one.
                self.no_longer_open(file.file_id)
            return known, False
        return Stored(file, etag), True

    def _is_inserted(self, table: TableName, record: msgspec.Struct, key: tuple[str, str]) -> bool:
        try:
            self._tables[table].insert(to_entity(record, *key))
        except EntityExists:
            return False
        return True

    def file(self, customer_id: str | None, file_id: str) -> Stored[DeviceFile] | None:
        """A device file, or None."""
        entity = self._tables[TableName.DEVICE_FILES].get(*_file_key(customer_id, file_id))
        return _stored(entity, DeviceFile)

    def change_file(self, stored: Stored[DeviceFile], changed: DeviceFile) -> Stored[DeviceFile]:
        """Replace the record that was read as `stored`. Raises Conflict when it is no longer that.

        A file that becomes final is listed among those of its customer in the same transaction.
        """
        key = _file_key(changed.customer_id, changed.file_id)
        if stored.record.state.is_final or not changed.state.is_final:
            return self._change(TableName.DEVICE_FILES, key, stored, changed)
        listing = _file_listing(changed)
        changes: list[Change] = [
            Replacement(to_entity(changed, *key), stored.etag),
            Upsertion(to_entity(listing, *_customer_key(listing))),
        ]
        try:
            etag, _ = self._tables[TableName.DEVICE_FILES].change_together(changes)
        except EntityChanged as error:
            raise Conflict(f"File {changed.file_id} was changed by someone else, who goes on.") from error
        return Stored(changed, etag)

    def enter_by_time(self, file: DeviceFile) -> None:
        """Enter a final file in the index by time, before it leaves that of open files: each file stands in one."""
        listing = _file_listing(file)
        self._tables[TableName.FILES_BY_TIME].upsert([to_entity(listing, *_time_key(listing))])

    def is_listed(self, file: DeviceFile) -> bool:
        """Whether a final file stands in the index by time."""
        return self._tables[TableName.FILES_BY_TIME].get(*_time_key(_file_listing(file))) is not None

    def final_files(
        self, after: TimeCursor | None = None, limit: int | None = None, customer_id: str | None = None
    ) -> Iterator[tuple[TimeCursor, FileListing]]:
        """Files that are final, newest first by the time they were received, with the place of each.

        With `after`, those that follow this place; with `customer_id`, those of this customer alone.
        """
        if customer_id is not None:
            return self._final_files_of(customer_id, after, limit)
        queries = [Query(limit=limit)]
        if after is not None:
            # All keys of the index have one length: behind a key comes what is greater than it and one character more.
            queries = [
                Query(partition=after.day, row_from=f"{after.row}~", limit=limit),
                Query(partition_from=f"{after.day}~", limit=limit),
            ]
        return islice(chain.from_iterable(map(self._files_by_time, queries)), limit)

    def _final_files_of(
        self, customer_id: str, after: TimeCursor | None, limit: int | None
    ) -> Iterator[tuple[TimeCursor, FileListing]]:
        first = _LISTED if after is None else f"{_LISTED}{after.row}~"
        query = Query(partition=customer_id, row_from=first, limit=limit)
        for entity in self._tables[TableName.DEVICE_FILES].query(query):
            listing = from_entity(entity.values, FileListing)
            yield time_cursor(listing.received_at, listing.file_id), listing

    def files_received_before(self, day: date) -> Iterator[FileListing]:
        """Final files received before `day` (UTC), newest first."""
        for _, listing in self._files_by_time(Query(partition_from=_day_key(day - timedelta(days=1)))):
            yield listing

    def _files_by_time(self, query: Query) -> Iterator[tuple[TimeCursor, FileListing]]:
        for entity in self._tables[TableName.FILES_BY_TIME].query(query):
            place = TimeCursor(str(entity.values[PARTITION_KEY]), str(entity.values[ROW_KEY]))
            yield place, from_entity(entity.values, FileListing)

    def forget_listing(self, listing: FileListing) -> None:
        """Take a file that is no longer known out of the index by time."""
        self._tables[TableName.DEVICE_FILES].delete([_customer_key(listing)])
        self._tables[TableName.FILES_BY_TIME].delete([_time_key(listing)])

    def open_files(self) -> Iterator[FileMention]:
        """Every file that is not closed, and now and then one that just was."""
        for shard in range(OPEN_FILE_SHARDS):
            for entity in self._tables[TableName.OPEN_FILES].query(Query(partition=_shard(shard))):
                yield from_entity(entity.values, FileMention)

    def is_open(self, file_id: str) -> bool:
        """Whether the index of open files names this one."""
        return self._tables[TableName.OPEN_FILES].get(*_open_file_key(file_id)) is not None

    def no_longer_open(self, file_id: str) -> None:
        """Take a closed file out of the index of open files."""
        self._tables[TableName.OPEN_FILES].delete([_open_file_key(file_id)])

    def forget_file(self, file: DeviceFile) -> None:
        """Delete everything about a file past its retention; the index that finds it goes last."""
        for reading in range(1, file.reading + 1):
            self._forget_reading(replace(file, reading=reading))
        if file.withdrawal is not None:
            self._forget_withdrawal(file)
        self.no_longer_open(file.file_id)
        listing = _file_listing(file)
        keys = [_file_key(file.customer_id, file.file_id), _customer_key(listing)]
        self._tables[TableName.DEVICE_FILES].delete(keys)
        self._tables[TableName.FILES_BY_TIME].delete([_time_key(listing)])

    def _forget_reading(self, file: DeviceFile) -> None:
        """Delete what one reading wrote, however far it came: blocks in between may be empty."""
        outcomes, by_serial = self._tables[TableName.DEVICE_OUTCOMES], self._tables[TableName.DEVICES_BY_SERIAL]
        for _, entities in groupby(outcomes.query(_every_block(file.reading_id)), key=_partition):
            rows = [_stored_outcome(entity) for entity in entities]
            mentions = filter(None, (_mention(file, row) for row in rows))
            by_serial.delete(_serial_key(mention, file.read_counts.total) for mention in mentions)
            outcomes.delete(_outcome_key(row) for row in rows)
        submissions = self._tables[TableName.SUBMISSIONS]
        submissions.delete([_key(entity) for entity in submissions.query(Query(partition=file.reading_id))])

    def _forget_withdrawal(self, file: DeviceFile) -> None:
        table = self._tables[TableName.DEVICE_WITHDRAWALS]
        for _, entities in groupby(table.query(_every_block(file.reading_id)), key=_partition):
            table.delete((str(entity.values[PARTITION_KEY]), str(entity.values[ROW_KEY])) for entity in list(entities))
        self.end_withdrawal(file.file_id)

    def files_beginning_with(self, customer_id: str, beginning: str) -> Iterator[DeviceFile]:
        """Known files of a customer whose ids begin so."""
        query = Query(partition=_file_key(customer_id, "")[0], row_from=beginning, row_below=beginning + "~")
        for entity in self._tables[TableName.DEVICE_FILES].query(query):
            yield from_entity(entity.values, DeviceFile)

    # --- withdrawals

    def enter_withdrawal(self, mention: WithdrawalMention) -> None:
        """Enter a file in the index of withdrawals under way, before its record says so."""
        entity = to_entity(mention, *_withdrawal_key(mention.file_id))
        self._tables[TableName.OPEN_FILES].upsert([entity])

    def withdrawals_under_way(self) -> Iterator[WithdrawalMention]:
        """Every file whose devices are being withdrawn, and now and then one whose just were."""
        for entity in self._tables[TableName.OPEN_FILES].query(Query(partition=_WITHDRAWALS)):
            yield from_entity(entity.values, WithdrawalMention)

    def end_withdrawal(self, file_id: str) -> None:
        """Take a file out of the index of withdrawals under way."""
        self._tables[TableName.OPEN_FILES].delete([_withdrawal_key(file_id)])

    def change_withdrawn(self, devices: Iterable[Stored[DeviceWithdrawal]]) -> list[Stored[DeviceWithdrawal]]:
        """Write what is known of devices, in the order of their rows; each with its new ETag.

        Each takes the place of what was read with its ETag; one whose ETag is `NOT_THERE` must not be there yet.

        Raises:
            Conflict: someone else wrote one of them. Some of those before it may be written.
        """
        table, written = self._tables[TableName.DEVICE_WITHDRAWALS], list[Stored[DeviceWithdrawal]]()
        for _, in_block in groupby(devices, key=lambda device: _block(device.record.row)):
            while group := list(islice(in_block, TRANSACTION_ROWS)):
                try:
                    etags = table.change_together(list(map(_withdrawal_change, group)))
                except EntityChanged as error:
                    raise Conflict("The withdrawal of a device was taken further by someone else.") from error
                written += (Stored(device.record, etag) for device, etag in zip(group, etags, strict=True))
        return written

    def withdrawn(self, reading_id: str, first: int, last: int) -> Iterator[Stored[DeviceWithdrawal]]:
        """What is known of the withdrawal of the rows `first` to `last`, in their order."""
        for block in range(_block(first), _block(last) + 1):
            query = Query(
                partition=_block_key(reading_id, block), row_from=_row_key(first), row_below=_row_key(last + 1)
            )
            for entity in self._tables[TableName.DEVICE_WITHDRAWALS].query(query):
                yield Stored(from_entity(entity.values, DeviceWithdrawal), entity.etag)

    # --- submissions

    def add_submissions(self, entries: Sequence[SubmissionEntry]) -> list[Stored[Submission]]:
        """Enter submissions of the reading that this owner does, in one transaction; no other one writes these numbers.

        At most 50 of one reading.

        Raises:
            Conflict: storage says that someone else did.
        """
        changes = [Upsertion(entity) for entry in entries for entity in _entities(entry)]
        try:
            etags = self._tables[TableName.SUBMISSIONS].change_together(changes)
        except EntityChanged as error:
            raise Conflict("Submissions of a reading were changed by someone else.") from error
        numbered = zip((change.entity for change in changes), etags, strict=True)
        of_submissions = [etag for entity, etag in numbered if KIND in entity]
        return [Stored(entry.submission, etag) for entry, etag in zip(entries, of_submissions, strict=True)]

    def submission_rows(self, reading_id: str, number: str) -> Entity | None:
        """The packed rows that were entered with a submission, or None."""
        partition, row = _submission_key(reading_id, number)
        entity = self._tables[TableName.SUBMISSIONS].get(partition, row + _ROWS)
        return None if entity is None else entity.values

    def submission(self, reading_id: str, number: str) -> Stored[Submission] | None:
        """A submission, or None."""
        return _stored(self._tables[TableName.SUBMISSIONS].get(*_submission_key(reading_id, number)), Submission)

    def submissions(self, reading_id: str) -> Iterator[Stored[Submission]]:
        """Every submission of a reading, by number."""
        return self._submissions(Query(partition=reading_id, equals={KIND: SUBMISSION}))

    def submissions_named(self, reading_id: str, numbers: Sequence[str]) -> dict[str, SubmissionWithRows]:
        """The submissions of these numbers that there are: one question if they are neighbours, as in a wake-up."""
        if not _are_neighbours(numbers):
            return {name: found for number in numbers for name, found in self._named(reading_id, [number]).items()}
        return self._named(reading_id, numbers)

    def _named(self, reading_id: str, numbers: Sequence[str]) -> dict[str, SubmissionWithRows]:
        keys = {_submission_key(reading_id, number)[1]: number for number in numbers}
        query = Query(partition=reading_id, row_from=min(keys), row_below=f"{max(keys)}{_BEHIND}{_BEHIND}")
        found = {str(entity.values[ROW_KEY]): entity for entity in self._tables[TableName.SUBMISSIONS].query(query)}
        return {
            number: SubmissionWithRows(
                Stored(from_entity(found[key].values, Submission), found[key].etag),
                found[key + _ROWS].values if key + _ROWS in found else None,
            )
            for key, number in keys.items()
            if key in found
        }

    def open_submissions(self, reading_id: str, limit: int | None = None) -> Iterator[Stored[Submission]]:
        """The submissions of a reading that are not final."""
        return self._submissions(Query(partition=reading_id, equals={IS_OPEN: True}, limit=limit))

    def change_submission(self, stored: Stored[Submission], changed: Submission) -> Stored[Submission]:
        """Replace the record that was read as `stored`. Raises Conflict when it is no longer that."""
        key = _submission_key(changed.reading_id, changed.number)
        return self._change(TableName.SUBMISSIONS, key, stored, changed)

    def change_submissions(self, changes: Sequence[tuple[Stored[Submission], Submission]]) -> list[Stored[Submission]]:
        """Replace the records of one reading that were read so, all of them or none.

        Raises:
            Conflict: one of them is no longer that.
        """
        replacements = [
            Replacement(to_entity(changed, *_submission_key(changed.reading_id, changed.number)), stored.etag)
            for stored, changed in changes
        ]
        try:
            etags = self._tables[TableName.SUBMISSIONS].change_together(replacements)
        except EntityChanged as error:
            raise Conflict("One of several submissions was changed by someone else.") from error
        return [Stored(changed, etag) for (_, changed), etag in zip(changes, etags, strict=True)]

    def split_submission(
        self, stored: Stored[Submission], split: Submission, halves: Iterable[SubmissionEntry]
    ) -> None:
        """Make `split` of the submission read as `stored`, and enter its halves, all or nothing.

        Raises:
            Conflict: it is no longer that.
        """
        key = _submission_key(split.reading_id, split.number)
        changes: list[Insertion | Replacement] = [Replacement(to_entity(split, *key), stored.etag)]
        changes += [Insertion(entity) for half in halves for entity in _entities(half)]
        try:
            self._tables[TableName.SUBMISSIONS].change_together(changes)
        except EntityChanged as error:
            raise Conflict(f"Submission {split.number} of {split.file_id} was changed by someone else.") from error

    # --- outcomes

    def write_outcomes(self, outcomes: Iterable[DeviceOutcome]) -> None:
        """Write outcomes, in the order of their rows; the same ones again change nothing."""
        self._tables[TableName.DEVICE_OUTCOMES].upsert(
            to_entity(outcome, *_outcome_key(outcome)) for outcome in outcomes
        )

    def outcomes(self, reading_id: str, first: int, last: int) -> Iterator[DeviceOutcome]:
        """The outcomes of the rows `first` to `last`, in their order; rows without one are left out."""
        for block in range(_block(first), _block(last) + 1):
            for entity in self._block(reading_id, block, first, last):
                yield _stored_outcome(entity)

    def indexed(self, file: DeviceFile, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        """`outcomes` as they come, each entered in the index of serial numbers by the time the last has come.

        Rows wait until a bucket has a transaction's worth, which bounds both memory and transactions.
        """
        index = self._tables[TableName.DEVICES_BY_SERIAL]
        waiting: dict[str, list[Entity]] = {}
        for outcome in outcomes:
            mention = _mention(file, outcome)
            if mention is not None:
                bucket, row = _serial_key(mention, file.read_counts.total)
                entities = waiting.setdefault(bucket, [])
                entities.append(to_entity(mention, bucket, row))
                if len(entities) == TRANSACTION_ROWS:
                    index.upsert(waiting.pop(bucket))
            yield outcome
        for entities in waiting.values():
            index.upsert(entities)

    def outcome(self, reading_id: str, row: int) -> DeviceOutcome | None:
        """The outcome of one row, or None."""
        entity = self._tables[TableName.DEVICE_OUTCOMES].get(_block_key(reading_id, _block(row)), _row_key(row))
        return None if entity is None else _stored_outcome(entity)

    def outcomes_that(
        self, reading_id: str, equals: Mapping[str, str], first: int, last: int, limit: int
    ) -> Iterator[DeviceOutcome]:
        """At most `limit` outcomes of the rows `first` to `last` with these properties, in the order of the rows."""
        query = Query(
            partition_from=_block_key(reading_id, _block(first)),
            partition_below=_block_key(reading_id, _block(last) + 1),
            row_from=_row_key(first),
            row_below=_row_key(last + 1),
            equals=equals,
            limit=limit,
        )
        return map(_stored_outcome, self._tables[TableName.DEVICE_OUTCOMES].query(query))

    def devices_of_serial(
        self, serial_number: str, customer_id: str | None = None, after: DeviceMention | None = None
    ) -> Iterator[DeviceMention]:
        """Every row of a closed file that bears this serial number, whatever its case.

        With `customer_id`, those of this customer alone; with `after`, those whose keys follow that of this row.
        """
        first = _serial_part(serial_number) + ("" if customer_id is None else f"{customer_id}~")
        beginning = first if after is None else f"{_serial_row(after)}~"
        queries = (
            Query(partition=partition, row_from=beginning, row_below=first + "\uffff")
            for partition in (_bucket(serial_number), *map(_serial_shard, range(SERIAL_SHARDS)))
        )
        found = map(self._tables[TableName.DEVICES_BY_SERIAL].query, queries)
        for entity in merge(*found, key=lambda entity: str(entity.values[ROW_KEY])):
            yield from_entity(entity.values, DeviceMention)

    # --- batches

    def batch(self, customer_id: str, batch_id: str) -> Stored[Batch] | None:
        """What is known of a batch, or None."""
        return _stored(self._tables[TableName.BATCHES].get(*_batch_key(customer_id, batch_id)), Batch)

    def change_batch(self, stored: Stored[Batch] | None, changed: Batch) -> Stored[Batch]:
        """Enter a batch, or replace the record read as `stored`. Raises Conflict when someone was first."""
        key = _batch_key(changed.customer_id, changed.batch_id)
        if stored is not None:
            return self._change(TableName.BATCHES, key, stored, changed)
        try:
            return Stored(changed, self._tables[TableName.BATCHES].insert(to_entity(changed, *key)))
        except EntityExists as error:
            raise Conflict(f"Batch {changed.batch_id} was entered by someone else first.") from error

    # --- gates

    def gates(self) -> dict[str, Stored[Gate]]:
        """What is to be waited for, by scope; empty while all is well."""
        entities = self._tables[TableName.GATES].query(Query(partition=_GATES))
        gates = (Stored(from_entity(entity.values, Gate), entity.etag) for entity in entities)
        return {stored.record.scope: stored for stored in gates}

    def change_gate(self, stored: Stored[Gate] | None, changed: Gate) -> Stored[Gate]:
        """Close a gate, or replace the record read as `stored`. Raises Conflict when someone was first."""
        key = _gate_key(changed.scope)
        if stored is not None:
            return self._change(TableName.GATES, key, stored, changed)
        try:
            return Stored(changed, self._tables[TableName.GATES].insert(to_entity(changed, *key)))
        except EntityExists as error:
            raise Conflict(f"The gate {changed.scope} was closed by someone else first.") from error

    def open_gate(self, stored: Stored[Gate]) -> None:
        """Nothing of the gate's scope needs to wait any more. Raises Conflict when it was closed again."""
        try:
            self._tables[TableName.GATES].remove(*_gate_key(stored.record.scope), stored.etag)
        except EntityChanged as error:
            raise Conflict(f"The gate {stored.record.scope} was changed by someone else.") from error

    # ---

    def _change(
        self, table: TableName, key: tuple[str, str], stored: Stored[Record], changed: Record
    ) -> Stored[Record]:
        try:
            return Stored(changed, self._tables[table].replace(to_entity(changed, *key), stored.etag))
        except EntityChanged as error:
            raise Conflict(f"{table} {key[0]}/{key[1]} was changed by someone else, who goes on.") from error

    def _submissions(self, query: Query) -> Iterator[Stored[Submission]]:
        for entity in self._tables[TableName.SUBMISSIONS].query(query):
            yield Stored(from_entity(entity.values, Submission), entity.etag)

    def _block(self, reading_id: str, block: int, first: int = 0, last: int | None = None) -> Iterator[StoredEntity]:
        query = Query(
            partition=_block_key(reading_id, block),
            row_from=_row_key(first),
            row_below=None if last is None else _row_key(last + 1),
        )
        return self._tables[TableName.DEVICE_OUTCOMES].query(query)


def _entities(entry: SubmissionEntry) -> Iterator[Entity]:
    """The rows of a submission in its table: itself, and behind it what is kept with it."""
    partition, row = _submission_key(entry.submission.reading_id, entry.submission.number)
    yield to_entity(entry.submission, partition, row)
    if entry.rows is not None:
        yield {PARTITION_KEY: partition, ROW_KEY: row + _ROWS, **entry.rows}


def _are_neighbours(numbers: Sequence[str]) -> bool:
    """Whether little else lies between the first and the last of these numbers."""
    heads = [int(number.partition("-")[0]) for number in numbers]
    return max(heads) - min(heads) < len(numbers)


def _submission_key(reading_id: str, number: str) -> tuple[str, str]:
    """Keys of a submission, so that numbers sort as numbers and the halves of one behind it: `0000012`, `0000012-0`."""
    head, dash, tail = number.partition("-")
    return reading_id, f"{int(head):07d}{dash}{tail}"


def _file_key(customer_id: str | None, file_id: str) -> tuple[str, str]:
    return customer_id or NO_CUSTOMER, file_id


def _shard(number: int) -> str:
    return f"{number:02d}"


def _open_file_key(file_id: str) -> tuple[str, str]:
    return _shard(zlib.crc32(file_id.encode()) % OPEN_FILE_SHARDS), file_id


def _withdrawal_change(device: Stored[DeviceWithdrawal]) -> Insertion | Replacement:
    record = device.record
    entity = to_entity(record, _block_key(record.reading_id, _block(record.row)), _row_key(record.row))
    return Insertion(entity) if device.etag == NOT_THERE else Replacement(entity, device.etag)


def _withdrawal_key(file_id: str) -> tuple[str, str]:
    return _WITHDRAWALS, file_id


def _file_mention(file: DeviceFile) -> FileMention:
    return FileMention(
        customer_id=file.customer_id,
        file_id=file.file_id,
        path=file.path,
        name=file.name,
        batch_id=file.batch_id,
        received_at=file.received_at,
    )


def _file_listing(file: DeviceFile) -> FileListing:
    return FileListing(
        customer_id=file.customer_id,
        file_id=file.file_id,
        path=file.path,
        name=file.name,
        batch_id=file.batch_id,
        size=file.size,
        state=file.state,
        reason=file.reason,
        received_at=file.received_at,
        closed_at=file.closed_at,
        counts=file.closed_counts or file.read_counts,
        is_incomplete=file.is_incomplete,
        submissions=file.submissions,
        parent=file.parent,
    )


def _time_key(listing: FileListing) -> tuple[str, str]:
    """Newest first, day by day."""
    place = time_cursor(listing.received_at, listing.file_id)
    return place.day, place.row


def _customer_key(listing: FileListing) -> tuple[str, str]:
    """Behind the records of the customer's files, newest first."""
    row = time_cursor(listing.received_at, listing.file_id).row
    return listing.customer_id or NO_CUSTOMER, f"{_LISTED}{row}"


def time_cursor(received_at: datetime, file_id: str = "") -> TimeCursor:
    """Where a file stands among all, newest first; without an id, behind every file received at this very time."""
    ticks = _LAST_TICK - int(received_at.timestamp() * 10_000)
    return TimeCursor(_day_key(received_at.astimezone(UTC).date()), f"{ticks:014d}~{file_id}")


def _day_key(day: date) -> str:
    """Newest first, and readable: `2912219~2026-11-20`."""
    return f"{date.max.toordinal() - day.toordinal():07d}~{day.isoformat()}"


def _block(row: int) -> int:
    return (max(row, 1) - 1) // ROWS_IN_A_BLOCK


def _block_key(reading_id: str, block: int) -> str:
    return f"{reading_id}.{block:06d}"


def _every_block(reading_id: str) -> Query:
    """All blocks of one reading: `/` is the character after the dot that ends its id."""
    return Query(partition_from=f"{reading_id}.", partition_below=f"{reading_id}/")


def _key(entity: StoredEntity) -> tuple[str, str]:
    return str(entity.values[PARTITION_KEY]), str(entity.values[ROW_KEY])


def _partition(entity: StoredEntity) -> str:
    return str(entity.values[PARTITION_KEY])


def _row_key(row: int) -> str:
    return f"{row:08d}"


def _outcome_key(outcome: DeviceOutcome) -> tuple[str, str]:
    return _block_key(outcome.reading_id, _block(outcome.row)), _row_key(outcome.row)


def _bucket(serial_number: str) -> str:
    return f"{zlib.crc32(serial_number.casefold().encode('utf-8', 'replace')) % SERIAL_BUCKETS:02x}"


def _serial_shard(number: int) -> str:
    return f"shard-{number % SERIAL_SHARDS:02d}"


def _serial_key(mention: DeviceMention, rows: int) -> tuple[str, str]:
    """Keys of a row of a file of so many `rows`."""
    row = _serial_row(mention)
    if rows >= ROWS_OF_A_LARGE_FILE:
        return _bucket(mention.serial_number), row
    spread = 1 + rows // ROWS_IN_A_SHARD
    return _serial_shard(zlib.crc32(mention.file_id.encode()) + zlib.crc32(row.encode()) % spread), row


def _serial_row(mention: DeviceMention) -> str:
    return f"{_serial_part(mention.serial_number)}{mention.customer_id}~{mention.file_id}~{_row_key(mention.row)}"


def _serial_part(serial_number: str) -> str:
    """How the keys of all rows with this serial number begin."""
    return safe_key(serial_number.casefold(), LONGEST_SERIAL_KEY) + "~"


def _batch_key(customer_id: str, batch_id: str) -> tuple[str, str]:
    return customer_id, safe_key(batch_id.casefold())


def _gate_key(scope: str) -> tuple[str, str]:
    return _GATES, safe_key(scope)


def _mention(file: DeviceFile, outcome: DeviceOutcome) -> DeviceMention | None:
    """How the index of serial numbers names this row; None when it has none."""
    if not outcome.serial_number or file.customer_id is None:
        return None
    return DeviceMention(
        serial_number=outcome.serial_number,
        customer_id=file.customer_id,
        file_id=file.file_id,
        row=outcome.row,
    )


def _stored(entity: StoredEntity | None, kind: type[Record]) -> Stored[Record] | None:
    return None if entity is None else Stored(from_entity(entity.values, kind), entity.etag)


def _stored_outcome(entity: StoredEntity) -> DeviceOutcome:
    return from_entity(entity.values, DeviceOutcome)
