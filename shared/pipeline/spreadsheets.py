"""CSV as people open it in a spreadsheet: UTF-8, CRLF, and no cell that the spreadsheet would run. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from shared.device_files.formats.decoding import marked_as_text

CSV = "text/csv; charset=utf-8"

CSV_PIECE = 256 * 1024
"""Characters that are held at a time."""


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[bytes]:
    """A header and rows in pieces of bounded size."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(map(marked_as_text, row))
        if text.tell() > CSV_PIECE:
            yield _emptied(text)
    yield _emptied(text)


def _emptied(text: io.StringIO) -> bytes:
    content = text.getvalue().encode("utf-8", "replace")
    text.seek(0)
    text.truncate()
    return content
