"""A step of the pipeline fails once, and the host delivers its message again."""

from shared.storage.wakeups import WakeUp
from tests.pipeline.world import World


def fails(*_: object) -> None:
    raise OSError("storage does not answer")


def deliver_until_it_fails(world: World) -> WakeUp:
    """Wake-ups are delivered until the function fails on one, which the host will deliver again."""
    while True:
        wake_up = min(world.wakeups.waiting, key=lambda entry: entry[0])[1]
        try:
            world.deliver_next()
        except OSError:
            return wake_up
