"""`python -m local test`: everything that must hold before a change is good."""

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
"""Characters of the lines around what must not be overlooked."""


def test(pytest_arguments: Sequence[str]) -> int:
    """Run the checks and then the tests; the exit code of the first that fails, 0 when all pass."""
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
