"""The command line: a wrong argument is one clear line and exit code 2, before anything is started."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.__main__ import _OF_VENV, _of_venv, main
from local.processes import PROJECT


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "no such file.csv"], "no such file.csv"),
        (["run", "local"], "local"),
        (["run", "--customer", "contoso"], "contoso"),
        (["run", "--customer", "{0c39d6d5-c70d-4c55-bc02-f620844f3fd1}"], "GUID"),
        (["run", "--batch", "a/b"], "a/b"),
        (["run", "--timeout", "soon"], "soon"),
        (["run", "--instances", "0"], "0"),
        (["run", "--results", "pyproject.toml"], "pyproject.toml"),
        (["run", "--what"], "--what"),
        (["walk"], "walk"),
        ([], "COMMAND"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(arguments: list[str], named: str) -> None:
    ended = local(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert named in line


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["run", "--onec"], "did you mean '--once'?"),
        (["run", "--bacth=Lab", "--once"], "did you mean '--batch'?"),
        (["stauts"], "did you mean 'status'?"),
        (["drop", "pyproject.toml", "--custmer", "Contoso"], "no option '--custmer', did you mean '--customer'?"),
        (["drop", "pyproject.toml", "--customer", "Contoso", "--wiat"], "did you mean '--wait'?"),
        (["status", "--state", "clsoed"], "did you mean 'closed'?"),
        (["customers", "ad"], "did you mean 'add'?"),
        (["customers", "add", "Contoso", "1", "--notse", "x"], "did you mean '--notes'?"),
        (["outcomes", "1a2b", "--to_fix"], "did you mean '--to-fix'?"),
    ],
)
def test_a_misspelt_word_is_told_with_the_one_that_is_probably_meant(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        _of_venv(*arguments) if arguments[0] in _OF_VENV else main(arguments)
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(meant)


@pytest.mark.parametrize(
    "arguments", [["drop", "pyproject.toml"], ["drop", "pyproject.toml", "--cust"], ["status", "a", "b"]]
)
def test_nothing_is_suggested_where_nothing_is_misspelt(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        _of_venv(*arguments)
    assert "did you mean" not in capsys.readouterr().err


def test_help_names_every_command() -> None:
    ended = local("--help")
    assert ended.returncode == 0
    for command in ("run", "test", "services", "check", "sign-in"):
        assert f"    {command} " in ended.stdout


def _pythons() -> list[Path]:
    """Other Pythons of this machine: those of pyenv, or else those on PATH."""
    of_pyenv = sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python"))
    named = filter(None, (shutil.which(f"python3.{minor}") for minor in range(6, 11)))
    return of_pyenv or list(map(Path, named))


@pytest.mark.parametrize("python", _pythons(), ids=str)
def test_an_older_python_is_told_which_one_is_needed(python: Path) -> None:
    asked = subprocess.run(
        [python, "-c", "import sys; sys.exit(sys.version_info >= (3, 11))"], capture_output=True, check=False
    )
    if asked.returncode != 0:
        pytest.skip("it is new enough, or does not run")
    ended = subprocess.run([python, "-m", "local", "run"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith("3.11 or newer is needed.")


def test_the_first_lines_that_run_are_of_every_python() -> None:
    source = (PROJECT / "local" / "__init__.py").read_text(encoding="ascii")
    ast.parse(source, feature_version=(3, 4))
    assert not re.search(r"\bf[\"']|:=|__future__|->", source)
