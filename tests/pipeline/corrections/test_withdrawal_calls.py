"""The ids of devices that are being withdrawn: the decision for each answer, with the error beside it."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from shared.partner_center.client import CallIds, PartnerCenter
from shared.partner_center.errors import PartnerCenterError, Refused, Throttled
from shared.partner_center.models import Device
from shared.pipeline.backoff import Pace
from shared.pipeline.corrections.withdrawal_calls import find_ids
from shared.pipeline.service import Service
from shared.storage.records import DeviceOutcome, DeviceWithdrawal
from shared.vocabulary import FileState, Outcome, WithdrawalResult
from tests.pipeline.world import START, Changed, World
from tests.storage.records import device_file

PACE = Pace(timedelta(seconds=27), timedelta(minutes=15), timedelta(hours=48), lambda: 0.5)
FILE = device_file(state=FileState.CLOSED, received_at=START)
REGISTERED = DeviceOutcome(reading_id="f.1", row=1, outcome=Outcome.REGISTERED, serial_number="SN-1", batch_id="Test")


class Answers(Changed):
    """A service that answers every request about devices with `error`, or successfully."""

    def __init__(self, real: PartnerCenter, error: PartnerCenterError | None = None, *devices: Device) -> None:
        super().__init__(real)
        self._error = error
        self._devices = devices

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:  # noqa: ARG002
        yield from self._devices
        if self._error is not None:
            raise self._error


def _service(world: World, error: PartnerCenterError | None = None, *devices: Device) -> Service:
    return Service(Answers(world.partner_center, error, *devices), lambda: START, lambda: str(uuid4()), PACE)


def _ids(service: Service) -> tuple[list[tuple[str, WithdrawalResult | None]], PartnerCenterError | None]:
    device = DeviceWithdrawal(reading_id="f.1", row=1, run=1, batch_id="Test", device_id="")
    decided = find_ids(service, FILE, "Test", [(REGISTERED, device)], iter)
    return [(each.device_id, each.result) for each in decided.devices], decided.error


def test_a_device_is_found_in_its_batch_by_its_name(world: World) -> None:
    found = Device(id="d-7", serial_number="SN-1", uploaded_date=f"{START:%Y-%m-%dT%H:%M:%SZ}")
    assert _ids(_service(world, None, found)) == ([("d-7", None)], None)


def test_a_batch_that_the_service_refuses_to_show_leaves_its_devices_refused(world: World) -> None:
    assert _ids(_service(world, Refused("x", status=400, code="9"))) == ([("", WithdrawalResult.REFUSED)], None)


def test_a_list_that_breaks_off_decides_nothing(world: World) -> None:
    error = Throttled("x", status=429)
    assert _ids(_service(world, error)) == ([], error)
