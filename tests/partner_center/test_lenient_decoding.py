"""A value that decides nothing never costs a verdict; a value that decides is read, or its verdict waits."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.partner_center.errors import Unavailable
from shared.partner_center.models import (
    BatchUploadDetails,
    DeviceUploadDetails,
    JobState,
    decode_batch_page,
    decode_device_page,
    decode_upload_details,
    link_in_body,
)
from shared.partner_center.outcome_codes import explain
from shared.vocabulary import Outcome

DEVICES: list[dict[str, Any]] = [
    {"serialNumber": "S1", "productKey": "K1", "status": "finished", "errorCode": "808", "errorDescription": "Ztd"},
    {"serialNumber": "S2", "status": "finished_with_errors", "errorCode": 806},
]

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


def verdicts(details: BatchUploadDetails) -> list[tuple[Any, ...]]:
    return [
        (one.serial_number, one.product_key, one.state, one.error_code, one.error_description)
        for one in details.devices_status or ()
    ]


def status_of(devices: Sequence[Any], **members: Any) -> BatchUploadDetails:
    return decode_upload_details(json.dumps({"status": "finished", "devicesStatus": devices} | members).encode())


@given(
    of_job=st.dictionaries(
        st.sampled_from(["status", "batchTrackingId", "startedTime", "completedTime", "attributes", "links", "new"]),
        ANYTHING,
    ),
    of_device=st.dictionaries(st.sampled_from(["deviceId", "attributes", "links", "policies", "new"]), ANYTHING),
)
def test_no_value_that_decides_nothing_changes_a_verdict(of_job: dict[str, Any], of_device: dict[str, Any]) -> None:
    described = status_of([device | of_device for device in DEVICES], **of_job)
    assert verdicts(described) == verdicts(status_of(DEVICES))


@given(attributes=ANYTHING, entry=ANYTHING)
def test_an_entry_that_cannot_be_read_leaves_the_others_in_their_places(attributes: Any, entry: Any) -> None:
    described = status_of([DEVICES[0], entry if not isinstance(entry, dict) else [entry], DEVICES[1]])
    first, between, last = described.devices_status or ()
    assert not between.is_final
    assert verdicts(BatchUploadDetails(devices_status=(first, last))) == verdicts(status_of(DEVICES))
    assert status_of(DEVICES, attributes=attributes).devices_status == status_of(DEVICES).devices_status


@pytest.mark.parametrize(
    ("device", "read"),
    [
        ({"serialNumber": 5512345}, DeviceUploadDetails(serial_number="5512345")),
        ({"serialNumber": 5512345.0}, DeviceUploadDetails(serial_number="5512345")),
        ({"productKey": 3305221700571}, DeviceUploadDetails(product_key="3305221700571")),
        ({"errorDescription": 806}, DeviceUploadDetails(error_description="806")),
        ({"errorCode": 808.0}, DeviceUploadDetails(error_code=808)),
        ({"errorCode": []}, DeviceUploadDetails()),
        ({"errorCode": False}, DeviceUploadDetails()),
        ({"errorCode": {}, "errorDescription": []}, DeviceUploadDetails()),
    ],
)
def test_a_value_of_another_type_is_read_where_it_has_one_meaning(
    device: dict[str, Any], read: DeviceUploadDetails
) -> None:
    assert status_of([device | {"attributes": []}]).devices_status == (read,)


@pytest.mark.parametrize("name", ["status", "serialNumber", "productKey", "errorCode", "errorDescription"])
@pytest.mark.parametrize("value", [["x"], {"code": 808}, [[]]])
def test_a_verdict_that_cannot_be_understood_is_none(name: str, value: Any) -> None:
    (device,) = status_of([{"serialNumber": "S", "status": "finished"} | {name: value}]).devices_status or ()
    assert device == DeviceUploadDetails()
    assert device.state is JobState.UNKNOWN


def test_one_device_in_place_of_a_list_is_a_list_of_one() -> None:
    body = json.dumps({"status": "finished", "devicesStatus": DEVICES[0]}).encode()
    assert verdicts(decode_upload_details(body)) == verdicts(status_of(DEVICES[:1]))


@pytest.mark.parametrize("empty", [None, [], {}, "", False])
def test_an_empty_value_in_place_of_a_list_is_no_device(empty: Any) -> None:
    assert not decode_upload_details(json.dumps({"devicesStatus": empty}).encode()).devices_status


@given(other=ANYTHING)
def test_the_devices_of_a_batch_are_read_whatever_stands_beside_their_names(other: Any) -> None:
    items = [{"id": 7, "serialNumber": "S", "policies": other, "attributes": other, "allowedOperations": other}, 3]
    for body in (items, {"items": items, "totalCount": other, "attributes": other}):
        first, unreadable = decode_device_page(json.dumps(body).encode()).items or ()
        assert (first.id, first.serial_number) == ("7", "S")
        assert unreadable.id is None


@given(other=ANYTHING)
def test_the_batches_of_a_customer_are_read_whatever_stands_beside_their_ids(other: Any) -> None:
    items = [{"id": 2026, "deviceCount": other, "creationDate": other, "devicesLink": other, "links": other}]
    assert [batch.id for batch in decode_batch_page(json.dumps({"items": items}).encode()).items or ()] == ["2026"]


@pytest.mark.parametrize("page", [{"items": 3}, {"items": [], "links": 3}, {"items": [], "links": {"next": "x"}}])
@pytest.mark.parametrize("decode", [decode_batch_page, decode_device_page])
def test_a_page_that_may_have_lost_something_is_asked_for_again(page: Any, decode: Any) -> None:
    with pytest.raises(Unavailable, match="not the "):
        decode(json.dumps(page).encode())


@given(other=ANYTHING)
def test_the_link_of_an_accepted_upload_is_found_whatever_stands_beside_it(other: Any) -> None:
    assert link_in_body(json.dumps({"uri": "/a", "links": other, "new": other}).encode()) == "/a"


@given(body=ANYTHING)
def test_no_json_ends_in_anything_but_an_answer_or_an_unavailable_service(body: Any) -> None:
    for decode in (decode_upload_details, decode_device_page, decode_batch_page):
        try:
            decode(json.dumps(body).encode())
        except Unavailable:
            continue
    link_in_body(json.dumps(body).encode())


@pytest.mark.parametrize("number", ["9" * 5_000, "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "8e300", "808.5"])
def test_a_number_that_is_none_is_no_success_and_costs_its_own_device_alone(number: str) -> None:
    body = '{"totalCount": %s, "devicesStatus": [{"status": "finished", "errorCode": %s}, {"status": "finished"}]}'
    odd, other = decode_upload_details((body % (number, number)).encode()).devices_status or ()
    assert explain(odd.error_code, odd.error_description).verdict is Outcome.FAILED
    assert explain(other.error_code, other.error_description).verdict is Outcome.REGISTERED
    assert len(str(odd.error_code)) <= 256


@pytest.mark.parametrize("number", ["9" * 5_000, f'"{"9" * 5_000}"', "1e999", "NaN"])
def test_a_count_that_is_no_number_costs_no_batch(number: str) -> None:
    page = decode_batch_page(f'{{"totalCount": {number}, "items": [{{"id": "A", "deviceCount": {number}}}]}}'.encode())
    assert [(batch.id, batch.count) for batch in page.items or ()] == [("A", None)]


def test_the_fields_of_a_model_are_found_once_for_all_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[object] = []
    fields = msgspec.structs.fields

    def counted(model: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
        found.append(model)
        return fields(model)

    monkeypatch.setattr("msgspec.structs.fields", counted)
    decode_device_page(json.dumps([1, *({} for _ in range(1_000))]).encode())
    assert len(found) == len(set(found))
