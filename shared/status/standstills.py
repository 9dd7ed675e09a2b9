"""What stands still: open circuit breakers and notices of the journal, as people and scripts see them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.pipeline.composition import Pipeline
from shared.pipeline.submissions.circuit_breaker import OUTAGE, PAUSE, PAUSED, WHOLE_PARTNER, customer_scope, notice
from shared.pipeline.submissions.daily_limit import is_reached, limit_in_words
from shared.status.names import CustomerNames
from shared.status.schemas import Standstill, StandstillKind
from shared.storage.records import DailyLimit, Gate
from shared.vocabulary import HoldState, grouped

LASTING_OUTAGE = timedelta(minutes=1)
"""From this time without a usable answer on, the service counts as away. A shorter failure is repeated within it, and
nearly always cured by that."""

_WHAT_TO_DO = {
    StandstillKind.HELD: (
        "A person with the right to it lets it go on: a file on its page, a customer or everything on the page "
        "Customers, each also with 'python -m local go-on'. What Partner Center accepted gets its verdict meanwhile."
    ),
    StandstillKind.STOPPED: (
        "Nobody: its rows that were not sent end as cancelled. Those that Partner Center accepted get their verdict."
    ),
    StandstillKind.LIMIT_REACHED: (
        "Nobody: what waits is sent by itself after 00:00 UTC. To send it at once, a person who manages the app raises "
        "or removes the limit, on the page Customers or with 'python -m local customers limit'."
    ),
    StandstillKind.PAUSED: "The administrator of the app sets PAUSED to false; everything that waits is sent then.",
    StandstillKind.SIGN_IN_REFUSED: (
        "The administrator of the app corrects the sign-in to Partner Center as the answer says. Everything that waits "
        "is sent by itself then."
    ),
    StandstillKind.NOT_ALLOWED: (
        "An administrator of the partner gives the app access to this customer in Partner Center: the relationship "
        "and the role that the answer names. Everything that waits is sent by itself then."
    ),
    StandstillKind.THROTTLED: "Nobody: Partner Center asked for fewer requests, and sending continues by itself.",
    StandstillKind.SERVICE_AWAY: (
        "Nobody at first: each request is repeated until it is answered, and nothing is lost. If it lasts for hours, "
        "the administrator of the app checks the service health of Partner Center, the network and PARTNER_CENTER_URL."
    ),
}

_TRIED_AGAIN = frozenset(
    {StandstillKind.SIGN_IN_REFUSED, StandstillKind.NOT_ALLOWED, StandstillKind.THROTTLED},
)
"""The standstills that end when the service is tried again."""


def standstills(
    pipeline: Pipeline,
    names: CustomerNames,
    customer_id: str | None = None,
    file_id: str | None = None,
    to_be_sent: int = 0,
) -> list[Standstill]:
    """Everything that stands still now, or what concerns one customer or file; empty in normal operation.

    `to_be_sent` devices of the file wait to be sent.
    """
    gates = [stored.record for stored in pipeline.journal.gates.all().values()]
    if pipeline.settings.paused and all(gate.scope != PAUSE for gate in gates):
        # Neither a wake-up nor the sweep has met the setting yet.
        gates.append(notice(PAUSE, PAUSED, pipeline.clock()))
    return standstills_of(gates, pipeline.clock(), names, customer_id, file_id, to_be_sent)


def standstills_of_customer(pipeline: Pipeline, names: CustomerNames, customer_id: str) -> list[Standstill]:
    """What stands still now for one customer, without its single files."""
    return [each for each in standstills(pipeline, names, customer_id) if each.file_id is None]


def standstills_of(
    gates: Iterable[Gate],
    now: datetime,
    names: CustomerNames,
    customer_id: str | None = None,
    file_id: str | None = None,
    to_be_sent: int = 0,
) -> list[Standstill]:
    """The standstills that `gates` mean, the oldest first. A file that is stopped is one for itself alone. Pure."""
    found = [_standstill(gate, names, to_be_sent) for gate in gates if _holds(gate, now)]
    concerned = [
        each
        for each in found
        if (each.file_id is None or file_id in (None, each.file_id))
        and (customer_id is None or each.customer_id in (None, customer_id))
        and (each.kind is not StandstillKind.STOPPED or each.file_id == file_id)
    ]
    return sorted(concerned, key=lambda each: (each.since or now, each.kind, each.customer_id or ""))


def concerns(standstill: Standstill, customer_id: str | None, file_id: str) -> bool:
    """Whether a file of the customer stands still by it. Pure."""
    return standstill.customer_id in (None, customer_id) and standstill.file_id in (None, file_id)


def _holds(gate: Gate, now: datetime) -> bool:
    """Whether something stands still at this gate.

    An open breaker holds everything of its scope, so it counts from its first moment, unless a token is being renewed
    or its wait is over. The notice of an outage holds nothing: it counts once the outage lasts.
    """
    if gate.hold is not None:
        return gate.hold is not HoldState.SENT_ON
    if gate.limit is not None:
        return is_reached(gate.limit, now)
    if gate.scope == OUTAGE:
        return gate.since is None or now - gate.since >= LASTING_OUTAGE
    if gate.is_throttled:
        return gate.closed_until > now or (gate.probing_until is not None and gate.probing_until > now)
    return gate.failures > 0


def _standstill(gate: Gate, names: CustomerNames, to_be_sent: int) -> Standstill:
    customer_id = gate.customer_id or _customer_of(gate.scope)
    kind = _kind(gate)
    return Standstill(
        kind=kind,
        customer_id=customer_id,
        customer_name=names.name_of(customer_id),
        file_id=gate.file_id,
        since=gate.since if gate.limit is None else gate.limit.reached_at,
        tried_again_at=gate.closed_until if kind in _TRIED_AGAIN else None,
        reason=gate.reason if gate.limit is None else _limit(gate.limit, names.name_of(customer_id), to_be_sent),
        what_to_do=_WHAT_TO_DO[kind],
    )


def _limit(limit: DailyLimit, name: str | None, to_be_sent: int) -> str:
    others = f"the other {grouped(to_be_sent)} are" if to_be_sent else "what waits is"
    return f"{limit_in_words(limit, name or 'The customer').rstrip('.')}; {others} sent after 00:00 UTC."


def _customer_of(scope: str) -> str | None:
    prefix = customer_scope("")
    return scope.removeprefix(prefix) if scope.startswith(prefix) else None


def _kind(gate: Gate) -> StandstillKind:
    if gate.hold is not None:
        return StandstillKind.HELD if gate.hold is HoldState.HELD else StandstillKind.STOPPED
    if gate.limit is not None:
        return StandstillKind.LIMIT_REACHED
    if gate.scope == PAUSE:
        return StandstillKind.PAUSED
    if gate.scope == OUTAGE:
        return StandstillKind.SERVICE_AWAY
    if gate.is_throttled:
        return StandstillKind.THROTTLED
    return StandstillKind.SIGN_IN_REFUSED if gate.scope == WHOLE_PARTNER else StandstillKind.NOT_ALLOWED
