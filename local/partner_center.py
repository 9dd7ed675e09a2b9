"""A stand-in for Partner Center's device batches on this machine: real HTTP, strict about the documented contract.

It is written from the service's pages alone and shares no code with the client, so that a misunderstanding shows.

    python -m local.partner_center --port 7077 --data .local/partner_center --delay 5 --fault throttle=0.1

What it holds
    Any GUID is a customer, unless named by --unknown-customer. Batch ids are exact strings: a batch that differs in
    case only is neither found by an append nor created beside the other. Paths are matched without case. A device is
    the same as another when hash, or product key, or serial number + manufacturer + model are equal; registered for the
    same customer it ends as 806, for another as 808, twice in one upload as ZtdDeviceDuplicated (without a number). A
    hash that is not base64 ends as 802. A POST with a known MS-RequestId gets the answer of the first, also a refusal,
    and is not processed again; with another body it is refused. What is stricter than the service is known to be:
    property names outside the schema, and MS-RequestIds that are no GUID, are refused.

Serial numbers that provoke an outcome
    STANDIN-808-...            the code, with its name; a number without a documented name comes with ZtdUndocumented
    STANDIN-HashNot4k-...      the name, with its number if it has one
    STANDIN-StorageError-...   fails the first time this device is sent, as a passing error does
    STANDIN-806OTHER-...       806 with the name ZtdDeviceAssignedToOtherTenant, as seen in the field
    STANDIN-0-...              finished, with the code 0
    STANDIN-NOREASON-...       finished_with_errors without code and name
    STANDIN-STUCK-...          this device stays `in-progress` although its upload is finished

Faults: see `Fault`. Each can be given a probability (--fault NAME=PROBABILITY, drawn from --seed) or be scripted for
the next requests (`script`, or POST /stand-in/faults). GET /stand-in/requests tells what was asked: requests by
operation, and how often each device was in a POST that was processed.
"""

import argparse
import base64
import binascii
import hashlib
import json
import logging
import random
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit
from uuid import uuid4

MOST_DEVICES = 1000
"""Devices an upload may have (Microsoft Learn, "Manually register devices with Windows Autopilot")."""
PAGE_SIZE = 100
"""Devices on a page of Get Devices ("Get a list of devices for the specified batch")."""
MOST_REQUEST_BYTES = 64 * 1024 * 1024
SOURCE = "PartnerFD"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

logger = logging.getLogger(__name__)

Json = Any
"""What `json.loads` gives: the body of a stranger, to be checked by hand."""


class Operation(StrEnum):
    """What can be asked for."""

    CREATE_BATCH = "create_batch"
    APPEND_DEVICES = "append_devices"
    BATCH_JOB_STATUS = "batch_job_status"
    DEVICE_BATCHES = "device_batches"
    BATCH_DEVICES = "batch_devices"
    DELETE_DEVICE = "delete_device"


class Fault(StrEnum):
    """What can go wrong on request."""

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


_UPLOADS = frozenset({Operation.CREATE_BATCH, Operation.APPEND_DEVICES})
_STATUS = frozenset({Operation.BATCH_JOB_STATUS})
_ONLY_FOR: Mapping[Fault, frozenset[Operation]] = {
    Fault.WITHOUT_LOCATION: _UPLOADS,
    Fault.LINK_IN_BODY: _UPLOADS,
    Fault.FORGET_REQUEST_IDS: _UPLOADS,
    Fault.UNKNOWN_TRACKING_ID: _STATUS,
    Fault.SHORTER_STATUS: _STATUS,
    Fault.UNKNOWN_STATUS: _STATUS,
}
"""The operations a fault makes sense for; all others are for every one."""

_NAMES: Mapping[str, str | None] = {
    "InvalidZtdRequestBody": "801",
    "InvalidZtdHardwareHash": "802",
    "MissingZtdSerialNumberAndProductKey": "803",
    "ZtdDeviceAlreadyAssigned": "806",
    "ZtdDeviceIsNotRegistered": "807",
    "ZtdDeviceAssignedToOtherTenant": "808",
    "ZtdProfileIsNotRegistered": "809",
    "ZtdProfileAssignedToOtherTenant": "810",
    "ZtdDeviceRegisteredByOtherTenant": "811",
    "ZtdDeviceNotFound": "812",
    "ZtdDeviceIsNotUnique": "813",
    "ZtdDeviceAlreadyAadRegistered": "814",
    "ZtdDeviceAssignedToAnotherTenant": "808",
    "HashNot4k": None,
    "ZtdDeviceDuplicated": None,
    "StorageError": None,
    "ZtdDeviceBadHardwareHash": None,
}
"""The errors of one device: name to number, where one is known."""

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


class Refusal(Exception):
    """A request that is answered with Partner Center's fault body."""

    def __init__(self, status: HTTPStatus, code: int | str, description: str, data: Sequence[str] = ()) -> None:
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


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose path is known."""

    operation: Operation
    method: str
    path: str
    customer: str
    batch: str | None
    subject: str | None
    """The tracking id or device id."""
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


_ROUTES: Sequence[tuple[str, re.Pattern[str], Operation]] = [
    (method, re.compile(rf"/v1(?:\.0)?/+customers/(?P<customer>[^/]+)/{pattern}/?", re.IGNORECASE), operation)
    for method, pattern, operation in [
        ("POST", r"deviceBatches", Operation.CREATE_BATCH),
        ("GET", r"deviceBatches", Operation.DEVICE_BATCHES),
        ("POST", r"deviceBatches/(?P<batch>[^/]+)/devices", Operation.APPEND_DEVICES),
        ("GET", r"deviceBatches/(?P<batch>[^/]+)/devices", Operation.BATCH_DEVICES),
        ("DELETE", r"deviceBatches/(?P<batch>[^/]+)/devices/(?P<subject>[^/]+)", Operation.DELETE_DEVICE),
        ("GET", r"batchJobStatus/(?P<subject>[^/]+)", Operation.BATCH_JOB_STATUS),
    ]
]


def route(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request | None:
    """What `method` and `target` ask for; None when the service has no such address."""
    path = urlsplit(target).path
    for expected, pattern, operation in _ROUTES:
        if expected == method and (found := pattern.fullmatch(path)):
            parts = {name: unquote(part) for name, part in found.groupdict().items() if part is not None}
            return Request(
                operation=operation,
                method=method,
                path=path,
                customer=parts["customer"].lower(),
                batch=parts.get("batch"),
                subject=parts.get("subject"),
                headers=headers,
                body=body,
            )
    return None


@dataclass(frozen=True, slots=True)
class SentDevice:
    """A device of an upload. Of its hash only a digest is kept."""

    serial: str | None
    product_key: str | None
    manufacturer: str | None
    model: str | None
    hash_digest: str | None
    hash_is_base64: bool

    @property
    def identities(self) -> tuple[str, ...]:
        """The keys by which it is recognised, the surest first."""
        tuple_key = "|".join((self.serial or "", self.manufacturer or "", self.model or ""))
        named = (
            ("hash", self.hash_digest),
            ("key", self.product_key),
            ("tuple", tuple_key if self.serial and self.manufacturer and self.model else None),
        )
        return tuple(f"{kind}:{value}" for kind, value in named if value)


_TEXTS = frozenset(
    [
        "id",
        "serialnumber",
        "productkey",
        "hardwarehash",
        "oemmanufacturername",
        "modelname",
        "uploadedby",
        "createdby",
        "uploadeddate",
    ]
)
_LISTS = frozenset({"policies", "allowedoperations"})
_OBJECTS = frozenset({"attributes", "links"})


def devices_in(content: Json) -> list[SentDevice]:
    """The devices of an upload.

    Raises:
        Refusal: when they are not what "Device" and its accepted combinations ask for.
    """
    if not isinstance(content, list):
        raise _invalid_input("The devices must be a JSON array")
    if not content:
        raise _invalid_input("There are no devices in the request")
    if len(content) > MOST_DEVICES:
        raise _invalid_input(f"A request takes at most {MOST_DEVICES} devices, this one has {len(content)}")
    return [_device_in(number, entry) for number, entry in enumerate(content)]


def _device_in(number: int, entry: Json) -> SentDevice:
    if not isinstance(entry, dict):
        raise _invalid_input(f"devices[{number}] isn&#39;t an object")
    fields = {name.lower(): value for name, value in entry.items()}
    for name, value in fields.items():
        if value is not None and not isinstance(value, _type_of(number, name)):
            raise _invalid_input(f"devices[{number}].{name} doesn&#39;t have the type of the schema")
    texts = {name: fields.get(name) or None for name in _TEXTS}
    hardware_hash = texts["hardwarehash"]
    device = SentDevice(
        serial=texts["serialnumber"],
        product_key=texts["productkey"],
        manufacturer=texts["oemmanufacturername"],
        model=texts["modelname"],
        hash_digest=hashlib.blake2b(hardware_hash.encode(), digest_size=16).hexdigest() if hardware_hash else None,
        hash_is_base64=_is_base64(hardware_hash or ""),
    )
    if not device.identities:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            3000,
            f"Invalid property: devices[{number}] needs a hardware hash, a product key, or serial number with"
            " manufacturer and model",
            [f"devices[{number}]"],
        )
    return device


def _type_of(number: int, name: str) -> type:
    if name in _TEXTS:
        return str
    if name in _LISTS:
        return list
    if name in _OBJECTS:
        return dict
    raise _invalid_input(f"devices[{number}].{name} isn&#39;t a property of a device")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _invalid_input(description: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, 800002, f"Invalid request input: {description}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one device of an upload ends."""

    status: str = "finished"
    code: str | None = None
    name: str | None = None

    @property
    def is_registered(self) -> bool:
        """Whether the device is the customer's from now on."""
        return self.status == "finished"


def _failed(name: str) -> Verdict:
    return Verdict("finished_with_errors", _NAMES[name], name)


def provoked(serial: str | None, *, sent_before: bool) -> Verdict | None:
    """The outcome that a serial number asks for (see the module); None when it asks for none."""
    found = re.match(r"STANDIN-(\w+)-", serial or "", re.IGNORECASE)
    if not found:
        return None
    word = found[1].lower()
    special = {
        "0": Verdict(code="0"),
        "806other": Verdict("finished_with_errors", "806", "ZtdDeviceAssignedToOtherTenant"),
        "noreason": Verdict("finished_with_errors"),
        "stuck": Verdict("in-progress"),
    }
    if word == "storageerror" and sent_before:
        return None
    if word in special:
        return special[word]
    for name, number in _NAMES.items():
        if word in (name.lower(), number):
            return _failed(name)
    return Verdict("finished_with_errors", word, "ZtdUndocumented") if word.isdigit() else None


_SCHEMA = """
    CREATE TABLE IF NOT EXISTS batch (
        customer TEXT, id TEXT, folded TEXT, created REAL, PRIMARY KEY (customer, folded));
    CREATE TABLE IF NOT EXISTS device (
        number INTEGER PRIMARY KEY, id TEXT UNIQUE, customer TEXT, batch TEXT, serial TEXT, product_key TEXT,
        manufacturer TEXT, model TEXT, visible_at REAL);
    CREATE INDEX IF NOT EXISTS device_of_batch ON device (customer, batch, number);
    CREATE TABLE IF NOT EXISTS identity (key TEXT PRIMARY KEY, device_id TEXT) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS identity_of_device ON identity (device_id);
    CREATE TABLE IF NOT EXISTS job (
        id TEXT PRIMARY KEY, customer TEXT, batch TEXT, accepted REAL, finished REAL, devices TEXT);
    CREATE TABLE IF NOT EXISTS answered (
        request_id TEXT PRIMARY KEY, fingerprint TEXT, status INTEGER, headers TEXT, body BLOB);
    CREATE TABLE IF NOT EXISTS posted (identity TEXT PRIMARY KEY, times INTEGER) WITHOUT ROWID;
"""


class Directory:
    """What the service knows, in SQLite: a file under `data`, or memory. Not for several threads at once."""

    def __init__(self, data: Path | None, *, clock: Callable[[], float], delay: float) -> None:
        if data:
            data.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            data / "partner_center.sqlite3" if data else ":memory:", check_same_thread=False
        )
        self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
        self._clock = clock
        self._delay = delay

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is changed inside is changed altogether or not at all."""
        with self._database:
            yield

    # Requests that were answered

    def remembered(self, request_id: str) -> tuple[str, Answer] | None:
        """Fingerprint and answer of the request of that id."""
        row = self._database.execute("SELECT * FROM answered WHERE request_id = ?", (request_id.lower(),)).fetchone()
        return (row[1], Answer(HTTPStatus(row[2]), json.loads(row[3]), row[4])) if row else None

    def remember(self, request_id: str, fingerprint: str, answer: Answer) -> None:
        """Keep the answer for a repeat."""
        row = (request_id.lower(), fingerprint, int(answer.status), json.dumps(dict(answer.headers)), answer.body)
        self._database.execute("INSERT OR REPLACE INTO answered VALUES (?, ?, ?, ?, ?)", row)

    # Batches

    def batch_named(self, customer: str, batch: str) -> str | None:
        """The id of the customer's batch that equals `batch` without case."""
        found = "SELECT id FROM batch WHERE customer = ? AND folded = ?"
        row = self._database.execute(found, (customer, batch.casefold())).fetchone()
        return row[0] if row else None

    def add_batch(self, customer: str, batch: str) -> None:
        """A new, empty batch."""
        row = (customer, batch, batch.casefold(), self._clock())
        self._database.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", row)

    def batches(self, customer: str) -> list[Json]:
        """All batches of the customer, as "DeviceBatch"."""
        rows = self._database.execute(
            """SELECT batch.id, batch.created,
                 (SELECT count(*) FROM device WHERE device.customer = batch.customer AND device.batch = batch.id),
                 (SELECT count(*) FROM job
                  WHERE job.customer = batch.customer AND job.batch = batch.id AND job.finished > ?)
               FROM batch WHERE batch.customer = ? ORDER BY batch.created, batch.id""",
            (self._clock(), customer),
        )
        return [
            {
                "id": batch,
                "status": "processing" if running else "finished",
                "creationDate": _utc(created),
                "devicesCount": count,
                "devicesLink": {
                    "uri": f"/customers/{customer}/deviceBatches/{batch}/devices",
                    "method": "GET",
                    "headers": [],
                },
                "attributes": {"objectType": "DeviceBatch"},
            }
            for batch, created, count, running in rows
        ]

    # Devices

    def devices(self, customer: str, batch: str, after: int) -> tuple[list[Json], int | None, int]:
        """A page of devices, the number to go on after (None at the end), and how many the batch holds."""
        where, now = "FROM device WHERE customer = ? AND batch = ? AND visible_at <= ?", self._clock()
        (total,) = self._database.execute(f"SELECT count(*) {where}", (customer, batch, now)).fetchone()
        rows = self._database.execute(
            f"SELECT number, id, serial, product_key, manufacturer, model, visible_at {where} AND number > ?"
            " ORDER BY number LIMIT ?",
            (customer, batch, now, after, PAGE_SIZE + 1),
        ).fetchall()
        page = rows[:PAGE_SIZE]
        names = ("id", "serialNumber", "productKey", "oemManufacturerName", "modelName")
        items = [
            {name: value for name, value in zip(names, row[1:6], strict=True) if value}
            | {
                "policies": [{"key": "o_o_b_e", "value": None}],
                "uploadedDate": _utc(row[6]) + ".0092288-00:00",
                "attributes": {"objectType": "Device"},
            }
            for row in page
        ]
        return items, page[-1][0] if len(rows) > PAGE_SIZE else None, total

    def delete_device(self, customer: str, batch: str, device_id: str) -> bool:
        """Whether there was such a device."""
        found = "DELETE FROM device WHERE customer = ? AND batch = ? AND id = ?"
        gone = self._database.execute(found, (customer, batch, device_id)).rowcount > 0
        if gone:
            self._database.execute("DELETE FROM identity WHERE device_id = ?", (device_id,))
        return gone

    # Uploads

    def accept(self, customer: str, batch: str, devices: Sequence[SentDevice]) -> str:
        """Take an upload; gives its tracking id. Every verdict is found now, and told when the delay is over."""
        tracking_id, now = str(uuid4()), self._clock()
        in_this_upload: set[str] = set()
        statuses = []
        for device in devices:
            verdict = self._verdict(customer, device, in_this_upload)
            in_this_upload.update(device.identities)
            device_id = self._register(customer, batch, device, now) if verdict.is_registered else None
            statuses.append(_status_of(device, device_id, verdict))
        job = (tracking_id, customer, batch, now, now + self._delay, json.dumps(statuses))
        self._database.execute("INSERT INTO job VALUES (?, ?, ?, ?, ?, ?)", job)
        self._database.executemany(
            "INSERT INTO posted VALUES (?, 1) ON CONFLICT (identity) DO UPDATE SET times = times + 1",
            [(identity,) for identity in {device.identities[0] for device in devices}],
        )
        return tracking_id

    def _verdict(self, customer: str, device: SentDevice, in_this_upload: set[str]) -> Verdict:
        if not in_this_upload.isdisjoint(device.identities):
            return _failed("ZtdDeviceDuplicated")
        asked_for = provoked(device.serial, sent_before=self._was_sent(device))
        if asked_for:
            return asked_for
        if not device.hash_is_base64:
            return _failed("InvalidZtdHardwareHash")
        owners = {owner for identity in device.identities for owner in self._owner(identity)}
        if owners - {customer}:
            return _failed("ZtdDeviceAssignedToOtherTenant")
        return _failed("ZtdDeviceAlreadyAssigned") if owners else Verdict()

    def _was_sent(self, device: SentDevice) -> bool:
        found = "SELECT 1 FROM posted WHERE identity = ?"
        return self._database.execute(found, (device.identities[0],)).fetchone() is not None

    def _owner(self, identity: str) -> tuple[str, ...]:
        found = "SELECT customer FROM identity JOIN device ON device.id = identity.device_id WHERE key = ?"
        return self._database.execute(found, (identity,)).fetchone() or ()

    def _register(self, customer: str, batch: str, device: SentDevice, now: float) -> str:
        device_id = str(uuid4())
        self._database.execute(
            "INSERT INTO device VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(device_id, customer, batch, device.serial, device.product_key, device.manufacturer, device.model),
                now + self._delay,
            ),
        )
        rows = [(identity, device_id) for identity in device.identities]
        self._database.executemany("INSERT OR REPLACE INTO identity VALUES (?, ?)", rows)
        return device_id

    def job(self, customer: str, tracking_id: str) -> Json | None:
        """How far the upload has come, as "BatchUploadDetails"; None when the customer has no such upload."""
        found = "SELECT accepted, finished, devices FROM job WHERE customer = ? AND id = ?"
        row = self._database.execute(found, (customer, tracking_id.lower())).fetchone()
        if row is None:
            return None
        accepted, finished, devices = row[0], row[1], json.loads(row[2])
        now = self._clock()
        details = {"batchTrackingId": tracking_id.lower(), "attributes": {"objectType": "BatchUploadDetails"}}
        if now < accepted + (finished - accepted) / 2:
            return details | {"status": "queued", "devicesStatus": None}
        if now < finished:
            running = [
                {name: value for name, value in device.items() if not name.startswith("error")}
                | {"status": "processing"}
                for device in devices
            ]
            return details | {"status": "processing", "startedTime": _utc(accepted), "devicesStatus": running}
        return details | {
            "status": _status_of_upload(devices),
            "startedTime": _utc(accepted),
            "completedTime": _utc(finished),
            "devicesStatus": devices,
        }

    def posted(self) -> dict[str, int]:
        """How often each device was in a POST that was processed."""
        return dict(self._database.execute("SELECT identity, times FROM posted"))


def _status_of(device: SentDevice, device_id: str | None, verdict: Verdict) -> Json:
    """The device as "DeviceUploadDetails": sent with its hash alone, it comes back without any identifier."""
    identified = bool(device.serial or device.product_key)
    values = {
        "deviceId": device_id if identified else None,
        "serialNumber": device.serial,
        "productKey": device.product_key,
        "status": verdict.status,
        "errorCode": verdict.code,
        "errorDescription": verdict.name,
    }
    shown = {name: value for name, value in values.items() if value is not None}
    return shown | {"attributes": {"objectType": "DeviceUploadDetails"}}


def _status_of_upload(devices: Sequence[Json]) -> str:
    """The pages show `finished` over a failed device; only when all of several failed does this say more."""
    all_failed = all(device["status"] == "finished_with_errors" for device in devices)
    return "finished_with_errors" if all_failed and len(devices) > 1 else "finished"


def _utc(seconds: float) -> str:
    """A time as the pages show it: UTC, without saying so."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Faults:
    """Which fault befalls a request: a scripted one first, else one drawn. For several threads."""

    def __init__(self, probabilities: Mapping[Fault, float], seed: int) -> None:
        self._probabilities = dict(probabilities)
        self._random = random.Random(seed)
        self._scripted: list[tuple[Fault, Operation | None]] = []
        self._lock = threading.Lock()

    def script(self, fault: Fault, times: int, operation: Operation | None) -> None:
        """Let the next `times` requests that it makes sense for (of `operation`, if given) meet `fault`."""
        with self._lock:
            self._scripted += [(fault, operation)] * times

    def next(self, operation: Operation) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            for entry in self._scripted:
                if entry[1] in (None, operation) and operation in _ONLY_FOR.get(entry[0], Operation):
                    self._scripted.remove(entry)
                    return entry[0]
            for fault, probability in self._probabilities.items():
                if operation in _ONLY_FOR.get(fault, Operation) and self._random.random() < probability:
                    return fault
        return None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a stand-in behaves; times are seconds."""

    delay: float = 0.0
    """From the acceptance of an upload to its end: the first half `queued`, the second `processing`."""
    latency: float = 0.0
    """Before every answer."""
    retry_after: float = 1.0
    """What a throttled caller is told to wait, in whole seconds; a fraction is rounded up."""
    faults: Mapping[Fault, float] = field(default_factory=dict)
    """Probability of each fault, 0 to 1."""
    seed: int = 0
    unknown_customers: frozenset[str] = frozenset()
    existing_batch_status: HTTPStatus = HTTPStatus.CONFLICT
    """What creating a batch that exists is answered with: not documented, 400 and 409 are likely."""
    token: str | None = None
    """The one bearer token that is taken; None takes any."""
    location: str = "/customers/{customer}/batchJobStatus/{tracking_id}"
    """The link to an upload, as "Create DeviceBatches" examples have it."""
    redirect_to: str = "http://127.0.0.1:9"
    token_in_links: bool = False
    """Whether the continuation token stands in links.next and not at the top of the page."""


class Service:
    """Answers requests; knows nothing of sockets. For several threads."""

    def __init__(self, directory: Directory, behaviour: Behaviour) -> None:
        self._directory = directory
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._received: Counter[Operation] = Counter()
        self._processed: Counter[Operation] = Counter()
        self._repeated = 0
        self._unknown_customers = {customer.lower() for customer in behaviour.unknown_customers}

    def answer(self, request: Request, fault: Fault | None) -> Answer:
        """The answer to `request` under those faults that do not concern the connection."""
        with self._lock:
            self._received[request.operation] += 1
            try:
                self._check(request)
                if request.operation in _UPLOADS:
                    return self._with_link_moved(self._upload_once(request, fault), fault)
                answer = self._read(request, fault)
            except Refusal as refusal:
                return refusal.answer()
            self._processed[request.operation] += 1
            return answer

    def report(self) -> Json:
        """What was asked so far."""
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
        if not _GUID.fullmatch(request.customer):
            raise Refusal(HTTPStatus.BAD_REQUEST, 900118, "Invalid Customer ID")
        if request.customer in self._unknown_customers:
            raise Refusal(HTTPStatus.NOT_FOUND, 60003, "Tenant not found")
        if request.request_id is not None and not _GUID.fullmatch(request.request_id):
            raise _invalid_input("MS-RequestId isn&#39;t a GUID")

    def _upload_once(self, request: Request, fault: Fault | None) -> Answer:
        """An upload, or what was answered the first time."""
        known = self._directory.remembered(request.request_id) if request.request_id else None
        if known and fault is not Fault.FORGET_REQUEST_IDS:
            if known[0] != request.fingerprint:
                raise _invalid_input("MS-RequestId was used for another request")
            self._repeated += 1
            return known[1]
        with self._directory.whole():
            try:
                answer = self._upload(request)
                self._processed[request.operation] += 1
            except Refusal as refusal:
                answer = refusal.answer()
            if request.request_id:
                self._directory.remember(request.request_id, request.fingerprint, answer)
        return answer

    def _upload(self, request: Request) -> Answer:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, 800002, "Content-Type must be application/json")
        try:
            content = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise _invalid_input("The body isn&#39;t JSON") from error
        if request.operation is Operation.CREATE_BATCH:
            batch, devices = self._batch_to_create(request.customer, content)
            self._directory.add_batch(request.customer, batch)
        else:
            batch, devices = self._batch_of(request), devices_in(content)
        tracking_id = self._directory.accept(request.customer, batch, devices)
        location = self._behaviour.location.format(customer=request.customer, tracking_id=tracking_id)
        return Answer(HTTPStatus.ACCEPTED, {"Location": location})

    def _batch_to_create(self, customer: str, content: Json) -> tuple[str, list[SentDevice]]:
        fields = {name.lower(): value for name, value in content.items()} if isinstance(content, dict) else {}
        batch = fields.get("batchid")
        if not isinstance(batch, str) or not batch.strip() or fields.keys() - {"batchid", "devices", "attributes"}:
            raise _invalid_input("A batch is created by an object with batchId and devices")
        devices = devices_in(fields.get("devices"))
        if self._directory.batch_named(customer, batch):
            status = self._behaviour.existing_batch_status
            raise Refusal(status, 3000, f"The device batch &quot;{batch}&quot; exists already")
        return batch, devices

    def _batch_of(self, request: Request) -> str:
        batch = request.batch or ""
        if self._directory.batch_named(request.customer, batch) != batch:
            raise Refusal(HTTPStatus.NOT_FOUND, 1000, "Not found: the device batch doesn&#39;t exist")
        return batch

    def _with_link_moved(self, answer: Answer, fault: Fault | None) -> Answer:
        if answer.status != HTTPStatus.ACCEPTED or fault not in (Fault.WITHOUT_LOCATION, Fault.LINK_IN_BODY):
            return answer
        if fault is Fault.WITHOUT_LOCATION:
            return replace(answer, headers={})
        link = {"uri": answer.headers["Location"], "method": "GET", "headers": []}
        return Answer.of_json(answer.status, link)

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
            case _:
                with self._directory.whole():
                    if not self._directory.delete_device(
                        request.customer, self._batch_of(request), request.subject or ""
                    ):
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
        if after is not None:
            token = base64.b64encode(f"after {after}".encode()).decode()
            headers = [{"key": "MS-ContinuationToken", "value": token}]
            link = {"uri": f"/customers/{request.customer}/deviceBatches/{batch}/devices", "method": "GET"}
            in_links = {"links": {"next": link | {"headers": headers}}}
            page |= in_links if self._behaviour.token_in_links else {"continuationToken": token}
        return Answer.of_json(HTTPStatus.OK, page)


def _after(request: Request) -> int:
    token = request.headers.get("ms-continuationtoken")
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("after "))
    except ValueError as error:
        raise _invalid_input("The continuation token isn&#39;t one of ours") from error


def _gateway_answer(fault: Fault | None, behaviour: Behaviour, target: str) -> Answer | None:
    """The answer that comes before the service is reached; None when nothing stands in the way."""
    seconds = int(-(-behaviour.retry_after // 1))
    page = {"Content-Type": "text/html"}
    match fault:
        case Fault.THROTTLE | Fault.THROTTLE_UNTIL:
            as_date = formatdate(time.time() + behaviour.retry_after, usegmt=True)
            body = {"statusCode": 429, "message": f"Rate limit is exceeded. Try again in {seconds} seconds."}
            wait = str(seconds) if fault is Fault.THROTTLE else as_date
            headers = {"Retry-After": wait, "Content-Type": "application/json"}
            return Answer(HTTPStatus.TOO_MANY_REQUESTS, headers, json.dumps(body).encode())
        case Fault.UNAVAILABLE:
            text = b"<html><body><h1>503</h1><p>The service is unavailable.</p></body></html>"
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, page, text)
        case Fault.UNAUTHORISED:
            return Refusal(HTTPStatus.UNAUTHORIZED, "400", "Access denied").answer()
        case Fault.FORBIDDEN:
            text = b"The supplied role does not have the rights to perform the requested operation"
            return Answer(HTTPStatus.FORBIDDEN, {"Content-Type": "text/plain"}, text)
        case Fault.REDIRECT:
            return Answer(HTTPStatus.TEMPORARY_REDIRECT, {"Location": behaviour.redirect_to + target})
        case _:
            return None


class _Server(ThreadingHTTPServer):
    """Keeps its connections, so that stopping ends them as the end of a process would."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], stand_in: "PartnerCenterStandIn") -> None:
        super().__init__(address, _Handler)
        self.stand_in = stand_in
        self.connections_made = 0
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._connections.add(connection)
            self.connections_made += 1
        return connection, address

    def close_request(self, request: Any) -> None:  # noqa: ANN401 - as the base class has it
        with self._lock:
            self._connections.discard(request)
        super().close_request(request)

    def close_connections(self) -> None:
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002
        error = sys.exception()
        if isinstance(error, ConnectionError):
            logger.debug("A caller hung up")
        else:
            logger.error("The stand-in failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, lets the stand-in answer, writes each answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        logger.debug(format, *args)

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0" if self.command != "POST" else "")
        if not length.isdigit() or int(length) > MOST_REQUEST_BYTES:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if length.isdigit() else HTTPStatus.LENGTH_REQUIRED
            self.close_connection = True
            self.wfile.write(_as_bytes(Answer(status, {"Connection": "close"}), headers))
            return
        body = self.rfile.read(int(length))
        answer, cut = self.server.stand_in.answer(self.command, self.path, headers, body)
        if answer is None:
            self._hang_up()
            return
        whole = _as_bytes(answer, headers)
        if cut:
            end_of_headers = whole.index(b"\r\n\r\n")
            self.wfile.write(
                whole[: len(whole) - len(answer.body) // 2] if answer.body else whole[: end_of_headers // 3]
            )
            self._hang_up()
            return
        self.wfile.write(whole)

    def _hang_up(self) -> None:
        self.close_connection = True
        _hang_up(self.connection)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("The connection was gone already")


def _as_bytes(answer: Answer, asked: Mapping[str, str]) -> bytes:
    """The response as it goes over the wire. The ids are the caller's, or made."""
    headers = {
        "Date": formatdate(usegmt=True),
        **answer.headers,
        "MS-CorrelationId": asked.get("ms-correlationid") or str(uuid4()),
        "MS-RequestId": asked.get("ms-requestid") or str(uuid4()),
        "MS-CV": asked.get("ms-cv") or f"{base64.b64encode(random.randbytes(12)).decode()}.0",
        "MS-ServerId": "030020525",
    }
    if answer.status != HTTPStatus.NO_CONTENT:
        headers["Content-Length"] = str(len(answer.body))
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + answer.body


class PartnerCenterStandIn:
    """The stand-in as an object: `with PartnerCenterStandIn(delay=1) as service: service.url`."""

    def __init__(
        self,
        behaviour: Behaviour = Behaviour(),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`data` is the folder that outlives the process (None: memory); `clock` is in seconds since 1970."""
        self._behaviour = behaviour
        self._directory = Directory(data, clock=clock, delay=behaviour.delay)
        self._service = Service(self._directory, behaviour)
        self._faults = Faults(behaviour.faults, behaviour.seed)
        self._server = _Server((host, port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="partner-center-stand-in")

    @property
    def url(self) -> str:
        """The base address that a client is given."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def connections(self) -> int:
        """How many connections were made to it so far."""
        return self._server.connections_made

    def start(self) -> Self:
        """Serve from now on, on threads of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Serve no more: end every connection and let go of the data."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()
        self._directory.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def script(self, fault: Fault, times: int = 1, operation: Operation | None = None) -> None:
        """Let the next `times` requests that it makes sense for (of `operation`, if given) meet `fault`."""
        self._faults.script(fault, times, operation)

    def report(self) -> Json:
        """What GET /stand-in/requests answers."""
        return self._service.report()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[Answer | None, bool]:
        """The answer, None to hang up without one, and whether it is to be cut off."""
        if target.startswith("/stand-in/"):
            return self._control(method, target, body), False
        time.sleep(self._behaviour.latency)
        request = route(method, target, headers, body)
        if request is None:
            return Refusal(HTTPStatus.NOT_FOUND, 1000, "Not found").answer(), False
        fault = self._faults.next(request.operation)
        if fault is Fault.DROPPED_BEFORE:
            return None, False
        if stopped := _gateway_answer(fault, self._behaviour, target):
            return stopped, False
        answer = self._service.answer(request, fault)
        if fault is Fault.DROPPED_AFTER:
            return None, False
        if fault is Fault.NOT_JSON:
            text = b"<html><body>Please sign in to the network.</body></html>"
            answer = Answer(answer.status, {"Content-Type": "text/html"}, text)
        return answer, fault is Fault.TRUNCATED

    def _control(self, method: str, target: str, body: bytes) -> Answer:
        if (method, target) == ("GET", "/stand-in/requests"):
            return Answer(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(self.report()).encode())
        if (method, target) == ("POST", "/stand-in/faults"):
            try:
                wanted = json.loads(body)
                operation = Operation(wanted["operation"]) if wanted.get("operation") else None
                self.script(Fault(wanted["fault"]), int(wanted.get("times", 1)), operation)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                return Answer(HTTPStatus.BAD_REQUEST, {"Content-Type": "text/plain"}, str(error).encode())
            return Answer(HTTPStatus.NO_CONTENT)
        return Answer(HTTPStatus.NOT_FOUND)


def _fault_with_probability(text: str) -> tuple[Fault, float]:
    name, _, probability = text.partition("=")
    try:
        fault, value = Fault(name), float(probability)
    except ValueError as error:
        names = ", ".join(Fault)
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PROBABILITY; the names are {names}") from error
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"the probability in {text!r} is not between 0 and 1")
    return fault, value


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A stand-in for Partner Center's device batches on this machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, help="folder that keeps what is registered; without it, memory does")
    parser.add_argument("--delay", type=float, default=1.0, help="seconds from acceptance to the end of an upload")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument(
        "--retry-after", type=float, default=1.0, help="seconds that a throttled caller is told to wait"
    )
    parser.add_argument(
        "--fault",
        type=_fault_with_probability,
        action="append",
        default=[],
        metavar="NAME=PROBABILITY",
        help=f"may be given several times; {', '.join(Fault)}",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the faults that are drawn")
    parser.add_argument("--unknown-customer", action="append", default=[], metavar="GUID")
    parser.add_argument("--existing-batch-status", type=int, choices=(400, 409), default=409)
    parser.add_argument("--token", help="the one bearer token that is taken; without it, any")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _arguments(arguments)
    behaviour = Behaviour(
        delay=options.delay,
        latency=options.latency,
        retry_after=options.retry_after,
        faults=dict(options.fault),
        seed=options.seed,
        unknown_customers=frozenset(options.unknown_customer),
        existing_batch_status=HTTPStatus(options.existing_batch_status),
        token=options.token,
    )
    stopped = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda *_: stopped.set())
    with PartnerCenterStandIn(behaviour, host=options.host, port=options.port, data=options.data) as service:
        print(f"Partner Center stand-in: {service.url}", flush=True)
        while not stopped.wait(0.5):  # a wait without end would hold back signals on Windows
            pass


if __name__ == "__main__":
    main()
