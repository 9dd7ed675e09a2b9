"""Counts of rows as the segments of a bar. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.status.page.labels import OPEN, OUTCOMES
from shared.status.schemas import OutcomeCounts
from shared.vocabulary import Outcome

WHOLE = 100.0

LEAST_SHARE = 1.5
"""Percent of the bar that any outcome gets: one failure in 100,000 rows must be visible."""

TEXTURED = frozenset({Outcome.FAILED, Outcome.REJECTED, Outcome.UNKNOWN, Outcome.CANCELLED, Outcome.DUPLICATE})
"""Outcomes with a texture in bars, so that they differ in more than colour."""


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
    """Outcomes that rows have, with their number; rows without an outcome (`open`) come last."""
    numbers = [(str(name), int(getattr(counts, name))) for name in (*OUTCOMES, OPEN)]
    return [(name, number) for name, number in numbers if number > 0]


def segments(counts: OutcomeCounts) -> list[Segment]:
    """The bar of these counts, from left to right; empty while the number of rows is not known."""
    numbers = by_outcome(counts)
    return list(_placed(numbers, _widths([number for _, number in numbers])))


def share(number: int, most: int) -> float:
    """Percent of a bar that `number` fills when `most` fills all of it."""
    return round(max(LEAST_SHARE, WHOLE * number / most), 2) if number and most else 0.0


def _placed(numbers: list[tuple[str, int]], widths: list[float]) -> Iterator[Segment]:
    start = 0.0
    for (name, _), width in zip(numbers, widths, strict=True):
        yield Segment(name, round(start, 2), round(width, 2))
        start += width


def _widths(numbers: list[int]) -> list[float]:
    """Each gets the least share, and its part of the rest."""
    left = WHOLE - LEAST_SHARE * len(numbers)
    return [LEAST_SHARE + left * number / sum(numbers) for number in numbers]
