"""Measures set-up as a new user meets it: `python -m local.bench.first_run [run] [test]`, which downloads much.

Each measurement starts in a fresh copy of the project with empty caches. The goals: the first `run --once` takes at
most 1.3 times as long as pip and npm alone for the same packages, everything it installs is below 150 MB, and the
second start drops its first file within 5 seconds. Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.processes import PROJECT
from local.set_up.installing import size_of
from local.toolchain import machine_node

_FOLDERS = ("plain", "Geräte für Ölmühle")
_MOST_TIMES_ALONE = 1.3
_MOST_MEGABYTES = 150
_MOST_SECONDS_TO_DROP = 5.0
_MEGABYTE = 1_000_000
_WITH_HASHES = ("--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement")


def main(arguments: Sequence[str]) -> int:
    """Measure one or both commands, print the figures; returns 0 if the goals are met, else 1."""
    wanted = arguments or ("run", "test")
    with tempfile.TemporaryDirectory(prefix="device-drop-first-run-", ignore_cleanup_errors=True) as scratch:
        folders = [_copy(Path(scratch, name)) for name in _FOLDERS]
        met = [_measure(folder, Path(scratch)) for folder in folders if "run" in wanted]
        if "test" in wanted:
            _measure_tests(folders[0], Path(scratch))
    return 0 if all(met) else 1


def _copy(folder: Path) -> Path:
    """The files under version control, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, folder / name)
    return folder


def _measure(folder: Path, scratch: Path) -> bool:
    """Print the figures of one folder; returns whether they meet the goals."""
    alone = _alone(folder, "local/requirements.lock", _environment(scratch / f"caches of {folder.name} alone"))
    _, cold = _seconds_of_run(folder, _environment(scratch / f"caches of {folder.name}"))
    size = size_of(folder / ".venv") + size_of(folder / ".local" / "npm")
    drop, warm = _seconds_of_run(folder, _environment(scratch / f"caches of {folder.name}"))
    print(
        f"{folder.name}: pip and npm alone {alone:.1f} s; first run --once {cold:.1f} s ({cold / alone:.2f} times), "
        f"{size / _MEGABYTE:.0f} MB; second {warm:.1f} s, {drop:.1f} s to the first drop",
        flush=True,
    )
    is_small = size <= _MOST_MEGABYTES * _MEGABYTE
    return cold <= alone * _MOST_TIMES_ALONE and is_small and drop <= _MOST_SECONDS_TO_DROP


def _environment(caches: Path) -> Mapping[str, str]:
    places = {"PIP_CACHE_DIR": "pip", "UV_CACHE_DIR": "uv", "npm_config_cache": "npm"}
    # Set by some build machines: every start would compile everything anew.
    return os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | {name: str(caches / place) for name, place in places.items()}


def _alone(folder: Path, lock: str, environment: Mapping[str, str]) -> float:
    """Seconds that venv, pip and npm take one after the other, as a person would type it."""
    node = machine_node()
    if node is None:
        raise SystemExit("This measurement needs a Node.js with npm on PATH.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        shutil.copytree(folder / "local" / "node", Path(scratch, "npm"))
        python = Path(scratch, "venv", "Scripts" if os.name == "nt" else "bin", "python")
        started = time.monotonic()
        for command in (
            [sys.executable, "-m", "venv", str(Path(scratch, "venv"))],
            [str(python), "-m", "pip", "install", *_WITH_HASHES, str(folder / lock)],
            [*node.npm, "ci", "--silent", "--no-audit", "--no-fund"],
        ):
            _run(command, Path(scratch, "npm"), environment)
        return time.monotonic() - started


def _seconds_of_run(folder: Path, environment: Mapping[str, str]) -> tuple[float, float]:
    """Seconds until the first file was dropped, and until the end."""
    started = time.monotonic()
    first = None
    command = [sys.executable, "-m", "local", "run", "--once"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as process:
        for line in process.stdout or ():
            if first is None and line.startswith("Dropped "):
                first = time.monotonic() - started
    if process.returncode != 0 or first is None:
        raise SystemExit(f"run --once ended with exit code {process.returncode}.")
    return first, time.monotonic() - started


def _measure_tests(folder: Path, scratch: Path) -> None:
    """Print size and time of the set-up of `test`, as its own line says; the checks that would follow are not run."""
    alone = _alone(folder, "requirements-development.lock", _environment(scratch / "caches of tests alone"))
    for made in (folder / ".venv", folder / ".local"):
        shutil.rmtree(made, ignore_errors=True)
    command = [sys.executable, "-m", "local", "test"]
    environment = _environment(scratch / "caches of tests")
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        line = process.stderr.readline() if process.stderr else ""
        process.terminate()
    print(f"test: pip and npm alone {alone:.1f} s; {line.strip()}", flush=True)


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
