"""Deletions of devices: the decision for each answer, with the error beside it.

Their journal, their steps and their repeats are tested with withdrawals (tests/pipeline/corrections) and removals.
"""

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.partner_center.client import CallIds, PartnerCenter, ServiceIds
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.pipeline.backoff import Pace
from shared.pipeline.service import Service
from shared.pipeline.submissions.deletion_decisions import MOST_FORBIDDEN
from shared.pipeline.submissions.device_deletion import delete
from shared.storage.records import DeviceWithdrawal
from shared.vocabulary import WithdrawalResult
from tests.pipeline.world import CUSTOMER, START, Changed, World

PACE = Pace(timedelta(seconds=27), timedelta(minutes=15), timedelta(hours=48), lambda: 0.5)
DEVICE = DeviceWithdrawal(reading_id="f.1", row=1, run=1, batch_id="Test", device_id="d-1", request_id="request-1")


class Answers(Changed):
    """A service that answers every deletion with `error`, or successfully."""

    def __init__(self, real: PartnerCenter, error: PartnerCenterError | None = None) -> None:
        super().__init__(real)
        self._error = error
        self.request_ids: list[str] = []

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:  # noqa: ARG002
        self.request_ids.append(ids.request_id)
        if self._error is not None:
            raise self._error
        return ServiceIds(correlation_id="correlation-1")


def _service(world: World, error: PartnerCenterError | None = None) -> Service:
    return Service(Answers(world.partner_center, error), lambda: START, lambda: str(uuid4()), PACE)


def test_a_device_is_deleted_under_its_journaled_request_id(world: World) -> None:
    answers = Answers(world.partner_center)
    service = Service(answers, lambda: START, lambda: str(uuid4()), PACE)
    decided = delete(service, CUSTOMER, "Test", DEVICE, repeated=False, forbidden=2)
    assert answers.request_ids == ["request-1"]
    assert (decided.device.result, decided.forbidden, decided.error) == (WithdrawalResult.WITHDRAWN, 0, None)
    assert decided.device.correlation_id == "correlation-1"


@pytest.mark.parametrize(
    ("error", "repeated", "result"),
    [
        (Refused("x", status=404, code="1000"), False, WithdrawalResult.ALREADY_GONE),
        (Refused("x", status=404, code="1000"), True, WithdrawalResult.WITHDRAWN),
        (Refused("x", status=400, code="9"), False, WithdrawalResult.REFUSED),
        (AnswerLost("x"), False, None),
        (NeverSent("x"), False, None),
        (Throttled("x", status=429), False, None),
        (Unavailable("x", status=503), False, None),
        (Unauthorised("x", status=401), False, None),
        (Unauthorised("x", status=403), False, None),
    ],
)
def test_a_failure_comes_back_beside_what_it_decides(
    world: World, error: PartnerCenterError, repeated: bool, result: WithdrawalResult | None
) -> None:
    decided = delete(_service(world, error), CUSTOMER, "Test", DEVICE, repeated=repeated, forbidden=0)
    assert (decided.device.result, decided.error) == (result, error)


def test_a_deletion_that_is_forbidden_again_and_again_is_refused_in_the_end(world: World) -> None:
    service = _service(world, Unauthorised("x", status=403))
    forbidden, results = 0, list[WithdrawalResult | None]()
    for _ in range(MOST_FORBIDDEN):
        decided = delete(service, CUSTOMER, "Test", DEVICE, repeated=False, forbidden=forbidden)
        forbidden = decided.forbidden
        results.append(decided.device.result)
    assert results == [None] * (MOST_FORBIDDEN - 1) + [WithdrawalResult.REFUSED]
