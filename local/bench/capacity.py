"""Ten million devices a day on Flex Consumption: a simulation with the times that this run measured.

Device files arrive as in an office: most within working hours. An instance reads two files and takes eight wake-ups at
a time, on one core. Storage answers after a fixed time and accepts a maximum number of rows per second; Partner Center
accepts a maximum number of requests per second and needs time for a job, which the app polls on its own schedule. Each
of them serves requests in the order of arrival. CPU times are measured; the times that Azure and Partner Center add are
assumed, and defined here. Pure except for `measure`.
"""

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from local.bench.bench import Bench
from local.bench.goals import Measured
from local.bench.polling import default_pace
from shared.pipeline.backoff import Pace
from shared.storage.keys import ROWS_IN_A_BLOCK

DAY = 86_400.0
DEVICES_A_DAY = 10_000_000
INSTANCES = (1, 2, 4, 8, 40)
"""The numbers of instances of each group of functions for which results are computed."""
INSTANCES_OF_RATES = 8
PARTNER_CENTER_RATES = (1.0, 2.0, 5.0, 20.0)
"""Requests per second that Partner Center might accept from one partner: it documents no number."""


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """CPU seconds on one core, as measured."""

    receive_per_row: float
    """From the dropped blob to its journaled submissions."""
    per_request: float
    """The mean of a POST and of a poll with the outcomes of 500 devices."""
    close_per_row: float
    """The results files, and the index of serial numbers."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Published limits, and assumptions where none are published."""

    rows_a_second_in_a_partition: float = 2_000.0
    """Azure Tables, "Scalability and performance targets"."""
    rows_a_second_in_an_account: float = 20_000.0
    messages_a_second_in_a_queue: float = 2_000.0
    reads_at_once: int = 2
    """Files an instance reads at a time (host.json, maxDegreeOfParallelism)."""
    wake_ups_at_once: int = 8
    """Wake-ups an instance takes at a time (host.json, batchSize and newBatchThreshold)."""
    storage_seconds: float = 0.010
    """Assumed: one storage request within a region."""
    requests_a_submission: int = 12
    """Assumed: storage requests one after the other in the two steps of a submission."""
    partner_seconds: float = 1.5
    """Assumed: Partner Center's answer to a POST or a status request."""
    partner_requests_a_second: float = 10.0
    """Assumed: the requests per second that Partner Center accepts from one partner before it throttles."""
    job_seconds: tuple[float, float] = (30.0, 600.0)
    """Assumed: an upload takes any time between these."""


@dataclass(frozen=True, slots=True)
class Load:
    """The device files of a day."""

    devices: int = DEVICES_A_DAY
    devices_per_submission: int = 500
    file_rows: tuple[tuple[int, float], ...] = ((1_000, 0.4), (10_000, 0.4), (100_000, 0.2))
    """Sizes of files, and the share of all devices in files of that size."""
    open_hours: tuple[float, float] = (8.0, 18.0)
    share_in_open_hours: float = 0.9
    """The share of files in working hours; the rest arrive at any hour."""


WITHIN_AN_HOUR = Load(open_hours=(9.0, 10.0), share_in_open_hours=1.0)
"""The whole day's files in one hour."""


@dataclass(frozen=True, slots=True)
class Result:
    """The results of the day. Times are in seconds from the drop of a file to its closing."""

    instances: int
    partner_requests_a_second: float
    files: int
    devices: int
    median_seconds: float
    seconds_of_95_percent: float
    longest_seconds: float
    hours_until_all_closed: float
    """From the beginning of the day to the last closed file."""
    status_requests: int
    busiest_rows_a_second: float
    """Rows written to tables, in the busiest minute."""
    busiest_messages_a_second: float
    core_use: float
    """Share of all cores' time that was used, until all were closed."""
    partner_use: float
    """Share of Partner Center's request rate that was used."""


Process = Generator["float | Pool", None, None]
"""A simulated process: it yields the seconds it waits, or the pool of which it needs one."""


class Pool:
    """A number of equal resources; a process that finds none free waits, first come, first served."""

    def __init__(self, number: int) -> None:
        self.free = number
        self.waiting: deque[Process] = deque()


class Limit:
    """A limit on operations per second."""

    def __init__(self, a_second: float) -> None:
        self._each = 1 / a_second
        self._free_at = 0.0
        self.number = 0.0

    def wait(self, now: float, number: float = 1.0) -> float:
        """Seconds until `number` operations, requested now, are done."""
        self._free_at = max(now, self._free_at) + number * self._each
        self.number += number
        return self._free_at - now


class Simulation:
    """The processes of the simulation, each resumed when its time comes."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Process]] = []
        self._order = itertools.count()

    def start(self, process: Process, after: float = 0.0) -> None:
        """Resume `process` after so many seconds."""
        heapq.heappush(self._due, (self.now + after, next(self._order), process))

    def run(self) -> None:
        """Run until no event is left."""
        while self._due:
            self.now, _, process = heapq.heappop(self._due)
            self._go_on(process)

    def release(self, pool: Pool) -> None:
        """Return one resource to the pool, and to the process that has waited longest."""
        if pool.waiting:
            self.start(pool.waiting.popleft())
        else:
            pool.free += 1

    def _go_on(self, process: Process) -> None:
        wanted = next(process, None)
        if isinstance(wanted, Pool):
            if wanted.free:
                wanted.free -= 1
                self.start(process)
            else:
                wanted.waiting.append(process)
        elif wanted is not None:
            self.start(process, wanted)


@dataclass(slots=True)
class DroppedFile:
    """A file of the day. Seconds are since midnight."""

    dropped_at: float
    rows: int
    open_submissions: int = 0


class Day:
    """One day, event by event."""

    def __init__(self, times: ServiceTimes, around: Surroundings, load: Load, instances: int, seed: int = 1) -> None:
        self._times, self._around, self._load, self._instances = times, around, load, instances
        self._random = random.Random(seed)
        self._pace: Pace = default_pace(lambda: 0.5)
        self._simulation = Simulation()
        # On Flex Consumption each group of functions (blobs, queue) has its own instances.
        self._readers, self._reader_cores = Pool(instances * around.reads_at_once), Pool(instances)
        self._workers, self._worker_cores = Pool(instances * around.wake_ups_at_once), Pool(instances)
        self._partner = Limit(around.partner_requests_a_second)
        self._rows, self._messages = (
            Limit(around.rows_a_second_in_an_account),
            Limit(around.messages_a_second_in_a_queue),
        )
        self._closed: list[tuple[float, float]] = []
        self._rows_by_minute: Counter[int] = Counter()
        self._messages_by_minute: Counter[int] = Counter()
        self._polls = 0
        self._core_seconds = 0.0

    def run(self) -> Result:
        """Simulate the day until the last file is closed."""
        files = arrivals(self._load, self._random)
        for file in files:
            self._simulation.start(self._read(file), file.dropped_at)
        self._simulation.run()
        seconds = sorted(closed - dropped for dropped, closed in self._closed)
        end = max(closed for _, closed in self._closed)
        return Result(
            instances=self._instances,
            partner_requests_a_second=self._around.partner_requests_a_second,
            files=len(self._closed),
            devices=sum(file.rows for file in files),
            median_seconds=seconds[len(seconds) // 2],
            seconds_of_95_percent=seconds[min(int(len(seconds) * 0.95), len(seconds) - 1)],
            longest_seconds=seconds[-1],
            hours_until_all_closed=end / 3600,
            status_requests=self._polls,
            busiest_rows_a_second=max(self._rows_by_minute.values()) / 60,
            busiest_messages_a_second=max(self._messages_by_minute.values()) / 60,
            core_use=self._core_seconds / (2 * self._instances * end),
            partner_use=self._partner.number / (end * self._around.partner_requests_a_second),
        )

    def _read(self, file: DroppedFile) -> Process:
        """The blob function: reading and journaling; then every submission has its wake-up."""
        yield self._readers
        yield from self._compute(self._reader_cores, file.rows * self._times.receive_per_row)
        file.open_submissions = -(-file.rows // self._load.devices_per_submission)
        # Body, rows and record of each submission, one after the other.
        yield file.open_submissions * 3 * self._around.storage_seconds
        self._simulation.release(self._readers)
        for _ in range(file.open_submissions):
            yield self._send_message()
            self._simulation.start(self._submission(file))

    def _submission(self, file: DroppedFile) -> Process:
        """The queue function: one POST, then polls until the job is done."""
        yield self._workers
        yield from self._ask()
        self._simulation.release(self._workers)
        accepted = self._simulation.now
        ends = accepted + self._random.uniform(*self._around.job_seconds)
        delay = self._pace.first_poll
        while True:
            yield self._send_message() + delay.total_seconds()
            yield self._workers
            yield from self._ask()
            self._polls += 1
            if self._simulation.now >= ends:
                break
            self._simulation.release(self._workers)
            delay = self._pace.poll(timedelta(seconds=self._simulation.now - accepted))
        yield from self._finish(file)
        self._simulation.release(self._workers)

    def _finish(self, file: DroppedFile) -> Process:
        """Write outcomes; whichever process writes the last also writes results and the index of serial numbers."""
        yield self._write(self._load.devices_per_submission)
        file.open_submissions -= 1
        if not file.open_submissions:
            yield from self._compute(self._worker_cores, file.rows * self._times.close_per_row)
            yield self._write(file.rows)
            self._closed.append((file.dropped_at, self._simulation.now))

    def _ask(self) -> Process:
        """A request to Partner Center, with the work before it."""
        yield from self._compute(self._worker_cores, self._times.per_request)
        yield self._around.requests_a_submission / 2 * self._around.storage_seconds
        yield self._partner.wait(self._simulation.now) + self._around.partner_seconds

    def _compute(self, cores: Pool, seconds: float) -> Process:
        yield cores
        yield seconds
        self._core_seconds += seconds
        self._simulation.release(cores)

    def _send_message(self) -> float:
        self._messages_by_minute[int(self._simulation.now // 60)] += 1
        return self._messages.wait(self._simulation.now)

    def _write(self, rows: int) -> float:
        """Seconds until `rows` are in a table, within the limits of the partition and of the account."""
        self._rows_by_minute[int(self._simulation.now // 60)] += rows
        in_one = min(rows, ROWS_IN_A_BLOCK) / self._around.rows_a_second_in_a_partition
        return max(self._rows.wait(self._simulation.now, rows), in_one)


def arrivals(load: Load, drawn: random.Random) -> list[DroppedFile]:
    """The files of a day, by the time of their drop."""
    files = []
    for rows, share in load.file_rows:
        for _ in range(max(round(load.devices * share / rows), 1)):
            if drawn.random() < load.share_in_open_hours:
                at = drawn.uniform(*load.open_hours) * 3600
            else:
                at = drawn.uniform(0, DAY)
            files.append(DroppedFile(at, rows))
    return sorted(files, key=lambda file: file.dropped_at)


def times_in(measured: Mapping[str, Any]) -> ServiceTimes:
    """The CPU times of the large file that `operations` measured."""
    seconds = measured["large_cpu_seconds"]
    return ServiceTimes(seconds["receive_per_row"], seconds["per_request"], seconds["close_per_row"])


def measure(bench: Bench, operations: Mapping[str, Any]) -> Measured:
    """The day with several numbers of instances, with several rates of Partner Center, and all within an hour."""
    times, around, load = times_in(operations), Surroundings(), Load()
    found = {
        "by_instances": [Day(times, around, load, number).run() for number in INSTANCES],
        "by_partner_center_rate": [
            Day(times, replace(around, partner_requests_a_second=rate), load, INSTANCES_OF_RATES).run()
            for rate in PARTNER_CENTER_RATES
        ],
        "within_an_hour": [Day(times, around, WITHIN_AN_HOUR, number).run() for number in INSTANCES],
    }
    bench.say(f"{load.devices:,} devices a day simulated {sum(map(len, found.values()))} times")
    return Measured(
        raw={
            "service_times": asdict(times),
            "surroundings": asdict(around),
            "load": asdict(load),
            **{name: [asdict(result) for result in results] for name, results in found.items()},
        }
    )
