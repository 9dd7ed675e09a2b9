"""Hostile files: refused with a reason, in memory that does not grow with them."""

import io
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest

from shared.device_files.account import FileAccount
from shared.device_files.formats import decoding
from shared.device_files.formats.archives import Allowance
from shared.device_files.formats.decoding import MAXIMUM_LINE, line_blocks
from shared.device_files.formats.delimited import MAXIMUM_CELLS
from shared.device_files.reading import read_device_file
from shared.device_files.rows import Rules
from shared.reasons import FileReason, RowReason, UnreadableDeviceFile
from tests.device_files.cases import HEADER, HP_ROW, LENOVO_ROW, archive, gzipped
from tests.device_files.given import HASHES, NOW, read
from tests.device_files.workbook_builder import Sheet, Workbook

MEGABYTE = 1024 * 1024
MEMORY_BOUND = 4 * MEGABYTE
"""What reading may hold of text, JSON and XML at once; said in docs/reasons.md."""
DOCUMENT_BOUND = 64 * 1024 * 1024
"""Of JSON that is no lines, and of XML: they are held whole, up to a limit."""


def endless(start: bytes, piece: bytes, megabytes: int) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        yield start
        for _ in range(megabytes * MEGABYTE // len(piece)):
            yield piece

    return chunks


def refusal(open_file: Callable[[], Iterable[bytes]]) -> tuple[FileReason, int]:
    """Why a file is refused, and the most memory that was held while it was read."""
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableDeviceFile) as raised:
            for _ in read_device_file(open_file, name="devices.csv", rules=Rules(), now=NOW):
                pass
        return raised.value.reason, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


A_PIECE = b"A" * 65_536
A_BLANK_MEGABYTE = (b" " * 65_535 + b"\n") * 16
HUGE_TEXTS = {
    "a cell of 100 MB": endless(f"{HEADER}\r\nS1,,T0GH".encode(), A_PIECE, 100),
    "a quoted cell of 100 MB": endless(f'{HEADER}\r\nS1,,"T0GH'.encode(), A_PIECE, 100),
    "a line of 1 GB without an end": endless(b"", A_PIECE, 1024),
    "a line of 1 GB in UTF-16": endless(b"\xff\xfe", b"A\0" * 32_768, 1024),
    "a million columns": endless(f"{HEADER}\r\n".encode(), b"," * 65_536, 16),
    "a million columns of JSON": endless(b'[{"serialNumber": "', A_PIECE, 100),
    "JSON that never begins": endless(b'{"a": ', b"[" * 65_536, 100),
    "an XML tag without an end": endless(b"<Key ", b'a="b" ' * 10_000, 100),
    "an XML element without an end": endless(b"<Key><HardwareHash>", A_PIECE, 100),
    "an XML comment without an end": endless(b"<Key><!-- ", b"- " * 32_768, 100),
    "XML without a bottom": endless(b"<a>", b"<a>" * 20_000, 10),
    "NULs": endless(f"{HEADER}\r\n".encode(), bytes(65_536), 100),
}


@pytest.mark.parametrize("name", HUGE_TEXTS)
def test_a_huge_text_is_refused_in_bounded_memory(name: str) -> None:
    reason, memory = refusal(HUGE_TEXTS[name])
    of_documents = (
        FileReason.JSON_UNREADABLE,
        FileReason.JSON_TOO_LARGE,
        FileReason.XML_UNREADABLE,
        FileReason.XML_TOO_LARGE,
    )
    is_document = "JSON" in name or "XML" in name
    assert reason is FileReason.LINE_TOO_LONG or (is_document and reason in of_documents)
    assert memory < (DOCUMENT_BOUND if is_document else MEMORY_BOUND)


def test_no_more_of_a_line_without_an_end_is_taken_than_shows_that_it_is_too_long() -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield A_PIECE

    assert refusal(chunks)[0] is FileReason.LINE_TOO_LONG
    assert taken * len(A_PIECE) <= 16 * MAXIMUM_LINE


def test_rows_before_a_line_too_long_were_given_out() -> None:
    rows = read_device_file(endless(f"{HEADER}\r\n{HP_ROW}\r\n".encode(), A_PIECE, 1), name="a", rules=Rules(), now=NOW)
    assert next(rows).device is not None
    with pytest.raises(UnreadableDeviceFile):
        next(rows)


def test_a_row_has_at_most_as_many_cells_as_a_spreadsheet() -> None:
    assert len(read(f"{HEADER}\r\n{HP_ROW}{',' * (MAXIMUM_CELLS - 3)}".encode())) == 1
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(f"{HEADER}\r\n{HP_ROW}{',' * (MAXIMUM_CELLS - 2)}".encode())
    assert raised.value.reason is FileReason.TOO_MANY_COLUMNS


def test_quotes_that_never_close_cost_bounded_time() -> None:
    lines = "".join(f'"S{number},,\r\n' for number in range(2_000))
    rows = read(f"{HEADER}\r\n{lines}".encode())
    assert {row.reason for row in rows} == {RowReason.SERIAL_ALONE}
    assert len(rows) == 2_000


@pytest.mark.parametrize("depth", [50_000, 20_000])
def test_json_nested_too_deep_is_refused(depth: int) -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(b'{"a":' * (depth // 5))
    assert raised.value.reason is FileReason.JSON_UNREADABLE


_ITEM = '{"serialNumber": "S%05d", "manufacturer": "HP", "modelName": "M", "padding": "' + "x" * 2_000 + '"}'


def test_json_lines_of_any_length_are_read_one_by_one() -> None:
    lines = [f"{_ITEM % number}\n".encode() for number in range(1_000, 4_000)]
    tracemalloc.start()
    try:
        rows = read_device_file(lambda: lines, name="a", rules=Rules(), now=NOW)
        count = sum(row.device is not None for row in rows)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BOUND
    finally:
        tracemalloc.stop()
    assert count == len(lines)


def test_a_json_document_beyond_its_limit_is_refused_with_what_to_save_it_as() -> None:
    items = ",\n".join(_ITEM % number for number in range(1_000, 9_000))
    with pytest.raises(UnreadableDeviceFile, match="JSON lines") as raised:
        read(f"[{items}]".encode())
    assert raised.value.reason is FileReason.JSON_TOO_LARGE


def test_entities_of_xml_are_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Key>&b;</Key>'
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(bomb)
    assert raised.value.reason is FileReason.XML_UNREADABLE


def test_more_rows_than_allowed_are_refused() -> None:
    data = f"{HEADER}\r\n".encode() + b"".join(b",33000000%05d,\r\n" % number for number in range(11))
    assert len(read(data, rules=Rules(maximum_rows=11))) == 11
    with pytest.raises(UnreadableDeviceFile, match="more than 10 rows") as raised:
        read(data, rules=Rules(maximum_rows=10))
    assert raised.value.reason is FileReason.TOO_MANY_ROWS


def _deflated_blanks(megabytes: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(deflate.compress(A_BLANK_MEGABYTE) for _ in range(megabytes)) + deflate.flush()


def test_a_gzip_bomb_is_refused_in_bounded_memory() -> None:
    data = _deflated_blanks(70)
    assert len(data) < 100_000
    reason, memory = refusal(lambda: [data])
    assert (reason, memory < MEMORY_BOUND) == (FileReason.ARCHIVE_TOO_LARGE, True)


def test_a_zip_bomb_is_refused_whatever_its_members_are() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for number in range(70):
            package.writestr(f"{number}.csv", A_BLANK_MEGABYTE)
    reason, memory = refusal(lambda: [buffer.getvalue()])
    assert (reason, memory < MEMORY_BOUND) == (FileReason.ARCHIVE_TOO_LARGE, True)


def test_an_archive_may_unpack_to_a_multiple_of_its_size() -> None:
    allowance = Allowance(packed=10 * MEGABYTE)
    allowance.take(2_000 * MEGABYTE)
    with pytest.raises(UnreadableDeviceFile):
        allowance.take(1)


def test_an_archive_of_too_many_members_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for number in range(10_001):
            package.writestr(str(number), b"")
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(buffer.getvalue())
    assert raised.value.reason is FileReason.ARCHIVE_TOO_LARGE


def test_a_workbook_that_claims_billions_of_cells_is_read() -> None:
    workbook = Workbook([Sheet("S", [["Serial Number"], ["S1"]])]).data()
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
                content = content.replace(b"</sheetData>", far)
            target.writestr(name, content)
    assert [row.serial_number for row in read(buffer.getvalue())][:1] == ["S1"]


@pytest.mark.parametrize("serial", ["MZ123", "GIF8", "BZh9", "Rar!", "PK1", "%PDF", "{1}", "[A]"])
def test_a_serial_number_that_begins_as_another_kind_of_file_does_is_a_serial_number(serial: str) -> None:
    (row,) = read(f"{serial},,{HASHES['5ES8901IC4']}".encode(), rules=Rules(trust_hash_serial=True))
    assert row.device is not None


@pytest.mark.parametrize(
    ("data", "reason", "called"),
    [
        (b"", FileReason.EMPTY, "empty"),
        (b"\xff\xfe", FileReason.NO_DEVICE_ROWS, "recognised"),
        (b"Hello,\r\nthese are the devices.\r\n", FileReason.NO_DEVICE_ROWS, "recognised"),
        (HEADER.encode(), FileReason.NO_DEVICE_ROWS, "recognised"),
        (b"%PDF-1.7 ...", FileReason.UNKNOWN_FORMAT, "PDF"),
        (b"MZ\x90\0", FileReason.UNKNOWN_FORMAT, "program"),
        (b"<!DOCTYPE html><html>", FileReason.UNKNOWN_FORMAT, "web page"),
        (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook>', FileReason.UNKNOWN_FORMAT, "2003"),
        (bytes(range(1, 32)) * 20, FileReason.UNKNOWN_FORMAT, "no text"),
        (archive(**{"word/document.xml": b""}), FileReason.UNKNOWN_FORMAT, "Word"),
        (archive(mimetype=b""), FileReason.UNKNOWN_FORMAT, "OpenDocument"),
        (archive(), FileReason.NO_DEVICE_ROWS, "recognised"),
        (archive(**{"a.png": b"\x89PNG"}), FileReason.NO_DEVICE_ROWS, "recognised"),
        (archive(x=HEADER.encode())[:-30], FileReason.ARCHIVE_UNREADABLE, "cut off"),
        (gzipped(gzipped(b"a")), FileReason.ARCHIVE_NESTED, "another archive"),
        (gzipped(archive(**{"a.csv": HP_ROW.encode()})), FileReason.ARCHIVE_NESTED, "another archive"),
        (gzipped(HP_ROW.encode())[:-10], FileReason.ARCHIVE_UNREADABLE, "cut off"),
        (b"\x1f\x8b\x08garbage", FileReason.ARCHIVE_UNREADABLE, "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), FileReason.UNKNOWN_FORMAT, "no workbook"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            FileReason.WORKBOOK_LOCKED,
            "password",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "Workbook".encode("utf-16-le"),
            FileReason.WORKBOOK_UNREADABLE,
            "damaged",
        ),
        (archive(**{"xl/workbook.xml": b"<a/>"}), FileReason.WORKBOOK_UNREADABLE, "damaged"),
        (b"<Key><HardwareHash>T0", FileReason.XML_UNREADABLE, "damaged"),
        (b"<Key/>", FileReason.NO_DEVICE_ROWS, "recognised"),
        (b'[{"serialNumber": "a"', FileReason.JSON_UNREADABLE, "cut off"),
        (b"[]", FileReason.NO_DEVICE_ROWS, "recognised"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(data: bytes, reason: FileReason, called: str) -> None:
    with pytest.raises(UnreadableDeviceFile) as raised:
        read(data, name="drop/devices.bin")
    assert raised.value.reason is reason
    assert called in str(raised.value)
    assert str(raised.value).startswith("drop/devices.bin: ")
    assert str(raised.value).endswith(raised.value.what_to_do)


def test_a_text_of_nothing_but_line_ends_has_a_bound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAXIMUM_LINES", 100_000)
    with pytest.raises(UnreadableDeviceFile) as raised:
        for _ in line_blocks(endless(b"", b"\n" * 65_536, 10)(), FileAccount()):
            pass
    assert raised.value.reason is FileReason.TOO_MANY_ROWS


def test_a_workbook_whose_devices_are_all_hidden_is_refused_and_says_so() -> None:
    sheet = Sheet("Old", [["Serial Number", "Manufacturer", "Model"], ["S1", "HP", "M"]], state="veryHidden")
    with pytest.raises(UnreadableDeviceFile, match=r"hidden sheets \(devices.csv!Old") as raised:
        read(Workbook([Sheet("Empty", []), sheet]).data())
    assert raised.value.reason is FileReason.NO_DEVICE_ROWS


def test_of_many_hidden_sheets_with_long_names_some_are_named() -> None:
    hidden = [Sheet(f"{number} {'x' * 500}", [["S1", "HP", "M"]], state="hidden") for number in range(1, 41)]
    with pytest.raises(UnreadableDeviceFile, match="hidden sheets") as raised:
        read(Workbook([Sheet("Empty", []), *hidden]).data())
    assert len(str(raised.value)) < 700


def _with_bytes(data: bytes, of_local_header: tuple[int, bytes], of_directory: tuple[int, bytes]) -> bytes:
    """An archive with bytes of its first member's two headers changed."""
    for mark, (offset, value) in ((b"PK\x03\x04", of_local_header), (b"PK\x01\x02", of_directory)):
        at = data.index(mark) + offset
        data = data[:at] + value + data[at + len(value) :]
    return data


@pytest.mark.parametrize(
    ("damage", "called"),
    [
        (((6, b"\x01"), (8, b"\x01")), "The archive is protected by a password."),
        (((8, b"\x0e"), (10, b"\x0e")), "The archive is damaged or packed in a way that is not read."),
        (((14, b"\0\0\0\0"), (16, b"\0\0\0\0")), "The archive is damaged or packed in a way that is not read."),
    ],
    ids=["locked", "packed by another method", "with a wrong checksum"],
)
def test_a_bad_member_rejects_itself_alone(damage: tuple[tuple[int, bytes], tuple[int, bytes]], called: str) -> None:
    members = {"bad.csv": f"{HEADER}\r\n{HP_ROW}\r\n", "good.csv": f"{HEADER}\r\n{LENOVO_ROW}\r\n"}
    data = archive(**{name: text.encode() for name, text in members.items()})
    rows = read(_with_bytes(data, *damage), name="devices.zip")
    assert [row.device is not None for row in rows] == [False, True]
    assert (rows[0].reason, rows[0].source) == (RowReason.UNREADABLE_MEMBER, f"bad.csv ({called})")
