"""Rows whose cells do not stand below their headers: put right where one reading alone makes sense."""

from collections.abc import Sequence

import pytest

from shared.device_files.tables.fields import Fields, fields_of
from shared.device_files.tables.headers import find_header
from shared.device_files.tables.realignment import is_in_place, realigned
from tests.device_files.given import HASHES

VMWARE = "T23456789E123T56"


def fits(header: Sequence[str], row: Sequence[str]) -> bool:
    found = find_header(header)
    assert found is not None
    return is_in_place(found.header, row, found.width, ",")


def fields(header: str, row: str) -> Fields | None:
    found = find_header(header.split(","))
    assert found is not None
    aligned = realigned(found.header, row.split(","), found.width)
    return None if aligned is None else fields_of(*aligned)


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (
            "Serial,Key PKID,Manufacturer,Model,Group Tag",
            "VM-1,,VMware, Inc.,Virtual Platform,",
            Fields("VM-1", "", "", "VMware, Inc.", "Virtual Platform"),
        ),
        ("Serial,Manufacturer,Model,Remark", "S1,HP,ProBook,,", Fields("S1", "", "", "HP", "ProBook")),
        ("Site,Serial,Manufacturer,Model", "Hall 3, left,S1,HP,ProBook", Fields("S1", "", "", "HP", "ProBook")),
        ("Serial,Manufacturer,Model,Group Tag", "S1,VMware, Inc.,V1", Fields("S1", "", "", "VMware, Inc.", "V1")),
    ],
)
def test_the_one_reading_with_a_known_manufacturer_is_taken(header: str, row: str, expected: Fields) -> None:
    assert fields(header, row) == expected


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Serial,Manufacturer,Model,Remark", "S1,Söhne, Köln,X2,"),
        ("Serial,Manufacturer,Model", "S1,HP,ProBook,15 inch"),
        ("Serial,Manufacturer,Model,Remark", "S1,HP,ProBook, 15 inch,"),
        ("Serial,Manufacturer,Model,what_to_do", "S1,HP,ProBook, 15 inch"),
        ("Serial,Manufacturer,Model,Group Tag", "S1,HP,ProBook,Sales, North"),
        ("Serial,Manufacturer,Model,what_to_do", "S1,HP,ProBook,fix it,15 inch"),
        ("Serial,Manufacturer,Model,Price,Group Tag,Remark", "S1,HP,ProBook,1199,00,Kiosk"),
        ("Serial,Manufacturer,Model,Delivery,Group Tag,Remark", "S1,HP,ProBook,Nov 3,2026,Kiosk"),
        ("Serial,Width,Depth,Manufacturer,Model,Group Tag", "S1,3,HP,ProBook,Kiosk"),
    ],
)
def test_no_reading_or_more_than_one_is_none(header: str, row: str) -> None:
    assert fields(header, row) is None


def test_a_hash_tells_what_its_row_should_say() -> None:
    row = f"{VMWARE},,{HASHES[VMWARE]},VMware, Inc.,VMware20,1,Kiosk"
    found = fields("Serial,PKID,Hardware Hash,Manufacturer,Model,Group Tag", row)
    assert found == Fields(VMWARE, "", HASHES[VMWARE], "VMware, Inc.", "VMware20,1", "Kiosk")


def test_a_manufacturer_too_far_left_in_a_row_with_too_few_cells_looks_shifted() -> None:
    header = ["Serial", "Width", "Depth", "Manufacturer", "Model", "Group Tag"]
    assert not fits(header, ["S1", "3", "HP", "ProBook", "Kiosk"])
    assert fits(header, ["S1", "3", "4", "HP", "ProBook"])


@pytest.mark.parametrize(
    "row", ["S1,VMware, Inc.,V1", "S1,Acme,GmbH,X1", "S1,QEMU,PC (Q35 + ICH9, 2009)", "S1,Söhne, Köln,X2"]
)
def test_a_row_as_long_as_its_header_may_look_shifted(row: str) -> None:
    header = ["Serial", "Manufacturer", "Model", "Group Tag"]
    assert not fits(header, row.split(","))
    assert fits(header, ["S1", "HP", "ProBook 15", "Sales"])


def test_what_follows_a_comma_below_the_user_looks_shifted() -> None:
    header = ["Model", "Serial", "Manufacturer", "UPN", "Windows Product ID"]
    assert not fits(header, ["X1", "S1", "Müller & Söhne", " Köln", "ada@contoso.com"])


def test_the_model_of_the_hash_under_the_group_tag_looks_shifted() -> None:
    header = ["Serial", "Hash", "Manufacturer", "Room", "Model", "Group Tag"]
    row = [VMWARE, HASHES[VMWARE], "VMware, Inc.", "a", "b", "VMware20,1"]
    assert not fits(header, row)
    assert fits(header, [*row[:4], "VMware20,1", "VMware20,1"])


def test_cells_too_many_behind_a_group_tag_may_be_the_rest_of_it() -> None:
    header = "Serial,Windows Product ID,Manufacturer,Model,Group Tag"
    assert fields(header, "S1,3300000000024,HP,M1,A,") is None
    assert fields(header, "S1,3300000000024,HP,M1,,") is not None


def test_a_sentence_below_what_to_do_is_joined() -> None:
    header = "Serial,Hash,Manufacturer,Model,Assigned User,Group Tag,what_to_do"
    row = f"{VMWARE},{HASHES[VMWARE]},,,ada@contoso.com,,Add the maker, or the hash"
    assert fields(header, row) == Fields(VMWARE, "", HASHES[VMWARE])


def test_a_name_that_ends_in_a_delimiter_has_a_stray_quote() -> None:
    assert fields("Serial,Manufacturer,Model,x", 'S1,HP,M1;,,"') is None
    assert fields("Serial,Manufacturer,Model,x", 'S1,HP,M1,,"') is not None
    assert not fits(["Serial", "Manufacturer", "Model"], ["S1", "HP", '"" \u201cM1\u201d'])


def test_a_cell_behind_the_names_may_be_one_that_an_unknown_column_moved() -> None:
    header = "Serial,Manufacturer,Remark,Model,Room"
    assert fields(header, "S1,HP,a,b,M1,") is None
    assert fields(header, "S1,HP,a,M1,,") == Fields("S1", manufacturer="HP", model="M1")


def test_what_fell_apart_is_joined_by_the_delimiter_at_which_it_did() -> None:
    found = find_header(["Serial", "Model", "Manufacturer"])
    assert found is not None
    aligned = realigned(found.header, ["S1", "PC (Q35", " 2009)", "QEMU"], found.width, ";")
    assert aligned is not None
    assert aligned[1] == ("S1", "PC (Q35; 2009)", "QEMU")


@pytest.mark.parametrize("row", ["S1,Kiosk,M1,HP", "HP,S1,M1,Kiosk", "S1,M1,HP,Kiosk"])
@pytest.mark.parametrize("delimiter", [",", None])
def test_a_known_manufacturer_in_another_column_beside_an_unknown_one_is_no_order(
    row: str, delimiter: str | None
) -> None:
    found = find_header(["Serial", "Manufacturer", "Model", "Group Tag"])
    assert found is not None
    assert not is_in_place(found.header, row.split(","), found.width, delimiter)
    assert realigned(found.header, row.split(","), found.width) is None


def test_the_names_of_the_hash_below_group_tag_and_user_are_of_another_header() -> None:
    header = ["Serial", "Windows Product ID", "Hash", "Group Tag", "Assigned User"]
    row = [VMWARE, "", HASHES[VMWARE], "VMware, Inc.", "VMware20,1"]
    assert not fits(header, row)
    assert not fits(header, row[:4])
    assert fits(header, [*row[:3], "VMware, Inc.", "ada@contoso.com"])
