"""Hosts whose clocks are wrong and jump: by five minutes, an hour and a day, forwards and backwards.

Each process has the clock of the app, which corrects the clock of its host by the dates of storage's answers.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.simulation.invariants import CLOCK_DIFFERENCE
from tests.simulation.plan import ClockJump, Plan, plan_of
from tests.simulation.scheduler import play_plan

SCHEDULES = 16
SCHEDULES_OF_A_CAMPAIGN = 400

JUMPS = tuple(sign * jump for jump in (timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)) for sign in (1, -1))
"""Of a wrong setting, of daylight saving that was taken for a change of the time, and of an empty battery."""


def _with_jumps(plan: Plan, chance: random.Random) -> Plan:
    def jump() -> ClockJump:
        after = timedelta(seconds=chance.choice((0, 10, 60, 300, 1_200, 4_000)))
        return ClockJump(after, chance.randrange(len(plan.clocks)), chance.choice(JUMPS))

    return replace(plan, jumps=tuple(jump() for _ in range(chance.randint(1, 4))))


def _apart(plan: Plan, _chance: random.Random) -> Plan:
    """Two instances that are five minutes apart, both wrong."""
    return replace(plan, clocks=(-150.0, 150.0))


@pytest.mark.parametrize("spoilt", [_with_jumps, _apart], ids=["jumps", "apart"])
def test_every_promise_is_kept_whatever_the_clocks_of_the_hosts_do(
    spoilt: Callable[[Plan, random.Random], Plan], campaign: bool
) -> None:
    assert min(map(abs, JUMPS)) > CLOCK_DIFFERENCE
    for seed in range(SCHEDULES_OF_A_CAMPAIGN if campaign else SCHEDULES):
        world = play_plan(spoilt(plan_of(seed), random.Random(seed)))
        assert not world.violations, (seed, world.violations)
