"""Decides which device of a customer a row to be removed or moved means, and whether it may be deleted. Pure."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from shared.partner_center.client import ServiceIds
from shared.pipeline.submissions.deletion_decisions import ended, is_done
from shared.pipeline.submissions.matching import SentRow, folded
from shared.pipeline.submissions.removal_search import Placed, Search
from shared.reasons import REMOVAL_REASONS, RemovalReason
from shared.storage.records import DeviceWithdrawal, Submission
from shared.vocabulary import FileOrder, WithdrawalResult

RUN = 0
"""The run of a removal in the records of deletions; those of a withdrawal begin with 1."""

MOST_NAMED = 5
"""Batches that are named in a reason."""


def is_to_be_searched_again(device: DeviceWithdrawal) -> bool:
    """Whether the device that was found was gone when it was to be deleted: it may be registered anew since.

    It is searched again once: a service that lists what it does not have would be asked for ever.
    """
    return device.result is WithdrawalResult.ALREADY_GONE and bool(device.device_id) and not device.searched_again


def has_ended(device: DeviceWithdrawal) -> bool:
    """Whether the removal is done with the device."""
    return is_done(device, RUN) and not is_to_be_searched_again(device)


def to_remove(
    submission: Submission, row: SentRow, search: Search, now: datetime, *, searched_again: bool = False
) -> DeviceWithdrawal:
    """The device of a row with its id, or with the reason why it will not be deleted."""
    fitting, others = search.fitting.get(row.row, []), search.others.get(row.row, [])
    device = DeviceWithdrawal(
        reading_id=submission.reading_id,
        row=row.row,
        run=RUN,
        batch_id=fitting[0].batch_id if len(fitting) == 1 else submission.batch_id,
        searched_again=searched_again,
    )
    reason = _why_not(submission, row, search, fitting, others)
    is_move = submission.order is FileOrder.MOVE
    if is_move and reason is RemovalReason.NOT_THERE:
        # There is nothing to remove: it goes on to be registered.
        return ended(device, WithdrawalResult.ALREADY_GONE, ServiceIds(), now)
    if reason is None:
        return replace(device, device_id=fitting[0].device.id or "")
    explanation = REMOVAL_REASONS[reason]
    return replace(
        ended(device, WithdrawalResult.REFUSED, ServiceIds(), now),
        error_code=reason,
        error_description=explanation.sentence,
        what_to_do=f"{_places(reason, fitting, others, search.unread)}{explanation.what_to_do}",
    )


def _why_not(
    submission: Submission, row: SentRow, search: Search, fitting: Sequence[Placed], others: Sequence[Placed]
) -> RemovalReason | None:
    """Why the device of a row is not deleted; None if it may be."""
    if not (folded(row.serial_number) or folded(row.product_key)):
        return RemovalReason.NOTHING_TO_FIND_IT_BY
    is_move = submission.order is FileOrder.MOVE
    if len(fitting) > 1:
        return RemovalReason.SEVERAL_TO_MOVE if is_move else RemovalReason.SEVERAL_DEVICES
    if search.unread:
        return RemovalReason.SEARCH_INCOMPLETE
    if not fitting:
        if others:
            return RemovalReason.ANOTHER_DEVICE
        return RemovalReason.NOT_IN_BATCH if submission.batch_id and not is_move else RemovalReason.NOT_THERE
    if is_move and fitting[0].batch_id.casefold() == submission.batch_id.casefold():
        return RemovalReason.ALREADY_THERE
    if not fitting[0].device.id:
        return RemovalReason.WITHOUT_ID
    # Where the service lists no operations, it is asked to delete the device.
    is_forbidden = fitting[0].device.may_be_deleted is False
    return RemovalReason.DELETION_NOT_ALLOWED if is_forbidden else None


def moves_on(device: DeviceWithdrawal, *, is_stopped: bool) -> bool:
    """Whether a row of a move goes on to be registered: its device stands under no batch now.

    Of a stopped file, only what we removed goes on.
    """
    if device.result is WithdrawalResult.ALREADY_GONE:
        return not is_stopped and has_ended(device)
    return device.result is WithdrawalResult.WITHDRAWN


def _places(reason: RemovalReason, fitting: Sequence[Placed], others: Sequence[Placed], unread: Sequence[str]) -> str:
    """The batches that a reason is about, as a sentence."""
    match reason:
        case (
            RemovalReason.SEVERAL_DEVICES
            | RemovalReason.SEVERAL_TO_MOVE
            | RemovalReason.DELETION_NOT_ALLOWED
            | RemovalReason.WITHOUT_ID
        ):
            return _under("It stands under", [placed.batch_id for placed in fitting])
        case RemovalReason.ANOTHER_DEVICE:
            return _under("That device stands under", [placed.batch_id for placed in others])
        case RemovalReason.SEARCH_INCOMPLETE:
            return _under("Not searched to its end:", unread)
        case _:
            return ""


def _under(beginning: str, batches: Sequence[str]) -> str:
    names = list(dict.fromkeys(batches))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    word = "the batch" if len(names) == 1 else "the batches"
    return f"{beginning} {word} {' and '.join(names[:MOST_NAMED])}{more}. "
