"""Items whose values have names, such as JSON objects, to device rows."""

from collections.abc import Collection, Iterator, Mapping

from shared.device_files.account import FileAccount
from shared.device_files.cells import clean
from shared.device_files.formats.parts import Items
from shared.device_files.rows import Column, DeviceRow
from shared.device_files.tables.fields import Fields, fields_of, may_be_another_device
from shared.device_files.tables.header_names import column_named, meaning_again
from shared.device_files.tables.headers import item_header
from shared.device_files.tables.realignment import is_in_place
from shared.reasons import FileNote, RowReason

_NOT_SENT = (None, Column.ASSIGNED_USER, Column.ORDER_NUMBER)


def item_rows(items: Items, account: FileAccount, prefix: str = "") -> Iterator[DeviceRow]:
    """A device row for each item."""
    for place, values in items:
        names, cells = tuple(values), tuple(values.values())
        source = f"{prefix}{place}"
        header = item_header(names, _named_once(values))
        fields = Fields() if header is None else fields_of(header, cells)
        if header is None or not (fields.hardware_hash or is_in_place(header, cells, len(cells), None)):
            yield DeviceRow(source, problem=RowReason.UNCLEAR_COLUMNS, cells=cells)
            continue
        told = zip(names, header.columns, cells, strict=True)
        if ignored := [name for name, column, cell in told if column in _NOT_SENT and cell]:
            account.note(FileNote.COLUMNS_IGNORED, *ignored)
        if may_be_another_device([clean(cell) for name, cell in values.items() if column_named(name) is None]):
            account.note(FileNote.MAY_HOLD_DEVICES, source)
        yield DeviceRow(source, *fields, header=header, cells=cells)


def _named_once(values: Mapping[str, str]) -> tuple[bool, ...]:
    """For each value of an item whether it is filled, and no other name of its meaning has the same."""
    first: dict[tuple[Column | None, str], str] = {}
    for name, cell in values.items():
        if text := clean(cell).casefold():
            first.setdefault((column_named(name), text), name)
    kept = {name for (_, text), name in first.items() if not _is_numbered(name, text, first)}
    return tuple(name in kept for name in values)


def _is_numbered(name: str, text: str, first: Collection[tuple[Column | None, str]]) -> bool:
    """Whether a name such as `serialNumber2` has the value that is there without the number."""
    column = meaning_again(name)
    return column is not None and (column, text) in first
