"""The requests that reading registered devices, and the names of their profiles, may send in a day (UTC)."""

from contextlib import suppress

from msgspec.structs import replace

from shared.pipeline.composition import Pipeline
from shared.storage.inventories import RequestBudget
from shared.storage.record_table import Conflict

_TRIES = 5


def requests_left(pipeline: Pipeline) -> int:
    """How many requests are left today; none or less when all are spent."""
    stored = pipeline.journal.inventories.budget(pipeline.clock().date())
    spent = 0 if stored is None else stored.record.requests
    return pipeline.settings.devices_requests_per_day - spent


def spend(pipeline: Pipeline, requests: int) -> None:
    """Count requests; several workers count at the same time."""
    day = pipeline.clock().date()
    for _ in range(_TRIES):
        stored = pipeline.journal.inventories.budget(day)
        known = RequestBudget(day=day.isoformat()) if stored is None else stored.record
        with suppress(Conflict):
            pipeline.journal.inventories.change_budget(stored, replace(known, requests=known.requests + requests))
            return
