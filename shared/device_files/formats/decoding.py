"""Bytes to lines of text, whatever the encoding and the line ends, in bounded memory.

Windows PowerShell's `Out-File` writes UTF-16LE; other tools write UTF-8 with and without a byte order mark, UTF-32, or
the ANSI code page. Files glued together (`copy a+b`) and files that another tool appends to change their encoding on
the way. A piece is decoded at once; single lines, words and bytes are looked at only where something in it is strange.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import repeat
from operator import contains

from msgspec import Struct
from msgspec.structs import replace

from shared.device_files.account import FileAccount
from shared.device_files.formats.encoding_changes import (
    AHEAD,
    BEHIND,
    LONGEST_BEHIND,
    LONGEST_UNIT,
    MARKS,
    Before,
    Change,
    Encoding,
    Unchanged,
    is_latin_1,
    marked_encoding,
    may_be_shifted,
    next_change,
    strange_byte,
    strange_character,
)
from shared.device_files.formats.windows_1252 import UNREADABLE, decode_bytes
from shared.reasons import FileNote, FileReason, UnreadableDeviceFile

MAXIMUM_LINE = 65_536
"""Characters of a line, and of a cell with line breaks inside. A row with a hash has about 4,100."""

MAXIMUM_LINES = 10_000_000
"""Lines of a text, empty ones included: ten times the rows that a file may have."""

PIECE = 262_144
"""Bytes worked on at once, so that a chunk of any size stays bounded."""

_MOST_STRANGE_PLACES = 2_000
"""Places where the encoding seems to change, of which each costs about a millisecond."""
_FIRST_SPAN = 1_024
"""Bytes decoded behind a strange place, lest many of them cost a piece each."""
_LEFT = 8
"""Bytes at the end of what is there that are left for the next piece: a line end or a mark may be cut."""
_MANY_CHARACTERS, _FEW_CHARACTERS = 4_096, 64
"""Of so many decoded, and of so many in all, most must have been readable."""

_FOREIGN = "Most letters up to line {line} are in a code page that is not known."
_CANNOT_BE_TOLD = "The encoding changes at line {line}, and cannot be told from there on."

_MARK = "\ufeff"
_MARK_OF_LINE = re.compile("(?m)^\ufeff+")
_LONE_FEED = re.compile("(?<!\r)\n")
_LINE_ENDS = ("\n", "\r")
_BEFORE = {"\n": Before.LINE_FEED, "\r": Before.RETURN}
_CONTINUES = range(0x80, 0xC0)
"""Bytes that go on with a character of UTF-8."""
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
    for part in _Decoder(chunks, account).parts():
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


def detected_encoding(start: bytes) -> str:
    """The encoding that a text begins with, by its Python name."""
    marked = marked_encoding(start)
    if marked is not None:
        return marked
    if (shown := _shown_encoding(start)) is not Encoding.UTF_8:
        return shown
    strange = strange_byte(start, 0, len(start))
    if strange is None or strange > LONGEST_BEHIND:
        return Encoding.UTF_8
    change = next_change(start[: strange + AHEAD], strange, Encoding.UTF_8, before=Before.NOTHING, is_end=False)
    return change.encoding if isinstance(change, Change) and change.at == 0 else Encoding.UTF_8


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
    is_change: bool = False
    """It begins in another encoding than the text before it has."""
    problem: str = ""
    """Why nothing is read behind it; names a `{line}`."""


_BEGINS_LITTLE = re.compile(rb"(?:[\t\n\r -~]\0){2}")
_BEGINS_BIG = re.compile(rb"(?:\0[\t\n\r -~]){2}")


def _shown_encoding(start: bytes) -> Encoding:
    """UTF-16 where the first two characters are ASCII of two bytes each; else UTF-8, until something is strange."""
    if _BEGINS_LITTLE.match(start):
        return Encoding.UTF_16_LE
    return Encoding.UTF_16_BE if _BEGINS_BIG.match(start) else Encoding.UTF_8


class _Source:
    """The bytes of a text: as many of the next ones as are asked for, whatever the sizes of the chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = _not_too_small(chunks)
        self._held = deque[memoryview]()
        self._size = 0

    def window(self, size: int) -> tuple[bytes, bool]:
        """The next bytes, at most so many, and whether nothing follows them."""
        while self._size <= size and (chunk := next(self._chunks, None)) is not None:
            self._held.append(memoryview(chunk))
            self._size += len(chunk)
        taken = list[memoryview]()
        for held in self._held:
            taken.append(held[:size])
            size -= len(taken[-1])
            if not size:
                break
        return b"".join(taken), sum(map(len, taken)) == self._size

    def skip(self, count: int) -> None:
        """Let go of the next bytes."""
        self._size -= count
        while count and count >= len(self._held[0]):
            count -= len(self._held.popleft())
        if count:
            self._held[0] = self._held[0][count:]


def _not_too_small(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in chunks that are not so many."""
    joined = bytearray()
    for chunk in chunks:
        if len(chunk) >= PIECE and not joined:
            yield chunk
            continue
        joined += chunk
        if len(joined) >= PIECE:
            yield bytes(joined)
            joined.clear()
    yield bytes(joined)


class _Decoder:
    """Follows the encoding of one text. The same parts come of it whatever the borders of the chunks."""

    def __init__(self, chunks: Iterable[bytes], account: FileAccount) -> None:
        self._source = _Source(chunks)
        self._account = account
        self._encoding = Encoding.UTF_8
        self._passed = 0
        """So many of the next bytes go on in the encoding, however they look."""
        self._before = Before.NOTHING
        self._is_change = False
        self._has_lone_feed = False
        self._may_be_shifted = False
        self._strange_places = 0
        self._characters = 0
        self._unreadable = 0

    def parts(self) -> Iterator[_Part]:
        """All the text. Nothing follows a part with a problem."""
        start, _ = self._source.window(LONGEST_UNIT)
        self._begin(marked_encoding(start) or _shown_encoding(start))
        span = PIECE // 2
        while (window := self._source.window(span))[0]:
            data, is_end = window
            size = len(data) if is_end else _end_of_lines(data, self._encoding, len(data) - _LEFT)
            text, strange = self._read(data, size)
            if strange is not None:
                # The bytes of line ends may be of letters, until the encoding at the beginning is sure.
                behind = LONGEST_BEHIND if self._before is Before.NOTHING else BEHIND
                size = _end_of_lines(data, self._encoding, strange - behind)
                text = self._whole(data[:size])
            if is_end or strange is not None or not (text.isascii() or is_latin_1(text)):
                self._look_for_shift(text)
            if size:
                span = min(4 * span, PIECE)
                part = self._given(text, size, is_last=is_end and size == len(data))
            elif strange is not None:
                span = _FIRST_SPAN
                part = self._at_strange_place(strange)
            else:
                # The line goes on behind the window.
                span *= 4
                continue
            yield part
            if part.problem:
                return

    def _begin(self, encoding: Encoding) -> None:
        """Go on in an encoding; its mark is no text."""
        self._encoding = encoding
        mark = MARKS[encoding]
        if self._source.window(len(mark))[0] == mark:
            self._source.skip(len(mark))
        self._passed = 0
        self._has_lone_feed = self._may_be_shifted = False

    def _read(self, data: bytes, size: int) -> tuple[str, int | None]:
        """The text of the first bytes, or the first strange place in them: behind what is known to go on."""
        start = memoryview(data)[:size]
        if self._encoding is not Encoding.UTF_8:
            return _read_units(start, self._encoding, self._passed)
        if data.find(0, self._passed, size) < 0:
            try:
                return str(start, "utf-8"), None
            except UnicodeDecodeError:
                pass
        strange = strange_byte(data, self._passed, size)
        return (self._whole(start), None) if strange is None else ("", strange)

    def _whole(self, data: bytes | memoryview) -> str:
        """The text of some bytes, whatever they are."""
        if self._encoding is not Encoding.UTF_8:
            return str(data, self._encoding, "replace")
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError:
            text, is_western = decode_bytes(data)
        if is_western:
            self._account.note(FileNote.READ_AS_WINDOWS_1252)
        return text

    def _given(self, text: str, size: int, *, is_last: bool = False, problem: str = "") -> _Part:
        """The text of the next bytes, which are let go."""
        self._source.skip(size)
        self._passed = max(0, self._passed - size)
        text = _MARK_OF_LINE.sub("", text) if _MARK in text else text
        if self._is_change and self._before is Before.TEXT and not text.startswith(_LINE_ENDS):
            text = "\n" + text
        is_change = self._is_change and bool(text.strip("\r\n\0"))
        self._is_change = self._is_change and not is_change
        if text:
            self._before = _BEFORE.get(text[-1], Before.TEXT)
        is_cut = size % self._encoding.unit > 0
        return _Part(text, is_change, problem or self._problem(text, is_cut=is_cut, is_last=is_last))

    def _problem(self, text: str, *, is_cut: bool, is_last: bool) -> str:
        """Why nothing can be read behind a text."""
        if is_cut and (self._has_lone_feed or self._encoding.unit == LONGEST_UNIT):
            return _CANNOT_BE_TOLD
        self._characters += len(text)
        if text.isascii() and not self._unreadable:
            return ""
        self._unreadable += text.count(UNREADABLE)
        is_enough = self._characters >= (_FEW_CHARACTERS if is_last else _MANY_CHARACTERS)
        return _FOREIGN if is_enough and 2 * self._unreadable > self._characters else ""

    def _look_for_shift(self, text: str) -> None:
        """Behind a line feed of one byte, UTF-16BE looks like UTF-16LE, but for letters that are not ASCII."""
        if self._encoding is Encoding.UTF_16_LE:
            self._has_lone_feed = self._has_lone_feed or _LONE_FEED.search(text) is not None
            self._may_be_shifted = self._may_be_shifted or (self._has_lone_feed and may_be_shifted(text))

    def _at_strange_place(self, strange: int) -> _Part:
        """The text before a change of the encoding, or before what cannot be read; no text where there is none."""
        self._strange_places += 1
        data, is_end = self._source.window(strange + AHEAD)
        start = strange - BEHIND if strange > LONGEST_BEHIND else 0
        start -= start % self._encoding.unit
        before = Before.TEXT if start else self._before
        following = next_change(data[start:], strange - start, self._encoding, before=before, is_end=is_end)
        if following is None or self._strange_places > _MOST_STRANGE_PLACES:
            return self._given(self._whole(data[:strange]), strange, problem=_CANNOT_BE_TOLD)
        if isinstance(following, Unchanged):
            self._passed = start + following.to
            return _Part("")
        size = start + following.at
        text = self._whole(data[:size])
        self._look_for_shift(text)
        part = self._given(text, size)
        if self._may_be_shifted and data.startswith(b"\n", size):
            return replace(part, problem=_CANNOT_BE_TOLD)
        self._is_change = self._before is not Before.NOTHING
        self._begin(following.encoding)
        return part


def _end_of_lines(data: bytes, encoding: Encoding, most: int) -> int:
    """Where the last line ends in the first `most` bytes; 0 if none does.

    Of a line that is too long to be one, all is given; a word may be cut by that, but no character.
    """
    unit = encoding.unit
    most = max(0, most - most % unit)
    for end in _LINE_ENDS:
        at = most
        while (at := data.rfind(end.encode(), 0, at)) >= 0:
            first = at - at % unit
            if data.startswith(end.encode(encoding), first):
                return first + unit
    if most <= unit * MAXIMUM_LINE:
        return 0
    return next((at for at in range(most, most - LONGEST_UNIT, -unit) if data[at] not in _CONTINUES), most)


def _read_units(data: memoryview, encoding: Encoding, passed: int) -> tuple[str, int | None]:
    """The text of some bytes in units of 16 or 32 bits, or the first strange place in them from `passed` on."""
    whole, places = len(data) - len(data) % encoding.unit, list[int]()
    try:
        text = str(data, encoding)
    except UnicodeDecodeError as error:
        text = str(data[:whole], encoding, "replace")
        places += [error.start] * (error.start >= passed)
    known = len(str(data[:passed], encoding, "replace")) if passed else 0
    if (character := strange_character(text, known)) is not None:
        places.append(len(text[:character].encode(encoding)))
    return ("", min(places)) if places else (text + _half_read(bytes(data[whole:]), text[-1:]), None)


def _half_read(half: bytes, before: str) -> str:
    """What is left of a character that the end of a text has cut."""
    if half.strip(b"\0\r\n"):
        return UNREADABLE
    return "\n" if b"\n" in half else UNREADABLE * (bool(half) and before not in ("", *_LINE_ENDS))
