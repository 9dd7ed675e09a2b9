"""A coverage-guided fuzz run of the reader, on one core. A tool, not a test: it needs the package atheris.

    python tests/device_files/fuzz.py --minutes 10 [--workbooks] [--seed N]

Every input is held to what `damage.read_whatever_it_is` asserts; memory over 1 GiB or an input of over 30 s ends the
run. Workbooks are read in a process of their own, which is slow and which coverage does not see; without the flag they
are left out. An input that breaks something is written to the folder `crashes`. The counts of inputs are printed after
every 10,000.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(include=["shared.device_files"]):
    from tests.device_files.damage import IN_PROCESS_FILES, WORKBOOKS, read_whatever_it_is

from shared.device_files.formats import workbooks
from shared.reasons import FileReason, UnreadableDeviceFile

_MEGABYTES = 1024
_SECONDS_AN_INPUT = 30
_LARGEST_INPUT = 60_000
_counts: Counter[str] = Counter()


def _test(data: bytes) -> None:
    found = read_whatever_it_is(data)
    _counts["inputs"] += 1
    if isinstance(found, UnreadableDeviceFile):
        _counts[f"refused: {found.reason}"] += 1
    else:
        _counts["read"] += 1
        for row in found:
            _counts[f"row: {row.reason or 'sent'}"] += 1
    if _counts["inputs"] % 10_000 == 0:
        sys.stderr.write(f"{dict(sorted(_counts.items()))}\n")


def _leave_workbooks_out(*_: object) -> None:
    raise UnreadableDeviceFile(FileReason.WORKBOOK_UNREADABLE, "Left out of this run.")


def main() -> None:
    """Fuzz for the time asked for."""
    parser = argparse.ArgumentParser(description="Fuzz the reader of device files.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--workbooks", action="store_true", help="read workbooks too, each in its own process")
    arguments = parser.parse_args()
    seeds = list(IN_PROCESS_FILES)
    if arguments.workbooks:
        seeds += WORKBOOKS
    else:
        setattr(workbooks, "_read", _leave_workbooks_out)  # noqa: B010 - nothing else starts the process
    Path("crashes").mkdir(exist_ok=True)
    corpus = Path(tempfile.mkdtemp())
    for number, data in enumerate(seeds):
        (corpus / str(number)).write_bytes(data)
    options = {
        "max_total_time": int(arguments.minutes * 60),
        "seed": arguments.seed,
        "rss_limit_mb": _MEGABYTES,
        "timeout": _SECONDS_AN_INPUT,
        "max_len": _LARGEST_INPUT,
        "artifact_prefix": "crashes/",
    }
    atheris.Setup([sys.argv[0], str(corpus), *(f"-{name}={value}" for name, value in options.items())], _test)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
