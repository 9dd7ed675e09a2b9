"""Cells without what nobody sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.cells import CellType, TypedCell, clean, type_of


@pytest.mark.parametrize(
    ("cell", "cleaned"),
    [
        ("  a b \t", "a b"),
        ("\u00a0a\u200b\u00adb\ufeff\0", "ab"),
        ("a\r\nb\tc", "a b c"),
        ("'=1+1", "=1+1"),
        ("'0123", "0123"),
        ("' =1", "=1"),
        ("''=1", "'=1"),
        ("''0123", "'0123"),
        ('\'="0123"', '="0123"'),
        ("'\tquoted", "quoted"),
        ("'\uff1d1", "\uff1d1"),
        ("'", "'"),
        ("'quoted", "'quoted"),
        ("'quoted '=1", "'quoted '=1"),
        ('="1" & "2"', '="1" & "2"'),
        ('=""', ""),
        ('="0123"', "0123"),
        ("=1+1", "=1+1"),
        ("VMware-56 4d 0c", "VMware-56 4d 0c"),
        ("", ""),
    ],
)
def test_a_cell_is_freed_from_what_nobody_sees(cell: str, cleaned: str) -> None:
    assert clean(cell) == cleaned
    assert clean(clean(cell)) == cleaned or cell.startswith(("'=", "''"))


@given(st.text())
def test_nothing_that_is_seen_is_taken_from_a_cell_but_its_mark(cell: str) -> None:
    seen = "".join(character for character in cell if character.isalnum())
    assert "".join(character for character in clean(cell) if character.isalnum()) == seen


def test_a_cell_keeps_the_type_that_its_file_gives_it() -> None:
    assert type_of(TypedCell("007", CellType.NUMBER)) is CellType.NUMBER
    assert type_of("007") is None
    assert TypedCell("007", CellType.NUMBER) == "007"
