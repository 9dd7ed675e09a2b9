"""Bytes to lines of text, whatever the encoding and the line ends, in bounded memory.

Windows PowerShell's `Out-File` writes UTF-16LE; other tools write UTF-8 with and without a byte order mark, UTF-32, or
the ANSI code page. Files glued together (`copy a+b`) and files that another tool appends to change their encoding on
the way. A piece is decoded at once; single lines, words and bytes are looked at only where something in it is strange.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from operator import contains

from msgspec import Struct
from msgspec.structs import replace

from shared.device_files.account import FileAccount
from shared.device_files.formats.encoding_changes import (
    AHEAD,
    BEHIND,
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

_FIRST_PIECES = (PIECE // 2, PIECE // 2)
"""A line without an end shows sooner."""

_LONG_LINE = 512
"""Characters of a line from which it is faster to search than to split."""

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


def line_blocks(chunks: Iterable[bytes], account: FileAccount) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text as many at once as are decoded at once: the number of the first, and all, empty ones too.

    CR LF, LF and CR alone end a line, and so do a change of the encoding and a byte order mark between two files.

    Raises:
        UnreadableDeviceFile: a line is longer than `MAXIMUM_LINE`, raised before much more than that is held; there are
            more than `MAXIMUM_LINES`; or the encoding cannot be told. The lines before it were given out.
    """
    first = 1
    rest = ""
    for part in _Decoder(account).parts(chunks):
        has_mark = _MARK in part.text or _MARK in rest
        changes_at = first + bool(rest)
        *block, rest = _go_on(rest, part.text)
        if has_mark:
            block = [line for glued in block for line in _unglued(glued)]
        sound = len(block)
        if max(map(len, block), default=0) > MAXIMUM_LINE:
            sound = next(place for place, line in enumerate(block) if len(line) > MAXIMUM_LINE)
        if sound:
            yield first, block[:sound]
        first += sound
        if sound < len(block):
            raise _too_long(first)
        if first - 1 > MAXIMUM_LINES:
            raise UnreadableDeviceFile(FileReason.TOO_MANY_ROWS, f"It has more than {MAXIMUM_LINES:,} lines.")
        if len(rest.removesuffix("\r")) > MAXIMUM_LINE:
            raise _too_long(first)
        _tell(part, changes_at, first, account)
    if rest:
        yield first, _unglued(rest.removesuffix("\r"))


def decoded(chunks: Iterable[bytes], account: FileAccount) -> Iterator[str]:
    """The text in pieces, CR LF as LF. A change of the encoding begins a line.

    Raises:
        UnreadableDeviceFile: the encoding cannot be told.
    """
    line = 1
    rest = ""
    for part in _Decoder(account).parts(chunks):
        changes_at = line + bool(rest)
        text = part.text.replace("\r\n", "\n")
        line += text.count("\n")
        rest = text.rpartition("\n")[2]
        yield text
        _tell(part, changes_at, line, account)


def detected_encoding(start: bytes) -> str:
    """The encoding that a text begins with, by its Python name."""
    marked = marked_encoding(start)
    if marked is not None:
        return marked
    if (shown := _shown_encoding(start)) is not Encoding.UTF_8:
        return shown
    strange = strange_byte(start, 0, len(start))
    if strange is None or strange > BEHIND:
        return Encoding.UTF_8
    change = next_change(start[: strange + AHEAD], strange, Encoding.UTF_8, before=Before.NOTHING, is_end=False)
    return change.encoding if isinstance(change, Change) and change.at == 0 else Encoding.UTF_8


def _go_on(rest: str, text: str) -> list[str]:
    """The lines of `rest`, which is the open end of a text, and `text`, which goes on with it."""
    if rest.endswith("\r"):
        return _split_lines(rest + text)
    split = _split_lines(text)
    split[0] = rest + split[0]
    return split


def _split_lines(text: str) -> list[str]:
    """The lines of `text`, the last of them not ended; a CR at its very end stays, for an LF may follow."""
    whole, end = text.removesuffix("\r"), "\r" if text.endswith("\r") else ""
    first = whole.find("\n")
    if whole.find("\n", first + 1) - first < _LONG_LINE:
        split = whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    else:
        split = _split_long_lines(whole)
    split[-1] += end
    return split


def _split_long_lines(text: str) -> list[str]:
    """As `_split_lines`: `str.find` looks at many characters at once, `str.split` at each."""
    split: list[str] = []
    start = 0
    while (end := text.find("\n", start)) >= 0:
        is_cr_lf = start < end and text[end - 1] == "\r"
        split.append(text[start : end - is_cr_lf])
        start = end + 1
    split.append(text[start:])
    if any(map(contains, split, repeat("\r"))):
        return [part for line in split for part in line.split("\r")]
    return split


def _unglued(line: str) -> list[str]:
    """A line that may be the last of one file and the first of another, with the mark of the second between them.

    In a cell, the same character is a blank that nobody sees: pasted from a web page, it begins or ends the cell.
    """
    lines = [""]
    for following in line.split(_MARK):
        before = lines[-1]
        is_whole = before.count('"') % 2 == 0 and before[-1:] not in _BESIDE_A_CELL
        if is_whole and following[:1] not in _BESIDE_A_CELL:
            lines.append(following)
        else:
            lines[-1] += following
    return lines


def _too_long(number: int) -> UnreadableDeviceFile:
    detail = f"Line {number} has more than {MAXIMUM_LINE:,} characters."
    return UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)


# ---- from pieces to parts in one encoding ----


class _Part(Struct, frozen=True):
    """Some text, in one encoding."""

    text: str
    is_change: bool = False
    """It begins in another encoding than the text before it has."""
    problem: str = ""
    """Why nothing is read behind it; names a `{line}`."""


class _Sound(Struct, frozen=True):
    """So much of some bytes as is sound text and needs nothing that follows."""

    text: str
    size: int
    """Bytes that it was made of."""
    is_western: bool = False
    """Something of it was read as Windows-1252."""
    strange: int | None = None
    """The first byte behind it that looks strange in this encoding."""


def _tell(part: _Part, begins: int, ends: int, account: FileAccount) -> None:
    """Note a change of the encoding, or refuse the file, by the lines where a part begins and ends."""
    if part.is_change:
        account.note(FileNote.ENCODING_CHANGES, f"line {begins}")
    if part.problem:
        detail = f"{part.problem.format(line=ends)} Save the whole file as one, in one encoding (CSV UTF-8)."
        raise UnreadableDeviceFile(FileReason.ENCODING_UNKNOWN, detail)


_BEGINS_LITTLE = re.compile(rb"(?:[\t\n\r -~]\0){2}")
_BEGINS_BIG = re.compile(rb"(?:\0[\t\n\r -~]){2}")


def _shown_encoding(start: bytes) -> Encoding:
    """UTF-16 where the first two characters are ASCII of two bytes each; else UTF-8, until something is strange."""
    if _BEGINS_LITTLE.match(start):
        return Encoding.UTF_16_LE
    return Encoding.UTF_16_BE if _BEGINS_BIG.match(start) else Encoding.UTF_8


class _Decoder:
    """Follows the encoding of one text. The same parts come of it whatever the borders of the chunks."""

    def __init__(self, account: FileAccount) -> None:
        self._account = account
        self._encoding = Encoding.UTF_8
        self._held = b""
        self._span = 4 * PIECE
        self._passed = 0
        """Bytes held that go on in the encoding, however they look."""
        self._needs_more = False
        """Nothing can be told of what is held unless more follows."""
        self._before = Before.NOTHING
        self._is_change = False
        self._has_lone_feed = False
        self._may_be_shifted = False
        self._strange_places = 0
        self._characters = 0
        self._unreadable = 0

    def parts(self, chunks: Iterable[bytes]) -> Iterator[_Part]:
        """All the text. Nothing follows a part with a problem."""
        has_begun = False
        for piece, is_end in _pieces(chunks):
            self._held += piece
            if not has_begun and (is_end or len(self._held) >= LONGEST_UNIT):
                self._begin(marked_encoding(self._held) or _shown_encoding(self._held))
                has_begun = True
            self._needs_more = not has_begun
            while not self._needs_more and (part := self._next(is_end=is_end)) is not None:
                yield part
                if part.problem:
                    return

    def _begin(self, encoding: Encoding) -> None:
        """Go on in an encoding; its mark is no text."""
        self._encoding = encoding
        self._held = self._held.removeprefix(MARKS[encoding])
        self._passed = 0
        self._has_lone_feed = self._may_be_shifted = False

    def _next(self, *, is_end: bool) -> _Part | None:
        """The next text; `None` where more bytes are needed."""
        while self._held:
            data = self._held[: self._span]
            is_all = len(data) == len(self._held)
            sound = _sound_lines(data, self._encoding, self._passed, is_end=is_end and is_all)
            if sound.size:
                self._span = min(4 * self._span, 4 * PIECE)
                self._needs_more = is_all and not is_end and sound.strange is None
                return self._given(sound, is_end=is_end)
            if sound.strange is None:
                if is_all:
                    return None
                self._span *= 4
            elif not is_end and sound.strange + AHEAD > len(self._held):
                return None
            elif (part := self._at_strange_place(sound.strange, is_end=is_end)) is not None:
                return part
        return None

    def _given(self, sound: _Sound, *, is_end: bool, problem: str = "") -> _Part:
        """The text of the first bytes held, which are let go."""
        self._held = self._held[sound.size :]
        self._passed = max(0, self._passed - sound.size)
        text = _MARK_OF_LINE.sub("", sound.text) if _MARK in sound.text else sound.text
        if self._is_change and self._before is Before.TEXT and not text.startswith(_LINE_ENDS):
            text = "\n" + text
        is_change = self._is_change and bool(text.strip("\r\n\0"))
        self._is_change = self._is_change and not is_change
        if text:
            self._before = _BEFORE.get(text[-1], Before.TEXT)
        if sound.is_western:
            self._account.note(FileNote.READ_AS_WINDOWS_1252)
        return _Part(text, is_change, problem or self._problem(text, sound, is_end=is_end))

    def _problem(self, text: str, sound: _Sound, *, is_end: bool) -> str:
        """Why nothing can be read behind a text."""
        is_ascii = text.isascii()
        if self._encoding is Encoding.UTF_16_LE and (
            is_end or sound.strange is not None or not (is_ascii or is_latin_1(text))
        ):
            self._look_for_shift(text)
        is_cut = self._encoding is not Encoding.UTF_8 and sound.size % self._encoding.unit > 0
        if is_cut and (self._has_lone_feed or self._encoding.unit == LONGEST_UNIT):
            return _CANNOT_BE_TOLD
        self._characters += len(text)
        if is_ascii and not self._unreadable:
            return ""
        self._unreadable += text.count(UNREADABLE)
        enough = _FEW_CHARACTERS if is_end and not self._held else _MANY_CHARACTERS
        is_enough = self._characters >= enough
        return _FOREIGN if is_enough and 2 * self._unreadable > self._characters else ""

    def _look_for_shift(self, text: str) -> None:
        """Behind a line feed of one byte, UTF-16BE looks like UTF-16LE, but for letters that are not ASCII."""
        if not self._has_lone_feed:
            feed = _LONE_FEED.search(text)
            self._has_lone_feed = feed is not None
            text = text[feed.end() :] if feed else ""
        self._may_be_shifted = self._may_be_shifted or may_be_shifted(text)

    def _at_strange_place(self, strange: int, *, is_end: bool) -> _Part | None:
        """The text before a change of the encoding, or before what cannot be read; `None` where there is none."""
        self._strange_places += 1
        self._span = _FIRST_SPAN
        start = max(0, strange - BEHIND)
        start -= start % self._encoding.unit
        following = next_change(
            self._held[start : strange + AHEAD],
            strange - start,
            self._encoding,
            before=Before.TEXT if start else self._before,
            is_end=is_end and strange + AHEAD >= len(self._held),
        )
        if following is None or self._strange_places > _MOST_STRANGE_PLACES:
            return self._given(_whole(self._held[:strange], self._encoding), is_end=False, problem=_CANNOT_BE_TOLD)
        if isinstance(following, Unchanged):
            self._passed = start + following.to
            return None
        part = self._given(_whole(self._held[: start + following.at], self._encoding), is_end=False)
        if self._may_be_shifted and self._held.startswith(b"\n"):
            return replace(part, problem=_CANNOT_BE_TOLD)
        self._is_change = self._before is not Before.NOTHING
        self._begin(following.encoding)
        return part


_DECODERS: dict[Encoding, Callable[[memoryview, str], tuple[str, int]]] = {
    Encoding.UTF_16_LE: codecs.utf_16_le_decode,
    Encoding.UTF_16_BE: codecs.utf_16_be_decode,
    Encoding.UTF_32_LE: codecs.utf_32_le_decode,
    Encoding.UTF_32_BE: codecs.utf_32_be_decode,
}


def _sound_lines(data: bytes, encoding: Encoding, passed: int, *, is_end: bool) -> _Sound:
    """The lines that have ended, well before the first strange place; nothing before byte `passed` is strange."""
    size = len(data) if is_end else _size_of_lines(data, encoding, len(data) - _LEFT)
    polled_at = memoryview(data)[: size or None]
    if encoding is Encoding.UTF_8:
        sound = _sound_bytes(data, polled_at, passed)
    else:
        sound = _sound_units(polled_at, encoding, passed, is_end=is_end)
    if sound.strange is not None:
        size = _size_of_lines(data, encoding, sound.strange - BEHIND)
        sound = replace(_whole(data[:size], encoding), strange=sound.strange)
    return sound if size else _Sound("", 0, strange=sound.strange)


def _size_of_lines(data: bytes, encoding: Encoding, most: int) -> int:
    """How many of the first `most` bytes are lines that have ended.

    Of a line that is too long to be one, all is given; a word may be cut by that, but no character.
    """
    most = max(0, most)
    unit = encoding.unit
    for end in _LINE_ENDS:
        at = data.rfind(end.encode(), 0, most)
        while at >= 0:
            first = at - at % unit
            if unit == 1 or data[first : first + unit] == end.encode(encoding):
                return first + unit
            at = data.rfind(end.encode(), 0, at)
    if most <= unit * MAXIMUM_LINE:
        return 0
    size = most - most % unit
    return next((at for at in range(size, size - LONGEST_UNIT, -unit) if data[at] not in _CONTINUES), size)


def _sound_bytes(data: bytes, start: memoryview, passed: int) -> _Sound:
    """All of the start of some bytes, or a strange place in it."""
    if data.find(0, passed, len(start)) < 0:
        try:
            return _Sound(str(start, "utf-8"), len(start))
        except UnicodeDecodeError:
            pass
    strange = strange_byte(data, passed, len(start))
    return _whole(start, Encoding.UTF_8) if strange is None else _Sound("", 0, strange=strange)


def _sound_units(data: memoryview, encoding: Encoding, passed: int, *, is_end: bool) -> _Sound:
    """All of some bytes in units of 16 or 32 bits, or a strange place in it."""
    decode = _DECODERS[encoding]
    try:
        text, taken = decode(data, "strict")
        broken = taken if is_end and taken < len(data) else None
    except UnicodeDecodeError as error:
        text, taken = decode(data, "replace")
        broken = error.start
    known = len(decode(data[:passed], "replace")[0]) if passed else 0
    strange = strange_character(text, known)
    place = None if strange is None else len(text[:strange].encode(encoding))
    if broken is not None and broken >= passed and (place is None or broken < place):
        place = broken
    if place is not None:
        return _Sound("", 0, strange=place)
    half = _half_read(bytes(data[taken:]), text[-1:]) if taken < len(data) else ""
    return _Sound(text + half, len(data))


def _half_read(half: bytes, before: str) -> str:
    """What is left of a character that the end of a text has cut."""
    if half.strip(b"\0\r\n"):
        return UNREADABLE
    return "\n" if b"\n" in half else UNREADABLE * (before not in ("", *_LINE_ENDS))


def _whole(data: bytes | memoryview, encoding: Encoding) -> _Sound:
    """All of some bytes, whatever they are."""
    if encoding is not Encoding.UTF_8:
        return _Sound(str(data, encoding, "replace"), len(data))
    try:
        return _Sound(str(data, "utf-8"), len(data))
    except UnicodeDecodeError:
        text, is_western = decode_bytes(data)
    return _Sound(text, len(data), is_western)


def _pieces(chunks: Iterable[bytes]) -> Iterator[tuple[bytes | memoryview, bool]]:
    """The same bytes in pieces of the same sizes, whatever those of the chunks; of the last, it is said that it is."""
    sizes = chain(_FIRST_PIECES, repeat(PIECE))
    size = next(sizes)
    rest = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        while len(rest) + len(view) >= size:
            taken = size - len(rest)
            yield (bytes(rest + view[:taken]) if rest else view[:taken]), False
            view = view[taken:]
            rest.clear()
            size = next(sizes)
        rest += view
    yield bytes(rest), True
