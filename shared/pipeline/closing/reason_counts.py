"""Counts rows by outcome and reason while they pass, in bounded memory: what a file's chart is drawn from. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shared.storage.records import DeviceOutcome, ReasonTally
from shared.vocabulary import Outcome

MOST_REASONS = 40
"""Reasons that are kept of a file: all of them together must fit a property."""

LONGEST_REASON = 100

OTHERS = "other_reasons"
"""Stands for the rarest reasons of an outcome when there are too many."""

_MOST_COUNTED = 1_000


@dataclass(slots=True)
class ReasonCounter:
    """Counts the rows that are shown to it."""

    _rows: dict[tuple[Outcome, str], int] = field(default_factory=dict)

    def add(self, outcome: DeviceOutcome) -> None:
        """Count one row."""
        key = (outcome.outcome, outcome.error_code[:LONGEST_REASON])
        if key not in self._rows and len(self._rows) >= _MOST_COUNTED:
            key = (outcome.outcome, OTHERS)
        self._rows[key] = self._rows.get(key, 0) + 1

    def counting(self, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        """`outcomes` as they come, counted."""
        for outcome in outcomes:
            self.add(outcome)
            yield outcome

    def tallies(self) -> tuple[ReasonTally, ...]:
        """What was counted, most rows first."""
        by_rows = sorted(self._rows.items(), key=lambda item: (-item[1], item[0]))
        kept = dict(by_rows[:MOST_REASONS])
        for (outcome, _), rows in by_rows[MOST_REASONS:]:
            kept[outcome, OTHERS] = kept.get((outcome, OTHERS), 0) + rows
        tallies = [ReasonTally(outcome=outcome, reason=reason, rows=rows) for (outcome, reason), rows in kept.items()]
        return tuple(sorted(tallies, key=lambda tally: -tally.rows))
