"""A cache of one process that forgets the least recently used entry. Safe to share between threads."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

MOST_REMEMBERED = 1_000
"""Entries of one cache."""

Key = TypeVar("Key")
Fact = TypeVar("Fact")


class LruCache(Generic[Key, Fact]):
    """At most `most` facts by key."""

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
        """Keep a fact, in place of the one under this key."""
        with self._lock:
            self._facts[key] = fact
            self._facts.move_to_end(key)
            if len(self._facts) > self._most:
                self._facts.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Drop the fact under this key, if there is one."""
        with self._lock:
            self._facts.pop(key, None)
