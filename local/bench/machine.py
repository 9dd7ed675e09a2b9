"""The machine of a measurement, and the versions of the software involved."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from local.toolchain import Toolchain, answer_of

_PACKAGES = (
    "azure-core",
    "azure-data-tables",
    "azure-functions",
    "azure-storage-blob",
    "azure-storage-queue",
    "azurefunctions-extensions-bindings-blob",
    "msgspec",
    "requests",
    "urllib3",
)


def about(toolchain: Toolchain) -> dict[str, object]:
    """The time, the machine and the versions."""
    return {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_bytes": _memory(),
            "load_average_before": _load(),
        },
        "versions": {
            "python": sys.version.split()[0],
            "node": answer_of([str(toolchain.node), "--version"]),
            "azurite": _azurite(toolchain),
            **{name: found for name in _PACKAGES if (found := _version(name))},
        },
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _memory() -> int | None:
    if sys.platform == "win32":
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _load() -> float | None:
    return None if sys.platform == "win32" else os.getloadavg()[0]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _azurite(toolchain: Toolchain) -> str:
    described = toolchain.packages / "node_modules" / "azurite" / "package.json"
    found: str = json.loads(described.read_text(encoding="utf-8"))["version"]
    return found
