"""The command line: a wrong argument is one clear line and exit code 2, before anything is started."""

import subprocess
import sys

import pytest

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


def test_help_names_every_command() -> None:
    ended = local("--help")
    assert ended.returncode == 0
    for command in ("run", "test", "services", "check", "sign-in"):
        assert f"    {command} " in ended.stdout
