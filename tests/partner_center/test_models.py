"""The models match the service's documents, to the byte where it matters."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import rich.pretty
from hypothesis import given
from hypothesis import strategies as st

from shared.partner_center.errors import Unavailable
from shared.partner_center.models import (
    BatchUploadDetails,
    CompanyProfile,
    ConfigurationPolicy,
    Customer,
    CustomerPage,
    CustomerRelationship,
    Device,
    DeviceBatch,
    DevicePage,
    DeviceUploadDetails,
    JobState,
    KeyValuePair,
    Link,
    Policy,
    PolicyCategory,
    ResourceAttributes,
    ResourceLinks,
    creation_body,
    decode_batch_page,
    decode_customer,
    decode_customer_page,
    decode_device_page,
    decode_policy_page,
    decode_upload_details,
    encode_devices,
    encode_policy_updates,
    link_in_body,
)

text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
pairs = st.builds(KeyValuePair, key=text, value=text)
policies = st.builds(Policy, key=text, value=text)
links = st.builds(Link, uri=text, method=text, body=text, headers=st.none() | st.tuples(pairs))
resource_links = st.builds(ResourceLinks, next=st.none() | links, previous=st.none() | links, self_=st.none() | links)
attributes = st.builds(ResourceAttributes, etag=text, object_type=text)
devices = st.builds(
    Device,
    **dict.fromkeys(
        (
            "id",
            "serial_number",
            "product_key",
            "hardware_hash",
            "oem_manufacturer_name",
            "model_name",
            "uploaded_by",
            "uploaded_date",
        ),
        text,
    ),
    policies=st.none() | st.tuples(policies),
    allowed_operations=st.none() | st.just(("create", "delete")),
    attributes=st.none() | attributes,
    links=st.none() | resource_links,
)
upload_details = st.builds(
    BatchUploadDetails,
    batch_tracking_id=text,
    status=text,
    started_time=text,
    completed_time=text,
    devices_status=st.none()
    | st.tuples(
        st.builds(
            DeviceUploadDetails,
            device_id=text,
            serial_number=text,
            product_key=text,
            status=text,
            error_code=text | st.integers(0, 1000),
            error_description=text,
            attributes=st.none() | attributes,
        )
    ),
    attributes=st.none() | attributes,
)

DOCUMENTED_STATUS = b"""\xef\xbb\xbf{ "batchTrackingId": "0127ed8e-ff72-4983-a3d8-e8d8bd378932",
  "status": "finished", "startedTime": "2017-07-25T10:00:00", "completedTime": "2017-07-25T10:10:00",
  "devicesStatus": [ { "serialNumber": "1234567890", "productKey": "12345-67890-09876-54321-13579",
      "status": "finished_with_errors", "errorCode": "808", "errorDescription": "ZtdDeviceAssignedToOtherTenant",
      "attributes": {"objectType": "DeviceUploadDetails"} } ],
  "attributes": {"objectType": "BatchUploadDetails"} }"""

DOCUMENTED_BATCHES = b"""{ "totalCount": 1,
  "items": [ { "id": "Test batch", "status": "finished", "creationDate": "2017-07-25T01:51:00", "devicesCount": 5,
      "devicesLink": { "uri": "/customers/47021739/deviceBatches/Test batch/devices", "method": "GET", "headers": [] },
      "attributes": {"objectType": "DeviceBatch"} } ],
  "attributes": {"objectType": "Collection"} }"""


@given(device=devices)
def test_every_field_of_a_device_comes_back_as_it_went(device: Device) -> None:
    assert decode_device_page(encode_devices([device])).items == (device,)


@given(details=upload_details)
def test_every_field_of_an_upload_comes_back_as_it_went(details: BatchUploadDetails) -> None:
    assert decode_upload_details(msgspec.json.encode(details)) == details


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (
            Device,
            (
                "allowedOperations attributes hardwareHash id links modelName oemManufacturerName policies"
                " productKey serialNumber uploadedBy uploadedDate"
            ),
        ),
        (BatchUploadDetails, "attributes batchTrackingId completedTime devicesStatus startedTime status"),
        (DeviceUploadDetails, "attributes deviceId errorCode errorDescription productKey serialNumber status"),
        (Link, "body headers method uri"),
        (ResourceAttributes, "etag objectType"),
        (ResourceLinks, "next previous self"),
        (Policy, "key value"),
        (KeyValuePair, "key value"),
    ],
)
def test_the_fields_have_the_names_of_the_reference_pages(model: type[msgspec.Struct], names: str) -> None:
    assert sorted(model.__struct_encode_fields__) == names.split()


def test_the_documented_status_is_read_though_it_begins_with_a_byte_order_mark() -> None:
    details = decode_upload_details(DOCUMENTED_STATUS)
    assert details.state is JobState.FINISHED
    assert details.devices_status is not None
    (device,) = details.devices_status
    assert (device.state, device.error_code, device.error_description) == (
        JobState.FINISHED_WITH_ERRORS,
        "808",
        "ZtdDeviceAssignedToOtherTenant",
    )


def test_the_documented_batches_are_read() -> None:
    (batch,) = decode_batch_page(DOCUMENTED_BATCHES).items or ()
    assert (batch.id, batch.count, batch.state) == ("Test batch", 5, JobState.FINISHED)


def test_a_batch_may_call_its_count_by_either_documented_name() -> None:
    assert DeviceBatch(device_count=3).count == 3
    assert DeviceBatch(devices_count=0, device_count=3).count == 0


def test_a_list_may_be_a_bare_array() -> None:
    assert [batch.id for batch in decode_batch_page(b'[{"id": "A"}]').items or ()] == ["A"]
    assert [device.id for device in decode_device_page(b'[{"id": "B"}]').items or ()] == ["B"]


@pytest.mark.parametrize("body", [b"{}", b'{"devicesStatus": null, "status": null}', b'{"new": [{}]}'])
def test_fields_may_be_absent_null_or_new(body: bytes) -> None:
    assert decode_upload_details(body) == BatchUploadDetails()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b'"text"',
        b'{"devicesStatus": "finished"}',
        b'{"devicesStatus": 3}',
        b'[{"status": "finished"}]',
        b'{"status": "\xff"}',
        b"[" * 9999,
    ],
)
def test_a_body_that_is_no_such_json_is_an_unavailable_service(body: bytes) -> None:
    with pytest.raises(Unavailable, match="not the status of an upload"):
        decode_upload_details(body)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("finished", JobState.FINISHED),
        ("Finished_With_Errors", JobState.FINISHED_WITH_ERRORS),
        ("FinishedWithErrors", JobState.FINISHED_WITH_ERRORS),
        ("in-progress", JobState.PROCESSING),
        ("queued", JobState.QUEUED),
        ("awaiting_review", JobState.UNKNOWN),
        ("", JobState.UNKNOWN),
        (None, JobState.UNKNOWN),
    ],
)
def test_a_status_is_read_whatever_its_spelling(status: str | None, state: JobState) -> None:
    assert DeviceUploadDetails(status=status).state is state


@given(status=st.text(max_size=256).filter(str.isprintable))
def test_a_status_is_kept_as_it_came(status: str) -> None:
    assert DeviceUploadDetails(status=status).status == status
    assert DeviceUploadDetails(status=status).is_final == (JobState.of(status) in {"finished", "finished_with_errors"})


def test_a_policy_of_an_unknown_category_is_kept() -> None:
    assert Policy(key="o_o_b_e").category is PolicyCategory.OUT_OF_BOX_EXPERIENCE
    assert (Policy(key="new").category, Policy(key="new").key) == (None, "new")


def test_devices_are_sent_as_a_bare_array_without_the_fields_that_are_none() -> None:
    body = encode_devices([Device(serial_number="S1", hardware_hash="AAAA"), Device(product_key="K")])
    assert json.loads(body) == [{"serialNumber": "S1", "hardwareHash": "AAAA"}, {"productKey": "K"}]


@given(batch=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_batch_is_created_around_the_very_bytes_of_its_devices(batch: str) -> None:
    sent = b'[ {"serialNumber" : "S1"} ]'
    body = creation_body(batch, sent)
    assert sent in body
    assert json.loads(body) == {"batchId": batch, "devices": json.loads(sent)}


def test_no_hardware_hash_is_shown() -> None:
    device = Device(serial_number="S1", hardware_hash="c2VjcmV0")
    shown: list[Any] = [device, DevicePage(items=(device,)), [device]]
    assert all("c2VjcmV0" not in f"{it!r} {it!s}" for it in shown)
    assert "c2VjcmV0" not in rich.pretty.pretty_repr(shown)
    assert repr(device) == "Device(serial_number='S1')"


@pytest.mark.parametrize(
    ("body", "link"),
    [
        (b'{"uri": "/a"}', "/a"),
        (b'\xef\xbb\xbf{"links": {"self": {"uri": "/b"}}}', "/b"),
        (b'{"links": {}}', None),
        (b"", None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_an_accepted_upload_may_carry_its_link_in_the_body(body: bytes, link: str | None) -> None:
    assert link_in_body(body) == link


def test_the_continuation_token_is_found_in_either_place() -> None:
    in_links = b'{"links": {"next": {"headers": [{"key": "ms-continuationtoken", "value": "T"}]}}}'
    assert decode_device_page(b'{"continuationToken": "T"}').next_token == "T"
    assert decode_device_page(in_links).next_token == "T"
    assert decode_device_page(b'{"continuationToken": ""}').next_token is None


def test_texts_of_a_verdict_are_cut_where_they_are_read() -> None:
    sent = {"status": "s" * 9000, "errorCode": 10**40, "errorDescription": "Ж" * 9000, "deviceId": "d\n" * 9000}
    [verdict] = decode_upload_details(json.dumps({"devicesStatus": [sent]}).encode()).devices_status or ()
    assert [len(text or "") for text in (verdict.status, verdict.error_description, verdict.device_id)] == [
        256,
        1024,
        256,
    ]
    assert verdict.error_code == "1" + 40 * "0"


@pytest.mark.parametrize("odd", ['"errorCode": 808.0', '"errorCode": false', '"errorDescription": "\\ud800 808"'])
def test_an_odd_value_of_one_device_costs_no_other_its_verdict(odd: str) -> None:
    body = f'{{"devicesStatus": [{{"status": "finished", {odd}}}, {{"status": "finished", "errorCode": 806}}]}}'
    first, second = decode_upload_details(body.encode()).devices_status or ()
    assert (first.status, second.error_code) == ("finished", 806)
    assert "\ud800" not in (first.error_description or "")


@pytest.mark.parametrize(
    ("uploaded", "read"),
    [
        ("9999-12-31T23:59:59-12:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("0001-01-01T00:00:00", None),
        ("9999-12-31T23:59:59", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-02-30", None),
    ],
)
def test_every_date_of_an_upload_is_read_in_utc_or_is_none(uploaded: str, read: datetime | None) -> None:
    assert Device(uploaded_date=uploaded).uploaded_at == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("reseller", CustomerRelationship.RESELLER),
        ("microsoft_support", CustomerRelationship.MICROSOFT_SUPPORT),
        ("MicrosoftSupport", CustomerRelationship.MICROSOFT_SUPPORT),
        ("None", CustomerRelationship.NONE),
        ("", CustomerRelationship.UNKNOWN),
        ("friend", CustomerRelationship.UNKNOWN),
    ],
)
def test_a_relationship_is_read_in_any_case_and_a_missing_one_is_not_none(
    text: str, read: CustomerRelationship
) -> None:
    assert decode_customer(json.dumps({"relationshipToPartner": text}).encode()).relationship is read
    assert decode_customer(b"{}").relationship is CustomerRelationship.UNKNOWN


@pytest.mark.parametrize(
    ("id_", "tenant", "read"),
    [
        ("0C39D6D5-C70D-4C55-BC02-F620844F3FD1", None, "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"),
        (None, "0c39d6d5-c70d-4c55-bc02-f620844f3fd1", "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"),
        ("{0c39d6d5-c70d-4c55-bc02-f620844f3fd1}", None, None),
        ("../x", "", None),
    ],
)
def test_a_customers_id_is_a_guid_or_none(id_: str | None, tenant: str | None, read: str | None) -> None:
    assert Customer(id=id_, company_profile=CompanyProfile(tenant_id=tenant)).customer_id == read


def test_texts_of_a_customer_are_cut_where_they_are_read() -> None:
    profile = {"companyName": "n\n" * 9000, "domain": "d" * 9000}
    customer = decode_customer(json.dumps({"companyProfile": profile, "relationshipToPartner": "r" * 9000}).encode())
    assert customer.company_profile is not None
    texts = (customer.company_profile.company_name, customer.company_profile.domain, customer.relationship_to_partner)
    assert [len(text or "") for text in texts] == [256, 256, 256]


def test_an_odd_value_of_one_customer_costs_no_other_its_name() -> None:
    odd, even = (
        decode_customer_page(
            b'{"items": [{"id": {}, "companyProfile": 5}, {"id": "x", "companyProfile": {"companyName": "Contoso"}}]}'
        ).items
        or ()
    )
    assert odd == Customer()
    assert even.company_profile == CompanyProfile(company_name="Contoso")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("items", "id", "companyProfile", "tenantId", "companyName", "relationshipToPartner", "links")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(answer=_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_any_answer_is_a_page_of_customers_or_none(answer: bytes) -> None:
    for decode in (decode_customer_page, decode_customer):
        try:
            read = decode(answer)
        except Unavailable:
            continue
        customers = read.items if isinstance(read, CustomerPage) else (read,)
        for customer in customers or ():
            assert len(customer.customer_id or "") in (0, 36)
            assert customer.relationship in CustomerRelationship


DOCUMENTED_POLICIES = b"""{ "totalCount": 2, "items": [{ "id": "8c7d25aa-2dbb-409c-a1f0-f55bd9108fa9",
  "name": "Windows 10 Enterprise E3", "category": "o_o_b_e", "description": "P462017 description",
  "devicesAssigned": 7, "policySettings": ["oobe_user_not_local_admin", "skip_express_settings"],
  "createdDate": "2017-04-27T11:30:34.1944704-07:00", "lastModifiedDate": "2017-04-27T11:30:34.1944704-07:00",
  "attributes": { "objectType": "ConfigurationPolicy" } }, {"id": "x", "category": "none"}],
  "attributes": { "objectType": "Collection" } }"""


def test_the_documented_policies_are_read() -> None:
    first, other = decode_policy_page(DOCUMENTED_POLICIES).items or ()
    assert (first.name, first.is_profile, first.count) == ("Windows 10 Enterprise E3", True, 7)
    assert first.policy_settings == ("oobe_user_not_local_admin", "skip_express_settings")
    assert not other.is_profile


def test_a_policy_without_an_id_is_no_profile_and_long_texts_are_cut() -> None:
    assert not ConfigurationPolicy(name="n").is_profile
    assert len(ConfigurationPolicy(id="i", name="n" * 5000).name or "") <= 256


def test_an_update_holds_what_the_page_requires_of_each_device_and_no_more() -> None:
    assert json.loads(encode_policy_updates({"9993-8627": "15a04610"})) == {
        "devices": [{"id": "9993-8627", "policies": [{"key": "o_o_b_e", "value": "15a04610"}]}]
    }


def test_the_profile_of_a_device_is_its_policy_of_the_out_of_box_experience() -> None:
    assert Device(policies=(Policy(key="none", value="a"), Policy(key="o_o_b_e", value="b"))).profile_id == "b"
    assert Device(policies=(Policy(key="o_o_b_e"),)).profile_id is None
    assert Device().profile_id is None


@pytest.mark.parametrize(("allowed", "may"), [(None, None), ((), None), (("GET",), False), (("get", " Delete"), True)])
def test_a_device_may_be_deleted_if_its_allowed_operations_say_so(
    allowed: tuple[str, ...] | None, may: bool | None
) -> None:
    assert Device(allowed_operations=allowed).may_be_deleted is may
