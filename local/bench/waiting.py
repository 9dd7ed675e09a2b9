"""Waiting efficiently: many concurrent requests to a slow service, and few status requests while it works.

The POSTs go to a service that answers each request after 200 ms, from eight threads that take wake-ups as a host's
threads do, with Azurite. The time is from the start of the first POST to the last answer; the ideal is only the wait.
"""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from azure.storage.queue import QueueClient, QueueMessage

from local.azurite import running_azurite
from local.bench.bench import Bench, BenchError
from local.bench.device_files import Kind, pieces
from local.bench.goals import Figure, Measured
from local.bench.local_storage import drop, running_thinking_service, settings_for
from local.bench.polling import TEN_MINUTES, default_pace, longest_wait, most_polls, table, waited
from local.bench.timing import Spent, spent
from local.functions_host.queue_trigger import decoded
from shared.partner_center.client import Accepted, CallIds, PartnerCenter
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.pipeline.dispatch import wake
from shared.pipeline.intake.receive import receive
from shared.pipeline.submissions.line import IN_LINE
from shared.settings import settings_from
from shared.storage.connection import SUBMISSIONS_QUEUE, open_storage
from shared.vocabulary import Priority

CONCURRENCY = 8
LATENCY = 0.2
"""Seconds."""
_DEVICES = 500
_MESSAGES_AT_ONCE = 32
_LEASE_SECONDS = 600


def measure(bench: Bench) -> Measured:
    """The POSTs against their ideal, and the schedule of status requests."""
    number = bench.sizes.waiting_submissions
    ideal = math.ceil(number / CONCURRENCY) * LATENCY
    rounds, cpu = [], []
    for _ in range(bench.sizes.waiting_rounds):
        took = _posts(bench, number)
        rounds.append(took.wall)
        cpu.append(took.cpu * 1000 / number)
        bench.say(f"{number} POSTs in {took.wall:.2f} s; waiting alone would be {ideal:.2f} s")
    pace = default_pace(lambda: 0.5)
    worst = longest_wait(pace)
    return Measured(
        figures={
            "posts_vs_ideal": Figure.of([seconds / ideal for seconds in rounds]),
            "polls_per_10_min_job": Figure(waited(pace, TEN_MINUTES).polls),
            "longest_wait_vs_allowed": Figure(max(each.share_of_allowed for each in table(pace))),
        },
        raw={
            "posts": {
                "number": number,
                "concurrency": CONCURRENCY,
                "seconds": rounds,
                "ideal_seconds": ideal,
                "cpu_ms_per_submission": cpu,
            },
            "polls": [asdict(each) | {"share_of_allowed": each.share_of_allowed} for each in table(pace)],
            "most_polls_per_10_min_job_with_jitter": most_polls(TEN_MINUTES),
            "longest_wait_of_any_job": asdict(worst) | {"share_of_allowed": worst.share_of_allowed},
        },
    )


def _posts(bench: Bench, number: int) -> Spent:
    """Wall seconds from the start of the first POST to the last answer, and the CPU of these wake-ups."""
    with (
        bench.place() as folder,
        running_azurite(bench.toolchain) as azurite,
        running_thinking_service(folder, LATENCY) as service,
    ):
        settings = settings_from(
            settings_for(
                azurite.connection_string,
                service,
                INLINE_SUBMISSIONS="0",
                HOLD_FROM_FAILED_PERCENT="100",  # without a canary, behind which the others would wait
                # Status requests would compete with the POSTs.
                POLL_FIRST_DELAY_SECONDS="3600",
                POLL_MAX_DELAY_SECONDS="3600",
            )
        )
        pipeline = compose(settings)
        prepare(pipeline)
        timed = TimedService(pipeline.partner_center)
        host = _Host(
            replace(pipeline, partner_center=cast("PartnerCenter", timed)),
            open_storage(settings.storage).queue(SUBMISSIONS_QUEUE),
        )
        # The batch exists, and every connection is open, before the clock starts.
        host.take_in(drop(azurite.connection_string, pieces(Kind.TUPLES, 1), "first.csv").path)
        host.work(1)
        # Of one file, only so many submissions are under way to their first POST at a time.
        for first in range(0, number, IN_LINE[Priority.NORMAL]):
            devices = min(number - first, IN_LINE[Priority.NORMAL]) * _DEVICES
            host.take_in(drop(azurite.connection_string, pieces(Kind.TUPLES, devices), f"{first}.csv").path)
        timed.forget()
        took = spent(lambda: host.work(CONCURRENCY))
        return Spent(cpu=took.cpu, wall=timed.seconds(number))


@dataclass(frozen=True, slots=True)
class _Host:
    """Takes the wake-ups that are due, as the Functions host does."""

    pipeline: Pipeline
    queue: QueueClient

    def take_in(self, path: str) -> None:
        receive(self.pipeline, path)

    def work(self, threads: int) -> None:
        messages = list(
            self.queue.receive_messages(messages_per_page=_MESSAGES_AT_ONCE, visibility_timeout=_LEASE_SECONDS)
        )
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(self._work_on, message) for message in messages]:
                done.result()

    def _work_on(self, message: QueueMessage) -> None:
        wake(self.pipeline, decoded(message.content), message.id)
        self.queue.delete_message(message)


@dataclass(slots=True)
class TimedService:
    """The service, with the times at which each POST started and was answered."""

    real: PartnerCenter
    posts: list[tuple[float, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """Forget all times."""
        self.posts.clear()

    def seconds(self, number: int) -> float:
        """From the start of the first POST to the last answer.

        Raises:
            BenchError: there were not `number` of them.
        """
        if len(self.posts) != number:
            raise BenchError(f"{len(self.posts)} of {number} submissions were accepted at once.")
        return max(end for _, end in self.posts) - min(start for start, _ in self.posts)

    def create_batch(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        """Timed."""
        return self._timed(lambda: self.real.create_batch(customer_id, batch_id, devices, ids))

    def append_devices(self, customer_id: str, batch_id: str, devices: bytes, ids: CallIds) -> Accepted:
        """Timed."""
        return self._timed(lambda: self.real.append_devices(customer_id, batch_id, devices, ids))

    def _timed(self, post: Callable[[], Accepted]) -> Accepted:
        start = time.perf_counter()
        accepted = post()
        with self._lock:
            self.posts.append((start, time.perf_counter()))
        return accepted

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """All other attributes are those of the service."""
        return getattr(self.real, name)
