"""What kind of file some bytes begin: told by the bytes alone, for names lie (a workbook named .csv is a workbook)."""

import re
from enum import Enum, auto

from shared.device_files.formats.decoding import detected_encoding
from shared.device_files.reasons import FileReason, UnreadableDeviceFile

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
_NAMED_BY_MARK = (
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "a rich text document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF87a", "a picture"),
    (b"GIF89a", "a picture"),
    (b"MZ\x90\x00", "a program"),
    (b"\x7fELF", "a program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"MSCF\x00\x00\x00\x00", "a cabinet archive"),
    (b"SQLite format 3", "a database"),
    (b"\x09\x08\x10\x00", "a workbook of Excel 4 or older"),
)
_NAMED_BY_TEXT = (
    (re.compile(r"<(?:!doctype\s+html|html|head|body|table)\b", re.IGNORECASE), "a web page"),
    (
        re.compile(r"<(?:\?xml[^>]*>\s*)?(?:<\?mso-application[^>]*>\s*)?<?Workbook\b"),
        "an XML spreadsheet of Excel 2003",
    ),
    (re.compile(r"#< CLIXML"), "a PowerShell object"),
    (re.compile(r"-----BEGIN "), "a certificate or key"),
)
_TAR_MARK_AT = 257
_XML = re.compile(r"<(?:\?xml|!--|[A-Za-z_][\w:.-]*[\s/>])")
_JSON = re.compile(r'\{\s*(?:"|\}|$)|\[\s*(?:[\[{\]]|$)')
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x19\x1c-\x1f]")
_MOST_CONTROL = 0.05
"""Text with a greater share of control characters is none."""
_BLANK_START = "\ufeff\x00 \t\r\n"


def kind_of(start: bytes) -> Kind:
    """The kind of the file that begins with `start`.

    Raises:
        UnreadableDeviceFile: a kind that is not read, which the message names.
    """
    for mark, kind in _READ_BY_MARK:
        if start.startswith(mark):
            return kind
    for mark, called in _NAMED_BY_MARK:
        if start.startswith(mark):
            raise unknown(called)
    if start[_TAR_MARK_AT:].startswith(b"ustar"):
        raise unknown("a tar archive")
    text = start[:START_BYTES].decode(detected_encoding(start), "replace").lstrip(_BLANK_START)
    for pattern, called in _NAMED_BY_TEXT:
        if pattern.match(text):
            raise unknown(called)
    if len(_CONTROL.findall(text)) > _MOST_CONTROL * len(text):
        raise unknown("no text, nor any other kind of file that is known")
    if _XML.match(text):
        return Kind.XML
    return Kind.JSON if _JSON.match(text) else Kind.TABLE


def unknown(called: str) -> UnreadableDeviceFile:
    """The refusal of a kind of file, by its name."""
    return UnreadableDeviceFile(FileReason.UNKNOWN_FORMAT, f"It is {called}.")
