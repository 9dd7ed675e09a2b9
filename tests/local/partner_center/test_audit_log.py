"""Who did what to devices is told by the audit records, and what others do happens beside the caller."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from local.partner_center import CUSTOMERS, Behaviour, PartnerCenterStandIn
from local.partner_center.audit_log import wanted_in
from local.partner_center.contract import Refusal
from tests.local.partner_center.calling import ALREADY_ASSIGNED, CUSTOMER, OTHER_CUSTOMER, Caller, pc
from tests.local.partner_center.test_policies import devices, policy_id, update

TODAY = datetime.now(UTC).date()
SOMEONE = "someone.else@partner.onmicrosoft.com"


def records(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = caller.ask("GET", f"/v1/auditrecords{query}").json["items"]
    return items


def filtered(field: str, value: str, operator: str = "equals") -> str:
    return "?filter=" + quote(f'{{"Field":"{field}","Value":"{value}","Operator":"{operator}"}}')


def test_uploads_updates_and_deletions_are_recorded(caller: Caller) -> None:
    caller.create([pc("S")])
    caller.append([pc("T")])
    first, _ = devices(caller)
    update(caller, first["id"], policy_id(caller))
    path = f"/v1/customers/{CUSTOMER}/deviceBatches/Test/devices/{first['id']}"
    assert [caller.ask("DELETE", path).status for _ in range(2)] == [204, 404]
    found = records(caller)
    assert [record["operationType"] for record in found] == [
        "devices_upload_to_new_batch_attempted",
        "devices_upload_to_existing_batch_attempted",
        "devices_update_attempted",
        "device_deleted",
    ]
    assert {record["userPrincipalName"] for record in found} == {Behaviour().user}
    assert {"key": "DeviceId", "value": first["id"]} in found[-1]["customizedData"]


def test_a_record_may_name_no_device() -> None:
    with PartnerCenterStandIn(Behaviour(audit_names_devices=False)) as service:
        caller = Caller(service.url)
        caller.create([pc("S")])
        assert records(caller)[0]["customizedData"] == []


def test_records_are_found_by_customer_name_resource_and_day(caller: Caller) -> None:
    caller.create([pc("S")], customer=CUSTOMERS[0].id)
    caller.create([pc("T")], customer=OTHER_CUSTOMER)
    assert [each["customerId"] for each in records(caller, filtered("CustomerId", OTHER_CUSTOMER.upper()))] == [
        OTHER_CUSTOMER
    ]
    assert [each["customerName"] for each in records(caller, filtered("CompanyName", "TOSO", "substring"))] == [
        "Contoso"
    ]
    assert len(records(caller, filtered("ResourceType", "Device"))) == 2
    assert records(caller, filtered("ResourceType", "Order")) == []
    yesterday = TODAY - timedelta(days=2)
    assert records(caller, f"?startDate={yesterday - timedelta(days=1)}&endDate={yesterday}") == []
    assert len(records(caller, f"?startDate={TODAY - timedelta(days=89)}")) == 2
    assert len(records(caller, "?startDate=" + quote(f"{TODAY:%m/%d/%Y} 12:00:00 AM"))) == 2


def test_the_earliest_day_is_ninety_days_ago() -> None:
    just_before_midnight = datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC)
    wanted = wanted_in({"startdate": "2026-08-31"}, just_before_midnight.timestamp())
    assert wanted.since == datetime(2026, 8, 31, tzinfo=UTC).timestamp()
    with pytest.raises(Refusal, match="90 days"):
        wanted_in({"startdate": "2026-08-30"}, just_before_midnight.timestamp())


@pytest.mark.parametrize(
    "query",
    [
        f"?startDate={TODAY - timedelta(days=91)}",
        f"?startDate={TODAY}&endDate={TODAY - timedelta(days=1)}",
        "?startDate=yesterday",
        "?filter=all",
        "?filter=%7B%7D",
        filtered("CustomerId", CUSTOMER, "substring"),
        filtered("UserPrincipalName", "me"),
        "?size=501",
        "?seekOperation=Next",
    ],
)
def test_what_is_not_asked_for_as_the_page_has_it_is_refused(caller: Caller, query: str) -> None:
    assert caller.ask("GET", f"/v1/auditrecords{query}").fault == (400, "800002")


def test_records_are_paged(caller: Caller) -> None:
    for number in range(3):
        caller.create([pc(f"S{number}")], f"Batch {number}")
    first = caller.ask("GET", "/v1/auditrecords?size=2").json
    token = first["continuationToken"]
    second = caller.ask("GET", "/v1/auditrecords?size=2&seekOperation=Next", MS_ContinuationToken=token).json
    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert "continuationToken" not in second


def test_what_others_register_and_delete_is_seen_and_told(service: PartnerCenterStandIn, caller: Caller) -> None:
    body = {"do": "register", "customer": CUSTOMER, "batch": "Portal", "serial": "S"}
    body |= {"manufacturer": "Contoso", "model": "PC 1", "by": "a colleague"}
    assert caller.ask("POST", "/stand-in/devices", body).status == 200
    (device,) = devices(caller, "Portal")
    assert (device["serialNumber"], device["uploadedBy"]) == ("S", "a colleague")
    assert caller.outcomes(caller.create([pc("S")])) == [ALREADY_ASSIGNED]
    gone = caller.ask("POST", "/stand-in/devices", {"do": "delete", "customer": CUSTOMER, "serial": "S"}).json
    assert gone == {"devices": 1}
    assert devices(caller, "Portal") == []
    assert [each["userPrincipalName"] for each in records(caller)] == ["a colleague", Behaviour().user, SOMEONE]
    assert service.delete_elsewhere(CUSTOMER, "S") == 0


def test_a_device_that_may_not_be_deleted_says_so_and_is_not_deleted(caller: Caller) -> None:
    caller.create([pc("S")])
    wanted = {"do": "allow", "customer": CUSTOMER, "serial": "S", "operations": ["GET", "PATCH"]}
    assert caller.ask("POST", "/stand-in/devices", wanted).json == {"devices": 1}
    (device,) = devices(caller)
    assert device["allowedOperations"] == ["GET", "PATCH"]
    path = f"/v1/customers/{CUSTOMER}/deviceBatches/Test/devices/{device['id']}"
    assert caller.ask("DELETE", path).fault == (403, "600006")
    assert devices(caller) == [device]


def test_policies_are_added_and_removed_from_outside(caller: Caller) -> None:
    added = caller.ask("POST", "/stand-in/policies", {"do": "add", "customer": CUSTOMER, "name": "Lobby"}).json["id"]
    assert policy_id(caller, "Lobby") == added
    removed = caller.ask("POST", "/stand-in/policies", {"do": "remove", "customer": CUSTOMER, "id": added}).json
    assert removed == {"removed": True}


@pytest.mark.parametrize("body", [{}, {"do": "beam", "customer": CUSTOMER, "serial": "S"}, [], "x"])
def test_a_control_that_is_none_is_refused(caller: Caller, body: Any) -> None:
    assert caller.ask("POST", "/stand-in/devices", body).status == 400
