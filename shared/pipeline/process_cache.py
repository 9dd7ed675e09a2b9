"""A process's cache of the journal. Losing the cache costs only queries.

An outdated entry does no harm: a change names the ETag of the record that it was made from, the service refuses a batch
that no longer exists, and that no gate is closed but these holds is believed for a second only.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.storage.lru_cache import LruCache
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile, Gate

GATES_BELIEVED = timedelta(seconds=1)
"""How long a process relies on having seen that no gate is closed but holds."""

MOST_LARGE_FILES = 2
"""Large files that a process reads at the same time, for the sake of its memory and of the submissions beside them."""


class OpenGates:
    """When the journal was last seen without a closed gate but holds. Safe to share between threads."""

    def __init__(self) -> None:
        self._seen_at: datetime | None = None
        self._holds: Mapping[str, Gate] = {}
        self._changes = 0
        self._lock = threading.Lock()

    @property
    def changes(self) -> int:
        """Counts the changes of gates by this process: a query that began before one of them proves nothing."""
        with self._lock:
            return self._changes

    def are_known(self, now: datetime) -> bool:
        """Whether all gates but holds were open a moment ago."""
        return self.holds(now) is not None

    def holds(self, now: datetime) -> Mapping[str, Gate] | None:
        """The holds by scope if a moment ago no other gate was closed, else None."""
        with self._lock:
            is_fresh = self._seen_at is not None and timedelta(0) <= now - self._seen_at < GATES_BELIEVED
            return self._holds if is_fresh else None

    def keep(self, now: datetime, changes: int, holds: Mapping[str, Gate]) -> None:
        """A query that began at `now`, after so many `changes`, has found no closed gate but these `holds`."""
        with self._lock:
            if changes == self._changes:
                self._seen_at, self._holds = now, holds

    def forget(self) -> None:
        """Note that this process changed a gate, or may have."""
        with self._lock:
            self._changes += 1
            self._seen_at = None


class TokenInUse:
    """Whether the service has accepted the token that this process uses. Safe to share between threads."""

    def __init__(self) -> None:
        self._is_doubted = False

    def accepted(self) -> None:
        """Note that the service accepted the token."""
        self._is_doubted = False

    def rejected(self) -> bool:
        """Note that the service rejected the token; True for the first rejection since a token was accepted."""
        is_first = not self._is_doubted
        self._is_doubted = True
        return is_first


@dataclass(frozen=True, slots=True)
class ProcessCache:
    """The caches of one process."""

    released: LruCache[str, Stored[DeviceFile]] = field(default_factory=LruCache)
    """Files that are `read`, by the id of the reading. They stay `read` while one of their submissions is pending."""
    batches: LruCache[tuple[str, str], str] = field(default_factory=LruCache)
    """The service's spelling of existing batches, by customer and case-folded batch."""
    gates: OpenGates = field(default_factory=OpenGates)
    good_files: LruCache[str, bool] = field(default_factory=LruCache)
    """Readings whose canary was well."""
    followed_canaries: LruCache[str, bool] = field(default_factory=LruCache)
    """Readings of which this process has woken the submissions behind the canary."""
    token: TokenInUse = field(default_factory=TokenInUse)
    readers_of_large_files: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_LARGE_FILES))
    """Free places for large files, which this process reads at the same time."""
