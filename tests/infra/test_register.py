"""Both registrations are made as they must be, by any number of runs, and nothing that was there is taken away."""

import json
import os
import pickle
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.status.roles import Role
from tests.examples import examples
from tests.infra.bicep import ROOT, bicep_files
from tests.infra.graph import ME, Directory, Json
from tests.infra.scripts import script

register = script("register")
TENANT = "99999999-0000-0000-0000-000000000001"
IDENTITY = "88888888-0000-0000-0000-000000000001"
AFTER_UP = {"DEVICE_DROP_IDENTITY_PRINCIPAL_ID": IDENTITY, "DEVICE_DROP_URL": "https://func-x.azurewebsites.net"}


def directory(**options: Any) -> Directory:
    return Directory(register.NotFoundError, register.RegistrationError, **options)


def run(tenant: Directory, environment: dict[str, str], *, with_page: bool = True) -> Any:
    said: list[str] = []
    graph = register.Graph(tenant.send, lambda _: None)
    registration = register.Registration(graph, environment, lambda *_: None, said.append)
    register.register(registration, TENANT, with_page=with_page)
    return registration, said


def by_name(tenant: Directory, name: str) -> Json:
    [application] = [one for one in tenant.applications if one["displayName"] == name]
    return application


def scopes(tenant: Directory, application: Json) -> dict[str, str]:
    """The scopes that everybody's consent was given to, by client id of what they are of."""
    principals = {principal["id"]: principal["appId"] for principal in tenant.principals}
    return {
        principals[grant["resourceId"]]: grant["scope"]
        for grant in tenant.grants
        if principals[grant["clientId"]] == application["appId"] and grant["consentType"] == "AllPrincipals"
    }


def check(tenant: Directory, *, after_up: bool) -> None:
    """Everything that a deployment needs is there."""
    calling, page = by_name(tenant, register.NAME), by_name(tenant, register.PAGE_NAME)
    assert calling["signInAudience"] == page["signInAudience"] == "AzureADMyOrg"
    assert calling["isFallbackPublicClient"] is True
    assert page["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] is True
    for application, permission in ((calling, register.PARTNER_CENTER), (page, register.PROFILE)):
        [access] = [
            one for one in application["requiredResourceAccess"] if one["resourceAppId"] == permission.application
        ]
        assert {"id": permission.identifier, "type": "Scope"} in access["resourceAccess"]
        assert permission.scope in scopes(tenant, application)[permission.application].split()
    [principal] = [one for one in tenant.principals if one["appId"] == page["appId"]]
    assert principal["appRoleAssignmentRequired"] is True
    [manage] = [role["id"] for role in page["appRoles"] if role["value"] == "DeviceDrop.Manage"]
    assert [one["appRoleId"] for one in tenant.assignments[principal["id"]] if one["principalId"] == ME].count(
        manage
    ) == 1
    for application in (calling, page):
        credentials = tenant.credentials.get(application["id"], [])
        assert [one["subject"] for one in credentials if one["name"] == "device-drop"] == [IDENTITY] * after_up
    if after_up:
        assert "https://func-x.azurewebsites.net/.auth/login/aad/callback" in page["web"]["redirectUris"]


def test_before_the_deployment_both_are_registered_and_what_is_left_is_said() -> None:
    tenant, environment = directory(delay=3), dict[str, str]()
    registration, said = run(tenant, environment)
    check(tenant, after_up=False)
    assert environment == {
        "PARTNER_CENTER_TENANT_ID": TENANT,
        "PARTNER_CENTER_CLIENT_ID": by_name(tenant, register.NAME)["appId"],
        "STATUS_PAGE_CLIENT_ID": by_name(tenant, register.PAGE_NAME)["appId"],
    }
    assert any("App management" in line for line in registration.left)
    assert any("`azd up`, and then this script again" in line for line in registration.left)
    assert f"{register.NAME}: registered as {environment['PARTNER_CENTER_CLIENT_ID']}" in said


def test_after_the_deployment_both_trust_the_apps_identity_and_the_page_may_return_to_it() -> None:
    tenant, environment = directory(), dict[str, str]()
    run(tenant, environment)
    run(tenant, environment | AFTER_UP)
    check(tenant, after_up=True)


def test_a_run_that_finds_everything_done_writes_nothing() -> None:
    tenant, environment = directory(), dict(AFTER_UP)
    run(tenant, environment)
    tenant.writes.clear()
    run(tenant, environment)
    run(tenant, dict(AFTER_UP))
    assert tenant.writes == []


def test_a_run_may_end_at_any_request_and_the_next_one_completes_it() -> None:
    whole = directory()
    run(whole, dict(AFTER_UP))
    assert len(whole.writes) >= 10
    for number in range(len(whole.writes)):
        tenant, environment = directory(fail_at=number), dict(AFTER_UP)
        with pytest.raises(register.RegistrationError):
            run(tenant, environment)
        tenant.fail_at = None
        run(tenant, environment)
        assert tenant.state() == whole.state()


def test_an_identity_that_was_made_anew_is_trusted_in_place_of_the_old_one() -> None:
    tenant = directory()
    run(tenant, AFTER_UP | {"DEVICE_DROP_IDENTITY_PRINCIPAL_ID": "77777777-0000-0000-0000-000000000001"})
    run(tenant, dict(AFTER_UP))
    check(tenant, after_up=True)


def test_the_roles_are_those_that_the_page_reads() -> None:
    assert [role.value for role in register.PAGE_ROLES] == [role.app_role for role in Role]
    tenant = directory()
    run(tenant, dict(AFTER_UP))
    roles = by_name(tenant, register.PAGE_NAME)["appRoles"]
    assert {role["value"] for role in roles} == {role.app_role for role in Role}
    assert all(role["isEnabled"] and role["allowedMemberTypes"] == ["User"] for role in roles)


def test_a_role_that_a_person_made_keeps_its_id_and_is_the_one_that_is_assigned() -> None:
    tenant = directory()
    run(tenant, dict(AFTER_UP))
    page = by_name(tenant, register.PAGE_NAME)
    page["appRoles"] = [
        {"id": "own", "value": "DeviceDrop.Manage", "origin": "Application"},
        {"id": "o", "value": "Other"},
    ]
    run(tenant, dict(AFTER_UP))
    page = by_name(tenant, register.PAGE_NAME)
    assert [role["id"] for role in page["appRoles"]][:2] == ["own", "o"]
    assert len(page["appRoles"]) == 4
    [principal] = [one for one in tenant.principals if one["appId"] == page["appId"]]
    assert "own" in {one["appRoleId"] for one in tenant.assignments[principal["id"]]}


def test_who_is_no_person_is_assigned_to_no_page() -> None:
    tenant = directory(is_person=False)
    run(tenant, dict(AFTER_UP))
    assert tenant.assignments == {}


def test_without_a_page_there_is_one_registration() -> None:
    tenant, environment = directory(), dict(AFTER_UP)
    run(tenant, environment, with_page=False)
    assert [one["displayName"] for one in tenant.applications] == [register.NAME]
    assert "STATUS_PAGE_CLIENT_ID" not in environment


accesses = st.lists(
    st.builds(
        lambda resource, scopes: {
            "resourceAppId": resource,
            "resourceAccess": [{"id": scope, "type": "Scope"} for scope in scopes],
        },
        st.sampled_from([register.PARTNER_CENTER.application, register.PROFILE.application, "other"]),
        st.lists(st.sampled_from([register.PARTNER_CENTER.identifier, register.PROFILE.identifier, "x"]), unique=True),
    ),
    unique_by=lambda access: access["resourceAppId"],
)
webs = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "redirectUris": st.lists(
            st.sampled_from(["https://old/", f"{AFTER_UP['DEVICE_DROP_URL']}/.auth/login/aad/callback"]), unique=True
        ),
        "homePageUrl": st.just("https://home/"),
        "implicitGrantSettings": st.fixed_dictionaries({"enableIdTokenIssuance": st.booleans()}),
    },
)


def includes(large: Any, small: Any) -> bool:
    """Whether everything of `small` is in `large`; a switch may have been turned on."""
    if isinstance(small, dict):
        return isinstance(large, dict) and all(includes(large.get(key), value) for key, value in small.items())
    if isinstance(small, list):
        return all(any(includes(one, item) for one in large) for item in small)
    return large == small or small in (None, False)


@settings(max_examples=examples(60))
@given(access=accesses, web=webs, public=st.sampled_from([None, False, True]), delay=st.integers(0, 4))
def test_what_a_person_registered_before_is_completed_and_nothing_of_it_is_lost(
    access: list[Json], web: Json | None, public: bool | None, delay: int
) -> None:
    tenant = directory(delay=delay)
    before = {"signInAudience": "AzureADMyOrg", "requiredResourceAccess": access}
    for name in (register.NAME, register.PAGE_NAME):
        body = deepcopy(before) | {"displayName": name} | ({"web": deepcopy(web)} if web is not None else {})
        tenant.send("post", "/applications", body | ({} if public is None else {"isFallbackPublicClient": public}))
    old = deepcopy(tenant.applications)
    run(tenant, dict(AFTER_UP))
    check(tenant, after_up=True)
    assert includes(tenant.applications, old)
    tenant.writes.clear()
    run(tenant, dict(AFTER_UP))
    assert tenant.writes == []


@pytest.mark.parametrize(
    ("environment", "names", "said"),
    [
        ({"PARTNER_CENTER_TENANT_ID": "00000000-0000-0000-0000-00000000beef"}, [], "az login --tenant"),
        ({}, [register.NAME, register.NAME], "2 applications named Device Drop"),
        ({"PARTNER_CENTER_CLIENT_ID": "gone"}, [], "no application gone in this tenant"),
        ({"STATUS_PAGE_CLIENT_ID": "gone"}, [], "no application gone in this tenant"),
    ],
)
def test_what_only_a_person_can_decide_ends_the_run(environment: dict[str, str], names: list[str], said: str) -> None:
    tenant = directory()
    for name in names:
        tenant.send("post", "/applications", {"displayName": name, "signInAudience": "AzureADMyOrg"})
    with pytest.raises(register.RegistrationError, match=said):
        run(tenant, dict(environment))


def test_an_application_that_entra_never_finds_ends_the_run() -> None:
    tenant = directory(delay=100)
    with pytest.raises(register.NotFoundError):
        run(tenant, {})


def test_what_is_read_and_set_in_azd_exists() -> None:
    source = (ROOT / "infra" / "register.py").read_text()
    assert set(AFTER_UP) <= set(bicep_files()["main.bicep"].outputs)
    assert all(f'"{name}"' in source for name in AFTER_UP)
    parameters = (ROOT / "infra" / "main.parameters.json").read_text()
    for name in ("PARTNER_CENTER_TENANT_ID", "PARTNER_CENTER_CLIENT_ID", "STATUS_PAGE_CLIENT_ID"):
        assert f"${{{name}" in parameters


# --- the command line, with stand-ins for az and azd

AZ = """#!{python}
import json, pickle, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.infra.graph import Directory
class Missing(Exception): pass
state, words = Path({state!r}), sys.argv[1:]
if words[:2] == ["account", "show"]:
    print({tenant!r})
    sys.exit()
assert words[:2] == ["rest", "--only-show-errors"]
options = dict(zip(words[2::2], words[3::2]))
path = options["--url"].removeprefix("https://graph.microsoft.com/v1.0")
tenant = Directory(Missing, Missing)
tenant.__dict__.update(pickle.loads(state.read_bytes()))
body = json.loads(Path(options["--body"][1:]).read_text()) if "--body" in options else None
try:
    print(json.dumps(tenant.send(options["--method"], path, body)))
except Missing as error:
    print('ERROR: Not Found({{"error":{{"code":"Request_ResourceNotFound"}}}})', file=sys.stderr)
    sys.exit(1)
finally:
    del tenant.not_found, tenant.refused
    state.write_bytes(pickle.dumps(tenant.__dict__))
"""
AZD = """#!{python}
import json, sys
from pathlib import Path
values = Path({values!r})
known = json.loads(values.read_text())
if sys.argv[1:3] == ["env", "set"]:
    values.write_text(json.dumps(known | {{sys.argv[3]: sys.argv[4]}}))
else:
    print("".join(f'{{name}}="{{value}}"\\n' for name, value in known.items()))
"""


@pytest.mark.skipif(os.name != "posix", reason="the stand-ins are scripts with a first line that names Python")
def test_the_command_line_registers_both_and_says_what_is_left(tmp_path: Path) -> None:
    state, values = tmp_path / "state", tmp_path / "values"
    empty = directory()
    del empty.not_found, empty.refused
    state.write_bytes(pickle.dumps(empty.__dict__))
    values.write_text(json.dumps(AFTER_UP))
    words = {"python": sys.executable, "root": str(ROOT), "tenant": TENANT, "state": str(state), "values": str(values)}
    for name, text in (("az", AZ), ("azd", AZD)):
        (tmp_path / name).write_text(text.format(**words))
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    command = [sys.executable, str(ROOT / "infra" / "register.py")]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert "Device Drop: registered as" in said
    assert "Left for you:" in said
    tenant = directory()
    tenant.__dict__.update(pickle.loads(state.read_bytes()))
    check(tenant, after_up=True)
    assert json.loads(values.read_text())["STATUS_PAGE_CLIENT_ID"] == by_name(tenant, register.PAGE_NAME)["appId"]


@pytest.mark.skipif(os.name != "posix", reason="the stand-ins are shell scripts")
@pytest.mark.parametrize(
    ("az", "said"),
    [
        ("echo", "az names no tenant"),
        ("echo None", "az names no tenant"),
        ("printf '\\377\\376'", "az names no tenant"),
        (f'[ "$1" = account ] && echo {TENANT} || echo "<html>"', "did not write the JSON"),
        (f'[ "$1" = account ] && echo {TENANT} || echo "[]"', "did not write the JSON"),
        (f'[ "$1" = account ] && echo {TENANT} || {{ printf "\\377" >&2; exit 1; }}', "az rest"),
        (f'[ "$1" = account ] && echo {TENANT} || {{ read answer || exit 1; }}', "az rest"),
    ],
)
def test_an_az_that_answers_nonsense_ends_the_run_with_what_to_do(az: str, said: str, tmp_path: Path) -> None:
    for name, body in (("az", az), ("azd", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    run = subprocess.run(
        [sys.executable, str(ROOT / "infra" / "register.py")],
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert register.main([]) == 1
    assert "azd is not on the path" in capsys.readouterr().err
