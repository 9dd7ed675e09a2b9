"""Writes tables as workbooks in which every cell is text, so that a spreadsheet changes none of them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from tempfile import TemporaryDirectory, TemporaryFile

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MOST_ROWS = 100_000
"""Rows of a file that are written as a workbook on request: as many take five seconds of CPU."""

PIECE = 256 * 1024
"""Bytes."""

_WIDTH = 18
"""Of a column, in characters."""
_NOT_IN_XML = re.compile("[\x00-\x08\x0e-\x1f\ufffe\uffff]")


def workbook(table: Iterable[Sequence[str]], made_at: datetime) -> Iterator[bytes]:
    """A workbook of one sheet in pieces, its first row the header; the same table and time give the same bytes.

    Rows wait in a temporary file, so that memory does not grow with their number. No cell is a formula or a number,
    and texts typed into the first million rows of a column stay texts.
    """
    # It takes 0.1 s to load, and few requests need it.
    from xlsxwriter.workbook import Workbook  # noqa: PLC0415

    with TemporaryDirectory() as folder, TemporaryFile() as file:
        book = Workbook(file, {"constant_memory": True, "tmpdir": folder})
        book.set_properties({"created": made_at.astimezone(UTC).replace(tzinfo=None)})
        as_text, as_name = (book.add_format({"num_format": "@", "bold": is_bold}) for is_bold in (False, True))
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for row, cells in enumerate(table):
            if row == 0:
                sheet.set_column(0, len(cells) - 1, _WIDTH, as_text)
            for column, cell in enumerate(cells):
                if cell:
                    sheet.write_string(row, column, _in_xml(cell), as_text if row else as_name)
        book.close()
        file.seek(0)
        yield from iter(partial(file.read, PIECE), b"")


def _in_xml(cell: str) -> str:
    """A cell without what no workbook can hold."""
    if cell.isascii() and cell.isprintable():
        return cell
    return _NOT_IN_XML.sub("", cell).encode("utf-8", "replace").decode()
