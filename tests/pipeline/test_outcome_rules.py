"""The remedy for a row, by its stored outcome."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.rows import CheckedRow
from shared.pipeline.outcome_rules import RowWithoutReason, outcome_of_unsent_row, remedy
from shared.reasons import REASONS, RowReason, UnknownReason
from shared.storage.records import DeviceOutcome
from shared.vocabulary import Outcome, Remedy

DOCUMENT = Path(__file__).parents[2] / "docs" / "outcomes.md"


def outcome(how: Outcome, code: str = "", description: str = "", tracking_id: str = "job") -> DeviceOutcome:
    return DeviceOutcome(
        reading_id="file.1",
        row=1,
        outcome=how,
        error_code=code,
        error_description=description,
        tracking_id=tracking_id,
    )


def test_a_row_that_is_not_sent_and_bears_no_reason_is_a_defect_that_raises() -> None:
    row = CheckedRow(7, "line 8", "SN-1", "", "", "", "", "", None, None, None, ())
    with pytest.raises(RowWithoutReason, match=r"Row 7 \(line 8\) of reading file\.1"):
        outcome_of_unsent_row("file.1", row)


@pytest.mark.parametrize("how", [Outcome.REGISTERED, Outcome.ALREADY_REGISTERED, Outcome.DUPLICATE])
def test_a_device_that_is_registered_or_sent_by_another_row_needs_nothing(how: Outcome) -> None:
    assert remedy(outcome(how)) is Remedy.NOTHING


@pytest.mark.parametrize("code", UnknownReason)
def test_a_row_without_a_verdict_may_be_sent_again(code: str) -> None:
    assert remedy(outcome(Outcome.UNKNOWN, code)) is Remedy.SEND_AGAIN


@pytest.mark.parametrize("reason", RowReason)
def test_a_rejected_row_has_the_remedy_of_its_reason(reason: RowReason) -> None:
    assert remedy(outcome(Outcome.REJECTED, reason, tracking_id="")) is REASONS[reason].remedy


def test_a_rejected_row_whose_reason_is_not_known_any_more_can_be_fixed() -> None:
    assert remedy(outcome(Outcome.REJECTED, "word_of_another_version")) is Remedy.FIX


@pytest.mark.parametrize(
    ("code", "description", "expected"),
    [
        ("", "StorageError", Remedy.SEND_AGAIN),
        ("", "", Remedy.SEND_AGAIN),
        ("802", "", Remedy.FIX),
        ("806", "ZtdDeviceAssignedToOtherTenant", Remedy.ASK),
        ("31337", "", Remedy.ASK),
        ("", "ZtdDeviceDuplicated", Remedy.NOTHING),
    ],
)
def test_a_failed_row_has_the_remedy_of_its_code(code: str, description: str, expected: Remedy) -> None:
    assert remedy(outcome(Outcome.FAILED, code, description)) is expected


@pytest.mark.parametrize("code", ["3000", "900118", "400", "413"])
def test_a_row_of_a_request_that_was_refused_as_a_whole_can_be_fixed(code: str) -> None:
    assert remedy(outcome(Outcome.FAILED, code, "Invalid request input", tracking_id="")) is Remedy.FIX


@given(st.sampled_from(Outcome), st.text(), st.text(), st.sampled_from(["", "job"]))
def test_every_outcome_has_a_remedy(how: Outcome, code: str, description: str, tracking_id: str) -> None:
    assert remedy(outcome(how, code, description, tracking_id)) in Remedy


def test_the_document_names_the_remedy_of_every_numbered_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {code: Remedy(name) for name, which in rows for code in re.findall(r"\b8\d\d\b", which)}
    assert documented == {
        str(code): remedy(outcome(Outcome.FAILED, str(code))) for code in range(801, 815) if code not in (804, 805, 806)
    }
