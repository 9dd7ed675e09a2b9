"""Submissions, each with its packed rows.

Before a file is `read`, every key of its reader has the number of the reading, which each new claim raises: a late
reader never overwrites the rows of the reading in use.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.storage import keys
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import OnUnreadable, RecordTable, Stored, key_of, log_unreadable, raise_unreadable
from shared.storage.records import Submission
from shared.storage.tables import (
    PARTITION_KEY,
    ROW_KEY,
    TRANSACTION_ROWS,
    Change,
    Entity,
    Insertion,
    Query,
    Table,
    Upsertion,
)

IS_OPEN = "is_open"
"""The property of a submission's row by which storage filters submissions that are not final."""

MOST_IN_A_TRANSACTION = TRANSACTION_ROWS // 2
"""Submissions, each with its packed rows."""

LARGEST_PACKS = 3_000_000
"""Characters of packed rows in one transaction, whose body has at most 4 MiB."""

KIND = "kind"
SUBMISSION = "submission"
"""A property of a submission's row, and its value; other rows of the partition lack it."""


@dataclass(frozen=True, slots=True)
class SubmissionEntry:
    """A submission to be inserted, and its packed rows; None when they are too large and are kept in a blob."""

    submission: Submission
    rows: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class SubmissionWithRows:
    """A submission as read, and the packed rows inserted with it."""

    stored: Stored[Submission]
    rows: Entity | None


class Submissions:
    """The table of submissions. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._submissions = RecordTable(table, Submission, _key, _filter_properties)

    def add(self, entries: Sequence[SubmissionEntry]) -> list[Stored[Submission]]:
        """Write submissions of one reading. Only the owner of the reading may do so.

        What an earlier try of the same owner wrote under these numbers is replaced.
        """
        return [stored for group in _transactions(entries) for stored in self._add(group)]

    def _add(self, entries: Sequence[SubmissionEntry]) -> list[Stored[Submission]]:
        changes = [Upsertion(entity) for entry in entries for entity in self._entities(entry)]
        numbered = zip((change.entity for change in changes), self._submissions.change_together(changes), strict=True)
        entered = [(entity, etag) for entity, etag in numbered if KIND in entity]
        return [Stored(entry.submission, etag, entity) for entry, (entity, etag) in zip(entries, entered, strict=True)]

    def insert(self, submission: Submission) -> bool:
        """Write a submission without rows of its own; False if there is one of its number."""
        return self._submissions.insert(submission) is not None

    def get(self, reading_id: str, number: str) -> Stored[Submission] | None:
        """A submission, or None."""
        return self._submissions.get(keys.submission_key(reading_id, number))

    def rows(self, reading_id: str, number: str) -> Entity | None:
        """The packed rows that were inserted with a submission, or None."""
        entity = self._table.get(*keys.submission_rows_key(keys.submission_key(reading_id, number)))
        return None if entity is None else entity.values

    def of_reading(self, reading_id: str, unreadable: OnUnreadable = raise_unreadable) -> Iterator[Stored[Submission]]:
        """Every submission of a reading, by number."""
        return self._submissions.query(Query(partition=reading_id, equals={KIND: SUBMISSION}), unreadable)

    def each_open(self, reading_id: str) -> Iterator[Stored[Submission] | UnreadableRecord]:
        """The submissions of a reading that are not final, each read alone."""
        return self._submissions.each(Query(partition=reading_id, equals={IS_OPEN: True}))

    def is_any_open(self, reading_id: str) -> bool:
        """Whether a submission of a reading is not final. No record is read for that."""
        return any(True for _ in self._table.query(Query(partition=reading_id, equals={IS_OPEN: True}, limit=1)))

    def named(self, reading_id: str, numbers: Sequence[str]) -> dict[str, SubmissionWithRows]:
        """The submissions of these numbers that exist: one query if the numbers are neighbours, as in a wake-up.

        One that this version cannot read is left out, and waits: the others share its message by chance.
        """
        if not keys.are_neighbours(numbers):
            return {name: found for number in numbers for name, found in self.named(reading_id, [number]).items()}
        by_key = {keys.submission_key(reading_id, number): number for number in numbers}
        (_, first), (_, last) = min(by_key), max(by_key)
        query = Query(partition=reading_id, row_from=first, row_below=last + 2 * keys.BEHIND)
        found = {key_of(entity): entity for entity in self._table.query(query)}
        named: dict[str, SubmissionWithRows] = {}
        for key, number in by_key.items():
            if key not in found:
                continue
            rows = found.get(keys.submission_rows_key(key))
            try:
                stored = self._submissions.stored(found[key])
            except UnreadableRecord as unreadable:
                log_unreadable(unreadable)
            else:
                named[number] = SubmissionWithRows(stored, None if rows is None else rows.values)
        return named

    def change(self, stored: Stored[Submission], changed: Submission) -> Stored[Submission]:
        """Replace the record that was read as `stored`. Raises Conflict."""
        return self._submissions.change(stored, changed)

    def change_all(self, changes: Sequence[tuple[Stored[Submission], Submission]]) -> list[Stored[Submission]]:
        """Replace records of one reading, all of them or none.

        Raises:
            Conflict: one of them has been changed since it was read.
        """
        return self._submissions.change_all(changes)

    def change_and_add(self, stored: Stored[Submission], changed: Submission, new: Iterable[SubmissionEntry]) -> None:
        """Replace the submission that was read as `stored` with `changed` and insert the `new` ones, all or nothing.

        Raises:
            Conflict: the submission has been changed since it was read.
        """
        changes: list[Change] = [self._submissions.change_of(stored, changed)]
        changes += [Insertion(entity) for each in new for entity in self._entities(each)]
        self._submissions.change_together(changes)

    def delete_reading(self, reading_id: str) -> None:
        """Delete every submission of a reading, with its packed rows."""
        self._table.delete([key_of(entity) for entity in self._table.query(Query(partition=reading_id))])

    def _entities(self, entry: SubmissionEntry) -> Iterator[Entity]:
        """The rows of a submission in the table: its record, followed by its packed rows."""
        yield self._submissions.entity(entry.submission)
        if entry.rows is not None:
            partition, row = keys.submission_rows_key(_key(entry.submission))
            yield {PARTITION_KEY: partition, ROW_KEY: row, **entry.rows}


def _transactions(entries: Iterable[SubmissionEntry]) -> Iterator[list[SubmissionEntry]]:
    """The entries in groups that each fit one transaction, by their number and the size of their packed rows."""
    group: list[SubmissionEntry] = []
    size = 0
    for entry in entries:
        more = sum(map(len, (entry.rows or {}).values()))
        if group and (len(group) == MOST_IN_A_TRANSACTION or size + more > LARGEST_PACKS):
            yield group
            group, size = [], 0
        group.append(entry)
        size += more
    if group:
        yield group


def _key(submission: Submission) -> keys.Key:
    return keys.submission_key(submission.reading_id, submission.number)


def _filter_properties(submission: Submission) -> Entity:
    return {IS_OPEN: not submission.state.is_final, KIND: SUBMISSION}
