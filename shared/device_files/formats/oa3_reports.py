"""OA3.xml, the report of oa3tool: a Key with its hardware hash, with its product key id, or both."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from sys import getsizeof
from xml.etree.ElementTree import Element, ParseError, XMLParser

from shared.device_files.account import FileAccount, excerpt
from shared.device_files.cells import clean
from shared.device_files.formats.decoding import MAXIMUM_LINE, decoded
from shared.reasons import FileReason, PassedOverKind, UnreadableDeviceFile

MAXIMUM_DOCUMENT = 12 * 1024 * 1024
"""Bytes of memory for the text of a file: some 3,000 devices with hashes."""
MAXIMUM_ELEMENTS = 200_000
"""Tags, attributes, entities and line ends of a file: each takes more memory than its text."""
_DEEPEST = 32

_HASH, _KEY_ID = "hardwarehash", "productkeyid"
_COLUMNS = {
    _HASH: "Hardware Hash",
    _KEY_ID: "Windows Product ID",
    "serialnumber": "Device Serial Number",
    "manufacturer": "Manufacturer name",
    "model": "Device model",
}
"""Elements and attributes that are read, in lower case, and the names of their columns in a template."""
_OF_THE_KEY = frozenset({"productkey", "productkeystate", "productkeypartnumber"})
"""What a report says of the product key. `ProductKey` is the key itself: a secret that is never given on."""
_SECRET = re.compile(r"\b(?:[A-Z0-9]{5}-){4}[A-Z0-9]{5}\b", re.IGNORECASE)

_DOCUMENT_TYPE = re.compile("<!doctype", re.IGNORECASE)
_DECLARATION = re.compile(r"<\?xml\s[^<>]*>")
_PADDING = str.maketrans("", "", "\x00\x1a\ufeff")
_EXPORT = "Write it with Export-Csv -NoTypeInformation -Encoding utf8 instead."
_NO_REPORTS = {
    "Objs": f"It is a PowerShell object (Export-Clixml). {_EXPORT}",
    "Objects": f"It is a PowerShell object (ConvertTo-Xml). {_EXPORT}",
    "unattend": "It is an answer file of Windows Setup (unattend.xml).",
}
"""XML that is dropped by mistake, by its outermost element."""


def items(chunks: Iterable[bytes], account: FileAccount, prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each device of an XML text as `Key 1` and so on, and its values by the names of a template's columns.

    A device is an element that a hardware hash or product key id stands right in, and a Key that anything of a device
    stands in. Several reports may follow each other. `prefix` stands before the places of what is passed over.

    Raises:
        UnreadableDeviceFile: it is damaged, cut off, too large, or has a document type; an element is longer than a
            device; it cannot be told which values belong together; or it is no report.
    """
    text = _whole(decoded(chunks, account))
    reports = _parsed(text)
    for line, comment in _comments(text):
        account.pass_over(PassedOverKind.COMMENT, f"{prefix}line {line}", _SECRET.sub("…", comment))
    count = 0
    for element in _parts(reports):
        if _is_device(element):
            count += 1
            yield f"Key {count}", _cells(element, f"Key {count}")
            continue
        for name, text in filter(itemgetter(1), _own_values(element)):
            shown = "" if name.casefold() in _OF_THE_KEY else _SECRET.sub("…", text)
            account.pass_over(PassedOverKind.BESIDE_THE_LIST, f"{prefix}<{_local(element.tag)}> {name}", shown)
    if not count:
        raise _refusal(reports)


def _whole(texts: Iterable[str]) -> str:
    """The text without what is no part of a document. Line ends stay, so that lines have their numbers."""
    whole, elements = "", 0
    for text in texts:
        whole += text.translate(_PADDING)
        elements += sum(map(text.count, "<=&\n"))
        if getsizeof(whole) > MAXIMUM_DOCUMENT or elements > MAXIMUM_ELEMENTS:
            detail = f"It has more than {MAXIMUM_DOCUMENT >> 20} MB or {MAXIMUM_ELEMENTS:,} tags, attributes and lines."
            raise UnreadableDeviceFile(FileReason.XML_TOO_LARGE, detail)
    if _DOCUMENT_TYPE.search(whole):
        raise UnreadableDeviceFile(FileReason.XML_UNREADABLE, "It has a document type, which is not read.")
    return _DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), whole)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """The comments of a text that was parsed, each with its line."""
    line, at = 1, 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        line += text.count("\n", at, start)
        yield line, text[start + len("<!--") : end]
        line += text.count("\n", start, end)
        at = end


def _parsed(text: str) -> Element:
    """All reports of a file, in an element of ours."""
    parser = XMLParser()  # noqa: S314  A document type, and so any entity, is refused before.
    try:
        parser.feed(f"<files>{text}")
    except ParseError as error:
        raise _damage(f"Line {error.position[0]}: {str(error).partition(':')[0]}.") from error
    try:
        parser.feed("</files>")
        reports: Element = parser.close()
    except ParseError as error:
        raise _damage(f"It is cut off in line {error.position[0]}: what follows is missing.") from error
    level = [reports]
    for _ in range(_DEEPEST):
        level = [child for element in level for child in element]
    if level:
        raise _damage(f"It has more than {_DEEPEST} elements in each other.")
    if outside := _text(reports):
        raise _damage(f"It has {excerpt(outside)} outside of all elements.")
    return reports


def _parts(element: Element) -> Iterator[Element]:
    """An element and those in it, each before its own; a device has what stands in it for itself."""
    yield element
    if not _is_device(element):
        for child in element:
            yield from _parts(child)


def _is_key(element: Element) -> bool:
    return _local(element.tag).casefold() == "key"


def _is_device(element: Element) -> bool:
    if _is_key(element):
        return any(name.casefold() in _COLUMNS.keys() | _OF_THE_KEY for name, _ in _values(element))
    return not {_HASH, _KEY_ID}.isdisjoint(name.casefold() for name, _ in _own_values(element))


def _cells(element: Element, place: str) -> dict[str, str]:
    inner = (part for part in element.iter() if part is not element and (_is_key(part) or not _is_key(element)))
    if any(map(_is_device, inner)):
        raise _damage(f"Another device stands in {place}, and which values belong together is unclear.")
    cells: dict[str, str] = {}
    for name, text in _values(element):
        column = _COLUMNS.get(name.casefold(), name)
        before = cells.get(column, "")
        if name.casefold() in _OF_THE_KEY:
            continue
        if column == name:
            cells[column] = "; ".join(filter(None, (before, _SECRET.sub("…", text))))
        elif before and text and before != text:
            raise _damage(f"{place} has several values of {name}, and which values belong together is unclear.")
        else:
            cells[column] = before or text
        if sum(map(len, cells.values())) > MAXIMUM_LINE:
            raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, f"{place} has more than {MAXIMUM_LINE:,} characters.")
    return cells


def _values(element: Element) -> Iterator[tuple[str, str]]:
    """The names and texts of everything in an element."""
    return chain.from_iterable(map(_own_values, element.iter()))


def _own_values(element: Element) -> Iterator[tuple[str, str]]:
    """The names and texts of what stands right in an element: attributes, and elements that hold no others.

    Also `<Property Name="Model">840</Property>`, `<Model Value="840"/>`, `<Name>Model</Name><Value>840</Value>`.
    """
    values = [
        (child.get("Name") or _local(child.tag), child.get("Value") or _text(child))
        for child in element
        if not len(child)
    ]
    values += [(_local(name), text) for name, text in element.items() if len(element) or name not in ("Name", "Value")]
    named = dict(values)
    if named.keys() >= {"Name", "Value"}:
        values = [(named["Name"], named["Value"]), *(value for value in values if value[0] not in ("Name", "Value"))]
    if len(element):
        values.append((_local(element.tag), _text(element)))
    yield from ((name, clean(text)) for name, text in values if text or name.casefold() in _COLUMNS)


def _text(element: Element) -> str:
    return clean("".join((element.text or "", *(child.tail or "" for child in element))))


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def _refusal(reports: Element) -> UnreadableDeviceFile:
    """Why a file without a device is none of a report."""
    if not len(reports):
        return _damage("It has no element.")
    root = _local(reports[0].tag)
    if root.casefold() in ("key", "keys"):
        return UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, "No Key of it has a HardwareHash or a ProductKeyID.")
    other = f"Its outermost element is <{excerpt(root)}>, and no HardwareHash or ProductKeyID stands in it."
    return UnreadableDeviceFile(FileReason.NOT_DEVICES, _NO_REPORTS.get(root, other))


def _damage(detail: str) -> UnreadableDeviceFile:
    return UnreadableDeviceFile(FileReason.XML_UNREADABLE, detail)
