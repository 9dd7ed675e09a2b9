"""Which rows are the same device: what must hold for any rows in any order."""

from array import array
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.checks.duplicates import DigestTable, DuplicateIndex, ReadAgain
from shared.device_files.hardware_hash.verification import VerifiedHash, verify
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow, DeviceRow, Rules, SendableDevice
from shared.reasons import FileNote, Note, RowReason
from tests.device_files.damage import assert_sound
from tests.device_files.given import NOW, read, read_with_account
from tests.device_files.hash_builder import WINPE, build_hash
from tests.examples import examples

HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model,Group Tag"
KEYS = {"A1": "3300000000001", "B2": "3300000000002", "": "3300000000003"}
COPIED = "3300000000009"
_UUIDS = [UUID(int=number) for number in (101, 102)]
_TPMS = [bytes([number]) * 256 for number in (1, 2)]


@dataclass(frozen=True)
class Row:
    serial: str
    key: str = ""
    hash: str = ""
    has_names: bool = True
    tag: str = ""
    parts: tuple[str, UUID | None, bytes | None] = ("", None, None)
    """Serial number, UUID and TPM key of a row with a hash."""
    rank: tuple[int, int] = (0, 0)

    def text(self) -> str:
        names = ("Contoso", "Laptop 7") if self.has_names else ("", "")
        return ",".join((self.serial, self.key, self.hash, *names, self.tag))

    def is_same_device(self, other: "Row") -> bool:
        """The rule for rows with hashes, said again in the simplest way: two parts agree."""
        return sum(one == two != None for one, two in zip(self.parts, other.parts, strict=True)) >= 2  # noqa: E711

    def shares_name(self, other: "Row") -> bool:
        is_named_alike = self.serial == other.serial != "" and self.has_names and other.has_names
        return is_named_alike or self.key == other.key != ""


def file_of(rows: Sequence[Row]) -> bytes:
    return "\r\n".join((HEADER, *(row.text() for row in rows))).encode()


@st.composite
def rows_without_hash(draw: st.DrawFn, tags: Sequence[str] = ("",)) -> Row:
    serial = draw(st.sampled_from(["A1", "B2", ""]))
    has_names = bool(serial) and draw(st.booleans())
    has_key = not has_names or draw(st.booleans())
    tag = draw(st.sampled_from(tags))
    return Row(serial, KEYS[serial] if has_key else "", has_names=has_names, tag=tag)


@st.composite
def rows_with_hash(draw: st.DrawFn, tags: Sequence[str] = ("",)) -> Row:
    serial, uuid = draw(st.sampled_from(["A1", "B2"])), draw(st.sampled_from(_UUIDS))
    tpm_key, os_type = draw(st.sampled_from([*_TPMS, None])), draw(st.sampled_from([2, WINPE]))
    minutes = draw(st.integers(0, 10_000))
    collected = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    key, in_hash = KEYS[serial] if draw(st.booleans()) else "", KEYS[serial] if draw(st.booleans()) else ""
    text = build_hash(serial, uuid=uuid, tpm_key=tpm_key, os_type=os_type, collected=collected, product_key=in_hash)
    rank = (1 if os_type == WINPE and tpm_key is None else 2, minutes)
    return Row(serial, key, text, tag=draw(st.sampled_from(tags)), parts=(serial, uuid, tpm_key), rank=rank)


def tables(tags: Sequence[str] = ("",)) -> st.SearchStrategy[list[Row]]:
    """Rows about few devices, so that they often share parts of their identity; no two hashes of one minute."""
    row = st.one_of(rows_without_hash(tags), rows_with_hash(tags))
    return st.lists(row, min_size=1, max_size=9, unique_by=lambda row: row.rank if row.hash else object())


def devices_with_hashes(rows: Sequence[Row]) -> set[frozenset[str]]:
    """The hashes of each device: those that are connected by two parts that agree."""
    groups = [{row.hash} for row in rows if row.hash]
    for one, other in combinations([row for row in rows if row.hash], 2):
        if one.is_same_device(other):
            joined = [group for group in groups if group & {one.hash, other.hash}]
            groups = [group for group in groups if group not in joined] + [set[str]().union(*joined)]
    return set(map(frozenset, groups))


def groups_of(checked: Sequence[CheckedRow]) -> dict[int, list[int]]:
    """The rows of each device, by the row that is sent for it."""
    groups: dict[int, list[int]] = {}
    for row in checked:
        if row.device is not None or row.duplicate_of is not None:
            groups.setdefault(row.duplicate_of or row.row, []).append(row.row)
    return groups


def sent(checked: Sequence[CheckedRow]) -> set[str]:
    return {row.device.hardware_hash or "" for row in checked if row.device is not None} - {""}


@settings(max_examples=examples(300))
@given(tables())
def test_rows_with_hashes_are_one_device_if_and_only_if_two_parts_agree(rows: list[Row]) -> None:
    checked = read(file_of(rows))
    assert_sound(checked)
    found = {
        frozenset(rows[number - 1].hash for number in group if rows[number - 1].hash)
        for group in groups_of(checked).values()
    }
    assert found - {frozenset()} == devices_with_hashes(rows)


@settings(max_examples=examples(300))
@given(tables(), st.integers(0, 2**32))
def test_in_whatever_order_rows_come_the_same_devices_with_hashes_are_sent(rows: list[Row], seed: int) -> None:
    shuffled = Random(seed).sample(rows, len(rows))
    assert sent(read(file_of(rows))) == sent(read(file_of(shuffled)))


@settings(max_examples=examples(200))
@given(tables())
def test_a_row_without_hash_is_a_duplicate_only_of_a_device_that_has_its_names_or_its_key(rows: list[Row]) -> None:
    checked = read(file_of(rows))
    for group in groups_of(checked).values():
        for number in group:
            row, others = rows[number - 1], [rows[other - 1] for other in group if other != number]
            assert row.hash or not others or any(map(row.shares_name, others))
    alone = [rows[row.row - 1] for row in checked if row.device is not None and row.device.hardware_hash is None]
    assert not any(one.has_names and one.shares_name(other) for one, other in combinations(alone, 2))


@settings(max_examples=examples(200))
@given(tables())
def test_the_winner_is_the_best_record_of_its_device(rows: list[Row]) -> None:
    for winner, group in groups_of(read(file_of(rows))).items():
        best = max(group, key=lambda number: (bool(rows[number - 1].hash), rows[number - 1].rank, -number))
        assert winner == best


@settings(max_examples=examples(200))
@given(tables(["", "-", "Kiosk"]))
def test_a_row_with_a_tag_wins_where_batches_are_told_by_tags(rows: list[Row]) -> None:
    checked = read(file_of(rows), rules=Rules(batch_by_group_tag=True))
    for winner, group in groups_of(checked).items():
        assert (rows[winner - 1].tag == "Kiosk") == any(rows[number - 1].tag == "Kiosk" for number in group)


@settings(max_examples=examples(200))
@given(tables(["", "-", "Kiosk"]))
def test_a_row_without_batch_is_a_duplicate_where_its_device_has_one_and_no_other_row_is_one_of_it(
    rows: list[Row],
) -> None:
    checked = read(file_of(rows), rules=Rules(batch_by_group_tag=True, has_default_batch=False))
    assert_sound(checked)
    for row, found in zip(rows, checked, strict=True):
        assert found.device is None or row.tag == "Kiosk"
    with_default = read(file_of(rows), rules=Rules(batch_by_group_tag=True))
    for found, wanted in zip(checked, with_default, strict=True):
        winner = rows[(wanted.duplicate_of or wanted.row) - 1]
        assert (found.reason is RowReason.NO_BATCH) == (winner.tag != "Kiosk")
        assert winner.tag != "Kiosk" or (found.device, found.duplicate_of) == (wanted.device, wanted.duplicate_of)


@settings(max_examples=examples(200))
@given(tables(), st.data())
def test_a_key_beside_two_serial_numbers_is_no_identity_and_neither_is_any_other_of_its_file(
    rows: list[Row], data: st.DataObject
) -> None:
    copies = [Row(serial, COPIED, has_names=data.draw(st.booleans())) for serial in ("C3", "D4")]
    rows = data.draw(st.permutations([*rows, *copies]))
    checked, account = read_with_account(file_of(rows))
    assert FileNote.PRODUCT_KEYS_COPIED in {remark.note for remark in account.remarks}
    assert not any(row.device is not None and row.device.product_key for row in checked)
    for row, found in zip(rows, checked, strict=True):
        if not row.hash and not row.has_names:
            assert found.reason is RowReason.PRODUCT_KEY_COPIED
        elif row.key and found.device is not None:
            assert Note.COPIED_KEY_LEFT_OUT in found.notes
    without_keys = [replace(row, key="none") for row in rows]
    assert [row.duplicate_of for row in checked] == [row.duplicate_of for row in read(file_of(without_keys))]


def test_a_first_reading_that_gave_out_a_worse_record_says_so_at_its_end_and_a_second_is_final() -> None:
    old, new = build_hash(), build_hash(collected=datetime(2026, 6, 1, tzinfo=UTC))
    data = file_of([Row("SN-1", hash=text, has_names=False) for text in (old, new, old)])
    first = read_device_file(lambda: [data], name="a.csv", rules=Rules(), now=NOW)
    assert [next(first).device is not None for _ in range(3)] == [True, True, False]
    with pytest.raises(ReadAgain) as raised:
        next(first)
    second = read_device_file(lambda: [data], name="a.csv", rules=Rules(), now=NOW, findings=raised.value.findings)
    assert [row.duplicate_of for row in second] == [2, None, 2]


def test_a_digest_table_keeps_what_it_is_given_when_it_grows() -> None:
    table = DigestTable()
    digests = [number.to_bytes(16, "little") for number in range(1, 5_000)]
    assert not any(table.setdefault(digest, row) for row, digest in enumerate(digests, start=1))
    assert [table.setdefault(digest, 9_999) for digest in digests] == list(range(1, 5_000))


def test_digests_that_fall_on_one_slot_are_kept_apart() -> None:
    table = DigestTable()
    digests = [bytes(8) + number.to_bytes(8, "big") for number in range(50)]
    assert [table.setdefault(digest, row) for row, digest in enumerate(digests, start=1)] == [0] * 50
    table.reassign(digests[3], 77)
    assert table.setdefault(digests[3], 1) == 77
    assert table.setdefault(digests[4], 1) == 5


@pytest.mark.parametrize(
    ("with_hash", "with_key", "least", "most"),
    [(True, False, 97, 169), (True, True, 181, 334), (False, False, 41, 65)],
)
def test_the_index_takes_the_memory_per_row_that_its_docstring_says(
    with_hash: bool, with_key: bool, least: int, most: int
) -> None:
    index = DuplicateIndex(now=NOW, rules=Rules())
    at_first, sizes = memory(index), []
    for number in range(1, 9_001):
        row = DeviceRow("", serial_number=str(number), manufacturer="A", model="B")
        found = _made_up(number) if with_hash else None
        key = f"33{number:011}" if with_key else None
        if key is not None:
            index.expect_not_copied(key, str(number))
        index.place(row, SendableDevice(serial_number=str(number), product_key=key), found)
        if number > 2_048:
            sizes.append(memory(index) / number)
            assert memory(index) - at_first <= most * number
    assert at_first < 21 * 1024
    assert least <= min(sizes)


def memory(index: DuplicateIndex) -> int:
    """Bytes held, but for the fixed size of the objects."""
    tables = [table for table in vars(index).values() if isinstance(table, DigestTable)]
    parts = [part for each in (index, *tables) for part in vars(each).values()]
    arrays = sum(part.itemsize * len(part) for part in parts if isinstance(part, array))
    return arrays + sum(len(part) for part in parts if isinstance(part, bytearray))


def _made_up(number: int) -> VerifiedHash:
    found = verify(build_hash(str(number), uuid=UUID(int=number), tpm_key=number.to_bytes(256, "big")))
    assert isinstance(found, VerifiedHash)
    return found


def test_a_hash_of_the_old_form_is_the_same_device_as_its_copy_and_another_than_any_other() -> None:
    one, other = (b64encode(bytes([number]) * 128).decode() for number in (1, 2))
    rows = read(f"Hardware Hash\r\n{one}\r\n{one}\r\n{other}\r\n".encode())
    assert [row.duplicate_of for row in rows] == [None, 1, None]
