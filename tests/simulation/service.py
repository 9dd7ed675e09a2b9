"""The stand-in's service in this process, under the troubles of a plan.

The real client calls it without sockets. It records the real events, for the invariants to compare with.
"""

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from uuid import UUID

import msgspec
import requests

from local.partner_center import (
    UPLOADS,
    Behaviour,
    Directory,
    Fault,
    Operation,
    Reply,
    Request,
    SentDevice,
    Service,
    Verdict,
    route,
    seconds_late,
)
from shared.partner_center.models import Device


class Mishap(StrEnum):
    """A failure before there is a connection to the stand-in."""

    NEVER_SENT = "never_sent"
    """No connection is made."""


ELSEWHERE = "Portal"
"""A batch that somebody else makes."""

SOMEBODY_ELSE = "someone.else@partner.onmicrosoft.com"

Trouble = Fault | Mishap
Troubles = Callable[[Operation, str], Trouble | None]
"""The trouble of a request of a customer."""

GATEWAY = frozenset(
    {
        Fault.THROTTLE,
        Fault.THROTTLE_UNTIL,
        Fault.UNAVAILABLE,
        Fault.UNAUTHORISED,
        Fault.FORBIDDEN,
        Fault.REDIRECT,
    }
)
"""Troubles that are answered before the service is reached."""

HIDING = frozenset({Fault.UNKNOWN_TRACKING_ID, Fault.SHORTER_STATUS, Fault.UNKNOWN_STATUS})
"""Troubles that make a status show less than the truth."""

SPOILING = frozenset(
    {
        Mishap.NEVER_SENT,
        Fault.DROPPED_BEFORE,
        Fault.DROPPED_AFTER,
        Fault.TRUNCATED,
        Fault.GATEWAY_TIMEOUT,
        Fault.NOT_JSON,
    }
)
"""Troubles after which a status has no usable answer."""


def makes_sense(trouble: Trouble, operation: Operation) -> bool:
    """Whether a request of this kind can run into the trouble."""
    return isinstance(trouble, Mishap) or trouble.makes_sense_for(operation)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of any kind, whether it reaches the service or not."""

    at: datetime
    operation: Operation
    customer_id: str
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One upload that was sent, whether or not it reaches the service."""

    operation: Operation
    customer_id: str
    batch_id: str
    devices: bytes
    """Their exact JSON."""
    request_id: str
    trouble: Trouble | None

    @property
    def sent(self) -> list[SentDevice]:
        """The devices as the service recognises them."""
        return [sent_device(device) for device in _DEVICES.decode(self.devices)]


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion of a device that was sent, or done by somebody else."""

    at: datetime
    customer_id: str
    device_id: str
    request_id: str | None
    """None of somebody else."""
    is_done: bool
    """Whether it deleted a device."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A device that was registered: by a job of the app, or by somebody else."""

    customer_id: str
    batch_id: str
    device: SentDevice
    device_id: str | None
    done_at: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload that reached the service."""

    attempt: Attempt
    tracking_id: str | None
    """None when it was refused."""
    is_repeat: bool
    """Whether its request id was known, so that nothing was processed."""


@dataclass(frozen=True, slots=True)
class JudgedDevice:
    """A device of a job with the service's final verdict."""

    sent: SentDevice
    verdict: Verdict
    device_id: str | None
    done_at: datetime
    """The time from which the verdict exists, and a registered device is in its batch."""


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted upload."""

    tracking_id: str
    customer_id: str
    batch_id: str
    devices: tuple[JudgedDevice, ...]
    is_hidden: bool
    """Whether an answered status of it ever showed less than the truth."""


class SimulatedPartnerCenter:
    """The service of a world. `pause` is called while a request or its answer is in transit."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        behaviour: Behaviour,
        *,
        troubles: Troubles = lambda _operation, _customer: None,
        pause: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self._behaviour = behaviour
        ids = random.Random(behaviour.seed)
        self._directory = Directory(
            None,
            behaviour,
            clock=lambda: clock().timestamp(),
            new_id=lambda: UUID(int=ids.getrandbits(128), version=4),
        )
        self._service = Service(self._directory, behaviour, lambda: clock().timestamp())
        self._clock = clock
        self.troubles = troubles
        self._pause = pause
        self.throttled_for: timedelta | None = None
        """The pause in the answer to a throttled caller; None for that of the behaviour."""
        self._hidden: set[str] = set()
        self.uploads: list[Upload] = []
        self.deletions: list[Deletion] = []
        self.registered_by_others: list[Registration] = []
        self.forbidden = set[str]()
        """The ids of devices that may be deleted no more."""
        self.deleting: Callable[[Request], None] = lambda _request: None
        """Called with each deletion at the moment that decides its fate."""
        self.asked: Callable[[Asked], None] = lambda _asked: None
        """Called with each request of any kind."""
        self.attempted: Callable[[Attempt], None] = lambda _attempt: None
        """Called with each upload at the moment that decides its fate."""
        self.updating: Callable[[str, bytes], None] = lambda _request_id, _body: None
        """Called with the id and the body of each update of devices at the moment that decides its fate."""
        self.profiles_given: list[tuple[str, str]] = []
        """Device and policy of each update that was processed."""
        self.polled: Callable[[str, bool], None] = lambda _tracking_id, _is_usable: None
        """Called with each poll of a job, and whether its answer will be about the job."""

    def reply(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to one HTTP request.

        Raises:
            requests.ConnectTimeout: the request was never sent.
        """
        request = route(method, target, headers, body)
        assert request is not None, target
        self._pause(f"{request.operation} leaves")
        trouble = self.troubles(request.operation, request.customer)
        self.asked(Asked(self._clock(), request.operation, request.customer, trouble))
        attempt = self._note(request, trouble)
        if isinstance(trouble, Mishap):
            raise requests.ConnectTimeout("No connection is made.")
        reply = self._service.reply(request, trouble)
        if request.operation is Operation.DELETE_DEVICE:
            is_done = reply.given is not None and reply.given.status is HTTPStatus.NO_CONTENT and not reply.is_repeat
            self._note_deletion(request.customer, request.subject or "", request.request_id, is_done=is_done)
        if request.operation is Operation.UPDATE_DEVICE_POLICIES and _is_processed(reply):
            self.profiles_given += _policies_in(request.body)
        if trouble is Fault.THROTTLE and self.throttled_for is not None and reply.answer is not None:
            headers = {**reply.answer.headers, "Retry-After": str(math.ceil(self.throttled_for.total_seconds()))}
            reply = replace(reply, answer=replace(reply.answer, headers=headers))
        if attempt is not None and reply.given is not None:
            self.uploads.append(Upload(attempt, _tracking_id_in(reply.given.headers), reply.is_repeat))
        self._pause(f"the answer to {request.operation} comes")
        return reply

    def _note(self, request: Request, trouble: Trouble | None) -> Attempt | None:
        """Report the coming event; returns the attempt if the request is an upload."""
        if request.operation in UPLOADS:
            attempt = _attempt(request, trouble)
            self.attempted(attempt)
            return attempt
        if request.operation is Operation.DELETE_DEVICE:
            self.deleting(request)
        if request.operation is Operation.UPDATE_DEVICE_POLICIES:
            self.updating(request.request_id or "", request.body)
        if request.operation is Operation.BATCH_JOB_STATUS:
            tracking_id = request.subject or ""
            self.polled(tracking_id, trouble not in SPOILING | GATEWAY)
            if trouble in HIDING:
                self._hidden.add(tracking_id)
        return None

    def standing(self) -> list[tuple[str, str, dict[str, str]]]:
        """Customer and batch of each device that the service lists now, with the device."""
        return [(*batch, each) for batch in self._batches() for each in self._devices(*batch)]

    def _batches(self) -> list[tuple[str, str]]:
        """Customer and batch, as the service spells it, of all that was ever registered."""
        sent = ((upload.attempt.customer_id, upload.attempt.batch_id) for upload in self.uploads)
        by_others = ((each.customer_id, each.batch_id) for each in self.registered_by_others)
        spelled = (
            (customer, name)
            for customer, batch in (*sent, *by_others)
            if (name := self._directory.batch_named(customer, batch)) is not None
        )
        return list(dict.fromkeys(spelled))

    def delete_as_somebody_else(self, number: int) -> str:
        """Delete one of the devices that stand in batches now, in another way than by a request of the app; its id."""
        there = self.standing()
        if not there:
            return ""
        customer_id, batch_id, device = there[number % len(there)]
        return device["id"] if self._deleted_by_another(customer_id, batch_id, device["id"]) else ""

    def move_as_somebody_else(self, number: int) -> str:
        """Delete one of these devices and register it under another batch of its customer; the id that is gone."""
        there = self.standing()
        if not there:
            return ""
        customer_id, batch_id, device = there[number % len(there)]
        if not self._deleted_by_another(customer_id, batch_id, device["id"]):
            return ""
        others = [name for customer, name in self._batches() if customer == customer_id and name != batch_id]
        self._register_by_another(customer_id, [*others, ELSEWHERE][number % (len(others) + 1)], _sent_as(device))
        return device["id"]

    def register_as_somebody_else(self, customer_id: str, device: SentDevice, number: int) -> None:
        """Register a device for the customer, unless somebody has it."""
        if not self._directory.ids_by_customer(device):
            batches = [name for customer, name in self._batches() if customer == customer_id]
            self._register_by_another(customer_id, [*batches, ELSEWHERE][number % (len(batches) + 1)], device)

    def forbid_as_somebody_else(self, number: int) -> None:
        """One of the devices that stand in batches now may be deleted no more."""
        if there := self.standing():
            device_id = there[number % len(there)][2]["id"]
            self._directory.allow(device_id, ["GET"])
            self.forbidden.add(device_id)

    def _deleted_by_another(self, customer_id: str, batch_id: str, device_id: str) -> bool:
        is_done = bool(self._directory.delete_device(customer_id, batch_id, device_id, SOMEBODY_ELSE))
        self._note_deletion(customer_id, device_id, None, is_done=is_done)
        return is_done

    def _register_by_another(self, customer_id: str, batch_id: str, device: SentDevice) -> None:
        device_id = self._service.register_elsewhere(customer_id, batch_id, device, SOMEBODY_ELSE)
        self.registered_by_others.append(Registration(customer_id, batch_id, device, device_id, self._clock()))

    def _note_deletion(self, customer_id: str, device_id: str, request_id: str | None, *, is_done: bool) -> None:
        self.deletions.append(Deletion(self._clock(), customer_id, device_id, request_id, is_done))

    def jobs(self) -> Iterator[Job]:
        """Every accepted upload in its current state at the service."""
        for upload in self.uploads:
            if upload.tracking_id is not None and not upload.is_repeat:
                yield self._job(upload.attempt, upload.tracking_id)

    def has_device(self, device_id: str) -> bool:
        """Whether a device with this id is in any batch."""
        return any(device["id"] == device_id for _, _, device in self.standing())

    def _as_sent(self, statuses: list[dict[str, str]]) -> list[dict[str, str]]:
        """The devices of a status in the order of their upload."""
        return statuses if self._behaviour.statuses_as_sent else statuses[::-1]

    def _job(self, attempt: Attempt, tracking_id: str) -> Job:
        details = self._directory.job(attempt.customer_id, tracking_id)
        assert details is not None
        completed_at = _time(details.get("completedTime"))
        judged = tuple(
            JudgedDevice(
                sent=device,
                verdict=Verdict(status["status"], status.get("errorCode"), status.get("errorDescription")),
                device_id=status.get("deviceId"),
                done_at=completed_at + timedelta(seconds=seconds_late(device.serial)),
            )
            for device, status in zip(attempt.sent, self._as_sent(details["devicesStatus"] or []), strict=False)
        )
        return Job(tracking_id, attempt.customer_id, attempt.batch_id, judged, tracking_id in self._hidden)

    def _devices(self, customer_id: str, batch_id: str) -> Iterator[dict[str, str]]:
        after: int | None = 0
        while after is not None:
            page, after, _ = self._directory.devices(customer_id, batch_id, after)
            yield from page


def _sent_as(device: Mapping[str, str]) -> SentDevice:
    """A device that the service lists, as somebody uploads it."""
    return SentDevice.of(
        serial=device.get("serialNumber"),
        product_key=device.get("productKey"),
        manufacturer=device.get("oemManufacturerName"),
        model=device.get("modelName"),
        hardware_hash=None,
    )


def _is_processed(reply: Reply) -> bool:
    return reply.given is not None and reply.given.status == HTTPStatus.ACCEPTED and not reply.is_repeat


def _policies_in(body: bytes) -> Iterator[tuple[str, str]]:
    for device in json.loads(body)["devices"]:
        yield device["id"], device["policies"][0]["value"]


def sent_device(device: Device) -> SentDevice:
    """The device as the service recognises it."""
    return SentDevice.of(
        serial=device.serial_number,
        product_key=device.product_key,
        manufacturer=device.oem_manufacturer_name,
        model=device.model_name,
        hardware_hash=device.hardware_hash,
    )


class _Creation(msgspec.Struct, rename="camel"):
    """The body that creates a batch."""

    batch_id: str
    devices: msgspec.Raw


_DEVICES = msgspec.json.Decoder(list[Device])


def _attempt(request: Request, trouble: Trouble | None) -> Attempt:
    batch_id, devices = request.batch or "", request.body
    if request.operation is Operation.CREATE_BATCH:
        creation = msgspec.json.decode(request.body, type=_Creation)
        batch_id, devices = creation.batch_id, bytes(creation.devices)
    return Attempt(request.operation, request.customer, batch_id, devices, request.request_id or "", trouble)


def _tracking_id_in(headers: Mapping[str, str]) -> str | None:
    return headers["Location"].rpartition("/")[2] if "Location" in headers else None


def _time(text: str | None) -> datetime:
    """A time of the service, rounded up to the second; far in the future when there is none."""
    if text is None:
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
    return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(seconds=1)
