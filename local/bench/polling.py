"""The schedule of status requests: how many a job costs, and how long after its end the app polls. Pure."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.pipeline.backoff import Pace, pace_of
from shared.settings import settings_from

DURATIONS = (1, 5, 30, 120, 600, 3_600)
"""Durations of the jobs in the table, in seconds."""
TEN_MINUTES = 600
ALLOWED_SHARE, ALLOWED_SECONDS = 0.25, 30.0
_JITTERS = 200


@dataclass(frozen=True, slots=True)
class Waited:
    """The polls of one job."""

    duration: float
    """Seconds from acceptance to the end of the job."""
    polls: int
    """Status requests, the one that saw the end included."""
    wait: float
    """Seconds from the end of the job to that request."""

    @property
    def share_of_allowed(self) -> float:
        """The wait divided by the wait allowed."""
        return self.wait / max(self.duration * ALLOWED_SHARE, ALLOWED_SECONDS)


def default_pace(jitter: Callable[[], float]) -> Pace:
    """The pace of an app with default settings."""
    settings = {
        "DeviceStorage": "UseDevelopmentStorage=true",
        "PARTNER_CENTER_URL": "http://127.0.0.1",
        "PARTNER_CENTER_TOKEN": "none",
    }
    return pace_of(settings_from(settings), jitter)


def waited(pace: Pace, duration: float) -> Waited:
    """The polls of a job that takes `duration` seconds. A queue message is visible after whole seconds, rounded up."""
    at, polls = 0.0, 0
    while True:
        delay = pace.first_poll if polls == 0 else pace.poll(timedelta(seconds=at))
        at += math.ceil(delay.total_seconds())
        polls += 1
        if at >= duration:
            return Waited(duration, polls, at - duration)


def table(pace: Pace) -> Sequence[Waited]:
    """One line for each of `DURATIONS`."""
    return [waited(pace, duration) for duration in DURATIONS]


def most_polls(duration: float, seed: int = 1) -> int:
    """The most status requests that a job of `duration` may cost, with any jitter."""
    fixed = [waited(default_pace(lambda value=value: value), duration).polls for value in (0.0, 1.0)]  # type: ignore[misc]
    drawn = random.Random(seed)
    return max(*fixed, *(waited(default_pace(drawn.random), duration).polls for _ in range(_JITTERS)))


def longest_wait(pace: Pace) -> Waited:
    """The job, of any whole number of seconds up to an hour, whose wait is nearest to the wait allowed."""
    return max((waited(pace, duration) for duration in range(1, 3_601)), key=lambda each: each.share_of_allowed)
