"""Lines that tools write around rows, and pictures of tables."""

import pytest

from shared.device_files.rows import Column
from shared.device_files.tables.tool_output import (
    holds_names,
    is_cut_on_screen,
    is_rule,
    is_tool_line,
    listed_name,
    shows_names,
)
from tests.device_files.given import HASHES

HASH = next(iter(HASHES.values()))


@pytest.mark.parametrize(
    "line",
    [
        "(2 rows affected)",
        "12 Zeilen betroffen",
        "3 lignes",
        "PS C:\\temp> Get-WindowsAutopilotInfo",
        "C:\\temp>type devices.csv",
        "Windows PowerShell transcript start",
        "Transcript stopped, output file is C:\\temp\\a.txt",
        "Start time: 20260301120000",
        "PSVersion: 5.1.26100.1",
        "#TYPE Microsoft.Management.Infrastructure.CimInstance#root/cimv2/Win32_ComputerSystemProduct",
        "Changed database context to 'Devices'.",
        "Gathered details for device with serial number: PF-001",
        "#TYPE System.Management.Automation.PSCustomObject",
        "--------------------",
        "+----+----+",
        "  ──────  ───── ",
    ],
)
def test_a_line_of_a_tool_is_known(line: str) -> None:
    assert is_tool_line(line)


@pytest.mark.parametrize("line", ["PF-001", "LENOVO", "1 device", "Machine", "C:", "# collected on Monday", "", "-"])
def test_a_line_that_could_be_a_row_is_no_line_of_a_tool(line: str) -> None:
    assert not is_tool_line(line)


@pytest.mark.parametrize(("line", "expected"), [("---- ----", True), ("| * |** |", True), ("-a-", False), ("", False)])
def test_a_rule_is_nothing_but_marks(line: str, *, expected: bool) -> None:
    assert is_rule(line) is expected


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("Device Serial Number : PF-001", Column.SERIAL_NUMBER),
        ("  Hardware Hash        : T0FLA", Column.HARDWARE_HASH),
        ("Group Tag:", Column.GROUP_TAG),
        ("Colour : red", None),
        ("Device Serial Number", None),
    ],
)
def test_a_list_names_its_columns_before_a_colon(line: str, column: Column | None) -> None:
    assert listed_name(line) is column


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Device Serial Number  Windows Product ID  Hardware Hash", True),
        ("| Serial Number | Model |", True),
        ("PF-001  LENOVO  21R3001BUK", False),
    ],
)
def test_names_are_seen_among_the_words_of_a_line(line: str, *, expected: bool) -> None:
    assert shows_names(line) is expected


def test_a_hash_is_cut_by_the_screen_where_dots_end_it() -> None:
    assert is_cut_on_screen(HASH[:60] + "...")
    assert is_cut_on_screen(HASH[:60] + "\u2026 ")
    assert not is_cut_on_screen(HASH)
    assert not is_cut_on_screen("a word...")


@pytest.mark.parametrize(
    "line", ["SerialNumber   Manufacturer  Model", "Serial Number:Model", "Serial~Manufacturer~Model", "Serial / Model"]
)
def test_names_between_which_no_delimiter_stands_are_told(line: str) -> None:
    assert holds_names(line)
    assert not holds_names("Serial numbers of the models in Berlin")
