"""Withdrawals of devices, on the fake tables and on Table Storage."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from shared.storage.journal import Journal
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Withdrawal, WithdrawalMention
from shared.vocabulary import FileState, WithdrawalResult
from tests.storage.records import CUSTOMER, NOW, device_file, withdrawn


def test_what_is_known_of_a_withdrawal_comes_back_with_every_field(journal: Journal) -> None:
    withdrawal = Withdrawal(asked_at=NOW, asked_by="anna", due_at=NOW, total=3, withdrawn=1, next_row=2)
    stored, _ = journal.files.enter(device_file(state=FileState.CLOSED, retry=str(uuid4()), retried_rows=2))
    changed = journal.files.change(stored, replace(stored.record, withdrawal=withdrawal, changes_since_closed=1))
    found = journal.files.get(CUSTOMER, stored.record.file_id)
    assert found is not None
    assert found.record == changed.record
    assert found.record.withdrawal == withdrawal
    device = withdrawn(
        stored.record, 1, result=WithdrawalResult.REFUSED, device_id="d", error_code="811", what_to_do="w", at=NOW
    )
    journal.withdrawals.change_devices([Stored.absent(device)])
    assert [each.record for each in journal.withdrawals.devices(stored.record.reading_id, 1, 5)] == [device]


def test_devices_of_many_blocks_are_written_and_read_in_the_order_of_their_rows(journal: Journal) -> None:
    file = device_file()
    rows = [1, 2, 999, 1000, 1001, 1500, 3001]
    devices = [withdrawn(file, row) for row in rows]
    written = journal.withdrawals.change_devices(Stored.absent(device) for device in devices)
    assert [each.record for each in written] == devices
    assert list(journal.withdrawals.devices(file.reading_id, 1, 4000)) == written
    assert [each.record.row for each in journal.withdrawals.devices(file.reading_id, 2, 1001)] == rows[1:5]
    other = device_file()
    many = [withdrawn(other, row) for row in range(1, 251)]
    assert len(journal.withdrawals.change_devices(Stored.absent(device) for device in many)) == 250


def test_a_device_is_only_written_over_what_was_read(journal: Journal) -> None:
    file = device_file()
    (first,) = journal.withdrawals.change_devices([Stored.absent(withdrawn(file, 1))])
    (second,) = journal.withdrawals.change_devices([first.holding(withdrawn(file, 1, device_id="d"))])
    for late in (Stored.absent(withdrawn(file, 1)), first):
        with pytest.raises(Conflict):
            journal.withdrawals.change_devices([late.holding(withdrawn(file, 1, device_id="late"))])
    assert list(journal.withdrawals.devices(file.reading_id, 1, 1)) == [second]


def test_withdrawals_under_way_are_those_not_ended_and_are_no_open_files(journal: Journal) -> None:
    mentions = [WithdrawalMention(customer_id=CUSTOMER, file_id=str(uuid4()), asked_at=NOW) for _ in range(3)]
    for mention in mentions:
        journal.withdrawals.enter(mention)
        journal.withdrawals.enter(mention)
    journal.withdrawals.end(mentions[0].file_id)
    journal.withdrawals.end(mentions[0].file_id)
    found = {mention.file_id for mention in journal.withdrawals.in_progress()}
    assert found == {mention.file_id for mention in mentions[1:]}
    assert list(journal.files.still_open()) == []
