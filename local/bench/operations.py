"""Storage operations per 1,000 devices by purpose, and their cost.

The pipeline runs in this process against Azurite, with every request counted on its way. The bench plays the host: it
takes as many messages at a time as host.json says and deletes each. Polls of an empty queue and the sweep are not
counted. Each submission is polled once: the service is done at the first poll. Prices are the examples of
infra/prices.json; every row of a table transaction is counted as if it were charged.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from azure.storage.queue import QueueClient, QueueMessage

from local.azurite import running_azurite
from local.bench.bench import Bench, BenchError
from local.bench.counting import CountedStorage, Operations, counted
from local.bench.device_files import Kind, pieces
from local.bench.goals import Figure, Measured
from local.bench.local_storage import Dropped, drop, is_closed, journal_of, running_service, settings_for
from local.bench.registered import costs as registered_costs
from local.bench.timing import spent
from local.functions_host.queue_trigger import decoded
from local.processes import PROJECT
from shared.partner_center.client import PartnerCenter
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.pipeline.dispatch import wake
from shared.pipeline.intake.receive import receive
from shared.settings import settings_from
from shared.storage.connection import SUBMISSIONS_QUEUE
from shared.storage.journal import Journal

BLOB_TRIGGER = {
    "queue of the blob trigger: put message": 1,
    "queue of the blob trigger: get messages": 1,
    "queue of the blob trigger: delete message": 1,
}
"""The host's own storage operations for each dropped blob (Azure Functions, blob trigger with Event Grid)."""

_LEASE_SECONDS = 600
_PAUSE_SECONDS = 0.1
_MOST_SECONDS = 1800
_SUBMISSION_DEVICES = 500
_POLLED_DELAY = 4.0


@dataclass(slots=True)
class Taken:
    """The cost of one file: operations, and this process's CPU seconds by step."""

    operations: Operations = field(default_factory=Operations)
    polls: int = 0
    receive_cpu: float = 0.0
    wakes: list[tuple[float, int]] = field(default_factory=list)
    """For each wake-up its CPU seconds and its number of requests to the service."""

    @property
    def cpu_per_request(self) -> float:
        """Mean CPU seconds of a POST or a poll with its outcomes, without the wake-up that closed the file."""
        before_last = self.wakes[:-1]
        requests = sum(number for _, number in before_last)
        return sum(cpu for cpu, _ in before_last) / requests if requests else 0.0

    @property
    def close_cpu(self) -> float:
        """CPU seconds of the last wake-up beyond its requests: the results, and the index of serial numbers."""
        cpu, requests = self.wakes[-1] if self.wakes else (0.0, 0)
        return max(cpu - requests * self.cpu_per_request, 0.0)

    @property
    def everything(self) -> Counter[str]:
        """Operations of the app and of the host, by name."""
        return self.operations.requests + by_host(self.operations.requests)

    @property
    def total(self) -> int:
        """The total number of operations."""
        return self.everything.total()


def by_host(requests: Counter[str]) -> Counter[str]:
    """The host's storage operations besides the messages that the bench took in its place. Pure.

    These are its own message about the blob, and taking and deleting every message on another queue of the app once.
    """
    found = Counter(BLOB_TRIGGER)
    for name, number in requests.items():
        queue, _, words = name.partition(": ")
        if queue.startswith("queue ") and queue != f"queue {SUBMISSIONS_QUEUE}" and words == "put message":
            found[f"{queue}: get messages"] += number
            found[f"{queue}: delete message"] += number
    return found


def measure(bench: Bench) -> Measured:
    """A small file, a large one, and the cost of one more status request."""
    small_rows, large_rows = bench.sizes.small_rows, bench.sizes.large_rows
    small = taken(bench, small_rows)
    bench.say(f"{small.total} operations for {small_rows:,} devices")
    at_once, polled = taken(bench, _SUBMISSION_DEVICES), taken(bench, _SUBMISSION_DEVICES, delay=_POLLED_DELAY)
    bench.say(f"taking {large_rows:,} devices the whole way; this lasts a few minutes")
    large = taken(bench, large_rows)
    bench.say(f"{large.total:,} operations for {large_rows:,} devices")
    more = polled.polls - at_once.polls
    registered = registered_costs(bench, small_rows)
    for name, each in registered.items():
        bench.say(f"to {name} registered devices: {each['operations']:g} operations and {each['requests']:g} requests")
    return Measured(
        figures={
            "operations_per_1000_small": Figure(small.total * 1000 / small_rows),
            "operations_per_1000_large": Figure(large.total * 1000 / large_rows),
        },
        raw={
            "small": _raw(small, small_rows),
            "large": _raw(large, large_rows),
            "operations_per_further_poll": (polled.total - at_once.total) / more if more else None,
            "further_poll": _per(polled.operations.requests - at_once.operations.requests, max(more, 1)),
            "large_cpu_seconds": {
                "receive_per_row": large.receive_cpu / large_rows,
                "per_request": large.cpu_per_request,
                "close_per_row": large.close_cpu / large_rows,
            },
            "registered_per_1000_devices": registered,
            "large_rows": large_rows,
            "large_submissions": -(-large_rows // _SUBMISSION_DEVICES),
        },
    )


def _raw(taken: Taken, rows: int) -> dict[str, object]:
    return {
        "rows": rows,
        "operations": taken.total,
        "status_requests": taken.polls,
        "per_1000_devices": _per(taken.everything, rows / 1000),
        "usd_per_1000_devices": cost(taken.operations) * 1000 / rows,
    }


def _per(counts: Counter[str], units: float) -> dict[str, float]:
    return {name: round(number / units, 3) for name, number in counts.most_common()}


def cost(operations: Operations, prices: Path = PROJECT / "infra" / "prices.json") -> float:
    """The cost of the operations at the example prices, in their currency."""
    price = json.loads(prices.read_text(encoding="utf-8"))
    of_kind = Counter[str]()
    for name, number in operations.requests.items():
        kind = name.partition(" ")[0]
        of_kind[kind] += max(number, operations.rows[name]) if kind == "table" else number
    of_kind["queue"] += by_host(operations.requests).total()
    each = {
        "blob": price["ten_thousand_blob_writes"],
        "queue": price["ten_thousand_queue_operations"],
        "table": price["ten_thousand_table_operations"],
    }
    return float(sum(each[kind] * number / 10_000 for kind, number in of_kind.items()))


def taken(bench: Bench, rows: int, *, delay: float = 0.0) -> Taken:
    """Process a file of `rows` devices from drop to close; the service is done with an upload after `delay` seconds."""
    with (
        bench.place() as folder,
        running_azurite(bench.toolchain, data=folder / "azurite") as azurite,
        counted(azurite, folder) as storage,
        running_service(folder, delay=delay) as service,
    ):
        environment = settings_for(
            storage.connection_string, service, POLL_FIRST_DELAY_SECONDS="0.05", POLL_MAX_DELAY_SECONDS="1"
        )
        pipeline = compose(settings_from(environment))
        prepare(pipeline)
        # The bench's own requests are not counted.
        journal = journal_of(azurite.connection_string)
        counted_service = CountedService(pipeline.partner_center)
        pipeline = replace(pipeline, partner_center=cast("PartnerCenter", counted_service))
        host = _Host(pipeline, storage, counted_service, journal)
        # The first file of a batch creates it: once, and not for every thousand devices.
        host.take(drop(azurite.connection_string, pieces(Kind.TUPLES, 1), "first.csv"))
        return host.take(drop(azurite.connection_string, pieces(Kind.HASHES_UTF8, rows)))


@dataclass(slots=True)
class CountedService:
    """The service, and how often each of its methods was called."""

    real: PartnerCenter
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """The real method, counted."""

        def counted_call(*arguments: object) -> Any:  # noqa: ANN401
            self.calls[name] += 1
            return getattr(self.real, name)(*arguments)

        return counted_call


_POLL = "batch_job_status"


@dataclass(frozen=True, slots=True)
class _Host:
    """Plays the Functions host for one file at a time."""

    pipeline: Pipeline
    storage: CountedStorage
    service: "CountedService"
    journal: Journal

    def take(self, dropped: Dropped) -> Taken:
        """Process the file until it is closed.

        Raises:
            BenchError: it was not closed in time.
        """
        before, polls_before = self.storage.operations(), self.service.calls[_POLL]
        taken, empty = Taken(), 0
        taken.receive_cpu = spent(lambda: receive(self.pipeline, dropped.path)).cpu
        queue = QueueClient.from_connection_string(self.storage.connection_string, SUBMISSIONS_QUEUE)
        deadline = time.monotonic() + _MOST_SECONDS
        while not is_closed(self.journal, dropped):
            messages = _taken_from(queue)
            for message in messages:
                self._wake(taken, message)
                queue.delete_message(message)
            if not messages:
                empty += 1
                time.sleep(_PAUSE_SECONDS)
            if time.monotonic() > deadline:
                raise BenchError(f"The file was not closed within {_MOST_SECONDS} seconds.")
        taken.operations = self.storage.operations().since(before).without(**{_GET: empty})
        taken.polls = self.service.calls[_POLL] - polls_before
        return taken

    def _wake(self, taken: Taken, message: QueueMessage) -> None:
        calls, began = self.service.calls.total(), time.process_time()
        wake(self.pipeline, decoded(message.content), message.id)
        taken.wakes.append((time.process_time() - began, self.service.calls.total() - calls))


_GET = f"queue {SUBMISSIONS_QUEUE}: get messages"


def _taken_from(queue: QueueClient) -> list[QueueMessage]:
    """Poll the queue once, for as many messages as host.json says."""
    queues = json.loads((PROJECT / "host.json").read_text(encoding="utf-8"))["extensions"]["queues"]
    most = queues["batchSize"]
    pages = queue.receive_messages(messages_per_page=most, max_messages=most, visibility_timeout=_LEASE_SECONDS)
    return list(next(pages.by_page(), ()))
