"""The app's HTTP functions, served by the local functions host on the loopback interface, over storage in memory."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.functions_host.app import HttpTrigger, load_functions
from local.functions_host.http_trigger import HttpListener, Route
from local.functions_host.invoking import Invoker
from tests.pipeline.conftest import make_world, world
from tests.pipeline.world import World
from tests.status.client import KEY, Client, HttpFunction, Served

__all__ = ["make_world", "world"]

ENVIRONMENT = {
    "DeviceStorage": "UseDevelopmentStorage=true",
    "PARTNER_CENTER_URL": "http://127.0.0.1:9",
    "PARTNER_CENTER_TOKEN": "token",
    "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
}


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """The app's HTTP functions, behind a listener that asks for a function key."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        known = sys.modules.pop("function_app", None)
        functions = load_functions("function_app", ENVIRONMENT)
        app = sys.modules.pop("function_app")
        if known is not None:
            sys.modules["function_app"] = known
    http = [
        HttpFunction(function.name, function.trigger, function)
        for function in functions
        if isinstance(function.trigger, HttpTrigger)
    ]
    with _listening([Route(function.hosted, function.trigger, "api") for function in http]) as listener:
        yield Served(app, listener.server_address[1], http)


@contextmanager
def _listening(routes: list[Route]) -> Iterator[HttpListener]:
    listener = HttpListener(0, routes, Invoker(4), KEY)
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@pytest.fixture
def client(served: Served, world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of the app over `world`."""
    monkeypatch.setattr(served.app, "pipeline", lambda: world.pipeline)
    return Client(served.port)
