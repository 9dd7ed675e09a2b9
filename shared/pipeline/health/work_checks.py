"""Checks of the app's own work: dropped files that are noticed, poison queues, and the sweep."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.ncrontab import longest_pause, schedule_fault
from shared.pipeline.health.finding import CheckedApp, Finding, broken, cannot_be_told, warning, well
from shared.pipeline.sweep_record import SweepRecord, last_sweep
from shared.settings import BlobTriggerSource
from shared.storage.connection import BLOB_POISON_QUEUE, SUBMISSIONS_POISON_QUEUE
from shared.vocabulary import counted

DEAD_LETTERS = "dead-letters"
"""The container into which Event Grid puts events that it could not deliver (infra/events.bicep)."""

LATELY = timedelta(days=1)
"""A dead letter of this time says that events are being lost."""

LATE_FOR_A_SWEEP = timedelta(minutes=10)
"""How long a sweep may take, in addition to two pauses of its schedule."""


def dropped_files(app: CheckedApp) -> Finding:
    """Whether the host learns of dropped files: by events, or by looking into the container."""
    pipeline = app.pipeline
    record = last_sweep(pipeline.private)
    settings = {} if record is None else record.settings
    known = pipeline.settings.blob_trigger_source if app.knows_settings else settings.get("BLOB_TRIGGER_SOURCE")
    return dropped_files_finding(known, pipeline.probes.newest_blob(DEAD_LETTERS), record, pipeline.clock())


def dropped_files_finding(
    source: str | None, dead_letter: datetime | None, record: SweepRecord | None, now: datetime
) -> Finding:
    """The finding for this source of events, the newest event that was not delivered, and the last sweep. Pure."""
    if source == BlobTriggerSource.CONTAINER_SCAN:
        return well("The host looks for dropped files in the container itself (LogsAndContainerScan).")
    if dead_letter is not None and now - dead_letter < LATELY:
        return broken(
            f"Event Grid could not deliver an event of a dropped file: the last on {dead_letter:%Y-%m-%d %H:%M} UTC.",
            "Deploy the event subscription again: docs/runbook.md, 8. The sweep finds the files meanwhile.",
        )
    if record is None:
        return cannot_be_told(
            "No sweep has compared the dropped files with those received yet.", "Check again in five minutes."
        )
    if lost := record.counts.get("unknown_blobs", 0):
        return warning(
            f"The last sweep found {counted(lost, 'dropped file')} whose event had not arrived.",
            "If it happens again, deploy the event subscription again: docs/runbook.md, 8.",
        )
    return well("Event Grid notifies the app: no event is undelivered, and the last sweep found no file without one.")


def poison_queues(app: CheckedApp) -> Finding:
    """Whether the host gave up on messages."""
    waiting = {name: app.pipeline.probes.messages(name) for name in (SUBMISSIONS_POISON_QUEUE, BLOB_POISON_QUEUE)}
    return poison_finding(waiting, last_sweep(app.pipeline.private))


def poison_finding(waiting: Mapping[str, int], record: SweepRecord | None) -> Finding:
    """The finding for so many messages in each poison queue. Pure."""
    given_up = 0 if record is None else record.counts.get("poisoned_messages", 0)
    found = [f"{counted(number, 'message')} in {name}" for name, number in waiting.items() if number]
    if given_up:
        found.append(f"{counted(given_up, 'message')} sent again by the last sweep")
    if not found:
        return well("The host gave up on no message.")
    return warning(
        f"The host gave up on messages: {', '.join(found)}.",
        "The sweep sends them again by itself; if they come back, find the exception: docs/runbook.md, 7.",
    )


def sweep(app: CheckedApp) -> Finding:
    """Whether the sweep runs, and could do all of its duties."""
    pipeline = app.pipeline
    record = last_sweep(pipeline.private)
    schedule = pipeline.settings.advanced.sweep_schedule if app.knows_settings else None
    return sweep_finding(record, schedule, pipeline.clock())


def sweep_finding(record: SweepRecord | None, schedule: str | None, now: datetime) -> Finding:
    """The finding for the last sweep; without a `schedule`, that of the sweep itself. Pure."""
    if record is None:
        return warning(
            "No sweep has ended yet.", "After a first start, check again in five minutes; else docs/runbook.md, 11."
        )
    found = f"The last sweep ended on {record.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    planned = schedule or record.settings.get("SWEEP_SCHEDULE", "")
    pause = None if schedule_fault(planned) else longest_pause(planned)
    if pause is not None and now - record.ended_at > 2 * pause + LATE_FOR_A_SWEEP:
        return broken(f"{found}; one is due every {pause.total_seconds() / 60:g} minutes.", "docs/runbook.md, 11.")
    if record.failed_duties:
        duties = ", ".join(duty.replace("_", " ") for duty in record.failed_duties)
        return warning(
            f"{found}; it could not do all of its duties: {duties}.", "Find the exception: docs/runbook.md, 7."
        )
    if unreadable := record.counts.get("unreadable_records", 0):
        return warning(
            f"{found}; it could not read {counted(unreadable, 'record')}.",
            "Deploy the later version that wrote them again: docs/deploy.md, going back to an earlier version.",
        )
    number = counted(record.counts.get("open_files", 0), "file")
    return well(f"{found}; {number} in progress.")
