"""`python -m local test`: every check that a change must pass."""

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

_WIDTH = 100
"""Width of the lines around a message that must not be overlooked."""


def test(pytest_arguments: Sequence[str]) -> int:
    """Run the checks and then the tests; returns the exit code of the first that fails, 0 if all pass."""
    ready_toolchain()
    for check in (*_CHECKS, ("pytest", *pytest_arguments)):
        print(f"== {' '.join(check)}", flush=True)
        code = subprocess.run([sys.executable, "-m", *check], cwd=PROJECT, check=False).returncode
        if code != 0:
            print(f"== {check[0]} failed with exit code {code}", flush=True)
            return code
    if chromium() is None:
        print(f"\n{'!' * _WIDTH}\n{NOT_FOUND}\n{'!' * _WIDTH}", flush=True)
    return 0
