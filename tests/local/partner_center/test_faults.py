"""Faults befall the requests they are meant for."""

from local.partner_center import Behaviour, Fault, Operation, PartnerCenterStandIn
from tests.local.partner_center.calling import CUSTOMER, OTHER_CUSTOMER, Caller, pc


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


def test_a_fault_of_one_customer_spares_the_others(service: PartnerCenterStandIn, caller: Caller) -> None:
    service.script(Fault.THROTTLE, customer=CUSTOMER.upper())
    asked = [OTHER_CUSTOMER, CUSTOMER, CUSTOMER]
    assert [caller.ask("GET", f"/v1/customers/{customer}/deviceBatches").status for customer in asked] == [
        200,
        429,
        200,
    ]


def test_a_gateway_that_times_out_has_passed_the_request_on(service: PartnerCenterStandIn, caller: Caller) -> None:
    service.script(Fault.GATEWAY_TIMEOUT)
    assert [caller.create([pc("S")]).status for _ in range(2)] == [504, 409]


def test_a_page_of_customers_may_lack_an_id_or_lead_to_itself(service: PartnerCenterStandIn, caller: Caller) -> None:
    service.script(Fault.CUSTOMER_WITHOUT_ID)
    assert ["id" in each for each in caller.ask("GET", "/v1/customers?size=2").json["items"]] == [True, False]
    tokens = list[str | None]([None])
    for query in ("", "&seekOperation=Next", "&seekOperation=Next"):
        service.script(Fault.ENDLESS_CUSTOMERS)
        page = caller.ask("GET", f"/v1/customers?size=2{query}", **{"MS-ContinuationToken": tokens[-1] or ""}).json
        tokens.append(page["continuationToken"])
    assert tokens[2] == tokens[3]
