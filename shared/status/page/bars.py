"""Counts of rows as segments of a bar. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.status.page.labels import OPEN, OUTCOMES
from shared.status.schemas import OutcomeCounts
from shared.vocabulary import Outcome

WHOLE = 100.0

LEAST_SHARE = 1.5
"""Percent of the bar that any kind of row gets: one failure in 100,000 rows must be seen."""

TEXTURED = frozenset({Outcome.FAILED, Outcome.REJECTED, Outcome.UNKNOWN, Outcome.DUPLICATE})
"""Outcomes that have a texture in bars, so that colour is not all that tells them apart."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar, in percent of its width."""

    name: str
    start: float
    width: float

    @property
    def is_textured(self) -> bool:
        """Whether a texture lies over its colour."""
        return self.name in TEXTURED


def by_outcome(counts: OutcomeCounts) -> list[tuple[str, int]]:
    """How many rows ended how, the ones without outcome (`open`) last; nothing that no row is."""
    numbers = [(str(name), int(getattr(counts, name))) for name in (*OUTCOMES, OPEN)]
    return [(name, number) for name, number in numbers if number > 0]


def not_registered(counts: OutcomeCounts) -> int:
    """Rows that someone should look at."""
    return counts.failed + counts.rejected + counts.unknown


def segments(counts: OutcomeCounts) -> list[Segment]:
    """The bar of these counts, from left to right; empty while it is not known how many rows there are."""
    numbers = by_outcome(counts)
    return list(_placed(numbers, _widths([number for _, number in numbers])))


def share(number: int, most: int) -> float:
    """Percent of a bar of `number` where the longest one, of `most`, fills it."""
    return round(max(LEAST_SHARE, WHOLE * number / most), 2) if number and most else 0.0


def _placed(numbers: list[tuple[str, int]], widths: list[float]) -> Iterator[Segment]:
    start = 0.0
    for (name, _), width in zip(numbers, widths, strict=True):
        yield Segment(name, round(start, 2), round(width, 2))
        start += width


def _widths(numbers: list[int]) -> list[float]:
    """The least for each, and its share of what is left."""
    left = WHOLE - LEAST_SHARE * len(numbers)
    return [LEAST_SHARE + left * number / sum(numbers) for number in numbers]
