"""Plain rows read quickly: never another word about a row than the careful way has."""

import base64
import gzip
from collections.abc import Sequence
from unittest.mock import patch
from uuid import UUID

import pytest

from shared.device_files import RowReason, Rules, plain_rows
from shared.device_files.formats import decoding as text
from shared.device_files.hardware_hash.verification import Checksum, VerifiedHash, verify
from shared.device_files.placeholders import TEMPLATE_HASH
from shared.device_files.plain_hashes import PlainHashes
from tests.device_files import mixed_files
from tests.device_files.both_paths import disagreement, read_carefully, read_quickly
from tests.device_files.cases import CASES, HEADER, PARTNER_HEADER, Case
from tests.device_files.cases import text as file_of
from tests.device_files.damage import IN_PROCESS_FILES
from tests.device_files.given import SAMPLES, sample_hashes
from tests.device_files.hash_builder import block, build_hash, checksum_block, padded
from tests.device_files.mixed_files import mixed_file

SMALL_SAMPLES = [path for path in sorted(SAMPLES.iterdir()) if path.suffix != ".xls"]


def quick_rows(data: bytes, rules: Rules | None = None) -> tuple[int, int]:
    """How many rows of a file were read quickly, and how many it has."""
    counted = 0
    quick = plain_rows.PlainRows._row

    def counting(*arguments: object) -> object:
        nonlocal counted
        row = quick(*arguments)  # type: ignore[arg-type]
        counted += row is not None
        return row

    with patch.object(plain_rows.PlainRows, "_row", counting):
        reading = read_quickly([data].copy, rules or Rules())[0]
    return counted, len(reading.rows)


def device(number: int, **fields: object) -> str:
    serial = f"PF{number:06d}"
    made_up = {"uuid": UUID(int=number), "tpm_key": number.to_bytes(256, "big"), **fields}
    return f"{serial},,{build_hash(serial, **made_up)}"  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(400))
def test_both_ways_agree_on_files_of_plain_rows_and_anything_between_them(seed: int) -> None:
    assert disagreement(seed) is None


@pytest.mark.parametrize("case", [case for case in CASES if case.data in IN_PROCESS_FILES], ids=lambda case: case.name)
def test_both_ways_agree_on_every_case(case: Case) -> None:
    assert read_quickly(lambda: [case.data], case.rules) == read_carefully(lambda: [case.data], case.rules)


@pytest.mark.parametrize("path", SMALL_SAMPLES, ids=lambda path: path.name)
def test_both_ways_agree_on_every_sample(path: object) -> None:
    data = path.read_bytes()  # type: ignore[attr-defined]
    assert read_quickly(lambda: [data], Rules()) == read_carefully(lambda: [data], Rules())


def test_both_ways_agree_wherever_the_border_of_two_pieces_is() -> None:
    lines = ("Serial Number,Manufacturer,Model", "S1,HP,M", "S2,HP,M", "ü,HP,M", "S3,HP,M", "", "S1,HP,M")
    for encoding in ("utf-8", "utf-16"):
        data = "\r\n".join(lines).encode(encoding)
        wanted = read_carefully([data].copy, Rules())
        for piece in range(8, len(data) + 1):
            with patch.object(text, "PIECE", piece), patch.object(text, "_LONG_LINE", piece % 20):
                assert read_quickly([data].copy, Rules()) == wanted


ODD_CELLS = [
    *({"serial": cell} for cell in mixed_files.SERIALS),
    *({"maker": cell} for cell in mixed_files.MAKERS),
    *({"model": cell} for cell in mixed_files.MODELS),
    *({"key": cell} for cell in mixed_files.KEYS),
    *({"tag": cell} for cell in mixed_files.TAGS),
    *({"serial": cell, "maker": "OEM"} for cell in ("hash", "Hardware-Hash", "detailstable0hash")),
    {"maker": "Model", "model": "Serial Number"},
    {"room": '"1', "tag": '2"'},
    *({"room": cell} for cell in ("T0GH", '1"2', "#1", "Group Tag", "sep=;", "\u200b", "x" * 2_000)),
]
ORDERS = (
    ("serial", "key", "hash", "maker", "model", "tag", "room"),
    ("room", "tag", "model", "maker", "key", "hash", "serial"),
    ("maker", "serial", "model", "key", "tag", "room"),
    ("room", "serial", "maker", "model", "hash"),
)
NAMES = {
    "serial": "Serial Number",
    "key": "Product Key",
    "hash": "Hardware Hash",
    "maker": "Manufacturer",
    "model": "Model",
    "tag": "Group Tag",
    "room": "Room",
}


@pytest.mark.parametrize("odd", ODD_CELLS, ids=str)
def test_both_ways_agree_on_a_row_that_is_plain_but_for_one_cell(odd: dict[str, str]) -> None:
    for order in ORDERS:
        for with_hash in (False, True):
            plain = {"serial": "PF0AB12C", "maker": "Contoso", "model": "Laptop 7", "tag": "Sales"} | odd
            own_hash = build_hash(plain["serial"].strip("'\" ")[:200], plain["maker"].strip('"'), plain["model"][:200])
            row = plain | {"hash": own_hash if with_hash else ""}
            other = row | {"serial": "PF0AB12D", "hash": build_hash("PF0AB12D") if with_hash else ""}
            rows = [NAMES, other, row, row, other, row | {"tag": "Support"}]
            data = file_of(*(",".join(cells.get(name, "") for name in order) for cells in rows))
            assert read_quickly([data].copy, Rules()) == read_carefully([data].copy, Rules())


def test_the_generated_files_have_rows_of_both_ways() -> None:
    counted, rows = map(sum, zip(*(quick_rows(mixed_file(seed).data) for seed in range(60)), strict=True))
    assert 0.2 * rows < counted < 0.8 * rows


@pytest.mark.parametrize(
    "lines",
    [
        (HEADER, *map(device, range(1, 40))),
        (
            f"{HEADER},Group Tag,Assigned User",
            *(f"{device(number)},Sales,u{number}@contoso.com" for number in range(1, 9)),
        ),
        (PARTNER_HEADER, *(f"{device(number)},Contoso,Laptop 7" for number in range(1, 9))),
        (PARTNER_HEADER, *(f"{device(number, tpm_key=None)},," for number in range(1, 9))),
        (PARTNER_HEADER, *(f"{device(number, os_type=1)},," for number in range(1, 9))),
        (PARTNER_HEADER, *(f"PF{number:06d},,,LENOVO,21R3001BUK" for number in range(1, 40))),
        ("Manufacturer,Model,Serial Number", *(f"HP,M1,SN-{number}" for number in range(1, 40))),
        ("Hardware Hash,Serial Number", *(",".join(device(number).split(",,")[::-1]) for number in range(1, 9))),
        ("Serial Number;Manufacturer;Model", "S1;HP;M", "S1;HP;M", "S2;HP;M"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_every_row_as_tools_write_them_is_read_quickly(lines: Sequence[str], encoding: str) -> None:
    counted, rows = quick_rows(file_of("\r\n".join(lines), encoding=encoding))
    assert counted == rows == len(lines) - 1
    assert quick_rows(gzip.compress(file_of("\n".join(lines)))) == (rows, rows)


def test_a_row_that_is_not_plain_leaves_those_around_it_quick() -> None:
    rows = [device(number) for number in range(1, 11)]
    rows[4] = rows[4].replace(",,", ',"",')
    assert quick_rows(file_of(HEADER, *rows)) == (9, 10)


def test_a_plain_hash_holds_what_verifying_finds() -> None:
    hashes = PlainHashes()
    for text_of_hash in (*(found for _, found in sample_hashes()), build_hash(), build_hash(tpm_key=None, uuid=None)):
        found, fields = verify(text_of_hash), hashes.fields(text_of_hash)
        assert isinstance(found, VerifiedHash)
        assert found.checksum is Checksum.OK
        assert fields is not None
        serial, maker, model, uuid, seconds, _, _, tpm_key = fields
        assert serial.rstrip(b"\0").decode().strip() == found.serial_number
        assert maker.rstrip(b"\0").decode().strip() == found.manufacturer
        assert model.rstrip(b"\0").decode().strip() == found.model
        assert (uuid, int.from_bytes(seconds, "little")) == (found.uuid, found.collected_seconds)
        assert found.tpm_key in (tpm_key, b"")


@pytest.mark.parametrize("at", [0, 1, 3, 5, 6, 100, 700, 1234, 2000, 3998, 3999])
@pytest.mark.parametrize("character", "AB/=!é\n")
def test_a_hash_with_one_other_character_is_plain_only_if_it_is_the_same(at: int, character: str) -> None:
    whole = build_hash()
    changed = whole[:at] + character + whole[at + 1 :]
    assert (PlainHashes().fields(changed) is not None) == (changed == whole)


def test_hashes_of_one_length_whose_blocks_stand_elsewhere_are_told_apart() -> None:
    hashes = PlainHashes()
    for maker, model in (("AB", "CDE"), ("ABC", "DE"), ("AB", "CDE"), ("A", "BCDE")):
        fields = hashes.fields(build_hash("SN1", maker, model))
        assert fields is not None
        assert fields[1:3] == (maker.encode() + b"\0", model.encode() + b"\0")


def test_an_offline_id_that_is_of_no_tpm_key_is_no_part_of_an_identity() -> None:
    registry_id = block(11, bytes([0, 0, 0, 0, 3]) + bytes(range(37)))
    hashes = [build_hash("SN1", uuid=UUID(int=number), tpm_key=None, more=registry_id) for number in (1, 2)]
    data = file_of(HEADER, *(f"SN1,,{found}" for found in hashes))
    assert quick_rows(data) == (2, 2)
    assert [row.device is not None for row in read_quickly([data].copy, Rules())[0].rows] == [True, True]


def test_of_two_blocks_of_one_type_the_first_counts() -> None:
    fields = PlainHashes().fields(build_hash("SN1", "Contoso", more=block(16, b"Other\0")))
    assert fields is not None
    assert fields[1] == b"Contoso\0"


def test_a_hash_that_goes_on_behind_its_end_is_not_plain() -> None:
    assert PlainHashes().fields(build_hash() + "AAAA") is None


def test_a_hash_with_half_a_uuid_is_not_plain() -> None:
    text_of_hash = build_hash(uuid=None, more=block(12, bytes(range(8))))
    assert isinstance(verify(text_of_hash), VerifiedHash)
    assert PlainHashes().fields(text_of_hash) is None


def test_a_whole_hash_that_begins_as_the_sample_of_the_template_does_is_refused_as_the_sample() -> None:
    start = base64.b64decode(TEMPLATE_HASH[:36])
    total = int.from_bytes(start[2:4], "little")
    record = start.ljust(32, b"\0") + block(14, b"SN1\0") + block(12, bytes(range(16)))
    record += block(30, bytes(total - len(record) - 4))
    text_of_hash = padded(record + checksum_block(record))
    row = f"SN1,,{text_of_hash[:36]}{TEMPLATE_HASH[36:]}{text_of_hash[39:]}"
    assert isinstance(verify(text_of_hash), VerifiedHash)
    assert PlainHashes().fields(text_of_hash) is None
    assert read_quickly([file_of(HEADER, row)].copy, Rules())[0].rows[0].reason is RowReason.TEMPLATE_SAMPLE


def test_what_is_learnt_of_made_up_rows_stays_small() -> None:
    rows = [f"S{number},,,Maker {number},M" for number in range(3_000)]
    assert quick_rows(file_of(PARTNER_HEADER, *rows)) == (1024, 3_000)
    hashes = PlainHashes()
    for number in range(1_500):
        blocks = b"".join((200 + place).to_bytes(2, "little") + b"\4\0" for place in range(number % 60))
        hashes.fields(build_hash("S" * (1 + number // 60), more=blocks))
    assert sum(map(len, hashes._placed.values())) <= 1024
    assert max(map(len, hashes._placed.values())) <= 16
