"""No device vanishes in a file, and nothing that is none is sent: devices written in every form, whole and damaged.

`--campaign` reads 30,000 files, which takes half an hour; an ordinary run some hundreds.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.device_files.rows import CheckedRow, FileRemark, PassedOver, Rules
from shared.reasons import Note, RowReason, UnreadableDeviceFile
from tests.device_files.damage import assert_sound
from tests.device_files.devices_in_any_form import (
    Device,
    DeviceFile,
    Trouble,
    Written,
    archives,
    json_files,
    oa3_files,
    table_files,
    workbooks,
)
from tests.device_files.given import read_with_account

_PLACE = re.compile(r"(?P<prefix>.*)line (?P<first>\d+)(?: to (?P<last>\d+))?", re.DOTALL)


@dataclass(frozen=True)
class Reading:
    rows: Sequence[CheckedRow]
    passed_over: Sequence[PassedOver]
    remarks: Sequence[FileRemark]
    refused: str


def reading_of(chunks: Sequence[bytes], name: str, rules: Rules) -> Reading:
    try:
        rows, account = read_with_account(chunks, name=name, rules=rules)
    except UnreadableDeviceFile as error:
        return Reading((), (), (), str(error))
    return Reading(rows, account.passed_over, account.remarks, "")


def assert_nothing_vanishes(file: DeviceFile, rules: Rules) -> None:
    """Hold the reader to what it promises of this file."""
    reading = reading_of([file.data], file.name, rules)
    in_chunks = [file.data[at : at + file.chunk] for at in range(0, len(file.data), file.chunk)]
    assert reading == reading_of(in_chunks, file.name, rules), "the size of the chunks changes nothing"
    assert_sound(reading.rows)
    written = list(dict.fromkeys(one.device for one in file.written))
    plain = str if file.is_whole else _without_quotes  # Stray quotes may be left on a cell, or be lost from it.
    sent = {row.row: _device_sent(row, written, plain) for row in reading.rows if row.device is not None}
    assert len({row.device for row in reading.rows} - {None}) == len(sent), "no device is sent twice"
    for row in reading.rows:
        if row.device is not None:
            tags = {one.tag for one in file.written if _sends(row, one.device, plain)}
            is_uncertain = Note.TAG_NOT_CERTAIN in row.notes and not rules.batch_by_group_tag
            assert is_uncertain or plain(row.group_tag) in {"", *map(plain, tags)}, row
        if row.duplicate_of is not None:
            _assert_is_duplicate(row, sent[row.duplicate_of])
    if reading.refused:
        assert not file.is_whole or file.may_be_refused, reading.refused
        return
    for one in file.written:
        assert one.device in sent.values() or _is_told_of(one, reading), f"{one} vanished: {_told(reading)}"
    is_refused_in_part = file.may_be_refused and any(row.reason is RowReason.UNREADABLE_MEMBER for row in reading.rows)
    if file.is_whole and not is_refused_in_part:
        found = {(device, reading.rows[number - 1].group_tag) for number, device in sent.items()}
        assert Counter(sent.values()) == Counter(written), _told(reading)
        assert found <= {(one.device, one.tag) for one in file.written}, _told(reading)


def _without_quotes(text: str) -> str:
    return "".join(text.replace('"', "").split())


def _device_sent(row: CheckedRow, written: Sequence[Device], plain: Callable[[str], str]) -> Device:
    """The one device that a row sends, with nothing of another."""
    for device in written:
        if _sends(row, device, plain):
            return device
    raise AssertionError(f"{row.source} sends what is no device of the file: {row!r}")


def _sends(row: CheckedRow, device: Device, plain: Callable[[str], str]) -> bool:
    sent = row.device
    assert sent is not None
    if sent.hardware_hash is not None:
        is_own = sent.hardware_hash == device.hash and sent.serial_number == device.serial
        return is_own and sent.product_key in (None, device.key)
    if sent.product_key is not None:
        return sent.product_key == device.key != ""
    names = (sent.serial_number or "", sent.manufacturer or "", sent.model or "")
    own = (device.serial, device.maker, device.model)
    return tuple(map(plain, names)) == tuple(map(plain, own))


def _assert_is_duplicate(row: CheckedRow, of: Device) -> None:
    assert row.serial_number in ("", of.serial) or row.product_key == of.key != "", (row, of)


def _is_told_of(one: Written, reading: Reading) -> bool:
    """Whether a device that is not sent stands in a row, or in something that is said to be passed over."""
    return any(_tells_of(row, one) for row in reading.rows) or any(
        over.may_hold_device and (over.count > len(over.places) or any(_is_at(place, one) for place in over.places))
        for over in reading.passed_over
    )


def _tells_of(row: CheckedRow, one: Written) -> bool:
    device = one.device
    if row.product_key == device.key != "" or device.serial in row.serial_number:
        return True
    return _is_at(row.source, one) or (one.prefix != "" and row.source.startswith(f"{one.prefix}("))


def _is_at(source: str, one: Written) -> bool:
    place = _PLACE.fullmatch(source)
    if place is None or place["prefix"] != one.prefix:
        return False
    first = int(place["first"])
    return first <= one.line <= int(place["last"] or first)


def _told(reading: Reading) -> str:
    rows = [f"{row.source}: {row.serial_number!r} {row.reason or 'sent'} {row.notes}" for row in reading.rows]
    return "\n".join(["", *rows, *map(str, reading.passed_over), *map(str, reading.remarks)])


RULES = st.sampled_from([Rules(), Rules(batch_by_group_tag=True), Rules(trust_hash_serial=True)])
_KINDS = [frozenset[Trouble](), *(frozenset({trouble}) for trouble in Trouble), frozenset(Trouble)]


def _hold(files: st.SearchStrategy[DeviceFile], examples: int) -> None:
    phases = [phase for phase in Phase if phase is not Phase.explain]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]

    @settings(max_examples=examples, print_blob=True, phases=phases, suppress_health_check=checks)
    @given(files, RULES)
    def hold(file: DeviceFile, rules: Rules) -> None:
        assert_nothing_vanishes(file, rules)

    hold()


@pytest.mark.parametrize("troubles", _KINDS, ids=lambda troubles: " and ".join(sorted(troubles)) or "no trouble")
def test_every_device_of_a_table_is_sent_or_told_of(troubles: frozenset[Trouble], campaign: bool) -> None:
    _hold(table_files(troubles), 2_500 if campaign else 25)


@pytest.mark.parametrize(
    ("files", "examples", "of_campaign"),
    [
        (table_files(is_mixed=True), 30, 4_000),
        (table_files(frozenset({Trouble.HEADERS}), is_mixed=True), 15, 1_500),
        (json_files(), 25, 2_000),
        (oa3_files(), 20, 1_000),
        (archives(), 30, 1_300),
        (workbooks(), 5, 200),
    ],
    ids=["encodings", "encodings of several tables", "json", "xml", "archives", "workbooks"],
)
def test_every_device_of_any_other_form_is_sent_or_told_of(
    files: st.SearchStrategy[DeviceFile], examples: int, of_campaign: int, campaign: bool
) -> None:
    _hold(files, of_campaign if campaign else examples)
