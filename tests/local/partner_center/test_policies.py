"""A customer's configuration policies, and devices that get one."""

from typing import Any

import pytest

from local.partner_center import Behaviour, NamedPolicy, PartnerCenterStandIn
from tests.local.partner_center.calling import CUSTOMER, OTHER_CUSTOMER, Caller, Told, pc

POLICIES = f"/v1/customers/{CUSTOMER}/policies"
UPDATES = f"/v1/customers/{CUSTOMER}/DevicePolicyUpdates"


def devices(caller: Caller, batch: str = "Test") -> list[dict[str, Any]]:
    page = caller.ask("GET", f"/v1/customers/{CUSTOMER}/deviceBatches/{batch}/devices").json
    items: list[dict[str, Any]] = page["items"]
    return items


def update(caller: Caller, device_id: str, policy_id: str, **headers: str) -> Told:
    body = {"Devices": [{"Id": device_id, "Policies": [{"Key": "o_o_b_e", "Value": policy_id}]}]}
    return caller.ask("PATCH", UPDATES, body, **headers)


def policy_id(caller: Caller, name: str = "Standard") -> str:
    items = caller.ask("GET", POLICIES).json["items"]
    return next(str(policy["id"]) for policy in items if policy["name"] == name)


def test_policies_have_the_documented_shape_and_ids_of_their_customer(caller: Caller) -> None:
    page = caller.ask("GET", POLICIES).json
    others = caller.ask("GET", f"/v1/customers/{OTHER_CUSTOMER}/policies").json
    assert [policy["name"] for policy in page["items"]] == ["Kiosk", "Standard"]
    assert page["totalCount"] == 2
    assert not {policy["id"] for policy in page["items"]} & {policy["id"] for policy in others["items"]}
    assert page["items"][0].keys() == {
        "id",
        "name",
        "category",
        "description",
        "devicesAssigned",
        "policySettings",
        "createdDate",
        "lastModifiedDate",
        "attributes",
    }


def test_a_policy_is_added_and_removed_for_one_customer(service: PartnerCenterStandIn, caller: Caller) -> None:
    added = service.add_policy(CUSTOMER, NamedPolicy("Lobby"))
    assert policy_id(caller, "Lobby") == added
    assert service.remove_policy(CUSTOMER, added)
    assert not service.remove_policy(CUSTOMER, added)
    assert [policy["name"] for policy in caller.ask("GET", POLICIES).json["items"]] == ["Kiosk", "Standard"]


def test_a_device_has_its_policy_when_the_update_is_finished() -> None:
    now = [1000.0]
    with PartnerCenterStandIn(Behaviour(delay=10), clock=lambda: now[0]) as service:
        caller = Caller(service.url)
        caller.create([pc("S")])
        now[0] += 20
        (device,) = devices(caller)
        accepted = update(caller, device["id"], policy_id(caller))
        assert caller.follow(accepted)["status"] == "queued"
        assert devices(caller)[0]["policies"] == [{"key": "o_o_b_e", "value": None}]
        now[0] += 20
        (status,) = caller.follow(accepted)["devicesStatus"]
        assert (status["deviceId"], status["serialNumber"], status["status"]) == (device["id"], "S", "finished")
        assert devices(caller)[0]["policies"] == [{"key": "o_o_b_e", "value": policy_id(caller)}]
        assert caller.ask("GET", POLICIES).json["items"][1]["devicesAssigned"] == 1
        assert service.policies_of_devices(CUSTOMER) == {"S": policy_id(caller)}


def test_a_later_policy_takes_the_place_of_an_earlier_one(caller: Caller) -> None:
    caller.create([pc("S")])
    (device,) = devices(caller)
    for name in ("Standard", "Kiosk"):
        update(caller, device["id"], policy_id(caller, name))
    assert devices(caller)[0]["policies"] == [{"key": "o_o_b_e", "value": policy_id(caller, "Kiosk")}]


def test_unknown_devices_and_policies_are_told_device_by_device(caller: Caller) -> None:
    caller.create([pc("S"), pc("STANDIN-PROFILE-StorageError-1")])
    first, second = devices(caller)
    wanted = policy_id(caller)
    assert caller.outcomes(update(caller, "unknown", wanted))[0][1:] == ("807", "ZtdDeviceIsNotRegistered")
    assert caller.outcomes(update(caller, first["id"], CUSTOMER))[0][1:] == ("809", "ZtdProfileIsNotRegistered")
    assert caller.outcomes(update(caller, second["id"], wanted))[0][1:] == (None, "StorageError")
    assert devices(caller)[0]["policies"] == [{"key": "o_o_b_e", "value": None}]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"devices": []},
        {"devices": [{"id": "a"}]},
        {"devices": [{"id": "a", "policies": []}]},
        {"devices": [{"policies": [{"key": "o_o_b_e", "value": "b"}]}]},
        {"devices": [{"id": "a", "policies": [{"key": "none", "value": "b"}]}]},
        {"devices": [{"id": "a", "policies": [{"key": "o_o_b_e", "value": None}]}]},
        {"devices": [{"id": "a", "policies": [{"key": "o_o_b_e", "value": "b"}] * 2}]},
        {"devices": [{"id": "a", "policies": [{"key": "o_o_b_e", "value": "b"}], "profile": "c"}]},
        {"devices": [{"id": "a", "policies": [{"key": "o_o_b_e", "value": "b"}]}], "policy": "b"},
    ],
)
def test_an_update_that_is_not_as_the_page_has_it_is_refused(caller: Caller, body: Any) -> None:
    assert caller.ask("PATCH", UPDATES, body).fault == (400, "800002")


def test_a_wrong_method_type_or_role_is_refused(caller: Caller) -> None:
    assert caller.ask("POST", UPDATES, {}).status == 404
    assert caller.ask("PATCH", POLICIES, {}).status == 404
    assert update(caller, "a", "b", Content_Type="text/plain").status == 415
    with PartnerCenterStandIn(Behaviour(is_admin_agent=False)) as service:
        sales_agent = Caller(service.url)
        assert update(sales_agent, "a", "b").fault == (403, "2032")
        assert sales_agent.create([pc("S")]).status == 202
        assert sales_agent.ask("GET", POLICIES).status == 200


def test_a_repeated_update_gets_the_first_answer(service: PartnerCenterStandIn, caller: Caller) -> None:
    request_id = "2f2dc4a8-6f3f-4c6a-9f0e-7b1c1b6f0001"
    first, again = (update(caller, "a", "b", MS_RequestId=request_id) for _ in range(2))
    assert first.headers["location"] == again.headers["location"]
    assert (service.report()["processed"]["update_device_policies"], service.report()["repeated"]) == (1, 1)
