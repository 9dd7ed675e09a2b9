"""Where a browser is found, and the message when there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import chromium
from local.processes import PROJECT


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any browser, but for the programs put into this folder on its PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(chromium, "_PLACES", ())
    return folder


@pytest.mark.skipif(os.name == "nt", reason="its programs end in .exe")
@pytest.mark.parametrize("name", ["chromium", "google-chrome"])
def test_a_browser_on_path_is_found(bare: Path, name: str) -> None:
    assert chromium.chromium() is None
    program = bare / name
    program.touch()
    program.chmod(0o755)
    assert chromium.chromium() == program


def test_a_browser_in_its_usual_place_is_found(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = bare / "Google Chrome"
    program.touch()
    monkeypatch.setenv("ProgramFiles", str(bare))
    place = "%ProgramFiles%/Google Chrome" if os.name == "nt" else "$ProgramFiles/Google Chrome"
    monkeypatch.setattr(chromium, "_PLACES", (place,))
    assert chromium.chromium() == program


@pytest.mark.skipif(sys.platform == "darwin", reason="its browsers are found in one place, whatever PATH says")
def test_without_a_browser_the_tests_of_the_page_are_left_out_and_that_is_said(bare: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/browser/test_changes.py", "-q", "-p", "no:cacheprovider"],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ProgramFiles")}
        | {"PATH": str(bare)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "sss" in run.stdout
    assert "NO BROWSER WAS FOUND" in run.stdout
