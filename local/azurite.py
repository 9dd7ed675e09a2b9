"""Azurite, the storage emulator, as a child process: blobs, queues and tables on this machine."""

import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.processes import ChildProcess
from local.toolchain import Toolchain

# The account that an Azurite has unless told otherwise; name and key are published in its manual.
ACCOUNT_NAME = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_SERVICES = ("Blob", "Queue", "Table")
_LISTENING = re.compile(r"Azurite (Blob|Queue|Table) service is successfully listening at http://127\.0\.0\.1:(\d+)")
_START_SECONDS = 60


class AzuriteError(Exception):
    """Azurite did not start; the message contains its output."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the three services on the loopback interface; 0 lets the system choose a free one."""

    blob: int = 0
    queue: int = 0
    table: int = 0


WELL_KNOWN_PORTS = Ports(10000, 10001, 10002)
"""Where `UseDevelopmentStorage=true` looks."""


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running Azurite."""

    process: ChildProcess
    ports: Ports

    @property
    def connection_string(self) -> str:
        """The connection string for storage clients."""
        return self.connection_string_of(ACCOUNT_NAME)

    def connection_string_of(self, account: str) -> str:
        """The connection string for one of several accounts; all have the same key."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{self.ports.blob}/{account};"
            f"QueueEndpoint=http://127.0.0.1:{self.ports.queue}/{account};"
            f"TableEndpoint=http://127.0.0.1:{self.ports.table}/{account};"
        )


@contextmanager
def running_azurite(
    toolchain: Toolchain,
    *,
    data: Path | None = None,
    ports: Ports | None = None,
    log: Path | None = None,
    accounts: Sequence[str] = (ACCOUNT_NAME,),
) -> Iterator[Azurite]:
    """An Azurite that answers, for as long as the context lasts.

    `data` is the folder its contents live in; None keeps them in memory, gone at the end. `ports` are free ones unless
    given. `log` is the file for its output, a temporary one unless given. Nothing is shared between its `accounts`.

    Raises:
        AzuriteError: it ended or did not answer within a minute.
    """
    with tempfile.TemporaryDirectory(prefix="azurite-", ignore_cleanup_errors=True) as scratch:
        process = ChildProcess.start(
            "Azurite",
            _command(toolchain, data, ports or Ports()),
            log=log or Path(scratch, "azurite.log"),
            environment=os.environ | {"AZURITE_ACCOUNTS": ";".join(f"{account}:{ACCOUNT_KEY}" for account in accounts)},
            folder=Path(scratch),
        )
        try:
            yield Azurite(process, _wait_until_listening(process))
        finally:
            process.stop()


def _command(toolchain: Toolchain, data: Path | None, ports: Ports) -> list[str]:
    return [
        str(toolchain.node),
        str(toolchain.azurite),
        # Its newest known API version is older than the one today's storage clients send.
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--silent",
        *(["--inMemoryPersistence"] if data is None else ["--location", str(data)]),
        *("--blobPort", str(ports.blob), "--queuePort", str(ports.queue), "--tablePort", str(ports.table)),
    ]


def _wait_until_listening(process: ChildProcess) -> Ports:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = dict(_LISTENING.findall(process.log.read_text(encoding="utf-8", errors="replace")))
        if len(found) == len(_SERVICES):
            return Ports(*(int(found[service]) for service in _SERVICES))
        if process.wait(0.05) is not None:
            raise AzuriteError(f"Azurite ended while starting. It wrote:\n{process.last_output()}")
    raise AzuriteError(f"Azurite did not answer within {_START_SECONDS} seconds. It wrote:\n{process.last_output()}")
