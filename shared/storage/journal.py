"""The journal: the only truth about files, submissions, outcomes and batches.

The life of a claim, on a file (while it is read) or a submission (while it is POSTed):

    free --- claim: change the row, naming its ETag; claimed_until = now + CLAIM ---> mine
    mine --- done: change the row, naming the ETag of the claim ---> free, one state further
    mine --- the owner dies; claimed_until passes ---> anyone may claim; the late owner's change meets another ETag

So two owners never both succeed, and nothing is lost with an owner. What a reader writes before its file is `read`
bears the number of its reading, which every claim of a reading raises: a late reader writes beside what counts.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from itertools import groupby
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.storage.keys import safe_key
from shared.storage.records import (
    IS_OPEN,
    Batch,
    DeviceFile,
    DeviceMention,
    DeviceOutcome,
    FileMention,
    Gate,
    Record,
    Submission,
    from_entity,
    to_entity,
)
from shared.storage.tables import (
    PARTITION_KEY,
    TRANSACTION_ROWS,
    Entity,
    EntityChanged,
    EntityExists,
    Insertion,
    Query,
    Replacement,
    StoredEntity,
    Table,
)

ROWS_IN_A_BLOCK = 1_000
"""Outcomes in one partition. Azure takes 2,000 entities a second in one; the emulator slows down in large ones."""

OPEN_FILE_SHARDS = 16
SERIAL_BUCKETS = 256

LONGEST_SERIAL_KEY = 300
"""UTF-16 units of a serial number in a key, which also names customer, file and row."""

NO_CUSTOMER = "_"
"""Partition of files whose path names no customer."""

_GATES = "gates"

_LAST_TICK = 10**14
"""Seconds since 1970 in tenths of a millisecond are subtracted from this, so that newer sorts first."""


class TableName(StrEnum):
    """The tables of the journal."""

    DEVICE_FILES = "DeviceFiles"
    SUBMISSIONS = "Submissions"
    DEVICE_OUTCOMES = "DeviceOutcomes"
    BATCHES = "Batches"
    OPEN_FILES = "OpenFiles"
    FILES_BY_TIME = "FilesByTime"
    DEVICES_BY_SERIAL = "DevicesBySerial"
    GATES = "Gates"


class JournalChanged(DeviceDropError):
    """Someone else changed the record since it was read; whoever did goes on with it."""


Kept = TypeVar("Kept", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Stored(Generic[Kept]):
    """A record as it was read, with the ETag that its next change must name."""

    record: Kept
    etag: str


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
        table = self._tables[TableName.DEVICE_FILES]
        entity = to_entity(file, *_file_key(file.customer_id, file.file_id))
        if (known := self.file(file.customer_id, file.file_id)) is not None:
            return known, False
        self._tables[TableName.OPEN_FILES].upsert([to_entity(_file_mention(file), *_open_file_key(file.file_id))])
        try:
            etag = table.insert(entity)
        except EntityExists:
            known = self.file(file.customer_id, file.file_id)
            if known is None:
                raise
            return known, False
        return Stored(file, etag), True

    def file(self, customer_id: str | None, file_id: str) -> Stored[DeviceFile] | None:
        """A device file, or None."""
        entity = self._tables[TableName.DEVICE_FILES].get(*_file_key(customer_id, file_id))
        return _stored(entity, DeviceFile)

    def change_file(self, stored: Stored[DeviceFile], changed: DeviceFile) -> Stored[DeviceFile]:
        """Replace the record that was read as `stored`. Raises JournalChanged when it is no longer that."""
        key = _file_key(changed.customer_id, changed.file_id)
        return self._change(TableName.DEVICE_FILES, key, stored, changed)

    def enter_by_time(self, file: DeviceFile) -> None:
        """Enter a known file in the index by time."""
        mention = _file_mention(file)
        self._tables[TableName.FILES_BY_TIME].upsert([to_entity(mention, *_time_key(mention))])

    def files_received_before(self, day: date) -> Iterator[FileMention]:
        """Files received before `day` (UTC), oldest day first."""
        for entity in self._tables[TableName.FILES_BY_TIME].query(Query(partition_below=day.isoformat())):
            yield from_entity(entity.values, FileMention)

    def forget_mention(self, mention: FileMention) -> None:
        """Take a file that is no longer known out of the index by time."""
        self._tables[TableName.FILES_BY_TIME].delete([_time_key(mention)])

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
        self.no_longer_open(file.file_id)
        self._tables[TableName.DEVICE_FILES].delete([_file_key(file.customer_id, file.file_id)])
        self.forget_mention(_file_mention(file))

    def _forget_reading(self, file: DeviceFile) -> None:
        """Delete what one reading wrote, however far it came: blocks in between may be empty."""
        outcomes, by_serial = self._tables[TableName.DEVICE_OUTCOMES], self._tables[TableName.DEVICES_BY_SERIAL]
        for _, entities in groupby(outcomes.query(_every_block(file.reading_id)), key=_partition):
            rows = [_stored_outcome(entity) for entity in entities]
            by_serial.delete(_serial_key(mention) for mention in _mentions(file, rows))
            outcomes.delete(_outcome_key(row) for row in rows)
        keys = [_submission_key(file.reading_id, stored.record.number) for stored in self.submissions(file.reading_id)]
        self._tables[TableName.SUBMISSIONS].delete(keys)

    # --- submissions

    def add_submission(self, submission: Submission) -> None:
        """Enter a submission of the reading that this owner does; no other one writes under its number."""
        key = _submission_key(submission.reading_id, submission.number)
        self._tables[TableName.SUBMISSIONS].upsert([to_entity(submission, *key)])

    def submission(self, reading_id: str, number: str) -> Stored[Submission] | None:
        """A submission, or None."""
        return _stored(self._tables[TableName.SUBMISSIONS].get(*_submission_key(reading_id, number)), Submission)

    def submissions(self, reading_id: str) -> Iterator[Stored[Submission]]:
        """Every submission of a reading, by number."""
        return self._submissions(Query(partition=reading_id))

    def open_submissions(self, reading_id: str, limit: int | None = None) -> Iterator[Stored[Submission]]:
        """The submissions of a reading that are not final."""
        return self._submissions(Query(partition=reading_id, equals={IS_OPEN: True}, limit=limit))

    def change_submission(self, stored: Stored[Submission], changed: Submission) -> Stored[Submission]:
        """Replace the record that was read as `stored`. Raises JournalChanged when it is no longer that."""
        key = _submission_key(changed.reading_id, changed.number)
        return self._change(TableName.SUBMISSIONS, key, stored, changed)

    def split_submission(self, stored: Stored[Submission], split: Submission, halves: Iterable[Submission]) -> None:
        """Make `split` of the submission read as `stored`, and enter its halves, all or nothing.

        Raises:
            JournalChanged: it is no longer that.
        """
        key = _submission_key(split.reading_id, split.number)
        changes: list[Insertion | Replacement] = [Replacement(to_entity(split, *key), stored.etag)]
        changes += [Insertion(to_entity(half, *_submission_key(half.reading_id, half.number))) for half in halves]
        try:
            self._tables[TableName.SUBMISSIONS].change_together(changes)
        except EntityChanged as error:
            raise JournalChanged(
                f"Submission {split.number} of {split.file_id} was changed by someone else."
            ) from error

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
        table = self._tables[TableName.DEVICES_BY_SERIAL]
        waiting: dict[str, list[Entity]] = {}
        for outcome in outcomes:
            for mention in _mentions(file, [outcome]):
                bucket, row = _serial_key(mention)
                entities = waiting.setdefault(bucket, [])
                entities.append(to_entity(mention, bucket, row))
                if len(entities) == TRANSACTION_ROWS:
                    table.upsert(waiting.pop(bucket))
            yield outcome
        for entities in waiting.values():
            table.upsert(entities)

    def devices_of_serial(self, serial_number: str) -> Iterator[DeviceMention]:
        """Every row of a closed file that bears this serial number, whatever its case."""
        bucket = _bucket(serial_number)
        first = _serial_part(serial_number)
        query = Query(partition=bucket, row_from=first, row_below=first + "\uffff")
        for entity in self._tables[TableName.DEVICES_BY_SERIAL].query(query):
            yield from_entity(entity.values, DeviceMention)

    # --- batches

    def batch(self, customer_id: str, batch_id: str) -> Stored[Batch] | None:
        """What is known of a batch, or None."""
        return _stored(self._tables[TableName.BATCHES].get(*_batch_key(customer_id, batch_id)), Batch)

    def change_batch(self, stored: Stored[Batch] | None, changed: Batch) -> Stored[Batch]:
        """Enter a batch, or replace the record read as `stored`. Raises JournalChanged when someone was first."""
        key = _batch_key(changed.customer_id, changed.batch_id)
        if stored is not None:
            return self._change(TableName.BATCHES, key, stored, changed)
        try:
            return Stored(changed, self._tables[TableName.BATCHES].insert(to_entity(changed, *key)))
        except EntityExists as error:
            raise JournalChanged(f"Batch {changed.batch_id} was entered by someone else first.") from error

    # --- gates

    def gates(self) -> dict[str, Stored[Gate]]:
        """What is to be waited for, by scope; empty while all is well."""
        entities = self._tables[TableName.GATES].query(Query(partition=_GATES))
        gates = (Stored(from_entity(entity.values, Gate), entity.etag) for entity in entities)
        return {stored.record.scope: stored for stored in gates}

    def change_gate(self, stored: Stored[Gate] | None, changed: Gate) -> Stored[Gate]:
        """Close a gate, or replace the record read as `stored`. Raises JournalChanged when someone was first."""
        key = _gate_key(changed.scope)
        if stored is not None:
            return self._change(TableName.GATES, key, stored, changed)
        try:
            return Stored(changed, self._tables[TableName.GATES].insert(to_entity(changed, *key)))
        except EntityExists as error:
            raise JournalChanged(f"The gate {changed.scope} was closed by someone else first.") from error

    def open_gate(self, stored: Stored[Gate]) -> None:
        """Nothing of the gate's scope needs to wait any more. Raises JournalChanged when it was closed again."""
        try:
            self._tables[TableName.GATES].remove(*_gate_key(stored.record.scope), stored.etag)
        except EntityChanged as error:
            raise JournalChanged(f"The gate {stored.record.scope} was changed by someone else.") from error

    # ---

    def _change(
        self, table: TableName, key: tuple[str, str], stored: Stored[Record], changed: Record
    ) -> Stored[Record]:
        try:
            return Stored(changed, self._tables[table].replace(to_entity(changed, *key), stored.etag))
        except EntityChanged as error:
            raise JournalChanged(f"{table} {key[0]}/{key[1]} was changed by someone else, who goes on.") from error

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


def _file_mention(file: DeviceFile) -> FileMention:
    return FileMention(customer_id=file.customer_id, file_id=file.file_id, received_at=file.received_at)


def _time_key(mention: FileMention) -> tuple[str, str]:
    """Newest first within a day."""
    ticks = _LAST_TICK - int(mention.received_at.timestamp() * 10_000)
    return mention.received_at.astimezone(UTC).date().isoformat(), f"{ticks:014d}~{mention.file_id}"


def _block(row: int) -> int:
    return (max(row, 1) - 1) // ROWS_IN_A_BLOCK


def _block_key(reading_id: str, block: int) -> str:
    return f"{reading_id}.{block:06d}"


def _every_block(reading_id: str) -> Query:
    """All blocks of one reading: `/` is the character after the dot that ends its id."""
    return Query(partition_from=f"{reading_id}.", partition_below=f"{reading_id}/")


def _partition(entity: StoredEntity) -> str:
    return str(entity.values[PARTITION_KEY])


def _row_key(row: int) -> str:
    return f"{row:08d}"


def _outcome_key(outcome: DeviceOutcome) -> tuple[str, str]:
    return _block_key(outcome.reading_id, _block(outcome.row)), _row_key(outcome.row)


def _bucket(serial_number: str) -> str:
    return f"{zlib.crc32(serial_number.casefold().encode('utf-8', 'replace')) % SERIAL_BUCKETS:02x}"


def _serial_key(mention: DeviceMention) -> tuple[str, str]:
    serial_number = mention.serial_number
    row = f"{_serial_part(serial_number)}{mention.customer_id}~{mention.file_id}~{_row_key(mention.row)}"
    return _bucket(serial_number), row


def _serial_part(serial_number: str) -> str:
    """How the keys of all rows with this serial number begin."""
    return safe_key(serial_number.casefold(), LONGEST_SERIAL_KEY) + "~"


def _batch_key(customer_id: str, batch_id: str) -> tuple[str, str]:
    return customer_id, safe_key(batch_id.casefold())


def _gate_key(scope: str) -> tuple[str, str]:
    return _GATES, safe_key(scope)


def _mentions(file: DeviceFile, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceMention]:
    for outcome in outcomes:
        if outcome.serial_number and file.customer_id is not None:
            yield DeviceMention(
                serial_number=outcome.serial_number,
                customer_id=file.customer_id,
                file_id=file.file_id,
                row=outcome.row,
            )


def _stored(entity: StoredEntity | None, kind: type[Record]) -> Stored[Record] | None:
    return None if entity is None else Stored(from_entity(entity.values, kind), entity.etag)


def _stored_outcome(entity: StoredEntity) -> DeviceOutcome:
    return from_entity(entity.values, DeviceOutcome)
