"""One Azurite for all tests: where they run in several processes, the process that hands them out starts it.

Every process has accounts of its own in it, so that none meets what another keeps there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from typing import Any, Protocol

import pytest

from local.azurite import Azurite, running_azurite
from local.set_up import ready_toolchain

Connections = Mapping[str, str]
"""Connection strings by account."""

_ONLY_PROCESS = "only"
_INPUT = "storage accounts"
_azurite = pytest.StashKey[Azurite]()


class Account(StrEnum):
    """The accounts that each process has."""

    MANY = "many"
    """For all tests whose containers, queues and tables have names of their own."""
    APP = "app"
    """For the tests of the local commands, which work on whatever the app keeps under its own names."""


class Worker(Protocol):
    """A process of pytest-xdist that runs tests, as the process that hands them out knows it."""

    config: pytest.Config
    gateway: Any
    workerinput: dict[str, Any]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[Any]) -> None:
    """Start it before the processes that use it; it ends after them."""
    running = ExitStack()
    config.add_cleanup(running.close)
    names = [name for spec in specs for name in _names(spec.id)]
    config.stash[_azurite] = running.enter_context(running_azurite(ready_toolchain(), accounts=names))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Worker) -> None:
    """Tell a process of its accounts."""
    node.workerinput[_INPUT] = _connections(node.config.stash[_azurite], node.gateway.id)


@pytest.fixture(scope="session")
def _accounts(pytestconfig: pytest.Config) -> Iterator[Connections]:
    """The accounts of this process."""
    given: Connections | None = getattr(pytestconfig, "workerinput", {}).get(_INPUT)
    if given is not None:
        yield given
        return
    with running_azurite(ready_toolchain(), accounts=_names(_ONLY_PROCESS)) as azurite:
        yield _connections(azurite, _ONLY_PROCESS)


@pytest.fixture(scope="session")
def azurite_connection(_accounts: Connections) -> str:
    """The connection string of a storage account that all tests of this process share: names must be their own."""
    return _accounts[Account.MANY]


@pytest.fixture(scope="session")
def app_account(_accounts: Connections) -> str:
    """The connection string of a storage account for the app, under the names that it uses."""
    return _accounts[Account.APP]


def _connections(azurite: Azurite, process: str) -> Connections:
    return {
        str(account): azurite.connection_string_of(name) for account, name in zip(Account, _names(process), strict=True)
    }


def _names(process: str) -> list[str]:
    return [f"{process}{account}" for account in Account]
