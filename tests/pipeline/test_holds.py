"""Which hold a file, a customer or everything waits at, and how every instance hears of it."""

import pytest

from shared.pipeline.holds import hold_on, holds_now, is_stopped, scope_of_hold
from shared.pipeline.process_cache import GATES_BELIEVED
from shared.storage.records import Gate
from shared.vocabulary import HoldState
from tests.pipeline.world import CUSTOMER, START, World

FILE = "f1"
EVERYTHING, OF_CUSTOMER, OF_FILE = scope_of_hold(), scope_of_hold(CUSTOMER), scope_of_hold(CUSTOMER, FILE)


def gate(scope: str, state: HoldState = HoldState.HELD) -> Gate:
    return Gate(scope=scope, closed_until=START, since=START, reason=f"{scope} is on hold.", hold=state)


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (EVERYTHING, (True, True, True)),
        (OF_CUSTOMER, (False, True, True)),
        (OF_FILE, (False, False, True)),
        (scope_of_hold("another"), (False, False, False)),
        (scope_of_hold(CUSTOMER, "f2"), (False, False, False)),
    ],
)
def test_a_hold_concerns_what_it_names_and_all_below(scope: str, held: tuple[bool, ...]) -> None:
    holds = {scope: gate(scope)}
    subjects = ((None, None), (CUSTOMER, None), (CUSTOMER, FILE))
    assert tuple(hold_on(holds, *subject) is not None for subject in subjects) == held


def test_a_stopped_file_is_not_on_hold() -> None:
    holds = {OF_FILE: gate(OF_FILE, HoldState.STOPPED)}
    assert hold_on(holds, CUSTOMER, FILE) is None
    assert is_stopped(holds, FILE)
    assert not is_stopped({OF_FILE: gate(OF_FILE)}, FILE)
    assert not is_stopped({}, FILE)


def test_another_instance_hears_of_a_hold_within_a_moment(world: World) -> None:
    assert holds_now(world.pipeline) == {}
    world.journal.gates.change(None, gate(EVERYTHING))
    assert holds_now(world.pipeline) == {}
    world.clock.now += GATES_BELIEVED
    assert list(holds_now(world.pipeline)) == [EVERYTHING]


def test_holds_are_known_while_a_circuit_breaker_is_open(world: World) -> None:
    world.journal.gates.change(None, gate(EVERYTHING))
    world.journal.gates.change(None, Gate(scope="partner", closed_until=START, reason="Busy."))
    assert list(holds_now(world.pipeline)) == [EVERYTHING]
    assert list(world.journal.gates.closed()) == ["partner"]
