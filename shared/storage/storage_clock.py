"""The clock that all instances share: this machine's, unless it differs from storage's.

Claims, deadlines and circuit breakers are times in the journal that one instance writes and another compares with its
own clock. An instance whose clock is an hour wrong, or jumps, would take over claims that are held, or leave work for
an hour. Every answer of storage has a date, and every step begins with an answer of storage: so the clock is right when
a step needs it. Between two answers the machine's monotonic clock goes on, which does not jump.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

logger = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=5)
"""The difference up to which this machine's clock is used: it is exact to the microsecond, a date to the second."""

_RESOLUTION = timedelta(seconds=1)
"""A date names the second that has begun."""


def utc_now() -> datetime:
    """The time by this machine's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A time that was right, and the monotonic clock then."""

    time: datetime
    at: float


class StorageClock:
    """The time, in UTC. Safe to share between threads."""

    def __init__(self, wall: Callable[[], datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._anchor: _Anchor | None = None
        self._is_wrong = False

    def __call__(self) -> datetime:
        """The time; before the first answer of storage, this machine's."""
        wall, anchor = self._wall(), self._anchor
        if anchor is None:
            return wall
        expected = anchor.time + timedelta(seconds=self._monotonic() - anchor.at)
        return wall if abs(wall - expected) <= TOLERANCE else expected

    def seconds(self) -> float:
        """The monotonic clock, which measures how long an answer took."""
        return self._monotonic()

    def note(self, date: str | None, sent_at: float) -> None:
        """Compare this machine's clock with the `date` of an answer of storage to a request sent at `sent_at`."""
        answered = None if date is None else _time_in(date)
        if answered is None:
            return
        received = self._monotonic()
        # Nobody knows when within the exchange the answer was dated.
        latest = answered + _RESOLUTION + timedelta(seconds=received - sent_at)
        wall = self._wall()
        is_wrong = not answered - TOLERANCE <= wall <= latest + TOLERANCE
        self._anchor = _Anchor(answered if is_wrong else wall, received)
        if is_wrong and not self._is_wrong:
            logger.warning(
                "The clock of this machine is wrong; storage's is used instead",
                extra={"ahead_seconds": round((wall - answered).total_seconds())},
            )
        self._is_wrong = is_wrong


@lru_cache(maxsize=8)
def _time_in(date: str) -> datetime | None:
    """The time in a Date header; None when it is none. Cached, since all answers of a second have the same date."""
    try:
        found = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
