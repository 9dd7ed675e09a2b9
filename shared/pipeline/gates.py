"""Gates: what every submission of the partner, or of one customer, must wait for, so that not each finds out by itself.

A gate is closed by an answer that concerns them all (429, 401, 403) and says until when. After that one submission, the
probe, may try; the others wait until its answer opens the gate or closes it again. So however many submissions wait, a
closed gate costs the service a handful of requests. A probe that dies is followed by another when its time is over.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.partner_center.errors import AnswerLost, NeverSent, PartnerCenterError, Throttled, Unauthorised
from shared.pipeline.composition import Pipeline
from shared.pipeline.decisions import SHORTEST_PATIENCE, Pace, WaitFor, pace_of, patience, throttled_delay
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import Gate

logger = logging.getLogger(__name__)

WHOLE_PARTNER = "partner"
"""The scope of what concerns all customers: throttling and sign-in."""

FIRST_UNAUTHORISED_FAILURES = 4
"""A person must act: the first wait is longer than after a passing fault."""

FORBIDDEN = 403
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Admission:
    """A submission may ask the service; for the `probed` scopes it is the one that finds out."""

    probed: tuple[str, ...] = ()


def admit(pipeline: Pipeline, customer_id: str) -> Admission | WaitFor:
    """Whether a submission of the customer may ask the service now."""
    now = pipeline.clock()
    gates = pipeline.journal.gates()
    closed = [gates[scope] for scope in (WHOLE_PARTNER, customer_scope(customer_id)) if scope in gates]
    for stored in closed:
        if (delay := waiting_time(stored.record, now, pipeline.settings.claim)) is not None:
            spread = pipeline.jitter() * (delay * 0.1 + timedelta(seconds=2))
            return WaitFor(delay + spread, stored.record.reason)
    for stored in closed:
        probing = replace(stored.record, probing_until=now + pipeline.settings.claim)
        try:
            pipeline.journal.change_gate(stored, probing)
        except JournalChanged:
            return WaitFor(SHORTEST_PATIENCE, stored.record.reason)
    return Admission(tuple(stored.record.scope for stored in closed))


def waiting_time(gate: Gate, now: datetime, claim: timedelta) -> timedelta | None:
    """How long `gate` is still to be waited for; None when it may be probed. A probe holds it for a `claim`."""
    if gate.closed_until > now:
        return gate.closed_until - now
    if gate.probing_until is not None and gate.probing_until > now:
        return patience(claim - (gate.probing_until - now))
    return None


def customer_scope(customer_id: str) -> str:
    """The scope of what concerns one customer: a missing relationship or role."""
    return f"customer {customer_id}"


def scope_closed_by(error: PartnerCenterError, customer_id: str) -> str | None:
    """The scope that `error` concerns as a whole; None when it concerns its own request alone."""
    match error:
        case Throttled():
            return WHOLE_PARTNER
        case Unauthorised(status=403):
            return customer_scope(customer_id)
        case Unauthorised():
            return WHOLE_PARTNER
        case _:
            return None


def closing(stored: Gate | None, scope: str, error: PartnerCenterError, now: datetime, pace: Pace) -> Gate:
    """The gate of `scope` after `error`: closed for as long as the service says, else longer each time."""
    failures = stored.failures + 1 if stored else 1
    if isinstance(error, Unauthorised):
        delay = pace.backoff(failures + FIRST_UNAUTHORISED_FAILURES)
    else:
        delay = throttled_delay(error.retry_after, pace.backoff(failures), pace)
    until = now + delay
    if stored is not None:
        until = max(until, stored.closed_until)
    return Gate(scope=scope, closed_until=until, failures=failures, reason=str(error))


def note_answer(pipeline: Pipeline, admission: Admission, customer_id: str, error: PartnerCenterError | None) -> None:
    """Open the probed gates after an answer, close one after an `error` that concerns them all."""
    closed = None if error is None else scope_closed_by(error, customer_id)
    for scope in admission.probed:
        if scope != closed:
            _end_probe(pipeline, scope, error)
    if closed is not None and error is not None:
        _close(pipeline, closed, error)


def _end_probe(pipeline: Pipeline, scope: str, error: PartnerCenterError | None) -> None:
    """An answer opens the gate; without one, nothing is known and the next may probe."""
    if not isinstance(error, NeverSent | AnswerLost):
        pipeline.journal.open_gate(scope)
        logger.info("A gate is open again", extra={"scope": scope})
        return
    stored = pipeline.journal.gates().get(scope)
    if stored is not None:
        pace = pace_of(pipeline.settings, pipeline.jitter)
        until = pipeline.clock() + pace.backoff(stored.record.failures)
        _change(pipeline, stored, replace(stored.record, closed_until=until, probing_until=None))


def _close(pipeline: Pipeline, scope: str, error: PartnerCenterError) -> None:
    pace = pace_of(pipeline.settings, pipeline.jitter)
    for _ in range(_TRIES):
        stored = pipeline.journal.gates().get(scope)
        gate = closing(stored.record if stored else None, scope, error, pipeline.clock(), pace)
        if _change(pipeline, stored, gate):
            _tell(gate, error)
            return


def _change(pipeline: Pipeline, stored: Stored[Gate] | None, gate: Gate) -> bool:
    try:
        pipeline.journal.change_gate(stored, gate)
    except JournalChanged:
        return False
    return True


def _tell(gate: Gate, error: PartnerCenterError) -> None:
    """One alarm when a person must act, however many submissions wait and however long."""
    fields = {"scope": gate.scope, "closed_until": gate.closed_until.isoformat(), "failures": gate.failures}
    if isinstance(error, Unauthorised) and gate.failures == 1:
        logger.error(str(error), extra=fields)
    else:
        logger.warning("All submissions concerned wait", extra=fields)
