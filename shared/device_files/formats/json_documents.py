"""JSON and JSON lines: objects with the field names of the Partner Center API, one device each, in bounded memory."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from shared.device_files.formats.decoding import MAXIMUM_LINE, NumberCell, clean
from shared.device_files.reasons import FileReason, UnreadableDeviceFile
from shared.device_files.rows import DeviceRow
from shared.device_files.tables.headers import Column, column_named, row_of

_BETWEEN_ITEMS = re.compile(r"[\s,\[\]\ufeff\x00\x1a]+")
_START_OF_LIST = re.compile(r'"[^"\\]{1,64}"\s*:\s*\[(?=\s*\{)')
_END_OF_LIST = re.compile(r"[\s,]*\]")
_WRAPPER_CHARACTERS = 4096
"""A list inside an object begins within so many characters."""


def row_of_item(item: Mapping[str, object], source: str) -> DeviceRow:
    """The device row of one object."""
    fields: dict[Column, str] = {}
    for name, value in item.items():
        column = column_named(name)
        if column is not None and isinstance(value, str) and not fields.get(column):
            is_number = column is Column.SERIAL_NUMBER and isinstance(value, NumberCell)
            fields[column] = value if is_number else clean(value)
    return row_of(source, fields)


def device_rows(
    texts: Iterable[str], prefix: str = "", make_row: Callable[[Mapping[str, object], str], DeviceRow] = row_of_item
) -> Iterator[DeviceRow]:
    """A device row for each object: of an array, of one a line, or of a list inside one object (`{"value": [...]}`).

    Raises:
        UnreadableDeviceFile: it is no JSON, an item is no object, or an object is longer than `MAXIMUM_LINE`.
    """
    for number, item in enumerate(_items(_Window(texts)), start=1):
        yield make_row(item, f"{prefix}item {number}")


class _Window:
    """The part of a long text that is looked at: always at least one item ahead, never much more."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = iter(texts)
        self._text = ""
        self._at = 0

    def goes_to_item(self, *, in_list: bool) -> bool:
        """Skip what stands between items; whether there is another. `in_list`: a list's end is the end of all."""
        self._fill()
        while self._at < len(self._text):
            if in_list and _END_OF_LIST.match(self._text, self._at):
                return False
            between = _BETWEEN_ITEMS.match(self._text, self._at)
            if between is None:
                return True
            self._at = between.end()
            self._fill()
        return False

    def take(self, decoder: json.JSONDecoder) -> object:
        """The item that begins here, or `None` when it does not end in sight."""
        try:
            item, end = decoder.raw_decode(self._text, self._at)
        except (ValueError, RecursionError):
            return None
        if end - self._at > MAXIMUM_LINE:
            return None
        self._at = end
        return item

    def enters_list(self) -> bool:
        """Go into the list that the object beginning here holds; whether there is one."""
        found = _START_OF_LIST.search(self._text, self._at, self._at + _WRAPPER_CHARACTERS)
        self._at = found.end() if found else self._at
        return found is not None

    @property
    def holds_the_rest(self) -> bool:
        """Whether the text ends in sight."""
        return len(self._text) - self._at <= MAXIMUM_LINE

    def _fill(self) -> None:
        """Read on until a whole item is in sight or the text ends."""
        if not self.holds_the_rest:
            return
        parts = [self._text[self._at :]]
        length = len(parts[0])
        while length <= MAXIMUM_LINE and (more := next(self._texts, None)) is not None:
            parts.append(more)
            length += len(more)
        self._text, self._at = "".join(parts), 0


def _items(window: _Window) -> Iterator[dict[str, object]]:
    decoder = json.JSONDecoder(parse_int=NumberCell, parse_float=str, parse_constant=str, strict=False)
    count = 0
    in_list = False
    while window.goes_to_item(in_list=in_list):
        item = window.take(decoder)
        if item is None:
            if count or not window.enters_list():
                raise _damage(count + 1, window)
            in_list = True
        elif not isinstance(item, dict):
            raise UnreadableDeviceFile(FileReason.JSON_UNREADABLE, f"Item {count + 1} is no object.")
        else:
            for device in _devices_of(item):
                count += 1
                yield device


def _damage(number: int, window: _Window) -> UnreadableDeviceFile:
    if window.holds_the_rest:
        return UnreadableDeviceFile(FileReason.JSON_UNREADABLE, f"Item {number} is damaged.")
    detail = f"Item {number} does not end within {MAXIMUM_LINE:,} characters."
    return UnreadableDeviceFile(FileReason.LINE_TOO_LONG, detail)


def _devices_of(item: dict[str, object]) -> Sequence[dict[str, object]]:
    """The object itself, or the devices of the only list of objects in an object that is no device."""
    if any(column_named(name) is not None for name in item):
        return [item]
    lists = [value for value in item.values() if isinstance(value, list) and value]
    objects = [value for value in lists if all(isinstance(device, dict) for device in value)]
    return objects[0] if len(objects) == 1 else [item]
