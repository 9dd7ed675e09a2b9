"""The outcome of a row, whose remedy is decided once."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.rows import CheckedRow
from shared.partner_center.models import DeviceUploadDetails
from shared.partner_center.outcome_codes import EXPLANATIONS
from shared.pipeline.outcome_rules import (
    RowWithoutReason,
    outcome_from_verdict,
    outcome_never_written,
    outcome_of_lost_content,
    outcome_of_refusal,
    outcome_of_unsent_row,
    outcome_without_verdict,
)
from shared.pipeline.submissions.matching import SentRow
from shared.reasons import REASONS, REQUEST_REFUSED, RowReason
from shared.storage.records import DeviceOutcome, ServiceFault, Submission
from shared.vocabulary import Outcome, Remedy, SubmissionState

NAMES = ["ZtdDeviceAlreadyAssigned", "ZtdDeviceAssignedToOtherTenant", "StorageError", "HashNot4k", "Success"]
DOCUMENT = Path(__file__).parents[2] / "docs" / "outcomes.md"


SUBMISSION = Submission(
    file_id="file",
    reading_id="file.1",
    number="1",
    customer_id="customer",
    batch_id="Sales",
    devices=1,
    payload="payload",
    first_row=1,
    last_row=1,
    payload_digest="",
    state=SubmissionState.ACCEPTED,
    due_at=datetime(2026, 11, 20, tzinfo=UTC),
    tracking_id="job",
)
ROW = SentRow(row=1, serial_number="SN-1")


def verdict(code: str | None, description: str | None = None) -> DeviceOutcome:
    status = DeviceUploadDetails(status="finished_with_errors", error_code=code, error_description=description)
    return outcome_from_verdict(SUBMISSION, ROW, status)


def refused(code: str, description: str) -> DeviceOutcome:
    return outcome_of_refusal(SUBMISSION, ROW, ServiceFault(code=code, description=description))


def unsent(reason: RowReason | None) -> CheckedRow:
    return CheckedRow(7, "line 8", "SN-1", "", "", "", "", "", "", None, reason, None, ())


def test_a_row_that_is_not_sent_and_bears_no_reason_is_a_defect_that_raises() -> None:
    with pytest.raises(RowWithoutReason, match=r"Row 7 \(line 8\) of reading file\.1"):
        outcome_of_unsent_row("file.1", unsent(None))


def test_a_row_without_a_verdict_may_be_sent_again() -> None:
    for outcome in (
        outcome_without_verdict(SUBMISSION, ROW),
        outcome_of_lost_content(SUBMISSION, ROW),
        outcome_never_written("file.1", 1),
    ):
        assert (outcome.outcome, outcome.remedy) == (Outcome.UNKNOWN, Remedy.SEND_AGAIN)


@pytest.mark.parametrize("reason", [reason for reason in RowReason if reason is not RowReason.DUPLICATE])
def test_a_rejected_row_has_the_remedy_of_its_reason(reason: RowReason) -> None:
    outcome = outcome_of_unsent_row("file.1", unsent(reason))
    assert (outcome.remedy, outcome.what_to_do) == (REASONS[reason].remedy, REASONS[reason].what_to_do)


@pytest.mark.parametrize(
    ("code", "description", "outcome", "remedy"),
    [
        (None, "StorageError", Outcome.FAILED, Remedy.SEND_AGAIN),
        (None, None, Outcome.FAILED, Remedy.SEND_AGAIN),
        ("802", None, Outcome.FAILED, Remedy.FIX),
        ("806", "ZtdDeviceAssignedToOtherTenant", Outcome.FAILED, Remedy.ASK),
        ("806", "ZtdDeviceAlreadyAssigned", Outcome.ALREADY_REGISTERED, Remedy.NOTHING),
        ("31337", None, Outcome.FAILED, Remedy.ASK),
        (None, "ZtdDeviceDuplicated", Outcome.FAILED, Remedy.NOTHING),
    ],
)
def test_a_row_has_the_remedy_of_its_code_and_name(
    code: str | None, description: str | None, outcome: Outcome, remedy: Remedy
) -> None:
    found = verdict(code, description)
    assert (found.outcome, found.remedy) == (outcome, remedy)


@pytest.mark.parametrize("code", ["3000", "800002", "900118", "400", "413"])
def test_a_row_of_a_request_that_was_refused_as_a_whole_can_be_fixed(code: str) -> None:
    found = refused(code, "Invalid request input")
    assert (found.remedy, found.what_to_do) == (Remedy.FIX, REQUEST_REFUSED.text)


@given(st.text() | st.sampled_from(["", *map(str, range(800, 816))]), st.text() | st.sampled_from(NAMES))
def test_what_to_do_about_a_refused_request_is_the_cure_of_its_remedy(code: str, description: str) -> None:
    found = refused(code, description)
    cures = {(each.what_to_do, each.remedy) for each in EXPLANATIONS if each.verdict is Outcome.FAILED}
    assert (found.what_to_do, found.remedy) in cures | {(REQUEST_REFUSED.text, Remedy.FIX)}


def test_the_document_names_the_remedy_of_every_numbered_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {code: Remedy(name) for name, which in rows for code in re.findall(r"\b8\d\d\b", which)}
    assert documented == {
        str(code): verdict(str(code)).remedy for code in range(801, 815) if code not in (804, 805, 806)
    }
