"""The bench's own device files are what the reader takes for sound ones."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.bench.device_files import Kind, pieces, read, write
from local.bench.hardware_hashes import hardware_hash
from local.bench.sizes import QUICK, Sizes, bytes_needed
from shared.device_files.hardware_hash.verification import Checksum, VerifiedHash, verify
from shared.device_files.reading import read_device_file
from shared.device_files.rows import Rules

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_hash_is_valid_and_says_who_the_device_is() -> None:
    found = verify(hardware_hash(7, "PF0000007"))
    assert isinstance(found, VerifiedHash)
    assert found.checksum is Checksum.OK
    assert not found.repaired
    assert (found.serial_number, found.manufacturer, found.model) == ("PF0000007", "LENOVO", "21R3001BUK")
    assert found.uuid
    assert found.tpm_key


def test_hashes_of_two_devices_share_nothing_that_identifies_one() -> None:
    one, other = verify(hardware_hash(1, "A")), verify(hardware_hash(2, "B"))
    assert isinstance(one, VerifiedHash)
    assert isinstance(other, VerifiedHash)
    assert one.uuid != other.uuid
    assert one.tpm_key != other.tpm_key


def test_the_checksum_covers_as_much_as_on_real_devices() -> None:
    import base64

    record = base64.b64decode(hardware_hash(1, "PF0000001"))
    assert 650 <= int.from_bytes(record[2:4], "little") <= 1330


@pytest.mark.parametrize("kind", Kind)
def test_every_row_is_to_be_sent_without_a_note(kind: Kind) -> None:
    content = list(pieces(kind, 1_100))
    rows = list(read_device_file(lambda: content, name="devices.csv", rules=Rules(), now=NOW))
    assert [row.row for row in rows] == list(range(1, 1_101))
    assert all(row.device is not None and not row.notes for row in rows)
    assert all((row.device is not None and row.device.hardware_hash is not None) == kind.has_hashes for row in rows)


def test_a_file_is_given_in_pieces_and_read_back_as_it_was(tmp_path: Path) -> None:
    made = list(pieces(Kind.HASHES_UTF16, 1_200))
    assert len(made) > 1
    write(tmp_path / "file", made)
    opened = read(tmp_path / "file")
    assert b"".join(opened()) == b"".join(opened()) == b"".join(made)


@pytest.mark.parametrize("kind", Kind)
def test_a_row_is_no_larger_than_the_disk_that_is_asked_for(kind: Kind) -> None:
    rows = 500
    size = sum(map(len, pieces(kind, rows)))
    needed = bytes_needed(Sizes(large_rows=rows * 10), ["memory"]) - bytes_needed(Sizes(large_rows=rows), ["memory"])
    assert needed > 9 * size


def test_small_sizes_need_less_disk() -> None:
    everything = ["memory", "growth", "end_to_end", "operations"]
    assert bytes_needed(QUICK, everything) < bytes_needed(Sizes(), everything) / 10
