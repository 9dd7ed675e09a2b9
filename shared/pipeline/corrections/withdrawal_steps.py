"""Deletes the devices of a file that is withdrawn, some hundreds a step.

With `advance`, `posting` and `looking` the only code that talks to Partner Center.

Before a device's deletion is sent, its request is journaled; after the answer, its result. So whoever dies in between
is followed by one who repeats the request under the same id, and takes a device that is then not there for one that
the first request deleted. The progress stands in the file's record, which is claimed while a step lasts.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile

from msgspec.structs import replace

from shared.partner_center.client import CallIds
from shared.partner_center.errors import PartnerCenterError, Refused
from shared.partner_center.models import Device
from shared.pipeline.blob_names import results_folder
from shared.pipeline.closing.csv_output import CSV, csv_text
from shared.pipeline.closing.summary import write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.corrections.withdrawal_decisions import (
    COLUMNS,
    FORBIDDEN,
    after_failure,
    begun,
    deleted,
    identified,
    is_done,
    is_verdict,
    line,
    may_be_ours,
    refused,
    to_withdraw,
    unanswered,
)
from shared.pipeline.corrections.withdrawal_request import leave_index, withdrawal_wake_up
from shared.pipeline.lease import ROWS_BETWEEN_CLOCK_CHECKS
from shared.pipeline.log_fields import of_error, of_file
from shared.pipeline.submissions.circuit_breaker import Admission, admission
from shared.pipeline.submissions.state_machine import PAUSED_DELAY, SHORTEST_PATIENCE, PollAgain, WaitFor, pace_of
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, DeviceOutcome, DeviceWithdrawal, Withdrawal, with_sentence
from shared.storage.wakeups import WithdrawalWakeUp
from shared.telemetry import StepName, annotate, span
from shared.vocabulary import Outcome, WithdrawalResult, WithdrawalState

logger = logging.getLogger(__name__)

DEVICES_IN_A_STEP = 300
"""Deletions of one step."""

LONGEST_STEP = timedelta(minutes=5)
"""After which no further deletion is begun: a function may take thirty minutes, and a deletion three."""

BEGUN_AT_ONCE = 50
"""Devices whose requests are journaled together, before the first of them is sent."""

LOOKED_FOR_AT_ONCE = 5_000
"""Devices without an id that are looked for in one reading of their batch."""

DEVICES_ON_A_PAGE = 100
"""Of a batch, as the service lists them."""

SHARE_OF_A_CLAIM_FOR_A_CALL = 0.95
"""A request is sent only while so much of the claim is left: the longest one takes a little less."""

Known = Stored[DeviceWithdrawal]
"""What is known of the withdrawal of a device. It is only ever written over what was read, so that whoever was taken
over undoes nothing."""

Pair = tuple[DeviceOutcome, Known]
"""A registered row, and what is known of its withdrawal."""


@dataclass(slots=True)
class WithdrawalLease:
    """A withdrawal that this owner has claimed, and keeps for as long as a step lasts."""

    pipeline: Pipeline
    stored: Stored[DeviceFile]
    began: datetime
    spellings: dict[str, str] = field(default_factory=dict)
    """Of the batches that this step met."""

    @property
    def is_long(self) -> bool:
        """Whether the step has taken long enough."""
        return self.pipeline.clock() - self.began > LONGEST_STEP

    @property
    def file(self) -> DeviceFile:
        """The file as it was journaled last."""
        return self.stored.record

    @property
    def withdrawal(self) -> Withdrawal:
        """Its withdrawal as it was journaled last."""
        withdrawal = self.stored.record.withdrawal
        if withdrawal is None:
            raise Conflict(f"The withdrawal of file {self.file.file_id} is no longer in the journal.")
        return withdrawal

    @property
    def customer_id(self) -> str:
        """Whose devices they are: a file without a customer registered none."""
        return self.file.customer_id or ""

    def change(self, withdrawal: Withdrawal) -> None:
        """Journal a change. Raises Conflict when the claim was lost."""
        self._change(replace(self.file, withdrawal=withdrawal))

    def finish(self, withdrawal: Withdrawal, sentence: str) -> None:
        """Journal the end of it. Raises Conflict when the claim was lost."""
        file = self.file
        history = with_sentence(file.history, sentence, self.pipeline.clock())
        changes = file.changes_since_closed + 1
        self._change(replace(file, withdrawal=withdrawal, changes_since_closed=changes, history=history))

    def claim(self) -> None:
        """Take it, or renew the claim. Raises Conflict when someone else has it."""
        until = self.pipeline.clock() + self.pipeline.settings.claim
        self.change(replace(self.withdrawal, claimed_until=until, due_at=until))

    def keep(self) -> None:
        """Renew the claim unless it outlasts the longest request. Raises Conflict when it was lost."""
        claim, until = self.pipeline.settings.claim, self.withdrawal.claimed_until
        if until is None or until - self.pipeline.clock() < claim * SHARE_OF_A_CLAIM_FOR_A_CALL:
            self.claim()

    def _change(self, file: DeviceFile) -> None:
        self.stored = self.pipeline.journal.files.change(self.stored, file)


def withdraw_further(pipeline: Pipeline, wake_up: WithdrawalWakeUp) -> WithdrawalState | None:
    """Take the withdrawal that `wake_up` names one step further; its state then, None when someone else is at it."""
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
        # Whoever changed the file's record may have meant something else; if not, the bell is overtaken.
        logger.info("Someone else changed the file that is withdrawn", extra=of_file(stored.record))
        pipeline.wakeups.send(wake_up, SHORTEST_PATIENCE)
        return None


def _step(held: WithdrawalLease) -> WithdrawalState:
    pipeline = held.pipeline
    if pipeline.settings.paused:
        return _go_on_later(held, PollAgain(PAUSED_DELAY, "Sending is paused (setting PAUSED).", usable=False))
    with admission(pipeline, held.customer_id) as admitted:
        if isinstance(admitted, WaitFor):
            return _go_on_later(held, PollAgain(admitted.delay, admitted.reason, usable=False))
        held.claim()
        try:
            pairs = _next_devices(held, admitted)
        except PartnerCenterError as error:
            return _take_failure(held, admitted, error)
        return _delete(held, admitted, [known for _, known in pairs])


def _next_devices(held: WithdrawalLease, admitted: Admission) -> list[Pair]:
    """The next devices, each with an id or its result."""
    pairs = list(islice(_devices(held, held.withdrawal.next_row), DEVICES_IN_A_STEP))
    if not any(_is_to_be_looked_for(held, known) for _, known in pairs):
        return pairs
    _look_for(held, admitted, pairs[0][0].row)
    return list(islice(_devices(held, pairs[0][0].row), DEVICES_IN_A_STEP))


def _devices(held: WithdrawalLease, first: int) -> Iterator[Pair]:
    """The registered rows from `first` on, each with what is known of its withdrawal, in their order."""
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
        yield outcome, ahead if ahead is not None and is_known else Stored.absent(to_withdraw(outcome, run))


def _is_to_be_looked_for(held: WithdrawalLease, known: Known) -> bool:
    return not known.record.device_id and not is_done(known.record, held.withdrawal.run)


def _look_for(held: WithdrawalLease, admitted: Admission, first: int) -> None:
    """Find the ids of devices that came back without one, as many as one reading of each batch shall serve."""
    unnamed = (pair for pair in _devices(held, first) if _is_to_be_looked_for(held, pair[1]))
    wanted = list(islice(unnamed, LOOKED_FOR_AT_ONCE))
    found: list[Known] = []
    for batch in {pair[0].batch_id.casefold(): None for pair in wanted}:
        of_batch = [pair for pair in wanted if pair[0].batch_id.casefold() == batch]
        devices = _found(held, [outcome for outcome, _ in of_batch])
        found += (known.holding(device) for device, (_, known) in zip(devices, of_batch, strict=True))
        admitted.note(None)
    held.keep()
    held.pipeline.journal.withdrawals.change_devices(sorted(found, key=lambda known: known.record.row))


def _found(held: WithdrawalLease, outcomes: list[DeviceOutcome]) -> list[DeviceWithdrawal]:
    """The devices of registered rows of one batch, each with its id or its result."""
    pipeline, now = held.pipeline, held.pipeline.clock()
    pairs = [(outcome, to_withdraw(outcome, held.withdrawal.run)) for outcome in outcomes]
    try:
        batch_id = _spelling(held, outcomes[0].batch_id)
        in_batch = pipeline.partner_center.batch_devices(held.customer_id, batch_id, _ids(pipeline))
        return identified(held.file, pairs, _kept(held, in_batch), now)
    except Refused as error:
        return [refused(device, error, now, repeated=False) for _, device in pairs]


def _kept(held: WithdrawalLease, devices: Iterable[Device]) -> Iterator[Device]:
    """`devices` as their pages come; the claim is kept meanwhile."""
    for number, device in enumerate(devices):
        if number % DEVICES_ON_A_PAGE == 0:
            held.keep()
        yield device


def _delete(held: WithdrawalLease, admitted: Admission, devices: Sequence[Known]) -> WithdrawalState:
    """Delete what is not done yet, then say how far it is; until an answer is no verdict."""
    done: list[DeviceWithdrawal] = []
    failure: PartnerCenterError | None = None
    forbidden = held.withdrawal.forbidden
    for start in range(0, len(devices), BEGUN_AT_ONCE):
        group = devices[start : start + BEGUN_AT_ONCE]
        results, failure, forbidden = _delete_group(held, admitted, group, forbidden)
        done += results
        if failure is not None or held.is_long:
            break
    counted = _counted(held.withdrawal, done, forbidden)
    if failure is not None:
        held.stored = held.stored.holding(replace(held.file, withdrawal=counted))
        return _take_failure(held, admitted, failure, progressed=bool(done))
    if len(done) == len(devices) < DEVICES_IN_A_STEP:
        return _finish(held, counted)
    return _go_on(held, counted, timedelta(0))


def _delete_group(
    held: WithdrawalLease, admitted: Admission, group: Sequence[Known], forbidden: int
) -> tuple[list[DeviceWithdrawal], PartnerCenterError | None, int]:
    """Those of `group` whose result is known then, in their order; what stopped it; how often it was forbidden."""
    pipeline, run = held.pipeline, held.withdrawal.run
    repeated = {known.record.row for known in group if may_be_ours(known.record)}
    begun_ones = _begun(held, [known for known in group if not is_done(known.record, run)])
    ended = {known.record.row: known.record for known in group if is_done(known.record, run)}
    failure: PartnerCenterError | None = None
    for known in begun_ones:
        if held.is_long:
            break
        device = known.record
        held.keep()
        try:
            ended[device.row] = _deleted(held, device)
        except PartnerCenterError as error:
            forbidden = forbidden + 1 if error.status == FORBIDDEN else 0
            if not is_verdict(error, forbidden):
                failure = error
                break
            ended[device.row] = refused(device, error, pipeline.clock(), repeated=device.row in repeated)
        else:
            forbidden = 0
        if not forbidden:
            admitted.note(None)
    _write_results(held, begun_ones, ended, repeated, failure)
    rows = (known.record.row for known in group)
    return [ended[row] for row in takewhile(ended.__contains__, rows)], failure, forbidden


def _begun(held: WithdrawalLease, group: Sequence[Known]) -> list[Known]:
    """Journal the requests that are about to be sent."""
    run, new_id = held.withdrawal.run, held.pipeline.new_id
    held.keep()
    return held.pipeline.journal.withdrawals.change_devices(
        known.holding(begun(known.record, run, new_id())) for known in group
    )


def _write_results(
    held: WithdrawalLease,
    begun_ones: Sequence[Known],
    ended: Mapping[int, DeviceWithdrawal],
    repeated: Collection[int],
    failure: PartnerCenterError | None,
) -> None:
    """Write the results, and of the rest that it was not sent; of the one that failed, what is known of its request.

    What was to be `repeated` and was not stays as it is journaled: an earlier owner may have sent it.
    """
    rest = [known for known in begun_ones if known.record.row not in ended]
    failed = [
        known.holding(unanswered(known.record, failure, repeated=known.record.row in repeated))
        for known in rest[:1]
        if failure is not None
    ]
    unsent = [
        known.holding(replace(known.record, request_id=""))
        for known in rest[len(failed) :]
        if known.record.row not in repeated
    ]
    results = [known.holding(ended[known.record.row]) for known in begun_ones if known.record.row in ended]
    held.keep()
    held.pipeline.journal.withdrawals.change_devices([*results, *failed, *unsent])


def _deleted(held: WithdrawalLease, device: DeviceWithdrawal) -> DeviceWithdrawal:
    pipeline = held.pipeline
    ids = CallIds(request_id=device.request_id, correlation_id=pipeline.new_id())
    batch_id = _spelling(held, device.batch_id)
    answer = pipeline.partner_center.delete_device(held.customer_id, batch_id, device.device_id, ids)
    return deleted(device, answer, pipeline.clock())


def _spelling(held: WithdrawalLease, batch_id: str) -> str:
    """The batch as the service spells it."""
    if batch_id not in held.spellings:
        known = held.pipeline.journal.batches.get(held.customer_id, batch_id)
        held.spellings[batch_id] = batch_id if known is None else known.record.batch_id
    return held.spellings[batch_id]


def _counted(withdrawal: Withdrawal, done: Sequence[DeviceWithdrawal], forbidden: int) -> Withdrawal:
    """The progress when the results of the next devices are known."""
    if not done:
        return replace(withdrawal, forbidden=forbidden)
    results = [device.result for device in done]
    return replace(
        withdrawal,
        next_row=done[-1].row + 1,
        withdrawn=withdrawal.withdrawn + results.count(WithdrawalResult.WITHDRAWN),
        already_gone=withdrawal.already_gone + results.count(WithdrawalResult.ALREADY_GONE),
        refused=withdrawal.refused + results.count(WithdrawalResult.REFUSED),
        forbidden=forbidden,
    )


def _take_failure(
    held: WithdrawalLease, admitted: Admission, error: PartnerCenterError, *, progressed: bool = False
) -> WithdrawalState:
    """Go on later after an answer that is no verdict; then tell those whom it concerns."""
    logger.warning("Devices could not be withdrawn", extra=of_file(held.file) | of_error(error))
    annotate(of_error(error))
    withdrawal = replace(held.withdrawal, attempts=0) if progressed else held.withdrawal
    later = after_failure(withdrawal, error, pace_of(held.pipeline.settings, held.pipeline.jitter))
    state = _go_on_later(held, later, attempts=withdrawal.attempts + 1)
    admitted.note_failure(later, error)
    return state


def _go_on_later(held: WithdrawalLease, later: PollAgain, attempts: int | None = None) -> WithdrawalState:
    withdrawal = held.withdrawal
    told = replace(withdrawal, last_answer=later.reason, attempts=withdrawal.attempts if attempts is None else attempts)
    return _go_on(held, told, later.delay, is_answered=False)


def _go_on(
    held: WithdrawalLease, withdrawal: Withdrawal, delay: timedelta, *, is_answered: bool = True
) -> WithdrawalState:
    """One change further, then the bell for the next step."""
    changed = replace(
        withdrawal,
        sequence=withdrawal.sequence + 1,
        claimed_until=None,
        due_at=held.pipeline.clock() + delay,
        attempts=0 if is_answered else withdrawal.attempts,
        last_answer=None if is_answered else withdrawal.last_answer,
    )
    held.change(changed)
    held.pipeline.wakeups.send(withdrawal_wake_up(held.customer_id, held.file.file_id, changed), delay)
    return changed.state


def _finish(held: WithdrawalLease, withdrawal: Withdrawal) -> WithdrawalState:
    """Write withdrawals.csv, which is the same whoever writes it, and say that it is over."""
    folder = results_folder(held.file.customer_id, held.file.batch_id, held.file.name, held.file.file_id)
    lines = (line(outcome, known.record) for outcome, known in _devices(held, 1))
    held.pipeline.results.write(f"{folder}/withdrawals.csv", csv_text(COLUMNS, lines), CSV)
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
    """What remains to be done for a finished withdrawal; safe to repeat, when whoever finished it died."""
    write_summary(held.pipeline.journal, held.pipeline.results, held.file)
    leave_index(held.pipeline, held.customer_id, held.file.file_id)


def _ids(pipeline: Pipeline) -> CallIds:
    return CallIds(request_id=pipeline.new_id(), correlation_id=pipeline.new_id())
