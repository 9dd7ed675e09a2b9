"""What is asked of the service, and what its answers say. Each case asks before it changes anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from local.conformance.asking import Answer, Json, new_request_id
from local.conformance.audit_records import read_audit_records, read_records_of_run
from local.conformance.configuration_policies import assign_policies, read_policies
from local.conformance.run import Run, error_of
from local.partner_center.profile import Profile, location_form, without_secrets

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


def ask_everything(
    run: Run, *, waits: Sequence[float] = (), most_reads: int = 0, sizes: Sequence[int] = UPLOAD_SIZES
) -> Profile:
    """Read what can be read; run every case that is confirmed; then remove what it made."""
    devices = run.devices
    policies = read_policies(run)
    known_records = read_audit_records(run)
    try:
        first = _create(run, devices[0])
        if first is not None and first.is_accepted:
            began = run.clock()
            assign_policies(run, f"{run.prefix}1", policies)
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
    read_records_of_run(run, known_records)
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
    for batch in dict.fromkeys(run.batches):
        made = [str(device["id"]) for device in run.made_devices(batch)]
        if made and run.confirm(f"delete {len(made)} device(s) of this run from the batch {batch}"):
            for device_id in made:
                run.delete(batch, device_id)
