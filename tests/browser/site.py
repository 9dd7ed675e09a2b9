"""The app's own doors on the loopback interface, in this process, over storage in memory."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.functions_host.app import HttpTrigger, load_functions
from local.functions_host.http_trigger import HttpListener, Route
from local.functions_host.invoking import Invoker
from local.partner_center import Behaviour, StandIn
from tests.pipeline.world import Clock, World

PROJECT = Path(__file__).parents[2]

ENVIRONMENT = {
    "DeviceStorage": "UseDevelopmentStorage=true",
    "PARTNER_CENTER_URL": "http://127.0.0.1:9",
    "PARTNER_CENTER_TOKEN": "token",
    "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
}
THREADS = 4


@dataclass(frozen=True, slots=True)
class Site:
    """A world, and where its pages are."""

    world: World
    url: str

    @property
    def files(self) -> str:
        """The list of files."""
        return f"{self.url}/api/status"

    def file(self, identifier: str, customer_id: str) -> str:
        """The page of a file."""
        return f"{self.files}/{customer_id}/{identifier}"


@contextmanager
def running_site(behaviour: Behaviour | None = None, **settings: str) -> Iterator[Site]:
    """A site of its own, for as long as the context lasts; its stand-in behaves as told, with settings as told."""
    clock = Clock()
    with StandIn(behaviour or Behaviour(delay=60), clock=clock.seconds) as service:
        world = World(service, clock, **settings)
        listener = HttpListener(0, _routes(world), Invoker(THREADS))
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield Site(world, listener.url)
        finally:
            listener.shutdown()
            thread.join()
            listener.server_close()


def _routes(world: World) -> list[Route]:
    """The app's doors to this world. Its module is a new one, and is kept by nothing but them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(PROJECT))
        patch.delitem(sys.modules, "function_app", raising=False)
        functions = load_functions("function_app", ENVIRONMENT)
        app = sys.modules.pop("function_app")
    vars(app)["pipeline"] = lambda: world.pipeline
    return [
        Route(function, function.trigger, "api") for function in functions if isinstance(function.trigger, HttpTrigger)
    ]
