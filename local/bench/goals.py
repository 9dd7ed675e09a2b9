"""The goals, and whether a figure reaches them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

MOST_SPREAD = 0.30
"""Of the repetitions, (largest - smallest) / median: above it the machine was too busy with other work to judge."""


class Verdict(StrEnum):
    """The verdict on a goal."""

    REACHED = "reached"
    MISSED = "missed"
    TOO_NOISY = "too noisy to judge"
    NOT_JUDGED = "not judged"
    """Measured at a size other than the goal's own."""
    NOT_AVAILABLE = "not available"
    """This system does not report what had to be measured."""
    NOT_MEASURED = "not measured"
    """The measurement was not requested."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure, and the limit that it must keep."""

    key: str
    limit: float
    unit: str
    meaning: str
    at_least: bool = False
    """Whether more is better."""

    def is_reached_by(self, value: float) -> bool:
        """Whether `value` is on the right side of the limit."""
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def in_words(self) -> str:
        """The limit as people write it."""
        number = f"{self.limit:,.2f}".rstrip("0").rstrip(".")
        return f"{'at least' if self.at_least else 'at most'} {number}{f' {self.unit}' if self.unit else ''}"


GOALS = (
    Goal("intake_vs_csv_reader", 1.0, "", "rows with hashes taken in, per row that csv.reader splits", at_least=True),
    Goal(
        "tuple_rows_vs_csv_reader",
        3.0,
        "",
        "rows without hash taken in, per row with hash that csv.reader splits",
        at_least=True,
    ),
    Goal(
        "outcome_cpu_ms_per_row",
        0.05,
        "ms",
        "the app's CPU from a finished submission's status to its rows in the table",
    ),
    Goal(
        "outcome_rows_vs_sdk",
        5,
        "",
        "outcome rows per second, divided by those of the storage client's transaction",
        at_least=True,
    ),
    Goal(
        "memory_added_mb",
        64,
        "MB",
        "added to a worker by a large file: the larger of reading it and writing its results",
    ),
    Goal(
        "posts_vs_ideal", 1.15, "", "time of 100 POSTs of 200 ms by 8 threads, divided by the time of the waiting alone"
    ),
    Goal("polls_per_10_min_job", 12, "", "status requests for a job of 10 minutes"),
    Goal(
        "longest_wait_vs_allowed",
        1,
        "",
        "from a job's end to the poll, per wait allowed: a quarter of the job, at least 30 s",
    ),
    Goal("cold_start_vs_sdks", 1.3, "", "importing the app, divided by importing the libraries it needs"),
    Goal("package_start_vs_warm", 1.05, "", "CPU of starting the deployed package, divided by that with warm bytecode"),
    Goal("page_made_vs_bare_table", 40, "", "CPU of making the list of 1,000 files, divided by a bare table's"),
    Goal("page_painted_vs_bare_table", 3, "", "first paint of the list of 1,000 files, divided by a bare table's"),
    Goal("operations_per_1000_small", 80, "", "storage operations per 1,000 devices, in a file of 1,000"),
    Goal("operations_per_1000_large", 50, "", "storage operations per 1,000 devices, in a file of 100,000"),
    Goal("cpu_growth_spread", 15, "%", "CPU per row, between the sizes of a file: (most - least) / least"),
    Goal("peer_speedup", 15, "", "devices per second end to end, divided by those of the plain script", at_least=True),
    Goal("peer_cpu_ratio", 8, "", "CPU per device of the plain script, divided by that of the app", at_least=True),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and the repetitions of which it is the median; None if this system does not report it."""

    value: float | None
    repetitions: tuple[float, ...] = ()
    noise: float | None = None
    """The spread of the figures it was computed from, if it has no repetitions of its own."""

    @classmethod
    def of(cls, repetitions: Sequence[float]) -> "Figure":
        """The median of `repetitions`."""
        return cls(median(repetitions), tuple(repetitions))

    @property
    def spread(self) -> float | None:
        """(largest - smallest) / median; None when it was taken once."""
        few = 2
        if self.noise is not None:
            return self.noise
        if self.value is None or len(self.repetitions) < few or not self.value:
            return None
        return (max(self.repetitions) - min(self.repetitions)) / abs(self.value)


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of one measurement: figures that have goals, and all other observations."""

    figures: Mapping[str, Figure] = field(default_factory=dict)
    raw: Mapping[str, object] = field(default_factory=dict)


def verdict(goal: Goal, figure: Figure | None, *, has_full_size: bool) -> Verdict:
    """The verdict on `goal`."""
    if figure is None:
        return Verdict.NOT_MEASURED
    if figure.value is None:
        return Verdict.NOT_AVAILABLE
    if not has_full_size:
        return Verdict.NOT_JUDGED
    if figure.spread is not None and figure.spread > MOST_SPREAD:
        return Verdict.TOO_NOISY
    return Verdict.REACHED if goal.is_reached_by(figure.value) else Verdict.MISSED
