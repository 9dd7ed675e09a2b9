"""Hosts killed every few seconds, a storage that restarts, and a service with every fault switched on.

pytest tests/whole_way/test_killed.py --campaign      20 files of 1,000 rows
"""

import random
import threading
import time
from pathlib import Path

import pytest

from local.partner_center import Behaviour, Fault, PartnerCenterStandIn
from shared.settings import StorageConnectionString
from shared.storage.connection import BLOB_POISON_QUEUE, SUBMISSIONS_POISON_QUEUE, open_storage
from tests.whole_way.stack import Stack, assert_every_row_has_one_outcome, running_stack, tuples

FAULTS = {
    Fault.THROTTLE: 0.2,
    Fault.UNAVAILABLE: 0.2,
    Fault.DROPPED_BEFORE: 0.1,
    Fault.DROPPED_AFTER: 0.1,
    Fault.TRUNCATED: 0.03,
    Fault.NOT_JSON: 0.03,
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
KILL_SECONDS = 4.0
HOSTS = 3


class Killer:
    """Kills one host after another, and restarts the storage once."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack = stack
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._kill_and_start)
        self.kills = 0

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _kill_and_start(self) -> None:
        while not self._stop.wait(KILL_SECONDS * (0.5 + self._random.random())):
            place = self._random.randrange(HOSTS)
            self._stack.kill_host(place)
            self.kills += 1
            if self.kills == 3:
                self._stack.stop_azurite()
                time.sleep(1)
                self._stack.start_azurite()
            self._stack.start_host(place)


def test_every_row_ends_once_whatever_is_killed(tmp_path: Path, campaign: bool) -> None:
    files, rows, seconds = (20, 1_000, 1_800) if campaign else (4, 500, 400)
    behaviour = Behaviour(delay=1, latency=0.05, retry_after=1, faults=FAULTS, seed=7)
    with (
        PartnerCenterStandIn(behaviour) as service,
        running_stack(tmp_path, service, hosts=HOSTS, lease_seconds=5, settings=SETTINGS) as stack,
    ):
        with Killer(stack, seed=7) as killer:
            dropped = [stack.drop(f"file-{number}.csv", tuples(f"K{number}", rows)) for number in range(files)]
            stack.wait_until_closed(dropped, seconds)
        for file in dropped:
            outcomes = assert_every_row_has_one_outcome(stack, file, rows)
            assert set(outcomes) <= {"registered", "already_registered"}, outcomes
        assert len(service.report()["devices"]) == files * rows
        assert killer.kills > 0
        _assert_nothing_is_poisoned(stack)


def _assert_nothing_is_poisoned(stack: Stack) -> None:
    storage = open_storage(StorageConnectionString(stack.storage))
    for name in (SUBMISSIONS_POISON_QUEUE, BLOB_POISON_QUEUE):
        queue = storage.queue(name)
        try:
            assert queue.peek_messages() == []
        except Exception as error:  # noqa: BLE001 - the queue is made when it is first needed
            assert "QueueNotFound" in str(error)  # noqa: PT017


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
