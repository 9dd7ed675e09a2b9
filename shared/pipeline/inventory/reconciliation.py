"""Reconciles what is registered with what the app did, each night: what somebody else did is told, never repaired.

The timer asks for the customers that were read longest ago, as far as a night's requests go. Each reading of a batch
enters how it changed since the reading before. When a reading has ended, the sweep decides by the journal which of the
changes the app made itself; the others are drift, of which Partner Center's audit records may tell who did it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain

from msgspec.structs import replace

from shared.partner_center.audit_records import AuditRecord, DeviceOperation
from shared.partner_center.errors import PartnerCenterError
from shared.partner_center.service_text import service_text
from shared.pipeline.closing.event_formats import event_text
from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.changes import drift_in
from shared.pipeline.inventory.drift_events import drift_event
from shared.pipeline.inventory.listing import batches_of
from shared.pipeline.inventory.open_work import (
    has_waited_enough,
    is_awaited,
    may_explain,
    rows_of_open_files,
    work_in_progress,
)
from shared.pipeline.inventory.reading import DEVICES_ON_A_PAGE, ask_for_devices
from shared.pipeline.inventory.unseen import SEEN_WITHIN, customers_with_batches
from shared.pipeline.log_fields import of_error
from shared.pipeline.submissions.circuit_breaker import circuit_breaker_of, why_held
from shared.pipeline.submissions.registered_elsewhere import Registration, Registrations, rows_of_each
from shared.storage.inventories import CustomerInventory, DeviceChange, Drift
from shared.storage.record_table import Conflict, Stored
from shared.storage.wakeups import DriftWakeUp
from shared.telemetry import present_step
from shared.vocabulary import FileOrder, Outcome

logger = logging.getLogger(__name__)

READ_LATELY = timedelta(hours=20)
"""Customers that were read within this time are not read in the same night."""

MOST_CHANGES_AT_ONCE = 2_000
"""Changes of one customer that one sweep decides on."""

MOST_DRIFT_FORGOTTEN = 500

LISTED_WITHIN = timedelta(days=1)
"""How much later than a verdict the service may list a device, or list it no longer."""

_THERE = frozenset({Outcome.REGISTERED, Outcome.ALREADY_REGISTERED})

LONGEST_WHO = 200

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer that may be read this night."""

    customer_id: str
    read_at: datetime | None
    requests: int
    """About how many requests its reading takes."""


def reconcile(pipeline: Pipeline) -> int:
    """Ask for the devices of the customers that are due; how many customers. Nothing, unless the setting says so."""
    if not pipeline.settings.reconcile:
        return 0
    now = pipeline.clock()
    candidates = _candidates(pipeline, now)
    chosen = choose(candidates, pipeline.settings.reconcile_requests)
    late = [each for each in candidates if each.read_at is None or now - each.read_at > SEEN_WITHIN]
    for each in chosen:
        ask_for_devices(pipeline, each.customer_id)
    fields = {"customers": len(candidates), "read": len(chosen), "not_seen_within_7_days": len(late)}
    if len(late) > len(chosen):
        logger.warning(
            "Registered devices are not all seen again within 7 days: raise RECONCILE_REQUESTS", extra=fields
        )
    else:
        logger.info("The registered devices of some customers are read", extra=fields)
    return len(chosen)


def choose(candidates: Iterable[Candidate], requests: int) -> list[Candidate]:
    """The customers to read with so many requests, those read longest ago first, and at least one. Pure."""
    chosen: list[Candidate] = []
    for each in sorted(candidates, key=lambda one: one.read_at or _NEVER):
        if chosen and each.requests > requests:
            break
        chosen.append(each)
        requests -= each.requests
    return chosen


def _candidates(pipeline: Pipeline, now: datetime) -> list[Candidate]:
    """Every customer with a batch that the app knows, unless it is being read or was read lately."""
    known = {stored.record.customer_id: stored.record for stored in pipeline.journal.inventories.all()}
    ids = customers_with_batches(pipeline) | known.keys()
    due = (known.get(each, CustomerInventory(customer_id=each, asked_at=now)) for each in sorted(ids))
    return [
        Candidate(reading.customer_id, reading.read_at, _requests_of(pipeline, reading.customer_id))
        for reading in due
        if not reading.is_in_progress and (reading.read_at is None or now - reading.read_at >= READ_LATELY)
    ]


def _requests_of(pipeline: Pipeline, customer_id: str) -> int:
    return 1 + sum(1 + batch.devices // DEVICES_ON_A_PAGE for batch in batches_of(pipeline, customer_id))


def tell_drift(pipeline: Pipeline, stored: Stored[CustomerInventory]) -> int:
    """Decide on the changes that a reading has entered, and tell what drifted; how many devices. For the sweep.

    It waits while work that may explain a change is in progress, or the reading, but no longer than `LONGEST_WAIT`.
    """
    reading, inventories = stored.record, pipeline.journal.inventories
    before = pipeline.clock() - pipeline.settings.retention
    if reading.drifted_at is not None and reading.drifted_at < before:
        inventories.forget_drift_before(reading.customer_id, before, MOST_DRIFT_FORGOTTEN)
    if not reading.changes or _is_claimed(reading, pipeline.clock()):
        return 0
    changes = inventories.changes(reading.customer_id, MOST_CHANGES_AT_ONCE)
    if _is_too_early(pipeline, reading, changes):
        return 0
    drift = list(drift_in(changes, _ours(pipeline, reading.customer_id, changes)))
    if drift:
        drift = _with_who(pipeline, reading.customer_id, drift)
        inventories.enter_drift(drift)
        _announce(pipeline, reading.customer_id, drift)
    is_all = len(changes) < MOST_CHANGES_AT_ONCE
    decided = replace(reading, changes=0 if is_all else max(reading.changes - len(changes), 1))
    if drift:
        decided = replace(decided, drifted_at=pipeline.clock(), drifted=len(drift))
    try:
        inventories.change(stored, decided)
    except Conflict:  # the next sweep decides the same once more
        return 0
    inventories.delete_changes(changes)
    return len(drift)


def _announce(pipeline: Pipeline, customer_id: str, drift: Sequence[Drift]) -> None:
    """Tell of drift by an event and the webhook; repeated after a crash, the event has the same id."""
    logger.warning(
        "Registered devices were changed by somebody else",
        extra={"customer_id": customer_id, "devices": len(drift)},
    )
    if pipeline.settings.webhook is not None:
        pipeline.wakeups.send(DriftWakeUp(customer_id=customer_id))
    pipeline.events.send(event_text(drift_event(customer_id, drift, pipeline.settings)))


def _is_claimed(reading: CustomerInventory, now: datetime) -> bool:
    """Whether a worker is reading now, which would lose its claim by a change of the record."""
    return reading.claimed_until is not None and reading.claimed_until > now


def _is_too_early(pipeline: Pipeline, reading: CustomerInventory, changes: Sequence[DeviceChange]) -> bool:
    """Whether to decide later: a moved device may yet be read in its new batch, or work in progress may explain it."""
    now = pipeline.clock()
    if reading.is_in_progress:
        return not has_waited_enough(changes, now)
    return is_awaited(changes, work_in_progress(pipeline, reading.customer_id), now)


def _ours(pipeline: Pipeline, customer_id: str, changes: Sequence[DeviceChange]) -> set[str]:
    """The ids of the changes that the app made, or may have made, by the journal."""
    registrations = Registrations(pipeline.journal, keep_claim=lambda: None)
    # Read the open files first: a file that is closed meanwhile is in the index.
    still_open = list(rows_of_open_files(pipeline, customer_id, changes))
    of_open = rows_of_each(changes, still_open)
    of_closed = registrations.rows_of_several(changes, customer_id)
    ours = set[str]()
    for change, *rows in zip(changes, of_open, of_closed, strict=True):
        is_ours = _may_have_registered if change.is_there else partial(_has_removed, registrations)
        if any(may_explain(row.file.received_at, change) and is_ours(row, change) for row in chain(*rows)):
            ours.add(change.change_id)
    return ours


def _may_have_registered(row: Registration, change: DeviceChange) -> bool:
    """Whether the row registered the device in the batch, or may have: without a verdict it may come at any time."""
    outcome = row.outcome
    if outcome.batch_id.casefold() != change.batch_id.casefold():
        return False
    is_late = row.file.closed_at is not None and row.file.closed_at < change.since - LISTED_WITHIN
    return outcome.outcome is Outcome.UNKNOWN or (outcome.outcome in _THERE and not is_late)


def _has_removed(registrations: Registrations, row: Registration, change: DeviceChange) -> bool:
    """Whether the row or a withdrawal removed the device since the batch was read before, or may be doing so."""
    file, outcome = row.file, row.outcome
    is_moved = bool(outcome.moved_from) and outcome.moved_from.casefold() == change.batch_id.casefold()
    is_removed = outcome.outcome is Outcome.REMOVED or is_moved
    if not file.state.is_final:
        has_not_ended = outcome.outcome is Outcome.UNKNOWN and not outcome.moved_from
        return is_removed or (has_not_ended and file.order is not FileOrder.REGISTER)
    withdrawal = file.withdrawal
    times = [file.closed_at, *([] if withdrawal is None else [withdrawal.asked_at, withdrawal.finished_at])]
    if all(at is None or at < change.since - LISTED_WITHIN for at in times):
        return False
    is_being_withdrawn = (
        withdrawal is not None
        and withdrawal.is_under_way
        and may_explain(withdrawal.asked_at, change)
        and outcome.outcome is Outcome.REGISTERED
    )
    return is_removed or is_being_withdrawn or registrations.is_withdrawn(row)


def _with_who(pipeline: Pipeline, customer_id: str, drift: Sequence[Drift]) -> list[Drift]:
    """The drift with who did it, where the audit records tell: they name the device that was deleted."""
    left = [one for one in drift if not one.who]
    if not left or why_held(pipeline, customer_id) or not circuit_breaker_of(pipeline).lets_pass(customer_id):
        return list(drift)
    since = min(one.since for one in left).date()
    try:
        records = pipeline.partner_center.audit_records(
            since, None, pipeline.service.call_ids(), customer_id=customer_id
        )
        deleted_by = _deleted_by(records)
    except PartnerCenterError as error:
        logger.warning("The audit records could not be read", extra=present_step() | of_error(error))
        return list(drift)
    return [one if one.who else replace(one, who=deleted_by.get(one.device_id.lower(), "")) for one in drift]


def _deleted_by(records: Iterable[AuditRecord]) -> dict[str, str]:
    """Who deleted which device."""
    return {
        (record.detail("DeviceId") or "").lower(): service_text(record.by or "", LONGEST_WHO)
        for record in records
        if record.device_operation is DeviceOperation.DELETED
    }
