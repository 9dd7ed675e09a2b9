"""Rows without a header: the columns that a row shows by itself, and rows that show none."""

import pytest

from shared.device_files.rows import UNKNOWN_COLUMNS, Header
from shared.device_files.tables.headerless import (
    FOR_PARTNERS,
    HASH_ALONE,
    IDENTIFIERS,
    SERIAL_KEY_HASH,
    columns_of,
)
from tests.device_files.hash_builder import build_hash

HASH = build_hash("SN-1", "Contoso, Ltd.", "Laptop 7")
KEY = "3310012345678"


@pytest.mark.parametrize(
    ("cells", "header"),
    [
        (["SN-1", "", HASH], SERIAL_KEY_HASH),
        (["SN-1", KEY, HASH, "Kiosk"], SERIAL_KEY_HASH),
        (["SN-1", "", HASH, "Kiosk", "anna@contoso.com"], SERIAL_KEY_HASH),
        (["SN-1", "", HASH, "Contoso, Ltd.", "Laptop 7"], FOR_PARTNERS),
        (["SN-1", "", HASH, "Contoso", " Ltd.", "Laptop 7"], FOR_PARTNERS),
        (["SN-1", "", build_hash("SN-1", "HP", 'Book "Pro" 14'), "HP", 'Book \\"Pro\\" 14'], FOR_PARTNERS),
        ([HASH], HASH_ALONE),
        (["Kiosk", HASH], HASH_ALONE),
        (["LENOVO", "21R3001BUK", "PF-001"], IDENTIFIERS),
        (["ASUS", "UX425EA", "L8N0CV01X"], IDENTIFIERS),
        (["SN-1", "", "", "LENOVO", "21R3001BUK"], FOR_PARTNERS),
        (["SN-1", KEY, "", "HP", "ProBook"], FOR_PARTNERS),
        (["SN-1", "", "", "VMware, Inc.", "VMware20,1"], FOR_PARTNERS),
        (["SN-1", "", "", "QEMU", "Standard PC (Q35,ICH9)"], FOR_PARTNERS),
        (["SN-1", "", "", "HP", "ProBook 450, G10"], FOR_PARTNERS),
        (["SN-1", "", "", "HP", "ProBook 450,Kiosk", "Kiosk"], FOR_PARTNERS),
    ],
)
def test_a_row_of_a_tool_has_the_columns_of_that_tool(cells: list[str], header: Header) -> None:
    assert columns_of(cells, is_named=False) is header


@pytest.mark.parametrize(
    "cells",
    [
        ["Kiosk", "SN-1", HASH],
        ["5", "", HASH, "SN-1"],
        ["a word", "two words", HASH],
        ["SN-1", "", HASH, "Laptop 7"],
        ["SN-1", "", HASH, "Laptop 7", "anna@contoso.com"],
        ["SN-1", "", HASH, "Kiosk", "no user"],
        ["SN-1", "", "", "HP", "ProBook 450,Kiosk"],
        ["SN-1", "", "", "HP", "ProBook 450;Kiosk"],
        ["LENOVO", "PF3ABCDE", "21R3001BUK"],
        ["Dell Inc.", "9XK2LM3", "XPS9310"],
    ],
)
def test_a_device_whose_cells_stand_elsewhere_is_not_guessed_at(cells: list[str]) -> None:
    assert columns_of(cells, is_named=False) is UNKNOWN_COLUMNS


@pytest.mark.parametrize(
    "cells",
    [
        ["SN-1"],
        ["SN-1", "LENOVO"],
        ["LENOVO", "21R3001BUK", "a word"],
        ["LENOVO", "", "PF-001"],
        ["Collected", "on", "Monday"],
        ["SN-1", "no key", "", "LENOVO", "21R3001BUK"],
        ["SN-1", "", "", "Unheard of", "X"],
        [],
    ],
)
def test_a_line_that_shows_no_device_is_none(cells: list[str]) -> None:
    assert columns_of(cells, is_named=False) is None


def test_below_names_that_nobody_knows_only_a_hash_counts() -> None:
    assert columns_of(["LENOVO", "21R3001BUK", "PF-001"], is_named=True) is None
    assert columns_of(["SN-1", "", HASH], is_named=True) is HASH_ALONE
