"""Zip archives and gzip streams, unpacked piece by piece within bounds. Nothing is written under a name of theirs."""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from shared.device_files.formats.decoding import PIECE
from shared.device_files.reasons import FileReason, UnreadableDeviceFile

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
_END_MARK = b"PK\x05\x06"
_END = struct.Struct("<4s4H2LH")
_WIDE_LOCATOR_MARK = b"PK\x06\x07"
_WIDE_LOCATOR_BYTES = 20
_LONGEST_END = 65_557
_GZIP_BITS = 31
_SKIPPED = ("__MACOSX/", "._", ".DS_Store", "Thumbs.db", "desktop.ini")

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
    OSError,
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
                stream = zlib.decompressobj(_GZIP_BITS)
                waiting = waiting.lstrip(b"\0")
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
    _check_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as error:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_UNREADABLE, f"It is damaged ({error}).") from error
    if len(archive.infolist()) > MAXIMUM_MEMBERS:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_TOO_LARGE, f"It has more than {MAXIMUM_MEMBERS:,} members.")
    return archive


def members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The members that may hold devices: no folders, nor what operating systems add."""
    for member in archive.infolist():
        base = member.filename.rpartition("/")[2]
        if base and not member.filename.startswith(_SKIPPED) and not base.startswith(_SKIPPED):
            yield member


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
    except DAMAGE as error:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_UNREADABLE, f"It is damaged ({error}).") from error


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a table of contents too large to be read whole."""
    size = file.seek(0, 2)
    start = max(0, size - _LONGEST_END)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END_MARK)
    if end < 0 or len(tail) - end < _END.size:
        raise UnreadableDeviceFile(
            FileReason.ARCHIVE_UNREADABLE, "Its table of contents is missing: it may be cut off."
        )
    if tail[max(0, end - _WIDE_LOCATOR_BYTES) : end].startswith(_WIDE_LOCATOR_MARK):
        raise UnreadableDeviceFile(FileReason.ARCHIVE_TOO_LARGE, "It is of the ZIP64 form, for archives of over 4 GB.")
    directory_bytes = _END.unpack_from(tail, end)[5]
    if directory_bytes > _MAXIMUM_DIRECTORY:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_TOO_LARGE, f"It has more than {MAXIMUM_MEMBERS:,} members.")
