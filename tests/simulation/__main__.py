"""Plays many schedules, or shows one schedule event by event.

python -m tests.simulation --schedules 20000 [--first-seed N]
python -m tests.simulation --seed N --trace
Both take --as conformance.json: the service then does what was found out of the real one.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.partner_center.profile import Profile, read
from tests.simulation.scheduler import play
from tests.simulation.world import SimulatedWorld

PROGRESS_SECONDS = 10


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def told(world: SimulatedWorld, *, with_trace: bool) -> str:
    """The events of a world and the promises that it broke."""
    lines = [f"{when:%d %H:%M:%S.%f} {who}: {what}" for when, who, what in world.trace] if with_trace else []
    verdict = [f"Broken: {violation}" for violation in world.violations] or ["Every promise was kept."]
    return "\n".join([*lines, *verdict])


def how_to_replay(seed: int) -> str:
    """The command that shows a seed's schedule."""
    return f"python -m tests.simulation --seed {seed} --trace"


def play_many(first: int, schedules: int, profile: Profile | None = None) -> int:
    """Play the schedules and count those that broke a promise, printing for each the command that replays it."""
    started = told_at = time.monotonic()
    broken = 0
    for number, seed in enumerate(range(first, first + schedules), 1):
        world = play(seed, profile)
        if world.violations:
            broken += 1
            _say(f"Seed {seed}: {world.violations[0]}\n    replay: {how_to_replay(seed)}")
        now = time.monotonic()
        if now - told_at > PROGRESS_SECONDS or number == schedules:
            told_at = now
            rate = number / (now - started)
            _say(f"{number} of {schedules} schedules, {rate:.0f} a second, {broken} broken")
    return broken


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=20_000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seed", type=int, help="play this one alone")
    parser.add_argument(
        "--as",
        type=Path,
        dest="profile",
        metavar="FILE",
        help="do what `python -m local conformance` found",
    )
    parser.add_argument("--trace", action="store_true", help="with --seed: print every event")
    options = parser.parse_args(arguments)
    profile = read(options.profile) if options.profile else None
    if options.seed is None:
        return int(play_many(options.first_seed, options.schedules, profile) > 0)
    world = play(options.seed, profile)
    _say(told(world, with_trace=options.trace))
    return int(bool(world.violations))


if __name__ == "__main__":
    sys.exit(main())
