"""Commands of installers that are only noted down; everything else of set-up is real."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.set_up import installing, python_packages
from local.set_up.python_packages import PythonEnvironment


@dataclass
class EndedCommand:
    """Stands in for a `ChildProcess` that has ended."""

    code: int

    def wait(self, seconds: float) -> int:
        assert seconds > 0
        return self.code

    def last_output(self) -> str:
        return "the reason"

    def stop(self) -> None: ...


class Commands:
    """Stands in for starting commands: notes them, leaves what installers would leave, and fails when told to."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.failing = ""
        self.idle = ""
        """The word of a command that succeeds and does nothing."""
        self.version = "3.11"
        self.environments: list[dict[str, str]] = []

    def start(
        self, _name: str, command: Sequence[str], *, folder: Path, environment: dict[str, str], **_options: object
    ) -> EndedCommand:
        self.seen.append(list(command))
        self.environments.append(dict(environment))
        if self.failing and self.failing in command:
            return EndedCommand(3)
        if self.idle and self.idle in command:
            return EndedCommand(0)
        if "venv" in command:
            python = PythonEnvironment(Path(command[-1]), ()).python
            python.parent.mkdir(parents=True)
            python.write_text(f'#!/bin/sh\necho "{self.version} {command[-1]}"\n')
            python.chmod(0o755)
        if "install" in command:
            root = Path(command[command.index("--python") + 1]).parent.parent / "lib" / "python3.11" / "site-packages"
            for name in Path(command[-1]).read_text().split():
                install(root, name)
        if "ci" in command:
            (folder / "node_modules" / "one").mkdir(parents=True, exist_ok=True)
            (folder / "node_modules" / "one" / "package.json").write_text("{}")
            (folder / "node_modules" / ".package-lock.json").write_text('{"packages": {"node_modules/one": {}}}')
        return EndedCommand(0)

    def take(self) -> str:
        """The programs run since the last call, in one line of first words."""
        words = {"venv": "venv", "install": "install", "ci": "npm"}
        taken = " ".join(words[word] for command in self.seen for word in command if word in words)
        self.seen.clear()
        return taken


def install(root: Path, name: str) -> None:
    """Leave the package `name` in `root` as an installer would."""
    module, record = root / f"{name}.py", root / f"{name}-1.dist-info" / "RECORD"
    record.parent.mkdir(parents=True, exist_ok=True)
    module.write_text("one = 1\n")
    record.write_text(f"{name}.py,sha256=x,{module.stat().st_size}\n{name}-1.dist-info/RECORD,,\n")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    commands = Commands()
    monkeypatch.setattr(installing, "ChildProcess", commands)
    monkeypatch.setattr(python_packages, "_pip_version", lambda _python: (25, 0))
    monkeypatch.setattr("shutil.which", lambda _name, **_options: None)
    return commands
