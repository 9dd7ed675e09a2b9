"""Reads device files with their plain rows read quickly, and with every row read carefully, to compare the two.

python -m tests.device_files.both_paths --files 10000 [--first-seed N]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from shared.device_files import CheckedRow, Rules, UnreadableDeviceFile, plain_rows
from shared.device_files.checks.duplicates import BetterRecordFound, Winners
from shared.device_files.formats import decoding as text
from shared.device_files.reading import read_device_file
from tests.device_files.given import NOW
from tests.device_files.mixed_files import mixed_file


@dataclass(frozen=True)
class Reading:
    """Everything that a caller sees of one reading of a file."""

    rows: list[CheckedRow]
    """Those given out before an error too."""
    winners: list[int]
    refused: str


OpenFile = Callable[[], Iterable[bytes]]


def read_quickly(open_file: OpenFile, rules: Rules) -> list[Reading]:
    """What comes of a file: of a second reading too, where a better record was found."""
    first, winners = _read(open_file, rules, None)
    return [first] if winners is None else [first, _read(open_file, rules, winners)[0]]


def read_carefully(open_file: OpenFile, rules: Rules) -> list[Reading]:
    """The same without the quick way."""
    with every_row_is_read_carefully():
        return read_quickly(open_file, rules)


@contextmanager
def every_row_is_read_carefully() -> Iterator[None]:
    with patch.object(plain_rows.PlainRows, "_runs", lambda *_: iter(())):
        yield


def _read(open_file: OpenFile, rules: Rules, known: Winners | None) -> tuple[Reading, Winners | None]:
    rows: list[CheckedRow] = []
    try:
        rows.extend(read_device_file(open_file, name="devices.csv", rules=rules, now=NOW, winners=known))
    except BetterRecordFound as found:
        return Reading(rows, list(found.winners.by_row), ""), found.winners
    except UnreadableDeviceFile as error:
        return Reading(rows, [], str(error)), None
    return Reading(rows, [], ""), None


def disagreement(seed: int) -> str | None:
    """How the two ways differ on the file of a seed, if they do."""
    file = mixed_file(seed)
    with patch.object(text, "PIECE", file.piece):
        quickly, carefully = read_quickly(file.chunks, file.rules), read_carefully(file.chunks, file.rules)
    if quickly == carefully:
        return None
    pairs = (
        pair
        for quick, careful in zip(quickly, carefully, strict=False)
        for pair in (
            (quick.refused, careful.refused),
            (quick.winners, careful.winners),
            *zip(quick.rows, careful.rows, strict=False),
        )
    )
    return f"Seed {seed}: " + next(
        (f"{quick} but {careful}" for quick, careful in pairs if quick != careful), "more rows"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 when the two ways disagreed on a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args(arguments)
    started = time.monotonic()
    seeds = range(options.first_seed, options.first_seed + options.files)
    found = [difference for seed in seeds if (difference := disagreement(seed)) is not None]
    for difference in found:
        sys.stdout.write(f"{difference}\n")
    sys.stdout.write(f"{options.files} files, {len(found)} differ, {time.monotonic() - started:.0f} s\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
