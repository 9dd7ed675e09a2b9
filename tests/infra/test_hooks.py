"""What azd runs around a deployment waits long enough, names the subscription, and ends with what to do."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from shared.pipeline.health.checks import CHECKS
from shared.settings import settings_from
from tests.infra.bicep import ROOT, bicep_files
from tests.infra.scripts import script

ENVIRONMENT = {
    "AZURE_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_RESOURCE_GROUP": "rg-device-drop",
    "DEVICE_DROP_APP": "func-x",
    "DEVICE_DROP_URL": "https://func-x.azurewebsites.net",
    "DEVICE_DROP_TOPIC": "evgt-x",
    "DEVICE_DROP_STORAGE": "stdropx",
    "DEVICE_DROP_HOST_STORAGE": "sthostx",
}


def health(**states: str) -> str:
    """The app's answer: its checks by name, with their states."""
    checks = [
        {"name": name, "title": name.title(), "state": state, "found": "Found.", "cure": "Cure."}
        for name, state in states.items()
    ]
    return json.dumps({"state": "well", "checks": checks})


WELL = health(settings="well", sweep="well")


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    return script("hooks")


@dataclass
class Azure:
    """An `az` that answers each command as `answers` says, in turn; the last answer is repeated."""

    answers: dict[str, list[tuple[bool, str]]]
    commands: list[list[str]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    health: list[tuple[bool, str]] = field(default_factory=lambda: [(True, WELL)])
    """What the app answers when it is asked how it is, in turn; the last answer is repeated."""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def hook(self, hooks: ModuleType, environment: dict[str, str] | None = None) -> object:
        def az(arguments: Sequence[str]) -> object:
            self.commands.append(list(arguments))
            [name] = [name for name in self.answers if " ".join(arguments).startswith(name)]
            queue = self.answers[name]
            succeeded, text = queue.pop(0) if len(queue) > 1 else queue[0]
            return hooks.Answer(succeeded, text if succeeded else "", "" if succeeded else text)

        def get(address: str, key: str) -> object:
            self.asked.append((address, key))
            succeeded, text = self.health.pop(0) if len(self.health) > 1 else self.health[0]
            return hooks.Answer(succeeded, text if succeeded else "", "" if succeeded else text)

        given = ENVIRONMENT if environment is None else environment
        return hooks.Hook(given, az, get, self.waited.append, self.said.append)

    def count(self, name: str) -> int:
        return sum(" ".join(command).startswith(name) for command in self.commands)


UPLOAD, DELETE = "storage blob upload", "storage blob delete"
SHOW, KEYS, CREATE = "functionapp function show", "functionapp keys list", "deployment group create"
APPS, SETTINGS = "resource list", "functionapp config appsettings list"
STATE, REGISTER = "provider show", "provider register"
REFUSED = (False, "You do not have the required permissions needed to perform this operation.")
NOT_SIGNED_IN = (False, "Please run 'az login' to setup account.")


def test_every_command_names_the_subscription_that_azd_deploys_to(hooks: ModuleType) -> None:
    fine: list[tuple[bool, str]] = [(True, "Registered")]
    azure = Azure(
        dict.fromkeys((UPLOAD, DELETE, SHOW, KEYS, CREATE, STATE), fine) | {APPS: [(True, '["app"]')], SETTINGS: fine}
    )
    for run in hooks.HOOKS.values():
        run(azure.hook(hooks))
    assert len(azure.commands) == 9
    for command in azure.commands:
        assert command[command.index("--subscription") + 1] == ENVIRONMENT["AZURE_SUBSCRIPTION_ID"]


# --- roles


@pytest.mark.parametrize("refusals", [0, 1, 7, 39])
def test_the_code_is_uploaded_as_soon_as_a_probe_can_be_written(hooks: ModuleType, refusals: int) -> None:
    azure = Azure({UPLOAD: [*[REFUSED] * refusals, (True, "")], DELETE: [(True, "")]})
    hooks.wait_for_roles(azure.hook(hooks))
    assert azure.count(UPLOAD) == refusals + 1
    assert azure.waited == [hooks.SECONDS_BETWEEN] * refusals
    assert azure.count(DELETE) == 1


def test_roles_that_never_take_effect_end_the_wait_with_what_to_do(hooks: ModuleType) -> None:
    azure = Azure({UPLOAD: [REFUSED]})
    with pytest.raises(hooks.HookError, match=r"required permissions(.|\n)*`azd deploy` again"):
        hooks.wait_for_roles(azure.hook(hooks))
    assert azure.count(UPLOAD) == hooks.TRIES
    assert sum(azure.waited) < 11 * 60


@pytest.mark.parametrize(
    "error",
    ["The request may be blocked by network rules of storage account.", "ErrorCode:AuthorizationFailure"],
)
def test_an_account_that_is_closed_to_this_machine_is_not_tried_again(hooks: ModuleType, error: str) -> None:
    azure = Azure({UPLOAD: [(False, error)]})
    hooks.wait_for_roles(azure.hook(hooks))
    assert azure.count(UPLOAD) == 1
    assert "going on" in azure.said[0]


# --- the event subscription


@pytest.mark.parametrize(("functions", "keys", "creations"), [(0, 0, 0), (3, 0, 0), (0, 5, 0), (39, 39, 2)])
def test_the_subscription_is_made_when_function_and_key_are_there(
    hooks: ModuleType, functions: int, keys: int, creations: int
) -> None:
    azure = Azure(
        {
            SHOW: [*[(False, "not found")] * functions, (True, "func-x/receive_device_file")],
            KEYS: [*[(True, "")] * keys, (True, "key")],
            CREATE: [*[(False, "webhook validation handshake failed")] * creations, (True, "")],
        }
    )
    hooks.subscribe(azure.hook(hooks))
    assert (azure.count(SHOW), azure.count(KEYS), azure.count(CREATE)) == (functions + 1, keys + 1, creations + 1)
    order = [" ".join(command).split(" --")[0] for command in azure.commands]
    assert order == sorted(order, key=[SHOW, KEYS, CREATE].index)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({SHOW: [(True, "")]}, r"10 minutes for the app to start(.|\n)*`azd deploy` again"),
        (
            {SHOW: [(True, "x")], KEYS: [(True, "\n")]},
            r"10 minutes for the app to make the key(.|\n)*`azd deploy` again",
        ),
        (
            {SHOW: [(True, "x")], KEYS: [(True, "k")], CREATE: [(False, "handshake failed")]},
            r"not the event subscription: handshake failed(.|\n)*sweep(.|\n)*`azd deploy` again",
        ),
    ],
)
def test_what_never_comes_ends_with_what_to_do(
    hooks: ModuleType, answers: dict[str, list[tuple[bool, str]]], said: str
) -> None:
    azure = Azure(answers)
    with pytest.raises(hooks.HookError, match=said):
        hooks.subscribe(azure.hook(hooks))
    assert len(azure.commands) <= 2 * hooks.TRIES


def test_the_function_that_is_waited_for_is_the_one_that_events_call(hooks: ModuleType) -> None:
    assert f"functionName=Host.Functions.{hooks.FUNCTION}&" in bicep_files()["events.bicep"].text


def test_the_event_subscription_is_given_the_parameters_it_has(hooks: ModuleType) -> None:
    azure = Azure({SHOW: [(True, "x")], KEYS: [(True, "k")], CREATE: [(True, "")]})
    hooks.subscribe(azure.hook(hooks))
    command = azure.commands[-1]
    given = dict(word.split("=") for word in command[command.index("--parameters") + 1 :] if "=" in word)
    assert set(given) == set(bicep_files()["events.bicep"].parameters)
    assert (ROOT / command[command.index("--template-file") + 1]).exists()
    assert set(ENVIRONMENT) - {"AZURE_SUBSCRIPTION_ID"} <= set(bicep_files()["main.bicep"].outputs)


# --- health


KEY_OF_APP: dict[str, list[tuple[bool, str]]] = {KEYS: [(True, "the-key\n")]}


def test_the_app_is_asked_how_it_is_with_its_own_key_in_the_end(hooks: ModuleType) -> None:
    azure = Azure(KEY_OF_APP)
    hooks.check_health(azure.hook(hooks))
    assert azure.asked == [("https://func-x.azurewebsites.net/api/health", "the-key")]
    assert azure.said == ["The app checked itself: 2 of 2 checks are well."]


def test_what_is_broken_ends_the_deployment_and_is_said_with_its_cure(hooks: ModuleType) -> None:
    azure = Azure(KEY_OF_APP, health=[(True, health(tables="broken", sweep="warning", clock="cannot_be_told"))])
    with pytest.raises(hooks.HookError, match=r"something broken: Tables\. "):
        hooks.check_health(azure.hook(hooks))
    assert azure.said == [
        "Tables: broken. Found. Cure.",
        "Sweep: warning. Found. Cure.",
        "Clock: cannot be told. Found. Cure.",
    ]


def test_a_sign_in_that_people_have_yet_to_set_up_is_said_and_ends_nothing(hooks: ModuleType) -> None:
    azure = Azure(KEY_OF_APP, health=[(True, health(**dict.fromkeys(hooks.SET_UP_BY_PEOPLE, "broken")))])
    hooks.check_health(azure.hook(hooks))
    assert len(azure.said) == 4
    assert set(hooks.SET_UP_BY_PEOPLE) <= {check.name for check in CHECKS}


def test_an_app_whose_key_was_deleted_is_not_asked(hooks: ModuleType) -> None:
    azure = Azure({KEYS: [(True, "\n")]})
    hooks.check_health(azure.hook(hooks))
    assert azure.asked == []
    assert "page Health" in azure.said[0]


def test_an_app_whose_keys_cannot_be_read_is_not_asked_and_the_answer_of_az_is_said(hooks: ModuleType) -> None:
    azure = Azure({KEYS: [(False, "(AuthorizationFailed) No right to listkeys.")]})
    hooks.check_health(azure.hook(hooks))
    assert azure.asked == []
    assert "No right to listkeys." in azure.said[0]
    assert "page Health" in azure.said[0]


@pytest.mark.parametrize("answer", [(False, "HTTP Error 503"), (True, "<html>"), (True, "[]"), (True, "{}")])
def test_an_app_that_is_still_starting_is_asked_again(hooks: ModuleType, answer: tuple[bool, str]) -> None:
    azure = Azure(KEY_OF_APP, health=[answer, answer, (True, WELL)])
    hooks.check_health(azure.hook(hooks))
    assert azure.waited == [hooks.SECONDS_BETWEEN] * 2
    azure = Azure(KEY_OF_APP, health=[answer])
    with pytest.raises(hooks.HookError, match=r"does not say how it is(.|\n)*doctor --app"):
        hooks.check_health(azure.hook(hooks))
    assert len(azure.asked) == hooks.HEALTH_TRIES


def test_an_address_that_does_not_answer_is_no_failure_of_the_hook_itself(hooks: ModuleType) -> None:
    answer = hooks.get("http://127.0.0.1:9/api/health", "key")
    assert not answer.succeeded
    assert answer.errors


# --- providers


def test_a_provider_is_registered_once(hooks: ModuleType) -> None:
    azure = Azure({STATE: [(True, "Registered\n")]})
    hooks.register_providers(azure.hook(hooks))
    assert azure.count(REGISTER) == 0
    azure = Azure({STATE: [(True, "NotRegistered\n")], REGISTER: [(True, "")]})
    hooks.register_providers(azure.hook(hooks))
    assert "--wait" in azure.commands[-1]


def test_who_may_not_register_is_told_whom_to_ask(hooks: ModuleType) -> None:
    azure = Azure({STATE: [(True, "")], REGISTER: [(False, "AuthorizationFailed")]})
    with pytest.raises(hooks.HookError, match="owner of the subscription"):
        hooks.register_providers(azure.hook(hooks))


def test_without_a_subscription_nothing_is_asked_and_the_command_is_shown(hooks: ModuleType) -> None:
    azure = Azure({})
    hooks.register_providers(azure.hook(hooks, {}))
    assert azure.commands == []
    assert "az provider register --namespace Microsoft.App" in azure.said[-1]


# --- values

NUMBERS = {"RETENTION_DAYS", "DAILY_LOG_GB", "MAXIMUM_INSTANCES", "INSTANCE_MEMORY_MB"}
JSON_VALUES = {"APP_SETTINGS": "object", "ALLOWED_ADDRESSES": "array"}
SWITCHES = {"PRIVATE_NETWORK", "SIGN_IN_WITH_USER"}


def test_every_number_and_switch_of_a_deployment_is_checked() -> None:
    declared = bicep_files()["main.bicep"].parameters
    given = json.loads((ROOT / "infra" / "main.parameters.json").read_text())["parameters"]
    kinds = {
        re.findall(r"\$\{(\w+)", given[name]["value"])[0]: one.type for name, one in declared.items() if name in given
    }
    assert {name for name, kind in kinds.items() if kind == "int"} == NUMBERS
    assert {name for name, kind in kinds.items() if kind == "bool"} == SWITCHES
    assert {name: kind for name, kind in kinds.items() if kind in ("object", "array")} == JSON_VALUES


@pytest.mark.parametrize("name", sorted(NUMBERS | SWITCHES))
@pytest.mark.parametrize("value", ["yes", "9O", " 90", "90 days", "1.5", "on", "tRUE", "''", "null"])
def test_a_value_that_azd_would_replace_by_its_default_is_refused(hooks: ModuleType, name: str, value: str) -> None:
    azure = Azure({})
    with pytest.raises(hooks.HookError, match=name):
        hooks.prepare(azure.hook(hooks, ENVIRONMENT | {name: value}))
    assert azure.commands == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("APP_SETTINGS", value) for value in ("{PAUSED: true}", "{PAUSED", "PAUSED=true", "[]", '"text"', "1")],
        *[("ALLOWED_ADDRESSES", value) for value in ("198.51.100.7", "[198.51.100.7]", "{}", "null")],
    ],
)
def test_a_value_that_is_not_the_json_that_azd_expects_is_refused(hooks: ModuleType, name: str, value: str) -> None:
    azure = Azure({})
    with pytest.raises(hooks.HookError, match=name):
        hooks.prepare(azure.hook(hooks, ENVIRONMENT | {name: value}))
    assert azure.commands == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("APP_SETTINGS", value) for value in ("", "{}", '{"PAUSED": "true"}')],
        *[("ALLOWED_ADDRESSES", value) for value in ("", "[]", '["198.51.100.7","203.0.113.0/24"]')],
        *[(name, value) for name in sorted(NUMBERS) for value in ("90", "1", "")],
        ("DAILY_LOG_GB", "-1"),
        *[(name, value) for name in sorted(SWITCHES) for value in ("true", "false", "True", "FALSE", "1", "")],
        ("ALERT_EMAIL", "anything@example.com"),
    ],
)
def test_a_value_that_azd_can_read_is_taken(hooks: ModuleType, name: str, value: str) -> None:
    hooks.check_values(Azure({}).hook(hooks, ENVIRONMENT | {name: value}))


# --- a pause

PAUSED_APP = {APPS: [(True, '["/subscriptions/1/sites/func-x"]')], SETTINGS: [(True, "true\n")]}


def test_a_provisioning_that_would_end_a_pause_is_refused(hooks: ModuleType) -> None:
    azure = Azure(PAUSED_APP)
    with pytest.raises(hooks.HookError, match=r"azd env set APP_SETTINGS '\{\"PAUSED\": \"true\"\}'"):
        hooks.keep_pause(azure.hook(hooks, ENVIRONMENT | {"AZURE_ENV_NAME": "device-drop"}))
    assert "azd-env-name=device-drop" in azure.commands[0]


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1"])
def test_every_spelling_of_a_pause_that_the_app_takes_is_one(hooks: ModuleType, value: str) -> None:
    settings = {"DeviceStorage": "UseDevelopmentStorage=true", "PARTNER_CENTER_TOKEN": "t", "PAUSED": value}
    assert settings_from(settings | {"PARTNER_CENTER_URL": "http://127.0.0.1"}).paused
    azure = Azure(PAUSED_APP | {SETTINGS: [(True, value)]})
    with pytest.raises(hooks.HookError):
        hooks.keep_pause(azure.hook(hooks))
    hooks.keep_pause(azure.hook(hooks, ENVIRONMENT | {"APP_SETTINGS": json.dumps({"PAUSED": value})}))


@pytest.mark.parametrize(
    "answers",
    [
        {APPS: [(True, "[]")]},
        {APPS: [(True, "")]},
        {APPS: [(False, "not allowed")]},
        PAUSED_APP | {SETTINGS: [(True, "")]},
        PAUSED_APP | {SETTINGS: [(True, "false")]},
        PAUSED_APP | {SETTINGS: [(False, "not allowed")]},
    ],
)
def test_what_is_not_paused_or_not_there_yet_is_provisioned(
    hooks: ModuleType, answers: dict[str, list[tuple[bool, str]]]
) -> None:
    hooks.keep_pause(Azure(answers).hook(hooks))


@pytest.mark.parametrize("output", ["Update available.\n[]", "{}", "null", "[1]", '"id"', "\ufffd"])
def test_an_answer_that_tells_nothing_of_the_pause_ends_the_provisioning(hooks: ModuleType, output: str) -> None:
    with pytest.raises(hooks.HookError, match="az upgrade"):
        hooks.keep_pause(Azure({APPS: [(True, output)]}).hook(hooks))


@pytest.mark.parametrize("settings", ["", "{}", "nonsense", '["PAUSED"]', '{"PAUSED": "false"}'])
def test_settings_without_a_pause_do_not_keep_one(hooks: ModuleType, settings: str) -> None:
    with pytest.raises(hooks.HookError):
        hooks.keep_pause(Azure(PAUSED_APP).hook(hooks, ENVIRONMENT | {"APP_SETTINGS": settings}))


# --- all of them


@pytest.mark.parametrize("name", ["preprovision", "predeploy", "postdeploy"])
def test_an_az_that_is_not_signed_in_is_said_at_once(hooks: ModuleType, name: str) -> None:
    azure = Azure({command: [NOT_SIGNED_IN] for command in (APPS, UPLOAD, SHOW)})
    with pytest.raises(hooks.HookError, match="Run `az login`"):
        hooks.HOOKS[name](azure.hook(hooks))
    assert len(azure.commands) == 1


@pytest.mark.parametrize("missing", sorted(set(ENVIRONMENT) - {"AZURE_SUBSCRIPTION_ID"}))
def test_a_value_that_azd_did_not_give_is_named(hooks: ModuleType, missing: str) -> None:
    environment = ENVIRONMENT | {missing: ""}
    fine = [(True, "x")]
    azure = Azure(dict.fromkeys((UPLOAD, DELETE, SHOW, KEYS, CREATE), fine))

    def run_both() -> None:
        hooks.wait_for_roles(azure.hook(hooks, environment))
        hooks.finish(azure.hook(hooks, environment))

    with pytest.raises(hooks.HookError, match=missing):
        run_both()


def test_azure_yaml_runs_every_hook_in_both_shells(hooks: ModuleType) -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    found = project["hooks"] | project["services"]["app"]["hooks"]
    del found["prepackage"]
    assert set(found) == set(hooks.HOOKS)
    for name, hook in found.items():
        assert hook["posix"] == {"shell": "sh", "run": f"python3 infra/hooks.py {name}"}
        assert hook["windows"] == {"shell": "pwsh", "run": f"python infra/hooks.py {name}"}


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for az is a shell script")
@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("case $1 in resource) echo '[]';; *) echo Registered;; esac", 0, ""),
        ("echo \"Please run 'az login'\" >&2; exit 1", 1, "not signed in"),
        ("printf '\\377' >&2; echo \"Please run 'az login'\" >&2; exit 1", 1, "not signed in"),
        ("printf '\\377\\376'", 1, "az upgrade"),
        ("read answer && echo '[]' || { echo \"No tty: Please run 'az login'\" >&2; exit 1; }", 1, "not signed in"),
        (None, 1, "not on the path"),
    ],
)
def test_the_command_line_ends_with_its_exit_code(body: str | None, code: int, said: str, tmp_path: Path) -> None:
    if body is not None:
        (tmp_path / "az").write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "az").chmod(0o755)
    run = subprocess.run(
        [sys.executable, ROOT / "infra" / "hooks.py", "preprovision"],
        env=ENVIRONMENT | {"PATH": f"{tmp_path}:/bin" if body else str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == code
    assert re.search(said, run.stderr)
