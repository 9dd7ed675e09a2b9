"""Answers requests as the service does: authorisation, repeated request ids, uploads, status, batches and devices.

Pure of HTTP: requests in, replies out, with the clock and the ids injected. The server puts it behind sockets; tests
call it in process.
"""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote, urlencode

from local.partner_center.audit_log import MOST_RECORDS_ON_A_PAGE, wanted_in
from local.partner_center.behaviour import Behaviour, NamedCustomer, NamedPolicy
from local.partner_center.contract import (
    ABOUT_CUSTOMERS,
    GUID,
    JOBS,
    OF_NO_CUSTOMER,
    Answer,
    Json,
    Operation,
    Refusal,
    Reply,
    Request,
    invalid_input,
)
from local.partner_center.devices import SentDevice, devices_in
from local.partner_center.directory import Directory
from local.partner_center.faults import Fault
from local.partner_center.gateway import damaged, gateway_answer
from local.partner_center.policies import policy_updates_in

MOST_CUSTOMERS_ON_A_PAGE = 500
"""The largest `size` that is taken; Microsoft's page names none."""


class Service:
    """Answers requests. Safe to share between threads."""

    def __init__(self, directory: Directory, behaviour: Behaviour, clock: Callable[[], float]) -> None:
        """`clock` gives the seconds since 1970."""
        self._directory = directory
        self._behaviour = behaviour
        self._clock = clock
        self._lock = threading.Lock()
        self._received: Counter[Operation] = Counter()
        self._processed: Counter[Operation] = Counter()
        self._repeated = 0
        self._unknown_customers = {customer.lower() for customer in behaviour.unknown_customers}

    def close(self) -> None:
        """Let go of the data, after the answer in progress."""
        with self._lock:
            self._directory.close()

    def reply(self, request: Request, fault: Fault | None = None) -> Reply:
        """The reply to `request` when `fault` befalls it."""
        if fault is Fault.DROPPED_BEFORE:
            return Reply(None)
        if stopped := gateway_answer(fault, self._behaviour, request.path, self._clock()):
            return Reply(stopped)
        with self._lock:
            repeated = self._repeated
            answer = self._answer(request, fault)
            is_repeat = self._repeated > repeated
        return replace(damaged(answer, fault), given=answer, is_repeat=is_repeat)

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        self._received[request.operation] += 1
        try:
            self._check(request)
            if request.operation in JOBS:
                return self._take_once(request, fault)
            answer = self._read(request, fault)
        except Refusal as refusal:
            return refusal.answer()
        self._processed[request.operation] += 1
        return answer

    # What others do, beside the caller

    def register_elsewhere(self, customer: str, batch: str, device: SentDevice, by: str) -> str:
        """Another user of the partner registers a device, in a batch that is made if need be; its id."""
        with self._lock, self._directory.whole():
            is_new = not self._directory.batch_named(customer, batch)
            if is_new:
                self._directory.add_batch(customer, batch)
            what = "devices_upload_to_new_batch_attempted" if is_new else "devices_upload_to_existing_batch_attempted"
            self._directory.audit_log.add(what, customer, by, BatchId=batch, Devices="1")
            return self._directory.register(customer, batch, device, self._clock(), by)

    def delete_elsewhere(self, customer: str, serial: str, by: str) -> int:
        """Another user of the partner deletes all devices with this serial number; how many these were."""
        with self._lock, self._directory.whole():
            found = self._directory.devices_with_serial(customer, serial)
            return sum(bool(self._directory.delete_device(customer, batch, each, by)) for batch, each in found)

    def allow_operations(self, customer: str, serial: str, operations: Sequence[str]) -> int:
        """Allow on all devices with this serial number these operations alone; how many these were."""
        with self._lock, self._directory.whole():
            found = self._directory.devices_with_serial(customer, serial)
            for _, device_id in found:
                self._directory.allow(device_id, operations)
            return len(found)

    def add_policy(self, customer: str, policy: NamedPolicy) -> str:
        """The customer gets one more configuration policy; its id."""
        with self._lock, self._directory.whole():
            return self._directory.policies.add(customer, policy)

    def remove_policy(self, customer: str, policy_id: str) -> bool:
        """Whether the customer had this configuration policy, which it has no more."""
        with self._lock, self._directory.whole():
            return self._directory.policies.remove(customer, policy_id)

    def policies_of_devices(self, customer: str) -> dict[str, str | None]:
        """The policy that each device of the customer has now, by its serial number."""
        with self._lock:
            return self._directory.policies_by_serial(customer)

    def report(self) -> Json:
        """The requests so far, and how often each device was in an upload that was processed."""
        with self._lock:
            posted = self._directory.posted()
            return {
                "received": {operation.value: self._received[operation] for operation in Operation},
                "processed": {operation.value: self._processed[operation] for operation in Operation},
                "repeated": self._repeated,
                "devices": posted,
                "devicesPostedMoreThanOnce": {identity: times for identity, times in posted.items() if times > 1},
            }

    def _check(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "800001", "Partner token missing")
        if self._behaviour.token not in (None, token):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "400", "Access denied")
        if request.operation in ABOUT_CUSTOMERS and not self._behaviour.may_read_customers:
            raise Refusal(HTTPStatus.FORBIDDEN, 1002, "The caller isn&#39;t allowed to read customers")
        if request.operation not in OF_NO_CUSTOMER:
            self._check_customer(request)
        if request.operation is Operation.UPDATE_DEVICE_POLICIES and not self._behaviour.is_admin_agent:
            raise Refusal(HTTPStatus.FORBIDDEN, 2032, "Access denied: applying policies needs an Admin agent")
        if request.request_id is not None and not GUID.fullmatch(request.request_id):
            raise invalid_input("MS-RequestId isn&#39;t a GUID")

    def _check_customer(self, request: Request) -> None:
        if not GUID.fullmatch(request.customer):
            raise Refusal(HTTPStatus.BAD_REQUEST, 900118, "Invalid Customer ID")
        if request.customer in self._unknown_customers:
            raise Refusal(HTTPStatus.NOT_FOUND, 60003, "Tenant not found")
        if request.operation is not Operation.CUSTOMER and self._customer(request.customer).relationship == "none":
            said = f"The partner has no commerce relationship with customer {request.customer}"
            raise Refusal(HTTPStatus.FORBIDDEN, 20002, said)

    def _customer(self, customer_id: str) -> NamedCustomer:
        """The customer with this id; one that stands on no list has no name of its own."""
        name = f"customer-{customer_id[:8]}"
        unlisted = NamedCustomer(customer_id, name, f"{name}.onmicrosoft.com")
        return next((each for each in self._behaviour.customers if each.id == customer_id), unlisted)

    def _take_once(self, request: Request, fault: Fault | None) -> Answer:
        """A request for work that goes on later, or the answer to its first try."""
        known = self._directory.remembered(request.request_id) if request.request_id else None
        if known and fault is not Fault.FORGET_REQUEST_IDS:
            if known[0] != request.fingerprint:
                raise invalid_input("MS-RequestId was used for another request")
            self._repeated += 1
            return known[1]
        with self._directory.whole():
            try:
                answer = self._take(request)
                self._processed[request.operation] += 1
            except Refusal as refusal:
                answer = refusal.answer()
            if request.request_id:
                self._directory.remember(request.request_id, request.fingerprint, answer)
        return answer

    def _take(self, request: Request) -> Answer:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 800002, "Content-Type must be application/json")
        try:
            content = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise invalid_input("The body isn&#39;t JSON") from error
        tracking_id = self._tracking_id(request, content)
        location = self._behaviour.location.format(customer=request.customer, tracking_id=tracking_id)
        return Answer(HTTPStatus.ACCEPTED, {"Location": location})

    def _tracking_id(self, request: Request, content: Json) -> str:
        """That of the work which the request asks for."""
        customer = request.customer
        match request.operation:
            case Operation.UPDATE_DEVICE_POLICIES:
                return self._directory.update_policies(customer, policy_updates_in(content))
            case Operation.CREATE_BATCH:
                batch, devices = self._batch_to_create(customer, content)
                is_new = not self._directory.batch_named(customer, batch)
                if is_new:
                    self._directory.add_batch(customer, batch)
                return self._directory.accept(customer, batch, devices, is_new=is_new)
            case _:
                devices = devices_in(content, self._behaviour.most_devices)
                return self._directory.accept(customer, self._batch_to_append_to(request), devices)

    def _batch_to_create(self, customer: str, content: Json) -> tuple[str, list[SentDevice]]:
        fields = {name.lower(): value for name, value in content.items()} if isinstance(content, dict) else {}
        batch = fields.get("batchid")
        if not isinstance(batch, str) or not batch.strip() or fields.keys() - {"batchid", "devices", "attributes"}:
            raise invalid_input("A batch is created by an object with batchId and devices")
        devices = devices_in(fields.get("devices"), self._behaviour.most_devices)
        existing, status = self._directory.batch_named(customer, batch), self._behaviour.existing_batch_status
        if existing and status == HTTPStatus.ACCEPTED:
            return existing, devices
        if existing:
            raise Refusal(status, 3000, f"The device batch &quot;{batch}&quot; exists already")
        return batch, devices

    def _batch_to_append_to(self, request: Request) -> str:
        batch = request.batch or ""
        if self._behaviour.append_makes_batch and not self._directory.batch_named(request.customer, batch):
            self._directory.add_batch(request.customer, batch)
        return self._batch_of(request)

    def _batch_of(self, request: Request) -> str:
        batch = request.batch or ""
        if self._directory.batch_named(request.customer, batch) != batch:
            raise Refusal(HTTPStatus.NOT_FOUND, 1000, "Not found: the device batch doesn&#39;t exist")
        return batch

    def _read(self, request: Request, fault: Fault | None) -> Answer:
        match request.operation:
            case Operation.BATCH_JOB_STATUS:
                return self._status(request, fault)
            case Operation.DEVICE_BATCHES:
                batches = self._directory.batches(request.customer)
                page = {"totalCount": len(batches), "items": batches, "attributes": {"objectType": "Collection"}}
                return Answer.of_json(HTTPStatus.OK, page)
            case Operation.BATCH_DEVICES:
                return self._page_of_devices(request)
            case Operation.CUSTOMERS:
                return self._page_of_customers(request, fault)
            case Operation.CUSTOMER:
                return Answer.of_json(HTTPStatus.OK, _resource(self._customer(request.customer)))
            case Operation.CONFIGURATION_POLICIES:
                with self._directory.whole():
                    policies = self._directory.policies.of_customer(request.customer)
                page = {"totalCount": len(policies), "items": policies, "attributes": {"objectType": "Collection"}}
                return Answer.of_json(HTTPStatus.OK, page)
            case Operation.AUDIT_RECORDS:
                return self._page_of_audit_records(request)
            case _:
                return self._delete(request)

    def _delete(self, request: Request) -> Answer:
        with self._directory.whole():
            batch = self._batch_of(request)
            deleted = self._directory.delete_device(request.customer, batch, request.subject or "")
        if deleted is None:
            raise Refusal(HTTPStatus.FORBIDDEN, 600006, "The requested action is not allowed on this device")
        if not deleted:
            raise Refusal(HTTPStatus.NOT_FOUND, 1000, "Not found: the device doesn&#39;t exist")
        return Answer(HTTPStatus.NO_CONTENT)

    def _status(self, request: Request, fault: Fault | None) -> Answer:
        details = self._directory.job(request.customer, request.subject or "")
        if details is None or fault is Fault.UNKNOWN_TRACKING_ID:
            raise Refusal(HTTPStatus.NOT_FOUND, 1000, "Not found")
        if fault is Fault.SHORTER_STATUS and details["devicesStatus"]:
            details["devicesStatus"].pop()
        if fault is Fault.UNKNOWN_STATUS:
            details["status"] = "awaiting_review"
            details["devicesStatus"] = [
                device | {"status": "awaiting_review"} for device in details["devicesStatus"] or []
            ]
        return Answer.of_json(HTTPStatus.OK, details)

    def _page_of_devices(self, request: Request) -> Answer:
        batch = self._batch_of(request)
        items, after, total = self._directory.devices(request.customer, batch, _after(request))
        page = {"totalCount": total, "items": items, "attributes": {"objectType": "Collection"}}
        uri = f"/customers/{request.customer}/deviceBatches/{batch}/devices"
        return Answer.of_json(HTTPStatus.OK, page | self._next_page(uri, after))

    def _page_of_customers(self, request: Request, fault: Fault | None) -> Answer:
        """A page of the partner's customers; a further one is asked for by seeking ("Get a list of customers")."""
        size, after = _size(request, MOST_CUSTOMERS_ON_A_PAGE), _after_by_seeking(request)
        listed = [each for each in self._behaviour.customers if each.id not in self._unknown_customers]
        shown = listed[after : after + size]
        items = [_resource(customer) for customer in shown]
        following = after + size if after + size < len(listed) else None
        if fault is Fault.CUSTOMER_WITHOUT_ID and items:
            items[-1] = {"relationshipToPartner": items[-1]["relationshipToPartner"]}
        if fault is Fault.ENDLESS_CUSTOMERS:
            following = after or size
        page = {"totalCount": len(items), "items": items, "attributes": {"objectType": "Collection"}}
        uri = f"/customers?size={size}&seekOperation=Next"
        asks = request.headers.get("validatemfa", "").lower() == "true"
        headers = {"isMfaCompliant": "true"} if asks else None
        return Answer.of_json(HTTPStatus.OK, page | self._next_page(uri, following), headers)

    def _page_of_audit_records(self, request: Request) -> Answer:
        wanted = wanted_in(request.query, self._clock())
        size = _size(request, MOST_RECORDS_ON_A_PAGE) if "size" in request.query else MOST_RECORDS_ON_A_PAGE
        items, following = self._directory.audit_log.page(
            wanted, lambda customer: self._customer(customer).name, after=_after_by_seeking(request), size=size
        )
        page = {"totalCount": len(items), "items": items, "attributes": {"objectType": "Collection"}}
        uri = f"/auditrecords?{urlencode({**request.query, 'seekoperation': 'Next'}, quote_via=quote)}"
        return Answer.of_json(HTTPStatus.OK, page | self._next_page(uri, following))

    def _next_page(self, uri: str, after: int | None) -> Json:
        """What a page says of the next one."""
        if after is None:
            return {}
        token = base64.b64encode(f"after {after}".encode()).decode()
        if not self._behaviour.token_in_links:
            return {"continuationToken": token}
        link = {"uri": uri, "method": "GET", "headers": [{"key": "MS-ContinuationToken", "value": token}]}
        return {"links": {"next": link}}


def _resource(customer: NamedCustomer) -> Json:
    """The customer as "Customer resources" has it."""
    return {
        "id": customer.id,
        "companyProfile": {
            "tenantId": customer.id,
            "domain": customer.domain,
            "companyName": customer.name,
            "attributes": {"objectType": "CustomerCompanyProfile"},
        },
        "relationshipToPartner": customer.relationship,
        "allowDelegatedAccess": customer.relationship != "none",
        "attributes": {"objectType": "Customer"},
    }


def _size(request: Request, most: int) -> int:
    text = request.query.get("size", "")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= most):
        raise invalid_input(f"size is a number from 1 to {most}")
    return int(text)


def _after_by_seeking(request: Request) -> int:
    after = _after(request)
    if (after > 0) is not (request.query.get("seekoperation", "").lower() == "next"):
        raise invalid_input("A continuation token and seekOperation=Next belong together")
    return after


def _after(request: Request) -> int:
    token = request.headers.get("ms-continuationtoken")
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("after "))
    except ValueError as error:
        raise invalid_input("The continuation token isn&#39;t one of ours") from error
