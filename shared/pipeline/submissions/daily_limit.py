"""The daily limit of a customer: the most devices that are newly sent for it on one day (UTC).

The limit and the count of its day are one row beside the holds, changed by compare-and-swap: all instances share it,
and it stays through deployments. A submission is counted just before it is claimed for its first POST, and never again
when it is repeated. If the worker dies in between, the submission is counted twice: fewer devices are sent that day,
never more. A submission that is larger than what is left of the day is split, and its second part waits.
"""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from msgspec.structs import replace

from shared.pipeline.backoff import SHORTEST_PATIENCE
from shared.pipeline.composition import Pipeline
from shared.pipeline.holds import holds_now
from shared.pipeline.submissions.state_machine import Split, WaitFor
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DailyLimit, Gate, Submission
from shared.vocabulary import counted, grouped

SPREAD = timedelta(minutes=1)
"""What waits for the next day is woken within this time after midnight, not all at once."""

_TRIES = 5


def scope_of_limit(customer_id: str) -> str:
    """The scope of a customer's daily limit."""
    return f"limit customer {customer_id}"


def sent_on(limit: DailyLimit, now: datetime) -> int:
    """The devices counted on the day of `now`. Pure."""
    return limit.counted if _is_on_or_after(limit.day, now) else 0


def _is_on_or_after(day: date | None, now: datetime) -> bool:
    """Whether `day` has not passed: a host whose clock is ahead may have begun the next one."""
    return day is not None and day >= now.date()


def left_today(limit: DailyLimit, now: datetime) -> int:
    """The devices that may still be sent on the day of `now`. Pure."""
    return max(limit.devices - sent_on(limit, now), 0)


def is_reached(limit: DailyLimit, now: datetime) -> bool:
    """Whether a submission waits for the next day because of the limit. Pure."""
    return limit.reached_at is not None and limit.reached_at.date() == now.date() and not left_today(limit, now)


def wait_for_next_day(pipeline: Pipeline, submission: Submission) -> WaitFor | None:
    """The wait of a submission whose customer's limit is reached; None when some of it may be sent today."""
    now = pipeline.clock()
    found = _limit_on(pipeline, submission, now)
    return None if found is None or left_today(found[1], now) else _reached(pipeline, *found, now)


def counted_today(pipeline: Pipeline, submission: Submission, now: datetime) -> WaitFor | Split | None:
    """Count the submission for the day of `now`; the step to take instead of sending it where it exceeds the limit."""
    for _ in range(_TRIES):
        found = _limit_on(pipeline, submission, now)
        if found is None:
            return None
        stored, limit = found
        devices = min(left_today(limit, now), submission.devices)
        if not devices:
            return _reached(pipeline, stored, limit, now)
        try:
            day = max(limit.day or now.date(), now.date())
            _change(pipeline, stored, replace(limit, day=day, counted=sent_on(limit, now) + devices))
        except Conflict:
            continue
        return None if devices == submission.devices else _split(submission, devices, limit, now)
    return WaitFor(SHORTEST_PATIENCE, "Other submissions are being counted for the customer's daily limit.")


def _limit_on(pipeline: Pipeline, submission: Submission, now: datetime) -> tuple[Stored[Gate], DailyLimit] | None:
    """The limit that the submission is to be counted in; None where there is none, or it is counted already."""
    scope = scope_of_limit(submission.customer_id)
    # A move sends no new devices: those that it removed go on in any case.
    is_counted = submission.first_sent_at is not None or _is_on_or_after(submission.counted_on, now)
    if is_counted or submission.removed_before or scope not in holds_now(pipeline):
        return None
    stored = pipeline.journal.gates.get(scope)
    return None if stored is None or stored.record.limit is None else (stored, stored.record.limit)


def _split(submission: Submission, devices: int, limit: DailyLimit, now: datetime) -> Split:
    reason = (
        f"Split in two: {grouped(devices)} of its {counted(submission.devices, 'device')} are sent today, within the "
        f"customer's limit of {grouped(limit.devices)} a day."
    )
    return Split(reason, devices, now.date())


def _reached(pipeline: Pipeline, stored: Stored[Gate], limit: DailyLimit, now: datetime) -> WaitFor:
    if not is_reached(limit, now):
        with suppress(Conflict):
            _change(pipeline, stored, replace(limit, reached_at=now))
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    reason = f"{limit_in_words(limit, 'The customer')} It is sent after 00:00 UTC."
    return WaitFor(midnight - now + pipeline.jitter() * SPREAD, reason)


def limit_in_words(limit: DailyLimit, customer: str) -> str:
    """That the limit of the customer is reached. Pure."""
    return f"{customer}'s limit of {counted(limit.devices, 'device')} a day is reached."


def _change(pipeline: Pipeline, stored: Stored[Gate], limit: DailyLimit) -> None:
    pipeline.journal.gates.change(stored, replace(stored.record, limit=limit))
