"""What the reference pages say of the fields of a resource, and how what the service sends differs. Pure.

Sources: developer guide, "Get a list of policies for the specified customer", "Device deployment resources"
(ConfigurationPolicy), "Get a record of Partner Center activity", "Auditing resources" (AuditRecord).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from local.conformance.asking import Json
from local.partner_center.profile import without_secrets

MOST_DIFFERENCES = 20
"""Kept of one form."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a resource, each with the type of its value in JSON."""

    needed: Mapping[str, type]
    """In every resource."""
    optional: Mapping[str, type]
    """In some; null counts as absent."""
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """All values that the page lists for a text, or for the texts of a list."""

    def differences(self, resources: Iterable[Json]) -> tuple[str, ...]:
        """How the resources differ from the page. No value is named but one in the place of a listed word."""
        found = {difference for resource in resources for difference in self._of_one(resource)}
        return tuple(sorted(found))[:MOST_DIFFERENCES]

    def _of_one(self, resource: Json) -> Iterable[str]:
        types = {**self.needed, **self.optional}
        given = {name: value for name, value in resource.items() if value is not None}
        yield from (f"{name} is missing" for name in self.needed.keys() - given.keys())
        for name, value in given.items():
            if name not in types:
                yield f"{without_secrets(name)} is on no page"
            elif type(value) is not types[name]:
                yield f"{name} is of another type"
            elif words := self.words.get(name):
                texts = value if isinstance(value, list) else [value]
                yield from (f"{name} has {without_secrets(str(text))}" for text in texts if text not in words)


CONFIGURATION_POLICY = Form(
    needed={"id": str, "name": str, "category": str},
    optional={
        "description": str,
        "devicesAssigned": int,
        "devicesAssignedCount": int,
        "policySettings": list,
        "createdDate": str,
        "lastModifiedDate": str,
        "links": dict,
        "attributes": dict,
    },
    words={
        "category": frozenset({"o_o_b_e"}),
        "policySettings": frozenset(
            {
                "none",
                "remove_oem_preinstalls",
                "oobe_user_not_local_admin",
                "skip_express_settings",
                "skip_oem_registration",
                "skip_eula",
            }
        ),
    },
)

AUDIT_RECORD = Form(
    needed={"customerId": str, "operationType": str, "operationDate": str, "operationStatus": str},
    optional={
        "id": str,
        "partnerId": str,
        "customerName": str,
        "userPrincipalName": str,
        "applicationId": str,
        "resourceType": str,
        "resourceOldValue": str,
        "resourceNewValue": str,
        "originalCorrelationId": str,
        "customizedData": list,
        "attributes": dict,
    },
    words={"operationStatus": frozenset({"succeeded", "failed", "progress", "decline"})},
)
