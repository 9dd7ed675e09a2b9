"""Announces a file that has ended: one message on the queue `file-events`, and a notification to the webhook.

Both are sent at least once, with the same CloudEvents id, and a second time only after a crash or a failure of storage:
the message if that falls between sending it and entering the file in the index by time, the notification if it falls
between the webhook's answer and noting it in the journal. The webhook has its own wake-up: no file waits for it.
"""

import logging
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from shared.pipeline.closing.event_formats import (
    CONTENT_TYPES,
    Card,
    Event,
    FileClosed,
    card_of,
    event_of,
    event_text,
    webhook_body,
)
from shared.pipeline.closing.registered_later import registered_later
from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import Fields, of_file
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile
from shared.storage.wakeups import DriftWakeUp, HoldWakeUp, NotificationWakeUp
from shared.webhooks import WebhookError, WebhookFailed, WebhookRefused

logger = logging.getLogger(__name__)

LONGEST_TRYING = timedelta(days=1)
"""The time after the end of the file in which a failing webhook is retried; later it is tried at most once."""

CURE = (
    "Check the setting NOTIFY_WEBHOOK_URL: that the workflow or app behind it still exists, accepts the format in "
    "NOTIFY_WEBHOOK_FORMAT, and has a public https address (or NOTIFY_WEBHOOK_ALLOW_PRIVATE is true). "
    "Nothing else waits for it, and the event is in the queue file-events."
)


def announce(pipeline: Pipeline, file: DeviceFile) -> None:
    """Send the event of a file that has ended, and wake the notification of the webhook.

    The event comes last: a failure before it is repeated, and a second wake-up finds that the webhook was notified.
    """
    if pipeline.settings.webhook is not None:
        pipeline.wakeups.send(NotificationWakeUp(customer_id=file.customer_id, file_id=file.file_id))
    pipeline.events.send(event_text(_event(pipeline, file)))


def _event(pipeline: Pipeline, file: DeviceFile) -> Event[FileClosed]:
    return event_of(file, pipeline.settings, registered_later(pipeline.journal.files, file))


def notify(pipeline: Pipeline, wake_up: NotificationWakeUp) -> None:
    """Notify the webhook of the file that `wake_up` names; after a failure try again, for a day."""
    stored = pipeline.journal.files.get(wake_up.customer_id, wake_up.file_id)
    if pipeline.webhook is None or stored is None or not stored.record.state.is_final:
        logger.info(
            "No notification is sent: the file is unknown or open, or no webhook is set",
            extra={"file_id": wake_up.file_id},
        )
        return
    file = stored.record
    if file.webhook_told_at is not None:
        logger.info("The webhook was already notified of the file", extra=of_file(file))
        return
    event = _event(pipeline, file)
    is_last = bool(wake_up.attempts) and pipeline.clock() - event.time > LONGEST_TRYING
    if notify_webhook(pipeline, event, card_of(event.data), wake_up, of_file(file), is_last=is_last):
        _note_notified(pipeline, stored)


def _note_notified(pipeline: Pipeline, stored: Stored[DeviceFile] | None) -> None:
    """Journal that the webhook was notified, keeping other changes made to the file's record meanwhile."""
    while stored is not None:
        file = stored.record
        try:
            pipeline.journal.files.change(stored, replace(file, webhook_told_at=pipeline.clock()))
        except Conflict:
            stored = pipeline.journal.files.get(file.customer_id, file.file_id)
        else:
            return


def notify_webhook(
    pipeline: Pipeline,
    event: Event[Any],
    card: Card,
    wake_up: NotificationWakeUp | HoldWakeUp | DriftWakeUp,
    fields: Fields,
    *,
    is_last: bool,
) -> bool:
    """Notify the webhook of an event; whether it was. After a failure `wake_up` comes again, unless this `is_last`."""
    settings, webhook = pipeline.settings.webhook, pipeline.webhook
    if settings is None or webhook is None:
        return False
    fields = fields | {"event": event.type, "attempts": wake_up.attempts + 1}
    try:
        webhook.post(webhook_body(event, card, settings.format), CONTENT_TYPES[settings.format])
    except WebhookRefused as error:
        _give_up(error, fields)
    except WebhookFailed as error:
        if is_last:
            _give_up(error, fields)
        else:
            logger.warning("The webhook could not be notified: %s", error, extra=fields)
            delay = max(pipeline.pace.backoff(wake_up.attempts), error.retry_after or timedelta(0))
            pipeline.wakeups.send(replace(wake_up, attempts=wake_up.attempts + 1), delay)
    else:
        logger.info("The webhook was notified", extra=fields)
        return True
    return False


def _give_up(error: WebhookError, fields: Fields) -> None:
    logger.error(
        "The webhook was not notified and will not be: %s. %s", error, CURE, extra=fields | {"what_to_do": CURE}
    )
