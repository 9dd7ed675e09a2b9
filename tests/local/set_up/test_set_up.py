"""Which parts a command sets up."""

import subprocess
import sys
from pathlib import Path

import pytest

from local import set_up
from local.set_up import enter_environment, ready_toolchain
from local.set_up.python_packages import PythonEnvironment
from local.toolchain import NodeJs
from tests.local.set_up.conftest import Commands


class EnteredError(Exception):
    """The command would have been run again inside the environment."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder on a machine with Node.js; the path of the latter."""
    project = tmp_path / "project"
    (project / "local" / "node").mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        (project / "local" / "node" / name).write_text("{}")
    (project / "commands.lock").write_text("one\n")
    (project / "tests.lock").write_text("one two\n")
    node = tmp_path / "node"
    node.touch()
    monkeypatch.setattr(set_up, "PROJECT", project)
    monkeypatch.setattr(set_up, "WORK", project / ".local")
    monkeypatch.setattr(set_up, "LOCK_OF_COMMANDS", project / "commands.lock")
    monkeypatch.setattr(set_up, "LOCK_OF_TESTS", project / "tests.lock")
    monkeypatch.setattr(set_up, "running_python", lambda: "3.11")
    monkeypatch.setattr(set_up, "machine_node", lambda: NodeJs(node, ("npm",), "v20.0.0") if node.exists() else None)
    monkeypatch.setattr(set_up, "packaged_node", lambda: None)

    def run_again(_python: Path, _arguments: object) -> None:
        raise EnteredError

    monkeypatch.setattr(set_up, "_run_again", run_again)
    return node


@pytest.mark.parametrize(
    ("command", "set_up_with"),
    [
        ("run", "npm venv install"),
        ("services", "npm venv install"),
        ("bench", "npm venv install"),
        ("test", "npm venv install"),
        ("check", "venv install"),
        ("status", "venv install"),
    ],
)
@pytest.mark.usefixtures("machine")
def test_a_command_sets_up_what_it_needs(command: str, set_up_with: str, commands: Commands) -> None:
    with pytest.raises(EnteredError):
        enter_environment([command])
    lock = "tests.lock" if command == "test" else "commands.lock"
    assert [Path(line[-1]).name for line in commands.seen if "install" in line] == [lock]
    assert commands.take() == set_up_with
    with pytest.raises(EnteredError):
        enter_environment([command])
    assert commands.take() == ""


@pytest.mark.usefixtures("machine")
def test_the_line_of_set_up_says_why_an_environment_is_made_again(
    commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with pytest.raises(EnteredError):
            enter_environment(["check"])
        set_up.LOCK_OF_COMMANDS.write_text("one two\n")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("Setting up .venv (Python 3.11), once ...")
    assert second.startswith("Setting up .venv again (damaged or out of date) ...")
    assert commands.take() == "venv install venv install"


@pytest.mark.usefixtures("machine")
def test_failing_npm_ends_the_set_up_of_both(commands: Commands) -> None:
    commands.failing = "ci"
    with pytest.raises(set_up.SetUpError, match="npm registry"):
        enter_environment(["run"])
    commands.failing = ""
    commands.take()
    with pytest.raises(EnteredError):
        enter_environment(["run"])
    assert ready_toolchain().packages == set_up.WORK / "npm"
    assert commands.take() == "npm"


def test_npm_packages_are_installed_once(machine: Path, commands: Commands) -> None:
    assert ready_toolchain().node == machine
    assert commands.take() == "npm"
    assert ready_toolchain().node == machine
    assert commands.take() == ""


def test_without_node_the_python_package_brings_it(
    machine: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.unlink()
    packaged = tmp_path / "packaged"
    found: list[NodeJs | None] = [None, NodeJs(packaged, (str(packaged), "npm-cli.js"), "v24.0.0")]
    monkeypatch.setattr(set_up, "packaged_node", lambda: found.pop(0))
    added: list[str] = []
    monkeypatch.setattr(PythonEnvironment, "add", lambda _self, lock, _tick: added.append(lock.parent.name))
    assert ready_toolchain().node == packaged
    assert added == ["node"]
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
