"""Lines to cells."""

import pytest

from shared.device_files.formats.delimited import Lines, Records
from shared.device_files.tables.fields import Fields, fields_of
from shared.device_files.tables.headers import find_header, sense_of
from tests.device_files.given import HASHES

HEADER = "Serial,Manufacturer,Model,Remark"


def cells(*lines: str) -> list[list[str]]:
    return [row for _, row in Records(Lines([(1, lines)]), sense_of)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('"S1", "HP", "ProBook", ""', ["S1", "HP", "ProBook", ""]),
        ("S1, D, , ", ["S1", "D", "", ""]),
        ('"S1" ,"HP" ,"Pro ""Book""","a,b"', ["S1", "HP", 'Pro "Book"', "a,b"]),
        ("“S1”,“VMware, Inc.”,“V1”,„x“", ["S1", "VMware, Inc.", "V1", "x"]),
        ('S1,HP,24" Monitor,27" x', ["S1", "HP", '24" Monitor', '27" x']),
        ('"S1,HP,ProBook,x"', ["S1", "HP", "ProBook", "x"]),
        ('S1,",",M1', ["S1", '"', '"', "M1"]),
        ('S1,HP,M1,","', ["S1", "HP", "M1", ","]),
        ('"S1","HP","Pro \\"Book\\"",""', ["S1", "HP", 'Pro "Book"', ""]),
        ('"S1","HP","C:\\Temp\\","x"', ["S1", "HP", "C:\\Temp\\", "x"]),
        ("'S1','VMware, Inc.','V1',''", ["S1", "VMware, Inc.", "V1", ""]),
        ("'S1','HP','13\" \"Pro\"',''", ["S1", "HP", '13" "Pro"', ""]),
        ("'S1','HP',NULL,4", ["S1", "HP", "NULL", "4"]),
        ("'0042,HP,M1,'", ["'0042", "HP", "M1", "'"]),
    ],
)
def test_quotes_of_every_kind_are_undone(line: str, expected: list[str]) -> None:
    assert cells(HEADER, line)[1] == expected


def test_a_long_row_that_is_not_between_apostrophes_after_all_takes_no_time_to_tell() -> None:
    """Reading it in each way that it could be split would never end."""
    assert cells(HEADER, f"""'S1','HP'{"," * 60}\"""")[1][:2] == ["'S1'", "'HP'"]


def test_a_stray_quote_takes_no_other_row_with_it() -> None:
    rows = cells(HEADER, 'S1,HP,ProBook,"', 'S2,HP,ProBook,"', "S3,HP,ProBook,x")
    assert [row[0] for row in rows[1:]] == ["S1", "S2", "S3"]


def test_quotes_that_may_be_read_in_two_ways_leave_a_cell_too_many() -> None:
    header, with_names, with_marks = cells("Serial,Remark,Tag,Order,,", 'S1,"a, b",x,y,,', 'S2,",,15",PO 1,')
    assert (len(header), len(with_names), with_names[1]) == (6, 6, "a, b")
    assert len(with_marks) == 7
    assert len(cells("Serial,Remark,Tag,Order,,", '"S1,a,b",x,PO 1,')[1]) == 7


def test_a_quote_behind_a_digit_that_was_not_opened_is_an_inch_mark() -> None:
    assert cells(HEADER, 'S1,HP,Book 15",ok')[1] == ["S1", "HP", 'Book 15"', "ok"]
    assert cells(HEADER, 'S1,"HP,Book",x')[1][:3] == ["S1", "HP", "Book"]


@pytest.mark.parametrize("count", [2, 3])
def test_a_hash_on_a_line_of_its_own_is_never_the_rest_of_a_quoted_cell(count: int) -> None:
    hashes = list(HASHES.values())[:count]
    rows = cells("Hardware Hash", *f'"{"|".join(hashes)}"'.split("|"))
    assert [cell.strip('"') for (cell,) in rows[1:]] == hashes


def test_a_quoted_cell_may_have_lines_that_are_no_rows() -> None:
    rows = cells(HEADER, 'S1,HP,ProBook,"first', 'second"', "S2,HP,ProBook,x")
    assert rows[1] == ["S1", "HP", "ProBook", "first\nsecond"]
    assert rows[2][0] == "S2"


def test_a_line_that_closes_a_row_of_the_right_width_is_no_row_by_itself() -> None:
    rows = cells("Serial,Key PKID,Remark,Hardware Hash", 'S1,,"two', f'lines",{HASHES["90STDE5"]}')
    assert rows[1:] == [["S1", "", "two\nlines", HASHES["90STDE5"]]]


def test_a_quoted_name_may_hold_the_delimiter() -> None:
    rows = cells('"Ort; Raum";"Seriennummer";"Hersteller";"Modell"', '"Köln; 5";"S1";"HP";"M1"')
    assert rows == [["Ort; Raum", "Seriennummer", "Hersteller", "Modell"], ["Köln; 5", "S1", "HP", "M1"]]


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_a_name_that_lost_its_quotes_is_one_again_where_blanks_show_it(delimiter: str) -> None:
    name = f"Breite {delimiter} Tiefe" if delimiter == "|" else f"Breite{delimiter} Tiefe"
    lines = delimiter.join(["Serial", name, "Manufacturer", "Model"]), delimiter.join(["S1", "3", "HP", "M1"])
    header, row = cells(*lines)
    found = find_header(header)
    assert found is not None
    assert fields_of(found.header, row) == Fields("S1", manufacturer="HP", model="M1")


def test_a_later_header_brings_its_own_delimiter_though_it_holds_the_first_one() -> None:
    rows = cells("Serial,Manufacturer,Model", "S1,HP,M1", 'Serial;Manufacturer;Model;"Notes, internal"', "S2;HP;M1;ok")
    assert rows[2:] == [["Serial", "Manufacturer", "Model", "Notes, internal"], ["S2", "HP", "M1", "ok"]]


@pytest.mark.parametrize(("one", "other"), [(",", ","), (",", ";")])
def test_a_later_header_brings_its_own_width_though_the_first_one_may_have_it_too(one: str, other: str) -> None:
    first, later = ["Serial", "Manufacturer", "Model", "Tag", "", ""], ["Room", "Serial", "Manufacturer", "Model"]
    row = [f"Hall 3{other}left", "S2", "HP", f"Shelf{other}top"]
    quoted = [f'"{cell}"' if other in cell else cell for cell in row]
    rows = cells(one.join(first), one.join(["S1", "HP", "M1", "", "", ""]), other.join(later), other.join(quoted))
    assert rows[2:] == [later, row]


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "#TYPE System.Management.Automation.PSCustomObject"])
def test_lines_for_a_spreadsheet_and_of_export_csv_are_no_rows(line: str) -> None:
    assert cells(line, "Serial;Manufacturer;Model", "S1;HP;M1")[-1] == ["S1", "HP", "M1"]


def test_a_line_break_in_a_quoted_first_cell_does_not_send_half_of_it() -> None:
    rows = cells("Serial,Manufacturer,Model", "S0ABCDEF,HP,X1", '"5CG9041ABC', '5CG9041ABD",HP,X1', "S2ABCDEF,HP,X1")
    assert [row[0] for row in rows] == ["Serial", "S0ABCDEF", "5CG9041ABC\n5CG9041ABD", "S2ABCDEF"]


def test_ditto_marks_at_the_ends_of_rows_below_a_single_name_join_no_rows() -> None:
    rows = cells("Windows Product ID,,", '3300000000010,,"', '3300000000017,,"')
    assert [row[0] for row in rows[1:]] == ["3300000000010", "3300000000017"]


@pytest.mark.parametrize("blank", ["", " "])
def test_a_row_each_of_whose_cells_is_quoted_may_have_fewer_of_them(blank: str) -> None:
    quoted = [
        f",{blank}".join(f'"{cell}"' for cell in row)
        for row in (
            ["Serial", "Manufacturer", "Model", "Group Tag"],
            ["S1", "VMware, Inc.", "V1"],
            ["S2", "HP", "M1", "A"],
        )
    ]
    assert cells(*quoted)[1:] == [["S1", "VMware, Inc.", "V1"], ["S2", "HP", "M1", "A"]]


def test_two_rows_of_full_length_with_a_stray_quote_each_are_not_joined() -> None:
    lines = ["Serial,Windows Product ID,Remark,Manufacturer,Model", 'S1,,",HP,M1', 'S2,,",Contoso,M2']
    assert [row[0] for row in cells(*lines)] == ["Serial", "S1", "S2"]


def test_blanks_count_in_a_row_that_only_begins_and_ends_with_quotes() -> None:
    (_, row) = cells("Room,Serial,Model,Manufacturer", '",S1,M1,"VMware, Inc."')
    assert row[-2:] == ["VMware", " Inc."]


@pytest.mark.parametrize("quotes", ['""', "\u201c\u201d"])
def test_a_stray_quote_swallows_no_row_whose_cells_are_quoted_otherwise(quotes: str) -> None:
    lines = [
        ",".join(f"{quotes[0]}{cell}{quotes[1]}" for cell in ["S" + number, "", "", "HP", "M1"]) for number in "123"
    ]
    rows = cells(lines[0].replace("HP", '"HP', 1), lines[1], lines[2].replace("S3", 'S3"', 1))
    assert len(rows) == 3
