"""Texts of the service become one line that every store and file can hold, and no longer than they may be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.partner_center.service_text import CUT, service_text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Device 5CG1 is assigned.", "Device 5CG1 is assigned."),
        ("two\r\nlines\tand  blanks ", "two lines and blanks"),
        ("a\x00b\x85c\ud800d\ufffee", "a b c d e"),
        ("für Büro 💻", "für Büro 💻"),
        ("\x00\n", ""),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 49 + CUT),
    ],
)
def test_a_text_is_one_line_of_characters_that_can_be_kept(text: str, kept: str) -> None:
    assert service_text(text, 50) == kept


@given(st.text(st.characters(), max_size=300), st.integers(1, 60))
def test_any_text_can_be_stored_and_is_cleaned_once(text: str, most: int) -> None:
    kept = service_text(text, most)
    assert len(kept) <= most
    assert kept.isprintable() or not set(kept) & set("\r\n\t\x00")
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert service_text(kept, most) == kept


@given(st.text(max_size=3000))
def test_every_kept_text_is_bounded_in_every_encoding(text: str) -> None:
    kept = service_text(text, 100)
    assert len(kept) <= 100
    assert len(kept.encode()) <= 400
    assert len(json.dumps(kept)) <= 1202
    assert "\n" not in kept


def test_a_text_that_was_cut_says_so() -> None:
    assert service_text("ab" * 10, 5) == "abab…"
    assert service_text("abcde", 5) == "abcde"
