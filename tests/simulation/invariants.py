"""The promises that must hold when a world has come to rest, whatever happened in it."""

import csv
import io
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from local.partner_center import Fault, SentDevice, Verdict
from shared.device_files.batch_names import batch_name
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow
from shared.partner_center.errors import LONGEST_RETRY_AFTER
from shared.partner_center.models import Device
from shared.pipeline.blob_names import results_folder
from shared.pipeline.closing.event_formats import EVENT_TYPE
from shared.pipeline.closing.service_level import fields_of_ended
from shared.pipeline.hold_events import EVENT_TYPE as HOLD_EVENT
from shared.pipeline.hold_events import HELD_BY_THE_APP
from shared.pipeline.inventory.snapshots import devices_of
from shared.pipeline.private_copy import rules_of
from shared.reasons import IntakeReason, ProfileReason, RemovalReason, SentNote, UnknownReason
from shared.storage.inventories import DriftKind
from shared.storage.records import DeviceFile, Submission
from shared.vocabulary import FileOrder, FileState, Outcome, ProfileOutcome, SubmissionState, WithdrawalResult
from tests.pipeline.world import START
from tests.simulation.plan import ORDERED_PROFILE
from tests.simulation.service import (
    GATEWAY,
    Attempt,
    Job,
    JudgedDevice,
    Mishap,
    Registration,
    SimulatedPartnerCenter,
    sent_device,
)
from tests.simulation.world import CALL_STALL, TOKEN, SimulatedWorld

LOST_ANSWERS = frozenset(
    {
        Fault.DROPPED_AFTER,
        Fault.TRUNCATED,
        Fault.NOT_JSON,
        Fault.WITHOUT_LOCATION,
        Fault.GATEWAY_TIMEOUT,
    }
)
"""Troubles after which the caller cannot know whether its upload was accepted."""

CLOCK_DIFFERENCE = timedelta(seconds=10)
"""By which a host may take a pause for over too early."""

WITHOUT_ANSWER = (Mishap.NEVER_SENT, Fault.DROPPED_BEFORE, Fault.DROPPED_AFTER)
WITHOUT_WORD_OF_SERVICE = (*WITHOUT_ANSWER, *GATEWAY, Fault.GATEWAY_TIMEOUT)
"""Troubles after which the service itself has not decided on the payload: no answer came, or only a gateway's."""
WITHOUT_LINK = (Fault.TRUNCATED, Fault.NOT_JSON, Fault.WITHOUT_LOCATION)

Row = dict[str, str]


def check(world: SimulatedWorld) -> None:
    """Add each broken promise to the world's violations."""
    _check_places(world)
    truth = Truth(world.service)
    for identifier in world.dropped:
        file = world.file(identifier)
        if file is not None:
            FileCheck(world, truth, file).check()
    _check_uploads(world)
    _check_deletions(world)
    _check_registered(world, truth)
    _check_moves(world, truth)
    _check_drift(world, truth)
    _check_daily_limits(world)
    plan = world.plan
    if plan.longest_stall_of_readers <= 1:  # a late reader may have been admitted long before it asks
        _check_throttling(world)
    if not (plan.crashes or plan.storage_failures or plan.losses):
        _check_undisturbed(world)


def _check_undisturbed(world: SimulatedWorld) -> None:
    """If nothing crashed, failed or was lost, the sweep has nothing to do."""
    if world.overdue_in_calm:
        world.violate(f"{world.overdue_in_calm} submissions were left to the sweep although nothing was lost.")


def _check_daily_limits(world: SimulatedWorld) -> None:
    """No more devices of a customer than its limit are newly sent on a day, whatever dies or is repeated."""
    sent = Counter((customer_id, day) for (customer_id, _, _), day in world.first_sent.items())
    for (customer_id, day), devices in sent.items():
        if devices > world.plan.shares.daily_limits.get(customer_id, devices):
            world.violate(f"{devices} devices of {customer_id} are newly sent on {day}.")


def _check_throttling(world: SimulatedWorld) -> None:
    """Once the service has requested a pause, no request about that customer is sent until the pause is over.

    Requests that were under way may still come for the time of a claim; a disturbed invocation may have opened no
    breaker.
    """
    pause = min(timedelta(seconds=world.plan.retry_after), LONGEST_RETRY_AFTER) - CLOCK_DIFFERENCE
    for refused, by in world.asked:
        if refused.trouble in (Fault.THROTTLE, Fault.THROTTLE_UNTIL) and by not in world.disturbed:
            begins, ends = refused.at + world.settings.advanced.claim, refused.at + pause
            for asked, _ in world.asked:
                if asked.customer_id == refused.customer_id and begins < asked.at < ends:
                    world.violate(f"{asked} comes in the pause after {refused}.")
                    return


def _check_places(world: SimulatedWorld) -> None:
    """No index entry, blob, message or closed gate is left over."""
    for mention in world.journal.files.still_open():
        world.violate(f"File {mention.file_id} is still in the index of open files.")
    for version in world.private.versions():
        if version.path.endswith(".json"):
            world.violate(f"{version.path} outlived its submission.")
    for scope, stored in world.journal.gates.all().items():
        if stored.record.limit is None:
            world.violate(f"The gate {scope} is still closed.")
    if world.queue or world.poison:
        world.violate(f"{len(world.queue)} messages wait and {len(world.poison)} are poisoned.")


class Truth:
    """The service's real actions, whatever it answered."""

    def __init__(self, service: SimulatedPartnerCenter) -> None:
        self.jobs = {job.tracking_id: job for job in service.jobs()}
        by_app = [
            Registration(job.customer_id, job.batch_id, device.sent, device.device_id, device.done_at)
            for job in self.jobs.values()
            for device in job.devices
            if device.verdict.is_registered
        ]
        self._by_others = service.registered_by_others
        self._registered = [*self._by_others, *by_app]
        self._shown: dict[str | None, Registration] = {}
        """By device id: a device is only in the batch of its first registration."""
        for each in self._registered:
            self._shown.setdefault(each.device_id, each)
        self._deleted = {deletion.device_id: deletion for deletion in service.deletions if deletion.is_done}

    def has(self, customer_id: str, identities: Iterable[str]) -> bool:
        """Whether a device with one of these identities was ever registered for the customer."""
        return any(
            each.customer_id == customer_id and not set(identities).isdisjoint(each.device.identities)
            for each in self._registered
        )

    def has_serial(self, customer_id: str | None, serial: str) -> bool:
        """Whether a device with this serial number was ever registered for the customer."""
        return any(each.customer_id == customer_id and each.device.serial == serial for each in self._registered)

    def another_registered(self, customer_id: str | None, serial: str) -> bool:
        """Whether somebody else ever registered a device with this serial number for the customer."""
        return any(each.customer_id == customer_id and each.device.serial == serial for each in self._by_others)

    def standing_since(self, customer_id: str, batch_id: str, before: datetime) -> set[str]:
        """The ids of the devices that Get Devices shows in the batch from before that time on and that stay there."""
        return {
            each.device_id
            for each in self._shown.values()
            if (each.customer_id, each.batch_id) == (customer_id, batch_id)
            and each.device_id is not None
            and each.done_at < before
            and each.device_id not in self._deleted
        }

    def ever_in(self, customer_id: str, batch_id: str) -> set[str | None]:
        """The ids of all devices that were ever in the batch."""
        return {
            each.device_id
            for each in self._shown.values()
            if (each.customer_id, each.batch_id) == (customer_id, batch_id)
        }

    def was_deleted(self, device_id: str) -> bool:
        """Whether the device of this id was deleted, by the app or by somebody else."""
        return device_id in self._deleted

    def was_deleted_by_another(self, device_id: str) -> bool:
        """Whether somebody else deleted the device of this id."""
        return device_id in self._deleted and not self._deleted[device_id].request_id

    def registration_of(self, device_id: str) -> Registration | None:
        """How the device of this id was registered."""
        return self._shown.get(device_id)

    def is_registered_after(self, customer_id: str | None, device_id: str) -> bool:
        """Whether the device of this id, which was deleted, is or was registered under another id later."""
        deletion, gone = self._deleted[device_id], self._shown[device_id]
        return any(
            each.customer_id == customer_id
            and each.device_id != device_id
            and _is_same(each.device, gone.device)
            and (each.done_at >= deletion.at or self._stands_after(each, deletion.at))
            for each in self._registered
        )

    def _stands_after(self, each: Registration, at: datetime) -> bool:
        deletion = None if each.device_id is None else self._deleted.get(each.device_id)
        return deletion is None or deletion.at >= at

    def by_others(self, customer_id: str, batch_id: str) -> set[str | None]:
        """The ids of the devices that somebody else registered in the batch."""
        return {
            each.device_id for each in self._by_others if (each.customer_id, each.batch_id) == (customer_id, batch_id)
        }

    def stands_all_the_time(self, customer_id: str | None, batch_id: str, since: datetime, serial: str) -> bool:
        """Whether a device of this serial number stands in the batch, or in any, since then and was never deleted."""
        return any(
            each.customer_id == customer_id
            and batch_id.casefold() in ("", each.batch_id.casefold())
            and each.device.serial == serial
            and each.done_at < since
            for device_id, each in self._shown.items()
            if device_id not in self._deleted
        )

    def in_batch_since(self, customer_id: str | None, batch_id: str, serial: str, product_key: str) -> datetime | None:
        """The time since which Get Devices shows the only device of this name; None when none or several have it."""
        since = [
            each.done_at
            for each in self._shown.values()
            if (each.customer_id, each.batch_id) == (customer_id, batch_id)
            and (each.device.serial == serial if serial else each.device.product_key == product_key)
            and each.device_id not in self._deleted
        ]
        return since[0] if len(since) == 1 else None


def _is_same(one: SentDevice, other: SentDevice) -> bool:
    """Whether two uploads name one device: one with its hash has no identity in common with one without."""
    is_by_serial = one.serial is not None and one.serial == other.serial
    return is_by_serial or not set(one.identities).isdisjoint(other.identities)


class FileCheck:
    """Compares a file with the person's rows and the service's real actions."""

    def __init__(self, world: SimulatedWorld, truth: Truth, file: DeviceFile) -> None:
        self._world = world
        self._truth = truth
        self._file = file
        self._submissions = world.submissions(file.file_id)
        outcomes = world.journal.outcomes.of_rows(file.reading_id, 1, max(file.read_counts.total, 1))
        self._outcomes = {outcome.row: outcome for outcome in outcomes}

    def check(self) -> None:
        """Check everything."""
        if not self._file.state.is_final:
            self._violate(f"ended as {self._file.state}")
            return
        self._check_told()
        if self._file.state is not FileState.CLOSED:
            self._check_nothing_sent()
            return
        rows = self._results()
        expected = self._expected_rows()
        if [row["row"] for row in rows] != [str(row.row) for row in expected]:
            self._violate(f"has results for the rows {[row['row'] for row in rows]} of {len(expected)}")
            return
        self._check_counts(rows)
        self._check_journal(rows)
        for row, read in zip(rows, expected, strict=True):
            self._check_row(row, read)

    def _check_told(self) -> None:
        """Its end was announced once, or more often if an owner died or stalled or storage failed; a repeat shows."""
        read = [json.loads(event) for event in self._world.events]
        of_file = [event for event in read if event["data"].get("file_id") == self._file.file_id]
        self._check_told_of_hold([event for event in of_file if event["type"] == HOLD_EVENT])
        events = [event for event in of_file if event["type"] == EVENT_TYPE]
        told = {(event["id"], event["data"]["state"]) for event in events}
        stalls = self._world.plan.longest_stall_of_readers > 1  # perhaps for longer than its claim
        if len(events) > 1 and not self._world.disturbed and not stalls:
            self._violate(f"was told of {len(events)} times although nobody died and storage never failed")
        if len(told) != 1 or {state for _, state in told} != {str(self._file.state)}:
            self._violate(f"is {self._file.state} and was told of as {told}")
        self._check_logged(may_repeat=bool(self._world.disturbed) or stalls)

    def _check_told_of_hold(self, events: list[dict[str, Any]]) -> None:
        """That the app held it was announced; if the worker died, the sweep does, while the file is still on hold."""
        was_held = self._file.file_id in self._world.held_by_app
        if events and not was_held:
            self._violate("was told of as held, and the app never held it")
        if was_held and not events and not self._world.disturbed:
            self._violate("was held by the app, and nobody was told")
        if len({event["id"] for event in events}) > 1:
            self._violate("was told of as held under several ids")

    def _check_logged(self, *, may_repeat: bool) -> None:
        """Its end was logged, with what its record says; a repeat says the same."""
        expected = fields_of_ended(self._file, self._world.settings)
        ends = [end for end in self._world.ends if end["file_id"] == self._file.file_id]
        if not ends or (len(ends) > 1 and not may_repeat):
            self._violate(f"was logged {len(ends)} times as ended")
        for end in ends:
            if (logged := {name: end[name] for name in expected}) != expected:
                self._violate(f"was logged as {logged} and is {expected}")

    def _check_nothing_sent(self) -> None:
        if any(sender[0] == self._file.file_id for sender in self._world.sender_of_request.values()):
            self._violate(f"was sent although it is {self._file.state}")
        is_stranger = self._file.customer_id in self._world.plan.unknown_customers
        if self._file.reason == IntakeReason.NO_RELATIONSHIP and not is_stranger:
            self._violate("was refused although its customer is the partner's")
        if self._world.results.read(f"{self._folder()}/summary.json") is None:
            self._violate("has no summary")

    def _check_counts(self, rows: list[Row]) -> None:
        summary = json.loads(self._world.results.read(f"{self._folder()}/summary.json") or b"{}")
        counted = Counter(row["outcome"] for row in rows)
        told = summary.get("counts", {})
        expected = {"total": len(rows)} | {str(outcome): counted[outcome] for outcome in Outcome}
        profiles = Counter(row["profile_outcome"] for row in rows if row["profile_outcome"])
        told_profiles = {name: number for name, number in (summary.get("profiles") or {}).items() if number}
        if told_profiles != profiles or self._file.profile_order is not None:
            self._violate(f"says {told_profiles} of the profiles {profiles}")
        if told != expected or summary.get("state") != "closed":
            self._violate(f"says {told} of {expected}")
        for submission in self._submissions:
            if not submission.state.is_final:
                self._violate(f"is closed and submission {submission.number} is {submission.state}")
            is_whole = submission.state is not SubmissionState.SPLIT and not submission.assigns_profiles
            if is_whole and submission.counts.ended != submission.devices:
                self._violate(f"counts {submission.counts} in submission {submission.number}")

    def _check_journal(self, rows: list[Row]) -> None:
        """The journal agrees with the results: no outcome changed after it was published."""
        journaled = [(str(each.row), str(each.outcome), each.error_code) for each in self._outcomes.values()]
        if journaled != [(row["row"], row["outcome"], row["error_code"]) for row in rows]:
            self._violate("has other outcomes in its journal than in its results")

    def _check_row(self, row: Row, read: CheckedRow) -> None:
        outcome = Outcome(row["outcome"])
        self._check_profile(row, outcome, read)
        is_any_batch = self._file.order is FileOrder.REMOVE
        has_batch = bool(self._file.batch_id or batch_name(read.group_tag) or self._file.default_batch or is_any_batch)
        if row["error_code"] == UnknownReason.OUTCOME_MISSING:
            self._violate(f"never wrote an outcome of row {row['row']}")
        elif read.device is None or not has_batch:
            expected = Outcome.REJECTED if read.duplicate_of is None else Outcome.DUPLICATE
            if outcome is not expected:
                self._violate(f"row {row['row']} is {outcome} and was to be {expected}")
        elif self._file.order is FileOrder.REMOVE:
            self._check_removed(row, outcome)
        elif self._file.order is FileOrder.MOVE and self._ended_before_it_was_sent(row):
            self._check_not_moved(row, outcome)
        elif outcome in (Outcome.REJECTED, Outcome.DUPLICATE):
            self._violate(f"row {row['row']} is {outcome} although it can be sent")
        else:
            device = read.device
            sent = sent_device(
                Device(
                    serial_number=device.serial_number,
                    product_key=device.product_key,
                    hardware_hash=device.hardware_hash,
                    oem_manufacturer_name=device.manufacturer,
                    model_name=device.model,
                )
            )
            self._check_moved(row, outcome)
            if outcome is Outcome.CANCELLED:
                self._check_cancelled(row, sent.identities)
            else:
                self._check_sent_row(row, outcome, sent.identities)

    def _check_removed(self, row: Row, outcome: Outcome) -> None:
        """A removed device was deleted, and a row that was not sent to be removed says why."""
        device_id = self._outcomes[int(row["row"])].device_id
        match outcome:
            case Outcome.REMOVED if not self._truth.was_deleted(device_id):
                self._violate(f"row {row['row']} is removed and the service has deleted nothing")
            case Outcome.NOT_REGISTERED if self._stood_there(row):
                self._violate(f"row {row['row']} is not registered and its device stands there")
            case Outcome.CANCELLED if self._file.file_id not in self._world.stopped:
                self._violate(f"row {row['row']} is cancelled and nobody stopped its file")
            case Outcome.REJECTED if row["error_code"] not in list(RemovalReason):
                self._violate(f"row {row['row']} is rejected as {row['error_code']} although it can be sent")
            case Outcome.REGISTERED | Outcome.ALREADY_REGISTERED | Outcome.UNKNOWN | Outcome.DUPLICATE:
                self._violate(f"row {row['row']} is {outcome} and was to be removed")
        if not row["what_to_do"]:
            self._violate(f"row {row['row']} says nothing of what to do")

    def _check_moved(self, row: Row, outcome: Outcome) -> None:
        """A device that a move removed is registered again, or its row says that it is registered nowhere."""
        is_well = outcome in (Outcome.REGISTERED, Outcome.ALREADY_REGISTERED)
        if row["moved_from"] and not is_well and SentNote.REGISTERED_NOWHERE not in row["notes"]:
            self._violate(f"row {row['row']} was removed from {row['moved_from']} and does not say that it is nowhere")

    def _ended_before_it_was_sent(self, row: Row) -> bool:
        """Whether the row of a move ended in the half that removes devices."""
        number = self._outcomes[int(row["row"])].submission
        return any(each.number == number and each.order is FileOrder.MOVE for each in self._submissions)

    def _check_not_moved(self, row: Row, outcome: Outcome) -> None:
        """A row of a move whose device we did not remove says why, and its device stands where it stood."""
        match outcome:
            case Outcome.CANCELLED if self._file.file_id not in self._world.stopped:
                self._violate(f"row {row['row']} is cancelled and nobody stopped its file")
            case Outcome.REJECTED if row["error_code"] not in list(RemovalReason):
                self._violate(f"row {row['row']} is rejected as {row['error_code']} although it can be sent")
            case Outcome.REGISTERED | Outcome.REMOVED | Outcome.NOT_REGISTERED | Outcome.DUPLICATE:
                self._violate(f"row {row['row']} is {outcome} and was not sent")
        if row["moved_from"] and SentNote.REGISTERED_NOWHERE not in row["notes"]:
            self._violate(f"row {row['row']} was removed from {row['moved_from']} and not sent")

    def _stood_there(self, row: Row) -> bool:
        """Whether the device of a row stood in the batch all the time that its file was open."""
        # The host that received the file may be ahead of the service.
        since = self._file.received_at - timedelta(seconds=max(0.0, *self._world.plan.clocks))
        place = self._file.customer_id, row["batch_id"], since
        return bool(row["serial_number"]) and self._truth.stands_all_the_time(*place, row["serial_number"])

    def _check_profile(self, row: Row, outcome: Outcome, read: CheckedRow) -> None:
        """A row that wished for a profile and whose device is registered ends with one profile outcome."""
        is_there = outcome in (Outcome.REGISTERED, Outcome.ALREADY_REGISTERED)
        ended, reason, number = row["profile_outcome"], row["profile_reason"], row["row"]
        device_id = self._outcomes[int(number)].device_id
        wish = ORDERED_PROFILE if self._file.profile_runs and is_there else read.profile
        if row["profile"] != wish:
            self._violate(f"row {number} wishes for {row['profile']!r} and stood with {wish!r}")
        if bool(ended) != bool(wish and is_there):
            self._violate(f"row {number} is {outcome}, wishes for {wish!r} and its profile is {ended!r}")
        if bool(ended) != bool(row["profile_what_to_do"]):
            self._violate(f"row {number} says of its profile {ended!r} and to do {row['profile_what_to_do']!r}")
        is_known = wish.casefold() in ("standard", "kiosk")
        given = any(device == device_id for device, _ in self._world.service.profiles_given)
        match ended:
            case ProfileOutcome.ASSIGNED if device_id and not given:
                self._violate(f"row {number} has its profile and the service was never asked for it")
            case ProfileOutcome.ASSIGNED if not is_known or not self._world.plan.is_admin_agent:
                self._violate(f"row {number} has a profile that it cannot have")
            case ProfileOutcome.REJECTED if (reason == ProfileReason.PROFILE_UNKNOWN) is is_known:
                self._violate(f"row {number} wishes for {wish!r} and is rejected for {reason}")
            case ProfileOutcome.CANCELLED if self._file.file_id not in self._world.stopped:
                self._violate(f"the profile of row {number} is cancelled and nobody stopped its file")
            case ProfileOutcome.FAILED if reason == ProfileReason.NO_ADMIN_AGENT and self._world.plan.is_admin_agent:
                if not any(asked.trouble is Fault.FORBIDDEN for asked, _ in self._world.asked):
                    self._violate(f"row {number} says that its account is no Admin agent, and it is")

    def _check_cancelled(self, row: Row, identities: tuple[str, ...]) -> None:
        """Somebody stopped the file, and the service never took the device from it."""
        if self._file.file_id not in self._world.stopped:
            self._violate(f"row {row['row']} is cancelled and nobody stopped its file")
        if any(device.sent.identities == identities for job in self._jobs() for device in job.devices):
            self._violate(f"row {row['row']} is cancelled and the service has taken it")

    def _check_sent_row(self, row: Row, outcome: Outcome, identities: tuple[str, ...]) -> None:
        """Compare our outcome of a device with the service's record of it."""
        attempts = [
            (job, device) for job in self._jobs() for device in job.devices if device.sent.identities == identities
        ]
        verdicts = {expected_outcome(device.verdict) for _, device in attempts}
        is_there = self._truth.has(self._file.customer_id or "", identities)
        match outcome:
            case Outcome.REGISTERED if self._may_be_taken_for_ours(row):
                pass
            case Outcome.REGISTERED if SentNote.READ_BACK in row["notes"] and not self._has_registered(row):
                self._violate(f"row {row['row']} was read back as registered and another file registered it")
            case Outcome.REGISTERED | Outcome.ALREADY_REGISTERED if SentNote.READ_BACK in row["notes"]:
                if not is_there and not self._is_there_by_name(row):
                    self._violate(f"row {row['row']} was read back and the service does not have it")
            case Outcome.REGISTERED if not is_there or Outcome.REGISTERED not in verdicts:
                self._violate(f"row {row['row']} is registered and the service says {verdicts}")
            case Outcome.ALREADY_REGISTERED if not is_there and Outcome.ALREADY_REGISTERED not in verdicts:
                self._violate(f"row {row['row']} is already registered and the service says {verdicts}")
            case Outcome.FAILED if Outcome.FAILED not in verdicts and not self._was_refused(row, identities):
                self._violate(f"row {row['row']} failed with {row['error_code']} and the service says {verdicts}")
            case Outcome.UNKNOWN:
                self._check_unknown(row, attempts, is_there=is_there)
        if outcome is not Outcome.REGISTERED and not row["what_to_do"]:
            self._violate(f"row {row['row']} says nothing of what to do")
        self._check_lost_answer(row, outcome, attempts)

    def _check_lost_answer(self, row: Row, outcome: Outcome, attempts: list[tuple[Job, JudgedDevice]]) -> None:
        """A device that a lost request of ours registered is not told as another's."""
        by_us = any(device.verdict.is_registered for _, device in attempts)
        # A device that was read back was there before; the job may have registered it again after its deadline.
        is_explained = SentNote.FIRST_ANSWER_LOST in row["notes"] or SentNote.READ_BACK in row["notes"]
        if by_us and outcome is Outcome.ALREADY_REGISTERED and not is_explained:
            self._violate(f"row {row['row']} was registered by a lost request and does not say so")

    def _may_be_taken_for_ours(self, row: Row) -> bool:
        """Whether another registered the device, which nobody can tell from our own POST whose answer was lost."""
        is_lost = {SentNote.READ_BACK, SentNote.FIRST_ANSWER_LOST} & set(row["notes"].split())
        return bool(is_lost) and self._truth.another_registered(self._file.customer_id, row["serial_number"])

    def _has_registered(self, row: Row) -> bool:
        """Whether a submission of this file registered a device of that name, perhaps sent with a hash by itself."""
        return any(
            device.verdict.is_registered
            and (device.sent.serial == row["serial_number"] if row["serial_number"] else True)
            for job in self._jobs()
            for device in job.devices
        )

    def _is_there_by_name(self, row: Row) -> bool:
        """Whether the customer has a device with that serial number, perhaps sent with a hash where ours had none."""
        return self._truth.has_serial(self._file.customer_id, row["serial_number"])

    def _check_unknown(self, row: Row, attempts: list[tuple[Job, JudgedDevice]], *, is_there: bool) -> None:
        """A row may be unknown only if the service gave no verdict before the deadline."""
        number = self._outcomes[int(row["row"])].submission
        submission = next(each for each in self._submissions if each.number == number)
        in_time = (submission.deadline_at or START) - self._world.settings.advanced.claim * CALL_STALL * 3
        for job, device in attempts:
            told = device.done_at < in_time and device.verdict.status != "in-progress"
            if told and job.tracking_id == submission.tracking_id and not job.is_hidden:
                self._violate(f"row {row['row']} is unknown and its verdict was there at {device.done_at}")
        if submission.tracking_id and self._waited_for(submission) < self._world.settings.advanced.outcome_deadline:
            self._violate(f"row {row['row']} is unknown before its deadline")
        if is_there and (row["serial_number"] or row["product_key"]) and attempts:
            shown = self._truth.in_batch_since(
                self._file.customer_id, row["batch_id"], row["serial_number"], row["product_key"]
            )
            if shown is not None and shown < in_time:
                self._violate(f"row {row['row']} is unknown and stands in its batch since {shown}")

    def _waited_for(self, submission: Submission) -> timedelta:
        """The longest wait for a verdict while the service gave answers.

        A poll without a verdict counts only if its owner certainly recorded it: nothing disturbed it, and no other
        owner interfered.
        """
        slack = self._world.settings.advanced.claim * CALL_STALL
        waited, last, was_usable = slack, submission.accepted_at or START, True
        polls = self._world.polls.get(submission.tracking_id or "", [])
        for number, poll in enumerate(polls):
            others = [each for each in polls[max(0, number - 1) : number + 2] if each is not poll]
            is_contested = any(abs(each.at - poll.at) < self._world.settings.advanced.claim for each in others)
            if not poll.is_usable and (poll.by in self._world.disturbed or is_contested):
                continue
            waited += poll.at - last if poll.is_usable else timedelta()
            waited += slack if poll.is_usable is not was_usable else timedelta()
            last, was_usable = poll.at, poll.is_usable
        return waited

    def _was_refused(self, row: Row, identities: tuple[str, ...]) -> bool:
        """Whether the service refused this device alone; a refusal of several proves nothing about one."""
        return any(
            upload.tracking_id is None
            and self._world.sender_of_request[upload.attempt.request_id][0] == self._file.file_id
            and [identities] == [device.identities for device in upload.attempt.sent]
            for upload in self._world.service.uploads
        ) or (self._file.customer_id in self._world.plan.unknown_customers and row["error_code"] == "60003")

    def _jobs(self) -> Iterator[Job]:
        """The jobs that this file's submissions started."""
        for upload in self._world.service.uploads:
            sender = self._world.sender_of_request.get(upload.attempt.request_id)
            is_ours = sender is not None and sender[0] == self._file.file_id
            if is_ours and upload.tracking_id is not None and not upload.is_repeat:
                yield self._truth.jobs[upload.tracking_id]

    def _results(self) -> list[Row]:
        content = self._world.results.read(f"{self._folder()}/results.csv") or b""
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))

    def _expected_rows(self) -> list[CheckedRow]:
        """The rows as a person reads them: once, and again while a later row changes the outcome of an earlier row."""
        findings: Findings | None = None
        while True:
            try:
                return list(
                    read_device_file(
                        lambda: iter([self._world.dropped[self._file.file_id].content]),
                        name=self._file.name,
                        rules=rules_of(self._file),
                        now=self._file.received_at,
                        findings=findings,
                    )
                )
            except ReadAgain as again:
                findings = again.findings

    def _folder(self) -> str:
        file = self._file
        return results_folder(file.customer_id, file.batch_id, file.name, file.file_id)

    def _violate(self, what: str) -> None:
        self._world.violate(f"File {self._file.file_id} {what}.")


def expected_outcome(verdict: Verdict) -> Outcome:
    """The outcome for a verdict of the service, defined independently of the pipeline."""
    if verdict.name == "ZtdDeviceAlreadyAssigned":
        return Outcome.ALREADY_REGISTERED
    if verdict.status == "in-progress":
        return Outcome.UNKNOWN
    return Outcome.REGISTERED if verdict.is_registered else Outcome.FAILED


def _check_deletions(world: SimulatedWorld) -> None:
    """Each device that the app deleted was of the customer whose file asked for it, and its row says so."""
    told = set[tuple[str | None, str]]()
    for identifier in world.dropped:
        file = world.file(identifier)
        if file is None or file.order is FileOrder.REGISTER:
            continue
        rows = file.reading_id, 1, max(file.read_counts.total, 1)
        outcomes = {outcome.row: outcome for outcome in world.journal.outcomes.of_rows(*rows)}
        for stored in world.journal.withdrawals.devices(*rows):
            outcome = outcomes.get(stored.record.row)
            if outcome is not None and (outcome.outcome is Outcome.REMOVED or outcome.moved_from):
                told.add((file.customer_id, stored.record.device_id))
    for deletion in world.service.deletions:
        if deletion.is_done and deletion.request_id and (deletion.customer_id, deletion.device_id) not in told:
            world.violate(f"Device {deletion.device_id} was deleted and no row says so.")


def _check_registered(world: SimulatedWorld, truth: Truth) -> None:
    """What was read of a batch is what stood there: no device is missing, and none was never there."""
    for stored in world.journal.inventories.all():
        for batch in (each.record for each in world.journal.inventories.batches(stored.record.customer_id)):
            if batch.read_at is None:
                continue
            read = {device.device_id for device in devices_of(world.private, batch)}
            ever = truth.ever_in(batch.customer_id, batch.batch_id)
            there = truth.standing_since(batch.customer_id, batch.batch_id, batch.read_at - CLOCK_DIFFERENCE)
            if not there <= read <= ever:
                world.violate(f"Of batch {batch.batch_id}, read at {batch.read_at}, {there ^ read} was read wrongly.")


def _check_drift(world: SimulatedWorld, truth: Truth) -> None:
    """Only what somebody else did is told as drift, as what it was, and a deletion by night is told."""
    told = set[str]()
    for stored in world.journal.inventories.all():
        for drift in world.journal.inventories.drift(stored.record.customer_id, 1_000):
            name = drift.serial_number or drift.product_key
            told |= {drift.device_id, name}
            by_another = truth.was_deleted_by_another(drift.device_id)
            match drift.kind:
                case DriftKind.DELETED:
                    is_right = by_another
                case DriftKind.MOVED:
                    came = truth.by_others(drift.customer_id, drift.new_batch_id)
                    is_right = by_another and any(
                        each is not None and name in (each.device.serial, each.device.product_key)
                        for each in (truth.registration_of(device_id or "") for device_id in came)
                    )
                case DriftKind.REGISTERED:
                    is_right = drift.device_id in truth.by_others(drift.customer_id, drift.batch_id)
            if not is_right:
                world.violate(f"Device {drift.device_id} ({name}) is told as {drift.kind}.")
    orders = [(file.customer_id, file.order) for file in map(world.file, world.dropped) if file is not None]
    for device_id in world.gone_by_night - told:
        gone = truth.registration_of(device_id)
        # What a file of ours removed or moved lately may explain that a device of its name is gone.
        may_be_ours = any(of == (gone and gone.customer_id) and order is not FileOrder.REGISTER for of, order in orders)
        name = "" if gone is None else gone.device.serial or gone.device.product_key or ""
        # One that stands in its batch again is told as registered.
        if name and name not in told and not may_be_ours:
            world.violate(f"Device {device_id} ({name}) was deleted by night, and nobody was told.")


def _check_moves(world: SimulatedWorld, truth: Truth) -> None:
    """A device that a move deleted is registered again afterwards, or its row says that it may be nowhere."""
    for identifier in world.dropped:
        file = world.file(identifier)
        if file is None or file.order is not FileOrder.MOVE:
            continue
        rows = file.reading_id, 1, max(file.read_counts.total, 1)
        outcomes = {outcome.row: outcome for outcome in world.journal.outcomes.of_rows(*rows)}
        for stored in world.journal.withdrawals.devices(*rows):
            device = stored.record
            is_ours = device.result is WithdrawalResult.WITHDRAWN and not truth.was_deleted_by_another(device.device_id)
            if not is_ours or device.is_of_withdrawal or not truth.was_deleted(device.device_id):
                continue
            outcome = outcomes.get(device.row)
            says_so = outcome is not None and SentNote.REGISTERED_NOWHERE in outcome.notes
            if not says_so and not truth.is_registered_after(file.customer_id, device.device_id):
                world.violate(
                    f"Row {device.row} of {identifier} is {outcome and outcome.outcome}, and its device, which was "
                    "removed for it, is registered nowhere."
                )


def _check_uploads(world: SimulatedWorld) -> None:
    """A device is in at most one accepted submission of its file, and no request is repeated without a reason."""
    numbers_of: dict[tuple[str, str], set[str]] = {}
    for upload in world.service.uploads:
        sender = world.sender_of_request.get(upload.attempt.request_id)
        if sender is not None and upload.tracking_id is not None:
            for device in upload.attempt.sent:
                numbers_of.setdefault((sender[0], device.identities[0]), set()).add(sender[1])
    for (file, identity), numbers in numbers_of.items():
        unanswered = {number for number in numbers if _may_have_been_taken(world, (file, number))}
        if len(numbers - unanswered) > 1 or (len(numbers) > 1 and not unanswered):
            world.violate(f"{identity} is in the accepted submissions {sorted(numbers)} of {file}.")
    _check_taken_once(world)
    for sender, attempts in world.attempts.items():
        for (earlier, by), (later, _) in pairwise(attempts):
            _check_repeat(world, sender, earlier, later, was_disturbed=by in world.disturbed)


def _check_taken_once(world: SimulatedWorld) -> None:
    """The service takes a submission twice only where it forgot request ids, or where the request had to change.

    The request changes when the batch that it creates exists already: then its devices are appended.
    """
    taken: dict[tuple[str, str], list[Attempt]] = {}
    for upload in world.service.uploads:
        sender = world.sender_of_request.get(upload.attempt.request_id)
        if sender is not None and upload.tracking_id is not None and not upload.is_repeat:
            taken.setdefault(sender, []).append(upload.attempt)
    for sender, attempts in taken.items():
        forgot = any(attempt.trouble is Fault.FORGET_REQUEST_IDS for attempt, _ in world.attempts[sender])
        if len({attempt.operation for attempt in attempts}) < len(attempts) and not forgot:
            world.violate(f"Submission {sender[1]} of {sender[0]} was taken {len(attempts)} times.")


def _check_repeat(
    world: SimulatedWorld, sender: tuple[str, str], earlier: Attempt, later: Attempt, *, was_disturbed: bool
) -> None:
    """The id stays until the service has decided, and an owner that knew of the acceptance does not send again."""
    is_same = earlier.request_id == later.request_id
    name = f"Submission {sender[1]} of {sender[0]}"
    if earlier.trouble in WITHOUT_WORD_OF_SERVICE and not is_same:
        world.violate(f"{name} is repeated with a new request id although the service has not said its own word.")
    if is_same and (earlier.batch_id, earlier.devices) != (later.batch_id, later.devices):
        world.violate(f"{name} is repeated with other content under the same request id.")
    if is_same and not was_disturbed and earlier.trouble not in (*WITHOUT_WORD_OF_SERVICE, *WITHOUT_LINK):
        world.violate(f"{name} is sent twice without a reason.")
    was_told = earlier.trouble not in LOST_ANSWERS.union(WITHOUT_ANSWER, GATEWAY)
    if was_told and not was_disturbed and _accepted(world, earlier):
        world.violate(f"{name} is sent again although it was accepted.")


def _accepted(world: SimulatedWorld, attempt: Attempt) -> bool:
    return any(upload.attempt is attempt and upload.tracking_id is not None for upload in world.service.uploads)


def _may_have_been_taken(world: SimulatedWorld, sender: tuple[str, str]) -> bool:
    """Whether an answer to the submission was lost, so that its halves or repeats may hold accepted devices."""
    return any(
        attempt.trouble in LOST_ANSWERS or by in world.disturbed for attempt, by in world.attempts.get(sender, ())
    )


# --- logs

_LONG = re.compile(r"[A-Za-z0-9+/=]{100,}")


class SecretsInLogs(logging.Handler):
    """Searches every record, message and extra fields alike, for a token or a hash."""

    def __init__(self, world: SimulatedWorld) -> None:
        super().__init__()
        self._world = world
        self.records = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.records += 1
        if "seconds_to_closed" in vars(record):
            self._world.ends.append(vars(record))
        if record.msg == HELD_BY_THE_APP:
            self._world.held_by_app.add(vars(record)["file_id"])
        text = f"{record.getMessage()} {record.__dict__}"
        if TOKEN in text or _LONG.search(text):
            self._world.violate(f"A log record shows a secret: {record.msg}")


@contextmanager
def watched_logs(world: SimulatedWorld) -> Iterator[SecretsInLogs]:
    """Every log record of the app, down to DEBUG, is searched; none is shown."""
    logger = logging.getLogger("shared")
    before = logger.level, logger.propagate
    watch = SecretsInLogs(world)
    logger.addHandler(watch)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield watch
    finally:
        logger.removeHandler(watch)
        logger.level, logger.propagate = before
        logger.setLevel(before[0])
