"""Cells without what nobody sees."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.cells import CellType, TypedCell, clean, type_of


@pytest.mark.parametrize(
    ("cell", "cleaned"),
    [
        ("HP\ufe0f\u3164", "HP"),
        ("Ki\u034fosk\u2800\U000e0100", "Kiosk"),
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
        ("'\uff1d1", "=1"),
        ("'", "'"),
        ("'quoted", "'quoted"),
        ("'quoted '=1", "'quoted '=1"),
        ('="1" & "2"', '="1" & "2"'),
        ('=""', ""),
        ('="0123"', "0123"),
        ("=1+1", "=1+1"),
        ("VMware-56 4d 0c", "VMware-56 4d 0c"),
        ("\x1b[32;1m5CG1\x1b[0m", "5CG1"),
        ("\u2066HP\u2069", "HP"),
        ("\uff28\uff30\u3000\uff12", "HP 2"),
        ("Kiosk\u202f1", "Kiosk 1"),
        ("Bu\u0308ro", "Büro"),
        ("A\u2011\u20101", "A--1"),
        ("B\x81ro", "B\ufffdro"),
        ("Kio" + "\0" * 512, "Kio\ufffd"),
        ("", ""),
    ],
)
def test_a_cell_is_freed_from_what_nobody_sees(cell: str, cleaned: str) -> None:
    assert clean(cell) == cleaned
    assert clean(clean(cell)) == cleaned or cell.startswith(("'=", "''"))


HANGUL_FILLERS = re.compile("[\u115f\u1160\u3164\uffa0]")
"""Letters that nobody sees."""


@given(st.text())
def test_nothing_that_is_seen_is_taken_from_a_cell_but_its_mark(cell: str) -> None:
    seen, kept = (unicodedata.normalize("NFKD", text) for text in (HANGUL_FILLERS.sub("", cell), clean(cell)))
    assert "".join(filter(str.isalnum, kept)) == "".join(filter(str.isalnum, seen))


def test_no_format_character_of_unicode_is_seen() -> None:
    formats = [chr(code) for code in range(0xE0080) if unicodedata.category(chr(code)) == "Cf"]
    assert clean(f"5CG{''.join(formats)}1") == "5CG1"


def test_a_cell_keeps_the_type_that_its_file_gives_it() -> None:
    assert type_of(TypedCell("007", CellType.NUMBER)) is CellType.NUMBER
    assert type_of("007") is None
    assert TypedCell("007", CellType.NUMBER) == "007"
