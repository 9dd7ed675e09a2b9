"""The world that the pipeline runs in: storage, queue, hosts, people, the service, and one clock and random source.

Everything that happens stands in plain words in `trace`, and follows from the plan and its seed alone.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from uuid import UUID

from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from local.in_memory_storage import (
    InMemoryContainer,
    InMemoryStorageProbes,
    InMemoryTable,
    InMemoryUploadAddresses,
)
from local.partner_center import Behaviour, Operation, Request, SentDevice
from local.partner_center.profile import Profile, behaviour_of
from shared.errors import DeviceDropError
from shared.partner_center.sign_in import StaticToken
from shared.pipeline.blob_names import DROP_CONTAINER, file_id
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.assign_profile import NoProfileToAssign, assign_profile, may_assign
from shared.pipeline.corrections.closed_file import FileStillOpen, FileUnknown
from shared.pipeline.dispatch import wake
from shared.pipeline.drop_path import parse_drop_path
from shared.pipeline.hold_requests import EVERYTHING, HoldRefused, NothingToHold, go_on, hold, limit_customer, stop
from shared.pipeline.holds import hold_on, is_stopped
from shared.pipeline.human_acts import COMMAND, Subject, subject_of
from shared.pipeline.intake.receive import receive_dropped
from shared.pipeline.inventory.reading import ask_for_devices
from shared.pipeline.inventory.reconciliation import reconcile
from shared.pipeline.inventory.snapshots import devices_of
from shared.pipeline.process_cache import ProcessCache
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.profile_assignment import rows_of
from shared.pipeline.submissions.profile_decisions import body_of
from shared.pipeline.sweep import sweep
from shared.storage.blobs import BlobVersion
from shared.storage.connection import BLOB_POISON_QUEUE, SUBMISSIONS_POISON_QUEUE
from shared.storage.customers import Customers
from shared.storage.journal import Journal, TableName
from shared.storage.records import DeviceFile, Submission
from shared.storage.storage_clock import StorageClock
from shared.storage.wakeups import (
    POISON_HIDDEN_SECONDS,
    DueSubmission,
    PoisonedMessage,
    SubmissionsWakeUp,
    SubmissionWakeUp,
    WakeUp,
    decode,
    encode,
)
from shared.vocabulary import ActKind, FileOrder, FileState, HoldState
from tests.partner_center.in_process import client_in_process
from tests.pipeline.world import START, settings_with
from tests.simulation.baton import Invocation, ProcessDied
from tests.simulation.crashes import SteppedContainer, SteppedEvents, SteppedTable, SteppedWakeups
from tests.simulation.plan import CUSTOMERS, ORDERED_PROFILE, Deed, DroppedFile, Plan, Reach, Rein, Stranger
from tests.simulation.service import Asked, Attempt, SimulatedPartnerCenter, Trouble

TOKEN = "simulated-token-that-no-log-may-show"

_EXTENSIONS = json.loads((Path(__file__).parents[2] / "host.json").read_text())["extensions"]
MOST_DELIVERIES: dict[str, int] = {
    "wake": _EXTENSIONS["queues"]["maxDequeueCount"],
    "blob": _EXTENSIONS["blobs"]["poisonBlobThreshold"],
}
"""Deliveries of one message before the host puts it on the poison queue."""

_HOURS, _MINUTES, _SECONDS = map(int, _EXTENSIONS["queues"]["visibilityTimeout"].split(":"))
RETRY_AFTER = {"wake": timedelta(hours=_HOURS, minutes=_MINUTES, seconds=_SECONDS), "blob": timedelta()}
"""The time after which the message of a failed function returns. The host tries a blob again at once."""

LEASE = timedelta(minutes=10)
"""The time after which a message returns whose host died with it."""

CLOCKS_DIFFER = timedelta(seconds=10)
"""By which the clocks of hosts differ: so long before midnight, another host may have begun the next day."""

SHORT_STALL = 0.01
CALL_STALL = 0.3
"""Longest time between two effects, as shares of a claim: a claim outlasts the longest call of the service."""

POISON_NAME = {"wake": SUBMISSIONS_POISON_QUEUE, "blob": BLOB_POISON_QUEUE}


STORAGE_ERRORS = (ServiceRequestError, ServiceResponseError)
"""The errors of the storage client when storage does not answer."""


@dataclass(slots=True)
class Message:
    """A message of the queue, or the host's own message about a blob."""

    number: int
    kind: str
    body: str
    """The wake-up, or the blob's path."""
    visible_at: datetime
    dequeues: int = 0
    is_leased: bool = False
    causes: list[str] = field(default_factory=list)
    """The reason why each delivery so far failed."""


@dataclass(slots=True)
class _Poisoned:
    message: PoisonedMessage
    visible_at: datetime


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of a job: its time, whether the answer was usable, and its invocation."""

    at: datetime
    is_usable: bool
    by: Invocation | None


class SimulatedWorld:
    """Everything but the order of events, which a scheduler or a state machine chooses."""

    def __init__(self, plan: Plan, profile: Profile | None = None) -> None:  # noqa: PLR0915 - a world has many parts
        self.plan = plan
        self.random = random.Random(plan.seed)
        self.time = START
        self.trace: list[tuple[datetime, str, str]] = []
        self.settings = settings_with({"PARTNER_CENTER_TOKEN": TOKEN, **plan.settings})
        self._numbers = count(1)
        self.etags_given = 0
        self._memories = [ProcessCache() for _ in plan.clocks]
        """The cache of the process on each host."""
        self._host_clocks = [self._new_clock(host) for host in range(len(plan.clocks))]

        def new_etag() -> str:
            self.etags_given += 1
            return f"etag-{self.etags_given}"

        self.drop = InMemoryContainer(None, new_etag, self.now)
        self.results = InMemoryContainer(None, new_etag, self.now)
        self.private = InMemoryContainer({DROP_CONTAINER: self.drop}, new_etag, self.now)
        self.tables = {name: self.new_table(new_etag) for name in TableName}
        self.customers = Customers(InMemoryTable(new_etag))
        for customer_id, priority in plan.shares.priorities.items():
            self.customers.prioritise(customer_id, priority, START)
        self.events: list[str] = []
        self.ends: list[Mapping[str, object]] = []
        """The log lines that a file has ended, each with its fields."""
        self.held_by_app = set[str]()
        """The files that the app held, by its log."""
        self.queue: list[Message] = []
        self.poison: list[_Poisoned] = []
        self.service = SimulatedPartnerCenter(
            self.now,
            behaviour_of(
                profile or Profile(),
                Behaviour(
                    delay=plan.job_delay.total_seconds(),
                    seed=plan.seed,
                    unknown_customers=plan.unknown_customers,
                    most_devices=plan.most_devices,
                    existing_batch_status=plan.existing_batch_status,
                    is_admin_agent=plan.is_admin_agent,
                    retry_after=plan.retry_after,
                    page_size=3,
                ),
            ),
            troubles=self._trouble,
            pause=self._on_its_way,
        )
        self.service.asked = self._note_asked
        self.service.attempted = self._check_upload
        self.service.deleting = self._check_deletion
        self.service.updating = self._check_update
        self.service.polled = self._note_poll
        self.pipeline = Pipeline(
            settings=self.settings,
            journal=Journal(lambda name: SteppedTable(name, self.tables[name], self)),
            customers=self.customers,
            drop=SteppedContainer("drop", self.drop, self),
            private=SteppedContainer("private", self.private, self),
            results=SteppedContainer("results", self.results, self),
            staging=InMemoryContainer(None, new_etag, self.now),
            upload_addresses=InMemoryUploadAddresses(),
            wakeups=SteppedWakeups(self, self),
            events=SteppedEvents(self.events, self),
            partner_center=client_in_process(self.service.reply, self._clock_of_host, StaticToken(TOKEN)),
            sign_in=StaticToken(TOKEN),
            probes=InMemoryStorageProbes(),
            clock=self._clock_of_host,
            new_id=lambda: str(UUID(int=self.random.getrandbits(128), version=4)),
            jitter=self.random.random,
        )
        self.journal = Journal(lambda name: self.tables[name])
        """The journal without steps, for checks from outside."""
        self.live: list[Invocation] = []
        self._stalled_until: dict[Invocation, datetime] = {}
        self._running: Invocation | None = None
        self._senders: set[Invocation] = set()
        """Invocations that have sent a request to the service."""
        self._dying_host: int | None = None
        self.wake_ups_sent: Counter[tuple[str, str]] = Counter()
        """Counts by reading and number of a submission."""
        self.crashes = plan.crashes
        self.storage_failures = plan.storage_failures
        self.stay = plan.stay
        self.stopped = set[str]()
        """The files that somebody stopped, or tried to."""
        self.gone_by_night = set[str]()
        """The ids of devices that were read, and that somebody else deleted or moved by night then."""
        self.dropped: dict[str, DroppedFile] = {}
        """Every version of every dropped blob, by file id."""
        self.next_sweep = START + plan.sweep_period
        self.disturbed: set[Invocation | None] = set()
        """Invocations that died or met a failure of storage: the answers they got may not stand in the journal."""
        self.attempts: dict[tuple[str, str], list[tuple[Attempt, Invocation | None]]] = {}
        """By file and number of the submission, with the invocation that made it."""
        self.updates: dict[str, bytes] = {}
        """The bodies of updates of devices, by request id."""
        self.polls: dict[str, list[Poll]] = {}
        """Polls by tracking id."""
        self.asked: list[tuple[Asked, Invocation | None]] = []
        """Every request to the service, with the invocation that made it."""
        self.calm_since: datetime | None = None
        self.overdue_in_calm = 0
        """Submissions that a sweep found overdue although nothing was being lost any more."""
        self.violations: list[str] = []
        self.sender_of_request: dict[str, tuple[str, str]] = {}
        """File and number of the submission that sent a request of this id."""
        self.first_sent: dict[tuple[str, str, str], date] = {}
        """The day on which a device of a customer's file was first to be sent, by customer, file and identity."""
        for customer_id, devices in plan.shares.daily_limits.items():
            limit_customer(replace(self.pipeline, journal=self.journal), COMMAND, customer_id, devices)

    def new_table(self, new_etag: Callable[[], str]) -> InMemoryTable:
        """A table of the journal."""
        return InMemoryTable(new_etag)

    # --- time

    def now(self) -> datetime:
        """The time."""
        return self.time

    def _pipeline_of_host(self) -> Pipeline:
        """The pipeline of the running process."""
        assert self._running is not None
        return replace(self.pipeline, cache=self._memories[self._running.host])

    def _clock_of_host(self) -> datetime:
        """The time by the clock of the calling host."""
        return self.time if self._running is None else self._host_clocks[self._running.host]()

    def _new_clock(self, host: int) -> StorageClock:
        """The clock of a process on this host, whose own clock is wrong and jumps."""

        def wall() -> datetime:
            jumps = [jump.by for jump in self.plan.jumps if jump.host == host and START + jump.after <= self.time]
            return self.time + timedelta(seconds=self.plan.clocks[host]) + sum(jumps, timedelta())

        return StorageClock(wall, self._monotonic)

    def _monotonic(self) -> float:
        return (self.time - START).total_seconds()

    def _hear_the_time(self) -> None:
        """Let the running process read the date of an answer of storage."""
        if self._running is not None:
            clock = self._host_clocks[self._running.host]
            clock.note(format_datetime(self.time, usegmt=True), clock.seconds())

    def pass_time(self, delay: timedelta) -> None:
        """Let time pass, but no further than the first stalled invocation may stall."""
        until = min([self.time + delay, *(self._stalled_until.get(each, self.time) for each in self.live)])
        self.time = max(self.time, until)

    def be_calm(self) -> None:
        """Hosts and storage fail no more, and each invocation runs to its end; the service's weather goes on."""
        self.crashes = self.storage_failures = 0.0
        self.stay = 1.0
        self.calm_since = self.time

    def is_at_rest(self) -> bool:
        """Whether no invocation runs, no message waits, and every file has ended."""
        return not (
            self.live
            or self.queue
            or self.poison
            or any(True for _ in self.journal.files.still_open())
            or any(True for _ in self.journal.withdrawals.in_progress())
            or any(each.record.is_in_progress or each.record.changes for each in self.journal.inventories.all())
            or not all(self._has_ended(version) for version in self.drop.versions())
        )

    def _has_ended(self, version: BlobVersion) -> bool:
        stored = self.journal.files.get(parse_drop_path(version.path).customer_id, file_id(version.path, version.etag))
        return stored is not None and stored.record.state.is_final

    def file(self, identifier: str) -> DeviceFile | None:
        """The journal's record of a dropped file; None when it was never received."""
        stored = self.journal.files.get(parse_drop_path(self.dropped[identifier].path).customer_id, identifier)
        return None if stored is None else stored.record

    def submissions(self, identifier: str) -> list[Submission]:
        """The submissions of a dropped file's last reading, the only ones that count."""
        file = self.file(identifier)
        return [] if file is None else [each.record for each in self.journal.submissions.of_reading(file.reading_id)]

    def violate(self, what: str) -> None:
        """Note a broken promise, to report at the end, since code in between could hide an exception."""
        self.note("promise", f"broken: {what}")
        self.violations.append(what)

    def note(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append((self.time, who, what))

    # --- steps

    def before(self, what: str) -> None:
        """See `Steps`."""
        self._between_effects(what, SHORT_STALL)
        self._hear_the_time()
        if self._running is not None and self.random.random() < self.storage_failures:
            self.disturbed.add(self._running)
            self.note(self._running.name, "storage does not answer, and nothing was done")
            raise ServiceRequestError("Storage does not answer.")

    def _between_effects(self, what: str, stall: float) -> None:
        """Let others run, time pass, or the process die."""
        running = self._running
        if running is None:
            return
        if running.has_died:
            raise ProcessDied
        if self.random.random() >= self.stay:
            if running.name.startswith("receive") and running not in self._senders:
                stall = self.plan.longest_stall_of_readers
            self._stalled_until[running] = self.time + self.settings.advanced.claim * stall
            running.pause()
        if self.random.random() < self.crashes:
            self.note(running.name, f"dies before: {what}")
            self._dying_host = running.host
            running.has_died = True
            raise ProcessDied
        self.note(running.name, what)

    def after(self, what: str) -> bool:
        """See `Steps`."""
        if self._running is None or not self.storage_failures:
            return False
        if self.random.random() < self.storage_failures:
            self.disturbed.add(self._running)
            self.note(self._running.name, "the answer of storage is lost")
            raise ServiceResponseError("The answer of storage was lost.")
        is_lost = self.random.random() < self.storage_failures
        if is_lost:
            self.disturbed.add(self._running)
            self.note(self._running.name, f"the client repeats and meets its own: {what}")
        return is_lost

    def _on_its_way(self, what: str) -> None:
        """Let a request to the service, or its answer, travel."""
        if self._running is not None:
            self._senders.add(self._running)
        self._between_effects(what, CALL_STALL)

    def step(self, invocation: Invocation) -> None:
        """Let one invocation continue to its next pause."""
        self._running = invocation
        invocation.resume()
        self._running = None
        if self._dying_host is not None:
            host, self._dying_host = self._dying_host, None
            self.kill(host)

    def kill(self, host: int) -> None:
        """Let a host die with its invocations; another takes its place."""
        self.note(f"host {host}", "dies")
        self._memories[host] = ProcessCache()
        self._host_clocks[host] = self._new_clock(host)
        for invocation in [each for each in self.live if each.host == host]:
            self._running = invocation
            invocation.die()
            self._running = None

    def invoke(self, name: str, work: Callable[[], None], ended: Callable[[Invocation], None]) -> Invocation:
        """Let a host call a function."""

        def call() -> None:
            work()
            self._between_effects("returns", SHORT_STALL)

        def over(invocation: Invocation) -> None:
            self.live.remove(invocation)
            self._stalled_until.pop(invocation, None)
            if invocation.has_died:
                self.disturbed.add(invocation)
            if invocation.error is not None:
                self.note(invocation.name, f"fails: {invocation.error!r}")
                if not _is_expected(invocation.error, (*STORAGE_ERRORS, DeviceDropError)):
                    self.violate(f"A function failed: {invocation.error!r}")
            ended(invocation)

        number = next(self._numbers)
        invocation = Invocation(f"{name} #{number}", number % len(self.plan.clocks), call, over)
        self._stalled_until[invocation] = self.time + self.settings.advanced.claim * SHORT_STALL
        self.live.append(invocation)
        return invocation

    # --- the queue

    def send(self, body: str, delay: timedelta) -> None:
        """Add a wake-up to the queue."""
        for named in submissions_in(decode(body.encode())):
            self.wake_ups_sent[named] += 1
        self.queue.append(Message(next(self._numbers), "wake", body, self.time + max(delay, timedelta())))

    def poisoned(self) -> list[PoisonedMessage]:
        """The visible poisoned messages, which are then hidden for a while."""
        found = [entry for entry in self.poison if entry.visible_at <= self.time]
        for entry in found:
            entry.visible_at = self.time + timedelta(seconds=POISON_HIDDEN_SECONDS)
        return [entry.message for entry in found]

    def delete_poisoned(self, message: PoisonedMessage) -> None:
        """Delete a poisoned message."""
        self.poison = [entry for entry in self.poison if entry.message.message_id != message.message_id]

    def due_messages(self) -> list[Message]:
        """The messages that hosts may receive now."""
        return [each for each in self.queue if each.visible_at <= self.time and not each.is_leased]

    def deliver(self, message: Message) -> None:
        """Let a host receive a message."""
        if message.dequeues >= MOST_DELIVERIES[message.kind]:
            self._poison(message)
            return
        message.dequeues += 1
        message.is_leased = True

        def ended(invocation: Invocation) -> None:
            message.is_leased = False
            if invocation.has_died:
                message.causes.append("died")
                message.visible_at = self.time + LEASE
            elif invocation.error is not None:
                is_storage = _is_expected(invocation.error, STORAGE_ERRORS)
                message.causes.append("storage failed" if is_storage else repr(invocation.error))
                message.visible_at = self.time + RETRY_AFTER[message.kind]
                if message.dequeues >= MOST_DELIVERIES[message.kind]:
                    self._poison(message)
            elif message in self.queue:
                self.queue.remove(message)

        if message.kind == "wake":
            body = message.body.encode()
            self.invoke(
                f"wake {message.number}", lambda: wake(self._pipeline_of_host(), body, str(message.number)), ended
            )
        else:
            self.invoke(
                f"receive {message.body}", lambda: receive_dropped(self._pipeline_of_host(), message.body), ended
            )

    def duplicate(self, message: Message) -> None:
        """Deliver a message a second time, whatever happens to the first delivery."""
        self.note("queue", f"repeats {message.kind} {message.body}")
        self.queue.append(Message(next(self._numbers), message.kind, message.body, self.time))

    def lose(self, message: Message) -> None:
        """Lose a message before it is delivered."""
        self.note("queue", f"loses {message.kind} {message.body}")
        self.queue.remove(message)

    def forge(self) -> None:
        """Add a wake-up of some submission that the app did not send: a message decides nothing."""
        known = [each for file in self.dropped for each in self.submissions(file)]
        if known:
            wake_up = self._forged(self.random.choice(known), known)
            self.note("queue", f"has a wake-up that nobody sent: {wake_up}")
            self.queue.append(Message(next(self._numbers), "wake", encode(wake_up), self.time))

    def _forged(self, submission: Submission, known: list[Submission]) -> WakeUp:
        """A wake-up of this submission, perhaps together with others of its reading."""
        together = [each for each in known if each.reading_id == submission.reading_id]
        due = [
            DueSubmission(number=each.number, sequence=each.sequence + self.random.choice((-1, 0, 0, 1)))
            for each in self.random.choices(together, k=self.random.choice((1, 1, 2, 3)))
        ]
        if len(due) > 1:
            return SubmissionsWakeUp(reading_id=submission.reading_id, due=tuple(due))
        return SubmissionWakeUp(reading_id=submission.reading_id, number=due[0].number, sequence=due[0].sequence)

    def _poison(self, message: Message) -> None:
        self.note("host", f"gives up on {message.kind} {message.body} after {message.causes}")
        self.queue.remove(message)
        if not {"died", "storage failed"}.issuperset(message.causes):
            self.violate(f"A message was poisoned by the pipeline itself: {message.causes}")
        body = message.body
        if message.kind == "blob":
            body = json.dumps({"FunctionId": "f", "ContainerName": DROP_CONTAINER, "BlobName": message.body})
        poisoned = PoisonedMessage(POISON_NAME[message.kind], str(message.number), "receipt", body)
        self.poison.append(_Poisoned(poisoned, self.time))

    # --- people and timers

    def drop_file(self, file: DroppedFile) -> None:
        """Let a person drop a file, perhaps over another."""
        etag = self.drop.put(file.path, file.content)
        identifier = file_id(file.path, etag)
        self.note("person", f"drops {file.path} with {len(file.rows)} rows as {identifier}")
        self.dropped[identifier] = file
        self.queue.append(Message(next(self._numbers), "blob", file.path, self.time))

    def delete_file(self, path: str) -> None:
        """Let a person delete a dropped file."""
        self.note("person", f"deletes {path}")
        self.drop.delete(path)

    def rein(self, rein: Rein) -> None:
        """Let a person hold, stop or let go on what is sent of a file, its customer, or everything."""
        files = [file for identifier in self.dropped if (file := self.file(identifier)) is not None]
        if not files:
            return
        file = files[rein.number % len(files)]
        subjects = {
            Reach.FILE: subject_of(file),
            Reach.CUSTOMER: Subject("a customer", file.customer_id),
            Reach.EVERYTHING: EVERYTHING,
        }

        def act() -> None:
            pipeline, subject = self._pipeline_of_host(), subjects[rein.reach]
            with suppress(NothingToHold, HoldRefused):
                match rein.act:
                    case ActKind.HOLD:
                        hold(pipeline, COMMAND, subject)
                    case ActKind.ASSIGN_PROFILE:
                        self._order_profile(pipeline, file)
                    case ActKind.STOP:
                        self.stopped.add(file.file_id)
                        stop(pipeline, COMMAND, file)
                    case _:
                        go_on(pipeline, COMMAND, subject)

        self.invoke(f"{rein.act} {rein.reach.name.lower()} {file.file_id}", act, lambda _: None)

    def order_profiles(self) -> None:
        """Let somebody assign a profile to every file that somebody has done so to before, or may do so now."""
        if any(rein.act is ActKind.ASSIGN_PROFILE for rein in self.plan.reins):
            for identifier in self.dropped:
                if (file := self.file(identifier)) is not None and may_assign(file):
                    self._order_profile(self.pipeline, file)

    def _order_profile(self, pipeline: Pipeline, file: DeviceFile) -> None:
        with suppress(NoProfileToAssign, FileStillOpen, FileUnknown):
            assign_profile(pipeline, COMMAND, file.customer_id or "", file.file_id, ORDERED_PROFILE)

    def act_as_somebody_else(self, stranger: Stranger) -> str:
        """Let somebody else do something at the service; the id of the device that is gone by that, or nothing."""
        gone, number = "", stranger.number
        match stranger.deed:
            case Deed.DELETE:
                gone = self.service.delete_as_somebody_else(number)
            case Deed.MOVE:
                gone = self.service.move_as_somebody_else(number)
            case Deed.REGISTER:
                customer_id = CUSTOMERS[number % 3 % 2]
                self.service.register_as_somebody_else(customer_id, _device_of_another(number), number)
            case Deed.FORBID:
                self.service.forbid_as_somebody_else(number)
        self.note("somebody else", f"at the service: {stranger.deed.name.lower()} {gone}")
        return gone

    def act_by_night(self) -> None:
        """Let somebody else do what the plan says for the night, after the registered devices were read."""
        inventories = self.journal.inventories
        batches = [each.record for one in inventories.all() for each in inventories.batches(one.record.customer_id)]
        read = {device.device_id for batch in batches for device in devices_of(self.private, batch)}
        self.gone_by_night = read.intersection(map(self.act_as_somebody_else, self.plan.by_night))

    def read_by_night(self) -> None:
        """Let the timer ask for the devices of the customers that are due."""
        self.invoke("reconcile", self._reconcile, lambda _: None)

    def _reconcile(self) -> None:
        reconcile(self._pipeline_of_host())

    def ask_for_devices(self, customer_id: str) -> None:
        """Let somebody have the registered devices of a customer read."""
        self.invoke(f"ask for {customer_id}", lambda: self._ask(customer_id), lambda _: None)

    def _ask(self, customer_id: str) -> None:
        ask_for_devices(self._pipeline_of_host(), customer_id)

    def let_everything_go_on(self) -> None:
        """End every hold that somebody put and nobody ended."""
        for stored in self.journal.gates.all().values():
            gate = stored.record
            if gate.hold is HoldState.HELD:
                go_on(self.pipeline, COMMAND, Subject(gate.scope, gate.customer_id, gate.file_id))

    def sweep(self) -> None:
        """Let the timer fire."""
        self.next_sweep = self.time + self.plan.sweep_period
        self.invoke("sweep", self._sweep, lambda _: None)

    def _sweep(self) -> None:
        report = sweep(self._pipeline_of_host())
        if self.calm_since is not None and self.time > self.calm_since + self.plan.sweep_period * 3:
            self.overdue_in_calm += report.overdue_submissions

    # --- the service

    def _trouble(self, operation: Operation, customer_id: str) -> Trouble | None:
        for spell in self.plan.weather:
            befalls = spell.befalls(self.time - START, operation, customer_id)
            if befalls and self.random.random() < spell.probability:
                self.note("service", f"{operation} meets {spell.trouble}")
                return spell.trouble
        return None

    def _note_asked(self, asked: Asked) -> None:
        self.asked.append((asked, self._running))

    def _note_poll(self, tracking_id: str, is_usable: bool) -> None:
        self.polls.setdefault(tracking_id, []).append(Poll(self.time, is_usable, self._running))

    def _check_upload(self, attempt: Attempt) -> None:
        """Check the promises about sending at the moment of an upload."""
        stored = [
            each
            for file in self.dropped
            for each in self.submissions(file)
            if each.request is not None and each.request.request_id == attempt.request_id
        ]
        if len(stored) != 1:
            self.violate(f"Request {attempt.request_id} is sent and stands {len(stored)} times in the journal.")
            return
        (submission,) = stored
        name = f"Submission {submission.number} of {submission.file_id}"
        self.note("service", f"is sent {attempt.operation} of {name}, which meets {attempt.trouble}")
        if submission.state.is_final:
            self.violate(f"{name} is sent although it is {submission.state}.")
        file = self.file(submission.file_id)
        if file is None or file.state is not FileState.READ:
            self.violate(f"{name} is sent although its file is {file and file.state}.")
        journaled = submission.customer_id, submission.request and submission.request.batch_id
        if journaled != (attempt.customer_id, attempt.batch_id):
            self.violate(f"{name} is sent to another batch than is journaled.")
        self._check_holds(submission, name)
        if self.private.read(submission.payload) != attempt.devices:
            self.violate(f"{name} is sent with another body than is kept.")
        sender = (submission.file_id, submission.number)
        self.sender_of_request[attempt.request_id] = sender
        self.attempts.setdefault(sender, []).append((attempt, self._running))
        assert submission.first_sent_at is not None
        day = submission.first_sent_at.date()
        is_at_midnight = (submission.first_sent_at + CLOCKS_DIFFER).date() != day
        for device in attempt.sent if not (submission.removed_before or is_at_midnight) else ():
            key = (submission.customer_id, submission.file_id, device.identities[0])
            self.first_sent.setdefault(key, day)

    def _check_deletion(self, request: Request) -> None:
        """Check the promises about deleting at the moment of a deletion: it is journaled for a row whose file asks."""
        for file in self.dropped:
            for submission in self.submissions(file):
                rows = submission.reading_id, submission.first_row, submission.last_row
                for stored in self.journal.withdrawals.devices(*rows):
                    device = stored.record
                    if device.request_id and device.request_id == request.request_id:
                        name = f"The deletion of row {device.row} of {submission.file_id}"
                        self.note("service", f"is sent {name} with {device.device_id}")
                        if (submission.customer_id, device.device_id) != (request.customer, request.subject):
                            self.violate(f"{name} is sent for another device than is journaled.")
                        owner = self.file(submission.file_id)
                        asks_for_rows = owner is not None and owner.order is not FileOrder.REGISTER
                        is_withdrawn = owner is not None and owner.withdrawal is not None
                        if not (is_withdrawn if device.is_of_withdrawal else asks_for_rows):
                            self.violate(f"{name} is sent although its file does not ask for it.")
                        self._check_holds(submission, name, is_repeat=True)
                        return
        self.violate(f"The deletion {request.path} is sent and does not stand in the journal.")

    def _check_update(self, request_id: str, body: bytes) -> None:
        """An update is sent as it is journaled: once, of a file that is being sent, and not while it is on hold."""
        stored = [
            each
            for file in self.dropped
            for each in self.submissions(file)
            if each.request is not None and each.request.request_id == request_id
        ]
        if len(stored) != 1 or not stored[0].assigns_profiles:
            self.violate(f"Update {request_id} is sent and stands {len(stored)} times in the journal.")
            return
        (assignment,) = stored
        name = f"Assignment {assignment.number} of {assignment.file_id}"
        self.note("service", f"is sent {name}")
        rows = rows_of(Contents(self.journal, self.private), assignment)
        if assignment.state.is_final or rows is None or body_of(rows) != body:
            self.violate(f"{name}, which is {assignment.state}, is sent with another body than is kept.")
        if self.updates.setdefault(request_id, body) != body:
            self.violate(f"{name} is repeated with other content under the same request id.")
        self._check_holds(assignment, name)

    def _check_holds(self, submission: Submission, name: str, *, is_repeat: bool = False) -> None:
        """Nothing is sent that is held or stopped for the time of a claim, but what the service may have already."""
        if self.plan.longest_stall_of_readers > 1:
            return
        holds = {
            scope: stored.record
            for scope, stored in self.journal.gates.all().items()
            if stored.record.hold is not None
            and self.time - (stored.record.since or self.time) > self.settings.advanced.claim
        }
        if hold_on(holds, submission.customer_id, submission.file_id) is not None:
            self.violate(f"{name} is sent although it is on hold.")
        may_go_on = submission.answer_lost or submission.removed_before or is_repeat
        if is_stopped(holds, submission.file_id) and not may_go_on:
            self.violate(f"{name} is sent although its file is stopped.")


def _device_of_another(number: int) -> SentDevice:
    """A device that files name, too, or that none does."""
    serial = f"STRANGE-{number}" if number % 4 == 0 else f"D{number % 16}"
    return SentDevice.of(serial=serial, product_key=None, manufacturer="LENOVO", model="21R3", hardware_hash=None)


def submissions_in(wake_up: WakeUp) -> list[tuple[str, str]]:
    """Reading and number of the submissions that a wake-up names."""
    match wake_up:
        case SubmissionWakeUp(reading_id=reading_id, number=number):
            return [(reading_id, number)]
        case SubmissionsWakeUp(reading_id=reading_id, due=due):
            return [(reading_id, each.number) for each in due]
        case _:
            return []


def _is_expected(error: Exception, kinds: tuple[type[Exception], ...]) -> bool:
    """Whether `error` is of these kinds, or a group of only these kinds."""
    if isinstance(error, ExceptionGroup):
        return all(_is_expected(each, kinds) for each in error.exceptions)
    return isinstance(error, kinds)
