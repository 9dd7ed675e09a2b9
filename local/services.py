"""The local services that the product uses: Azurite and the Partner Center stand-in."""

import json
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from local.azurite import WELL_KNOWN_PORTS, running_azurite
from local.browser_uploads import allow_uploads_from
from local.file_lock import LockedError, file_lock
from local.processes import PROJECT, ChildProcess
from local.set_up import WORK, ready_toolchain

PARTNER_CENTER_PORT = 7077
"""The port of the stand-in of `python -m local services`, which local.settings.sample.json expects."""

_PAGE_OF_CORE_TOOLS = "http://localhost:7071/api/status"
"""Where `func start` serves the page unless told otherwise."""

_PARTNER_CENTER_LISTENING = re.compile(r"Partner Center stand-in: (http://\S+)")
_START_SECONDS = 30


class ServiceError(Exception):
    """A local service cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """The storage that runs on this machine, for other commands."""

    storage: str
    """Its connection string. The key in it is Azurite's own, which is published and opens nothing else."""
    partner_center: str = ""
    """The address of the service that the app calls; empty in the record of an earlier version."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data that the local services keep between runs."""

    root: Path = WORK

    @property
    def azurite(self) -> Path:
        """The contents of storage."""
        return self.root / "azurite"

    @property
    def partner_center(self) -> Path:
        """The devices registered with the stand-in."""
        return self.root / "partner-center"

    @property
    def dropped(self) -> Path:
        """The record of the files dropped from the watched folder."""
        return self.root / "dropped.json"

    @property
    def logs(self) -> Path:
        """The output of the services and hosts of the last run."""
        return self.root / "logs"

    @property
    def running(self) -> Path:
        """The file in which a run publishes how to reach its storage."""
        return self.root / "running.json"

    @contextmanager
    def announced(self, running: Running) -> Iterator[None]:
        """Publish `running` to other commands, for as long as the context lasts."""
        # Written to another file and then renamed: another command may read it at any moment.
        beside = self.running.with_suffix(".new")
        beside.write_text(json.dumps(asdict(running)), encoding="utf-8")
        beside.replace(self.running)
        try:
            yield
        finally:
            self.running.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder: two services of the same kind must not share it.

        Raises:
            ServiceError: another local command uses it.
        """
        with ExitStack() as held:
            try:
                held.enter_context(file_lock(self.root / "services.lock", wait=False))
            except LockedError as error:
                raise ServiceError(
                    f"Another 'python -m local run' or 'python -m local services' uses the folder {self.root}. "
                    "Stop it first."
                ) from error
            yield


def running_here(data: DataFolder) -> Running | None:
    """The storage that runs with this folder, or None. After a run was killed, it may no longer run.

    A file that is damaged was left behind by a power failure: a run replaces it as a whole.
    """
    try:
        published = json.loads(data.running.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    storage = published.get("storage") if isinstance(published, dict) else None
    if not isinstance(storage, str):
        return None
    address = published.get("partner_center")
    return Running(storage, address if isinstance(address, str) else "")


@contextmanager
def running_partner_center(data: DataFolder, *, port: int = 0) -> Iterator[tuple[ChildProcess, str]]:
    """The Partner Center stand-in and its address, for as long as the context lasts; port 0 is any free one.

    Raises:
        ServiceError: it ended or did not answer in time.
    """
    data.partner_center.mkdir(parents=True, exist_ok=True)
    process = ChildProcess.start(
        "the Partner Center stand-in",
        [sys.executable, "-m", "local.partner_center", "--port", str(port), "--data", str(data.partner_center)],
        log=data.logs / "partner-center.log",
    )
    try:
        yield process, _address(process)
    finally:
        process.stop()


def _address(process: ChildProcess) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if found := _PARTNER_CENTER_LISTENING.search(process.log.read_text(encoding="utf-8", errors="replace")):
            return found[1]
        if process.wait(0.05) is not None:
            break
    raise ServiceError(f"The Partner Center stand-in did not start. It wrote:\n{process.last_output()}")


def serve() -> int:
    """Run only the services, on the ports that `func start` and storage tools expect, until Ctrl-C.

    Raises:
        ServiceError: a port is taken, or a service does not start.
    """
    toolchain = ready_toolchain()
    for port in (WELL_KNOWN_PORTS.blob, WELL_KNOWN_PORTS.queue, WELL_KNOWN_PORTS.table, PARTNER_CENTER_PORT):
        _check_free(port)
    data = DataFolder()
    with ExitStack() as services:
        services.enter_context(data.held())
        azurite = services.enter_context(
            running_azurite(toolchain, data=data.azurite, ports=WELL_KNOWN_PORTS, log=data.logs / "azurite.log")
        )
        stand_in, url = services.enter_context(running_partner_center(data, port=PARTNER_CENTER_PORT))
        services.enter_context(data.announced(Running(azurite.connection_string, url)))
        allow_uploads_from(_PAGE_OF_CORE_TOOLS, BlobServiceClient.from_connection_string(azurite.connection_string))
        print("Azurite answers on ports 10000 to 10002 (connection string: UseDevelopmentStorage=true).")
        print(f"The Partner Center stand-in answers at {url}.")
        print(_local_settings())
        print("Now 'func start' can run the app with them. Press Ctrl-C to stop the services.", flush=True)
        while True:
            for process in (azurite.process, stand_in):
                if process.wait(0.5) is not None:
                    raise ServiceError(f"{process.name} ended. It wrote:\n{process.last_output()}")


def _local_settings() -> str:
    settings, sample = PROJECT / "local.settings.json", PROJECT / "local.settings.sample.json"
    if settings.exists():
        return f"{settings.name} already exists and is left unchanged; compare it with {sample.name}."
    shutil.copyfile(sample, settings)
    return f"Wrote {settings.name}, from which 'func start' reads its settings."


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        if sys.platform != "win32":
            # As the services do; without it, a port that they have just released would count as used.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(
                f"Port {port} is used by another program, perhaps another Azurite. Stop that program, then try again."
            ) from error
