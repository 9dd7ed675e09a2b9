"""What the runbook tells a tired person to look for, to type and to set exists as it stands there."""

import argparse
import json
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from local.__main__ import _OF_VENV, _parser
from shared.pipeline.blob_names import DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER
from shared.reasons import IntakeReason, PathFault, UnknownReason
from shared.settings import settings_from
from shared.storage.connection import BLOB_POISON_QUEUE, SUBMISSIONS_POISON_QUEUE
from shared.storage.customers import CUSTOMERS_TABLE
from shared.storage.journal import TableName
from tests.infra.bicep import bicep_files

ROOT = Path(__file__).parent.parent
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
CODE = re.findall(r"^ *```(\w+)\n(.*?)^ *```", RUNBOOK, re.DOTALL | re.MULTILINE)
PROSE = re.sub(r"^ *```.*?^ *```", "", RUNBOOK, flags=re.DOTALL | re.MULTILINE)
SPANS = sorted({re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", PROSE)})
SECTIONS = re.findall(r"^#{2,3} (\d+)\. (.+?)\n(.*?)(?=^#{2,3} |\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)

SECTIONS_TEXT = re.sub(r"\*\*.*?\*\*", "", "".join(text for _, _, text in SECTIONS))
WORKBOOK = json.loads((ROOT / "infra" / "workbook.json").read_text(encoding="utf-8"))["items"]

SOURCE = re.sub(
    # Sentences that are written over several lines of code.
    r'"\s*\n\s*f?"',
    "",
    "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "shared").rglob("*.py")),
)
GUID = "11111111-2222-3333-4444-555555555555"
VAULT_SECRET = "https://vault.vault.azure.net/secrets/refresh-token"

PROVISIONED = set(re.findall(r"\$\{(\w+)", (ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8")))
"""The variables of `azd env set`."""

SENTENCE = re.compile(r"[A-Z][\w']* \w.*")
SETTING = re.compile(r"[A-Z][A-Z_]{4,}")

SHELL = [line for language, block in CODE if language == "sh" for line in re.sub(r" *\\\n *", " ", block).splitlines()]
TYPED = [line.split(" # ")[0].strip() for line in [*SHELL, *SPANS]]
COMMANDS = sorted({line for line in TYPED if re.match("(python -m local|az) ", line)})


@pytest.mark.parametrize("sentence", [span for span in SPANS if SENTENCE.fullmatch(span)])
def test_a_sentence_that_is_to_be_looked_for_is_logged(sentence: str) -> None:
    assert sentence in SOURCE


@pytest.mark.parametrize("setting", [span for span in SPANS if SETTING.fullmatch(span)])
def test_a_setting_that_is_named_is_in_the_table_of_settings(setting: str) -> None:
    settings = {"DEVICE_DROP_STORAGE", "DEVICE_DROP_KEY", "MS", *PROVISIONED}
    assert f"| `{setting}` |" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") or setting in settings


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("python -m local")])
def test_a_command_of_ours_is_understood_as_it_is_written(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in bicep_files()["main.bicep"].outputs:
        # What the runbook's first line puts into the environment.
        monkeypatch.setenv(name, VAULT_SECRET if name.endswith("_SECRET") else GUID)
    words = shlex.split(command.replace("NAME GUID", f"NAME {GUID}"))[3:]
    if words[0] in _OF_VENV:
        parser = argparse.ArgumentParser(exit_on_error=False)
        import_module(_OF_VENV[words[0]][0]).add_arguments(parser)
        words = words[1:]
    else:
        parser = _parser()
    # FILE, which `drop` wants to exist, is this file.
    parser.parse_args([__file__ if word == "FILE" else word for word in words])


def test_what_the_azure_cli_is_told_exists() -> None:
    storage, main = bicep_files()["storage.bicep"], bicep_files()["main.bicep"]
    told = "\n".join(command for command in COMMANDS if command.startswith("az "))
    assert set(re.findall(r"--container-name (\S+)", told)) <= set(storage.variable("containers"))
    assert set(re.findall(r"--table-name (\S+)", told)) <= {*TableName}
    assert set(re.findall(r"--template-file (\S+)", told)) == {"infra/events.bicep"}
    assert set(re.findall(r"\$(\w+)", told)) <= {*main.outputs, "AZURE_SUBSCRIPTION_ID"}
    given = re.search(r"events\.bicep --parameters (.*)", told)
    assert given is not None
    assert set(re.findall(r"(\w+)=", given[1])) == set(bicep_files()["events.bicep"].parameters)
    assert "PAUSED=true" in told


def test_a_field_that_is_asked_for_is_logged() -> None:
    queries = "".join(block for language, block in CODE if language == "kusto")
    fields = {
        *re.findall(r"customDimensions\.(\w+)", queries),
        "submission",
        "correlation_id",
        "request_id",
        "unknown_blobs",
    }
    assert "file_id" in fields
    for field in fields:
        assert f'"{field}"' in SOURCE or f"    {field}: int" in SOURCE, field


def test_the_containers_queues_tables_and_reasons_that_are_named_exist() -> None:
    names = {DROP_CONTAINER, PRIVATE_CONTAINER, RESULTS_CONTAINER, *TableName, CUSTOMERS_TABLE, *PathFault}
    names |= {SUBMISSIONS_POISON_QUEUE, BLOB_POISON_QUEUE, *IntakeReason, *UnknownReason, "dead-letters"}
    named = {"submissions", "results", "Gates", "no_customer", "unknown_customer", "dead-letters", "reading_failed"}
    named |= {SUBMISSIONS_POISON_QUEUE, BLOB_POISON_QUEUE, "outcome_missing"}
    assert named <= set(SPANS)
    assert named <= names


def test_every_alert_has_its_call() -> None:
    alerts = bicep_files()["alerts.bicep"]
    rules = [*alerts.variable("rules"), alerts.variable("fullLog")]
    for name in [rule["name"] for rule in rules] + alerts.variable("lostEvents"):
        assert any(f"`{name}`" in text for _, _, text in SECTIONS), name


def _instructions() -> dict[str, str]:
    """What each alert tells a person to do, by its name."""
    alerts = bicep_files()["alerts.bicep"]
    told = {rule["name"]: rule["advice"] for rule in [*alerts.variable("rules"), alerts.variable("fullLog")]}
    [of_events] = [each for each in re.findall(r"description: '(.*)'$", alerts.text, re.MULTILINE) if "events" in each]
    return told | dict.fromkeys(alerts.variable("lostEvents"), of_events)


@pytest.mark.parametrize("name", _instructions())
def test_the_instruction_of_an_alert_names_its_section_and_what_exists(name: str) -> None:
    advice = _instructions()[name]
    section = re.search(r"Runbook, section (\d+)\.$", advice)
    assert section is not None
    [text] = [text for number, _, text in SECTIONS if number == section[1]]
    assert f"`{name}`" in text.partition("* **Meaning**")[0]
    documented = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for setting in re.findall(r"\b[A-Z]+_[A-Z_]+\b", advice):
        assert setting in PROVISIONED or f"| `{setting}` |" in documented
        assert f"`{setting}`" in text or f" {setting} " in text
    for file in re.findall(r"\binfra/\S+\.\w+", advice):
        assert (ROOT / file).exists()
        assert file in text
    for function in re.findall(r"the function (\w+),", advice):
        assert f"def {function}(" in (ROOT / "function_app.py").read_text(encoding="utf-8")
    for field in {"function", "submission", "method", "path"} if "customDimensions" in advice else ():
        assert f'"{field}"' in SOURCE


def test_what_alert_and_runbook_look_for_in_the_workbook_is_there() -> None:
    items = {item["content"].get("title"): item["content"].get("query") for item in WORKBOOK if item.get("name")}
    [query] = [query for title, query in items.items() if title and title.startswith("Why submissions wait")]
    # A service that is down opens no circuit breaker.
    assert '"A request to Partner Center failed"' in query
    assert "customDimensions.error" in query
    assert any("under Why submissions wait." in advice for advice in _instructions().values())
    for title in re.findall(r"\*([A-Z][^*]{18,})\*", SECTIONS_TEXT):
        assert any(known and known.startswith(re.sub(r"\s+", " ", title)) for known in items), title


def test_how_often_the_host_tries_is_what_host_json_says() -> None:
    extensions = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["extensions"]
    assert extensions["queues"]["maxDequeueCount"] == 8
    assert extensions["blobs"]["poisonBlobThreshold"] == 5
    assert "failed eight times on a wake-up" in re.sub(r"\s+", " ", RUNBOOK)
    assert "five times on a blob event" in re.sub(r"\s+", " ", RUNBOOK)


def test_every_call_says_its_symptom_its_meaning_what_to_do_when_it_is_resolved_and_that_it_was_tried() -> None:
    assert [int(number) for number, _, _ in SECTIONS] == list(range(1, len(SECTIONS) + 1))
    assert len(SECTIONS) >= 10
    for number, title, text in SECTIONS:
        for part in ("Symptom", "Meaning", "Action", "Tried"):
            assert f"* **{part}**:" in text, title
        if int(number) <= 10:
            assert "* **Do not** " in text, title
            assert "* **Resolved when** " in text, title


def test_what_is_said_of_a_paused_submission_is_what_it_says() -> None:
    assert "Sending is paused (setting PAUSED)." in SOURCE
    assert settings_from(
        {"DeviceStorage": "UseDevelopmentStorage=true", "PARTNER_CENTER_URL": "http://127.0.0.1", "PAUSED": "true"}
        | {"PARTNER_CENTER_TOKEN": "token"}
    ).paused
