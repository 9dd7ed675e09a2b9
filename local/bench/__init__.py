"""`python -m local bench`: measures what the product promises of speed, memory and cost, beside what else there is.

Every goal of speed is a ratio of two things measured in the same run, in turns, so that a slow machine makes both slow.
docs/performance.md says what each figure means. `goals` names them; each of `intake`, `outcomes`, `memory`, `waiting`,
`cold_start`, `operations`, `growth`, `end_to_end` and `capacity` measures some; `report` shows them.
"""

from __future__ import annotations

import argparse

from local.bench.arguments import add_arguments

__all__ = ["add_arguments", "main"]


def main(options: argparse.Namespace) -> int:
    """Measure; the exit code: 0 when every goal that could be judged is reached, 1 otherwise, 2 for a wrong size."""
    # Some modules of this package are programs of their own, whose memory is measured: they shall not load the rest.
    from local.bench.running import run  # noqa: PLC0415

    return run(options)
