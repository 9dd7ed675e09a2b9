"""Hold, go on, stop, limit: what people and scripts ask of the sending of a file, a customer, or everything.

The hold is written first, and every instance obeys it within a moment. Then the files concerned are woken, so that
their submissions take their next step now and not when they are due; a wake-up that is lost costs minutes.
"""

from datetime import datetime

from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.pipeline.composition import Pipeline
from shared.pipeline.holds import holds_now, is_stopped, scope_of_hold
from shared.pipeline.human_acts import Asker, Subject, note_act, subject_of, subject_of_customer
from shared.pipeline.submissions.daily_limit import scope_of_limit
from shared.pipeline.submissions.follow_ups import wake_again
from shared.pipeline.submissions.line import Line
from shared.storage.codec import UnreadableRecord
from shared.storage.customers import checked_id
from shared.storage.record_table import Conflict, Stored, log_unreadable
from shared.storage.records import DailyLimit, DeviceFile, Gate, Submission
from shared.storage.wakeups import FileWakeUp
from shared.vocabulary import ActKind, FileState, HoldState, SubmissionState, counted, grouped

EVERYTHING = Subject("everything")

_CAN_BE_HELD = frozenset({FileState.RECEIVED, FileState.READ})

_TRIES = 5

LARGEST_LIMIT = 10_000_000
"""Devices a day: more is no limit."""

_MOST_DIGITS = 20
"""A longer number is no typing mistake, and Python reads no number of thousands of digits."""

_WHAT_A_LIMIT_IS = (
    f"A daily limit is a number of devices from 1 to {grouped(LARGEST_LIMIT)}. To send nothing of a customer, hold it."
)

LONGEST_REASON = 200
"""Characters of the reason that a person gives."""

LONGEST_NAME = 100
"""Characters of a name in a reason."""


class NothingToHold(DeviceDropError):
    """The file has no row left to send."""

    def __init__(self, file: DeviceFile) -> None:
        super().__init__(
            f"{file.name} is {file.state}: every row of it has its outcome, so there is nothing left to hold or stop. "
            "To delete devices that it registered, withdraw it."
        )


class HoldRefused(DeviceDropError):
    """A stop is for good, so the file can neither be held nor go on."""


class LimitRefused(DeviceDropError):
    """The daily limit is no usable number; nothing was changed."""


def hold(pipeline: Pipeline, asker: Asker, subject: Subject, why: str = "") -> bool:
    """Send nothing of the subject until somebody lets it go on; False when it is held already.

    `why`, the person's own words, is kept with the hold and its act.

    Raises:
        NothingToHold: the file has ended.
        HoldRefused: the file is stopped.
        Conflict: others keep changing the hold.
    """
    _refuse_ended(pipeline, subject)
    why = cleaned_reason(why)
    note_act(pipeline, asker, ActKind.HOLD, subject, why)
    reason = _with_why(f"Sending of {subject.name[:LONGEST_NAME]} is on hold, by {asker.name}", why)
    return _changed_to(pipeline, asker, subject, HoldState.HELD, reason)


def stop(pipeline: Pipeline, asker: Asker, file: DeviceFile, why: str = "") -> bool:
    """Send nothing more of the file, for good: its rows not yet sent end as `cancelled`. False when it is stopped.

    `why`, the person's own words, is kept with the stop and its act.

    Raises:
        NothingToHold: the file has ended.
        Conflict: others keep changing the hold.
    """
    subject = subject_of(file)
    _refuse_ended(pipeline, subject)
    why = cleaned_reason(why)
    note_act(pipeline, asker, ActKind.STOP, subject, why)
    is_new = _changed_to(pipeline, asker, subject, HoldState.STOPPED, _with_why(f"Stopped by {asker.name}", why))
    _wake(pipeline, subject)
    return is_new


def cleaned_reason(text: str) -> str:
    """A person's reason as it is kept: one line without control characters, of at most `LONGEST_REASON`. Pure."""
    return "".join(filter(str.isprintable, " ".join(text.split())))[:LONGEST_REASON].strip()


def _with_why(sentence: str, why: str) -> str:
    return f"{sentence}: {why}" if why else f"{sentence}."


def go_on(pipeline: Pipeline, asker: Asker, subject: Subject) -> bool:
    """End the hold of the subject; False when it is not held. What holds it otherwise still does.

    Raises:
        HoldRefused: the file is stopped.
        Conflict: others keep changing the hold.
    """
    note_act(pipeline, asker, ActKind.GO_ON, subject)
    for _ in range(_TRIES):
        known = _known(pipeline, subject)
        if known is None or known.record.hold is HoldState.SENT_ON:
            return False
        _refuse_stopped(known.record)
        try:
            if known.record.is_of_the_app:
                pipeline.journal.gates.change(known, replace(known.record, hold=HoldState.SENT_ON))
            else:
                pipeline.journal.gates.open(known)
        except Conflict:
            continue
        finally:
            pipeline.cache.gates.forget()
        _wake(pipeline, subject)
        return True
    raise Conflict(f"The hold of {subject.name} keeps changing.")


def limit_customer(pipeline: Pipeline, asker: Asker, customer_id: str, devices: int | None) -> None:
    """Set the most devices that are newly sent for the customer on one day (UTC); None removes the limit.

    What was sent on this day under an earlier limit counts; what was sent without one does not.

    Raises:
        CustomerNameRefused: it is no customer id.
        LimitRefused: the limit is not from 1 to `LARGEST_LIMIT`.
        Conflict: others keep changing the limit.
    """
    customer_id = checked_id(customer_id)
    if devices is not None and not 1 <= devices <= LARGEST_LIMIT:
        raise LimitRefused(_WHAT_A_LIMIT_IS)
    subject, now = subject_of_customer(pipeline, customer_id), pipeline.clock()
    detail = "removed" if devices is None else f"to {counted(devices, 'device')} a day"
    note_act(pipeline, asker, ActKind.LIMIT_CUSTOMER, subject, detail)
    scope, gates = scope_of_limit(customer_id), pipeline.journal.gates
    for _ in range(_TRIES):
        known = gates.get(scope)
        limit = DailyLimit(devices=0) if known is None or known.record.limit is None else known.record.limit
        try:
            if devices is not None:
                limit = replace(limit, devices=devices)
                reason = f"The daily limit of {subject.name[:LONGEST_NAME]}."
                gate = Gate(
                    scope=scope, closed_until=now, since=now, reason=reason, customer_id=customer_id, limit=limit
                )
                gates.change(known, gate)
            elif known is not None:
                gates.open(known)
        except Conflict:
            continue
        finally:
            pipeline.cache.gates.forget()
        _wake(pipeline, subject)
        return
    raise Conflict(f"The daily limit of {subject.name} keeps changing.")


def limit_typed(text: str) -> int:
    """The daily limit that a person typed, perhaps with commas between thousands. Pure. Raises LimitRefused."""
    digits = text.strip().replace(",", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS):
        raise LimitRefused(f"{text[:50]!r} is no number of devices. {_WHAT_A_LIMIT_IS}")
    return int(digits)


def daily_limits(pipeline: Pipeline) -> dict[str, DailyLimit]:
    """The daily limits by customer."""
    gates = (stored.record for stored in pipeline.journal.gates.all().values())
    return {gate.customer_id: gate.limit for gate in gates if gate.customer_id is not None and gate.limit is not None}


def wake_waiting(pipeline: Pipeline, file: DeviceFile) -> None:
    """Wake every submission of a file that waits to be sent, so that it goes by the holds of now."""
    # The submissions of a stopped file need no canary to be cancelled.
    regards_canary = not is_stopped(holds_now(pipeline), file.file_id)
    line = Line(file.priority, regards_canary, file.is_known_good)
    for stored in pipeline.journal.submissions.each_open(file.reading_id):
        if isinstance(stored, UnreadableRecord):
            log_unreadable(stored)
        elif not line.holds(stored.record) and _waits(stored.record, pipeline.clock()):
            wake_again(pipeline, stored)


def _waits(submission: Submission, now: datetime) -> bool:
    """Whether it waits to be sent, without a wake-up that is due. A submission never woken has none, even when due."""
    has_due_wake_up = submission.sequence > 0 and submission.due_at <= now
    return submission.state is SubmissionState.PENDING and submission.claimed_until is None and not has_due_wake_up


def _changed_to(pipeline: Pipeline, asker: Asker, subject: Subject, state: HoldState, reason: str) -> bool:
    now = pipeline.clock()
    for _ in range(_TRIES):
        known = _known(pipeline, subject)
        if known is not None:
            if known.record.hold is state:
                return False
            _refuse_stopped(known.record)
        gate = Gate(
            scope=scope_of_hold(subject.customer_id, subject.file_id),
            closed_until=now,
            since=now,
            reason=reason,
            hold=state,
            customer_id=subject.customer_id,
            file_id=subject.file_id,
            held_by=asker.name,
            is_of_the_app=known is not None and known.record.is_of_the_app,
        )
        try:
            pipeline.journal.gates.change(known, gate)
        except Conflict:
            continue
        finally:
            pipeline.cache.gates.forget()
        return True
    raise Conflict(f"The hold of {subject.name} keeps changing.")


def _known(pipeline: Pipeline, subject: Subject) -> Stored[Gate] | None:
    return pipeline.journal.gates.all().get(scope_of_hold(subject.customer_id, subject.file_id))


def _refuse_ended(pipeline: Pipeline, subject: Subject) -> None:
    if subject.file_id is None:
        return
    stored = pipeline.journal.files.get(subject.customer_id, subject.file_id)
    if stored is not None and stored.record.state not in _CAN_BE_HELD:
        raise NothingToHold(stored.record)


def _refuse_stopped(gate: Gate) -> None:
    if gate.hold is HoldState.STOPPED:
        raise HoldRefused(
            f"The file was stopped by {gate.held_by}, which is for good: its rows that were not sent end as cancelled. "
            "Drop the file again to send them after all."
        )


def _wake(pipeline: Pipeline, subject: Subject) -> None:
    """Wake the open files that the subject is about."""
    if subject.file_id is not None:
        pipeline.wakeups.send(FileWakeUp(customer_id=subject.customer_id, file_id=subject.file_id))
        return
    for mention in pipeline.journal.files.still_open(log_unreadable):
        if subject.customer_id in (None, mention.customer_id):
            pipeline.wakeups.send(FileWakeUp(customer_id=mention.customer_id, file_id=mention.file_id))
