"""Number formats: what a person sees in the cell is the serial number."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.device_files.cells import CellType, type_of
from shared.device_files.formats.number_formats import shown
from tests.examples import examples


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        ("12345", "0000000", "0012345"),
        ("5512345", "0000000", "5512345"),
        ("12345", "0000000;-0000000", "0012345"),
        ("-12345", "0000000;-0000000", "-0012345"),
        ("-12345", "0000000", "-0012345"),
        ("12345", "0000000;@", "0012345"),
        ("12345", "0000000;-0000000;0;@", "0012345"),
        ("12345", "[Red]0000000", "0012345"),
        ("12345", "[$-409]0000000", "0012345"),
        ("12345", '"SN"0000000', "SN0012345"),
        ("12345", '"SN"0', "SN12345"),
        ("12345", '"SN"General', "SN12345"),
        ("12345", '"SN"#', "SN12345"),
        ("123", r"\S\N0000", "SN0123"),
        ("123", "SN0000", "SN0123"),
        ("123", '0000"-A"', "0123-A"),
        ("5512345", "000-0000", "551-2345"),
        ("345", "000-0000", "000-0345"),
        ("55512345", "000-0000", "5551-2345"),
        ("1234", "000,000", "001234"),
        ("7", '"a;b"000', "a;b007"),
        ("7", "000_)", "007"),
        ("7", "* 000", "007"),
        ("12", "0##", "012"),
        ("0", "0000", "0000"),
        ("5", "[$SN-409]000", "SN005"),
    ],
)
def test_what_a_format_shows_of_its_own_is_part_of_the_text(number: str, code: str, text: str) -> None:
    cell = shown(number, code)
    assert (cell, type_of(cell)) == (text, None)


@pytest.mark.parametrize(
    "code",
    [
        *("", "General", "Standard", "@", "0", "#", "#,##0", "#,##0.00", "0.00E+00", "0%", "0/0", "0,", "00", "###0"),
        *(
            ";;;",
            '"hidden"',
            "[>99]000",
            "[<=9999999]###-####;\\(###\\) ###-####",
            '_-* #,##0.00 "€"_-',
            "[$€-407] #,##0",
            "yyyy-mm-dd",
            '"',
            "\\",
            "0;-0",
        ),
    ],
)
def test_every_other_format_shows_the_digits_and_says_that_it_is_a_number(code: str) -> None:
    cell = shown("5512345", code)
    assert (cell, type_of(cell)) == ("5512345", CellType.NUMBER)


@pytest.mark.parametrize(
    ("number", "code", "text", "kind"),
    [
        ("12.5", "0000", "12.5", CellType.FRACTION),
        ("1234567890123456", '"SN"0', "1.23457E+15", CellType.FRACTION),
        ("1e15", "0", "1E+15", CellType.FRACTION),
        ("999999999999999", "", "999999999999999", CellType.NUMBER),
        ("165207713570.5", "", "1.65208E+11", CellType.FRACTION),
        ("46027", "dd/mm/yyyy", "2026-01-05", CellType.DATE),
        ("46027", "[$-F800]dddd, mmmm dd, yyyy", "2026-01-05", CellType.DATE),
        ("46027.604166666664", "yyyy-mm-dd hh:mm:ss.000", "2026-01-05 14:30:00", CellType.DATE),
        ("0.604166666666667", "h:mm AM/PM", "14:30:00", CellType.DATE),
        ("1.25", "[h]:mm", "30:00:00", CellType.DATE),
        ("60", "d", "1900-02-29", CellType.DATE),
        ("59", "d", "1900-02-28", CellType.DATE),
        ("61", "d", "1900-03-01", CellType.DATE),
        ("2958465", "d", "9999-12-31", CellType.DATE),
        ("-1", "d", "-1", CellType.NUMBER),
        ("3", "0;yyyy", "3", CellType.NUMBER),
    ],
)
def test_fractions_and_dates_are_told(number: str, code: str, text: str, kind: CellType) -> None:
    cell = shown(number, code)
    assert (cell, type_of(cell)) == (text, kind)


@pytest.mark.parametrize("text", ["PF2ABC", "", "1_000", "nan", "inf", "0x10", "1,5", "\uff11\uff12"])
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    cell = shown(text, "0000000")
    assert (cell, type_of(cell)) == (text, None)


@given(st.integers(1, 10**15 - 1), st.integers(2, 20), st.sampled_from(["", '"SN"', r"\P\F", "[Red]", "[$PC-409]"]))
def test_digits_are_never_lost_to_zeros_and_texts(number: int, zeros: int, before: str) -> None:
    cell = shown(str(number), before + "0" * zeros)
    prefix = {"": "", '"SN"': "SN", r"\P\F": "PF", "[Red]": "", "[$PC-409]": "PC"}[before]
    assert cell == prefix + str(number).rjust(zeros, "0")
    assert (type_of(cell) is None) == (bool(prefix) or len(str(number)) <= zeros)


@settings(max_examples=examples(1_000))
@given(
    st.integers(-(10**16), 10**16),
    st.one_of(st.text(max_size=40), st.text('0#?;,.@"\\[]<>=$-ymdhsE+_*%/ 19', max_size=30)),
)
@example(5, "[>")
@example(0, "###-####")
def test_no_code_is_too_odd_and_a_text_still_holds_the_digits(number: int, code: str) -> None:
    cell = shown(str(number), code)
    if type_of(cell) in (None, CellType.NUMBER):
        assert not number or str(abs(number)) in re.sub(r"\D", "", cell)
