"""Device files and their indexes, on the fake tables and on Table Storage."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.storage.journal import Journal
from shared.storage.record_table import Conflict
from shared.storage.records import Counts, FileListing
from shared.vocabulary import FileState
from tests.storage.records import CUSTOMER, NOW, device_file


def test_a_file_is_entered_once(journal: Journal) -> None:
    file = device_file()
    first, is_new = journal.files.enter(file)
    again, is_new_again = journal.files.enter(replace(file, received_at=NOW + timedelta(hours=1)))
    assert is_new
    assert not is_new_again
    assert again == first
    assert again.record == file


def test_a_closed_file_that_comes_again_stays_out_of_the_index_of_open_files(journal: Journal) -> None:
    stored, _ = journal.files.enter(device_file())
    again, is_new = journal.files.enter(stored.record)
    assert (again, is_new) == (stored, False)
    assert journal.files.is_open(stored.record.file_id)
    journal.files.change(stored, replace(stored.record, state=FileState.CLOSED))
    journal.files.enter(stored.record)
    assert journal.files.is_open(stored.record.file_id)
    journal.files.no_longer_open(stored.record.file_id)
    journal.files.enter(stored.record)
    assert not journal.files.is_open(stored.record.file_id)


def test_every_field_of_a_file_comes_back(journal: Journal) -> None:
    stored, _ = journal.files.enter(device_file())
    changed = replace(
        stored.record,
        state=FileState.REJECTED,
        submissions=3,
        read_counts=Counts(total=5, rejected=2),
        reason="no_rows",
        reason_text="Nothing in it. Drop another.",
        closed_at=NOW,
        closed_counts=Counts(total=5, registered=3, rejected=2),
        claimed_until=None,
        size=2**40,
        history=("one", "two"),
    )
    journal.files.change(stored, changed)
    known = journal.files.get(CUSTOMER, stored.record.file_id)
    assert known is not None
    assert known.record == changed


def test_of_two_changes_of_one_reading_only_the_first_succeeds(journal: Journal) -> None:
    stored, _ = journal.files.enter(device_file())
    journal.files.change(stored, replace(stored.record, state=FileState.READ))
    with pytest.raises(Conflict):
        journal.files.change(stored, replace(stored.record, state=FileState.GONE))


def test_a_file_without_customer_is_found_again(journal: Journal) -> None:
    stored, _ = journal.files.enter(device_file(customer_id=None))
    assert journal.files.get(None, stored.record.file_id) == stored


def test_open_files_are_those_not_taken_out(journal: Journal) -> None:
    files = [journal.files.enter(device_file())[0].record for _ in range(20)]
    for file in files[5:]:
        journal.files.no_longer_open(file.file_id)
        journal.files.no_longer_open(file.file_id)
    assert {mention.file_id for mention in journal.files.still_open()} == {file.file_id for file in files[:5]}


def test_an_open_file_is_mentioned_with_what_a_list_shows(journal: Journal) -> None:
    file = journal.files.enter(device_file())[0].record
    (mention,) = journal.files.still_open()
    assert (mention.path, mention.name, mention.batch_id) == (file.path, file.name, file.batch_id)


def test_final_files_are_found_by_the_day_they_were_received(journal: Journal) -> None:
    days = (100, 91, 90, 89, 0)
    files = [device_file(received_at=NOW - timedelta(days=day)) for day in days]
    for file in files:
        journal.files.enter_by_time(file)
        journal.files.enter_by_time(file)
    found = list(journal.files.received_before((NOW - timedelta(days=90)).date()))
    assert [listing.file_id for listing in found] == [files[1].file_id, files[0].file_id]


def test_final_files_are_listed_newest_first_with_all_that_a_list_shows(journal: Journal) -> None:
    counts = Counts(total=3, registered=2, rejected=1)
    file = device_file(
        state=FileState.CLOSED, closed_at=NOW, closed_counts=counts, submissions=2, parent="p", reason="r", size=2**40
    )
    older = device_file(received_at=NOW - timedelta(seconds=1), customer_id=None, batch_id=None)
    for each in (older, file):
        journal.files.enter_by_time(each)
    (_, first), (_, second) = journal.files.final()
    assert first == FileListing(
        customer_id=CUSTOMER,
        file_id=file.file_id,
        path=file.path,
        name=file.name,
        batch_id="Test",
        size=2**40,
        state=FileState.CLOSED,
        reason="r",
        received_at=NOW,
        closed_at=NOW,
        counts=counts,
        submissions=2,
        parent="p",
    )
    assert (second.file_id, second.customer_id, second.batch_id) == (older.file_id, None, None)


def test_a_list_of_final_files_goes_on_after_any_place_in_it(journal: Journal) -> None:
    hours = (0, 1, 1, 13, 14, 40, 2_400)
    for hour in hours:
        journal.files.enter_by_time(device_file(received_at=NOW - timedelta(hours=hour)))
    whole = list(journal.files.final())
    assert [listing.received_at for _, listing in whole] == [NOW - timedelta(hours=hour) for hour in hours]
    for number, (place, _) in enumerate(whole, 1):
        assert list(journal.files.final(after=place)) == whole[number:]
        assert list(journal.files.final(after=place, limit=2)) == whole[number : number + 2]


def test_files_are_found_by_how_their_ids_begin_within_their_customer(journal: Journal) -> None:
    files = [
        device_file(file_id=f"{start}-0000-5000-8000-000000000000") for start in ("1a2b3c4d", "1a2b3c4e", "1a2b3c4f")
    ]
    for file in files:
        journal.files.enter(file)
    journal.files.enter(device_file(file_id=files[0].file_id, customer_id="11111111-2222-3333-4444-555555555555"))
    assert list(journal.files.with_id_prefix(CUSTOMER, "1a2b3c4d")) == [files[0]]
    assert list(journal.files.with_id_prefix(CUSTOMER, files[1].file_id)) == [files[1]]
    assert list(journal.files.with_id_prefix(CUSTOMER, "1a2b")) == files
