"""A process's cache of the journal. Losing the cache costs only queries.

An outdated entry does no harm: a change names the ETag of the record that it was made from, the service refuses a batch
that no longer exists, and that no gate is closed is believed for a second only.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.storage.lru_cache import LruCache
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile

GATES_BELIEVED = timedelta(seconds=1)
"""How long a process relies on having seen that no gate is closed."""

MOST_LARGE_FILES = 2
"""Large files that a process reads at the same time, for the sake of its memory and of the submissions beside them."""


class OpenGates:
    """When the journal was last seen without a closed gate. Safe to share between threads."""

    def __init__(self) -> None:
        self._seen_at: datetime | None = None
        self._changes = 0
        self._lock = threading.Lock()

    @property
    def changes(self) -> int:
        """Counts the changes of gates by this process: a query that began before one of them proves nothing."""
        with self._lock:
            return self._changes

    def are_known(self, now: datetime) -> bool:
        """Whether all gates were open a moment ago."""
        with self._lock:
            return self._seen_at is not None and timedelta(0) <= now - self._seen_at < GATES_BELIEVED

    def keep(self, now: datetime, changes: int) -> None:
        """A query that began at `now`, after so many `changes`, has found no closed gate."""
        with self._lock:
            if changes == self._changes:
                self._seen_at = now

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
    token: TokenInUse = field(default_factory=TokenInUse)
    readers_of_large_files: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_LARGE_FILES))
    """Free places for large files, which this process reads at the same time."""
