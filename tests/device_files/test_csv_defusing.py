"""Cells that a spreadsheet opens: nothing is run, and the reader finds in them what it found before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.cells import clean
from shared.device_files.csv_defusing import marked_as_text, safe_original
from tests.examples import examples

_CELLS = st.one_of(
    st.text(), st.text(st.sampled_from("'=+-@\"01E/A \t\r\n\x00\x1b\u200b\u00a0\u3000\uff1d\u0663"), max_size=8)
)


def _seen(cell: str) -> str:
    """The visible text of a cell, with its marks: an apostrophe before a letter is no mark."""
    return clean("." + cell)[1:].strip()


@settings(max_examples=examples(2_000))
@given(_CELLS)
def test_a_cell_that_is_marked_as_text_is_read_as_it_was_seen(cell: str) -> None:
    assert clean(marked_as_text(cell)) == _seen(cell)


@settings(max_examples=examples(2_000))
@given(_CELLS)
def test_an_original_that_is_made_safe_is_read_as_the_original(cell: str) -> None:
    assert clean(safe_original(cell)) == clean(cell)


@settings(max_examples=examples(2_000))
@given(_CELLS)
def test_no_spreadsheet_runs_a_cell_that_we_write(cell: str) -> None:
    for written in (marked_as_text(cell), safe_original(cell)):
        assert not written.startswith(("\t", "\r", "\n")) or not clean(written)
        assert not written.lstrip(" \u00a0\u3000\u200b").startswith(("=", "+", "-", "@", "\uff1d"))
        assert "\x1b" not in written


@pytest.mark.parametrize("serial", ["'ABC", "-ABC-1", "=7", "'-1", "'0042", "''", "@home", "+49"])
def test_a_serial_number_that_begins_like_a_formula_or_a_mark_survives(serial: str) -> None:
    assert clean(marked_as_text(serial)) == serial


@pytest.mark.parametrize(
    "cell",
    ["0042", "3305250000019", "1-2", "5E10", "12MAR", "00000000000000000042", "1,5", "12:30", "20.11.2026", "50%"],
)
def test_an_original_that_a_spreadsheet_would_change_is_marked_as_text(cell: str) -> None:
    assert safe_original(cell) == f"'{cell}"
    assert clean(safe_original(cell)) == cell
    assert marked_as_text(cell) == cell


@pytest.mark.parametrize("cell", ["5CG1234", "42", "12345678901", "a=b", "VMware, Inc.", "", "'ABC", "T0AAA+/="])
def test_a_cell_that_no_spreadsheet_runs_is_written_as_it_is(cell: str) -> None:
    assert marked_as_text(cell) == cell
    assert safe_original(cell) == cell
