"""What is asked of the service about configuration policies (profiles). Listing them changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from local.conformance.asking import Answer, Json, new_request_id
from local.conformance.forms import CONFIGURATION_POLICY
from local.conformance.run import Run, error_of, items_of

_COUNTS = ("devicesAssigned", "devicesAssignedCount")


def read_policies(run: Run) -> Sequence[str]:
    """The ids of the customer's configuration policies that a device can have."""
    answer = run.get("/policies")
    run.learn(read_policies=answer.status)
    if answer.status != HTTPStatus.OK:
        run.refused("read configuration policies", answer)
        return ()
    policies = items_of(answer)
    if policies:
        counts = tuple(name for name in _COUNTS if any(name in policy for policy in policies))
        run.learn(policies_differ=CONFIGURATION_POLICY.differences(policies), policy_counts=counts)
    return [str(policy["id"]) for policy in policies if policy.get("id") and policy.get("category") == "o_o_b_e"]


def assign_policies(run: Run, batch: str, policies: Sequence[str]) -> None:
    """Give the device of the batch that the run made a policy, then one that does not exist."""
    made = run.made_devices(batch)
    if not made:
        return
    device_id = str(made[0]["id"])
    if policies and run.confirm(f"give the device of the batch {batch} a configuration policy of the customer"):
        _assign(run, batch, device_id, policies[0])
    if run.confirm("assign a configuration policy that does not exist, and one to a device that does not exist"):
        run.learn(unknown_policy=_error(run, "assign an unknown policy", run.assign(device_id, new_request_id())))
        known = policies[0] if policies else new_request_id()
        run.learn(unknown_device=_error(run, "assign to an unknown device", run.assign(new_request_id(), known)))


def _assign(run: Run, batch: str, device_id: str, policy_id: str) -> None:
    answer = run.assign(device_id, policy_id)
    run.learn(assign_policy=answer.status)
    run.refused("assign a policy", answer)
    if statuses := run.verdicts(answer):
        run.learn(
            assigned_policy=error_of(statuses[0]),
            assignment_names_device=[_folded(status.get("deviceId")) for status in statuses] == [device_id.lower()],
        )
        if not run.found.assigned_policy:
            run.learn(assigned_policy_is_listed=policy_id.lower() in _policies_of(run, batch, device_id))


def _policies_of(run: Run, batch: str, device_id: str) -> Sequence[str]:
    devices = [device for device in run.made_devices(batch) if device["id"] == device_id]
    policies = [policy for device in devices for policy in device.get("policies") or [] if isinstance(policy, dict)]
    return [_folded(policy.get("value")) for policy in policies]


def _error(run: Run, case: str, answer: Answer) -> str | None:
    """The error of the one device of an assignment, or the status of its refusal; None when it does not end."""
    run.refused(case, answer)
    if not answer.is_accepted:
        return str(answer.status)
    statuses = run.verdicts(answer)
    return error_of(statuses[0]) or "none" if statuses else None


def _folded(value: Json) -> str:
    return str(value or "").lower()
