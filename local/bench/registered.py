"""Storage operations and requests to the service per 1,000 registered devices: to read, list, plan and reconcile them.

The pipeline runs in this process against Azurite, as in `operations`. Requests are those that the app itself counts
against its daily budget, at a hundred devices each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from azure.storage.queue import QueueClient

from local.azurite import running_azurite
from local.bench.bench import BATCH, CUSTOMER, Bench
from local.bench.counting import CountedStorage, Operations, counted
from local.bench.device_files import Kind, pieces
from local.bench.local_storage import drop, is_closed, running_service, settings_for
from local.functions_host.queue_trigger import decoded
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.pipeline.dispatch import wake
from shared.pipeline.intake.preview import destination_for, preview
from shared.pipeline.intake.receive import receive
from shared.pipeline.inventory.plan import planned_rows
from shared.pipeline.inventory.reading import ask_for_devices
from shared.pipeline.inventory.reconciliation import tell_drift
from shared.settings import settings_from
from shared.status.registered_devices import registered_devices
from shared.storage.connection import SUBMISSIONS_QUEUE


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of something done with all devices."""

    operations: Operations
    requests: int

    def per_1000(self, devices: int) -> dict[str, float]:
        """Per 1,000 devices."""
        thousands = devices / 1000
        total = self.operations.requests.total()
        return {"operations": round(total / thousands, 2), "requests": round(self.requests / thousands, 2)}


def costs(bench: Bench, rows: int) -> dict[str, dict[str, float]]:
    """What it costs per 1,000 devices to read, list, plan and reconcile `rows` devices of one batch."""
    with (
        bench.place() as folder,
        running_azurite(bench.toolchain, data=folder / "azurite") as azurite,
        counted(azurite, folder) as storage,
        running_service(folder) as service,
    ):
        changes = {"POLL_FIRST_DELAY_SECONDS": "0.05", "POLL_MAX_DELAY_SECONDS": "1", "RECONCILE": "true"}
        pipeline = compose(settings_from(settings_for(storage.connection_string, service, **changes)))
        prepare(pipeline)
        dropped = drop(azurite.connection_string, pieces(Kind.TUPLES, rows))
        receive(pipeline, dropped.path)
        while not is_closed(pipeline.journal, dropped):
            _deliver(pipeline, storage)
        done = {
            "read": partial(_read, pipeline, storage),
            "list": partial(_list, pipeline),
            "plan": partial(_plan, pipeline, rows),
            "reconcile": partial(_reconcile, pipeline, storage),
        }
        return {name: _cost(pipeline, storage, work).per_1000(rows) for name, work in done.items()}


def _cost(pipeline: Pipeline, storage: CountedStorage, work: Callable[[], None]) -> Cost:
    before, requests_before = storage.operations(), _requests(pipeline)
    between = storage.operations().since(before)
    work()
    taken = storage.operations().since(before)
    return Cost(Operations(taken.requests - between.requests, taken.rows), _requests(pipeline) - requests_before)


def _requests(pipeline: Pipeline) -> int:
    stored = pipeline.journal.inventories.budget(pipeline.clock().date())
    return 0 if stored is None else stored.record.requests


def _deliver(pipeline: Pipeline, storage: CountedStorage) -> None:
    queue = QueueClient.from_connection_string(storage.connection_string, SUBMISSIONS_QUEUE)
    for message in queue.receive_messages():
        wake(pipeline, decoded(message.content), message.id)
        queue.delete_message(message)


def _read(pipeline: Pipeline, storage: CountedStorage) -> None:
    ask_for_devices(pipeline, CUSTOMER)
    while (stored := pipeline.journal.inventories.get(CUSTOMER)) is not None and stored.record.is_in_progress:
        _deliver(pipeline, storage)


def _list(pipeline: Pipeline) -> None:
    """Every page of the list, a hundred devices each, with the file of each."""
    page = registered_devices(pipeline, CUSTOMER)
    while page.next is not None:
        page = registered_devices(pipeline, CUSTOMER, page=page.next)


def _plan(pipeline: Pipeline, rows: int) -> None:
    destination = destination_for(pipeline.settings, CUSTOMER, BATCH)
    opened, now = partial(pieces, Kind.TUPLES, rows), pipeline.clock()
    found = preview(opened, name="devices.csv", destination=destination, now=now)
    for _ in planned_rows(pipeline, opened, "devices.csv", CUSTOMER, destination, found, now):
        pass


def _reconcile(pipeline: Pipeline, storage: CountedStorage) -> None:
    """A second reading, compared with the first, and the decision on what drifted."""
    _read(pipeline, storage)
    stored = pipeline.journal.inventories.get(CUSTOMER)
    if stored is not None:
        tell_drift(pipeline, stored)
