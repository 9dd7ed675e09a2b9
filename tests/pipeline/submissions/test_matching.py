"""The verdict of each row."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.device_files.account import FileAccount
from shared.device_files.reading import read_device_file
from shared.device_files.rows import Rules
from shared.partner_center.models import Device, DeviceUploadDetails
from shared.pipeline.outcome_rules import sent_row
from shared.pipeline.submissions.matching import SentRow, devices_of, match, match_by_name
from tests.device_files.hash_builder import build_hash
from tests.pipeline.world import HEADER, START


def _row(number: int, serial: str = "", key: str = "") -> SentRow:
    return SentRow(row=number, serial_number=serial, product_key=key)


def _verdict(serial: str | None = None, key: str | None = None) -> DeviceUploadDetails:
    return DeviceUploadDetails(serial_number=serial, product_key=key, status="finished")


def _places(rows: list[SentRow], verdicts: list[DeviceUploadDetails]) -> list[int | None]:
    """For each row the place of its verdict."""
    found = match(rows, verdicts)
    return [next((place for place, known in enumerate(verdicts) if known is verdict), None) for verdict in found]


def test_verdicts_in_another_order_are_found_by_serial_number() -> None:
    assert _places([_row(1, "A"), _row(2, "B")], [_verdict("B"), _verdict("A")]) == [1, 0]


def test_case_and_blanks_of_a_serial_number_do_not_matter() -> None:
    assert _places([_row(1, "ab "), _row(2, "CD")], [_verdict("cd"), _verdict(" AB")]) == [1, 0]


def test_rows_without_serial_number_are_found_by_product_key() -> None:
    assert _places([_row(1, key="1"), _row(2, key="2")], [_verdict(key="2"), _verdict(key="1")]) == [1, 0]


def test_rows_without_any_name_go_by_position() -> None:
    rows, verdicts = [_row(1), _row(2)], [_verdict(), _verdict()]
    assert _places(rows, verdicts) == [0, 1]


def test_position_says_nothing_when_the_lengths_differ() -> None:
    assert _places([_row(1), _row(2)], [_verdict()]) == [None, None]


def test_position_says_nothing_when_a_name_shows_that_the_order_was_not_kept() -> None:
    rows = [_row(1, "A"), _row(2, "B"), _row(3)]
    assert _places(rows, [_verdict("B"), _verdict("A"), _verdict()]) == [1, 0, None]


def test_a_verdict_with_another_name_is_not_taken_by_position() -> None:
    assert _places([_row(1, "A"), _row(2)], [_verdict("X"), _verdict()]) == [None, 1]


def test_a_serial_number_that_occurs_twice_in_the_submission_identifies_nothing() -> None:
    rows = [_row(1, "A"), _row(2, "A"), _row(3, "B")]
    assert _places(rows, [_verdict("A"), _verdict("B")]) == [None, None, 1]


def test_verdicts_on_one_device_that_agree_are_one_verdict() -> None:
    rows = [_row(1, "A"), _row(2, "B"), _row(3)]
    assert _places(rows, [_verdict("A"), _verdict("a "), _verdict("B"), _verdict()]) == [0, 2, 3]


FAILED = {"error_code": "808", "error_description": "ZtdDeviceAssignedToOtherTenant"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, FAILED),
        (FAILED, {}),
        (FAILED, {"error_code": "812"}),
        ({"error_code": "999"}, {"error_code": "998"}),
        ({"error_code": "806"}, {}),
        ({}, {"status": "processing"}),
        ({"status": "queued"}, FAILED),
        ({"error_code": 0}, {"error_description": "Not successful"}),
    ],
)
def test_verdicts_on_one_device_that_contradict_each_other_are_none_for_it_alone(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    one, other = (replace(_verdict("A"), **fields) for fields in (first, second))
    for rows, verdicts in (
        ([_row(1, "A"), _row(2, "B"), _row(3)], [one, other, _verdict("B"), _verdict()]),
        ([_row(1, "A"), _row(2, "B"), _row(3)], [_verdict("B"), one, other]),
        ([_row(1, "A"), _row(2, "B")], [one, _verdict("B"), other]),
        ([_row(1, "A", "K"), _row(2, "B")], [one, replace(other, serial_number=None, product_key="k"), _verdict("B")]),
    ):
        found = match(rows, verdicts)
        assert found[0] is None
        assert found[1] == _verdict("B")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"error_code": 0, "error_description": "success"}),
        (FAILED, {**FAILED, "error_description": "ztddeviceassignedtoothertenant: ask them"}),
        ({"status": "processing"}, {"status": "queued"}),
    ],
)
def test_verdicts_that_say_the_same_in_other_words_agree(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = (replace(_verdict("A"), **fields) for fields in (first, second))
    assert match([_row(1, "A")], [one, other]) == [one]


def test_a_verdict_on_a_device_of_the_same_serial_number_with_another_product_key_is_not_of_the_row() -> None:
    row, own, other = _row(1, "A", "K"), _verdict("A", "K"), replace(_verdict("A", "L"), **FAILED)
    assert match([row], [other, own]) == [own]


def test_twins_in_an_answer_that_keeps_the_order_go_by_position() -> None:
    rows = [_row(1, "A"), _row(2, "B"), _row(3, "A")]
    assert _places(rows, [_verdict("A"), _verdict("B"), _verdict("A")]) == [0, 1, 2]


def test_one_verdict_is_never_given_to_two_rows() -> None:
    rows = [_row(1, "A"), _row(2, key="K")]
    assert _places(rows, [_verdict("A", "K")]) == [0, None]


def test_no_verdicts_are_no_matches() -> None:
    assert _places([_row(1, "A")], []) == [None]


def test_a_device_in_a_batch_is_found_by_its_name() -> None:
    devices = [Device(id="1", serial_number="B"), Device(id="2", serial_number="a"), Device(id="3", product_key="K")]
    found = match_by_name([_row(1, "A"), _row(2, key="K"), _row(3, "X")], devices)
    assert [device and device.id for device in found] == ["2", "3", None]


def test_a_device_that_two_pages_list_is_one_device() -> None:
    twice = [Device(id="1", serial_number="A"), Device(id="1", serial_number="A")]
    assert match_by_name([_row(1, "A")], twice) == twice[:1]
    assert match_by_name([_row(1, "A")], [twice[0], Device(id="2", serial_number="A")]) == [None]
    assert match_by_name([_row(1, "A")], [Device(serial_number="A"), Device(serial_number="A")]) == [None]


@pytest.mark.parametrize("shared_id", ["00000000-0000-0000-0000-000000000000", "d", "", None])
def test_devices_of_different_names_are_found_although_they_have_one_id(shared_id: str | None) -> None:
    devices = [Device(id=shared_id, serial_number=name) for name in "ABC"]
    assert match_by_name([_row(1, "A"), _row(2, "C")], devices) == [devices[0], devices[2]]


def test_of_a_batch_without_an_end_a_few_devices_are_kept() -> None:
    devices = (
        Device(id=str(number), serial_number="AB"[number % 2], model_name=f"{number}" * 10_000)
        for number in range(1_000)
    )
    tracemalloc.start()
    try:
        assert match_by_name([_row(1, "A"), _row(2, "B")], devices) == [None, None]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_device_of_another_maker_or_model_with_the_same_serial_number_is_another() -> None:
    row = SentRow(row=1, serial_number="A", manufacturer="LENOVO", model="21R3001BUK")
    same = Device(serial_number="A", oem_manufacturer_name="Lenovo", model_name="21R3001BUK")
    other_maker = Device(serial_number="A", oem_manufacturer_name="HP", model_name="21R3001BUK")
    other_model = Device(serial_number="A", oem_manufacturer_name="LENOVO", model_name="X")
    assert match_by_name([row], [same]) == [same]
    assert match_by_name([row], [other_maker]) == [None]
    assert match_by_name([row], [other_model]) == [None]


NAMES = st.sampled_from(["", "A", "a", "B", "C"])
ROWS = st.lists(st.builds(_row, st.integers(1, 9), NAMES, NAMES), max_size=6)
VERDICTS = st.lists(st.builds(_verdict, NAMES, NAMES), max_size=6)


@given(ROWS, VERDICTS)
def test_whatever_the_answer_a_verdict_goes_to_one_row_that_it_does_not_contradict(
    rows: list[SentRow], verdicts: list[DeviceUploadDetails]
) -> None:
    found = match(rows, verdicts)
    given_away = [id(verdict) for verdict in found if verdict is not None]
    assert len(found) == len(rows)
    assert len(set(given_away)) == len(given_away)
    for row, verdict in zip(rows, found, strict=True):
        if verdict is not None and row.serial_number and verdict.serial_number and not row.product_key:
            assert row.serial_number.casefold() == verdict.serial_number.casefold()


@given(st.lists(st.text(min_size=1), unique_by=lambda text: text.strip().casefold()), st.randoms())
def test_distinct_serial_numbers_are_all_found_in_any_order(serials: list[str], random: object) -> None:
    named = [serial for serial in serials if serial.strip()]
    rows = [_row(number, serial) for number, serial in enumerate(named, 1)]
    shuffled = list(named)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = match(rows, [_verdict(serial) for serial in shuffled])
    assert [verdict and verdict.serial_number for verdict in found] == named


@pytest.mark.parametrize("cell", ["", "Default string", "None"])
def test_a_row_sent_with_the_placeholder_of_its_hash_is_found_by_that_serial_number(cell: str) -> None:
    """The collecting tool's placeholder is sent, so the service answers with it."""
    placeholder = "SMBIOS_STRING_INDEX_0"
    lines = [
        HEADER,
        f"SN-1,,{build_hash('SN-1')},,",
        f"{cell},,{build_hash(placeholder, uuid=None, tpm_key=None)},,",
        "",
    ]
    content = "\r\n".join(lines).encode()
    rows = list(
        read_device_file(lambda: iter([content]), name="devices.csv", rules=Rules(), now=START, account=FileAccount())
    )
    sent = [sent_row(row) for row in rows]
    assert [row.device and row.device.serial_number for row in rows] == ["SN-1", placeholder]
    assert [row.serial_number for row in sent] == ["SN-1", placeholder]
    assert _places(sent, [_verdict(placeholder), _verdict("SN-1")]) == [1, 0]


def test_the_devices_of_a_name_are_those_that_fit_and_those_that_the_row_contradicts() -> None:
    named = replace(_row(1, "A"), manufacturer="Dell")
    devices = [
        Device(id="1", serial_number=" a", oem_manufacturer_name="DELL"),
        Device(id="1", serial_number="A", oem_manufacturer_name="Dell"),
        Device(id="2", serial_number="A", oem_manufacturer_name="HP"),
        Device(id="3", serial_number="B", product_key="K"),
    ]
    found = devices_of([named, _row(2, key="k"), _row(3, "C")], devices)
    assert [([each.id for each in one.fitting], [each.id for each in one.others]) for one in found] == [
        (["1"], ["2"]),
        (["3"], []),
        ([], []),
    ]


def test_devices_of_one_name_are_kept_only_as_far_as_they_show_that_there_are_several() -> None:
    (found,) = devices_of([_row(1, "A")], (Device(id=str(number), serial_number="A") for number in range(100)))
    assert len(found.fitting) == 2
