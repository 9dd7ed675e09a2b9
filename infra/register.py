# noqa: INP001 - a script of its own
"""Registers both applications in Entra: `python infra/register.py`, before `azd up` and once more after it.

The first application calls Partner Center, the second signs people in to the status page. Each run does what is not
done yet, prints what it did and what is left for a person, and changes nothing that is as it should be. It needs
`az login` with an account that may register applications and grant consent, and azd with a chosen environment.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

GRAPH = "https://graph.microsoft.com/v1.0"
NAME, PAGE_NAME = "Device Drop", "Device Drop status page"
CREDENTIAL = "device-drop"
EVERYBODY = "AllPrincipals"


@dataclass(frozen=True, slots=True)
class PageRole:
    """A role of the status page, which people are given in Entra."""

    identifier: str
    value: str
    """Stands in the token; shared/status/roles.py reads it."""
    name: str
    description: str

    @property
    def as_json(self) -> dict[str, Any]:
        """The role as Microsoft Graph describes one (appRole resource type)."""
        return {
            "id": self.identifier,
            "value": self.value,
            "displayName": self.name,
            "description": self.description,
            "allowedMemberTypes": ["User"],
            "isEnabled": True,
        }


PAGE_ROLES = (
    PageRole("6c1d1d8e-3a1e-4b0e-9f0a-5d2b6f3c8a01", "DeviceDrop.See", "See", "See files, outcomes and activity."),
    PageRole(
        "6c1d1d8e-3a1e-4b0e-9f0a-5d2b6f3c8a02", "DeviceDrop.Send", "Send", "Also drop, fix and send device files."
    ),
    PageRole(
        "6c1d1d8e-3a1e-4b0e-9f0a-5d2b6f3c8a03", "DeviceDrop.Manage", "Manage", "Also withdraw devices, name customers."
    ),
)
"""From the least to the greatest."""

TRIES, SECONDS_BETWEEN = 12, 5.0
"""Entra knows a new application everywhere after some seconds."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Permission:
    """A delegated permission on another application."""

    application: str
    identifier: str
    scope: str


PARTNER_CENTER = Permission(
    "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", "1cebfa2a-fb4d-419e-b5f9-839b4383e05a", "user_impersonation"
)
PROFILE = Permission("00000003-0000-0000-c000-000000000000", "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User.Read")
"""Without one consented permission, Entra refuses the page's sign-in (AADSTS650056)."""


class RegistrationError(Exception):
    """Nothing more can be done; the message says what to do."""


class NotFoundError(RegistrationError):
    """Entra does not know the object, or not yet."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Microsoft Graph, with the token of `az`."""

    send: Callable[[str, str, Json | None], Json]
    """Method, path and body."""
    wait: Callable[[float], None] = time.sleep

    def found(self, path: str) -> Json | None:
        """The object at `path`, None if there is none."""
        try:
            return self.send("get", path, None)
        except NotFoundError:
            return None

    def patiently(self, method: str, path: str, body: Json) -> Json:
        """Change something of an object that was perhaps just made."""
        for _ in range(TRIES - 1):
            try:
                return self.send(method, path, body)
            except NotFoundError:
                self.wait(SECONDS_BETWEEN)
        return self.send(method, path, body)


@dataclass(frozen=True, slots=True)
class Registration:
    """One run: Graph, azd's environment, and a way to tell what was done."""

    graph: Graph
    environment: dict[str, str]
    """azd's values; what is set during the run is added."""
    set_value: Callable[[str, str], None]
    say: Callable[[str], None] = print
    left: list[str] = field(default_factory=list)
    """What a person still has to do."""

    def remember(self, name: str, value: str) -> None:
        """Set a value of azd's environment, unless it is so already."""
        if self.environment.get(name) != value:
            self.set_value(name, value)
            self.environment[name] = value
            self.say(f"azd env set {name} {value}")


def register(run: Registration, tenant: str, *, with_page: bool = True) -> None:
    """Do everything that is not done yet."""
    known = run.environment.get("PARTNER_CENTER_TENANT_ID")
    if known and known.lower() != tenant.lower():
        raise RegistrationError(
            f"az is signed in to the tenant {tenant}, and the environment names {known}. Run `az login --tenant "
            f"{known}`."
        )
    run.remember("PARTNER_CENTER_TENANT_ID", tenant)
    application = _partner_center_application(run)
    run.remember("PARTNER_CENTER_CLIENT_ID", application["appId"])
    _trust(run, application, tenant)
    if with_page:
        page = _page_application(run)
        run.remember("STATUS_PAGE_CLIENT_ID", page["appId"])
        _trust(run, page, tenant)
    run.left.append(
        f"In Partner Center, Account settings > App management, add the application {application['appId']} if it is "
        "not listed: Partner Center answers 401 to all others."
    )
    if "DEVICE_DROP_IDENTITY_PRINCIPAL_ID" not in run.environment:
        run.left.append("Run `azd up`, and then this script again: it lets both applications trust the app's identity.")
    elif with_page:
        run.left.append(
            "Run `azd provision` if STATUS_PAGE_CLIENT_ID is new, and assign the people who may see the page, each "
            f"with a role ({', '.join(role.name for role in PAGE_ROLES)}):"
        )
        run.left.append(f"Entra > Enterprise applications > {PAGE_NAME} > Users and groups.")


def _partner_center_application(run: Registration) -> Json:
    # A person signs in once with a device code, which only a public client may.
    wanted = {"isFallbackPublicClient": True, "requiredResourceAccess": [_access(PARTNER_CENTER)]}
    application = _application(run, NAME, run.environment.get("PARTNER_CENTER_CLIENT_ID"), wanted)
    principal = _principal(run, application["appId"], NAME)
    _consent(run, principal, PARTNER_CENTER, NAME)
    return application


def _page_application(run: Registration) -> Json:
    # App Service signs in with the hybrid flow, which returns an ID token at once.
    web: Json = {"implicitGrantSettings": {"enableIdTokenIssuance": True, "enableAccessTokenIssuance": False}}
    url = run.environment.get("DEVICE_DROP_URL")
    if url:
        web["redirectUris"] = [f"{url}/.auth/login/aad/callback"]
    wanted = {
        "web": web,
        "requiredResourceAccess": [_access(PROFILE)],
        "appRoles": [role.as_json for role in PAGE_ROLES],
    }
    application = _application(run, PAGE_NAME, run.environment.get("STATUS_PAGE_CLIENT_ID"), wanted)
    principal = _principal(run, application["appId"], PAGE_NAME)
    _consent(run, principal, PROFILE, PAGE_NAME)
    if not principal.get("appRoleAssignmentRequired"):
        run.graph.patiently("patch", f"/servicePrincipals/{principal['id']}", {"appRoleAssignmentRequired": True})
        run.say(f"{PAGE_NAME}: only people who are assigned to it can sign in")
    _assign_me(run, principal, _identifier_of(application, PAGE_ROLES[-1]))
    return application


def _identifier_of(application: Json, role: PageRole) -> str:
    """The id of a role, which an application may have under another id than ours."""
    return next((str(each["id"]) for each in application["appRoles"] if each["value"] == role.value), role.identifier)


def _access(permission: Permission) -> Json:
    return {
        "resourceAppId": permission.application,
        "resourceAccess": [{"id": permission.identifier, "type": "Scope"}],
    }


def _application(run: Registration, name: str, client_id: str | None, wanted: Json) -> Json:
    """The application, made or changed so that it has what is wanted."""
    application = _existing(run.graph, name, client_id)
    if application is None:
        body = {"displayName": name, "signInAudience": "AzureADMyOrg", **wanted}
        application = run.graph.send("post", "/applications", body)
        run.say(f"{name}: registered as {application['appId']}")
        return application
    missing = {
        key: merged for key, value in wanted.items() if (merged := with_(application.get(key), value)) is not None
    }
    if missing:
        run.graph.send("patch", f"/applications/{application['id']}", missing)
        run.say(f"{name}: changed {', '.join(sorted(missing))}")
        return application | missing
    run.say(f"{name}: is registered as {application['appId']}")
    return application


def _existing(graph: Graph, name: str, client_id: str | None) -> Json | None:
    if client_id:
        application = graph.found(f"/applications(appId='{client_id}')")
        if application is None:
            raise RegistrationError(
                f"There is no application {client_id} in this tenant, which the environment names for {name}. Sign in "
                "to its tenant, or remove the value with `azd env set NAME ''`."
            )
        return application
    escaped = quote(f"displayName eq '{name}'")
    applications: list[Json] = graph.send("get", f"/applications?$filter={escaped}", None)["value"]
    if len(applications) > 1:
        raise RegistrationError(
            f"There are {len(applications)} applications named {name}. Name the right one: azd env set "
            "PARTNER_CENTER_CLIENT_ID (or STATUS_PAGE_CLIENT_ID) its client id."
        )
    return applications[0] if applications else None


def with_(present: object, wanted: object) -> object:
    """`present` with what is wanted added; None if it has all of that already. Nothing is ever taken away."""
    if isinstance(wanted, dict):
        known: Json = present if isinstance(present, dict) else {}
        added = {key: merged for key, value in wanted.items() if (merged := with_(known.get(key), value)) is not None}
        return known | added if added else None
    if isinstance(wanted, list):
        items = list(present) if isinstance(present, list) else []
        before = list(items)
        for item in wanted:
            _add(items, item)
        return items if items != before else None
    return None if present == wanted else wanted


def _add(items: list[object], item: object) -> None:
    """Add an item to a list; the permissions on one application stand in one item, and an app role keeps its id."""
    for index, other in enumerate(items):
        if isinstance(item, dict) and isinstance(other, dict) and _name(item) == _name(other) is not None:
            kept = {"id": other["id"]} if "id" in other else {}
            items[index] = with_(other, item | kept) or other
            return
    if item not in items:
        items.append(item)


def _name(item: Json) -> str | None:
    """The name of an item that a list has once: the application of permissions, or the value of an app role."""
    name = item.get("resourceAppId") or item.get("value")
    return name.lower() if isinstance(name, str) else None


def _principal(run: Registration, client_id: str, name: str) -> Json:
    """The application's presence in the tenant."""
    principal = run.graph.found(f"/servicePrincipals(appId='{client_id}')")
    if principal is None:
        principal = run.graph.patiently("post", "/servicePrincipals", {"appId": client_id})
        run.say(f"{name}: added to the tenant's enterprise applications")
    return principal


def _consent(run: Registration, principal: Json, permission: Permission, name: str) -> None:
    """Grant a delegated permission for everybody, as an administrator does."""
    resource = _principal(run, permission.application, permission.application)
    escaped = quote(f"clientId eq '{principal['id']}'")
    grants: list[Json] = run.graph.send("get", f"/oauth2PermissionGrants?$filter={escaped}", None)["value"]
    for grant in grants:
        if grant["resourceId"] == resource["id"] and grant["consentType"] == EVERYBODY:
            scopes = grant["scope"].split()
            if permission.scope not in scopes:
                body = {"scope": " ".join([*scopes, permission.scope])}
                run.graph.send("patch", f"/oauth2PermissionGrants/{grant['id']}", body)
                run.say(f"{name}: consent to {permission.scope}")
            return
    body = {"clientId": principal["id"], "consentType": EVERYBODY, "resourceId": resource["id"]}
    run.graph.patiently("post", "/oauth2PermissionGrants", body | {"scope": permission.scope})
    run.say(f"{name}: consent to {permission.scope}")


def _assign_me(run: Registration, principal: Json, role: str) -> None:
    """Assign the person who runs this to the page; a workload identity is no person and needs no page."""
    me = run.graph.found("/me")
    if me is None:
        return
    assigned: list[Json] = run.graph.send("get", f"/servicePrincipals/{principal['id']}/appRoleAssignedTo", None)[
        "value"
    ]
    if all((each["principalId"], each["appRoleId"]) != (me["id"], role) for each in assigned):
        body = {"principalId": me["id"], "resourceId": principal["id"], "appRoleId": role}
        run.graph.patiently("post", f"/servicePrincipals/{principal['id']}/appRoleAssignedTo", body)
        run.say(f"{PAGE_NAME}: you are assigned to it as {PAGE_ROLES[-1].value}")


def _trust(run: Registration, application: Json, tenant: str) -> None:
    """Let the app's managed identity be the application's credential, as soon as there is one."""
    subject = run.environment.get("DEVICE_DROP_IDENTITY_PRINCIPAL_ID")
    if not subject:
        return
    path = f"/applications/{application['id']}/federatedIdentityCredentials"
    wanted = {
        "name": CREDENTIAL,
        "issuer": f"https://login.microsoftonline.com/{tenant}/v2.0",
        "subject": subject,
        "audiences": ["api://AzureADTokenExchange"],
    }
    credentials: list[Json] = run.graph.send("get", path, None)["value"]
    same_name = [credential for credential in credentials if credential["name"] == CREDENTIAL]
    if not same_name:
        run.graph.send("post", path, wanted)
    elif any(same_name[0].get(key) != value for key, value in wanted.items()):
        run.graph.send("patch", f"{path}/{same_name[0]['id']}", wanted)
    else:
        return
    run.say(f"{application['displayName']}: trusts the identity of the app")


# --- az and azd

_ROLE_UNKNOWN = "Permission being assigned was not found on application"
"""Graph's words while a new app role is not known everywhere yet."""


def graph_by_az(method: str, path: str, body: Json | None) -> Json:
    """One request to Microsoft Graph with the token of `az`."""
    arguments = ["rest", "--only-show-errors", "--method", method, "--url", f"{GRAPH}{path}", "--output", "json"]
    if body is None:
        output = _run("az", arguments)
    else:
        # In a file: on Windows az is a batch file, which takes the quotation marks out of an argument.
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "body.json")  # noqa: PTH118 - az wants it as text, behind an @
            with open(name, "w", encoding="utf-8") as file:  # noqa: PTH123 - likewise
                json.dump(body, file)
            output = _run("az", [*arguments, "--headers", "Content-Type=application/json", "--body", f"@{name}"])
    return _object(output) if output.strip() else {}


def _object(output: str) -> Json:
    """The JSON object that `az rest` wrote, as Graph answers."""
    try:
        answer = json.loads(output)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RegistrationError(
            f"az did not write the JSON of Microsoft Graph, but {output[:200]!r}. Check what `az rest` on this machine "
            "writes, and update it with `az upgrade`; then run this script again."
        )
    return answer


def tenant_of_az() -> str:
    """The tenant that `az` is signed in to."""
    tenant = _run("az", ["account", "show", "--query", "tenantId", "--output", "tsv"]).strip()
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", tenant):
        raise RegistrationError(
            f"az names no tenant, but {tenant[:200]!r}. Run `az login --tenant PARTNER_TENANT_ID`, then this script "
            "again."
        )
    return tenant


def values_of_azd() -> dict[str, str]:
    """The environment of azd."""
    return dict(re.findall(r'^(\w+)="(.*)"$', _run("azd", ["env", "get-values"]), re.MULTILINE))


def set_in_azd(name: str, value: str) -> None:
    """Set one value."""
    _run("azd", ["env", "set", name, value])


_WHAT_TO_DO: Mapping[str, str] = {
    "az login": "Run `az login --tenant PARTNER_TENANT_ID`, then this script again.",
    "Authorization_RequestDenied": "This account may not do that: sign in as an Application Administrator who may also "
    "grant consent (Privileged Role Administrator or Global Administrator), and run this script again.",
    "no project exists": "Run this in the project folder.",
    "environment": "Run `azd env new NAME`, then this script again.",
}


def _run(program: str, arguments: Sequence[str]) -> str:
    path = shutil.which(program)
    if path is None:
        raise RegistrationError(f"{program} is not on the path. Install it, sign in, and run this script again.")
    run = subprocess.run(  # noqa: S603 - az or azd
        [path, *arguments],
        stdin=subprocess.DEVNULL,  # Nobody would see a question.
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if run.returncode == 0:
        return run.stdout
    errors = (run.stderr or run.stdout).strip()
    if (
        "Request_ResourceNotFound" in errors
        or re.search(r"\bNot Found\(", errors)
        or "NoBackingApplication" in errors
        or _ROLE_UNKNOWN in errors
    ):
        raise NotFoundError(errors)
    advice = next((words for sign, words in _WHAT_TO_DO.items() if sign in errors), "")
    raise RegistrationError(f"{program} {' '.join(arguments[:2])} failed: {errors}\n{advice}".rstrip())


def main(arguments: Sequence[str]) -> int:
    """Register; returns the exit code."""
    parser = argparse.ArgumentParser(description="Registers both applications of Device Drop in Entra.")
    parser.add_argument("--without-page", action="store_true", help="leave out the application of the status page")
    options = parser.parse_args(arguments)
    try:
        run = Registration(Graph(graph_by_az), values_of_azd(), set_in_azd)
        register(run, tenant_of_az(), with_page=not options.without_page)
    except RegistrationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print("\nLeft for you:", *run.left, sep="\n- ")  # noqa: T201 - a script
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
