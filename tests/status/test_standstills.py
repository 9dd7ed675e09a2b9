"""What stands still, from open circuit breakers and notices of the journal."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.pipeline.submissions.circuit_breaker import OUTAGE, PAUSE, WHOLE_PARTNER, customer_scope
from shared.status.names import CustomerNames
from shared.status.schemas import StandstillKind
from shared.status.standstills import standstills_of
from shared.storage.customers import Customer
from shared.storage.records import Gate
from tests.pipeline.world import CUSTOMER, START

NAMES = CustomerNames.of([Customer(name="Contoso", customer_id=CUSTOMER, added_at=START)])
MINUTE = timedelta(minutes=1)


def gate(scope: str, minutes: int = 5, *, failures: int = 1, throttled: bool = False, notice: bool = False) -> Gate:
    return Gate(
        scope=scope,
        closed_until=START + minutes * MINUTE,
        since=START - MINUTE,
        failures=failures,
        reason="It says no.",
        is_throttled=throttled,
        is_notice=notice,
    )


@pytest.mark.parametrize(
    ("closed", "kind", "customer_id"),
    [
        (gate(PAUSE, notice=True), StandstillKind.PAUSED, None),
        (gate(OUTAGE, notice=True), StandstillKind.SERVICE_AWAY, None),
        (gate(WHOLE_PARTNER), StandstillKind.SIGN_IN_REFUSED, None),
        (gate(WHOLE_PARTNER, throttled=True), StandstillKind.THROTTLED, None),
        (gate(customer_scope(CUSTOMER)), StandstillKind.NOT_ALLOWED, CUSTOMER),
        (gate(customer_scope(CUSTOMER), throttled=True), StandstillKind.THROTTLED, CUSTOMER),
    ],
)
def test_each_kind_says_since_when_why_and_who_must_do_what(
    closed: Gate, kind: StandstillKind, customer_id: str | None
) -> None:
    (found,) = standstills_of([closed], START, NAMES)
    assert (found.kind, found.customer_id, found.since) == (kind, customer_id, START - MINUTE)
    assert found.customer_name == (None if customer_id is None else "Contoso")
    assert found.reason == "It says no."
    assert found.what_to_do
    assert (found.tried_again_at is None) == closed.is_notice


def test_a_token_that_is_renewed_and_a_wait_that_is_over_are_no_standstill() -> None:
    assert standstills_of([gate(WHOLE_PARTNER, failures=0)], START, NAMES) == []
    assert standstills_of([gate(WHOLE_PARTNER, minutes=0, throttled=True)], START, NAMES) == []


@pytest.mark.parametrize(("since", "is_said"), [(0, False), (0.9, False), (1, True), (600, True)])
def test_an_outage_is_a_standstill_once_it_lasts(since: float, is_said: bool) -> None:
    outage = replace(gate(OUTAGE, notice=True), since=START - since * MINUTE)
    assert bool(standstills_of([outage], START, NAMES)) == is_said


def test_a_customer_reads_of_its_own_standstills_and_those_of_all_the_oldest_first() -> None:
    gates = [gate(customer_scope(CUSTOMER)), gate(WHOLE_PARTNER), gate(customer_scope("another"))]
    assert [one.customer_id for one in standstills_of(gates, START, NAMES, CUSTOMER)] == [CUSTOMER, None]
    assert len(standstills_of(gates, START, NAMES)) == 3
