"""Workbooks: every cell comes out where it stands and as the workbook shows it, or somebody is told."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.account import FileAccount
from shared.device_files.cells import CellType, type_of
from shared.device_files.formats import workbook_process, workbooks
from shared.device_files.formats.parts import TablePart, UnreadPart
from shared.device_files.tables.headers import sense_of
from shared.reasons import FileNote, FileReason, PassedOverKind, UnreadableDeviceFile
from tests.device_files.workbook_builder import Number, Sheet, Workbook
from tests.examples import examples

SAMPLES = Path(__file__).parents[1] / "samples"
Rows = list[tuple[int, list[str]]]


def read(data: bytes, account: FileAccount | None = None, member: str = "") -> dict[str, Rows | FileReason]:
    """The rows of each sheet, by its label."""
    found: dict[str, Rows | FileReason] = {}
    for part in workbooks.parts(io.BytesIO(data), member or "b.xlsx", account or FileAccount(), sense_of, member):
        if isinstance(part, TablePart):
            assert part.member == member
            found[part.prefix] = [(number, list(cells)) for number, cells in part.records]
        else:
            assert isinstance(part, UnreadPart)
            found[part.label] = part.reason
    return found


def rows_of(data: bytes, account: FileAccount | None = None) -> Rows:
    """The rows of the only sheet."""
    (rows,) = read(data, account).values()
    assert isinstance(rows, list)
    return rows


def typed(rows: Rows) -> list[tuple[int, list[str | tuple[str, CellType]]]]:
    return [
        (number, [(str(cell), kind) if (kind := type_of(cell)) else cell for cell in cells]) for number, cells in rows
    ]


def details(account: FileAccount) -> dict[FileNote, str]:
    return {remark.note: remark.detail for remark in account.remarks}


def with_part(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """A workbook with a text replaced in one of its parts; all parts are stored as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            assert name != part or old in content
            target.writestr(name, content.replace(old, new) if name == part else content)
    return buffer.getvalue()


def sheet_of(*cells: str, before: str = "") -> bytes:
    """A workbook with one row of cells, given as XML without a reference."""
    xml = f"{before}<sheetData><row>{''.join(cells)}</row></sheetData>"
    return Workbook([Sheet("S", xml=xml)]).data()


CELLS = [
    ("<c><v>5512345</v></c>", ("5512345", CellType.NUMBER)),
    ("<c><v>1.6520771357E11</v></c>", ("165207713570", CellType.NUMBER)),
    ("<c><v>1652077135701234567</v></c>", ("1.65208E+18", CellType.FRACTION)),
    ("<c><v>12.5</v></c>", ("12.5", CellType.FRACTION)),
    ("<c><v>0.30000000000000004</v></c>", ("0.3", CellType.FRACTION)),
    ("<c><v>PF2ABC</v></c>", "PF2ABC"),
    ('<c t="b"><v>1</v></c>', ("TRUE", CellType.BOOLEAN)),
    ('<c t="b"><v>false</v></c>', ("FALSE", CellType.BOOLEAN)),
    ('<c t="e"><v>#N/A</v></c>', ("#N/A", CellType.ERROR)),
    ('<c t="e"><f>VLOOKUP(A1,B:B,1)</f><v>#REF!</v></c>', ("#REF!", CellType.ERROR)),
    ('<c t="d"><v>2026-11-21T14:30:00Z</v></c>', ("2026-11-21 14:30:00", CellType.DATE)),
    ('<c t="d"><v>2026-11-21T00:00:00.000</v></c>', ("2026-11-21", CellType.DATE)),
    ('<c t="str"><v>a_x000D_b_x005F_x000D_</v></c>', "a\rb_x000D_"),
    ('<c t="str"><v>_xD83D_</v></c>', "\ufffd"),
    ('<c t="inlineStr"><is><r><t>5CG</t></r><r><rPr/><t>9041</t></r><rPh><t>x</t></rPh></is></c>', "5CG9041"),
    ('<c t="inlineStr"><v>kept</v></c>', "kept"),
    ("<c><is><t>kept too</t></is></c>", "kept too"),
    ('<c t="unknown"><v>and kept</v></c>', "and kept"),
    ("<c><v> 7\n</v></c>", ("7", CellType.NUMBER)),
    ('<c t="str"><f>A1&amp;"1"</f><v>S1</v></c>', "S1"),
    ("<c><f>1+1</f></c>", ("=1+1", CellType.FORMULA)),
    ("<c><f>1+1</f><v/></c>", ("=1+1", CellType.FORMULA)),
    ('<c t="str"><f>A1</f></c>', ("=A1", CellType.FORMULA)),
    ('<c><f t="shared" si="0"/></c>', ("=", CellType.FORMULA)),
    ("<c><f>1-1</f><v>0</v></c>", ("0", CellType.NUMBER)),
]


@pytest.fixture(scope="module")
def all_cells() -> Sequence[str | tuple[str, CellType]]:
    ((_, cells),) = typed(rows_of(sheet_of(*(xml for xml, _ in CELLS))))
    return cells


@pytest.mark.parametrize("place", range(len(CELLS)), ids=[xml for xml, _ in CELLS])
def test_a_cell_is_handed_on_with_its_type(place: int, all_cells: Sequence[str | tuple[str, CellType]]) -> None:
    assert all_cells[place] == CELLS[place][1]


def test_a_formula_that_was_calculated_to_nothing_is_empty_unless_the_workbook_says_that_values_are_stale() -> None:
    cells = ['<c t="str"><v>S1</v></c>', '<c t="str"><f>""</f><v></v></c>', "<c><f>A1</f><v>0</v></c>"]
    assert typed(rows_of(sheet_of(*cells))) == [(1, ["S1", "", ("0", CellType.NUMBER)])]
    account = FileAccount()
    calculation = b'<calcPr fullCalcOnLoad="1"/></workbook>'
    stale = with_part(sheet_of(*cells), "xl/workbook.xml", b"</workbook>", calculation)
    assert typed(rows_of(stale, account)) == [(1, ["S1", ('=""', CellType.FORMULA), ("=A1", CellType.FORMULA)])]
    assert details(account) == {FileNote.FORMULAS_WITHOUT_VALUE: "S!B1; S!C1"}


def test_a_number_is_shown_by_the_format_of_its_own_cell_wherever_the_table_begins() -> None:
    header = ["", "", "Windows Product ID", "Serial Number"]
    row: list[str | Number] = ["", "", Number("330000000001", code="0000000000000"), Number("5512345")]
    last: list[str | Number] = ["", "", "", Number("5512345", code='"SN"00000000')]
    rows = rows_of(Workbook([Sheet("S", [[], [], header, row, last])]).data())
    assert typed(rows) == [
        (3, ["Windows Product ID", "Serial Number"]),
        (4, ["0330000000001", ("5512345", CellType.NUMBER)]),
        (5, ["", "SN05512345"]),
    ]


def test_neither_rows_nor_cells_need_to_say_where_they_stand() -> None:
    xml = (
        '<sheetData><row><c t="str"><v>A1</v></c><c/><c t="str"><v>C1</v></c></row><row/>'
        '<row><c r="b3" t="str"><v>B3</v></c><c t="str"><v>C3</v></c></row>'
        '<row><c r="C7" t="str"><v>C7</v></c><c r="A7" t="str"><v>A7</v></c></row>'
        '<row r="9"><c t="str"><v>A9</v></c></row></sheetData>'
    )
    assert rows_of(Workbook([Sheet("S", xml=xml)]).data()) == [
        (1, ["A1", "", "C1"]),
        (3, ["", "B3", "C3"]),
        (7, ["A7", "", "C7"]),
        (9, ["A9"]),
    ]


def test_shared_strings_are_read_without_their_phonetic_runs() -> None:
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>東京</t><rPh sb="0" eb="2">'
        '<t>トウキョウ</t></rPh></si><si><r><t xml:space="preserve">S </t></r><r><t>1</t></r></si><si/></sst>'
    )
    cells = [f'<c t="s"><v>{place}</v></c>' for place in (1, 0, 2)]
    xml = f"<sheetData><row>{''.join(cells)}</row></sheetData>"
    data = Workbook([Sheet("S", xml=xml)], {"xl/sharedStrings.xml": strings.encode()}).data()
    assert rows_of(data) == [(1, ["S 1", "東京"])]


@pytest.mark.parametrize(
    ("cell", "reference"),
    [("<v>1</v>", "XFD1048576"), ("", "XFD1048576"), ("<v>1</v>", "A1048576"), ("<v>1</v>", "XFD2")],
)
def test_a_stray_cell_at_the_end_of_the_sheet_costs_nothing(cell: str, reference: str) -> None:
    row = reference.lstrip("ADFX")
    xml = (
        '<dimension ref="A:XFD"/><sheetData><row r="1"><c r="A1" t="str"><v>Serial</v></c></row>'
        f'<row r="{row}"><c r="{reference}">{cell}</c></row></sheetData>'
    )
    rows = rows_of(Workbook([Sheet("S", xml=xml)]).data())
    assert rows[0] == (1, ["Serial"])
    assert [(number, cells[-1]) for number, cells in rows[1:]] == ([(int(row), "1")] if cell else [])


@pytest.mark.parametrize(
    "reference", ["XFE1", "AAAA1", "1", "Ä1", "A-1"], ids=["a column too far", "longer", "none", "no letter", "a sign"]
)
def test_a_place_that_no_sheet_has_is_damage(reference: str) -> None:
    data = sheet_of(f'<c r="{reference}" t="str"><v>x</v></c>')
    assert read(data) == {"b.xlsx!S": FileReason.WORKBOOK_UNREADABLE}


def test_rows_and_columns_that_are_hidden_are_read_and_noted() -> None:
    xml = (
        '<cols><col min="1" max="1" hidden="0"/><col min="3" max="16384" width="0" hidden="1"/></cols><sheetData>'
        '<row hidden="1"><c/></row>'
        + "".join('<row hidden="1"><c t="str"><v>x</v></c></row>' for _ in range(9))
        + '<row ht="0" customHeight="1"><c/><c/><c t="str"><v>y</v></c></row></sheetData>'
    )
    account = FileAccount()
    rows = rows_of(Workbook([Sheet("S", xml=xml)]).data(), account)
    assert [number for number, _ in rows] == list(range(2, 12))
    assert details(account) == {FileNote.HIDDEN_ROWS_READ: "S rows 2, 3, 4, 5, 6 …; S columns C"}
    read(Workbook([Sheet("S", xml=xml)]).data(), account, member="in.xlsx")
    assert "in.xlsx!S rows 2" in details(account)[FileNote.HIDDEN_ROWS_READ]


def test_a_cell_that_is_merged_downwards_is_that_of_all_its_rows() -> None:
    cells: list[list[str | Number]] = [["S1", "Kiosk"], ["S2"], [Number("3")], ["S4", "Lab"], ["S5"]]
    merged = '<mergeCells><mergeCell ref="B1:B3"/><mergeCell ref="A4:B4"/><mergeCell ref="D1:D9"/></mergeCells>'
    sheet = Sheet("S", cells, behind=f"<autoFilter/>{merged}<pageMargins/>")
    rows = [["S1", "Kiosk"], ["S2", "Kiosk"], ["3", "Kiosk"], ["S4", "Lab"], ["S5"]]
    assert rows_of(Workbook([sheet]).data()) == list(enumerate(rows, start=1))


def test_more_merged_cells_than_are_read_are_told_of() -> None:
    merged = "".join(f'<mergeCell ref="A{row}:A{row + 1}"/>' for row in range(1, 60_000))
    sheet = Sheet("S", [["S1"]], behind=f"<mergeCells>{merged}</mergeCells>")
    assert read(Workbook([sheet]).data()) == {"b.xlsx!S": FileReason.WORKBOOK_UNREADABLE}


def test_hidden_sheets_are_passed_over_aloud_unless_they_are_empty() -> None:
    sheets = [
        Sheet("Shown", [["Serial"]]),
        Sheet("Lists", [["Yes", "No"]], state="hidden"),
        Sheet("Old", [["Serial"], [], ["", "5CG9041ABC"]], state="veryHidden"),
        Sheet("Nothing", state="hidden"),
        Sheet("Broken", xml="<sheetData><row>", state="hidden"),
    ]
    account = FileAccount()
    assert read(Workbook(sheets).data(), account) == {"b.xlsx!Shown ": [(1, ["Serial"])]}
    (passed_over,) = account.passed_over
    assert (passed_over.kind, passed_over.count) == (PassedOverKind.HIDDEN_SHEET, 3)
    assert passed_over.places == ("b.xlsx!Lists", "b.xlsx!Old", "b.xlsx!Broken")
    assert passed_over.excerpts == ("Yes, No", "Serial", "")
    assert details(account) == {
        FileNote.HIDDEN_SHEETS_SKIPPED: "Lists; Old; Broken",
        FileNote.MAY_HOLD_DEVICES: "b.xlsx!Old; b.xlsx!Broken",
    }


@pytest.mark.parametrize(
    "xml",
    [
        '<sheetData><row><c t="str"><v>S1</v></c></row>',
        '<sheetData><row><c t="s"><v>7</v></c></row></sheetData>',
        '<sheetData><row><c t="s"><v>-1</v></c></row></sheetData>',
        '<sheetData><row r="0"><c t="str"><v>S1</v></c></row></sheetData>',
        '<sheetData><row r="1048577"><c t="str"><v>S1</v></c></row></sheetData>',
        '<sheetData><row><c r="A1" t="str"><v>S1</v></c><c r="A1" t="str"><v>S2</v></c></row></sheetData>',
        '<sheetData><row><c s="x"><v>1</v></c></row></sheetData>',
    ],
    ids=[
        "cut off",
        "no such string",
        "a string before the first",
        "row 0",
        "a row too many",
        "one place twice",
        "style",
    ],
)
def test_a_damaged_sheet_is_told_of_and_the_others_are_read(xml: str) -> None:
    found = read(Workbook([Sheet("Bad", xml=xml), Sheet("Good", [["S1"]])]).data())
    assert found == {"b.xlsx!Bad": FileReason.WORKBOOK_UNREADABLE, "b.xlsx!Good ": [(1, ["S1"])]}


def test_a_sheet_whose_bytes_do_not_fit_their_checksum_is_damaged() -> None:
    data = with_part(Workbook([Sheet("S", [["5CG9041ABC"]])]).data(), "", b"", b"")
    changed = data.replace(b"5CG9041ABC", b"5CG9041ABD")
    assert rows_of(data) == [(1, ["5CG9041ABC"])]
    assert read(changed) == {"b.xlsx!S": FileReason.WORKBOOK_UNREADABLE}


def test_a_sheet_that_is_missing_is_told_of() -> None:
    data = Workbook([Sheet("Gone", [["S1"]]), Sheet("S", [["S2"]])], {"xl/worksheets/sheet1.xml": b""}).data()
    assert read(data) == {"b.xlsx!Gone": FileReason.WORKBOOK_UNREADABLE, "b.xlsx!S ": [(1, ["S2"])]}


_STRICT = b"http://purl.oclc.org/ooxml/"
FORMS = {
    "strict": (b"http://schemas.openxmlformats.org/", _STRICT),
    "absolute targets": (b'Target="', b'Target="/xl/'),
    "targets with backslashes": (b"worksheets/sheet", b"worksheets\\\\sheet"),
    "targets in another case": (b"worksheets/sheet", b"Worksheets/Sheet"),
}


@pytest.mark.parametrize("form", FORMS)
def test_packages_are_read_in_every_form(form: str) -> None:
    data = Workbook([Sheet("S", [["S1", Number("7", zeros=3)]])]).data()
    old, new = FORMS[form]
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            is_changed = form == "strict" or name == "xl/_rels/workbook.xml.rels"
            target.writestr(name, source.read(name).replace(old, new) if is_changed else source.read(name))
    assert rows_of(buffer.getvalue()) == [(1, ["S1", "007"])]


def test_names_of_parts_with_backslashes_are_read() -> None:
    buffer = io.BytesIO()
    data = Workbook([Sheet("S", [["S1"]])]).data()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            target.writestr(name.replace("/", "\\"), source.read(name))
    assert rows_of(buffer.getvalue()) == [(1, ["S1"])]


def test_a_workbook_without_styles_is_read() -> None:
    data = Workbook([Sheet("S", [[Number("7", zeros=3)]])], {"xl/styles.xml": b""}).data()
    assert typed(rows_of(data)) == [(1, [("7", CellType.NUMBER)])]


def test_a_workbook_with_damaged_styles_is_refused_for_zeros_would_be_lost() -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(Workbook([Sheet("S", [[Number("7", zeros=3)]])], {"xl/styles.xml": b"<styleSheet>"}).data())
    assert raised.value.reason is FileReason.WORKBOOK_UNREADABLE


def test_sheets_of_charts_hold_nothing() -> None:
    data = Workbook([Sheet("Chart", xml="<drawing/>"), Sheet("S", [["S1"]])]).data()
    data = with_part(
        data, "xl/_rels/workbook.xml.rels", b'worksheet" Target="worksheets/sheet1', b'chartsheet" Target="x'
    )
    assert read(data) == {"b.xlsx!S ": [(1, ["S1"])]}


@pytest.mark.parametrize(("is_1904", "date"), [(False, "2026-01-05"), (True, "2030-01-06")])
def test_dates_count_from_the_first_day_of_the_workbook(is_1904: bool, date: str) -> None:
    cell = Number("46027", code="dd.mm.yyyy")
    data = Workbook([Sheet("S", [[cell]])], before=f'<workbookPr date1904="{int(is_1904)}"/>').data()
    assert typed(rows_of(data)) == [(1, [(date, CellType.DATE)])]


def test_an_old_workbook_is_read() -> None:
    account = FileAccount()
    rows = typed(rows_of((SAMPLES / "workbook.xls").read_bytes(), account))
    assert [cells[0] for _, cells in rows] == [
        "Device Serial Number",
        "5ES8901IC4",
        ("16520771357", CellType.NUMBER),
        "0123456000789",
    ]
    assert FileNote.HIDDEN_SHEETS_SKIPPED in details(account)


def test_a_cell_longer_than_any_hash_is_refused_when_it_is_reached() -> None:
    data = Workbook([Sheet("S", [["S1"], ["x" * 70_000]])]).data()
    parts = workbooks.parts(io.BytesIO(data), "b.xlsx", FileAccount(), sense_of)
    part = next(parts)
    assert isinstance(part, TablePart)
    with pytest.raises(UnreadableDeviceFile, match="line 2") as raised:
        list(part.records)
    assert raised.value.reason is FileReason.LINE_TOO_LONG


def test_a_workbook_that_unpacks_to_more_than_is_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    text = Path(workbook_process.__file__).read_text("utf-8")
    program.write_text(text.replace("MAXIMUM_OUTPUT = 1024 * 1024 * 1024", "MAXIMUM_OUTPUT = 100_000"), "utf-8")
    monkeypatch.setattr(workbook_process, "__file__", str(program))
    strings = f"<sst><si><t>{'A' * 10_000}</t></si></sst>".encode()
    row = '<row><c t="s"><v>0</v></c></row>'
    fits, overflows = (
        Workbook([Sheet("S", xml=f"<sheetData>{row * count}</sheetData>")], {"xl/sharedStrings.xml": strings}).data()
        for count in (9, 11)
    )
    assert len(rows_of(fits)) == 9
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(overflows)
    assert raised.value.reason is FileReason.WORKBOOK_TOO_LARGE


def test_a_cell_that_takes_more_memory_than_a_workbook_may_is_refused() -> None:
    buffer = io.BytesIO(Workbook([Sheet("S")], {"xl/worksheets/sheet1.xml": b""}).data())
    with (
        zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as package,
        package.open("xl/worksheets/sheet1.xml", "w") as sheet,
    ):
        sheet.write(b"<worksheet><sheetData><row><c><v>")
        sheet.writelines(b"A" * 1_000_000 for _ in range(450))
        sheet.write(b"</v></c></row></sheetData></worksheet>")
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(buffer.getvalue())
    assert raised.value.reason is FileReason.WORKBOOK_TOO_LARGE


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", Workbook([]).data(), Workbook([Sheet("S")]).data()[:-40]],
    ids=["nothing", "a mark", "no sheets", "cut off"],
)
def test_what_is_no_whole_workbook_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(data)
    assert raised.value.reason is FileReason.WORKBOOK_UNREADABLE


FIELD_FILES = {
    "54_workbook_begins_in_column_b.xlsx": [
        [(2, ["0330000000001", ("5512345", CellType.NUMBER), "HP", "HP ProBook 450 G8 Notebook PC"])]
    ],
    "w_cx_bool_err_date.xlsx": [
        [
            (2, [("TRUE", CellType.BOOLEAN), "", "", "HP", "M"]),
            (3, [("2026-01-05", CellType.DATE), "", "", "HP", "M"]),
            (4, [("12.5", CellType.FRACTION), "", "", "HP", "M"]),
            (5, [("=1/0", CellType.FORMULA), "", "", "HP", "M"]),
            (6, [("05:30:00", CellType.DATE), "", "", "HP", "M"]),
        ]
    ],
    "w_ep_trail.xlsx": [
        [
            (2, ["PST00001", "", "", "LENOVO", "21R3001BUK", "Kiosk"]),
            (3, ["00123456", "", "", "HP", "HP EliteBook 840 G8", "Sales"]),
            (4, ["PST00003", "", "", "Dell Inc.", "Latitude 5530", "Lab"]),
        ]
    ],
    "w_sheet2_other_names.xlsx": [[(2, ["S100001", "HP", "ProBook"])], [(2, ["S100002", "Dell Inc.", "Latitude"])]],
    "w_units_row.xlsx": [
        [
            (2, ["(required)", "(required)", "(required)"]),
            (3, ["S100001", "HP", "ProBook"]),
            (4, ["S100002", "Dell Inc.", "Latitude"]),
        ]
    ],
}


@pytest.mark.parametrize("name", FIELD_FILES)
def test_workbooks_of_the_field_are_read_as_they_show_themselves(name: str) -> None:
    found = read((SAMPLES / "field" / name).read_bytes())
    assert [typed(rows)[1:] for rows in found.values() if isinstance(rows, list)] == FIELD_FILES[name]


def test_formulas_that_nobody_calculated_are_noted_with_their_places() -> None:
    account = FileAccount()
    rows = rows_of((SAMPLES / "field" / "w_cx_formula.xlsx").read_bytes(), account)
    assert [type_of(cells[5]) for _, cells in rows[1:]] == [CellType.FORMULA] * 3
    assert details(account)[FileNote.FORMULAS_WITHOUT_VALUE].startswith("Devices!A2; Devices!B2; Devices!D2")


Place = tuple[int, int]
_TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=12
)
_VALUES = st.one_of(
    st.tuples(st.just("str"), _TEXTS.filter(lambda text: "_x" not in text)),
    st.tuples(st.just("n"), st.integers(0, 10**15 - 1).map(str)),
    st.tuples(st.just("b"), st.sampled_from("01")),
    st.tuples(st.just("f"), st.just("")),
)
_WANTED = {"n": CellType.NUMBER, "b": CellType.BOOLEAN, "f": CellType.FORMULA, "str": None}


@st.composite
def sheets(draw: st.DrawFn) -> tuple[bytes, dict[Place, tuple[str, str]]]:
    """A workbook of cells at any places, written in any of the ways in which libraries do it."""
    cells = draw(st.dictionaries(st.tuples(st.integers(1, 60), st.integers(0, 40)), _VALUES, min_size=1, max_size=30))
    space = draw(st.sampled_from(["http://schemas.openxmlformats.org/spreadsheetml/2006/main", _STRICT.decode() + "m"]))
    prefix, has_references = draw(st.sampled_from(["", "x:"])), draw(st.booleans())
    last_row = max(row for row, _ in cells)
    parts = [f"<{prefix}worksheet xmlns{':x' if prefix else ''}='{space}'><{prefix}sheetData>"]
    for row in range(1, last_row + 1):
        number = f' r="{row}"' if has_references or draw(st.booleans()) else ""
        parts.append(f"<{prefix}row{number}>")
        columns = [column for place, column in cells if place == row]
        for column in sorted(columns) if has_references else range(max(columns, default=-1) + 1):
            reference = f' r="{workbook_process._letters(column)}{row}"' if has_references else ""
            kind, text = cells.get((row, column), ("n", ""))
            inner = f"<{prefix}f>A1</{prefix}f>" if kind == "f" else f"<{prefix}v>{escape(text)}</{prefix}v>"
            parts.append(f'<{prefix}c{reference} t="{"n" if kind == "f" else kind}">{inner}</{prefix}c>')
        parts.append(f"</{prefix}row>")
    parts.append(f"</{prefix}sheetData></{prefix}worksheet>")
    return Workbook([Sheet("S")], {"xl/worksheets/sheet1.xml": "".join(parts).encode()}).data(), cells


def _read_here(workbook: io.BytesIO, output: io.BytesIO) -> None:
    workbook_process.write_workbook(workbook, output)


@settings(max_examples=examples(200))
@given(sheets())
def test_every_cell_of_a_sheet_comes_out_where_it_stands(given_: tuple[bytes, dict[Place, tuple[str, str]]]) -> None:
    data, wanted = given_
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbooks, "_read", _read_here)
        rows = rows_of(data)
    first = min(column for _, column in wanted)
    found = {(row, first + place): cell for row, cells in rows for place, cell in enumerate(cells) if cell}
    assert set(found) == set(wanted)
    for place, (kind, text) in wanted.items():
        assert type_of(found[place]) == _WANTED[kind]
        if kind in ("n", "str"):
            assert found[place] == text


@settings(max_examples=examples(300))
@given(sheets(), st.data())
def test_a_damaged_workbook_loses_no_cell_in_silence(
    given_: tuple[bytes, dict[Place, tuple[str, str]]], data: st.DataObject
) -> None:
    """A byte changed anywhere: the same cells, a sheet that is told of, or a refusal."""
    original, _ = given_
    at = data.draw(st.integers(0, len(original) - 1))
    damaged = original[:at] + bytes([original[at] ^ data.draw(st.integers(1, 255))]) + original[at + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbooks, "_read", _read_here)
        before = typed(rows_of(original))
        try:
            found = read(damaged)
        except (UnreadableDeviceFile, *workbook_process._DAMAGE):
            return
    for rows in found.values():
        assert rows is FileReason.WORKBOOK_UNREADABLE or (isinstance(rows, list) and typed(rows) == before)
