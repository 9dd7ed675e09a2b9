"""Whether CPU per row is independent of the size of a file, and the effect of more hosts.

Files with hashes are compared only with each other, and so are files without hashes, since only those go to 1,000,000
rows. The same `Intake` reads every size from a file on disk, round by round; small files are read as often as needed to
reach the rows of the largest, but at most 50 times.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from statistics import median

from local.bench.bench import Bench
from local.bench.device_files import Kind, pieces, read, write
from local.bench.discarding import pipeline_without_storage
from local.bench.goals import Figure, Measured
from local.bench.hosts_run import run_on_hosts
from local.bench.intake import take_in
from local.bench.timing import spent

HOSTS = (1, 3)
_MOST_REPETITIONS = 50


def measure(bench: Bench) -> Measured:
    """CPU per row by size, and the phases of a run with one host and with three."""
    sizes = bench.sizes
    families = {
        "with_hashes": (Kind.HASHES_UTF16, sizes.growth_hash_rows),
        "without_hashes": (Kind.TUPLES, sizes.growth_tuple_rows),
    }
    microseconds: dict[str, dict[int, list[float]]] = {}
    for name, (kind, rows) in families.items():
        microseconds[name] = _family(bench, kind, rows)
        bench.say(f"{name.replace('_', ' ')}: {_in_words(microseconds[name])}")
    spreads = {
        name: spread_of_sizes({rows: median(one) for rows, one in taken.items()})
        for name, taken in microseconds.items()
    }
    # The differences between rounds of one size are the noise to compare the differences between sizes with.
    noise = [spread for taken in microseconds.values() for one in taken.values() if (spread := Figure.of(one).spread)]
    worst = max(spreads.values())
    return Measured(
        figures={"cpu_growth_spread": Figure(worst, noise=max(noise, default=None))},
        raw={
            "microseconds_per_row": {
                name: {str(rows): median(one) for rows, one in taken.items()} for name, taken in microseconds.items()
            },
            "spread_percent": spreads,
            "noise_percent": max(noise, default=0.0) * 100,
            "hosts": [asdict(run_on_hosts(bench, hosts, sizes.hosts_rows)) for hosts in HOSTS],
        },
    )


def _family(bench: Bench, kind: Kind, sizes: tuple[int, ...]) -> dict[int, list[float]]:
    """Microseconds of CPU per row, round by round, for files of these sizes."""
    pipeline = pipeline_without_storage()
    taken: dict[int, list[float]] = {rows: [] for rows in sizes}
    with bench.place() as folder:
        for rows in sizes:
            write(folder / str(rows), pieces(kind, rows))
        take_in(pipeline, read(folder / str(sizes[0])), sizes[0])
        for _ in range(bench.sizes.growth_rounds):
            for rows in sizes:
                repetitions = min(max(sizes[-1] // rows, 1), _MOST_REPETITIONS)
                take = partial(take_in, pipeline, read(folder / str(rows)), rows)
                took = spent(partial(_repeat, take, repetitions))
                taken[rows].append(took.cpu * 1_000_000 / rows / repetitions)
    return taken


def _repeat(action: Callable[[], object], times: int) -> None:
    for _ in range(times):
        action()


def spread_of_sizes(per_row: dict[int, float]) -> float:
    """Percent by which the most expensive size exceeds the cheapest. Pure."""
    return (max(per_row.values()) / min(per_row.values()) - 1) * 100


def _in_words(taken: dict[int, list[float]]) -> str:
    return ", ".join(f"{rows:,} rows {median(one):.1f} us" for rows, one in taken.items())
