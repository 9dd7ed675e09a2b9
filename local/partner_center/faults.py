"""Faults on request, and which request each befalls."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from local.partner_center.contract import JOBS, Operation


class Fault(StrEnum):
    """A fault of the service, the gateway or the connection."""

    THROTTLE = "throttle"
    """429, Retry-After in seconds, and the gateway's body."""
    THROTTLE_UNTIL = "throttle_until"
    """429, Retry-After as a date."""
    UNAVAILABLE = "unavailable"
    """503 with a page of HTML."""
    UNAUTHORISED = "unauthorised"
    """401, as for an expired token."""
    FORBIDDEN = "forbidden"
    """403 in plain text."""
    REDIRECT = "redirect"
    """307 to another host."""
    DROPPED_BEFORE = "dropped_before"
    """The connection closes and nothing was processed."""
    DROPPED_AFTER = "dropped_after"
    """The connection closes after the request was processed."""
    TRUNCATED = "truncated"
    """Processed; the answer breaks off in its body or, without one, in its headers."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    """Processed; the gateway answers 504 with a page of HTML."""
    NOT_JSON = "not_json"
    """Processed; the answer is a page of HTML."""
    WITHOUT_LOCATION = "without_location"
    """202 without any link."""
    LINK_IN_BODY = "link_in_body"
    """202 with the link in its body, as the REST reference says, and not in Location."""
    FORGET_REQUEST_IDS = "forget_request_ids"
    """A repeated MS-RequestId is processed again."""
    UNKNOWN_TRACKING_ID = "unknown_tracking_id"
    """404 for an upload that was accepted."""
    SHORTER_STATUS = "shorter_status"
    """devicesStatus lacks its last device."""
    UNKNOWN_STATUS = "unknown_status"
    """Statuses that no page has."""
    CUSTOMER_WITHOUT_ID = "customer_without_id"
    """The last customer of a page has no id."""
    ENDLESS_CUSTOMERS = "endless_customers"
    """The page of customers names itself as the next one."""

    def makes_sense_for(self, operation: Operation) -> bool:
        """Whether a request of this kind can meet the fault."""
        return operation in _ONLY_FOR.get(self, Operation)


_STATUS = frozenset({Operation.BATCH_JOB_STATUS})
_LIST = frozenset({Operation.CUSTOMERS})
_ONLY_FOR: Mapping[Fault, frozenset[Operation]] = {
    Fault.WITHOUT_LOCATION: JOBS,
    Fault.LINK_IN_BODY: JOBS,
    Fault.FORGET_REQUEST_IDS: JOBS,
    Fault.UNKNOWN_TRACKING_ID: _STATUS,
    Fault.SHORTER_STATUS: _STATUS,
    Fault.UNKNOWN_STATUS: _STATUS,
    Fault.CUSTOMER_WITHOUT_ID: _LIST,
    Fault.ENDLESS_CUSTOMERS: _LIST,
}
"""The operations a fault makes sense for; all others are for every one."""


@dataclass(frozen=True, slots=True)
class _Scripted:
    """A fault that waits for its request. None as operation or customer stands for any."""

    fault: Fault
    operation: Operation | None
    customer: str | None

    def befalls(self, operation: Operation, customer: str) -> bool:
        """Whether the fault waits for this request."""
        return (
            self.operation in (None, operation)
            and self.customer in (None, customer)
            and self.fault.makes_sense_for(operation)
        )


class Faults:
    """Chooses the fault that befalls each request: scripted faults first, then drawn ones. For several threads."""

    def __init__(self, probabilities: Mapping[Fault, float], seed: int) -> None:
        self._probabilities = dict(probabilities)
        self._random = random.Random(seed)
        self._scripted: list[_Scripted] = []
        self._lock = threading.Lock()

    def script(
        self, fault: Fault, times: int = 1, operation: Operation | None = None, customer: str | None = None
    ) -> None:
        """Let the next `times` requests that `fault` makes sense for meet it.

        With an operation or a customer, requests of others are spared.
        """
        with self._lock:
            self._scripted += [_Scripted(fault, operation, customer.lower() if customer else None)] * times

    def end(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._probabilities.clear()
            self._scripted.clear()

    def next(self, operation: Operation, customer: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            for entry in self._scripted:
                if entry.befalls(operation, customer):
                    self._scripted.remove(entry)
                    return entry.fault
            for fault, probability in self._probabilities.items():
                if fault.makes_sense_for(operation) and self._random.random() < probability:
                    return fault
        return None
