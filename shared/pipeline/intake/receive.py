"""First step of the way: a dropped blob is copied, read and journaled; then its submissions are released.

Nothing is sent before every row is in the journal. A reading that dies is taken up by another when its claim has
expired, and begins again from row 1.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.device_files.account import FileAccount
from shared.device_files.checks.duplicates import Findings, ReadAgain
from shared.device_files.reading import read_device_file
from shared.device_files.rows import CheckedRow
from shared.errors import DeviceDropError
from shared.pipeline.blob_names import (
    DROP_CONTAINER,
    file_id,
    private_copy,
    retried_file,
    retry_path,
)
from shared.pipeline.closing.close import close_if_complete, end_without_sending, take_up_ended
from shared.pipeline.closing.summary import write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import rules_of
from shared.pipeline.drop_path import DropPath, known_file, resolve_drop_path
from shared.pipeline.intake.row_batcher import FileRejected, Intake, ReadFile
from shared.pipeline.lease import FileLease, claimed_for_reading, is_claimed
from shared.pipeline.log_fields import of_file
from shared.pipeline.submissions.advance import Due, advance_all
from shared.pipeline.submissions.follow_ups import LAST_ALONE, MOST_TOGETHER, FollowUps, first_wake_up, following_up
from shared.pipeline.submissions.state_machine import pace_of
from shared.reasons import IntakeReason, PathFault, UnreadableDeviceFile
from shared.storage.blobs import BlobVersion, VersionGone
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, Submission, with_sentence
from shared.telemetry import StepName, annotate, span
from shared.vocabulary import FileState, SubmissionState

logger = logging.getLogger(__name__)

MOST_READINGS = 50
"""Readings that may die or fail, at first at once, later half an hour apart, before the file itself is to blame."""

LONG_TO_READ = 16 * 1024 * 1024
"""Bytes of a file whose summary says that it is being read. That of a smaller one, which takes a second or two, begins
with what was read."""


class CopyLost(DeviceDropError):
    """The private copy went away, or was changed, under its reader."""


def receive(pipeline: Pipeline, path: str) -> None:
    """A blob was dropped at `path` (below the drop container): register what its present version lists."""
    version = pipeline.drop.version(path)
    if version is None:
        logger.warning("A dropped blob was gone before it could be received", extra={"blob": path})
        return
    place = resolve_drop_path(pipeline.customers, path)
    new = _new_file(pipeline, version, place)
    known = None if place.customer_name is None else known_file(pipeline.journal, place, new.file_id)
    stored, is_new = pipeline.journal.files.enter(new) if known is None else (known, False)
    if is_new:
        logger.info("A device file was received", extra=of_file(stored.record) | {"bytes": version.size})
        _read(pipeline, FileLease(pipeline, stored))
    elif stored.record.due_at <= pipeline.clock():
        take_up(pipeline, stored)


def take_up(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Go on with a file whose owner died; a file that is claimed is left alone."""
    file = stored.record
    if is_claimed(file, pipeline.clock()):
        return
    match file.state:
        case FileState.RECEIVED:
            _read_again(pipeline, stored)
        case FileState.READ | FileState.CLOSING:
            close_if_complete(pipeline, file.customer_id, file.file_id, file.reading_id)
        case _:
            take_up_ended(pipeline, stored)


def _new_file(pipeline: Pipeline, version: BlobVersion, place: DropPath) -> DeviceFile:
    now = pipeline.clock()
    file = DeviceFile(
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
        trust_hash_serial=pipeline.settings.trust_hash_serial,
        reject_unknown_checksums=pipeline.settings.reject_unknown_checksums,
        oldest_hash_days=pipeline.settings.oldest_hash_days,
        refuse_device_identifiers=pipeline.settings.refuses_device_identifiers_of(place.customer_id),
        history=with_sentence((), "Received.", now),
    )
    parent = _parent(pipeline, file)
    return file if parent is None else _retry_of(parent, file, now)


def _parent(pipeline: Pipeline, file: DeviceFile) -> DeviceFile | None:
    """The file whose rows this one sends again: its path is the one that follows from that file, of this customer."""
    beginning = retried_file(file.name)
    if beginning is None or file.customer_id is None:
        return None
    for known in pipeline.journal.files.with_id_prefix(file.customer_id, beginning):
        paths = {retry_path(known.path, known.file_id, whole_id=whole) for whole in (False, True)}
        if file.path in paths and known.state is FileState.CLOSED:
            return known
    return None


def _retry_of(parent: DeviceFile, file: DeviceFile, now: datetime) -> DeviceFile:
    """`file` as one that sends rows of its parent again: they are read by the rules that they were sent by."""
    return replace(
        file,
        parent=parent.file_id,
        trust_hash_serial=parent.trust_hash_serial,
        reject_unknown_checksums=parent.reject_unknown_checksums,
        oldest_hash_days=parent.oldest_hash_days,
        refuse_device_identifiers=parent.refuse_device_identifiers,
        history=with_sentence((), f"Received, to send rows of file {parent.file_id} again.", now),
    )


def _read_again(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Take over a reading: nothing of it was sent, so it begins again from row 1."""
    try:
        if stored.record.reading >= MOST_READINGS:
            failed = FileRejected(IntakeReason.READING_FAILED, f"It was tried {MOST_READINGS} times.")
            end_without_sending(pipeline, stored, FileState.REJECTED, failed.reason, str(failed))
            return
        held = FileLease(pipeline, stored)
        held.change(claimed_for_reading(pipeline, stored.record, "Its reading is taken up again."))
    except Conflict:
        logger.info("Someone else took up the reading", extra=of_file(stored.record))
        return
    _read(pipeline, held)


def _read(pipeline: Pipeline, held: FileLease) -> None:
    """Copy, read, journal and release a file that this owner has claimed."""
    try:
        with span(StepName.READ, held.record.file_id, of_file(held.record) | {"bytes": held.record.size}):
            read = _journaled(pipeline, held)
            annotate(of_file(held.record))
    except Conflict:
        logger.warning("Another reader took over a device file", extra=of_file(held.record))
        return
    except Exception:
        _free(pipeline, held)
        raise
    if read is not None:
        write_summary(pipeline.journal, pipeline.results, read.file, read.submissions)
        release(pipeline, read)


def _journaled(pipeline: Pipeline, held: FileLease) -> ReadFile | None:
    """The file with every row of it in the journal; None when it was ended without sending."""
    try:
        _refuse_path_without_place(pipeline, held.record)
        if held.record.size >= LONG_TO_READ:
            write_summary(pipeline.journal, pipeline.results, held.record)
        _keep_private_copy(pipeline, held.record)
        return _read_rows(pipeline, held).finish()
    except VersionGone:
        gone = FileRejected(IntakeReason.GONE)
        end_without_sending(pipeline, held.stored, FileState.GONE, gone.reason, str(gone))
    except (UnreadableDeviceFile, FileRejected) as rejected:
        end_without_sending(pipeline, held.stored, FileState.REJECTED, rejected.reason, str(rejected))
    return None


def _refuse_path_without_place(pipeline: Pipeline, file: DeviceFile) -> None:
    fault = resolve_drop_path(pipeline.customers, file.path).fault
    if fault is None and file.customer_id is None:
        # The name was given to a customer after the file was received as nobody's.
        fault = PathFault.UNKNOWN_CUSTOMER
    if fault is not None:
        raise FileRejected(fault)


def _keep_private_copy(pipeline: Pipeline, file: DeviceFile) -> None:
    """The copy is what everything later reads; the dropped blob may change or go from here on."""
    dropped = BlobVersion(file.path, file.etag, file.size, file.received_at)
    pipeline.private.copy_from(DROP_CONTAINER, dropped, private_copy(file.file_id))


def _read_rows(pipeline: Pipeline, held: FileLease) -> Intake:
    """Read; and anew with what was found out, as long as a later row changes what becomes of an earlier one."""
    intake, findings = Intake(pipeline, held), None
    while True:
        try:
            intake.add_all(_rows(pipeline, held.record, findings, intake.account))
        except ReadAgain as again:
            intake, findings = intake.begin_again(), again.findings
        else:
            return intake


def _rows(
    pipeline: Pipeline, file: DeviceFile, findings: Findings | None, account: FileAccount
) -> Iterator[CheckedRow]:
    return read_device_file(
        lambda: _copied_bytes(pipeline, file),
        name=file.name,
        rules=rules_of(file),
        now=file.received_at,
        findings=findings,
        account=account,
    )


def _copied_bytes(pipeline: Pipeline, file: DeviceFile) -> Iterator[bytes]:
    try:
        yield from pipeline.private.stream(private_copy(file.file_id))
    except VersionGone as gone:
        raise CopyLost(
            f"The private copy of file {file.file_id} went away while it was read; it is read anew."
        ) from gone


def _free(pipeline: Pipeline, held: FileLease) -> None:
    """Give the claim back after a failure. The host tries again at once: after a few tries the file waits longer."""
    tries_without_pause = 2
    delay = timedelta(0)
    if held.record.reading > tries_without_pause:
        delay = pace_of(pipeline.settings, pipeline.jitter).backoff(held.record.reading)
    held.free(delay)


def release(pipeline: Pipeline, read: ReadFile) -> None:
    """POST the first few submissions here and now; each of the rest gets a wake-up, so that all instances share them.

    The very first goes alone: if the batch must be created, it is the one that does. While the service does not take
    one, no further is tried here: other files wait to be read.
    """
    with following_up(pipeline) as follow_ups:
        goes_on = not read.first or _is_taken(pipeline, read, read.first[0], follow_ups)
        _wake_rest(pipeline, read)
        for stored in read.first[1:]:
            if len(follow_ups.waiting) >= MOST_TOGETHER:
                follow_ups.run(pipeline)
            if goes_on:
                goes_on = _is_taken(pipeline, read, stored, follow_ups)
            else:
                follow_ups.wake(stored.record, pipeline.clock())
    if not read.file.submissions:
        close_if_complete(pipeline, read.file.customer_id, read.file.file_id, read.file.reading_id)


def _is_taken(pipeline: Pipeline, read: ReadFile, stored: Stored[Submission], follow_ups: FollowUps) -> bool:
    submission = stored.record
    due = Due(stored, submission.sequence, read.bodies.get(submission.number))
    (state,) = advance_all(pipeline, [due], follow_ups)
    return state not in (None, SubmissionState.PENDING)


def _wake_rest(pipeline: Pipeline, read: ReadFile) -> None:
    """Wake those that are not sent here and now."""
    numbers = list(range(len(read.first) + 1, read.file.submissions + 1))
    while numbers:
        together = MOST_TOGETHER if len(numbers) >= LAST_ALONE + MOST_TOGETHER else 1
        pipeline.wakeups.send(first_wake_up(read.file.reading_id, map(str, numbers[:together])))
        del numbers[:together]
