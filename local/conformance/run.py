"""One run against one customer: its requests, and what they have shown so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from local.conformance.asking import Answer, Ask, Json, new_request_id
from local.partner_center.profile import Profile, Refusal, without_secrets
from shared.partner_center.audit_records import DeviceOperation

_TRIES = 180
SECONDS_BETWEEN_TRIES = 10.0
_ENDED = ("finished", "finished_with_errors")


@dataclass
class Run:
    """One run against one customer, and what it has found so far."""

    ask: Ask
    confirm: Callable[[str], bool]
    wait: Callable[[float], None]
    clock: Callable[[], float]
    """Seconds."""
    today: date
    """In UTC."""
    customer: str
    devices: Sequence[Json]
    """Ten, as they are sent."""
    prefix: str
    """Begins the name of every batch that the run makes."""
    found: Profile = field(default_factory=Profile)
    batches: list[str] = field(default_factory=list)
    changes: set[DeviceOperation] = field(default_factory=set)
    """What the service took of this run, as its audit records name it."""

    def learn(self, **values: Any) -> None:  # noqa: ANN401 - the fields of a profile
        """Add to what is known."""
        self.found = replace(self.found, **values)

    @property
    def serials(self) -> list[str]:
        """The serial numbers of all devices, which no file may hold."""
        return [str(device.get("SerialNumber") or "") for device in self.devices]

    # Requests

    def create(self, batch: str, devices: Sequence[Json], request_id: str | None = None) -> Answer:
        """Create a batch."""
        self.batches.append(batch)
        content = {"BatchId": batch, "Devices": list(devices)}
        answer = self._send("POST", "/deviceBatches", content, request_id)
        return self._changed(DeviceOperation.UPLOAD_TO_NEW_BATCH_ATTEMPTED, answer)

    def append(self, batch: str, devices: Sequence[Json], request_id: str | None = None) -> Answer:
        """Append to a batch."""
        self.batches.append(batch)
        answer = self._send("POST", devices_path(batch), list(devices), request_id)
        return self._changed(DeviceOperation.UPLOAD_TO_EXISTING_BATCH_ATTEMPTED, answer)

    def assign(self, device_id: str, policy_id: str) -> Answer:
        """Give a device a configuration policy ("DevicePolicyUpdateRequest")."""
        device = {"Id": device_id, "Policies": [{"Key": "o_o_b_e", "Value": policy_id}]}
        answer = self._send("PATCH", "/DevicePolicyUpdates", {"Devices": [device]}, None)
        return self._changed(DeviceOperation.UPDATES_ATTEMPTED, answer)

    def delete(self, batch: str, device_id: str) -> Answer:
        """Delete a device of a batch."""
        answer = self._send("DELETE", f"{devices_path(batch)}/{quote(device_id, safe='')}", None, None)
        return self._changed(DeviceOperation.DELETED, answer)

    def get(self, path: str) -> Answer:
        """Read something of the customer."""
        return self._send("GET", path, None, None)

    def get_of_partner(self, path: str, continuation: str | None = None) -> Answer:
        """Read something of the partner itself."""
        more = {} if continuation is None else {"MS-ContinuationToken": continuation}
        return self.ask("GET", path, {**_ids(None), **more}, b"")

    def made_devices(self, batch: str) -> list[Json]:
        """The devices of this run that the batch lists on its first page."""
        ours = set(filter(None, self.serials))
        listed = items_of(self.get(devices_path(batch)))
        return [item for item in listed if item.get("serialNumber") in ours and item.get("id")]

    def refused(self, case: str, answer: Answer) -> None:
        """Keep the service's words."""
        if answer.is_success:
            return
        content = answer.json if isinstance(answer.json, dict) else {}
        text = without_secrets(str(content.get("description", "")), self.serials)
        refusal = Refusal(answer.status, str(content.get("code", "")), text)
        self.learn(refusals=self.found.refusals | {case: refusal})

    def _send(self, method: str, path: str, content: Json, request_id: str | None) -> Answer:
        body = b"" if content is None else json.dumps(content).encode()
        headers = _ids(request_id) | ({"Content-Type": "application/json"} if body else {})
        return self.ask(method, f"/v1/customers/{self.customer}{path}", headers, body)

    def _changed(self, operation: DeviceOperation, answer: Answer) -> Answer:
        if answer.is_success:
            self.changes.add(operation)
        return answer

    # Jobs

    def tracking_id(self, answer: Answer) -> str:
        """Of an accepted upload."""
        return urlsplit(answer.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]

    def verdicts(self, answer: Answer) -> list[Json]:
        """The devices of an upload as they ended; empty if it was refused or does not end in half an hour."""
        if not answer.is_accepted:
            return []
        began = self.clock()
        for _ in range(_TRIES):
            details = self.get(f"/batchJobStatus/{self.tracking_id(answer)}").json
            if isinstance(details, dict) and details.get("status") in _ENDED:
                self.learn(seconds_to_verdict=max(self.found.seconds_to_verdict or 0.0, self.clock() - began))
                return list(details.get("devicesStatus") or [])
            self.wait(SECONDS_BETWEEN_TRIES)
        return []


def devices_path(batch: str) -> str:
    """The path of a batch's devices, below the customer's."""
    return f"/deviceBatches/{quote(batch, safe='')}/devices"


def items_of(answer: Answer) -> list[Json]:
    """The objects on a page of a list; none where the answer is no such page."""
    page = answer.json
    items = page.get("items") if isinstance(page, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def error_of(status: Json) -> str:
    """The error of one device of a status: its name, or its number; empty without one."""
    if status.get("status") == "finished":
        return ""
    return str(status.get("errorDescription") or status.get("errorCode") or "unnamed")


def _ids(request_id: str | None) -> dict[str, str]:
    return {"MS-RequestId": request_id or new_request_id(), "MS-CorrelationId": new_request_id()}
