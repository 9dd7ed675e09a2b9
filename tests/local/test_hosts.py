"""Which functions host a run uses, and what it says when one ends."""

import os
import sys
from pathlib import Path

import pytest

from local.hosts import HostKind, Hosts, HostsError, running_hosts
from local.processes import ChildProcess
from local.toolchain import Toolchain

FUNC = """#!/bin/sh
[ "$1" = --version ] && { echo 4.0.1; exit; }
echo "func $1 with $(command -v python) and $DeviceStorage"
echo 'Host lock lease acquired'
exec sleep 60
"""


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A machine without Core Tools on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return Toolchain(tmp_path / "node", tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_core_tools_that_answer_are_used_with_this_environments_python(toolchain: Toolchain, tmp_path: Path) -> None:
    func = toolchain.packages / "node_modules" / ".bin" / "func"
    func.parent.mkdir(parents=True)
    func.write_text(FUNC)
    func.chmod(0o755)
    settings = {"DeviceStorage": "here", "PATH": "/usr/bin:/bin"}
    with running_hosts(toolchain, HostKind.AUTO, settings, number=2, logs=tmp_path) as hosts:
        assert hosts.kind is HostKind.CORE_TOOLS
        hosts.wait_until_ready()
        log = hosts.processes[0].log.read_text()
    assert log.startswith(f"func start with {Path(sys.executable).parent}")
    assert "and here" in log
    assert all(process.exit_code is not None for process in hosts.processes)


def test_core_tools_asked_for_and_not_there_are_an_error(toolchain: Toolchain, tmp_path: Path) -> None:
    with (
        pytest.raises(HostsError, match="func --version"),
        running_hosts(toolchain, HostKind.CORE_TOOLS, {}, number=1, logs=tmp_path),
    ):
        pass


def test_a_host_that_ends_is_told_with_its_last_words(toolchain: Toolchain, tmp_path: Path) -> None:
    nothing_set = {"PATH": os.environ["PATH"]}
    with running_hosts(toolchain, HostKind.AUTO, nothing_set, number=1, logs=tmp_path) as hosts:
        assert hosts.kind is HostKind.LOCAL
        with pytest.raises(HostsError, match="DeviceStorage"):
            hosts.wait_until_ready()


@pytest.mark.parametrize(
    "line",
    [
        "[12:00:00] host-1 HTTP functions answer at http://127.0.0.1:45123/api",
        "  list_files: [GET,HEAD] http://localhost:7071/api/files",
    ],
)
def test_the_address_of_the_page_is_read_from_the_log_of_either_host(tmp_path: Path, line: str) -> None:
    process = ChildProcess.start("a host", [sys.executable, "-c", f"print({line!r})"], log=tmp_path / "host.log")
    try:
        assert process.wait(30) == 0
        address = Hosts(HostKind.LOCAL, (process,)).address
    finally:
        process.stop()
    assert address in ("http://127.0.0.1:45123/api", "http://localhost:7071/api")
