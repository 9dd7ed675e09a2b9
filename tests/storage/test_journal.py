"""The journal as a whole, on the fake tables and on Table Storage."""

from datetime import timedelta

from msgspec.structs import replace

from shared.storage.journal import Journal
from shared.storage.record_table import Stored
from shared.storage.records import Counts, Withdrawal, WithdrawalMention
from shared.vocabulary import FileState
from tests.storage.records import CUSTOMER, NOW, device_file, entered, outcome_of, submission_of, withdrawn


def test_a_forgotten_file_leaves_nothing(journal: Journal) -> None:
    file = device_file(read_counts=Counts(total=3), reading=2)
    journal.files.enter(file)
    earlier = replace(file, reading=1)
    entered(journal, submission_of(earlier))
    journal.outcomes.write([outcome_of(earlier, 1)])
    journal.files.enter_by_time(file)
    entered(journal, submission_of(file))
    outcomes = [outcome_of(file, row) for row in (1, 2, 3)]
    journal.outcomes.write(outcomes)
    list(journal.outcomes.indexed(file, outcomes))
    journal.forget_file(file)
    journal.forget_file(file)
    assert journal.files.get(CUSTOMER, file.file_id) is None
    assert list(journal.submissions.of_reading(file.reading_id)) == []
    assert list(journal.outcomes.of_rows(file.reading_id, 1, 3)) == []
    assert list(journal.outcomes.of_rows(earlier.reading_id, 1, 3)) == []
    assert list(journal.submissions.of_reading(earlier.reading_id)) == []
    assert list(journal.outcomes.with_serial("SN-1")) == []
    assert list(journal.files.still_open()) == []
    assert list(journal.files.received_before((NOW + timedelta(days=9)).date())) == []


def test_a_forgotten_file_takes_its_withdrawal_along(journal: Journal) -> None:
    file = device_file(state=FileState.CLOSED, withdrawal=Withdrawal(asked_at=NOW, due_at=NOW, total=1))
    journal.files.enter(file)
    journal.withdrawals.enter(WithdrawalMention(customer_id=CUSTOMER, file_id=file.file_id, asked_at=NOW))
    journal.withdrawals.change_devices(Stored.absent(withdrawn(file, row)) for row in (1, 2, 1001))
    other = device_file()
    journal.withdrawals.change_devices([Stored.absent(withdrawn(other, 1))])
    journal.forget_file(file)
    assert list(journal.withdrawals.devices(file.reading_id, 1, 2000)) == []
    assert list(journal.withdrawals.in_progress()) == []
    assert len(list(journal.withdrawals.devices(other.reading_id, 1, 1))) == 1
