"""What firmware and people leave in place of a value is known however it is spelled; no real value is taken for it."""

import csv
import json
import re
import string
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.device_files.placeholders import (
    MANUFACTURERS,
    TEMPLATE_HASH,
    is_default_uuid,
    is_like_manufacturer,
    is_manufacturer,
    is_placeholder,
    is_placeholder_key,
    is_product_key,
    is_template_text,
    names_manufacturer,
    spelling_differs,
)

SAMPLES = Path(__file__).parent / "samples"
SERIAL_NUMBER = re.compile(r"(?=\D*\d)[A-Za-z0-9-]{4,20}")


def _listed(texts: str) -> list[str]:
    return texts.replace("\n", "").split("|")


OF_GLPI = _listed("""
N/A|(null string)|INVALID|SYS-1234567890|SYS-9876543210|SN-12345|SN-1234567890|0|00000000|1|1111111111
|0123456789|12345|123456|1234567|12345678|123456789|1234567890|123456789000|12345678901234567|NNNNNNN
|xxxxxxxxxxx|EVAL|IATPASS|none|To Be Filled By O.E.M.|Serial Number xxxxxx|SN-123456fvgv3i0b8o5n6n7k|Unknow
|System Serial Number|empty|MB-1234567890|Not Specified|OEM_Serial|SystemSerialNumb|System manufacturer
|System Product Name|Product Name|System Name|All Series|*""")
OF_FIRMWARE = _listed("""
To be filled by O.E.M. by More String|TO BE FILLED BY OEM|Default string|Chassis Serial Number|-1|#
|Base Board Serial Number|BSS-0123456789|SSN12345678901234567|NB-0123456789|Type1ProductConfigId|O.E.M.|NULL
|(null)|$null|SMBIOS_STRING_INDEX_0|INVALID|<BAD INDEX>|Not Applicable|Undefined|System Version|FFFFFFFF
|00-00-00-00|0000 0000|x.x|...|?|----|0123456789ABCDEF|Default Company Name|Unknown Product|test
|Asset-1234567890|n.a.|\uff2e\uff0f\uff21|""")
OF_PEOPLE = _listed("""
abcdefg|qwerty|QWERTZ|asdf|asdfghjkl|tbd|unbekannt|k.A.|n.v.t.|onbekend|okänd|XXXX|xx|_|\u3000|'|ditto|同上|dito|do.|idem
|as above|see attachment|siehe Anlage|siehe BIOS|s.o.|folgt|to follow|leer|vide|ohne|NaN|Beispiel|nicht vorhanden
|EXAMPLE-001|SerialNumber123|Musterseriennummer|N/S|(see BIOS)|5CGXXXXXXX|N.N.""")
REAL = _listed("""
5CG1234ABC|PF3ABCDE|90STDE5|016520771357|000123456789|00123456|0000123|0000789|5512345|0012E5|S1|A|SN1|製
|12345678901234567890|SN-00001|SN-31|7890-2345-7890-2345-7890-2345-78|VMware-56 4d 0c 8a|BCDFGHJ|1111112|AAAAAB
|N1A|NA123|SYS-4711|SERIAL-7|SN0|TEST01|None01|DEFAULT-1|12346|234567|R9-ZNP67|XX1|MXL0000000|SYSTEM-X
|Latitude 5530|HP|X1|OEMPC|22|Surface Pro 9|Ünï©ødé 漢字 Ω|Virtual Machine|Standard PC (Q35 + ICH9, 2009)
|VMware20,1|#N/A|#NULL!|####""")


@pytest.mark.parametrize("text", [*OF_GLPI, *OF_FIRMWARE, *OF_PEOPLE])
def test_placeholders_of_public_lists_firmware_and_people(text: str) -> None:
    for written in (
        text,
        text.upper(),
        text.lower(),
        f" {text} ",
        f"{text}.",
        text.replace(" ", "_"),
        text.replace(" ", ""),
    ):
        assert is_placeholder(written), written


@pytest.mark.parametrize("text", REAL)
def test_real_values_and_errors_of_spreadsheets_are_no_placeholders(text: str) -> None:
    assert not is_placeholder(text)


def _serial_numbers_of_samples() -> set[str]:
    decoded = json.loads((SAMPLES / "hardware_hashes_decoded.json").read_text(encoding="utf-8"))
    found = {device["serial"] for device in decoded}
    for path in SAMPLES.rglob("*.csv"):
        rows = csv.reader(path.read_text(encoding="utf-8", errors="replace").splitlines())
        found |= {row[0] for row in rows if row and SERIAL_NUMBER.fullmatch(row[0])}
    return found - {"SMBIOS_STRING_INDEX_0"}


def test_no_serial_number_of_the_samples_is_a_placeholder() -> None:
    serials = _serial_numbers_of_samples()
    assert serials
    assert [serial for serial in serials if is_placeholder(serial)] == []


@given(
    st.sampled_from(string.ascii_letters + string.digits), st.integers(3, 40), st.sampled_from(["", "-", " ", ".", ":"])
)
def test_one_character_repeated_is_a_placeholder_in_whatever_groups(letter: str, length: int, separator: str) -> None:
    assert is_placeholder(separator.join(letter * length))


@given(st.text("BCDFGHJKLMNPQRSTVWXYZ0123456789", min_size=7, max_size=14))
def test_serial_numbers_as_makers_give_them_are_none(serial: str) -> None:
    assume(len(set(serial)) > 2)
    assume(not any(run in serial for run in ("12345", "98765", "01234")))
    assert not is_placeholder(serial)


@given(st.text(max_size=300))
def test_any_text_may_be_asked(text: str) -> None:
    for ask in (is_placeholder, is_placeholder_key, is_product_key, is_template_text, spelling_differs):
        ask(text)


@pytest.mark.parametrize(
    "key",
    [
        "0000000000000",
        "1111111111111",
        "9999999999999",
        "1234567890123",
        "0123456789012",
        "9876543210987",
        "123451234567",
        "0000000000001",
    ],
)
def test_product_keys_that_stand_in_place_of_one(key: str) -> None:
    assert is_placeholder_key(key)
    assert not is_product_key(key)


@pytest.mark.parametrize("key", ["3300000000001", "3305250000019", "0335250000019", "1000000000000"])
def test_other_13_digits_are_product_keys(key: str) -> None:
    assert is_product_key(key)
    assert not is_placeholder_key(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "N/A",
        "330000000000",
        "33000000000012",
        "00330-80000-00000-AA123",
        "0f3c9a51-7a0e-4d1e-9a33-3b1d7a5c0e11",
        " " * 13,
        "\uff13" * 13,
        "33000000O0001",
        "3300000000001 ",
        "T0GKAQEAHAAAA",
        "12345-67890-09876-54321-13579",
    ],
)
def test_nothing_else_is_a_product_key(text: str) -> None:
    assert not is_product_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "{serialNumber}",
        "{{serial}}",
        "<hardwareHash>",
        "<<model>>",
        "<optionalGroupTag>",
        "[model]",
        "%SERIAL%",
        "$serial",
        "${serial}",
        "$($device.SerialNumber)",
        "$env:COMPUTERNAME",
        "$_.SerialNumber",
        "@{Model}",
        "#serial#",
        "«Serial»",
        "(required)",
        "(optional)",
        "<your serial here>",
        "[Serial Number]",
        "<device's serial>",
        "<13-digit product key>",
        "<4K hardware hash>",
        "{serial1}",
        "<numéro de série>",
        "<序列号>",
        "...",
        "…",
        "<...>",
        "[…]",
        "(leave blank)",
    ],
)
def test_names_in_brackets_are_template_texts(text: str) -> None:
    assert is_template_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(null string)",
        "(null)",
        "<none>",
        "[N/A]",
        "$null",
        "{0f3c9a51-7a0e-4d1e-9a33-3b1d7a5c0e11}",
        "{5CG1234ABC}",
        "[12]",
        "(016520771357)",
        "<1>",
        "serial",
        "5CG1234ABC",
        TEMPLATE_HASH,
        "[Kiosk]",
        "(HP)",
        "Standard PC (Q35 + ICH9, 2009)",
        "-",
        "@{SerialNumber=PST00001}",
        "{",
        "<>",
        "100%",
        "Kiosk <Berlin>",
        "A.B.",
        ".",
        "#N/A",
        "[TH]X19-99481",
        "(" + "a" * 200 + ")",
    ],
)
def test_values_in_brackets_are_no_template_texts(text: str) -> None:
    assert not is_template_text(text)


@pytest.mark.parametrize("text", ["<" + "a " * 60 + "!", "{" + "a_" * 62 + "1", "(" * 128, "<" + "1a" * 63 + ">"])
def test_hostile_brackets_take_no_time(text: str) -> None:
    assert not is_template_text(text)


@pytest.mark.parametrize(
    "name", ["HP Inc.", "Hewlett Packard", "hp", "Lenovo", "Dell", "DELL INC", "dell inc.", "Microsoft"]
)
def test_makers_whose_firmware_spells_the_name_otherwise(name: str) -> None:
    assert spelling_differs(name)


@pytest.mark.parametrize(
    "name", ["Asus", "Acer Inc.", "Fujitsu", "Samsung", "VMware", "MSI", "Toshiba", "ASUSTeK", "LENOVO "]
)
def test_and_more_of_these(name: str) -> None:
    assert spelling_differs(name)


@pytest.mark.parametrize(
    "name", ["HP", "Hewlett-Packard", "LENOVO", "Dell Inc.", "Microsoft Corporation", "FUJITSU", "Acer", ""]
)
def test_what_firmware_says_does_not_differ(name: str) -> None:
    assert not spelling_differs(name)


@pytest.mark.parametrize(
    "name", ["Tongfang", "HPE", "Dellware", "Micro Center", "Acerno", "Contoso HP", "VMware, Inc.", "QEMU"]
)
def test_nothing_is_said_of_makers_that_are_not_known(name: str) -> None:
    assert not spelling_differs(name)


def test_manufacturers_are_known_without_regard_to_case_and_are_no_placeholders() -> None:
    for name in MANUFACTURERS:
        assert is_manufacturer(name.upper())
        assert not is_placeholder(name), name
    assert all(map(is_like_manufacturer, ("Hewlett Packard", "Dell Inc", "Acer Inc.", "LENOVO Group Ltd.", "H.P.")))
    assert not any(map(is_like_manufacturer, ("HP EliteBook", "VMware", "Inc.", "---", "")))
    assert names_manufacturer("order of LENOVO notebooks")
    assert not names_manufacturer("order of notebooks")


@pytest.mark.parametrize("uuid", ["03000200-0400-0500-0006-000700080009", "6AB5B300-538D-1014-9FB5-B0684D007B53"])
def test_default_uuids_in_either_byte_order(uuid: str) -> None:
    assert is_default_uuid(UUID(uuid).bytes)
    assert is_default_uuid(UUID(uuid).bytes_le)
    assert is_default_uuid(b"\xff" * 16)
    assert not is_default_uuid(b"")
    assert not is_default_uuid(UUID("35434439-3336-3347-4333-f8b46ab6fe18").bytes)
