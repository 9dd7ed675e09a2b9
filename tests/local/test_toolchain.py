"""Node.js and Core Tools are used when they answer, not when their files are there."""

import os
from pathlib import Path

import pytest

from local.toolchain import CoreTools, CoreToolsUnusable, Toolchain, machine_node

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize(
    ("node", "npm", "is_used"),
    [
        ("echo v20.1.0", "echo 10.0.0", True),
        ("echo v18.0.0", "echo 9.0.0", True),
        ("echo v16.9.0", "echo 8.0.0", False),
        ("exit 1", "echo 10.0.0", False),
        ("echo v20.1.0", "exit 1", False),
        ("echo something", "echo 10.0.0", False),
        ("printf '\\377\\376'", "echo 10.0.0", False),
        ("echo v20.1.0", "read answer && echo 10.0.0", False),
    ],
)
def test_the_machines_node_is_used_when_it_is_new_enough_and_npm_answers(
    node: str, npm: str, is_used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "node", node)
    program(tmp_path, "npm", npm)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (machine_node() is not None) == is_used


def test_a_machine_without_npm_has_no_usable_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "node", "echo v20.1.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine_node() is None


@pytest.mark.parametrize(
    ("func", "reason"),
    [
        ("echo 2.7.0", "2.7.0 .* are older"),
        ("echo 4.0.6820", "older than 4.0.6821"),
        ("exit 1", "Install"),
        ("printf '\\377\\376'", "do not answer"),
        ("read answer && echo 4.0.9999", "do not answer"),
    ],
)
def test_core_tools_are_used_when_they_answer_with_a_version_that_is_new_enough(
    func: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "node_modules" / ".bin"
    program(installed, "func", func)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    toolchain = Toolchain(Path("node"), tmp_path)
    with pytest.raises(CoreToolsUnusable, match=reason):
        toolchain.core_tools()
    program(installed, "func", "echo 4.0.6821")
    assert toolchain.core_tools() == CoreTools(installed / "func", "4.0.6821")
