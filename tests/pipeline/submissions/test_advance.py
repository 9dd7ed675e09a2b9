"""One step of submissions: every request is admitted, and every failure reported by an owner that wrote its step."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour
from shared.partner_center.client import Accepted, CallIds, PartnerCenter
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.partner_center.models import Device
from shared.pipeline.corrections.withdrawal_request import withdraw
from shared.pipeline.process_cache import GATES_BELIEVED
from shared.pipeline.submissions.advance import advance, advance_several
from shared.pipeline.submissions.circuit_breaker import WHOLE_PARTNER, customer_scope
from shared.pipeline.submissions.contents import BlobMissing
from shared.pipeline.submissions.follow_ups import wake_up_of
from shared.pipeline.sweep import sweep
from shared.storage.records import Gate
from shared.storage.wakeups import DueSubmission, SubmissionsWakeUp
from shared.vocabulary import SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, HEADER, Changed, World, numbered, tuples

_NOT_OF_DEVICES = ("sign_in_anew", "customers", "customer", "has_second_factor", "audit_records")
"""Questions about customers and the sign-in open no breaker: tests/pipeline/test_partner_customers.py."""

REQUESTS = [name for name in vars(PartnerCenter) if not name.startswith("_") and name not in _NOT_OF_DEVICES]
"""The methods of the client that call the service for devices."""


class Fails:
    """A service whose `method` fails once with `error`; it counts its calls and the sign-ins."""

    def __init__(self, real: PartnerCenter, method: str, error: PartnerCenterError | None = None) -> None:
        self._real = real
        self._method = method
        self._error = error
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*arguments: object) -> Any:
            self.asked.append(name)
            if name == self._method and self._error is not None:
                error, self._error = self._error, None
                raise error
            return getattr(self._real, name)(*arguments)

        return ask


def _prepare(world: World, method: str) -> None:
    """Do everything before the wake-up that leads to a call of `method`."""
    match method:
        case "device_batches" | "create_batch":
            world.drop_file(numbered(2))
        case "append_devices":
            world.drop_file(numbered(1, "FIRST"))
            world.run()
            world.drop_file(numbered(2))
        case "batch_job_status":
            _accepted(world, numbered(2))
        case "batch_devices":
            _accepted(world, tuples(["STANDIN-STUCK-1"]))
            world.clock.now += world.settings.advanced.outcome_deadline * 2
        case "configuration_policies":
            file = _accepted(world, WISHING)
            while not world.submission(file).record.state.is_final:
                world.deliver_next()
        case "update_device_policies":
            _prepare(world, "configuration_policies")
            world.deliver_next()
        case "delete_device":
            file = world.drop_file(numbered(1))  # one that is forbidden alone among others fails alone
            world.run()
            withdraw(world.pipeline, CUSTOMER, file)
        case _:
            pytest.fail(f"No request is known here that uses the client's {method}.")
    world.clock.now += GATES_BELIEVED


def _accepted(world: World, content: str) -> str:
    file = world.drop_file(content)
    while world.submission(file).record.state is SubmissionState.PENDING:
        world.deliver_next()
    return file


WISHING = f"{HEADER},Profile\r\nSN-1,,,LENOVO,21R3001BUK,Kiosk\r\n"
"""A device file whose row wishes for a profile."""


def _world(make_world: MakeWorld) -> World:
    return make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0", OUTCOME_DEADLINE_HOURS="1")


THROTTLED = Throttled("Too many requests.", status=429, retry_after=timedelta(hours=1))


@pytest.mark.parametrize("method", REQUESTS)
@pytest.mark.parametrize(
    ("error", "scopes", "sign_ins"),
    [
        (THROTTLED, {customer_scope(CUSTOMER)}, 0),
        (Unauthorised("The token has expired.", status=401), {WHOLE_PARTNER}, 1),
        (Unauthorised("No relationship.", status=403, code="20002"), {customer_scope(CUSTOMER)}, 0),
        (Unavailable("Busy.", status=503), set(), 0),
        (AnswerLost("Lost."), set(), 0),
        (NeverSent("No connection."), set(), 0),
    ],
    ids=["429", "401", "403", "503", "lost", "never_sent"],
)
def test_every_request_to_the_service_reports_its_failure_to_the_breaker(
    make_world: MakeWorld, method: str, error: PartnerCenterError, scopes: set[str], sign_ins: int
) -> None:
    world = _world(make_world)
    _prepare(world, method)
    service = Fails(world.partner_center, method, error)
    world.meet(cast("PartnerCenter", service))
    world.deliver_next()
    assert method in service.asked
    assert set(world.journal.gates.closed()) == scopes
    assert service.asked.count("sign_in_anew") == sign_ins
    world.run()
    assert world.journal.gates.closed() == {}


@pytest.mark.parametrize("method", REQUESTS)
@pytest.mark.parametrize("scope", [WHOLE_PARTNER, customer_scope(CUSTOMER)])
def test_no_request_is_sent_past_an_open_breaker(make_world: MakeWorld, method: str, scope: str) -> None:
    world = _world(make_world)
    _prepare(world, method)
    (due_at, _), *_ = world.wakeups.waiting
    closed_until = max(world.clock(), due_at) + timedelta(hours=1)
    world.journal.gates.change(None, Gate(scope=scope, closed_until=closed_until, reason="Busy."))
    service = Fails(world.partner_center, method)
    world.meet(cast("PartnerCenter", service))
    world.deliver_next()
    assert service.asked == []
    world.run()
    assert world.clock() >= closed_until
    assert method in service.asked


# --- effects of one submission's step on others


def test_what_fails_with_one_of_several_submissions_does_not_keep_the_others(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="1", HOLD_FROM_FAILED_PERCENT="100"
    )
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    file = world.drop_file(numbered(2))
    first = world.submission(file, "1").record
    world.lose_content(file)
    due = tuple(DueSubmission(number=number, sequence=0) for number in ("1", "2"))
    with pytest.raises(BlobMissing):
        advance_several(world.pipeline, SubmissionsWakeUp(reading_id=first.reading_id, due=due))
    assert world.submission(file, "1").record.state is SubmissionState.PENDING
    assert world.submission(file, "2").record.state is SubmissionState.ACCEPTED


class TakesOver(Changed):
    """A service that, before it answers a POST, lets another worker take the submission further."""

    def __init__(self, real: PartnerCenter, others: Callable[[], None], error: PartnerCenterError) -> None:
        super().__init__(real)
        self._others = others
        self._error = error

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:  # noqa: ARG002
        self._others()
        raise self._error


@pytest.mark.parametrize("error", [THROTTLED, Unauthorised("No relationship.", status=403), Refused("x", status=400)])
def test_a_late_owner_writes_nothing_and_reports_no_failure(world: World, error: PartnerCenterError) -> None:
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    others = world.pipeline

    def take_over() -> None:
        world.clock.now += world.settings.advanced.claim * 2
        assert advance(others, wake_up_of(world.submission(file).record)) is SubmissionState.ACCEPTED

    file = world.put(numbered(2))
    world.meet(TakesOver(world.partner_center, take_over, error))
    world.receive()
    submission = world.submission(file).record
    assert submission.state is SubmissionState.ACCEPTED
    assert submission.last_status is None or submission.last_status < 300
    assert world.journal.gates.closed() == {}


def test_a_requested_pause_holds_though_a_doubled_wake_up_took_its_submission_further(world: World) -> None:
    world.drop_file(numbered(1, "FIRST"))
    world.run()

    def change_meanwhile() -> None:
        stored = world.submission(file)
        world.journal.submissions.change(stored, replace(stored.record, sequence=stored.record.sequence + 1))

    file = world.put(numbered(2))
    world.meet(TakesOver(world.partner_center, change_meanwhile, THROTTLED))
    world.receive()
    assert world.submission(file).record.state is SubmissionState.PENDING
    assert list(world.journal.gates.closed()) == [customer_scope(CUSTOMER)]


def test_a_failed_request_is_logged_once_with_its_submission(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = _world(make_world)
    _prepare(world, "append_devices")
    world.meet(cast("PartnerCenter", Fails(world.partner_center, "append_devices", AnswerLost("Lost."))))
    with caplog.at_level(logging.WARNING):
        world.deliver_next()
    (record,) = [record for record in caplog.records if record.message == "A request to Partner Center failed"]
    assert (record.__dict__["submission"], record.__dict__["error"]) == ("1", "AnswerLost")


class SlowPages(Changed):
    """A service that takes a minute and a half for each device of a batch; the sweep runs meanwhile."""

    def __init__(self, world: World) -> None:
        super().__init__(world.partner_center)
        self._world = world
        self.readings = 0

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        self.readings += 1
        for device in super().batch_devices(customer_id, batch_id, ids):
            self._world.clock.now += timedelta(seconds=90)
            sweep(self._world.pipeline)
            yield device


@pytest.mark.parametrize("claim", ["120", "300", "3600"])
def test_the_sweep_leaves_a_poll_alone_that_reads_a_batch_for_many_minutes(make_world: MakeWorld, claim: str) -> None:
    world = make_world(Behaviour(location="/nothing"), CLAIM_SECONDS=claim)
    slow = SlowPages(world)
    world.meet(slow)
    file = world.drop_file(numbered(20))
    world.run()
    assert slow.readings == 1
    assert world.outcomes(file) == ["registered"] * 20
