"""The stand-in keeps to the documented contract. It is asked over HTTP with the standard library alone."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from local.partner_center import Behaviour, Fault, Operation, PartnerCenterStandIn, main, provoked

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
OTHER_CUSTOMER = "47021739-3426-40bf-9601-61b4b6d7c793"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Told:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def fault(self) -> tuple[int, str]:
        return self.status, str(self.json["code"])


class Caller:
    """Asks the stand-in on one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Told:
        sent = {"Authorization": "Bearer any", "Content-Type": "application/json", "MS-RequestId": str(uuid4())}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {name: value for name, value in sent.items() if value})
        answer = self._connection.getresponse()
        return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def create(self, devices: Any, batch: str = "Test", customer: str = CUSTOMER, **headers: str) -> Told:
        body = {"BatchId": batch, "Devices": devices, "Attributes": {"ObjectType": "DeviceBatchCreationRequest"}}
        return self.ask("POST", f"/v1/customers/{customer}/deviceBatches", body, **headers)

    def append(self, devices: Any, batch: str = "Test", customer: str = CUSTOMER, **headers: str) -> Told:
        return self.ask("POST", f"/v1/customers/{customer}/deviceBatches/{batch}/devices", devices, **headers)

    def follow(self, accepted: Told) -> Any:
        assert accepted.status == 202, accepted
        return self.ask("GET", "/v1" + accepted.headers["location"]).json

    def outcomes(self, accepted: Told) -> list[tuple[str, str | None, str | None]]:
        return [
            (device["status"], device.get("errorCode"), device.get("errorDescription"))
            for device in self.follow(accepted)["devicesStatus"]
        ]


@pytest.fixture
def service() -> Iterator[PartnerCenterStandIn]:
    with PartnerCenterStandIn() as running:
        yield running


@pytest.fixture
def caller(service: PartnerCenterStandIn) -> Caller:
    return Caller(service.url)


def pc(serial: str) -> dict[str, Any]:
    return {"SerialNumber": serial, "OemManufacturerName": "Contoso", "ModelName": "PC 1"}


REGISTERED = ("finished", None, None)
ALREADY_ASSIGNED = ("finished_with_errors", "806", "ZtdDeviceAlreadyAssigned")
OTHER_TENANT = ("finished_with_errors", "808", "ZtdDeviceAssignedToOtherTenant")


def test_the_documented_request_to_create_a_batch_gets_the_documented_answer(caller: Caller) -> None:
    device = {
        "Id": None,
        "SerialNumber": "1R9-ZNP67",
        "ProductKey": "00329-00000-0003-AA606",
        "HardwareHash": "DummyHash123",
        "Policies": None,
        "CreatedBy": None,
        "UploadedDate": "0001-01-01T00:00:00",
        "AllowedOperations": None,
        "Attributes": {"ObjectType": "Device"},
    }
    accepted = caller.create([device], "SDKTestDeviceBatch", MS_CorrelationId="c", MS_CV="v")
    assert (accepted.status, accepted.raw, accepted.headers["content-length"]) == (202, b"", "0")
    assert accepted.headers["location"].startswith(f"/customers/{CUSTOMER}/batchJobStatus/")
    assert (accepted.headers["ms-correlationid"], accepted.headers["ms-cv"]) == ("c", "v")
    assert accepted.headers["ms-requestid"]
    assert accepted.headers["ms-serverid"]
    details = caller.follow(accepted)
    assert details["status"] == "finished"
    assert details["batchTrackingId"] == accepted.headers["location"].rpartition("/")[2]
    assert details["devicesStatus"][0]["serialNumber"] == "1R9-ZNP67"


def test_every_json_answer_begins_with_a_byte_order_mark(caller: Caller) -> None:
    assert caller.ask("GET", f"/v1/customers/{CUSTOMER}/deviceBatches").raw.startswith(b"\xef\xbb\xbf{")
    assert caller.append([pc("S")]).raw.startswith(b"\xef\xbb\xbf{")


def test_a_device_sent_with_its_hash_alone_comes_back_without_identifiers(caller: Caller) -> None:
    (device,) = caller.follow(caller.create([{"hardwareHash": "QUJD"}]))["devicesStatus"]
    assert device == {"status": "finished", "attributes": {"objectType": "DeviceUploadDetails"}}


@pytest.mark.parametrize(
    "device",
    [
        {"hardwareHash": "QUJD", "productKey": "K"},
        {"hardwareHash": "QUJD", "serialNumber": "S"},
        {"hardwareHash": "QUJD", "serialNumber": "S", "productKey": "K"},
        {"hardwareHash": "QUJD"},
        {"productKey": "K"},
        {"serialNumber": "S", "oemManufacturerName": "O", "modelName": "M"},
    ],
)
def test_every_accepted_combination_is_registered(caller: Caller, device: dict[str, str]) -> None:
    assert caller.outcomes(caller.create([device])) == [REGISTERED]


@pytest.mark.parametrize(
    "device",
    [
        {},
        {"serialNumber": "S"},
        {"serialNumber": "S", "modelName": "M"},
        {"oemManufacturerName": "O", "modelName": "M"},
        {"productKey": "", "hardwareHash": None},
    ],
)
def test_every_other_combination_is_refused(caller: Caller, device: dict[str, Any]) -> None:
    refused = caller.create([pc("S"), device])
    assert refused.fault == (400, "3000")
    assert refused.json["source"] == "PartnerFD"
    assert refused.json["data"] == ["devices[1]"]


@pytest.mark.parametrize(
    "body",
    [
        {"devices": [pc("S")]},
        None,
        "text",
        [],
        [None],
        [{"serialNumber": 5}],
        [{"productKey": "K", "policies": {}}],
        [{"productKey": "K", "groupTag": "Sales"}],
        [pc(f"S{number}") for number in range(1001)],
        b"{",
        b"",
    ],
)
def test_a_malformed_append_is_refused_whole(caller: Caller, service: PartnerCenterStandIn, body: Any) -> None:
    caller.create([pc("FIRST")])
    assert caller.append(b"null" if body is None else body).fault == (400, "800002")
    assert list(service.report()["devices"].values()) == [1]


@pytest.mark.parametrize(
    "body", [[pc("S")], {}, {"batchId": 5, "devices": [pc("S")]}, {"batchId": "B"}, {"batchId": " "}]
)
def test_a_malformed_creation_is_refused(caller: Caller, body: Any) -> None:
    assert caller.ask("POST", f"/v1/customers/{CUSTOMER}/deviceBatches", body).fault == (400, "800002")


def test_a_thousand_devices_are_taken(caller: Caller) -> None:
    assert caller.outcomes(caller.create([pc(f"S{number}") for number in range(1000)])) == [REGISTERED] * 1000


def test_who_asks_and_for_whom_is_checked(caller: Caller) -> None:
    assert caller.create([pc("S")], Authorization="").fault == (401, "800001")
    assert caller.create([pc("S")], Authorization="Basic x").fault == (401, "800001")
    assert caller.create([pc("S")], customer="contoso").fault == (400, "900118")
    assert caller.create([pc("S")], MS_RequestId="one").fault == (400, "800002")
    assert caller.create([pc("S")], Content_Type="text/plain").status == 415
    assert caller.ask("GET", "/v1/elsewhere").status == 404


def test_an_unknown_customer_and_a_wrong_token_are_refused() -> None:
    with PartnerCenterStandIn(Behaviour(unknown_customers=frozenset({CUSTOMER.upper()}), token="right")) as service:
        caller = Caller(service.url)
        assert caller.create([pc("S")], Authorization="Bearer right").fault == (404, "60003")
        assert caller.create([pc("S")], Authorization="Bearer wrong").fault == (401, "400")


def test_batch_ids_are_exact_strings(caller: Caller) -> None:
    caller.create([pc("S1")], "Sales")
    assert caller.append([pc("S2")], "sales").fault == (404, "1000")
    assert caller.create([pc("S2")], "SALES").status == 409
    assert caller.create([pc("S2")], "Sales").status == 409
    assert caller.append([pc("S2")], "Sales", customer=OTHER_CUSTOMER).status == 404
    assert caller.append([pc("S2")], "Sales").status == 202


def test_paths_are_matched_without_case(caller: Caller) -> None:
    accepted = caller.create([pc("S")])
    lowered = caller.ask("GET", "/v1" + accepted.headers["location"].lower())
    assert lowered.json["status"] == "finished"


def test_a_device_known_to_the_same_or_another_customer_is_told_so(caller: Caller) -> None:
    known = {"hardwareHash": "QUJD", "productKey": "K", "serialNumber": "S"}
    caller.create([known | pc("S")])
    for again in ({"hardwareHash": "QUJD"}, {"productKey": "K"}, pc("S")):
        assert caller.outcomes(caller.append([again])) == [ALREADY_ASSIGNED]
    assert caller.outcomes(caller.create([{"productKey": "K"}], customer=OTHER_CUSTOMER)) == [OTHER_TENANT]


def test_a_twin_in_one_upload_is_a_duplicate_without_a_number(caller: Caller) -> None:
    outcomes = caller.outcomes(caller.create([pc("S"), pc("S"), pc("s")]))
    assert outcomes == [REGISTERED, ("finished_with_errors", None, "ZtdDeviceDuplicated"), REGISTERED]


def test_a_hash_that_is_not_base64_fails(caller: Caller) -> None:
    outcomes = caller.outcomes(caller.create([{"hardwareHash": "not base64!"}]))
    assert outcomes == [("finished_with_errors", "802", "InvalidZtdHardwareHash")]


def test_a_batch_is_called_finished_over_a_failed_device(caller: Caller) -> None:
    assert caller.follow(caller.create([pc("STANDIN-808-1"), pc("S")]))["status"] == "finished"
    assert caller.follow(caller.append([pc("STANDIN-808-2")]))["status"] == "finished"
    assert caller.follow(caller.append([pc("STANDIN-808-3"), pc("STANDIN-812-3")]))["status"] == "finished_with_errors"


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("STANDIN-808-X", OTHER_TENANT),
        ("standin-806-X", ALREADY_ASSIGNED),
        ("STANDIN-806OTHER-X", ("finished_with_errors", "806", "ZtdDeviceAssignedToOtherTenant")),
        ("STANDIN-HashNot4k-X", ("finished_with_errors", None, "HashNot4k")),
        (
            "STANDIN-ZtdDeviceAssignedToAnotherTenant-X",
            ("finished_with_errors", "808", "ZtdDeviceAssignedToAnotherTenant"),
        ),
        ("STANDIN-899-X", ("finished_with_errors", "899", "ZtdUndocumented")),
        ("STANDIN-NOREASON-X", ("finished_with_errors", None, None)),
        ("STANDIN-0-X", ("finished", "0", None)),
        ("STANDIN-STUCK-X", ("in-progress", None, None)),
        ("STANDIN-WHATEVER-X", REGISTERED),
    ],
)
def test_a_serial_number_provokes_its_outcome(
    caller: Caller, serial: str, expected: tuple[str, str | None, str | None]
) -> None:
    assert caller.outcomes(caller.create([pc(serial)])) == [expected]


@pytest.mark.parametrize("number", [801, 802, 803, 806, 807, 808, 809, 810, 811, 812, 813, 814])
def test_every_documented_number_can_be_provoked(number: int) -> None:
    verdict = provoked(f"STANDIN-{number}-1", sent_before=False)
    assert verdict is not None
    assert (verdict.status, verdict.code) == ("finished_with_errors", str(number))
    assert verdict.name


def test_a_passing_error_passes(caller: Caller) -> None:
    assert caller.outcomes(caller.create([pc("STANDIN-StorageError-1")])) == [
        ("finished_with_errors", None, "StorageError")
    ]
    assert caller.outcomes(caller.append([pc("STANDIN-StorageError-1")])) == [REGISTERED]


def test_an_upload_goes_from_queued_over_processing_to_finished() -> None:
    now = [1000.0]
    with PartnerCenterStandIn(Behaviour(delay=10), clock=lambda: now[0]) as service:
        caller = Caller(service.url)
        accepted = caller.create([pc("STANDIN-808-1"), pc("S")])
        assert caller.follow(accepted)["devicesStatus"] is None
        seen = [caller.follow(accepted)["status"]]
        now[0] += 6
        assert {device["status"] for device in caller.follow(accepted)["devicesStatus"]} == {"processing"}
        seen.append(caller.follow(accepted)["status"])
        now[0] += 5
        seen.append(caller.follow(accepted)["status"])
        assert seen == ["queued", "processing", "finished"]


def test_a_repeated_request_id_gets_the_first_answer_and_is_not_processed(
    service: PartnerCenterStandIn, caller: Caller
) -> None:
    request_id = str(uuid4())
    first = caller.create([pc("S")], MS_RequestId=request_id)
    again = caller.create([pc("S")], MS_RequestId=request_id)
    assert (again.status, again.headers["location"]) == (202, first.headers["location"])
    assert caller.outcomes(again) == [REGISTERED]
    assert caller.create([pc("OTHER")], "Other", MS_RequestId=request_id).fault == (400, "800002")
    report = service.report()
    assert (report["repeated"], report["processed"]["create_batch"]) == (1, 1)
    assert report["devices"] == {"tuple:S|Contoso|PC 1": 1}


def test_a_request_id_that_was_forgotten_is_processed_again(service: PartnerCenterStandIn, caller: Caller) -> None:
    caller.create([pc("FIRST")])
    request_id = str(uuid4())
    caller.append([pc("S")], MS_RequestId=request_id)
    service.script(Fault.FORGET_REQUEST_IDS)
    assert caller.outcomes(caller.append([pc("S")], MS_RequestId=request_id)) == [ALREADY_ASSIGNED]
    assert service.report()["devicesPostedMoreThanOnce"] == {"tuple:S|Contoso|PC 1": 2}


def test_a_refused_upload_is_not_counted(service: PartnerCenterStandIn, caller: Caller) -> None:
    assert caller.append([pc("S")]).status == 404
    report = service.report()
    assert (report["received"]["append_devices"], report["processed"]["append_devices"]) == (1, 0)
    assert report["devices"] == {}


def test_devices_are_listed_a_hundred_a_page_and_deleted(caller: Caller) -> None:
    caller.create([pc(f"S{number}") for number in range(101)], "Test batch")
    path = f"/v1/customers/{CUSTOMER}/deviceBatches/Test%20batch/devices"
    first = caller.ask("GET", path).json
    assert (first["totalCount"], len(first["items"])) == (101, 100)
    second = caller.ask("GET", path, MS_ContinuationToken=first["continuationToken"]).json
    assert [device["serialNumber"] for device in second["items"]] == ["S100"]
    assert "continuationToken" not in second
    assert caller.ask("GET", path, MS_ContinuationToken="other").status == 400
    device_path = f"{path}/{second['items'][0]['id']}"
    assert [caller.ask("DELETE", device_path).status for _ in range(2)] == [204, 404]
    assert caller.outcomes(caller.append([pc("S100")], "Test%20batch")) == [REGISTERED]


def test_the_list_of_batches_has_the_documented_shape(caller: Caller) -> None:
    caller.create([pc("S")], "Test batch")
    page = caller.ask("GET", f"/v1/customers/{CUSTOMER}/deviceBatches").json
    (batch,) = page["items"]
    assert (page["totalCount"], page["attributes"]) == (1, {"objectType": "Collection"})
    assert (batch["id"], batch["status"], batch["devicesCount"]) == ("Test batch", "finished", 1)
    assert batch["devicesLink"]["uri"].endswith("/deviceBatches/Test batch/devices")


def test_what_is_registered_outlasts_the_process(tmp_path: Path) -> None:
    for expected in (REGISTERED, ALREADY_ASSIGNED):
        with PartnerCenterStandIn(data=tmp_path / "data") as service:
            caller = Caller(service.url)
            batch = f"Batch {expected[0]}"
            assert caller.outcomes(caller.create([pc("S")], batch)) == [expected]


def test_faults_drawn_by_chance_are_the_same_for_the_same_seed() -> None:
    def statuses(seed: int) -> list[int]:
        with PartnerCenterStandIn(
            Behaviour(faults={Fault.THROTTLE: 0.3, Fault.UNAVAILABLE: 0.2}, seed=seed)
        ) as service:
            caller = Caller(service.url)
            return [caller.ask("GET", f"/v1/customers/{CUSTOMER}/deviceBatches").status for _ in range(40)]

    assert statuses(1) == statuses(1) != statuses(2)
    assert set(statuses(1)) == {200, 429, 503}


def test_a_fault_waits_for_a_request_it_makes_sense_for(service: PartnerCenterStandIn, caller: Caller) -> None:
    service.script(Fault.UNKNOWN_TRACKING_ID)
    service.script(Fault.UNAVAILABLE, operation=Operation.DEVICE_BATCHES)
    accepted = caller.create([pc("S")])
    assert [caller.ask("GET", "/v1" + accepted.headers["location"]).status for _ in range(2)] == [404, 200]
    assert caller.ask("GET", f"/v1/customers/{CUSTOMER}/deviceBatches").status == 503


def test_faults_can_be_scripted_and_requests_read_over_http(caller: Caller) -> None:
    script = {"fault": "throttle", "times": 2, "operation": "create_batch"}
    assert caller.ask("POST", "/stand-in/faults", script).status == 204
    assert [caller.create([pc("S")]).status for _ in range(3)] == [429, 429, 202]
    assert caller.ask("POST", "/stand-in/faults", {"fault": "no such"}).status == 400
    assert caller.ask("GET", "/stand-in/requests").json["devices"] == {"tuple:S|Contoso|PC 1": 1}


def test_two_requests_at_once_with_one_id_are_processed_once(service: PartnerCenterStandIn) -> None:
    request_id, answers = str(uuid4()), list[str]()
    callers = [Caller(service.url) for _ in range(8)]
    threads = [
        threading.Thread(
            target=lambda it=it: answers.append(it.create([pc("S")], MS_RequestId=request_id).headers["location"])
        )
        for it in callers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_five_thousand_devices_with_whole_hashes_are_taken_quickly(caller: Caller) -> None:
    caller.create([pc("FIRST")])
    bodies = [
        json.dumps(
            [
                {"serialNumber": f"{upload}-{number}", "hardwareHash": f"{upload}{number:03}" * 1000}
                for number in range(1000)
            ]
        )
        for upload in range(5)
    ]
    started = time.process_time()
    assert [caller.append(body.encode()).status for body in bodies] == [202] * 5
    assert time.process_time() - started < 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
def test_it_is_a_program_that_says_where_it_is_and_stops_when_told(tmp_path: Path, wanted: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "local.partner_center",
        "--data",
        str(tmp_path),
        "--delay",
        "0",
        "--fault",
        "throttle=1",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout
        name, _, url = program.stdout.readline().strip().partition(": ")
        assert name == "Partner Center stand-in"
        assert Caller(url).create([pc("S")]).status == 429
        program.send_signal(wanted)
        _, complaints = program.communicate(timeout=10)
    assert (program.returncode, complaints) == (0, "")


@pytest.mark.parametrize("fault", ["throttle", "no such=1", "throttle=2"])
def test_a_fault_that_cannot_be_is_named(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--fault", fault])
    assert fault in capsys.readouterr().err
