"""Chooses the next event, by the seed alone: first everything at once and in any order, then calm."""

from datetime import datetime, timedelta

import pytest

from local.partner_center.profile import Profile
from shared.pipeline.intake import receive
from shared.pipeline.submissions.line import IN_LINE
from tests.pipeline.world import START
from tests.simulation.invariants import check, watched_logs
from tests.simulation.plan import Arrival, Plan, plan_of
from tests.simulation.world import Message, SimulatedWorld

MOST_TURNS = 60_000
"""Choices in the calm phase after which the world must have come to rest."""

LONGEST_CALM = timedelta(days=30)

DAYS_OF_QUIET = 3
"""Days after rest, on which the sweeps find only the leftovers of processes that died after the previous sweep."""


class Scheduler:
    """Plays a world to its end."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._random = world.random
        self._arrivals = list(world.plan.arrivals)
        self._reins = list(world.plan.reins)
        self._strangers = list(world.plan.strangers)
        self._askings = list(world.plan.askings)

    def run(self) -> None:
        """Chaos, calm, and some days of quiet."""
        self.begin()
        self._world.note("scheduler", "calm comes")
        self._reins.clear()
        self._world.be_calm()
        self.rest()

    def begin(self) -> None:
        """Run everything at once and in any order."""
        for _ in range(self._world.plan.turns):
            self._turn()

    def rest(self) -> None:
        """Run the calm phase until there is nothing left to do, and some days of quiet."""
        self.settle()
        self._world.order_profiles()
        self.settle()
        for day in range(DAYS_OF_QUIET):
            self._world.time += timedelta(days=1)
            if self._world.plan.strangers or self._world.plan.by_night:
                self._world.read_by_night()
                self.settle()
            if day == 0:
                self._world.act_by_night()
            self._world.sweep()
            self.settle()

    def settle(self) -> None:
        """Run everything undisturbed until there is nothing left to do; nothing stays on hold."""
        while self._world.live:
            self._world.step(self._world.live[0])
        self._world.let_everything_go_on()
        latest = self._world.time + LONGEST_CALM
        for _ in range(MOST_TURNS):
            if self._world.live:
                self._world.step(self._world.live[0])
            elif due := self._world.due_messages():
                self._world.deliver(due[0])
            elif self._is_at_rest():
                return
            else:
                self._go_to(self._next_event())
                self._people_and_timers()
                self._world.let_everything_go_on()
            if self._world.time > latest or self._world.violations:
                break
        if not self._world.violations:
            self._world.violate("The world does not come to rest.")

    def _turn(self) -> None:
        world, chance = self._world, self._random.random()
        if world.live and chance < 0.75:
            world.step(self._random.choice(world.live))
        elif chance < 0.95 and len(world.live) < world.plan.at_once and (due := world.due_messages()):
            self._receive(self._random.choice(due))
        elif world.live and self._random.random() < world.plan.forgeries:
            world.forge()
        elif world.live:
            world.pass_time(timedelta(seconds=self._random.choice((0.1, 1, 10, 100))))
            self._people_and_timers()
        else:
            self._go_to(self._next_event())
            if self._random.random() < world.plan.forgeries:
                world.forge()
            world.time += timedelta(seconds=self._random.choice((0, 0.1, 3, 30)))
            self._people_and_timers()

    def _receive(self, message: Message) -> None:
        world = self._world
        if self._random.random() < world.plan.losses:
            world.lose(message)
            return
        if self._random.random() < world.plan.repeats:
            world.duplicate(message)
        world.deliver(message)

    def _people_and_timers(self) -> None:
        world = self._world
        while self._arrivals and START + self._arrivals[0].after <= world.time:
            self._act(self._arrivals.pop(0))
        while self._reins and START + self._reins[0].after <= world.time:
            world.rein(self._reins.pop(0))
        while self._strangers and START + self._strangers[0].after <= world.time:
            world.act_as_somebody_else(self._strangers.pop(0))
        while self._askings and START + self._askings[0].after <= world.time:
            world.ask_for_devices(self._askings.pop(0).customer_id)
        if world.next_sweep <= world.time:
            world.sweep()
            if self._random.random() < world.plan.repeats:
                world.sweep()

    def _act(self, arrival: Arrival) -> None:
        if arrival.file is None:
            self._world.delete_file(arrival.path)
        else:
            self._world.drop_file(arrival.file)

    def _next_event(self) -> datetime:
        world = self._world
        return min(
            [
                world.next_sweep,
                *(START + arrival.after for arrival in self._arrivals[:1]),
                *(START + rein.after for rein in self._reins[:1]),
                *(START + stranger.after for stranger in self._strangers[:1]),
                *(START + asking.after for asking in self._askings[:1]),
                *(message.visible_at for message in world.queue if not message.is_leased),
            ]
        )

    def _go_to(self, time: datetime) -> None:
        self._world.time = max(self._world.time, time)

    def _is_at_rest(self) -> bool:
        return not self._arrivals and self._world.is_at_rest()


def play(seed: int, profile: Profile | None = None) -> SimulatedWorld:
    """The world of a seed, from its first event to the last check."""
    return play_plan(plan_of(seed), profile)


def play_plan(plan: Plan, profile: Profile | None = None) -> SimulatedWorld:
    """The world of a plan, from its first event to the last check; the service does what the profile says."""
    world = SimulatedWorld(plan, profile)
    with watched_logs(world), pytest.MonkeyPatch.context() as patched:
        for priority, number in plan.shares.in_line.items():
            patched.setitem(IN_LINE, priority, number)
        patched.setattr(receive, "LARGE", plan.shares.large)
        Scheduler(world).run()
    check(world)
    return world
