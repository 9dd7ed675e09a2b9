"""A submission is POSTed: the exact request, the decision for its answer, and its repeats."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour
from shared.partner_center.client import Accepted, CallIds, PartnerCenter
from shared.partner_center.errors import (
    NO_SERVICE_IDS,
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Unauthorised,
    error_from_response,
)
from shared.pipeline.backoff import Pace
from shared.pipeline.service import Service
from shared.pipeline.submissions.device_batches import Target
from shared.pipeline.submissions.post import post, request_for
from shared.pipeline.submissions.state_machine import Poll, Refuse, SendAgain
from shared.storage.record_table import Stored
from shared.storage.records import RequestKind, Submission
from shared.vocabulary import SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import START, Changed, World, numbered

PACE = Pace(timedelta(seconds=27), timedelta(minutes=15), timedelta(hours=48), lambda: 0.5)
PENDING = Submission(
    file_id="f",
    reading_id="f.1",
    number="1",
    customer_id="c",
    batch_id="Test",
    devices=1,
    payload="f/1/1.json",
    first_row=1,
    last_row=1,
    payload_digest="d",
    state=SubmissionState.PENDING,
    due_at=START,
)
CLAIMED = Stored(PENDING, "etag", {})
APPEND = Target(RequestKind.APPEND, "Test")
CREATE = Target(RequestKind.CREATE, "Test")
IDS = CallIds("request-2", "correlation-2")


class Sent(Changed):
    """A service that gives POSTs the scripted answers in turn, then behaves normally; it keeps the requests."""

    def __init__(self, real: PartnerCenter, *answers: Accepted | PartnerCenterError) -> None:
        super().__init__(real)
        self._answers = list(answers)
        self.sent: list[tuple[str, str, str, bytes]] = []

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        told = self._told("create", batch_id, devices, ids)
        return told or super().create_batch(customer_id, batch_id, devices, ids)

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        told = self._told("append", batch_id, devices, ids)
        return told or super().append_devices(customer_id, batch_id, devices, ids)

    def _told(self, kind: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted | None:
        self.sent.append((kind, batch_id, ids.request_id, devices))
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, PartnerCenterError):
            raise answer
        return answer


# --- the request


def test_a_new_request_has_new_ids_and_goes_to_its_batch(world: World) -> None:
    request = request_for(PENDING, APPEND, world.settings, IDS, START)
    assert (request.request_id, request.correlation_id, request.sent_at) == ("request-2", "correlation-2", START)
    assert request.url == f"{world.settings.partner_center_url}/v1/customers/c/deviceBatches/Test/devices"


def test_a_request_that_is_kept_is_repeated_under_its_request_id(world: World) -> None:
    first = request_for(PENDING, APPEND, world.settings, CallIds("request-1", "correlation-1"), START)
    again = request_for(replace(PENDING, request=first), APPEND, world.settings, IDS, START)
    assert (again.request_id, again.correlation_id) == ("request-1", "correlation-2")


def test_a_request_to_another_address_is_a_new_one(world: World) -> None:
    first = request_for(PENDING, APPEND, world.settings, CallIds("request-1", "correlation-1"), START)
    again = request_for(replace(PENDING, request=first), CREATE, world.settings, IDS, START)
    assert again.request_id == "request-2"


# --- the decision for the answer


def _service(partner_center: PartnerCenter) -> Service:
    return Service(partner_center, lambda: START, lambda: str(uuid4()), PACE)


@pytest.mark.parametrize("target", [APPEND, CREATE])
def test_the_journaled_request_is_sent_and_its_acceptance_decides(world: World, target: Target) -> None:
    service = Sent(world.partner_center, Accepted("job-1", 202, NO_SERVICE_IDS))
    request = request_for(PENDING, target, world.settings, IDS, START)
    decided = post(_service(service), CLAIMED, request, b"[]")
    assert service.sent == [(target.kind.value, "Test", "request-2", b"[]")]
    assert decided.step == Poll("job-1", PACE.first_poll, PACE.deadline)
    assert (decided.stored, decided.error) == (CLAIMED, None)
    assert decided.answer is not None
    assert decided.answer.status == 202


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (AnswerLost("Lost."), SendAgain),
        (NeverSent("No connection."), SendAgain),
        (Unauthorised("Denied.", status=401), SendAgain),
        (Refused("No.", status=400, code="12345", description="No."), Refuse),
    ],
)
def test_a_failure_comes_back_beside_what_was_decided(
    world: World, error: PartnerCenterError, step: type[SendAgain | Refuse]
) -> None:
    request = request_for(PENDING, APPEND, world.settings, IDS, START)
    decided = post(_service(Sent(world.partner_center, error)), CLAIMED, request, b"[]")
    assert isinstance(decided.step, step)
    assert decided.error is error
    assert decided.answer is not None
    assert (decided.answer.status, decided.answer.code) == (error.status, error.code)


# --- its repeats


def _answered(status: int, now: datetime) -> PartnerCenterError:
    return error_from_response(status, {}, b"", now)


NO_WORD_OF_THE_SERVICE = [401, 403, 408, 429, 500, 502, 503, 504]


@pytest.mark.parametrize("kind", ["append", "create"])
@pytest.mark.parametrize("status", NO_WORD_OF_THE_SERVICE)
def test_a_post_is_repeated_to_the_byte_until_the_service_has_said_its_own_word(
    make_world: MakeWorld, status: int, kind: str
) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    if kind == "append":
        world.drop_file(numbered(1, "FIRST"))
        world.run()
    service = Sent(
        world.partner_center,
        AnswerLost("Lost."),
        *(_answered(status, START) for _ in range(3)),
        NeverSent("No connection."),
        _answered(status, START),
    )
    world.meet(service)
    file = world.drop_file(numbered(2))
    world.run()
    assert [entry[0] for entry in service.sent] == [kind] * 7
    assert len(set(service.sent)) == 1
    assert world.outcomes(file) == ["registered"] * 2


def test_after_a_refusal_that_may_pass_the_request_is_a_new_one(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    service = Sent(world.partner_center, _answered(405, START))
    world.meet(service)
    file = world.drop_file(numbered(2))
    world.run()
    assert len({request_id for _, _, request_id, _ in service.sent}) == 2
    assert world.outcomes(file) == ["registered"] * 2


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_after_a_gateway_s_answer_already_registered_may_be_our_own_doing(make_world: MakeWorld, status: int) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    world.meet(Sent(world.partner_center, _answered(status, START)))
    file = world.drop_file(numbered(1, "FIRST"))
    world.run()
    (row,) = world.rows(file)
    assert "first_answer_lost" in row["notes"]


@pytest.mark.parametrize("status", [401, 403, 429])
def test_after_an_answer_before_the_service_already_registered_was_no_doing_of_ours(
    make_world: MakeWorld, status: int
) -> None:
    world = make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0")
    world.drop_file(numbered(1, "FIRST"))
    world.run()
    world.meet(Sent(world.partner_center, _answered(status, START)))
    file = world.drop_file(numbered(1, "FIRST"))
    world.run()
    (row,) = world.rows(file)
    assert (row["outcome"], row["notes"]) == ("already_registered", "")
