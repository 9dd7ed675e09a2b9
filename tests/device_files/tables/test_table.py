"""Rows of cells to device rows: each is a device row or is passed over, and nothing is neither."""

from collections.abc import Sequence

import pytest

from shared.device_files.account import FileAccount
from shared.device_files.rows import Column, DeviceRow
from shared.device_files.tables.table import LONGEST_PREAMBLE, table_rows
from shared.device_files.tables.tool_output import TURNED
from shared.reasons import FileNote, FileReason, PassedOverKind, RowReason, UnreadableDeviceFile
from tests.device_files.given import HASHES

HEADER = [
    "Device Serial Number",
    "Windows Product ID",
    "Hardware Hash",
    "Manufacturer name",
    "Device model",
    "Group Tag",
]
HP = ["S100001", "", "", "HP", "ProBook", "Kiosk"]


def read(*lines: Sequence[str]) -> tuple[list[DeviceRow], FileAccount]:
    account = FileAccount()
    return list(table_rows(enumerate(lines, start=1), account, delimiter=lambda: ",")), account


def kinds(account: FileAccount) -> dict[PassedOverKind, int]:
    return {over.kind: over.count for over in account.passed_over}


def test_a_row_carries_the_header_and_the_cells_that_it_was_read_from() -> None:
    (row,), _ = read(HEADER, HP)
    assert row.header.names == tuple(HEADER)
    assert row.cells == HP


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (["# collected on Monday"], PassedOverKind.COMMENT),
        (["End of the list"], PassedOverKind.PROSE),
        (["<serialNumber>", "", "<hardwareHash>"], PassedOverKind.TEMPLATE_LINE),
        (["------", "------", "-----"], PassedOverKind.TOOL_OUTPUT),
        (["(2 rows affected)"], PassedOverKind.TOOL_OUTPUT),
        (["PS C:\\temp> Import-Csv .\\a.csv"], PassedOverKind.TOOL_OUTPUT),
    ],
)
def test_what_is_no_row_is_counted_under_a_header_and_above_it(line: list[str], kind: PassedOverKind) -> None:
    for lines in ([HEADER, line, HP], [line, HEADER, HP]):
        rows, account = read(*lines)
        assert [row.serial_number for row in rows] == ["S100001"]
        assert kinds(account) == {kind: 1}


def test_a_row_that_went_to_a_prompt_gives_a_warning() -> None:
    _, account = read(["PS C:\\> S100001", "HP", "ProBook"], HEADER, HP)
    assert kinds(account) == {PassedOverKind.TOOL_OUTPUT: 1}
    assert account.passed_over[0].may_hold_device


def test_a_comment_that_could_hold_a_device_gives_a_warning() -> None:
    _, account = read(HEADER, ["# 5CG1234567 comes later"], HP)
    assert account.passed_over[0].may_hold_device
    assert FileNote.MAY_HOLD_DEVICES in {remark.note for remark in account.remarks}


@pytest.mark.parametrize("line", [["#A17"], ["#A17", "", "", "HP", "ProBook", ""], ["#N/A", "", "", "", "", ""]])
def test_a_first_cell_that_begins_with_a_number_sign_may_be_of_a_row(line: list[str]) -> None:
    rows, _ = read(HEADER, line)
    assert len(rows) == 1


def test_a_line_with_something_in_two_cells_is_a_row_whatever_its_words() -> None:
    rows, account = read(HEADER, ["please call the maker", "", "", "", "about this"])
    assert len(rows) == 1
    assert not account.passed_over


def test_rows_above_a_header_are_told_of_beyond_those_that_are_held() -> None:
    above = [[f"AB{number:06}", "Nobody", "X1"] for number in range(LONGEST_PREAMBLE + 50)]
    rows, _ = read(*above, HEADER, HP)
    assert len(rows) == len(above) + 1
    assert {row.problem for row in rows[:-1]} == {RowReason.UNCLEAR_COLUMNS}


def test_a_table_that_nobody_understands_is_one_row() -> None:
    rows, _ = read(["Raum", "Nummer"], ["Berlin 1", "S1000017"], ["Berlin 2", "S1000018"])
    assert [(row.source, row.problem) for row in rows] == [("line 2 to 3", RowReason.PART_NOT_UNDERSTOOD)]


def test_no_column_is_guessed_below_unknown_names_though_a_row_stands_between() -> None:
    rows, _ = read(["Lieferant\tKennung\tBauart"], ["Nobody\tQ7\tX1"], ["HP", "S1000017", "VMware20,1"])
    assert {row.problem for row in rows} <= {RowReason.PART_NOT_UNDERSTOOD, RowReason.UNCLEAR_COLUMNS}
    assert rows


def test_unknown_names_above_rows_that_read_well_are_told_and_are_no_row() -> None:
    rows, account = read(["Was", "Wie", "Wer"], ["5ES8901IC4", "", HASHES["5ES8901IC4"]])
    assert len(rows) == 1
    assert kinds(account) == {PassedOverKind.UNKNOWN_HEADER: 1}
    assert FileNote.HEADER_NOT_UNDERSTOOD in {remark.note for remark in account.remarks}


def test_unknown_names_under_a_header_are_no_device() -> None:
    (row,), _ = read(["Serial Number", "Manufacturer", "Model"], ["Standort", "Raum", "Etage"])
    assert row.problem is RowReason.UNCLEAR_COLUMNS


def test_a_second_header_with_more_columns_in_front_holds_from_there() -> None:
    rows, _ = read(HEADER, HP, ["Ort", *HEADER], ["Berlin", "S2", "", "", "Dell Inc.", "Latitude", "Lab"])
    assert [(row.serial_number, row.group_tag) for row in rows] == [("S100001", "Kiosk"), ("S2", "Lab")]


@pytest.mark.parametrize(
    "lines",
    [
        [["Hardware Hash"], ["-------------"], ["T0GhBAEAHAAAAAoAGR70ZQAACgCgHvRl3otnMQQCCQkCABAACQABAAw\u2026"]],
        [["Serial Number  Manufacturer  Model"], ["-------------  ------------  -----"], ["S1  HP  M1"]],
        [["Device Serial Number : DDD0007"], ["Windows Product ID   :"], ["Hardware Hash        : T0GLAQ"]],
    ],
)
def test_a_picture_of_a_table_is_refused_by_name(lines: list[list[str]]) -> None:
    with pytest.raises(UnreadableDeviceFile, match="screen") as refused:
        read(*lines)
    assert refused.value.reason is FileReason.NOT_DEVICES


def test_a_row_that_repeats_its_headers_is_one_where_its_manufacturer_is_known() -> None:
    names = ["Seriennummer", "Hersteller", "Modell"]
    rows, account = read(HEADER, HP, [*names, "S2", "HP", "ProBook"], [*names, "S3", "Contoso", "X1"])
    assert [(row.serial_number, row.manufacturer) for row in rows[1:]] == [("S2", "HP"), ("S3", "Contoso")]
    assert not account.remarks


def test_names_of_one_meaning_before_a_surer_one_are_a_header_and_no_report() -> None:
    names = ["serialNumber", "serial no", "serial nr", "x", "Device Serial Number", "Hardware Hash"]
    rows, _ = read(names, ["", "", "", "", "A1", next(iter(HASHES.values()))])
    assert [row.serial_number for row in rows] == ["A1"]


def test_a_header_with_what_could_be_a_device_in_it_gives_a_warning() -> None:
    _, account = read([*HEADER, "5CG1234567", "Contoso"], [*HP, "", ""])
    assert FileNote.MAY_HOLD_DEVICES in {remark.note for remark in account.remarks}


def test_a_group_tag_that_is_the_makers_name_is_no_maker() -> None:
    for user in (["ada@contoso.com"], []):
        (row,), _ = read(["5ES8901IC4", "", HASHES["5ES8901IC4"], "HP", *user])
        assert (row.group_tag, row.manufacturer, row.problem) == ("HP", "", None)


@pytest.mark.parametrize("following", [[" West"], [" West", "2"]])
@pytest.mark.parametrize("serial", ["S100001", "S100002"], ids=["first row", "row like one before it"])
def test_a_blank_behind_the_group_tag_shows_that_it_fell_apart(following: list[str], serial: str) -> None:
    rows, _ = read([*HEADER, "Room", "Floor"], [*HP, "", "2"], [serial, *HP[1:], *following])
    assert [row.problem for row in rows] == [None, RowReason.SHIFTED_CELLS]


@pytest.mark.parametrize("pair", [["Breite", "Tiefe"], ["Price", "net"], ["Ort", "Raum"]])
def test_rows_with_a_cell_too_few_below_two_unknown_names_are_no_rows_of_another_maker(pair: list[str]) -> None:
    names = ["Serial Number", *pair, "Manufacturer", "Model", "Group Tag"]
    rows, _ = read(names, ["S100001", "12", "Contoso", "X1", "Kiosk"], ["S100002", "12", "x", "HP", "X1"])
    assert [row.problem for row in rows] == [RowReason.SHIFTED_CELLS, None]


def test_cells_of_a_workbook_do_not_fall_apart() -> None:
    names = ["Serial Number", "Breite", "Tiefe", "Manufacturer", "Model", "Group Tag"]
    records = enumerate([names, ["S100001", "12", "3", "Contoso", "X1"]], start=1)
    (row,) = table_rows(records, FileAccount())
    assert (row.problem, row.manufacturer, row.model) == (None, "Contoso", "X1")


@pytest.mark.parametrize(
    "names", [["Bauart", "Lieferant", "Kennung"], ["Bauart;Lieferant;Kennung"], ["a", "Serial", "x"]]
)
def test_below_later_names_that_are_not_known_the_header_holds_no_more(names: list[str]) -> None:
    header = ["Serial Number", "Manufacturer", "Model"]
    lines = [header, ["S1A4", "HP", "M1"], names, ["X1", "Contoso", "S2A4"], ["X2", "HP", "S3A4"]]
    rows, account = read(*lines, header, ["S4A4", "HP", "M1"])
    assert [row.problem for row in rows] == [None, *[RowReason.UNCLEAR_COLUMNS] * 3, None]
    assert [remark.note for remark in account.remarks] == [FileNote.HEADER_NOT_UNDERSTOOD]


def test_below_names_that_no_delimiter_cut_rows_are_not_told_by_their_places() -> None:
    rows, _ = read([HASHES["90STDE5"]], ["Lieferant;Kennung;Bauart"], ["HP", "00123456", "21R3001BUK"])
    assert [row.problem for row in rows] == [None, RowReason.UNCLEAR_COLUMNS]


@pytest.mark.parametrize("words", [["spare", "Contoso", "Notebook"], ["BXKLMNP", "Acme", "Notebook"]])
def test_a_row_of_words_beside_others_of_its_maker_leaves_the_header_as_it_is(words: list[str]) -> None:
    rows, account = read(
        ["Serial", "Manufacturer", "Model"], ["S1A4", "Contoso", "M1"], words, ["S2A4", "Contoso", "X"]
    )
    assert [row.problem for row in rows] == [None, RowReason.UNCLEAR_COLUMNS, None]
    assert not account.remarks


def test_a_row_with_as_many_empty_cells_behind_it_as_its_header_is_certain() -> None:
    rows, account = read([*HEADER, "Room", "", ""], [*HP, "12", "", ""], [*HP, "12", ""])
    assert [row.notes for row in rows] == [(), ()]
    assert not account.passed_over


def test_a_table_that_is_turned_is_told_as_such() -> None:
    (row,), _ = read(["Serial Number", "A0000001"], ["Manufacturer", "HP"], ["Model", "EliteBook 840"])
    assert row.problem is RowReason.PART_NOT_UNDERSTOOD
    assert row.source == f"line 1 to 3 ({TURNED})"


@pytest.mark.parametrize("word", ["Total", "Summe:", "Gesamtsumme", "Subtotal", "Totale", "sum"])
def test_a_line_of_totals_counts_rows_and_is_no_device(word: str) -> None:
    rows, _ = read(["Pos", *NAMES], ["1", "12345", "HP", "Book"], [word, "1", "HP", "Book"], ["x", "2", "HP", "Book"])
    assert [row.problem for row in rows] == [None, RowReason.SERIAL_NOT_A_SERIAL, None]


NAMES = ["Serial Number", "Manufacturer", "Model"]
WORDS_OF_COLUMNS = [
    ["Lager Köln", "Herr Meier", "Tor"],
    ["Serial Number", "Typ", "Fabrikat"],
    ["Serial Number2", "Type2", "Make2"],
    ["S/N2", "Typ 2", "Fabrikat.2"],
    ["Kennung (15-stellig)", "Typ", "Fabrikat"],
    ["1) Kennung", "2) Typ", "3) Fabrikat"],
]


@pytest.mark.parametrize("words", WORDS_OF_COLUMNS)
def test_below_words_that_may_be_other_names_rows_go_on_with_a_device_as_before(words: list[str]) -> None:
    rows, account = read(
        [*NAMES, "Room"], ["A0000001", "HP", "Book"], words, ["A0000002", "HP", "Book"], ["A0000003", "Contoso", "X1"]
    )
    assert [row.problem for row in rows] == [None, RowReason.UNCLEAR_COLUMNS, None, None]
    assert FileNote.HEADER_NOT_UNDERSTOOD in {remark.note for remark in account.remarks}


@pytest.mark.parametrize("words", WORDS_OF_COLUMNS)
def test_below_words_that_may_be_other_names_the_old_names_are_not_believed(words: list[str]) -> None:
    rows, _ = read(NAMES, ["A0000001", "HP", "Book"], words, ["A0000002", "XMG", "HP"], ["A0000003", "XMG", "HP"])
    assert [row.problem for row in rows] == [None, *[RowReason.UNCLEAR_COLUMNS] * 3]


def test_below_words_that_may_be_other_names_a_hash_shows_its_columns() -> None:
    rows, _ = read(HEADER, HP, ["Lager", "", "", "Meier", "Tor", "x"], ["90STDE5", "", HASHES["90STDE5"], "", "", ""])
    assert [row.problem for row in rows] == [None, RowReason.UNCLEAR_COLUMNS, None]


TWICE = ["Serial Number", "Manufacturer", "Model", "Serial Number"]


def test_columns_of_one_meaning_may_agree_or_one_be_empty() -> None:
    rows, _ = read(TWICE, ["S100001", "HP", "ProBook", "s100001"], ["S100002", "HP", "ProBook", " "], ["S100003", "HP"])
    assert [row.serial_number for row in rows] == ["S100001", "S100002", "S100003"]


@pytest.mark.parametrize("cells", [["S100002", "HP", "ProBook", "S100009"], ["", "HP", "ProBook", "S100009"]])
def test_columns_of_one_meaning_that_differ_refuse_the_file(cells: list[str]) -> None:
    with pytest.raises(UnreadableDeviceFile, match=r"column 1.*column 4") as refused:
        read(TWICE, ["S100001", "HP", "ProBook", "S100001"], cells)
    assert refused.value.reason is FileReason.COLUMNS_TWICE


def test_where_the_surest_group_tag_is_empty_another_one_counts() -> None:
    rows, _ = read([*HEADER, "Tag"], [*HP, ""], [*HP, "Lab"], [*HP[:-1], "", "Lab"], [*HP[:-1], "", ""])
    assert [row.group_tag for row in rows] == ["Kiosk", "Kiosk", "Lab", ""]
    assert rows[2].header.columns[-2:] == (None, Column.GROUP_TAG)


@pytest.mark.parametrize(
    ("ignored", "is_told"),
    [
        (["LOST0001", "HP"], True),
        ([HASHES["90STDE5"], ""], True),
        (["2024-05-01", "HP"], False),
        (["LOST0001", "Köln"], False),
    ],
)
def test_a_device_in_columns_that_are_not_used_gives_a_warning(ignored: list[str], *, is_told: bool) -> None:
    rows, account = read([*HEADER, "Kennung", "Fabrikat"], [*HP, "", ""], [*HP, *ignored])
    assert len(rows) == 2
    places = [remark.detail for remark in account.remarks if remark.note is FileNote.MAY_HOLD_DEVICES]
    assert places == (["line 3"] if is_told else [])
