"""Hosts killed every few seconds, a storage that restarts, and a service with every fault switched on.

pytest tests/whole_way/test_killed.py --campaign      20 files of 1,000 rows
"""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from local.partner_center import Behaviour, Fault, PartnerCenterStandIn
from tests.whole_way.stack import Stack, assert_every_row_has_one_outcome, running_stack, tuples

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
KILL_SECONDS = 4.0
HOSTS = 3


class Killer:
    """Kills one host after another, and restarts the storage once. At its end it raises what it failed with."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack = stack
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self.kills = 0

    def __enter__(self) -> Self:
        self._ended = self._thread.submit(self._kill_and_start)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._ended.result()

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
            # On a slow machine the next one is killed later, or none would ever get to work.
            self._stack.wait_until_ready(place, 30)


def test_every_row_ends_once_whatever_is_killed(tmp_path: Path, campaign: bool) -> None:
    files, rows, fault_seconds, seconds = (20, 1_000, 300, 1_800) if campaign else (4, 500, 40, 400)
    behaviour = Behaviour(delay=1, latency=0.05, retry_after=1, faults=FAULTS, seed=7)
    with (
        PartnerCenterStandIn(behaviour) as service,
        running_stack(tmp_path, service, hosts=HOSTS, lease_seconds=5, settings=SETTINGS) as stack,
    ):
        with Killer(stack, seed=7) as killer:
            dropped = [stack.drop(f"file-{number}.csv", tuples(f"K{number}", rows)) for number in range(files)]
            time.sleep(fault_seconds)
            # The longest back-off grows with the faults, and the test would only wait for it.
            service.recover()
            stack.wait_until_closed(dropped, seconds)
        for file in dropped:
            outcomes = assert_every_row_has_one_outcome(stack, file, rows)
            assert set(outcomes) <= {"registered", "already_registered"}, outcomes
        assert len(service.report()["devices"]) == files * rows
        assert killer.kills >= 4, "too few were killed, or the storage was never restarted"
        assert "The host gave up on a message" not in stack.logs, "something was poisoned"
