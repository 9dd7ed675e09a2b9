"""What the service knows, as it is read back."""

from pathlib import Path

from local.partner_center import Behaviour, PartnerCenterStandIn, seconds_late
from tests.local.partner_center.calling import ALREADY_ASSIGNED, CUSTOMER, OTHER_CUSTOMER, REGISTERED, Caller, pc


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


def test_a_late_verdict_comes_after_the_end_of_its_upload() -> None:
    now = [1000.0]
    with PartnerCenterStandIn(Behaviour(delay=10), clock=lambda: now[0]) as service:
        caller = Caller(service.url)
        accepted = caller.create([pc("S"), pc("STANDIN-LATE-1")])
        devices = f"/v1/customers/{CUSTOMER}/deviceBatches/Test/devices"
        now[0] += 10
        assert [status for status, _, _ in caller.outcomes(accepted)] == ["finished", "processing"]
        assert len(caller.ask("GET", devices).json["items"]) == 1
        now[0] += seconds_late("STANDIN-LATE-1")
        assert caller.outcomes(accepted) == [REGISTERED] * 2
        assert len(caller.ask("GET", devices).json["items"]) == 2


def test_a_late_device_sent_again_is_already_assigned_as_late() -> None:
    now = [1000.0]
    with PartnerCenterStandIn(clock=lambda: now[0]) as service:
        caller = Caller(service.url)
        caller.create([pc("STANDIN-LATE-1")])
        again = caller.append([pc("STANDIN-LATE-1")])
        assert caller.outcomes(again) == [("processing", None, None)]
        now[0] += seconds_late("STANDIN-LATE-1")
        assert caller.outcomes(again) == [ALREADY_ASSIGNED]


def _devices(caller: Caller, batch: str = "Test") -> list[dict[str, str]]:
    page = caller.ask("GET", f"/v1/customers/{CUSTOMER}/deviceBatches/{batch}/devices").json
    items: list[dict[str, str]] = page["items"]
    return items


def test_a_device_is_shown_in_its_batch_once_however_often_it_is_registered(caller: Caller) -> None:
    caller.create([pc("STANDIN-0-1")])
    caller.append([pc("STANDIN-0-1")])
    assert [device["serialNumber"] for device in _devices(caller)] == ["STANDIN-0-1"]


def test_a_device_is_shown_in_the_batch_of_its_registration_alone(caller: Caller) -> None:
    caller.create([pc("OURS")], "Other")
    caller.create([pc("A"), pc("OURS"), pc("STANDIN-808-1"), pc("B")])
    assert [device["serialNumber"] for device in _devices(caller)] == ["A", "B"]


def test_a_device_of_another_customer_or_batch_is_not_deleted(caller: Caller) -> None:
    caller.create([pc("A")])
    (device,) = _devices(caller)
    for customer, batch in ((OTHER_CUSTOMER, "Test"), (CUSTOMER, "TEST"), (CUSTOMER, "Other")):
        path = f"/v1/customers/{customer}/deviceBatches/{batch}/devices/{device['id']}"
        assert caller.ask("DELETE", path).fault == (404, "1000")
    assert _devices(caller) == [device]


def test_an_upload_of_nobody_or_of_another_customer_is_not_found(caller: Caller) -> None:
    accepted = caller.create([pc("A")], customer=OTHER_CUSTOMER)
    address = "/v1" + accepted.headers["location"].replace(OTHER_CUSTOMER, CUSTOMER)
    assert caller.ask("GET", address).fault == (404, "1000")
    assert caller.ask("GET", f"/v1/customers/{CUSTOMER}/batchJobStatus/{CUSTOMER}").fault == (404, "1000")


def test_a_batch_is_called_finished_over_a_failed_device(caller: Caller) -> None:
    assert caller.follow(caller.create([pc("STANDIN-808-1"), pc("S")]))["status"] == "finished"
    assert caller.follow(caller.append([pc("STANDIN-808-2")]))["status"] == "finished"
    assert caller.follow(caller.append([pc("STANDIN-808-3"), pc("STANDIN-812-3")]))["status"] == "finished_with_errors"


def test_a_device_sent_with_its_hash_alone_comes_back_without_identifiers(caller: Caller) -> None:
    (device,) = caller.follow(caller.create([{"hardwareHash": "QUJD"}]))["devicesStatus"]
    assert device == {"status": "finished", "attributes": {"objectType": "DeviceUploadDetails"}}


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
    again = caller.ask("GET", path, MS_ContinuationToken=first["continuationToken"]).json
    assert again["items"][0]["id"] != second["items"][0]["id"]


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
