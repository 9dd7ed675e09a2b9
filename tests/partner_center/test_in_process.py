"""Without sockets the client behaves as over HTTP: answers, refusals, and every fault of the stand-in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest

from local.partner_center import Behaviour, Fault, PartnerCenterStandIn, Reply, StandIn
from shared.partner_center.client import Accepted, CallIds, PartnerCenterClient
from shared.partner_center.errors import AnswerLost, PartnerCenterError, Refused, Throttled, Unauthorised, Unavailable
from shared.partner_center.models import BatchUploadDetails, Device, encode_devices
from tests.partner_center.in_process import TOKEN, client_in_process
from tests.pipeline.world import Clock

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
UNKNOWN_CUSTOMER = "99999999-2222-3333-4444-555555555555"
DELAY = timedelta(seconds=60)


@dataclass(slots=True)
class Party:
    """A client, its stand-in, and their clock."""

    calls: PartnerCenterClient
    service: StandIn
    clock: Clock
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ids(self) -> CallIds:
        return CallIds(request_id=str(UUID(int=next(self.numbers))), correlation_id=str(UUID(int=next(self.numbers))))

    def create(self, serials: str, customer: str = CUSTOMER) -> str:
        return tracked(self.calls.create_batch(customer, "Test", bodies(serials), self.ids()))

    def append(self, serials: str, ids: CallIds | None = None) -> str:
        return tracked(self.calls.append_devices(CUSTOMER, "Test", bodies(serials), ids or self.ids()))

    def status(self, tracking_id: str) -> BatchUploadDetails:
        return self.calls.batch_job_status(CUSTOMER, tracking_id, self.ids()).details

    def verdicts(self, tracking_id: str) -> list[tuple[str | None, str | int | None, str | None]]:
        self.clock.now += DELAY
        devices = self.status(tracking_id).devices_status or ()
        return [(device.status, device.error_code, device.error_description) for device in devices]

    def names(self) -> list[str | None]:
        return [device.serial_number for device in self.calls.batch_devices(CUSTOMER, "Test", self.ids())]

    def questions(self, tracking_id: str) -> list[Callable[[], object]]:
        """Every call that changes nothing."""
        return [
            lambda: self.status(tracking_id),
            lambda: list(self.calls.device_batches(CUSTOMER, self.ids())),
            self.names,
        ]


@pytest.fixture(params=["in process", "over HTTP"])
def party(request: pytest.FixtureRequest) -> Iterator[Party]:
    clock = Clock()
    behaviour = Behaviour(delay=DELAY.total_seconds(), unknown_customers=frozenset({UNKNOWN_CUSTOMER}), retry_after=7)
    if request.param == "in process":
        with StandIn(behaviour, clock=clock.seconds) as service:
            yield Party(client_in_process(service.reply, clock), service, clock)
        return
    with PartnerCenterStandIn(behaviour, clock=clock.seconds) as served:
        client = PartnerCenterClient(
            base_url=served.url, sign_in=TOKEN, clock=clock, connect_timeout=1, exchange_timeout=5
        )
        yield Party(client, served, clock)
        client.close()


def bodies(serials: str) -> bytes:
    """The devices of these serial numbers, separated by spaces."""
    return encode_devices(
        [Device(serial_number=serial, oem_manufacturer_name="L", model_name="X") for serial in serials.split()]
    )


def tracked(accepted: Accepted) -> str:
    assert accepted.tracking_id is not None
    return accepted.tracking_id


def _fault(call: Callable[[], object]) -> tuple[type[PartnerCenterError], int | None, str | None]:
    with pytest.raises(PartnerCenterError) as caught:
        call()
    return type(caught.value), caught.value.status, caught.value.code


def test_devices_are_registered_listed_page_by_page_and_deleted(party: Party) -> None:
    names = [f"S{number}" for number in range(230)]
    tracking_id = party.create(" ".join(names))
    assert party.status(tracking_id).status == "queued"
    assert party.verdicts(tracking_id) == [("finished", None, None)] * 230
    assert [batch.id for batch in party.calls.device_batches(CUSTOMER, party.ids())] == ["Test"]
    assert party.names() == names
    first = next(party.calls.batch_devices(CUSTOMER, "Test", party.ids()))
    party.calls.delete_device(CUSTOMER, "Test", first.id or "", party.ids())
    assert party.names() == names[1:]
    assert party.verdicts(party.append("S0")) == [("finished", None, None)]


@pytest.mark.parametrize(
    ("customer", "answer"),
    [(UNKNOWN_CUSTOMER, (Refused, 404, "60003")), ("nobody", (Refused, 400, "900118"))],
)
def test_a_refusal_keeps_its_status_and_code(party: Party, customer: str, answer: object) -> None:
    assert _fault(lambda: party.create("A", customer)) == answer
    assert _fault(lambda: list(party.calls.device_batches(customer, party.ids()))) == answer


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
def test_a_fault_before_the_service_keeps_its_own_words_and_nothing_is_processed(
    party: Party, fault: Fault, answer: object
) -> None:
    tracking_id = party.create("A")
    party.service.script(fault, times=4)
    assert _fault(lambda: party.append("B")) == answer
    for question in party.questions(tracking_id):
        assert _fault(question) == answer
    party.clock.now += DELAY
    assert party.names() == ["A"]


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.THROTTLE_UNTIL])
def test_throttling_says_how_long(party: Party, fault: Fault) -> None:
    party.service.script(fault)
    with pytest.raises(Throttled) as caught:
        party.create("A")
    assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.DROPPED_AFTER, AnswerLost), (Fault.TRUNCATED, AnswerLost), (Fault.GATEWAY_TIMEOUT, Unavailable)],
)
def test_an_upload_whose_answer_is_lost_was_processed(
    party: Party, fault: Fault, error: type[PartnerCenterError]
) -> None:
    party.create("A")
    ids = party.ids()
    party.service.script(fault)
    assert _fault(lambda: party.append("B", ids=ids))[0] is error
    assert party.verdicts(party.append("B", ids=ids)) == [("finished", None, None)]
    assert party.verdicts(party.append("B")) == [("finished_with_errors", "806", "ZtdDeviceAlreadyAssigned")]


@pytest.mark.parametrize("fault", [Fault.WITHOUT_LOCATION, Fault.NOT_JSON])
def test_an_acceptance_without_a_link_has_no_tracking_id_and_the_repeat_has(party: Party, fault: Fault) -> None:
    party.create("A")
    ids = party.ids()
    party.service.script(fault)
    assert party.calls.append_devices(CUSTOMER, "Test", bodies("B"), ids).tracking_id is None
    assert party.verdicts(party.append("B", ids=ids)) == [("finished", None, None)]


def test_a_link_in_the_body_is_followed(party: Party) -> None:
    party.service.script(Fault.LINK_IN_BODY)
    assert party.verdicts(party.create("A")) == [("finished", None, None)]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DROPPED_AFTER, AnswerLost),
        (Fault.TRUNCATED, AnswerLost),
        (Fault.GATEWAY_TIMEOUT, Unavailable),
        (Fault.NOT_JSON, Unavailable),
    ],
)
def test_a_question_whose_answer_is_spoiled_is_told_as_such(
    party: Party, fault: Fault, error: type[PartnerCenterError]
) -> None:
    tracking_id = party.create("A")
    party.service.script(fault, times=3)
    for question in party.questions(tracking_id):
        assert _fault(question)[0] is error


def test_a_status_may_be_denied_shortened_or_in_unknown_words(party: Party) -> None:
    tracking_id = party.create("A B")
    party.clock.now += DELAY
    party.service.script(Fault.UNKNOWN_TRACKING_ID)
    assert _fault(lambda: party.status(tracking_id)) == (Refused, 404, "1000")
    party.service.script(Fault.SHORTER_STATUS)
    assert len(party.status(tracking_id).devices_status or ()) == 1
    party.service.script(Fault.UNKNOWN_STATUS)
    told = party.status(tracking_id)
    assert (told.status, {device.status for device in told.devices_status or ()}) == (
        "awaiting_review",
        {"awaiting_review"},
    )
    assert len(party.verdicts(tracking_id)) == 2


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.DROPPED_AFTER, Fault.TRUNCATED, Fault.GATEWAY_TIMEOUT])
def test_a_long_batch_is_read_to_its_end_while_one_request_of_three_fails(fault: Fault) -> None:
    clock, requests = Clock(), count()
    with StandIn(Behaviour(page_size=1), clock=clock.seconds) as service:

        def reply(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
            if method == "GET" and next(requests) % 3 == 2:
                service.script(fault)
            return service.reply(method, path, headers, body)

        party = Party(client_in_process(reply, clock), service, clock)
        party.create(" ".join(f"SN-{number}" for number in range(100)))
        assert len(party.names()) == 100
    assert next(requests) > 140
