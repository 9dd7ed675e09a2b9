"""Reads the registered devices of a customer from Partner Center, batch by batch, and keeps them with their time.

A reading is asked for by people and scripts, or because what was read is old. It goes on in steps, each woken like a
submission. It is less urgent than registering: it sends nothing while anything stands still, no more than a budget of
requests a day, and its failures open no circuit breaker, except that a pause which the service asks for holds for all.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.partner_center.errors import (
    ListTooLong,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
)
from shared.partner_center.models import Device, DeviceBatch
from shared.partner_center.service_text import service_text
from shared.pipeline.backoff import PAUSED_DELAY
from shared.pipeline.composition import Pipeline
from shared.pipeline.inventory.changes import enter_changes
from shared.pipeline.inventory.request_budget import requests_left, spend
from shared.pipeline.inventory.snapshots import (
    batch_folder,
    delete_snapshots,
    registered_device,
    snapshot_folder,
    write_snapshot,
)
from shared.pipeline.lease import is_overdue
from shared.pipeline.log_fields import of_error
from shared.pipeline.submissions.circuit_breaker import Admission, circuit_breaker_of, why_held
from shared.pipeline.submissions.state_machine import WaitFor
from shared.storage.inventories import BatchInventory, CustomerInventory
from shared.storage.record_table import Conflict, Stored
from shared.storage.wakeups import InventoryWakeUp
from shared.telemetry import present_step

logger = logging.getLogger(__name__)

DEVICES_ON_A_PAGE = 100
"""Devices that one request lists (Partner Center, "Get a list of devices for the specified batch and customer")."""

LONGEST_STEP = timedelta(minutes=2)
"""The time after which a step begins no further batch."""

MOST_ATTEMPTS = 8
"""After so many steps in a row without a usable answer, some half an hour, a reading is given up."""

TRIED_AGAIN = timedelta(hours=1)
"""How long a reading that was given up is not asked for again by itself."""

LONGEST_FAILURE = 500
"""Characters kept of why something could not be read."""

BUDGET_SPENT = "The requests that readings may send today (DEVICES_REQUESTS_PER_DAY) are spent."

_TRIES = 5

_NEVER = datetime.min.replace(tzinfo=UTC)


class BudgetSpent(DeviceDropError):
    """The requests of the day are spent in the middle of a batch."""


def ask_for_devices(pipeline: Pipeline, customer_id: str) -> CustomerInventory:
    """Have every batch of the customer read anew. A reading in progress goes on, and reads those that it has read.

    Raises:
        Conflict: other workers keep changing the record; try again.
    """
    for tries_left in reversed(range(_TRIES)):
        stored, now = pipeline.journal.inventories.get(customer_id), pipeline.clock()
        known = CustomerInventory(customer_id=customer_id, asked_at=now) if stored is None else stored.record
        is_claimed = known.claimed_until is not None and known.claimed_until > now
        asked = replace(known, asked_at=now)  # the owner of a claim reads on, and begins anew at its end
        if not is_claimed:
            asked = replace(asked, due_at=now, sequence=known.sequence + 1, attempts=0, waits_for="")
        try:
            pipeline.journal.inventories.change(stored, asked)
        except Conflict:
            if not tries_left:
                raise
            continue
        if not is_claimed:
            _wake(pipeline, asked)
        return asked
    raise AssertionError("every try returns or raises")


def keep_fresh(pipeline: Pipeline, customer_id: str) -> CustomerInventory | None:
    """The reading of the customer; a new one is asked for when the last one is old, or there is none."""
    stored = pipeline.journal.inventories.get(customer_id)
    known = None if stored is None else stored.record
    if not is_to_be_read(known, pipeline.clock(), pipeline.settings.devices_read_again):
        return known
    with suppress(Conflict):  # another worker has just asked
        return ask_for_devices(pipeline, customer_id)
    return known


def is_to_be_read(known: CustomerInventory | None, now: datetime, read_again: timedelta) -> bool:
    """Whether the devices are to be read: the last reading is old, and none is in progress or just failed. Pure."""
    if known is None:
        return True
    if known.is_in_progress or (known.failed_at is not None and now - known.failed_at < TRIED_AGAIN):
        return False
    return known.read_at is None or now - known.read_at > read_again


def wake_if_overdue(pipeline: Pipeline, stored: Stored[CustomerInventory]) -> bool:
    """Send another wake-up for a reading whose wake-up or owner was lost; True if it was. For the sweep."""
    known, now = stored.record, pipeline.clock()
    if known.due_at is None or not is_overdue(known.due_at, known.claimed_until, now, pipeline.settings.advanced.claim):
        return False
    woken = replace(known, sequence=known.sequence + 1, due_at=now, claimed_until=None)
    try:
        pipeline.journal.inventories.change(stored, woken)
    except Conflict:
        return False
    _wake(pipeline, woken)
    return True


def forget_if_old(pipeline: Pipeline, stored: Stored[CustomerInventory]) -> bool:
    """Delete what was read of a customer for whom nobody asked within the retention; True if so. For the sweep."""
    known = stored.record
    if known.is_in_progress or pipeline.clock() - known.asked_at < pipeline.settings.retention:
        return False
    with suppress(Conflict):
        for batch in list(pipeline.journal.inventories.batches(known.customer_id)):
            _forget_batch(pipeline, batch)
        pipeline.journal.inventories.remove(stored)
        return True
    return False


def read_further(pipeline: Pipeline, wake_up: InventoryWakeUp) -> None:
    """Take the reading that `wake_up` names one step further: it lists the batches, or reads some of them."""
    stored, now = pipeline.journal.inventories.get(wake_up.customer_id), pipeline.clock()
    if stored is None or stored.record.due_at is None or wake_up.sequence < stored.record.sequence:
        return
    if stored.record.claimed_until is not None and stored.record.claimed_until > now:
        return
    with suppress(Conflict):  # another worker reads on
        reading = _Reading(pipeline, stored, now)
        if (why := why_held(pipeline, wake_up.customer_id)) is not None:
            reading.wait(PAUSED_DELAY, why)
            return
        with circuit_breaker_of(pipeline).admission(wake_up.customer_id) as admitted:
            if isinstance(admitted, WaitFor):
                reading.wait(admitted.delay, admitted.reason)
                return
            reading.keep_claim(at_least=pipeline.settings.advanced.claim)
            _step(reading, admitted)


@dataclass(slots=True)
class _Reading:
    """A reading that this worker goes on with."""

    pipeline: Pipeline
    stored: Stored[CustomerInventory]
    began: datetime
    requests: int = 0
    """Sent in the batch or list that is being read, as far as its devices tell."""
    changes: int = 0
    """Entered and not yet counted in the record."""
    left: int = 0
    """Requests of the day's budget when it began."""

    @property
    def record(self) -> CustomerInventory:
        return self.stored.record

    @property
    def is_long(self) -> bool:
        """Whether the step has taken long enough."""
        return self.pipeline.clock() - self.began > LONGEST_STEP

    def change(self, changed: CustomerInventory) -> None:
        """Journal a change. What was asked for meanwhile is kept. Raises Conflict when the claim was lost."""
        try:
            self.stored = self.pipeline.journal.inventories.change(self.stored, changed)
        except Conflict:
            newer = self.pipeline.journal.inventories.get(changed.customer_id)
            if newer is None or replace(newer.record, asked_at=self.record.asked_at) != self.record:
                raise
            asked = replace(changed, asked_at=newer.record.asked_at)
            self.stored = self.pipeline.journal.inventories.change(newer, asked)

    def keep_claim(self, at_least: timedelta | None = None) -> None:
        """Renew the claim when a third of it has passed. Raises Conflict when it was lost."""
        now, claim = self.pipeline.clock(), self.pipeline.settings.advanced.claim
        until = self.record.claimed_until
        if until is None or until - now < (at_least or claim * 2 / 3):
            self.change(replace(self.record, claimed_until=now + claim, due_at=now + claim))

    def wait(self, delay: timedelta, why: str, attempts: int = 0) -> None:
        """Go on after `delay`. Raises Conflict when the claim was lost."""
        due = self.pipeline.clock() + delay
        changed = replace(
            self.record,
            due_at=due,
            claimed_until=None,
            sequence=self.record.sequence + 1,
            attempts=attempts,
            waits_for=why,
        )
        self.change(changed)
        _wake(self.pipeline, self.record, delay)

    def end(self, failure: str = "") -> None:
        """End the reading; with `failure` it is given up. Raises Conflict when the claim was lost."""
        began = self.record.listed_at
        ended = replace(self.record, due_at=None, claimed_until=None, attempts=0, waits_for="", failure=failure)
        if failure:
            unseen_since = self.record.unseen_since or self.record.read_at or self.record.asked_at
            self.change(replace(ended, failed_at=self.pipeline.clock(), unseen_since=unseen_since))
            logger.warning(
                "A reading of registered devices was given up",
                extra={"customer_id": self.record.customer_id, "reason": failure},
            )
            return
        self.change(replace(ended, failed_at=None, read_at=began, unseen_since=self._unseen_since()))
        logger.info("The registered devices of a customer were read", extra={"customer_id": self.record.customer_id})
        if began is not None and self.record.asked_at > began:  # asked for anew in between
            with suppress(Conflict):
                ask_for_devices(self.pipeline, self.record.customer_id)

    def _unseen_since(self) -> datetime | None:
        """When the oldest of the batches was read that this reading could not read; None when it read all."""
        batches = (stored.record for stored in self.pipeline.journal.inventories.batches(self.record.customer_id))
        unread = [batch.read_at for batch in batches if batch.failed_at is not None]
        first_known = self.record.unseen_since or self.record.read_at or self.record.asked_at
        return min((at or first_known for at in unread), default=None)


def _step(reading: _Reading, admission: Admission) -> None:
    """List the batches when that is due, and read batches until the time or the budget is up. Raises Conflict."""
    try:
        if reading.record.listed_at is None or reading.record.listed_at < reading.record.asked_at:
            _list_batches(reading)
            admission.note(None)
        for batch in _batches_to_read(reading):
            if reading.is_long:
                reading.wait(timedelta(0), "")
                return
            _read_batch(reading, batch)
            admission.note(None)
    except BudgetSpent:
        reading.wait(_until_tomorrow(reading.pipeline.clock()), BUDGET_SPENT)
    except PartnerCenterError as error:
        is_probe = bool(admission.probed)
        if isinstance(error, Throttled | Refused):
            admission.note(error)
        _after_failure(reading, error, is_probe=is_probe)
    else:
        reading.end()


def _after_failure(reading: _Reading, error: PartnerCenterError, *, is_probe: bool) -> None:
    """Wait, or give up. The probe of an open circuit breaker goes on: nothing else might come that closes it."""
    pipeline, attempts = reading.pipeline, reading.record.attempts
    logger.warning("Registered devices could not be read", extra=present_step() | of_error(error))
    failure = service_text(str(error), LONGEST_FAILURE)
    is_curable = isinstance(error, Unauthorised) and error.may_be_cured_by_a_new_token
    if is_curable:
        pipeline.partner_center.sign_in_anew()
    is_final = isinstance(error, Refused) or (isinstance(error, Unauthorised) and not (is_curable and attempts == 0))
    may_give_up = not is_probe or isinstance(error, Refused)
    if may_give_up and not isinstance(error, Throttled) and (is_final or attempts + 1 >= MOST_ATTEMPTS):
        reading.end(failure)
    else:
        reading.wait(pipeline.service.pace.after_failure(error, attempts), failure, attempts + 1)


# --- batches


def _list_batches(reading: _Reading) -> None:
    """Enter the batches that the service lists, and remove those that it no longer has."""
    pipeline, customer_id, now = reading.pipeline, reading.record.customer_id, reading.pipeline.clock()
    inventories = pipeline.journal.inventories
    _take_from_budget(reading)
    listed: dict[str, DeviceBatch] = {}
    for batch in pipeline.partner_center.device_batches(customer_id, pipeline.service.call_ids()):
        reading.keep_claim()
        if batch.id:
            listed[batch.id] = batch
    spend(pipeline, 1 + len(listed) // DEVICES_ON_A_PAGE)
    known = {stored.record.batch_id: stored for stored in inventories.batches(customer_id)}
    for batch_id, batch in listed.items():
        stored = known.get(batch_id)
        entry = (
            BatchInventory(customer_id=customer_id, batch_id=batch_id, listed_at=now)
            if stored is None
            else stored.record
        )
        inventories.change_batch(stored, replace(entry, listed_at=now, listed_devices=batch.count))
    for batch_id in known.keys() - listed.keys():
        emptied = replace(known[batch_id].record, snapshot="", devices=0, nameless=0, read_at=now)
        reading.changes += enter_changes(pipeline, reading.record, known[batch_id].record, emptied)
        _forget_batch(pipeline, known[batch_id])
    changes = reading.record.changes + reading.changes
    reading.change(replace(reading.record, listed_at=now, attempts=0, changes=changes))
    reading.changes = 0


def _batches_to_read(reading: _Reading) -> list[Stored[BatchInventory]]:
    """The batches that this reading has not read, those read longest ago first."""
    since = reading.record.listed_at
    left = [
        stored
        for stored in reading.pipeline.journal.inventories.batches(reading.record.customer_id)
        if since is not None and not _is_done(stored.record, since)
    ]
    return sorted(left, key=lambda stored: stored.record.read_at or _NEVER)


def _is_done(batch: BatchInventory, since: datetime) -> bool:
    return any(at is not None and at >= since for at in (batch.read_at, batch.failed_at))


def _read_batch(reading: _Reading, stored: Stored[BatchInventory]) -> None:
    """Read the devices of one batch. Raises PartnerCenterError, BudgetSpent, Conflict."""
    pipeline, batch = reading.pipeline, stored.record
    whole_day = pipeline.settings.devices_requests_per_day
    _take_from_budget(reading)
    folder = snapshot_folder(batch.customer_id, batch.batch_id, pipeline.new_id())
    now = pipeline.clock()
    try:
        written = write_snapshot(pipeline.private, folder, map(registered_device, _devices(reading, batch)))
    except (Refused, ListTooLong) as error:
        failed = replace(batch, failed_at=pipeline.clock(), failure=service_text(str(error), LONGEST_FAILURE))
        pipeline.journal.inventories.change_batch(stored, failed)
    except BudgetSpent:
        if reading.left < whole_day:
            raise
        failure = (
            f"The batch has more devices than {whole_day:,} requests list, the most of a day: raise "
            "DEVICES_REQUESTS_PER_DAY."
        )
        pipeline.journal.inventories.change_batch(stored, replace(batch, failed_at=pipeline.clock(), failure=failure))
        raise
    else:
        read = replace(
            batch,
            snapshot=folder,
            devices=written.devices,
            nameless=written.nameless,
            read_at=now,
            failed_at=None,
            failure="",
        )
        reading.changes += enter_changes(pipeline, reading.record, batch, read)
        pipeline.journal.inventories.change_batch(stored, read)
        folder_of_batch = batch_folder(batch.customer_id, batch.batch_id)
        delete_snapshots(pipeline.private, folder_of_batch, kept=folder)
    finally:
        spend(pipeline, reading.requests)
    reading.change(replace(reading.record, attempts=0, changes=reading.record.changes + reading.changes))
    reading.changes = 0


def _devices(reading: _Reading, batch: BatchInventory) -> Iterator[Device]:
    """The devices of a batch, while the claim is kept and the budget lasts."""
    reading.requests = 1
    service = reading.pipeline.service
    listed = service.partner_center.batch_devices(batch.customer_id, batch.batch_id, service.call_ids())
    for number, device in enumerate(listed):
        reading.keep_claim()
        reading.requests = 1 + number // DEVICES_ON_A_PAGE
        if reading.requests > reading.left:
            raise BudgetSpent(BUDGET_SPENT)
        yield device


def _forget_batch(pipeline: Pipeline, stored: Stored[BatchInventory]) -> None:
    pipeline.journal.inventories.remove_batch(stored)
    delete_snapshots(pipeline.private, batch_folder(stored.record.customer_id, stored.record.batch_id))


# --- the budget


def _take_from_budget(reading: _Reading) -> None:
    """Learn how many requests are left today. Raises BudgetSpent when there is none."""
    reading.left, reading.requests = requests_left(reading.pipeline), 0
    if reading.left <= 0:
        raise BudgetSpent(BUDGET_SPENT)


def _until_tomorrow(now: datetime) -> timedelta:
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
    return midnight - now + timedelta(minutes=1)


def _wake(pipeline: Pipeline, reading: CustomerInventory, delay: timedelta = timedelta(0)) -> None:
    pipeline.wakeups.send(InventoryWakeUp(customer_id=reading.customer_id, sequence=reading.sequence), delay)
