"""Texts that are no serial numbers, though they stand in the column of serial numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.cells import CellType, TypedCell
from shared.device_files.checks.serial_numbers import is_name_or_time, is_usual, problem_of, unwrapped
from shared.reasons import RowReason


@pytest.mark.parametrize(
    "cell",
    [
        "True", "false", "WAHR", "$null", "$true", "System.Object[]", "System.Collections.Hashtable", "@{Name=x}",
        "Win32_BIOS: BIOS", "12.5", "12,5", "14:30", "14:30:05", "2026-11-21 14:30", "21.11.2026 14:30:00",
        "2026-11-21T14:30:00Z", "LENOVO", "Serial Number", "Seriennummer", "5CG1234567; 5CG1234568",
        "5CG1234567/5CG1234568", "5CG1234567 und 5CG1234568", "5CG1234567 5CG1234568", "5CG9041ABC PF3ABC01", '15""',
        'Monitor 14" A1', "5CG1234567-5CG1234570", "5CG1234567 bis 5CG1234570", "5CG1234567 -> 5CG1234568",
        "wird nachgereicht", "Latitude 5530", "Windows 11", "12 Stück", "HP 5CG1234567", "ada@contoso.com",
        "10.0.0.1", "-5", "+49", "00:1A:2B:3C:4D:5E", "VK7JG-NPHTM-C97JM-9MPGT-3V66T", "€ 1099", "C:\\Temp",
        "5CG1234567 (defekt 2024)", "Berlin", "spare", "OnOrder", "Count=2", "#S1", "# S1", "//S1", ";S1", "-- S1",
        "REM S1", "/* S1", "<!-- S1", "<5CG1>", "[5CG1]", "(max. 32)", "\u2610 5CG1", "+5CG1", "-5CG1", "=A1",
        "devices.csv:2:5CG1", "Err:502", "fe80::1", "ST: 5CG1", "5CG1 (war 5CG2)", "5CG1..5CG9", "5CG1\u20265CG9",
        "2x 5CG1", "3 x", "5CG1 ff", "x 5CG1", "ex 5CG1", "1.299,00", "EUR 1299", "1299 EUR", "20 Stk", "16 GB",
        "512GB SSD", "50%", "00-1A-2B-3C-4D-5E", "001A.2B3C.4D5E", "+49 221 1234567", "PC01.contoso.local",
        "entfällt", "\u02ba", "Zubehör", "5\u0421\u0410123456", "ABC\u20131234X", "IN REPARATUR",
        "5CG0001\u00b9", "5CG0002\u2460", "5CG\u21670003", "5CG\u0661\u0662", "5CG\u05550005", "Neugerät 2",
        "5CG0041/0042", "5CG0041/42/43", "5CG0041_5CG0042", "5CG041 5CG042", "5CG0041 OLD 5CG0052", "5CG0041/5CG0042/N",
        "9XK2LM3 DELL",
    ],
)  # fmt: skip
def test_what_is_no_serial_number_is_told(cell: str) -> None:
    assert problem_of(cell) is RowReason.SERIAL_NOT_A_SERIAL


@pytest.mark.parametrize(
    "cell",
    [
        "5CG1234ABC", "PF0000001", "0000789", "7890 2345 AB", "8166846 B", "VMware-56 4d 6c 8e 2a 6c 5b 0e-9c 3e",
        "5CG12-5CG34", "MXL 0042", "8166846 F", "VMware-56 4d 6c 8e 2a 6c 5b 0e-9c ff", "1234ST", "L3-AB123 12/05",
        "5CG0041/0044", "5CG0041/2",
        "1234-5678-9012-3456-7890-1234-56", "SN.4711/B", "042-0815", "Parallels-1C 2A fe", "A_1", "MK183LL/A",
        "BCDFGHJ", "12345678901234567890",
    ],
)  # fmt: skip
def test_serial_numbers_are_serial_numbers(cell: str) -> None:
    assert problem_of(cell) is None


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        (CellType.BOOLEAN, RowReason.SERIAL_NOT_A_SERIAL),
        (CellType.FRACTION, RowReason.SERIAL_DAMAGED),
        (CellType.DATE, RowReason.SERIAL_DAMAGED),
        (CellType.FORMULA, RowReason.FORMULA_WITHOUT_VALUE),
        (CellType.STRUCTURE, RowReason.SERIAL_NOT_A_SERIAL),
        (CellType.NUMBER, None),
    ],
)
def test_the_type_that_a_file_gives_a_cell_is_evidence(type_: CellType, reason: RowReason | None) -> None:
    assert problem_of(TypedCell("12345678", type_)) is reason


@pytest.mark.parametrize(
    ("cell", "serial_number"),
    [
        ("@{SerialNumber=5CG1}", "5CG1"),
        ("@{PSComputerName=pc1; SerialNumber=5CG1}", "5CG1"),
        ("@{IdentifyingNumber=5CG1; Name=x}", "5CG1"),
        ("S/N: 5CG1", "5CG1"),
        ("SN=5CG1", "5CG1"),
        ("S/N-5CG1", "5CG1"),
        ("SN-31", "SN-31"),
        ("Serial Number: 5CG1", "5CG1"),
        ("SN5CG1", "SN5CG1"),
        ("S/N 5CG1", "5CG1"),
        ("SN: S/N: 5CG1 (HP)", "5CG1"),
        ("5CG1*", "5CG1"),
        ("5CG1 (HP)", "5CG1"),
        ("5CG1 [old]", "5CG1"),
        ("- 5CG1", "5CG1"),
        ("1. 5CG1", "5CG1"),
        ("(2) 5CG1", "5CG1"),
        ("[x] 5CG1", "5CG1"),
        ("> 5CG1", "5CG1"),
        ("5CG1.", "5CG1"),
        ("5CG1,", "5CG1"),
        ("N° 5CG1", "5CG1"),
    ],
)
def test_a_serial_number_is_taken_out_of_what_wraps_it(cell: str, serial_number: str) -> None:
    assert unwrapped(cell) == serial_number


@pytest.mark.parametrize(
    "cell",
    ["RESERVED", "EA", "DESKTOP-1AB2C3D", "WIN-ABC12345678", "Win11", "23H2", "PC-03", "KW 47", "2026-W47", "Q4/2026",
     "11/2026", "2026-11", "1/5", "12", "07", "1024", "Latitude-5530", "OptiPlex7010", "Notebook1", "LIFEBOOK U7510"],
)  # fmt: skip
def test_words_in_capitals_names_and_times_are_no_serial_numbers_of_people(cell: str) -> None:
    assert is_name_or_time(cell)


@pytest.mark.parametrize("cell", ["BCDFGHJ", "0042", "5CG1234ABC", "VMware-56", "Q1", "PF-001", "S1", "A_1", "20X6"])
def test_short_and_odd_serial_numbers_are_serial_numbers(cell: str) -> None:
    assert not is_name_or_time(cell)


def test_blanks_in_an_object_without_an_end_take_no_time_to_tell() -> None:
    """Trying each place where the serial number could begin and end would never end."""
    cell = f"@{{SerialNumber={' ' * 20_000}x"
    assert unwrapped(cell) == cell


def test_letters_that_could_not_be_read_are_told() -> None:
    assert problem_of("5CG\ufffd1") is problem_of("5CG?1") is RowReason.TEXT_UNREADABLE


def test_the_question_mark_of_an_error_is_no_letter() -> None:
    assert problem_of("#NAME?") is RowReason.SERIAL_DAMAGED


@given(st.from_regex(r"(?:[0-9A-Z]{5,14}|(?:Q4|2026|W47|4K|KG|STK|GB|MON|AM|[0-9]{1,3})+)[bB]?", fullmatch=True))
def test_nothing_is_wrong_with_a_usual_serial_number(text: str) -> None:
    if is_usual(text):
        assert unwrapped(text) == text
        assert (problem_of(text), is_name_or_time(text)) == (None, False)


def test_a_cell_of_another_type_is_no_usual_serial_number() -> None:
    assert is_usual("5CG0041ABC")
    assert not is_usual(TypedCell("5CG0041ABC", CellType.FORMULA))
