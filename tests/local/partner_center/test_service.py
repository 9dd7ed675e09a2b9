"""Only requests with a token are answered, and a repeated upload is processed once."""

import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from local.partner_center import Behaviour, Directory, Fault, NamedCustomer, PartnerCenterStandIn, Reply, Service, route
from tests.local.partner_center.calling import ALREADY_ASSIGNED, CUSTOMER, OTHER_CUSTOMER, REGISTERED, Caller, pc


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


def test_the_list_of_customers_is_read_by_seeking_and_names_no_unknown_customer() -> None:
    listed = [NamedCustomer(str(UUID(int=number)), f"Customer {number}", f"c{number}.test") for number in range(5)]
    behaviour = Behaviour(customers=listed, unknown_customers=frozenset({listed[1].id}))
    with PartnerCenterStandIn(behaviour) as service:
        caller = Caller(service.url)
        first = caller.ask("GET", "/v1/customers?size=3").json
        token = first["continuationToken"]
        second = caller.ask("GET", "/v1/customers?size=3&seekOperation=Next", MS_ContinuationToken=token).json
        one = caller.ask("GET", f"/v1/customers/{listed[4].id}").json
        assert caller.ask("GET", f"/v1/customers/{listed[1].id}").fault == (404, "60003")
    assert [each["companyProfile"]["companyName"] for each in first["items"]] == [
        "Customer 0",
        "Customer 2",
        "Customer 3",
    ]
    assert second["items"] == [one]
    assert "continuationToken" not in second
    assert (one["relationshipToPartner"], one["companyProfile"]["domain"]) == ("reseller", "c4.test")


@pytest.mark.parametrize("query", ["", "?size=0", "?size=501", "?size=x", "?size=5&seekOperation=Next"])
def test_a_list_of_customers_that_is_not_asked_for_as_documented_is_refused(caller: Caller, query: str) -> None:
    assert caller.ask("GET", f"/v1/customers{query}").fault == (400, "800002")


def test_a_continuation_token_without_seeking_is_refused(caller: Caller) -> None:
    assert caller.ask("GET", "/v1/customers?size=5", MS_ContinuationToken="YWZ0ZXIgMw==").fault == (400, "800002")


def test_a_sign_in_may_be_kept_from_reading_customers() -> None:
    with PartnerCenterStandIn(Behaviour(may_read_customers=False)) as service:
        caller = Caller(service.url)
        assert caller.ask("GET", "/v1/customers?size=5").fault == (403, "1002")
        assert caller.ask("GET", f"/v1/customers/{CUSTOMER}").fault == (403, "1002")
        assert caller.create([pc("S")]).status == 202


def test_devices_of_a_customer_without_a_relationship_are_refused() -> None:
    former = NamedCustomer(CUSTOMER, "Former", "former.test", "none")
    with PartnerCenterStandIn(Behaviour(customers=[former])) as service:
        caller = Caller(service.url)
        assert caller.create([pc("S")]).fault == (403, "20002")
        assert caller.ask("GET", f"/v1/customers/{CUSTOMER}").json["relationshipToPartner"] == "none"


@pytest.mark.parametrize(
    "body", [[pc("S")], {}, {"batchId": 5, "devices": [pc("S")]}, {"batchId": "B"}, {"batchId": " "}]
)
def test_a_malformed_creation_is_refused(caller: Caller, body: Any) -> None:
    assert caller.ask("POST", f"/v1/customers/{CUSTOMER}/deviceBatches", body).fault == (400, "800002")


def test_batch_ids_are_exact_strings(caller: Caller) -> None:
    caller.create([pc("S1")], "Sales")
    assert caller.append([pc("S2")], "sales").fault == (404, "1000")
    assert caller.create([pc("S2")], "SALES").status == 409
    assert caller.create([pc("S2")], "Sales").status == 409
    assert caller.append([pc("S2")], "Sales", customer=OTHER_CUSTOMER).status == 404
    assert caller.append([pc("S2")], "Sales").status == 202


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


def test_a_refusal_is_repeated_too(caller: Caller) -> None:
    request_id = str(uuid4())
    assert caller.append([pc("S")], MS_RequestId=request_id).fault == (404, "1000")
    caller.create([pc("FIRST")])
    assert caller.append([pc("S")], MS_RequestId=request_id).fault == (404, "1000")


def test_a_request_id_that_was_forgotten_is_processed_again(service: PartnerCenterStandIn, caller: Caller) -> None:
    caller.create([pc("FIRST")])
    request_id = str(uuid4())
    caller.append([pc("S")], MS_RequestId=request_id)
    service.script(Fault.FORGET_REQUEST_IDS)
    assert caller.outcomes(caller.append([pc("S")], MS_RequestId=request_id)) == [ALREADY_ASSIGNED]
    assert service.report()["devicesPostedMoreThanOnce"] == {"tuple:S|Contoso|PC 1": 2}


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


def test_a_refused_upload_is_not_counted(service: PartnerCenterStandIn, caller: Caller) -> None:
    assert caller.append([pc("S")]).status == 404
    report = service.report()
    assert (report["received"]["append_devices"], report["processed"]["append_devices"]) == (1, 0)
    assert report["devices"] == {}


@pytest.fixture
def in_process() -> Iterator[Service]:
    ids = (UUID(int=number) for number in itertools.count(1))
    directory = Directory(None, Behaviour(), clock=lambda: 0.0, new_id=lambda: next(ids))
    yield Service(directory, Behaviour(), clock=lambda: 0.0)
    directory.close()


def in_process_reply(service: Service, request_id: UUID, fault: Fault | None = None) -> Reply:
    headers = {"authorization": "Bearer any", "content-type": "application/json", "ms-requestid": str(request_id)}
    body = json.dumps({"batchId": "Test", "devices": [pc("S")]}).encode()
    request = route("POST", f"/v1/customers/{CUSTOMER}/deviceBatches", headers, body)
    assert request is not None
    return service.reply(request, fault)


def test_without_sockets_a_lost_answer_is_told_on_repeating_with_the_injected_ids(in_process: Service) -> None:
    request_id = uuid4()
    lost = in_process_reply(in_process, request_id, Fault.DROPPED_AFTER)
    assert (lost.answer, lost.is_repeat) == (None, False)
    assert lost.given is not None
    assert lost.given.status == 202
    told = in_process_reply(in_process, request_id)
    assert told.answer is not None
    assert told.answer.headers["Location"].endswith(f"/batchJobStatus/{UUID(int=1)}")
    assert told.is_repeat


def test_without_sockets_a_throttled_caller_is_told_a_date_of_the_injected_clock(in_process: Service) -> None:
    throttled = in_process_reply(in_process, uuid4(), Fault.THROTTLE_UNTIL)
    assert throttled.answer is not None
    assert throttled.answer.headers["Retry-After"] == "Thu, 01 Jan 1970 00:00:01 GMT"
