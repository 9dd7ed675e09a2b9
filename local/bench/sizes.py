"""The sizes of the measurements, and the disk that they need. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

MEGABYTE = 1_000_000
_UTF8_ROW, _UTF16_ROW, _TUPLE_ROW = 4_030, 8_060, 40
"""Bytes of a row: with a hash in each encoding, and without one."""
_OUTCOME_ROW = 2_000
"""Bytes of an outcome in the emulator's tables, the index and results.csv together; a conservative estimate."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows and repetitions of every measurement. The goals apply to the defaults."""

    intake_rows: int = 10_000
    tuple_rows: int = 100_000
    intake_rounds: int = 7
    outcome_submissions: int = 4
    """Of 500 rows, in each round."""
    outcome_rounds: int = 7
    large_rows: int = 100_000
    waiting_submissions: int = 100
    waiting_rounds: int = 3
    cold_starts: int = 7
    listed_files: int = 1_000
    page_rounds: int = 7
    small_rows: int = 1_000
    growth_hash_rows: tuple[int, ...] = (1_000, 10_000, 100_000)
    growth_tuple_rows: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    growth_rounds: int = 3
    hosts_rows: int = 50_000
    end_to_end_rows: int = 20_000
    end_to_end_rounds: int = 3
    """Rounds of the product; the script, which takes minutes, runs once, in the middle of them."""
    counted_rows: int = 1_000


FULL = Sizes()
QUICK = Sizes(
    intake_rows=1_000,
    tuple_rows=5_000,
    intake_rounds=3,
    outcome_submissions=1,
    outcome_rounds=3,
    large_rows=4_000,
    waiting_submissions=24,
    waiting_rounds=1,
    cold_starts=3,
    page_rounds=3,
    growth_hash_rows=(500, 1_000, 2_000),
    growth_tuple_rows=(1_000, 5_000, 10_000),
    growth_rounds=2,
    hosts_rows=6_000,
    end_to_end_rows=1_000,
    end_to_end_rounds=1,
)


def bytes_needed(sizes: Sizes, measurements: Collection[str]) -> int:
    """The most bytes of disk that `measurements` need at one time; each cleans up before the next starts."""
    large = sizes.large_rows
    of = {
        "intake": 0,
        "outcomes": 50 * MEGABYTE,
        # The dropped file, the private copy, the request bodies, and space that the emulator has not yet released.
        "memory": large * (3 * _UTF16_ROW + _UTF8_ROW + _OUTCOME_ROW),
        "waiting": 100 * MEGABYTE,
        "cold_start": 100 * MEGABYTE,
        "package_start": 200 * MEGABYTE,
        "status_page": 100 * MEGABYTE,
        "operations": large * (4 * _UTF8_ROW + _OUTCOME_ROW),
        "growth": max(sizes.growth_hash_rows) * _UTF16_ROW
        + max(sizes.growth_tuple_rows) * _TUPLE_ROW
        + sizes.hosts_rows * (8 * _TUPLE_ROW + _OUTCOME_ROW),
        "end_to_end": sizes.end_to_end_rows * (3 * _UTF16_ROW + 2 * _UTF8_ROW + _OUTCOME_ROW),
        "capacity": 0,
    }
    return max(of[name] for name in measurements) + 100 * MEGABYTE
