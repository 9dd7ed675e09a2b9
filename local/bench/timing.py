"""Taking times: CPU of this process and the time on the wall."""

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
    """What `action` takes. What earlier ones left behind is not collected at its cost."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


def in_turns(rounds: int, *actions: Callable[[], object]) -> list[tuple[Spent, ...]]:
    """What each of `actions` takes, round by round, so that a busy moment meets all of them."""
    return [tuple(spent(action) for action in actions) for _ in range(rounds)]
