"""The documents name what exists: tests, lines of the infrastructure, settings, alerts, and what it costs."""

import json
import re
import subprocess
import sys

import pytest

from tests.infra.bicep import INFRA, ROOT, bicep_files

DOCUMENTS = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("deploy", "tenancy", "threats")}
REFERENCES = re.findall(r"`((?:tests|infra)/[\w/]+\.\w+)::([^`]+)`", DOCUMENTS["threats"])


def test_every_threat_names_what_holds_it() -> None:
    lines = [
        line for line in DOCUMENTS["threats"].splitlines() if line.startswith("| ") and "| enforced by |" not in line
    ]
    assert len(lines) >= 30
    for line in lines:
        assert re.search(r"`(tests|infra)/[\w/]+\.\w+::[^`]+` *(,|\|)", line), line


@pytest.mark.parametrize(("path", "name"), sorted(set(REFERENCES)))
def test_what_holds_a_threat_exists(path: str, name: str) -> None:
    text = (ROOT / path).read_text()
    assert (f"\ndef {name}(" if path.startswith("tests/") else name) in text


def test_what_it_costs_is_computed_and_not_written() -> None:
    computed = subprocess.run([sys.executable, INFRA / "cost.py"], capture_output=True, text=True, check=True).stdout
    shown = re.search(r"<!-- made by: python infra/cost.py -->\n(.*?)<!-- end -->", DOCUMENTS["deploy"], re.DOTALL)
    assert shown is not None
    assert shown[1] == computed


def test_every_alert_is_explained() -> None:
    alerts = bicep_files()["alerts.bicep"]
    rules = [*alerts.variable("rules"), alerts.variable("fullLog")]
    names = [rule["name"] for rule in rules] + alerts.variable("lostEvents")
    for name in names:
        assert f"`{name}`" in DOCUMENTS["deploy"]
    counts = len(rules), len(alerts.variable("lostEvents"))
    cost = (INFRA / "cost.py").read_text()
    assert f'"log_alert_rule_month": {counts[0]},' in cost
    assert f'"metric_alert_rule_month": {counts[1]},' in cost


def test_every_variable_that_is_to_be_set_is_read() -> None:
    read = set(re.findall(r"\$\{(\w+)", (INFRA / "main.parameters.json").read_text()))
    assert set(re.findall(r"azd\s+env\s+set\s+(\w+)", DOCUMENTS["deploy"])) <= read


def test_every_variable_of_a_deployment_is_documented_with_its_default() -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text())["parameters"].values()
    read = dict(re.findall(r"\$\{(\w+)=?([^}]*)\}", " ".join(parameter["value"] for parameter in parameters)))
    chosen = {name: default for name, default in read.items() if not name.startswith(("AZURE_", "PARTNER_CENTER_"))}
    section = DOCUMENTS["deploy"].partition("## Settings\n")[2].partition("\n## ")[0]
    table = dict(re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\|", section, re.MULTILINE))
    documented = {name: default for name, default in table.items() if not name.startswith("PARTNER_CENTER_")}
    assert documented == chosen
    others = {name for name in read if name.startswith("PARTNER_CENTER_")}
    assert {name for name in others if f"`{name}`" in section or f'"{name}"' in register_script()} == others


def register_script() -> str:
    return (INFRA / "register.py").read_text()


def test_every_script_that_a_document_runs_takes_what_it_is_given() -> None:
    documents = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]
    command = re.compile(r"python3? (infra/\w+\.py)((?: --\w[\w-]*)*)")
    named = {use for file in documents for use in command.findall(file.read_text())}
    assert {path for path, _ in named} == {"infra/register.py", "infra/cost.py"}
    section = DOCUMENTS["deploy"].partition("## 1. The applications")[2].partition("\n## ")[0]
    options = set(re.findall(r"`(--[\w-]+)`", section)) | {word for _, words in named for word in words.split()}
    assert options == {"--without-page"}
    answer = subprocess.run(
        [sys.executable, INFRA / "register.py", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(option in answer for option in options)


def test_what_fails_at_first_says_what_to_do() -> None:
    section = DOCUMENTS["deploy"].partition("## When it fails at first\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 10
    assert all(len(row) == 3 and all(cell.strip("| ") for cell in row) for row in rows)
    assert "None was tried in Azure" in section


def test_what_is_not_tried_in_azure_names_the_command_that_would_show_it() -> None:
    section = DOCUMENTS["deploy"].partition("## What only Azure can show\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert rows[0][0] == "not tried in Azure"
    assert len(rows) > 10
    assert all(len(row) == 2 for row in rows)


def test_a_value_of_azd_is_used_behind_the_block_that_reads_it() -> None:
    before, block, after = DOCUMENTS["deploy"].partition('eval "$(azd env get-values)"')
    assert block
    value = re.compile(r'"[^"\n]*\$[A-Z][A-Z_]+')
    assert value.findall(before) == []
    assert len(value.findall(after)) > 10


def test_a_block_that_is_pasted_as_a_whole_turns_nothing_off() -> None:
    blocks = "".join(re.findall(r"^```(?:sh|powershell)\n(.*?)^```", DOCUMENTS["deploy"], re.DOTALL | re.MULTILINE))
    assert "azd env set" in blocks
    assert not re.search(r"azd env set .*\b(true|false)\b", blocks)


def test_a_command_of_the_azure_cli_names_what_it_works_on() -> None:
    commands = re.findall(r"^(?:    )?(az .+)$", DOCUMENTS["deploy"], re.MULTILINE)
    needed = {
        "az functionapp keys": {"--resource-group", "--name"},
        "az eventgrid system-topic": {"--resource-group", "--system-topic-name"},
        "az storage blob": {"--auth-mode", "--account-name"},
        "az keyvault secret": {"--vault-name", "--name"},
        "az role assignment": {"--assignee", "--role", "--scope"},
    }
    for beginning, options in needed.items():
        found = [command for command in commands if command.startswith(beginning)]
        assert found, beginning
        assert [command for command in found if not options <= set(re.findall(r"--[\w-]+", command))] == []


def test_every_variable_that_the_workflow_needs_is_named() -> None:
    workflow = (ROOT / ".github" / "workflows" / "deploy.yml").read_text()
    named = {*re.findall(r"`(\w+)`", DOCUMENTS["deploy"])}
    assert set(re.findall(r"vars\.(\w+)", workflow)) - named == set()


def test_every_output_that_is_used_exists() -> None:
    outputs = {*bicep_files()["main.bicep"].outputs, "AZURE_SUBSCRIPTION_ID"}
    used = set(re.findall(r"\$(DEVICE_DROP_\w+|AZURE_\w+|PARTNER_CENTER_\w+)", "".join(DOCUMENTS.values())))
    assert used
    assert used <= outputs


def test_a_customer_is_given_what_its_file_asks_for() -> None:
    given = re.search(r"--template-file infra/customer\.bicep \\\n +--parameters (.*)", DOCUMENTS["tenancy"])
    assert given is not None
    needed = bicep_files()["customer.bicep"].parameters
    names = set(re.findall(r"(\w+)=", given[1]))
    assert names == {name for name, parameter in needed.items() if parameter.is_required}


def test_the_prices_are_said_to_be_examples() -> None:
    prices = json.loads((INFRA / "prices.json").read_text())
    assert "Examples" in prices["note"]
    assert "**examples**" in DOCUMENTS["deploy"]
