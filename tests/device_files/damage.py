"""Strategies that build damaged device files out of valid ones, and what must hold for any file whatever."""

import re
from collections.abc import Sequence

from hypothesis import strategies as st

from shared.device_files.rows import CheckedRow, Rules
from shared.reasons import UnreadableDeviceFile
from tests.device_files.cases import CASES
from tests.device_files.given import SAMPLES, read

VALID_FILES: Sequence[bytes] = [case.data for case in CASES] + [
    path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.is_file() and path.stat().st_size < 20_000
]
_PROCESS_MARKS = (b"xl/workbook.xml", b"\xd0\xcf\x11\xe0")
IN_PROCESS_FILES = [data for data in VALID_FILES if not any(mark in data for mark in _PROCESS_MARKS)]
WORKBOOKS = [data for data in VALID_FILES if any(mark in data[:4096] for mark in _PROCESS_MARKS)]

_INSERTED = st.sampled_from(
    [
        *(bytes([byte]) for byte in b",;\t\"\r\n\0\x1a#'= {}[]<>&\xa0\xc2"),
        *(
            b'""',
            b"\r\n",
            b"\0\0",
            b"\xff\xfe",
            b"\xfe\xff",
            b"\xef\xbb\xbf",
            b"PK\x03\x04",
            b"PK\x05\x06",
            b"\x1f\x8b",
        ),
        *(
            b"T0GH",
            b"Serial Number",
            b"Hardware Hash",
            b"sep=;",
            b"#N/A",
            b"1.65E+11",
            b"VMware, Inc.",
            b"3300000000001",
        ),
    ]
)


@st.composite
def damaged(draw: st.DrawFn, files: Sequence[bytes] = IN_PROCESS_FILES) -> bytes:
    """A valid file with up to six injuries: bytes lost, doubled, changed or put in, or another file glued to it."""
    data = draw(st.sampled_from(files))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        # A hash is so long that chance alone would seldom hit headers and marks.
        start = start % 120 if draw(st.booleans()) else start
        end = min(len(data), start + draw(st.integers(0, 60)))
        match draw(st.integers(0, 6)):
            case 0:
                data = data[:start] + data[end:]
            case 1:
                data = data[:end] + data[start:]
            case 2:
                data = data[:start] + draw(_INSERTED) + data[start:]
            case 3:
                data = data[:start] + draw(_INSERTED) + data[end:]
            case 4:
                data = data[:start] + draw(st.binary(max_size=8)) + data[end:]
            case 5:
                data = data[:start]
            case _:
                data += draw(st.sampled_from(files))
    return data


def read_whatever_it_is(data: bytes, rules: Rules | None = None) -> list[CheckedRow] | UnreadableDeviceFile:
    """Read any bytes to their end, and hold the reader to what it promises of every file."""
    try:
        rows = read(data, rules=rules)
    except UnreadableDeviceFile as error:
        return error
    assert_sound(rows)
    return rows


def assert_sound(rows: Sequence[CheckedRow]) -> None:
    """One outcome a row; a device that is sent is an accepted combination; a duplicate names a row that is sent."""
    for number, row in enumerate(rows, start=1):
        assert row.row == number
        assert row.source
        assert (row.device is None) == (row.reason is not None)
        shown = (row.serial_number, row.product_key, row.manufacturer, row.model, row.group_tag)
        assert all("\n" not in text and text == text.strip() and len(text) <= 256 for text in shown)
        assert {type(text) for text in shown} == {str}
        assert len(row.source) < 1_000
        if row.duplicate_of is not None:
            assert row.duplicate_of != number
            assert rows[row.duplicate_of - 1].device is not None
        if row.device is not None:
            sent = row.device
            is_tuple = bool(sent.serial_number and sent.manufacturer and sent.model)
            if sent.hardware_hash is not None:
                assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", sent.hardware_hash)
                assert len(sent.hardware_hash) % 4 == 0
                assert sent.manufacturer is sent.model is None
            elif sent.product_key is not None:
                assert sent.serial_number is sent.manufacturer is sent.model is None
            else:
                assert is_tuple
