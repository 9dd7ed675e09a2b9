"""Counts rows by outcome, reason and remedy in bounded memory, for a file's totals, chart and to-do list. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.storage.records import Counts, DeviceOutcome, ProfileCounts, ReasonTally
from shared.vocabulary import Outcome, ProfileOutcome, Remedy

MOST_REASONS = 40
"""Most reasons recorded for a file: all of them must fit into one property."""

LONGEST_REASON = 100

LONGEST_SENTENCE = 300
"""Most characters kept of the reason and what to do."""

OTHERS = "other_reasons"
"""Groups the rarest reasons of an outcome and a remedy when there are too many."""

_MOST_COUNTED = 1_000


class Reason(NamedTuple):
    """The parts of a row's outcome that rows counted together have in common."""

    outcome: Outcome
    code: str
    remedy: Remedy
    name: str = ""
    sentence: str = ""

    @classmethod
    def of(cls, row: DeviceOutcome) -> "Reason":
        """The reason of a row, in the words of the row itself."""
        code = row.error_code[:LONGEST_REASON]
        match row.outcome:
            case Outcome.REGISTERED | Outcome.REMOVED | Outcome.DUPLICATE:
                return cls(row.outcome, code, row.remedy)
            case Outcome.REJECTED | Outcome.UNKNOWN | Outcome.CANCELLED | Outcome.NOT_REGISTERED:
                sentence = f"{row.error_description} {row.what_to_do}"
                return cls(row.outcome, code, row.remedy, "", sentence.strip()[:LONGEST_SENTENCE])
            case Outcome.ALREADY_REGISTERED | Outcome.FAILED:
                is_name = row.error_description.isidentifier() and row.error_description != row.error_code
                name = row.error_description[:LONGEST_REASON] if is_name else ""
                return cls(row.outcome, code, row.remedy, name, row.what_to_do[:LONGEST_SENTENCE])

    @property
    def others(self) -> "Reason":
        """The group of rare reasons to which it belongs: what a person has to do is kept."""
        return Reason(self.outcome, OTHERS, self.remedy)

    def tally(self, rows: int) -> ReasonTally:
        """The number of rows with it."""
        return ReasonTally(
            outcome=self.outcome,
            reason=self.code,
            name=self.name,
            remedy=self.remedy,
            sentence=self.sentence,
            rows=rows,
        )


@dataclass(slots=True)
class ReasonCounter:
    """The rows counted so far."""

    _rows: dict[Reason, int] = field(default_factory=dict)

    def add(self, outcome: DeviceOutcome) -> None:
        """Count one row."""
        self._add(Reason.of(outcome), 1)

    def add_tallies(self, tallies: Iterable[ReasonTally]) -> None:
        """Count the rows of tallies that were made before."""
        for each in tallies:
            self._add(Reason(each.outcome, each.reason, each.remedy, each.name, each.sentence), each.rows)

    def _add(self, reason: Reason, rows: int) -> None:
        if reason not in self._rows and len(self._rows) >= _MOST_COUNTED:
            reason = reason.others
        self._rows[reason] = self._rows.get(reason, 0) + rows

    def counting(self, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        """Count `outcomes` while passing them on."""
        for outcome in outcomes:
            self.add(outcome)
            yield outcome

    def counts(self, total: int) -> Counts:
        """The counts by outcome, with the file's `total` of rows."""
        ended = dict.fromkeys(map(str, Outcome), 0)
        for reason, rows in self._rows.items():
            ended[reason.outcome] += rows
        return Counts(total=total, **ended)

    def tallies(self) -> tuple[ReasonTally, ...]:
        """The counts by outcome and reason, largest first."""
        by_rows = sorted(self._rows.items(), key=lambda item: (-item[1], item[0]))
        kept = dict(by_rows[:MOST_REASONS])
        for reason, rows in by_rows[MOST_REASONS:]:
            kept[reason.others] = kept.get(reason.others, 0) + rows
        tallies = [reason.tally(rows) for reason, rows in kept.items()]
        return tuple(sorted(tallies, key=lambda tally: -tally.rows))


@dataclass(slots=True)
class ProfileCounter:
    """The rows counted so far by profile outcome."""

    _rows: Counter[ProfileOutcome] = field(default_factory=Counter)

    def counting(self, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        """Count `outcomes` while passing them on."""
        for outcome in outcomes:
            self._rows[outcome.profile_outcome] += 1
            yield outcome

    @property
    def counts(self) -> ProfileCounts | None:
        """The counts; None where no row has a profile outcome."""
        ended = {str(each): rows for each, rows in self._rows.items() if each is not ProfileOutcome.NONE}
        return ProfileCounts(**ended) if ended else None


def reasons_of(outcomes: Iterable[DeviceOutcome]) -> tuple[ReasonTally, ...]:
    """`outcomes` by outcome and reason."""
    counter = ReasonCounter()
    for outcome in outcomes:
        counter.add(outcome)
    return counter.tallies()
