"""Writes CSV for spreadsheets: UTF-8, CRLF, and no cell that a spreadsheet would run as a formula. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter

from shared.device_files.csv_defusing import marked_as_text
from shared.storage.records import DeviceOutcome

CSV = "text/csv; charset=utf-8"

CSV_PIECE = 256 * 1024
"""Characters held in memory at a time."""

COLUMNS = (
    "row",
    "serial_number",
    "product_key",
    "manufacturer",
    "model",
    "outcome",
    "error_code",
    "batch_id",
    "tracking_id",
    "device_id",
    "order_number",
    "notes",
    "source",
    "error_description",
    "what_to_do",
)
"""Columns of results.csv, each a field of `DeviceOutcome`. Sentences come last: a split sentence shifts no cell."""

_cells = attrgetter(*COLUMNS[:-2])
_sentences = attrgetter(*COLUMNS[-2:])

_SPLITS = re.compile(r"[,;|^\s]+")


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


def results_csv(outcomes: Iterable[DeviceOutcome]) -> Iterator[bytes]:
    """results.csv in pieces, one line for each row."""
    return csv_text(
        COLUMNS,
        ((*map(str, _cells(outcome)), *map(in_one_cell, _sentences(outcome))) for outcome in outcomes),
    )


@lru_cache(maxsize=1_024)
def in_one_cell(sentence: str) -> str:
    """A sentence of the service without the separators at which a tool that removes quotes would split it."""
    return _SPLITS.sub(" ", sentence).strip()


def _emptied(text: io.StringIO) -> bytes:
    content = text.getvalue().encode("utf-8", "replace")
    text.seek(0)
    text.truncate()
    return content
