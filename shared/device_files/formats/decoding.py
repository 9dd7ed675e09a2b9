"""Bytes to lines of text, whatever the encoding and the line ends, in bounded memory.

Windows PowerShell's `Out-File` writes UTF-16LE; other tools write UTF-8 with and without a byte order mark, or the ANSI
code page. Files glued together (`copy a+b`) hold several marks and may change their encoding on the way.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from shared.device_files.checks import excel_damage as excel
from shared.device_files.reasons import FileReason, UnreadableDeviceFile

MAXIMUM_LINE = 65_536
"""Characters of a line, and of a cell with line breaks inside. A row with a hash has about 4,100."""

MAXIMUM_LINES = 10_000_000
"""Lines of a text, empty ones included: ten times the rows that a file may have."""

PIECE = 262_144
"""Bytes worked on at once, so that a chunk of any size stays bounded."""

_LONG_LINE = 512
"""Characters of a line from which it is faster to search than to split."""

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
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_LINE_BREAKS = re.compile(r"[\t\n\x0b\x0c\r\u2028\u2029]+")
_MARKED_AS_TEXT = re.compile(r'="([^"]*)"')
_RUN_AS_FORMULA = r"[=+\-@\uff0b\uff0d\uff1d\uff20]"
"""What a spreadsheet runs as a formula begins so; the last four are the wide forms of an East Asian keyboard."""
_NEEDS_MARK = re.compile(rf"[\s']*(?:{_RUN_AS_FORMULA}|(?<=')[0-9]|[\t\n\x0b\x0c\r\u2028\u2029])")
_RUNS = re.compile(rf"\s*(?:{_RUN_AS_FORMULA}|[\t\n\x0b\x0c\r\u2028\u2029])")


class NumberCell(str):
    """A cell that holds a number, as its full digits: zeros at its beginning may be lost."""

    __slots__ = ()


def lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """The lines of a text that are not empty, with their numbers, counted from 1. CR LF, LF and CR alone end a line.

    Raises:
        UnreadableDeviceFile: as `line_blocks` does.
    """
    for first, block in line_blocks(chunks):
        for number, line in enumerate(block, first):
            if line:
                yield number, line


def line_blocks(chunks: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text as many at once as are decoded at once: the number of the first, and all, empty ones too.

    Raises:
        UnreadableDeviceFile: a line is longer than `MAXIMUM_LINE`, raised before much more than that is held; or there
            are more than `MAXIMUM_LINES`. The lines before it were given out.
    """
    first = 1
    rest = ""
    for text in decoded(chunks):
        *block, rest = _go_on(rest, text)
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
    if rest:
        yield first, [rest.removesuffix("\r")]


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
    if any("\r" in line for line in split):
        return [part for line in split for part in line.split("\r")]
    return split


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text in pieces. Bytes that are no UTF-8 are read as Windows-1252; byte order marks may stand anywhere."""
    pieces = _pieces(chunks)
    held = bytes(next(pieces, b""))
    encoding = detected_encoding(held)
    held = _without_mark(held)
    for piece in pieces:
        held += piece
        text, taken = _settled(held, encoding)
        # No mark is ASCII, nor is what any encoding makes of one.
        while not (text.isascii() and held[taken:].isascii()) and (change := _change(held, encoding)) is not None:
            yield _whole(held[:change], encoding)
            encoding = detected_encoding(held[change:])
            held = _without_mark(held[change:])
            text, taken = _settled(held, encoding)
        yield text
        held = held[taken:]
    yield _whole(held, encoding)


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

    `'=1` and `="0123"` are how spreadsheets are told to leave a cell alone; one apostrophe or the formula is removed.
    """
    if cell.isascii() and cell.isprintable():
        cell = str(cell).strip()
        return _unmarked(cell).strip() if cell[:1] in ("'", "=") else cell
    text = _unmarked(_INVISIBLE.sub("", cell).strip())
    return _LINE_BREAKS.sub(" ", text.replace("\u00a0", " ")).strip()


def marked_as_text(cell: str) -> str:
    """`cell` as it may stand in a CSV: where a spreadsheet would run it, an apostrophe is put in front.

    `clean` removes that one alone, so one is put also before an apostrophe that `clean` would take for it. Control
    characters, which a terminal would run, are left out.
    """
    if _is_plain(cell):
        return cell
    cell = _CONTROL.sub("", cell)
    return f"'{cell}" if _NEEDS_MARK.match(_INVISIBLE.sub("", cell).rstrip()) else cell


def safe_original(cell: str) -> str:
    """A cell of a device file as it may stand in a CSV: `clean` gives of it what it gives of the original.

    What begins with a digit and would be changed by a spreadsheet that opens and saves it is marked as text too: zeros
    at its beginning, a product key, a date.
    """
    if "0" <= cell[:1] <= "9" and excel.would_change(cell):
        return f"'{cell}"
    is_harmless = _is_plain(cell) or not (_CONTROL.search(cell) or _RUNS.match(_INVISIBLE.sub("", cell)))
    return cell if is_harmless else marked_as_text(clean(cell))


def _is_plain(cell: str) -> bool:
    """Whether a cell is written as it is beyond doubt, as nearly every one is."""
    return not cell or (cell[0].isalnum() and cell.isascii() and cell.isprintable())


def _unmarked(text: str) -> str:
    if text[:1] == "'":
        return text[1:] if _NEEDS_MARK.match(text) else text
    marked = _MARKED_AS_TEXT.fullmatch(text)
    return marked[1] if marked else text


def _too_long(number: int) -> UnreadableDeviceFile:
    detail = f"Line {number} has more than {MAXIMUM_LINE:,} characters."
    return UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """The same bytes in pieces of bounded size, the first long enough to show the encoding, then one empty piece."""
    start = b""
    has_started = False
    for chunk in chunks:
        view = memoryview(chunk)
        for offset in range(0, len(view), PIECE):
            piece = view[offset : offset + PIECE]
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


def _settled(held: bytes, encoding: str) -> tuple[str, int]:
    """The text of `held` but for its last characters, and how many bytes it was made of."""
    end = max(0, len(held) - _HELD_BACK) & ~1
    return _decode(memoryview(held)[:end], encoding, is_end=False)


def _whole(held: bytes, encoding: str) -> str:
    """All the text of `held`; half a character at its end is none in UTF-16."""
    return _decode(held, encoding, is_end=encoding == "utf-8")[0]


def _decode(data: bytes | memoryview, encoding: str, *, is_end: bool) -> tuple[str, int]:
    match encoding:
        case "utf-16-le":
            return codecs.utf_16_le_decode(data, "replace", is_end)
        case "utf-16-be":
            return codecs.utf_16_be_decode(data, "replace", is_end)
        case _:
            return codecs.utf_8_decode(data, _WINDOWS_1252, is_end)


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_WINDOWS_1252 = "device_files.windows_1252"
codecs.register_error(_WINDOWS_1252, _as_windows_1252)
