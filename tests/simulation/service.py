"""Partner Center in memory, without HTTP: what the real client gives against the stand-in, for simulated time.

Behaviour, faults and provoked outcomes are those of `local.partner_center`; one contract suite holds both to the same.
Beside what a caller sees it keeps what really happened, for the invariants to compare with.
"""

import base64
import binascii
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NoReturn
from uuid import UUID

import msgspec

from local.partner_center import MOST_DEVICES, Fault, Operation, Verdict, provoked
from local.partner_center.verdicts import failed
from shared.partner_center.client import Accepted, CallIds, JobAnswer
from shared.partner_center.errors import (
    AnswerLost,
    NeverSent,
    PartnerCenterError,
    ServiceIds,
    Unavailable,
    error_from_response,
)
from shared.partner_center.models import BatchUploadDetails, Device, DeviceBatch, DeviceUploadDetails

PAGE_SIZE = 100
"""Devices on a page of Get Devices; a simulation makes it smaller."""

MALFORMED = "STANDIN-MALFORMED-"
"""A device whose serial number begins so makes the service refuse the whole request, without saying which it was."""

LATE = "LATE-"
"""A device whose serial number begins so gets its verdict this much after its upload is finished."""
LATE_BY = timedelta(minutes=10)

UPLOADS = (Operation.CREATE_BATCH, Operation.APPEND_DEVICES)


class Mishap(StrEnum):
    """What can go wrong beside the stand-in's faults."""

    NEVER_SENT = "never_sent"
    """No connection is made."""
    FAILED_AFTER = "failed_after"
    """Processed; the gateway in between answers 504."""


Trouble = Fault | Mishap
Troubles = Callable[[Operation, str], Trouble | None]
"""Which trouble befalls a request of a customer."""

_ONLY_FOR: Mapping[Trouble, Sequence[Operation]] = {
    Fault.WITHOUT_LOCATION: UPLOADS,
    Fault.LINK_IN_BODY: UPLOADS,
    Fault.FORGET_REQUEST_IDS: UPLOADS,
    Fault.UNKNOWN_TRACKING_ID: (Operation.BATCH_JOB_STATUS,),
    Fault.SHORTER_STATUS: (Operation.BATCH_JOB_STATUS,),
    Fault.UNKNOWN_STATUS: (Operation.BATCH_JOB_STATUS,),
}
"""The operations a trouble makes sense for; all others are for every one."""


GATEWAY = (
    Fault.THROTTLE,
    Fault.THROTTLE_UNTIL,
    Fault.UNAVAILABLE,
    Fault.UNAUTHORISED,
    Fault.FORBIDDEN,
    Fault.REDIRECT,
)
"""Troubles that are answered before the service is reached."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says no."""

    status: int
    code: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The answer to an upload that was taken."""

    tracking_id: str


@dataclass(frozen=True, slots=True)
class SentDevice:
    """A device of an upload and how it ends. `identities` are the keys by which it is recognised, the surest first."""

    serial_number: str | None
    product_key: str | None
    identities: tuple[str, ...]
    verdict: Verdict
    device_id: str | None
    done_at: datetime


@dataclass(slots=True)
class Job:
    """One upload that was taken."""

    tracking_id: str
    customer_id: str
    batch_id: str
    accepted_at: datetime
    done_at: datetime
    devices: list[SentDevice]
    hidden: bool = False
    """Whether a status of it was ever answered with less than the truth."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One upload on its way, whether it reaches the service or not."""

    operation: Operation
    customer_id: str
    batch_id: str
    body: bytes
    request_id: str
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload that reached the service."""

    attempt: Attempt
    answer: Accept | Refusal
    is_repeat: bool
    """The request id was known: answered as before, and not processed."""


@dataclass(slots=True)
class _Batch:
    batch_id: str
    devices: list[tuple[datetime, Device]] = field(default_factory=list)


class SimulatedPartnerCenter:
    """`PartnerCenter` in memory. Each call is atomic; `pause` is called while a request or its answer is on its way."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        delay: timedelta = timedelta(),
        seed: int = 0,
        troubles: Troubles = lambda _operation, _customer: None,
        unknown_customers: frozenset[str] = frozenset(),
        most_devices: int = MOST_DEVICES,
        existing_batch_status: int = 409,
        retry_after: int = 1,
        page_size: int = PAGE_SIZE,
        pause: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self._clock = clock
        self.delay = delay
        self._random = random.Random(seed)
        self.troubles = troubles
        self._unknown_customers = unknown_customers
        self._most_devices = most_devices
        self._existing_batch_status = existing_batch_status
        self.retry_after = retry_after
        self._page_size = page_size
        self._pause = pause
        self._scripted: list[tuple[Trouble, Operation | None]] = []
        self._batches: dict[tuple[str, str], _Batch] = {}
        self._remembered: dict[str, tuple[str, Accept | Refusal]] = {}
        self._owners: dict[str, str] = {}
        """The customer that each registered identity went to last."""
        self._registered: set[tuple[str, str]] = set()
        self._identities: dict[str, tuple[str, ...]] = {}
        """Of each device that stands in a batch, by its id."""
        self._sent: set[str] = set()
        self.jobs: dict[str, Job] = {}
        self.uploads: list[Upload] = []
        self.received: Counter[Operation] = Counter()
        self.signed_in_anew = 0
        self.attempted: Callable[[Attempt], None] = lambda _attempt: None
        """Called with each upload at the moment that decides what becomes of it."""
        self.looked: Callable[[str, bool], None] = lambda _tracking_id, _is_usable: None
        """Called with each question for a job's status, and whether its answer will say anything about the job."""

    # --- the protocol

    def device_batches(self, customer_id: str, ids: CallIds) -> tuple[DeviceBatch, ...]:
        """See `PartnerCenter`."""
        exchange = _Exchange(self, Operation.DEVICE_BATCHES, customer_id, ids)
        exchange.check()
        found = [batch for (customer, _), batch in self._batches.items() if customer == customer_id.lower()]
        batches = tuple(DeviceBatch(id=batch.batch_id, devices_count=len(batch.devices)) for batch in found)
        exchange.answer()
        return batches

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        """See `PartnerCenter`."""
        return self._upload(Operation.CREATE_BATCH, customer_id, batch_id, devices, ids)

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        """See `PartnerCenter`."""
        return self._upload(Operation.APPEND_DEVICES, customer_id, batch_id, devices, ids)

    def batch_job_status(self, customer_id: str, tracking_id: str, ids: CallIds) -> JobAnswer:
        """See `PartnerCenter`."""
        exchange = _Exchange(self, Operation.BATCH_JOB_STATUS, customer_id, ids, tracking_id)
        exchange.check()
        job = self.jobs.get(tracking_id.lower())
        if job is None or job.customer_id != customer_id.lower():
            exchange.refuse(_NOT_FOUND)
        else:
            job.hidden = job.hidden or exchange.trouble in _HIDING
            if exchange.trouble is Fault.UNKNOWN_TRACKING_ID:
                exchange.refuse(_NOT_FOUND)
            details = _distorted(self._details(job), exchange.trouble)
        exchange.answer()
        return JobAnswer(details, ServiceIds(ids.request_id, ids.correlation_id))

    def batch_devices(self, customer_id: str, batch_id: str, ids: CallIds) -> Iterator[Device]:
        """See `PartnerCenter`."""
        start = 0
        while True:
            exchange = _Exchange(self, Operation.BATCH_DEVICES, customer_id, ids)
            exchange.check()
            batch = self._batch(customer_id, batch_id)
            if batch is None or batch.batch_id != batch_id:
                exchange.refuse(_NO_SUCH_BATCH)
            else:
                devices = [device for visible_at, device in batch.devices if visible_at <= self._clock()]
            exchange.answer()
            yield from devices[start : start + self._page_size]
            start += self._page_size
            if start >= len(devices):
                return

    def delete_device(self, customer_id: str, batch_id: str, device_id: str, ids: CallIds) -> ServiceIds:
        """See `PartnerCenter`."""
        exchange = _Exchange(self, Operation.DELETE_DEVICE, customer_id, ids)
        exchange.check()
        batch = self._batch(customer_id, batch_id)
        if batch is None or batch.batch_id != batch_id:
            exchange.refuse(_NO_SUCH_BATCH)
        there = [entry for entry in batch.devices if entry[1].id == device_id]
        if not there:
            exchange.refuse(_NO_SUCH_DEVICE)
        batch.devices.remove(there[0])
        for identity in self._identities.pop(device_id, ()):
            self._owners.pop(identity, None)
            self._registered.discard((customer_id.lower(), identity))
        exchange.answer()
        return ServiceIds(ids.request_id, ids.correlation_id)

    def sign_in_anew(self) -> None:
        """See `PartnerCenter`."""
        self.signed_in_anew += 1

    # --- for tests

    def script(self, trouble: Trouble, times: int = 1, operation: Operation | None = None) -> None:
        """Let the next `times` requests that it makes sense for (of `operation`, if given) meet `trouble`."""
        self._scripted += [(trouble, operation)] * times

    def next_trouble(self, operation: Operation, customer_id: str) -> Trouble | None:
        """The trouble that a request meets: a scripted one first."""
        for entry in self._scripted:
            if entry[1] in (None, operation) and makes_sense(entry[0], operation):
                self._scripted.remove(entry)
                return entry[0]
        return self.troubles(operation, customer_id)

    def has(self, customer_id: str, identity: str) -> bool:
        """Whether the device of this identity was ever registered for the customer, and not deleted since."""
        return (customer_id.lower(), identity) in self._registered

    def stands(self, device_id: str) -> bool:
        """Whether a device of this id stands in any batch."""
        return device_id in self._identities

    def visible_in_batch(
        self, customer_id: str, batch_id: str, serial_number: str, product_key: str
    ) -> datetime | None:
        """Since when Get Devices of the batch shows the one device of this name; None when none or several have it."""
        batch = self._batch(customer_id, batch_id)
        shown = batch.devices if batch else []
        if serial_number:
            times = [at for at, device in shown if device.serial_number == serial_number]
        else:
            times = [at for at, device in shown if device.product_key == product_key]
        return times[0] if len(times) == 1 else None

    # --- uploads

    def _upload(self, operation: Operation, customer_id: str, batch_id: str, body: bytes, ids: CallIds) -> Accepted:
        exchange = _Exchange(self, operation, customer_id, ids, batch_id, body)
        exchange.check()
        answer = self._process_once(exchange, batch_id, body)
        if isinstance(answer, Refusal):
            exchange.refuse(answer)
        exchange.answer()
        assert isinstance(answer, Accept)
        has_link = exchange.trouble not in (Fault.WITHOUT_LOCATION, Fault.NOT_JSON)
        return Accepted(answer.tracking_id if has_link else None, 202, ServiceIds(ids.request_id, ids.correlation_id))

    def _process_once(self, exchange: "_Exchange", batch_id: str, body: bytes) -> Accept | Refusal:
        request_id = exchange.ids.request_id.lower()
        fingerprint = _digest(f"{exchange.operation} {exchange.customer_id} {batch_id}\n".encode() + body)
        known = self._remembered.get(request_id)
        is_repeat = known is not None and exchange.trouble is not Fault.FORGET_REQUEST_IDS
        if known is not None and is_repeat:
            answer = known[1] if known[0] == fingerprint else _invalid("MS-RequestId was used for another request")
        else:
            answer = self._process(exchange.operation, exchange.customer_id, batch_id, body)
            self._remembered[request_id] = (fingerprint, answer)
        self.uploads.append(Upload(exchange.attempt, answer, is_repeat))
        return answer

    def _process(self, operation: Operation, customer_id: str, batch_id: str, body: bytes) -> Accept | Refusal:
        devices = _devices_in(body, self._most_devices)
        batch = self._batch(customer_id, batch_id)
        if operation is Operation.APPEND_DEVICES:
            if batch is None or batch.batch_id != batch_id:
                return _NO_SUCH_BATCH
            return devices if isinstance(devices, Refusal) else self._accept(customer_id, batch, devices)
        if isinstance(devices, Refusal):
            return devices
        if batch is not None:
            return Refusal(self._existing_batch_status, "3000", f"The device batch {batch_id} exists already")
        batch = self._batches[(customer_id.lower(), batch_id.casefold())] = _Batch(batch_id)
        return self._accept(customer_id, batch, devices)

    def _accept(self, customer_id: str, batch: _Batch, devices: Sequence[Device]) -> Accept:
        now = self._clock()
        job = Job(str(self._new_id()), customer_id.lower(), batch.batch_id, now, now + self.delay, [])
        seen: set[str] = set()
        for device in devices:
            identities = identities_of(device)
            verdict = self._verdict(customer_id.lower(), device, identities, seen)
            done_at = job.done_at + (LATE_BY if (device.serial_number or "").startswith(LATE) else timedelta())
            seen.update(identities)
            device_id = str(self._new_id()) if verdict.is_registered else None
            if device_id is not None and not self.has(customer_id, identities[0]):
                self._owners.update(dict.fromkeys(identities, customer_id.lower()))
                self._registered.update((customer_id.lower(), identity) for identity in identities)
                batch.devices.append((done_at, _shown(device, device_id, done_at)))
                self._identities[device_id] = identities
            named = bool(device.serial_number or device.product_key)
            job.devices.append(
                SentDevice(
                    serial_number=device.serial_number,
                    product_key=device.product_key,
                    identities=identities,
                    verdict=verdict,
                    device_id=device_id if named else None,
                    done_at=done_at,
                )
            )
        self._sent.update(device.identities[0] for device in job.devices)
        self.jobs[job.tracking_id] = job
        return Accept(job.tracking_id)

    def _verdict(self, customer_id: str, device: Device, identities: tuple[str, ...], seen: set[str]) -> Verdict:
        if not seen.isdisjoint(identities):
            return failed("ZtdDeviceDuplicated")
        asked_for = provoked(device.serial_number, sent_before=identities[0] in self._sent)
        if asked_for is not None:
            return asked_for
        if not _is_base64(device.hardware_hash or ""):
            return failed("InvalidZtdHardwareHash")
        owners = {self._owners[identity] for identity in identities if identity in self._owners}
        if owners - {customer_id}:
            return failed("ZtdDeviceAssignedToOtherTenant")
        return failed("ZtdDeviceAlreadyAssigned") if owners else Verdict()

    def _details(self, job: Job) -> BatchUploadDetails:
        now = self._clock()
        if now < job.accepted_at + (job.done_at - job.accepted_at) / 2:
            return BatchUploadDetails(batch_tracking_id=job.tracking_id, status="queued")
        started = job.accepted_at.strftime("%Y-%m-%dT%H:%M:%S")
        if now < job.done_at:
            running = tuple(_status(device, now) for device in job.devices)
            return BatchUploadDetails(
                batch_tracking_id=job.tracking_id, status="processing", started_time=started, devices_status=running
            )
        all_failed = all(device.verdict.status == "finished_with_errors" for device in job.devices)
        return BatchUploadDetails(
            batch_tracking_id=job.tracking_id,
            status="finished_with_errors" if all_failed and len(job.devices) > 1 else "finished",
            started_time=started,
            completed_time=job.done_at.strftime("%Y-%m-%dT%H:%M:%S"),
            devices_status=tuple(_status(device, now) for device in job.devices),
        )

    def _batch(self, customer_id: str, batch_id: str) -> _Batch | None:
        return self._batches.get((customer_id.lower(), batch_id.casefold()))

    def _new_id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def refusal_of(self, customer_id: str, ids: CallIds) -> Refusal | None:
        """What is wrong with a request before it is looked at."""
        if not _GUID.fullmatch(customer_id):
            return Refusal(400, "900118", "Invalid Customer ID")
        if customer_id.lower() in self._unknown_customers:
            return Refusal(404, "60003", "Tenant not found")
        if not _GUID.fullmatch(ids.request_id):
            return _invalid("MS-RequestId isn't a GUID")
        return None

    def now(self) -> datetime:
        """The time."""
        return self._clock()

    def on_its_way(self, what: str) -> None:
        """A request or an answer travels; meanwhile others may come first."""
        self._pause(what)


class _Exchange:
    """One request and its answer, under the trouble that it meets."""

    def __init__(
        self,
        service: SimulatedPartnerCenter,
        operation: Operation,
        customer_id: str,
        ids: CallIds,
        subject: str = "",
        body: bytes = b"",
    ) -> None:
        self._service = service
        self.operation = operation
        self.customer_id = customer_id
        self.ids = ids
        self.name = f"{operation} of customer {customer_id}"
        service.on_its_way(f"{operation} leaves")
        self.trouble = service.next_trouble(operation, customer_id)
        self.attempt = Attempt(operation, customer_id, subject, body, ids.request_id, self.trouble)
        if operation in UPLOADS:
            service.attempted(self.attempt)
        if operation is Operation.BATCH_JOB_STATUS:
            service.looked(subject, self.trouble not in _SPOILING + GATEWAY)
        match self.trouble:
            case Mishap.NEVER_SENT:
                raise NeverSent(f"Partner Center could not be reached for {self.name}")
            case Fault.DROPPED_BEFORE:
                service.on_its_way("the connection breaks")
                raise AnswerLost(f"The answer to {self.name} was lost")
            case Fault() if self.trouble in GATEWAY:
                service.on_its_way("the gateway answers")
                raise self._gateway_error(self.trouble)
        service.received[operation] += 1

    def check(self) -> None:
        """Refuse a request that is wrong whatever it asks for."""
        refusal = self._service.refusal_of(self.customer_id, self.ids)
        if refusal is not None:
            self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> NoReturn:
        """Answer no."""
        self.answer(is_refusal=True)
        if self.trouble is Fault.NOT_JSON:
            raise self._error(refusal.status, b"<html><body>Please sign in to the network.</body></html>")
        if self.trouble is Fault.TRUNCATED:
            raise self._error(refusal.status, b"")
        raise self._error(refusal.status, _fault_body(refusal))

    def answer(self, *, is_refusal: bool = False) -> None:
        """The answer travels back, and may not arrive as it was sent."""
        self._service.on_its_way(f"the answer to {self.operation} comes")
        if self.trouble is Mishap.FAILED_AFTER:
            raise self._error(504, b"<html><body><h1>504</h1></body></html>")
        if self.trouble is Fault.DROPPED_AFTER or (self.trouble is Fault.TRUNCATED and not is_refusal):
            raise AnswerLost(f"The answer to {self.name} was lost")
        if self.trouble is Fault.NOT_JSON and self.operation not in UPLOADS and not is_refusal:
            raise Unavailable(f"Partner Center's answer to {self.name} is not JSON")

    def _gateway_error(self, fault: Fault) -> PartnerCenterError:
        match fault:
            case Fault.THROTTLE | Fault.THROTTLE_UNTIL:
                seconds = self._service.retry_after
                body = json.dumps({"statusCode": 429, "message": f"Rate limit. Try again in {seconds} seconds."})
                return self._error(429, body.encode(), {"Retry-After": str(seconds)})
            case Fault.UNAUTHORISED:
                return self._error(401, _fault_body(Refusal(401, "400", "Access denied")))
            case Fault.FORBIDDEN:
                return self._error(403, b"The supplied role does not have the rights to perform the operation")
            case Fault.REDIRECT:
                return self._error(307, b"")
            case _:
                return self._error(503, b"<html><body><h1>503</h1><p>The service is unavailable.</p></body></html>")

    def _error(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> PartnerCenterError:
        identified = {"ms-requestid": self.ids.request_id, "ms-correlationid": self.ids.correlation_id}
        return error_from_response(
            status, {**(headers or {}), **identified}, body, self._service.now(), request=self.name
        )


_HIDING = (Fault.UNKNOWN_TRACKING_ID, Fault.SHORTER_STATUS, Fault.UNKNOWN_STATUS)
_SPOILING = (
    Mishap.NEVER_SENT,
    Mishap.FAILED_AFTER,
    Fault.DROPPED_BEFORE,
    Fault.DROPPED_AFTER,
    Fault.TRUNCATED,
    Fault.NOT_JSON,
)
"""Troubles after which a question has no usable answer."""
_NOT_FOUND = Refusal(404, "1000", "Not found")
_NO_SUCH_DEVICE = Refusal(404, "1000", "Not found: the device doesn't exist")
_NO_SUCH_BATCH = Refusal(404, "1000", "Not found: the device batch doesn't exist")
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def identities_of(device: Device) -> tuple[str, ...]:
    """The keys by which the service recognises a device, the surest first."""
    found = []
    if device.hardware_hash:
        found.append(f"hash:{_digest(device.hardware_hash.encode())}")
    if device.product_key:
        found.append(f"key:{device.product_key}")
    if device.serial_number and device.oem_manufacturer_name and device.model_name:
        found.append(f"tuple:{device.serial_number}|{device.oem_manufacturer_name}|{device.model_name}")
    return tuple(found)


def _shown(device: Device, device_id: str, since: datetime) -> Device:
    """The device as Get Devices shows it: with an id, without its hash."""
    return Device(
        id=device_id,
        serial_number=device.serial_number,
        product_key=device.product_key,
        oem_manufacturer_name=device.oem_manufacturer_name,
        model_name=device.model_name,
        uploaded_date=since.strftime("%Y-%m-%dT%H:%M:%S.0092288-00:00"),
    )


def _devices_in(body: bytes, most: int) -> list[Device] | Refusal:
    try:
        devices = _DEVICES.decode(body)
    except msgspec.DecodeError:
        return _invalid("The devices must be a JSON array")
    if not devices:
        return _invalid("There are no devices in the request")
    if len(devices) > most:
        if most < MOST_DEVICES:
            return Refusal(413, None, "Request Entity Too Large")
        return _invalid(f"A request takes at most {most} devices")
    for device in devices:
        if not identities_of(device):
            return Refusal(400, "3000", "Invalid property: a device needs a hash, a key, or serial number and maker")
        if (device.serial_number or "").startswith(MALFORMED):
            return _invalid("A device is malformed")
    return devices


def _status(device: SentDevice, now: datetime) -> DeviceUploadDetails:
    is_done = now >= device.done_at
    return DeviceUploadDetails(
        device_id=device.device_id,
        serial_number=device.serial_number,
        product_key=device.product_key,
        status=device.verdict.status if is_done else "processing",
        error_code=device.verdict.code if is_done else None,
        error_description=device.verdict.name if is_done else None,
    )


def _distorted(details: BatchUploadDetails, trouble: Trouble | None) -> BatchUploadDetails:
    devices = details.devices_status
    if trouble is Fault.SHORTER_STATUS and devices:
        return msgspec.structs.replace(details, devices_status=devices[:-1])
    if trouble is Fault.UNKNOWN_STATUS:
        reviewed = tuple(msgspec.structs.replace(device, status="awaiting_review") for device in devices or ())
        return msgspec.structs.replace(details, status="awaiting_review", devices_status=reviewed)
    return details


def makes_sense(trouble: Trouble, operation: Operation) -> bool:
    """Whether a request of this kind can meet the trouble."""
    return operation in _ONLY_FOR.get(trouble, tuple(Operation))


def _invalid(description: str) -> Refusal:
    return Refusal(400, "800002", f"Invalid request input: {description}")


def _fault_body(refusal: Refusal) -> bytes:
    return json.dumps({"code": refusal.code, "description": refusal.description, "source": "PartnerFD"}).encode()


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


_DEVICES = msgspec.json.Decoder(list[Device])
