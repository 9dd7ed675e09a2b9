"""Writes CSV for spreadsheets: UTF-8 with a byte order mark, CRLF, and no cell that a spreadsheet would run. Pure."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    "moved_from",
    "profile",
    "profile_outcome",
    "profile_reason",
    "profile_what_to_do",
    "error_description",
    "what_to_do",
)
"""Columns of results.csv, each a field of `DeviceOutcome`. Sentences come last: a split sentence shifts no cell."""

_SENTENCES = 3

_cells = attrgetter(*COLUMNS[:-_SENTENCES])
_sentences = attrgetter(*COLUMNS[-_SENTENCES:])

_MARK = "\ufeff"
"""The byte order mark, without which Excel reads UTF-8 in the machine's code page."""

_SPLITS = re.compile(r"[,;|^\s]+")


def csv_text(
    table: Iterable[Iterable[str]], delimiter: str = ",", safe_cell: Callable[[str], str] = marked_as_text
) -> Iterator[bytes]:
    """A table, its header first, in pieces of bounded size; each cell as `safe_cell` makes it."""
    text = io.StringIO(newline="")
    text.write(_MARK)
    writer = csv.writer(text, delimiter=delimiter)
    for row in table:
        writer.writerow(map(safe_cell, row))
        if text.tell() > CSV_PIECE:
            yield _emptied(text)
    yield _emptied(text)


def results_csv(outcomes: Iterable[DeviceOutcome], delimiter: str) -> Iterator[bytes]:
    """results.csv in pieces, one line for each row."""
    return csv_text(results_table(outcomes), delimiter)


def results_table(outcomes: Iterable[DeviceOutcome]) -> Iterator[Sequence[str]]:
    """The cells of results.csv and results.xlsx: the header, and a row for each outcome."""
    yield COLUMNS
    for outcome in outcomes:
        yield *map(str, _cells(outcome)), *map(in_one_cell, _sentences(outcome))


@lru_cache(maxsize=1_024)
def in_one_cell(sentence: str) -> str:
    """A sentence of the service without the separators at which a tool that removes quotes would split it."""
    return _SPLITS.sub(" ", sentence).strip()


def _emptied(text: io.StringIO) -> bytes:
    content = text.getvalue().encode("utf-8", "replace")
    text.seek(0)
    text.truncate()
    return content
