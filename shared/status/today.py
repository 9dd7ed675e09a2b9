"""The totals of the files that were received today, for the head of the list."""

from collections.abc import Iterable
from itertools import islice

from msgspec.structs import replace

from shared.pipeline.closing.registered_later import registered_later
from shared.pipeline.composition import Pipeline
from shared.status.presenters import listed_file_view
from shared.status.queries import EVERY_FILE, FileFilter, customer_names
from shared.status.registered_devices import drift_notices
from shared.status.schemas import DayTotals, FilePage, FileView
from shared.storage.record_table import log_unreadable
from shared.vocabulary import FileOrder

MOST_FILES_COUNTED = 2_000
"""Files of a day that are added up: two queries."""


def with_today(pipeline: Pipeline, found: FilePage, wanted: FileFilter, cursor: str | None) -> FilePage:
    """The page of the list with the totals of the day, and with drift, where it is the first of all files."""
    if cursor is not None or wanted != EVERY_FILE:
        return found
    drift = drift_notices(pipeline, customer_names(pipeline)) if pipeline.settings.reconcile else []
    return replace(found, today=totals_of_today(pipeline), drift=drift)


def totals_of_today(pipeline: Pipeline) -> DayTotals:
    """The totals of the day (UTC) so far."""
    day = pipeline.clock().date()
    final = list(islice(pipeline.journal.files.final_of_day(day, log_unreadable), MOST_FILES_COUNTED + 1))
    views = [
        listed_file_view(listing, registered_later=later.all, fixed_later=later.fixed)
        for listing in final[:MOST_FILES_COUNTED]
        for later in [registered_later(pipeline.journal.files, listing)]
    ]
    still_open = pipeline.journal.files.still_open(log_unreadable)
    in_progress = sum(mention.received_at.date() == day for mention in still_open)
    return _totals(views, in_progress, is_cut_short=len(final) > MOST_FILES_COUNTED)


def _totals(files: Iterable[FileView], in_progress: int, *, is_cut_short: bool) -> DayTotals:
    """Each device is newly registered in one file alone; a row that a later file registered is not missing. Pure."""
    views = list(files)
    return DayTotals(
        files=len(views) + in_progress,
        in_progress=in_progress,
        need_attention=sum(view.needs_attention for view in views),
        newly_registered=sum(view.counts.registered for view in views),
        not_registered=sum(max(0, view.rows_left) for view in views if view.order is FileOrder.REGISTER),
        is_cut_short=is_cut_short,
    )
