"""Damaged files: no input makes the reader raise anything but its own errors, or break what it promises of rows."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.reasons import UnreadableDeviceFile
from tests.device_files.damage import VALID_FILES, WORKBOOKS, damaged, read_whatever_it_is
from tests.examples import examples


@settings(max_examples=examples(1_500), suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_a_damaged_file_is_read_or_refused(data: bytes) -> None:
    read_whatever_it_is(data)


@settings(max_examples=examples(100))
@given(damaged(WORKBOOKS))
def test_a_damaged_workbook_is_read_or_refused(data: bytes) -> None:
    read_whatever_it_is(data)


@settings(max_examples=examples(500))
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_whatever_it_is(data)


@settings(max_examples=examples(200))
@given(damaged())
def test_a_file_read_again_gives_the_same_rows(data: bytes) -> None:
    first, second = read_whatever_it_is(data), read_whatever_it_is(data)
    assert first == second or str(first) == str(second)


def test_every_valid_file_is_read() -> None:
    assert [data[:60] for data in VALID_FILES if isinstance(read_whatever_it_is(data), UnreadableDeviceFile)] == []
