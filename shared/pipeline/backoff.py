"""How long to wait: between polls, after failures, for another worker. Pure but for the jitter that it is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from shared.partner_center.errors import PartnerCenterError, Throttled, Unauthorised
from shared.settings import Settings

POLL_SHARE = 0.25
"""The next poll of a job comes after this share of the time it has taken so far: late by at most as much."""

FIRST_BACKOFF = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=30)
PAUSED_DELAY = timedelta(minutes=5)
SHORTEST_PATIENCE = timedelta(seconds=1)
LONGEST_PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait: `jitter` gives a number from 0 to 1, so that waiting submissions do not come back as one."""

    first: timedelta
    longest: timedelta
    deadline: timedelta
    jitter: Callable[[], float]

    def poll(self, since_acceptance: timedelta) -> timedelta:
        """Until the next poll of a job that was accepted `since_acceptance` ago."""
        return min(max(self.first, since_acceptance * POLL_SHARE), self.longest)

    def backoff(self, attempts: int) -> timedelta:
        """After `attempts` without a usable answer: doubling, at most 30 minutes, at least half of it certain."""
        whole = min(FIRST_BACKOFF * (1 << min(attempts, 20)), LONGEST_BACKOFF)
        return whole * (0.5 + 0.5 * self.jitter())

    def throttled(self, retry_after: timedelta) -> timedelta:
        """What the service asks for and a little more: the waiting submissions must not come back at one moment."""
        return retry_after * (1 + 0.1 * self.jitter()) + timedelta(seconds=1)

    def after_failure(self, error: PartnerCenterError, attempts: int, least: timedelta = timedelta(0)) -> timedelta:
        """Until a request that met `error` is repeated, after `attempts` failures before it."""
        match error:
            case Throttled(retry_after=timedelta() as retry_after):
                return self.throttled(retry_after)
            case Unauthorised(may_be_cured_by_a_new_token=True) if attempts == 0:
                return timedelta(0)
            case _:
                return max(self.backoff(attempts), least)

    def behind_an_open_breaker(self, closes_in: timedelta) -> timedelta:
        """Until a request that the circuit breaker holds back is tried, spread over some seconds."""
        return closes_in + self.jitter() * (closes_in * 0.1 + timedelta(seconds=2))


def pace_of(settings: Settings, jitter: Callable[[], float]) -> Pace:
    """The pace that `settings` asks for."""
    return Pace(
        settings.advanced.poll_first_delay, settings.advanced.poll_max_delay, settings.advanced.outcome_deadline, jitter
    )


def patience(held_for: timedelta) -> timedelta:
    """Until the next try when another worker holds what is needed: about as long again as it has held it so far."""
    return min(max(held_for, SHORTEST_PATIENCE), LONGEST_PATIENCE)
