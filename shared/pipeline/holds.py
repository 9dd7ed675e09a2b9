"""Holds: gates that people close and open, for everything, one customer, or one file.

They stand in the table of the circuit breakers (`Gates`), so that every instance obeys within `GATES_BELIEVED` and a
new version of the app too. A held file sends nothing, and what the service accepted is polled all the same. A file that
is stopped sends nothing more: its rows that are not sent end as `cancelled`.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from shared.pipeline.composition import Pipeline
from shared.pipeline.process_cache import OpenGates
from shared.storage.gates import Gates
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, Gate
from shared.vocabulary import HoldState

THE_APP = "the app"


def scope_of_hold(customer_id: str | None = None, file_id: str | None = None) -> str:
    """The scope of the hold of a file, of a customer, or of everything."""
    if file_id is not None:
        return f"hold file {file_id}"
    return "hold" if customer_id is None else f"hold customer {customer_id}"


def gates_now(gates: Gates, remembered: OpenGates, now: datetime) -> Mapping[str, Stored[Gate]]:
    """The current gates. Holds and daily limits, and that there is nothing else, are remembered for a moment."""
    changes = remembered.changes
    found = gates.all()
    holds = _holds_among(found)
    remembered.keep(now, changes, holds, are_open=len(holds) == len(found))
    return found


def holds_now(pipeline: Pipeline) -> Mapping[str, Gate]:
    """The holds and daily limits by scope, as they stood a moment ago. The count of a limit is no longer true."""
    remembered, now = pipeline.cache.gates, pipeline.clock()
    holds = remembered.holds(now)
    if holds is not None:
        return holds
    return _holds_among(gates_now(pipeline.journal.gates, remembered, now))


def _holds_among(gates: Mapping[str, Stored[Gate]]) -> Mapping[str, Gate]:
    found = ((scope, stored.record) for scope, stored in gates.items())
    return {scope: gate for scope, gate in found if gate.hold is not None or gate.limit is not None}


def forget_hold(pipeline: Pipeline, file_id: str) -> None:
    """Remove the hold of a file that has ended. The sweep removes a hold that a person puts at this moment."""
    scope = scope_of_hold(file_id=file_id)
    stored = pipeline.journal.gates.all().get(scope) if scope in holds_now(pipeline) else None
    if stored is not None:
        with suppress(Conflict):
            pipeline.journal.gates.open(stored)
        pipeline.cache.gates.forget()


def hold_bad_file(pipeline: Pipeline, file: DeviceFile, reason: str) -> None:
    """Hold a file that fails, unless a person held it, stopped it or let it go on before."""
    now, scope = pipeline.clock(), scope_of_hold(file_id=file.file_id)
    if scope in pipeline.journal.gates.all():
        return
    gate = Gate(
        scope=scope,
        closed_until=now,
        since=now,
        reason=reason,
        hold=HoldState.HELD,
        customer_id=file.customer_id,
        file_id=file.file_id,
        held_by=THE_APP,
        is_of_the_app=True,
    )
    with suppress(Conflict):
        pipeline.journal.gates.change(None, gate)
    pipeline.cache.gates.forget()


def is_by_the_app(gate: Gate) -> bool:
    """Whether this is a hold of the app that stands: no person has let the file go on, or held or stopped it. Pure."""
    return gate.hold is HoldState.HELD and gate.held_by == THE_APP


def is_sent_on(holds: Mapping[str, Gate], file_id: str) -> bool:
    """Whether a person let the file go on although it fails. Pure."""
    gate = holds.get(scope_of_hold(file_id=file_id))
    return gate is not None and gate.hold is HoldState.SENT_ON


def hold_on(holds: Mapping[str, Gate], customer_id: str | None = None, file_id: str | None = None) -> Gate | None:
    """The hold at which a file or customer waits, if there is one. Pure."""
    scopes = dict.fromkeys((scope_of_hold(), scope_of_hold(customer_id), scope_of_hold(customer_id, file_id)))
    held = (holds[scope] for scope in scopes if scope in holds)
    return next((gate for gate in held if gate.hold is HoldState.HELD), None)


def is_stopped(holds: Mapping[str, Gate], file_id: str) -> bool:
    """Whether somebody stopped the file. Pure."""
    gate = holds.get(scope_of_hold(file_id=file_id))
    return gate is not None and gate.hold is HoldState.STOPPED
