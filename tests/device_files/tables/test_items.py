"""Items whose values have names, to device rows."""

from collections.abc import Mapping

from shared.device_files.account import FileAccount
from shared.device_files.rows import DeviceRow
from shared.device_files.tables.items import item_rows
from shared.reasons import FileNote, RowReason


def read(*items: Mapping[str, str], prefix: str = "") -> tuple[list[DeviceRow], FileAccount]:
    account = FileAccount()
    places = (f"item {number}" for number in range(1, len(items) + 1))
    return list(item_rows(zip(places, items, strict=True), account, prefix)), account


def test_each_item_is_a_row_of_its_own_names() -> None:
    rows, account = read(
        {"serialNumber": "SN-1", "oemManufacturerName": "HP", "modelName": "ProBook"},
        {"Group Tag": "Kiosk", "Device Serial Number": "SN-2", "Hardware Hash": "T0"},
        prefix="a.json ",
    )
    assert [(row.source, row.serial_number) for row in rows] == [("a.json item 1", "SN-1"), ("a.json item 2", "SN-2")]
    assert (rows[0].manufacturer, rows[0].model) == ("HP", "ProBook")
    assert (rows[1].group_tag, rows[1].hardware_hash) == ("Kiosk", "T0")
    assert account.remarks == ()


def test_values_that_are_never_sent_are_named_once_for_the_file() -> None:
    item = {"serialNumber": "SN-1", "colour": "red", "manufacturer": "HP", "model": "X", "room": ""}
    _, account = read(item, item)
    (remark,) = account.remarks
    assert (remark.note, remark.detail) == (FileNote.COLUMNS_IGNORED, "colour")


def test_an_item_with_two_names_for_one_thing_is_unclear() -> None:
    (row,), _ = read({"Serial Number": "SN-1", "serialNumber": "SN-2", "manufacturer": "HP", "model": "X"})
    assert row.problem is RowReason.UNCLEAR_COLUMNS
    assert row.cells == ("SN-1", "SN-2", "HP", "X")


def test_two_names_of_one_thing_may_agree() -> None:
    for name in ("biosSerialNumber", "serialNumber2"):
        (row,), _ = read({name: "SN-1", "serialNumber": "sn-1", "manufacturer": "HP", "model": "X"})
        assert (row.serial_number.upper(), row.problem) == ("SN-1", None)


def test_values_of_other_names_that_look_like_a_device_are_warned_of() -> None:
    item = {"serialNumber": "SN-1", "manufacturer": "HP", "model": "X", "vendor": "HP", "asset": "NB001234"}
    rows, account = read(item, item | {"fabrikat": "HP"})
    assert [row.problem for row in rows] == [None, None]
    assert [remark.detail for remark in account.remarks if remark.note is FileNote.MAY_HOLD_DEVICES] == ["item 2"]


def test_a_manufacturer_below_another_name_is_not_guessed_at() -> None:
    (row,), _ = read({"serialNumber": "SN-1", "groupTag": "HP", "manufacturer": "Kiosk", "model": "X"})
    assert row.problem is RowReason.UNCLEAR_COLUMNS
