"""Addresses and links, without a network."""

from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.partner_center.errors import Refused
from shared.partner_center.paths import (
    append_path,
    audit_records_path,
    batches_path,
    create_path,
    customer_path,
    customers_path,
    device_path,
    policies_path,
    policy_updates_path,
    status_path,
    tracking_id_in,
)

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
TRACKING_ID = "beba2053-5401-46ff-9223-7e841ed78fbf"


def test_the_paths_are_those_of_the_reference_pages() -> None:
    assert create_path(CUSTOMER) == f"/v1/customers/{CUSTOMER}/deviceBatches"
    assert batches_path(CUSTOMER) == create_path(CUSTOMER)
    assert (customers_path(), customer_path(CUSTOMER)) == ("/v1/customers", f"/v1/customers/{CUSTOMER}")
    assert append_path(CUSTOMER, "Test") == f"/v1/customers/{CUSTOMER}/deviceBatches/Test/devices"
    assert policies_path(CUSTOMER) == f"/v1/customers/{CUSTOMER}/policies"
    assert policy_updates_path(CUSTOMER) == f"/v1/customers/{CUSTOMER}/DevicePolicyUpdates"
    assert audit_records_path() == "/v1/auditrecords"
    assert status_path(CUSTOMER, TRACKING_ID) == f"/v1/customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}"


def test_a_batch_id_is_percent_encoded_whole() -> None:
    path = append_path(CUSTOMER, "Test batch/ä#?%")
    assert path == f"/v1/customers/{CUSTOMER}/deviceBatches/Test%20batch%2F%C3%A4%23%3F%25/devices"


@pytest.mark.parametrize("batch", ["", ".", ".."])
def test_a_batch_id_that_would_change_the_path_is_refused_before_it_is_sent(batch: str) -> None:
    with pytest.raises(Refused, match="another name"):
        append_path(CUSTOMER, batch)


@given(batch=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda it: it not in (".", "..")))
def test_any_other_batch_id_is_one_segment_of_the_path(batch: str) -> None:
    segments = append_path(CUSTOMER, batch).split("/")
    assert len(segments) == 7
    assert unquote(segments[5]) == batch


@pytest.mark.parametrize(
    "link",
    [
        f"/customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}",
        f"/v1/customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}",
        f"customers/{CUSTOMER}/batchjobstatus/{TRACKING_ID}/",
        f" /CUSTOMERS/{CUSTOMER}/BATCHJOBSTATUS//{TRACKING_ID} ",
        f"https://api.partnercenter.microsoft.com/v1/customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}?a=b#c",
        f"https://elsewhere.invalid/batchJobStatus/{TRACKING_ID}",
        f"batchJobStatus/{TRACKING_ID}",
    ],
)
def test_the_tracking_id_is_found_in_every_form_of_the_link(link: str) -> None:
    assert tracking_id_in(link) == TRACKING_ID


@pytest.mark.parametrize(
    "link",
    [
        None,
        "",
        "/",
        f"/customers/{CUSTOMER}",
        f"/customers/{CUSTOMER}/batchJobStatus/",
        f"/customers/{CUSTOMER}/batchJobStatus/12345",
        f"/customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}0",
        f"/customers/{CUSTOMER}/batchJobStatus/{TRACKING_ID}/devices",
        f"/customers/{CUSTOMER}/notBatchJobStatus/{TRACKING_ID}",
        "http://[",
    ],
)
def test_a_link_to_anything_else_has_no_tracking_id(link: str | None) -> None:
    assert tracking_id_in(link) is None


@given(link=st.text())
def test_no_link_breaks_its_reading(link: str) -> None:
    found = tracking_id_in(link)
    assert found is None or UUID(found)


@pytest.mark.parametrize("device_id", ["", ".", ".."])
def test_no_address_is_made_of_an_id_that_none_can_carry(device_id: str) -> None:
    with pytest.raises(Refused):
        device_path(CUSTOMER, "Test", device_id)
