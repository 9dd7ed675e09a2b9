"""`python -m local test`: every check that a change must pass."""

import os
import subprocess
import sys
from collections.abc import Sequence

from local.chromium import NOT_FOUND, chromium
from local.processes import PROJECT
from local.set_up import ready_toolchain

_CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy", "--strict"),
)

_WORKERS = min(4, (os.cpu_count() or 1) + 1)
"""One more than processors, since tests of whole hosts mostly wait; beyond four, all wait for the longest file."""
_SIDE_BY_SIDE = ("-n", str(_WORKERS), "--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart", "0")

_KEEP_COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Where that is set, each of the processes that the tests start would compile the whole app anew."""

_WIDTH = 100
"""Width of the lines around a message that must not be overlooked."""


def test(pytest_arguments: Sequence[str]) -> int:
    """Run the checks and then the tests; returns the exit code of the first that fails, 0 if all pass.

    Test files run in parallel; with `-n 0` among the arguments, one after the other in one process.
    """
    ready_toolchain()
    for check in (*_CHECKS, ("pytest", *_SIDE_BY_SIDE, *pytest_arguments)):
        print(f"== {' '.join(check)}", flush=True)
        command = [sys.executable, "-m", *check]
        code = subprocess.run(command, cwd=PROJECT, env=os.environ | _KEEP_COMPILED, check=False).returncode
        if code != 0:
            print(f"== {check[0]} failed with exit code {code}", flush=True)
            return code
    if chromium() is None:
        print(f"\n{'!' * _WIDTH}\n{NOT_FOUND}\n{'!' * _WIDTH}", flush=True)
    return 0
