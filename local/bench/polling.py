"""The schedule of status requests: how many a job costs, and how long after its end we look. Pure."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.pipeline.submissions.state_machine import Pace, pace_of
from shared.settings import settings_from

DURATIONS = (1, 5, 30, 120, 600, 3_600)
"""Seconds that the jobs of the table take."""
TEN_MINUTES = 600
ALLOWED_SHARE, ALLOWED_SECONDS = 0.25, 30.0
_JITTERS = 200


@dataclass(frozen=True, slots=True)
class Waited:
    """How the looks at one job went."""

    duration: float
    """Seconds from acceptance to the end of the job."""
    looks: int
    """Status requests, the one that saw the end included."""
    wait: float
    """Seconds from the end of the job to that request."""

    @property
    def share_of_allowed(self) -> float:
        """The wait, per what is allowed."""
        return self.wait / max(self.duration * ALLOWED_SHARE, ALLOWED_SECONDS)


def default_pace(jitter: Callable[[], float]) -> Pace:
    """The pace of an app whose settings say nothing of it."""
    settings = {
        "DeviceStorage": "UseDevelopmentStorage=true",
        "PARTNER_CENTER_URL": "http://127.0.0.1",
        "PARTNER_CENTER_TOKEN": "none",
    }
    return pace_of(settings_from(settings), jitter)


def waited(pace: Pace, duration: float) -> Waited:
    """The looks at a job that takes `duration` seconds. A queue message is seen after whole seconds, rounded up."""
    at, looks = 0.0, 0
    while True:
        delay = pace.first if looks == 0 else pace.poll(timedelta(seconds=at))
        at += math.ceil(delay.total_seconds())
        looks += 1
        if at >= duration:
            return Waited(duration, looks, at - duration)


def table(pace: Pace) -> Sequence[Waited]:
    """One line for each of `DURATIONS`."""
    return [waited(pace, duration) for duration in DURATIONS]


def most_looks(duration: float, seed: int = 1) -> int:
    """The most status requests that a job of `duration` may cost, whatever the jitter says each time."""
    fixed = [waited(default_pace(lambda value=value: value), duration).looks for value in (0.0, 1.0)]  # type: ignore[misc]
    drawn = random.Random(seed)
    return max(*fixed, *(waited(default_pace(drawn.random), duration).looks for _ in range(_JITTERS)))


def longest_wait(pace: Pace) -> Waited:
    """Of jobs of any whole number of seconds up to an hour, the one whose wait is nearest to what is allowed."""
    return max((waited(pace, duration) for duration in range(1, 3_601)), key=lambda each: each.share_of_allowed)
