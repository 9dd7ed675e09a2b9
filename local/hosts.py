"""The functions hosts of a run: Core Tools if they are installed, otherwise the project's own host."""

import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from local.processes import ChildProcess
from local.toolchain import Toolchain

_START_SECONDS = 120
_ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+/api\b")
"""As either host writes it into its log."""
_READY = {"core-tools": "Host lock lease acquired", "local": "The functions host is ready"}


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

    @property
    def address(self) -> str | None:
        """The HTTP address of the first host, such as http://127.0.0.1:7071/api; None before it is ready."""
        found = _ADDRESS.search(self.processes[0].log.read_text(encoding="utf-8", errors="replace"))
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
        """Wait until the first host is ready; the others follow by themselves.

        Raises:
            HostsError: one has ended.
        """
        deadline = time.monotonic() + _START_SECONDS
        first = self.processes[0]
        while _READY[self.kind] not in first.log.read_text(encoding="utf-8", errors="replace"):
            self.check()
            if time.monotonic() > deadline:
                raise HostsError(f"{first.name} is not ready after {_START_SECONDS} seconds; see {first.log}.")
            time.sleep(0.05)


@contextmanager
def running_hosts(
    toolchain: Toolchain, kind: HostKind, settings: Mapping[str, str], *, number: int, logs: Path
) -> Iterator[Hosts]:
    """`number` functions hosts of the app that share the work, for as long as the context lasts.

    Raises:
        HostsError: Core Tools are requested and do not work here.
    """
    core_tools = None if kind is HostKind.LOCAL else toolchain.core_tools()
    if core_tools is None and kind is HostKind.CORE_TOOLS:
        raise HostsError(
            "Azure Functions Core Tools do not answer to 'func --version'. Install them, or use --host local."
        )
    with ExitStack() as started:
        processes: list[ChildProcess] = []
        for instance in range(1, number + 1):
            process = ChildProcess.start(
                f"functions host {instance}",
                _own_host(instance) if core_tools is None else _func(core_tools),
                log=logs / f"functions-host-{instance}.log",
                environment=_with_tools_on_path(settings, toolchain),
            )
            started.callback(process.stop)
            processes.append(process)
        # Called before any `stop`: all of them end at the same time.
        for process in processes:
            started.callback(process.ask_to_stop)
        yield Hosts(HostKind.LOCAL if core_tools is None else HostKind.CORE_TOOLS, tuple(processes))


def _own_host(instance: int) -> list[str]:
    return [sys.executable, "-m", "local.functions_host", "--id", f"host-{instance}", "--port", "0"]


def _func(core_tools: Path) -> list[str]:
    return [str(core_tools), "start", "--port", str(_free_port())]


def _with_tools_on_path(settings: Mapping[str, str], toolchain: Toolchain) -> dict[str, str]:
    """Core Tools start the `python` and the `node` on PATH, which must be those of this environment."""
    folders = [str(Path(sys.executable).parent), str(toolchain.node.parent), settings.get("PATH", "")]
    return dict(settings) | {
        "PATH": os.pathsep.join(folders),
        "VIRTUAL_ENV": sys.prefix,
        "FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT": "true",
        "PYTHONUNBUFFERED": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
