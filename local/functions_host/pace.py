"""How soon the local host notices anything, chosen with `--pace`."""

from enum import StrEnum


class Pace(StrEnum):
    """How soon the host notices anything."""

    QUICK = "quick"
    """As soon as a person wants to see it."""
    REAL = "real"
    """As late as the real host, which also ends where it may not read a queue."""
