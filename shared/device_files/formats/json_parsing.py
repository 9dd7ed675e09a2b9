"""JSON text to its documents, one after the other, as they are read: an array, an object a line, or any mixture.

The parser of the standard library wants one document, its whole text at once, and forgets what a number looked like and
that a name came twice. This one takes documents one after the other from a stream, holds values without their text,
says in which line a file is damaged or cut off, and stops at a stated use of memory.
"""

import json
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from sys import getsizeof
from typing import TypeAlias

from shared.device_files.account import excerpt
from shared.device_files.cells import CellType, TypedCell
from shared.device_files.formats.decoding import MAXIMUM_LINE
from shared.device_files.reasons import FileReason, UnreadableDeviceFile

Json: TypeAlias = "str | list[Json] | dict[str, Json] | None"
"""A value. A number or boolean is a `TypedCell` with its text as written; `NaN`, an empty value, is `None`."""

MAXIMUM_DOCUMENT = 32 * 1024 * 1024
"""Bytes of memory that the values of one document may take: some 6,500 devices with hashes. An array that is a document
itself may have any length, for it is given in parts."""
MAXIMUM_VALUES = 100_000_000
"""Names and values of a file: a hundred for each row that a file may have."""
PART = 1024 * 1024
"""Bytes of memory after which the part of such an array that was read is given."""
DEEPEST = 64
_VALUE_BYTES = 110
"""What a value takes in its list or object, and an empty list or object itself."""

_TOKEN = re.compile(
    r"""\s*+(?:("[^"\\]*+(?:\\.[^"\\]*+)*+")|([\[\]{}:,])|([^\s"\[\]{}:,]++)|("))""", re.DOTALL
)  # A text, a mark, a word, or the quote of a text that does not end.
_TEXT, _MARK, _WORD, _QUOTE = 1, 2, 3, 4
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS: dict[str, Json] = {
    "null": None,
    "NaN": None,
    "true": TypedCell("true", CellType.BOOLEAN),
    "false": TypedCell("false", CellType.BOOLEAN),
    "Infinity": TypedCell("Infinity", CellType.FRACTION),
    "-Infinity": TypedCell("-Infinity", CellType.FRACTION),
}
_COMMENTS = ("//", "/*", "#")
_PADDING = "\x00\x1a\ufeff"
"""May stand between documents: the end of a file of old, a file's padding, a mark in the middle of glued files."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXTS = json.JSONDecoder(strict=False)


class _Due(Enum):
    """What may come next, in words. After a comma a list or object may also end, as many programs write it."""

    VALUE = "a value"
    NAME = "a name in quotes"
    COLON = "a colon"
    COMMA = "a comma or an end"


@dataclass(frozen=True, slots=True)
class Document:
    """A list or object that stands in no other, or a part of such a list."""

    value: list[Json] | dict[str, Json]
    line: int
    """Where it begins."""
    is_line: bool
    """It ends in the line in which it begins."""
    first: int = 0
    """Of a part of a list, how many values of it were given before."""


def documents(texts: Iterable[str]) -> Iterator[Document]:
    """The documents of a text that comes in pieces.

    Raises:
        UnreadableDeviceFile: it is damaged, cut off, nested too deep or too large. What was sound before it was given.
    """
    return _Reader().documents(texts)


class _Reader:
    """Reads token by token, and holds the document that is open."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0
        self._open: list[list[Json] | dict[str, Json]] = []
        self._names: list[str] = []
        """Those whose values are open or to come, outermost first."""
        self._due = _Due.VALUE
        self._is_after_comma = False
        self._document: list[Json] | dict[str, Json] = []
        self._begins = 1
        self._given = 0
        self._memory = 0
        self._values = 0
        self._known_names: dict[str, str] = {}

    def documents(self, texts: Iterable[str]) -> Iterator[Document]:
        for token in self._tokens(texts):
            kind = token.lastindex
            if kind == _TEXT:
                self._take_text(token[_TEXT])
            elif kind == _WORD:
                self._take_word(token[_WORD])
            else:
                self._take_mark(token[_MARK])
                if self._is_to_be_given():
                    yield self._next_document()
        if self._open or self._is_after_comma:
            raise self._cut()

    def _tokens(self, texts: Iterable[str]) -> Iterator[re.Match[str]]:
        rest = ""
        for text in texts:
            rest = yield from self._tokens_of(rest + text, is_end=False)
            if len(rest) > MAXIMUM_LINE + 1:
                raise self._too_long()
        # What is open here is cut off, whatever the last word was to be.
        if not self._open and (yield from self._tokens_of(rest, is_end=True)):
            raise self._cut()

    def _tokens_of(self, text: str, *, is_end: bool) -> Generator[re.Match[str], None, str]:
        """The tokens of `text`; returns what its end may be only the beginning of."""
        self._text, self._counted, self._at = text, 0, 0
        rest = len(text)
        for token in _TOKEN.finditer(text, 0, len(text.rstrip())):
            kind = token.lastindex or 0
            self._at = token.start(kind)
            if kind == _QUOTE or (kind == _WORD and token.end() == len(text) and not is_end):
                rest = self._at
                break
            yield token
        self._at = rest
        self._count_lines()
        return text[rest:]

    def _count_lines(self) -> int:
        """The number of the line at which the reader stands."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _take_text(self, token: str) -> None:
        if len(token) > MAXIMUM_LINE + 2:
            raise self._too_long()
        if self._due is _Due.NAME:
            name = self._unescaped(token)
            known = self._known_names.setdefault(name, name)
            self._use(_VALUE_BYTES + getsizeof(name) if known is name else 0)
            self._names.append(known)
            self._due = _Due.COLON
        elif self._due is _Due.VALUE and self._open:
            self._put_scalar(self._unescaped(token))
        else:
            raise self._misplaced(token)

    def _take_word(self, word: str) -> None:
        if not self._open and not word.strip(_PADDING):
            return
        if word.startswith(_COMMENTS):
            raise self._damage("a comment, which JSON does not have: delete it")
        if self._due is not _Due.VALUE or not self._open:
            raise self._misplaced(word)
        number = _NUMBER.fullmatch(word)
        if number is not None:
            is_whole = number[1] is None and number[2] is None
            self._put_scalar(TypedCell(word, CellType.NUMBER if is_whole else CellType.FRACTION))
        elif word in _WORDS:
            self._put_scalar(_WORDS[word])
        else:
            raise self._damage(f"{excerpt(word)} without quotes")

    def _take_mark(self, mark: str) -> None:
        if mark in "[{" and self._due is _Due.VALUE:
            self._begin([] if mark == "[" else {})
        elif mark in "]}" and self._may_end(mark):
            self._open.pop()
            self._due = _Due.COMMA if self._open else _Due.VALUE
        elif mark == ":" and self._due is _Due.COLON:
            self._due = _Due.VALUE
        elif mark == "," and (self._due is _Due.COMMA or not self._open):
            self._is_after_comma = not self._open
            self._due = _Due.NAME if self._open and isinstance(self._open[-1], dict) else _Due.VALUE
        else:
            raise self._misplaced(mark)

    def _begin(self, value: list[Json] | dict[str, Json]) -> None:
        if len(self._open) == DEEPEST:
            raise self._damage(f"more than {DEEPEST} lists and objects in each other")
        if self._open:
            self._put(value)
        else:
            self._document, self._begins, self._is_after_comma = value, self._count_lines(), False
        self._use(_VALUE_BYTES)
        self._open.append(value)
        self._due = _Due.NAME if isinstance(value, dict) else _Due.VALUE

    def _may_end(self, mark: str) -> bool:
        if not self._open:
            return False
        is_list = isinstance(self._open[-1], list)
        return is_list is (mark == "]") and self._due in (_Due.COMMA, _Due.VALUE if is_list else _Due.NAME)

    def _put_scalar(self, value: Json) -> None:
        self._use(_VALUE_BYTES + getsizeof(value))
        self._put(value)
        self._due = _Due.COMMA

    def _put(self, value: Json) -> None:
        """Put a value where it belongs. A name that comes twice with the same value is no damage."""
        parent = self._open[-1]
        if isinstance(parent, list):
            parent.append(value)
            return
        name = self._names.pop()
        if name in parent and (isinstance(value, list | dict) or parent[name] != value):
            raise self._damage(f"the name {excerpt(name)} a second time in one object, with another value")
        parent[name] = value

    def _is_to_be_given(self) -> bool:
        """Whether the document is whole, or there is enough of a list."""
        if not self._open:
            return not self._is_after_comma
        return self._memory > PART and len(self._open) == 1 and isinstance(self._document, list)

    def _next_document(self) -> Document:
        value, first = self._document, self._given
        self._given = 0
        if self._open:
            self._document = self._open[0] = list[Json]()
            self._given = first + len(value)
        self._memory = 0
        self._known_names.clear()
        return Document(value, self._begins, self._count_lines() == self._begins, first)

    def _use(self, memory: int) -> None:
        self._memory += memory
        self._values += 1
        if self._values > MAXIMUM_VALUES:
            detail = f"It has more than {MAXIMUM_VALUES:,} names and values."
            raise UnreadableDeviceFile(FileReason.TOO_MANY_ROWS, detail)
        if self._memory > MAXIMUM_DOCUMENT:
            detail = f"What begins in line {self._begins} needs more than {MAXIMUM_DOCUMENT >> 20} MB of memory."
            raise UnreadableDeviceFile(FileReason.JSON_TOO_LARGE, detail)

    def _unescaped(self, token: str) -> str:
        if "\\" not in token:
            return token[1:-1]
        try:
            text = str(_TEXTS.decode(token))
        except ValueError as error:
            raise self._misplaced(token) from error
        return _SURROGATE.sub("\ufffd", text)

    def _misplaced(self, token: str) -> UnreadableDeviceFile:
        due = self._due.value if self._open else "a list or object"
        return self._damage(f"{excerpt(token)} where {due} is due")

    def _damage(self, what: str) -> UnreadableDeviceFile:
        return UnreadableDeviceFile(FileReason.JSON_UNREADABLE, f"Line {self._count_lines()} has {what}.")

    def _too_long(self) -> UnreadableDeviceFile:
        detail = f"Line {self._count_lines()} has a text of more than {MAXIMUM_LINE:,} characters."
        return UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)

    def _cut(self) -> UnreadableDeviceFile:
        after = f", after item {whole}" if (whole := self._whole_values()) else ""
        return UnreadableDeviceFile(
            FileReason.JSON_UNREADABLE, f"It is cut off in line {self._count_lines()}{after}: what follows is missing."
        )

    def _whole_values(self) -> int:
        """How many values of the outermost list that is open are whole."""
        for depth, value in enumerate(self._open):
            if isinstance(value, list):
                return self._given + len(value) - (depth + 1 < len(self._open))
        return 0
