"""One row, judged by itself: the combinations that are sent, and the reasons of all others."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.device_files.cells import CellType, TypedCell
from shared.device_files.checks.validation import LONGEST_CELL, Decision, Validation
from shared.device_files.rows import DeviceRow, Rules, SendableDevice
from shared.reasons import Note, RowReason
from tests.device_files.given import NOW
from tests.device_files.hash_builder import COLLECTED, WINPE, build_hash, build_record, checksum_block, padded

HASH = build_hash("SN-1")
KEY, OTHER_KEY = "3310012345678", "3310087654321"
NAMED = DeviceRow("line 2", serial_number="SN-1", manufacturer="HP", model="ProBook")
HASHED = DeviceRow("line 2", serial_number="SN-1", hardware_hash=HASH)
BROKEN = bytearray(build_record("SN-1"))
BROKEN[30] ^= 1
WRONG_CHECKSUM = padded(bytes(BROKEN) + checksum_block(build_record("SN-1")))


def decide(row: DeviceRow, **rules: object) -> Decision:
    return Validation(Rules(**rules), NOW).decide(row)  # type: ignore[arg-type]


def test_the_combinations_that_partner_center_accepts_are_sent() -> None:
    assert decide(NAMED).device == SendableDevice("SN-1", manufacturer="HP", model="ProBook")
    assert decide(HASHED).device == SendableDevice("SN-1", None, HASH)
    assert decide(replace(HASHED, product_key=KEY)).device == SendableDevice("SN-1", KEY, HASH)
    assert decide(DeviceRow("line 2", product_key=KEY)).device == SendableDevice(product_key=KEY)


def test_a_row_is_judged_alike_whatever_row_of_the_same_text_came_before() -> None:
    validation = Validation(Rules(batch_by_group_tag=True), NOW)
    tags: tuple[str, ...] = (TypedCell("=A1", CellType.FORMULA), "=A1", TypedCell("=A1", CellType.FORMULA))
    reasons = [validation.decide(replace(NAMED, group_tag=tag)).reason for tag in tags]
    assert reasons == [RowReason.FORMULA_WITHOUT_VALUE, None, RowReason.FORMULA_WITHOUT_VALUE]


def test_with_a_hash_its_manufacturer_and_model_are_not_sent() -> None:
    decision = decide(replace(HASHED, manufacturer="HP", model="ProBook"))
    assert decision.device == SendableDevice("SN-1", None, HASH)
    assert Note.MODEL_DIFFERS_FROM_HASH in decision.notes


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (DeviceRow("line 2"), RowReason.NO_IDENTITY),
        (replace(NAMED, model=""), RowReason.SERIAL_ALONE),
        (replace(NAMED, manufacturer="To be filled by O.E.M."), RowReason.SERIAL_ALONE),
        (replace(NAMED, serial_number="Default string"), RowReason.SERIAL_PLACEHOLDER),
        (replace(NAMED, serial_number="5,09E+12"), RowReason.SERIAL_DAMAGED),
        (replace(NAMED, serial_number="S" * (LONGEST_CELL + 1)), RowReason.CELL_TOO_LONG),
        (replace(NAMED, model="M" * (LONGEST_CELL + 1)), RowReason.CELL_TOO_LONG),
        (replace(NAMED, model="Pro?ook"), RowReason.TEXT_UNREADABLE),
        (replace(NAMED, manufacturer="Soci?t?"), RowReason.TEXT_UNREADABLE),
        (replace(NAMED, manufacturer="Caf?"), RowReason.TEXT_UNREADABLE),
        (replace(NAMED, manufacturer="12.5"), RowReason.SERIAL_ALONE),
        (replace(NAMED, serial_number="<Serial>"), RowReason.TEMPLATE_SAMPLE),
        (replace(NAMED, model="#NAME?"), RowReason.SERIAL_ALONE),
        (replace(HASHED, hardware_hash="no hash"), RowReason.HASH_NOT_A_HASH),
        (replace(HASHED, hardware_hash=HASH[:80]), RowReason.HASH_CUT),
        (replace(HASHED, hardware_hash=WRONG_CHECKSUM), RowReason.HASH_CHECKSUM_WRONG),
        (replace(HASHED, serial_number="ANOTHER-2"), RowReason.SERIAL_MISMATCH),
        (
            replace(HASHED, hardware_hash=build_hash("SN-1", product_key=OTHER_KEY), product_key=KEY),
            RowReason.PRODUCT_KEY_MISMATCH,
        ),
        (replace(NAMED, problem=RowReason.UNCLEAR_COLUMNS), RowReason.UNCLEAR_COLUMNS),
    ],
)
def test_every_other_row_has_its_reason_and_is_not_sent(row: DeviceRow, reason: RowReason) -> None:
    decision = decide(row)
    assert (decision.device, decision.reason) == (None, reason)


@pytest.mark.parametrize(
    ("row", "serial", "note"),
    [
        (replace(HASHED, serial_number=""), "SN-1", Note.SERIAL_FROM_HASH),
        (replace(HASHED, serial_number="None"), "SN-1", Note.SERIAL_FROM_HASH),
        (replace(HASHED, hardware_hash=build_hash("Default string")), "SN-1", Note.SERIAL_ONLY_IN_FILE),
        (replace(HASHED, hardware_hash=build_hash("SN-1", os_type=WINPE)), "SN-1", Note.HASH_FROM_WINPE),
        (replace(HASHED, hardware_hash=build_hash("SN-1", manufacturer="")), "SN-1", Note.HASH_WITHOUT_MANUFACTURER),
        (replace(NAMED, serial_number="1SProBookSN-1"), "SN-1", Note.SERIAL_PREFIX_REMOVED),
    ],
)
def test_what_is_sent_otherwise_than_it_stands_in_the_file_is_noted(row: DeviceRow, serial: str, note: Note) -> None:
    decision = decide(row)
    assert decision.device is not None
    assert decision.device.serial_number == serial
    assert note in decision.notes


def test_the_serial_number_is_sent_in_the_spelling_of_its_hash() -> None:
    device = decide(replace(HASHED, serial_number="sn-1")).device
    assert device is not None
    assert device.serial_number == "SN-1"


def test_a_device_that_is_to_be_removed_may_have_its_serial_number_alone() -> None:
    alone = DeviceRow("line 2", serial_number="1SN-1")
    assert decide(alone).reason is RowReason.SERIAL_ALONE
    assert decide(alone, serial_number_is_enough=True).device == SendableDevice("1SN-1")
    placeholder = replace(alone, serial_number="Default string")
    assert decide(placeholder, serial_number_is_enough=True).reason is RowReason.SERIAL_PLACEHOLDER
    named = replace(NAMED, manufacturer="12.5")
    assert decide(named, serial_number_is_enough=True).reason is RowReason.SERIAL_ALONE


def test_rules_decide_on_hashes_that_may_be_right() -> None:
    another = replace(HASHED, serial_number="ANOTHER-2")
    trusted = decide(another, trust_hash_serial=True)
    assert trusted.device == SendableDevice("SN-1", None, HASH)
    assert Note.SERIAL_OF_HASH_TRUSTED in trusted.notes
    days = (NOW - COLLECTED) // timedelta(days=1)
    assert Note.HASH_OLD in decide(HASHED, oldest_hash_days=days - 2).notes
    assert Note.HASH_OLD not in decide(HASHED, oldest_hash_days=days + 2).notes


def test_without_a_batch_folder_the_group_tag_must_be_readable() -> None:
    assert decide(replace(NAMED, group_tag="Sales"), batch_by_group_tag=True).device is not None
    assert decide(replace(NAMED, group_tag="Sa?es"), batch_by_group_tag=True).reason is RowReason.GROUP_TAG_UNREADABLE
    assert Note.TAG_NOT_CERTAIN in decide(replace(NAMED, group_tag="Sa?es")).notes
    assert decide(replace(NAMED, group_tag=",,"), batch_by_group_tag=True).reason is RowReason.GROUP_TAG_UNREADABLE


@pytest.mark.parametrize("tag", ['1"', '"Kiosk', '"A" and "B'])
def test_a_group_tag_with_half_of_a_pair_of_quotes_is_doubtful(tag: str) -> None:
    assert decide(replace(NAMED, group_tag=tag), batch_by_group_tag=True).reason is RowReason.GROUP_TAG_UNREADABLE
    assert decide(replace(NAMED, group_tag='Room "A"'), batch_by_group_tag=True).reason is None


@pytest.mark.parametrize("tag", ["ada@contoso.com", "Kiosk ada@contoso.com", "Kiosk\tCONTOSO\\ada"])
def test_a_user_is_no_group_tag_even_behind_one(tag: str) -> None:
    assert decide(replace(NAMED, group_tag=tag), batch_by_group_tag=True).reason is RowReason.GROUP_TAG_UNREADABLE
    assert decide(replace(NAMED, group_tag=tag)).notes == (Note.TAG_NOT_CERTAIN,)


def test_a_product_key_that_is_copied_over_the_file_identifies_nothing() -> None:
    validation = Validation(Rules(), NOW, keys_are_copied=True)
    assert validation.decide(DeviceRow("line 2", product_key=KEY)).reason is RowReason.PRODUCT_KEY_COPIED
    decision = validation.decide(replace(NAMED, product_key=KEY))
    assert decision.device == SendableDevice("SN-1", manufacturer="HP", model="ProBook")
    assert Note.COPIED_KEY_LEFT_OUT in decision.notes


def test_rows_that_were_decided_before_change_no_decision() -> None:
    validation = Validation(Rules(), NOW)
    rows = [HASHED, NAMED, replace(NAMED, model=""), replace(HASHED, serial_number="ANOTHER-2")]
    assert [validation.decide(row) for row in rows * 2] == [decide(row) for row in rows] * 2


@pytest.mark.parametrize(
    "in_hash", ["System Serial", "S/N", "Standard", "PCB-SERIAL", "LENOVO", "NO DIMM", "OEM_String"]
)
def test_what_a_maker_left_in_place_of_a_serial_number_in_a_hash_is_none(in_hash: str) -> None:
    hash_ = build_hash(in_hash)
    assert decide(DeviceRow("line 2", hardware_hash=hash_)).reason is RowReason.SERIAL_PLACEHOLDER
    same = decide(DeviceRow("line 2", serial_number=in_hash, hardware_hash=hash_))
    assert same.reason is RowReason.SERIAL_PLACEHOLDER
    of_row = decide(replace(HASHED, hardware_hash=hash_))
    assert of_row.device == SendableDevice("SN-1", None, hash_)
    assert Note.SERIAL_ONLY_IN_FILE in of_row.notes
