"""The arguments of `python -m local bench`."""

import argparse
import contextlib
from pathlib import Path

MEASUREMENTS = {
    "intake": "reading a device file, compared with csv.reader",
    "outcomes": "writing outcomes, compared with the storage client",
    "memory": "memory that a large file adds to a worker",
    "waiting": "concurrent requests, and the schedule of status requests",
    "cold_start": "importing the app, compared with importing the libraries it needs",
    "package_start": "starting the package as deployed, compared with warm bytecode",
    "status_page": "the list of 1,000 files on the status page, compared with a bare table",
    "operations": "storage operations per 1,000 devices",
    "growth": "CPU per row from 1,000 rows to 1,000,000; three hosts compared with one",
    "end_to_end": "from drop to close, compared with a plain script",
    "capacity": "10 million devices a day, simulated with the times measured (needs: operations)",
}
"""The measurements, in the order in which they run."""

SMALLEST, LARGEST = 1_000, 1_000_000
"""The numbers of rows that `--rows` and `--devices` accept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to `parser`."""
    parser.add_argument("--json", type=_new_file, metavar="FILE", help="write every figure to this file, as one object")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown, for docs/performance.md")
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(MEASUREMENTS),
        metavar="NAME",
        help="run only this measurement; may be repeated: "
        + "; ".join(f"{name} ({words})" for name, words in MEASUREMENTS.items()),
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes, in about two minutes: shows that it works, judges no goal",
    )
    parser.add_argument(
        "--rows",
        type=_rows,
        metavar="N",
        help="rows of the large files, instead of 100,000; goals about large files are not judged",
    )
    parser.add_argument(
        "--devices", type=_rows, metavar="N", help="devices of end_to_end, instead of 20,000; its goals are not judged"
    )
    parser.add_argument(
        "--folder", type=_folder, metavar="DIR", help="folder for temporary files and storage (default: the system's)"
    )


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: it is a folder, or its folder does not exist")
    return path


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return path


def _rows(text: str) -> int:
    number = 0
    with contextlib.suppress(ValueError):
        number = int(text.replace(",", ""))
    if not SMALLEST <= number <= LARGEST or number % SMALLEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of thousands from {SMALLEST:,} to {LARGEST:,}")
    return number
