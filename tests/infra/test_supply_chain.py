"""Deployed packages are pinned and hashed, and the workflows hold no key and no more rights than they need."""

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from local.set_up.python_packages import TESTED_PYTHONS
from tests.infra.bicep import ROOT, bicep_files

LOCK = (ROOT / "requirements.lock").read_text()
LOCK_OF_COMMANDS = (ROOT / "local" / "requirements.lock").read_text()
LOCK_OF_TESTS = (ROOT / "requirements-development.lock").read_text()
LOCK_OF_NODE = (ROOT / "local" / "node" / "requirements.lock").read_text()
LOCKS = [LOCK, LOCK_OF_COMMANDS, LOCK_OF_TESTS, LOCK_OF_NODE]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def locked(lock: str = LOCK) -> set[tuple[str, str, str]]:
    """Package, version and marker of every entry."""
    return set(re.findall(r"^([a-z0-9-]+)==(\S+)(?: ; ([^\\]+))? \\$", lock, re.MULTILINE))


def versions(lock: str = LOCK) -> set[tuple[str, str]]:
    return {(name, version) for name, version, _ in locked(lock)}


def wanted() -> dict[str, str]:
    """What requirements.txt pins for the Python that is deployed."""
    lines = re.findall(r'^([a-z0-9-]+)==([^\s;]+)(?:; python_version (<|>=) "3\.13")?$', requirements(), re.MULTILINE)
    return {name: version for name, version, marker in lines if marker != "<"}


def requirements() -> str:
    return (ROOT / "requirements.txt").read_text()


def test_the_lock_holds_every_package_that_is_asked_for_at_its_version() -> None:
    assert len(wanted()) >= 8
    assert wanted().items() <= versions()


def test_every_requirement_is_pinned_and_says_why() -> None:
    lines = requirements().splitlines()
    for before, line in pairwise(lines):
        if not line.startswith("#"):
            assert re.match(r"[a-z0-9-]+==\d", line)
            assert before.startswith("#") or before.partition("==")[0] == line.partition("==")[0], line


@pytest.mark.parametrize("lock", LOCKS, ids=["app", "commands", "tests", "node"])
def test_every_locked_package_has_hashes(lock: str) -> None:
    entries = [entry for entry in re.split(r"\n(?=\S)", lock.strip()) if not entry.startswith("#")]
    assert entries
    assert len(entries) == len(locked(lock))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:60]


@pytest.mark.parametrize("lock", LOCKS, ids=["app", "commands", "tests", "node"])
def test_a_lock_names_no_place_to_fetch_from(lock: str) -> None:
    assert not re.search(r"https?:|--(extra-)?index|--find-links|file:", lock)


def test_the_lock_of_the_app_is_for_one_platform_and_the_others_are_for_all() -> None:
    assert " ; " not in LOCK
    assert all(" --universal --python-version 3.11 --only-binary :all: " in lock for lock in LOCKS[1:])


def test_what_is_tested_is_what_is_deployed_and_what_runs_locally() -> None:
    assert locked(LOCK_OF_COMMANDS) < locked(LOCK_OF_TESTS)
    assert versions(LOCK) < versions(LOCK_OF_TESTS)


@pytest.mark.parametrize(
    ("requirements", "lock"),
    [
        ("local/requirements.txt", LOCK_OF_COMMANDS),
        ("requirements-development.txt", LOCK_OF_TESTS),
        ("local/node/requirements.txt", LOCK_OF_NODE),
    ],
)
def test_every_requirement_is_in_its_lock(requirements: str, lock: str) -> None:
    pinned = re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / requirements).read_text(), re.MULTILINE)
    assert pinned
    assert set(pinned) <= versions(lock)
    assert f" {requirements} -o " in lock


def test_running_brings_no_tests_and_no_telemetry() -> None:
    names = {name for name, _ in versions(LOCK_OF_COMMANDS)}
    assert not {"pytest", "mypy", "playwright", "azure-monitor-opentelemetry", "opentelemetry-sdk"} & names


def test_the_lock_is_made_for_the_python_that_is_deployed() -> None:
    python = bicep_files()["main.bicep"].parameters["pythonVersion"].default
    assert f"--python-version {python} " in LOCK


def test_what_is_deployed_brings_its_packages_along_with_hashes_checked() -> None:
    assert "remoteBuild: false" in (ROOT / "azure.yaml").read_text()
    package = (ROOT / "infra" / "package.py").read_text()
    assert '"--require-hashes"' in package
    assert "requirements.lock" in package


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_starts_with_the_right_to_read_alone_and_keeps_no_secret(workflow: Path) -> None:
    text = workflow.read_text()
    assert "\npermissions:\n  contents: read\n" in text
    assert "secrets." not in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    assert "pull_request_target" not in text
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", use) for use in re.findall(r"uses: (\S+)", text))


def test_only_the_deployment_may_ask_for_a_token() -> None:
    asking = [workflow.name for workflow in WORKFLOWS if "id-token: write" in workflow.read_text()]
    assert asking == ["deploy.yml"]


def test_the_workflows_run_what_a_change_must_pass() -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert "python -m local test" in text
    assert "pip-audit" in text
    assert "cyclonedx-py" in text
    matrix = yaml.safe_load(text)["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == list(TESTED_PYTHONS)
    assert {system.partition("-")[0] for system in matrix["system"]} == {"ubuntu", "windows", "macos"}


def test_every_template_that_is_deployed_is_compiled_without_a_warning() -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    modules = {module.reference for file in bicep_files().values() for module in file.modules.values()}
    [compiled] = re.findall(r"for file in (.*); do", text)
    assert {f"{name}.bicep" for name in compiled.split()} == set(bicep_files()) - modules
    assert "if grep -E ' : (Warning|Error) ' diagnostics.txt; then exit 1; fi" in text
    assert re.search(r"az bicep install --version v\d+\.\d+\.\d+\n", text)


GIVEN_BY_AZD = {"AZURE_PRINCIPAL_ID"}


def test_a_deployment_by_the_workflow_sets_every_parameter_as_the_environment_does() -> None:
    parameters = json.loads((ROOT / "infra" / "main.parameters.json").read_text())["parameters"]
    read = set(re.findall(r"\$\{(\w+)", json.dumps(parameters)))
    [job] = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"].values()
    signing_in = {"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"}
    assert set(job["env"]) == read - GIVEN_BY_AZD | signing_in
    for name, value in job["env"].items():
        assert re.fullmatch(rf"\$\{{\{{ vars\.{name}( \|\| '(\[\]|\{{\}})')? \}}\}}", value), name


def test_a_list_or_object_that_is_not_set_is_an_empty_one() -> None:
    """A variable that is not set is an empty text, which azd refuses to read as JSON."""
    declared = bicep_files()["main.bicep"].parameters
    given = json.loads((ROOT / "infra" / "main.parameters.json").read_text())["parameters"]
    [job] = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"].values()
    for name, parameter in declared.items():
        if parameter.type in ("array", "object"):
            [variable] = re.findall(r"\$\{(\w+)", given[name]["value"])
            empty = "[]" if parameter.type == "array" else "{}"
            assert job["env"][variable] == f"${{{{ vars.{variable} || '{empty}' }}}}"


def test_the_workflow_refuses_to_reset_what_deletes_data_or_opens_a_network() -> None:
    [job] = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["jobs"].values()
    script = job["steps"][0]["run"]
    needed = re.findall(r"for name in (.*); do", script)[0].split()
    assert {"RETENTION_DAYS", "PRIVATE_NETWORK"} <= set(needed)
    for missing in [None, *needed]:
        environment = {name: "x" for name in needed if name != missing}
        run = subprocess.run(["bash", "-e", "-c", script], env=environment, capture_output=True, text=True, check=False)
        assert (run.returncode != 0) == (missing is not None)
        assert missing is None or missing in run.stdout


def test_newer_versions_are_looked_for_everywhere() -> None:
    text = (ROOT / ".github" / "dependabot.yml").read_text()
    assert set(re.findall(r"package-ecosystem: (\S+)", text)) == {"pip", "github-actions", "npm"}
