"""The device rows of a file of any kind, and of what archives and workbooks hold."""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import IO

from shared.device_files.formats import archives, workbooks
from shared.device_files.formats import file_types as kinds
from shared.device_files.formats import json_documents as json_records
from shared.device_files.formats import oa3_reports as oa3
from shared.device_files.formats.decoding import PIECE, clean, decoded, line_blocks
from shared.device_files.formats.delimited import Lines, Records
from shared.device_files.formats.file_types import Kind
from shared.device_files.reasons import FILE_REASONS, FileReason, RowReason, UnreadableDeviceFile
from shared.device_files.rows import DeviceRow
from shared.device_files.tables import table

_SPOOLED_IN_MEMORY = 8 * 1024 * 1024
"""Archives and workbooks are read here and there, not in a stream: larger ones wait in a nameless temporary file."""
_LONGEST_NAME = 200

_WORKBOOK_MEMBER = "xl/workbook.xml"
_NAMED_BY_MEMBER = (
    ("xl/workbook.bin", "a binary workbook (.xlsb)"),
    ("word/document.xml", "a Word document"),
    ("ppt/presentation.xml", "a PowerPoint presentation"),
    ("mimetype", "an OpenDocument file"),
    ("META-INF/MANIFEST.MF", "a Java archive"),
)
_OLE_LOCKED = "EncryptedPackage".encode("utf-16-le")
_OLE_STREAM = re.compile(b"|".join([_OLE_LOCKED, *(name.encode("utf-16-le") for name in ("Workbook", "Book"))]))
_LONGEST_OLE_NAME = 64


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file is: what a person calls it, what stands before its line numbers, and whether it was unpacked."""

    name: str
    prefix: str = ""
    is_unpacked: bool = False


@dataclass(frozen=True, slots=True)
class Readers:
    """What makes device rows of tables, JSON objects and XML; the rows of a workbook's sheets are tables too."""

    read_table: table.ReadTable = table.device_rows
    make_json_row: Callable[[Mapping[str, object], str], DeviceRow] = json_records.row_of_item
    read_xml: Callable[[Iterable[str], str], Iterator[DeviceRow]] = oa3.device_rows


_DEVICE_ROWS = Readers()


def device_rows(
    open_file: Callable[[], Iterable[bytes]], name: str, readers: Readers = _DEVICE_ROWS
) -> Iterator[DeviceRow]:
    """The device rows of a file of any kind that is read.

    Raises:
        UnreadableDeviceFile: nothing of it can be read, or not to its end. A bad member of an archive is no more than
            one rejected row.
    """
    yield from _rows(open_file(), _Place(name), readers)


def _rows(chunks: Iterable[bytes], place: _Place, readers: Readers) -> Iterator[DeviceRow]:
    start, chunks = _with_start(chunks)
    if not start:
        raise UnreadableDeviceFile(FileReason.EMPTY)
    match kinds.kind_of(start):
        case Kind.TABLE:
            yield from readers.read_table(Records(Lines(line_blocks(chunks))), place.prefix)
        case Kind.JSON:
            yield from json_records.device_rows(decoded(chunks), place.prefix, readers.make_json_row)
        case Kind.XML:
            yield from readers.read_xml(decoded(chunks), place.prefix)
        case Kind.GZIP:
            yield from _rows(archives.gunzip(chunks), _unpacked(place), readers)
        case Kind.ZIP:
            with _spooled(chunks) as file:
                yield from _zip_rows(file, place, readers)
        case Kind.OLE:
            with _spooled(chunks) as file:
                _check_ole(file)
                yield from _workbook_rows(file, place, readers)


def _zip_rows(file: IO[bytes], place: _Place, readers: Readers) -> Iterator[DeviceRow]:
    archive = archives.open_zip(file)
    names = set(archive.namelist())
    for name, called in _NAMED_BY_MEMBER:
        if name in names:
            raise kinds.unknown(called)
    if _WORKBOOK_MEMBER in names:
        yield from _workbook_rows(file, place, readers)
        return
    _unpacked(place)
    allowance = archives.Allowance(packed=file.seek(0, 2))
    for member in archives.members(archive):
        label = clean(member.filename)[:_LONGEST_NAME]
        yield from _member_rows(archives.contents(archive, member, allowance), label, readers)


def _member_rows(chunks: Iterable[bytes], label: str, readers: Readers) -> Iterator[DeviceRow]:
    """The device rows of a member; when it is bad it is one rejected row itself, and the others are read."""
    count = 0
    try:
        for row in _rows(chunks, _Place(label, prefix=f"{label} ", is_unpacked=True), readers):
            count += 1
            yield row
    except UnreadableDeviceFile as error:
        if error.reason is FileReason.ARCHIVE_TOO_LARGE:
            raise
        yield _bad_member(label, error.reason)
    else:
        if not count:
            yield _bad_member(label, FileReason.NO_DEVICE_ROWS)


def _bad_member(label: str, reason: FileReason) -> DeviceRow:
    return DeviceRow(source=f"{label} ({FILE_REASONS[reason].sentence})", problem=RowReason.UNREADABLE_MEMBER)


def _workbook_rows(file: IO[bytes], place: _Place, readers: Readers) -> Iterator[DeviceRow]:
    size = file.seek(0, 2)
    if size > workbooks.MAXIMUM_WORKBOOK:
        detail = f"It has {size:,} bytes; {workbooks.MAXIMUM_WORKBOOK:,} are the most."
        raise UnreadableDeviceFile(FileReason.WORKBOOK_TOO_LARGE, detail)
    file.seek(0)
    yield from workbooks.device_rows(file, place.name, readers.read_table)


def _unpacked(place: _Place) -> _Place:
    """The place of what an archive holds.

    Raises:
        UnreadableDeviceFile: the archive is in an archive itself.
    """
    if place.is_unpacked:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_NESTED)
    return _Place(place.name, place.prefix, is_unpacked=True)


def _check_ole(file: IO[bytes]) -> None:
    """Refuse what is no workbook, by the names of the streams inside."""
    file.seek(0)
    found: set[bytes] = set()
    before = b""
    while piece := file.read(PIECE):
        found.update(_OLE_STREAM.findall(before + piece))
        before = piece[-_LONGEST_OLE_NAME:]
    if _OLE_LOCKED in found:
        raise UnreadableDeviceFile(FileReason.WORKBOOK_LOCKED)
    if not found:
        raise kinds.unknown("an Office document of the old form, but no workbook")


def _with_start(chunks: Iterable[bytes]) -> tuple[bytes, Iterable[bytes]]:
    """The first bytes, and all of them again."""
    iterator = iter(chunks)
    start = b""
    while len(start) < kinds.START_BYTES and (chunk := next(iterator, None)) is not None:
        start += chunk
    return start[: kinds.START_BYTES], chain((start,), iterator)


@contextmanager
def _spooled(chunks: Iterable[bytes]) -> Iterator[IO[bytes]]:
    """The bytes in a file that can be read here and there; it has no name and goes with this context."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOLED_IN_MEMORY) as file:
        size = 0
        for chunk in chunks:
            for offset in range(0, len(chunk), PIECE):
                size += file.write(chunk[offset : offset + PIECE])
            if size > archives.MAXIMUM_ARCHIVE:
                detail = f"It has more than {archives.MAXIMUM_ARCHIVE:,} bytes."
                raise UnreadableDeviceFile(FileReason.ARCHIVE_TOO_LARGE, detail)
        yield file
