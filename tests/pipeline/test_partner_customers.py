"""The list of the partner's customers is read once a day, and a customer is refused on sure knowledge alone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from local.partner_center import CUSTOMERS, Behaviour, Fault, NamedCustomer, Operation
from shared.partner_center.client import CallIds
from shared.partner_center.errors import PartnerCenterError, Refused, Throttled, Unauthorised, Unavailable
from shared.partner_center.models import Customer
from shared.pipeline.blob_names import private_copy
from shared.pipeline.intake.receive import take_up
from shared.pipeline.partner_customers import (
    LATELY,
    READ_AGAIN,
    TRIED_AGAIN,
    denies_customer,
    failed,
    refresh_partner_customers,
    why_not_ours,
)
from shared.pipeline.submissions.circuit_breaker import WHOLE_PARTNER, customer_scope
from shared.pipeline.sweep import sweep
from shared.reasons import IntakeReason
from shared.storage.codec import UnreadableRecord
from shared.storage.partner_customers import ListReading
from shared.storage.records import Gate
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, Changed, World, numbered

CONTOSO = CUSTOMERS[0]
FORMER = next(each for each in CUSTOMERS if each.relationship == "none")


def reading_of(world: World) -> ListReading:
    stored = world.journal.partner_customers.reading()
    assert stored is not None
    return stored.record


def asked(world: World) -> int:
    """How often the list was asked for."""
    received: int = world.service.report()["received"][Operation.CUSTOMERS]
    return received


@pytest.fixture
def stranger(make_world: MakeWorld) -> World:
    """A world whose customer is not the partner's, as the list shows."""
    world = make_world(Behaviour(delay=60, unknown_customers=frozenset({CUSTOMER})))
    refresh_partner_customers(world.pipeline)
    return world


# --- the list


def test_a_sweep_reads_the_list_once_a_day(world: World) -> None:
    for hours in (0, 1, 23):
        world.clock.now += timedelta(hours=hours)
        sweep(world.pipeline)
    assert asked(world) == 2
    assert {each.name: each.customer_id for each in world.journal.partner_customers.all()} == {
        each.name: each.id for each in CUSTOMERS
    }
    assert reading_of(world) == ListReading(
        due_at=world.clock() + READ_AGAIN, read_at=world.clock(), customers=len(CUSTOMERS)
    )


def test_a_customer_that_left_the_list_is_removed(make_world: MakeWorld) -> None:
    world = make_world()
    refresh_partner_customers(world.pipeline)

    class Shorter(Changed):
        def customers(self, ids: CallIds) -> Iterator[Customer]:
            return (customer for customer in self.real.customers(ids) if customer.customer_id != CONTOSO.id)

    world.meet(Shorter(world.partner_center))
    world.clock.now += READ_AGAIN
    refresh_partner_customers(world.pipeline)
    assert world.journal.partner_customers.get(CONTOSO.id) is None
    assert reading_of(world).customers == len(CUSTOMERS) - 1


def test_a_sign_in_that_may_not_list_customers_is_told_once_a_day(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(may_read_customers=False))
    for _ in range(3):
        refresh_partner_customers(world.pipeline)
    assert asked(world) == 1
    reading = reading_of(world)
    assert reading.failure.startswith("The sign-in may not list customers. Partner Center answered GET /v1/customers")
    assert (reading.read_at, reading.failed_at) == (None, world.clock())
    world.clock.now += READ_AGAIN
    refresh_partner_customers(world.pipeline)
    assert asked(world) == 2
    assert world.journal.gates.all() == {}, "no submission waits for it"


@pytest.mark.parametrize(
    "fault",
    [
        Fault.THROTTLE,
        Fault.UNAVAILABLE,
        Fault.UNAUTHORISED,
        Fault.DROPPED_BEFORE,
        Fault.TRUNCATED,
        Fault.NOT_JSON,
        Fault.REDIRECT,
        Fault.CUSTOMER_WITHOUT_ID,
    ],
)
def test_a_list_that_could_not_be_had_leaves_the_last_one_and_is_tried_again_in_an_hour(
    world: World, fault: Fault
) -> None:
    refresh_partner_customers(world.pipeline)
    before, read_at = list(world.journal.partner_customers.all()), world.clock()
    world.clock.now += READ_AGAIN
    world.service.script(fault, operation=Operation.CUSTOMERS)
    refresh_partner_customers(world.pipeline)
    reading = reading_of(world)
    assert list(world.journal.partner_customers.all()) == before
    assert (reading.read_at, reading.failed_at, reading.customers) == (read_at, world.clock(), len(CUSTOMERS))
    assert reading.failure
    assert world.journal.gates.all() == {}, "no submission waits for it"
    world.clock.now += TRIED_AGAIN
    refresh_partner_customers(world.pipeline)
    assert reading_of(world).failure == ""


def test_of_two_instances_one_reads_the_list_and_a_dead_one_is_followed_in_an_hour(world: World) -> None:
    class Died(BaseException):
        pass

    class Dying(Changed):
        def customers(self, ids: CallIds) -> Iterator[Customer]:
            refresh_partner_customers(world.pipeline)  # the other instance finds the claim
            yield from self.real.customers(ids)
            raise Died

    real = world.partner_center
    world.meet(Dying(real))
    with pytest.raises(Died):
        refresh_partner_customers(world.pipeline)
    assert asked(world) == 1
    world.meet(real)
    refresh_partner_customers(world.pipeline)
    assert asked(world) == 1
    world.clock.now += TRIED_AGAIN
    refresh_partner_customers(world.pipeline)
    assert reading_of(world).read_at == world.clock()


@pytest.mark.parametrize("scope", [WHOLE_PARTNER, "paused"])
def test_nothing_is_asked_behind_an_open_breaker_or_while_sending_is_paused(make_world: MakeWorld, scope: str) -> None:
    world = make_world(**({"PAUSED": "true"} if scope == "paused" else {}))
    if scope != "paused":
        world.journal.gates.change(None, Gate(scope=scope, closed_until=world.clock(), reason="401"))
    sweep(world.pipeline)
    assert asked(world) == 0
    assert world.journal.partner_customers.reading() is None


@pytest.mark.parametrize(
    ("error", "delay"),
    [
        (Unauthorised("no", status=403), READ_AGAIN),
        (Refused("no", status=400), READ_AGAIN),
        (Unauthorised("no", status=401), TRIED_AGAIN),
        (Unauthorised("no token"), TRIED_AGAIN),
        (Throttled("later"), TRIED_AGAIN),
        (Unavailable("x" * 5_000), TRIED_AGAIN),
    ],
)
def test_a_refusal_is_asked_again_the_next_day_and_all_else_in_an_hour(
    world: World, error: PartnerCenterError, delay: timedelta
) -> None:
    reading = failed(ListReading(due_at=world.clock(), customers=7), error, world.clock())
    assert (reading.due_at - world.clock(), reading.customers) == (delay, 7)
    assert len(reading.failure) <= 1_000


# --- a customer that is not the partner's


def test_a_file_for_a_customer_without_a_relationship_is_rejected_before_it_is_read(stranger: World) -> None:
    file = stranger.drop_file(numbered(3))
    stranger.run()
    summary = stranger.summary(file)
    assert (summary["state"], summary["reason"]) == ("rejected", IntakeReason.NO_RELATIONSHIP)
    assert (
        "has no customer with this id. Asked about it now, Partner Center answered 404 (60003)."
        in (summary["what_happened"])
    )
    assert stranger.private.read(private_copy(file)) is None
    received = stranger.service.report()["received"]
    assert (received["customer"], sum(received.values())) == (1, 2)


def test_a_customer_whose_relationship_ended_is_refused_too(world: World) -> None:
    refresh_partner_customers(world.pipeline)
    path = f"{FORMER.id}/Test/devices.csv"
    summary = world.summary(world.drop_file(numbered(1), path), path)
    assert summary["reason"] == IntakeReason.NO_RELATIONSHIP
    assert (
        "has no relationship with the partner. Asked about it now, Partner Center answered that there is no"
        in (summary["what_happened"])
    )


def test_a_reading_that_is_taken_over_asks_again(stranger: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    file = stranger.put(numbered(3))
    with monkeypatch.context() as patched:
        patched.setattr("shared.pipeline.intake.receive.end_without_sending", die)
        with pytest.raises(Died):
            stranger.receive()
    stranger.clock.now += timedelta(hours=1)
    stored = stranger.journal.files.get(CUSTOMER, file)
    assert stored is not None
    take_up(stranger.pipeline, stored)
    assert stranger.summary(file)["reason"] == IntakeReason.NO_RELATIONSHIP
    assert stranger.service.report()["received"]["customer"] == 2


def read_on(world: World) -> None:
    """A dropped file is read, and the service itself decides on its devices."""
    file = world.drop_file(numbered(1))
    world.run()
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    assert (stored.record.reason, stored.record.read_counts.total) == (None, 1)


def test_without_a_list_a_file_is_read(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(may_read_customers=False, unknown_customers=frozenset({CUSTOMER})))
    refresh_partner_customers(world.pipeline)
    read_on(world)
    assert world.service.report()["received"]["customer"] == 0


def test_a_list_of_long_ago_says_nothing_of_a_customer(stranger: World) -> None:
    stranger.clock.now += LATELY + timedelta(seconds=1)
    read_on(stranger)
    assert stranger.service.report()["received"]["customer"] == 0


def test_a_customer_that_came_after_the_list_was_read_is_asked_for_and_read(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60))
    refresh_partner_customers(world.pipeline)
    read_on(world)
    assert world.service.report()["received"]["customer"] == 1


def test_a_listed_customer_costs_no_request(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60, customers=[NamedCustomer(CUSTOMER, "Contoso", "contoso.test")]))
    refresh_partner_customers(world.pipeline)
    read_on(world)
    assert world.service.report()["received"]["customer"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault.THROTTLE,
        Fault.UNAVAILABLE,
        Fault.UNAUTHORISED,
        Fault.FORBIDDEN,
        Fault.DROPPED_AFTER,
        Fault.TRUNCATED,
        Fault.GATEWAY_TIMEOUT,
        Fault.REDIRECT,
    ],
)
def test_an_answer_that_leaves_a_doubt_reads_the_file(stranger: World, fault: Fault) -> None:
    stranger.service.script(fault, operation=Operation.CUSTOMER)
    read_on(stranger)
    assert stranger.journal.gates.all() == {}


def test_a_customer_that_answers_as_another_is_in_doubt(world: World) -> None:
    class Mistaken(Changed):
        def customer(self, customer_id: str, ids: CallIds) -> Customer:  # noqa: ARG002
            return Customer(id=FORMER.id, relationship_to_partner="none")

    refresh_partner_customers(world.pipeline)
    world.meet(Mistaken(world.partner_center))
    read_on(world)


@pytest.mark.parametrize("scope", [WHOLE_PARTNER, customer_scope(CUSTOMER)])
def test_behind_an_open_breaker_no_customer_is_asked_for(stranger: World, scope: str) -> None:
    stranger.journal.gates.change(None, Gate(scope=scope, closed_until=stranger.clock(), reason="429"))
    stranger.pipeline.cache.gates.forget()
    assert why_not_ours(stranger.pipeline, CUSTOMER) is None


def test_a_pause_that_is_asked_for_about_a_customer_holds_for_all_requests_about_it(stranger: World) -> None:
    stranger.service.script(Fault.THROTTLE, operation=Operation.CUSTOMER)
    assert why_not_ours(stranger.pipeline, CUSTOMER) is None
    assert set(stranger.journal.gates.closed()) == {customer_scope(CUSTOMER)}
    assert why_not_ours(stranger.pipeline, CUSTOMER) is None
    assert stranger.service.report()["received"]["customer"] == 0, "the pause was not kept"


def test_a_list_that_this_version_cannot_read_reads_the_file(stranger: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable() -> None:
        raise UnreadableRecord("written by a later version")

    monkeypatch.setattr(stranger.journal.partner_customers, "reading", unreadable)
    assert why_not_ours(stranger.pipeline, CUSTOMER) is None


@pytest.mark.parametrize(
    ("error", "is_denied"),
    [
        (Refused("", status=404, code="60003"), True),
        (Refused("", status=404, code="1000"), True),
        (Unauthorised("", status=403, code="20002"), True),
        (Refused("", status=404, code="3000"), False),
        (Refused("", status=404), False),
        (Refused("", status=400, code="60003"), False),
        (Unauthorised("", status=403), False),
        (Unauthorised("", status=403, code="1002"), False),
        (Unauthorised("", status=401, code="20002"), False),
        (Throttled("", status=429, code="60003"), False),
        (Unavailable("", status=500, code="60003"), False),
    ],
)
def test_only_the_services_own_word_on_the_customer_is_a_denial(error: PartnerCenterError, *, is_denied: bool) -> None:
    assert denies_customer(error) is is_denied
