"""One run of the bench: checks the sizes, measures, and shows and writes the results."""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from azure.core.exceptions import AzureError
from rich.console import Console

from local.azurite import AzuriteError
from local.bench import (
    capacity,
    cold_start,
    end_to_end,
    growth,
    intake,
    memory,
    operations,
    outcomes,
    package_start,
    status_page,
    waiting,
)
from local.bench.arguments import MEASUREMENTS
from local.bench.bench import Bench, BenchError
from local.bench.goals import GOALS, Figure, Measured
from local.bench.machine import about
from local.bench.report import as_json, exit_code, judged, markdown, sections, show
from local.bench.sizes import FULL, MEGABYTE, QUICK, Sizes, bytes_needed
from local.following import say
from local.hosts import HostsError
from local.set_up import ready_toolchain
from shared.errors import DeviceDropError

_WIDTH_OF_FILES = 170
_WRONG_SIZE = 2

_MEASURES: Mapping[str, Callable[[Bench], Measured]] = {
    "intake": intake.measure,
    "outcomes": outcomes.measure,
    "memory": memory.measure,
    "waiting": waiting.measure,
    "cold_start": cold_start.measure,
    "package_start": package_start.measure,
    "status_page": status_page.measure,
    "operations": operations.measure,
    "growth": growth.measure,
    "end_to_end": end_to_end.measure,
}

_SIZES_OF = {
    "intake_vs_csv_reader": ("intake_rows", "intake_rounds"),
    "tuple_rows_vs_csv_reader": ("intake_rows", "tuple_rows", "intake_rounds"),
    "outcome_cpu_ms_per_row": ("outcome_submissions", "outcome_rounds"),
    "outcome_rows_vs_sdk": ("outcome_submissions", "outcome_rounds"),
    "memory_added_mb": ("large_rows",),
    "posts_vs_ideal": ("waiting_submissions", "waiting_rounds"),
    # Computed, not measured: the same at every size.
    "polls_per_10_min_job": (),
    "longest_wait_vs_allowed": (),
    "cold_start_vs_sdks": ("cold_starts",),
    "package_start_vs_warm": ("cold_starts",),
    "page_made_vs_bare_table": ("listed_files", "page_rounds"),
    "page_painted_vs_bare_table": ("listed_files", "page_rounds"),
    "operations_per_1000_small": ("small_rows",),
    "operations_per_1000_large": ("large_rows",),
    "cpu_growth_spread": ("growth_hash_rows", "growth_tuple_rows", "growth_rounds"),
    "peer_speedup": ("end_to_end_rows", "end_to_end_rounds"),
    "peer_cpu_ratio": ("end_to_end_rows", "end_to_end_rounds"),
}
"""The sizes that each goal applies to."""


def run(options: argparse.Namespace) -> int:
    """Run the measurements that `options` name; returns the exit code."""
    sizes, names = sizes_of(options), names_of(options.only)
    place = Path(options.folder or gettempdir())
    if fault := disk_fault(bytes_needed(sizes, names), shutil.disk_usage(place).free, place):
        print(fault, file=sys.stderr)
        return _WRONG_SIZE
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)
    toolchain = ready_toolchain()
    facts, began = about(toolchain), time.monotonic()
    with TemporaryDirectory(prefix="device-drop-bench-", dir=place, ignore_cleanup_errors=True) as folder:
        bench = Bench(sizes, Path(folder), toolchain, lambda words: say(console, f"    {words}", "dim"))
        figures, raw, failed = _measured(bench, names, console)
    facts = {"quick": options.quick, "full_size": sizes == FULL} | facts | {"seconds": time.monotonic() - began}
    # A quick run never counts as a full one, even if their sizes are the same.
    goals = judged(figures, {goal.key: not options.quick and _is_full(sizes, goal.key) for goal in GOALS})
    content = as_json(goals, raw, failed, sizes, facts)
    if options.json:
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    found = sections(goals, raw)
    if options.markdown:
        print("\n".join(map(markdown, found)))
    else:
        show(console, found)
    return exit_code(goals, failed)


def sizes_of(options: argparse.Namespace) -> Sizes:
    """The sizes that `options` select."""
    sizes = QUICK if options.quick else FULL
    if options.rows:
        hash_rows = tuple(sorted({*sizes.growth_hash_rows[:-1], options.rows}))
        sizes = replace(sizes, large_rows=options.rows, growth_hash_rows=hash_rows)
    if options.devices:
        sizes = replace(sizes, end_to_end_rows=options.devices)
    return sizes


def names_of(only: list[str] | None) -> list[str]:
    """The measurements to run, in order; capacity is computed from the figures of operations."""
    wanted = set(only or MEASUREMENTS)
    if "capacity" in wanted:
        wanted.add("operations")
    return [name for name in MEASUREMENTS if name in wanted]


def disk_fault(needed: int, free: int, place: Path) -> str | None:
    """Why these sizes cannot be measured in `place`; None when they fit."""
    if needed <= free:
        return None
    return (
        f"python -m local bench: these sizes need {needed / MEGABYTE:,.0f} MB of disk, and {place} has "
        f"{free / MEGABYTE:,.0f} MB free. Name another place with --folder, or fewer rows with --rows or --quick."
    )


def _is_full(sizes: Sizes, goal: str) -> bool:
    return all(getattr(sizes, name) == getattr(FULL, name) for name in _SIZES_OF[goal])


def _measured(
    bench: Bench, names: list[str], console: Console
) -> tuple[dict[str, Figure], dict[str, Any], dict[str, str]]:
    """Run all of `names`; a failure is reported, and the others still run."""
    figures: dict[str, Figure] = {}
    raw: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for place, name in enumerate(names, start=1):
        say(console, f"[{place}/{len(names)}] {name}: {MEASUREMENTS[name]}")
        try:
            measured = _simulated(bench, raw) if name == "capacity" else _MEASURES[name](bench)
        except (AzureError, AzuriteError, BenchError, DeviceDropError, HostsError) as error:
            failed[name] = str(error)
            say(console, f"{name} could not be measured. {error}", "red")
            continue
        figures.update(measured.figures)
        raw[name] = dict(measured.raw)
    return figures, raw, failed


def _simulated(bench: Bench, raw: Mapping[str, Any]) -> Measured:
    if "operations" not in raw:
        raise BenchError("It needs the times of the measurement operations, which failed.")
    return capacity.measure(bench, raw["operations"])
