"""What is set up, and when it is made again. pip, venv and npm are stood in for; everything else is real."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import set_up
from local.set_up import PythonEnvironment, SetUpError, ready_toolchain, requirement_files
from local.toolchain import NodeJs


@dataclass
class EndedCommand:
    """Stands in for a `ChildProcess` that has ended."""

    code: int

    def wait(self, seconds: float) -> int:
        assert seconds > 60
        return self.code

    def last_output(self) -> str:
        return "the reason"

    def stop(self) -> None: ...


class Commands:
    """Stands in for starting commands: remembers them, leaves what venv and npm would, fails when told to."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.failing = ""

    def start(self, _name: str, command: Sequence[str], *, folder: Path, **_options: object) -> EndedCommand:
        self.seen.append(list(command))
        if self.failing and self.failing in command:
            return EndedCommand(3)
        if "venv" in command:
            python = PythonEnvironment(Path(command[-1]), Path()).python
            python.parent.mkdir(parents=True)
            python.touch()
        if "ci" in command:
            (folder / "node_modules").mkdir(exist_ok=True)
        return EndedCommand(0)

    def take(self) -> str:
        """What was run since the last time, in one line of first words."""
        words = {"venv": "venv", "pip": "pip", "ci": "npm"}
        taken = " ".join(words[word] for command in self.seen for word in command if word in words)
        self.seen.clear()
        return taken


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    commands = Commands()
    monkeypatch.setattr(set_up, "ChildProcess", commands)
    return commands


@pytest.fixture
def environment(tmp_path: Path) -> PythonEnvironment:
    (tmp_path / "requirements.txt").write_text("one==1\n")
    (tmp_path / "development.txt").write_text("-r requirements.txt\ntwo==2\n")
    return PythonEnvironment(tmp_path / ".venv", tmp_path / "development.txt")


def test_an_environment_is_made_once(environment: PythonEnvironment, commands: Commands) -> None:
    assert not environment.is_ready("3.11")
    environment.make("3.11")
    assert commands.take() == "venv pip"
    assert environment.is_ready("3.11")


@pytest.mark.usefixtures("commands")
def test_line_ends_of_requirements_do_not_count(environment: PythonEnvironment) -> None:
    environment.make("3.11")
    environment.requirements.write_bytes(environment.requirements.read_bytes().replace(b"\n", b"\r\n"))
    assert environment.is_ready("3.11")


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("change", ["python", "requirements", "included", "moved", "half-made", "no interpreter"])
def test_an_environment_that_no_longer_fits_is_made_again(
    change: str, environment: PythonEnvironment, tmp_path: Path
) -> None:
    environment.make("3.11")
    leftover = environment.folder / "leftover"
    leftover.touch()
    version = "3.11"
    match change:
        case "python":
            version = "3.13"
        case "requirements":
            environment.requirements.write_text("-r requirements.txt\ntwo==3\n")
        case "included":
            (tmp_path / "requirements.txt").write_text("one==2\n")
        case "moved":
            environment.folder.rename(tmp_path / "elsewhere")
            environment = PythonEnvironment(tmp_path / "elsewhere", environment.requirements)
        case "half-made":
            (environment.folder / set_up._STAMP).write_text('{"python": "3.1')
        case _:
            environment.python.unlink()
    assert not environment.is_ready(version)
    environment.make(version)
    assert environment.is_ready(version)
    assert not (environment.folder / "leftover").exists()


@pytest.mark.parametrize("target", ["complete for other requirements", "empty", "missing"])
def test_a_linked_environment_is_never_made_again(
    target: str, environment: PythonEnvironment, commands: Commands, tmp_path: Path
) -> None:
    elsewhere = PythonEnvironment(tmp_path / "elsewhere", environment.requirements)
    match target:
        case "complete for other requirements":
            elsewhere.make("3.11")
            environment.requirements.write_text("two==3\n")
        case "empty":
            elsewhere.folder.mkdir()
        case _:
            pass
    before = sorted(tmp_path.rglob("*"))
    environment.folder.symlink_to(elsewhere.folder, target_is_directory=True)
    commands.take()
    with pytest.raises(SetUpError, match="is a link to"):
        environment.make("3.11")
    assert commands.take() == ""
    assert sorted(path for path in tmp_path.rglob("*") if path != environment.folder) == before


@pytest.mark.usefixtures("commands")
def test_a_linked_environment_that_fits_is_used(environment: PythonEnvironment, tmp_path: Path) -> None:
    elsewhere = PythonEnvironment(tmp_path / "elsewhere", environment.requirements)
    elsewhere.make("3.11")
    environment.folder.symlink_to(elsewhere.folder, target_is_directory=True)
    assert environment.is_ready("3.11")


def test_a_failed_installation_is_told_with_its_output_and_not_taken_for_complete(
    environment: PythonEnvironment, commands: Commands
) -> None:
    commands.failing = "pip"
    with pytest.raises(SetUpError, match="the reason"):
        environment.make("3.11")
    assert not environment.is_ready("3.11")


def test_included_requirements_are_found(environment: PythonEnvironment) -> None:
    assert [file.name for file in requirement_files(environment.requirements)] == [
        "development.txt",
        "requirements.txt",
    ]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder on a machine with Node.js; the path of the latter."""
    project = tmp_path / "project"
    (project / "local" / "node").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        (project / "local" / "node" / name).write_text("{}")
    node = tmp_path / "node"
    node.touch()
    monkeypatch.setattr(set_up, "PROJECT", project)
    monkeypatch.setattr(set_up, "WORK", project / ".local")
    monkeypatch.setattr(set_up, "machine_node", lambda: NodeJs(node, ("npm",), "v20.0.0") if node.exists() else None)
    monkeypatch.setattr(set_up, "packaged_node", lambda: None)
    return node


def test_npm_packages_are_installed_once(machine: Path, commands: Commands) -> None:
    assert ready_toolchain().node == machine
    assert commands.take() == "npm"
    assert ready_toolchain().node == machine
    assert commands.take() == ""


@pytest.mark.usefixtures("machine")
def test_changed_npm_packages_are_installed_again(commands: Commands) -> None:
    ready_toolchain()
    (set_up.WORK.parent / "local" / "node" / "package-lock.json").write_text('{"changed": true}')
    commands.take()
    ready_toolchain()
    assert commands.take() == "npm"


@pytest.mark.usefixtures("machine")
def test_an_interrupted_npm_installation_is_made_again(commands: Commands) -> None:
    commands.failing = "ci"
    with pytest.raises(SetUpError, match="npm registry"):
        ready_toolchain()
    commands.failing = ""
    commands.take()
    ready_toolchain()
    assert commands.take() == "npm"


def test_without_node_the_python_package_brings_it(
    machine: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.unlink()
    packaged = tmp_path / "packaged"
    found: list[NodeJs | None] = [None, NodeJs(packaged, (str(packaged), "npm-cli.js"), "v24.0.0")]
    monkeypatch.setattr(set_up, "packaged_node", lambda: found.pop(0))
    assert ready_toolchain().node == packaged
    assert commands.take() == "pip npm"


def test_node_that_went_is_looked_for_again(machine: Path, commands: Commands) -> None:
    ready_toolchain()
    stamp = set_up.WORK / "node" / set_up._STAMP
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"node": "/nowhere/node"}))
    commands.take()
    assert ready_toolchain().node == machine
    assert commands.take() == "npm"


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from local.file_lock import file_lock\n"
        "with file_lock(Path(sys.argv[1]), wait=True):\n"
        "    print(time.time(), flush=True); time.sleep(0.7); print(time.time(), flush=True)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    spans = sorted(tuple(float(line) for line in run.communicate()[0].split()) for run in runs)
    assert spans[0][1] <= spans[1][0]
