"""Which customers' registered devices were not seen for longer than the reconciliation promises."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.listing import batches_of
from shared.storage.inventories import CustomerInventory
from shared.storage.record_table import log_unreadable

SEEN_WITHIN = timedelta(days=7)
"""Every registered device is to be seen again within this time."""

MOST_BATCHES = 20_000
"""Batches among which the customers with batches are found."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A customer some of whose registered devices were not seen for too long."""

    customer_id: str
    since: datetime
    """When all of them had been seen last, or were asked for first."""


def unseen_customers(readings: Iterable[CustomerInventory], now: datetime) -> list[Unseen]:
    """The customers with such devices, of those that were read; those seen longest ago first. Pure."""
    late = [Unseen(each.customer_id, each.all_seen_at) for each in readings if now - each.all_seen_at > SEEN_WITHIN]
    return sorted(late, key=lambda unseen: unseen.since)


def unseen_devices(pipeline: Pipeline, customer_id: str) -> int:
    """How many devices of the customer were not seen for too long, as far as their number is known."""
    now = pipeline.clock()
    late = (
        batch
        for batch in batches_of(pipeline, customer_id)
        if batch.read_at is None or now - batch.read_at > SEEN_WITHIN
    )
    return sum(batch.devices if batch.read_at is not None else batch.listed_devices or 0 for batch in late)


def customers_never_asked_for(pipeline: Pipeline, readings: Iterable[CustomerInventory]) -> int:
    """How many customers have batches that the app knows, but none of all readings: nobody asked for their devices."""
    return len(customers_with_batches(pipeline) - {reading.customer_id for reading in readings})


def customers_with_batches(pipeline: Pipeline) -> set[str]:
    """The customers that have batches at the service, as far as the app knows."""
    return {batch.customer_id for batch in pipeline.journal.batches.known(MOST_BATCHES, log_unreadable)}
