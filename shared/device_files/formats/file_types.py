"""What kind of file some bytes begin: told by the bytes alone, for names lie (a workbook named .csv is a workbook)."""

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum, auto
from typing import IO

from shared.device_files.formats.decoding import PIECE, detected_encoding
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
_EXPORT = "Export-Csv -NoTypeInformation -Encoding utf8"
_PICTURE = "a picture. Type the serial numbers into a CSV"
_PROGRAM = "a program"
_DATABASE = "a database. Export the devices as CSV"
_SHORTCUT = "a shortcut. Drop the file that it points to"
_MAIL = "a mail message or a web archive. Drop what it holds, as CSV or XLSX"
_WORD = "a Word document. Save its table as XLSX or CSV"
_SLIDES = "a PowerPoint presentation"
_CABINET = "a cabinet archive, as of MdmDiagnosticsTool. Run `expand FILE.cab -F:*.csv .` and drop the CSV"

_NAMED_BY_MARK = (
    (b"%PDF-", "a PDF document. Ask for the list that it was made of, as CSV or XLSX"),
    (b"{\\rtf", "a rich text document. Save it as plain text, and drop that as .csv"),
    *((mark, _PICTURE) for mark in (b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")),
    *((mark, _PROGRAM) for mark in (b"MZ\x90\x00", b"\x7fELF")),
    *((mark, _DATABASE) for mark in (b"SQLite format 3", b"\x00\x01\x00\x00Standard ")),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh91AY&SY", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"MSCF\x00\x00\x00\x00", _CABINET),
    (b"MSWIM\x00\x00\x00", "a Windows image or provisioning package"),
    (b"\x09\x08\x10\x00", "a workbook of Excel 4 or older. Save it as XLSX"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", _SHORTCUT),
    (b"ElfFile\x00", "an event log"),
    (b"\x00\x05\x16\x07", "a file that macOS keeps beside another. Drop that one"),
)
_XML_START = r"(?:<\?xml[^>]*>\s*)?(?:<!--(?:[^-]|-(?!->))*-->\s*)*"
_MAIL_START = (
    r"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?"
    r"(?:MIME-Version:|Message-ID:|Received:\s+(?:from\s+\S+\s+\(|by\s+\S+\s+(?:with|via)\s))"
)
_NAMED_BY_TEXT = (
    (
        _XML_START + r"<(?:!doctype\s+html|html|head|body|table)\b",
        f"a web page, whatever its name. Save it as XLSX in Excel, or use {_EXPORT} in place of ConvertTo-Html",
    ),
    (
        _XML_START + r"(?:<\?mso-application[^>]*>\s*)?<(?:\w+:)?Workbook\b",
        "an XML spreadsheet of Excel 2003. Open it in Excel and save it as XLSX",
    ),
    (_MAIL_START, _MAIL),
    (r"\[InternetShortcut\]", _SHORTCUT),
    (r"Windows Registry Editor Version|REGEDIT4", "an export of the registry"),
    (r"-----BEGIN ", "a certificate or key"),
)
_NO_DEVICES_BY_TEXT = (
    (rf"#< CLIXML|{_XML_START}<Objs\b", f"a PowerShell object (Export-Clixml). Write it with {_EXPORT}"),
    (
        r'(?:#TYPE [^\n]*\n)?"?ClassId2e4f51ef21dd47e99d3c952918aff9cd',
        f"what Format-Table or Format-List draws. Leave that out and pipe the devices to {_EXPORT}",
    ),
    (
        r"<#(?:PSScriptInfo|\s)|#requires\s|\[CmdletBinding|param\s*\(|@echo\s+o(?:n|ff)\b",
        "a script, not what it writes. Run it on the device, as in `Get-WindowsAutopilotInfo -OutputFile devices.csv`",
    ),
)
_BY_TEXT = tuple(
    (re.compile(pattern, re.IGNORECASE), called, reason)
    for reason, kinds in ((FileReason.UNKNOWN_FORMAT, _NAMED_BY_TEXT), (FileReason.NOT_DEVICES, _NO_DEVICES_BY_TEXT))
    for pattern, called in kinds
)
_NAMED_BY_MEMBER = (
    ("xl/workbook.bin", "a binary workbook (.xlsb). Save it as XLSX"),
    ("word/document.xml", _WORD),
    ("ppt/presentation.xml", _SLIDES),
    ("mimetype", "an OpenDocument file. Save it as XLSX or CSV"),
    ("index/document.iwa", "an Apple Numbers document. Export it as CSV or Excel"),
    ("meta-inf/manifest.mf", "a Java archive"),
)
_WORKBOOK_MEMBER = re.compile(r"xl/workbook[0-9]*\.xml")
_NAMED_BY_STREAM = (("__properties_version1.0", _MAIL), ("WordDocument", _WORD), ("PowerPoint Document", _SLIDES))
_LOCKED_STREAM, *_WORKBOOK_STREAMS = "EncryptedPackage", "Workbook", "Book"
_OLE_STREAM = re.compile(
    b"|".join(
        re.escape(name.encode("utf-16-le")) for name in (*dict(_NAMED_BY_STREAM), _LOCKED_STREAM, *_WORKBOOK_STREAMS)
    )
)
_LONGEST_OLE_NAME = 64

_KEEPS_DEVICES = re.compile(
    r".*\.(?:csv|tsv|tab|txt|json|jsonl|ndjson|(?:cli)?xml|xls[xmb]?|od[st]|numbers|docx?|rtf|pdf|msg|eml|zip|gz|7z|rar|"
    r"tar|tgz)",
    re.IGNORECASE | re.DOTALL,
)
"""Names under which lists of devices are kept, also those of kinds that are not read."""

_TAR_MARK_AT = 257
_XML = re.compile(r"<(?:\?xml|!--|[A-Za-z_][\w:.-]*(?:\s+[\w:.-]+\s*=|\s*/?>(?! *[,;\t|])))")
"""Unlike a line of a template, such as `<serial number>,<product key>`."""
_JSON = re.compile(r'\{\s*(?:"|\}|$)|\[\s*(?:[\[{\]]|$|(?:null|true|false|-?\d[-+.\deE]*|"(?:[^"\\]|\\.)*")\s*,)')
_HARMLESS = re.compile(r"[\x00\t-\r\x1a\x1b]")
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
    for mark, called in _NAMED_BY_MARK:
        if start.startswith(mark):
            raise _named(called)
    if start[_TAR_MARK_AT:].startswith(b"ustar"):
        raise _named("a tar archive")
    if start.startswith(b"\0\0\0") and start[4:8] == b"ftyp":
        raise _named(_PICTURE)
    return _kind_of_text(start[:START_BYTES])


def is_workbook(members: Iterable[str]) -> bool:
    """Whether an archive of these members is a workbook.

    Raises:
        UnreadableDeviceFile: it is another kind of document.
    """
    names = {name.replace("\\", "/").casefold() for name in members}
    for name, called in _NAMED_BY_MEMBER:
        if name in names:
            raise _named(called)
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
    for name, called in _NAMED_BY_STREAM:
        if name in found and (called is _MAIL or not has_workbook):
            raise _named(called)
    if not has_workbook:
        raise _named("an Office document of the old form, but no workbook")


def may_hold_devices(name: str) -> bool:
    """Whether lists of devices are kept under such a name, in whatever kind of file."""
    return _KEEPS_DEVICES.fullmatch(name) is not None


def _named(called: str, reason: FileReason = FileReason.UNKNOWN_FORMAT) -> UnreadableDeviceFile:
    return UnreadableDeviceFile(reason, f"It is {called}.")


def _kind_of_text(start: bytes) -> Kind:
    encoding = detected_encoding(start)
    text = start.decode(encoding, "replace")
    if _is_no_text(text, encoding):
        raise _named("no text, nor any other kind of file that is known")
    text = text.lstrip(_BLANK_START).replace("\r\n", "\n")
    for pattern, called, reason in _BY_TEXT:
        if pattern.match(text):
            raise _named(called, reason)
    if _XML.match(text):
        return Kind.XML
    return Kind.JSON if _JSON.match(text) else Kind.TABLE


def _is_no_text(text: str, encoding: str) -> bool:
    """Whether too many characters are none that a text has. In a code page that is not known, some always are."""
    strange = sum(unicodedata.category(character) in _NO_TEXT for character in _HARMLESS.sub("", text))
    if encoding != "utf-8":
        strange += text.rstrip("\ufffd").count("\ufffd")
    return strange > _MOST_STRANGE * len(text.replace("\x00", ""))
