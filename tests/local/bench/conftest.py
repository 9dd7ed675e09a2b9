"""A bench at the smallest sizes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from local.bench.bench import Bench
from local.bench.sizes import QUICK
from local.set_up import ready_toolchain

TINY = replace(
    QUICK,
    intake_rows=500,
    tuple_rows=500,
    intake_rounds=1,
    outcome_submissions=1,
    outcome_rounds=1,
    large_rows=1_000,
    waiting_submissions=3,
    cold_starts=1,
    listed_files=50,
    page_rounds=1,
    growth_hash_rows=(10, 20),
    growth_tuple_rows=(10, 20),
    growth_rounds=1,
    hosts_rows=1_000,
    end_to_end_rows=500,
    counted_rows=500,
)


@pytest.fixture(scope="session")
def ready_bench() -> Callable[[Path], Bench]:
    """Makes a bench that works in a folder, and says nothing."""
    return lambda folder: Bench(TINY, folder, ready_toolchain(), lambda _: None)
