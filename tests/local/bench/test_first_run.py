"""The goals of the first run are judged on what was measured."""

from pathlib import Path

import pytest

from local.bench import first_run
from local.processes import PROJECT


@pytest.mark.parametrize(
    ("alone", "cold", "megabytes", "to_drop", "is_met"),
    [
        (20, 26, 150, 5.0, True),
        (20, 26.1, 82, 2.4, False),
        (20, 15, 151, 2.4, False),
        (20, 15, 82, 5.1, False),
    ],
)
def test_a_first_run_meets_its_goals_only_when_it_meets_all(
    alone: float,
    cold: float,
    megabytes: int,
    to_drop: float,
    is_met: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    runs = [(1.0, cold), (to_drop, 7.0)]
    monkeypatch.setattr(first_run, "_alone", lambda *_: alone)
    monkeypatch.setattr(first_run, "_seconds_of_run", lambda *_: runs.pop(0))
    monkeypatch.setattr(first_run, "size_of", lambda folder: megabytes * 1_000_000 if folder.name == ".venv" else 0)
    assert first_run._measure(tmp_path, tmp_path) is is_met


def test_every_cache_is_an_empty_one(tmp_path: Path) -> None:
    environment = first_run._environment(tmp_path)
    for name in ("PIP_CACHE_DIR", "UV_CACHE_DIR", "npm_config_cache"):
        assert Path(environment[name]).is_relative_to(tmp_path)


def test_what_is_measured_is_a_copy_of_what_is_committed(tmp_path: Path) -> None:
    copy = first_run._copy(tmp_path / "mit Blank")
    for name in (
        "local/requirements.lock",
        "local/node/package-lock.json",
        "local/samples/first-run/1-from-the-script.csv",
    ):
        assert (copy / name).read_bytes() == (PROJECT / name).read_bytes()
    assert not (copy / ".venv").exists()
