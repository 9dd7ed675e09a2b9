"""The sample files, row by row: what a careful person would decide."""

import pytest

from shared.reasons import Note, RowReason
from tests.device_files.expected import Duplicate, Expected, Rejected, Sent, assert_rows
from tests.device_files.given import HASHES, SAMPLES, read, sample, sample_hashes

HP, LENOVO, DELL = "5ES8901IC4", "TE2TD5VI", "90STDE5"


def device(serial: str, *notes: Note, tag: str = "") -> Sent:
    return Sent(serial, hash=HASHES[serial], notes=notes, tag=tag)


HP_REPAIRED = device(HP, Note.HASH_REPAIRED)
DELL_FROM_WINPE = device(DELL, Note.HASH_FROM_WINPE)
LENOVO_TUPLE = Sent(LENOVO, manufacturer="LENOVO", model="21R3001BUK")

SAMPLE_ROWS: dict[str, tuple[Expected, ...]] = {
    "01_script_utf16le_bom.csv": (device(HP),),
    "02_ascii.csv": (device(HP),),
    "03_utf8_bom.csv": (device(HP),),
    "06_lf_only.csv": (device(HP), device(LENOVO)),
    "08_quoted_all.csv": (device(HP),),
    "09_group_tag_user.csv": (device(HP, tag="Sales-NL"), device(LENOVO)),
    "10_partner_tuple.csv": (LENOVO_TUPLE, Sent(DELL, manufacturer="Dell Inc.", model="Latitude 5530")),
    "11_partner_lowercase_header.csv": (LENOVO_TUPLE,),
    "12_partner_template_uncleaned.csv": (
        Rejected(RowReason.TEMPLATE_SAMPLE, source="line 2"),
        Rejected(RowReason.TEMPLATE_SAMPLE, source="line 3"),
        Rejected(RowReason.TEMPLATE_SAMPLE, source="line 4"),
        LENOVO_TUPLE,
    ),
    "13_unquoted_comma_in_maker.csv": (
        Sent("T23456789E123T56", None, None, "VMware, Inc.", "VMware20,1", (Note.CELLS_REALIGNED,)),
        Rejected(RowReason.SERIAL_PLACEHOLDER, (Note.CELLS_REALIGNED,)),
        Sent("R52X", None, None, "SAMSUNG ELECTRONICS CO., LTD.", "960XFG", (Note.CELLS_REALIGNED,)),
    ),
    "17_excel_trailing_commas.csv": (device(HP),),
    "19_header_repeated.csv": (device(HP), device(LENOVO), device(DELL, Note.HASH_FROM_WINPE, tag="Kiosk")),
    "21_no_header.csv": (device(HP), device(LENOVO)),
    "22_duplicates.csv": (
        device(HP),
        device(LENOVO),
        Duplicate(1),
        Duplicate(1),
        Rejected(RowReason.SERIAL_MISMATCH),
    ),
    "23_serial_not_in_hash.csv": (
        Rejected(RowReason.SERIAL_MISMATCH),
        device(LENOVO, Note.SERIAL_FROM_HASH),
        device(DELL, Note.SERIAL_FROM_HASH, Note.HASH_FROM_WINPE),
        device("8ES123V5CE", Note.SERIAL_FROM_HASH),
    ),
    "25_hash_cut_1024.csv": (Rejected(RowReason.HASH_CUT),),
    "25_hash_cut_in_tail.csv": (HP_REPAIRED,),
    "25_hash_extra_padding.csv": (HP_REPAIRED,),
    "25_hash_flipped.csv": (Rejected(RowReason.HASH_CHECKSUM_WRONG),),
    "25_hash_not_a_hash.csv": (Rejected(RowReason.HASH_NOT_A_HASH),),
    "25_hash_one_lost.csv": (HP_REPAIRED,),
    "25_hash_plus_to_space.csv": (HP_REPAIRED,),
    "25_hash_spliced.csv": (Rejected(RowReason.HASH_DAMAGED),),
    "25_hash_wrapped.csv": (HP_REPAIRED,),
    "27_configmgr_report.csv": (device(HP), device(LENOVO)),
    "30_extra_columns.csv": (DELL_FROM_WINPE,),
    "32_oa3.xml": (device(DELL, Note.SERIAL_FROM_HASH, Note.HASH_FROM_WINPE),),
    "36_pkid_only.csv": (
        Sent(key="3300000000001"),
        Rejected(RowReason.PRODUCT_KEY_NOT_A_KEY),
        Rejected(RowReason.PRODUCT_KEY_NOT_A_KEY),
        Sent(key="0330000000000"),
    ),
}


@pytest.mark.parametrize("name", SAMPLE_ROWS)
def test_each_row_of_a_sample_file_ends_as_a_careful_person_would_decide(name: str) -> None:
    assert_rows(read(sample(name), name=name), SAMPLE_ROWS[name])


def test_every_sample_file_is_in_the_table() -> None:
    files = {path.name for path in SAMPLES.iterdir() if path.name[0].isdigit()}
    assert files == set(SAMPLE_ROWS)


def test_all_ten_sample_devices_are_sent_with_their_hash_unchanged() -> None:
    placeholder = {"SMBIOS_STRING_INDEX_0": (Note.SERIAL_PLACEHOLDER_IN_BOTH,), DELL: (Note.HASH_FROM_WINPE,)}
    expected = [Sent(serial, hash=text, notes=placeholder.get(serial, ())) for serial, text in sample_hashes()]
    assert_rows(read(sample("hardware_hashes_utf16le.csv")), expected)
