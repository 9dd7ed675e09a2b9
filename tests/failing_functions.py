"""Calls every trigger's function and an HTTP function while storage fails, with telemetry set up as the worker does.

Run by the test of `shared.failures` in a process of its own, since a process sets telemetry up once.
"""

import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import azure.functions as func
from azure.monitor.opentelemetry import configure_azure_monitor
from opentelemetry._logs import get_logger_provider

import function_app
from local.in_memory_storage import InMemoryTable
from local.partner_center import Behaviour, StandIn
from shared.storage.journal import Journal, TableName
from shared.storage.tables import Query
from shared.storage.wakeups import DueSubmission, SubmissionsWakeUp, SubmissionWakeUp, WakeUp, encode
from tests.pipeline.world import CUSTOMER, Clock, World, numbered

PATH = f"{CUSTOMER}/Test/devices.csv"


class Unreachable(InMemoryTable):
    """A table whose reads fail when `is_failing` is set."""

    is_failing = False

    def get(self, partition: str, row: str) -> Any:
        self._fail()
        return super().get(partition, row)

    def query(self, query: Query) -> Iterator[Any]:
        self._fail()
        return super().query(query)

    def _fail(self) -> None:
        if Unreachable.is_failing:
            raise OSError("storage does not answer")


def _calls(world: World, file: str) -> dict[str, Callable[[], object]]:
    functions = {one.get_function_name(): one.get_user_function() for one in function_app.app.get_functions()}

    def call(function: str, argument: object) -> object:
        context = SimpleNamespace(
            function_name=function,
            invocation_id=f"invocation-of-{function}",
            trace_context=SimpleNamespace(trace_parent="", trace_state=""),
        )
        return functions[function](argument, context=context)

    def message(wake_up: WakeUp) -> SimpleNamespace:
        return SimpleNamespace(get_body=lambda: encode(wake_up).encode(), id="message-1")

    one = SubmissionWakeUp(reading_id=f"{file}.1", number="1", sequence=9)
    both = SubmissionsWakeUp(
        reading_id=f"{file}.1",
        due=(DueSubmission(number="1", sequence=9), DueSubmission(number="2", sequence=9)),
    )
    request = func.HttpRequest(
        method="GET", url="http://localhost/api/files", headers={"host": "localhost"}, params={}, body=b""
    )
    return {
        "receive": lambda: call("receive_device_file", SimpleNamespace(blob_name=PATH)),
        "one submission": lambda: call("advance_submission", message(one)),
        "several submissions": lambda: _without_bodies(world, lambda: call("advance_submission", message(both))),
        "sweep": lambda: call("sweep", None),
        "http": lambda: call("list_files", request),
    }


def _without_bodies(world: World, call: Callable[[], object]) -> object:
    """Call while only the request bodies are missing, so that each submission fails by itself."""
    Unreachable.is_failing = False
    for version in list(world.private.versions()):
        world.private.delete(version.path)
    return call()


def main() -> None:
    """Call each function once, and export what was logged."""
    configure_azure_monitor(
        connection_string=os.environ["APPLICATIONINSIGHTS_CONNECTION_STRING"],
        logger_name=os.environ["PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME"],
    )
    clock = Clock()
    with StandIn(Behaviour(), clock=clock.seconds) as service:
        world = World(
            service, clock, INLINE_SUBMISSIONS="0", DEVICES_PER_SUBMISSION="1", HOLD_FROM_FAILED_PERCENT="100"
        )
        tables = {name: Unreachable() for name in TableName}
        world.journal = Journal(tables.__getitem__)
        world.pipeline = world.pipeline_with()
        file = world.drop_file(numbered(2), PATH)
        vars(function_app)["pipeline"] = lambda: world.pipeline
        for name, call in _calls(world, file).items():
            Unreachable.is_failing = True
            try:
                answer = call()
            except Exception as error:  # noqa: BLE001 - the host catches all as well
                sys.stdout.write(f"{name}: {type(error).__name__}\n")
            else:
                sys.stdout.write(f"{name}: {answer.status_code if isinstance(answer, func.HttpResponse) else answer}\n")
    get_logger_provider().force_flush()  # type: ignore[attr-defined]
    sys.stdout.write(f"file: {file}\n")


if __name__ == "__main__":
    main()
