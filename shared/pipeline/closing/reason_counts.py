"""Counts rows by outcome and reason in bounded memory, for a file's totals and chart. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shared.storage.records import Counts, DeviceOutcome, ReasonTally
from shared.vocabulary import Outcome

MOST_REASONS = 40
"""Most reasons recorded for a file: all of them must fit into one property."""

LONGEST_REASON = 100

OTHERS = "other_reasons"
"""Groups the rarest reasons of an outcome when there are too many."""

_MOST_COUNTED = 1_000


@dataclass(slots=True)
class ReasonCounter:
    """The rows counted so far."""

    _rows: dict[tuple[Outcome, str], int] = field(default_factory=dict)

    def add(self, outcome: DeviceOutcome) -> None:
        """Count one row."""
        key = (outcome.outcome, outcome.error_code[:LONGEST_REASON])
        if key not in self._rows and len(self._rows) >= _MOST_COUNTED:
            key = (outcome.outcome, OTHERS)
        self._rows[key] = self._rows.get(key, 0) + 1

    def counting(self, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        """Count `outcomes` while passing them on."""
        for outcome in outcomes:
            self.add(outcome)
            yield outcome

    def counts(self, total: int) -> Counts:
        """The counts by outcome, with the file's `total` of rows."""
        ended = dict.fromkeys(map(str, Outcome), 0)
        for (outcome, _), rows in self._rows.items():
            ended[outcome] += rows
        return Counts(total=total, **ended)

    def tallies(self) -> tuple[ReasonTally, ...]:
        """The counts by outcome and reason, largest first."""
        by_rows = sorted(self._rows.items(), key=lambda item: (-item[1], item[0]))
        kept = dict(by_rows[:MOST_REASONS])
        for (outcome, _), rows in by_rows[MOST_REASONS:]:
            kept[outcome, OTHERS] = kept.get((outcome, OTHERS), 0) + rows
        tallies = [ReasonTally(outcome=outcome, reason=reason, rows=rows) for (outcome, reason), rows in kept.items()]
        return tuple(sorted(tallies, key=lambda tally: -tally.rows))
