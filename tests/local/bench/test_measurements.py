"""Each measurement that starts processes: at tiny sizes, what it counts is right. No speed is asserted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.bench import end_to_end, memory, operations, outcomes, registered, waiting
from local.bench.bench import Bench
from local.bench.process_use import has_proc

Ready = Callable[[Path], Bench]


def test_outcomes_are_written_by_both(tmp_path: Path, ready_bench: Ready) -> None:
    measured = outcomes.measure(ready_bench(tmp_path))
    assert measured.raw["rows"] == 500
    assert all(figure.value for figure in measured.figures.values())


def test_posts_take_at_least_the_time_of_waiting(tmp_path: Path, ready_bench: Ready) -> None:
    figure = waiting.measure(ready_bench(tmp_path)).figures["posts_vs_ideal"]
    assert figure.value is not None
    assert figure.value >= 1


def test_a_worker_takes_a_file_and_closes_one(tmp_path: Path, ready_bench: Ready) -> None:
    measured = memory.measure(ready_bench(tmp_path))
    assert set(measured.raw) == {"rows", "reading_utf-16_mb", "reading_utf-8_mb", "results_mb"}
    if has_proc():
        assert measured.figures["memory_added_mb"].value is not None
    assert list(tmp_path.iterdir()) == []


def test_operations_of_a_file_are_counted_to_its_end(tmp_path: Path, ready_bench: Ready) -> None:
    taken = operations.taken(ready_bench(tmp_path), 1_000)
    assert taken.polls == 3, "of the canary and of two others"
    assert sum(requests for _, requests in taken.wakes) >= taken.polls
    assert taken.operations.rows["table DeviceOutcomes: transaction"] == 1_000
    assert taken.everything["queue submissions: delete message"] == len(taken.wakes)
    assert taken.everything["blob submissions: copy"] == 1
    assert taken.total > sum(operations.BLOB_TRIGGER.values())


def test_reading_and_planning_registered_devices_cost_little(tmp_path: Path, ready_bench: Ready) -> None:
    costs = registered.costs(ready_bench(tmp_path), 1_000)
    assert costs["read"]["requests"] == costs["reconcile"]["requests"] == 11, "the list of batches, and ten pages"
    assert costs["list"]["requests"] == costs["plan"]["requests"] == 0
    assert max(cost["operations"] for cost in costs.values()) < 300, costs


def test_the_script_registers_every_device(tmp_path: Path, ready_bench: Ready, *, campaign: bool) -> None:
    if not campaign:
        pytest.skip("the script waits as scripts do, 20 seconds in all: --campaign")
    measured = end_to_end.measure(ready_bench(tmp_path))
    assert measured.raw["devices"] == 500
    peer = measured.raw["peer"]
    assert isinstance(peer, dict)
    assert peer["seconds"] > end_to_end.SERVICE_SECONDS
    assert peer["operations_per_1000_devices"] >= 1_000
