"""Which rows are the same device: what must hold for any rows in any order."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files import CheckedRow, Rules
from shared.device_files.checks.duplicates import BetterRecordFound, DigestTable, DuplicateIndex
from shared.device_files.hardware_hash.verification import VerifiedHash, verify
from shared.device_files.reading import read_device_file
from shared.device_files.rows import DeviceRow, SendableDevice
from tests.device_files.damage import assert_sound
from tests.device_files.given import NOW, read
from tests.device_files.hash_builder import WINPE, build_hash

HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model"


def file_of(rows: Sequence[str]) -> bytes:
    return "\r\n".join((HEADER, *rows)).encode()


def sent(rows: Sequence[CheckedRow]) -> set[str]:
    return {row.device.hardware_hash or "" for row in rows if row.device is not None}


_UUIDS = [UUID(int=number) for number in (101, 102)]
_TPMS = [bytes([number]) * 256 for number in (1, 2)]


@st.composite
def device_rows(draw: st.DrawFn) -> str:
    """A row about one of few devices, so that rows often share parts of their identity."""
    serial = draw(st.sampled_from(["A1", "B2"]))
    if draw(st.integers(0, 3)) == 0:
        return f"{serial},,,Contoso,Laptop 7"
    text = build_hash(
        serial,
        uuid=draw(st.sampled_from(_UUIDS)),
        tpm_key=draw(st.sampled_from([*_TPMS, None])),
        os_type=draw(st.sampled_from([2, WINPE])),
        collected=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=draw(st.integers(0, 3))),
    )
    return f"{serial},,{text},,"


def parts(row: str) -> tuple[str, bytes, bytes] | None:
    """Serial number, UUID and TPM key of a row with a hash."""
    serial, _, text, *_ = row.split(",")
    found = verify(text) if text else None
    return (serial, found.uuid, found.tpm_key) if isinstance(found, VerifiedHash) else None


def same_device(one: str, other: str) -> bool:
    """The rule, said again in the simplest way: two parts agree."""
    first, second = parts(one), parts(other)
    return (
        first is not None and second is not None and sum(a == b != b"" for a, b in zip(first, second, strict=True)) >= 2
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(device_rows(), min_size=1, max_size=9))
def test_two_rows_that_are_sent_never_agree_in_two_parts_and_a_duplicate_always_has_a_reason(rows: list[str]) -> None:
    checked = read(file_of(rows))
    assert_sound(checked)
    of_sent = [rows[row.row - 1] for row in checked if row.device is not None]
    assert not any(same_device(one, other) for one, other in permutations(of_sent, 2))
    for row in checked:
        if row.duplicate_of is not None:
            group = [rows[other.row - 1] for other in checked if (other.duplicate_of or other.row) == row.duplicate_of]
            others = [other for other in group if other != rows[row.row - 1]] or group
            alike = [
                o for o in others if same_device(o, rows[row.row - 1]) or None in (parts(o), parts(rows[row.row - 1]))
            ]
            assert alike, "a duplicate shares two parts, or the tuple, with a row of its device"


@settings(max_examples=200, deadline=None)
@given(st.lists(device_rows(), min_size=1, max_size=9))
def test_the_winner_is_the_best_record_of_its_device(rows: list[str]) -> None:
    checked = read(file_of(rows))
    for row in checked:
        if row.duplicate_of is not None:
            assert _rank(rows[row.duplicate_of - 1], row.duplicate_of) > _rank(rows[row.row - 1], row.row)


def _rank(row: str, number: int) -> tuple[int, int, int]:
    text = row.split(",")[2]
    found = verify(text) if text else None
    if not isinstance(found, VerifiedHash):
        return 0, 0, -number
    return (1 if found.from_winpe and not found.tpm_key else 2), found.collected_seconds, -number


@settings(max_examples=100, deadline=None)
@given(st.lists(device_rows(), min_size=2, max_size=7, unique=True), st.randoms())
def test_the_order_of_rows_with_different_ranks_does_not_change_how_many_devices_there_are(
    rows: list[str], random: object
) -> None:
    hashed = [row for row in rows if parts(row) is not None]
    shuffled = list(hashed)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    if hashed:
        assert len(sent(read(file_of(hashed)))) == len(sent(read(file_of(shuffled))))


def test_a_first_reading_that_gave_out_a_worse_record_says_so_at_its_end_and_a_second_is_final() -> None:
    old, new = build_hash(), build_hash(collected=datetime(2026, 6, 1, tzinfo=UTC))
    data = file_of([f"SN-1,,{old},,", f"SN-1,,{new},,", f"SN-1,,{old},,"])
    first = read_device_file(lambda: [data], name="a.csv", rules=Rules(), now=NOW)
    assert [next(first).device is not None for _ in range(3)] == [True, True, False]
    with pytest.raises(BetterRecordFound) as raised:
        next(first)
    second = read_device_file(lambda: [data], name="a.csv", rules=Rules(), now=NOW, winners=raised.value.winners)
    assert [row.duplicate_of for row in second] == [2, None, 2]


def test_a_digest_table_keeps_what_it_is_given_when_it_grows() -> None:
    table = DigestTable()
    digests = [number.to_bytes(16, "little") for number in range(1, 5_000)]
    assert not any(table.claim(digest, row) for row, digest in enumerate(digests, start=1))
    assert [table.claim(digest, 9_999) for digest in digests] == list(range(1, 5_000))
    assert len(table) == len(digests)


def test_digests_that_fall_on_one_slot_are_kept_apart() -> None:
    table = DigestTable()
    digests = [bytes(8) + number.to_bytes(8, "big") for number in range(50)]
    assert [table.claim(digest, row) for row, digest in enumerate(digests, start=1)] == [0] * 50
    table.reassign(digests[3], 77)
    assert table.claim(digests[3], 1) == 77
    assert table.claim(digests[4], 1) == 5


def test_the_index_takes_the_memory_per_row_that_its_docstring_says() -> None:
    for with_hash, bounds in ((True, (96, 168)), (False, (40, 64))):
        index = DuplicateIndex(now=NOW)
        at_first, sizes = index.memory, []
        for number in range(1, 9_001):
            row = DeviceRow("", serial_number=str(number), manufacturer="A", model="B")
            found = _made_up(number) if with_hash else None
            index.place(row, SendableDevice(serial_number=str(number)), found)
            if number > 2_048:
                sizes.append(index.memory / number)
                assert index.memory - at_first <= bounds[1] * number
        assert at_first < 17 * 1024
        assert bounds[0] <= min(sizes)


def _made_up(number: int) -> VerifiedHash:
    found = verify(build_hash(str(number), uuid=UUID(int=number), tpm_key=number.to_bytes(256, "big")))
    assert isinstance(found, VerifiedHash)
    return found


def test_a_hash_of_the_old_form_is_the_same_device_as_its_copy_and_another_than_any_other() -> None:
    one, other = (b64encode(bytes([number]) * 128).decode() for number in (1, 2))
    rows = read(f"Hardware Hash\r\n{one}\r\n{one}\r\n{other}\r\n".encode())
    assert [row.duplicate_of for row in rows] == [None, 1, None]
