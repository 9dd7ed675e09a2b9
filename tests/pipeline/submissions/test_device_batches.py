"""The batch of a submission: one submission finds or creates it while the others wait."""

from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from local.partner_center import Behaviour
from shared.partner_center.client import CallIds, PartnerCenter
from shared.partner_center.errors import PartnerCenterError, Throttled
from shared.partner_center.models import DeviceBatch
from shared.pipeline.submissions.device_batches import DeviceBatches, Target
from shared.pipeline.submissions.state_machine import Decided, FindBatchAgain, Poll, Refuse, SendAgain, WaitFor
from shared.storage.record_table import Stored
from shared.storage.records import BatchState, RequestKind, ServiceFault, Submission
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, Changed, World, numbered


class Lists(Changed):
    """A service that has these batches, or fails to list them."""

    def __init__(self, real: PartnerCenter, *names: str, error: PartnerCenterError | None = None) -> None:
        super().__init__(real)
        self.names = names
        self.asked = 0
        self._error = error

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterable[DeviceBatch]:  # noqa: ARG002
        self.asked += 1
        if self._error is not None:
            raise self._error
        return tuple(DeviceBatch(id=name) for name in self.names)


@pytest.fixture
def waiting(make_world: MakeWorld) -> World:
    """A world with two submissions, which sends nothing by itself."""
    return make_world(Behaviour(delay=60), INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="1")


def _batches(world: World) -> DeviceBatches:
    pipeline = world.pipeline
    return DeviceBatches(world.journal.batches, pipeline.cache.batches, pipeline.service, world.settings.advanced.claim)


def _two(world: World) -> tuple[Stored[Submission], Stored[Submission]]:
    file = world.drop_file(numbered(2))
    return world.submission(file, "1"), world.submission(file, "2")


def _state(world: World) -> BatchState | None:
    stored = world.journal.batches.get(CUSTOMER, "Test")
    return None if stored is None else stored.record.state


def test_a_batch_that_is_listed_is_appended_to_in_the_service_s_spelling(waiting: World) -> None:
    service = Lists(waiting.partner_center, "Other", "TEST")
    waiting.meet(service)
    first, second = _two(waiting)
    assert _batches(waiting).target_of(first) == Target(RequestKind.APPEND, "TEST", was_listed=True)
    assert _batches(waiting).target_of(second) == Target(RequestKind.APPEND, "TEST")
    assert service.asked == 1
    assert _state(waiting) is BatchState.KNOWN


class ListsForEver(Lists):
    """A service whose list of batches has the wanted one, and no end."""

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterator[DeviceBatch]:  # noqa: ARG002
        yield from (DeviceBatch(id=name) for name in self.names)
        raise AssertionError("the list is read on")


@pytest.mark.parametrize("names", [("Other", "Test"), ("TEST", "Test")])
def test_the_list_of_batches_is_read_no_further_than_to_the_wanted_one(waiting: World, names: tuple[str, ...]) -> None:
    waiting.meet(ListsForEver(waiting.partner_center, *names))
    first, _ = _two(waiting)
    assert _batches(waiting).target_of(first) == Target(RequestKind.APPEND, "Test", was_listed=True)


def test_a_batch_that_is_absent_is_created_by_one_while_the_others_wait(waiting: World) -> None:
    waiting.meet(Lists(waiting.partner_center))
    first, second = _two(waiting)
    target = _batches(waiting).target_of(first)
    assert isinstance(target, Target)
    assert target.kind is RequestKind.CREATE
    waits = _batches(waiting).target_of(second)
    assert isinstance(waits, Decided)
    assert isinstance(waits.step, WaitFor)
    _batches(waiting).note(
        first.record, target, Poll("job", waiting.pipeline.pace.first_poll, waiting.pipeline.pace.deadline)
    )
    assert _batches(waiting).target_of(second) == Target(RequestKind.APPEND, "Test")


def test_while_the_same_creation_is_to_be_repeated_the_others_wait_on(waiting: World) -> None:
    waiting.meet(Lists(waiting.partner_center))
    first, second = _two(waiting)
    target = _batches(waiting).target_of(first)
    assert isinstance(target, Target)
    step = SendAgain(waiting.pipeline.pace.first_poll, "Lost.", same_request=True, maybe_taken=True)
    _batches(waiting).note(first.record, target, step)
    waits = _batches(waiting).target_of(second)
    assert isinstance(waits, Decided)
    assert isinstance(waits.step, WaitFor)


def test_a_list_that_fails_comes_back_as_its_error_and_frees_the_batch(waiting: World) -> None:
    error = Throttled("Too many requests.", status=429)
    waiting.meet(Lists(waiting.partner_center, error=error))
    first, second = _two(waiting)
    decided = _batches(waiting).target_of(first)
    assert isinstance(decided, Decided)
    assert isinstance(decided.step, SendAgain)
    assert decided.error is error
    waiting.meet(Lists(waiting.partner_center, "Test"))
    assert _batches(waiting).target_of(second) == Target(RequestKind.APPEND, "Test", was_listed=True)


def test_a_batch_that_turned_out_to_be_wrong_is_listed_again(waiting: World) -> None:
    service = Lists(waiting.partner_center, "Test")
    waiting.meet(service)
    first, _ = _two(waiting)
    target = _batches(waiting).target_of(first)
    assert isinstance(target, Target)
    _batches(waiting).note(first.record, target, FindBatchAgain(waiting.pipeline.pace.first_poll, "Unknown batch."))
    service.names = ()
    again = _batches(waiting).target_of(first)
    assert isinstance(again, Target)
    assert again.kind is RequestKind.CREATE


def test_a_creation_that_was_refused_is_final_when_the_batch_is_still_absent(waiting: World) -> None:
    waiting.meet(Lists(waiting.partner_center))
    first, _ = _two(waiting)
    fault = ServiceFault(code="9", description="No.")
    refused = first.holding(replace(first.record, create_refused=fault))
    decided = _batches(waiting).target_of(refused)
    assert isinstance(decided, Decided)
    assert decided.step == Refuse(fault)
    assert decided.error is None


def test_a_request_that_is_to_be_repeated_keeps_its_batch(waiting: World) -> None:
    service = Lists(waiting.partner_center)
    waiting.meet(service)
    first, _ = _two(waiting)
    waiting.deliver_next()
    sent = waiting.submission(first.record.file_id, "1")
    assert sent.record.request is not None
    service.asked = 0
    again = _batches(waiting).target_of(sent)
    assert again == Target(sent.record.request.kind, "Test")
    assert service.asked == 0
