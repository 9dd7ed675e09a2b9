"""A stand-in for the part of Microsoft Graph that infra/register.py uses: as strict as the real one, and as slow."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]

_OF_APPLICATION = {
    "displayName": str,
    "signInAudience": str,
    "isFallbackPublicClient": bool,
    "requiredResourceAccess": list,
    "web": dict,
    "appRoles": list,
}
ME = "aaaaaaaa-0000-0000-0000-000000000001"


@dataclass
class Directory:
    """A tenant. `delay`: how often a new application is not found yet; `fail_at`: the write that is refused."""

    not_found: Callable[[str], Exception]
    refused: Callable[[str], Exception]
    delay: int = 0
    fail_at: int | None = None
    is_person: bool = True
    applications: list[Json] = field(default_factory=list)
    principals: list[Json] = field(default_factory=list)
    grants: list[Json] = field(default_factory=list)
    credentials: dict[str, list[Json]] = field(default_factory=dict)
    assignments: dict[str, list[Json]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    _unknown: dict[str, int] = field(default_factory=dict)
    _made: int = 0

    def state(self) -> Json:
        """Everything that is stored."""
        return {
            "applications": self.applications,
            "principals": self.principals,
            "grants": self.grants,
            "credentials": self.credentials,
            "assignments": self.assignments,
        }

    def send(self, method: str, path: str, body: Json | None) -> Json:
        """Answer one request."""
        route, _, query = path.partition("?")
        if method == "get":
            return self._get(route, unquote(query))
        if self.fail_at == len(self.writes):
            raise self.refused(f"{method} {path}")
        answer = {"post": self._post, "patch": self._patch}[method](route, body or {})
        self.writes.append(f"{method} {route}")
        return answer

    def _get(self, route: str, query: str) -> Json:
        if route == "/me":
            return {"id": ME} if self.is_person else self._missing(route)
        if route == "/applications":
            [name] = re.findall(r"^\$filter=displayName eq '(.*)'$", query)
            return {"value": [dict(found) for found in self.applications if found["displayName"] == name]}
        if found := re.fullmatch(r"/(applications|servicePrincipals)\(appId='(.*)'\)", route):
            known = self.applications if found[1] == "applications" else self.principals
            return next((dict(one) for one in known if one["appId"] == found[2]), None) or self._missing(route)
        if route == "/oauth2PermissionGrants":
            [client] = re.findall(r"^\$filter=clientId eq '(.*)'$", query)
            return {"value": [dict(grant) for grant in self.grants if grant["clientId"] == client]}
        if found := re.fullmatch(r"/applications/(.*)/federatedIdentityCredentials", route):
            return {"value": [dict(one) for one in self.credentials.get(found[1], [])]}
        if found := re.fullmatch(r"/servicePrincipals/(.*)/appRoleAssignedTo", route):
            return {"value": [dict(one) for one in self.assignments.get(found[1], [])]}
        raise AssertionError(route)

    def _post(self, route: str, body: Json) -> Json:
        if route == "/applications":
            self._check(body)
            application = self._new(
                {"isFallbackPublicClient": None, "requiredResourceAccess": [], "appRoles": [], **body}
            )
            application["appId"] = str(uuid5(NAMESPACE_URL, f"client {application['id']}"))
            self._unknown[application["appId"]] = self.delay
            self.applications.append(application)
            return dict(application)
        if route == "/servicePrincipals":
            self._wait_for(body["appId"])
            assert all(principal["appId"] != body["appId"] for principal in self.principals), "conflict"
            principal = self._new({"appId": body["appId"], "appRoleAssignmentRequired": False})
            self.principals.append(principal)
            return dict(principal)
        if route == "/oauth2PermissionGrants":
            assert {principal["id"] for principal in self.principals} >= {body["clientId"], body["resourceId"]}
            key = ("clientId", "resourceId", "consentType")
            assert all(any(grant[name] != body[name] for name in key) for grant in self.grants), "conflict"
            self.grants.append(self._new(body))
            return dict(self.grants[-1])
        if found := re.fullmatch(r"/applications/(.*)/federatedIdentityCredentials", route):
            known = self.credentials.setdefault(found[1], [])
            assert set(body) == {"name", "issuer", "subject", "audiences"}
            assert all(one["name"] != body["name"] for one in known), "conflict"
            known.append(self._new(body))
            return dict(known[-1])
        if found := re.fullmatch(r"/servicePrincipals/(.*)/appRoleAssignedTo", route):
            assigned = self.assignments.setdefault(found[1], [])
            assert body["resourceId"] == found[1]
            wanted = (body["principalId"], body["appRoleId"])
            assert wanted not in {(one["principalId"], one["appRoleId"]) for one in assigned}, "conflict"
            [principal] = [one for one in self.principals if one["id"] == found[1]]
            [application] = [one for one in self.applications if one["appId"] == principal["appId"]]
            if body["appRoleId"] not in {role["id"] for role in application["appRoles"]}:
                self._missing(route)
            assigned.append(self._new(body))
            return dict(assigned[-1])
        raise AssertionError(route)

    def _patch(self, route: str, body: Json) -> Json:
        *_, identifier = route.split("/")
        everything = [*self.applications, *self.principals, *self.grants]
        everything += [one for known in self.credentials.values() for one in known]
        [changed] = [one for one in everything if one["id"] == identifier]
        if route.startswith("/applications/") and route.count("/") == 2:
            self._check(body)
        changed.update(body)
        return {}

    def _check(self, body: Json) -> None:
        for name, value in body.items():
            assert isinstance(value, _OF_APPLICATION[name]), name
        resources = [access["resourceAppId"] for access in body.get("requiredResourceAccess", [])]
        assert len(resources) == len(set(resources)), "Graph refuses one resource twice"
        for name in ("id", "value"):
            values = [role[name] for role in body.get("appRoles", [])]
            assert len(values) == len(set(values)), "Graph refuses a role twice"

    def _wait_for(self, client_id: str) -> None:
        if self._unknown.get(client_id, 0) > 0:
            self._unknown[client_id] -= 1
            self._missing(client_id)

    def _missing(self, what: str) -> Json:
        raise self.not_found(what)

    def _new(self, body: Json) -> Json:
        self._made += 1
        return {"id": str(uuid5(NAMESPACE_URL, str(self._made))), **body}
