"""JSON text to its documents, one after the other: an array, an object a line, or any mixture."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from sys import getsizeof
from typing import NamedTuple, TypeAlias

from shared.device_files.account import excerpt
from shared.device_files.cells import CellType, TypedCell
from shared.device_files.formats.decoding import PIECE
from shared.reasons import FileReason, UnreadableDeviceFile

Json: TypeAlias = "str | bool | list[Json] | dict[str, Json] | None"
"""A value. A number, and a boolean of an object, is a `TypedCell` with its text as written; `NaN` is `None`."""
Cells: TypeAlias = dict[str, Json]

MAXIMUM_DOCUMENT = 12 * 1024 * 1024
"""Bytes of memory for the text of a document: an array of some 3,000 devices with hashes. Lines are documents each."""
MAXIMUM_VALUES = 200_000
"""Commas and beginnings of lists and objects in a document of more than a piece: values take more memory than text."""
DEEPEST = 64

SURROGATE = re.compile("[\ud800-\udfff]")
_NEXT = re.compile(r"[^\s,\x00\x1a\ufeff]")
"""The others may stand between documents: also a file's padding, and a mark in the middle of glued files."""
_UNFINISHED = re.compile(r"[-+.\\\w]*\s*")
"""What may be the beginning of a number, word or escape, at the end of a text."""
_COMMENT = re.compile(r"\s*(?://|/\*|#)")


class Document(NamedTuple):
    """A list or object that stands in no other."""

    value: list[Json] | Cells
    line: int
    """Where it begins."""
    is_line: bool
    """It ends in the line in which it begins."""


def documents(texts: Iterable[str]) -> Iterator[Document]:
    """The documents of a text that comes in pieces: each as soon as it is whole.

    Raises:
        UnreadableDeviceFile: it is damaged, cut off, nested too deep or too large. What was sound before it was given.
    """
    held, line, enough = "", 1, 0
    for text in chain(texts, (None,)):
        held += text or ""
        if text is not None and len(held) < enough and getsizeof(held) <= MAXIMUM_DOCUMENT:
            continue  # What was tried and is not whole is tried again when there is twice as much of it.
        at = 0
        while found := _NEXT.search(held, at):
            line += held.count("\n", at, found.start())
            at = found.start()
            if (whole := _whole_document(held, at, line)) is None:
                break
            value, end = whole
            lines = held.count("\n", at, end)
            yield Document(value, line, is_line=not lines)
            line += lines
            at = end
        held = held[at:]
        enough = 2 * len(held)
        if getsizeof(held) > MAXIMUM_DOCUMENT:
            raise _too_large(line, f"{MAXIMUM_DOCUMENT >> 20} MB")
    if _NEXT.search(held) or "," in held:
        raise _damage(f"It is cut off in line {line + held.rstrip().count(chr(10))}: what follows is missing.")


def _whole_document(text: str, at: int, line: int) -> tuple[list[Json] | Cells, int] | None:
    """The document that begins there, and where it ends; `None` where more of it has to come."""
    if len(text) - at > 4 * PIECE and sum(text.count(mark, at) for mark in ",[{") > MAXIMUM_VALUES:
        raise _too_large(line, f"{MAXIMUM_VALUES:,} values")
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        if text[at] in "[{" and (error.msg.startswith("Unterminated") or _UNFINISHED.fullmatch(text, error.pos)):
            return None
        line += text.count("\n", at, error.pos)
        if _COMMENT.match(text, error.pos):
            raise _damage(f"Line {line} has a comment, which JSON does not have: delete it.") from error
        raise _damage(f"Line {line}: {error.msg}, at {excerpt(text[error.pos : error.pos + 200])}.") from error
    except ValueError as error:
        name = excerpt(str(error))
        raise _damage(f"What begins in line {line} has the name {name} a second time, with another value.") from error
    except RecursionError as error:
        raise _too_deep(line) from error
    if not isinstance(value, list | dict):
        raise _damage(f"Line {line}: {excerpt(text[at:end])} stands where a list or object is due.")
    level: list[Json] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _values(outer)]
    if level:
        raise _too_deep(line)
    return value, end


def _values(value: Json) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, Json]]) -> Cells:
    cells: Cells = {}
    for name, value in pairs:
        cell = TypedCell(str(value).lower(), CellType.BOOLEAN) if isinstance(value, bool) else value
        cell = SURROGATE.sub("\ufffd", cell) if isinstance(cell, str) and SURROGATE.search(cell) else cell
        if cells.setdefault(SURROGATE.sub("\ufffd", name), cell) != cell:
            raise ValueError(name)
    return cells


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=lambda text: TypedCell(text, CellType.NUMBER),
    parse_float=lambda text: TypedCell(text, CellType.FRACTION),
    parse_constant=lambda text: None if text == "NaN" else TypedCell(text, CellType.FRACTION),
    strict=False,
)


def _too_large(line: int, most: str) -> UnreadableDeviceFile:
    return UnreadableDeviceFile(FileReason.JSON_TOO_LARGE, f"What begins in line {line} has more than {most}.")


def _too_deep(line: int) -> UnreadableDeviceFile:
    return _damage(f"What begins in line {line} has more than {DEEPEST} lists and objects in each other.")


def _damage(detail: str) -> UnreadableDeviceFile:
    return UnreadableDeviceFile(FileReason.JSON_UNREADABLE, detail)
