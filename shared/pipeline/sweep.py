"""The safety net: finds files, submissions and blobs whose event, wake-up or owner was lost, and deletes old files.

Once a day it has the list of the partner's customers read again.

For lost work it only sends wake-ups, so that one sweep takes bounded time and all instances share the work.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby, islice, takewhile
from typing import TypeVar

import msgspec

from shared.failures import concerning
from shared.pipeline.blob_names import DROP_CONTAINER, file_id
from shared.pipeline.composition import Pipeline
from shared.pipeline.container_rounds import ProgressBlob, pages_of_round, pages_of_thorough_round
from shared.pipeline.corrections.withdrawal_request import woken_again
from shared.pipeline.drop_path import is_no_device_file, known_file, resolve_drop_path
from shared.pipeline.hold_events import announce_holds_left_over
from shared.pipeline.holds import holds_now
from shared.pipeline.intake.uploads import KEPT_FOR, discard
from shared.pipeline.inventory.reading import forget_if_old, wake_if_overdue
from shared.pipeline.inventory.reconciliation import tell_drift
from shared.pipeline.lease import is_overdue
from shared.pipeline.log_fields import of_file, of_message
from shared.pipeline.partner_customers import refresh_partner_customers
from shared.pipeline.settings_summary import settings_summary
from shared.pipeline.submissions.circuit_breaker import circuit_breaker_of, is_left_over
from shared.pipeline.submissions.daily_limit import scope_of_limit
from shared.pipeline.submissions.follow_ups import wake_again
from shared.pipeline.submissions.line import Line
from shared.pipeline.submissions.state_machine import NEVER_ACCEPTED_ALARM
from shared.pipeline.sweep_record import SweepRecord, keep_sweep_record
from shared.storage.blobs import BlobVersion
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import Conflict, OnUnreadable
from shared.storage.records import DeviceFile, FileMention, Gate, Submission, WithdrawalMention
from shared.storage.wakeups import (
    BlobWakeUp,
    FileWakeUp,
    UnreadableWakeUp,
    WakeUp,
    decode,
)
from shared.telemetry import Metric, measure
from shared.version import VERSION
from shared.vocabulary import FileState

logger = logging.getLogger(__name__)

Mention = TypeVar("Mention", FileMention, WithdrawalMention)
"""An index entry, which names a file."""

RECENT = timedelta(hours=48)
"""Dropped blobs younger than this are compared with the journal in every round through their container."""

TIME_FOR_ITS_EVENT = timedelta(minutes=2)
"""How long a dropped blob may be missing from the journal before its event counts as lost."""

DROP_PROGRESS, PRIVATE_PROGRESS = "sweep/drop-progress", "sweep/private-progress"
"""Blobs in the private container that store the progress of the rounds through the two containers."""

FORGOTTEN_AT_ONCE = 50
"""Files past their retention that one sweep deletes."""

ACTS_FORGOTTEN_AT_ONCE = 500
"""Human acts past the retention that one sweep deletes."""

MOST_WAKE_UPS = 5_000
"""The most wake-ups of a kind that one sweep sends; the next sweep continues."""


@dataclass(slots=True)
class SweepReport:
    """The counts of one sweep."""

    open_files: int = 0
    open_submissions: int = 0
    oldest_wake_up_seconds: int = 0
    """How long the most overdue submission has been due, in seconds."""
    overdue_submissions: int = 0
    overdue_files: int = 0
    overdue_withdrawals: int = 0
    overdue_inventories: int = 0
    """Readings of registered devices whose wake-up or owner was lost."""
    unknown_blobs: int = 0
    never_accepted: int = 0
    poisoned_messages: int = 0
    leftover_blobs: int = 0
    forgotten_files: int = 0
    forgotten_acts: int = 0
    forgotten_inventories: int = 0
    drifted_devices: int = 0
    """Registered devices that somebody else deleted, moved or registered."""
    discarded_uploads: int = 0
    unreadable_records: int = 0
    """Records that this version cannot read; their files wait."""


def sweep(pipeline: Pipeline) -> SweepReport:
    """Do all duties of the sweep and return the counts of their findings.

    Raises:
        ExceptionGroup: some duties failed; the others were done all the same.
    """
    report = SweepReport()
    failures: dict[str, Exception] = {}
    for duty in _DUTIES:
        _try(duty.__name__.strip("_"), partial(duty, pipeline, report), failures)
    counts = {field.name: getattr(report, field.name) for field in fields(report)}
    logger.info("The sweep is done", extra=counts)
    measure(Metric.SUBMISSIONS_OPEN, report.open_submissions)
    measure(Metric.OLDEST_WAKE_UP, report.oldest_wake_up_seconds)
    _try("keep_record", partial(_keep_record, pipeline, counts, tuple(failures)), failures)
    if failures:
        raise ExceptionGroup(
            "Some duties of the sweep could not be done; the next sweep tries again.", list(failures.values())
        )
    return report


def _keep_record(pipeline: Pipeline, counts: Mapping[str, int], failed: tuple[str, ...]) -> None:
    """Keep when this sweep ended and what it found, for people who look after the app."""
    record = SweepRecord(
        ended_at=pipeline.clock(),
        version=VERSION,
        counts=counts,
        failed_duties=failed,
        settings=settings_summary(pipeline.settings),
    )
    keep_sweep_record(pipeline.private, record)


def _try(name: str, duty: Callable[[], None], failures: dict[str, Exception]) -> None:
    """Do one duty. A failure is added to `failures`, so that the other duties are still done."""
    try:
        with concerning({"duty": name}):
            duty()
    except Exception as failure:  # noqa: BLE001 - raised by `sweep` when the other duties are done
        failures[name] = failure


def _for_each(
    mentions: Callable[[OnUnreadable], Iterable[Mention]],
    work: Callable[[Mention, OnUnreadable], None],
    report: SweepReport,
) -> None:
    """Do `work` for every mentioned file, passing over what this version cannot read: entries, files, submissions.

    `mentions` and `work` are given the place for unreadable records of which they go on with the others.

    Raises:
        ExceptionGroup: some records were unreadable.
    """
    unreadable: list[UnreadableRecord] = []

    def keep(record: UnreadableRecord) -> None:
        logger.error(str(record))
        unreadable.append(record)

    for mention in mentions(keep):
        try:
            work(mention, keep)
        except UnreadableRecord as record:
            keep(record)
    report.unreadable_records += len(unreadable)
    if unreadable:
        raise ExceptionGroup("Records of some files cannot be read by this version; the files wait.", unreadable)


def _open_files(pipeline: Pipeline, report: SweepReport) -> None:
    _for_each(pipeline.journal.files.still_open, partial(_open_file, pipeline, report), report)


def _open_file(pipeline: Pipeline, report: SweepReport, mention: FileMention, unreadable: OnUnreadable) -> None:
    report.open_files += 1
    stored = pipeline.journal.files.get(mention.customer_id, mention.file_id)
    if stored is None:
        # The reader died after entering the index and before writing the file: `_unknown_blobs` finds the blob.
        if pipeline.clock() - mention.received_at >= pipeline.settings.advanced.claim:
            pipeline.journal.files.no_longer_open(mention.file_id)
    elif stored.record.state is FileState.READ or stored.record.profile_order is not None:
        _overdue_submissions(pipeline, stored.record, report, unreadable)
    elif stored.record.due_at <= pipeline.clock():
        report.overdue_files += 1
        _wake_file(pipeline, stored.record)


def _wake_file(pipeline: Pipeline, file: DeviceFile) -> None:
    pipeline.wakeups.send(FileWakeUp(customer_id=file.customer_id, file_id=file.file_id))


def _overdue_submissions(pipeline: Pipeline, file: DeviceFile, report: SweepReport, unreadable: OnUnreadable) -> None:
    now = pipeline.clock()
    claim = pipeline.settings.advanced.claim
    is_limited = scope_of_limit(file.customer_id or "") in holds_now(pipeline)
    is_open, never_accepted, line = False, 0, Line(file.priority, is_known_good=file.is_known_good)
    for stored in pipeline.journal.submissions.each_open(file.reading_id):
        is_open = True
        if isinstance(stored, UnreadableRecord):
            unreadable(stored)
            continue
        report.open_submissions += 1
        never_accepted += _is_alarming(file, stored.record, now, is_limited=is_limited)
        if line.holds(stored.record):
            continue
        late = round((now - stored.record.due_at).total_seconds())
        report.oldest_wake_up_seconds = max(report.oldest_wake_up_seconds, late)
        is_late = is_overdue(stored.record.due_at, stored.record.claimed_until, now, claim)
        if is_late and report.overdue_submissions < MOST_WAKE_UPS:
            report.overdue_submissions += 1
            wake_again(pipeline, stored)
    if never_accepted:
        report.never_accepted += never_accepted
        logger.error(
            "Submissions of a file have waited two days to be accepted; they are still sent",
            extra=of_file(file) | {"submissions": never_accepted},
        )
    if not is_open:
        _wake_file(pipeline, file)


def _is_alarming(file: DeviceFile, submission: Submission, now: datetime, *, is_limited: bool) -> bool:
    """Whether it was never accepted for two days, other than by the daily limit of its customer."""
    waits_for_its_day = is_limited and submission.first_sent_at is None
    return submission.accepted_at is None and not waits_for_its_day and now - file.received_at > NEVER_ACCEPTED_ALARM


def _pause(pipeline: Pipeline, _report: SweepReport) -> None:
    """Keep the notice that sending is paused as the setting says, even while nothing is to be sent."""
    breaker = circuit_breaker_of(pipeline)
    if pipeline.settings.paused:
        breaker.note_pause()
    else:
        breaker.end_pause()


def _gates_left_over(pipeline: Pipeline, _report: SweepReport) -> None:
    """Open the gates at which nothing waits: circuit breakers, and the holds of files that have ended.

    People would see a standstill, and questions that are not worth a probe would not be asked. A file may be held just
    before it closes.
    """
    now = pipeline.clock()
    for stored in pipeline.journal.gates.all().values():
        if is_left_over(stored.record, now) or _is_of_ended_file(pipeline, stored.record, now):
            logger.info("Nothing waits at a gate any more", extra={"scope": stored.record.scope})
            with suppress(Conflict):
                pipeline.journal.gates.open(stored)
            pipeline.cache.gates.forget()


def _is_of_ended_file(pipeline: Pipeline, gate: Gate, now: datetime) -> bool:
    is_old = gate.since is not None and now - gate.since >= pipeline.settings.advanced.claim
    return gate.file_id is not None and is_old and not pipeline.journal.files.is_open(gate.file_id)


def _holds_to_announce(pipeline: Pipeline, _report: SweepReport) -> None:
    announce_holds_left_over(pipeline)


def _withdrawals(pipeline: Pipeline, report: SweepReport) -> None:
    def wake_again(mention: WithdrawalMention, _: OnUnreadable) -> None:
        report.overdue_withdrawals += woken_again(pipeline, mention)

    _for_each(pipeline.journal.withdrawals.in_progress, wake_again, report)


def _inventories(pipeline: Pipeline, report: SweepReport) -> None:
    """Wake readings of registered devices, tell their drift, and delete what nobody asked for within the retention."""
    for stored in list(pipeline.journal.inventories.all()):
        report.overdue_inventories += wake_if_overdue(pipeline, stored)
        report.drifted_devices += tell_drift(pipeline, stored)
        if report.forgotten_inventories < FORGOTTEN_AT_ONCE:
            report.forgotten_inventories += forget_if_old(pipeline, stored)
    pipeline.journal.inventories.forget_budgets_before(pipeline.clock().date())


def _poisoned_messages(pipeline: Pipeline, report: SweepReport) -> None:
    """Send messages again that the host gave up on: the journal, not the queue, decides on the work still to do."""
    for message in pipeline.wakeups.poisoned():
        report.poisoned_messages += 1
        wake_up = _asked_by(message.body)
        fields = {"queue": message.queue, "message_id": message.message_id} | of_message(wake_up)
        logger.error("The host gave up on a message", extra=fields)
        if wake_up is not None:
            pipeline.wakeups.send(wake_up)
        pipeline.wakeups.delete_poisoned(message)


def _asked_by(body: str) -> WakeUp | None:
    """The wake-up in a poisoned message, or the wake-up for its blob event; None when it is neither."""
    try:
        return decode(body.encode())
    except UnreadableWakeUp:
        pass
    try:
        event = msgspec.json.decode(body, type=_PoisonedBlobEvent)
    except (msgspec.DecodeError, RecursionError):
        return None
    return BlobWakeUp(path=event.path) if event.container == DROP_CONTAINER else None


class _PoisonedBlobEvent(msgspec.Struct):
    """The body of a message on the blob triggers' poison queue, as the Functions host writes it."""

    container: str = msgspec.field(name="ContainerName")
    path: str = msgspec.field(name="BlobName")


def _unknown_blobs(pipeline: Pipeline, report: SweepReport) -> None:
    """Receive dropped blobs that are missing from the journal, except blobs past retention, whose records were deleted.

    Every round compares the recent blobs, and the first round of a day compares all.
    """
    now, retention = pipeline.clock(), pipeline.settings.retention
    progress = ProgressBlob(pipeline.private, DROP_PROGRESS)
    for page in pages_of_round(pipeline.drop, progress, now.toordinal()):
        window = retention if page.is_thorough else min(RECENT, retention)
        for version in page.versions:
            if now - window < version.modified_at < now - TIME_FOR_ITS_EVENT and _is_missing(pipeline, version):
                report.unknown_blobs += 1
                pipeline.wakeups.send(BlobWakeUp(path=version.path))
        if report.unknown_blobs >= MOST_WAKE_UPS:
            return


def _is_missing(pipeline: Pipeline, version: BlobVersion) -> bool:
    """Whether a blob of a listing is a device file that was never received."""
    return not _is_known(pipeline, version) and not is_no_device_file(pipeline.drop, version)


def _is_known(pipeline: Pipeline, version: BlobVersion) -> bool:
    """Whether the journal has a record of this version of a blob, even if only a later app can read the record."""
    place = resolve_drop_path(pipeline.customers, version.path)
    try:
        known = known_file(pipeline.journal, place, file_id(version.path, version.etag))
    except UnreadableRecord:
        return True
    if known is None:
        return False
    if not known.record.state.is_final and not pipeline.journal.files.is_open(known.record.file_id):
        # The index of open files was lost: without its entry no sweep would find the file.
        pipeline.journal.files.enter_as_open(known.record)
    return True


def _is_being_changed(file: DeviceFile) -> bool:
    return file.profile_order is not None or _is_being_withdrawn(file)


def _is_being_withdrawn(file: DeviceFile) -> bool:
    return file.withdrawal is not None and file.withdrawal.is_under_way


def _leftover_blobs(pipeline: Pipeline, report: SweepReport) -> None:
    """Once a day, delete request bodies and rows left over because the file's owner died before it cleaned up."""
    progress = ProgressBlob(pipeline.private, PRIVATE_PROGRESS)
    for page in pages_of_thorough_round(pipeline.private, progress, pipeline.clock().toordinal()):
        paths = [version.path for version in page.versions if version.path.endswith(".json")]
        for identifier, leftovers in groupby(paths, key=lambda path: path.split("/")[0]):
            if not pipeline.journal.files.is_open(identifier):
                for path in leftovers:
                    report.leftover_blobs += 1
                    pipeline.private.delete(path)


def _forget_old_files(pipeline: Pipeline, report: SweepReport) -> None:
    before = (pipeline.clock() - pipeline.settings.retention).date()

    def old_files(unreadable: OnUnreadable) -> Iterable[FileMention]:
        mentions = pipeline.journal.files.received_before(before, unreadable)
        return takewhile(lambda _: report.forgotten_files < FORGOTTEN_AT_ONCE, mentions)

    _for_each(old_files, partial(_forget_old_file, pipeline, report), report)


def _forget_old_file(pipeline: Pipeline, report: SweepReport, mention: FileMention, _: OnUnreadable) -> None:
    stored = pipeline.journal.files.get(mention.customer_id, mention.file_id)
    if stored is None:
        pipeline.journal.files.forget_listing(mention)
    elif stored.record.state.is_final and not _is_being_changed(stored.record):
        for version in pipeline.private.versions(f"{mention.file_id}/"):
            pipeline.private.delete(version.path)
        pipeline.journal.forget_file(stored.record)
        report.forgotten_files += 1


def _forget_old_acts(pipeline: Pipeline, report: SweepReport) -> None:
    before = pipeline.clock() - pipeline.settings.retention
    report.forgotten_acts = pipeline.journal.acts.forget_before(before, ACTS_FORGOTTEN_AT_ONCE)


def _partner_customers(pipeline: Pipeline, _report: SweepReport) -> None:
    refresh_partner_customers(pipeline)


def _discard_old_uploads(pipeline: Pipeline, report: SweepReport) -> None:
    """Files that people chose on the page and did not send for a day, and who sent what before the retention."""
    before = pipeline.clock() - KEPT_FOR
    for upload in islice(pipeline.journal.uploads.staged_before(before), FORGOTTEN_AT_ONCE):
        discard(pipeline, upload.upload_id)
        report.discarded_uploads += 1
    pipeline.journal.uploads.forget_sendings_before(pipeline.clock() - pipeline.settings.retention, FORGOTTEN_AT_ONCE)


_DUTIES = (
    _pause,
    _gates_left_over,
    _holds_to_announce,
    _open_files,
    _withdrawals,
    _inventories,
    _poisoned_messages,
    _unknown_blobs,
    _leftover_blobs,
    _forget_old_files,
    _forget_old_acts,
    _discard_old_uploads,
    _partner_customers,
)
"""The list of customers comes last: it alone may take minutes, and nothing waits for it."""
