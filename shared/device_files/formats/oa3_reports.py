"""OA3.xml, the report of oa3tool: the hardware hash, with the product key id where there is one; no serial number."""

from collections.abc import Iterable, Iterator
from xml.parsers import expat

from shared.device_files.formats.decoding import MAXIMUM_LINE, clean
from shared.device_files.reasons import FileReason, UnreadableDeviceFile
from shared.device_files.rows import DeviceRow
from shared.device_files.tables.headers import Column, row_of

_DEEPEST = 64
_LARGEST_TOKEN = 4 * MAXIMUM_LINE
"""Bytes fed to the parser without an event: no tag or comment is longer."""

_FIELDS = {
    "hardwarehash": Column.HARDWARE_HASH,
    "productkeyid": Column.PRODUCT_KEY,
    "serialnumber": Column.SERIAL_NUMBER,
    "manufacturer": Column.MANUFACTURER,
    "model": Column.MODEL,
}
"""Elements that are read, in lower case. `ProductKey` is the key itself: a secret that no one needs here."""


def device_rows(texts: Iterable[str], prefix: str = "") -> Iterator[DeviceRow]:
    """A device row for each hardware hash of an XML text. Document types and entities are refused.

    Raises:
        UnreadableDeviceFile: it is no well-formed XML, or an element of it is longer than any hash.
    """
    reader = _Reader(prefix)
    is_start = True
    for text in texts:
        text = text.lstrip("\ufeff\x00 \t\r\n") if is_start else text  # noqa: PLW2901
        is_start = is_start and not text
        for offset in range(0, len(text), MAXIMUM_LINE):
            yield from reader.feed(text[offset : offset + MAXIMUM_LINE])
    yield from reader.finish()


class _Reader:
    """Collects the fields around each hash; the device ends with the element that holds its hash."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = self._ignored
        self._parser.ProcessingInstructionHandler = self._ignored
        self._parser.StartDoctypeDeclHandler = self._forbidden
        self._fed_since_event = 0
        self._path: list[str] = []
        self._fields: dict[Column, str] = {}
        self._current: list[str] | None = None
        self._length = 0
        self._device_depth: int | None = None
        self._rows: list[DeviceRow] = []

    def feed(self, text: str) -> Iterator[DeviceRow]:
        data = text.replace("\x00", "").encode("utf-8", "replace")
        self._fed_since_event += len(data)
        self._parse(data, is_final=False)
        if self._fed_since_event > _LARGEST_TOKEN:
            raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, f"{self._here()} has a tag that does not end.")
        yield from self._taken()

    def finish(self) -> Iterator[DeviceRow]:
        self._parse(b"", is_final=True)
        yield from self._taken()

    def _parse(self, data: bytes, *, is_final: bool) -> None:
        try:
            self._parser.Parse(data, is_final)
        except expat.ExpatError as error:
            raise UnreadableDeviceFile(FileReason.XML_UNREADABLE, f"{self._here()}: {error}.") from error

    def _taken(self) -> list[DeviceRow]:
        rows, self._rows = self._rows, []
        return rows

    def _here(self) -> str:
        return f"Line {self._parser.CurrentLineNumber}"

    def _start(self, name: str, _: object) -> None:
        self._fed_since_event = 0
        local = name.rpartition(":")[2].casefold()
        self._path.append(local)
        if len(self._path) > _DEEPEST:
            raise UnreadableDeviceFile(FileReason.XML_UNREADABLE, f"{self._here()} is nested deeper than {_DEEPEST}.")
        self._current = [] if local in _FIELDS else None
        self._length = 0

    def _text(self, text: str) -> None:
        self._fed_since_event = 0
        if self._current is not None:
            self._current.append(text)
            self._length += len(text)
            if self._length > MAXIMUM_LINE:
                detail = f"{self._here()} has an element of more than {MAXIMUM_LINE:,} characters."
                raise UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)

    def _end(self, _: str) -> None:
        self._fed_since_event = 0
        column = _FIELDS.get(self._path.pop())
        if column is not None and self._current is not None:
            if column is Column.HARDWARE_HASH:
                self._emit()
                self._device_depth = max(1, len(self._path))
            self._fields[column] = clean("".join(self._current))
        self._current = None
        if self._device_depth is not None and len(self._path) < self._device_depth:
            self._emit()

    def _emit(self) -> None:
        """The device whose hash was read, if there is one, ends here."""
        if self._device_depth is not None:
            self._rows.append(row_of(f"{self._prefix}line {self._parser.CurrentLineNumber}", self._fields))
            self._fields = {}
        self._device_depth = None

    def _ignored(self, *_: object) -> None:
        self._fed_since_event = 0

    def _forbidden(self, *_: object) -> None:
        raise UnreadableDeviceFile(FileReason.XML_UNREADABLE, "It has a document type, which is not read.")
