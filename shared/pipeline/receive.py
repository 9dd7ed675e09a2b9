"""First step of the way: a dropped blob is copied, read and journaled; then its submissions are released.

Nothing is sent before every row is in the journal. A reading that dies is taken up by another when its claim has
expired, begins again from row 1 and writes the same.
"""

import logging
from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from shared.device_files import (
    BetterRecordFound,
    CheckedRow,
    Rules,
    UnreadableDeviceFile,
    Winners,
    read_device_file,
)
from shared.pipeline.advance import advance
from shared.pipeline.claims import claimed, is_claimed
from shared.pipeline.composition import Pipeline
from shared.pipeline.device_file import (
    DROP_CONTAINER,
    PATH_FAULTS,
    file_id,
    parse_drop_path,
    private_copy,
)
from shared.pipeline.intake import FileRejected, Intake
from shared.pipeline.log_fields import of_file
from shared.pipeline.results import close_if_complete, end_without_sending, write_summary
from shared.storage.blobs import BlobVersion, VersionGone
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import DeviceFile, with_sentence
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import FileState

logger = logging.getLogger(__name__)

GONE = "gone"
GONE_CURE = "Nothing of it was sent. A newer version is received by itself; drop the file again if there is none."


def receive(pipeline: Pipeline, path: str) -> None:
    """A blob was dropped at `path` (below the drop container): register what its present version lists."""
    version = pipeline.drop.version(path)
    if version is None:
        logger.warning("A dropped blob was gone before it could be received", extra={"blob": path})
        return
    now = pipeline.clock()
    stored, is_new = pipeline.journal.open_file(_new_file(pipeline, version))
    if is_new:
        logger.info("A device file was received", extra=of_file(stored.record) | {"bytes": version.size})
        _read(pipeline, stored)
    elif stored.record.due_at <= now:
        take_up(pipeline, stored)


def take_up(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Go on with a file whose reader or closer died; one that somebody is at is left alone."""
    file, now = stored.record, pipeline.clock()
    if is_claimed(file, now):
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
        taken_over = claimed(pipeline, stored.record, "Its reading is taken up again.")
        mine = pipeline.journal.change_file(stored, taken_over)
    except JournalChanged:
        logger.info("Someone else took up the reading", extra=of_file(stored.record))
        return
    pipeline.journal.clear_submissions(stored.record.file_id)
    _read(pipeline, mine)


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


def _read(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Copy, read, journal and release a file that this owner has claimed."""
    intake = Intake(pipeline, stored)
    try:
        read = _journaled(pipeline, intake)
    except JournalChanged:
        logger.warning("Another reader took over a device file", extra=of_file(intake.stored.record))
        return
    except Exception:
        # The host tries again at once; it need not wait for the claim to expire.
        _free(pipeline, intake.stored)
        raise
    if read is not None:
        write_summary(pipeline, read)
        release(pipeline, read)


def _journaled(pipeline: Pipeline, intake: Intake) -> DeviceFile | None:
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


def _read_rows(pipeline: Pipeline, intake: Intake) -> None:
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
