"""What a spreadsheet makes of serial numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.checks.excel_damage import could_show, is_damaged, is_error


@pytest.mark.parametrize(
    ("serial_number", "cell"),
    [
        ("016520771357", "16520771357"),
        ("165208123456", "1.65208E+11"),
        ("165208123456", "1,65208E+11"),
        ("165208123456", "1.65E+11"),
        ("165208000000", "1.65208E+11"),
        ("120000000000", "1.2E+11"),
        ("999999999999", "1E+12"),
        ("999999999999", "1.00E+12"),
        ("1234567890123456", "1.23457E+15"),
        ("1234567890123456", "1234567890123450"),
        ("000", "0"),
        ("12E4", "1.20E+05"),
        ("5e3", "5.00E+03"),
        ("MAR12", "12-Mar"),
        ("12-MAR", "12-Mar"),
        ("MAR2024", "Mar-24"),
        ("SEPT5", "5-Sep"),
        ("1-5", "5-Jan"),
        ("1-5", "01-May"),
        ("1/2/24", "1/2/2024"),
        ("1-2-2024", "01.02.2024"),
        ("1-2-2024", "2024-01-02"),
        ("MAR12", "2026-03-12"),
        ("MAR2024", "2024-03-01"),
    ],
)
def test_what_excel_shows_for_a_serial_number_is_recognised(serial_number: str, cell: str) -> None:
    assert could_show(cell, serial_number)


@pytest.mark.parametrize(
    ("serial_number", "cell"),
    [
        ("016520771357", "6520771357"),
        ("165208123456", "1.65209E+11"),
        ("165208123456", "165208123456"),
        ("165208123456", "1.65208E+12"),
        ("ABC", "ABC"),
        ("ABC", ""),
        ("", ""),
        ("MAR12", "13-Mar"),
        ("12E999", "1.20E+05"),
        ("12345", "1.23E+04"),
        ("MAR12", "2026-04-12"),
    ],
)
def test_what_excel_would_not_show_is_not(serial_number: str, cell: str) -> None:
    assert not could_show(cell, serial_number)


@pytest.mark.parametrize(
    "cell",
    [
        "1.65208E+11",
        "1,7e+12",
        "5-Jan",
        "05. Mrz",
        "5-mars",
        "12-Mar-24",
        "Mar-24",
        "1/5/2024",
        "01.05.2024",
        "2024-05-01",
        "#N/A",
        "####",
        "#ZAHL!",
        "#NOMBRE?",
        "#\u00a1VALOR!",
        "#DEEL/0!",
        "#N/D",
        "#\u0417\u041d\u0410\u0427!",
        "05.\u044f\u043d\u0432",
        "05.Oca",
        "5.tammi",
    ],
)
def test_cells_that_only_a_spreadsheet_makes_are_damage(cell: str) -> None:
    assert is_damaged(cell)


@pytest.mark.parametrize(
    "cell", ["5ES8901IC4", "PF-1E+1", "12E4", "016520771357", "", "1-5", "MAR12", "#1", "#Kiosk!", "5CD123-Mar"]
)
def test_ordinary_serial_numbers_are_no_damage(cell: str) -> None:
    assert not is_damaged(cell)


def test_errors_are_told_from_numbers_after_a_hash_sign() -> None:
    assert [is_error(cell) for cell in ("#N/A", "#REF!", "#####", "#1", "#", "N/A")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


@given(st.integers(10**11, 10**15 - 1))
def test_long_numbers_are_shown_with_six_digits(number: int) -> None:
    mantissa, exponent = f"{number:.5E}".split("E")
    digits = mantissa.rstrip("0").rstrip(".")
    is_tie = str(number)[6:].rstrip("0") == "5"
    assert is_tie or could_show(f"{digits}E{exponent}", str(number))


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_is_too_odd_to_be_compared(cell: str, serial_number: str) -> None:
    could_show(cell, serial_number)
    is_damaged(cell)
