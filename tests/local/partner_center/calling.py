"""Asks the stand-in over HTTP, with the standard library alone."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
OTHER_CUSTOMER = "47021739-3426-40bf-9601-61b4b6d7c793"

REGISTERED = ("finished", None, None)
ALREADY_ASSIGNED = ("finished_with_errors", "806", "ZtdDeviceAlreadyAssigned")
OTHER_TENANT = ("finished_with_errors", "808", "ZtdDeviceAssignedToOtherTenant")


@dataclass(frozen=True)
class Told:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def fault(self) -> tuple[int, str]:
        return self.status, str(self.json["code"])


class Caller:
    """Asks the stand-in on one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Told:
        sent = {"Authorization": "Bearer any", "Content-Type": "application/json", "MS-RequestId": str(uuid4())}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {name: value for name, value in sent.items() if value})
        answer = self._connection.getresponse()
        return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def create(self, devices: Any, batch: str = "Test", customer: str = CUSTOMER, **headers: str) -> Told:
        body = {"BatchId": batch, "Devices": devices, "Attributes": {"ObjectType": "DeviceBatchCreationRequest"}}
        return self.ask("POST", f"/v1/customers/{customer}/deviceBatches", body, **headers)

    def append(self, devices: Any, batch: str = "Test", customer: str = CUSTOMER, **headers: str) -> Told:
        return self.ask("POST", f"/v1/customers/{customer}/deviceBatches/{batch}/devices", devices, **headers)

    def follow(self, accepted: Told) -> Any:
        assert accepted.status == 202, accepted
        return self.ask("GET", "/v1" + accepted.headers["location"]).json

    def outcomes(self, accepted: Told) -> list[tuple[str, str | None, str | None]]:
        return [
            (device["status"], device.get("errorCode"), device.get("errorDescription"))
            for device in self.follow(accepted)["devicesStatus"]
        ]


def pc(serial: str) -> dict[str, Any]:
    return {"SerialNumber": serial, "OemManufacturerName": "Contoso", "ModelName": "PC 1"}
