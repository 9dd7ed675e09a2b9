"""The names of columns: each is understood however it is written, and none that was not meant."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.rows import Column
from shared.device_files.tables.header_names import Sureness, all_names, folded, meaning

EVERY_NAME = sorted(set(all_names()))
LANGUAGES_OF_PAGES = 20
LONGEST_NAME = 128
COMMONEST = {
    "Device Serial Number": Column.SERIAL_NUMBER,
    "Windows Product ID": Column.PRODUCT_KEY,
    "Hardware Hash": Column.HARDWARE_HASH,
    "Manufacturer name": Column.MANUFACTURER,
    "Device model": Column.MODEL,
    "Group Tag": Column.GROUP_TAG,
    "Purchase Order": Column.ORDER_NUMBER,
    "Assigned User": Column.ASSIGNED_USER,
    "what_to_do": Column.WHAT_TO_DO,
}


def _camel_case(name: str) -> str:
    first, *others = name.split()
    return first.lower() + "".join(word[:1].upper() + word[1:] for word in others)


def _without_accents(name: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))


def _wide(name: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name)


WRITTEN = [
    str.upper,
    str.lower,
    str.title,
    _camel_case,
    _without_accents,
    _wide,
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: name.replace(" ", "_"),
    lambda name: name.replace(" ", "-"),
    lambda name: name.replace(" ", "\u00a0"),
    lambda name: name.replace(" ", "_x0020_"),
    lambda name: "".join(letter if letter.isascii() else f"_x{ord(letter):04x}_" for letter in name),
    lambda name: f"  {name} : ",
    lambda name: f"{name} *",
    lambda name: f"{name} (required)",
    lambda name: f"{name} [optional]",
    lambda name: f"{name} (erforderlich)",
    lambda name: f"{name} - if available",
    lambda name: f"{name} / {name}",
    lambda name: f"Details_Table0_{name}",
]


@pytest.mark.parametrize("write", WRITTEN)
def test_every_name_is_understood_however_it_is_written(write: Callable[[str], str]) -> None:
    for name, column, _ in EVERY_NAME:
        written = write(name)
        found = meaning(written)
        assert found is None if len(written) > LONGEST_NAME else found is not None and found[0] is column, written


def test_no_name_has_two_meanings() -> None:
    columns = defaultdict(set)
    for name, column, _ in EVERY_NAME:
        columns[folded(name)].add(column)
    assert [name for name, meant in columns.items() if len(meant) > 1] == []


def test_a_name_has_the_surest_of_the_meanings_that_tables_give_it() -> None:
    for name, column, sureness in EVERY_NAME:
        found = meaning(name)
        assert found is not None
        assert found[0] is column
        assert found[1] >= sureness


@pytest.mark.parametrize(("name", "column"), COMMONEST.items())
def test_microsofts_own_names_are_the_surest(name: str, column: Column) -> None:
    assert meaning(name) == (column, Sureness.STANDARD)


def test_every_column_has_names_and_every_language_of_the_pages_a_serial_number_and_a_hash() -> None:
    assert {column for _, column, _ in EVERY_NAME} == set(Column)
    for column in (Column.SERIAL_NUMBER, Column.HARDWARE_HASH):
        translated = {name for name, meant, sureness in EVERY_NAME if meant is column and sureness is Sureness.STANDARD}
        assert len(translated) >= LANGUAGES_OF_PAGES


@pytest.mark.parametrize(
    ("name", "column", "sureness"),
    [
        ("SerialNumber0", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("SerialNumber00", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("DeviceHardwareData0", Column.HARDWARE_HASH, Sureness.STANDARD),
        ("Manufacturer0", Column.MANUFACTURER, Sureness.COMMON),
        ("Model0", Column.MODEL, Sureness.COMMON),
        ("Details_Table0_HardwareHash", Column.HARDWARE_HASH, Sureness.STANDARD),
        ("oemManufacturerName", Column.MANUFACTURER, Sureness.STANDARD),
        ("hardwareIdentifier", Column.HARDWARE_HASH, Sureness.STANDARD),
        ("serial", Column.SERIAL_NUMBER, Sureness.PLAIN),
        ("Serial #", Column.SERIAL_NUMBER, Sureness.PLAIN),
        ("S/N", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("S/No.", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Serial №", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Serial number (PC)", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("PC serial number", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Serial Number [S/N]", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Device Serial Number (Серийный номер устройства)", Column.SERIAL_NUMBER, Sureness.STANDARD),
        ("Hersteller / Manufacturer", Column.MANUFACTURER, Sureness.COMMON),
        ("Hardware Hash (4K)", Column.HARDWARE_HASH, Sureness.STANDARD),
        ("Windows Product ID (PKID)", Column.PRODUCT_KEY, Sureness.STANDARD),
        ("ProductID", Column.PRODUCT_KEY, Sureness.PLAIN),
        ("make", Column.MANUFACTURER, Sureness.PLAIN),
        ("Laptop model", Column.MODEL, Sureness.COMMON),
        ("tag", Column.GROUP_TAG, Sureness.PLAIN),
        ("Grup Tag", Column.GROUP_TAG, Sureness.PLAIN),
        ("GroupTagg", Column.GROUP_TAG, Sureness.PLAIN),
        ("Gorup Tag", Column.GROUP_TAG, Sureness.PLAIN),
        ("AP Group Tag", Column.GROUP_TAG, Sureness.STANDARD),
        ("Autopilot tag", Column.GROUP_TAG, Sureness.COMMON),
        ("Group Tag (Intune; max. 512)", Column.GROUP_TAG, Sureness.STANDARD),
        ("Group Tag / Order ID", Column.GROUP_TAG, Sureness.COMMON),
        ("u_serial_number", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Geraetemodell", Column.MODEL, Sureness.STANDARD),
        ("SERİ NUMARASI", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("ﾃﾞﾊﾞｲｽﾓﾃﾞﾙ", Column.MODEL, Sureness.STANDARD),
        ("Order ID", Column.ORDER_NUMBER, Sureness.STANDARD),
        ("P.O. number", Column.ORDER_NUMBER, Sureness.COMMON),
        ("BiosSeralNumber", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Serial Numbers", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Hardware Hashes", Column.HARDWARE_HASH, Sureness.STANDARD),
        ("Seriennummern", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Modelle", Column.MODEL, Sureness.COMMON),
        ("SMS_G_System_PC_BIOS.SerialNumber", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("SMS_G_System_COMPUTER_SYSTEM.Manufacturer", Column.MANUFACTURER, Sureness.COMMON),
        ("Win32_ComputerSystem.Model", Column.MODEL, Sureness.COMMON),
        ("v_GS_PC_BIOS.SerialNumber0", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("Column1.groupTag", Column.GROUP_TAG, Sureness.STANDARD),
        ("[SerialNumber]", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("1. Serial Number", Column.SERIAL_NUMBER, Sureness.COMMON),
        ("(2) Manufacturer", Column.MANUFACTURER, Sureness.COMMON),
    ],
)
def test_names_as_tools_and_people_write_them(name: str, column: Column, sureness: Sureness) -> None:
    assert meaning(name) == (column, sureness)


@pytest.mark.parametrize(
    "name",
    [
        "Name0", "Group", "Group type", "Group ID",
        "Computer name", "Device name", "Hostname", "Asset tag", "Device tag", "Location", "Standort", "Type",
        "Serial number (monitor)", "Monitor serial number", "Serial number monitor", "Serial number (old)",
        "Serial number 2", "Model (monitor)", "Operating system", "Make/Model", "Manufacturer, Model", "Model/Type",
        "Serial number / Asset tag", "Laptop/Monitor serial number", "Profile status", "Userless Enrollment Status",
        "Win32_DiskDrive.SerialNumber", "monitor.serialNumber",
        "SN0", "SERIAL0", "SERIAL-0", "Hash (SHA-256)", "OM", "PC", "required", "(required)", "", " ", "0", "00", "()",
        "5CG1234ABC", "HP", "N/A", "2026-11-29", "=1+1", "\ud800", "{serialNumber}", "<hardwareHash>", "(model)",
        "%SERIAL%", "$serial", "${groupTag}",
    ],
)  # fmt: skip
def test_other_names_values_and_template_texts_mean_nothing(name: str) -> None:
    assert meaning(name) is None


def test_no_order_number_is_a_group_tag() -> None:
    orders = [name for name, column, _ in EVERY_NAME if column is Column.ORDER_NUMBER]
    tags = [name for name, column, _ in EVERY_NAME if column is Column.GROUP_TAG]
    assert not {folded(name) for name in orders} & {folded(name) for name in tags}
    assert all("order" not in name.casefold() for name in tags)


def test_longer_names_mean_nothing() -> None:
    assert meaning("Serial number".ljust(LONGEST_NAME)) is not None
    assert meaning("Serial number".ljust(LONGEST_NAME + 1)) is None


@given(st.text(max_size=200))
def test_any_text_may_be_asked(name: str) -> None:
    assert folded(folded(name)) == folded(name) or folded(name) != name
    meaning(name)


@given(st.sampled_from(EVERY_NAME), st.sampled_from(["monitor", "Dock", "alt", "2", "ancien", "旧"]))
def test_a_remark_that_is_not_known_to_be_harmless_is_part_of_the_name(
    named: tuple[str, Column, Sureness], remark: str
) -> None:
    assert meaning(f"{named[0]} ({remark})") is None
