"""Rows that storage refuses as too large are written with their texts cut."""

from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.partner_center.paths import append_path
from shared.storage.codec import SHORTENED, from_entity, shortened, to_entity
from shared.storage.fitting_table import FittingTable
from shared.storage.journal import Journal
from shared.storage.records import (
    DeviceFile,
    DeviceOutcome,
    JournaledRequest,
    PassedOverTally,
    Remark,
    RequestKind,
    Submission,
    Withdrawal,
)
from shared.storage.submissions import SubmissionEntry
from shared.storage.tables import (
    AzureTable,
    Entity,
    EntityChanged,
    EntityExists,
    Query,
    Replacement,
    Upsertion,
)
from tests.storage.measuring_table import MeasuringTable
from tests.storage.records import CUSTOMER, NOW, device_file, outcome_of, submission_of

TEXTS = st.text(max_size=40).map(lambda text: text * 400)


def _row(row: str, **values: object) -> Entity:
    return {"PartitionKey": "p", "RowKey": row, **values}  # type: ignore[dict-item]


def test_a_text_that_is_too_long_is_written_cut_with_a_mark_whatever_the_change() -> None:
    inner = MeasuringTable()
    table = FittingTable(inner)
    etag = table.insert(_row("1", text="x" * 40_000, beside="y"))
    etag = table.replace(_row("1", text="\U0001f600" * 40_000), etag)
    (etag,) = table.change_together([Replacement(_row("1", text="z" * 40_000), etag)])
    table.upsert(_row(f"{number}", text="x" * 40_000 if number == 150 else "short") for number in range(2, 402))
    rows = {str(row.values["RowKey"]): row.values for row in inner.query(Query())}
    assert len(rows) == 401
    assert {key for key, row in rows.items() if SHORTENED in row} == {"1", "150"}
    assert rows["1"]["text"] == "z" * 8_000
    assert (rows["150"][SHORTENED], rows["151"]["text"]) == ("text", "short")


def test_rows_that_are_too_large_together_are_written_whole_in_smaller_groups() -> None:
    inner = MeasuringTable()
    FittingTable(inner).upsert(_row(f"{number:03}", text="x" * 30_000, other="y" * 30_000) for number in range(250))
    rows = [row.values for row in inner.query(Query())]
    assert len(rows) == 250
    assert not any(SHORTENED in row for row in rows)


def test_what_is_refused_for_another_reason_is_tried_once() -> None:
    table = FittingTable(MeasuringTable())
    table.insert(_row("1"))
    with pytest.raises(EntityExists):
        table.insert(_row("1", text="x" * 40_000))
    with pytest.raises(EntityChanged):
        table.replace(_row("1"), "another")


def test_content_that_cannot_be_cut_is_refused_in_the_end() -> None:
    inner = MeasuringTable(body=10_000)
    with pytest.raises(HttpResponseError):
        FittingTable(inner).insert(_row("1", packed_0="x" * 20_000))
    assert inner.refused == 5


def test_table_storage_takes_a_row_that_is_too_large(azure_table: AzureTable) -> None:
    table = FittingTable(azure_table)
    table.upsert([_row("1", text="x" * 32_769), _row("2", text="x")])
    etag = table.insert(_row("3", history_json='["' + "x" * 32_769 + '"]'))
    table.replace(_row("3", text="x" * 40_000), etag)
    table.upsert(_row(f"{number}", one="x" * 30_000, two="x" * 30_000) for number in range(4, 104))
    rows = {row.values["RowKey"]: row.values for row in table.query(Query())}
    assert len(rows) == 103
    assert rows["1"][SHORTENED] == rows["3"][SHORTENED] == "text"
    assert SHORTENED not in rows["50"]


@given(
    history=st.lists(TEXTS, max_size=20),
    excerpts=st.lists(TEXTS, max_size=5),
    last_answer=TEXTS,
    most=st.sampled_from([8_000, 2_000, 500]),
)
def test_a_shortened_record_can_be_read_and_keeps_what_decides(
    history: list[str], excerpts: list[str], last_answer: str, most: int
) -> None:
    file = device_file(
        history=tuple(history),
        reason_text=last_answer,
        passed_over=(PassedOverTally(kind="sheet", count=1, excerpts=tuple(excerpts)),),
        remarks=(Remark(note="note", detail=last_answer),),
        withdrawal=Withdrawal(asked_at=NOW, due_at=NOW, total=3, last_answer=last_answer),
    )
    whole = to_entity(file, ("p", "r"))
    assert from_entity(whole, DeviceFile).state is file.state
    row = shortened(whole, most)
    read = from_entity(row, DeviceFile)
    assert all(len(value.encode("utf-16-le")) // 2 <= most for value in row.values() if isinstance(value, str))
    assert read.withdrawal is not None
    assert replace(read, history=(), reason_text=None, passed_over=(), remarks=(), withdrawal=None) == replace(
        file, history=(), reason_text=None, passed_over=(), remarks=(), withdrawal=None
    )
    assert (SHORTENED in row) == (row != whole) or SHORTENED in whole


@given(text=st.text(max_size=30).map(lambda text: text * 1_000))
def test_every_record_fits_a_transaction_of_a_hundred(text: str) -> None:
    file = device_file()
    outcome = outcome_of(file, 1, error_description=text[:1_024], source=text[:256], serial_number=text[:256])
    submission = submission_of(file, last_answer=text[:2_000])
    for entity in (to_entity(outcome, ("p", "r")), to_entity(submission, ("p", "r"))):
        MeasuringTable()._measure([Upsertion(entity)] * 100)


def test_submissions_with_large_lists_of_rows_are_written_in_several_transactions() -> None:
    journal = Journal(lambda _: MeasuringTable())
    file, pack = device_file(), {f"packed_{number}": "x" * 32_000 for number in range(3)}
    entries = [SubmissionEntry(submission_of(file, str(number)), pack) for number in range(1, 121)]
    entered = journal.submissions.add(entries)
    assert [stored.record.number for stored in entered] == [entry.submission.number for entry in entries]
    assert len(list(journal.submissions.of_reading(file.reading_id))) == 120


@given(batch_id=st.text("ä日x ", min_size=120, max_size=256), most=st.sampled_from([8_000, 2_000, 500, 100]))
def test_what_later_steps_go_by_is_never_cut(batch_id: str, most: int) -> None:
    file = device_file(path=f"customer/{batch_id}/devices.csv", name="devices.csv", batch_id=batch_id)
    request = JournaledRequest(
        kind=RequestKind.APPEND,
        method="POST",
        url=f"https://api.partnercenter.microsoft.com{append_path(CUSTOMER, batch_id)}",
        batch_id=batch_id,
        request_id=str(uuid4()),
        correlation_id=str(uuid4()),
        sent_at=NOW,
    )
    submission = submission_of(file, batch_id=batch_id, request=request, last_answer=batch_id * 100)
    outcome = outcome_of(file, 1, batch_id=batch_id, serial_number=batch_id, what_to_do=batch_id * 100)
    read_file = from_entity(shortened(to_entity(file, ("p", "r")), most), DeviceFile)
    read = from_entity(shortened(to_entity(submission, ("p", "r")), most), Submission)
    read_outcome = from_entity(shortened(to_entity(outcome, ("p", "r")), most), DeviceOutcome)
    assert (read_file.path, read_file.batch_id) == (file.path, batch_id)
    assert (read.batch_id, read.request, read.payload) == (batch_id, request, submission.payload)
    assert (read_outcome.batch_id, read_outcome.serial_number) == (batch_id, batch_id)
