"""Requests a withdrawal: the deletion of the devices that a file newly registered.

A request changes the file's record; `withdrawal_steps` does the work, woken like a submission. The outcomes of the rows
do not change: a row was registered, and then withdrawn.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from shared.pipeline.closing.summary import write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.closed_file import ended_file
from shared.pipeline.lease import is_overdue
from shared.pipeline.log_fields import of_file
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, Withdrawal, WithdrawalMention, with_sentence
from shared.storage.wakeups import WithdrawalWakeUp
from shared.vocabulary import counted

logger = logging.getLogger(__name__)

LONGEST_ASKING = timedelta(days=1)
"""The time after which a request that entered a file in the index without changing its record counts as dead."""

LONGEST_NAME = 200
"""Most characters of the name of the person who requested the withdrawal."""

_TRIES = 5


@dataclass(frozen=True, slots=True)
class WithdrawalAsked:
    """The answer to a request for a withdrawal."""

    file_id: str
    withdrawal: Withdrawal | None
    """Its progress; None when the file registered no device."""
    is_new: bool
    """Whether this request started it."""


def withdraw(pipeline: Pipeline, customer_id: str, file_id: str, asked_by: str = "") -> WithdrawalAsked:
    """Have the devices deleted that this closed file newly registered; `asked_by` names a person for the history.

    A second request returns the progress. After the end it retries the devices that the service refused. Devices that
    were registered before, or whose outcome is `unknown`, are left alone.

    Raises:
        FileUnknown, FileStillOpen: see `ended_file`.
        Conflict: other workers keep changing the file's record; try again.
    """
    for tries_left in reversed(range(_TRIES)):
        stored = ended_file(pipeline, customer_id, file_id)
        known = stored.record.withdrawal
        if known is not None and (known.is_under_way or known.refused == 0):
            return WithdrawalAsked(file_id, known, is_new=False)
        total = 0 if stored.record.closed_counts is None else stored.record.closed_counts.registered
        if total == 0:
            return WithdrawalAsked(file_id, None, is_new=False)
        try:
            return _asked(pipeline, stored, customer_id, _new(pipeline, known, total, asked_by))
        except Conflict:
            if not tries_left:
                raise
    raise AssertionError("every try returns or raises")


def _new(pipeline: Pipeline, known: Withdrawal | None, total: int, asked_by: str) -> Withdrawal:
    now = pipeline.clock()
    return Withdrawal(
        asked_at=now,
        asked_by="".join(filter(str.isprintable, asked_by))[:LONGEST_NAME],
        run=1 if known is None else known.run + 1,
        sequence=0 if known is None else known.sequence + 1,
        due_at=now,
        total=total,
    )


def _asked(pipeline: Pipeline, stored: Stored[DeviceFile], customer_id: str, withdrawal: Withdrawal) -> WithdrawalAsked:
    """Enter it in the index first, so that the sweep finds every withdrawal; then change the record, then wake it."""
    file, now = stored.record, pipeline.clock()
    _enter(pipeline, customer_id, file.file_id)
    by = f" by {withdrawal.asked_by}" if withdrawal.asked_by else ""
    sentence = f"Withdrawal of {counted(withdrawal.total, 'device')} asked for{by}."
    asked = replace(
        file,
        withdrawal=withdrawal,
        changes_since_closed=file.changes_since_closed + 1,
        history=with_sentence(file.history, sentence, now),
    )
    asked = pipeline.journal.files.change(stored, asked).record
    # Enter it again: the owner that ended the previous run may have removed it before the record named this run.
    _enter(pipeline, customer_id, file.file_id)
    logger.warning(
        "The withdrawal of a file's devices was requested", extra=of_file(asked) | {"devices": withdrawal.total}
    )
    pipeline.wakeups.send(withdrawal_wake_up(customer_id, file.file_id, withdrawal))
    write_summary(pipeline.journal, pipeline.results, asked)
    return WithdrawalAsked(file.file_id, withdrawal, is_new=True)


def _enter(pipeline: Pipeline, customer_id: str, file_id: str) -> None:
    mention = WithdrawalMention(customer_id=customer_id, file_id=file_id, asked_at=pipeline.clock())
    pipeline.journal.withdrawals.enter(mention)


def leave_index(pipeline: Pipeline, customer_id: str, file_id: str) -> None:
    """Remove a file from the index of withdrawals in progress; put it back if one was requested at the same time."""
    pipeline.journal.withdrawals.end(file_id)
    stored = pipeline.journal.files.get(customer_id, file_id)
    withdrawal = None if stored is None else stored.record.withdrawal
    if withdrawal is not None and withdrawal.is_under_way:
        _enter(pipeline, customer_id, file_id)


def withdrawal_wake_up(customer_id: str, file_id: str, withdrawal: Withdrawal) -> WithdrawalWakeUp:
    """The wake-up for the withdrawal in its current state."""
    return WithdrawalWakeUp(customer_id=customer_id, file_id=file_id, sequence=withdrawal.sequence)


def woken_again(pipeline: Pipeline, mention: WithdrawalMention) -> bool:
    """Send another wake-up for a withdrawal if its wake-up is overdue; True if it was. For the sweep.

    If the file of an entry has no withdrawal, the request has died or is still in progress, for at most a day.
    """
    stored = pipeline.journal.files.get(mention.customer_id, mention.file_id)
    now = pipeline.clock()
    withdrawal = None if stored is None else stored.record.withdrawal
    if stored is None or withdrawal is None:
        if mention.asked_at + LONGEST_ASKING <= now:
            leave_index(pipeline, mention.customer_id, mention.file_id)
        return False
    if not is_overdue(withdrawal.due_at, withdrawal.claimed_until, now, pipeline.settings.advanced.claim):
        return False
    # Raise the sequence, so that a wake-up still in the queue is out of date.
    woken = replace(withdrawal, sequence=withdrawal.sequence + 1, due_at=now)
    try:
        pipeline.journal.files.change(stored, replace(stored.record, withdrawal=woken))
    except Conflict:
        return False
    pipeline.wakeups.send(withdrawal_wake_up(mention.customer_id, mention.file_id, woken))
    return True
