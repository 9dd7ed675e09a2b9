"""The stand-in as an object: in this process without sockets, or served over HTTP."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from local.partner_center.behaviour import WELL_BEHAVED, Behaviour, NamedPolicy
from local.partner_center.contract import Answer, Json, Operation, Refusal, Reply, route
from local.partner_center.devices import SentDevice
from local.partner_center.directory import Directory
from local.partner_center.faults import Fault, Faults
from local.partner_center.server import Server
from local.partner_center.service import Service


class StandIn:
    """The service and its faults without sockets: `with StandIn(Behaviour(delay=1)) as service: service.reply(...)`."""

    def __init__(
        self,
        behaviour: Behaviour = WELL_BEHAVED,
        *,
        data: Path | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        """`data` is a folder that outlives the process (None: memory); `clock` gives seconds since 1970."""
        self._behaviour = behaviour
        directory = Directory(data, behaviour, clock=clock, new_id=new_id)
        self._service = Service(directory, behaviour, clock)
        self._faults = Faults(behaviour.faults, behaviour.seed)

    def stop(self) -> None:
        """Let go of the data."""
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def script(
        self, fault: Fault, times: int = 1, operation: Operation | None = None, customer: str | None = None
    ) -> None:
        """See `Faults.script`."""
        self._faults.script(fault, times, operation, customer)

    def recover(self) -> None:
        """From now on nothing goes wrong."""
        self._faults.end()

    def report(self) -> Json:
        """The requests so far, as GET /stand-in/requests answers."""
        return self._service.report()

    def reply(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply to one HTTP request."""
        if target.startswith("/stand-in/"):
            return Reply(self._control(method, target, body))
        time.sleep(self._behaviour.latency)
        request = route(method, target, headers, body)
        if request is None:
            return Reply(Refusal(HTTPStatus.NOT_FOUND, 1000, "Not found").answer())
        return self._service.reply(request, self._faults.next(request.operation, request.customer))

    # What others do, beside the caller, and what a test sets up

    def register_elsewhere(
        self, customer: str, batch: str, device: SentDevice, by: str = "someone.else@partner.onmicrosoft.com"
    ) -> str:
        """See `Service.register_elsewhere`."""
        return self._service.register_elsewhere(customer, batch, device, by)

    def delete_elsewhere(self, customer: str, serial: str, by: str = "someone.else@partner.onmicrosoft.com") -> int:
        """See `Service.delete_elsewhere`."""
        return self._service.delete_elsewhere(customer, serial, by)

    def allow_operations(self, customer: str, serial: str, operations: Sequence[str]) -> int:
        """See `Service.allow_operations`."""
        return self._service.allow_operations(customer, serial, operations)

    def add_policy(self, customer: str, policy: NamedPolicy) -> str:
        """See `Service.add_policy`."""
        return self._service.add_policy(customer, policy)

    def remove_policy(self, customer: str, policy_id: str) -> bool:
        """See `Service.remove_policy`."""
        return self._service.remove_policy(customer, policy_id)

    def policies_of_devices(self, customer: str) -> dict[str, str | None]:
        """See `Service.policies_of_devices`."""
        return self._service.policies_of_devices(customer)

    def _control(self, method: str, target: str, body: bytes) -> Answer:
        if (method, target) == ("GET", "/stand-in/requests"):
            return _as_json(self.report())
        controls = {
            "/stand-in/faults": self._script,
            "/stand-in/devices": self._devices,
            "/stand-in/policies": self._policies,
        }
        if method != "POST" or target not in controls:
            return Answer(HTTPStatus.NOT_FOUND)
        try:
            return controls[target](json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Answer(HTTPStatus.BAD_REQUEST, {"Content-Type": "text/plain"}, str(error).encode())

    def _script(self, wanted: Json) -> Answer:
        operation = Operation(wanted["operation"]) if wanted.get("operation") else None
        self.script(Fault(wanted["fault"]), int(wanted.get("times", 1)), operation, wanted.get("customer"))
        return Answer(HTTPStatus.NO_CONTENT)

    def _devices(self, wanted: Json) -> Answer:
        """`{"do": "register" | "delete" | "allow", "customer", "serial", ...}`; answers what it did."""
        customer, serial = str(wanted["customer"]).lower(), str(wanted["serial"])
        who = {"by": str(wanted["by"])} if wanted.get("by") else {}
        match wanted["do"]:
            case "register":
                names = {"manufacturer": wanted.get("manufacturer"), "model": wanted.get("model")}
                device = SentDevice.of(serial=serial, product_key=wanted.get("productKey"), hardware_hash=None, **names)
                return _as_json({"id": self.register_elsewhere(customer, str(wanted["batch"]), device, **who)})
            case "delete":
                return _as_json({"devices": self.delete_elsewhere(customer, serial, **who)})
            case "allow":
                return _as_json({"devices": self.allow_operations(customer, serial, list(wanted["operations"]))})
            case other:
                raise ValueError(f"a device is not {other}")

    def _policies(self, wanted: Json) -> Answer:
        """`{"do": "add" | "remove", "customer", "name" or "id"}`; answers what it did."""
        customer = str(wanted["customer"]).lower()
        if wanted["do"] == "remove":
            return _as_json({"removed": self.remove_policy(customer, str(wanted["id"]))})
        return _as_json({"id": self.add_policy(customer, NamedPolicy(str(wanted["name"])))})


def _as_json(content: Json) -> Answer:
    return Answer(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(content).encode())


class PartnerCenterStandIn(StandIn):
    """The stand-in over HTTP: `with PartnerCenterStandIn(Behaviour(delay=1)) as service: service.url`."""

    def __init__(
        self,
        behaviour: Behaviour = WELL_BEHAVED,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Port 0 takes a free one."""
        super().__init__(behaviour, data=data, clock=clock)
        self._server = Server((host, port), self.reply)
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

    def __enter__(self) -> Self:
        """Serve from now on, on threads of its own."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Serve no more: end every connection and let go of the data."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()
        super().stop()
