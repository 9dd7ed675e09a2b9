"""Times, processes and memory are told as they are."""

import subprocess
import sys
import time

import pytest

from local.bench.bench import BenchError
from local.bench.cold_start import seconds_in
from local.bench.process_use import (
    Process,
    Use,
    added,
    cpu_of_ended_children,
    has_proc,
    memory_in,
    started_with,
    stat_in,
    use_of,
)
from local.bench.timing import in_turns, spent


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_waiting_is_no_cpu() -> None:
    waiting, working = spent(lambda: time.sleep(0.1)), spent(lambda: busy(0.1))
    assert waiting.wall >= 0.1
    assert waiting.cpu < working.cpu
    assert working.cpu >= 0.1


def test_actions_take_turns() -> None:
    order: list[str] = []
    rounds = in_turns(2, lambda: order.append("ours"), lambda: order.append("theirs"))
    assert order == ["ours", "theirs", "ours", "theirs"]
    assert [len(one) for one in rounds] == [2, 2]


def test_a_program_whose_name_holds_brackets_and_blanks_is_read() -> None:
    fields = "S 7 1 1 0 -1 4194304 1 0 0 0 150 50 25 25 20 0 1 0 1"
    assert stat_in(f"42 (my ) prog) {fields}", ticks=100) == (7, 2.5)


def test_memory_is_read_in_bytes() -> None:
    assert memory_in("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n") == {"VmHWM": 2048 * 1024, "VmRSS": 1024 * 1024}
    assert memory_in("Name:\tx\n") == {"VmHWM": 0, "VmRSS": 0}


def test_the_guard_of_a_process_and_what_others_started_do_not_count() -> None:
    processes = {
        process.pid: process
        for process in (
            Process(10, 1, 1.0, "python -m pytest", 0, 0),
            Process(11, 10, 2.0, "python guard.py 10 python -m the_app", 0, 0),
            Process(12, 11, 4.0, "python -m the_app", 100, 200),
            Process(13, 12, 8.0, "python a_child_of_the_app", 10, 20),
            Process(14, 11, 16.0, "node something_else", 0, 0),
            Process(15, 1, 32.0, "python -m the_app", 0, 0),
        )
    }
    found = started_with("the_app", processes, ancestor=10)
    assert sorted(process.pid for process in found) == [12, 13]
    assert added(found) == Use(12.0, 110, 220)


@pytest.mark.skipif(not has_proc(), reason="this system has no /proc")
def test_a_child_is_found_by_its_command() -> None:
    code = "import time; time.sleep(60)  # the-mark-of-this-test"
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 60
        while (use := use_of("the-mark-of-this-test")) == Use(0, 0, 0) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert use is not None
        assert use.peak > 0
    finally:
        child.kill()
        child.wait()
    assert use_of("the-mark-of-this-test") == Use(0, 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_the_cpu_of_an_ended_child_is_known() -> None:
    before = cpu_of_ended_children()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    after = cpu_of_ended_children()
    assert before is not None
    assert after is not None
    assert after > before


HOLDING = """
from local.bench.process_use import own_memory
before = own_memory()
held = bytes([1]) * 100_000_000
print(own_memory()[1] - before[0])
"""


@pytest.mark.skipif(not has_proc(), reason="this system has no /proc")
def test_own_memory_grows_with_what_is_held() -> None:
    # In a process of its own: the system may take back some of what earlier tests held.
    grown = subprocess.run([sys.executable, "-c", HOLDING], capture_output=True, check=True, text=True)
    assert int(grown.stdout) > 90_000_000


WRITTEN = """
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   _frozen_importlib_external
import time:       300 |        500 | site
import time:        50 |         50 |   inner
import time:       150 |        200 | outer
import time:       800 |        800 | last
"""


def test_imports_are_counted_once_and_pythons_own_start_not_at_all() -> None:
    assert seconds_in(WRITTEN) == pytest.approx(0.001)


def test_an_interpreter_that_wrote_something_else_is_told() -> None:
    with pytest.raises(BenchError, match="no import times"):
        seconds_in("Traceback (most recent call last)")
