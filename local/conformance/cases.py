"""What is asked of the service, and what its answers say. Each case asks before it changes anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from local.conformance.asking import Answer, Ask, Json, new_request_id
from local.partner_center.profile import Profile, Refusal, location_form, without_secrets

DEVICES = 10
"""Throw-away devices that a run needs."""

UPLOAD_SIZES = (500, 1000, 1001, 2000, 2001, 5000)
"""Numbers of devices that are tried, until one is refused."""

NAMES: Mapping[str, str] = {
    "64 characters": "n" * 64,
    "65 characters": "n" * 65,
    "a space": "with space",
    "a slash": "with/slash",
    "a percent sign": "with%20percent",
    "an umlaut": "ümlaut",
    "a dot at its end": "dot.",
}
"""Kinds of names of batches. One of nothing but `n` is as long as it says, prefix included."""

_TRIES_OF_A_JOB = 180
_SECONDS_BETWEEN = 10.0
_ENDED = ("finished", "finished_with_errors")


@dataclass
class Run:
    """One run against one customer, and what it has found so far."""

    ask: Ask
    confirm: Callable[[str], bool]
    wait: Callable[[float], None]
    clock: Callable[[], float]
    """Seconds."""
    customer: str
    devices: Sequence[Json]
    """Ten, as they are sent."""
    prefix: str
    """Begins the name of every batch that the run makes."""
    found: Profile = field(default_factory=Profile)
    batches: list[str] = field(default_factory=list)

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
        return self._send("POST", "/deviceBatches", {"BatchId": batch, "Devices": list(devices)}, request_id)

    def append(self, batch: str, devices: Sequence[Json], request_id: str | None = None) -> Answer:
        """Append to a batch."""
        self.batches.append(batch)
        return self._send("POST", f"/deviceBatches/{quote(batch, safe='')}/devices", list(devices), request_id)

    def get(self, path: str) -> Answer:
        """Read something of the customer."""
        return self._send("GET", path, None, None)

    def _send(self, method: str, path: str, content: Json, request_id: str | None) -> Answer:
        headers = {"MS-RequestId": request_id or new_request_id(), "MS-CorrelationId": new_request_id()}
        body = b"" if content is None else json.dumps(content).encode()
        if body:
            headers["Content-Type"] = "application/json"
        return self.ask(method, f"/v1/customers/{self.customer}{path}", headers, body)

    def refused(self, case: str, answer: Answer) -> None:
        """Keep the service's words."""
        if answer.is_accepted:
            return
        content = answer.json if isinstance(answer.json, dict) else {}
        text = without_secrets(str(content.get("description", "")), self.serials)
        refusal = Refusal(answer.status, str(content.get("code", "")), text)
        self.learn(refusals=self.found.refusals | {case: refusal})

    # Jobs

    def tracking_id(self, answer: Answer) -> str:
        """Of an accepted upload."""
        return urlsplit(answer.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]

    def verdicts(self, answer: Answer) -> list[Json]:
        """The devices of an upload as they ended; empty if it was refused or does not end in half an hour."""
        if not answer.is_accepted:
            return []
        began = self.clock()
        for _ in range(_TRIES_OF_A_JOB):
            details = self.get(f"/batchJobStatus/{self.tracking_id(answer)}").json
            if isinstance(details, dict) and details.get("status") in _ENDED:
                self.learn(seconds_to_verdict=max(self.found.seconds_to_verdict or 0.0, self.clock() - began))
                return list(details.get("devicesStatus") or [])
            self.wait(_SECONDS_BETWEEN)
        return []


def error_of(status: Json) -> str:
    """The error of one device of a status: its name, or its number; empty without one."""
    if status.get("status") == "finished":
        return ""
    return str(status.get("errorDescription") or status.get("errorCode") or "unnamed")


def ask_everything(
    run: Run, *, waits: Sequence[float] = (), most_reads: int = 0, sizes: Sequence[int] = UPLOAD_SIZES
) -> Profile:
    """Run every case that is confirmed; then remove what it made."""
    devices = run.devices
    try:
        first = _create(run, devices[0])
        if first is not None and first.is_accepted:
            began = run.clock()
            _create_again(run, devices[1])
            _append_to_missing(run, devices[2])
            _known_device(run, devices[3], devices[0])
            _order(run, devices[4:7])
            _duplicate(run, devices[7])
            _request_ids(run, devices[8], devices[9], waits)
            _sizes(run, devices[7], sizes)
            _names(run, devices[9])
            _throttling(run, first, most_reads)
            if run.get(f"/batchJobStatus/{run.tracking_id(first)}").status == 200:  # noqa: PLR2004 - OK
                run.learn(tracking_id_seconds=run.clock() - began)
    finally:
        remove(run)
    return run.found


def _create(run: Run, device: Json) -> Answer | None:
    if not run.confirm(f"create the batch {run.prefix}1 with one device"):
        return None
    answer = run.create(f"{run.prefix}1", [device])
    run.learn(create_batch=answer.status)
    run.refused("create a batch", answer)
    if answer.is_accepted:
        form = location_form(answer.headers.get("location", ""), run.customer)
        run.learn(location=form, headers=tuple(sorted(answer.headers)))
        run.verdicts(answer)
    return answer


def _create_again(run: Run, device: Json) -> None:
    if run.confirm(f"create the batch {run.prefix}1 again, with another device"):
        answer = run.create(f"{run.prefix}1", [device])
        run.learn(create_existing_batch=answer.status)
        run.refused("create a batch that exists", answer)
        run.verdicts(answer)


def _append_to_missing(run: Run, device: Json) -> None:
    if run.confirm(f"append a device to the batch {run.prefix}2, which does not exist"):
        answer = run.append(f"{run.prefix}2", [device])
        run.learn(append_to_missing_batch=answer.status)
        run.refused("append to a batch that does not exist", answer)
        run.verdicts(answer)


def _known_device(run: Run, new: Json, known: Json) -> None:
    if not run.confirm(f"create the batch {run.prefix}3 and append to it the device of {run.prefix}1"):
        return
    if not run.verdicts(run.create(f"{run.prefix}3", [new])):
        return
    statuses = run.verdicts(run.append(f"{run.prefix}3", [known]))
    if statuses:
        run.learn(known_device=error_of(statuses[0]))
        again = run.append(f"{run.prefix}3", [known])
        run.learn(failed_device_again=again.status)
        run.refused("send a refused device again", again)
        run.verdicts(again)


def _order(run: Run, devices: Sequence[Json]) -> None:
    if run.confirm(f"append three devices to the batch {run.prefix}1"):
        statuses = run.verdicts(run.append(f"{run.prefix}1", devices))
        answered = [status.get("serialNumber") for status in statuses]
        sent = [device.get("SerialNumber") for device in devices]
        if sorted(map(str, answered)) == sorted(map(str, sent)):
            run.learn(statuses_as_sent=answered == sent)


def _duplicate(run: Run, device: Json) -> None:
    if run.confirm(f"append one device twice in one request to the batch {run.prefix}1"):
        errors = [error_of(status) for status in run.verdicts(run.append(f"{run.prefix}1", [device, device]))]
        if errors:
            run.learn(duplicate_device=max(errors, key=bool))


def _request_ids(run: Run, device: Json, other: Json, waits: Sequence[float]) -> None:
    if not run.confirm(f"append a device to the batch {run.prefix}1, and repeat the request with the same id"):
        return
    request_id, batch = new_request_id(), f"{run.prefix}1"
    first = run.append(batch, [device], request_id)
    if not first.is_accepted:
        return
    last = run.clock()
    is_remembered = _is_repeat(run, first, run.append(batch, [device], request_id))
    run.learn(repeated_request_id=is_remembered)
    changed = run.append(batch, [other], request_id)
    run.learn(request_id_of_another_body=changed.status)
    run.refused("a request id with another body", changed)
    for seconds in sorted(waits) if is_remembered else ():
        run.wait(max(last + seconds - run.clock(), 0))
        passed = run.clock() - last
        if not _is_repeat(run, first, run.append(batch, [device], request_id)):
            run.learn(request_id_forgotten_seconds=passed)
            return
        run.learn(request_id_remembered_seconds=passed)


def _is_repeat(run: Run, first: Answer, answer: Answer) -> bool:
    return answer.is_accepted and run.tracking_id(answer) == run.tracking_id(first)


def _sizes(run: Run, device: Json, sizes: Sequence[int]) -> None:
    if not run.confirm(f"append one device up to {sizes[-1]} times in one request to the batch {run.prefix}1"):
        return
    for size in sizes:
        answer = run.append(f"{run.prefix}1", [device] * size)
        if not answer.is_accepted:
            run.learn(too_large_upload=size)
            run.refused("an upload that is too large", answer)
            return
        run.learn(largest_upload=size, largest_upload_bytes=len(json.dumps([device] * size)))


def _names(run: Run, device: Json) -> None:
    for kind, name in NAMES.items():
        batch = f"{run.prefix}{name}"
        if not name.strip("n"):
            batch = batch[: len(name)]
        if run.confirm(f"create the batch {batch} (a name with {kind}); empty batches cannot be deleted"):
            answer = run.create(batch, [device])
            run.learn(batch_names=run.found.batch_names | {kind: answer.status})
            run.refused(f"a batch name with {kind}", answer)


def _throttling(run: Run, upload: Answer, most_reads: int) -> None:
    if not most_reads or not run.confirm(f"read the status of an upload up to {most_reads} times without a pause"):
        return
    for number in range(1, most_reads + 1):
        answer = run.get(f"/batchJobStatus/{run.tracking_id(upload)}")
        if answer.status == 429:  # noqa: PLR2004 - Too Many Requests
            wanted = {name: value for name, value in answer.headers.items() if "retry" in name or "limit" in name}
            headers = {name.title(): without_secrets(value) for name, value in wanted.items()}
            run.learn(requests_until_throttled=number, throttling_headers=headers)
            run.refused("throttled", answer)
            return


def remove(run: Run) -> None:
    """Delete the devices of this run from the batches that it made."""
    ours = set(filter(None, run.serials))
    for batch in dict.fromkeys(run.batches):
        path = f"/deviceBatches/{quote(batch, safe='')}/devices"
        page = run.get(path).json
        items = page.get("items") or [] if isinstance(page, dict) else []
        made = [item["id"] for item in items if item.get("serialNumber") in ours and item.get("id")]
        if made and run.confirm(f"delete {len(made)} device(s) of this run from the batch {batch}"):
            for identifier in made:
                run.ask(
                    "DELETE",
                    f"/v1/customers/{run.customer}{path}/{quote(identifier, safe='')}",
                    {"MS-RequestId": new_request_id(), "MS-CorrelationId": new_request_id()},
                    b"",
                )
