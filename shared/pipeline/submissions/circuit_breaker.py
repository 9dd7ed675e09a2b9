"""A circuit breaker shared by all instances, for the partner or one customer: while it is open, no request is sent.

An answer that concerns all submissions of the scope (429, 401, 403) opens it for a time. After that, one submission,
the probe, may try; the others wait until its answer closes the breaker or opens it again. So however many submissions
wait, an open breaker costs the service a handful of requests. If the worker of a probe dies, another probe follows when
the first one's claim has expired.

Throttling opens the breaker of its customer. It opens the partner's only when a second customer is throttled before the
first one's wait is over, or when the answer names the partner. (Partner Center, "API throttling guidance": the limit
applies to the partner, or to partner and customer, and then calls against other customers might succeed.)

In storage a breaker is a row of the table `Gates`: a closed gate is an open breaker. Two notices stand beside them, so
that people see every standstill: that the service gives no usable answer, and that the setting pauses sending. A notice
holds nothing back: each submission waits by itself. The holds of people stand there too (`holds`).
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.pipeline.backoff import SHORTEST_PATIENCE, Pace, patience
from shared.pipeline.composition import Pipeline
from shared.pipeline.holds import gates_now, hold_on, holds_now
from shared.pipeline.log_fields import of_error
from shared.pipeline.process_cache import OpenGates, TokenInUse
from shared.pipeline.service import Service
from shared.pipeline.submissions.state_machine import WaitFor
from shared.storage.gates import Gates
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Gate
from shared.telemetry import Metric, annotate, measure, present_step

logger = logging.getLogger(__name__)

WHOLE_PARTNER = "partner"
"""The scope of failures that concern all customers: sign-in, and throttling of the whole partner."""

OUTAGE = "outage"
"""The scope of the notice that the service gives no usable answer."""

PAUSE = "pause"
"""The scope of the notice that sending is paused."""

PAUSED = "Sending is paused (setting PAUSED)."

NOTICED_AGAIN = timedelta(minutes=1)
"""A lasting outage is written again after this time, however many requests fail."""

LEFT_OVER_AFTER = timedelta(hours=1)
"""A breaker that could be probed for so long has nothing waiting at it: waiting work tries again sooner."""

FIRST_UNAUTHORISED_FAILURES = 4
"""A person must act, so the first wait is longer than after a transient fault."""

_TRIES = 3


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """Admits requests to the service."""

    gates: Gates
    remembered: OpenGates
    """Remembers for a moment that no breaker was open."""
    token: TokenInUse
    service: Service
    claim: timedelta
    is_paused: bool
    """Whether sending is paused. What the service accepted is polled all the same."""

    @contextmanager
    def admission(self, customer_id: str, *, yields: bool = False) -> Iterator["Admission | WaitFor"]:
        """Admission to send requests about the customer, or the wait; an unused admission leaves no trace.

        `yields`: behind an open breaker it comes after those that do not.
        """
        admitted = self._admit(customer_id, yields=yields)
        try:
            yield admitted
        finally:
            if isinstance(admitted, Admission):
                admitted.leave()

    def lets_pass(self, customer_id: str | None = None) -> bool:
        """Whether no breaker of the partner, or of this customer, is open: for questions that are not worth a probe."""
        now = self.service.clock()
        if self.remembered.are_known(now):
            return True
        scopes = {WHOLE_PARTNER} if customer_id is None else {WHOLE_PARTNER, customer_scope(customer_id)}
        return scopes.isdisjoint(self._gates(now))

    def _admit(self, customer_id: str, *, yields: bool) -> "Admission | WaitFor":
        now = self.service.clock()
        if self.remembered.are_known(now):
            return Admission(self, customer_id, now)
        gates = self._gates(now)
        if PAUSE in gates and not self.is_paused:
            self._end_notice(gates[PAUSE])
        closed = [gates[scope] for scope in (WHOLE_PARTNER, customer_scope(customer_id)) if scope in gates]
        for stored in closed:
            if (delay := waiting_time(stored.record, now, self.claim)) is not None:
                wait = self.service.pace.behind_an_open_breaker(delay, yields=yields)
                return WaitFor(wait, stored.record.reason)
        admitted = Admission(self, customer_id, now, outage=gates.get(OUTAGE))
        for stored in closed:
            probing = replace(stored.record, probing_until=now + self.claim)
            try:
                admitted.probed.append(self.gates.change(stored, probing))
            except Conflict:
                admitted.leave()
                return WaitFor(SHORTEST_PATIENCE, stored.record.reason)
        return admitted

    def _gates(self, now: datetime) -> Mapping[str, Stored[Gate]]:
        return gates_now(self.gates, self.remembered, now)

    def open_after(self, error: PartnerCenterError, customer_id: str, failed_probes: Collection[str]) -> None:
        """Open every breaker that `error` concerns; it counts as one more failure of those whose probe failed."""
        before = {scope: stored.record for scope, stored in self.gates.closed().items()}
        scopes = scopes_opened_by(error, customer_id, before, self.service.clock())
        # The customer's breaker first: if the second write fails, the wait is too short rather than too long.
        gates = [self._open(scope, error, was_probe=scope in failed_probes) for scope in sorted(scopes)]
        _report([gate for gate in gates if gate is not None], before, error, self.service.clock())

    def _open(self, scope: str, error: PartnerCenterError, *, was_probe: bool) -> Gate | None:
        """Open one breaker; None when other workers keep changing it first."""
        for _ in range(_TRIES):
            stored = self.gates.closed().get(scope)
            known = None if stored is None else stored.record
            gate = opened(known, scope, error, self.service.clock(), self.service.pace, was_probe=was_probe)
            if self.change(stored, gate):
                return gate
        return None

    def note_pause(self) -> None:
        """Note for people that sending is paused. The first request after the pause, or the sweep, ends the notice."""
        if PAUSE not in self.gates.all():
            self.change(None, notice(PAUSE, PAUSED, self.service.clock()))

    def end_pause(self) -> None:
        """End the notice that sending is paused."""
        stored = self.gates.all().get(PAUSE)
        if stored is not None:
            self._end_notice(stored)

    def note_outage(self, error: PartnerCenterError) -> None:
        """Note for people that the service gives no usable answer."""
        now = self.service.clock()
        stored = self.gates.all().get(OUTAGE)
        if stored is None:
            self.change(None, notice(OUTAGE, str(error), now))
        elif now - stored.record.closed_until >= NOTICED_AGAIN:
            failures = stored.record.failures + 1
            self.change(stored, replace(stored.record, closed_until=now, reason=str(error), failures=failures))

    def end_outage(self, stored: Stored[Gate]) -> None:
        """Note that the service gave a usable answer. Where a failure came between, the next such answer ends it."""
        self._end_notice(stored)

    def _end_notice(self, stored: Stored[Gate]) -> None:
        try:
            self.gates.open(stored)
        except Conflict:
            logger.debug("Another worker changed the notice meanwhile", extra={"scope": stored.record.scope})
        finally:
            self.remembered.forget()

    def end_probe(self, stored: Stored[Gate], error: PartnerCenterError | None) -> None:
        """Close the breaker if the answer allows that; otherwise the next probe may follow after a while."""
        if says_nothing_of(error, stored.record.scope):
            until = self.service.clock() + self.service.pace.backoff(stored.record.failures)
            self.change(stored, replace(stored.record, closed_until=until, probing_until=None))
            return
        try:
            self.gates.open(stored)
        except Conflict:
            return
        finally:
            self.remembered.forget()
        logger.info("A circuit breaker is closed again", extra={"scope": stored.record.scope})

    def change(self, stored: Stored[Gate] | None, gate: Gate) -> bool:
        """Write a change of a breaker; False when another worker changed it first."""
        try:
            self.gates.change(stored, gate)
        except Conflict:
            return False
        finally:
            self.remembered.forget()
        return True


def circuit_breaker_of(pipeline: Pipeline) -> CircuitBreaker:
    """The circuit breaker of a pipeline."""
    cache = pipeline.cache
    settings = pipeline.settings
    return CircuitBreaker(
        pipeline.journal.gates, cache.gates, cache.token, pipeline.service, settings.advanced.claim, settings.paused
    )


def why_held(pipeline: Pipeline, customer_id: str | None = None, file_id: str | None = None) -> str | None:
    """Why nothing is sent of the file, of the customer, or at all: the setting, or a hold; None when nothing is held.

    Submissions that the service accepted are polled all the same.
    """
    if pipeline.settings.paused:
        circuit_breaker_of(pipeline).note_pause()
        return PAUSED
    hold = hold_on(holds_now(pipeline), customer_id, file_id)
    return None if hold is None else hold.reason


@dataclass(slots=True)
class Admission:
    """Permission to call the service; the answer decides on the breakers that this admission probes."""

    breaker: CircuitBreaker
    customer_id: str
    last_contact: datetime
    """When it was admitted, or the service last answered."""
    probed: list[Stored[Gate]] = field(default_factory=list)
    outage: Stored[Gate] | None = None
    """The notice of an outage when it was admitted."""

    @contextmanager
    def reporting(self, error: PartnerCenterError | None) -> Iterator[None]:
        """Report an answer or `error` when its consequences, which are written within, stand. See `keeping_pause`."""
        with self.keeping_pause(error):
            yield
        self.note(error)

    @contextmanager
    def keeping_pause(self, error: PartnerCenterError | None) -> Iterator[None]:
        """Report throttling even if its consequences cannot be written.

        When another worker took the work further meanwhile, they cannot be written, and that worker's answer is newer.
        But a pause that the service requested holds for all, unless the worker was late for it by more than a claim.
        """
        try:
            yield
        except Conflict:
            is_late = self.breaker.service.clock() >= self.last_contact + self.breaker.claim
            if isinstance(error, Throttled) and not is_late:
                self.note(error)
            raise

    def note(self, error: PartnerCenterError | None) -> None:
        """Close the probed breakers after an answer, and open those that `error` concerns."""
        if error is not None:
            logger.warning("A request to Partner Center failed", extra=present_step() | of_error(error))
            annotate(of_error(error))
        self.last_contact = self.breaker.service.clock()
        self._note_outage(error)
        probed, self.probed = self.probed, []
        concerned = frozenset[str]() if error is None else scopes_concerned_by(error, self.customer_id)
        for stored in probed:
            if stored.record.scope in concerned:
                # Its state depends on the other breakers; until they close, the next submission may probe.
                self.breaker.change(stored, replace(stored.record, probing_until=None))
            else:
                self.breaker.end_probe(stored, error)
        if error is None:
            self.breaker.token.accepted()
        elif concerned:
            failed_probes = {stored.record.scope for stored in probed}
            if isinstance(error, Unauthorised) and error.may_be_cured_by_a_new_token:
                self.breaker.service.partner_center.sign_in_anew()
                # Each instance has a token of its own, and must find out by itself that it has expired: no failure.
                failed_probes = set() if self.breaker.token.rejected() else failed_probes
            self.breaker.open_after(error, self.customer_id, failed_probes)

    def end_throttling(self) -> None:
        """Close the probed breakers that throttling opened: the service has answered, and another request follows.

        Others need not wait for the answer to that request as well.
        """
        throttled = [stored for stored in self.probed if stored.record.is_throttled]
        self.probed = [stored for stored in self.probed if not stored.record.is_throttled]
        for stored in throttled:
            self.breaker.end_probe(stored, None)

    def _note_outage(self, error: PartnerCenterError | None) -> None:
        if isinstance(error, NeverSent | AnswerLost | Unavailable):
            self.breaker.note_outage(error)
        elif self.outage is not None:
            self.breaker.end_outage(self.outage)
            self.outage = None

    def leave(self) -> None:
        """Release the probes that ended without an answer."""
        for stored in self.probed:
            self.breaker.change(stored, replace(stored.record, probing_until=None))
        self.probed = []


def waiting_time(gate: Gate, now: datetime, claim: timedelta) -> timedelta | None:
    """How long the breaker stays open; None when it may be probed. A probe holds it for the time of a `claim`."""
    if gate.closed_until > now:
        return gate.closed_until - now
    if gate.probing_until is not None and gate.probing_until > now:
        return patience(claim - (gate.probing_until - now))
    return None


def is_left_over(gate: Gate, now: datetime) -> bool:
    """Whether it is a breaker, or the notice of an outage, at which nothing waits any more. Pure.

    The last request may have said nothing of it, or what waited was stopped before it tried again.
    """
    if gate.hold is not None or gate.limit is not None or gate.scope == PAUSE:
        return False
    return now - max(gate.closed_until, gate.probing_until or gate.closed_until) >= LEFT_OVER_AFTER


def notice(scope: str, reason: str, now: datetime) -> Gate:
    """The first notice of a standstill. Pure."""
    return Gate(scope=scope, closed_until=now, since=now, failures=1, reason=reason, is_notice=True)


def customer_scope(customer_id: str) -> str:
    """The scope of failures that concern one customer: throttling, a missing relationship or role."""
    return f"customer {customer_id}"


def scopes_concerned_by(error: PartnerCenterError, customer_id: str) -> frozenset[str]:
    """The scopes that `error` may concern; none when it concerns only its own request."""
    match error:
        case Throttled():
            return frozenset({WHOLE_PARTNER, customer_scope(customer_id)})
        case Unauthorised(status=403):
            return frozenset({customer_scope(customer_id)})
        case Unauthorised():
            return frozenset({WHOLE_PARTNER})
        case _:
            return frozenset()


def says_nothing_of(error: PartnerCenterError | None, scope: str) -> bool:
    """Whether a probe of `scope` that ended in `error` does not tell whether the breaker may close."""
    is_of_a_customer = scope != WHOLE_PARTNER
    return isinstance(error, NeverSent | AnswerLost) or (is_of_a_customer and isinstance(error, Unauthorised))


def scopes_opened_by(
    error: PartnerCenterError, customer_id: str, gates: Mapping[str, Gate], now: datetime
) -> frozenset[str]:
    """The scopes whose breakers `error` opens, given the `gates` before. Pure."""
    scopes = scopes_concerned_by(error, customer_id)
    if isinstance(error, Throttled) and not _concerns_partner(error, customer_id, gates, now):
        return scopes - {WHOLE_PARTNER}
    return scopes


def _concerns_partner(error: Throttled, customer_id: str, gates: Mapping[str, Gate], now: datetime) -> bool:
    """Whether the limit applies to the partner: the answer says so, or a second customer was throttled meanwhile."""
    own = customer_scope(customer_id)
    return error.names_the_partner or any(
        gate.is_throttled and gate.closed_until > now and gate.scope not in (own, WHOLE_PARTNER)
        for gate in gates.values()
    )


def opened(
    gate: Gate | None, scope: str, error: PartnerCenterError, now: datetime, pace: Pace, *, was_probe: bool
) -> Gate:
    """The breaker of `scope` after `error`: open for as long as the service says, and longer each time. Pure.

    Only a probe adds a failure: failures of requests that were in progress at the same time count as the same one.
    After a first 401 a new token may be the cure: the breaker is open, and the next request is its probe at once.
    """
    is_curable = isinstance(error, Unauthorised) and error.may_be_cured_by_a_new_token
    failures = (0 if is_curable else 1) if gate is None else gate.failures + was_probe
    if isinstance(error, Unauthorised):
        delay = pace.backoff(failures + FIRST_UNAUTHORISED_FAILURES) if failures else timedelta(0)
    else:
        # If the service says "one second" for days, do not call it every second.
        delay = max(pace.throttled(error.retry_after or timedelta(0)), pace.backoff(max(failures - 1, 0)))
    until = now + delay if gate is None else max(now + delay, gate.closed_until)
    return Gate(
        scope=scope,
        closed_until=until,
        since=now if gate is None else gate.since,
        failures=failures,
        reason=str(error),
        is_throttled=isinstance(error, Throttled),
    )


def _report(opened_now: list[Gate], before: Mapping[str, Gate], error: PartnerCenterError, now: datetime) -> None:
    """Raise one alarm when a person must act, however many submissions wait and however long."""
    for gate in opened_now:
        fields = {
            **present_step(),
            **of_error(error),
            "scope": gate.scope,
            "closed_until": gate.closed_until.isoformat(),
            "failures": gate.failures,
        }
        known = before.get(gate.scope)
        was_alarmed = known is not None and known.failures > 0 and not known.is_throttled
        if isinstance(error, Unauthorised) and gate.failures and not was_alarmed:
            logger.error(str(error), extra=fields)
        else:
            logger.warning("All submissions concerned wait", extra=fields)
    if isinstance(error, Throttled):
        counted_until = max([now, *(gate.closed_until for gate in before.values() if gate.is_throttled)])
        throttled_until = max([counted_until, *(gate.closed_until for gate in opened_now)])
        measure(Metric.THROTTLED, (throttled_until - counted_until).total_seconds())
