"""Requests and answers are as documented."""

from tests.local.partner_center.calling import CUSTOMER, Caller, pc


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


def test_paths_are_matched_without_case(caller: Caller) -> None:
    accepted = caller.create([pc("S")])
    lowered = caller.ask("GET", "/v1" + accepted.headers["location"].lower())
    assert lowered.json["status"] == "finished"
