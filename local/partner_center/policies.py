"""Configuration policies, and the devices that have them."""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from local.partner_center.behaviour import NamedPolicy
from local.partner_center.contract import Json, invalid_input, utc
from local.partner_center.devices import MOST_DEVICES, fields_of_device

SCHEMA = """
    CREATE TABLE IF NOT EXISTS customer_with_policies (customer TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS policy (
        customer TEXT, id TEXT, name TEXT, category TEXT, settings TEXT, created REAL, PRIMARY KEY (customer, id));
    CREATE TABLE IF NOT EXISTS assigned (number INTEGER PRIMARY KEY, device_id TEXT, policy TEXT, since REAL);
    CREATE INDEX IF NOT EXISTS assigned_to_device ON assigned (device_id, since);
"""

_CATEGORIES = frozenset({"o_o_b_e"})


@dataclass(frozen=True, slots=True)
class PolicyUpdate:
    """The policy that a device is to have."""

    device_id: str
    policy_id: str


def policy_updates_in(content: Json) -> list[PolicyUpdate]:
    """The updates of a DevicePolicyUpdateRequest.

    Raises:
        Refusal: when they are not what "DevicePolicyUpdateRequest" asks for: an id and policies for each device.
    """
    fields = {name.lower(): value for name, value in content.items()} if isinstance(content, dict) else {}
    devices = fields.get("devices")
    if not isinstance(devices, list) or not devices or fields.keys() - {"devices", "attributes"}:
        raise invalid_input("Devices are updated by an object with devices")
    if len(devices) > MOST_DEVICES:
        raise invalid_input(f"A request takes at most {MOST_DEVICES} devices, this one has {len(devices)}")
    return [_update_in(number, entry) for number, entry in enumerate(devices)]


def _update_in(number: int, entry: Json) -> PolicyUpdate:
    fields = fields_of_device(number, entry)
    device_id, policies = fields.get("id"), fields.get("policies")
    if not device_id or not policies:
        raise invalid_input(f"devices[{number}] needs an id and policies")
    if len(policies) != 1 or not isinstance(policies[0], dict):
        raise invalid_input(f"devices[{number}].policies has one policy")
    policy = {name.lower(): value for name, value in policies[0].items()}
    if policy.keys() != {"key", "value"} or policy["key"] not in _CATEGORIES or not isinstance(policy["value"], str):
        raise invalid_input(f"devices[{number}].policies: a policy is a category and an id")
    return PolicyUpdate(device_id, policy["value"])


class Policies:
    """The configuration policies of all customers, in the database of the directory."""

    def __init__(
        self,
        database: sqlite3.Connection,
        from_the_start: Sequence[NamedPolicy],
        *,
        clock: Callable[[], float],
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._from_the_start = from_the_start
        self._clock = clock
        self._new_id = new_id

    def of_customer(self, customer: str) -> list[Json]:
        """All of a customer, as "ConfigurationPolicy"."""
        self._begin(customer)
        rows = self._database.execute(
            "SELECT id, name, category, settings, created FROM policy WHERE customer = ? ORDER BY name, id", (customer,)
        ).fetchall()
        counts = Counter(self.of_devices(customer).values())
        return [
            {
                "id": policy_id,
                "name": name,
                "category": category,
                "description": "",
                "devicesAssigned": counts[policy_id],
                "policySettings": json.loads(settings),
                "createdDate": utc(created),
                "lastModifiedDate": utc(created),
                "attributes": {"objectType": "ConfigurationPolicy"},
            }
            for policy_id, name, category, settings, created in rows
        ]

    def of_devices(self, customer: str, first: int = 0, last: int = sys.maxsize) -> dict[str, str]:
        """The policy that each device of the customer has now, by its id; of devices numbered `first` to `last`."""
        rows = self._database.execute(
            """SELECT device_id, policy FROM device JOIN assigned ON device_id = id
               WHERE customer = ? AND device.number BETWEEN ? AND ? AND since <= ? ORDER BY since, assigned.number""",
            (customer, first, last, self._clock()),
        )
        return dict(rows)  # of a device that was given several, the last one

    def add(self, customer: str, policy: NamedPolicy) -> str:
        """A new policy of the customer; its id."""
        self._begin(customer)
        policy_id = str(self._new_id())
        self._insert(customer, policy_id, policy)
        return policy_id

    def remove(self, customer: str, policy_id: str) -> bool:
        """Whether the customer had the policy; its devices keep the id."""
        self._begin(customer)
        found = "DELETE FROM policy WHERE customer = ? AND id = ?"
        return self._database.execute(found, (customer, policy_id)).rowcount > 0

    def exists(self, customer: str, policy_id: str) -> bool:
        """Whether the customer has this policy."""
        self._begin(customer)
        found = "SELECT 1 FROM policy WHERE customer = ? AND id = ?"
        return self._database.execute(found, (customer, policy_id.lower())).fetchone() is not None

    def assign(self, device_id: str, policy_id: str, since: float) -> None:
        """Give a device the policy from the time `since` on."""
        self._database.execute("INSERT INTO assigned VALUES (NULL, ?, ?, ?)", (device_id, policy_id.lower(), since))

    def _begin(self, customer: str) -> None:
        """Give a customer that was never asked about the policies that all have."""
        known = "INSERT OR IGNORE INTO customer_with_policies VALUES (?)"
        if self._database.execute(known, (customer,)).rowcount:
            for policy in self._from_the_start:
                self._insert(customer, str(uuid5(UUID(customer), policy.name)), policy)

    def _insert(self, customer: str, policy_id: str, policy: NamedPolicy) -> None:
        row = (customer, policy_id, policy.name, policy.category, json.dumps(list(policy.settings)), self._clock())
        self._database.execute("INSERT INTO policy VALUES (?, ?, ?, ?, ?, ?)", row)
