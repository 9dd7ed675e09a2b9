"""Passes each wake-up to the module that acts on it.

Most wake-ups are for submissions. The modules for rare wake-ups are imported when needed, so that an instance starts
without them.
"""

import logging

from shared.failures import concerning
from shared.pipeline.closing.notify import notify
from shared.pipeline.composition import Pipeline
from shared.pipeline.hold_events import notify_of_hold
from shared.pipeline.log_fields import of_message
from shared.pipeline.submissions.advance import advance, advance_several
from shared.storage.wakeups import (
    BlobWakeUp,
    DriftWakeUp,
    FileWakeUp,
    HoldWakeUp,
    InventoryWakeUp,
    NotificationWakeUp,
    ProfilesWakeUp,
    SubmissionsWakeUp,
    SubmissionWakeUp,
    UnreadableWakeUp,
    WakeUp,
    WithdrawalWakeUp,
    decode,
)
from shared.vocabulary import FileState

logger = logging.getLogger(__name__)


def wake(pipeline: Pipeline, body: bytes, message_id: str | None) -> None:
    """Act on the wake-up in the queue message `body`. An unreadable message is logged by its id and dropped."""
    try:
        wake_up = decode(body)
    except UnreadableWakeUp as error:
        logger.error(str(error), extra={"message_id": message_id})  # noqa: TRY400 - the sender is at fault, not we
        return
    with concerning(of_message(wake_up)):
        _act(pipeline, wake_up)


def _act(pipeline: Pipeline, wake_up: WakeUp) -> None:
    match wake_up:
        case SubmissionWakeUp():
            advance(pipeline, wake_up)
        case SubmissionsWakeUp():
            advance_several(pipeline, wake_up)
        case FileWakeUp(customer_id=customer_id, file_id=file_id):
            from shared.pipeline.hold_requests import wake_waiting  # noqa: PLC0415
            from shared.pipeline.intake.receive import take_up  # noqa: PLC0415

            stored = pipeline.journal.files.get(customer_id, file_id)
            if stored is not None:
                if stored.record.state is FileState.READ:
                    wake_waiting(pipeline, stored.record)
                take_up(pipeline, stored)
        case BlobWakeUp(path=path):
            from shared.pipeline.intake.receive import receive  # noqa: PLC0415

            receive(pipeline, path)
        case WithdrawalWakeUp():
            from shared.pipeline.corrections.withdrawal_steps import withdraw_further  # noqa: PLC0415

            withdraw_further(pipeline, wake_up)
        case InventoryWakeUp() | DriftWakeUp() | ProfilesWakeUp():
            _act_on_customer(pipeline, wake_up)
        case NotificationWakeUp() | HoldWakeUp():
            _notify_webhook(pipeline, wake_up)


def _notify_webhook(pipeline: Pipeline, wake_up: NotificationWakeUp | HoldWakeUp) -> None:
    match wake_up:
        case NotificationWakeUp():
            notify(pipeline, wake_up)
        case HoldWakeUp():
            notify_of_hold(pipeline, wake_up)


def _act_on_customer(pipeline: Pipeline, wake_up: InventoryWakeUp | DriftWakeUp | ProfilesWakeUp) -> None:
    """Read something of a customer from Partner Center, or tell of its devices."""
    match wake_up:
        case InventoryWakeUp():
            from shared.pipeline.inventory.reading import read_further  # noqa: PLC0415

            read_further(pipeline, wake_up)
        case DriftWakeUp():
            from shared.pipeline.inventory.drift_events import notify_of_drift  # noqa: PLC0415

            notify_of_drift(pipeline, wake_up)
        case ProfilesWakeUp(customer_id=customer_id):
            from shared.pipeline.profiles import list_profiles  # noqa: PLC0415

            list_profiles(pipeline, customer_id)
