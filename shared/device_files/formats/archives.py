"""Zip archives and gzip streams, unpacked piece by piece within bounds. Nothing is written under a name of theirs."""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from shared.device_files.formats.decoding import PIECE
from shared.device_files.system_files import is_system_file
from shared.reasons import FileReason, UnreadableDeviceFile

MAXIMUM_ARCHIVE = 512 * 1024 * 1024
"""Bytes of an archive as it is stored; kept on disk while it is read."""
MAXIMUM_UNPACKED = 10 * 1024 * 1024 * 1024
"""Bytes that all members of an archive may unpack to: more than a million rows with hashes in UTF-16."""
MAXIMUM_RATIO = 200
_RATIO_FREE_BYTES = 64 * 1024 * 1024
"""Beyond these, an archive may unpack to `MAXIMUM_RATIO` times its size; device files pack 4 to 40 times."""
MAXIMUM_MEMBERS = 10_000
_MAXIMUM_DIRECTORY = 1024 * 1024
"""Bytes of an archive's table of contents, which is read whole."""

_READ_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_GZIP_BITS = 31
_IS_FOLDER = 0x10
"""The attribute that Windows sets."""

_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, OSError, RuntimeError, ValueError),
)
"""What the standard library raises on a damaged archive."""


@dataclass(slots=True)
class Allowance:
    """How much an archive may still unpack to."""

    packed: int
    unpacked: int = 0

    def take(self, count: int) -> None:
        """Count unpacked bytes.

        Raises:
            UnreadableDeviceFile: it is more than the archive may hold.
        """
        self.unpacked += count
        most = min(MAXIMUM_UNPACKED, max(_RATIO_FREE_BYTES, self.packed * MAXIMUM_RATIO))
        if self.unpacked > most:
            detail = f"It unpacks to more than {most:,} bytes."
            raise UnreadableDeviceFile(FileReason.ARCHIVE_TOO_LARGE, detail)


def gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The contents of a gzip stream, in pieces.

    Raises:
        UnreadableDeviceFile: it is damaged or cut, or unpacks to more than it may.
    """
    allowance = Allowance(packed=0)
    stream = zlib.decompressobj(_GZIP_BITS)
    for chunk in chunks:
        allowance.packed += len(chunk)
        waiting = chunk
        while waiting:
            if stream.eof:
                waiting = waiting.lstrip(b"\0")
                stream = zlib.decompressobj(_GZIP_BITS) if waiting else stream
                continue
            try:
                piece = stream.decompress(waiting, PIECE)
            except zlib.error as error:
                raise UnreadableDeviceFile(FileReason.ARCHIVE_UNREADABLE, f"It is damaged ({error}).") from error
            allowance.take(len(piece))
            yield piece
            waiting = stream.unused_data if stream.eof else stream.unconsumed_tail
    if not stream.eof:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_UNREADABLE, "It is cut off.")


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """An archive whose table of contents is within bounds.

    Raises:
        UnreadableDeviceFile: it is damaged, or has more members than are read.
    """
    try:
        archive = zipfile.ZipFile(_BoundedReads(file))
    except _DAMAGE as error:
        detail = f"Its table of contents is damaged or cut off ({error})."
        raise UnreadableDeviceFile(FileReason.ARCHIVE_UNREADABLE, detail) from error
    if len(archive.infolist()) > MAXIMUM_MEMBERS:
        raise _too_many_members()
    return archive


class _BoundedReads:
    """A file of which no more is read at once than a table of contents may have: `zipfile` reads one whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        if size > _MAXIMUM_DIRECTORY:
            raise _too_many_members()
        return self._file.read(size)


def _too_many_members() -> UnreadableDeviceFile:
    return UnreadableDeviceFile(FileReason.ARCHIVE_TOO_LARGE, f"It has more than {MAXIMUM_MEMBERS:,} members.")


def members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The members that are files of somebody's: no folders, nor what programs and operating systems add."""
    for member in archive.infolist():
        if not (_is_folder(member) or is_system_file(member.filename, member.file_size)):
            yield member


def is_resource_fork(member: zipfile.ZipInfo) -> bool:
    """Whether a member has the name of what macOS keeps beside a file. What it holds tells whether it is that."""
    return member.filename.replace("\\", "/").rpartition("/")[2].startswith("._")


def _is_folder(member: zipfile.ZipInfo) -> bool:
    """Whether a member is an empty folder: Windows PowerShell 5.1 ends the name of one with a backslash."""
    is_named_so = member.filename.endswith(("/", "\\")) or bool(member.external_attr & _IS_FOLDER)
    return is_named_so and not member.file_size


def contents(archive: zipfile.ZipFile, member: zipfile.ZipInfo, allowance: Allowance) -> Iterator[bytes]:
    """The bytes of a member, in pieces.

    Raises:
        UnreadableDeviceFile: it is damaged, locked, packed by another method, or unpacks to more than it may.
    """
    if member.flag_bits & _ENCRYPTED:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_LOCKED)
    if member.compress_type not in _READ_METHODS:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_UNREADABLE, "It is packed by a method other than deflate.")
    try:
        with archive.open(member) as stream:
            while piece := stream.read(PIECE):
                allowance.take(len(piece))
                yield piece
    except _DAMAGE as error:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_UNREADABLE, f"It is damaged ({error}).") from error
