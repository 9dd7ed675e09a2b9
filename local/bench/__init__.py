"""`python -m local bench`: measures speed, memory and cost against the product's goals.

Every speed goal is a ratio of two things measured alternately in the same run, so that a slow machine slows down both.
docs/performance.md says what each figure means. `goals` names them; each of `intake`, `outcomes`, `memory`, `waiting`,
`cold_start`, `package_start`, `status_page`, `operations`, `growth`, `end_to_end` and `capacity` measures some;
`report` shows them.
"""

from __future__ import annotations

import argparse

from local.bench.arguments import add_arguments

__all__ = ["add_arguments", "main"]


def main(options: argparse.Namespace) -> int:
    """Measure; returns 0 if every goal that could be judged is reached, 1 otherwise, 2 for a wrong size."""
    # Some modules of this package are separate programs, whose memory is measured: they must not load the rest.
    from local.bench.running import run  # noqa: PLC0415

    return run(options)
