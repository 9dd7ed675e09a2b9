"""The search of a customer's batches for devices that are to be removed: which are read, and what stays unread."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from shared.partner_center.client import CallIds
from shared.partner_center.errors import ListTooLong, PartnerCenterError, Refused, Throttled
from shared.partner_center.models import Device, DeviceBatch
from shared.pipeline.backoff import Pace
from shared.pipeline.service import Service
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.removal_search import LONGEST_SEARCH, Search, search_batches
from shared.vocabulary import FileOrder
from tests.pipeline.world import CUSTOMER, START, Changed, Clock, World
from tests.storage.records import device_file, submission_of

PACE = Pace(timedelta(seconds=27), timedelta(minutes=15), timedelta(hours=48), lambda: 0.5)
ROW = SentRow(row=1, serial_number="SN-1")


class Lists(Changed):
    """A service with these batches; a batch may be an error, and reading one takes a while."""

    def __init__(self, world: World, takes: timedelta = timedelta(0), **batches: Device | PartnerCenterError) -> None:
        super().__init__(world.partner_center)
        self.clock = world.clock
        self.takes = takes
        self.batches = batches
        self.read: list[str] = []

    def device_batches(self, customer_id: str, ids: CallIds) -> Iterator[DeviceBatch]:  # noqa: ARG002
        yield from (DeviceBatch(id=name) for name in (*self.batches, *self.batches))

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        assert customer_id == CUSTOMER
        assert ids.request_id
        self.read.append(batch_id)
        self.clock.now += self.takes
        found = self.batches[batch_id]
        if isinstance(found, PartnerCenterError):
            raise found
        yield found


def _searched(lists: Lists, batch_id: str = "") -> Search:
    service = Service(lists, lists.clock, lambda: str(uuid4()), PACE)
    removal = submission_of(device_file(), customer_id=CUSTOMER, batch_id=batch_id, order=FileOrder.REMOVE)
    return search_batches(service, removal, [ROW], lambda: None)


def test_all_batches_are_searched_each_once_or_the_named_one_alone(world: World) -> None:
    lists = Lists(world, Sales=Device(id="1", serial_number="sn-1"), Lab=Device(id="2", serial_number="SN-2"))
    found = _searched(lists)
    assert [(placed.batch_id, placed.device.id) for placed in found.fitting[1]] == [("Sales", "1")]
    assert lists.read == ["Sales", "Lab"]
    lists.read.clear()
    assert _searched(lists, "LAB").fitting[1] == []
    assert lists.read == ["Lab"]


@pytest.mark.parametrize(
    ("error", "unread"),
    [
        (Refused("x", status=404), []),
        (Refused("x", status=400), ["Lab"]),
        (ListTooLong("x"), ["Lab"]),
    ],
)
def test_a_batch_that_cannot_be_read_is_told_unless_it_is_gone(
    world: World, error: PartnerCenterError, unread: list[str]
) -> None:
    found = _searched(Lists(world, Sales=Device(id="1", serial_number="SN-1"), Lab=error))
    assert (len(found.fitting[1]), found.unread) == (1, unread)


def test_what_may_pass_ends_the_search(world: World) -> None:
    with pytest.raises(Throttled):
        _searched(Lists(world, Sales=Throttled("x", status=429)))


def test_a_search_ends_in_time(world: World) -> None:
    device = Device(id="1", serial_number="SN-1")
    lists = Lists(world, LONGEST_SEARCH + timedelta(seconds=1), Sales=device, Lab=device, More=device)
    assert _searched(lists).unread == ["Lab", "More"]
    assert lists.clock.now > START
    assert isinstance(lists.clock, Clock)
