"""Bytes to lines of text, whatever the encoding and the line ends, in bounded memory.

Windows PowerShell's `Out-File` writes UTF-16LE; other tools write UTF-8 with and without a byte order mark, or the ANSI
code page. Files glued together (`copy a+b`) hold several marks and may change their encoding on the way.
"""

import codecs
import io
import re
from collections.abc import Iterable, Iterator

from shared.device_files.reasons import FileReason, UnreadableDeviceFile

MAXIMUM_LINE = 65_536
"""Characters of a line, and of a cell with line breaks inside. A row with a hash has about 4,100."""

MAXIMUM_LINES = 10_000_000
"""Lines of a text, empty ones included: ten times the rows that a file may have."""

PIECE = 65_536
"""Bytes worked on at once, so that a chunk of any size stays bounded."""

_DETECTION_BYTES = 4096
_UTF_16 = ("utf-16-le", "utf-16-be")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_FIRST_BYTES_OF_MARKS = tuple(mark[:1] for mark, _ in _MARKS)
_MOSTLY = 0.3
"""This share of NUL in every second byte means UTF-16; NUL-padded cells have fewer."""

_CHANGES = {
    "utf-8": re.compile(rb"\xff\xfe(?=[^\x00]\x00)|\xfe\xff(?=\x00[^\x00])"),
    "utf-16-le": re.compile(rb"\xfe\xff(?=\x00)|(?<=\n\x00)\xef\xbb\xbf"),
    "utf-16-be": re.compile(rb"\xff\xfe(?=[^\x00]\x00)|(?<=\x00\n)\xef\xbb\xbf"),
}
"""Where a text of one encoding goes over to another: a mark that cannot be part of the first."""
_HELD_BACK = 4
"""A mark and the byte after it may be cut by the border of two pieces."""

_INVISIBLE = re.compile(
    "[\\x00-\\x08\\x0e-\\x1f\\x7f-\\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffe\uffff]"
)
_LINE_BREAKS = re.compile(r"[\t\n\x0b\x0c\r\u2028\u2029]+")
_MARKED_AS_TEXT = re.compile(r"""'([=+\-@0-9].*)|="([^"]*)\"""")


class NumberCell(str):
    """A cell that holds a number, as its full digits: zeros at its beginning may be lost."""

    __slots__ = ()


def lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """The lines of a text that are not empty, with their numbers, counted from 1. CR LF, LF and CR alone end a line.

    Raises:
        UnreadableDeviceFile: a line is longer than `MAXIMUM_LINE`, raised before much more than that is held; or there
            are more than `MAXIMUM_LINES`.
    """
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    number = 0
    rest = ""
    for text in decoded(chunks):
        *ended, rest = (rest + newlines.decode(text)).split("\n")
        for line in ended:
            number += 1
            if len(line) > MAXIMUM_LINE:
                raise _too_long(number)
            if line:
                yield number, line
        if number > MAXIMUM_LINES:
            raise UnreadableDeviceFile(FileReason.TOO_MANY_ROWS, f"It has more than {MAXIMUM_LINES:,} lines.")
        if len(rest) > MAXIMUM_LINE:
            raise _too_long(number + 1)
    if rest:
        yield number + 1, rest


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text in pieces. Bytes that are no UTF-8 are read as Windows-1252; byte order marks may stand anywhere."""
    pieces = _pieces(chunks)
    held = next(pieces, b"")
    encoding = detected_encoding(held)
    held, decoder = _without_mark(held), _decoder(encoding)
    for piece in pieces:
        held += piece
        while (change := _change(held, encoding)) is not None:
            yield decoder.decode(held[:change], final=encoding == "utf-8")
            encoding = detected_encoding(held[change:])
            held, decoder = _without_mark(held[change:]), _decoder(encoding)
        settled = max(0, len(held) - _HELD_BACK) & ~1
        yield decoder.decode(held[:settled])
        held = held[settled:]
    yield decoder.decode(held, final=encoding == "utf-8")


def detected_encoding(start: bytes) -> str:
    """The encoding that the first bytes of a text show: by its mark, else by where its NULs are, else UTF-8."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    sample = start[:_DETECTION_BYTES]
    pairs = len(sample) // 2
    nul_in_first, nul_in_second = sample[0::2].count(0), sample[1::2].count(0)
    if nul_in_second > pairs * _MOSTLY and nul_in_second > 2 * nul_in_first:
        return "utf-16-le"
    if nul_in_first > pairs * _MOSTLY and nul_in_first > 2 * nul_in_second:
        return "utf-16-be"
    return "utf-8"


def clean(cell: str) -> str:
    """A cell without what nobody sees: invisible characters, blanks around it, and marks that keep it text.

    `'=1` and `="0123"` are how spreadsheets are told to leave a cell alone; the apostrophe and the formula are removed.
    """
    if not (cell.isascii() and cell.isprintable()):
        cell = _LINE_BREAKS.sub(" ", _INVISIBLE.sub("", cell).replace("\u00a0", " "))
    cell = str(cell).strip()
    if cell[:1] in ("'", "="):
        marked = _MARKED_AS_TEXT.fullmatch(cell)
        return (marked[1] or marked[2] or "").strip() if marked else cell
    return cell


def _too_long(number: int) -> UnreadableDeviceFile:
    detail = f"Line {number} has more than {MAXIMUM_LINE:,} characters."
    return UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of bounded size, the first long enough to show the encoding, then one empty piece."""
    start = b""
    has_started = False
    for chunk in chunks:
        for offset in range(0, len(chunk), PIECE):
            piece = chunk[offset : offset + PIECE]
            if has_started:
                yield piece
            elif len(start := start + piece) >= _DETECTION_BYTES:
                has_started = True
                yield start
    if not has_started:
        yield start
    yield b""


def _without_mark(start: bytes) -> bytes:
    return next((start[len(mark) :] for mark, _ in _MARKS if start.startswith(mark)), start)


def _change(held: bytes, encoding: str) -> int | None:
    """Where in `held` another encoding begins."""
    if not any(byte in held for byte in _FIRST_BYTES_OF_MARKS):
        return None
    aligned = 2 if encoding in _UTF_16 else 1
    for found in _CHANGES[encoding].finditer(held):
        if found.start() and found.start() % aligned == 0:
            return found.start()
    return None


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    errors = "replace" if encoding in _UTF_16 else _WINDOWS_1252
    return codecs.getincrementaldecoder(encoding)(errors)


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_WINDOWS_1252 = "device_files.windows_1252"
codecs.register_error(_WINDOWS_1252, _as_windows_1252)
