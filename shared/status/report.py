"""report.html: one file as one page that loads nothing else, so that it can be mailed."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice

from shared.pipeline.composition import Pipeline
from shared.status import queries
from shared.status.page.bars import not_registered
from shared.status.page.pages import parts_of_file
from shared.status.page.rendering import rendered
from shared.status.page.static_files import STATIC
from shared.status.presenters import outcome_view
from shared.status.schemas import FileDetails, OutcomeView
from shared.storage.records import DeviceFile, DeviceOutcome
from shared.vocabulary import Outcome

NAME = "report.html"

MOST_ROWS = 1_000
"""Rows that are shown; a page of more is slow to open and to print. The rest stand in results.csv."""

SHOWN = (Outcome.FAILED, Outcome.REJECTED, Outcome.UNKNOWN)
"""The outcomes that need attention."""


def report_html(pipeline: Pipeline, record: DeviceFile) -> str:
    """The report of a file as it is now."""
    details = queries.details(pipeline, record)
    rows = _rows_that_need_attention(pipeline, record.reading_id, details.file.counts.total)
    return report_page(details, [outcome_view(row) for row in rows], pipeline.clock())


def report_page(details: FileDetails, rows: Sequence[OutcomeView], made_at: datetime) -> str:
    """The page. `rows` are those that need attention, or the first of them where there are too many."""
    return rendered(
        "report.html",
        {
            "style": (STATIC / "status.css").read_text(encoding="utf-8"),
            **parts_of_file(details),
            "rows": rows,
            "rows_left_out": max(0, not_registered(details.file.counts) - len(rows)),
            "made_at": made_at,
        },
    )


def _rows_that_need_attention(pipeline: Pipeline, reading_id: str, total: int) -> Iterator[DeviceOutcome]:
    """The first rows that need attention, in the order of the file."""
    if not total:
        return iter(())
    found = (
        pipeline.journal.outcomes.where(reading_id, {"outcome": outcome}, 1, total, MOST_ROWS) for outcome in SHOWN
    )
    return islice(merge(*found, key=lambda outcome: outcome.row), MOST_ROWS)
