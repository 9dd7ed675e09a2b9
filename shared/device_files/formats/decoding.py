"""Bytes to lines of text, whatever the encoding and the line ends, in bounded memory.

Windows PowerShell's `Out-File` writes UTF-16LE; other tools write UTF-8 with and without a byte order mark, UTF-32, or
the ANSI code page. A file that was written in parts (`>>`, `copy a+b`) changes its encoding between two lines. A block
of lines is decoded at once; only where something in it is strange, each line is looked at by itself.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Literal

from shared.device_files.account import FileAccount
from shared.device_files.formats.windows_1252 import decode_bytes
from shared.device_files.reasons import FileNote, FileReason, UnreadableDeviceFile

MAXIMUM_LINE = 65_536
"""Characters of a line, and of a cell with line breaks inside. A row with a hash has about 4,100."""
MAXIMUM_LINES = 10_000_000
"""Lines of a text, empty ones included: ten times the rows that a file may have."""
PIECE = 262_144
"""Bytes worked on at once, so that a chunk of any size stays bounded."""
_LONGEST_TEXT = 16 * 1024 * 1024
"""Bytes of a line of a document, which may be all of it."""

_DETECTION_BYTES = 4096
_LONG_LINE = 512
"""Characters of a line from which it is faster to search than to split."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNITS = {"utf-8": 1, "utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
"""Bytes of a character that ends a line."""
_SHOWN_BY_NULS = (
    ("utf-32-le", re.compile(rb"(?:[^\0]\0\0\0){2}")),
    ("utf-32-be", re.compile(rb"(?:\0\0\0[^\0]){2}")),
    ("utf-16-le", re.compile(rb"(?:[^\0]\0){3}")),
    ("utf-16-be", re.compile(rb"(?:\0[^\0]){3}")),
)
_WIDE = re.compile(rb"(?:[^\0]\0){3}|(?:\0[^\0]){3}|(?:[^\0]\0\0\0){2}")
"""NULs where characters have two or four bytes. Cells that are filled up with NULs have several in a row."""
_ASCII_LINE = re.compile(rb"[\t\x20-\x7e]+(?:[\r\n]|$)")
_PRINTABLE = bytes([9, 10, 13, *range(0x20, 0x7F)])
_PAIR = "[" + "".join(chr(high << 8 | low) for high in _PRINTABLE if high != 0x30 for low in _PRINTABLE) + "]"  # noqa: PLR2004
"""A character of two bytes that are both ASCII. Hiragana has 0x30 in all of them, which no text of ASCII has."""
_MIXED = re.compile(rf"{_PAIR}{{6}}|\u0a0d|\u0d0a")
"""So many in a row, or a CR with its LF, are ASCII that was read as UTF-16: words of East Asia hardly have them."""
_PERHAPS_MIXED = re.compile(rf"{_PAIR}{{3}}")
_FEWEST_LETTERS = 4
"""Letters of ASCII that show a line to be in UTF-16, though some others of it look like two."""
_SWAPPED = re.compile("[" + "".join(chr(byte << 8) for byte in _PRINTABLE) + "]{2}")
"""Letters of ASCII in a row whose two bytes were read in the wrong order."""
_MOSTLY = 0.75
"""Share of ASCII in a line of Windows-1252."""


def line_blocks(chunks: Iterable[bytes], account: FileAccount) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text as many at once as are decoded at once: the number of the first, and all, empty ones too.

    Raises:
        UnreadableDeviceFile: a line is longer than `MAXIMUM_LINE`, or there are more than `MAXIMUM_LINES`, or the
            encoding cannot be told. The lines before it were given out.
    """
    first = 1
    for block in _Decoder(account, 4 * MAXIMUM_LINE).blocks(chunks):
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


def decoded(chunks: Iterable[bytes], account: FileAccount) -> Iterator[str]:
    """The text of a document in pieces, its line ends as LF.

    Raises:
        UnreadableDeviceFile: the encoding cannot be told, or a line is longer than any document that is read.
    """
    is_first = True
    for block in _Decoder(account, _LONGEST_TEXT).blocks(chunks):
        yield ("" if is_first else "\n") + "\n".join(block)
        is_first = False


def detected_encoding(start: bytes) -> str:
    """The encoding that the first bytes of a text show: by its mark, else by where its NULs are, else UTF-8."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    sample = start[:_DETECTION_BYTES]
    if _ASCII_LINE.match(sample):
        return "utf-8"
    for encoding, shape in _SHOWN_BY_NULS:
        if (found := shape.search(sample)) and found.start() % _UNITS[encoding] == 0:
            return encoding
    return "utf-8"


class _Decoder:
    """Decodes a text from line to line."""

    def __init__(self, account: FileAccount, longest: int) -> None:
        """`longest`: bytes of a line, in whatever encoding."""
        self._account = account
        self._longest = longest
        self._encoding = ""
        self._number = 1
        """Of the line that comes next."""

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[list[str]]:
        """The lines in blocks; the last line has no end."""
        held = b""
        for piece in _pieces(chunks):
            held += piece
            if len(held) < _DETECTION_BYTES:
                continue
            taken = 0
            for block, end in self._whole_lines(held, is_end=False):
                taken = end
                yield block
            held = held[taken:]
            if len(held) > self._longest + PIECE:
                raise _too_long(self._number)
        for block, _ in self._whole_lines(held, is_end=True):
            yield block

    def _whole_lines(self, data: bytes, *, is_end: bool) -> Iterator[tuple[list[str], int]]:
        """Blocks of lines that have ended, each with how much of `data` is taken with it."""
        at = 0
        while at < len(data):
            at += self._begin(data[at : at + _DETECTION_BYTES])
            end = len(data) if is_end else _end_of_lines(data, at, self._encoding)
            text = self._plain(data[at:end])
            if text is None:
                block, end = self._strange_lines(data, at, is_end=is_end)
            else:
                block = _split_lines(text)
                if not is_end:
                    block.pop()
            if not block and end == at:
                return
            self._number += len(block)
            at = end
            yield block, at

    def _begin(self, start: bytes) -> int:
        """Take a mark at the beginning of a line for what it says; how many bytes it has."""
        for mark, encoding in _MARKS:
            if start.startswith(mark):
                self._change(encoding)
                return len(mark)
        if not self._encoding:
            self._change(detected_encoding(start))
        return 0

    def _change(self, encoding: str) -> None:
        if self._encoding and encoding != self._encoding:
            self._account.note(FileNote.ENCODING_CHANGES, f"line {self._number}")
        self._encoding = encoding

    def _plain(self, data: bytes) -> str | None:
        """The text of lines in which nothing is strange, as in nearly every file."""
        if self._encoding == "utf-8":
            if 0 in data or b"\xff\xfe" in data or b"\xfe\xff" in data:
                return None
            return self._narrow(data)
        try:
            text = data.decode(self._encoding)
        except UnicodeDecodeError:
            return None
        if text.isascii() and "\0" not in text:
            return text
        if "\ufffe" in text or "\ufeff" in text or "\0" in text or _has_ascii_units(data, self._encoding):
            return None
        return text

    def _narrow(self, data: bytes) -> str:
        """Lines in UTF-8, or in Windows-1252 where they are none."""
        try:
            return data.decode()
        except UnicodeDecodeError:
            text, is_western = decode_bytes(data)
        if is_western:
            self._account.note(FileNote.READ_AS_WINDOWS_1252)
        return text

    def _strange_lines(self, data: bytes, at: int, *, is_end: bool) -> tuple[list[str], int]:
        """Lines looked at one by one, as far as they have ended; and where they end."""
        lines: list[str] = []
        # So much behind a line tells in every encoding where it ends.
        limit = len(data) if is_end else len(data) - self._longest
        while at < limit:
            line, at = self._strange_line(data, at)
            lines.append(line)
            self._number += 1
            at += self._begin(data[at : at + _DETECTION_BYTES])
        self._number -= len(lines)
        return lines, at

    def _strange_line(self, data: bytes, at: int) -> tuple[str, int]:
        """The line that begins at a place, in the encoding that makes sense of it, the present one first."""
        others = (encoding for encoding in _UNITS if encoding != self._encoding)
        for encoding in (self._encoding, *others):
            end, following = _end_of_line(data, at, encoding, at + self._longest)
            raw = data[at:end]
            text = _sensible(raw, encoding)
            if text is not None:
                self._change(encoding)
                return self._narrow(raw) if encoding == "utf-8" else text, following
        detail = f"It changes at line {self._number}. Save the whole file in one encoding (CSV UTF-8)."
        raise UnreadableDeviceFile(FileReason.ENCODING_UNKNOWN, detail)


def _sensible(raw: bytes, encoding: str) -> str | None:
    """The text of one line where it can be in an encoding; `None` where it is more likely in another."""
    raw = raw[: len(raw) // _UNITS[encoding] * _UNITS[encoding]]
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        is_western = (
            encoding == "utf-8" and 0 not in raw and len(raw.translate(None, _PRINTABLE)) < len(raw) * (1 - _MOSTLY)
        )
        return "" if is_western else None
    if encoding == "utf-8":
        return None if _WIDE.search(raw) else text
    letters = sum(map(str.isascii, text))
    is_mixed = _MIXED.search(text) or (letters < _FEWEST_LETTERS and _PERHAPS_MIXED.search(text))
    is_all_pairs = len(text) > 1 and re.fullmatch(f"{_PAIR}+", text) is not None
    is_strange = "\ufffe" in text or text.count("\0") > 1 or _SWAPPED.search(text) is not None
    return None if is_mixed or is_all_pairs or is_strange else text


def _has_ascii_units(data: bytes, encoding: str) -> bool:
    """Whether both bytes of some character are ASCII, as in a line of ASCII that is read as UTF-16."""
    if _UNITS[encoding] != 2:  # noqa: PLR2004 - bytes of a unit
        return False
    high = data[1::2] if encoding == "utf-16-le" else data[0::2]
    return len(high.translate(None, _PRINTABLE)) < len(high)


def _end_of_lines(data: bytes, start: int, encoding: str) -> int:
    """Where the last line of `data` that has ended ends; `start` where none has. A CR at the very end may go on."""
    unit = _UNITS[encoding]
    order: Literal["little", "big"] = "little" if encoding.endswith("le") else "big"
    best = start
    for character in (10, 13):
        mark = character.to_bytes(unit, order)
        end = len(data) - (unit if character == 13 else 0)  # noqa: PLR2004 - CR
        while (found := data.rfind(mark, start, max(start, end))) >= 0:
            if (found - start) % unit == 0:
                best = max(best, found + unit)
                break
            end = found + unit - 1
    return best


def _end_of_line(data: bytes, start: int, encoding: str, most: int) -> tuple[int, int]:
    """Where the line that begins at a place ends, and the next begins."""
    unit = _UNITS[encoding]
    order: Literal["little", "big"] = "little" if encoding.endswith("le") else "big"
    lf, cr = (character.to_bytes(unit, order) for character in (10, 13))
    ends = [found for mark in (lf, cr) if (found := _find_unit(data, mark, start, unit, most)) >= 0]
    if not ends:
        end = min(len(data), most)
        return end, end
    end = min(ends)
    is_cr_lf = data[end : end + 2 * unit] == cr + lf
    return end, end + (2 * unit if is_cr_lf else unit)


def _find_unit(data: bytes, mark: bytes, start: int, unit: int, most: int) -> int:
    found = data.find(mark, start, most)
    while found >= 0 and (found - start) % unit:
        found = data.find(mark, found + 1, most)
    return found


def _split_lines(text: str) -> list[str]:
    """The lines of `text`; the last has no end."""
    first = text.find("\n")
    if text.find("\n", first + 1) - first < _LONG_LINE:
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    split: list[str] = []
    start = 0
    # `str.find` looks at many characters at once, `str.split` at each.
    while (end := text.find("\n", start)) >= 0:
        is_cr_lf = start < end and text[end - 1] == "\r"
        split.append(text[start : end - is_cr_lf])
        start = end + 1
    split.append(text[start:])
    if any("\r" in line for line in split):
        return [part for line in split for part in line.split("\r")]
    return split


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """The same bytes in pieces of bounded size."""
    for chunk in chunks:
        view = memoryview(chunk)
        for offset in range(0, len(view), PIECE):
            yield view[offset : offset + PIECE]


def _too_long(number: int) -> UnreadableDeviceFile:
    detail = f"Line {number} has more than {MAXIMUM_LINE:,} characters."
    return UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)
