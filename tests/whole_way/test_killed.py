"""Hosts killed every few seconds, a storage that restarts, and a service with every fault switched on.

pytest tests/whole_way/test_killed.py --campaign -s   20 files of 1,000 rows, twice; the second time under load
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Self

import pytest
from azure.core.exceptions import AzureError

from local.dropping import Dropped
from local.partner_center import Behaviour, Fault, PartnerCenterStandIn
from shared.settings import StorageConnectionString
from shared.storage.connection import open_storage
from shared.storage.journal import Journal
from shared.storage.records import DeviceFile
from shared.vocabulary import FileState
from tests.whole_way.stack import (
    CUSTOMER,
    LONGEST_SECONDS,
    Stack,
    assert_every_row_has_one_outcome,
    running_stack,
    tuples,
)

pytestmark = pytest.mark.takes_long

FAULTS = {
    Fault.THROTTLE: 0.2,
    Fault.UNAVAILABLE: 0.2,
    Fault.DROPPED_BEFORE: 0.1,
    Fault.DROPPED_AFTER: 0.1,
    Fault.TRUNCATED: 0.02,
    Fault.NOT_JSON: 0.02,
    Fault.WITHOUT_LOCATION: 0.03,
    Fault.LINK_IN_BODY: 0.1,
    Fault.FORGET_REQUEST_IDS: 0.2,
}
SETTINGS = {
    "CLAIM_SECONDS": "8",
    "DEVICES_PER_SUBMISSION": "100",
    "SWEEP_SCHEDULE": "*/3 * * * * *",
    "POLL_FIRST_DELAY_SECONDS": "0.5",
    "POLL_MAX_DELAY_SECONDS": "1",
}
HOSTS = 3
KILLS_BEFORE_RESTART = 3
"""Of hosts, after which the storage is restarted."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is done while how much is killed."""

    files: int
    rows: int
    kills: int
    seconds_between_kills: float
    seconds_to_close: float


ORDINARY = Extent(files=4, rows=500, kills=5, seconds_between_kills=2, seconds_to_close=LONGEST_SECONDS)
CAMPAIGN = Extent(files=20, rows=1_000, kills=60, seconds_between_kills=4, seconds_to_close=1_800)


class Killer:
    """Kills one host after another, and restarts the storage once. At its end it raises what it failed with."""

    def __init__(self, stack: Stack, seed: int, extent: Extent) -> None:
        self._stack = stack
        self._extent = extent
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._has_killed_enough = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self.kills = 0

    def __enter__(self) -> Self:
        self._ended = self._thread.submit(self._kill_and_start)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._ended.result()

    def wait(self) -> None:
        """Until it has killed as many as it is to; it goes on until the end."""
        while not self._has_killed_enough.wait(1):
            assert not self._ended.done(), self._ended.result()

    def _kill_and_start(self) -> None:
        while not self._stop.wait(self._extent.seconds_between_kills * (0.5 + self._random.random())):
            place = self._random.randrange(HOSTS)
            self._stack.kill_host(place)
            self.kills += 1
            if self.kills == KILLS_BEFORE_RESTART:
                self._stack.stop_azurite()
                time.sleep(1)
                self._stack.start_azurite()
            self._stack.start_host(place)
            # On a slow machine the next one is killed later, or none would ever get to work.
            self._stack.wait_until_ready(place)
            if self.kills >= self._extent.kills:
                self._has_killed_enough.set()


def test_every_row_ends_once_whatever_is_killed(tmp_path: Path, campaign: bool) -> None:
    extent = CAMPAIGN if campaign else ORDINARY
    behaviour = Behaviour(delay=1, latency=0.05, retry_after=1, faults=FAULTS, seed=7)
    with (
        PartnerCenterStandIn(behaviour) as service,
        running_stack(tmp_path, service, hosts=HOSTS, lease_seconds=5, settings=SETTINGS) as stack,
    ):
        with Killer(stack, 7, extent) as killer:
            dropped = [
                stack.drop(f"file-{number}.csv", tuples(f"K{number}", extent.rows)) for number in range(extent.files)
            ]
            killer.wait()
            # The longest back-off grows with the faults, and the test would only wait for it.
            service.recover()
            stack.wait_until_closed(dropped, extent.seconds_to_close)
        known_before = 0
        for file in dropped:
            outcomes = assert_every_row_has_one_outcome(stack, file, extent.rows)
            assert set(outcomes) <= {"registered", "already_registered"}, outcomes
            known_before += outcomes.get("already_registered", 0)
        journal = Journal(open_storage(StorageConnectionString(stack.storage)).table)
        print(  # noqa: T201 - the figures of the run
            f"{extent.files * extent.rows} rows; {killer.kills} kills; {known_before} devices were known when "
            f"they were sent again; {_longest_way(journal, dropped)}"
        )
        assert len(service.report()["devices"]) == extent.files * extent.rows
        assert "The host gave up on a message" not in stack.logs, "something was poisoned"


def _longest_way(journal: Journal, dropped: Sequence[Dropped]) -> str:
    """The file that took longest, and what came before the longest standstill of one of its submissions."""
    files = [stored.record for one in dropped if (stored := journal.files.get(CUSTOMER, one.file_id)) is not None]
    seconds, file = max(
        ((((file.closed_at or file.received_at) - file.received_at).seconds, file) for file in files), key=itemgetter(0)
    )
    pauses = [
        (datetime.fromisoformat(later[:19]) - datetime.fromisoformat(earlier[:19]), earlier[20:])
        for stored in journal.submissions.of_reading(file.reading_id)
        for earlier, later in pairwise(stored.record.history)
    ]
    longest, sentence = max(pauses)
    return f"the last file closed after {seconds} s, of which it stood still for {longest.seconds} s after: {sentence}"


# --- load

LOAD = {
    Fault.THROTTLE: 0.05,
    Fault.UNAVAILABLE: 0.05,
    Fault.DROPPED_BEFORE: 0.03,
    Fault.DROPPED_AFTER: 0.03,
}
FILES_OF_THE_LOAD, ROWS_OF_THE_LOAD = 20, 1_000
SECONDS_BETWEEN_KILLS = 20
SECONDS_OF_FAULTS = 240
"""After which the service recovers: the longest back-off grows with the faults, and the test would only wait for it."""
SECONDS_FOR_THE_LOAD = 1_500


@dataclass(slots=True)
class Load:
    """Files that a person drops, and drops again where storage lost them."""

    stack: Stack
    journal: Journal
    dropped: dict[int, Dropped]
    host_kills: int = 0
    storage_kills: int = 0
    dropped_again: int = 0

    def drop(self, number: int) -> None:
        name, content = f"load-{number}.csv", tuples(f"L{number}", ROWS_OF_THE_LOAD)
        self.dropped[number] = self.stack.drop(name, content, batch=f"Load-{number}")

    def kill(self, chance: random.Random) -> None:
        """Kill a host and storage, and start them again."""
        place = chance.randrange(HOSTS)
        self.stack.kill_host(place)
        self.stack.kill_azurite()
        self.stack.start_azurite()
        self.stack.start_host(place)
        self.host_kills, self.storage_kills = self.host_kills + 1, self.storage_kills + 1
        for number, dropped in self.dropped.items():
            if self.file(number) is None and not self.stack.holds(dropped):
                self.drop(number)
                self.dropped_again += 1

    def file(self, number: int) -> DeviceFile | None:
        """The journal's record of a file; None while it is not received or storage is away.

        Not summary.json: after a kill, blobs may be seconds older than the tables.
        """
        with suppress(AzureError):
            stored = self.journal.files.get(CUSTOMER, self.dropped[number].file_id)
            return None if stored is None else stored.record
        return None

    def open_files(self) -> list[int]:
        """The files that are not final."""
        return [number for number in self.dropped if not ((file := self.file(number)) and file.state.is_final)]

    def outcomes(self, number: int) -> Counter[str]:
        """How many rows of a closed file ended how; every row has one outcome."""
        file = self.file(number)
        assert file is not None
        assert file.state is FileState.CLOSED
        rows = list(self.journal.outcomes.of_rows(file.reading_id, 1, file.read_counts.total))
        assert [row.row for row in rows] == list(range(1, ROWS_OF_THE_LOAD + 1))
        return Counter(str(row.outcome) for row in rows)


def test_twenty_thousand_rows_under_load_end_once_while_hosts_and_storage_are_killed(
    tmp_path: Path, campaign: bool
) -> None:
    if not campaign:
        pytest.skip("takes minutes: --campaign runs it")
    behaviour, chance = Behaviour(delay=1, latency=0.05, retry_after=1, faults=LOAD, seed=11), random.Random(11)
    with (
        PartnerCenterStandIn(behaviour) as service,
        running_stack(tmp_path, service, hosts=HOSTS, lease_seconds=5, settings=SETTINGS) as stack,
    ):
        journal = Journal(open_storage(StorageConnectionString(stack.storage)).table)
        load, begun = Load(stack, journal, {}), time.monotonic()
        for number in range(FILES_OF_THE_LOAD):
            load.drop(number)
        next_kill = begun + SECONDS_BETWEEN_KILLS
        while (still_open := load.open_files()) and time.monotonic() - begun < SECONDS_FOR_THE_LOAD:
            if time.monotonic() >= next_kill:
                load.kill(chance)
                next_kill = time.monotonic() + SECONDS_BETWEEN_KILLS
            if time.monotonic() - begun >= SECONDS_OF_FAULTS:
                service.recover()
            time.sleep(1)
        seconds = time.monotonic() - begun
        closed = [load.outcomes(number) for number in load.dropped if number not in still_open]
        outcomes = sum(closed, Counter[str]())
        devices = service.report()["devices"]
        print(  # noqa: T201 - the figures of the run
            f"{FILES_OF_THE_LOAD * ROWS_OF_THE_LOAD} rows in {seconds:.0f} s; {load.host_kills} hosts and "
            f"{load.storage_kills} times storage killed; {load.dropped_again} files dropped again; "
            f"outcomes {dict(outcomes)}; {len(devices)} devices at the service; open files {still_open}"
        )
        assert still_open == []
        assert set(outcomes) <= {"registered", "already_registered"}
        assert len(devices) == FILES_OF_THE_LOAD * ROWS_OF_THE_LOAD
