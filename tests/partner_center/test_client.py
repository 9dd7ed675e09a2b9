"""The client over real HTTP: every call, every fault, and the data that must never leave this machine."""

import contextlib
import gzip
import ipaddress
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.partner_center import (
    CUSTOMERS,
    Behaviour,
    Fault,
    NamedCustomer,
    NamedPolicy,
    Operation,
    PartnerCenterStandIn,
)
from shared.bounded_exchange import Exchange, bounded_exchange
from shared.partner_center import client as client_module
from shared.partner_center.audit_records import DeviceOperation
from shared.partner_center.client import (
    DEVICES,
    CallIds,
    PartnerCenterClient,
)
from shared.partner_center.errors import (
    AnswerLost,
    ListTooLong,
    NeverSent,
    PartnerCenterError,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from shared.partner_center.models import CustomerRelationship, Device, JobState, encode_devices, encode_policy_updates
from shared.partner_center.paths import append_path, policy_updates_path
from tests.dribbling_server import DribblingAnswer, DribblingServer
from tests.partner_center.conftest import NOW, MakeClient
from tests.raw_server import StartRawServer

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
TRACKING_ID = "beba2053-5401-46ff-9223-7e841ed78fbf"
NewIds = Callable[[], CallIds]


def some_devices(count: int = 1, prefix: str = "SERIAL") -> bytes:
    return encode_devices(
        [
            Device(serial_number=f"{prefix}-{number}", oem_manufacturer_name="Contoso", model_name="PC 1")
            for number in range(count)
        ]
    )


# Every call


def test_a_batch_is_created_and_its_upload_followed(client: PartnerCenterClient, new_ids: NewIds) -> None:
    accepted = client.create_batch(CUSTOMER, "Sales", some_devices(2), new_ids())
    assert accepted.status == 202
    assert accepted.tracking_id
    details = client.batch_job_status(CUSTOMER, accepted.tracking_id, new_ids()).details
    assert details.state is JobState.FINISHED
    assert [device.serial_number for device in details.devices_status or ()] == ["SERIAL-0", "SERIAL-1"]
    assert all(device.is_final for device in details.devices_status or ())


def test_devices_are_appended(client: PartnerCenterClient, new_ids: NewIds) -> None:
    client.create_batch(CUSTOMER, "Sales", some_devices(1, "A"), new_ids())
    accepted = client.append_devices(CUSTOMER, "Sales", some_devices(1, "B"), new_ids())
    assert accepted.tracking_id
    assert [device.serial_number for device in client.batch_devices(CUSTOMER, "Sales", new_ids())] == ["A-0", "B-0"]


def test_a_customers_batches_are_listed(client: PartnerCenterClient, new_ids: NewIds) -> None:
    assert list(client.device_batches(CUSTOMER, new_ids())) == []
    client.create_batch(CUSTOMER, "Sales", some_devices(3), new_ids())
    (batch,) = client.device_batches(CUSTOMER, new_ids())
    assert (batch.id, batch.count) == ("Sales", 3)


@pytest.mark.parametrize("token_in_links", [False, True])
def test_the_devices_of_a_batch_are_read_over_all_pages(
    client_of: MakeClient,
    new_ids: NewIds,
    token_in_links: bool,
) -> None:
    with PartnerCenterStandIn(Behaviour(token_in_links=token_in_links)) as service:
        client = client_of(service.url)
        client.create_batch(CUSTOMER, "Big one", some_devices(250), new_ids())
        serials = [device.serial_number for device in client.batch_devices(CUSTOMER, "Big one", new_ids())]
        assert serials == [f"SERIAL-{number}" for number in range(250)]
        assert service.report()["received"]["batch_devices"] == 3


@pytest.mark.parametrize("token_in_links", [False, True])
def test_the_partners_customers_are_read_over_all_pages(
    client_of: MakeClient, new_ids: NewIds, token_in_links: bool
) -> None:
    listed = [NamedCustomer(str(UUID(int=number)), f"Customer {number}", f"c{number}.test") for number in range(501)]
    with PartnerCenterStandIn(Behaviour(customers=listed, token_in_links=token_in_links)) as service:
        read = list(client_of(service.url).customers(new_ids()))
        assert service.report()["received"]["customers"] == 2
    assert [customer.customer_id for customer in read] == [customer.id for customer in listed]
    profile = read[-1].company_profile
    assert profile is not None
    assert (profile.company_name, profile.domain) == ("Customer 500", "c500.test")
    assert read[-1].relationship is CustomerRelationship.RESELLER


def test_one_customer_is_read_with_its_relationship(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    former = next(each for each in CUSTOMERS if each.relationship == "none")
    assert client.customer(former.id, new_ids()).relationship is CustomerRelationship.NONE
    assert stand_in.report()["received"]["customer"] == 1


def test_a_customer_that_is_not_the_partners_is_refused_with_404(client_of: MakeClient, new_ids: NewIds) -> None:
    with (
        PartnerCenterStandIn(Behaviour(unknown_customers=frozenset({CUSTOMER}))) as service,
        pytest.raises(Refused) as refused,
    ):
        client_of(service.url).customer(CUSTOMER, new_ids())
    assert (refused.value.status, refused.value.code) == (404, "60003")


@pytest.mark.parametrize(
    ("header", "said"), [("isMfaCompliant: true", True), ("ismfacompliant: False", False), ("X: y", None)]
)
def test_the_service_is_asked_whether_the_sign_in_has_a_second_factor(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, header: str, said: bool | None
) -> None:
    server = raw_server(accepted_with(header, status="200 OK"))
    assert client_of(server.url).has_second_factor(new_ids()) is said
    assert b"\r\nvalidatemfa: true\r\n" in server.received[0].lower()


def test_the_stand_in_says_that_there_is_a_second_factor_when_it_is_asked(
    client: PartnerCenterClient, new_ids: NewIds
) -> None:
    assert client.has_second_factor(new_ids()) is True


def test_a_sign_in_that_may_not_read_customers_is_told_so(client_of: MakeClient, new_ids: NewIds) -> None:
    with PartnerCenterStandIn(Behaviour(may_read_customers=False)) as service, pytest.raises(Unauthorised) as refused:
        list(client_of(service.url).customers(new_ids()))
    assert refused.value.status == 403


@pytest.mark.parametrize("body", ["{}", '{"totalCount": 3}', '{"items": null}', '{"message": "hello"}', "[", '"none"'])
def test_an_answer_without_customers_is_no_empty_list(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, body: str
) -> None:
    with pytest.raises(Unavailable):
        list(client_of(raw_server(accepted_with(status="200 OK", body=body)).url).customers(new_ids()))


def test_a_list_of_customers_that_leads_to_itself_comes_to_an_end(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    stand_in.script(Fault.ENDLESS_CUSTOMERS, times=2)
    with pytest.raises(ListTooLong, match="do not end"):
        list(client.customers(new_ids()))


def test_the_configuration_policies_of_a_customer_are_listed(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    added = stand_in.add_policy(CUSTOMER, NamedPolicy("Lobby", ("skip_eula",)))
    policies = list(client.configuration_policies(CUSTOMER, new_ids()))
    assert sorted(policy.name or "" for policy in policies) == ["Kiosk", "Lobby", "Standard"]
    (lobby,) = [policy for policy in policies if policy.id == added]
    assert (lobby.is_profile, lobby.count, lobby.policy_settings) == (True, 0, ("skip_eula",))


def test_devices_are_given_a_policy_and_the_update_is_followed(client: PartnerCenterClient, new_ids: NewIds) -> None:
    client.create_batch(CUSTOMER, "Sales", some_devices(2), new_ids())
    policy_id = next(iter(client.configuration_policies(CUSTOMER, new_ids()))).id or ""
    first, _ = client.batch_devices(CUSTOMER, "Sales", new_ids())
    updates = encode_policy_updates({first.id or "": policy_id, "no-such-device": policy_id})
    accepted = client.update_device_policies(CUSTOMER, updates, new_ids())
    details = client.batch_job_status(CUSTOMER, accepted.tracking_id or "", new_ids()).details
    assert [(each.device_id, each.error_code) for each in details.devices_status or ()] == [
        (first.id, None),
        ("no-such-device", "807"),
    ]
    assert [each.profile_id for each in client.batch_devices(CUSTOMER, "Sales", new_ids())] == [policy_id, None]


def test_an_account_that_is_no_admin_agent_is_told_that_it_may_not_apply_policies(
    client_of: MakeClient, new_ids: NewIds
) -> None:
    with PartnerCenterStandIn(Behaviour(is_admin_agent=False)) as service, pytest.raises(Unauthorised) as refused:
        client_of(service.url).update_device_policies(CUSTOMER, encode_policy_updates({"a": "b"}), new_ids())
    assert (refused.value.status, refused.value.code) == (403, "2032")


def test_an_update_is_a_patch_of_the_very_bytes(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(accepted_with(f"Location: /customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}"))
    accepted = client_of(server.url).update_device_policies(CUSTOMER, b'{"devices" : []}', new_ids())
    assert accepted.tracking_id == TRACKING_ID
    head, _, sent = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(f"PATCH {policy_updates_path(CUSTOMER)} HTTP/1.1".encode())
    assert sent == b'{"devices" : []}'


@pytest.mark.parametrize("token_in_links", [False, True])
def test_audit_records_of_a_customer_are_read_over_all_pages(
    client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch, token_in_links: bool
) -> None:
    monkeypatch.setattr("shared.partner_center.audit_records.RECORDS_ON_A_PAGE", 2)
    with PartnerCenterStandIn(Behaviour(token_in_links=token_in_links)) as service:
        client = client_of(service.url)
        for customer in (CUSTOMER, CUSTOMERS[1].id, CUSTOMER):
            client.create_batch(customer, str(uuid4()), some_devices(1, customer), new_ids())
        (device,) = [
            each
            for batch in client.device_batches(CUSTOMER, new_ids())
            if batch.id
            for each in client.batch_devices(CUSTOMER, batch.id, new_ids())
        ]
        service.delete_elsewhere(CUSTOMER, device.serial_number or "", by="a colleague")
        records = list(client.audit_records(datetime.now(UTC).date(), None, new_ids(), customer_id=CUSTOMER))
        assert service.report()["received"]["audit_records"] == 2
    assert [record.device_operation for record in records] == [
        DeviceOperation.UPLOAD_TO_NEW_BATCH_ATTEMPTED,
        DeviceOperation.UPLOAD_TO_NEW_BATCH_ATTEMPTED,
        DeviceOperation.DELETED,
    ]
    assert [record.by for record in records][-1] == "a colleague"
    assert records[-1].detail("DEVICEID") == device.id


@pytest.mark.parametrize("body", ["{}", '{"items": null}', '"none"'])
def test_an_answer_without_policies_or_records_is_no_empty_list(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, body: str
) -> None:
    answer = accepted_with(status="200 OK", body=body)
    client = client_of(raw_server(answer, answer).url)
    with pytest.raises(Unavailable):
        list(client.configuration_policies(CUSTOMER, new_ids()))
    with pytest.raises(Unavailable):
        list(client.audit_records(NOW.date(), None, new_ids()))


@pytest.mark.parametrize("batch", ["Test batch/ä#?", "a%2Fb", "100 %", "+&=", "...", "日本", "x" * 200])
def test_a_batch_of_any_name_can_be_used(client: PartnerCenterClient, new_ids: NewIds, batch: str) -> None:
    client.create_batch(CUSTOMER, batch, some_devices(1, "A"), new_ids())
    client.append_devices(CUSTOMER, batch, some_devices(1, "B"), new_ids())
    assert len(list(client.batch_devices(CUSTOMER, batch, new_ids()))) == 2
    assert [listed.id for listed in client.device_batches(CUSTOMER, new_ids())] == [batch]


def test_a_device_without_any_identifier_but_its_hash_is_followed(client: PartnerCenterClient, new_ids: NewIds) -> None:
    accepted = client.create_batch(CUSTOMER, "Sales", encode_devices([Device(hardware_hash="QUJD")]), new_ids())
    (device,) = client.batch_job_status(CUSTOMER, accepted.tracking_id or "", new_ids()).details.devices_status or ()
    assert (device.serial_number, device.product_key, device.device_id) == (None, None, None)
    assert device.state is JobState.FINISHED


def test_the_identifiers_of_both_sides_go_over_the_wire(client: PartnerCenterClient) -> None:
    ids = CallIds(str(uuid4()), str(uuid4()), "iqOqN0FnaE2y0HcD.0")
    accepted = client.create_batch(CUSTOMER, "Sales", some_devices(), ids)
    told = accepted.service_ids
    assert (told.request_id, told.correlation_id, told.correlation_vector) == (
        ids.request_id,
        ids.correlation_id,
        ids.correlation_vector,
    )
    assert told.server_id == "030020525"


def test_only_documented_headers_are_sent_and_the_very_bytes_of_the_body(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(accepted_with(f"Location: /customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}"))
    body = b'[ {"serialNumber" : "S"} ]'
    ids = new_ids()
    assert client_of(server.url).append_devices(CUSTOMER, "Sales", body, ids).tracking_id == TRACKING_ID
    head, _, sent = server.received[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == f"POST {append_path(CUSTOMER, 'Sales')} HTTP/1.1"
    assert sent == body
    assert headers.pop("Host") == server.url.removeprefix("http://")
    assert headers.pop("Accept-Encoding")
    assert headers.pop("User-Agent", "")
    assert headers == {
        "Authorization": "Bearer a-token",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "MS-RequestId": ids.request_id,
        "MS-CorrelationId": ids.correlation_id,
        "MS-PartnerCenter-Application": "Device Drop",
    }


# Where the tracking id is


def accepted_with(*headers: str, body: str = "", status: str = "202 Accepted") -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close"))
    return f"{head}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "answer",
    [
        accepted_with(f"location: https://elsewhere.invalid/v1/customers/x/BatchJobStatus/{TRACKING_ID}/"),
        accepted_with(body=json.dumps({"uri": f"/customers/x/batchJobStatus/{TRACKING_ID}"})),
        accepted_with("Location: /", body=json.dumps({"links": {"self": {"uri": f"batchJobStatus/{TRACKING_ID}"}}})),
        accepted_with(f"Location: /batchJobStatus/{TRACKING_ID}", status="200 OK", body="no json"),
        f"HTTP/1.1 202 Accepted\r\nLocation: /batchJobStatus/{TRACKING_ID}\r\nContent-Length: 9\r\n\r\n{{".encode(),
    ],
)
def test_the_tracking_id_is_taken_from_wherever_it_is(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, answer: bytes
) -> None:
    client = client_of(raw_server(answer).url)
    assert client.append_devices(CUSTOMER, "Sales", some_devices(), new_ids()).tracking_id == TRACKING_ID


def test_an_upload_without_any_link_is_accepted_without_a_tracking_id(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    stand_in.script(Fault.WITHOUT_LOCATION)
    assert client.create_batch(CUSTOMER, "Sales", some_devices(), new_ids()).tracking_id is None
    stand_in.script(Fault.LINK_IN_BODY)
    assert client.append_devices(CUSTOMER, "Sales", some_devices(), new_ids()).tracking_id


# Every fault


@pytest.mark.parametrize(
    ("fault", "expected", "status"),
    [
        (Fault.THROTTLE, Throttled, 429),
        (Fault.THROTTLE_UNTIL, Throttled, 429),
        (Fault.UNAVAILABLE, Unavailable, 503),
        (Fault.UNAUTHORISED, Unauthorised, 401),
        (Fault.FORBIDDEN, Unauthorised, 403),
        (Fault.REDIRECT, Unavailable, 307),
        (Fault.DROPPED_BEFORE, AnswerLost, None),
        (Fault.DROPPED_AFTER, AnswerLost, None),
        (Fault.TRUNCATED, AnswerLost, None),
    ],
)
@pytest.mark.parametrize("operation", [each for each in Operation if each is not Operation.DELETE_DEVICE])
def test_every_fault_has_its_class_in_every_call(
    stand_in: PartnerCenterStandIn,
    client: PartnerCenterClient,
    new_ids: NewIds,
    operation: Operation,
    fault: Fault,
    expected: type[PartnerCenterError],
    status: int | None,
) -> None:
    tracking_id = client.create_batch(CUSTOMER, "Sales", some_devices(), new_ids()).tracking_id or ""
    calls: dict[Operation, Callable[[], object]] = {
        Operation.CREATE_BATCH: lambda: client.create_batch(CUSTOMER, str(uuid4()), some_devices(), new_ids()),
        Operation.APPEND_DEVICES: lambda: client.append_devices(CUSTOMER, "Sales", some_devices(), new_ids()),
        Operation.BATCH_JOB_STATUS: lambda: client.batch_job_status(CUSTOMER, tracking_id, new_ids()),
        Operation.DEVICE_BATCHES: lambda: list(client.device_batches(CUSTOMER, new_ids())),
        Operation.BATCH_DEVICES: lambda: list(client.batch_devices(CUSTOMER, "Sales", new_ids())),
        Operation.CUSTOMERS: lambda: list(client.customers(new_ids())),
        Operation.CUSTOMER: lambda: client.customer(CUSTOMER, new_ids()),
        Operation.CONFIGURATION_POLICIES: lambda: list(client.configuration_policies(CUSTOMER, new_ids())),
        Operation.UPDATE_DEVICE_POLICIES: lambda: client.update_device_policies(
            CUSTOMER, encode_policy_updates({"a-device": "a-policy"}), new_ids()
        ),
        Operation.AUDIT_RECORDS: lambda: list(client.audit_records(datetime.now(UTC).date(), None, new_ids())),
    }
    stand_in.script(fault, operation=operation)
    with pytest.raises(PartnerCenterError) as caught:
        calls[operation]()
    assert type(caught.value) is expected
    if status:
        assert caught.value.status == status
        assert caught.value.service_ids.server_id == "030020525"
    calls[operation]()


def test_a_page_that_is_not_json_is_an_unavailable_service(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    stand_in.script(Fault.NOT_JSON)
    with pytest.raises(Unavailable):
        list(client.device_batches(CUSTOMER, new_ids()))


def test_a_throttle_says_when_to_come_again(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    stand_in.script(Fault.THROTTLE)
    with pytest.raises(Throttled) as caught:
        list(client.device_batches(CUSTOMER, new_ids()))
    assert caught.value.retry_after == timedelta(seconds=1)


def test_statuses_and_lengths_not_seen_before_are_kept(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    tracking_id = client.create_batch(CUSTOMER, "Sales", some_devices(2), new_ids()).tracking_id or ""
    stand_in.script(Fault.UNKNOWN_STATUS)
    unknown = client.batch_job_status(CUSTOMER, tracking_id, new_ids()).details
    assert (unknown.status, unknown.state) == ("awaiting_review", JobState.UNKNOWN)
    stand_in.script(Fault.SHORTER_STATUS)
    assert len(client.batch_job_status(CUSTOMER, tracking_id, new_ids()).details.devices_status or ()) == 1


def test_the_words_of_a_refusal_are_carried(client: PartnerCenterClient, new_ids: NewIds) -> None:
    with pytest.raises(Refused) as caught:
        client.append_devices(CUSTOMER, "No such batch", some_devices(), new_ids())
    assert (caught.value.status, caught.value.code) == (404, "1000")
    assert caught.value.description == "Not found: the device batch doesn't exist"
    with pytest.raises(Refused) as caught:
        client.append_devices(CUSTOMER, "No such batch", b'{"devices": []}', new_ids())
    with pytest.raises(Refused) as caught:
        client.batch_job_status(CUSTOMER, str(uuid4()), new_ids())
    assert caught.value.status == 404


def test_a_lost_answer_repeated_with_its_request_id_is_not_processed_twice(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    ids = new_ids()
    stand_in.script(Fault.DROPPED_AFTER)
    with pytest.raises(AnswerLost):
        client.create_batch(CUSTOMER, "Sales", some_devices(), ids)
    assert client.create_batch(CUSTOMER, "Sales", some_devices(), ids).tracking_id
    assert stand_in.report()["devicesPostedMoreThanOnce"] == {}


def test_a_service_that_is_not_there_was_never_asked(client_of: MakeClient, new_ids: NewIds) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NeverSent, match="ConnectionRefusedError"):
        list(client_of(f"http://127.0.0.1:{port}").device_batches(CUSTOMER, new_ids()))


def test_a_service_without_tls_was_never_asked_over_https(
    stand_in: PartnerCenterStandIn, client_of: MakeClient, new_ids: NewIds
) -> None:
    with pytest.raises(NeverSent):
        list(client_of(stand_in.url.replace("http:", "https:")).device_batches(CUSTOMER, new_ids()))


def test_a_service_that_stops_is_lost_and_found_again(client_of: MakeClient, new_ids: NewIds, tmp_path: Path) -> None:
    with PartnerCenterStandIn(data=tmp_path) as service:
        port = int(service.url.rpartition(":")[2])
        client = client_of(service.url)
        client.create_batch(CUSTOMER, "Sales", some_devices(), new_ids())
    with pytest.raises(PartnerCenterError):
        list(client.device_batches(CUSTOMER, new_ids()))
    with PartnerCenterStandIn(data=tmp_path, port=port):
        assert [batch.id for batch in client.device_batches(CUSTOMER, new_ids())] == ["Sales"]


@pytest.fixture
def over_once_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of every exchange comes after its request has begun, however long that takes."""

    @contextlib.contextmanager
    def bounded(seconds: float) -> Iterator[Exchange]:
        def end_once_begun() -> None:
            while not exchange.has_begun:
                time.sleep(0.05)
            time.sleep(0.05)
            exchange.end()

        with bounded_exchange(seconds) as exchange:
            ending = threading.Thread(target=end_once_begun)
            ending.start()
            try:
                yield exchange
            finally:
                ending.join()

    monkeypatch.setattr("shared.partner_center.client.bounded_exchange", bounded)


@pytest.mark.usefixtures("over_once_begun")
def test_a_silent_service_is_a_lost_answer_in_time(client_of: MakeClient, new_ids: NewIds) -> None:
    with PartnerCenterStandIn(Behaviour(latency=1.0)) as slow, pytest.raises(AnswerLost, match="too slowly"):
        list(client_of(slow.url).device_batches(CUSTOMER, new_ids()))


@pytest.mark.usefixtures("over_once_begun")
@pytest.mark.parametrize("kind", DribblingAnswer)
def test_an_answer_that_dribbles_for_ever_is_a_lost_answer(
    kind: DribblingAnswer, client_of: MakeClient, new_ids: NewIds
) -> None:
    with DribblingServer(kind) as server, pytest.raises(AnswerLost, match=r"not complete after 61 seconds"):
        list(client_of(server.url, exchange_timeout=61).device_batches(CUSTOMER, new_ids()))


def test_after_a_lost_answer_the_next_request_is_answered(
    stand_in: PartnerCenterStandIn, client_of: MakeClient, new_ids: NewIds
) -> None:
    with DribblingServer(DribblingAnswer.HEADERS) as server, pytest.raises(PartnerCenterError):
        list(client_of(server.url, exchange_timeout=0.3).device_batches(CUSTOMER, new_ids()))
    assert list(client_of(stand_in.url).device_batches(CUSTOMER, new_ids())) == []


def test_an_upload_that_was_accepted_is_so_though_the_rest_of_its_answer_never_comes(
    client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = client_module._read

    def at_the_deadline(response: requests.Response, exchange: Exchange, name: str) -> bytes:
        exchange.end()
        return read(response, exchange, name)

    monkeypatch.setattr(client_module, "_read", at_the_deadline)
    with DribblingServer(DribblingAnswer.BODY, headers=f"Location: /v1/customers/c/batchJobStatus/{uuid4()}") as server:
        accepted = client_of(server.url).append_devices(CUSTOMER, "Sales", some_devices(), new_ids())
    assert accepted.tracking_id is not None


def test_an_answer_without_end_is_given_up(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.partner_center.client.MOST_ANSWER_BYTES", 1000)
    server = raw_server(accepted_with(status="200 OK", body=" " * 70000))
    with pytest.raises(Unavailable, match="longer than 1000 bytes"):
        list(client_of(server.url).device_batches(CUSTOMER, new_ids()))


@pytest.mark.parametrize("body", ["[" + "{}," * 70 + "{}]", "[" + "1,[]," * 35 + "0]"])
def test_an_answer_of_too_many_values_is_given_up_before_it_is_decoded(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr("shared.partner_center.client.MOST_ANSWER_VALUES", 60)
    server = raw_server(accepted_with(status="200 OK", body=body))
    with pytest.raises(Unavailable, match="more than 60 values"):
        list(client_of(server.url).device_batches(CUSTOMER, new_ids()))


def test_a_failure_whose_words_were_cut_off_keeps_its_status(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{"code"')
    with pytest.raises(Refused) as caught:
        client_of(server.url).append_devices(CUSTOMER, "Sales", some_devices(), new_ids())
    assert (caught.value.status, caught.value.description) == (400, None)


def test_pages_that_go_in_circles_come_to_an_end(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    page = accepted_with(status="200 OK", body='{"items": [], "continuationToken": "again"}')
    with pytest.raises(ListTooLong, match="do not end"):
        list(client_of(raw_server(page, page).url).batch_devices(CUSTOMER, "Sales", new_ids()))


ENDLESS = accepted_with(status="200 OK", body=json.dumps({"items": [{"id": "A"}], "continuationToken": "{number}"}))


def _endless(pages: int) -> list[bytes]:
    """Pages of one batch, each of which names another one."""
    return [ENDLESS.replace(b"{number}", f"{number:08d}".encode()) for number in range(pages)]


@pytest.mark.parametrize("bounds", [{"pages": 3}, {"content_bytes": 120}, {"seconds": 0.0}])
def test_a_list_without_an_end_is_read_within_its_bounds(
    raw_server: StartRawServer,
    client_of: MakeClient,
    new_ids: NewIds,
    monkeypatch: pytest.MonkeyPatch,
    bounds: dict[str, Any],
) -> None:
    monkeypatch.setattr("shared.partner_center.client.DEVICES", replace(DEVICES, **bounds))
    server = raw_server(*_endless(5))
    with pytest.raises(ListTooLong, match="do not end"):
        list(client_of(server.url).batch_devices(CUSTOMER, "Sales", new_ids()))
    assert len(server.received) == (0 if "seconds" in bounds else 3)


def test_all_pages_of_a_customers_batches_together_take_no_longer_than_one_call(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count()
    monkeypatch.setattr("shared.partner_center.client.monotonic", lambda: next(seconds))
    server = raw_server(*_endless(20))
    with pytest.raises(ListTooLong, match="do not end"):
        list(client_of(server.url, exchange_timeout=10.0).device_batches(CUSTOMER, new_ids()))
    assert 1 < len(server.received) < 10


UNAVAILABLE = accepted_with(status="503 Service Unavailable")
LAST_PAGE = accepted_with(status="200 OK", body='{"items": [{"id": "B"}]}')


@pytest.mark.parametrize(
    "failure",
    [
        UNAVAILABLE,
        accepted_with(status="408 Request Timeout"),
        accepted_with(status="504 Gateway Timeout", body="<html>"),
        b"",
        LAST_PAGE[:-5],
        accepted_with(status="200 OK", body="<html>"),
    ],
)
def test_a_further_page_that_fails_is_asked_for_again_with_the_same_ids(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, failure: bytes
) -> None:
    waits: list[float] = []
    server = raw_server(*_endless(1), failure, failure, LAST_PAGE)
    devices = client_of(server.url, exchange_timeout=60.0, sleep=waits.append).batch_devices(
        CUSTOMER, "Sales", new_ids()
    )
    assert [device.id for device in devices] == ["A", "B"]
    _, *tries = server.received
    assert len(set(tries)) == 1
    assert waits == [1.0, 2.0]


def test_a_page_is_asked_for_again_a_few_times_only(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(*_endless(1), *[UNAVAILABLE] * 9)
    client = client_of(server.url, exchange_timeout=60.0, sleep=lambda _: None)
    with pytest.raises(Unavailable):
        list(client.batch_devices(CUSTOMER, "Sales", new_ids()))
    assert len(server.received) == 1 + 4


@pytest.mark.parametrize(
    ("status", "error"),
    [("429 Too Many Requests", Throttled), ("401 Unauthorized", Unauthorised), ("404 Not Found", Refused)],
)
def test_throttling_and_refusals_of_a_page_are_not_repeated(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, status: str, error: type[PartnerCenterError]
) -> None:
    server = raw_server(*_endless(1), *[accepted_with(status=status)] * 2)
    with pytest.raises(error):
        list(client_of(server.url).batch_devices(CUSTOMER, "Sales", new_ids()))
    assert len(server.received) == 2


def test_the_first_page_is_not_asked_for_again(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(UNAVAILABLE, LAST_PAGE)
    with pytest.raises(Unavailable):
        list(client_of(server.url).batch_devices(CUSTOMER, "Sales", new_ids()))
    assert len(server.received) == 1


@pytest.mark.parametrize(("retry_after", "tries"), [(2, 2), (60, 1)])
def test_the_wait_that_the_service_asks_for_is_kept_if_it_fits_into_one_call(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, retry_after: int, tries: int
) -> None:
    waits: list[float] = []
    busy = accepted_with(f"Retry-After: {retry_after}", status="503 Service Unavailable")
    server = raw_server(*_endless(1), busy, LAST_PAGE)
    devices = client_of(server.url, exchange_timeout=30.0, sleep=waits.append).batch_devices(
        CUSTOMER, "Sales", new_ids()
    )
    with contextlib.suppress(Unavailable):
        list(devices)
    assert len(server.received) == 1 + tries
    assert waits == [float(retry_after)] * (tries - 1)


def test_no_page_is_asked_for_beyond_those_that_the_caller_reads(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(*_endless(2))
    assert next(iter(client_of(server.url).device_batches(CUSTOMER, new_ids()))).id == "A"
    assert len(server.received) == 1


def test_the_next_page_of_batches_is_asked_at_our_own_address_with_ids_of_its_own(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    link = {"uri": "https://elsewhere.invalid/v9/other?size=2&from=b c#d", "method": "GET"}
    first = accepted_with(status="200 OK", body=json.dumps({"items": [{"id": "A"}], "links": {"next": link}}))
    server = raw_server(first, accepted_with(status="200 OK", body='{"items": [{"id": "B"}]}'))
    batches = client_of(server.url).device_batches(CUSTOMER, new_ids())
    assert [batch.id for batch in batches] == ["A", "B"]
    assert server.received[1].startswith(
        f"GET /v1/customers/{CUSTOMER}/deviceBatches?size=2&from=b%20c HTTP/1.1".encode()
    )
    ids_sent = {line for it in server.received for line in it.split(b"\r\n") if line.startswith(b"MS-RequestId")}
    assert len(ids_sent) == 2


# Things that must never happen


def test_the_token_is_sent_to_no_other_host(client_of: MakeClient, new_ids: NewIds) -> None:
    with PartnerCenterStandIn() as elsewhere:
        location = elsewhere.url + "/customers/{customer}/batchJobStatus/{tracking_id}"
        behaviour = Behaviour(redirect_to=elsewhere.url, location=location)
        with PartnerCenterStandIn(behaviour) as service:
            client = client_of(service.url)
            service.script(Fault.REDIRECT)
            with pytest.raises(Unavailable):
                client.create_batch(CUSTOMER, "Sales", some_devices(), new_ids())
            accepted = client.create_batch(CUSTOMER, "Sales", some_devices(), new_ids())
            assert client.batch_job_status(CUSTOMER, accepted.tracking_id or "", new_ids()).details.is_final
        assert sum(elsewhere.report()["received"].values()) == 0


def test_a_netrc_does_not_replace_the_token(
    client: PartnerCenterClient, new_ids: NewIds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert list(client.device_batches(CUSTOMER, new_ids())) == []


def test_a_proxy_of_the_environment_is_not_asked_for_a_service_on_this_machine(
    client: PartnerCenterClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert list(client.device_batches(CUSTOMER, new_ids())) == []


def test_a_proxy_of_the_environment_is_asked_for_every_other_service(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = raw_server(accepted_with(status="200 OK", body='{"items": []}'))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    assert list(client_of("http://partner-center.invalid").device_batches(CUSTOMER, new_ids())) == []
    assert proxy.received[0].startswith(b"GET http://partner-center.invalid/v1/customers/")


def test_neither_token_nor_body_is_logged(
    client: PartnerCenterClient, new_ids: NewIds, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client.create_batch(CUSTOMER, "Sales", encode_devices([Device(hardware_hash="c2VjcmV0")]), new_ids())
    assert caplog.records
    for record in caplog.records:
        assert "a-token" not in str(record.__dict__)
        assert "c2VjcmV0" not in str(record.__dict__)
    ours = next(record for record in caplog.records if record.name == "shared.partner_center.client")
    assert (ours.__dict__["status"], ours.__dict__["method"]) == (202, "POST")


def test_a_wrong_token_is_not_shown_by_the_error(
    stand_in: PartnerCenterStandIn, client_of: MakeClient, new_ids: NewIds
) -> None:
    with pytest.raises(Unauthorised) as caught:
        list(client_of(stand_in.url, token="wrong-secret").device_batches(CUSTOMER, new_ids()))
    assert "wrong-secret" not in str(caught.value)
    assert caught.value.may_be_cured_by_a_new_token


# Threads


def test_threads_share_one_client_and_its_connections(client_of: MakeClient, new_ids: NewIds) -> None:
    with PartnerCenterStandIn() as service:
        client = client_of(service.url)
        client.create_batch(CUSTOMER, "Sales", some_devices(1, "FIRST"), new_ids())

        def one(number: int) -> str:
            ids = new_ids()
            accepted = client.append_devices(CUSTOMER, "Sales", some_devices(5, f"T{number}"), ids)
            assert accepted.service_ids.request_id == ids.request_id
            details = client.batch_job_status(CUSTOMER, accepted.tracking_id or "", new_ids()).details
            return ",".join(device.serial_number or "" for device in details.devices_status or ())

        with ThreadPoolExecutor(8) as threads:
            told = list(threads.map(one, range(64)))
        assert told == [",".join(f"T{number}-{device}" for device in range(5)) for number in range(64)]
        assert service.connections <= 9


def test_connections_are_reused(client_of: MakeClient, new_ids: NewIds) -> None:
    with PartnerCenterStandIn() as service:
        client = client_of(service.url)
        tracking_id = client.create_batch(CUSTOMER, "Sales", some_devices(), new_ids()).tracking_id or ""
        for _ in range(5):
            client.batch_job_status(CUSTOMER, tracking_id, new_ids())
            client.append_devices(CUSTOMER, "Sales", some_devices(), new_ids())
        assert service.connections == 1


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a service over TLS on this machine, and the certificate that it must be trusted by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(accepted_with(status="200 OK", body='{"items": [{"id": "Over TLS"}]}'))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", tmp_path / "certificate.pem"
        thread.join(5)


def test_a_certificate_that_is_not_trusted_is_never_sent_anything(
    tls_server: tuple[str, Path], client_of: MakeClient, new_ids: NewIds
) -> None:
    with pytest.raises(NeverSent, match="SSLCertVerificationError"):
        list(client_of(tls_server[0]).device_batches(CUSTOMER, new_ids()))


def test_certificates_named_by_the_environment_are_trusted(
    tls_server: tuple[str, Path], client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = tls_server
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert [batch.id for batch in client_of(url).device_batches(CUSTOMER, new_ids())] == ["Over TLS"]


def test_a_proxy_that_is_not_there_means_never_sent(
    client_of: MakeClient, new_ids: NewIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(NeverSent):
        list(client_of("https://partner-center.invalid").device_batches(CUSTOMER, new_ids()))


def test_an_answer_whose_headers_break_off_is_lost(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(b"HTTP/1.1 202 Accepted\r\nDate: Mon, 04 May 2026 12:00:00 GMT\r\nMS-Reque")
    with pytest.raises(AnswerLost, match="within its headers"):
        client_of(server.url).append_devices(CUSTOMER, "Sales", some_devices(), new_ids())


def test_compressed_answers_are_read(raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds) -> None:
    body = gzip.compress(b'{"items": [{"id": "Small"}]}')
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    server = raw_server(head.encode() + body, head.encode() + body[:-6])
    client = client_of(server.url)
    assert [batch.id for batch in client.device_batches(CUSTOMER, new_ids())] == ["Small"]
    with pytest.raises(AnswerLost):
        list(client.device_batches(CUSTOMER, new_ids()))


def test_chunked_answers_are_read_and_known_to_be_whole(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = b'5\r\n{"ite\r\n7\r\nms": []\r\n1\r\n}\r\n0\r\n\r\n'
    server = raw_server(head + whole, head + whole[: whole.index(b"1\r\n}")], head + whole[:-5])
    client = client_of(server.url)
    assert list(client.device_batches(CUSTOMER, new_ids())) == []
    for _ in range(2):
        with pytest.raises(AnswerLost):
            list(client.device_batches(CUSTOMER, new_ids()))


def test_an_address_with_a_user_in_it_does_not_replace_the_token(
    stand_in: PartnerCenterStandIn, client_of: MakeClient, new_ids: NewIds
) -> None:
    client = client_of(stand_in.url.replace("http://", "http://someone:secret@"))
    assert list(client.device_batches(CUSTOMER, new_ids())) == []


# --- deleting a device


def test_a_device_is_deleted_by_its_id(
    stand_in: PartnerCenterStandIn, client: PartnerCenterClient, new_ids: NewIds
) -> None:
    client.create_batch(CUSTOMER, "Test", some_devices(2), new_ids())
    first, second = client.batch_devices(CUSTOMER, "Test", new_ids())
    ids = new_ids()
    answer = client.delete_device(CUSTOMER, "Test", first.id or "", ids)
    assert (answer.request_id, answer.correlation_id) == (ids.request_id, ids.correlation_id)
    assert list(client.batch_devices(CUSTOMER, "Test", new_ids())) == [second]
    assert stand_in.report()["processed"]["delete_device"] == 1


def test_a_device_that_is_not_there_is_refused_with_404(client: PartnerCenterClient, new_ids: NewIds) -> None:
    client.create_batch(CUSTOMER, "Test", some_devices(), new_ids())
    with pytest.raises(Refused) as caught:
        client.delete_device(CUSTOMER, "Test", str(uuid4()), new_ids())
    assert caught.value.status == 404


def test_a_deletion_is_sent_without_a_body_to_the_devices_own_address(
    raw_server: StartRawServer, client_of: MakeClient, new_ids: NewIds
) -> None:
    server = raw_server(b"HTTP/1.1 204 No Content\r\nMS-CorrelationId: theirs\r\n\r\n")
    answer = client_of(server.url).delete_device(CUSTOMER, "Sales & Co/1", "a b", new_ids())
    assert answer.correlation_id == "theirs"
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    path = f"/v1/customers/{CUSTOMER}/deviceBatches/Sales%20%26%20Co%2F1/devices/a%20b"
    assert head.startswith(f"DELETE {path} HTTP/1.1\r\n".encode())
    assert body == b""


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.DROPPED_AFTER, AnswerLost),
        (Fault.DROPPED_BEFORE, AnswerLost),
        (Fault.UNAVAILABLE, Unavailable),
        (Fault.THROTTLE, Throttled),
        (Fault.UNAUTHORISED, Unauthorised),
        (Fault.FORBIDDEN, Unauthorised),
        (Fault.REDIRECT, Unavailable),
    ],
)
def test_a_deletion_that_goes_wrong_raises_what_its_cause_is(
    stand_in: PartnerCenterStandIn,
    client: PartnerCenterClient,
    new_ids: NewIds,
    fault: Fault,
    kind: type[PartnerCenterError],
) -> None:
    client.create_batch(CUSTOMER, "Test", some_devices(), new_ids())
    (device,) = client.batch_devices(CUSTOMER, "Test", new_ids())
    stand_in.script(fault, operation=Operation.DELETE_DEVICE)
    with pytest.raises(kind):
        client.delete_device(CUSTOMER, "Test", device.id or "", new_ids())
