"""Which encoding a text begins with, and where it has what does not fit that encoding.

A text goes over to another encoding where a script appends to a file that another tool began (`Out-File -Append`,
`Add-Content`, `copy a+b`). Only a plain change is followed: a byte order mark, or a line that begins with ASCII in
another encoding. Everything else that does not fit is for nobody to guess, and the file is refused.
"""

import codecs
import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice

from shared.device_files.formats.windows_1252 import UNREADABLE, decode_bytes

Bytes = bytes | bytearray


class Encoding(StrEnum):
    """The encodings of parts of a text, by their Python names."""

    UTF_8 = "utf-8"
    """With it ASCII, of which it is an extension, and code pages: all that have bytes as units."""
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    UTF_32_LE = "utf-32-le"
    UTF_32_BE = "utf-32-be"


DECODERS = {
    Encoding.UTF_8: codecs.utf_8_decode,
    Encoding.UTF_16_LE: codecs.utf_16_le_decode,
    Encoding.UTF_16_BE: codecs.utf_16_be_decode,
    Encoding.UTF_32_LE: codecs.utf_32_le_decode,
    Encoding.UTF_32_BE: codecs.utf_32_be_decode,
}
SEEN = 1_024
"""Bytes of a line that are looked at to tell its encoding."""

# ---- which encoding begins ----

_BEGINS = {
    Encoding.UTF_32_LE: re.compile(rb"[\t -~]\0{3}(?:.{4})?[\t\n\r -~]\0{3}", re.DOTALL),
    Encoding.UTF_32_BE: re.compile(rb"\0{3}[\t -~](?:.{4})?\0{3}[\t\n\r -~]", re.DOTALL),
    Encoding.UTF_16_LE: re.compile(rb"[\t -~]\0(?:..)?[\t\n\r -~]\0", re.DOTALL),
    Encoding.UTF_16_BE: re.compile(rb"\0[\t -~](?:..)?\0[\t\n\r -~]", re.DOTALL),
}
"""Two letters of ASCII, perhaps with another one between them. Of those of 32 bits, each half is one of 16."""
_LINE_ENDS = ("", "\n", "\r")
"""Or nothing, at the beginning."""
_LINE_OF_A_LETTER = re.compile(r"[\r\n][^\r\n][\r\n]\n?\Z")
"""More likely in 16 bits, and in a script whose letters have a line end as one of their bytes."""
BEFORE = 4
"""Characters that end in such a line."""
_LINE_OF_BYTES = re.compile(rb"([\t -~\x80-\xff]{10,})(?:\r?\n(?!\0)|\r(?![\n\0])|\Z)")
"""Ten bytes at least: a word of five East Asian characters in UTF-16 hardly ever looks like ASCII or UTF-8."""
_WORDS_OF_ASCII = re.compile(rb"[0-9A-Z_a-z -]{12}")
"""Show that a line is one of bytes though other words of it cannot be read; nor are six such characters that."""
_CONTROL = re.compile(rb"[\1-\x08\x0b\x0c\x0e-\x1f]")


def marked_encoding(start: Bytes) -> Encoding | None:
    """The encoding whose mark stands at the start. That of UTF-32 comes first: it begins with the one of UTF-16."""
    return next((encoding for encoding in reversed(Encoding) if start.startswith("\ufeff".encode(encoding))), None)


def plain_encoding(line: Bytes) -> Encoding | None:
    """The encoding that a line is in beyond doubt; `line`: its first bytes, and perhaps some of the next line."""
    line = line[:SEEN]
    if marked := marked_encoding(line):
        return marked
    if (found := _LINE_OF_BYTES.match(line)) and (
        _WORDS_OF_ASCII.search(found[1]) or UNREADABLE not in decode_bytes(found[1])[0]
    ):
        return Encoding.UTF_8
    return next((encoding for encoding, letters in _BEGINS.items() if letters.match(line)), None)


def detected_encoding(start: Bytes) -> Encoding:
    """The encoding that a text begins with. Without a mark, its first letters may be no ASCII."""
    start = start[:SEEN]
    if plain := plain_encoding(start):
        return plain
    before_nul, nul, _ = start.partition(b"\0")
    is_text = UNREADABLE not in decode_bytes(before_nul)[0] and not _CONTROL.search(before_nul)
    if not nul or is_text or strange_byte(before_nul) is not None:
        return Encoding.UTF_8
    return max(Encoding, key=lambda encoding: _letters_of_ascii(start, encoding))


def _letters_of_ascii(start: Bytes, encoding: Encoding) -> int:
    """How many letters of ASCII the first line has in an encoding of 16 or 32 bits; 0 if it does not fit that."""
    if encoding is Encoding.UTF_8:
        return 1
    text, _, strange = read_wide(start, encoding, is_end=False)
    line, *_ = re.split("[\r\n]", text, maxsplit=1)
    is_text = strange is None or strange > len(line.encode(encoding))
    return len(re.findall("[ -~]", line)) if is_text else 0


def plain_change(data: Bytes, strange: int, encoding: Encoding, before: str = "") -> tuple[int, Encoding] | None:
    """Where a text plainly goes over from `encoding` to another one, which is told too.

    That is at a mark in the `strange` place, or in front of the line with that place. `before`: `BEFORE` characters in
    front of the data.
    """
    start, following = strange, marked_encoding(data[strange : strange + SEEN])
    if following in (None, encoding):
        start = end_of_lines(data, encoding, strange)
        before += str(data[:start][-BEFORE:], "latin-1")
        is_in_line = not start and before[-1:] not in _LINE_ENDS
        if is_in_line or (encoding is Encoding.UTF_8 and _LINE_OF_A_LETTER.search(before)):
            return None
        following = plain_encoding(data[start : start + SEEN])
    return None if following in (None, encoding) else (start, following)


def end_of_lines(data: Bytes, encoding: Encoding, most: int) -> int:
    """Where the last line ends in the first `most` bytes; 0 if none does."""
    unit, found = len("\n".encode(encoding)), 0
    for end in _LINE_ENDS[1:]:
        at = most - most % unit
        while (at := data.rfind(end.encode(), found, at)) >= 0:
            first = at - at % unit
            if data.startswith(end.encode(encoding), first):
                found = first + unit
                break
    return found


# ---- what does not fit ----

_STRAY_NUL = r"\0(?:(?<!\0\0)(?=[^\0]\0)|(?![\0\t\n\r\x1a\"',;^|<{[]|\Z))"
"""In text of another encoding. NUL may fill up the end of a cell, line, document or file."""
_STRANGE_CHARACTER = re.compile(f"\ufeff\0|{_STRAY_NUL}")
"""The first one is the mark of UTF-32, read as that of UTF-16 and NUL."""
_STRANGE_BYTE = re.compile(_STRAY_NUL.encode() + rb"|\xff\xfe|\0\0\xfe\xff|\xfe\xff")
_NOT_LATIN_1 = re.compile("[^\0-\xff]{1,64}")
"""In pieces short enough to be remembered."""
_OTHER_MARK = "\ufffe"
"""That of UTF-16, in the other byte order."""


def _pairs(firsts: Iterable[int]) -> str:
    """The characters whose first byte is one of these and whose second one is of ASCII, as a set of a pattern."""
    seconds = b"\0\t\n\r" + bytes(range(0x20, 0x7F))
    return f"[{''.join(chr(first << 8 | second) for first in firsts for second in seconds)}]"


_PAIR = _pairs(range(0x20, 0x7F))
_RARE = _pairs((0x22, 0x2C, 0x2E, *range(0x34, 0x4E)))[:-1] + "\u3030-\u3039\u3330-\u3339]"
"""Hardly any text has one of these."""
_WITH_CONTROL = _pairs(b"\t\n\r")
"""Letters of India, beside which no East Asian one stands."""
_EAST_ASIAN, _PRIVATE = "[\u2c00-\ud7ff]", "[\ue000-\uf8ff]"
_BYTES = re.compile(
    f"{_PAIR}{{16}}|(?={_PAIR}{{5}}){_PAIR}*{_RARE}{_PAIR}*{_RARE}"
    f"|{_WITH_CONTROL}{_EAST_ASIAN}|{_EAST_ASIAN}{_WITH_CONTROL}"
    f"|\u0d0a(?![\u0d00-\u0d7f])"  # CR LF, or a letter with which a word of Malayalam begins
    f"|{_PRIVATE}.*{_PRIVATE}"
)
"""Characters that are more likely bytes of ASCII or UTF-8, two of them each, than a word of any language. Many a
character of East Asia looks like two letters of ASCII; but not so many in a row, nor beside such a rare one."""


def strange_byte(data: Bytes | memoryview) -> int | None:
    """Where a text in bytes has what no such text has: a mark of UTF-16, or NUL between letters."""
    found = _STRANGE_BYTE.search(data)
    return found.start() if found else None


def read_wide(data: Bytes | memoryview, encoding: Encoding, *, is_end: bool) -> tuple[str, int, int | None]:
    """A text in 16 or 32 bits, its size in bytes, and the byte at which it has what does not fit its encoding.

    Unless it `is_end`, the last character may be cut, and is left.
    """
    broken = None
    try:
        text, size = DECODERS[encoding](data, "strict", is_end)
    except UnicodeDecodeError as error:
        broken = error.start
        text, size = DECODERS[encoding](data[:broken], "strict")
    stray_nul = _STRANGE_CHARACTER.search(text) if "\0" in text else None
    places = [stray_nul.start()] if stray_nul else []
    if not (text.isascii() or _is_latin_1(text)):
        places += islice(_strange_characters(text, encoding), 1)
    return text, size, len(text[: min(places)].encode(encoding)) if places else broken


def _is_latin_1(text: str) -> bool:
    """Whether all letters of a text are of Western Europe: none of these looks like two of ASCII."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _strange_characters(text: str, encoding: Encoding) -> Iterator[int]:
    """Where letters that are not of Western Europe do not fit, or begin a line of bytes."""
    for found in _NOT_LATIN_1.finditer(text):
        at = found.start()
        if (place := _strange_in(found[0])) is not None:
            yield at + place
            continue
        is_first = text[at - 1 : at] in _LINE_ENDS
        if is_first and plain_encoding(text[at : at + SEEN].encode(encoding)) is Encoding.UTF_8:
            yield at


@functools.lru_cache(4096)
def _strange_in(run: str) -> int | None:
    """Where characters are bytes, or none at all, which their beginning stands for; or where another mark is.

    New emoji, beyond 16 bits, may be younger than the table of characters.
    """
    before, mark, _ = run.partition(_OTHER_MARK)
    if _BYTES.search(before) or any(unicodedata.category(letter) == "Cn" for letter in before if letter <= "\uffff"):
        return 0
    return len(before) if mark else None
