"""What many tests share: the storage they work on, and servers that say what they are told to."""

import gc
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests import examples
from tests.raw_server import RawServer, StartRawServer

pytest_plugins = ["tests.storage_accounts"]

_THRESHOLDS = gc.get_threshold()


@pytest.fixture(autouse=True)
def as_before_the_app() -> None:
    """A test that imports function_app sets log levels and the garbage collector for all; the next one decides anew."""
    logging.getLogger("shared").setLevel(logging.NOTSET)
    gc.set_threshold(*_THRESHOLDS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--campaign` runs the long form of the tests that have one, `--pictures` makes those of the documents anew."""
    parser.addoption("--campaign", action="store_true", help="run the long form of the fault tests")
    parser.addoption("--pictures", action="store_true", help="make the pictures in docs/pictures anew")


def pytest_configure(config: pytest.Config) -> None:
    """Examples are the same in every ordinary run, so that a change is judged by itself; a campaign draws new ones."""
    # No deadline: how long an example takes is the machine's doing as well.
    is_campaign = bool(config.getoption("--campaign"))
    examples.decide(is_campaign=is_campaign)
    settings.register_profile(
        "same examples", derandomize=not is_campaign, deadline=None, max_examples=examples.examples(examples.USUAL)
    )
    settings.load_profile("same examples")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files run side by side, those that take longest begin, so that none of them is left over at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("takes_long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Files run side by side; those with a browser in one process, so that one browser serves them all."""
    return OneBrowser(config, log)


class OneBrowser(LoadFileScheduling):  # type: ignore[misc]  # published without types
    """Hands out the tests of a file together, and those with a browser as if of one file."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> bool:
    """Whether the long form is asked for."""
    return bool(request.config.getoption("--campaign"))


@pytest.fixture
def raw_server() -> Iterator[StartRawServer]:
    """Starts `RawServer`s that end with the test."""
    servers: list[RawServer] = []

    def start(*answers: bytes) -> RawServer:
        servers.append(RawServer(*answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
