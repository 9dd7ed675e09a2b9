"""The status page in a real browser: over storage in memory, and once over everything real."""
