"""Bytes to lines and cells."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files import FileReason, UnreadableDeviceFile
from shared.device_files.formats.decoding import (
    MAXIMUM_LINE,
    clean,
    decoded,
    lines,
    marked_as_text,
    safe_original,
)
from shared.device_files.formats.delimited import Lines, Records
from tests.device_files.cases import HEADER, HP_ROW, LENOVO_ROW, PARTNER_HEADER
from tests.device_files.given import read

_TABLE = f"{PARTNER_HEADER}\r\n{HP_ROW},HP,\r\n{LENOVO_ROW},,\r\nS1,,,HP,Modèle 1\r\n"
_FORMS = {
    "UTF-16LE with a mark": _TABLE.encode("utf-16"),
    "UTF-16BE with a mark": b"\xfe\xff" + _TABLE.encode("utf-16-be"),
    "UTF-16LE": _TABLE.encode("utf-16-le"),
    "UTF-16BE": _TABLE.encode("utf-16-be"),
    "UTF-8 with a mark": _TABLE.encode("utf-8-sig"),
    "UTF-8": _TABLE.encode(),
    "Windows-1252": _TABLE.encode("cp1252"),
    "LF": _TABLE.replace("\r\n", "\n").encode(),
    "CR": _TABLE.replace("\r\n", "\r").encode(),
    "semicolons": _TABLE.replace(",", ";").encode(),
    "tabs in UTF-16": _TABLE.replace(",", "\t").encode("utf-16"),
    "sep=|": ("sep=|\r\n" + _TABLE.replace(",", "|")).encode(),
    "quoted semicolons": "\r\n".join(
        ";".join(f'"{cell}"' for cell in line.split(",")) for line in _TABLE.splitlines()
    ).encode("cp1252"),
}


@pytest.mark.parametrize("form", _FORMS)
def test_the_same_file_in_every_encoding_and_delimiter_gives_the_same_devices(form: str) -> None:
    devices = [row.device for row in read(_FORMS[form])]
    assert devices == [row.device for row in read(_TABLE.encode())]
    assert [device.model for device in devices if device is not None] == [None, None, "Modèle 1"]


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\ufeff\ufffe\x00")), st.integers(1, 9))
def test_text_comes_back_in_pieces_of_any_size(text: str, size: int) -> None:
    data = text.encode("utf-16")
    assert "".join(decoded(data[at : at + size] for at in range(0, len(data), size))).removeprefix("\ufeff") == text


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1)),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_every_line_end_gives_the_same_lines(texts: list[str], end: str) -> None:
    data = "".join(text + end for text in texts).encode()
    assert [text for _, text in lines([data])] == texts


def test_a_line_keeps_its_number_beside_empty_ones() -> None:
    assert list(lines([b"a\r", b"\n\r\n\nb\rc"])) == [(1, "a"), (4, "b"), (5, "c")]


def test_nothing_else_ends_a_line() -> None:
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f"
    assert list(lines([text.encode()])) == [(1, text)]


def test_a_line_of_the_greatest_length_is_read_and_one_more_is_not() -> None:
    assert [len(text) for _, text in lines([b"x" * MAXIMUM_LINE + b"\n"])] == [MAXIMUM_LINE]
    with pytest.raises(UnreadableDeviceFile, match="Line 2 has more than") as raised:
        list(lines([b"a\n" + b"x" * (MAXIMUM_LINE + 1)]))
    assert raised.value.reason is FileReason.LINE_TOO_LONG


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


@settings(deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), min_size=2), min_size=1))
def test_quoted_cells_come_back_as_they_were(rows: list[list[str]]) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    given_lines = [(0, f"{HEADER},a"), *enumerate(quoted, start=1)]
    assert [cells for _, cells in Records(Lines([(0, [line for _, line in given_lines])]))][1:] == rows


_CELLS = st.one_of(
    st.text(), st.text(st.sampled_from("'=+-@\"01E/A \t\r\n\x00\x1b\u200b\u00a0\u3000\uff1d\u0663"), max_size=8)
)


def _seen(cell: str) -> str:
    """What is seen of a cell, its marks among it: an apostrophe before a letter is none."""
    return clean("." + cell)[1:].strip()


@settings(deadline=None, max_examples=2_000)
@given(_CELLS)
def test_a_cell_that_is_marked_as_text_is_read_as_it_was_seen(cell: str) -> None:
    assert clean(marked_as_text(cell)) == _seen(cell)


@settings(deadline=None, max_examples=2_000)
@given(_CELLS)
def test_an_original_that_is_made_safe_is_read_as_the_original(cell: str) -> None:
    assert clean(safe_original(cell)) == clean(cell)


@settings(deadline=None, max_examples=2_000)
@given(_CELLS)
def test_no_spreadsheet_runs_a_cell_that_we_write(cell: str) -> None:
    for written in (marked_as_text(cell), safe_original(cell)):
        assert not written.startswith(("\t", "\r", "\n")) or not clean(written)
        assert not written.lstrip(" \u00a0\u3000\u200b").startswith(("=", "+", "-", "@", "\uff1d"))
        assert "\x1b" not in written


@pytest.mark.parametrize("serial", ["'ABC", "-ABC-1", "=7", "'-1", "'0042", "''", "@home", "+49", "\uff0b1"])
def test_a_serial_number_that_begins_like_a_formula_or_a_mark_survives(serial: str) -> None:
    assert clean(marked_as_text(serial)) == serial


@pytest.mark.parametrize("cell", ["0042", "3305250000019", "1-2", "5E10", "12MAR", "00000000000000000042"])
def test_an_original_that_a_spreadsheet_would_change_is_marked_as_text(cell: str) -> None:
    assert safe_original(cell) == f"'{cell}"
    assert clean(safe_original(cell)) == cell
    assert marked_as_text(cell) == cell


@pytest.mark.parametrize("cell", ["5CG1234", "42", "12345678901", "a=b", "VMware, Inc.", "", "'ABC", "T0AAA+/="])
def test_a_cell_that_no_spreadsheet_runs_is_written_as_it_is(cell: str) -> None:
    assert marked_as_text(cell) == cell
    assert safe_original(cell) == cell
