"""The cost of importing the app, compared with importing the libraries it needs.

Each runs in a fresh interpreter, alternately, with Python's own `-X importtime`; bytecode is compiled beforehand.
"""

import re
import sys
from pathlib import Path

from local.bench.bench import Bench, BenchError
from local.bench.goals import Figure, Measured
from local.bench.local_storage import run_program, settings_for

LIBRARIES = (
    "azure.functions",
    "azurefunctions.extensions.bindings.blob",
    "azure.storage.blob",
    "azure.storage.queue",
    "azure.data.tables",
    "requests",
    "msgspec",
)
APP = "function_app"
_LINE = re.compile(r"^import time: +(\d+) \| +(\d+) \|( *)(\S+)$", re.MULTILINE)
_START_UP = "site"
"""The last module that Python imports by itself."""
_SECONDS = 120


def measure(bench: Bench) -> Measured:
    """The time of the app's imports divided by that of the libraries'."""
    with bench.place() as folder:
        app, libraries = [], []
        for round_number in range(bench.sizes.cold_starts + 1):
            times = _seconds(folder, f"import {APP}"), _seconds(folder, "import " + ", ".join(LIBRARIES))
            # The first run of each compiles the bytecode.
            if round_number:
                app.append(times[0])
                libraries.append(times[1])
    return Measured(
        figures={"cold_start_vs_sdks": Figure.of([ours / theirs for ours, theirs in zip(app, libraries, strict=True)])},
        raw={
            "app_seconds": Figure.of(app).value,
            "libraries_seconds": Figure.of(libraries).value,
            "libraries": LIBRARIES,
        },
    )


def _seconds(folder: Path, statement: str) -> float:
    environment = settings_for("UseDevelopmentStorage=true", "http://127.0.0.1")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    written = run_program(
        "an interpreter that imports",
        ["-X", "importtime", "-c", statement],
        log=folder / "imports.log",
        seconds=_SECONDS,
        environment=environment | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")},
    )
    return seconds_in(written)


def seconds_in(written: str) -> float:
    """Seconds of all imports after Python's own start, from the output of `-X importtime`. Pure.

    Raises:
        BenchError: the output does not have that form.
    """
    top = [(name, int(cumulative)) for _, cumulative, indent, name in _LINE.findall(written) if len(indent) == 1]
    names = [name for name, _ in top]
    if _START_UP not in names or names[-1] == _START_UP:
        raise BenchError(f"Python {sys.version.split()[0]} wrote no import times that can be read:\n{written[-1000:]}")
    return sum(cumulative for _, cumulative in top[names.index(_START_UP) + 1 :]) / 1_000_000
