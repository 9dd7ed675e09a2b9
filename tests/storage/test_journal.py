"""The journal, on the fake tables and on Table Storage."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from shared.storage.connection import StorageClients
from shared.storage.journal import Journal, JournalChanged, TableName
from shared.storage.records import (
    AnswerIds,
    Batch,
    BatchState,
    Counts,
    DeviceFile,
    DeviceOutcome,
    Gate,
    JournaledRequest,
    RequestKind,
    ServiceFault,
    Submission,
)
from shared.storage.tables import AzureTable, Table
from shared.vocabulary import FileState, Outcome, SubmissionState
from tests.storage.conftest import KINDS
from tests.storage.fakes import InMemoryTable

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
        made = lambda name: AzureTable(clients.tables.get_table_client(prefix + name))  # noqa: E731
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
            rows=f"{file.file_id}/1/{number}.rows.json",
            first_row=1,
            last_row=2,
            payload_digest="d1",
            state=SubmissionState.PENDING,
            due_at=NOW,
        ),
        **changes,
    )


def _outcome(file: DeviceFile, row: int, **changes: object) -> DeviceOutcome:
    outcome = DeviceOutcome(
        reading_id=file.reading_id, row=row, outcome=Outcome.REGISTERED, serial_number=f"SN-{row}", batch_id="Test"
    )
    return replace(outcome, **changes)


def test_a_file_is_entered_once(journal: Journal) -> None:
    file = _file()
    first, is_new = journal.open_file(file)
    again, is_new_again = journal.open_file(replace(file, received_at=NOW + timedelta(hours=1)))
    assert is_new
    assert not is_new_again
    assert again == first
    assert again.record == file


def test_every_field_of_a_file_comes_back(journal: Journal) -> None:
    stored, _ = journal.open_file(_file())
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
    journal.change_file(stored, changed)
    known = journal.file(CUSTOMER, stored.record.file_id)
    assert known is not None
    assert known.record == changed


def test_of_two_changes_of_one_reading_only_the_first_succeeds(journal: Journal) -> None:
    stored, _ = journal.open_file(_file())
    journal.change_file(stored, replace(stored.record, state=FileState.READ))
    with pytest.raises(JournalChanged):
        journal.change_file(stored, replace(stored.record, state=FileState.GONE))


def test_a_file_without_customer_is_found_again(journal: Journal) -> None:
    stored, _ = journal.open_file(_file(customer_id=None))
    assert journal.file(None, stored.record.file_id) == stored


def test_open_files_are_those_not_taken_out(journal: Journal) -> None:
    files = [journal.open_file(_file())[0].record for _ in range(20)]
    for file in files[5:]:
        journal.no_longer_open(file.file_id)
        journal.no_longer_open(file.file_id)
    assert {mention.file_id for mention in journal.open_files()} == {file.file_id for file in files[:5]}


def test_files_are_found_by_the_day_they_were_received(journal: Journal) -> None:
    old, new = _file(received_at=NOW - timedelta(days=100)), _file()
    for file in (old, new):
        journal.open_file(file)
        journal.enter_by_time(file)
        journal.enter_by_time(file)
    found = list(journal.files_received_before((NOW - timedelta(days=90)).date()))
    assert [mention.file_id for mention in found] == [old.file_id]


def test_every_field_of_a_submission_comes_back(journal: Journal) -> None:
    file = _file()
    journal.add_submission(_submission(file))
    stored = journal.submission(file.reading_id, "1")
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
        looked_at=NOW,
        job_status="processing",
        written=1,
        counts=Counts(registered=1),
        last_answer="x" * 100,
        answer_ids=AnswerIds(request_id="a", server_id="b"),
        history=("one",),
    )
    journal.change_submission(stored, changed)
    known = journal.submission(file.reading_id, "1")
    assert known is not None
    assert known.record == changed


def test_what_a_late_reader_writes_stands_beside_what_counts(journal: Journal) -> None:
    file = _file()
    again = replace(file, reading=2)
    journal.add_submission(_submission(again))
    journal.write_outcomes([_outcome(again, 1)])
    journal.add_submission(_submission(file, payload_digest="late"))
    journal.write_outcomes([_outcome(file, 1, outcome=Outcome.REJECTED)])
    stored = journal.submission(again.reading_id, "1")
    assert stored is not None
    assert stored.record.payload_digest == "d1"
    assert [outcome.outcome for outcome in journal.outcomes(again.reading_id, 1, 1)] == [Outcome.REGISTERED]


def test_a_split_submission_and_its_halves_appear_together_or_not_at_all(journal: Journal) -> None:
    file = _file()
    journal.add_submission(_submission(file))
    stored = journal.submission(file.reading_id, "1")
    assert stored is not None
    split = replace(stored.record, state=SubmissionState.SPLIT)
    halves = [_submission(file, "1-0"), _submission(file, "1-1")]
    journal.split_submission(stored, split, halves)
    with pytest.raises(JournalChanged):
        journal.split_submission(stored, split, [_submission(file, "1-2")])
    assert [known.record.number for known in journal.submissions(file.reading_id)] == ["1", "1-0", "1-1"]


def test_a_gate_is_closed_once_and_opened_only_as_it_was_read(journal: Journal) -> None:
    gate = Gate(scope="partner", closed_until=NOW, reason="Busy.")
    stored = journal.change_gate(None, gate)
    with pytest.raises(JournalChanged):
        journal.change_gate(None, gate)
    again = journal.change_gate(stored, replace(gate, failures=2))
    with pytest.raises(JournalChanged):
        journal.open_gate(stored)
    journal.open_gate(again)
    assert journal.gates() == {}


def test_submissions_come_by_number_and_only_the_open_ones_when_asked(journal: Journal) -> None:
    file = _file()
    for number in ("1", "2", "10"):
        journal.add_submission(_submission(file, number))
    stored = journal.submission(file.reading_id, "2")
    assert stored is not None
    journal.change_submission(stored, replace(stored.record, state=SubmissionState.FINISHED))
    assert [known.record.number for known in journal.submissions(file.reading_id)] == ["1", "2", "10"]
    assert [known.record.number for known in journal.open_submissions(file.reading_id)] == ["1", "10"]
    assert len(list(journal.open_submissions(file.reading_id, limit=1))) == 1


def test_outcomes_come_in_the_order_of_rows_over_all_blocks(journal: Journal) -> None:
    file = _file()
    journal.write_outcomes(_outcome(file, row) for row in range(1, 2_206, 5))
    rows = [outcome.row for outcome in journal.outcomes(file.reading_id, 6, 2_201)]
    assert rows == list(range(6, 2_202, 5))


def test_the_blocks_end_at_a_thousand_rows(journal: Journal) -> None:
    file = _file()
    journal.write_outcomes([_outcome(file, 1_000), _outcome(file, 1_001)])
    assert [outcome.row for outcome in journal.outcomes(file.reading_id, 1_000, 1_000)] == [1_000]
    assert [outcome.row for outcome in journal.outcomes(file.reading_id, 1_001, 1_001)] == [1_001]


def test_a_cell_of_any_text_comes_back(journal: Journal) -> None:
    file = _file()
    outcome = _outcome(file, 1, serial_number="a/b\\c#?\t'%~ä", manufacturer="<script>", model="=1+1")
    journal.write_outcomes([outcome])
    assert list(journal.outcomes(file.reading_id, 1, 1)) == [outcome]


def test_a_device_is_found_by_its_serial_number_whatever_its_case(journal: Journal) -> None:
    file = _file()
    outcomes = [_outcome(file, row, serial_number=f"Ab/{row % 10}") for row in range(1, 31)]
    assert list(journal.indexed(file, outcomes)) == outcomes
    found = sorted(mention.row for mention in journal.devices_of_serial("aB/3"))
    assert found == [3, 13, 23]
    assert list(journal.devices_of_serial("aB/")) == []


def test_a_very_long_serial_number_is_found_too(journal: Journal) -> None:
    file = _file()
    outcomes = [_outcome(file, row, serial_number="S" * 700 + str(row)) for row in (1, 2)]
    list(journal.indexed(file, outcomes))
    assert [mention.row for mention in journal.devices_of_serial("s" * 700 + "2")] == [2]


def test_a_forgotten_file_leaves_nothing(journal: Journal) -> None:
    file = _file(read_counts=Counts(total=3), reading=2)
    journal.open_file(file)
    earlier = replace(file, reading=1)
    journal.add_submission(_submission(earlier))
    journal.write_outcomes([_outcome(earlier, 1)])
    journal.enter_by_time(file)
    journal.add_submission(_submission(file))
    outcomes = [_outcome(file, row) for row in (1, 2, 3)]
    journal.write_outcomes(outcomes)
    list(journal.indexed(file, outcomes))
    journal.forget_file(file)
    journal.forget_file(file)
    assert journal.file(CUSTOMER, file.file_id) is None
    assert list(journal.submissions(file.reading_id)) == []
    assert list(journal.outcomes(file.reading_id, 1, 3)) == []
    assert list(journal.outcomes(earlier.reading_id, 1, 3)) == []
    assert list(journal.submissions(earlier.reading_id)) == []
    assert list(journal.devices_of_serial("SN-1")) == []
    assert list(journal.open_files()) == []
    assert list(journal.files_received_before((NOW + timedelta(days=9)).date())) == []


def test_one_batch_in_two_spellings_is_one_batch_and_has_one_claimant(journal: Journal) -> None:
    batch = Batch(customer_id=CUSTOMER, batch_id="Sales", state=BatchState.LOOKING, claimed_by="f/1", claimed_until=NOW)
    claimed = journal.change_batch(None, batch)
    with pytest.raises(JournalChanged):
        journal.change_batch(None, replace(batch, batch_id="SALES", claimed_by="g/1"))
    journal.change_batch(claimed, replace(batch, batch_id="SaLeS", state=BatchState.KNOWN))
    known = journal.batch(CUSTOMER, "sales")
    assert known is not None
    assert known.record.batch_id == "SaLeS"
