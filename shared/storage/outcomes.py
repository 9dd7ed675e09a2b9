"""The outcomes of rows, in blocks, and the index that finds them by serial number or product key."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import merge
from itertools import chain, groupby

from shared.reasons import UNKNOWN_REASONS, UnknownReason
from shared.storage import keys
from shared.storage.codec import UnreadableRecord, from_entity, to_entity
from shared.storage.record_table import OnUnreadable, RecordTable, key_of, raise_unreadable
from shared.storage.records import DeviceFile, DeviceMention, DeviceOutcome
from shared.storage.tables import ROW_KEY, TRANSACTION_ROWS, Entity, Query, StoredEntity, Table
from shared.vocabulary import Outcome, Remedy

MOST_BETWEEN_SERIALS = 2_000
"""Rows of a shard of the index that are read to find several serial numbers at once."""


class Outcomes:
    """The table of outcomes and its index by serial number. Safe to share between threads."""

    def __init__(self, outcomes: Table, by_serial: Table) -> None:
        self._table = outcomes
        self._outcomes = RecordTable(
            outcomes, DeviceOutcome, lambda outcome: keys.outcome_key(outcome.reading_id, outcome.row)
        )
        self._by_serial = by_serial

    def write(self, outcomes: Iterable[DeviceOutcome]) -> None:
        """Write outcomes, which come in the order of their rows. Writing the same outcomes again changes nothing."""
        self._outcomes.upsert(outcomes)

    def get(self, reading_id: str, row: int) -> DeviceOutcome | None:
        """The outcome of one row, or None."""
        entity = self._table.get(*keys.outcome_key(reading_id, row))
        return None if entity is None else _outcome(entity)

    def of_rows(self, reading_id: str, first: int, last: int) -> Iterator[DeviceOutcome]:
        """The outcomes of the rows `first` to `last`, in their order; rows without an outcome are left out."""
        for query in rows_query(reading_id, first, last):
            yield from self._found(query)

    def of_file(self, file: DeviceFile) -> Iterator[DeviceOutcome]:
        """The outcomes of all rows of a file that was read, in their order; rows without an outcome are left out."""
        return self.of_rows(file.reading_id, 1, file.read_counts.total)

    def where(
        self, reading_id: str, equals: Mapping[str, str], first: int, last: int, limit: int
    ) -> Iterator[DeviceOutcome]:
        """At most `limit` outcomes of the rows `first` to `last` with these properties, in the order of the rows."""
        query = Query(
            partition_from=keys.block_key(reading_id, keys.block_of(first)),
            partition_below=keys.block_key(reading_id, keys.block_of(last) + 1),
            row_from=keys.row_key(first),
            row_below=keys.row_key(last + 1),
            equals=equals,
            limit=limit,
        )
        return self._found(query)

    def indexed(self, file: DeviceFile, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        """`outcomes` unchanged, while they are added to the index of serial numbers.

        Rows wait until a bucket has a transaction's worth, which bounds both memory and transactions.
        """
        waiting: dict[str, list[Entity]] = {}
        for outcome in outcomes:
            for mention in _mentions(file, outcome):
                bucket, row = _serial_key(file, mention)
                entities = waiting.setdefault(bucket, [])
                entities.append(to_entity(mention, (bucket, row)))
                if len(entities) == TRANSACTION_ROWS:
                    self._by_serial.upsert(waiting.pop(bucket))
            yield outcome
        for entities in waiting.values():
            self._by_serial.upsert(entities)

    def with_serial(
        self,
        serial_number: str,
        customer_id: str | None = None,
        after: DeviceMention | None = None,
        unreadable: OnUnreadable = raise_unreadable,
    ) -> Iterator[DeviceMention]:
        """Every row of a closed file with this serial number, compared without case.

        With `customer_id`, only rows of this customer; with `after`, only rows behind this one.
        """
        return self._with_name(serial_number, customer_id, after, unreadable)

    def with_serial_or_key(
        self,
        text: str,
        customer_id: str | None = None,
        after: DeviceMention | None = None,
        unreadable: OnUnreadable = raise_unreadable,
    ) -> Iterator[DeviceMention]:
        """As `with_serial`; where no row has the text as its serial number, the rows with it as their product key."""
        rows = self._with_name(text, customer_id, after, unreadable)
        first = next(rows, None)
        if first is not None:
            return chain([first], rows)
        return self._with_name(keys.name_of_product_key(text), customer_id, after, unreadable)

    def _with_name(
        self, name: str, customer_id: str | None, after: DeviceMention | None, unreadable: OnUnreadable
    ) -> Iterator[DeviceMention]:
        prefix = keys.serial_prefix(name) + ("" if customer_id is None else f"{customer_id}~")
        first = prefix
        if after is not None:
            first = f"{keys.serial_row(name, after.customer_id, after.file_id, after.row)}~"
        found = (
            self._by_serial.query(Query(partition=partition, row_from=first, row_below=prefix + "\uffff"))
            for partition in keys.serial_partitions(name)
        )
        for entity in merge(*found, key=lambda entity: str(entity.values[ROW_KEY])):
            try:
                mention = from_entity(entity.values, DeviceMention)
            except UnreadableRecord as record:
                unreadable(record)
            else:
                yield mention

    def with_serials(
        self, serial_numbers: Collection[str], unreadable: OnUnreadable = raise_unreadable
    ) -> Iterator[DeviceMention]:
        """Every row of a closed file with one of these serial numbers, compared without case, in no certain order.

        Serial numbers of one delivery stand side by side: a shard is read once from the first to the last of them,
        unless too much stands in between. So some hundreds of them cost little more than one each.
        """
        yield from self._with_names([serial for serial in serial_numbers if serial], unreadable)

    def with_product_keys(
        self, product_keys: Collection[str], unreadable: OnUnreadable = raise_unreadable
    ) -> Iterator[DeviceMention]:
        """Every row of a closed file with one of these product keys, as `with_serials` finds serial numbers."""
        yield from self._with_names([keys.name_of_product_key(key) for key in product_keys if key], unreadable)

    def _with_names(self, names: Collection[str], unreadable: OnUnreadable) -> Iterator[DeviceMention]:
        wanted = sorted(set(map(keys.serial_prefix, names)))
        if not wanted:
            return
        # Only large files use the buckets, in which every serial number needs a query of its own.
        buckets = Query(partition_from=keys.FIRST_BUCKET, partition_below=keys.BEHIND_BUCKETS, limit=1)
        alone: list[keys.Key] = []
        if next(iter(self._by_serial.query(buckets)), None) is not None:
            alone = sorted({(keys.serial_bucket(each), keys.serial_prefix(each)) for each in names})
        found: list[StoredEntity] = []
        for shard in map(keys.serial_shard, range(keys.SERIAL_SHARDS)):
            between = MOST_BETWEEN_SERIALS + len(wanted)
            query = Query(partition=shard, row_from=wanted[0], row_below=f"{wanted[-1]}\uffff", limit=between)
            entities = list(self._by_serial.query(query))
            if len(entities) < between:
                known = frozenset(wanted)
                found += (entity for entity in entities if _prefix_of(entity) in known)
            else:
                alone += ((shard, prefix) for prefix in wanted)
        for partition, prefix in alone:
            found += self._by_serial.query(Query(partition=partition, row_from=prefix, row_below=f"{prefix}\uffff"))
        for entity in found:
            try:
                yield from_entity(entity.values, DeviceMention)
            except UnreadableRecord as record:
                unreadable(record)

    def delete_reading(self, file: DeviceFile) -> None:
        """Delete the outcomes of the file's reading, which may have left blocks in between empty."""
        partition_from, partition_below = keys.blocks_of(file.reading_id)
        rows = self._table.query(Query(partition_from=partition_from, partition_below=partition_below))
        for _, in_block in groupby(rows, key=lambda entity: key_of(entity)[0]):
            entities = list(in_block)
            outcomes = filter(None, map(_outcome, entities))
            mentions = (mention for outcome in outcomes for mention in _mentions(file, outcome))
            self._by_serial.delete(_serial_key(file, mention) for mention in mentions)
            self._outcomes.delete(map(key_of, entities))

    def _found(self, query: Query) -> Iterator[DeviceOutcome]:
        return filter(None, map(_outcome, self._table.query(query)))


def _prefix_of(entity: StoredEntity) -> str:
    """The prefix of all rows with the serial number of a row of the index."""
    return str(entity.values[ROW_KEY]).partition("~")[0] + "~"


def _outcome(entity: StoredEntity) -> DeviceOutcome | None:
    """The outcome in a row of the table; None when the row's key is of another kind.

    One that this version cannot read stands as `unknown`, with its reason: every other row of the file counts.
    """
    partition, row = key_of(entity)
    number = int(row) if row.isascii() and row.isdecimal() else None
    try:
        outcome = from_entity(entity.values, DeviceOutcome)
        if outcome.row == number:
            return outcome
        unreadable = UnreadableRecord.of(DeviceOutcome, entity.values, "its fields are those of another row")
    except UnreadableRecord as error:
        unreadable = error
    return None if number is None else _standing_in(unreadable, partition.rpartition(".")[0], number)


def _standing_in(unreadable: UnreadableRecord, reading_id: str, row: int) -> DeviceOutcome:
    """The outcome shown in place of an unreadable one, with those of its names that are text."""
    explanation = UNKNOWN_REASONS[UnknownReason.OUTCOME_UNREADABLE]
    return DeviceOutcome(
        reading_id=reading_id,
        row=row,
        outcome=Outcome.UNKNOWN,
        error_code=UnknownReason.OUTCOME_UNREADABLE,
        error_description=explanation.sentence,
        what_to_do=explanation.what_to_do,
        remedy=Remedy.SEND_AGAIN,
        source=unreadable.text("source"),
        serial_number=unreadable.text("serial_number"),
        product_key=unreadable.text("product_key"),
        batch_id=unreadable.text("batch_id"),
        submission=unreadable.text("submission"),
        tracking_id=unreadable.text("tracking_id"),
    )


def rows_query(reading_id: str, first: int, last: int) -> Iterator[Query]:
    """The rows `first` to `last` of a table in blocks, a block at a time."""
    for block in range(keys.block_of(first), keys.block_of(last) + 1):
        yield Query(
            partition=keys.block_key(reading_id, block),
            row_from=keys.row_key(first),
            row_below=keys.row_key(last + 1),
        )


def _mentions(file: DeviceFile, outcome: DeviceOutcome) -> Iterator[DeviceMention]:
    """The row's entries in the index: by its serial number and its product key, as far as it has them."""
    named = ((outcome.serial_number, ""), ("", outcome.product_key)) if file.customer_id is not None else ()
    for serial_number, product_key in named:
        if serial_number or product_key:
            yield DeviceMention(
                serial_number=serial_number,
                product_key=product_key,
                customer_id=file.customer_id or "",
                file_id=file.file_id,
                row=outcome.row,
            )


def _serial_key(file: DeviceFile, mention: DeviceMention) -> keys.Key:
    rows = file.read_counts.total
    return keys.serial_key(_name_in_index(mention), mention.customer_id, mention.file_id, mention.row, rows)


def _name_in_index(mention: DeviceMention) -> str:
    return mention.serial_number or keys.name_of_product_key(mention.product_key)
