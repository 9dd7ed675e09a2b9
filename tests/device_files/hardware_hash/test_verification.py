"""Decoding, verifying and repairing hardware hashes."""

import base64
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.hash_contents import DamagedHash, HashContents, decode
from shared.device_files.hardware_hash.layout import EPOCH, HASH_CHARACTERS
from shared.device_files.hardware_hash.verification import (
    Checksum,
    VerifiedHash,
    starts_as_hash,
    verify,
)
from shared.device_files.placeholders import is_placeholder
from shared.reasons import RowReason
from tests.device_files.given import HASHES, sample, sample_hashes
from tests.device_files.hash_builder import (
    COLLECTED,
    SOME_UUID,
    WINPE,
    block,
    build_hash,
    build_record,
    checksum_block,
    padded,
)
from tests.examples import examples

BASE64_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
HP = HASHES["5ES8901IC4"]


def verified(text: str) -> VerifiedHash:
    found = verify(text)
    assert isinstance(found, VerifiedHash), found
    return found


def covered_characters(text: str) -> int:
    """How many characters the total and the checksum block take."""
    total = int.from_bytes(base64.b64decode(text)[2:4], "little")
    return -(-(total + 36) * 4 // 3)


OTHER_NAMES = {
    "serial_number": "serial",
    "disk_serials": "disk_serial",
    "network_adapters": "mac",
    "tpm_key_sha256": "ek_pub_sha256",
}

CRITICAL = (
    "disk_serials",
    "family",
    "manufacturer",
    "model",
    "network_adapters",
    "product_key_id",
    "serial_number",
    "tpm_key_sha256",
    "tpm_version",
    "uuid",
)
"""The fields that oa3tool calls critical."""


def tpm_key_matches_offline_id(record: HashContents) -> bool | None:
    """A second check of integrity: the offline device id is the hash of the TPM key. `None` without either."""
    if record.offline_device_id_source != "TPM_EK" or record.tpm_key_sha256 is None:
        return None
    return record.tpm_key_sha256 == record.offline_device_id


def as_sample_json(record: HashContents, text: str) -> dict[str, Any]:
    """A decoded hash in the names and forms of the sample's JSON."""
    assert record.processor is not None
    identity = {"serial": record.serial_number, "manufacturer": record.manufacturer, "model": record.model}
    assert record.collected is not None
    assert record.utc_offset is not None
    maybe: Mapping[str, object] = {
        "cpu_core_classes": [
            {"class": core.efficiency_class, "cores": core.cores, "threads": core.threads}
            for core in record.core_classes
        ],
        "disk": [{"gb": disk.gigabytes, "bus": disk.bus} for disk in record.disks],
        "disk_serial": list(record.disk_serials),
        "mac": [{"medium": a.medium, "mac": a.mac_address, "bus": a.bus} for a in record.network_adapters],
        "display": record.display
        and [
            record.display.width_mm,
            record.display.height_mm,
            record.display.width_pixels,
            record.display.height_pixels,
        ],
        "tpm_version": record.tpm_version,
        "ek_pub_sha256": record.tpm_key_sha256,
        "board_manufacturer": record.board_manufacturer,
        "board_product": record.board_product,
        "board_version": record.board_version,
        "product_key_id": record.product_key_id,
        "product_key_pkpn": record.product_key_part,
        "disk_ssn_kernel": record.disk_serial_of_kernel,
        "locale_info": record.locale,
        "ek_matches_offline_id": tpm_key_matches_offline_id(record),
    }
    return {
        "chars": len(text),
        "bytes": len(base64.b64decode(text)),
        "total": record.total,
        "block_types": list(record.block_types),
        "checksum": str(verified(text).checksum),
        "tail_is_zero": not base64.b64decode(text)[record.total + 36 :].strip(b"\0"),
        "tool_build": record.tool_build,
        "os_build": record.os_build,
        "collected_utc": record.collected.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "utc_offset_hours": record.utc_offset / timedelta(hours=1),
        "os_type": record.os_type,
        "os_arch": record.os_architecture,
        "tool_version": record.tool_version,
        "cpu": {
            "arch": record.processor.architecture,
            "packages": record.processor.packages,
            "cores": record.processor.cores,
            "threads": record.processor.threads,
            "ht": record.processor.hyperthreading,
        },
        "ram_gb": record.memory_gigabytes,
        "cpu_manufacturer": record.processor_manufacturer,
        "cpu_model": record.processor_model,
        "chassis": record.chassis_type,
        "power_role": record.power_role,
        "offline_id": record.offline_device_id,
        "offline_id_source": record.offline_device_id_source,
        "uuid": str(record.uuid),
        "serial": record.serial_number,
        "firmware_vendor": record.firmware_vendor,
        "manufacturer": record.manufacturer,
        "model": record.model,
        "sku": record.sku,
        "family": record.family,
        "system_version": record.system_version,
        "gpu": list(record.graphics),
        "missing_critical": sorted(OTHER_NAMES.get(name, name) for name in CRITICAL if not getattr(record, name)),
        "placeholder_fields": [name for name, text in identity.items() if text and is_placeholder(text)],
    } | {name: value for name, value in maybe.items() if value not in (None, [])}


@pytest.mark.parametrize("place", range(10))
def test_a_sample_hash_decodes_field_for_field(place: int) -> None:
    serial, text = sample_hashes()[place]
    expected = json.loads(sample("hardware_hashes_decoded.json"))[place]
    about_the_csv = {"encoding": "utf-16", "csv_serial": serial, "serial_matches_csv": True}
    assert as_sample_json(decode(text), text) | about_the_csv == expected


@pytest.mark.parametrize("place", range(10))
def test_a_sample_hash_is_verified_and_stays_as_it_is(place: int) -> None:
    serial, text = sample_hashes()[place]
    found = verified(text)
    assert (found.checksum, found.repaired, found.canonical, found.serial_number) == (Checksum.OK, False, text, serial)


def test_every_single_character_change_in_the_covered_part_is_detected(campaign: bool) -> None:
    end, step = covered_characters(HP), 1 if campaign else 7
    undetected = []
    for place in range(end):
        for character in BASE64_CHARACTERS.replace(HP[place], "")[place % step :: step]:
            changed = HP[:place] + character + HP[place + 1 :]
            found = verify(changed)
            # The last character also carries bits of the tail; the hash comes back whole where only these changed.
            is_harmless = (
                isinstance(found, VerifiedHash) and found.repaired and found.canonical == HP and place == end - 1
            )
            if isinstance(found, VerifiedHash) and found.checksum is not Checksum.WRONG and not is_harmless:
                undetected.append((place, character))
    assert undetected == []


@pytest.mark.parametrize("serial", ["5ES8901IC4", "T23456789E123T56", "90STDE5"])
def test_a_hash_cut_anywhere_in_its_zero_tail_comes_back_byte_for_byte(serial: str) -> None:
    text = HASHES[serial]
    wrong = [
        length
        for length in range(covered_characters(text), HASH_CHARACTERS)
        if not (found := verified(text[:length])).repaired
        or found.canonical != text
        or found.checksum is not Checksum.OK
    ]
    assert wrong == []


def test_a_checksum_cut_short_still_proves_the_hash_and_is_completed() -> None:
    end = covered_characters(HP)
    assert verified(HP[: end - 8]).canonical == HP


def test_a_hash_cut_inside_its_covered_part_is_cut() -> None:
    total = struct.unpack_from("<H", base64.b64decode(HP), 2)[0]
    lengths = range(8, total * 4 // 3 - 4, 7)
    assert {verify(HP[:length]) for length in lengths} == {RowReason.HASH_CUT}


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: f'"{text}"',
        lambda text: f"'{text}'",
        lambda text: f" \t{text}\u00a0",
        lambda text: f"\ufeff{text}\u200b",
        lambda text: "\r\n".join(text[place : place + 64] for place in range(0, len(text), 64)),
        lambda text: text + "=",
        lambda text: text + "==",
        lambda text: text[:-1],
        lambda text: text + "AAAA",
        lambda text: text.replace("+", " "),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text[:-40] + "Kiosk",
        lambda text: text.rstrip("A"),
        lambda text: "\0" + "\0".join(text),
    ],
)
def test_harmless_damage_is_undone(damage: Any) -> None:
    for serial, text in sample_hashes():
        found = verified(damage(text))
        assert (found.canonical, found.checksum, found.serial_number) == (text, Checksum.OK, serial)


@pytest.mark.parametrize(
    "text", ["", "DummyHash1234", "T0", "T0G", "t0ghbaeahaaaaaoa", "äöü", "A" * 4000, "=" * 50, HP[1:], HP.lower()]
)
def test_what_does_not_begin_as_a_hash_is_none(text: str) -> None:
    assert verify(text) is RowReason.HASH_NOT_A_HASH


def test_a_plus_is_put_back_for_a_blank_only_where_the_checksum_then_holds() -> None:
    broken = HP.replace("+", " ")
    broken = broken[:40] + ("B" if broken[40] != "B" else "C") + broken[41:]
    found = verify(broken)
    assert not isinstance(found, VerifiedHash) or found.checksum is Checksum.WRONG


def test_blocks_that_do_not_end_where_they_should_are_damage() -> None:
    record = build_record()
    record = record[:2] + struct.pack("<H", len(record) - 1) + record[4:]
    assert verify(padded(record)) is RowReason.HASH_DAMAGED


def test_a_total_that_ends_too_early_on_a_block_border_is_a_wrong_checksum() -> None:
    record = build_record()
    shorter = record[:2] + struct.pack("<H", len(record) - 13) + record[4:]
    assert len(block(17, b"Laptop 7\0")) == 13
    assert verified(padded(shorter + checksum_block(record))).checksum is Checksum.WRONG


def test_complete_blocks_without_the_checksum_block_are_told_apart_from_damage() -> None:
    assert verified(base64.b64encode(build_record()).decode()).checksum is Checksum.MISSING
    assert verified(padded(build_record())).checksum is Checksum.MISSING


def test_a_wrong_checksum_is_told() -> None:
    assert verified(padded(build_record() + checksum_block(b"another"))).checksum is Checksum.WRONG


def test_the_old_form_has_128_bytes_and_nothing_to_read() -> None:
    text = base64.b64encode(bytes(range(128))).decode()
    found = verified(text)
    assert (found.old_form, found.canonical, found.serial_number) == (True, text, "")
    with pytest.raises(DamagedHash):
        decode(text)


def test_decoding_damage_says_which() -> None:
    with pytest.raises(DamagedHash) as raised:
        decode(HP[:900])
    assert raised.value.problem is RowReason.HASH_CUT


def test_what_checking_needs_is_read_from_a_built_hash() -> None:
    found = verified(
        build_hash("S 1", "Maker, Inc.", "M", product_key="1234567890123", os_type=WINPE, tool_build=20348)
    )
    assert (found.serial_number, found.manufacturer, found.model) == ("S 1", "Maker, Inc.", "M")
    assert (found.product_key_id, found.uuid) == ("1234567890123", SOME_UUID.bytes_le)
    assert EPOCH + timedelta(seconds=found.collected_seconds) == COLLECTED
    assert (found.from_winpe, found.tool_build, len(found.tpm_key)) == (True, 20348, 32)


def test_a_hash_without_optional_blocks_decodes_to_nothing_there() -> None:
    record = decode(build_hash(uuid=None, tpm_key=None))
    assert (record.uuid, record.tpm_key_sha256, tpm_key_matches_offline_id(record), record.processor) == (None,) * 4


def test_an_utc_offset_that_no_place_has_is_unknown() -> None:
    body = bytearray(build_record())
    body[4 + 4 + 20] = 0x78
    record = decode(padded(bytes(body) + checksum_block(bytes(body))))
    assert record.utc_offset is None


def test_a_collection_time_is_utc() -> None:
    assert decode(build_hash(collected=datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC))).collected == datetime(
        2024, 2, 29, 1, 2, 3, tzinfo=UTC
    )


def test_only_what_begins_with_the_mark_starts_as_a_hash() -> None:
    assert all(map(starts_as_hash, HASHES.values()))
    assert not any(map(starts_as_hash, ("T0123", "t0GH", "", "AT0GH", "TOGH")))


_BLOCKS = st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=60)), min_size=1, max_size=12)


@given(_BLOCKS)
def test_any_sound_blocks_are_verified_and_decoded(blocks: list[tuple[int, bytes]]) -> None:
    body = b"".join(block(kind, content) for kind, content in blocks)
    record = b"OA" + struct.pack("<H", 4 + len(body)) + body
    text = padded(record + checksum_block(record))
    assert verified(text).checksum is Checksum.OK
    assert list(decode(text).block_types) == [kind for kind, _ in blocks]


@settings(max_examples=examples(300))
@given(st.one_of(st.text(), st.binary(max_size=400).map(lambda tail: base64.b64encode(b"OA" + tail).decode())))
def test_no_text_makes_verifying_or_decoding_fail_otherwise(text: str) -> None:
    found = verify(text)
    try:
        decode(text)
    except DamagedHash:
        assert isinstance(found, RowReason) or found.old_form


def test_two_hashes_in_one_cell_are_none() -> None:
    other = HASHES["90STDE5"]
    for text in (HP + other, f"{HP}\n{other}", f"{HP};{other}"):
        assert verify(text) is RowReason.HASH_DAMAGED
