"""Whether the reconciliation sees every registered device again within the time that it promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.pipeline.health.finding import CheckedApp, Finding, not_seen_from_here, warning, well
from shared.pipeline.human_acts import subject_of_customer
from shared.pipeline.inventory.unseen import (
    SEEN_WITHIN,
    customers_never_asked_for,
    unseen_customers,
    unseen_devices,
)
from shared.pipeline.sweep_record import last_sweep
from shared.vocabulary import counted

MOST_NAMED = 5
"""Customers that a finding names, those that were seen longest ago first."""

CURE = (
    "Raise RECONCILE_REQUESTS, and DEVICES_REQUESTS_PER_DAY if that is the lower one. Where a reading failed, the "
    "customer's page of registered devices says why: docs/registered-devices.md, Drift."
)


@dataclass(frozen=True, slots=True)
class UnseenCustomer:
    """A customer with devices that were not seen for too long, by its name."""

    name: str
    devices: int
    since: datetime


def reconciliation(app: CheckedApp) -> Finding:
    """Whether registered devices of some customer were not seen for too long, where the app reconciles them."""
    pipeline = app.pipeline
    record = last_sweep(pipeline.private)
    told = None if record is None else record.settings.get("RECONCILE")
    is_on = pipeline.settings.reconcile if app.knows_settings else None if told is None else told == "true"
    if is_on is None:
        return not_seen_from_here("Whether registered devices are reconciled")
    if not is_on:
        return well("Registered devices are not reconciled (RECONCILE).")
    readings = [stored.record for stored in pipeline.journal.inventories.all()]
    late = unseen_customers(readings, pipeline.clock())
    named = [
        UnseenCustomer(
            subject_of_customer(pipeline, each.customer_id).name,
            unseen_devices(pipeline, each.customer_id),
            each.since,
        )
        for each in late[:MOST_NAMED]
    ]
    return reconciliation_finding(named, len(late), customers_never_asked_for(pipeline, readings))


def reconciliation_finding(named: Sequence[UnseenCustomer], late: int, never_asked_for: int) -> Finding:
    """The finding for so many customers with devices not seen for too long, of which some are named. Pure."""
    waiting = f" {counted(never_asked_for, 'customer')} will be read for the first time." if never_asked_for else ""
    days = SEEN_WITHIN.days
    if not late:
        return well(f"All registered devices were seen within the last {days} days.{waiting}")
    told = [f"{each.name} ({counted(each.devices, 'device')}, since {each.since:%Y-%m-%d %H:%M} UTC)" for each in named]
    more = [f"{late - len(named):,} more"] if late > len(named) else []
    return warning(
        f"Registered devices of {counted(late, 'customer')} were not seen for more than {days} days: "
        f"{', '.join([*told, *more])}.{waiting}",
        CURE,
    )
