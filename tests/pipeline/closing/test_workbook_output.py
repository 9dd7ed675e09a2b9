"""Workbooks of which every cell is text, read back by the reader of device files."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.pipeline.closing.workbook_output import workbook

MADE_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
_CELL = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}c"
_TEXT = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}t"


def written(table: Sequence[Sequence[str]]) -> bytes:
    return b"".join(workbook(table, MADE_AT))


def cells(data: bytes) -> list[tuple[str | None, str | None]]:
    """The type and the text of each cell of the sheet."""
    sheet = ET.fromstring(zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml"))
    return [(cell.get("t"), "".join(text.text or "" for text in cell.iter(_TEXT))) for cell in sheet.iter(_CELL)]


def test_every_cell_is_text_whatever_it_looks_like() -> None:
    row = ["0042", "1E5", "3305250000019123", "=1+1", "1-2", "TRUE", "https://example.com", "x" * 4_000]
    assert cells(written([row])) == [("inlineStr", cell) for cell in row]


def test_the_same_table_and_time_give_the_same_bytes() -> None:
    table = [["serial_number"], ["0042"]]
    assert written(table) == written(table)


def test_a_failure_of_the_table_half_way_is_raised() -> None:
    def table() -> Iterator[Sequence[str]]:
        yield ["serial_number"]
        raise LookupError

    pieces = workbook(table(), MADE_AT)
    with pytest.raises(LookupError):
        list(pieces)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_any_cells_make_a_workbook_that_can_be_read(row: list[str]) -> None:
    assert len(cells(written([row]))) <= len(row)


def test_memory_does_not_grow_with_the_rows() -> None:
    rows = 2_000
    tracemalloc.start()
    sizes = sum(map(len, workbook(([str(row), "T0" + "x" * 3_990] for row in range(rows)), MADE_AT)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sizes
    assert peak < rows * 2_000
