"""Addresses, requests, answers, and refusals in the service's own form."""

import base64
import hashlib
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

SOURCE = "PartnerFD"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Json = Any
"""The result of `json.loads`: of unknown shape, to be checked by hand."""


class Operation(StrEnum):
    """The calls that the service offers."""

    CREATE_BATCH = "create_batch"
    APPEND_DEVICES = "append_devices"
    BATCH_JOB_STATUS = "batch_job_status"
    DEVICE_BATCHES = "device_batches"
    BATCH_DEVICES = "batch_devices"
    DELETE_DEVICE = "delete_device"
    CONFIGURATION_POLICIES = "configuration_policies"
    UPDATE_DEVICE_POLICIES = "update_device_policies"
    AUDIT_RECORDS = "audit_records"
    CUSTOMERS = "customers"
    CUSTOMER = "customer"


UPLOADS = frozenset({Operation.CREATE_BATCH, Operation.APPEND_DEVICES})
"""The operations that send devices."""

JOBS = UPLOADS | {Operation.UPDATE_DEVICE_POLICIES}
"""The operations that are taken at once and worked on later, under a tracking id."""

OF_NO_CUSTOMER = frozenset({Operation.CUSTOMERS, Operation.AUDIT_RECORDS})
"""The operations whose address names no customer."""

ABOUT_CUSTOMERS = frozenset({Operation.CUSTOMERS, Operation.CUSTOMER})
"""The operations that tell of the partner's customers."""

GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


class Refusal(Exception):
    """A request that is answered with Partner Center's fault body."""

    def __init__(self, status: HTTPStatus, code: int | str | None, description: str, data: Sequence[str] = ()) -> None:
        super().__init__(description)
        self.status = status
        self.code = code
        self.description = description
        self.data = data

    def answer(self) -> "Answer":
        """The fault body of "Error codes"; its `code` is a number in what the service really sends."""
        fault = {"code": self.code, "description": self.description, "data": list(self.data), "source": SOURCE}
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'} if self.status == HTTPStatus.UNAUTHORIZED else {}
        return Answer.of_json(self.status, fault, headers)


def utc(seconds: float) -> str:
    """A time as the pages show it: UTC, without saying so."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def invalid_input(description: str) -> Refusal:
    """The refusal of a request that is not what the schema asks for."""
    return Refusal(HTTPStatus.BAD_REQUEST, 800002, f"Invalid request input: {description}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, before the identifiers every one carries."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of_json(cls, status: HTTPStatus, content: Json, headers: Mapping[str, str] | None = None) -> "Answer":
        """JSON as the service sends it: with a byte order mark."""
        body = BYTE_ORDER_MARK + json.dumps(content).encode()
        return cls(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body)

    def headers_for(self, asked: Mapping[str, str]) -> dict[str, str]:
        """All headers of the response to a request with the headers `asked`, whose identifiers are repeated."""
        headers = {
            "Date": formatdate(usegmt=True),
            **self.headers,
            "MS-CorrelationId": asked.get("ms-correlationid") or str(uuid4()),
            "MS-RequestId": asked.get("ms-requestid") or str(uuid4()),
            "MS-CV": asked.get("ms-cv") or f"{base64.b64encode(random.randbytes(12)).decode()}.0",
            "MS-ServerId": "030020525",
        }
        if self.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(self.body))
        return headers


@dataclass(frozen=True, slots=True)
class Reply:
    """What the service answered to a request, and what of it the caller gets."""

    answer: Answer | None
    """What the caller gets; None when the connection closes without an answer."""
    is_cut_off: bool = False
    """Whether the connection closes in the middle of the answer."""
    given: Answer | None = None
    """What the service answered; None when the request did not reach it."""
    is_repeat: bool = False
    """Whether the MS-RequestId was known, so that nothing was processed."""


Replying = Callable[[str, str, Mapping[str, str], bytes], Reply]
"""From method, target, headers by lower-case name, and body to the reply."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose path is known."""

    operation: Operation
    method: str
    path: str
    customer: str
    """Empty for the operations that are of no customer."""
    batch: str | None
    subject: str | None
    """The tracking id or device id."""
    query: Mapping[str, str]
    """By lower-case name; a parameter that is repeated has its last value."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The key by which a repeat is recognised."""
        return self.headers.get("ms-requestid")

    @property
    def fingerprint(self) -> str:
        """Equal for a repeat, and for nothing else."""
        return hashlib.blake2b(f"{self.method} {self.path}\n".encode() + self.body, digest_size=16).hexdigest()


_CUSTOMER = "customers/(?P<customer>[^/]+)"
_ROUTES: Sequence[tuple[str, re.Pattern[str], Operation]] = [
    (method, re.compile(rf"/v1(?:\.0)?/+{pattern}/?", re.IGNORECASE), operation)
    for method, pattern, operation in [
        ("GET", r"customers", Operation.CUSTOMERS),
        ("GET", rf"{_CUSTOMER}", Operation.CUSTOMER),
        ("POST", rf"{_CUSTOMER}/deviceBatches", Operation.CREATE_BATCH),
        ("GET", rf"{_CUSTOMER}/deviceBatches", Operation.DEVICE_BATCHES),
        ("POST", rf"{_CUSTOMER}/deviceBatches/(?P<batch>[^/]+)/devices", Operation.APPEND_DEVICES),
        ("GET", rf"{_CUSTOMER}/deviceBatches/(?P<batch>[^/]+)/devices", Operation.BATCH_DEVICES),
        ("DELETE", rf"{_CUSTOMER}/deviceBatches/(?P<batch>[^/]+)/devices/(?P<subject>[^/]+)", Operation.DELETE_DEVICE),
        ("GET", rf"{_CUSTOMER}/policies", Operation.CONFIGURATION_POLICIES),
        ("PATCH", rf"{_CUSTOMER}/DevicePolicyUpdates", Operation.UPDATE_DEVICE_POLICIES),
        ("GET", r"auditrecords", Operation.AUDIT_RECORDS),
        ("GET", rf"{_CUSTOMER}/batchJobStatus/(?P<subject>[^/]+)", Operation.BATCH_JOB_STATUS),
    ]
]


def route(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request | None:
    """The request to `method` and `target`; None when the service has no such address."""
    address = urlsplit(target)
    path = address.path
    for expected, pattern, operation in _ROUTES:
        if expected == method and (found := pattern.fullmatch(path)):
            parts = {name: unquote(part) for name, part in found.groupdict().items() if part is not None}
            return Request(
                operation=operation,
                method=method,
                path=path,
                customer=parts.get("customer", "").lower(),
                batch=parts.get("batch"),
                subject=parts.get("subject"),
                query={name.lower(): value for name, value in parse_qsl(address.query)},
                headers=headers,
                body=body,
            )
    return None
