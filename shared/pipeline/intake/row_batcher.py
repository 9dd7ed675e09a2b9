"""Groups the rows of a device file into submissions and journals them. Nothing is sent here."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from shared.device_files.account import FileAccount
from shared.device_files.rows import CheckedRow, SendableDevice
from shared.partner_center.models import NewDevice, encode_devices
from shared.pipeline.blob_names import reading_folder
from shared.pipeline.closing.accounting import accounted
from shared.pipeline.closing.close import MOST_LISTED_AT_ONCE
from shared.pipeline.closing.reason_counts import ReasonCounter
from shared.pipeline.composition import Pipeline
from shared.pipeline.default_profiles import DefaultProfiles
from shared.pipeline.intake.rules import MOST_BATCHES, batch_of_row, too_many_batches
from shared.pipeline.lease import (
    ROWS_BETWEEN_CLOCK_CHECKS,
    FileLease,
    time_for_its_wake_up,
    with_claim_for_reading,
)
from shared.pipeline.log_fields import of_file
from shared.pipeline.outcome_rules import outcome_of_unsent_row, sent_row
from shared.pipeline.submissions.bad_files import CANARY_DEVICES, NEVER, is_known_good
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.new_submission import SubmissionKey, kept_submission
from shared.pipeline.submissions.request_body import new_device
from shared.storage.record_table import Stored, log_unreadable
from shared.storage.records import DeviceFile, DeviceOutcome, Submission, with_sentence
from shared.storage.submissions import SubmissionEntry
from shared.vocabulary import FileOrder, FileState, counted

logger = logging.getLogger(__name__)

MOST_DEVICES_HELD = 4_000
"""Most devices held in memory, over all batches whose submissions are not full yet."""

OUTCOMES_WRITTEN_AT_ONCE = 1_000

LATEST_FILES = 10
"""Files of a customer that are looked at to find its last one with a verdict."""

SUBMISSIONS_ENTERED_AT_ONCE = 16
"""Submissions in one transaction, which holds at most a hundred rows and 4 MiB; each comes with its list of rows."""

MOST_BYTES_HELD = 16 * 1024 * 1024
"""Most bytes of request bodies that stay in memory for the first POSTs."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file in the state `read`, with its first submissions and their bodies, to be sent at once."""

    file: DeviceFile
    first: Sequence[Stored[Submission]]
    bodies: Mapping[str, bytes]
    """Request bodies, by number."""
    submissions: Sequence[Submission] | None
    """All submissions; None for a large file."""
    has_canary: bool
    """Whether its first submission goes alone."""


@dataclass(slots=True)
class Intake:
    """Groups the rows of one reading of a file into submissions, in bounded memory."""

    pipeline: Pipeline
    held: FileLease
    account: FileAccount = field(default_factory=FileAccount)
    """The parts of the file that are not rows; the reader fills it."""
    submissions: int = 0
    has_canary: bool = False
    total: int = 0
    outcomes: list[DeviceOutcome] = field(default_factory=list)
    reasons: ReasonCounter = field(default_factory=ReasonCounter)
    waiting: dict[str, "Batchload"] = field(default_factory=dict)
    default_profiles: DefaultProfiles | None = None
    """None until the first batch is known."""
    devices_held: int = 0
    entries: list[SubmissionEntry] = field(default_factory=list)
    """Submissions whose bodies are stored but which are not in the journal yet."""
    first: list[Stored[Submission]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    listed: list[Submission] | None = field(default_factory=list)

    def add_all(self, rows: Iterable[CheckedRow]) -> None:
        """Add all `rows`, in order."""
        for row in rows:
            self.total = row.row
            self._add(row)
            if row.row % ROWS_BETWEEN_CLOCK_CHECKS == 0:
                self.held.keep()

    def begin_again(self) -> "Intake":
        """An intake for another reading of the same file from row 1, which writes to its own keys and blobs.

        Raises:
            Conflict: the file was taken over.
        """
        sentence = "Its rows are read once more: a later row changed the outcome of an earlier one."
        self.held.change(with_claim_for_reading(self.pipeline, self.held.record, sentence))
        return Intake(self.pipeline, self.held)

    def finish(self) -> "ReadFile":
        """Journal the rest, then change the file to `read` in one compare-and-swap: now its submissions may be sent."""
        left = [load for load in self.waiting.values() if load.rows]
        for load in left:
            while load.rows:
                self._submit(load, is_last=len(left) == 1)
        self._enter_submissions()
        self._write_outcomes()
        now, file = self.pipeline.clock(), self.held.record
        counts = self.reasons.counts(self.total)
        sentence = f"Read: {counted(self.total, 'row')}, {counted(self.submissions, 'submission')}."
        read = replace(
            file,
            state=FileState.READ,
            submissions=self.submissions,
            is_known_good=self.has_canary and self._is_known_good(counts.total - counts.ended, now),
            read_counts=counts,
            reasons=self.reasons.tallies(),
            claimed_until=None,
            due_at=now + self.pipeline.settings.advanced.claim,
            history=with_sentence(file.history, sentence, now),
        )
        read = accounted(read, self.account)
        self.held.change(read)
        fields = of_file(read) | {"rows": self.total, "submissions": self.submissions}
        logger.info("A device file was read", extra=fields)
        self.pipeline.cache.released.keep(read.reading_id, self.held.stored)
        return ReadFile(read, self.first, self.bodies, self.listed, self.has_canary)

    def _is_known_good(self, devices: int, now: datetime) -> bool:
        """Whether this file of so many devices is of known-good shape."""
        found = self.pipeline.journal.files.final(
            limit=LATEST_FILES, customer_id=self.held.record.customer_id, unreadable=log_unreadable
        )
        latest = (listing for _, listing in found)
        return is_known_good(latest, devices, self.pipeline.settings.hold_from_failed_percent, now)

    def _add(self, row: CheckedRow) -> None:
        file = self.held.record
        batch_id = batch_of_row(row.group_tag, file.batch_id, file.default_batch)
        if row.device is None or batch_id is None:
            self._keep(outcome_of_unsent_row(file.reading_id, row))
            return
        load = self._load(batch_id)
        if len(load.rows) == file.devices_per_submission:
            self._submit(load, is_last=False)
        load.add(row, row.device)
        self.devices_held += 1
        if self.devices_held >= MOST_DEVICES_HELD:
            self._submit(max(self.waiting.values(), key=lambda other: len(other.rows)), is_last=False)

    def _load(self, batch_id: str) -> "Batchload":
        """The waiting devices of `batch_id`; the file's first spelling of the batch is used."""
        key = batch_id.casefold()
        if (known := self.waiting.get(key)) is not None:
            return known
        if len(self.waiting) == MOST_BATCHES:
            raise too_many_batches()
        load = self.waiting[key] = Batchload(batch_id, self._default_profile(key))
        return load

    def _default_profile(self, batch_key: str) -> str:
        """The profile that the devices of a batch are to have where their rows name none."""
        if self.default_profiles is None:
            file = self.held.record
            self.default_profiles = DefaultProfiles.of_customer(self.pipeline.customers, file.customer_id, file.order)
        wish = self.default_profiles.of_batch(batch_key)
        return "" if wish is None else wish.profile

    def _keep(self, outcome: DeviceOutcome) -> None:
        self.outcomes.append(outcome)
        self.reasons.add(outcome)
        if len(self.outcomes) == OUTCOMES_WRITTEN_AT_ONCE:
            self._write_outcomes()

    def _write_outcomes(self) -> None:
        self.pipeline.journal.outcomes.write(self.outcomes)
        self.outcomes.clear()

    def _submit(self, load: "Batchload", *, is_last: bool) -> None:
        """Store the body exactly as it will be sent and its list of rows, then enter the submission.

        The first of several is a small one, the canary: the rest of its load stays.
        """
        never = self.pipeline.settings.hold_from_failed_percent == NEVER
        is_canary = not (self.submissions or is_last or never)
        part = load.first(CANARY_DEVICES) if is_canary else load.first(len(load.rows))
        self.submissions += 1
        self.has_canary |= is_canary
        file = self.held.record
        key = SubmissionKey(
            file_id=file.file_id,
            reading_id=file.reading_id,
            customer_id=file.customer_id or "",
            batch_id=load.batch_id,
            folder=reading_folder(file.reading_id),
            number=str(self.submissions),
            is_canary=is_canary,
            order=file.order,
        )
        sentence = f"Waits with {counted(len(part.rows), 'device')} {_purpose(file.order, load.batch_id)}."
        body, now = part.body(), self.pipeline.clock()
        # Its wake-up is sent when the whole file is read. After a crash the sweep finds it no later than claimed work.
        claim = self.pipeline.settings.advanced.claim
        due_at = now + claim - time_for_its_wake_up(claim)
        self.entries.append(kept_submission(self.pipeline.private, key, body, part.rows, sentence, now, due_at))
        self._keep_body(key.number, body)
        if len(self.entries) == SUBMISSIONS_ENTERED_AT_ONCE:
            self._enter_submissions()
        self.devices_held -= len(part.rows)
        self.held.keep()

    def _keep_body(self, number: str, body: bytes) -> None:
        """Keep the body in memory if this process sends it at once, within the limit."""
        held = sum(map(len, self.bodies.values()))
        if (
            self.submissions <= self.pipeline.settings.advanced.inline_submissions
            and held + len(body) <= MOST_BYTES_HELD
        ):
            self.bodies[number] = body

    def _enter_submissions(self) -> None:
        if not self.entries:
            return
        entered = self.pipeline.journal.submissions.add(self.entries)
        self.first += entered[: max(0, self.pipeline.settings.advanced.inline_submissions - len(self.first))]
        if self.listed is not None:
            self.listed += [stored.record for stored in entered]
            if len(self.listed) > MOST_LISTED_AT_ONCE:
                self.listed = None
        self.entries.clear()


def _purpose(order: FileOrder, batch_id: str) -> str:
    if order is FileOrder.REGISTER:
        return f"for batch {batch_id}"
    if order is FileOrder.MOVE:
        return f"to be moved to batch {batch_id}"
    return f"to be removed from batch {batch_id}" if batch_id else "to be removed from any batch"


@dataclass(slots=True)
class Batchload:
    """Devices waiting for a submission to one batch."""

    batch_id: str
    profile: str = ""
    """The default profile of the batch."""
    devices: list[NewDevice] = field(default_factory=list)
    rows: list[SentRow] = field(default_factory=list)

    def add(self, row: CheckedRow, device: SendableDevice) -> None:
        """Add a device and the fields of its row that are kept."""
        self.devices.append(new_device(device))
        sent = sent_row(row)
        self.rows.append(sent if sent.profile or not self.profile else replace(sent, profile=self.profile))

    def body(self) -> bytes:
        """The request body with all devices."""
        return encode_devices(self.devices)

    def first(self, number: int) -> "Batchload":
        """Take the first `number` devices, or all there are, to be submitted."""
        part = Batchload(self.batch_id, self.profile, self.devices[:number], self.rows[:number])
        del self.devices[:number], self.rows[:number]
        return part
