"""Submissions and their packed rows, on the fake tables and on Table Storage."""

import random

import pytest
from msgspec.structs import replace

from shared.storage.codec import packed, unpacked
from shared.storage.journal import Journal
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import AnswerIds, Counts, JournaledRequest, RequestKind, ServiceFault
from shared.storage.submissions import SubmissionEntry
from shared.vocabulary import Outcome, SubmissionState
from tests.storage.records import NOW, device_file, entered, outcome_of, submission_of


def test_every_field_of_a_submission_comes_back(journal: Journal) -> None:
    file = device_file()
    entered(journal, submission_of(file))
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
    file = device_file()
    again = replace(file, reading=2)
    entered(journal, submission_of(again))
    journal.outcomes.write([outcome_of(again, 1)])
    entered(journal, submission_of(file, payload_digest="late"))
    journal.outcomes.write([outcome_of(file, 1, outcome=Outcome.REJECTED)])
    stored = journal.submissions.get(again.reading_id, "1")
    assert stored is not None
    assert stored.record.payload_digest == "d1"
    assert [outcome.outcome for outcome in journal.outcomes.of_rows(again.reading_id, 1, 1)] == [Outcome.REGISTERED]


def test_a_split_submission_and_its_halves_appear_together_or_not_at_all(journal: Journal) -> None:
    file = device_file()
    entered(journal, submission_of(file))
    stored = journal.submissions.get(file.reading_id, "1")
    assert stored is not None
    split = replace(stored.record, state=SubmissionState.SPLIT)
    halves = [SubmissionEntry(submission_of(file, number), packed(number.encode())) for number in ("1-0", "1-1")]
    journal.submissions.change_and_add(stored, split, halves)
    with pytest.raises(Conflict):
        journal.submissions.change_and_add(stored, split, [SubmissionEntry(submission_of(file, "1-2"), None)])
    assert [known.record.number for known in journal.submissions.of_reading(file.reading_id)] == ["1", "1-0", "1-1"]


def test_the_rows_of_a_submission_come_back_with_it_and_alone(journal: Journal) -> None:
    file, rows = device_file(), {"1": random.Random(1).randbytes(60_000), "2": b"[]", "2-0": b"[1]"}
    for number, content in rows.items():
        journal.submissions.add([SubmissionEntry(submission_of(file, number), packed(content))])
    journal.submissions.add([SubmissionEntry(submission_of(file, "3", rows="a/blob"), None)])
    named = journal.submissions.named(file.reading_id, ["1", "2", "2-0", "3", "4"])
    assert {number: each.rows and unpacked(each.rows) for number, each in named.items()} == {**rows, "3": None}
    alone = journal.submissions.rows(file.reading_id, "2-0")
    assert alone is not None
    assert unpacked(alone) == b"[1]"
    assert journal.submissions.rows(file.reading_id, "3") is None


def test_submissions_far_apart_are_found_as_well_as_neighbours(journal: Journal) -> None:
    file = device_file()
    journal.submissions.add([SubmissionEntry(submission_of(file, str(number)), None) for number in range(1, 31)])
    for numbers in (["4"], ["4", "5"], ["30", "1"], ["5", "31"], ["31"]):
        named = journal.submissions.named(file.reading_id, numbers)
        assert sorted(named) == sorted(number for number in numbers if number != "31")
        assert all(each.stored == journal.submissions.get(file.reading_id, number) for number, each in named.items())


def test_submissions_change_together_or_not_at_all(journal: Journal) -> None:
    file = device_file()
    entries = [SubmissionEntry(submission_of(file, str(number)), packed(b"[]")) for number in (1, 2)]
    stored = journal.submissions.add(entries)
    changed = journal.submissions.change_all([(each, replace(each.record, sequence=1)) for each in stored])
    assert [each.record.sequence for each in changed] == [1, 1]
    assert list(journal.submissions.of_reading(file.reading_id)) == changed
    journal.submissions.change(changed[0], replace(changed[0].record, sequence=2))
    with pytest.raises(Conflict):
        journal.submissions.change_all([(each, replace(each.record, sequence=7)) for each in changed])
    assert [each.record.sequence for each in journal.submissions.of_reading(file.reading_id)] == [2, 1]


def test_submissions_come_by_number_and_only_the_open_ones_when_asked(journal: Journal) -> None:
    file = device_file()
    for number in ("1", "2", "10"):
        entered(journal, submission_of(file, number))
    stored = journal.submissions.get(file.reading_id, "2")
    assert stored is not None
    journal.submissions.change(stored, replace(stored.record, state=SubmissionState.FINISHED))
    assert [known.record.number for known in journal.submissions.of_reading(file.reading_id)] == ["1", "2", "10"]
    still_open = [known for known in journal.submissions.each_open(file.reading_id) if isinstance(known, Stored)]
    assert [known.record.number for known in still_open] == ["1", "10"]
