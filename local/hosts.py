"""The functions hosts of a run: Core Tools if they are installed, otherwise the project's own host."""

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from local.functions_host.pace import Pace
from local.processes import ChildProcess
from local.toolchain import CoreToolsMissing, CoreToolsUnusable, Toolchain

_START_SECONDS = 120

FIRST_PORT = 7071
"""The port of the status page, as Core Tools have it, so that it can be bookmarked."""

_PORTS_TRIED = 20
_ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+/api\b")
"""As either host writes it into its log."""
_READY = "The functions host is ready"
"""The local host's line. Core Tools are ready when they list their functions, with their addresses: one host alone of
several takes the lock that they write of."""
_QUESTION = re.compile(r"Select a (?:number|value)|\[y/n\]", re.IGNORECASE)
"""Core Tools ask for something, and nobody is there to answer."""
_FAULT = re.compile(r"error|exception|fail|unable|cannot|could not", re.IGNORECASE)
_LONGEST_REASON = 200


class HostKind(StrEnum):
    """Which program runs the app."""

    AUTO = "auto"
    """Core Tools if they work here, otherwise the local host."""
    CORE_TOOLS = "core-tools"
    LOCAL = "local"


class HostsError(Exception):
    """A functions host cannot be started, or has ended; the message contains its output."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The running functions hosts."""

    kind: HostKind
    processes: tuple[ChildProcess, ...]
    name: str = "the project's own"
    """Which program they are, in words."""
    why_no_core_tools: str = ""
    """Why the Core Tools of this machine, which would have been preferred, are not used."""

    @property
    def address(self) -> str | None:
        """The HTTP address of the first host, such as http://127.0.0.1:7071/api; None before it is ready."""
        found = _ADDRESS.search(_output(self.processes[0]))
        return None if found is None else found[0]

    def check(self) -> None:
        """Check that all hosts still run.

        Raises:
            HostsError: one has ended.
        """
        for process in self.processes:
            if process.exit_code is not None:
                raise HostsError(
                    f"{process.name} ended with exit code {process.exit_code}. It wrote (all of it is in "
                    f"{process.log}):\n{process.last_output()}"
                )

    def wait_until_ready(self) -> None:
        """Wait until all hosts are ready.

        Raises:
            HostsError: one has ended, asks a question, or is not ready in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        for process in self.processes:
            while not self._is_ready(output := _output(process)):
                self.check()
                if _QUESTION.search(output):
                    raise HostsError(f"{process.name} asks a question and waits for an answer; see {process.log}.")
                if time.monotonic() > deadline:
                    raise HostsError(f"{process.name} is not ready after {_START_SECONDS} seconds; see {process.log}.")
                time.sleep(0.05)

    def _is_ready(self, output: str) -> bool:
        return _READY in output if self.kind is HostKind.LOCAL else _ADDRESS.search(output) is not None


@contextmanager
def running_hosts(
    toolchain: Toolchain,
    kind: HostKind,
    settings: Mapping[str, str],
    *,
    number: int,
    logs: Path,
    port: int | None = None,
    pace: Pace = Pace.QUICK,
) -> Iterator[Hosts]:
    """`number` functions hosts of the app that share the work, for as long as the context lasts.

    The first one listens on `port`, or on the first free one from `FIRST_PORT` on. `pace` is that of the project's own
    host. Core Tools are ready when the context begins.

    Raises:
        HostsError: the port is in use, or Core Tools are requested and do not work here.
    """
    environment = _with_tools_on_path(settings, toolchain)
    if port is not None and not _is_free(port):
        raise HostsError(f"Port {port} is in use by another program: give another one with --port.")
    with ExitStack() as running:
        why = ""
        if kind is not HostKind.LOCAL:
            try:
                hosts = running.enter_context(_core_tools(toolchain, environment, _free_ports(port, number), logs))
            except (CoreToolsUnusable, HostsError) as error:
                if kind is HostKind.CORE_TOOLS:
                    raise HostsError(f"{error}, or use --host local.") from error
                why = "" if isinstance(error, CoreToolsMissing) else f"{error}."
            else:
                yield hosts
                return
        # It finds the first free port itself, so that two runs that start at once do not find the same one.
        first = ["--port", str(FIRST_PORT), "--or-next", str(_PORTS_TRIED)] if port is None else ["--port", str(port)]
        own = [
            [sys.executable, "-m", "local.functions_host", "--id", f"host-{instance}", "--pace", pace, *listens]
            for instance, listens in enumerate([first, *[["--port", "0"]] * (number - 1)], 1)
        ]
        processes = running.enter_context(_running(own, "functions-host", environment, logs, signal.SIGTERM))
        yield Hosts(HostKind.LOCAL, processes, why_no_core_tools=why)


@contextmanager
def _core_tools(
    toolchain: Toolchain, environment: Mapping[str, str], ports: Sequence[int], logs: Path
) -> Iterator[Hosts]:
    """Hosts of Core Tools on these ports, all of them ready. Raises CoreToolsUnusable."""
    found = toolchain.core_tools()
    commands = [[str(found.func), "start", "--port", str(listens_on)] for listens_on in ports]
    # They ignore SIGTERM, and start their worker again when it ends: Ctrl-C for all of them is what ends them.
    with _running(commands, "core-tools", environment, logs, signal.SIGINT) as processes:
        hosts = Hosts(HostKind.CORE_TOOLS, processes, f"Azure Functions Core Tools {found.version}")
        try:
            hosts.wait_until_ready()
        except HostsError as error:
            raise CoreToolsUnusable(
                f"{hosts.name} did not start ({_reason(processes)}; all of their output is in {processes[0].log}). "
                "They get their extension bundle from https://cdn.functions.azure.com: give them a way there"
            ) from error
        yield hosts


@contextmanager
def _running(
    commands: Sequence[Sequence[str]],
    name: str,
    environment: Mapping[str, str],
    logs: Path,
    stop_signal: signal.Signals,
) -> Iterator[tuple[ChildProcess, ...]]:
    with ExitStack() as started:
        processes: list[ChildProcess] = []
        for instance, command in enumerate(commands, 1):
            process = ChildProcess.start(
                f"functions host {instance}",
                command,
                log=logs / f"{name}-{instance}.log",
                environment=environment,
                stop_signal=stop_signal,
            )
            started.callback(process.stop)
            processes.append(process)
        # Called before any `stop`: all of them end at the same time.
        for process in processes:
            started.callback(process.ask_to_stop)
        yield tuple(processes)


def _output(process: ChildProcess) -> str:
    return process.log.read_text(encoding="utf-8", errors="replace")


def _reason(processes: Sequence[ChildProcess]) -> str:
    """The last line that tells of a fault, or else the last line."""
    output = "\n".join(map(_output, processes))
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["without a word"]
    return next((line for line in reversed(lines) if _FAULT.search(line)), lines[-1])[:_LONGEST_REASON]


def _free_ports(wanted: int | None, number: int) -> list[int]:
    """Ports for Core Tools: the wanted one first, or the first free one from `FIRST_PORT` on."""
    usual = (port for port in range(FIRST_PORT, FIRST_PORT + _PORTS_TRIED) if _is_free(port))
    return [wanted or next(usual, 0) or _free_port(), *(_free_port() for _ in range(1, number))]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":
            # As the hosts do, so that a port whose last connection is still winding down counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _with_tools_on_path(settings: Mapping[str, str], toolchain: Toolchain) -> dict[str, str]:
    """Core Tools start the `python` and the `node` on PATH, which must be those of this environment."""
    folders = [str(Path(sys.executable).parent), str(toolchain.node.parent), settings.get("PATH", "")]
    return dict(settings) | {
        "PATH": os.pathsep.join(folders),
        "VIRTUAL_ENV": sys.prefix,
        # Core Tools may otherwise take another Python than the one on PATH.
        "languageWorkers__python__defaultExecutablePath": sys.executable,
        "FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT": "true",
        "PYTHONUNBUFFERED": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
