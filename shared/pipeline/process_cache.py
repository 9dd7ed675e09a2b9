"""A process's cache of the journal. Losing the cache costs only queries.

An outdated entry does no harm: a change names the ETag of the record that it was made from, the service refuses a batch
that no longer exists, and which holds there are, and that no other gate is closed, is believed for a second only.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.partner_center.models import ConfigurationPolicy
from shared.storage.lru_cache import LruCache
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile, Gate

GATES_BELIEVED = timedelta(seconds=1)
"""How long a process relies on the holds that it has seen, and on having seen that no other gate was closed."""

MOST_LARGE_FILES = 2
"""Large files that a process reads at the same time, for the sake of its memory and of the submissions beside them."""


class OpenGates:
    """The holds that were last seen, and whether all other gates were open. Safe to share between threads."""

    def __init__(self) -> None:
        self._seen_at: datetime | None = None
        self._are_open = False
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
        with self._lock:
            return self._are_open and self._is_fresh(now)

    def holds(self, now: datetime) -> Mapping[str, Gate] | None:
        """The holds by scope, as they stood a moment ago; None if that is not known."""
        with self._lock:
            return self._holds if self._is_fresh(now) else None

    def _is_fresh(self, now: datetime) -> bool:
        return self._seen_at is not None and timedelta(0) <= now - self._seen_at < GATES_BELIEVED

    def keep(self, now: datetime, changes: int, holds: Mapping[str, Gate], *, are_open: bool) -> None:
        """A query that began at `now`, after so many `changes`, has found these `holds`.

        `are_open`: whether it has found no other gate closed.
        """
        with self._lock:
            if changes == self._changes:
                self._seen_at, self._holds, self._are_open = now, holds, are_open

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
class KnownPolicies:
    """The configuration policies of a customer, and when they were listed."""

    policies: Sequence[ConfigurationPolicy]
    listed_at: datetime


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
    policies: LruCache[str, KnownPolicies] = field(default_factory=LruCache)
    """The configuration policies of customers, as they were last listed."""
    token: TokenInUse = field(default_factory=TokenInUse)
    readers_of_large_files: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_LARGE_FILES))
    """Free places for large files, which this process reads at the same time."""
