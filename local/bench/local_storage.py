"""Storage, service and app of a measurement, as separate processes."""

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.app_settings import app_settings
from local.bench.bench import BATCH, CUSTOMER, BenchError
from local.processes import ChildProcess
from shared.pipeline.blob_names import DROP_CONTAINER, file_id
from shared.pipeline.composition import compose
from shared.settings import settings_from
from shared.storage.connection import BLOB_RANGE
from shared.storage.journal import Journal
from shared.vocabulary import FileState

_SERVICE_LISTENING = re.compile(r"Partner Center stand-in: (http://\S+)")
_THINKING = re.compile(r"Thinking: (http://\S+)")
_START_SECONDS = 30
_NOWHERE = "http://127.0.0.1:9"


@contextmanager
def running_service(folder: Path, *, delay: float = 0.0) -> Iterator[str]:
    """The address of a Partner Center stand-in that needs `delay` seconds for an upload.

    Raises:
        BenchError: it did not start.
    """
    arguments = ["local.partner_center", "--delay", str(delay)]
    with _running("the Partner Center stand-in", arguments, _SERVICE_LISTENING, folder) as address:
        yield address


@contextmanager
def running_thinking_service(folder: Path, seconds: float) -> Iterator[str]:
    """The address of a service that accepts every upload, and answers each request after `seconds`.

    Raises:
        BenchError: it did not start.
    """
    arguments = ["local.bench.thinking_service", str(seconds)]
    with _running("the thinking service", arguments, _THINKING, folder) as address:
        yield address


@contextmanager
def _running(name: str, arguments: list[str], line: re.Pattern[str], folder: Path) -> Iterator[str]:
    process = ChildProcess.start(name, [sys.executable, "-m", *arguments], log=folder / "service.log")
    try:
        yield wait_for(process, line)[1]
    finally:
        process.stop()


def wait_for(process: ChildProcess, line: re.Pattern[str]) -> re.Match[str]:
    """The first `line` in the output of the process.

    Raises:
        BenchError: the process ended, or wrote no such line within half a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if found := line.search(process.log.read_text(encoding="utf-8", errors="replace")):
            return found
        if process.wait(0.05) is not None:
            break
    raise BenchError(f"{process.name} did not start. It wrote:\n{process.last_output()}")


def settings_for(storage: str, service: str, **changes: str) -> dict[str, str]:
    """The environment of the app in a measurement. Settings in the caller's own environment must not change it."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(("LC_", "PYTHON"))}
    return app_settings(kept | changes, storage=storage, partner_center_url=service)


_KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE", "VIRTUAL_ENV"})


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that was dropped for the one customer of the bench."""

    path: str
    file_id: str


def drop(storage: str, content: Iterable[bytes], name: str = "devices.csv") -> Dropped:
    """Drop a file as a stream."""
    service = BlobServiceClient.from_connection_string(
        storage, max_block_size=BLOB_RANGE, max_single_put_size=BLOB_RANGE
    )
    with suppress(ResourceExistsError):
        service.create_container(DROP_CONTAINER)
    path = f"{CUSTOMER}/{BATCH}/{name}"
    etag = str(service.get_blob_client(DROP_CONTAINER, path).upload_blob(content, overwrite=True)["etag"])
    return Dropped(path, file_id(path, etag))


def journal_of(storage: str) -> Journal:
    """The journal in a storage, for reading."""
    return compose(settings_from(settings_for(storage, _NOWHERE))).journal


def is_closed(journal: Journal, dropped: Dropped) -> bool:
    """Whether a file is final.

    Raises:
        BenchError: the file is final, but not closed as intended.
    """
    try:
        stored = journal.files.get(CUSTOMER, dropped.file_id)
    except ResourceNotFoundError:
        # The app has not created its tables yet.
        return False
    if stored is not None and stored.record.state in (FileState.REJECTED, FileState.GONE):
        raise BenchError(f"The file was not taken: {stored.record.reason}, {stored.record.reason_text}")
    return stored is not None and stored.record.state is FileState.CLOSED


def run_program(
    name: str,
    arguments: list[str],
    *,
    log: Path,
    seconds: float,
    environment: Mapping[str, str],
    python: str = sys.executable,
) -> str:
    """Run a Python program to its end, with this interpreter or another; returns its output.

    Raises:
        BenchError: it failed, or did not finish in time.
    """
    process = ChildProcess.start(name, [python, *arguments], log=log, environment=environment)
    try:
        code = process.wait(seconds)
    finally:
        process.stop()
    if code != 0:
        how = f"was not done after {seconds:g} seconds" if code is None else f"ended with exit code {code}"
        raise BenchError(f"{name} {how}. It wrote:\n{process.last_output()}")
    return log.read_text(encoding="utf-8", errors="replace")
