"""The command doctor: what it checks from this machine, and what it has an app check."""

import argparse
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from local.commands import doctor
from local.commands.account import app_to_check
from local.commands.ending import CommandEnded, ExitCode
from local.partner_center import Behaviour, PartnerCenterStandIn
from local.services import DataFolder, Running
from shared.pipeline.health.checks import CHECKS
from shared.pipeline.sweep import sweep
from shared.status.schemas import HealthView
from shared.vocabulary import CheckState
from tests.local.commands.conftest import App, Typed
from tests.pipeline.world import START

CLIENT_SECRET = {
    "PARTNER_CENTER_CLIENT_SECRET": "x",
    "PARTNER_CENTER_TENANT_ID": "0c39d6d5-c70d-4c55-bc02-f620844f3fd1",
    "PARTNER_CENTER_CLIENT_ID": "0c39d6d5-c70d-4c55-bc02-f620844f3fd1",
}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["state"] for check in found["checks"]}


def test_storage_alone_is_checked_and_the_rest_is_left_to_the_app(app: App, typed: Typed) -> None:
    sweep(app.pipeline)
    code, written = typed("doctor", "--json")
    found = json.loads(written)
    untold = {name for name, state in states(found).items() if state == CheckState.CANNOT_BE_TOLD}
    assert (code, untold) == (ExitCode.TIMED_OUT, {"sign_in", "second_factor", "customers"})
    assert set(states(found).values()) == {"well", "cannot_be_told"}


def test_the_app_of_a_run_on_this_machine_is_checked_whole(
    app: App, app_account: str, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(app.pipeline)
    monkeypatch.delenv("DeviceStorage")
    with (
        PartnerCenterStandIn(Behaviour()) as service,
        DataFolder(tmp_path).announced(Running(app_account, service.url)),
    ):
        code, written = typed("doctor", "--data", tmp_path)
    assert code == ExitCode.DONE
    assert "13 checks in" in written
    assert "13 well" in written


def test_a_wrong_key_and_a_refused_sign_in_are_found_with_their_cures(
    app_account: str, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DeviceStorage")
    wrong = b64encode(b"wrong" * 12).decode()
    parts = [f"AccountKey={wrong}" if part.startswith("AccountKey") else part for part in app_account.split(";")]
    with (
        PartnerCenterStandIn(Behaviour(token="another")) as service,
        DataFolder(tmp_path).announced(Running(";".join(parts), service.url)),
    ):
        code, written = typed("doctor", "--data", tmp_path, "--json")
    found = json.loads(written)
    assert code == ExitCode.NOT_ALL_WELL
    broken = {check["name"]: check for check in found["checks"] if check["state"] == CheckState.BROKEN}
    assert broken.keys() == {"containers", "queues", "tables", "customers"}
    assert "does not accept the key" in broken["containers"]["found"]
    assert "App management" in broken["customers"]["cure"]


def test_a_wrong_setting_is_a_finding_and_hides_no_other(app_account: str) -> None:
    arguments = argparse.Namespace(storage=None, data=None)
    environment = {"DeviceStorage": app_account, **CLIENT_SECRET, "RETENTION_DAYS": "x"}
    checked = app_to_check(arguments, environment)
    assert checked.settings_fault is not None
    assert "RETENTION_DAYS" in checked.settings_fault
    environment["PARTNER_CENTER_TENANT_ID"] = CLIENT_SECRET["PARTNER_CENTER_TENANT_ID"]
    assert app_to_check(arguments, environment | {"RETENTION_DAYS": "30"}).knows_settings


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (CheckState.WELL, ExitCode.DONE),
        (CheckState.WARNING, ExitCode.DONE),
        (CheckState.BROKEN, ExitCode.NOT_ALL_WELL),
        (CheckState.CANNOT_BE_TOLD, ExitCode.TIMED_OUT),
    ],
)
def test_the_exit_code_is_that_of_the_worst_check(state: CheckState, code: ExitCode) -> None:
    assert doctor.code_of(state) is code


# --- an app that checks itself


def answering(status: int, body: bytes, asked: list[Any]) -> Callable[..., requests.Response]:
    def get(address: str, **options: Any) -> requests.Response:
        asked.append((address, options))
        response = requests.Response()
        response.status_code, response._content = status, body
        return response

    return get


def test_an_app_is_asked_with_the_key_in_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE_DROP_KEY", "the-key")
    view = HealthView(state=CheckState.WELL, checked_at=START, seconds=1.0, checks=[])
    asked: list[Any] = []
    body = b'{"state":"well","checked_at":"2026-11-20T09:00:00Z","seconds":1.0,"checks":[]}'
    found = doctor.asked("https://app.example.com/api/", answering(200, body, asked))
    assert (found.state, found.checks) == (view.state, [])
    ((address, options),) = asked
    assert address == "https://app.example.com/api/health"
    assert options["headers"] == {"x-functions-key": "the-key"}
    assert options["allow_redirects"] is False


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [(401, b"", "DEVICE_DROP_KEY"), (404, b'{"code": "not_found"}', "log stream"), (503, b"<html>", "log stream")],
)
def test_an_app_that_does_not_say_how_it_is_ends_the_command(status: int, body: bytes, words: str) -> None:
    with pytest.raises(CommandEnded, match=words):
        doctor.asked("https://app.example.com", answering(status, body, []))


def test_an_app_without_an_answer_or_without_tls_ends_the_command() -> None:
    def unreachable(_address: str, **_options: Any) -> requests.Response:
        raise requests.ConnectionError

    with pytest.raises(CommandEnded, match="does not answer"):
        doctor.asked("https://app.example.com", unreachable)
    with pytest.raises(CommandEnded, match="https"):
        doctor.asked("http://app.example.com", unreachable)


def test_the_checks_are_thirteen() -> None:
    assert len(CHECKS) == 13
