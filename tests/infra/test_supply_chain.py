"""What is deployed is pinned and hashed, and the workflows hold no key and no more rights than they need."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.infra.bicep import ROOT, bicep_files

LOCK = (ROOT / "requirements.lock").read_text()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def locked() -> dict[str, str]:
    """Version by package."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", LOCK, re.MULTILINE))


def wanted() -> dict[str, str]:
    """What requirements.txt pins for the Python that is deployed."""
    lines = re.findall(r'^([a-z0-9-]+)==([^\s;]+)(?:; python_version (<|>=) "3\.13")?$', requirements(), re.MULTILINE)
    return {name: version for name, version, marker in lines if marker != "<"}


def requirements() -> str:
    return (ROOT / "requirements.txt").read_text()


def test_the_lock_holds_every_package_that_is_asked_for_at_its_version() -> None:
    assert len(wanted()) >= 8
    assert wanted().items() <= locked().items()


def test_every_requirement_is_pinned_and_says_why() -> None:
    lines = requirements().splitlines()
    for before, line in pairwise(lines):
        if not line.startswith("#"):
            assert re.match(r"[a-z0-9-]+==\d", line)
            assert before.startswith("#") or before.partition("==")[0] == line.partition("==")[0], line


def test_every_locked_package_has_hashes() -> None:
    entries = [entry for entry in re.split(r"\n(?=\S)", LOCK.strip()) if not entry.startswith("#")]
    assert len(entries) == len(locked())
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:60]


def test_the_lock_names_no_place_to_fetch_from_and_no_other_platform() -> None:
    assert not re.search(r"https?:|--(extra-)?index|--find-links|file:", LOCK)
    assert " ; " not in LOCK


def test_the_lock_is_made_for_the_python_that_is_deployed() -> None:
    python = bicep_files()["main.bicep"].parameters["pythonVersion"]["default"]
    assert f"--python-version {python} " in LOCK


def test_what_is_deployed_brings_its_packages_along_with_hashes_checked() -> None:
    assert "remoteBuild: false" in (ROOT / "azure.yaml").read_text()
    package = (ROOT / "infra" / "package.py").read_text()
    assert '"--require-hashes"' in package
    assert '"requirements.lock"' in package


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
    assert re.findall(r'python: \["3\.11", "3\.13"\]', text)


def test_newer_versions_are_looked_for_everywhere() -> None:
    text = (ROOT / ".github" / "dependabot.yml").read_text()
    assert set(re.findall(r"package-ecosystem: (\S+)", text)) == {"pip", "github-actions", "npm"}
