"""What one process remembers of the journal, so that it need not ask each time. Forgetting it costs questions alone.

Nothing here is believed where it could be wrong: a change names the ETag that it was made from, a batch that is not
there any more is refused by the service, and that no gate was closed is believed for a second.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.storage.lru_cache import LruCache
from shared.storage.record_table import Stored
from shared.storage.records import DeviceFile

GATES_BELIEVED = timedelta(seconds=1)
"""How long a process goes on without asking again, after it saw that no gate was closed."""


class OpenGates:
    """That no gate was closed when the journal was last asked. Safe to share between threads."""

    def __init__(self) -> None:
        self._seen_at: datetime | None = None
        self._changes = 0
        self._lock = threading.Lock()

    @property
    def changes(self) -> int:
        """Counts this process's own changes of gates: an answer asked for before one of them is not believed."""
        with self._lock:
            return self._changes

    def are_known(self, now: datetime) -> bool:
        """Whether all gates were open a moment ago."""
        with self._lock:
            return self._seen_at is not None and timedelta(0) <= now - self._seen_at < GATES_BELIEVED

    def keep(self, now: datetime, changes: int) -> None:
        """The journal, asked at `now` when there had been so many `changes`, knows of no gate."""
        with self._lock:
            if changes == self._changes:
                self._seen_at = now

    def forget(self) -> None:
        """A gate was changed by this process, or may have been."""
        with self._lock:
            self._changes += 1
            self._seen_at = None


class TokenInUse:
    """Whether the service has accepted the token that this process uses. Safe to share between threads."""

    def __init__(self) -> None:
        self._is_doubted = False

    def accepted(self) -> None:
        """The service answered a request with it."""
        self._is_doubted = False

    def rejected(self) -> bool:
        """The service did not accept it; whether it had accepted it, or the one before it, until now."""
        is_first = not self._is_doubted
        self._is_doubted = True
        return is_first


@dataclass(frozen=True, slots=True)
class ProcessCache:
    """What one process remembers."""

    released: LruCache[str, Stored[DeviceFile]] = field(default_factory=LruCache)
    """Files that are `read`, by the id of the reading. That stays so while one of its submissions is pending."""
    batches: LruCache[tuple[str, str], str] = field(default_factory=LruCache)
    """The service's spelling of batches that exist, by customer and case-folded batch."""
    gates: OpenGates = field(default_factory=OpenGates)
    token: TokenInUse = field(default_factory=TokenInUse)
