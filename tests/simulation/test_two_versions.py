"""Two versions side by side: one host runs a later version, which adds a field to every record and every message.

The later version is this version with an additional member in everything that it writes: in each row, in each object in
it, in each item of a list, and in each wake-up. The member's value is new at each write, so that a missing member and
an outdated member both show.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from local.in_memory_storage import InMemoryTable
from shared.storage.tables import PARTITION_KEY, ROW_KEY, Change, Entity, Replacement
from tests.simulation.__main__ import how_to_replay
from tests.simulation.invariants import check, watched_logs
from tests.simulation.plan import Plan, plan_of
from tests.simulation.scheduler import Scheduler
from tests.simulation.world import SimulatedWorld

SCHEDULES = 36
SCHEDULES_IN_A_TEST = 12

LATER_HOST = 1
LATER = "added_by_a_later_version"
_JSON = "_json"


class SharedTable(InMemoryTable):
    """A table of both versions. A change by this version that loses data of the later version breaks a promise."""

    def __init__(self, new_etag: Callable[[], str], world: "TwoVersions") -> None:
        super().__init__(new_etag)
        self._world = world

    def replace(self, entity: Entity, etag: str) -> str:
        self._check(Replacement(entity, etag))
        return super().replace(entity, etag)

    def change_together(self, changes: Sequence[Change]) -> list[str]:
        for change in changes:
            if isinstance(change, Replacement):
                self._check(change)
        return super().change_together(changes)

    def _check(self, change: Replacement) -> None:
        present = self.get(str(change.entity[PARTITION_KEY]), str(change.entity[ROW_KEY]))
        if not self._world.is_later and present is not None and present.etag == change.etag:
            read, written = _parsed(present.values), _parsed(change.entity)
            self._world.changes_of_later_rows += LATER in read
            for lost in _lost(read, written, f"{change.entity[PARTITION_KEY]}/{change.entity[ROW_KEY]}"):
                self._world.violate(f"A change lost what a later version wrote in {lost}.")

    def _put(self, entity: Entity) -> str:
        return super()._put(self._world.as_this_host_writes(entity))


class TwoVersions(SimulatedWorld):
    """A world in which one host runs a later version."""

    def __init__(self, plan: Plan) -> None:
        self._values = count(1)
        self.changes_of_later_rows = 0
        self.later_messages = 0
        super().__init__(plan)

    def new_table(self, new_etag: Callable[[], str]) -> InMemoryTable:
        return SharedTable(new_etag, self)

    def send(self, body: str, delay: timedelta) -> None:
        if self.is_later:
            self.later_messages += 1
            body = json.dumps(_added(json.loads(body), next(self._values)))
        super().send(body, delay)

    def as_this_host_writes(self, entity: Entity) -> Entity:
        """The row as the running host writes it."""
        if not self.is_later:
            return entity
        value = next(self._values)
        added = {
            name: json.dumps(_added(json.loads(str(held)), value)) if name.endswith(_JSON) else held
            for name, held in entity.items()
        }
        return {**added, LATER: value, f"{LATER}{_JSON}": json.dumps({"value": value})}

    @property
    def is_later(self) -> bool:
        """Whether the running host has the later version, which knows its own members."""
        return self._running is not None and self._running.host == LATER_HOST


def _added(content: object, value: int) -> object:
    """`content` with one more member in each of its objects."""
    if isinstance(content, dict):
        return {LATER: value} | {name: _added(member, value) for name, member in content.items() if name != LATER}
    if isinstance(content, list):
        return [_added(item, value) for item in content]
    return content


def _known(content: object) -> object:
    """`content` with only the members that this version knows."""
    if isinstance(content, dict):
        return {name: _known(member) for name, member in content.items() if not name.startswith(LATER)}
    if isinstance(content, list):
        return [_known(item) for item in content]
    return content


def _parsed(entity: Entity) -> dict[str, object]:
    return {name: json.loads(str(value)) if name.endswith(_JSON) else value for name, value in entity.items()}


def _lost(read: object, written: object, place: str) -> Iterator[str]:
    """The places that differ from the later version's data: a list may differ, but only when it was changed."""
    if isinstance(read, dict) and isinstance(written, dict):
        for name, member in read.items():
            if name.startswith(LATER) and written.get(name) != member:
                yield f"{place}: {name}"
            elif name in written:
                yield from _lost(member, written[name], f"{place}/{name}")
    elif _known(read) == _known(written) and read != written:
        yield place


def _play(plan: Plan) -> TwoVersions:
    world = TwoVersions(plan)
    with watched_logs(world):
        Scheduler(world).run()
    check(world)
    return world


@pytest.mark.parametrize("first", range(0, SCHEDULES, SCHEDULES_IN_A_TEST))
def test_every_promise_is_kept_and_nothing_of_the_later_version_lost_in_every_schedule(first: int) -> None:
    changes = messages = 0
    for seed in range(first, first + SCHEDULES_IN_A_TEST):
        world = _play(replace(plan_of(seed), clocks=(0.0, 0.0)))
        assert not world.violations, f"Seed {seed}: {world.violations[:3]}. Without versions: {how_to_replay(seed)}"
        changes += world.changes_of_later_rows
        messages += world.later_messages
    assert changes > 10 * SCHEDULES_IN_A_TEST, "hardly a row of the later version was ever changed"
    assert messages > SCHEDULES_IN_A_TEST, "hardly a message of the later version was ever sent"
