"""The first step of a file: copy, read and journal a dropped blob, then release its submissions.

Nothing is sent before every row is in the journal. After a crash another worker reads the file again from row 1 when
the claim has expired.
"""

import logging
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.device_files.checks.duplicates import ReadAgain
from shared.failures import concerning
from shared.pipeline.blob_names import (
    DROP_CONTAINER,
    file_id,
    fixed_file,
    private_copy,
    retried_file,
    retry_path,
)
from shared.pipeline.closing.close import close_if_complete, end_without_sending, take_up_ended
from shared.pipeline.closing.service_level import fields_of_received
from shared.pipeline.closing.summary import write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.customer_names import similar_customers
from shared.pipeline.drop_path import DropPath, is_no_device_file, known_file, resolve_drop_path
from shared.pipeline.intake.row_batcher import Intake, ReadFile
from shared.pipeline.intake.rules import FileRejected, default_batch_for, rules_for
from shared.pipeline.intake.senders import sending_of
from shared.pipeline.lease import FileLease, is_claimed, with_claim_for_reading
from shared.pipeline.log_fields import of_file
from shared.pipeline.partner_customers import why_not_ours
from shared.pipeline.private_copy import read_copy
from shared.pipeline.submissions.advance import Due, advance_all
from shared.pipeline.submissions.follow_ups import (
    MOST_TOGETHER,
    FollowUps,
    first_in_line,
    first_wake_up,
    following_up,
)
from shared.pipeline.submissions.profile_order import begin_assignments
from shared.reasons import IntakeReason, PathFault, UnreadableDeviceFile
from shared.storage.blobs import BlobVersion, VersionGone
from shared.storage.customers import LONGEST_NAME
from shared.storage.record_table import Conflict, Stored, log_unreadable
from shared.storage.records import DeviceFile, Submission, with_sentence
from shared.storage.wakeups import BlobWakeUp
from shared.telemetry import StepName, annotate, span
from shared.vocabulary import FileState, Priority, SubmissionState

logger = logging.getLogger(__name__)

MOST_READINGS = 50
"""Readings that may crash or fail before the file itself counts as the cause; the first few follow at once, later
readings half an hour apart."""

MOST_FIXES = 50
"""Files with fixed rows that their parent knows of: as many as the page makes of it."""

_HAS_ROWS = (FileState.READ, FileState.CLOSING, FileState.CLOSED)
"""The states of a file whose rows are known: those that were rejected at reading can be fixed at once."""

_TRIES_TO_NOTE = 5

LONG_TO_READ = 16 * 1024 * 1024
"""From this size in bytes, a file gets a summary while it is being read. A smaller file is read in a second or two and
gets its summary afterwards."""

LARGE = 2 * 1024 * 1024
"""From this size in bytes, the queue's function reads a file: 500 rows with hashes, or 65,000 without, which take two
seconds. The host takes the next blobs only when it has finished all that it took (storage extension, `BlobsOptions`:
up to 32 at a time it waits for all), so a file of minutes would keep small files of other customers waiting."""

WAIT_FOR_READERS = timedelta(seconds=10)
"""The delay of a large file while this instance reads as many as it may."""

TIME_TO_FILL = timedelta(minutes=2)
"""A blob that is empty for so long is a file without contents. Some tools create a blob first and fill it then: its
empty version would be told as a rejected file, and its contents as another one."""


def receive_dropped(pipeline: Pipeline, path: str) -> None:
    """Act on a dropped blob: receive it, or leave it to the queue's function if it takes long to read."""
    with concerning({"blob": path}):
        _receive(pipeline, path, takes_large=False)


def receive(pipeline: Pipeline, path: str) -> None:
    """Register the devices in the current version of the blob at `path` (below the drop container)."""
    with concerning({"blob": path}):
        _receive(pipeline, path, takes_large=True)


def _receive(pipeline: Pipeline, path: str, *, takes_large: bool) -> None:
    version = pipeline.drop.version(path)
    if version is None:
        logger.warning("A dropped blob was deleted before it was received", extra={"blob": path})
        return
    if is_no_device_file(pipeline.drop, version):
        logger.info("A dropped blob is no device file of a person and is passed over", extra={"blob": path})
        return
    if (time_left := _time_left_to_fill(version, pipeline.clock())) > timedelta(0):
        logger.info("A dropped blob is empty so far and is received a little later", extra={"blob": path})
        pipeline.wakeups.send(BlobWakeUp(path=path), time_left)
    elif version.size < LARGE:
        _receive_version(pipeline, version)
    elif not takes_large:
        pipeline.wakeups.send(BlobWakeUp(path=path))
    elif not pipeline.cache.readers_of_large_files.acquire(blocking=False):
        pipeline.wakeups.send(BlobWakeUp(path=path), WAIT_FOR_READERS)
    else:
        try:
            _receive_version(pipeline, version)
        finally:
            pipeline.cache.readers_of_large_files.release()


def _receive_version(pipeline: Pipeline, version: BlobVersion) -> None:
    place = resolve_drop_path(pipeline.customers, version.path)
    new = _new_file(pipeline, version, place)
    known = None if place.customer_name is None else known_file(pipeline.journal, place, new.file_id)
    stored, is_new = pipeline.journal.files.enter(new) if known is None else (known, False)
    if is_new:
        fields = fields_of_received(stored.record, pipeline.settings)
        logger.info("A device file was received", extra=fields | {"bytes": version.size})
        _read(pipeline, FileLease(pipeline, stored))
    elif stored.record.due_at <= pipeline.clock():
        take_up(pipeline, stored)


def _time_left_to_fill(version: BlobVersion, now: datetime) -> timedelta:
    """How long an empty blob may still be filled before it counts as a file."""
    return timedelta(0) if version.size else version.modified_at + TIME_TO_FILL - now


def take_up(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Continue with a file whose owner died; a claimed file is left alone."""
    file = stored.record
    if is_claimed(file, pipeline.clock()):
        return
    match file.state:
        case FileState.RECEIVED:
            _read_again(pipeline, stored)
        case FileState.READ | FileState.CLOSING:
            close_if_complete(pipeline, file.customer_id, file.file_id, file.reading_id)
        case _ if file.profile_order is not None and begin_assignments(pipeline, file, file.profile_order):
            logger.info("The assignments of a profile to a closed file were begun again", extra=of_file(file))
        case _:
            take_up_ended(pipeline, stored)


def _new_file(pipeline: Pipeline, version: BlobVersion, place: DropPath) -> DeviceFile:
    now = pipeline.clock()
    rules = rules_for(pipeline.settings, place.customer_id, place.batch_id, place.order)
    identifier = file_id(version.path, version.etag)
    sending = sending_of(pipeline, version, identifier)
    file = DeviceFile(
        customer_id=place.customer_id,
        file_id=identifier,
        path=version.path,
        etag=version.etag,
        name=place.name,
        batch_id=place.batch_id,
        order=place.order,
        sent_by="" if sending is None else sending.sent_by,
        content_digest="" if sending is None else sending.content_digest,
        size=version.size,
        state=FileState.RECEIVED,
        received_at=now,
        due_at=now + pipeline.settings.advanced.claim,
        claimed_until=now + pipeline.settings.advanced.claim,
        devices_per_submission=pipeline.settings.devices_per_submission,
        default_batch=default_batch_for(pipeline.settings, place.order),
        trust_hash_serial=rules.trust_hash_serial,
        reject_unknown_checksums=rules.reject_bad_checksum_of_unknown_tools,
        oldest_hash_days=rules.oldest_hash_days,
        refuse_device_identifiers=rules.refuse_device_identifiers,
        priority=_priority(pipeline, place.customer_id),
        history=with_sentence((), "Received.", now),
    )
    if (parent := _parent(pipeline, file)) is not None:
        return _retry_of(parent, file, now)
    if (fixed := _fixed(pipeline, file)) is not None:
        sentence = f"Received, with fixed rows of file {fixed.file_id}."
        return replace(file, parent=fixed.file_id, history=with_sentence((), sentence, now))
    return file


def _priority(pipeline: Pipeline, customer_id: str | None) -> Priority:
    return Priority.NORMAL if customer_id is None else pipeline.customers.priority_of(customer_id)


def _parent(pipeline: Pipeline, file: DeviceFile) -> DeviceFile | None:
    """The file of this customer whose rows `file` sends again: the path of a retry is derived from its parent."""
    beginning = retried_file(file.name)
    if beginning is None or file.customer_id is None:
        return None
    for known in pipeline.journal.files.with_id_prefix(file.customer_id, beginning, log_unreadable):
        paths = {retry_path(known.path, known.file_id, whole_id=whole) for whole in (False, True)}
        if file.path in paths and known.state is FileState.CLOSED:
            return known
    return None


def _fixed(pipeline: Pipeline, file: DeviceFile) -> DeviceFile | None:
    """The file of this customer whose rows to fix were downloaded under the name of `file`, or fixed on its page.

    Rows can be fixed before their file is closed.
    """
    beginning = fixed_file(file.name)
    if beginning is None or file.customer_id is None:
        return None
    known = list(pipeline.journal.files.with_id_prefix(file.customer_id, beginning, log_unreadable))
    return known[0] if len(known) == 1 and known[0].state in _HAS_ROWS else None


def _note_fix(pipeline: Pipeline, file: DeviceFile) -> None:
    """Note in the file whose rows `file` fixes that it does. A file that is read again has done so already."""
    if file.parent is None or fixed_file(file.name) is None:
        return
    for _ in range(_TRIES_TO_NOTE):
        stored = pipeline.journal.files.get(file.customer_id, file.parent)
        if stored is None or file.file_id in (stored.record.retry, *stored.record.fixes):
            return
        fixes = (*stored.record.fixes, file.file_id)
        if len(fixes) > MOST_FIXES:
            return
        sentence = f"Rows of it were fixed and dropped again as file {file.file_id}."
        history = with_sentence(stored.record.history, sentence, pipeline.clock())
        changes = stored.record.changes_since_closed + 1
        changed = replace(stored.record, fixes=fixes, changes_since_closed=changes, history=history)
        try:
            noted = pipeline.journal.files.change(stored, changed)
        except Conflict:
            continue
        write_summary(pipeline.journal, pipeline.results, noted.record)
        return


def _retry_of(parent: DeviceFile, file: DeviceFile, now: datetime) -> DeviceFile:
    """`file` as a retry of its parent: its rows are read by the parent's rules."""
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
    """Take over a reading. Nothing of the file has been sent, so it is read again from row 1."""
    try:
        if stored.record.reading >= MOST_READINGS:
            failed = FileRejected(IntakeReason.READING_FAILED, f"It was tried {MOST_READINGS} times.")
            end_without_sending(pipeline, stored, FileState.REJECTED, failed.reason, str(failed))
            return
        held = FileLease(pipeline, stored)
        held.change(with_claim_for_reading(pipeline, stored.record, "Its reading begins again."))
    except Conflict:
        logger.info("Another owner took over the reading", extra=of_file(stored.record))
        return
    _read(pipeline, held)


def _read(pipeline: Pipeline, held: FileLease) -> None:
    """Copy, read, journal and release a file claimed by this owner."""
    try:
        _note_fix(pipeline, held.record)
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
    """The file with all its rows in the journal; None when it was ended without sending."""
    try:
        _refuse_path_without_place(pipeline, held.record)
        _refuse_customer_without_relationship(pipeline, held)
        if held.record.size >= LONG_TO_READ:
            write_summary(pipeline.journal, pipeline.results, held.record)
        _keep_private_copy(pipeline, held.record)
        return _read_rows(pipeline, held).finish()
    except (UnreadableDeviceFile, FileRejected) as rejected:
        state = FileState.GONE if rejected.reason is IntakeReason.GONE else FileState.REJECTED
        end_without_sending(pipeline, held.stored, state, rejected.reason, str(rejected))
    return None


def _refuse_path_without_place(pipeline: Pipeline, file: DeviceFile) -> None:
    place = resolve_drop_path(pipeline.customers, file.path)
    fault = place.fault
    if fault is None and file.customer_id is None:
        # The folder name was assigned to a customer after the file was received without one.
        fault = PathFault.UNKNOWN_CUSTOMER
    if fault is not None:
        raise FileRejected(fault, _meant(pipeline, place) if fault is PathFault.UNKNOWN_CUSTOMER else "")


def _refuse_customer_without_relationship(pipeline: Pipeline, held: FileLease) -> None:
    why = why_not_ours(pipeline, held.record.customer_id or "")
    if why is not None:
        raise FileRejected(IntakeReason.NO_RELATIONSHIP, why)
    held.keep()


def _meant(pipeline: Pipeline, place: DropPath) -> str:
    """The folder that names no customer, and the customer that was probably meant."""
    if place.customer_name is None:
        return ""
    meant = similar_customers(pipeline, place.customer_name[:LONGEST_NAME]).sentence
    return f"{place.customer_name[:LONGEST_NAME]!r} is not a known customer. {meant}".strip()


def _keep_private_copy(pipeline: Pipeline, file: DeviceFile) -> None:
    """Copy the blob: all later steps read the copy, so the dropped blob may then change or be deleted."""
    dropped = BlobVersion(file.path, file.etag, file.size, file.received_at)
    try:
        pipeline.private.copy_from(DROP_CONTAINER, dropped, private_copy(file.file_id))
    except VersionGone as gone:
        raise FileRejected(IntakeReason.GONE) from gone


def _read_rows(pipeline: Pipeline, held: FileLease) -> Intake:
    """Read the copy; read it again with the findings while a later row changes the outcome of an earlier row."""
    intake, findings = Intake(pipeline, held), None
    while True:
        try:
            intake.add_all(read_copy(pipeline.private, held.record, findings, intake.account))
        except ReadAgain as again:
            intake, findings = intake.begin_again(), again.findings
        else:
            return intake


def _free(pipeline: Pipeline, held: FileLease) -> None:
    """Release the claim after a failure. The host tries again at once; after a few tries the file waits longer."""
    tries_without_pause = 2
    delay = timedelta(0)
    if held.record.reading > tries_without_pause:
        delay = pipeline.pace.backoff(held.record.reading)
    held.free(delay)


def release(pipeline: Pipeline, read: ReadFile) -> None:
    """POST the first few submissions at once; the rest follow by wake-ups, so that all instances share them.

    The first submission goes alone, because it creates the batch if the batch is missing. After the service has not
    accepted a submission, no more are sent here: other files are waiting to be read.
    """
    with following_up(pipeline) as follow_ups:
        goes_on = not read.first or _is_taken(pipeline, read, read.first[0], follow_ups)
        if read.has_canary:
            # The others follow its verdicts: `advance` wakes them.
            if not read.first:
                pipeline.wakeups.send(first_wake_up(read.file.reading_id, ["1"]))
            return
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
    """Wake the next submissions behind those that are sent at once; they wake the rest."""
    for numbers in first_in_line(read.file, sent=len(read.first)):
        pipeline.wakeups.send(first_wake_up(read.file.reading_id, numbers))
