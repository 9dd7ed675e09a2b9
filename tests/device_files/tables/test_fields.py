"""The fields of a row: its cells below their headers, cleaned of what is no part of them."""

import pytest

from shared.device_files.rows import Column, header_of
from shared.device_files.tables.fields import Fields, cleaned, fields_of


def test_cells_that_are_missing_at_the_end_of_a_row_are_empty() -> None:
    header = header_of([Column.MODEL, None, Column.SERIAL_NUMBER, Column.GROUP_TAG])
    assert fields_of(header, ["X1", "12", " S1 "]) == Fields("S1", model="X1")


@pytest.mark.parametrize("cell", ['"S1"', "'S1'", "\u201cS1\u201d", "\u00abS1\u00bb", '" S1 "'])
def test_quotes_around_a_cell_are_no_part_of_it(cell: str) -> None:
    assert cleaned("HP\u201d") == "HP"
    assert cleaned("13\u201d") == "13\u201d"
    assert cleaned("'0042'") == "0042"
    assert cleaned("'HP") == cleaned("`HP`") == "HP"
    assert cleaned("'s-Hertogenbosch") == "'s-Hertogenbosch"
    assert cleaned("''") == cleaned('""') == ""
    assert cleaned("'Büro \"Pro\" 14'") == 'Büro "Pro" 14'
    assert cleaned("'O'Neil'") == "O'Neil"
    assert cleaned('Büro \\"Pro\\" 14') == 'Büro "Pro" 14'
    assert cleaned('"Ada\'s PC"') == "Ada's PC"
    assert cleaned('14" or 15"') == '14" or 15"'
    assert cleaned(cell) == "S1"
    assert cleaned(f"x{cell}") == f"x{cell}"


def test_escapes_of_html_are_undone() -> None:
    assert cleaned("M&#252;ller &amp; S&#xF6;hne&nbsp;") == "Müller & Söhne"
    assert cleaned("R&D;x") == "R&D;x"
