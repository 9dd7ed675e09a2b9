"""Measures CPU time of this process and wall-clock time."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds."""

    cpu: float
    """Of all threads of this process."""
    wall: float


def spent(action: Callable[[], object]) -> Spent:
    """The times of `action`. Garbage of earlier actions is collected before."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


def in_turns(rounds: int, *actions: Callable[[], object]) -> list[tuple[Spent, ...]]:
    """The times of each of `actions`, round by round, so that a busy moment affects all of them."""
    return [tuple(spent(action) for action in actions) for _ in range(rounds)]
