"""Items whose values have names, such as JSON objects, to device rows."""

from collections.abc import Iterator

from shared.device_files.account import FileAccount
from shared.device_files.cells import clean
from shared.device_files.formats.parts import Items
from shared.device_files.rows import Column, DeviceRow
from shared.device_files.tables.fields import Fields, fields_of
from shared.device_files.tables.header_names import column_named
from shared.device_files.tables.headers import item_header
from shared.device_files.tables.realignment import is_in_place
from shared.reasons import FileNote, RowReason

_NOT_SENT = (None, Column.ASSIGNED_USER, Column.ORDER_NUMBER)


def item_rows(items: Items, account: FileAccount, prefix: str = "") -> Iterator[DeviceRow]:
    """A device row for each item."""
    for place, values in items:
        names, cells = tuple(values), tuple(values.values())
        source = f"{prefix}{place}"
        # What one value is called twice is named once.
        named: dict[tuple[Column | None, str], str] = {}
        for name, cell in values.items():
            if text := clean(cell).casefold():
                named.setdefault((column_named(name), text), name)
        header = item_header(names, tuple(map(set(named.values()).__contains__, names)))
        fields = Fields() if header is None else fields_of(header, cells)
        if header is None or not (fields.hardware_hash or is_in_place(header, cells, len(cells), None)):
            yield DeviceRow(source, problem=RowReason.UNCLEAR_COLUMNS, cells=cells)
            continue
        told = zip(names, header.columns, cells, strict=True)
        if ignored := [name for name, column, cell in told if column in _NOT_SENT and cell]:
            account.note(FileNote.COLUMNS_IGNORED, *ignored)
        yield DeviceRow(source, *fields, header=header, cells=cells)
