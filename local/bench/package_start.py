"""The start of the package as it is deployed, compared with the same files and bytecode that Python compiled itself.

The package is made by infra/package.py and read as in Azure: nothing is written beside it. CPU time of a fresh
interpreter of the deployed version, from its start to the app imported, alternately with the other.
"""

import importlib.util
import os
import shutil
from pathlib import Path
from types import ModuleType

from local.bench.bench import Bench, BenchError
from local.bench.goals import Figure, Measured
from local.bench.local_storage import run_program, settings_for
from local.processes import PROJECT

_KEY = "package_start_vs_warm"
_START = "import time, function_app, azure.monitor.opentelemetry; print(time.process_time())"
"""What the worker loads before its first invocation."""
_SECONDS = 120


def measure(bench: Bench) -> Measured:
    """The CPU time of a start of the package, divided by that with warm bytecode."""
    packager = _packager()
    version = packager.python_version(PROJECT)
    python = packager.python_of(version)
    if python is None:
        return Measured(figures={_KEY: Figure(None)}, raw={"missing": f"Python {version}"})
    with bench.place() as folder:
        deployed, warm = folder / "deployed", folder / "warm"
        _make(packager, deployed, version, python)
        _copy_without_bytecode(deployed, warm)
        seconds: dict[Path, list[float]] = {deployed: [], warm: []}
        for round_number in range(bench.sizes.cold_starts + 1):
            for package, found in seconds.items():
                taken = _start(package, python, folder, keeps_bytecode=round_number == 0 and package == warm)
                # The first round compiles the warm bytecode.
                if round_number:
                    found.append(taken)
    ratios = [ours / theirs for ours, theirs in zip(seconds[deployed], seconds[warm], strict=True)]
    return Measured(
        figures={_KEY: Figure.of(ratios)},
        raw={"python": version, "package_seconds": Figure.of(seconds[deployed]).value},
    )


def _packager() -> ModuleType:
    """infra/package.py, which belongs to no Python package."""
    script = PROJECT / "infra" / "package.py"
    spec = importlib.util.spec_from_file_location("device_drop_package", script)
    if spec is None or spec.loader is None:
        raise BenchError(f"{script} is missing.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _make(packager: ModuleType, folder: Path, version: str, python: str) -> None:
    packager.lay_out(PROJECT, folder)
    if packager.install(PROJECT, folder, version) or packager.compile_bytecode(folder, python):
        raise BenchError("The package could not be made; the lines above say why.")


def _copy_without_bytecode(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))


def _start(package: Path, python: str, folder: Path, *, keeps_bytecode: bool) -> float:
    environment = settings_for("UseDevelopmentStorage=true", "http://127.0.0.1")
    environment.pop("PYTHONPYCACHEPREFIX", None)
    paths = (package, package / ".python_packages" / "lib" / "site-packages")
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "" if keeps_bytecode else "1",
    }
    written = run_program(
        "a start of the package",
        # -P: not the files of the current folder, which is the checkout.
        ["-P", "-c", _START],
        python=python,
        log=folder / "start.log",
        seconds=_SECONDS,
        environment=environment,
    )
    return float(written.split()[-1])
