"""Whether a line is a header, and which column of it means what."""

import pytest

from shared.device_files.rows import Column
from shared.device_files.tables.headers import find_header, item_header, sense_of
from tests.device_files.given import HASHES


def columns(*names: str, is_first: bool = True) -> list[Column | None] | None:
    found = find_header(names, is_first=is_first)
    return None if found is None else list(found.header.columns)


def test_two_known_names_of_which_one_identifies_are_a_header_wherever_they_stand() -> None:
    expected = [None, Column.SERIAL_NUMBER, Column.MANUFACTURER]
    assert columns("Standort", "Serial Number", "Manufacturer") == expected
    assert columns("Standort", "Serial Number", "Manufacturer", is_first=False) == expected


@pytest.mark.parametrize(
    "names", [("Manufacturer", "Model"), ("Kiosk", "Sales"), ("S100001", "HP", "ProBook"), ("3300000000001", "Serial")]
)
def test_a_line_without_a_name_that_identifies_or_with_values_is_no_header(names: tuple[str, ...]) -> None:
    assert columns(*names) is None


def test_the_name_of_a_computer_system_product_is_its_model() -> None:
    expected = [Column.SERIAL_NUMBER, Column.MODEL, Column.MANUFACTURER]
    assert columns("IdentifyingNumber", "Name", "Vendor") == expected
    assert columns("Serial Number", "Name", "Vendor") == [Column.SERIAL_NUMBER, None, Column.MANUFACTURER]


def test_the_hash_alone_is_a_header_beside_names_that_are_not_known() -> None:
    assert columns("Computer Name", "Hardware Hash", "WLAN MAC Address") == [None, Column.HARDWARE_HASH, None]
    assert columns("Computer Name", "Hardware Hash", is_first=False) == [None, Column.HARDWARE_HASH]


def test_a_clear_name_of_the_product_key_is_a_header_alone_too() -> None:
    assert columns("Raum", "Windows Product ID", is_first=False) == [None, Column.PRODUCT_KEY]
    assert columns("Raum", "Product ID", is_first=False) is None


def test_a_serial_number_is_a_header_alone_or_beside_what_identifies_with_it() -> None:
    assert columns("Serial Number") == [Column.SERIAL_NUMBER]
    assert columns("Room", "Serial Number") is None
    assert columns("Room", "Serial Number", "Model") == [None, Column.SERIAL_NUMBER, Column.MODEL]


def test_columns_that_are_not_used_are_named_the_order_number_among_them() -> None:
    found = find_header(["Serial Number", "Model", "Raum", "Order ID", "Assigned User"])
    assert found is not None
    assert set(found.ignored) == {"Raum", "Order ID", "Assigned User"}


def test_the_clearer_of_two_names_wins_and_is_told() -> None:
    found = find_header(["serial", "Device Serial Number", "Hardware Hash"])
    assert found is not None
    assert found.header.place(Column.SERIAL_NUMBER) == 1
    assert found.preferred == ("Device Serial Number (not serial)",)


@pytest.mark.parametrize(
    "again",
    [
        *("Serial Number", "Serial Number.1", "Serial Number2", "serialNumber2", "Serial number (2)", "S/N"),
        *("Replacement Serial Number", "Old Serial Number", "Serial number (neu)"),
        *("Serial Number_right", "2nd Serial Number", "Nouveau numéro de série", "Seriennummer Altgerät"),
    ],
)
def test_a_name_that_comes_twice_or_with_a_number_or_age_is_of_the_same_meaning(again: str) -> None:
    found = find_header(["Serial Number", "Manufacturer", "", again, "Model"])
    assert found is not None
    assert found.header.place(Column.SERIAL_NUMBER) == 0
    assert found.twins == ((0, 3),)


@pytest.mark.parametrize("other", ["Monitor serial number", "Manufacturer2", "Pos 1", "Old", "Serial Number Dock"])
def test_another_name_is_none_of_the_same_meaning(other: str) -> None:
    found = find_header(["Serial Number", "Manufacturer", "", other, "Model"])
    assert found is not None
    assert not found.twins


def test_of_several_group_tags_the_less_sure_ones_are_known_the_surest_first() -> None:
    found = find_header(["Tag", "Group Tag", "Serial Number", "Hardware Hash"])
    assert found is not None
    assert (found.header.place(Column.GROUP_TAG), found.other_tags) == (1, (0,))


def test_an_article_number_beside_serial_number_manufacturer_and_model_is_no_product_key() -> None:
    assert columns("Serial Number", "Manufacturer", "Model", "Product ID") == [
        Column.SERIAL_NUMBER,
        Column.MANUFACTURER,
        Column.MODEL,
        None,
    ]
    assert columns("Serial Number", "Product ID") == [Column.SERIAL_NUMBER, Column.PRODUCT_KEY]


def test_empty_cells_at_the_end_of_a_header_are_written_but_name_nothing() -> None:
    found = find_header(["Serial Number", "Hardware Hash", "", ""])
    assert found is not None
    assert (found.header.width, found.width) == (2, 4)


def test_of_an_items_names_of_one_meaning_the_filled_one_counts() -> None:
    header = item_header(("serialNumber", "Serial Number"), (False, True))
    assert header is not None
    assert header.place(Column.SERIAL_NUMBER) == 1
    assert item_header(("serial number", "Serial Number"), (True, True)) is None


def test_the_cut_that_makes_sense_is_told_from_names_hashes_and_makers() -> None:
    assert sense_of(["Serial Number", "Manufacturer", "Model"]) == 3
    assert sense_of(["S1", "", HASHES["90STDE5"]]) == 1
    assert sense_of(["LENOVO", "21R3", "S1"]) == 1
    assert sense_of(["S1;LENOVO;21R3"]) == 0
