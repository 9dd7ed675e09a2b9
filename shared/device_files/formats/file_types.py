"""What kind of file some bytes begin: told by the bytes alone, for names lie (a workbook named .csv is a workbook)."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import IO

from shared.device_files.formats.decoding import PIECE
from shared.device_files.formats.encoding_changes import (
    Encoding,
    detected_encoding,
    plain_change,
    read_wide,
    strange_byte,
)
from shared.reasons import FileReason, UnreadableDeviceFile

START_BYTES = 4096
"""So many bytes are enough to tell."""


class Kind(Enum):
    """The kinds of files that are read."""

    TABLE = auto()
    JSON = auto()
    XML = auto()
    ZIP = auto()
    """An archive or a workbook; its members tell."""
    GZIP = auto()
    OLE = auto()
    """An old workbook, or one with a password."""


_READ_BY_MARK = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"\x1f\x8b", Kind.GZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLE),
)


class NoList(UnreadableDeviceFile):
    """It is of a kind that nobody keeps devices in: a picture, a program, an event log."""


def _listed(told_by: str) -> list[tuple[str, Callable[[], UnreadableDeviceFile]]]:
    """The kinds of files that are not read: a pattern or name, and the refusal."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as table:
        return [
            (
                entry["pattern"],
                partial(
                    UnreadableDeviceFile if entry["keeps_lists"] == "yes" else NoList,
                    FileReason(entry["reason"]),
                    f"It is {entry['kind']}.",
                ),
            )
            for entry in csv.DictReader(table)
            if entry["told_by"] == told_by
        ]


_BY_BYTES = [(re.compile(mark.encode()), refusal) for mark, refusal in _listed("bytes")]
_BY_TEXT = [(re.compile(text, re.IGNORECASE), refusal) for text, refusal in _listed("text")]
_BY_MEMBER, _BY_STREAM = _listed("member"), _listed("stream")
_XML_PROLOG = re.compile(r"(?:<\?(?:xml|mso-application)\b[^>]*>\s*|<!--(?:[^-]|-(?!->))*-->\s*)*")
_WORKBOOK_MEMBER = re.compile(r"xl/workbook[0-9]*\.xml")
_LOCKED_STREAM, _MAIL_STREAM, *_WORKBOOK_STREAMS = "EncryptedPackage", "__properties_version1.0", "Workbook", "Book"
_OLE_STREAM = re.compile(
    b"|".join(
        re.escape(name.encode("utf-16-le"))
        for name in (_LOCKED_STREAM, *_WORKBOOK_STREAMS, *(name for name, _ in _BY_STREAM))
    )
)
_LONGEST_OLE_NAME = 64

_REPORT = re.compile(
    r"(?:.*[/\\])?(?:MDMDiagReport\.(?:xml|html)|Autopilot(?:DDSZTD|Configuration)File\.json|MdmDiagLogMetadata\.json)",
    re.IGNORECASE | re.DOTALL,
)
"""What MdmDiagnosticsTool puts into its archive beside the one file that holds the device."""
_LOG = re.compile(r".*(?:_Output\.txt|\.log|\.etl)", re.IGNORECASE | re.DOTALL)

_XML = re.compile(r"<(?:\?xml|!--|!(?i:doctype)\b|[A-Za-z_][\w:.-]*(?:\s+[\w:.-]+\s*=|\s*/?>(?! *[,;\t|])))")
"""Unlike a line of a template, such as `<serial number>,<product key>`."""
_JSON = re.compile(r'\{\s*(?:"|\}|$)|\[\s*(?:[\[{\]]|$|(?:null|true|false|-?\d[-+.\deE]*|"(?:[^"\\]|\\.)*")\s*,)')
_HARMLESS = re.compile(r"[\x00\t-\r\x1a\x1b -~]+")
_NO_TEXT = ("Cc", "Cn", "Co", "Cs")
"""Control characters, and what no letter has been given to."""
_MOST_STRANGE = 0.05
"""Text with a greater share of strange characters is none."""
_BLANK_START = "\ufeff\x00 \t\r\n"


def kind_of(start: bytes) -> Kind:
    """The kind of the file that begins with `start`.

    Raises:
        UnreadableDeviceFile: a kind that is not read; the message names it and says what helps.
    """
    for mark, kind in _READ_BY_MARK:
        if start.startswith(mark):
            return kind
    for pattern, refusal in _BY_BYTES:
        if pattern.match(start):
            raise refusal()
    return _kind_of_text(start[:START_BYTES])


def is_workbook(members: Iterable[str]) -> bool:
    """Whether an archive of these members is a workbook.

    Raises:
        UnreadableDeviceFile: it is another kind of document.
    """
    names = {name.replace("\\", "/").casefold() for name in members}
    for name, refusal in _BY_MEMBER:
        if name in names:
            raise refusal()
    return any(map(_WORKBOOK_MEMBER.fullmatch, names))


def check_old_workbook(file: IO[bytes]) -> None:
    """Tell an old workbook by the names of its streams.

    Raises:
        UnreadableDeviceFile: it is locked, or another kind of document.
    """
    file.seek(0)
    found: set[str] = set()
    before = b""
    while piece := file.read(PIECE):
        found.update(name.decode("utf-16-le") for name in _OLE_STREAM.findall(before + piece))
        before = piece[-_LONGEST_OLE_NAME:]
    if _LOCKED_STREAM in found:
        raise UnreadableDeviceFile(FileReason.WORKBOOK_LOCKED)
    has_workbook = not found.isdisjoint(_WORKBOOK_STREAMS)
    for name, refusal in _BY_STREAM:
        if name in found and (name == _MAIL_STREAM or not has_workbook):
            raise refusal()
    if not has_workbook:
        detail = "It is an Office document of the old form, but no workbook."
        raise UnreadableDeviceFile(FileReason.UNKNOWN_FORMAT, detail)


def is_report(name: str) -> bool:
    """Whether a member of an archive is a known report on a PC, which holds no list of devices."""
    return _REPORT.fullmatch(name) is not None


def is_log(name: str) -> bool:
    """Whether a member of an archive has the name of a log: of lines in it, only those that name a device matter."""
    return _LOG.fullmatch(name) is not None


def _kind_of_text(start: bytes) -> Kind:
    encoding = detected_encoding(start)
    strange = strange_byte(start) if encoding is Encoding.UTF_8 else read_wide(start, encoding, is_end=False)[2]
    change = None if strange is None else plain_change(start, strange, encoding)
    text = (start[: change[0]] if change else start).decode(encoding, "replace")
    if _is_no_text(text, encoding):
        detail = "It is no text, nor any other kind of file that is known."
        raise UnreadableDeviceFile(FileReason.UNKNOWN_FORMAT, detail)
    text = text.lstrip(_BLANK_START).replace("\r\n", "\n")
    begins = _XML_PROLOG.match(text)
    for pattern, refusal in _BY_TEXT:
        if pattern.match(text, begins.end() if begins else 0):
            raise refusal()
    if _XML.match(text):
        return Kind.XML
    return Kind.JSON if _JSON.match(text) else Kind.TABLE


def _is_no_text(text: str, encoding: str) -> bool:
    """Whether too many characters are none that a text has. In a code page that is not known, some always are."""
    strange = sum(unicodedata.category(character) in _NO_TEXT for character in _HARMLESS.sub("", text))
    if encoding != "utf-8":
        strange += text.rstrip("\ufffd").count("\ufffd")
    return strange > _MOST_STRANGE * len(text.replace("\x00", ""))
