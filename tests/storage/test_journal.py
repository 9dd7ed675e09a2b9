"""The journal, on the fake tables and on Table Storage."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from local.in_memory_storage import InMemoryTable
from shared.storage.codec import packed, unpacked
from shared.storage.connection import StorageClients
from shared.storage.journal import Journal, TableName
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import (
    AnswerIds,
    Batch,
    BatchState,
    Counts,
    DeviceFile,
    DeviceOutcome,
    DeviceWithdrawal,
    FileListing,
    Gate,
    JournaledRequest,
    RequestKind,
    ServiceFault,
    Submission,
    Withdrawal,
    WithdrawalMention,
)
from shared.storage.submissions import SubmissionEntry
from shared.storage.tables import Entity, Table, grouped
from shared.vocabulary import FileState, Outcome, SubmissionState, WithdrawalResult
from tests.storage.conftest import KINDS

NOW = datetime(2026, 11, 20, 12, 0, 0, 123000, tzinfo=UTC)
CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest) -> Journal:
    made: Callable[[TableName], Table]
    if request.param == "memory":
        made = _in_memory
    else:
        clients: StorageClients = request.getfixturevalue("clients")
        prefix = f"t{uuid4().hex}"
        made = lambda name: clients.table(prefix + name)  # noqa: E731
    journal = Journal(made)
    journal.prepare()
    journal.prepare()
    return journal


def _in_memory(_name: TableName) -> Table:
    return InMemoryTable()


def _file(**changes: object) -> DeviceFile:
    return replace(
        DeviceFile(
            customer_id=CUSTOMER,
            file_id=str(uuid4()),
            path=f"{CUSTOMER}/Test/devices.csv",
            etag="0x8",
            name="devices.csv",
            batch_id="Test",
            size=10,
            state=FileState.RECEIVED,
            received_at=NOW,
            due_at=NOW + timedelta(minutes=5),
            claimed_until=NOW + timedelta(minutes=5),
            devices_per_submission=500,
            default_batch=None,
            history=("2026-11-20 12:00:00 Received.",),
        ),
        **changes,
    )


def _submission(file: DeviceFile, number: str = "1", **changes: object) -> Submission:
    return replace(
        Submission(
            file_id=file.file_id,
            reading_id=file.reading_id,
            number=number,
            customer_id=CUSTOMER,
            batch_id="Test",
            devices=2,
            payload=f"{file.file_id}/1/{number}.json",
            rows=None,
            first_row=1,
            last_row=2,
            payload_digest="d1",
            state=SubmissionState.PENDING,
            due_at=NOW,
        ),
        **changes,
    )


def _enter(journal: Journal, submission: Submission) -> Stored[Submission]:
    (stored,) = journal.submissions.add([SubmissionEntry(submission, packed(b"[]"))])
    return stored


def _outcome(file: DeviceFile, row: int, **changes: object) -> DeviceOutcome:
    outcome = DeviceOutcome(
        reading_id=file.reading_id, row=row, outcome=Outcome.REGISTERED, serial_number=f"SN-{row}", batch_id="Test"
    )
    return replace(outcome, **changes)


def test_a_file_is_entered_once(journal: Journal) -> None:
    file = _file()
    first, is_new = journal.files.enter(file)
    again, is_new_again = journal.files.enter(replace(file, received_at=NOW + timedelta(hours=1)))
    assert is_new
    assert not is_new_again
    assert again == first
    assert again.record == file


def test_a_closed_file_that_comes_again_stays_out_of_the_index_of_open_files(journal: Journal) -> None:
    stored, _ = journal.files.enter(_file())
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
    stored, _ = journal.files.enter(_file())
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
    stored, _ = journal.files.enter(_file())
    journal.files.change(stored, replace(stored.record, state=FileState.READ))
    with pytest.raises(Conflict):
        journal.files.change(stored, replace(stored.record, state=FileState.GONE))


def test_a_file_without_customer_is_found_again(journal: Journal) -> None:
    stored, _ = journal.files.enter(_file(customer_id=None))
    assert journal.files.get(None, stored.record.file_id) == stored


def test_open_files_are_those_not_taken_out(journal: Journal) -> None:
    files = [journal.files.enter(_file())[0].record for _ in range(20)]
    for file in files[5:]:
        journal.files.no_longer_open(file.file_id)
        journal.files.no_longer_open(file.file_id)
    assert {mention.file_id for mention in journal.files.still_open()} == {file.file_id for file in files[:5]}


def test_an_open_file_is_mentioned_with_what_a_list_shows(journal: Journal) -> None:
    file = journal.files.enter(_file())[0].record
    (mention,) = journal.files.still_open()
    assert (mention.path, mention.name, mention.batch_id) == (file.path, file.name, file.batch_id)


def test_final_files_are_found_by_the_day_they_were_received(journal: Journal) -> None:
    days = (100, 91, 90, 89, 0)
    files = [_file(received_at=NOW - timedelta(days=day)) for day in days]
    for file in files:
        journal.files.enter_by_time(file)
        journal.files.enter_by_time(file)
    found = list(journal.files.received_before((NOW - timedelta(days=90)).date()))
    assert [listing.file_id for listing in found] == [files[1].file_id, files[0].file_id]


def test_final_files_are_listed_newest_first_with_all_that_a_list_shows(journal: Journal) -> None:
    counts = Counts(total=3, registered=2, rejected=1)
    file = _file(
        state=FileState.CLOSED, closed_at=NOW, closed_counts=counts, submissions=2, parent="p", reason="r", size=2**40
    )
    older = _file(received_at=NOW - timedelta(seconds=1), customer_id=None, batch_id=None)
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
        journal.files.enter_by_time(_file(received_at=NOW - timedelta(hours=hour)))
    whole = list(journal.files.final())
    assert [listing.received_at for _, listing in whole] == [NOW - timedelta(hours=hour) for hour in hours]
    for number, (place, _) in enumerate(whole, 1):
        assert list(journal.files.final(after=place)) == whole[number:]
        assert list(journal.files.final(after=place, limit=2)) == whole[number : number + 2]


def test_every_field_of_a_submission_comes_back(journal: Journal) -> None:
    file = _file()
    _enter(journal, _submission(file))
    stored = journal.submissions.get(file.reading_id, "1")
    assert stored is not None
    changed = replace(
        stored.record,
        state=SubmissionState.ACCEPTED,
        sequence=4,
        attempts=2,
        request=JournaledRequest(
            kind=RequestKind.CREATE,
            method="POST",
            url="https://x",
            batch_id="Test",
            request_id="r",
            correlation_id="k",
            sent_at=NOW,
        ),
        create_refused=ServiceFault(code="409", description="exists"),
        first_sent_at=NOW,
        answer_lost=True,
        tracking_id="t",
        accepted_at=NOW,
        deadline_at=NOW,
        polled_at=NOW,
        job_status="processing",
        written=1,
        counts=Counts(registered=1),
        last_answer="x" * 100,
        answer_ids=AnswerIds(request_id="a", server_id="b"),
        history=("one",),
    )
    journal.submissions.change(stored, changed)
    known = journal.submissions.get(file.reading_id, "1")
    assert known is not None
    assert known.record == changed


def test_what_a_late_reader_writes_stands_beside_what_counts(journal: Journal) -> None:
    file = _file()
    again = replace(file, reading=2)
    _enter(journal, _submission(again))
    journal.outcomes.write([_outcome(again, 1)])
    _enter(journal, _submission(file, payload_digest="late"))
    journal.outcomes.write([_outcome(file, 1, outcome=Outcome.REJECTED)])
    stored = journal.submissions.get(again.reading_id, "1")
    assert stored is not None
    assert stored.record.payload_digest == "d1"
    assert [outcome.outcome for outcome in journal.outcomes.of_rows(again.reading_id, 1, 1)] == [Outcome.REGISTERED]


def test_a_split_submission_and_its_halves_appear_together_or_not_at_all(journal: Journal) -> None:
    file = _file()
    _enter(journal, _submission(file))
    stored = journal.submissions.get(file.reading_id, "1")
    assert stored is not None
    split = replace(stored.record, state=SubmissionState.SPLIT)
    halves = [SubmissionEntry(_submission(file, number), packed(number.encode())) for number in ("1-0", "1-1")]
    journal.submissions.split(stored, split, halves)
    with pytest.raises(Conflict):
        journal.submissions.split(stored, split, [SubmissionEntry(_submission(file, "1-2"), None)])
    assert [known.record.number for known in journal.submissions.of_reading(file.reading_id)] == ["1", "1-0", "1-1"]


def test_the_rows_of_a_submission_come_back_with_it_and_alone(journal: Journal) -> None:
    file, rows = _file(), {"1": random.Random(1).randbytes(60_000), "2": b"[]", "2-0": b"[1]"}
    for number, content in rows.items():
        journal.submissions.add([SubmissionEntry(_submission(file, number), packed(content))])
    journal.submissions.add([SubmissionEntry(_submission(file, "3", rows="a/blob"), None)])
    named = journal.submissions.named(file.reading_id, ["1", "2", "2-0", "3", "4"])
    assert {number: each.rows and unpacked(each.rows) for number, each in named.items()} == {**rows, "3": None}
    alone = journal.submissions.rows(file.reading_id, "2-0")
    assert alone is not None
    assert unpacked(alone) == b"[1]"
    assert journal.submissions.rows(file.reading_id, "3") is None


def test_rows_that_are_too_large_for_the_journal_are_not_packed() -> None:
    assert packed(random.Random(1).randbytes(80_000)) is None


def test_submissions_far_apart_are_found_as_well_as_neighbours(journal: Journal) -> None:
    file = _file()
    journal.submissions.add([SubmissionEntry(_submission(file, str(number)), None) for number in range(1, 31)])
    for numbers in (["4"], ["4", "5"], ["30", "1"], ["5", "31"], ["31"]):
        named = journal.submissions.named(file.reading_id, numbers)
        assert sorted(named) == sorted(number for number in numbers if number != "31")
        assert all(each.stored == journal.submissions.get(file.reading_id, number) for number, each in named.items())


def test_submissions_change_together_or_not_at_all(journal: Journal) -> None:
    file = _file()
    entries = [SubmissionEntry(_submission(file, str(number)), packed(b"[]")) for number in (1, 2)]
    stored = journal.submissions.add(entries)
    changed = journal.submissions.change_all([(each, replace(each.record, sequence=1)) for each in stored])
    assert [each.record.sequence for each in changed] == [1, 1]
    assert list(journal.submissions.of_reading(file.reading_id)) == changed
    journal.submissions.change(changed[0], replace(changed[0].record, sequence=2))
    with pytest.raises(Conflict):
        journal.submissions.change_all([(each, replace(each.record, sequence=7)) for each in changed])
    assert [each.record.sequence for each in journal.submissions.of_reading(file.reading_id)] == [2, 1]


def test_a_gate_is_closed_once_and_opened_only_as_it_was_read(journal: Journal) -> None:
    gate = Gate(scope="partner", closed_until=NOW, reason="Busy.")
    stored = journal.gates.change(None, gate)
    with pytest.raises(Conflict):
        journal.gates.change(None, gate)
    again = journal.gates.change(stored, replace(gate, failures=2))
    with pytest.raises(Conflict):
        journal.gates.open(stored)
    journal.gates.open(again)
    assert journal.gates.closed() == {}


def test_submissions_come_by_number_and_only_the_open_ones_when_asked(journal: Journal) -> None:
    file = _file()
    for number in ("1", "2", "10"):
        _enter(journal, _submission(file, number))
    stored = journal.submissions.get(file.reading_id, "2")
    assert stored is not None
    journal.submissions.change(stored, replace(stored.record, state=SubmissionState.FINISHED))
    assert [known.record.number for known in journal.submissions.of_reading(file.reading_id)] == ["1", "2", "10"]
    assert [known.record.number for known in journal.submissions.still_open(file.reading_id)] == ["1", "10"]
    assert len(list(journal.submissions.still_open(file.reading_id, limit=1))) == 1


def test_outcomes_come_in_the_order_of_rows_over_all_blocks(journal: Journal) -> None:
    file = _file()
    journal.outcomes.write(_outcome(file, row) for row in range(1, 2_206, 5))
    rows = [outcome.row for outcome in journal.outcomes.of_rows(file.reading_id, 6, 2_201)]
    assert rows == list(range(6, 2_202, 5))


def test_the_blocks_end_at_a_thousand_rows(journal: Journal) -> None:
    file = _file()
    journal.outcomes.write([_outcome(file, 1_000), _outcome(file, 1_001)])
    assert [outcome.row for outcome in journal.outcomes.of_rows(file.reading_id, 1_000, 1_000)] == [1_000]
    assert [outcome.row for outcome in journal.outcomes.of_rows(file.reading_id, 1_001, 1_001)] == [1_001]


def test_a_cell_of_any_text_comes_back(journal: Journal) -> None:
    file = _file()
    outcome = _outcome(file, 1, serial_number="a/b\\c#?\t'%~ä", manufacturer="<script>", model="=1+1")
    journal.outcomes.write([outcome])
    assert list(journal.outcomes.of_rows(file.reading_id, 1, 1)) == [outcome]


def test_a_device_is_found_by_its_serial_number_whatever_its_case(journal: Journal) -> None:
    file = _file()
    outcomes = [_outcome(file, row, serial_number=f"Ab/{row % 10}") for row in range(1, 31)]
    assert list(journal.outcomes.indexed(file, outcomes)) == outcomes
    found = sorted(mention.row for mention in journal.outcomes.with_serial("aB/3"))
    assert found == [3, 13, 23]
    assert list(journal.outcomes.with_serial("aB/")) == []


def test_a_device_is_found_in_small_and_large_files_alike_and_forgotten_with_each(journal: Journal) -> None:
    sizes = (1, 30, 5_000, 19_999, 20_000, 1_000_000)
    files = [_file(read_counts=Counts(total=size)) for size in sizes]
    for file in files:
        outcomes = [_outcome(file, row, serial_number=f"S{row}") for row in range(1, 31)]
        journal.outcomes.write(outcomes)
        list(journal.outcomes.indexed(file, outcomes))
    assert [mention.file_id for mention in journal.outcomes.with_serial("s7")] == sorted(file.file_id for file in files)
    (first, *others) = journal.outcomes.with_serial("S30", CUSTOMER)
    assert list(journal.outcomes.with_serial("S30", CUSTOMER, after=first)) == others
    for file in files:
        journal.forget_file(file)
    assert [list(journal.outcomes.with_serial(f"S{row}")) for row in range(1, 31)] == [[]] * 30


def test_the_index_of_a_small_file_takes_a_transaction_for_a_hundred_rows() -> None:
    table = CountsUpserts()
    journal = Journal(lambda name: table if name is TableName.DEVICES_BY_SERIAL else InMemoryTable())
    file = _file(read_counts=Counts(total=1_000))
    list(journal.outcomes.indexed(file, [_outcome(file, row) for row in range(1, 1_001)]))
    assert table.groups == [100] * 10


class CountsUpserts(InMemoryTable):
    """A table that counts the rows of each transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []

    def upsert(self, entities: Iterable[Entity]) -> None:
        for group in grouped(entities):
            self.groups.append(len(group))
            super().upsert(group)


def test_a_very_long_serial_number_is_found_too(journal: Journal) -> None:
    file = _file()
    outcomes = [_outcome(file, row, serial_number="S" * 700 + str(row)) for row in (1, 2)]
    list(journal.outcomes.indexed(file, outcomes))
    assert [mention.row for mention in journal.outcomes.with_serial("s" * 700 + "2")] == [2]


def test_a_forgotten_file_leaves_nothing(journal: Journal) -> None:
    file = _file(read_counts=Counts(total=3), reading=2)
    journal.files.enter(file)
    earlier = replace(file, reading=1)
    _enter(journal, _submission(earlier))
    journal.outcomes.write([_outcome(earlier, 1)])
    journal.files.enter_by_time(file)
    _enter(journal, _submission(file))
    outcomes = [_outcome(file, row) for row in (1, 2, 3)]
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


def test_one_batch_in_two_spellings_is_one_batch_and_has_one_claimant(journal: Journal) -> None:
    batch = Batch(customer_id=CUSTOMER, batch_id="Sales", state=BatchState.LOOKING, claimed_by="f/1", claimed_until=NOW)
    claimed = journal.batches.change(None, batch)
    with pytest.raises(Conflict):
        journal.batches.change(None, replace(batch, batch_id="SALES", claimed_by="g/1"))
    journal.batches.change(claimed, replace(batch, batch_id="SaLeS", state=BatchState.KNOWN))
    known = journal.batches.get(CUSTOMER, "sales")
    assert known is not None
    assert known.record.batch_id == "SaLeS"


# --- withdrawals


def _withdrawn(file: DeviceFile, row: int, **changes: object) -> DeviceWithdrawal:
    return replace(DeviceWithdrawal(reading_id=file.reading_id, row=row, run=1, batch_id="Test"), **changes)


def test_what_is_known_of_a_withdrawal_comes_back_with_every_field(journal: Journal) -> None:
    withdrawal = Withdrawal(asked_at=NOW, asked_by="anna", due_at=NOW, total=3, withdrawn=1, next_row=2)
    stored, _ = journal.files.enter(_file(state=FileState.CLOSED, retry=str(uuid4()), retried_rows=2))
    changed = journal.files.change(stored, replace(stored.record, withdrawal=withdrawal, changes_since_closed=1))
    found = journal.files.get(CUSTOMER, stored.record.file_id)
    assert found is not None
    assert found.record == changed.record
    assert found.record.withdrawal == withdrawal
    device = _withdrawn(
        stored.record, 1, result=WithdrawalResult.REFUSED, device_id="d", error_code="811", what_to_do="w", at=NOW
    )
    journal.withdrawals.change_devices([Stored.absent(device)])
    assert [each.record for each in journal.withdrawals.devices(stored.record.reading_id, 1, 5)] == [device]


def test_devices_of_many_blocks_are_written_and_read_in_the_order_of_their_rows(journal: Journal) -> None:
    file = _file()
    rows = [1, 2, 999, 1000, 1001, 1500, 3001]
    devices = [_withdrawn(file, row) for row in rows]
    written = journal.withdrawals.change_devices(Stored.absent(device) for device in devices)
    assert [each.record for each in written] == devices
    assert list(journal.withdrawals.devices(file.reading_id, 1, 4000)) == written
    assert [each.record.row for each in journal.withdrawals.devices(file.reading_id, 2, 1001)] == rows[1:5]
    other = _file()
    many = [_withdrawn(other, row) for row in range(1, 251)]
    assert len(journal.withdrawals.change_devices(Stored.absent(device) for device in many)) == 250


def test_a_device_is_only_written_over_what_was_read(journal: Journal) -> None:
    file = _file()
    (first,) = journal.withdrawals.change_devices([Stored.absent(_withdrawn(file, 1))])
    (second,) = journal.withdrawals.change_devices([first.holding(_withdrawn(file, 1, device_id="d"))])
    for late in (Stored.absent(_withdrawn(file, 1)), first):
        with pytest.raises(Conflict):
            journal.withdrawals.change_devices([late.holding(_withdrawn(file, 1, device_id="late"))])
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


def test_a_forgotten_file_takes_its_withdrawal_along(journal: Journal) -> None:
    file = _file(state=FileState.CLOSED, withdrawal=Withdrawal(asked_at=NOW, due_at=NOW, total=1))
    journal.files.enter(file)
    journal.withdrawals.enter(WithdrawalMention(customer_id=CUSTOMER, file_id=file.file_id, asked_at=NOW))
    journal.withdrawals.change_devices(Stored.absent(_withdrawn(file, row)) for row in (1, 2, 1001))
    other = _file()
    journal.withdrawals.change_devices([Stored.absent(_withdrawn(other, 1))])
    journal.forget_file(file)
    assert list(journal.withdrawals.devices(file.reading_id, 1, 2000)) == []
    assert list(journal.withdrawals.in_progress()) == []
    assert len(list(journal.withdrawals.devices(other.reading_id, 1, 1))) == 1


def test_files_are_found_by_how_their_ids_begin_within_their_customer(journal: Journal) -> None:
    files = [_file(file_id=f"{start}-0000-5000-8000-000000000000") for start in ("1a2b3c4d", "1a2b3c4e", "1a2b3c4f")]
    for file in files:
        journal.files.enter(file)
    journal.files.enter(_file(file_id=files[0].file_id, customer_id="11111111-2222-3333-4444-555555555555"))
    assert list(journal.files.with_id_prefix(CUSTOMER, "1a2b3c4d")) == [files[0]]
    assert list(journal.files.with_id_prefix(CUSTOMER, files[1].file_id)) == [files[1]]
    assert list(journal.files.with_id_prefix(CUSTOMER, "1a2b")) == files
