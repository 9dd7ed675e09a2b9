"""Announces a file that the app holds because its devices fail: an event on the queue, and the same for the webhook.

As the end of a file, it is announced at least once, with the same CloudEvents id each time: the sweep announces a hold
that was not. The webhook has its own wake-up, and is notified only while the file is still on hold.
"""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from shared.pipeline.closing.event_formats import LONGEST_NAME, LONGEST_STORY, SOURCE, Card, Event, event_text
from shared.pipeline.closing.notify import LONGEST_TRYING, notify_webhook
from shared.pipeline.composition import Pipeline
from shared.pipeline.holds import is_by_the_app, scope_of_hold
from shared.pipeline.log_fields import of_file
from shared.settings import Settings
from shared.storage.record_table import Conflict
from shared.storage.records import DeviceFile, Gate
from shared.storage.wakeups import HoldWakeUp

logger = logging.getLogger(__name__)

EVENT_TYPE = "devicedrop.file.held"
HELD_BY_THE_APP = "A file is held because its devices fail"
"""The line of the log that the alert `file-held-by-the-app` looks for."""

_TRIES = 5


class FileHeld(msgspec.Struct, frozen=True, kw_only=True):
    """The data of the event: the file, and why the app holds it."""

    file_id: str
    customer_id: str | None
    batch_id: str | None
    file: str
    path: str
    reason: str
    received_at: datetime
    held_at: datetime
    page: str | None = None


def hold_event(file: DeviceFile, gate: Gate, settings: Settings) -> Event[FileHeld]:
    """The event that the app holds `file`, by the hold `gate`. Pure."""
    page, held_at = settings.page_url, gate.since or gate.closed_until
    return Event(
        id=str(uuid5(UUID(file.file_id), EVENT_TYPE)),
        source=page or SOURCE,
        type=EVENT_TYPE,
        subject=f"{file.customer_id}/{file.file_id}",
        time=held_at,
        data=FileHeld(
            file_id=file.file_id,
            customer_id=file.customer_id,
            batch_id=None if file.batch_id is None else file.batch_id[:LONGEST_NAME],
            file=file.name[:LONGEST_NAME],
            path=file.path,
            reason=gate.reason[:LONGEST_STORY],
            received_at=file.received_at,
            held_at=held_at,
            page=None if page is None else f"{page}/api/status/{file.customer_id}/{file.file_id}",
        ),
    )


def hold_card(held: FileHeld) -> Card:
    """The card of a file that is held. Pure."""
    facts = [
        ("Customer", held.customer_id or "none"),
        ("Batch", held.batch_id or "by group tag"),
        ("Why", held.reason),
        ("What to do", "Let it go on or stop it, on its page or with 'python -m local go-on' and 'stop'."),
    ]
    buttons = [] if held.page is None else [("Open the file's page", held.page)]
    return Card(f"{held.file} is on hold: its devices fail", facts, buttons)


def announce_hold(pipeline: Pipeline, file: DeviceFile) -> None:
    """Log and send that the app holds `file`, and wake the notification of the webhook; once is enough."""
    gate = _hold_of(pipeline, file.file_id)
    if gate is None or gate.announced_at is not None:
        return
    logger.warning(HELD_BY_THE_APP, extra=of_file(file))
    if pipeline.settings.webhook is not None:
        pipeline.wakeups.send(HoldWakeUp(customer_id=file.customer_id, file_id=file.file_id))
    pipeline.events.send(event_text(hold_event(file, gate, pipeline.settings)))
    _mark(pipeline, file.file_id, announced_at=pipeline.clock())


def announce_holds_left_over(pipeline: Pipeline) -> None:
    """Announce the holds of the app whose worker died before it did."""
    held_before = pipeline.clock() - pipeline.settings.advanced.claim
    for stored in pipeline.journal.gates.all().values():
        gate = stored.record
        if gate.file_id is None or not is_by_the_app(gate) or gate.closed_until > held_before:
            continue
        file = None if gate.announced_at else pipeline.journal.files.get(gate.customer_id, gate.file_id)
        if file is not None and not file.record.state.is_final:
            announce_hold(pipeline, file.record)


def notify_of_hold(pipeline: Pipeline, wake_up: HoldWakeUp) -> None:
    """Notify the webhook of the file that `wake_up` names, while the app holds it; after a failure again, for a day."""
    gate = _hold_of(pipeline, wake_up.file_id)
    stored = pipeline.journal.files.get(wake_up.customer_id, wake_up.file_id)
    if stored is None or gate is None or gate.webhook_told_at is not None:
        return
    event = hold_event(stored.record, gate, pipeline.settings)
    is_last = pipeline.clock() - event.time > LONGEST_TRYING
    if notify_webhook(pipeline, event, hold_card(event.data), wake_up, of_file(stored.record), is_last=is_last):
        _mark(pipeline, wake_up.file_id, webhook_told_at=pipeline.clock())


def _hold_of(pipeline: Pipeline, file_id: str) -> Gate | None:
    """The hold of the app on a file; None where a person let it go on, holds it, or stopped it."""
    stored = pipeline.journal.gates.get(scope_of_hold(file_id=file_id))
    return stored.record if stored is not None and is_by_the_app(stored.record) else None


def _mark(pipeline: Pipeline, file_id: str, **changes: Any) -> None:  # noqa: ANN401 - fields of a gate
    """Change the hold of the app on a file, keeping other changes made to it meanwhile."""
    for _ in range(_TRIES):
        stored = pipeline.journal.gates.get(scope_of_hold(file_id=file_id))
        if stored is None or not is_by_the_app(stored.record):
            return
        try:
            pipeline.journal.gates.change(stored, replace(stored.record, **changes))
        except Conflict:
            continue
        else:
            return
