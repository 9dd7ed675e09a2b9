"""The simulated day keeps its limits."""

import json
import random
from dataclasses import replace

import pytest

from local.bench.capacity import (
    Day,
    Limit,
    Load,
    Pool,
    Process,
    ServiceTimes,
    Simulation,
    Surroundings,
    arrivals,
    times_in,
)
from local.processes import PROJECT

TIMES = ServiceTimes(receive_per_row=0.0001, per_request=0.05, close_per_row=0.0005)
SMALL = Load(devices=100_000, file_rows=((1_000, 0.5), (10_000, 0.5)))


def test_no_more_than_the_limit_is_let_through_in_a_second() -> None:
    limit = Limit(10)
    assert limit.wait(0.0, 20) == pytest.approx(2.0)
    assert limit.wait(1.0) == pytest.approx(1.1)
    assert limit.wait(100.0) == pytest.approx(0.1)


def test_who_finds_none_free_waits_in_the_order_of_asking() -> None:
    simulation, pool, done = Simulation(), Pool(2), dict[str, float]()

    def work(name: str) -> Process:
        yield pool
        yield 10.0
        simulation.release(pool)
        done[name] = simulation.now

    for name in "abcde":
        simulation.start(work(name))
    simulation.run()
    assert done == {"a": 10, "b": 10, "c": 20, "d": 20, "e": 30}


def test_every_file_of_the_day_is_closed() -> None:
    result = Day(TIMES, Surroundings(), SMALL, instances=1).run()
    assert result.files == len(arrivals(SMALL, random.Random(1)))
    assert result.devices == SMALL.devices
    assert result.median_seconds <= result.seconds_of_95_percent <= result.longest_seconds


def test_the_same_day_is_the_same() -> None:
    assert Day(TIMES, Surroundings(), SMALL, 2).run() == Day(TIMES, Surroundings(), SMALL, 2).run()


def test_a_file_takes_at_least_what_its_parts_take() -> None:
    around = Surroundings(job_seconds=(100.0, 100.0))
    result = Day(TIMES, around, Load(devices=1_000, file_rows=((1_000, 1.0),)), 40).run()
    least = 1_000 * (TIMES.receive_per_row + TIMES.close_per_row) + 100 + 2 * around.partner_seconds
    assert least < result.median_seconds < 100 * 1.25 + 60


def test_a_slower_partner_center_makes_files_wait() -> None:
    busy = Load(devices=1_000_000, open_hours=(9.0, 9.5), share_in_open_hours=1.0)
    fast = Day(TIMES, Surroundings(), busy, 8).run()
    slow = Day(TIMES, replace(Surroundings(), partner_requests_a_second=0.5), busy, 8).run()
    assert slow.median_seconds > 2 * fast.median_seconds
    assert slow.partner_use <= 1


def test_more_instances_help_until_something_else_is_the_limit() -> None:
    busy = Load(devices=1_000_000, open_hours=(9.0, 9.1), share_in_open_hours=1.0)
    one, eight, forty = (Day(TIMES, Surroundings(), busy, number).run() for number in (1, 8, 40))
    assert one.median_seconds > eight.median_seconds
    assert forty.median_seconds == pytest.approx(eight.median_seconds, rel=0.05)


def test_rows_are_written_no_faster_than_the_account_takes_them() -> None:
    slow = replace(Surroundings(), rows_a_second_in_an_account=100.0)
    load = Load(devices=100_000, file_rows=((1_000, 1.0),), open_hours=(9.0, 9.01), share_in_open_hours=1.0)
    assert Day(TIMES, slow, load, 40).run().longest_seconds > 2 * 100_000 / 100 * 0.9


def test_the_times_are_those_of_the_large_file() -> None:
    seconds = {"receive_per_row": 1.0, "per_request": 2.0, "close_per_row": 3.0}
    assert times_in({"large_cpu_seconds": seconds}) == ServiceTimes(1.0, 2.0, 3.0)


def test_an_instance_takes_as_much_at_a_time_as_the_host_is_told() -> None:
    extensions = json.loads((PROJECT / "host.json").read_text(encoding="utf-8"))["extensions"]
    around = Surroundings()
    assert around.reads_at_once == extensions["blobs"]["maxDegreeOfParallelism"]
    queues = extensions["queues"]
    assert around.wake_ups_at_once == queues["batchSize"] + queues["newBatchThreshold"]
