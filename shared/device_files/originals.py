"""The rows of a device file with their cells as they stand, in step with its reading: for rows that are sent back.

Row numbers are those of `read_device_file`: both go through the same readers, whatever kind of file it is.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from shared.device_files.formats import containers
from shared.device_files.formats import oa3_reports as oa3
from shared.device_files.formats.decoding import clean
from shared.device_files.hardware_hash.verification import starts_as_hash
from shared.device_files.reasons import RowReason
from shared.device_files.rows import DeviceRow
from shared.device_files.tables import headers as columns
from shared.device_files.tables.headers import ABSENT, Column, Header, column_named
from shared.device_files.tables.realignment import Fields, fields_of, realigned
from shared.device_files.tables.table import LONGEST_PREAMBLE, Table, names_and_values

STANDARD_NAMES: Mapping[Column, str] = {
    Column.SERIAL_NUMBER: "Device Serial Number",
    Column.PRODUCT_KEY: "Windows Product ID",
    Column.HARDWARE_HASH: "Hardware Hash",
    Column.MANUFACTURER: "Manufacturer name",
    Column.MODEL: "Device model",
    Column.GROUP_TAG: "Group Tag",
    Column.ASSIGNED_USER: "Assigned User",
}
"""The names of the Partner Center template, and of Intune for what that does not have."""

_LAYOUTS = (
    columns.WITHOUT_HEADER_FOR_PARTNERS,
    columns.WITHOUT_HEADER,
    columns.IDENTIFIERS_WITHOUT_HEADER,
    columns.HASH_ALONE,
)
"""What the columns of a row without a header may be; the first that explains a row is taken."""


class Original(Struct, frozen=True):
    """One row as it stands in its file."""

    row: int
    """Its number, as in `CheckedRow`."""
    source: str
    names: tuple[str, ...] = ()
    """The header that holds for it. A standard one where its columns are known without; else empty."""
    meanings: tuple[Column | None, ...] = ()
    """What each name means here."""
    cells: tuple[str, ...] | None = None
    """There may be more or fewer than names; `None` for a member or sheet that could not be read as rows."""


class _RowWithCells(DeviceRow, frozen=True):
    """A device row that still has its cells."""

    names: tuple[str, ...] = ()
    meanings: tuple[Column | None, ...] = ()
    cells: tuple[str, ...] = ()


def originals(open_file: Callable[[], Iterable[bytes]], name: str) -> Iterator[Original]:
    """Every row of a device file as it stands, read as a stream.

    The cells of a table are given as they were split and decoded, those of XML as they were read, with standard names.

    Raises:
        UnreadableDeviceFile: as reading does.
    """
    for number, row in enumerate(containers.device_rows(open_file, name, _READERS), start=1):
        if isinstance(row, _RowWithCells):
            yield Original(number, row.source, row.names, row.meanings, row.cells)
        else:
            yield Original(number, row.source)


def _table_rows(records: Iterable[tuple[int, Sequence[str]]], prefix: str = "") -> Iterator[DeviceRow]:
    table = Table(prefix)
    header, names = table.header, tuple[str, ...]()
    latest: deque[tuple[int, Sequence[str]]] = deque(maxlen=LONGEST_PREAMBLE + 1)
    for number, cells in records:
        latest.append((number, cells))
        rows = table.read(number, cells)
        if table.header is not header:
            header, names = table.header, tuple(cells)
        if len(rows) == 1:
            yield _row_with_cells(rows[0], cells, header, names, is_report=table.is_report)
        else:
            # A device without a header also tells what some of the lines before it were.
            waiting = {f"line {number}": cells for number, cells in latest}
            for row in rows:
                yield _row_with_cells(row, waiting[row.source.removeprefix(prefix)], None, (), is_report=False)


def _row_with_cells(
    row: DeviceRow, cells: Sequence[str], header: Header | None, names: tuple[str, ...], *, is_report: bool
) -> DeviceRow:
    if is_report:
        report_names, values = names_and_values(cells)
        report = columns.recognised(report_names) if report_names else None
        if report is not None:
            return _with_cells(row, tuple(report_names), report.columns, values)
    if header is not None:
        return _with_cells(row, names, header.columns, cells)
    layout = _layout_of(row, cells)
    meanings = () if layout is None else layout.columns
    return _with_cells(row, tuple(STANDARD_NAMES[column] for column in meanings if column is not None), meanings, cells)


def _layout_of(row: DeviceRow, cells: Sequence[str]) -> Header | None:
    """The columns by which a row without a header was read, or `None` where each cell was recognised by itself."""
    if row.problem is RowReason.UNCLEAR_COLUMNS:
        return None
    fields = Fields(row.serial_number, row.product_key, row.hardware_hash, row.manufacturer, row.model, row.group_tag)
    hash_at = next((place for place, cell in enumerate(cells) if starts_as_hash(cell)), ABSENT)
    for layout in _LAYOUTS:
        if hash_at in (ABSENT, layout.place(Column.HARDWARE_HASH)) and _explains(layout, cells, fields, row.problem):
            return layout
    return None


def _explains(layout: Header, cells: Sequence[str], fields: Fields, problem: RowReason | None) -> bool:
    below = fields_of(layout, cells)
    if problem is RowReason.SHIFTED_CELLS:
        return fields == structs.replace(below, hardware_hash="")
    return fields in (below, realigned(layout, cells))


def _with_cells(
    row: DeviceRow, names: tuple[str, ...], meanings: tuple[Column | None, ...], cells: Sequence[str]
) -> DeviceRow:
    return _RowWithCells(**structs.asdict(row), names=names, meanings=meanings, cells=tuple(cells))


def _json_row(item: Mapping[str, object], source: str) -> DeviceRow:
    """An object's names and values. Of several names of one column, the first with a text means it, as in reading."""
    known: dict[Column, str] = {}
    for is_filled in (True, False):
        for name, value in item.items():
            column = column_named(name)
            if column is not None and _is_text(value) and bool(clean(str(value or ""))) is is_filled:
                known.setdefault(column, name)
    meant = {name: column for column, name in known.items()}
    names = [name for name, value in item.items() if name in meant or value not in (None, "")]
    return _RowWithCells(
        source=source,
        names=tuple(names),
        meanings=tuple(map(meant.get, names)),
        cells=tuple(_json_text(item[name]) for name in names),
    )


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _json_text(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _xml_rows(texts: Iterable[str], prefix: str = "") -> Iterator[DeviceRow]:
    layout = columns.WITHOUT_HEADER_FOR_PARTNERS.columns
    names = tuple(STANDARD_NAMES[column] for column in layout if column is not None)
    for row in oa3.device_rows(texts, prefix):
        cells = (row.serial_number, row.product_key, row.hardware_hash, row.manufacturer, row.model)
        yield _with_cells(row, names, layout, cells)


_READERS = containers.Readers(read_table=_table_rows, make_json_row=_json_row, read_xml=_xml_rows)
