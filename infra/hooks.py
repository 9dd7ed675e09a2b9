# noqa: INP001 - a script of its own
"""What `azd` runs around a deployment: `python infra/hooks.py preprovision | predeploy | postdeploy`.

Each waits for something that Azure does some time after it has said "done". azd gives the values of its environment as
variables; `az` is told the subscription, because it has one of its own.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TRIES = 40
SECONDS_BETWEEN = 15.0
"""Ten minutes in all: a role assignment takes effect within that time."""

DEPLOYMENTS = 3
"""Event Grid calls the app while it creates the subscription; an app that is just starting may not answer in time."""

ON = ("true", "1")
"""What shared/settings.py takes for yes."""

FORMS = {"bool": r"true|false|True|False|TRUE|FALSE|[01tfTF]", "int": r"[+-]?\d{1,18}"}
"""What azd can read as a value of these types."""

JSON_KINDS = {"object": dict, "array": list}
"""The types that azd reads as JSON. Windows PowerShell takes the quotation marks out of `{"PAUSED": "true"}`."""

SET_UP_BY_PEOPLE = ("sign_in", "second_factor", "customers")
"""The checks that are broken after a first deployment, until a person has signed in (docs/deploy.md, steps 2 and 3)."""

HEALTH_SECONDS = 60.0
"""The app's checks take twelve, and an instance that has to start first some more."""

HEALTH_TRIES = 8

INFRA = Path(__file__).parent
FUNCTION = "receive_device_file"
PROBE = "device-drop-probe"


class HookError(Exception):
    """The deployment cannot go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What `az` wrote, and whether it succeeded."""

    succeeded: bool
    output: str = ""
    errors: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """One run: azd's environment, `az`, and how to wait and to tell a person."""

    environment: Mapping[str, str]
    az: Callable[[Sequence[str]], Answer]
    get: Callable[[str, str], Answer]
    """Gets an address with a function key."""
    wait: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = print

    def value(self, name: str) -> str:
        """One value of azd's environment.

        Raises:
            HookError: it is not set.
        """
        value = self.environment.get(name, "")
        if not value:
            raise HookError(f"{name} is not set. Run this through azd (`azd provision`, `azd deploy`), which sets it.")
        return value

    def run(self, *arguments: str) -> Answer:
        """Run `az` in the subscription that azd deploys to."""
        return self.az([*arguments, "--subscription", self.value("AZURE_SUBSCRIPTION_ID"), "--only-show-errors"])


def register_providers(hook: Hook) -> None:
    """Before provisioning: register Microsoft.App, in whose environments Flex Consumption runs.

    A deployment registers the providers of its resources by itself, and this one has no resource in the template.
    """
    if not hook.environment.get("AZURE_SUBSCRIPTION_ID"):
        hook.say("The subscription is not chosen yet. If the deployment says that Microsoft.App is not registered:")
        hook.say("    az provider register --namespace Microsoft.App --wait")
        return
    provider = ("--namespace", "Microsoft.App")
    state = hook.run("provider", "show", *provider, "--query", "registrationState", "--output", "tsv")
    _require_az(state)
    if state.output.strip() == "Registered":
        return
    hook.say("Registering the resource provider Microsoft.App; this takes a minute or two.")
    if not (answer := hook.run("provider", "register", *provider, "--wait")).succeeded:
        raise HookError(
            f"Microsoft.App could not be registered: {answer.errors.strip()}\nAsk an owner of the subscription to run "
            "`az provider register --namespace Microsoft.App --wait`; then run `azd up` again."
        )


def keep_pause(hook: Hook) -> None:
    """Before provisioning: stop if the app is paused and would not be afterwards.

    A provisioning replaces all app settings, and with them one that a person set in the portal or with `az`.
    """
    tag = f"azd-env-name={hook.environment.get('AZURE_ENV_NAME', '')}"
    if not hook.environment.get("AZURE_SUBSCRIPTION_ID") or _stays_paused(hook.environment.get("APP_SETTINGS", "")):
        return
    # az refuses a tag together with a type.
    apps = hook.run("resource", "list", "--tag", tag, "--query", "[?type=='Microsoft.Web/sites'].id")
    _require_az(apps)
    for identifier in _identifiers(apps.output) if apps.succeeded else []:
        query = ("--query", "[?name=='PAUSED'].value", "--output", "tsv")
        setting = hook.run("functionapp", "config", "appsettings", "list", "--ids", identifier, *query)
        if setting.output.strip().lower() in ON:
            raise HookError(
                "Sending is paused (setting PAUSED), and a provisioning would end the pause. To keep it, set it in "
                "azd's environment, with the settings that are there already: azd env set APP_SETTINGS "
                '\'{"PAUSED": "true"}\'. To end it, remove the setting from the app first.'
            )


def _identifiers(output: str) -> list[str]:
    """The ids in a JSON answer of `az`.

    Raises:
        HookError: it is something else, from which nobody can tell whether the app is paused.
    """
    try:
        found = json.loads(output or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(identifier, str) for identifier in found):
        raise HookError(
            f"`az resource list` did not answer with a list of ids, but with {output[:200]!r}. Check what `az` on this "
            "machine writes, and update it with `az upgrade`; then run azd again."
        )
    return found


def _stays_paused(app_settings: str) -> bool:
    try:
        settings = json.loads(app_settings or "{}")
    except ValueError:
        return False
    return isinstance(settings, dict) and str(settings.get("PAUSED", "")).lower() in ON


def check_values(hook: Hook) -> None:
    """Before provisioning: refuse values that azd would silently replace by their defaults.

    azd reads `PRIVATE_NETWORK=yes`, `RETENTION_DAYS=9O` or `APP_SETTINGS={PAUSED: true}` as if they were not set: that
    would open the network, delete data that is to be kept, or end a pause.
    """
    kinds = dict(re.findall(r"^param (\w+) (\w+)", (INFRA / "main.bicep").read_text(encoding="utf-8"), re.MULTILINE))
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    for parameter, value in given.items():
        [name] = re.findall(r"\$\{(\w+)", value["value"])
        text = hook.environment.get(name, "")
        if text and not _is_readable(text, kinds[parameter]):
            kind = f"{'JSON ' if kinds[parameter] in JSON_KINDS else ''}{kinds[parameter]}"
            raise HookError(
                f"{name} is {text!r}, which is no {kind}: azd would use the default in its place. "
                f"Correct it with `azd env set {name} VALUE`, or in the variables of the workflow."
            )


def _is_readable(text: str, kind: str) -> bool:
    if kind not in JSON_KINDS:
        return kind not in FORMS or re.fullmatch(FORMS[kind], text) is not None
    try:
        return isinstance(json.loads(text), JSON_KINDS[kind])
    except ValueError:
        return False


def prepare(hook: Hook) -> None:
    """Everything before provisioning."""
    check_values(hook)
    keep_pause(hook)
    register_providers(hook)


def wait_for_roles(hook: Hook) -> None:
    """Before the code is deployed: wait until roles that were just assigned have taken effect.

    The package is uploaded with the roles of the same account, which no key opens. Whether the role of the person who
    deploys has taken effect can be tried, and the app's was assigned before it.
    """
    blob = ("--auth-mode", "login", "--account-name", hook.value("DEVICE_DROP_HOST_STORAGE"))
    blob += ("--container-name", "app-package", "--name", PROBE)
    for number in range(1, TRIES + 1):
        answer = hook.run("storage", "blob", "upload", *blob, "--data", "probe", "--overwrite", "--output", "none")
        if answer.succeeded:
            hook.run("storage", "blob", "delete", *blob, "--output", "none")
            return
        _require_az(answer)
        if "network rule" in answer.errors.lower() or "AuthorizationFailure" in answer.errors:
            hook.say("The storage account is closed to this machine, so its roles cannot be tried; going on.")
            return
        if number == 1:
            hook.say("Waiting until the role assignments take effect; this takes up to ten minutes the first time.")
        if number < TRIES:
            hook.wait(SECONDS_BETWEEN)
    raise HookError(
        f"The storage account still refuses this account: {answer.errors.strip()}\nSign in to `az` with the account "
        "that azd uses (`az login`), and run `azd deploy` again in some minutes."
    )


def subscribe(hook: Hook) -> None:
    """After the code is deployed: wait until the app has read its functions and made its key; then subscribe it."""
    app = ("--resource-group", hook.value("AZURE_RESOURCE_GROUP"), "--name", hook.value("DEVICE_DROP_APP"))
    function = ("functionapp", "function", "show", *app, "--function-name", FUNCTION, "--query", "name")
    _wait_for(hook, f"the app to start and list its function {FUNCTION}", function)
    key = ("functionapp", "keys", "list", *app, "--query", "systemKeys.blobs_extension")
    _wait_for(hook, "the app to make the key with which events are sent", key)
    for number in range(1, DEPLOYMENTS + 1):
        answer = hook.run(
            *("deployment", "group", "create", "--output", "none", "--name", "device-drop-events"),
            *("--resource-group", hook.value("AZURE_RESOURCE_GROUP"), "--template-file", "infra/events.bicep"),
            "--parameters",
            f"appName={hook.value('DEVICE_DROP_APP')}",
            f"topicName={hook.value('DEVICE_DROP_TOPIC')}",
            f"dropStorageName={hook.value('DEVICE_DROP_STORAGE')}",
        )
        if answer.succeeded:
            return
        if number < DEPLOYMENTS:
            hook.say("The event subscription could not be created; trying again.")
            hook.wait(SECONDS_BETWEEN)
    raise HookError(
        f"The code is deployed, but not the event subscription: {answer.errors.strip()}\nDropped files are found by "
        "the sweep, some minutes late. Run `azd deploy` again; if it fails again, the log stream of the app says why."
    )


def check_health(hook: Hook) -> None:
    """After all else: have the app check itself, and say what is not well and what to do.

    Raises:
        HookError: something is broken that the deployment should have made, or the app does not answer.
    """
    app = ("--resource-group", hook.value("AZURE_RESOURCE_GROUP"), "--name", hook.value("DEVICE_DROP_APP"))
    key = ("functionapp", "keys", "list", *app, "--query", "functionKeys.default")
    answer = hook.run(*key, "--output", "tsv")
    if not answer.succeeded:
        hook.say(
            f"The app is not asked how it is, since its function keys cannot be read: {answer.errors.strip()}\n"
            "Its page Health says how it is."
        )
        return
    if not answer.output.strip():
        hook.say("The app has no function key named default, so it is not asked how it is: its page Health says that.")
        return
    checks = _health(hook, f"{hook.value('DEVICE_DROP_URL')}/api/health", answer.output.strip())
    for check in checks:
        if check["state"] != "well":
            hook.say(f"{check['title']}: {check['state'].replace('_', ' ')}. {check['found']} {check['cure']}")
    broken = [check for check in checks if check["state"] == "broken"]
    if all(check["name"] in SET_UP_BY_PEOPLE for check in broken):
        number = sum(check["state"] == "well" for check in checks)
        hook.say(f"The app checked itself: {number} of {len(checks)} checks are well.")
        return
    names = ", ".join(check["title"] for check in broken)
    raise HookError(
        f"The code is deployed, and the app found something broken: {names}. Do what it says above; then check again "
        "on the page Health or with `python -m local doctor --app URL`."
    )


def _health(hook: Hook, address: str, key: str) -> list[dict[str, str]]:
    """The checks in the app's answer.

    Raises:
        HookError: it does not answer with them, for too long.
    """
    for number in range(1, HEALTH_TRIES + 1):
        answer = hook.get(address, key)
        if answer.succeeded:
            try:
                return list(json.loads(answer.output)["checks"])
            except (ValueError, KeyError, TypeError):
                answer = Answer(succeeded=False, errors=f"It answered with {answer.output[:200]!r}.")
        if number == 1:
            hook.say("Waiting for the app to check itself.")
        if number < HEALTH_TRIES:
            hook.wait(SECONDS_BETWEEN)
    raise HookError(
        f"The code is deployed, but the app does not say how it is: {answer.errors.strip()}\nCheck the log stream of "
        "the app for an error at its start; later `python -m local doctor --app URL` says how it is."
    )


def finish(hook: Hook) -> None:
    """Everything after the code is deployed."""
    subscribe(hook)
    check_health(hook)


def _wait_for(hook: Hook, what: str, query: Sequence[str]) -> None:
    """Repeat a query until it finds something.

    Raises:
        HookError: it finds nothing for too long.
    """
    for number in range(1, TRIES + 1):
        answer = hook.run(*query, "--output", "tsv")
        if answer.succeeded and answer.output.strip():
            return
        _require_az(answer)
        if number == 1:
            hook.say(f"Waiting for {what}.")
        if number < TRIES:
            hook.wait(SECONDS_BETWEEN)
    raise HookError(
        f"Waited {TRIES * SECONDS_BETWEEN / 60:.0f} minutes for {what}. {answer.errors.strip()}\nThe code is deployed. "
        "Check the log stream of the app for an error at its start, and run `azd deploy` again."
    )


def _require_az(answer: Answer) -> None:
    """Stop at what no waiting changes.

    Raises:
        HookError: `az` is missing or not signed in.
    """
    if not answer.succeeded and "az login" in answer.errors:
        raise HookError(f"The Azure CLI is not signed in. Run `az login`, then azd again. {answer.errors.strip()}")


def az(arguments: Sequence[str]) -> Answer:
    """Run the Azure CLI.

    Raises:
        HookError: it is not installed.
    """
    program = shutil.which("az")
    if program is None:
        raise HookError("The Azure CLI (az) is not on the path. Install it, run `az login`, then run azd again.")
    run = subprocess.run(  # noqa: S603 - az itself
        [program, *arguments],
        stdin=subprocess.DEVNULL,  # It asks before it installs an extension, and nobody would see the question.
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return Answer(run.returncode == 0, run.stdout, run.stderr)


def get(address: str, key: str) -> Answer:
    """Ask the app; it is told the key in a header, since addresses end up in logs."""
    request = urllib.request.Request(address, headers={"x-functions-key": key})  # noqa: S310 - the app's own https address
    try:
        with urllib.request.urlopen(request, timeout=HEALTH_SECONDS) as response:  # noqa: S310
            return Answer(succeeded=True, output=response.read().decode(errors="replace"))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(succeeded=False, errors=str(error))


HOOKS = {"preprovision": prepare, "predeploy": wait_for_roles, "postdeploy": finish}


def main(arguments: Sequence[str]) -> int:
    """Run the hook that is named; returns the exit code."""
    try:
        HOOKS[arguments[0]](Hook(os.environ, az, get))
    except HookError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
