"""OA3.xml, the report of oa3tool: a Key with its hardware hash, with its product key id, or both."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from shared.device_files.account import FileAccount, PassedOverKind, excerpt
from shared.device_files.cells import clean
from shared.device_files.formats.decoding import MAXIMUM_LINE, decoded
from shared.device_files.reasons import FileReason, UnreadableDeviceFile

_DEEPEST = 64
MAXIMUM_ELEMENTS = 10_000_000
"""With their attributes: ten times the rows that a file may have."""
_LONGEST_TOKEN = 4 * MAXIMUM_LINE
"""Characters without an event of the parser: no tag or comment is longer."""

_HASH, _KEY_ID = "Hardware Hash", "Windows Product ID"
_FIELDS = {
    "hardwarehash": _HASH,
    "productkeyid": _KEY_ID,
    "serialnumber": "Device Serial Number",
    "manufacturer": "Manufacturer name",
    "model": "Device model",
}
"""Elements and attributes that are read, in lower case, and the names of their columns in a template."""
_OF_THE_KEY = frozenset({"productkey", "productkeystate", "productkeypartnumber"})
"""What a report says of the product key. `ProductKey` is the key itself: a secret that is never given on."""

_DOCUMENT_TYPE = re.compile("<!doctype", re.IGNORECASE)
_DECLARATION = re.compile(r"<\?xml\s[^>]*>")
_SECRET = re.compile(r"\b(?:[A-Z0-9]{5}-){4}[A-Z0-9]{5}\b", re.IGNORECASE)
"""A product key."""
_PADDING = str.maketrans("", "", "\x00\x1a\ufeff")
_EXPORT = "Write it with Export-Csv -NoTypeInformation -Encoding utf8 instead."
_NO_REPORTS = {
    "Objs": f"It is a PowerShell object (Export-Clixml). {_EXPORT}",
    "Objects": f"It is a PowerShell object (ConvertTo-Xml). {_EXPORT}",
    "unattend": "It is an answer file of Windows Setup (unattend.xml).",
}
"""XML that is dropped by mistake, by its outermost element."""


@dataclass(slots=True)
class _Element:
    """An element that is open, with what was read for it so far."""

    name: str
    line: int
    key: "_Element | None" = None
    """The Key that it is or stands in: what stands in it belongs to that. `None`: it is its own."""
    is_leaf: bool = True
    texts: list[str] = field(default_factory=list)
    label: str = ""
    """The name of the value that follows: `<Field><Name>SerialNumber</Name><Value>...`."""
    values: dict[str, str] = field(default_factory=dict)
    """Of a device, by the names of their columns."""
    others: dict[str, str] = field(default_factory=dict)
    """Values that have another name."""
    is_described: bool = False
    """It says something of a product key."""
    names: tuple[str, ...] | None = None
    """Those of the values of the device before, where it holds several."""
    length: int = 0

    @property
    def holder(self) -> "_Element":
        """Whose values those are that stand in it."""
        return self.key or self


def items(chunks: Iterable[bytes], account: FileAccount, prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    """Where each device of an XML text stands, and its values by the names of a template's columns.

    A device is a Key, or any other element that a hardware hash or product key id stands right in. Several reports may
    follow each other. `prefix` stands before the places of what is passed over. In bounded memory, however large it is.

    Raises:
        UnreadableDeviceFile: it is damaged, cut off, or has a document type; an element is longer than a device; it
            cannot be told which values belong together; or it is no report. What was sound before may have been given.
    """
    reader = _Reader(account, prefix)
    for text in decoded(chunks, account):
        reader.feed(text.translate(_PADDING))
        yield from reader.taken()
    reader.finish()
    yield from reader.taken()


class _Reader:
    """Gathers what stands in each element, and gives it when it ends. All reports of a file stand in one of ours."""

    def __init__(self, account: FileAccount, prefix: str) -> None:
        self._account = account
        self._prefix = prefix
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = self._parser.ProcessingInstructionHandler = self._event
        self._held = ""
        self._since_event = 0
        self._root = ""
        self._open = [_Element("", 1)]
        self._items: list[tuple[str, Mapping[str, str]]] = []
        self._count = 0
        self._elements = 0
        self._last_line = 0
        self._parser.Parse("<files>", False)  # noqa: FBT003
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def taken(self) -> list[tuple[str, Mapping[str, str]]]:
        items, self._items = self._items, []
        return items

    def feed(self, text: str) -> None:
        """Read on, as far as a tag ends."""
        whole, end, self._held = (self._held + text).rpartition(">")
        try:
            self._parse(whole + end)
        except expat.ExpatError as error:
            detail = f"Line {error.lineno}: {expat.ErrorString(error.code)}."
            raise UnreadableDeviceFile(FileReason.XML_UNREADABLE, detail) from error
        if max(self._since_event, len(self._held)) > _LONGEST_TOKEN:
            raise self._damage("a tag, comment or text that does not end", FileReason.LINE_TOO_LONG)

    def finish(self) -> None:
        """The file ends here."""
        try:
            self._parse(self._held)
            self._parser.EndElementHandler = None
            self._parser.Parse("</files>", True)  # noqa: FBT003
        except expat.ExpatError as error:
            after = f", after device {self._count}" if self._count else ""
            detail = f"It is cut off in line {error.lineno}{after}: what follows is missing."
            raise UnreadableDeviceFile(FileReason.XML_UNREADABLE, detail) from error
        self._close(self._open[0])
        if not self._count:
            raise self._refusal()

    def _parse(self, text: str) -> None:
        if _DOCUMENT_TYPE.search(text):
            raise UnreadableDeviceFile(FileReason.XML_UNREADABLE, "It has a document type, which is not read.")
        self._since_event += len(text)
        self._parser.Parse(_DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text), False)  # noqa: FBT003

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._event()
        name, parent = _local(tag), self._open[-1]
        self._root = self._root or name
        if name == "Objs":
            raise self._refusal()
        self._elements += 1 + len(attributes)
        if self._elements > MAXIMUM_ELEMENTS:
            raise UnreadableDeviceFile(FileReason.XML_TOO_LARGE, f"It has more than {MAXIMUM_ELEMENTS:,} elements.")
        if len(self._open) > _DEEPEST:
            raise self._damage(f"elements in more than {_DEEPEST} others")
        parent.is_leaf = False
        element = _Element(name, self._parser.CurrentLineNumber, parent.key)
        if name.casefold() == "key":
            element.key = element
        self._open.append(element)
        for attribute, text in attributes.items():
            if attribute.casefold() == "value":
                element.texts.append(text)
            elif attribute.casefold() == "name" and text.casefold() in _FIELDS:
                element.name = text
            elif not attribute.startswith(("xml", "xsi")):
                self._add(element.holder, _local(attribute), clean(text))

    def _text(self, text: str) -> None:
        self._event()
        if text.strip():
            if len(self._open) == 1:
                raise self._damage(f"{excerpt(text)} outside of all elements")
            self._open[-1].texts.append(text)
            self._grow(self._open[-1], text)

    def _end(self, _: str) -> None:
        self._event()
        if len(self._open) == 1:
            raise self._damage("a tag that ends nothing")
        element = self._open.pop()
        parent, name = self._open[-1], element.name.casefold()
        text = clean("".join(element.texts))
        if name == "name" and element.is_leaf:
            parent.label = text
        elif name == "value" and parent.label:
            self._add(parent.holder, parent.label, text)
            parent.label = ""
        elif text or name in _FIELDS:
            self._add(parent.holder, element.name, text)
        if element.label:
            self._add(element.holder, "Name", element.label)
        self._close(element)

    def _add(self, element: _Element, name: str, text: str) -> None:
        """Keep a value that stands in an element. One that it has already begins the next device."""
        column = _FIELDS.get(name.casefold())
        if name.casefold() in _OF_THE_KEY:
            element.is_described = True
        elif column is None:
            self._add_other(element, name, _SECRET.sub("…", text))
        elif text and element.values.get(column, text) not in ("", text):
            self._close(element)
            self._add(element, name, text)
        else:
            element.values[column] = text or element.values.get(column, "")
            self._grow(element, text)

    def _add_other(self, element: _Element, name: str, text: str) -> None:
        if element.key is None and element.length + len(text) > MAXIMUM_LINE:
            self._pass_over(element, name, text)
        else:
            element.others[name] = f"{element.others[name]}; {text}" if name in element.others else text
            self._grow(element, name + text)

    def _close(self, element: _Element) -> None:
        """Give what was read for an element as a device, or pass it over."""
        names, before = tuple(element.values), element.names
        is_device = _is_device(element, names)
        if names and before not in (None, names) and (is_device or _is_device(element, before or ())):
            raise self._damage(f"several devices in one <{element.name}>, and which values belong together is unclear")
        if is_device:
            self._count += 1
            place = f"line {element.line}" + (f" device {self._count}" if element.line == self._last_line else "")
            self._last_line = element.line
            self._items.append((place, element.others | element.values))
        else:
            for name, text in (element.others | element.values).items():
                self._pass_over(element, name, text)
        element.names = names or before
        element.values, element.others, element.is_described, element.length = {}, {}, False, 0

    def _pass_over(self, element: _Element, name: str, text: str) -> None:
        place = f"{self._prefix}line {element.line} {name}"
        self._account.pass_over(PassedOverKind.BESIDE_THE_LIST, place, text)

    def _event(self, *_: object) -> None:
        self._since_event = 0

    def _grow(self, element: _Element, text: str) -> None:
        element.length += len(text)
        if element.length > MAXIMUM_LINE:
            raise self._damage(f"an element of more than {MAXIMUM_LINE:,} characters", FileReason.LINE_TOO_LONG)

    def _damage(self, what: str, reason: FileReason = FileReason.XML_UNREADABLE) -> UnreadableDeviceFile:
        return UnreadableDeviceFile(reason, f"Line {self._parser.CurrentLineNumber} has {what}.")

    def _refusal(self) -> UnreadableDeviceFile:
        """Why a file without a device is none of a report."""
        if not self._root:
            return UnreadableDeviceFile(FileReason.XML_UNREADABLE, "It has no element.")
        if self._root.casefold() in ("key", "keys"):
            return UnreadableDeviceFile(FileReason.NO_DEVICE_ROWS, "No Key of it has a HardwareHash or a ProductKeyID.")
        other = f"Its outermost element is <{excerpt(self._root)}>, and no HardwareHash or ProductKeyID stands in it."
        return UnreadableDeviceFile(FileReason.NOT_DEVICES, _NO_REPORTS.get(self._root, other))


def _is_device(element: _Element, names: tuple[str, ...]) -> bool:
    """Whether an element with values of these names is a device."""
    is_of_key = element.key is element and (bool(names) or element.is_described)
    return is_of_key or _HASH in names or _KEY_ID in names


def _local(name: str) -> str:
    """A name without its namespace's prefix."""
    return name.rpartition(":")[2]
