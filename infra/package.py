# noqa: INP001 - a script of its own
"""Installs the packages of requirements.lock beside the app, for the Python and platform of Azure, with hashes checked.

`azd package` runs it before it makes the archive. It needs pip and a package index, and compiles and runs no package.
"""

import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGES = PROJECT / ".python_packages" / "lib" / "site-packages"
"""The folder in which the Functions host on Linux searches for them."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
"""Flex Consumption runs x86-64 Linux with a newer glibc than these require."""


def main() -> int:
    """Install all packages from scratch; returns pip's exit code."""
    shutil.rmtree(PACKAGES.parent.parent, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--target", str(PACKAGES), "--requirement", str(PROJECT / "requirements.lock")]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation", "cp"]
    # The lock was made for that Python; pip would check the packages' requirements against the Python that runs it.
    command += ["--python-version", python_version(), "--ignore-requires-python"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - its own command


def python_version() -> str:
    """The Python version of the app, from infra/main.bicep."""
    for line in (PROJECT / "infra" / "main.bicep").read_text(encoding="utf-8").splitlines():
        if line.startswith("param pythonVersion string = "):
            return line.split("'")[1]
    raise SystemExit("infra/main.bicep has no parameter pythonVersion with a default: add it")


if __name__ == "__main__":
    sys.exit(main())
