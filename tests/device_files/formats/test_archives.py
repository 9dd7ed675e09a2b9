"""Archives: unpacked piece by piece, within bounds, and every member that is somebody's file is given out."""

import gzip
import io
import struct
import zipfile
from collections.abc import Iterator, Sequence
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.device_files.formats import archives
from shared.reasons import FileReason, UnreadableDeviceFile
from tests.examples import examples

MEGABYTE = 1024 * 1024


def archive(members: Sequence[tuple[str, bytes]]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members:
            package.writestr(name, content)
    return buffer


def names(*members: tuple[str, bytes]) -> list[str]:
    return [member.filename for member in archives.members(archives.open_zip(archive(members)))]


@pytest.mark.parametrize(
    "name",
    [
        *("folder/", "folder\\", "sub\\leer\\", "a/b/", "__MACOSX/._a.csv", "sub/__MACOSX/._a.csv"),
        *("__MACOSX\\a.csv", ".DS_Store", "sub/.DS_Store", "Thumbs.db", "sub\\thumbs.db", "ehthumbs.db"),
        *("desktop.ini", "Desktop.ini", "~$devices.xlsx", "sub/~$devices.xlsx"),
    ],
)
def test_folders_and_what_systems_add_are_nothing(name: str) -> None:
    assert names((name, b""), ("a.csv", b"x")) == ["a.csv"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("folder\\", b"Serial"),
        ("folder/", b"Serial"),
        ("sub\\dev.csv", b"Serial"),
        ("desktop.ini.csv", b"Serial"),
        ("Thumbs.db.csv", b""),
        ("my__MACOSX/a.csv", b""),
        ("._a.csv", b"Serial"),
        ("~$devices.csv", b"x" * 166),
        ("empty.csv", b""),
    ],
)
def test_what_only_looks_like_these_is_a_member(name: str, content: bytes) -> None:
    assert names((name, content)) == [name]


def test_a_folder_that_only_an_attribute_of_windows_tells_is_nothing() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        folder = zipfile.ZipInfo("folder")
        folder.external_attr = 0x10
        package.writestr(folder, b"")
    assert list(archives.members(archives.open_zip(buffer))) == []


def _wide(members: Sequence[tuple[str, bytes]], limit: int = 0) -> io.BytesIO:
    """An archive with the end records of the ZIP64 form, as writers that do not know the size use it."""
    with mock.patch.object(zipfile, "ZIP64_LIMIT", limit), mock.patch.object(zipfile, "ZIP_FILECOUNT_LIMIT", limit):
        return archive(members)


def test_the_zip64_form_is_read() -> None:
    buffer = _wide([("a.csv", b"Serial"), ("b.csv", b"x" * 100_000)])
    assert b"PK\x06\x06" in buffer.getvalue()
    assert _read(buffer.getvalue()) == [b"Serial", b"x" * 100_000]


def test_a_table_of_contents_too_large_is_refused_also_in_the_zip64_form() -> None:
    data = bytearray(2 * MEGABYTE) + _wide([("a.csv", b"Serial")]).getvalue()
    end = data.rindex(b"PK\x06\x06")
    data[end + 40 : end + 48] = struct.pack("<Q", 2 * MEGABYTE)
    with pytest.raises(UnreadableDeviceFile) as raised:
        archives.open_zip(io.BytesIO(bytes(data)))
    assert raised.value.reason is FileReason.ARCHIVE_TOO_LARGE


def test_a_record_of_the_zip64_form_that_nothing_points_to_does_not_hide_the_size() -> None:
    data = bytearray(2 * MEGABYTE) + _wide([("a.csv", b"Serial")]).getvalue()
    locator, end = data.rindex(b"PK\x06\x07"), data.rindex(b"PK\x05\x06")
    data[locator : locator + 4] = b"XXXX"
    data[end + 12 : end + 16] = struct.pack("<L", 2 * MEGABYTE)
    with pytest.raises(UnreadableDeviceFile) as raised:
        archives.open_zip(io.BytesIO(bytes(data)))
    assert raised.value.reason is FileReason.ARCHIVE_TOO_LARGE


def test_a_file_without_a_table_of_contents_is_cut_off() -> None:
    for size in (0, 10, 60):
        with pytest.raises(UnreadableDeviceFile, match="cut off") as raised:
            archives.open_zip(io.BytesIO(archive([("a.csv", b"Serial")]).getvalue()[:size]))
        assert raised.value.reason is FileReason.ARCHIVE_UNREADABLE


def test_a_comment_behind_the_archive_is_left_alone() -> None:
    buffer = archive([("a.csv", b"Serial")])
    with zipfile.ZipFile(buffer, "a") as package:
        package.comment = b"packed by Ada"
    assert [member.filename for member in archives.members(archives.open_zip(buffer))] == ["a.csv"]


def _read(data: bytes) -> list[bytes]:
    package, allowance = archives.open_zip(io.BytesIO(data)), archives.Allowance(packed=len(data))
    return [b"".join(archives.contents(package, member, allowance)) for member in archives.members(package)]


def _refusal(data: bytes) -> FileReason:
    with pytest.raises(UnreadableDeviceFile) as raised:
        _read(data)
    return raised.value.reason


@pytest.mark.parametrize(
    ("at_local", "at_directory", "value", "reason"),
    [
        (6, 8, b"\x01", FileReason.ARCHIVE_LOCKED),
        (8, 10, b"\x0e", FileReason.ARCHIVE_UNREADABLE),
        (8, 10, b"\x09", FileReason.ARCHIVE_UNREADABLE),
        (14, 16, b"\0\0\0\0", FileReason.ARCHIVE_UNREADABLE),
    ],
    ids=["locked", "packed by LZMA", "packed by Deflate64", "with a wrong checksum"],
)
def test_a_member_that_cannot_be_unpacked_says_why(
    at_local: int, at_directory: int, value: bytes, reason: FileReason
) -> None:
    data = archive([("a.csv", b"Serial")]).getvalue()
    for mark, offset in ((b"PK\x03\x04", at_local), (b"PK\x01\x02", at_directory)):
        at = data.index(mark) + offset
        data = data[:at] + value + data[at + len(value) :]
    assert _refusal(data) is reason


def test_members_together_may_not_unpack_to_more_than_the_archive_may() -> None:
    blanks = b" " * (MEGABYTE * 8)
    assert _refusal(archive([(str(number), blanks) for number in range(9)]).getvalue()) is FileReason.ARCHIVE_TOO_LARGE


def _in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


@settings(max_examples=examples(200))
@given(st.lists(st.binary(max_size=2_000), min_size=1, max_size=4), st.integers(1, 900), st.integers(0, 5))
def test_gzip_streams_one_after_the_other_are_one_text(texts: list[bytes], size: int, padding: int) -> None:
    data = b"".join(map(gzip.compress, texts)) + bytes(padding)
    assert b"".join(archives.gunzip(_in_pieces(data, size))) == b"".join(texts)


@pytest.mark.parametrize("cut", [1, 8, 9, 20])
def test_a_gzip_stream_that_is_cut_is_refused(cut: int) -> None:
    with pytest.raises(UnreadableDeviceFile, match="cut off") as raised:
        list(archives.gunzip([gzip.compress(b"Serial,Manufacturer,Model")[:-cut]]))
    assert raised.value.reason is FileReason.ARCHIVE_UNREADABLE
