"""A bounded number of facts that one process remembers of storage. Safe to share between threads."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

MOST_REMEMBERED = 1_000
"""Facts of one kind; the one that was used longest ago is forgotten first."""

Key = TypeVar("Key")
Fact = TypeVar("Fact")


class LruCache(Generic[Key, Fact]):
    """What is remembered, by key."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._facts: OrderedDict[Key, Fact] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Fact | None:
        """The fact, or None."""
        with self._lock:
            if key in self._facts:
                self._facts.move_to_end(key)
            return self._facts.get(key)

    def keep(self, key: Key, fact: Fact) -> None:
        """Remember a fact."""
        with self._lock:
            self._facts[key] = fact
            self._facts.move_to_end(key)
            if len(self._facts) > self._most:
                self._facts.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Remember it no longer."""
        with self._lock:
            self._facts.pop(key, None)
