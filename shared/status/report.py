"""report.html: one file as one page that loads nothing else, so that it can be mailed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby, islice

from msgspec.structs import replace

from shared.pipeline.composition import Pipeline
from shared.status import queries
from shared.status.page.pages import parts_of_file
from shared.status.page.rendering import rendered
from shared.status.page.static_files import STATIC
from shared.status.schemas import FileDetails, OutcomeView
from shared.storage.records import DeviceFile
from shared.vocabulary import Outcome, ProfileOutcome, Remedy

NAME = "report.html"

MOST_ROWS = 1_000
"""Rows that are shown; a page of more is slow to open and to print. The rest stand in results.csv."""

SHOWN: Sequence[Mapping[str, str]] = (
    *({"outcome": outcome} for outcome in (Outcome.FAILED, Outcome.REJECTED, Outcome.UNKNOWN, Outcome.CANCELLED)),
    {"outcome": Outcome.ALREADY_REGISTERED, "remedy": Remedy.ASK},
)
"""The rows that need attention, by the properties of their outcomes."""

WITHOUT_PROFILE: Sequence[Mapping[str, str]] = tuple(
    {"profile_outcome": outcome} for outcome in ProfileOutcome if outcome.is_missing
)
"""Those whose devices lack their profile, in a file that has some."""


def report_html(pipeline: Pipeline, record: DeviceFile) -> str:
    """The report of a file as it is now."""
    details = queries.details(pipeline, record)
    shown = rows_that_need_attention(pipeline, record)
    # The page may be mailed to the customer: it names no other one.
    return report_page(details, [replace(row, registered_by="") for row in shown], pipeline.clock())


def report_page(details: FileDetails, rows: Sequence[OutcomeView], made_at: datetime) -> str:
    """The page. `rows` are those that need attention, or the first of them where there are too many."""
    return rendered(
        "report.html",
        {
            "style": (STATIC / "status.css").read_text(encoding="utf-8"),
            **parts_of_file(details),
            "rows": rows,
            "rows_left_out": max(0, _to_show(details) - len(rows)) if len(rows) >= MOST_ROWS else 0,
            "made_at": made_at,
        },
    )


def _to_show(details: FileDetails) -> int:
    return details.file.rows_left + details.file.registered_later + details.file.without_profile


def rows_that_need_attention(pipeline: Pipeline, record: DeviceFile, most: int = MOST_ROWS) -> list[OutcomeView]:
    """The first rows of a file that need attention, in the order of the file."""
    total = (record.closed_counts or record.read_counts).total
    if not total:
        return []
    outcomes = pipeline.journal.outcomes
    shown = (*SHOWN, *(WITHOUT_PROFILE if record.without_profile else ()))
    found = (outcomes.where(record.reading_id, wanted, 1, total, most) for wanted in shown)
    by_row = groupby(merge(*found, key=lambda outcome: outcome.row), key=lambda outcome: outcome.row)
    first = islice((next(same) for _, same in by_row), most)
    return queries.outcome_views(pipeline, record, list(first))
