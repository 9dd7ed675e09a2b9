"""One contract for both services that the tests know: the real client against the stand-in, and the one in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Protocol
from uuid import UUID

import msgspec
import pytest

from local.partner_center import Behaviour, Fault, Operation, PartnerCenterStandIn
from shared.partner_center.client import Accepted, CallIds, PartnerCenter, PartnerCenterClient
from shared.partner_center.errors import AnswerLost, PartnerCenterError, Refused, Throttled, Unauthorised, Unavailable
from shared.partner_center.models import BatchUploadDetails, Device, encode_devices
from shared.partner_center.sign_in import StaticToken
from tests.pipeline.world import Clock
from tests.simulation.service import SimulatedPartnerCenter

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
OTHER_CUSTOMER = "11111111-2222-3333-4444-555555555555"
UNKNOWN_CUSTOMER = "99999999-2222-3333-4444-555555555555"
DELAY = timedelta(seconds=60)


class Script(Protocol):
    """Lets the next requests meet a fault."""

    def __call__(self, fault: Fault, /, times: int = 1, operation: Operation | None = None) -> None: ...


@dataclass(slots=True)
class Party:
    """A service, its clock, and the power to disturb it."""

    calls: PartnerCenter
    script: Script
    clock: Clock
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ids(self) -> CallIds:
        return CallIds(request_id=str(UUID(int=next(self.numbers))), correlation_id=str(UUID(int=next(self.numbers))))

    def create(self, serials: str, batch: str = "Test", customer: str = CUSTOMER, ids: CallIds | None = None) -> str:
        return tracked(self.calls.create_batch(customer, batch, bodies(serials), ids or self.ids()))

    def append(self, serials: str, batch: str = "Test", ids: CallIds | None = None) -> str:
        return tracked(self.calls.append_devices(CUSTOMER, batch, bodies(serials), ids or self.ids()))

    def status(self, tracking_id: str) -> BatchUploadDetails:
        return self.calls.batch_job_status(CUSTOMER, tracking_id, self.ids()).details

    def verdicts(self, tracking_id: str) -> list[tuple[str | None, str | None, str | None]]:
        self.clock.now += DELAY
        devices = self.status(tracking_id).devices_status or ()
        return [(device.status, _text(device.error_code), device.error_description) for device in devices]

    def names_in(self, batch: str) -> list[str | None]:
        return [device.serial_number for device in self.calls.batch_devices(CUSTOMER, batch, self.ids())]


@pytest.fixture(params=["in memory", "stand-in"])
def party(request: pytest.FixtureRequest) -> Iterator[Party]:
    clock = Clock()
    if request.param == "in memory":
        service = SimulatedPartnerCenter(
            clock, delay=DELAY, unknown_customers=frozenset({UNKNOWN_CUSTOMER}), retry_after=7
        )
        yield Party(service, service.script, clock)
        return
    behaviour = Behaviour(delay=DELAY.total_seconds(), unknown_customers=frozenset({UNKNOWN_CUSTOMER}), retry_after=7)
    with PartnerCenterStandIn(behaviour, clock=clock.seconds) as stand_in:
        client = PartnerCenterClient(
            base_url=stand_in.url,
            version="v1",
            sign_in=StaticToken("token"),
            clock=clock,
            connect_timeout=1,
            read_timeout=5,
        )
        yield Party(client, stand_in.script, clock)
        client.close()


def bodies(serials: str) -> bytes:
    """The devices of these serial numbers, separated by spaces."""
    return encode_devices(
        [Device(serial_number=serial, oem_manufacturer_name="L", model_name="X") for serial in serials.split()]
    )


def tracked(accepted: Accepted) -> str:
    assert accepted.tracking_id is not None
    return accepted.tracking_id


def _text(code: str | int | None) -> str | None:
    return None if code is None else str(code)


def _fault(call: Callable[[], object]) -> tuple[type[PartnerCenterError], int | None, str | None]:
    with pytest.raises(PartnerCenterError) as caught:
        call()
    return type(caught.value), caught.value.status, caught.value.code


def test_a_created_batch_is_listed_in_its_spelling_and_its_devices_are_registered(party: Party) -> None:
    tracking_id = party.create("A B")
    assert party.verdicts(tracking_id) == [("finished", None, None)] * 2
    assert [batch.id for batch in party.calls.device_batches(CUSTOMER, party.ids())] == ["Test"]
    assert party.calls.device_batches(OTHER_CUSTOMER, party.ids()) == ()


def test_a_job_is_queued_then_processing_then_finished(party: Party) -> None:
    tracking_id = party.create("A")
    assert (party.status(tracking_id).status, party.status(tracking_id).devices_status) == ("queued", None)
    party.clock.now += DELAY / 2
    running = party.status(tracking_id)
    assert (running.status, [device.status for device in running.devices_status or ()]) == (
        "processing",
        ["processing"],
    )
    party.clock.now += DELAY / 2
    done = party.status(tracking_id)
    assert (done.status, done.completed_time is None) == ("finished", False)


def test_a_batch_in_another_spelling_is_neither_found_nor_created(party: Party) -> None:
    party.create("A")
    assert _fault(lambda: party.append("B", "TEST")) == (Refused, 404, "1000")
    assert _fault(lambda: party.create("B", "TEST")) == (Refused, 409, "3000")
    assert party.verdicts(party.append("B")) == [("finished", None, None)]


@pytest.mark.parametrize(
    ("customer", "answer"),
    [(UNKNOWN_CUSTOMER, (Refused, 404, "60003")), ("nobody", (Refused, 400, "900118"))],
)
def test_a_customer_that_is_none_is_refused(party: Party, customer: str, answer: object) -> None:
    assert _fault(lambda: party.create("A", customer=customer)) == answer
    assert _fault(lambda: party.calls.device_batches(customer, party.ids())) == answer


@pytest.mark.parametrize("body", [b"{}", b"[]", b"not json", encode_devices([Device()] * 1001)])
def test_a_body_that_is_no_upload_is_refused(party: Party, body: bytes) -> None:
    assert _fault(lambda: party.calls.create_batch(CUSTOMER, "Test", _json(body), party.ids())) == (
        Refused,
        400,
        "800002",
    )
    assert party.calls.device_batches(CUSTOMER, party.ids()) == ()


def _json(body: bytes) -> bytes:
    """The client wraps the body that creates a batch, so it must be JSON by itself."""
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return b"0"
    return body


def test_one_device_without_identity_refuses_all(party: Party) -> None:
    party.create("A")
    body = encode_devices(
        [Device(serial_number="B", oem_manufacturer_name="L", model_name="X"), Device(model_name="X")]
    )
    assert _fault(lambda: party.calls.append_devices(CUSTOMER, "Test", body, party.ids())) == (Refused, 400, "3000")
    assert party.verdicts(party.append("B")) == [("finished", None, None)]


def test_a_device_is_deleted_once_and_may_then_be_registered_anew_under_another_id(party: Party) -> None:
    party.create("A B")
    party.clock.now += DELAY
    first, kept = party.calls.batch_devices(CUSTOMER, "Test", party.ids())
    assert first.id is not None
    party.calls.delete_device(CUSTOMER, "Test", first.id, party.ids())
    again = partial(party.calls.delete_device, CUSTOMER, "Test", first.id, party.ids())
    assert _fault(again) == (Refused, 404, "1000")
    assert list(party.calls.batch_devices(CUSTOMER, "Test", party.ids())) == [kept]
    assert party.verdicts(party.append("A")) == [("finished", None, None)]
    _, newer = party.calls.batch_devices(CUSTOMER, "Test", party.ids())
    assert newer.serial_number == first.serial_number
    assert newer.id not in (None, first.id)


def test_a_device_of_another_customer_or_batch_is_not_deleted(party: Party) -> None:
    party.create("A")
    party.clock.now += DELAY
    (device,) = party.calls.batch_devices(CUSTOMER, "Test", party.ids())
    for customer, batch in ((OTHER_CUSTOMER, "Test"), (CUSTOMER, "TEST"), (CUSTOMER, "Other")):
        delete = partial(party.calls.delete_device, customer, batch, device.id or "", party.ids())
        assert _fault(delete) == (Refused, 404, "1000")
    assert len(list(party.calls.batch_devices(CUSTOMER, "Test", party.ids()))) == 1


def test_a_request_id_that_is_no_guid_is_refused(party: Party) -> None:
    ids = CallIds(request_id="mine", correlation_id="mine")
    assert _fault(lambda: party.create("A", ids=ids)) == (Refused, 400, "800002")


def test_a_repeated_request_id_gets_the_first_answer_and_is_not_processed_again(party: Party) -> None:
    party.create("A")
    ids = party.ids()
    first = party.append("B", ids=ids)
    assert party.append("B", ids=ids) == first
    assert party.verdicts(first) == [("finished", None, None)]
    assert _fault(lambda: party.append("C", ids=ids)) == (Refused, 400, "800002")


def test_a_refusal_is_repeated_too(party: Party) -> None:
    ids = party.ids()
    assert _fault(lambda: party.append("B", ids=ids)) == (Refused, 404, "1000")
    party.create("A")
    assert _fault(lambda: party.append("B", ids=ids)) == (Refused, 404, "1000")


def test_a_forgotten_request_id_is_processed_again(party: Party) -> None:
    party.create("A")
    ids = party.ids()
    first = party.append("B", ids=ids)
    party.script(Fault.FORGET_REQUEST_IDS)
    again = party.append("B", ids=ids)
    assert again != first
    assert party.verdicts(again) == [("finished_with_errors", "806", "ZtdDeviceAlreadyAssigned")]


def test_a_device_of_the_customer_another_tenant_or_twice_in_an_upload_is_told_apart(party: Party) -> None:
    party.create("OURS")
    party.create("THEIRS", customer=OTHER_CUSTOMER)
    assert party.verdicts(party.append("OURS THEIRS NEW NEW")) == [
        ("finished_with_errors", "806", "ZtdDeviceAlreadyAssigned"),
        ("finished_with_errors", "808", "ZtdDeviceAssignedToOtherTenant"),
        ("finished", None, None),
        ("finished_with_errors", None, "ZtdDeviceDuplicated"),
    ]


def test_an_upload_whose_devices_all_failed_says_so_and_one_device_alone_does_not(party: Party) -> None:
    two, one = party.create("STANDIN-812-1 STANDIN-812-2"), party.append("STANDIN-812-3")
    party.clock.now += DELAY
    assert (party.status(two).status, party.status(one).status) == ("finished_with_errors", "finished")


@pytest.mark.parametrize(
    ("serial", "verdict"),
    [
        ("STANDIN-808-1", ("finished_with_errors", "808", "ZtdDeviceAssignedToOtherTenant")),
        ("STANDIN-806OTHER-1", ("finished_with_errors", "806", "ZtdDeviceAssignedToOtherTenant")),
        ("STANDIN-0-1", ("finished", "0", None)),
        ("STANDIN-NOREASON-1", ("finished_with_errors", None, None)),
        ("STANDIN-STUCK-1", ("in-progress", None, None)),
        ("STANDIN-999-1", ("finished_with_errors", "999", "ZtdUndocumented")),
    ],
)
def test_a_serial_number_provokes_its_outcome(party: Party, serial: str, verdict: object) -> None:
    assert party.verdicts(party.create(serial)) == [verdict]


def test_a_passing_error_of_a_device_is_over_the_second_time(party: Party) -> None:
    first = party.create("STANDIN-StorageError-1")
    assert party.verdicts(first) == [("finished_with_errors", None, "StorageError")]
    assert party.verdicts(party.append("STANDIN-StorageError-1")) == [("finished", None, None)]


def test_a_device_sent_with_its_hash_alone_comes_back_without_a_name(party: Party) -> None:
    body = encode_devices([Device(hardware_hash="aGFzaA=="), Device(hardware_hash="no base64")])
    tracking_id = tracked(party.calls.create_batch(CUSTOMER, "Test", body, party.ids()))
    party.clock.now += DELAY
    first, second = party.status(tracking_id).devices_status or ()
    assert (first.status, first.serial_number, first.device_id) == ("finished", None, None)
    assert (second.error_code, second.error_description) == ("802", "InvalidZtdHardwareHash")


def test_the_devices_of_a_batch_are_those_registered_in_it_once_their_job_is_done(party: Party) -> None:
    party.create("OURS", "Other")
    party.create("A OURS STANDIN-808-1 B")
    assert party.names_in("Test") == []
    party.clock.now += DELAY
    assert party.names_in("Test") == ["A", "B"]
    (first, _) = party.calls.batch_devices(CUSTOMER, "Test", party.ids())
    assert first.uploaded_at is not None
    assert abs(first.uploaded_at - party.clock.now) < timedelta(seconds=1)
    assert _fault(lambda: party.names_in("test")) == (Refused, 404, "1000")


def test_the_devices_of_a_large_batch_come_page_by_page(party: Party) -> None:
    names = [f"S{number}" for number in range(230)]
    party.create(" ".join(names))
    party.clock.now += DELAY
    assert party.names_in("Test") == names


def test_a_job_of_nobody_or_of_another_customer_is_not_found(party: Party) -> None:
    tracking_id = party.create("A", customer=OTHER_CUSTOMER)
    assert _fault(lambda: party.status(tracking_id)) == (Refused, 404, "1000")
    assert _fault(lambda: party.status(str(UUID(int=5)))) == (Refused, 404, "1000")


# --- faults


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Fault.THROTTLE, (Throttled, 429, None)),
        (Fault.UNAVAILABLE, (Unavailable, 503, None)),
        (Fault.UNAUTHORISED, (Unauthorised, 401, "400")),
        (Fault.FORBIDDEN, (Unauthorised, 403, None)),
        (Fault.REDIRECT, (Unavailable, 307, None)),
        (Fault.DROPPED_BEFORE, (AnswerLost, None, None)),
    ],
)
def test_what_stands_in_the_way_answers_in_its_own_words_and_nothing_is_processed(
    party: Party, fault: Fault, answer: object
) -> None:
    party.create("A")
    ids = party.ids()
    party.script(fault, times=4)
    assert _fault(lambda: party.append("B", ids=ids)) == answer
    assert _fault(lambda: party.status(str(UUID(int=5)))) == answer
    assert _fault(lambda: party.calls.device_batches(CUSTOMER, ids)) == answer
    assert _fault(lambda: party.names_in("Test")) == answer
    party.clock.now += DELAY
    assert party.names_in("Test") == ["A"]


def test_throttling_says_how_long(party: Party) -> None:
    party.script(Fault.THROTTLE)
    with pytest.raises(Throttled) as caught:
        party.create("A")
    assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("fault", [Fault.DROPPED_AFTER, Fault.TRUNCATED])
def test_an_upload_whose_answer_is_lost_was_processed(party: Party, fault: Fault) -> None:
    party.create("A")
    ids = party.ids()
    party.script(fault)
    assert _fault(lambda: party.append("B", ids=ids))[0] is AnswerLost
    assert party.verdicts(party.append("B", ids=ids)) == [("finished", None, None)]
    assert party.verdicts(party.append("B")) == [("finished_with_errors", "806", "ZtdDeviceAlreadyAssigned")]


@pytest.mark.parametrize("fault", [Fault.WITHOUT_LOCATION, Fault.NOT_JSON])
def test_an_acceptance_without_a_link_has_no_tracking_id_and_the_repeat_has(party: Party, fault: Fault) -> None:
    party.create("A")
    ids = party.ids()
    party.script(fault)
    assert party.calls.append_devices(CUSTOMER, "Test", bodies("B"), ids).tracking_id is None
    assert party.verdicts(party.append("B", ids=ids)) == [("finished", None, None)]


def test_a_link_in_the_body_is_followed(party: Party) -> None:
    party.script(Fault.LINK_IN_BODY)
    assert party.verdicts(party.create("A")) == [("finished", None, None)]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.DROPPED_AFTER, AnswerLost), (Fault.TRUNCATED, AnswerLost), (Fault.NOT_JSON, Unavailable)],
)
def test_a_question_whose_answer_is_spoiled_is_told_as_such(
    party: Party, fault: Fault, error: type[PartnerCenterError]
) -> None:
    tracking_id = party.create("A")
    party.script(fault, times=3)
    for question in (
        lambda: party.status(tracking_id),
        lambda: party.calls.device_batches(CUSTOMER, party.ids()),
        lambda: party.names_in("Test"),
    ):
        assert _fault(question)[0] is error


def test_a_status_may_be_denied_shortened_or_in_unknown_words(party: Party) -> None:
    tracking_id = party.create("A B")
    party.clock.now += DELAY
    party.script(Fault.UNKNOWN_TRACKING_ID)
    assert _fault(lambda: party.status(tracking_id)) == (Refused, 404, "1000")
    party.script(Fault.SHORTER_STATUS)
    assert len(party.status(tracking_id).devices_status or ()) == 1
    party.script(Fault.UNKNOWN_STATUS)
    told = party.status(tracking_id)
    assert (told.status, {device.status for device in told.devices_status or ()}) == (
        "awaiting_review",
        {"awaiting_review"},
    )
    assert len(party.verdicts(tracking_id)) == 2
