"""Bytes to lines of text, whatever the encoding and the line ends, in bounded memory.

Windows PowerShell's `Out-File` writes UTF-16LE; other tools write UTF-8 with and without a byte order mark, UTF-32, or
the ANSI code page. Files glued together (`copy a+b`) and files that another tool appends to change their encoding on
the way, which is followed where it is plain, and refused elsewhere. A piece is decoded at once.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import repeat
from operator import contains

from msgspec import Struct

from shared.device_files.account import FileAccount
from shared.device_files.formats.encoding_changes import (
    BEFORE,
    DECODERS,
    SEEN,
    Bytes,
    Encoding,
    detected_encoding,
    end_of_lines,
    plain_change,
    read_wide,
    strange_byte,
)
from shared.device_files.formats.windows_1252 import UNREADABLE, decode_bytes
from shared.reasons import FileNote, FileReason, UnreadableDeviceFile

MAXIMUM_LINE = 65_536
"""Characters of a line, and of a cell with line breaks inside. A row with a hash has about 4,100."""

MAXIMUM_LINES = 10_000_000
"""Lines of a text, empty ones included: ten times the rows that a file may have."""

PIECE = 262_144
"""Bytes worked on at once, so that a chunk of any size stays bounded."""

_MOST_CHANGES = 200
"""Of the encoding; each costs some milliseconds."""
_MANY_CHARACTERS, _FEW_CHARACTERS = 4_096, 64
"""Of so many decoded, and of so many in all, most must have been readable."""

_FOREIGN = "Most letters up to line {line} are in a code page that is not known."
_CANNOT_BE_TOLD = "The encoding changes at line {line}, and cannot be told from there on."

_MARK = "\ufeff"
_MARK_OF_LINE = re.compile("(?m)^\ufeff+")
_LINE_ENDS = ("\n", "\r")
_END_OF_FILE = b"\x1a"
"""Put behind a file by `copy a+b`, whatever its encoding."""
_BESIDE_A_CELL = ("", " ", "\t", ",", ";", "|")
_DELIMITER = re.compile(r"[,;\t|^]")


def line_blocks(chunks: Iterable[bytes], account: FileAccount) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text as many at once as are decoded at once: the number of the first, and all, empty ones too.

    CR LF, LF and CR alone end a line, and so do a change of the encoding and a byte order mark between two files.

    Raises:
        UnreadableDeviceFile: a line is longer than `MAXIMUM_LINE`, raised before much more than that is held; there are
            more than `MAXIMUM_LINES`; or the encoding cannot be told. The lines before it were given out.
    """
    first = 1
    rest = above = ""
    for piece in _pieces(chunks, account):
        block = piece
        block[0] = rest + block[0]
        rest = block.pop()
        if any(map(contains, block, repeat(_MARK))):
            block = _unglued_lines(block, above)
        sound = len(block)
        if max(map(len, block), default=0) > MAXIMUM_LINE:
            sound = next(place for place, line in enumerate(block) if len(line) > MAXIMUM_LINE)
        if sound:
            yield first, block[:sound]
        above = next(filter(None, reversed(block)), above)
        first += sound
        if sound < len(block) or len(rest) > MAXIMUM_LINE:
            detail = f"Line {first} has more than {MAXIMUM_LINE:,} characters."
            raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)
        if first - 1 > MAXIMUM_LINES:
            raise UnreadableDeviceFile(FileReason.TOO_MANY_ROWS, f"It has more than {MAXIMUM_LINES:,} lines.")
    if rest:
        yield first, _unglued_lines([rest], above)


def decoded(chunks: Iterable[bytes], account: FileAccount) -> Iterator[str]:
    """The text in pieces, each of its line ends as LF. A change of the encoding begins a line.

    Raises:
        UnreadableDeviceFile: the encoding cannot be told.
    """
    return map("\n".join, _pieces(chunks, account))


def _pieces(chunks: Iterable[bytes], account: FileAccount) -> Iterator[list[str]]:
    """The text in pieces, each as its lines: the first of them goes on with the last of the piece before."""
    number = 1
    is_open = False
    """The line of that number has begun."""
    held = ""
    """CR at the end of a piece: LF may follow."""
    for part in _Decoder(account).parts(chunks):
        begins = number + is_open
        text = held + part.text
        held = "\r" if text.endswith("\r") else ""
        lines = _split_lines(text.removesuffix("\r"))
        number += len(lines) - 1
        is_open = bool(lines[-1]) or (is_open and len(lines) == 1)
        yield lines
        if part.is_change:
            account.note(FileNote.ENCODING_CHANGES, f"line {begins}")
        if part.problem:
            detail = f"{part.problem.format(line=number)} Save the whole file as one, in one encoding (CSV UTF-8)."
            raise UnreadableDeviceFile(FileReason.ENCODING_UNKNOWN, detail)


def _split_lines(text: str) -> list[str]:
    """The lines of a text; `str.find` looks at many characters at once, `str.split` at each."""
    lines: list[str] = []
    start = 0
    while (end := text.find("\n", start)) >= 0:
        is_cr_lf = start < end and text[end - 1] == "\r"
        lines.append(text[start : end - is_cr_lf])
        start = end + 1
    lines.append(text[start:])
    if any(map(contains, lines, repeat("\r"))):
        return [part for line in lines for part in line.split("\r")]
    return lines


def _unglued_lines(lines: Iterable[str], above: str) -> list[str]:
    """Lines of which some may be the last of one file and the first of another; `above` stands before them."""
    found: list[str] = []
    for line in lines:
        parts = _unglued(line, above) if _MARK in line else [line]
        above = next(filter(None, reversed(parts)), above)
        found += parts
    return found


def _unglued(line: str, above: str) -> list[str]:
    """A line that may be the last of one file and the first of another, with the mark of the second between them.

    In a cell, the same character is a blank that nobody sees: pasted from a web page, it begins or ends the cell. Where
    it stands inside of one, the line has as many cells as the one above; two lines have more.
    """
    cells = len(_DELIMITER.findall(line))
    if cells and cells == len(_DELIMITER.findall(above)):
        return [line.replace(_MARK, "")]
    lines = [""]
    for following in line.split(_MARK):
        before = lines[-1]
        is_whole = before.count('"') % 2 == 0 and before[-1:] not in _BESIDE_A_CELL
        if is_whole and following[:1] not in _BESIDE_A_CELL:
            lines.append(following)
        else:
            lines[-1] += following
    return lines


# ---- from bytes to parts in one encoding ----


class _Part(Struct, frozen=True):
    """Some text, in one encoding."""

    text: str
    size: int
    """Its bytes."""
    is_change: bool = False
    """It begins in another encoding than the text before it has."""
    problem: str = ""
    """Why nothing is read behind it; names a `{line}`."""


def _windows(chunks: Iterable[bytes], data: bytearray) -> Iterator[bool]:
    """Fill up `data`, from which the first bytes are taken each time, and tell whether these are the last ones.

    There are always as many as one look takes, so that the borders of the chunks decide nothing.
    """
    for chunk in chunks:
        for at in range(0, len(chunk), PIECE):
            data += memoryview(chunk)[at : at + PIECE]
            while len(data) >= PIECE + SEEN:
                yield False
    while data:
        yield True


class _Decoder:
    """Follows the encoding of one text. The same parts come of it whatever the borders of the chunks."""

    def __init__(self, account: FileAccount) -> None:
        self._account = account
        self._encoding = Encoding.UTF_8
        self._before = ""
        """The last characters of the text so far."""
        self._is_change = False
        self._changes = self._characters = self._unreadable = 0

    def parts(self, chunks: Iterable[bytes]) -> Iterator[_Part]:
        """All the text, up to a part with a problem."""
        data, is_begun = bytearray(), False
        for is_end in _windows(chunks, data):
            if not is_begun:
                self._encoding, is_begun = detected_encoding(data), True
            part = self._next(data, is_end=is_end)
            yield part
            del data[: part.size]

    def _next(self, data: bytearray, *, is_end: bool) -> _Part:
        """The next lines."""
        if is_end and data == _END_OF_FILE and self._encoding is not Encoding.UTF_8:
            return _Part("", len(data))
        size = end_of_lines(data, self._encoding, min(len(data), PIECE)) or min(len(data), PIECE)
        is_last = is_end and size == len(data)
        text, taken, strange = self._read(data, size, is_last=is_last)
        if strange is None:
            return self._part(text, taken, is_last=is_last)
        change = plain_change(data, strange, self._encoding, self._before)
        if change is None or self._changes == _MOST_CHANGES:
            return self._part(self._decode(data[:strange]), strange, problem=_CANNOT_BE_TOLD)
        start, encoding = change
        part = self._part(self._decode(data[:start]), start)
        self._encoding, self._is_change = encoding, True
        self._changes += 1
        return part

    def _read(self, data: bytearray, size: int, *, is_last: bool) -> tuple[str, int, int | None]:
        """The text of the first bytes, their number without half a character, and where something is strange."""
        with memoryview(data)[:size] as block:
            if self._encoding is not Encoding.UTF_8:
                return read_wide(block, self._encoding, is_end=is_last)
            if data.find(0, 0, size) < 0:
                with suppress(UnicodeDecodeError):
                    return *DECODERS[Encoding.UTF_8](block, "strict", is_last), None
            strange = strange_byte(block)
            return (self._decode(block), size, None) if strange is None else ("", 0, strange)

    def _decode(self, data: Bytes | memoryview) -> str:
        """The text of some bytes in which nothing is strange."""
        with suppress(UnicodeDecodeError):
            return str(data, self._encoding)
        text, is_western = decode_bytes(data)
        if is_western:
            self._account.note(FileNote.READ_AS_WINDOWS_1252)
        return text

    def _part(self, text: str, size: int, *, is_last: bool = False, problem: str = "") -> _Part:
        text = _MARK_OF_LINE.sub("", text) if _MARK in text else text
        if self._is_change and text and self._before and not (self._before[-1] in _LINE_ENDS or text[0] in _LINE_ENDS):
            text = "\n" + text
        is_change = self._is_change and bool(text.strip("\r\n\0"))
        self._is_change = self._is_change and not is_change
        self._before = (self._before + text[-BEFORE:])[-BEFORE:]
        return _Part(text, size, is_change, problem or self._problem(text, is_last=is_last))

    def _problem(self, text: str, *, is_last: bool) -> str:
        """Why nothing can be read behind a text."""
        self._characters += len(text)
        if text.isascii() and not self._unreadable:
            return ""
        self._unreadable += text.count(UNREADABLE)
        is_enough = self._characters >= (_FEW_CHARACTERS if is_last else _MANY_CHARACTERS)
        return _FOREIGN if is_enough and 2 * self._unreadable > self._characters else ""
