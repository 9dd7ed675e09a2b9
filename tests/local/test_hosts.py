"""Which functions host a run uses, and what it says when one ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local.functions_host.pace import Pace
from local.hosts import HostKind, Hosts, HostsError, running_hosts
from local.processes import PROJECT, ChildProcess
from local.toolchain import Toolchain
from tests.local.test_processes import eventually, is_running

FUNC = r"""#!PYTHON
# Does what Core Tools were seen to do: ignores SIGTERM, starts its worker again when that ends, lists its functions
# late, and never holds the lock.
import os, signal, subprocess, sys, time

MODE = os.environ.get("FAKE_FUNC", "")
if sys.argv[1:] == ["--version"]:
    print(os.environ.get("FAKE_VERSION", "4.0.7030"))
    sys.exit()
if MODE == "without a bundle":
    print("Loading the extension bundle")
    print("Unable to reach the index of bundles")
    print("Goodbye")
    sys.exit(1)
if MODE == "asks":
    print("Select a number for worker runtime:", flush=True)
    time.sleep(60)
if MODE == "behind a wrapper" and "inner" not in sys.argv:
    inner = subprocess.Popen([sys.executable, *sys.argv, "inner"])
    sys.exit(inner.wait())  # as node does, it dies of the first signal
stopped = []
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
port = sys.argv[sys.argv.index("--port") + 1]
print("python", os.environ["languageWorkers__python__defaultExecutablePath"], os.environ["DeviceStorage"], flush=True)
worker, listed_at = None, time.monotonic() + 0.3
while not stopped:
    if worker is None or worker.poll() is not None:
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print("pids", os.getpid(), worker.pid, flush=True)
    if listed_at and time.monotonic() > listed_at:
        print(f"  list_files: [GET,HEAD] http://localhost:{port}/api/files", flush=True)
        listed_at = 0
    time.sleep(0.02)
print("Stopping the host", flush=True)
if MODE == "leaves its worker behind":
    sys.exit()
worker.wait()
""".replace("PYTHON", sys.executable, 1)

MODES = ["", "behind a wrapper", "leaves its worker behind"]


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A machine without Core Tools on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return Toolchain(tmp_path / "node", tmp_path)


@pytest.fixture
def func(toolchain: Toolchain) -> Path:
    """A stand-in for Core Tools."""
    func = toolchain.packages / "node_modules" / ".bin" / "func"
    func.parent.mkdir(parents=True)
    func.write_text(FUNC)
    func.chmod(0o755)
    return func


SETTINGS = {"DeviceStorage": "here", "PATH": "/usr/bin:/bin"}
posix_only = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with POSIX signals")


def _pids(hosts: Hosts) -> set[int]:
    logs = " ".join(process.log.read_text() for process in hosts.processes)
    return {int(pid) for pair in re.findall(r"pids (\d+) (\d+)", logs) for pid in pair}


@posix_only
@pytest.mark.usefixtures("func")
@pytest.mark.parametrize("kind", [HostKind.AUTO, HostKind.CORE_TOOLS])
@pytest.mark.parametrize("mode", MODES)
def test_core_tools_are_used_and_nothing_of_them_is_left_behind(
    toolchain: Toolchain, tmp_path: Path, mode: str, kind: HostKind
) -> None:
    settings = SETTINGS | {"FAKE_FUNC": mode}
    with running_hosts(toolchain, kind, settings, number=2, logs=tmp_path) as hosts:
        assert (hosts.kind, hosts.name) == (HostKind.CORE_TOOLS, "Azure Functions Core Tools 4.0.7030")
        assert hosts.address is not None
        began = time.monotonic()
    took, grace_seconds = time.monotonic() - began, hosts.processes[0].grace_seconds
    assert took < grace_seconds, "they end when they are asked to, not when they are killed"
    assert f"python {sys.executable} here" in hosts.processes[1].log.read_text()
    pids = _pids(hosts)
    assert len(pids) >= 4
    assert not any(map(is_running, pids))


@posix_only
@pytest.mark.usefixtures("func")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", [0.0, 0.15, 0.4])
def test_a_run_that_is_interrupted_at_any_moment_leaves_nothing_behind(
    toolchain: Toolchain, tmp_path: Path, mode: str, after: float
) -> None:
    code = (
        "import sys, time; from pathlib import Path; from local.hosts import HostKind, running_hosts\n"
        "from local.toolchain import Toolchain\n"
        f"settings = {SETTINGS | {'FAKE_FUNC': mode}!r}\n"
        f"tools, logs = Toolchain(Path({str(toolchain.node)!r}), Path({str(tmp_path)!r})), Path({str(tmp_path)!r})\n"
        "print('begins', flush=True)\n"
        "with running_hosts(tools, HostKind.AUTO, settings, number=2, logs=logs): time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert run.stdout is not None
    run.stdout.readline()
    eventually(lambda: any("pids" in log.read_text() for log in tmp_path.glob("core-tools-*.log")))
    time.sleep(after)
    run.send_signal(signal.SIGINT)
    run.wait(30)
    logs = " ".join(log.read_text() for log in tmp_path.glob("core-tools-*.log"))
    pids = {int(pid) for pair in re.findall(r"pids (\d+) (\d+)", logs) for pid in pair}
    eventually(lambda: not any(map(is_running, pids)))


@posix_only
@pytest.mark.usefixtures("func")
@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"FAKE_FUNC": "without a bundle"}, "4.0.7030 did not start (Unable to reach the index of bundles;"),
        ({"FAKE_FUNC": "asks"}, "4.0.7030 did not start (Select a number for worker runtime:;"),
        ({"FAKE_VERSION": "4.0.6820"}, "4.0.6820"),
        ({"FAKE_VERSION": "3.9.9999"}, "are older than 4.0.6821. Update them"),
        ({"FAKE_VERSION": "nothing"}, "do not answer to 'func --version'. Install 4.0.6821 or newer"),
    ],
)
def test_core_tools_that_cannot_be_used_are_named_with_the_reason_and_the_cure(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reason: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = SETTINGS | environment
    with running_hosts(toolchain, HostKind.AUTO, settings, number=1, logs=tmp_path) as hosts:
        assert hosts.kind is HostKind.LOCAL
        assert reason in hosts.why_no_core_tools
    with (
        pytest.raises(HostsError, match=re.escape(reason)) as told,
        running_hosts(toolchain, HostKind.CORE_TOOLS, settings, number=1, logs=tmp_path),
    ):
        pass
    assert str(told.value).endswith("or use --host local.")
    assert len(str(told.value)) < 600


def test_a_machine_without_core_tools_is_told_of_them_only_when_they_are_wanted(
    toolchain: Toolchain, tmp_path: Path
) -> None:
    with running_hosts(toolchain, HostKind.AUTO, SETTINGS, number=1, logs=tmp_path) as hosts:
        assert (hosts.kind, hosts.why_no_core_tools) == (HostKind.LOCAL, "")
    with (
        pytest.raises(HostsError, match=r"not installed\. Install 4\.0\.6821 or newer, or use --host local\.$"),
        running_hosts(toolchain, HostKind.CORE_TOOLS, SETTINGS, number=1, logs=tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("version", "is_used"), [("4.0.6821", True), ("4.0.10000", True), ("4.10.1", True), ("5.0.0", True)]
)
@posix_only
@pytest.mark.usefixtures("func")
def test_core_tools_from_4_0_6821_on_are_used(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, version: str, is_used: bool
) -> None:
    monkeypatch.setenv("FAKE_VERSION", version)
    assert (toolchain.core_tools().version == version) is is_used


def test_every_host_of_our_own_has_the_pace_that_is_wanted(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[Sequence[str]] = []
    started = ChildProcess.start

    def start(name: str, command: Sequence[str], **options: Any) -> ChildProcess:
        commands.append(command)
        return started(name, command, **options)

    monkeypatch.setattr(ChildProcess, "start", start)
    with running_hosts(toolchain, HostKind.LOCAL, SETTINGS, number=2, logs=tmp_path, pace=Pace.REAL):
        pass
    assert [command[command.index("--pace") + 1] for command in commands] == ["real", "real"]


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
