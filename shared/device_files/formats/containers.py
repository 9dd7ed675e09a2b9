"""The parts of a file of any kind: itself, or what its archive or workbook holds."""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import IO

from shared.device_files.account import FileAccount
from shared.device_files.cells import clean
from shared.device_files.formats import archives, file_types, json_documents, oa3_reports, workbooks
from shared.device_files.formats.decoding import PIECE, line_blocks
from shared.device_files.formats.delimited import Lines, Records, Sense
from shared.device_files.formats.file_types import Kind
from shared.device_files.formats.json_documents import Meaning
from shared.device_files.formats.parts import ItemsPart, Part, TablePart, UnreadPart
from shared.reasons import FileNote, FileReason, PassedOverKind, UnreadableDeviceFile

_SPOOLED_IN_MEMORY = 8 * 1024 * 1024
"""Archives and workbooks are read here and there, not in a stream: larger ones wait in a nameless temporary file."""
_LONGEST_NAME = 200
_NO_LISTS = (FileReason.UNKNOWN_FORMAT, FileReason.NOT_DEVICES, FileReason.EMPTY)
"""Why a member is no list of devices at all; every other reason is a list that could not be read."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens files, and containers in containers."""

    account: FileAccount
    """Is told what is passed over."""
    sense: Sense
    meaning: Meaning

    def parts(
        self, chunks: Iterable[bytes], name: str, member: str = "", *, is_unpacked: bool = False
    ) -> Iterator[Part]:
        """The parts of a file, each to be read to its end, or given up, before the next is asked for.

        It may be a `member` of an archive; `is_unpacked`: it was in one. A member or a sheet that cannot be opened is
        an `UnreadPart`; reading a part may raise.

        Raises:
            UnreadableDeviceFile: nothing of the file can be read, or its archive holds more than is unpacked.
        """
        start, chunks = _with_start(chunks)
        if not start:
            raise UnreadableDeviceFile(FileReason.EMPTY)
        prefix = f"{member} " if member else ""
        match file_types.kind_of(start):
            case Kind.TABLE:
                records = Records(Lines(line_blocks(chunks, self.account)), self.sense)
                yield TablePart(records, prefix, member, lambda: records.delimiter or ",")
                self.account.delimiter = self.account.delimiter or records.delimiter
            case Kind.JSON:
                yield ItemsPart(json_documents.items(chunks, self.account, self.meaning, prefix=prefix), prefix, member)
            case Kind.XML:
                yield ItemsPart(oa3_reports.items(chunks, self.account, prefix=prefix), prefix, member)
            case Kind.GZIP:
                _refuse_nested(is_unpacked=is_unpacked)
                yield from self.parts(archives.gunzip(chunks), name, is_unpacked=True)
            case Kind.ZIP:
                with _spooled(chunks) as file:
                    yield from self._zip_parts(file, name, member, is_unpacked=is_unpacked)
            case Kind.OLE:
                with _spooled(chunks) as file:
                    file_types.check_old_workbook(file)
                    self.account.note(FileNote.OLD_WORKBOOK)
                    yield from workbooks.parts(file, name, self.account, self.sense, member)

    def _zip_parts(self, file: IO[bytes], name: str, member: str, *, is_unpacked: bool) -> Iterator[Part]:
        archive = archives.open_zip(file)
        if file_types.is_workbook(archive.namelist()):
            yield from workbooks.parts(file, name, self.account, self.sense, member)
            return
        _refuse_nested(is_unpacked=is_unpacked)
        allowance = archives.Allowance(packed=file.seek(0, 2))
        for inner in archives.members(archive):
            yield from self._member_parts(archive, inner, allowance)

    def _member_parts(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, allowance: archives.Allowance
    ) -> Iterator[Part]:
        """The parts of a member, or why it has none: nothing of an archive goes without a word."""
        label = clean(member.filename)[:_LONGEST_NAME]
        if file_types.is_report(label):
            self.account.pass_over(PassedOverKind.ARCHIVE_MEMBER, label, may_hold_device=False)
            return
        contents = archives.contents(archive, member, allowance)
        has_parts = False
        try:
            for part in self.parts(contents, label, label, is_unpacked=True):
                has_parts = True
                yield part
            if not has_parts:
                yield UnreadPart(label, FileReason.NO_DEVICE_ROWS)
        except UnreadableDeviceFile as error:
            if error.reason is FileReason.ARCHIVE_TOO_LARGE:
                raise
            if error.reason in _NO_LISTS and archives.is_resource_fork(member):
                return
            is_none = isinstance(error, file_types.NoList) or error.reason is FileReason.EMPTY
            if is_none or (error.reason in _NO_LISTS and file_types.is_log(label)):
                self.account.pass_over(PassedOverKind.ARCHIVE_MEMBER, label, error.detail, may_hold_device=False)
            else:
                yield UnreadPart(label, error.reason)


def _refuse_nested(*, is_unpacked: bool) -> None:
    if is_unpacked:
        raise UnreadableDeviceFile(FileReason.ARCHIVE_NESTED)


def _with_start(chunks: Iterable[bytes]) -> tuple[bytes, Iterable[bytes]]:
    """The first bytes, and all of them again."""
    iterator = iter(chunks)
    start = b""
    while len(start) < file_types.START_BYTES and (chunk := next(iterator, None)) is not None:
        start += chunk
    return start[: file_types.START_BYTES], chain((start,), iterator)


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
