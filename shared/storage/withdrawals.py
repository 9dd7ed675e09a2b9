"""Withdrawals: the index of those in progress, and the record of each device to be withdrawn."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice

from shared.storage import keys
from shared.storage.outcomes import rows_query
from shared.storage.record_table import OnUnreadable, RecordTable, Stored, key_of, raise_unreadable
from shared.storage.records import DeviceWithdrawal, WithdrawalMention
from shared.storage.tables import TRANSACTION_ROWS, Query, Table


class Withdrawals:
    """The table of withdrawn devices, and the part of the index of open files that names their files."""

    def __init__(self, devices: Table, open_files: Table) -> None:
        self._table = devices
        self._devices = RecordTable(
            devices, DeviceWithdrawal, lambda device: keys.outcome_key(device.reading_id, device.row)
        )
        self._mentions = RecordTable(
            open_files, WithdrawalMention, lambda mention: keys.withdrawal_key(mention.file_id)
        )

    def enter(self, mention: WithdrawalMention) -> None:
        """Add a file to the index of withdrawals in progress, before its own record is changed."""
        self._mentions.upsert([mention])

    def in_progress(self, unreadable: OnUnreadable = raise_unreadable) -> Iterator[WithdrawalMention]:
        """Every file whose devices are being withdrawn, and sometimes a file whose withdrawal has just ended."""
        mentions = self._mentions.query(Query(partition=keys.WITHDRAWALS), unreadable)
        return (stored.record for stored in mentions)

    def end(self, file_id: str) -> None:
        """Remove a file from the index of withdrawals in progress."""
        self._mentions.delete([keys.withdrawal_key(file_id)])

    def change_devices(self, devices: Iterable[Stored[DeviceWithdrawal]]) -> list[Stored[DeviceWithdrawal]]:
        """Write records of devices, given in the order of their rows; returns each with its new ETag.

        Each replaces the record read with its ETag; a record whose ETag is `NOT_THERE` must not exist yet.

        Raises:
            Conflict: another worker wrote one of them. Some of those before it may be written.
        """
        written = list[Stored[DeviceWithdrawal]]()
        for _, in_block in groupby(devices, key=lambda device: keys.block_of(device.record.row)):
            while group := list(islice(in_block, TRANSACTION_ROWS)):
                written += self._devices.change_all([(device, device.record) for device in group])
        return written

    def devices(
        self, reading_id: str, first: int, last: int, unreadable: OnUnreadable = raise_unreadable
    ) -> Iterator[Stored[DeviceWithdrawal]]:
        """The records of the devices of the rows `first` to `last`, in their order."""
        for query in rows_query(reading_id, first, last):
            yield from self._devices.query(query, unreadable)

    def delete_reading(self, reading_id: str) -> None:
        """Delete the records of the devices of a reading."""
        partition_from, partition_below = keys.blocks_of(reading_id)
        rows = self._table.query(Query(partition_from=partition_from, partition_below=partition_below))
        for _, in_block in groupby(rows, key=lambda entity: key_of(entity)[0]):
            self._table.delete(list(map(key_of, in_block)))
