"""The start of the package is measured as it is deployed: with its own bytecode, and writing none."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.bench import package_start
from local.bench.bench import BenchError
from tests.infra.scripts import script

PACKAGER = script("package")


def packager(*, python: str | None = sys.executable, failing: bool = False) -> SimpleNamespace:
    """infra/package.py with an app of one line, and no package index."""

    def lay_out(_: Path, folder: Path) -> None:
        (folder / "azure" / "monitor" / "opentelemetry").mkdir(parents=True)
        (folder / "azure" / "monitor" / "opentelemetry" / "__init__.py").touch()
        (folder / "function_app.py").write_text("x = 1\n")

    return SimpleNamespace(
        python_version=lambda _: "3.13",
        python_of=lambda _: python,
        lay_out=lay_out,
        install=lambda *_: int(failing),
        compile_bytecode=PACKAGER.compile_bytecode,
    )


def test_both_starts_are_measured_and_nothing_is_written_beside_the_deployed_one(
    tmp_path: Path, ready_bench: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[tuple[str, bool, set[str]]] = []
    start = package_start._start

    def watched(package: Path, python: str, folder: Path, *, keeps_bytecode: bool) -> float:
        seconds = start(package, python, folder, keeps_bytecode=keeps_bytecode)
        starts.append((package.name, keeps_bytecode, {file.name for file in package.rglob("function_app*.pyc")}))
        return seconds

    monkeypatch.setattr(package_start, "_packager", packager)
    monkeypatch.setattr(package_start, "_start", watched)
    measured = package_start.measure(ready_bench(tmp_path))
    figure = measured.figures["package_start_vs_warm"]
    assert figure.value is not None
    assert figure.value > 0
    compiled = {f"function_app.{sys.implementation.cache_tag}.pyc"}
    assert starts == [
        ("deployed", False, compiled),
        ("warm", True, compiled),
        ("deployed", False, compiled),
        ("warm", False, compiled),
    ]


def test_without_the_deployed_python_it_is_not_available(
    tmp_path: Path, ready_bench: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_start, "_packager", lambda: packager(python=None))
    assert package_start.measure(ready_bench(tmp_path)).figures["package_start_vs_warm"].value is None


def test_a_package_that_cannot_be_made_ends_the_measurement(
    tmp_path: Path, ready_bench: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_start, "_packager", lambda: packager(failing=True))
    with pytest.raises(BenchError, match="could not be made"):
        package_start.measure(ready_bench(tmp_path))


def test_the_packager_is_the_script_that_azd_runs() -> None:
    assert package_start._packager().DEPLOYED == PACKAGER.DEPLOYED
