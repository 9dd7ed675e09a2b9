"""Gates: what every submission of the partner, or of one customer, must wait for, so that not each finds out by itself.

A gate is closed by an answer that concerns them all (429, 401, 403) and says until when. After that one submission, the
probe, may try; the others wait until its answer opens the gate or closes it again. So however many submissions wait, a
closed gate costs the service a handful of requests. A probe that dies is followed by another when its time is over.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.partner_center.errors import AnswerLost, NeverSent, PartnerCenterError, Throttled, Unauthorised
from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import of_error
from shared.pipeline.submissions.state_machine import (
    SHORTEST_PATIENCE,
    Pace,
    PollAgain,
    SendAgain,
    Step,
    WaitFor,
    pace_of,
    patience,
    throttled_delay,
)
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Gate
from shared.telemetry import Metric, measure, present_step

logger = logging.getLogger(__name__)

WHOLE_PARTNER = "partner"
"""The scope of what concerns all customers: throttling and sign-in."""

FIRST_UNAUTHORISED_FAILURES = 4
"""A person must act: the first wait is longer than after a passing fault."""

_TRIES = 3


@dataclass(slots=True)
class Admission:
    """A submission may ask the service; of the gates it probes it is the one that finds out."""

    pipeline: Pipeline
    customer_id: str
    probed: list[Stored[Gate]] = field(default_factory=list)

    def note(self, error: PartnerCenterError | None) -> None:
        """Open the probed gates after an answer, and close one after an `error` that concerns all behind it."""
        scope = None if error is None else scope_closed_by(error, self.customer_id)
        probed, self.probed = self.probed, []
        for stored in probed:
            if stored.record.scope != scope:
                self._end_probe(stored, error)
        if scope is not None and error is not None:
            _close(self.pipeline, scope, error)

    def note_failure(self, step: Step, error: PartnerCenterError) -> None:
        """Sign in anew when that may be the cure; unless that is tried at once, let everyone concerned wait."""
        tries_at_once = False
        if isinstance(step, SendAgain | PollAgain) and step.sign_in_anew:
            self.pipeline.partner_center.sign_in_anew()
            tries_at_once = step.delay == timedelta(0)
        if not tries_at_once:
            self.note(error)

    def leave(self) -> None:
        """Give back the probes that ended without an answer."""
        for stored in self.probed:
            _change(self.pipeline, stored, replace(stored.record, probing_until=None))
        self.probed = []

    def _end_probe(self, stored: Stored[Gate], error: PartnerCenterError | None) -> None:
        """An answer opens the gate; without one nothing is known, and the next may probe after a while."""
        if isinstance(error, NeverSent | AnswerLost):
            delay = pace_of(self.pipeline.settings, self.pipeline.jitter).backoff(stored.record.failures)
            until = self.pipeline.clock() + delay
            _change(self.pipeline, stored, replace(stored.record, closed_until=until, probing_until=None))
            return
        try:
            self.pipeline.journal.gates.open(stored)
        except Conflict:
            return
        finally:
            self.pipeline.cache.gates.forget()
        logger.info("A gate is open again", extra={"scope": stored.record.scope})


@contextmanager
def admission(pipeline: Pipeline, customer_id: str) -> Iterator[Admission | WaitFor]:
    """Whether a submission of the customer may ask the service now; an admission that asked nothing leaves no trace."""
    admitted = _admit(pipeline, customer_id)
    try:
        yield admitted
    finally:
        if isinstance(admitted, Admission):
            admitted.leave()


def _admit(pipeline: Pipeline, customer_id: str) -> Admission | WaitFor:
    now = pipeline.clock()
    if pipeline.cache.gates.are_known(now):
        return Admission(pipeline, customer_id)
    gates = _gates(pipeline, now)
    closed = [gates[scope] for scope in (WHOLE_PARTNER, customer_scope(customer_id)) if scope in gates]
    for stored in closed:
        if (delay := waiting_time(stored.record, now, pipeline.settings.claim)) is not None:
            spread = pipeline.jitter() * (delay * 0.1 + timedelta(seconds=2))
            return WaitFor(delay + spread, stored.record.reason)
    admitted = Admission(pipeline, customer_id)
    for stored in closed:
        probing = replace(stored.record, probing_until=now + pipeline.settings.claim)
        try:
            admitted.probed.append(pipeline.journal.gates.change(stored, probing))
        except Conflict:
            admitted.leave()
            return WaitFor(SHORTEST_PATIENCE, stored.record.reason)
    return admitted


def _gates(pipeline: Pipeline, now: datetime) -> Mapping[str, Stored[Gate]]:
    """The gates as they are; that there is none is remembered for a moment."""
    changes = pipeline.cache.gates.changes
    gates = pipeline.journal.gates.closed()
    if not gates:
        pipeline.cache.gates.keep(now, changes)
    return gates


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
    """The gate of `scope` after `error`: closed for as long as the service says, and longer each time.

    Requests that were under way together are one time: a gate that is closed already only stays so.
    """
    failures = 1 if stored is None else stored.failures + (stored.closed_until <= now)
    if isinstance(error, Unauthorised):
        delay = pace.backoff(failures + FIRST_UNAUTHORISED_FAILURES)
    else:
        # A service that says "one second" for days is not asked every second.
        delay = max(throttled_delay(error.retry_after, timedelta(0), pace), pace.backoff(failures - 1))
    until = now + delay
    if stored is not None:
        until = max(until, stored.closed_until)
    return Gate(scope=scope, closed_until=until, failures=failures, reason=str(error))


def _close(pipeline: Pipeline, scope: str, error: PartnerCenterError) -> None:
    pace = pace_of(pipeline.settings, pipeline.jitter)
    for _ in range(_TRIES):
        stored = pipeline.journal.gates.closed().get(scope)
        now = pipeline.clock()
        gate = closing(stored.record if stored else None, scope, error, now, pace)
        if _change(pipeline, stored, gate):
            _tell(gate, error)
            if isinstance(error, Throttled):
                closed_before = stored.record.closed_until if stored else now
                measure(Metric.THROTTLED, (gate.closed_until - max(closed_before, now)).total_seconds())
            return


def _change(pipeline: Pipeline, stored: Stored[Gate] | None, gate: Gate) -> bool:
    try:
        pipeline.journal.gates.change(stored, gate)
    except Conflict:
        return False
    finally:
        pipeline.cache.gates.forget()
    return True


def _tell(gate: Gate, error: PartnerCenterError) -> None:
    """One alarm when a person must act, however many submissions wait and however long."""
    fields = {
        **present_step(),
        **of_error(error),
        "scope": gate.scope,
        "closed_until": gate.closed_until.isoformat(),
        "failures": gate.failures,
    }
    if isinstance(error, Unauthorised) and gate.failures == 1:
        logger.error(str(error), extra=fields)
    else:
        logger.warning("All submissions concerned wait", extra=fields)
