"""Rows of a file, sent back as a table that reads the same."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.device_files.cells import CellType, TypedCell
from shared.device_files.csv_defusing import safe_original
from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.reading import device_rows
from shared.device_files.rows import CheckedRow, Column, DeviceRow, Rules, header_of
from shared.device_files.tables.header_names import all_names, column_named
from shared.device_files.to_fix import LONGEST_CELL, LONGEST_HEADER, Fix, table_to_fix
from shared.pipeline.closing.csv_output import csv_text
from shared.reasons import REASONS, RowReason, UnreadableDeviceFile
from tests.device_files.cases import CASES, HEADER, HP, LENOVO, Case, archive, text
from tests.device_files.given import HASHES, SAMPLES, read
from tests.device_files.test_forms import rows as any_rows
from tests.device_files.test_forms import tables as any_tables
from tests.examples import examples

SAMPLE_CASES = [
    Case(path.name, path.read_bytes(), (), file=path.name) for path in sorted(SAMPLES.iterdir()) if path.is_file()
]
READABLE = [*CASES, *SAMPLE_CASES]

REALIGNED_IN_A_MERGED_TABLE = "identifiers without a header"
"""A row with a cell too many, in a file whose columns are merged: it has to be mended where it was not before."""


def of(data: bytes, name: str = "devices.csv") -> list[DeviceRow]:
    return [row for _, row in device_rows(lambda: [data], name=name)]


def sent_back(rows: Sequence[DeviceRow], what_to_do: str = "Fix it.", delimiter: str = ",") -> str:
    cells = table_to_fix(lambda: iter([(row, Fix("a_reason", what_to_do)) for row in rows]))
    return b"".join(csv_text(cells, delimiter, safe_original)).decode("utf-8-sig")


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def own(text: str) -> list[list[str]]:
    """The cells of the device file itself; of a comment all."""
    return [line[2:-1] or line for line in table(text)]


def dropped_again(text: str, rules: Rules | None = None) -> list[CheckedRow]:
    return read(("\ufeff" + text).encode(), rules=rules)


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_rows_that_are_sent_back_unchanged_are_read_as_they_were(case: Case, delimiter: str) -> None:
    try:
        rows = read(case.data, name=case.file, rules=case.rules)
    except UnreadableDeviceFile:
        return
    back = of(case.data, case.file)
    text = sent_back(back, REASONS[RowReason.UNCLEAR_COLUMNS].what_to_do, delimiter)
    if all(row.cells is None for row in back):
        return
    again = dropped_again(text, case.rules)
    before = [row for row, read_row in zip(rows, back, strict=True) if read_row.cells is not None]
    assert len(again) == len(before)
    for old, new in zip(before, again, strict=True):
        if case.name == REALIGNED_IN_A_MERGED_TABLE and new.reason is RowReason.SHIFTED_CELLS:
            continue
        assert new.device == old.device
        assert new.group_tag == old.group_tag or new.device is None
        assert new.reason == old.reason or old.reason in (RowReason.UNCLEAR_COLUMNS, RowReason.SHIFTED_CELLS)


def test_why_and_where_stand_in_front_of_the_columns_of_the_file_and_what_to_do_behind() -> None:
    lines = table(sent_back(of(text("Room,Model,Hardware Hash,Serial", "12,M,,A"))))
    assert lines == [
        ["fix_reason", "fix_source", "Room", "Model", "Hardware Hash", "Serial", "what_to_do"],
        ["a_reason", "line 2", "12", "M", "", "A", "Fix it."],
    ]


def test_where_a_row_stood_holds_no_delimiter_though_the_name_of_a_member_does() -> None:
    data = archive(**{"=Halle 3, Regal; links.csv": text(HEADER, "A,,")})
    assert table(sent_back(of(data)))[1][1] == "'=Halle 3 Regal links.csv line 2"


def test_a_file_that_was_sent_back_before_has_what_to_do_once() -> None:
    once = sent_back(of(text(HEADER, "A,,")), "First.")
    assert table(sent_back(of(once.encode()), "Second.")) == [
        ["fix_reason", "fix_source", *HEADER.split(","), "what_to_do"],
        ["a_reason", "line 2", "A", "", "", "Second."],
    ]


def test_a_hash_alone_has_a_header_that_is_recognised_again() -> None:
    text_of_it = sent_back(of(text("Hardware Hash", HASHES[HP])))
    assert own(text_of_it)[0] == ["Hardware Hash"]
    assert [row.device is not None for row in dropped_again(text_of_it)] == [True]


def test_columns_of_one_meaning_are_merged_and_others_follow_in_order_of_appearance() -> None:
    data = text(f"{HEADER},Room", "A,1,,12", "Serial,Building,room,Make,Model", "B,X,13,HP,M")
    assert own(sent_back(of(data))) == [
        [*HEADER.split(","), "Room", "Building", "Make", "Model"],
        ["A", "1", "", "12", "", "", ""],
        ["B", "", "", "13", "X", "HP", "M"],
    ]


def test_a_name_that_would_mean_something_else_beside_new_neighbours_is_changed() -> None:
    items = [{"serialNumber": "A", "manufacturer": "HP"}, {"serialNumber": "B", "Device Name": "PC-7"}]
    (header, *_) = own(sent_back(of(json.dumps(items).encode())))
    assert header == ["serialNumber", "manufacturer", "Device Name column"]


def test_a_model_that_was_named_beside_its_manufacturer_keeps_its_meaning() -> None:
    data = text("Serial,Manufacturer,Room", "A,HP,1", "Manufacturer,Device Name,Serial", "LENOVO,21R3001BUK,B")
    back = sent_back(of(data))
    assert own(back)[0] == ["Serial", "Manufacturer", "Room", "Device model"]
    assert [row.model for row in dropped_again(back)] == ["", "21R3001BUK"]


def test_cells_that_nobody_could_tell_apart_have_columns_without_a_meaning() -> None:
    data = text("No Such Maker,X1,123456A", "LENOVO,21R3001BUK,TE2TD5VI")
    back = of(data)[:1]
    lines = own(sent_back(back))
    assert lines[0][:4] == ["column 1", "column 2", "column 3", "Device Serial Number"]
    assert lines[1][:3] == ["No Such Maker", "X1", "123456A"]
    assert [row.reason for row in dropped_again(sent_back(back))] == [RowReason.NO_IDENTITY]


def test_what_is_no_row_stands_as_a_comment() -> None:
    data = archive(**{"a.csv": text(HEADER, "A,,"), "b,#N/A,=1.pdf": b"%PDF-1.7"})
    back = sent_back(of(data), "Repair this one.")
    assert table(back)[2] == ["# b #N/A =1.pdf (The file is of a kind that is not read.): Repair this one."]
    assert len(dropped_again(back)) == 1


def test_a_row_that_is_too_long_to_be_read_again_stands_as_a_comment() -> None:
    items = [{"serialNumber": "A", "x": "x" * (MAXIMUM_LINE - 60)}, {"serialNumber": "B", "x": "a\n" * 200}]
    back = sent_back(of("\n".join(map(json.dumps, items)).encode()), "Fix it. " * 20)
    assert [line[0][:9] for line in own(back)[1:]] == ["# line 1:", "B"]
    assert all(len(line) < MAXIMUM_LINE for line in back.splitlines())


def test_a_row_with_a_cell_that_a_spreadsheet_would_cut_stands_as_a_comment() -> None:
    items = [{"serialNumber": name, "x": "x" * (LONGEST_CELL + more)} for name, more in (("A", 1), ("B", 0))]
    back = sent_back(of("\n".join(map(json.dumps, items)).encode()))
    assert [line[0][:9] for line in own(back)[1:]] == ["# line 1:", "B"]


def test_a_header_of_any_width_is_bounded_and_loses_no_column_that_means_something() -> None:
    items = [{f"{number}{'x' * 200}": "1", "serialNumber": f"S{number}"} for number in range(500)]
    back = sent_back(of(json.dumps(items).encode()))
    header = back.splitlines()[0]
    assert len(header) < LONGEST_HEADER + 100
    assert [row.serial_number for row in dropped_again(back)] == [f"S{number}" for number in range(500)]


def test_names_that_begin_with_a_delimiter_stay_columns_of_their_own() -> None:
    items = [{"note": "a", ",more": "b"}, {"serialNumber": "S1"}]
    assert own(sent_back(of(json.dumps(items).encode())))[0][:3] == ["note", "more", "serialNumber"]


def test_no_cell_is_run_and_none_is_changed_for_the_reader() -> None:
    hostile = ["=1+1", "+1", "-1", "@x", "\t=1", "'=1", '="0042"', "<b>", "\x1b[31mred", "'tis"]
    data = "\n".join(
        json.dumps({"serialNumber": cell, "oemManufacturerName": "HP", "modelName": "M"}) for cell in hostile
    )
    back = sent_back(of(data.encode()))
    assert [row.device for row in dropped_again(back)] == [row.device for row in read(data.encode())]
    for line in own(back)[1:]:
        assert not line[0].lstrip().startswith(("=", "+", "-", "@")), line
        assert "\x1b" not in line[0]


def test_a_hash_is_never_changed() -> None:
    damaged = ["+" + HASHES[HP][1:], HASHES[LENOVO][:-9], HASHES[HP].replace("A", " A", 3), "T0" + "x" * 5000]
    data = text(HEADER, *(f"S{number},,{cell}" for number, cell in enumerate(damaged)))
    lines = own(sent_back(of(data)))
    assert [line[2].removeprefix("'") for line in lines[1:]] == damaged


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_table_that_is_sent_back_unchanged_is_read_as_it_was(data: st.DataObject) -> None:
    given_table = data.draw(any_tables(data.draw(any_rows())))
    again = dropped_again(sent_back(of(given_table)))
    assert [(row.device, row.group_tag) for row in again] == [(row.device, row.group_tag) for row in read(given_table)]


_NAMES = st.sampled_from([*(name for name, _, _ in all_names()), "Device Name", "x", "", "=1"])
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["A1", "HP", "LENOVO", HASHES[HP], "T0E", "", "=1", "-5", "'x", "'5", "a\nb", ' "x" ', "a;b|c"]),
    st.integers(-9, 9_999_999_999_999),
    st.none(),
    st.booleans(),
    st.lists(st.integers(), max_size=2),
    st.text(st.characters(exclude_categories=["C"]), max_size=8),
)


@settings(max_examples=examples(500))
@given(st.lists(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=7), min_size=1, max_size=5))
def test_any_objects_that_are_sent_back_unchanged_are_read_as_they_were(items: list[dict[str, Any]]) -> None:
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
    assert len(again) == len(before)
    for old, new, item in zip(before, again, items, strict=True):
        # A table has no types: there, a row with a value that is no plain text may be too unclear to be sent.
        if not all(map(is_plain, item.values())) and new.reason in (RowReason.UNCLEAR_COLUMNS, RowReason.SHIFTED_CELLS):
            continue
        assert new.device == old.device
        assert new.group_tag == old.group_tag or new.device is None


@pytest.mark.parametrize("column", [Column.SERIAL_NUMBER, Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG])
@pytest.mark.parametrize(
    ("cell", "type_"),
    [
        ("=A2&1", CellType.FORMULA),
        ('=IF(A2="","x","y")', CellType.FORMULA),
        ('["x","y"]', CellType.STRUCTURE),
        ('{"id":1}', CellType.STRUCTURE),
        ("#N/A", CellType.ERROR),
        ("#FIELD!", CellType.ERROR),
    ],
)
def test_what_is_no_text_in_its_file_is_sent_back_as_what_identifies_nothing(
    cell: str, type_: CellType, column: Column
) -> None:
    names = ("Serial Number", "Manufacturer", "Model", "Group Tag")
    header = header_of((Column.SERIAL_NUMBER, Column.MANUFACTURER, Column.MODEL, Column.GROUP_TAG), names)
    cells = dict(zip(header.columns, ("SN-1", "HP", "ProBook", "Sales"), strict=True)) | {
        column: TypedCell(cell, type_)
    }
    back = sent_back([DeviceRow("line 2", header=header, cells=list(cells.values()))])
    assert [row.device for row in dropped_again(back, Rules(batch_by_group_tag=True))] == [None]


@pytest.mark.parametrize("number", ["1e22", "12e3", "1.5e-7", "Infinity"])
def test_a_number_that_is_no_serial_number_is_none_when_it_is_sent_back(number: str) -> None:
    data = f'[{{"serialNumber":{number},"manufacturer":"HP","model":"ProBook"}}]'.encode()
    assert [row.reason for row in dropped_again(sent_back(of(data)))] == [RowReason.SERIAL_DAMAGED]


def is_plain(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.isascii() and (value.isalnum() or not value))
