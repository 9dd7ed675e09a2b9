"""The outcome of a row, by the error of its device."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.partner_center.models import JobState
from shared.partner_center.outcome_codes import EXPLANATIONS, explain
from shared.vocabulary import Outcome, Remedy


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (None, None),
        ("", ""),
        ("0", None),
        (0, "Success"),
        (" 0 ", " "),
        ("200", None),
        (200, "OK"),
        (202, "Accepted"),
        ("", "Success"),
        ("None", None),
        (None, "null"),
    ],
)
def test_a_finished_device_without_an_error_is_registered(code: str | int | None, name: str | None) -> None:
    assert explain(code, name).verdict is Outcome.REGISTERED


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("806", "ZtdDeviceAlreadyAssigned"),
        ("806", None),
        (806, ""),
        (None, "ZTDDEVICEALREADYASSIGNED"),
        ("808", "ZtdDeviceAlreadyAssigned"),
        ("ZtdDeviceAlreadyAssigned", None),
        ("806", "Error: ZtdDeviceAlreadyAssigned."),
    ],
)
def test_a_device_of_the_same_customer_is_already_registered(code: str | int | None, name: str | None) -> None:
    assert explain(code, name, JobState.FINISHED_WITH_ERRORS).verdict is Outcome.ALREADY_REGISTERED


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("808", "ZtdDeviceAssignedToOtherTenant"),
        ("808", None),
        (808, "something"),
        ("806", "ZtdDeviceAssignedToOtherTenant"),
        ("806", "ztddeviceassignedtoanothertenant"),
        ("806", "AssignedToAnotherTenant"),
        ("806", "The device belongs to another tenant"),
    ],
)
def test_a_device_of_another_tenant_fails_whatever_its_number(code: str | int | None, name: str | None) -> None:
    explanation = explain(code, name)
    assert explanation.verdict is Outcome.FAILED
    assert "another tenant" in explanation.what_to_do


@pytest.mark.parametrize("number", [801, 802, 803, 807, 808, 809, 810, 811, 812, 813, 814])
def test_every_other_documented_number_fails_with_a_cure_of_its_own(number: int) -> None:
    explanation = explain(number, None)
    assert explanation.verdict is Outcome.FAILED
    assert "not documented" not in explanation.what_to_do
    assert explain(str(number), "") == explanation


def test_a_twin_in_one_upload_points_at_the_other_row() -> None:
    explanation = explain(None, "ZtdDeviceDuplicated")
    assert explanation.verdict is Outcome.FAILED
    assert "the other row" in explanation.what_to_do


@pytest.mark.parametrize(
    ("code", "name"),
    [("804", None), ("805", "?"), ("31337", ""), ("", "ZtdSomethingNew"), ("HTTP", None), (500, None), (20, "OK")],
)
def test_an_undocumented_code_fails_and_sends_to_support(code: str | int, name: str | None) -> None:
    explanation = explain(code, name)
    assert explanation.verdict is Outcome.FAILED
    assert "not documented" in explanation.what_to_do
    assert "tracking id" in explanation.what_to_do


def test_errors_without_a_reason_fail() -> None:
    assert explain(None, None, JobState.FINISHED_WITH_ERRORS).verdict is Outcome.FAILED
    assert explain("0", "", JobState.FINISHED_WITH_ERRORS).verdict is Outcome.FAILED
    assert explain(200, "OK", JobState.FINISHED_WITH_ERRORS).verdict is Outcome.FAILED


def test_a_name_decides_whatever_code_of_success_stands_beside_it() -> None:
    assert explain("200", "ZtdDeviceAssignedToOtherTenant").verdict is Outcome.FAILED


def test_an_error_decides_though_the_device_is_called_finished() -> None:
    assert explain("808", "ZtdDeviceAssignedToOtherTenant", JobState.FINISHED).verdict is Outcome.FAILED


@pytest.mark.parametrize(
    ("code", "name", "remedy"),
    [
        (None, "StorageError", Remedy.SEND_AGAIN),
        ("801", None, Remedy.SEND_AGAIN),
        ("802", None, Remedy.FIX),
        ("803", None, Remedy.FIX),
        ("812", None, Remedy.FIX),
        ("813", None, Remedy.FIX),
        (None, "HashNot4k", Remedy.FIX),
        ("808", None, Remedy.ASK),
        ("814", None, Remedy.ASK),
        ("807", None, Remedy.ASK),
        ("31337", None, Remedy.ASK),
        (None, "ZtdDeviceDuplicated", Remedy.NOTHING),
        ("806", None, Remedy.NOTHING),
        (None, None, Remedy.NOTHING),
    ],
)
def test_every_code_has_its_remedy(code: str | None, name: str | None, remedy: Remedy) -> None:
    assert explain(code, name).remedy is remedy


def test_a_device_that_failed_without_a_reason_may_be_sent_again() -> None:
    assert explain(None, None, JobState.FINISHED_WITH_ERRORS).remedy is Remedy.SEND_AGAIN


@given(
    code=st.none() | st.integers() | st.text(),
    name=st.none() | st.text(),
    state=st.sampled_from([JobState.FINISHED, JobState.FINISHED_WITH_ERRORS]),
)
def test_whatever_the_service_says_has_one_of_three_verdicts_and_a_cure(
    code: str | int | None, name: str | None, state: JobState
) -> None:
    explanation = explain(code, name, state)
    assert explanation.verdict in {Outcome.REGISTERED, Outcome.ALREADY_REGISTERED, Outcome.FAILED}
    assert explanation.what_to_do


@pytest.mark.parametrize("code", [None, "", 0, "0", 200])
def test_a_text_that_is_no_success_is_a_failure_with_a_code_of_success_as_without_one(code: str | int | None) -> None:
    assert explain(code, "The device could not be added.").verdict is Outcome.FAILED
    for denied in (
        "Unsuccessful",
        "Not successful.",
        "It wasn\u2019t successful",
        "Success: false",
        "No success",
        "0 errors",
    ):
        assert explain(code, denied).verdict is Outcome.FAILED, denied
    assert explain(code, "The device was added successfully.").verdict is Outcome.REGISTERED


@pytest.mark.parametrize(
    "text", ["success", "Not successful", "ZtdDeviceNotFound", "something", "It wasn\u2019t a success", ""]
)
@pytest.mark.parametrize("state", [JobState.FINISHED, JobState.FINISHED_WITH_ERRORS])
def test_a_text_means_the_same_beside_a_code_of_success_and_beside_none(text: str, state: JobState) -> None:
    meanings = [explain(code, text, state) for code in (None, "", " ", 0, "0", " 0 ", 200, "200", 202, "OK", "null")]
    assert meanings == meanings[:1] * len(meanings)


def test_every_explanation_has_its_source_and_a_date_and_none_speaks_of_a_shop_that_is_closed() -> None:
    for explanation in EXPLANATIONS:
        assert re.search(r"(?:read in|since) \w+ 20\d\d", explanation.source), explanation
        assert "Store for Business" not in explanation.what_to_do
