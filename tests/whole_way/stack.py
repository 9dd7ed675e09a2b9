"""Azurite, the stand-in and functions hosts as real processes, and a person who drops files and reads results."""

import csv
import io
import json
import os
import re
import sys
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import requests
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobServiceClient

from local.app_settings import app_settings
from local.azurite import Azurite, Ports, running_azurite
from local.dropping import DropContainer, Dropped
from local.functions_host.__main__ import READY
from local.partner_center import PartnerCenterStandIn
from local.processes import ChildProcess
from local.set_up import ready_toolchain
from shared.pipeline.blob_names import RESULTS_CONTAINER, drop_path, results_folder
from shared.pipeline.drop_path import parse_drop_path
from shared.plain_session import PlainSession
from shared.settings import StorageConnectionString
from shared.storage.connection import FILE_EVENTS_QUEUE, StorageClients, open_storage
from shared.storage.journal import Journal
from shared.vocabulary import FileOrder, FileState, Outcome

CUSTOMER = "c7f3c849-129f-4b85-a96d-4f8e88b315a3"
HEADER = "Device Serial Number,Windows Product ID,Hardware Hash,Manufacturer name,Device model"

TOKEN = "the-token-of-these-tests"

LONGEST_SECONDS = 600
"""After which a test fails instead of waiting for ever. How long anything takes is told by the bench."""

LONGEST_ANSWER = 60.0
"""Seconds that an answer over HTTP may take."""

_ADDRESS = re.compile(r"HTTP functions answer at (\S+)")

Summaries = dict[str, dict[str, Any]]

Found = TypeVar("Found")


@dataclass(slots=True)
class Stack:
    """The running parts."""

    folder: Path
    service: PartnerCenterStandIn
    settings: Mapping[str, str]
    lease_seconds: int = 600
    azurite: Azurite | None = None
    ports: Ports = field(default_factory=Ports)
    hosts: dict[int, ChildProcess] = field(default_factory=dict)
    started: int = 0
    _azurite_exit: ExitStack = field(default_factory=ExitStack)

    # --- processes

    def start_azurite(self) -> None:
        """Start the storage, on the same ports and with the same contents as before."""
        running = running_azurite(ready_toolchain(), data=self.folder / "azurite", ports=self.ports)
        self.azurite = self._azurite_exit.enter_context(running)
        self.ports = self.azurite.ports

    def stop_azurite(self) -> None:
        """Stop the storage politely; it keeps what it acknowledged."""
        self._azurite_exit.close()

    def kill_azurite(self) -> None:
        """SIGKILL: it loses what it acknowledged since it saved its indexes last, every five seconds."""
        assert self.azurite is not None
        self.azurite.process.kill()
        self._azurite_exit.close()

    def start_host(self, place: int) -> None:
        """Start a functions host."""
        self.started += 1
        self.hosts[place] = ChildProcess.start(
            f"host {place}",
            [
                *(sys.executable, "-m", "local.functions_host", "--id", f"host-{place}", "--port", "0"),
                *("--queue-lease-seconds", str(self.lease_seconds)),
            ],
            log=self.folder / f"host-{place}-{self.started}.log",
            environment=app_settings(
                os.environ | {"PARTNER_CENTER_TOKEN": TOKEN} | dict(self.settings),
                storage=self.storage,
                partner_center_url=self.service.url,
            ),
        )

    def wait_until_ready(self, place: int) -> None:
        """Wait until a host is at work."""
        deadline = time.monotonic() + LONGEST_SECONDS
        host = self.hosts[place]
        while READY not in host.log.read_text(errors="replace"):
            assert time.monotonic() < deadline, host.last_output()
            time.sleep(0.05)

    def kill_host(self, place: int) -> None:
        """SIGKILL: no chance to tidy up."""
        self.hosts.pop(place).kill()

    def stop(self) -> None:
        """End everything."""
        for host in self.hosts.values():
            host.ask_to_stop()
        for host in self.hosts.values():
            host.stop()
        self.stop_azurite()

    @property
    def storage(self) -> str:
        """The connection string."""
        assert self.azurite is not None
        return self.azurite.connection_string

    @property
    def logs(self) -> str:
        """Everything that every host wrote."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("host-*.log")))

    # --- a person

    def drop(
        self,
        name: str,
        content: str | bytes,
        batch: str = "Test",
        order: FileOrder = FileOrder.REGISTER,
        customer: str = CUSTOMER,
    ) -> Dropped:
        """Drop a file for a customer."""
        file = self.folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        container = DropContainer(self._blobs())
        with suppress(ResourceExistsError):
            container.prepare()
        return container.drop(file, drop_path(customer, batch, name, order))

    def holds(self, dropped: Dropped) -> bool:
        """Whether storage has this version of a dropped file, as `run` asks at its start."""
        return DropContainer(self._blobs()).holds(dropped)

    def wait_until_closed(self, dropped: list[Dropped], seconds: float = LONGEST_SECONDS) -> Summaries:
        """Wait until every file is final; the summaries by file id."""
        deadline, summaries = time.monotonic() + seconds, Summaries()
        while time.monotonic() < deadline:
            summaries = {file.file_id: summary for file in dropped if (summary := self.summary(file)) is not None}
            if len(summaries) == len(dropped) and all(_is_final(summary) for summary in summaries.values()):
                return summaries
            time.sleep(0.3)
        open_files = [file.path for file in dropped if not _is_final(summaries.get(file.file_id, {}))]
        raise AssertionError(f"not closed within {seconds} s: {open_files}; the hosts wrote:\n{self.logs[-6000:]}")

    def summary(self, dropped: Dropped) -> dict[str, Any] | None:
        """summary.json, or None while there is none or the storage is away."""
        try:
            content = self._read(f"{_results(dropped)}/summary.json")
        except AzureError:
            return None
        summary: dict[str, Any] = json.loads(content)
        return summary

    def rows(self, dropped: Dropped) -> list[dict[str, str]]:
        """The lines of results.csv."""
        text = self._read(f"{_results(dropped)}/results.csv").decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def wait_for(self, find: Callable[[], Found | None]) -> Found:
        """Ask until there is something, and return that."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while (found := find()) is None:
            assert time.monotonic() < deadline, f"the hosts wrote:\n{self.logs[-6000:]}"
            time.sleep(0.3)
        return found

    def ask(self, address: str, method: str = "GET") -> requests.Response:
        """What the first host answers at an address below `api/`."""
        self.wait_until_ready(0)
        (base,) = _ADDRESS.findall(self.hosts[0].log.read_text(errors="replace"))
        with PlainSession(1) as session:
            answer = session.request(method, f"{base}/{address}", timeout=LONGEST_ANSWER)
        answer.raise_for_status()
        return answer

    def take_events(self) -> list[dict[str, Any]]:
        """The events that were not taken before, of everything that has ended or drifted."""
        queue, events = self._clients.queue(FILE_EVENTS_QUEUE), []
        for message in queue.receive_messages():
            events.append(json.loads(b64decode(message.content)))
            queue.delete_message(message)
        return events

    @property
    def journal(self) -> Journal:
        """The journal of the app."""
        return Journal(self._clients.table)

    # --- somebody else

    def do_elsewhere(self, **act: str | list[str]) -> None:
        """Do something with a device of the customer at the service, behind the app's back."""
        url, wanted = f"{self.service.url}/stand-in/devices", {"customer": CUSTOMER} | act
        with PlainSession(1) as session:
            session.request("POST", url, json=wanted, timeout=LONGEST_ANSWER).raise_for_status()

    @property
    def _clients(self) -> StorageClients:
        return open_storage(StorageConnectionString(self.storage))

    def _read(self, path: str) -> bytes:
        return self._blobs().get_blob_client(RESULTS_CONTAINER, path).download_blob().readall()

    def _blobs(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.storage, retry_total=1)


@contextmanager
def running_stack(
    folder: Path,
    service: PartnerCenterStandIn,
    *,
    hosts: int,
    lease_seconds: int = 600,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Everything running, ended with the context whatever happens."""
    stack = Stack(folder, service, settings or {}, lease_seconds)
    try:
        stack.start_azurite()
        for place in range(hosts):
            stack.start_host(place)
        yield stack
    finally:
        stack.stop()


def tuples(prefix: str, count: int) -> str:
    """A device file of serial numbers, manufacturer and model."""
    return "\r\n".join([HEADER, *(f"{prefix}-{number:06d},,,LENOVO,21R3001BUK" for number in range(count)), ""])


def assert_every_row_has_one_outcome(stack: Stack, file: Dropped, count: int) -> Counter[str]:
    """The first promise, read from what a person gets; how many ended how."""
    rows, summary = stack.rows(file), stack.summary(file)
    assert summary is not None
    assert summary["state"] == FileState.CLOSED
    assert [int(row["row"]) for row in rows] == list(range(1, count + 1))
    outcomes = Counter(row["outcome"] for row in rows)
    assert set(outcomes) <= set(Outcome)
    assert {name: number for name, number in summary["counts"].items() if number and name != "total"} == outcomes
    assert summary["counts"]["total"] == count
    return outcomes


def _is_final(summary: Mapping[str, Any]) -> bool:
    return "state" in summary and FileState(summary["state"]).is_final


def _results(dropped: Dropped) -> str:
    """Where the results of a file stand."""
    place = parse_drop_path(dropped.path)
    return results_folder(place.customer_id, place.batch_id, place.name, dropped.file_id)
