"""A cache that forgets the least recently used entry."""

from shared.storage.lru_cache import LruCache


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    facts: LruCache[str, int] = LruCache(most=2)
    facts.keep("a", 1)
    facts.keep("b", 2)
    assert facts.get("a") == 1
    facts.keep("c", 3)
    assert (facts.get("a"), facts.get("b"), facts.get("c")) == (1, None, 3)
    facts.forget("a")
    assert facts.get("a") is None
