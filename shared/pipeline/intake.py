"""Takes the rows of a device file, cuts them into submissions and journals those. Nothing is sent here."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from shared.device_files import REASONS, CheckedRow, Explanation, SendableDevice
from shared.errors import DeviceDropError
from shared.partner_center.models import Device, encode_devices
from shared.pipeline.claims import claimed
from shared.pipeline.composition import Pipeline
from shared.pipeline.device_file import JSON, batch_name, payload_digest, payload_path, rows_path
from shared.pipeline.log_fields import of_file
from shared.pipeline.matching import SentRow
from shared.storage.journal import Stored
from shared.storage.records import Counts, DeviceFile, DeviceOutcome, Submission, with_sentence
from shared.vocabulary import FileState, Outcome, SubmissionState

logger = logging.getLogger(__name__)

MOST_BATCHES = 20
"""Group tags in one file without a batch folder. More is rather a wrong column than a plan."""

MOST_DEVICES_HELD = 4_000
"""Devices of all batches that wait for their submission to be full."""

ROWS_BETWEEN_LOOKS_AT_THE_CLOCK = 500
OUTCOMES_WRITTEN_AT_ONCE = 1_000

NO_BATCH = "no_batch"
NO_BATCH_EXPLANATION = Explanation(
    "The row has no group tag, and the file lies in no batch folder.",
    "Fill in the Group Tag, or drop the file into device-files/{customer id}/{batch}/.",
)

TOO_MANY_BATCHES = "too_many_batches"
TOO_MANY_BATCHES_TEXT = (
    f"The file names more than {MOST_BATCHES} group tags. Check the Group Tag column, or split the file by group tag."
)


class FileRejected(DeviceDropError):
    """The file is ended without sending anything of it. `reason` is a word of the public vocabulary."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(slots=True)
class Intake:
    """Takes the rows of one file, cuts them into submissions and journals those, in bounded memory."""

    pipeline: Pipeline
    stored: Stored[DeviceFile]
    submissions: int = 0
    total: int = 0
    outcomes: list[DeviceOutcome] = field(default_factory=list)
    ended: dict[Outcome, int] = field(default_factory=dict)
    waiting: dict[str, "Batchload"] = field(default_factory=dict)

    def add_all(self, rows: Iterable[CheckedRow]) -> None:
        """Take all `rows`, in their order."""
        for row in rows:
            self.total = row.row
            self._add(row)
            if row.row % ROWS_BETWEEN_LOOKS_AT_THE_CLOCK == 0:
                self._keep_claim()

    def finish(self) -> Stored[DeviceFile]:
        """Journal what is left, and say `read` in one compare-and-swap: from here on submissions may be sent."""
        for load in self.waiting.values():
            self._submit(load)
        self._write_outcomes()
        now, file = self.pipeline.clock(), self.stored.record
        counts = Counts(
            total=self.total,
            rejected=self.ended.get(Outcome.REJECTED, 0),
            duplicate=self.ended.get(Outcome.DUPLICATE, 0),
        )
        sentence = f"Read: {self.total} rows, {self.submissions} submissions."
        read = replace(
            file,
            state=FileState.READ,
            submissions=self.submissions,
            read_counts=counts,
            claimed_until=None,
            due_at=now + self.pipeline.settings.claim,
            history=with_sentence(file.history, sentence, now),
        )
        self.stored = self.pipeline.journal.change_file(self.stored, read)
        logger.info(
            "A device file was read", extra=of_file(read) | {"rows": self.total, "submissions": self.submissions}
        )
        return self.stored

    def discard(self) -> None:
        """Undo what was journaled of this reading; nothing of it was sent."""
        journal, file = self.pipeline.journal, self.stored.record
        for number in range(1, self.submissions + 1):
            self.pipeline.private.delete(payload_path(file.file_id, str(number)))
            self.pipeline.private.delete(rows_path(file.file_id, str(number)))
        journal.clear_submissions(file.file_id)
        journal.clear_outcomes(file.file_id, self.total)
        self.submissions = self.total = 0
        self.outcomes.clear()
        self.ended.clear()
        self.waiting.clear()

    def _add(self, row: CheckedRow) -> None:
        if row.device is None:
            self._end(row)
            return
        batch_id = self.stored.record.batch_id or batch_name(row.group_tag) or self.stored.record.default_batch
        if batch_id is None:
            self._keep(_ended(self.stored.record, row, Outcome.REJECTED))
            return
        load = self._load(batch_id)
        load.add(row, row.device)
        if len(load.rows) == self.stored.record.devices_per_submission:
            self._submit(load)
        elif sum(len(other.rows) for other in self.waiting.values()) >= MOST_DEVICES_HELD:
            self._submit(max(self.waiting.values(), key=lambda other: len(other.rows)))

    def _load(self, batch_id: str) -> "Batchload":
        """The devices that wait for `batch_id`, whose first spelling in the file is kept."""
        load = self.waiting.setdefault(batch_id.casefold(), Batchload(batch_id))
        if len(self.waiting) > MOST_BATCHES:
            raise FileRejected(TOO_MANY_BATCHES, TOO_MANY_BATCHES_TEXT)
        return load

    def _end(self, row: CheckedRow) -> None:
        outcome = Outcome.REJECTED if row.duplicate_of is None else Outcome.DUPLICATE
        self._keep(_ended(self.stored.record, row, outcome))

    def _keep(self, outcome: DeviceOutcome) -> None:
        self.outcomes.append(outcome)
        self.ended[outcome.outcome] = self.ended.get(outcome.outcome, 0) + 1
        if len(self.outcomes) == OUTCOMES_WRITTEN_AT_ONCE:
            self._write_outcomes()

    def _write_outcomes(self) -> None:
        self.pipeline.journal.write_outcomes(self.outcomes)
        self.outcomes.clear()

    def _submit(self, load: "Batchload") -> None:
        """Keep the body as it will be sent and who is in it, then enter the submission."""
        if not load.rows:
            return
        self.submissions += 1
        file, number, now = self.stored.record, str(self.submissions), self.pipeline.clock()
        body = encode_devices(load.devices)
        self.pipeline.private.write(payload_path(file.file_id, number), body, JSON)
        self.pipeline.private.write(rows_path(file.file_id, number), msgspec.json.encode(load.rows), JSON)
        self.pipeline.journal.add_submission(
            Submission(
                file_id=file.file_id,
                number=number,
                customer_id=file.customer_id or "",
                batch_id=load.batch_id,
                devices=len(load.rows),
                payload=payload_path(file.file_id, number),
                payload_digest=payload_digest(body),
                state=SubmissionState.PENDING,
                due_at=now + self.pipeline.settings.claim,
                history=with_sentence((), f"Waits with {len(load.rows)} devices for batch {load.batch_id}.", now),
            )
        )
        load.clear()
        self._keep_claim()

    def _keep_claim(self) -> None:
        """Renew the claim when a third of it is over, which also finds out whether it was lost."""
        until, claim = self.stored.record.claimed_until, self.pipeline.settings.claim
        if until is not None and until - self.pipeline.clock() < claim * 2 / 3:
            self.stored = self.pipeline.journal.change_file(self.stored, claimed(self.pipeline, self.stored.record))


@dataclass(slots=True)
class Batchload:
    """Devices that wait for a submission to one batch."""

    batch_id: str
    devices: list[Device] = field(default_factory=list)
    rows: list[SentRow] = field(default_factory=list)

    def add(self, row: CheckedRow, device: SendableDevice) -> None:
        """One more device, and what is to be remembered of its row."""
        self.devices.append(
            Device(
                serial_number=device.serial_number,
                product_key=device.product_key,
                hardware_hash=device.hardware_hash,
                oem_manufacturer_name=device.manufacturer,
                model_name=device.model,
            )
        )
        self.rows.append(
            SentRow(
                row=row.row,
                source=row.source,
                serial_number=row.serial_number,
                product_key=row.product_key,
                manufacturer=row.manufacturer,
                model=row.model,
                notes=" ".join(row.notes),
            )
        )

    def clear(self) -> None:
        """Nothing waits any more."""
        self.devices.clear()
        self.rows.clear()


def _ended(file: DeviceFile, row: CheckedRow, outcome: Outcome) -> DeviceOutcome:
    """The outcome of a row that is not sent. One without a reason of its own had no batch to go to."""
    explanation = NO_BATCH_EXPLANATION if row.reason is None else REASONS[row.reason]
    same_as = "" if row.duplicate_of is None else f" It is the same device as row {row.duplicate_of}."
    return DeviceOutcome(
        file_id=file.file_id,
        row=row.row,
        outcome=outcome,
        source=row.source,
        serial_number=row.serial_number,
        product_key=row.product_key,
        manufacturer=row.manufacturer,
        model=row.model,
        error_code=row.reason or NO_BATCH,
        error_description=explanation.sentence + same_as,
        what_to_do=explanation.what_to_do,
        notes=" ".join(row.notes),
    )
