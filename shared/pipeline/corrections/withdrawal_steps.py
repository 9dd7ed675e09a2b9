"""Takes a withdrawal one step further: deletes some hundreds of a file's devices.

It works like a submission's step: `circuit_breaker` admits it, `withdrawal_calls` finds the ids of devices and
`device_deletion` deletes them. The progress is kept in the file's record, which is claimed during a step.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from datetime import datetime, timedelta
from itertools import chain, islice

from msgspec.structs import replace

from shared.partner_center.errors import PartnerCenterError
from shared.partner_center.models import Device
from shared.pipeline.backoff import PAUSED_DELAY, SHORTEST_PATIENCE
from shared.pipeline.closing.csv_output import CSV, csv_text
from shared.pipeline.closing.summary import folder_of, rewrite_parents_summaries, write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.withdrawal_calls import find_ids
from shared.pipeline.corrections.withdrawal_decisions import COLUMNS, line, to_withdraw
from shared.pipeline.corrections.withdrawal_request import leave_index, withdrawal_wake_up
from shared.pipeline.lease import ROWS_BETWEEN_CLOCK_CHECKS
from shared.pipeline.log_fields import of_file
from shared.pipeline.submissions.circuit_breaker import Admission, circuit_breaker_of, why_held
from shared.pipeline.submissions.deletion_decisions import is_done
from shared.pipeline.submissions.device_deletion import (
    DEVICES_IN_A_STEP,
    LONGEST_STEP,
    SHARE_OF_A_CLAIM_FOR_A_CALL,
    Deletion,
    Known,
    Progress,
)
from shared.pipeline.submissions.state_machine import WaitFor
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, DeviceOutcome, Withdrawal, with_sentence
from shared.storage.wakeups import WithdrawalWakeUp
from shared.telemetry import StepName, span
from shared.vocabulary import Outcome, WithdrawalResult, WithdrawalState

logger = logging.getLogger(__name__)

LOOKED_FOR_AT_ONCE = 5_000
"""Devices without an id that one reading of their batch searches for."""

DEVICES_ON_A_PAGE = 100
"""Devices on each page of a batch that the service lists."""

Pair = tuple[DeviceOutcome, Known]
"""A registered row, and the record of its withdrawal."""


@dataclass(slots=True)
class WithdrawalLease:
    """A withdrawal that this owner has claimed for the duration of a step."""

    pipeline: Pipeline
    stored: Stored[DeviceFile]
    began: datetime
    spellings: dict[str, str] = field(default_factory=dict)
    """The spellings of the batches in this step."""

    @property
    def is_long(self) -> bool:
        """Whether the step has taken long enough."""
        return self.pipeline.clock() - self.began > LONGEST_STEP

    @property
    def file(self) -> DeviceFile:
        """The file as last journaled."""
        return self.stored.record

    @property
    def withdrawal(self) -> Withdrawal:
        """Its withdrawal as last journaled."""
        withdrawal = self.stored.record.withdrawal
        if withdrawal is None:
            raise Conflict(f"The withdrawal of file {self.file.file_id} is no longer in the journal.")
        return withdrawal

    @property
    def customer_id(self) -> str:
        """The customer of the devices; a file without a customer registered none."""
        return self.file.customer_id or ""

    def change(self, withdrawal: Withdrawal) -> None:
        """Journal a change. Raises Conflict when the claim was lost."""
        self._change(replace(self.file, withdrawal=withdrawal))

    def finish(self, withdrawal: Withdrawal, sentence: str) -> None:
        """Journal the end of the withdrawal. Raises Conflict when the claim was lost."""
        file = self.file
        history = with_sentence(file.history, sentence, self.pipeline.clock())
        changes = file.changes_since_closed + 1
        self._change(replace(file, withdrawal=withdrawal, changes_since_closed=changes, history=history))

    def claim(self) -> None:
        """Take it, or renew the claim. Raises Conflict when another owner has it."""
        until = self.pipeline.clock() + self.pipeline.settings.advanced.claim
        self.change(replace(self.withdrawal, claimed_until=until, due_at=until))

    def keep(self) -> None:
        """Renew the claim unless it outlasts the longest request. Raises Conflict when it was lost."""
        claim, until = self.pipeline.settings.advanced.claim, self.withdrawal.claimed_until
        if until is None or until - self.pipeline.clock() < claim * SHARE_OF_A_CLAIM_FOR_A_CALL:
            self.claim()

    def _change(self, file: DeviceFile) -> None:
        self.stored = self.pipeline.journal.files.change(self.stored, file)


def withdraw_further(pipeline: Pipeline, wake_up: WithdrawalWakeUp) -> WithdrawalState | None:
    """Take the withdrawal that `wake_up` names one step further.

    Returns its new state; None when another owner has it or there is nothing to do.
    """
    stored = pipeline.journal.files.get(wake_up.customer_id, wake_up.file_id)
    if stored is None or stored.record.withdrawal is None:
        logger.warning("A wake-up names no withdrawal", extra={"file_id": wake_up.file_id})
        return None
    withdrawal, now = stored.record.withdrawal, pipeline.clock()
    held = WithdrawalLease(pipeline, stored, now)
    if not withdrawal.is_under_way:
        _tidy_up(held)
        return withdrawal.state
    if wake_up.sequence < withdrawal.sequence:
        logger.info("A wake-up of a withdrawal was overtaken", extra=of_file(stored.record))
        return None
    if withdrawal.claimed_until is not None and withdrawal.claimed_until > now:
        pipeline.wakeups.send(wake_up, withdrawal.claimed_until - now)
        return None
    try:
        about = {"customer_id": held.customer_id, "run": withdrawal.run, "attempts": withdrawal.attempts}
        with span(StepName.WITHDRAW, held.file.file_id, about):
            return _step(held)
    except Conflict:
        # The change may have concerned something else in the file's record; otherwise this wake-up is out of date.
        logger.info("The record of the file being withdrawn was changed meanwhile", extra=of_file(stored.record))
        pipeline.wakeups.send(wake_up, SHORTEST_PATIENCE)
        return None


def _step(held: WithdrawalLease) -> WithdrawalState:
    breaker = circuit_breaker_of(held.pipeline)
    if (why := why_held(held.pipeline, held.customer_id)) is not None:
        return _wait(held, WaitFor(PAUSED_DELAY, why))
    with breaker.admission(held.customer_id) as admitted:
        if isinstance(admitted, WaitFor):
            return _wait(held, admitted)
        held.claim()
        first = held.withdrawal.next_row
        devices = _next_devices(held, first)
        if any(_lacks_id(held, known) for known in devices):
            error = _find_ids(held, admitted, first)
            if error is not None:
                return _write_failure(held, admitted, held.withdrawal, error)
            devices = _next_devices(held, first)
        return _delete(held, admitted, devices)


def _next_devices(held: WithdrawalLease, first: int) -> list[Known]:
    """The devices of the next step."""
    return [known for _, known in islice(_devices(held, first), DEVICES_IN_A_STEP)]


def _devices(held: WithdrawalLease, first: int) -> Iterator[Pair]:
    """The registered rows from `first` on, each with the record of its withdrawal, in order."""
    file, run = held.file, held.withdrawal.run
    total = file.read_counts.total
    known = held.pipeline.journal.withdrawals.devices(file.reading_id, first, total)
    ahead = next(known, None)
    for outcome in held.pipeline.journal.outcomes.of_rows(file.reading_id, first, total):
        if outcome.row % ROWS_BETWEEN_CLOCK_CHECKS == 0:
            held.keep()
        if outcome.outcome is not Outcome.REGISTERED:
            continue
        while ahead is not None and ahead.record.row < outcome.row:
            ahead = next(known, None)
        is_known = ahead is not None and ahead.record.row == outcome.row
        known_one = ahead if ahead is not None and is_known else Stored.absent(to_withdraw(outcome, run))
        # What a move removed before it registered the device is over.
        is_own = known_one.record.is_of_withdrawal
        yield outcome, known_one if is_own else known_one.holding(to_withdraw(outcome, run))


def _lacks_id(held: WithdrawalLease, known: Known) -> bool:
    return not known.record.device_id and not is_done(known.record, held.withdrawal.run)


def _find_ids(held: WithdrawalLease, admitted: Admission, first: int) -> PartnerCenterError | None:
    """Find the ids of devices that came back without one, up to the limit of one reading of each batch."""
    pairs = list(islice((pair for pair in _devices(held, first) if _lacks_id(held, pair[1])), LOOKED_FOR_AT_ONCE))
    found: list[Known] = []
    for batch in {outcome.batch_id.casefold(): None for outcome, _ in pairs}:
        of_batch = [pair for pair in pairs if pair[0].batch_id.casefold() == batch]
        outcomes = [outcome for outcome, _ in of_batch]
        decided = find_ids(
            held.pipeline.service,
            held.file,
            _spelling(held, outcomes[0].batch_id),
            [(outcome, to_withdraw(outcome, held.withdrawal.run)) for outcome in outcomes],
            lambda devices: _keeping_claim(held, devices),
        )
        if decided.error is not None:
            return decided.error
        admitted.note(None)
        found += (known.holding(device) for device, (_, known) in zip(decided.devices, of_batch, strict=True))
    held.keep()
    held.pipeline.journal.withdrawals.change_devices(sorted(found, key=lambda known: known.record.row))
    return None


def _keeping_claim(held: WithdrawalLease, devices: Iterable[Device]) -> Iterator[Device]:
    """Pass on `devices` as their pages arrive, and renew the claim meanwhile."""
    for number, device in enumerate(devices):
        if number % DEVICES_ON_A_PAGE == 0:
            held.keep()
        yield device


def _delete(held: WithdrawalLease, admitted: Admission, devices: Sequence[Known]) -> WithdrawalState:
    """Delete the remaining devices until an answer is not a verdict, then record the progress."""
    deletion = Deletion(
        service=replaced(held.pipeline.service, keep_claim=held.keep),
        withdrawals=held.pipeline.journal.withdrawals,
        customer_id=held.customer_id,
        run=held.withdrawal.run,
        admitted=admitted,
        is_long=lambda: held.is_long,
        spelling_of=lambda batch_id: _spelling(held, batch_id),
    )
    progress = deletion.delete_all(devices, held.withdrawal.forbidden)
    counted = _counted(held.withdrawal, progress)
    if progress.error is not None:
        return _write_failure(held, admitted, counted, progress.error)
    if len(progress.done) == len(devices) < DEVICES_IN_A_STEP:
        return _finish(held, counted)
    return _go_on(held, replace(counted, attempts=0, last_answer=None), timedelta(0))


def _spelling(held: WithdrawalLease, batch_id: str) -> str:
    """The batch in the service's spelling."""
    if batch_id not in held.spellings:
        known = held.pipeline.journal.batches.get(held.customer_id, batch_id)
        held.spellings[batch_id] = batch_id if known is None else known.record.batch_id
    return held.spellings[batch_id]


def _counted(withdrawal: Withdrawal, progress: Progress) -> Withdrawal:
    """The withdrawal with the results of the next devices counted."""
    if not progress.done:
        return replace(withdrawal, forbidden=progress.forbidden)
    results = [device.result for device in progress.done]
    return replace(
        withdrawal,
        next_row=progress.done[-1].row + 1,
        withdrawn=withdrawal.withdrawn + results.count(WithdrawalResult.WITHDRAWN),
        already_gone=withdrawal.already_gone + results.count(WithdrawalResult.ALREADY_GONE),
        refused=withdrawal.refused + results.count(WithdrawalResult.REFUSED),
        forbidden=progress.forbidden,
        attempts=0,
    )


def _write_failure(
    held: WithdrawalLease, admitted: Admission, withdrawal: Withdrawal, error: PartnerCenterError
) -> WithdrawalState:
    """Continue later after an answer that is not a verdict, and report it."""
    delay = held.pipeline.pace.after_failure(error, withdrawal.attempts)
    failed = replace(withdrawal, attempts=withdrawal.attempts + 1, last_answer=str(error))
    with admitted.reporting(error):
        return _go_on(held, failed, delay)


def _wait(held: WithdrawalLease, wait: WaitFor) -> WithdrawalState:
    return _go_on(held, replace(held.withdrawal, last_answer=wait.reason), wait.delay)


def _go_on(held: WithdrawalLease, withdrawal: Withdrawal, delay: timedelta) -> WithdrawalState:
    """Journal the change, then send the wake-up for the next step."""
    due_at = held.pipeline.clock() + delay
    changed = replace(withdrawal, sequence=withdrawal.sequence + 1, claimed_until=None, due_at=due_at)
    held.change(changed)
    held.pipeline.wakeups.send(withdrawal_wake_up(held.customer_id, held.file.file_id, changed), delay)
    return changed.state


def _finish(held: WithdrawalLease, withdrawal: Withdrawal) -> WithdrawalState:
    """Write withdrawals.csv, which comes out the same from any owner, and journal the end."""
    lines = (line(outcome, known.record) for outcome, known in _devices(held, 1))
    content = csv_text(chain([COLUMNS], lines), held.file.delimiter)
    held.pipeline.results.write(f"{folder_of(held.file)}/withdrawals.csv", content, CSV)
    now = held.pipeline.clock()
    finished = replace(
        withdrawal,
        state=WithdrawalState.FINISHED,
        sequence=withdrawal.sequence + 1,
        claimed_until=None,
        due_at=now,
        finished_at=now,
        attempts=0,
        last_answer=None,
    )
    sentence = (
        f"Withdrawal finished: {finished.withdrawn} withdrawn, {finished.already_gone} already gone, "
        f"{finished.refused} refused."
    )
    held.finish(finished, sentence)
    logger.info("The devices of a file were withdrawn", extra=of_file(held.file) | {"withdrawn": finished.withdrawn})
    _tidy_up(held)
    return finished.state


def _tidy_up(held: WithdrawalLease) -> None:
    """Do the remaining work for a finished withdrawal; safe to repeat if the owner that finished it died."""
    write_summary(held.pipeline.journal, held.pipeline.results, held.file)
    rewrite_parents_summaries(held.pipeline.journal, held.pipeline.results, held.file)
    if held.pipeline.journal.files.is_listed(held.file):
        held.pipeline.journal.files.enter_by_time(held.file)
    leave_index(held.pipeline, held.customer_id, held.file.file_id)
