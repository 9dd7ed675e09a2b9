"""The blocks of a hardware hash, and texts in them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.device_files.hardware_hash import layout
from shared.device_files.hardware_hash.layout import NO_FIELDS, Block, block_fields, blocks_of, text_of, total_of
from tests.device_files.hash_builder import SOME_UUID, block, build_record, checksum_block

BLOCKS = st.lists(st.tuples(st.integers(1, 200), st.binary(max_size=40)), min_size=1, max_size=12)


def record_of(blocks: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(block(kind, content) for kind, content in blocks)
    return b"OA" + struct.pack("<H", 4 + len(body)) + body


@given(BLOCKS)
def test_the_blocks_of_a_record_are_those_that_it_was_made_of(blocks: list[tuple[int, bytes]]) -> None:
    record = record_of(blocks)
    assert total_of(record) == len(record)
    assert blocks_of(record, total_of(record)) == blocks
    assert blocks_of(record + checksum_block(record), len(record)) == blocks


@given(BLOCKS, st.integers(1, 3))
def test_blocks_that_do_not_end_at_the_total_are_none(blocks: list[tuple[int, bytes]], off: int) -> None:
    record = record_of(blocks)
    assert blocks_of(record + bytes(off), len(record) + off) == []
    assert blocks_of(record, len(record) - off) == [] or len(blocks[-1][1]) == 0
    assert block_fields(record + bytes(off)) is None


def test_the_checksum_is_no_block_however_the_total_is_damaged() -> None:
    record = build_record()
    whole = record + checksum_block(record)
    assert blocks_of(whole, len(whole)) == []


def test_the_fields_that_are_checked_are_found_by_their_type_in_any_order() -> None:
    fields = {Block.MODEL: b"Laptop 7\0", Block.SERIAL: b"SN-1\0", Block.MANUFACTURER: b"Contoso\0"}
    for kinds in (list(fields), list(fields)[::-1]):
        found = block_fields(record_of([(kind, fields[kind]) for kind in kinds]))
        assert found is not None
        assert found[:3] == (b"SN-1\0", b"Contoso\0", b"Laptop 7\0")
        assert found[3:] == NO_FIELDS[3:]


def test_of_two_blocks_of_one_type_the_first_counts_and_a_short_block_is_none() -> None:
    found = block_fields(record_of([(Block.SERIAL, b"first"), (Block.SERIAL, b"second"), (Block.UUID, b"short")]))
    assert found is not None
    assert (found[0], found[4]) == (b"first", b"")
    whole = block_fields(build_record(uuid=SOME_UUID))
    assert whole is not None
    assert whole[4] == SOME_UUID.bytes_le


@given(st.lists(BLOCKS, min_size=2, max_size=4))
def test_layouts_that_were_met_before_change_no_result(records: list[list[tuple[int, bytes]]]) -> None:
    first = []
    for blocks in records:
        layout._layouts.clear()
        first.append(block_fields(record_of(blocks)))
    again = [block_fields(record_of(blocks)) for blocks in records]
    assert again == first


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"SN-1\0rest", "SN-1"),
        (b"  SN 1 \0", "SN 1"),
        (b"", ""),
        (b"\0", ""),
        ("Büro\0".encode(), "Büro"),
        (b"\xff\0", "\ufffd"),
        (b"a\x1bb\x07\0", "ab"),
    ],
)
def test_a_text_ends_at_its_nul_and_shows_what_can_be_shown(body: bytes, text: str) -> None:
    assert text_of(body) == text
