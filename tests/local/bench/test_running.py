"""The command: what it refuses, what it writes, and what its exit code says."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.bench.arguments import MEASUREMENTS, add_arguments
from local.bench.goals import GOALS, Figure, Verdict
from local.bench.process_use import has_proc
from local.bench.report import Section, as_json, exit_code, judged, markdown, number, sections, show
from local.bench.running import _MEASURES, _SIZES_OF, disk_fault, names_of, sizes_of
from local.bench.sizes import FULL, QUICK, bytes_needed
from local.chromium import chromium
from local.processes import PROJECT


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--only", "everything"], "everything"),
        (["--rows", "many"], "many"),
        (["--rows", "1500"], "1500"),
        (["--rows", "2000000"], "2000000"),
        (["--devices", "0"], "0"),
        (["--json", "no such folder/bench.json"], "no such folder"),
        (["--folder", "no such folder"], "no such folder"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], named: str) -> None:
    with pytest.raises(argparse.ArgumentError, match=named):
        options(*arguments)


def test_sizes_other_than_the_goals_are_taken_and_known() -> None:
    assert sizes_of(options()) == FULL
    assert sizes_of(options("--quick")) == QUICK
    larger = sizes_of(options("--rows", "200,000", "--devices", "3000"))
    assert (larger.large_rows, larger.end_to_end_rows) == (200_000, 3_000)
    assert larger.growth_hash_rows == (1_000, 10_000, 200_000)


def test_capacity_is_computed_from_what_operations_measured() -> None:
    assert names_of(["capacity"]) == ["operations", "capacity"]
    assert names_of(None) == list(MEASUREMENTS)
    assert _MEASURES.keys() | {"capacity"} == MEASUREMENTS.keys()


def test_every_goal_says_which_sizes_it_is_about() -> None:
    assert _SIZES_OF.keys() == {goal.key for goal in GOALS}
    assert all(hasattr(FULL, name) for names in _SIZES_OF.values() for name in names)


def test_a_size_that_does_not_fit_the_disk_is_refused_with_both_figures() -> None:
    needed = bytes_needed(FULL, ["memory"])
    assert disk_fault(needed, needed, Path("/place")) is None
    fault = disk_fault(needed, 500_000_000, Path("/place"))
    assert fault is not None
    assert f"{needed / 1e6:,.0f} MB" in fault
    assert "500 MB" in fault
    assert "--folder" in fault


FULL_SIZE = {goal.key: True for goal in GOALS}


def test_the_exit_code_is_that_of_the_goals_that_could_be_judged() -> None:
    reached = {"peer_speedup": Figure(20.0), "posts_vs_ideal": Figure.of([1.0, 2.0])}
    goals = judged(reached, FULL_SIZE)
    verdicts = {each.goal.key: each.verdict for each in goals if each.figure}
    assert verdicts == {"peer_speedup": Verdict.REACHED, "posts_vs_ideal": Verdict.TOO_NOISY}
    assert exit_code(goals, {}) == 0
    assert exit_code(judged({"peer_speedup": Figure(14.9)}, FULL_SIZE), {}) == 1
    assert exit_code(goals, {"memory": "it ended"}) == 1


def test_the_object_has_every_figure_under_its_name() -> None:
    found = judged({"peer_speedup": Figure(20.0)}, FULL_SIZE)
    content = as_json(found, {"end_to_end": {"devices": 1}}, {}, FULL, {"quick": False})
    assert {goal.key for goal in GOALS} <= content.keys()
    assert content["peer_speedup"] == 20.0
    assert content["memory_added_mb"] is None
    goals: Any = content["goals"]
    assert goals["peer_speedup"]["verdict"] == "reached"
    assert goals["peer_speedup"]["goal"] == 15
    assert goals["memory_added_mb"]["verdict"] == "not measured"


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (0.0514, "0.0514"), (1234.5, "1,234"), (12.0, "12"), (1.239, "1.24")]
)
def test_numbers_are_shown_as_people_read_them(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_a_table_in_markdown_is_one() -> None:
    text = markdown(Section("Title", ("a", "b"), [("1", "2")]))
    assert text == "### Title\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"


RAW: dict[str, Any] = {
    "operations": {
        "small": {"rows": 1000, "operations": 55, "per_1000_devices": {"a": 55.0}, "usd_per_1000_devices": 0.001},
        "large": {"rows": 1000, "operations": 45, "per_1000_devices": {"b": 45.0}, "usd_per_1000_devices": 0.001},
        "further_poll": {"a": 2.0},
        "operations_per_further_poll": 2.0,
    },
    "waiting": {"polls": [{"duration": 1, "polls": 1, "wait": 26.0, "share_of_allowed": 0.87}]},
    "end_to_end": {"devices": 10, "ours": {"seconds": 1.0}, "peer": {"seconds": 20.0, "peak_mb": None}},
}


def test_there_is_a_table_for_everything_that_was_measured() -> None:
    found = sections(judged({}, FULL_SIZE), RAW)
    assert [section.title for section in found] == [
        "Goals",
        "Polling a job",
        "Storage operations per 1,000 devices",
        "10 devices with hashes, end to end",
    ]
    with Console(width=200).capture() as _:
        show(Console(file=None, quiet=True), found)


@pytest.mark.parametrize("name", ["intake", "cold_start", "status_page"])
def test_what_needs_no_service_can_be_measured(
    name: str, tmp_path: Path, ready_bench: Callable[[Path], Any], campaign: bool
) -> None:
    if name != "intake" and not campaign:
        pytest.skip("takes a dozen seconds: --campaign runs it")
    # In a thread of its own: the tests of the page may have left a running Playwright in this one.
    with ThreadPoolExecutor(1) as thread:
        measured = thread.submit(_MEASURES[name], ready_bench(tmp_path)).result()
    assert measured.figures
    needs_a_browser = set() if chromium() else {"page_painted_vs_bare_table"}
    assert {name for name, figure in measured.figures.items() if not figure.value} == needs_a_browser
    assert all(figure.value is None or figure.value > 0 for figure in measured.figures.values())


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as a terminal does")
def test_ctrl_c_ends_what_was_started_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import signal, sys; from local import __main__ as command; signal.signal(signal.SIGINT, command._stop)\n"
        f"sys.exit(command._of_venv('bench', '--quick', '--only', 'waiting', '--folder', {str(tmp_path)!r}))"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/*/service.log")) and time.monotonic() < deadline:
        time.sleep(0.05)
    children = [process for process in _processes() if _is_below(process, running.pid)] if has_proc() else []
    running.send_signal(signal.SIGINT)
    errors = running.communicate(timeout=60)[1]
    assert running.returncode != 0
    assert b"KeyboardInterrupt" in errors
    assert list(tmp_path.iterdir()) == []
    assert len(children) > 1 or not has_proc()
    assert {process: command for process in children if (command := _command(process))} == {}


def _is_below(process: str, ancestor: int) -> bool:
    while process.isdecimal() and process != "0":
        if process == str(ancestor):
            return True
        try:
            fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        except OSError:
            return False
        process = fields.split()[1]
    return False


def _processes() -> list[str]:
    return [folder.name for folder in Path("/proc").iterdir() if folder.name.isdecimal()]


def _command(process: str) -> str:
    """Empty when it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""
