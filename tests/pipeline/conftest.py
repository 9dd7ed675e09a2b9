"""Worlds to run the pipeline in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from local.partner_center import Behaviour, StandIn
from tests.pipeline.world import Clock, World

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world() -> Iterator[MakeWorld]:
    """Makes a world with the given behaviour of the stand-in and the given settings."""
    with ExitStack() as stack:

        def make(behaviour: Behaviour | None = None, **settings: str) -> World:
            clock = Clock()
            service = stack.enter_context(StandIn(behaviour or Behaviour(), clock=clock.seconds))
            return World(service, clock, **settings)

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world whose service finishes a job after a minute."""
    return make_world(Behaviour(delay=60))
