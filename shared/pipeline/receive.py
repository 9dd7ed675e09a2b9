"""First step of the way: a dropped blob is copied, read and journaled; then its submissions are released.

Nothing is sent before every row is in the journal. A reading that dies is taken up by another when its claim has
expired, begins again from row 1 and writes the same.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from shared.device_files import (
    REASONS,
    BetterRecordFound,
    CheckedRow,
    Explanation,
    Rules,
    SendableDevice,
    UnreadableDeviceFile,
    Winners,
    read_device_file,
)
from shared.errors import DeviceDropError
from shared.partner_center.models import Device, encode_devices
from shared.pipeline.advance import advance
from shared.pipeline.composition import Pipeline
from shared.pipeline.device_file import (
    DROP_CONTAINER,
    PATH_FAULTS,
    batch_name,
    file_id,
    parse_drop_path,
    payload_path,
    private_copy,
    rows_path,
)
from shared.pipeline.matching import SentRow
from shared.pipeline.results import close_if_complete, end_without_sending, write_summary
from shared.storage.blobs import BlobVersion, VersionGone
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import Counts, DeviceFile, DeviceOutcome, Submission, with_sentence
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import FileState, Outcome, SubmissionState

logger = logging.getLogger(__name__)

MOST_BATCHES = 20
"""Group tags in one file without a batch folder. More is rather a wrong column than a plan."""

MOST_DEVICES_HELD = 4_000
"""Devices of all batches that wait for their submission to be full."""

ROWS_BETWEEN_LOOKS_AT_THE_CLOCK = 500
OUTCOMES_WRITTEN_AT_ONCE = 1_000

JSON = "application/json"

NO_BATCH = "no_batch"
NO_BATCH_EXPLANATION = Explanation(
    "The row has no group tag, and the file lies in no batch folder.",
    "Fill in the Group Tag, or drop the file into device-files/{customer id}/{batch}/.",
)

GONE = "gone"
GONE_CURE = "Nothing of it was sent. A newer version is received by itself; drop the file again if there is none."

TOO_MANY_BATCHES = "too_many_batches"
TOO_MANY_BATCHES_TEXT = (
    f"The file names more than {MOST_BATCHES} group tags. Check the Group Tag column, or split the file by group tag."
)


class FileRejected(DeviceDropError):
    """The file is ended without sending anything of it. `reason` is a word of the public vocabulary."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def receive(pipeline: Pipeline, path: str) -> None:
    """A blob was dropped at `path` (below the drop container): register what its present version lists."""
    version = pipeline.drop.version(path)
    if version is None:
        logger.warning("A dropped blob was gone before it could be received", extra={"blob": path})
        return
    now = pipeline.clock()
    stored, is_new = pipeline.journal.open_file(_new_file(pipeline, version))
    if is_new:
        logger.info("A device file was received", extra=_fields(stored.record) | {"bytes": version.size})
        _read(pipeline, stored)
    elif stored.record.due_at <= now:
        take_up(pipeline, stored)


def take_up(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Go on with a file whose reader or closer died; one that somebody is at is left alone."""
    file, now = stored.record, pipeline.clock()
    if file.claimed_until is not None and file.claimed_until > now:
        return
    match file.state:
        case FileState.RECEIVED:
            _read_again(pipeline, stored)
        case FileState.READ | FileState.CLOSING:
            close_if_complete(pipeline, file.customer_id, file.file_id)
        case _:
            pipeline.journal.no_longer_open(file.file_id)


def _read_again(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Take over a reading: nothing of it was sent, so it begins again from row 1."""
    try:
        taken_over = _claimed(pipeline, stored.record, "Its reading is taken up again.")
        claimed = pipeline.journal.change_file(stored, taken_over)
    except JournalChanged:
        logger.info("Someone else took up the reading", extra=_fields(stored.record))
        return
    pipeline.journal.clear_submissions(stored.record.file_id)
    _read(pipeline, claimed)


def _new_file(pipeline: Pipeline, version: BlobVersion) -> DeviceFile:
    place, now = parse_drop_path(version.path), pipeline.clock()
    return DeviceFile(
        customer_id=place.customer_id,
        file_id=file_id(version.path, version.etag),
        path=version.path,
        etag=version.etag,
        name=place.name,
        batch_id=place.batch_id,
        size=version.size,
        state=FileState.RECEIVED,
        received_at=now,
        due_at=now + pipeline.settings.claim,
        claimed_until=now + pipeline.settings.claim,
        devices_per_submission=pipeline.settings.devices_per_submission,
        default_batch=pipeline.settings.default_batch,
        history=with_sentence((), "Received.", now),
    )


def _claimed(pipeline: Pipeline, file: DeviceFile, sentence: str | None = None) -> DeviceFile:
    now = pipeline.clock()
    until = now + pipeline.settings.claim
    history = with_sentence(file.history, sentence, now) if sentence else file.history
    return replace(file, claimed_until=until, due_at=until, history=history)


def _read(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Copy, read, journal and release a file that this owner has claimed."""
    intake = Intake(pipeline, stored)
    try:
        read = _journaled(pipeline, intake)
    except JournalChanged:
        logger.warning("Another reader took over a device file", extra=_fields(intake.stored.record))
        return
    except Exception:
        # The host tries again at once; it need not wait for the claim to expire.
        _free(pipeline, intake.stored)
        raise
    if read is not None:
        write_summary(pipeline, read)
        release(pipeline, read)


def _journaled(pipeline: Pipeline, intake: "Intake") -> DeviceFile | None:
    """The file with every row of it in the journal; None when it was ended without sending."""
    try:
        pipeline.journal.enter_by_time(intake.stored.record)
        _refuse_path_without_place(intake.stored.record)
        write_summary(pipeline, intake.stored.record)
        _keep_private_copy(pipeline, intake.stored.record)
        _read_rows(pipeline, intake)
    except VersionGone as gone:
        end_without_sending(pipeline, intake.stored, FileState.GONE, GONE, f"{gone} {GONE_CURE}")
        return None
    except (UnreadableDeviceFile, FileRejected) as rejected:
        intake.discard()
        end_without_sending(pipeline, intake.stored, FileState.REJECTED, rejected.reason, str(rejected))
        return None
    return intake.finish().record


def _refuse_path_without_place(file: DeviceFile) -> None:
    if (fault := parse_drop_path(file.path).fault) is not None:
        raise FileRejected(fault, PATH_FAULTS[fault])


def _keep_private_copy(pipeline: Pipeline, file: DeviceFile) -> None:
    """The copy is what everything later reads; the dropped blob may change or go from here on."""
    if pipeline.private.version(private_copy(file.file_id)) is None:
        dropped = BlobVersion(file.path, file.etag, file.size, file.received_at)
        pipeline.private.copy_from(DROP_CONTAINER, dropped, private_copy(file.file_id))


def _read_rows(pipeline: Pipeline, intake: "Intake") -> None:
    """Read once; and once more with the winners known, when a later row is the better record of a device."""
    try:
        intake.add_all(_rows(pipeline, intake.stored.record, None))
    except BetterRecordFound as found:
        intake.discard()
        intake.add_all(_rows(pipeline, intake.stored.record, found.winners))


def _rows(pipeline: Pipeline, file: DeviceFile, winners: Winners | None) -> Iterator[CheckedRow]:
    return read_device_file(
        lambda: pipeline.private.stream(private_copy(file.file_id)),
        name=file.name,
        rules=Rules(),
        now=file.received_at,
        winners=winners,
    )


def _free(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    try:
        pipeline.journal.change_file(stored, replace(stored.record, claimed_until=None, due_at=pipeline.clock()))
    except JournalChanged:
        return


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
        logger.info("A device file was read", extra=_fields(read) | {"rows": self.total, "ended": self.submissions})
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
                payload_digest=hashlib.blake2b(body, digest_size=16).hexdigest(),
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
            self.stored = self.pipeline.journal.change_file(self.stored, _claimed(self.pipeline, self.stored.record))


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


def release(pipeline: Pipeline, file: DeviceFile) -> None:
    """POST the first few submissions here and now; each of the rest gets a wake-up, so that all instances share them.

    The very first goes alone: if the batch must be created, it is the one that does.
    """
    numbers = [str(number) for number in range(1, file.submissions + 1)]
    inline = pipeline.settings.inline_submissions
    for number in numbers[: min(inline, 1)]:
        advance(pipeline, _first_wake_up(file, number))
    for number in numbers[inline:]:
        pipeline.wakeups.send(_first_wake_up(file, number), timedelta(0))
    for number in numbers[1:inline]:
        advance(pipeline, _first_wake_up(file, number))
    if not numbers:
        close_if_complete(pipeline, file.customer_id, file.file_id)


def _first_wake_up(file: DeviceFile, number: str) -> SubmissionWakeUp:
    return SubmissionWakeUp(file_id=file.file_id, number=number, sequence=0)


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


def _fields(file: DeviceFile) -> dict[str, object]:
    return {"file_id": file.file_id, "customer_id": file.customer_id, "state": str(file.state)}
