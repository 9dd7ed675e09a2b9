"""A small file beside a large one of another customer, at a service that needs time and throttles the whole partner.

Time is simulated, so the figures are those of the order in which requests are sent, and the same on every machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import pytest

from local.partner_center import Fault, Operation
from shared.vocabulary import SubmissionState
from tests.pipeline.world import START
from tests.simulation.baton import Invocation
from tests.simulation.plan import CUSTOMERS, Plan, file_of, row
from tests.simulation.service import Trouble
from tests.simulation.world import SimulatedWorld

pytestmark = pytest.mark.takes_long

ANSWER = timedelta(seconds=1.5)
"""The time that the service needs for each answer."""

WORKERS = 8
"""The wake-ups that a host works on at the same time."""

SEEDS = range(3)

LARGE = 300
"""Submissions of the large file."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The requests of all customers together that the service answers in a window of time; the others get a 429."""

    requests: int
    window: timedelta


LIMIT = Limit(20, timedelta(seconds=10))


class PacedWorld(SimulatedWorld):
    """A world in which nothing fails, every answer of the service takes its time, and workers work side by side."""

    def __init__(self, plan: Plan, limit: Limit | None) -> None:
        super().__init__(plan)
        self.be_calm()
        self._limit = limit
        self._answered_at: dict[Invocation, datetime] = {}
        self._window = START
        self._requests = 0
        self.passed = 0
        self.service.troubles = self._limited

    def _limited(self, _operation: Operation, _customer_id: str) -> Trouble | None:
        if self._limit is None:
            return None
        if self.time >= self._window + self._limit.window:
            self._window, self._requests = self.time, 0
        self._requests += 1
        if self._requests > self._limit.requests:
            self.service.throttled_for = self._window + self._limit.window - self.time
            return Fault.THROTTLE
        self.passed += 1
        return None

    def _on_its_way(self, what: str) -> None:
        super()._on_its_way(what)
        if self._running is not None and what.startswith("the answer"):
            self._answered_at[self._running] = self.time + ANSWER
            self._running.pause()

    def run_until(self, is_over: Callable[[], bool]) -> None:
        """Let everything happen at its time until `is_over`."""
        while not is_over():
            if not self._work():
                self.time = max(self.time, min(self._moments()))
                if self.next_sweep <= self.time:
                    self.sweep()

    def _moments(self) -> list[datetime]:
        """When something happens next."""
        waiting = self.queue if len(self.live) < self.plan.at_once else ()
        visible = (message.visible_at for message in waiting if not message.is_leased)
        return [self.next_sweep, *self._answered_at.values(), *visible]

    def _work(self) -> bool:
        """Let the workers do what can be done now; whether there was anything."""
        ready = [each for each in self.live if self._answered_at.get(each, self.time) <= self.time]
        for invocation in ready:
            self._answered_at.pop(invocation, None)
            self.step(invocation)
        due = self.due_messages()[: self.plan.at_once - len(self.live)]
        for message in due:
            self.deliver(message)
        return bool(ready or due)


@dataclass(frozen=True, slots=True)
class Taken:
    """How long the small file took, and what of the allowed requests was used."""

    seconds: float
    """From its receipt to the acceptance of its last submission."""
    share_used: float


def taken(seed: int, batches: int, hosts: int, limit: Limit | None, *, is_alone: bool) -> Taken:
    """The small file, with a submission for each of its batches, alone or while the large one is being sent."""
    plan = Plan(
        seed=seed,
        settings={
            "DEVICES_PER_SUBMISSION": "1",
            "INLINE_SUBMISSIONS": "2",
            "HOLD_FROM_FAILED_PERCENT": "100",
            "POLL_FIRST_DELAY_SECONDS": "3600",
        },
        job_delay=timedelta(hours=10),
        clocks=(0.0,) * hosts,
        at_once=WORKERS * hosts,
    )
    world = PacedWorld(plan, limit)
    if not is_alone:
        world.drop_file(file_of(f"{CUSTOMERS[1]}/Test/large.csv", tuple(row(f"L{number}") for number in range(LARGE))))
        dropped_at = START + timedelta(seconds=15 + 3.7 * seed)
        world.run_until(lambda: world.time >= dropped_at)
    others = set(world.dropped)
    rows = tuple(row(f"S{number}", tag=f"B{number}") for number in range(batches))
    world.drop_file(file_of(f"{CUSTOMERS[0]}/small.csv", rows))
    (small,) = set(world.dropped) - others

    def is_sent() -> bool:
        found = world.submissions(small)
        return len(found) == batches and all(each.state is not SubmissionState.PENDING for each in found)

    world.run_until(is_sent)
    file = world.file(small)
    assert file is not None
    accepted = [each.accepted_at for each in world.submissions(small) if each.accepted_at is not None]
    assert len(accepted) == batches
    allowed = 1.0 if limit is None else limit.requests * ((world.time - START) / limit.window)
    return Taken((max(accepted) - file.received_at).total_seconds(), world.passed / allowed)


@pytest.mark.parametrize(("batches", "hosts"), [(1, 1), (10, 1), (10, 3)])
def test_beside_a_large_file_a_small_one_takes_at_most_twice_its_time(batches: int, hosts: int) -> None:
    alone = taken(0, batches, hosts, None, is_alone=True).seconds
    beside = [taken(seed, batches, hosts, None, is_alone=False).seconds for seed in SEEDS[:1]]
    assert max(beside) <= 2 * alone


@pytest.mark.parametrize(("batches", "hosts"), [(1, 1), (10, 1), (10, 3)])
def test_where_the_whole_partner_is_throttled_a_small_file_waits_for_a_pause_more_and_the_limit_is_used(
    batches: int, hosts: int
) -> None:
    """No request may be sent in a pause of the service, so a file that meets one takes longer than twice its time."""
    alone = taken(0, batches, hosts, LIMIT, is_alone=True).seconds
    beside = [taken(seed, batches, hosts, LIMIT, is_alone=False) for seed in SEEDS]
    seconds, pause = [each.seconds for each in beside], LIMIT.window.total_seconds()
    print(f"{batches} submissions, {hosts} hosts: alone {alone}, beside {seconds}")  # noqa: T201 - shown with -s
    assert median(seconds) <= 2 * alone + pause
    assert max(seconds) <= 2 * alone + 2 * pause
    assert min(each.share_used for each in beside) > 0.6
