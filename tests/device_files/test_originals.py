"""Rows as they stand, in step with reading; and sent back as a table that reads the same."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.device_files import REASONS, CheckedRow, RowReason, Rules, UnreadableDeviceFile
from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.originals import Original, originals
from shared.device_files.tables.headers import NAMES, Column, column_named
from shared.device_files.to_fix import LONGEST_HEADER, lines_to_mend
from tests.device_files.cases import CASES, HEADER, HP, LENOVO, PARTNER_HEADER, Case, archive, text
from tests.device_files.given import HASHES, SAMPLES, read
from tests.device_files.test_forms import rows as any_rows
from tests.device_files.test_forms import tables as any_tables
from tests.device_files.workbook_builder import Number, Sheet, Workbook

SAMPLE_CASES = [
    Case(path.name, path.read_bytes(), (), file=path.name) for path in sorted(SAMPLES.iterdir()) if path.is_file()
]
READABLE = [*CASES, *SAMPLE_CASES]

REALIGNED_IN_A_MERGED_TABLE = "identifiers without a header"
"""A row with a cell too many, in a file whose columns are merged: it has to be mended where it was not before."""


def of(data: bytes, name: str = "devices.csv") -> list[Original]:
    return list(originals(lambda: [data], name))


def cells(data: bytes, name: str = "devices.csv") -> list[tuple[str, ...] | None]:
    return [original.cells for original in of(data, name)]


def sent_back(rows: Sequence[Original], what_to_do: str = "Mend it.") -> str:
    return "".join(lines_to_mend(lambda: iter([(row, what_to_do) for row in rows])))


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def dropped_again(text: str, rules: Rules | None = None) -> list[CheckedRow]:
    return read(("\ufeff" + text).encode(), rules=rules)


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_originals_go_in_step_with_reading(case: Case) -> None:
    try:
        rows = read(case.data, name=case.file, rules=case.rules)
    except UnreadableDeviceFile:
        return
    assert [(original.row, original.source) for original in of(case.data, case.file)] == [
        (row.row, row.source) for row in rows
    ]


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_rows_that_are_sent_back_unmended_are_read_as_they_were(case: Case) -> None:
    try:
        rows = read(case.data, name=case.file, rules=case.rules)
    except UnreadableDeviceFile:
        return
    back = of(case.data, case.file)
    text = sent_back(back, REASONS[RowReason.UNCLEAR_COLUMNS].what_to_do)
    if all(original.cells is None for original in back):
        return
    again = dropped_again(text, case.rules)
    before = [row for row, original in zip(rows, back, strict=True) if original.cells is not None]
    assert len(again) == len(before)
    for old, new in zip(before, again, strict=True):
        if case.name == REALIGNED_IN_A_MERGED_TABLE and new.reason is RowReason.SHIFTED_CELLS:
            continue
        assert (new.device, new.group_tag) == (old.device, old.group_tag)
        assert new.reason == old.reason or old.reason is RowReason.UNCLEAR_COLUMNS


def test_cells_are_given_as_they_stand_in_any_encoding() -> None:
    data = text(f"{HEADER},Büro", " A ,'=1,=2, x ", encoding="utf-16")
    (original,) = of(data)
    assert original.cells == (" A ", "'=1", "=2", " x ")
    assert original.names == ("Device Serial Number", "Windows Product ID", "Hardware Hash", "Büro")
    assert original.meanings == (Column.SERIAL_NUMBER, Column.PRODUCT_KEY, Column.HARDWARE_HASH, None)


def test_glued_files_keep_the_header_of_each() -> None:
    data = text(HEADER, "A,,") + text("\ufeffModel;Make;Serial", "M;HP;B")
    first, second = of(data)
    assert (first.names, first.cells) == (tuple(HEADER.split(",")), ("A", "", ""))
    assert (second.names[1:], second.cells) == (("Make", "Serial"), ("M", "HP", "B"))


def test_the_members_of_an_archive_are_rows_and_a_bad_one_has_no_cells() -> None:
    data = archive(**{"a.csv": text(HEADER, "A,,"), "b.pdf": b"%PDF-1.7"})
    assert cells(data) == [("A", "", ""), None]
    assert cells(gzip.compress(text(HEADER, "A,,"))) == [("A", "", "")]


def test_the_sheets_of_a_workbook_are_tables() -> None:
    rows: list[list[str | Number]] = [["Serial Number", "Manufacturer", "Model"], [Number("42"), "HP", "=1+1"]]
    book = Workbook([Sheet("One", rows), Sheet("Two", [["Hardware Hash"], ["T0"]])]).data()
    first, second = of(book, "book.xlsx")
    assert (first.source, first.cells) == ("book.xlsx!One line 2", ("42", "HP", "=1+1"))
    assert (second.names, second.cells) == (("Hardware Hash",), ("T0",))


def test_json_gives_names_and_values_of_each_object() -> None:
    items = [{"serialNumber": "A", "n": 7, "on": True, "x": {"y": ["1"]}, "none": None}, {"modelName": "M"}]
    first, second = of(json.dumps(items).encode())
    assert first.names == ("serialNumber", "n", "on", "x")
    assert first.cells == ("A", "7", "true", '{"y": ["1"]}')
    assert (second.names, second.cells) == (("modelName",), ("M",))


def test_xml_has_the_standard_names() -> None:
    xml = "<?xml version='1.0'?><Key><ProductKeyID>3305250000019</ProductKeyID><HardwareHash>T0x</HardwareHash></Key>"
    (original,) = of(xml.encode())
    assert original.names == tuple(PARTNER_HEADER.split(","))
    assert original.cells == ("", "3305250000019", "T0x", "", "")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (f"{HP},,{HASHES[HP]},HP,HP EliteBook", ("Device Serial Number", "Windows Product ID", "Hardware Hash")),
        (f"{HP},,{HASHES[HP]},Kiosk", ("Device Serial Number", "Windows Product ID", "Hardware Hash", "Group Tag")),
        ("LENOVO,21R3001BUK,TE2TD5VI", ("Manufacturer name", "Device model", "Device Serial Number")),
        (
            "S1,,,LENOVO,21R3001BUK",
            ("Device Serial Number", "Windows Product ID", "Hardware Hash", "Manufacturer name"),
        ),
        (HASHES[HP], ("Hardware Hash",)),
    ],
)
def test_rows_without_a_header_get_the_names_by_which_they_were_read(line: str, names: tuple[str, ...]) -> None:
    (original,) = of(text(line))
    assert original.names[: len(names)] == names
    assert original.cells == tuple(line.split(","))


def test_what_to_do_stands_in_front_of_the_original_columns_in_their_order() -> None:
    lines = table(sent_back(of(text("Room,Model,Hardware Hash,Serial", "12,M,,A"))))
    assert lines == [["what_to_do", "Room", "Model", "Hardware Hash", "Serial"], ["Mend it.", "12", "M", "", "A"]]


def test_a_file_that_was_sent_back_before_has_what_to_do_once() -> None:
    once = sent_back(of(text(HEADER, "A,,")), "First.")
    assert table(sent_back(of(once.encode()), "Second.")) == [
        ["what_to_do", *HEADER.split(",")],
        ["Second.", "A", "", ""],
    ]


def test_a_hash_alone_has_a_header_that_is_recognised_again() -> None:
    text_of_it = sent_back(of(text("Hardware Hash", HASHES[HP])))
    assert table(text_of_it)[0] == ["what_to_do", "Hardware Hash"]
    assert [row.device is not None for row in dropped_again(text_of_it)] == [True]


def test_columns_of_one_meaning_are_merged_and_others_follow_in_order_of_appearance() -> None:
    data = text(f"{HEADER},Room", "A,1,,12", "Serial,Building,room,Make,Model", "B,X,13,HP,M")
    assert table(sent_back(of(data))) == [
        ["what_to_do", *HEADER.split(","), "Room", "Building", "Make", "Model"],
        ["Mend it.", "A", "1", "", "12", "", "", ""],
        ["Mend it.", "B", "", "", "13", "X", "HP", "M"],
    ]


def test_a_name_that_would_mean_something_else_beside_new_neighbours_is_changed() -> None:
    items = [{"serialNumber": "A", "manufacturer": "HP"}, {"serialNumber": "B", "Device Name": "PC-7"}]
    (header, *_) = table(sent_back(of(json.dumps(items).encode())))
    assert header == ["what_to_do", "serialNumber", "manufacturer", "Device Name column"]


def test_a_model_that_was_named_beside_its_manufacturer_keeps_its_meaning() -> None:
    data = text("Serial,Manufacturer,Room", "A,HP,1", "Manufacturer,Device Name,Serial", "LENOVO,21R3001BUK,B")
    back = sent_back(of(data))
    assert table(back)[0] == ["what_to_do", "Serial", "Manufacturer", "Room", "Device model"]
    assert [row.model for row in dropped_again(back)] == ["", "21R3001BUK"]


def test_cells_that_nobody_could_tell_apart_have_columns_without_a_meaning() -> None:
    data = text("No Such Maker,X1,123456A", "LENOVO,21R3001BUK,TE2TD5VI")
    back = [original for original in of(data) if original.row == 1]
    lines = table(sent_back(back))
    assert lines[0] == ["what_to_do", "column 1", "column 2", "column 3", *PARTNER_HEADER.split(",")]
    assert lines[1][:4] == ["Mend it.", "No Such Maker", "X1", "123456A"]
    assert [row.reason for row in dropped_again(sent_back(back))] == [RowReason.NO_IDENTITY]


def test_what_is_no_row_stands_as_a_comment() -> None:
    data = archive(**{"a.csv": text(HEADER, "A,,"), "b,#N/A,=1.pdf": b"%PDF-1.7"})
    back = sent_back(of(data), "Repair this one.")
    assert table(back)[2] == ["# b #N/A =1.pdf (The file is of a kind that is not read.): Repair this one."]
    assert len(dropped_again(back)) == 1


def test_a_row_that_is_too_long_to_be_read_again_stands_as_a_comment() -> None:
    items = [{"serialNumber": "A", "x": "x" * (MAXIMUM_LINE - 60)}, {"serialNumber": "B", "x": "a\n" * 200}]
    back = sent_back(of("\n".join(map(json.dumps, items)).encode()), "Mend it. " * 20)
    assert [line[0][:9] for line in table(back)[1:]] == ["# item 1:", "# item 2:"]
    assert all(len(line) < MAXIMUM_LINE for line in back.splitlines())


def test_a_header_of_any_width_is_bounded_and_loses_no_column_that_means_something() -> None:
    items = [{f"{number}{'x' * 200}": "1", "serialNumber": f"S{number}"} for number in range(500)]
    back = sent_back(of(json.dumps(items).encode()))
    header = back.splitlines()[0]
    assert len(header) < LONGEST_HEADER + 100
    assert [row.serial_number for row in dropped_again(back)] == [f"S{number}" for number in range(500)]


def test_no_cell_is_run_and_none_is_changed_for_the_reader() -> None:
    hostile = ["=1+1", "+1", "-1", "@x", "\t=1", "'=1", '="0042"', "<b>", "\x1b[31mred", "'tis"]
    data = "\n".join(
        json.dumps({"serialNumber": cell, "oemManufacturerName": "HP", "modelName": "M"}) for cell in hostile
    )
    back = sent_back(of(data.encode()))
    assert [row.device for row in dropped_again(back)] == [row.device for row in read(data.encode())]
    for line in table(back)[1:]:
        assert not line[1].lstrip().startswith(("=", "+", "-", "@")), line
        assert "\x1b" not in line[1]


def test_a_hash_is_never_changed() -> None:
    damaged = ["+" + HASHES[HP][1:], HASHES[LENOVO][:-9], HASHES[HP].replace("A", " A", 3), "T0" + "x" * 5000]
    data = text(HEADER, *(f"S{number},,{cell}" for number, cell in enumerate(damaged)))
    lines = table(sent_back(of(data)))
    assert [line[3].removeprefix("'") for line in lines[1:]] == damaged


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_table_that_is_sent_back_unmended_is_read_as_it_was(data: st.DataObject) -> None:
    given_table = data.draw(any_tables(data.draw(any_rows())))
    again = dropped_again(sent_back(of(given_table)))
    assert [(row.device, row.group_tag) for row in again] == [(row.device, row.group_tag) for row in read(given_table)]


_NAMES = st.sampled_from(
    [*(name for names in NAMES.values() for name in names.split("|")), "Device Name", "x", "", "=1"]
)
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["A1", "HP", "LENOVO", HASHES[HP], "T0E", "", "=1", "-5", "'x", "'5", "a\nb", ' "x" ', "a;b|c"]),
    st.integers(-9, 9_999_999_999_999),
    st.none(),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
    st.text(max_size=8),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=7), min_size=1, max_size=5))
def test_any_objects_that_are_sent_back_unmended_are_read_as_they_were(items: list[dict[str, Any]]) -> None:
    for item in items:
        # A hash in another column is looked for in tables, not in objects.
        hashed = [name for name, value in item.items() if isinstance(value, str) and starts_as_hash(value)]
        assume(all(column_named(name) is Column.HARDWARE_HASH for name in hashed))
    data = json.dumps(items).encode()
    try:
        before = read(data)
    except UnreadableDeviceFile:
        return
    again = dropped_again(sent_back(of(data)))
    assert [row.device for row in again] == [row.device for row in before]
    assert [row.group_tag for row in again if row.device] == [row.group_tag for row in before if row.device]
