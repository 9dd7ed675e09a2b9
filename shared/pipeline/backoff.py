"""Delays: between polls, after failures, for another worker. Pure apart from the injected jitter."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.partner_center.errors import PartnerCenterError, Throttled, Unauthorised
from shared.settings import Settings

POLL_SHARE = 0.25
"""The next poll of a job follows after this share of its age, so a result is found late by at most that share."""

FIRST_BACKOFF = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=30)
PAUSED_DELAY = timedelta(minutes=5)
YIELDED = 2
"""How many times the spread of the others a request waits that yields to them."""

SHORTEST_PATIENCE = timedelta(seconds=1)
LONGEST_PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Pace:
    """Computes delays; `jitter` returns a number from 0 to 1, so that waiting submissions do not return all at once."""

    first_poll: timedelta
    """Also the shortest delay between two polls."""
    longest_poll: timedelta
    deadline: timedelta
    jitter: Callable[[], float]

    def poll(self, since_acceptance: timedelta) -> timedelta:
        """The delay before the next poll of a job accepted `since_acceptance` ago."""
        return min(max(self.first_poll, since_acceptance * POLL_SHARE), self.longest_poll)

    def backoff(self, attempts: int) -> timedelta:
        """The delay after `attempts` without a usable answer: doubling up to 30 minutes, jitter on the upper half."""
        whole = min(FIRST_BACKOFF * (1 << min(attempts, 20)), LONGEST_BACKOFF)
        return whole * (0.5 + 0.5 * self.jitter())

    def throttled(self, retry_after: timedelta) -> timedelta:
        """The delay that the service requests and a little more, so that submissions do not return all at once."""
        return retry_after * (1 + 0.1 * self.jitter()) + timedelta(seconds=1)

    def after_failure(self, error: PartnerCenterError, attempts: int, least: timedelta = timedelta(0)) -> timedelta:
        """The delay before a request that ended in `error` is repeated, after `attempts` earlier failures."""
        match error:
            case Throttled(retry_after=timedelta() as retry_after):
                return self.throttled(retry_after)
            case Unauthorised(may_be_cured_by_a_new_token=True) if attempts == 0:
                return timedelta(0)
            case _:
                return max(self.backoff(attempts), least)

    def behind_an_open_breaker(self, closes_in: timedelta, *, yields: bool = False) -> timedelta:
        """The delay of a request behind an open circuit breaker, spread over some seconds.

        A request that `yields` comes after those that do not, and leaves them the time for a request or two.
        """
        spread = closes_in * 0.1 + timedelta(seconds=2)
        return closes_in + (self.jitter() + (YIELDED if yields else 0)) * spread


def pace_of(settings: Settings, jitter: Callable[[], float]) -> Pace:
    """The pace according to `settings`."""
    return Pace(
        settings.advanced.poll_first_delay, settings.advanced.poll_max_delay, settings.advanced.outcome_deadline, jitter
    )


def patience(held_for: timedelta) -> timedelta:
    """The delay before trying again for a resource that another worker holds: about as long as it has held it."""
    return min(max(held_for, SHORTEST_PATIENCE), LONGEST_PATIENCE)
