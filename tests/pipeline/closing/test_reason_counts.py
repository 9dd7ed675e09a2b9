"""Rows counted by outcome and reason: every row once, in bounded memory, however many reasons there are."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from shared.pipeline.closing.reason_counts import LONGEST_REASON, MOST_REASONS, OTHERS, ReasonCounter
from shared.storage.records import DeviceOutcome, ReasonTally
from shared.vocabulary import Outcome


def rows(outcome: Outcome, reason: str, number: int) -> Iterator[DeviceOutcome]:
    for row in range(1, number + 1):
        yield DeviceOutcome(reading_id="r.1", row=row, outcome=outcome, error_code=reason)


def counter_of(*groups: tuple[Outcome, str, int]) -> ReasonCounter:
    counter = ReasonCounter()
    for outcome, reason, number in groups:
        passed_on = list(counter.counting(rows(outcome, reason, number)))
        assert passed_on == list(rows(outcome, reason, number))
    return counter


def test_each_reason_is_counted_by_outcome_and_the_largest_comes_first() -> None:
    counter = counter_of((Outcome.FAILED, "808", 2), (Outcome.REGISTERED, "", 5), (Outcome.REJECTED, "808", 3))
    assert counter.tallies() == (
        ReasonTally(outcome=Outcome.REGISTERED, reason="", rows=5),
        ReasonTally(outcome=Outcome.REJECTED, reason="808", rows=3),
        ReasonTally(outcome=Outcome.FAILED, reason="808", rows=2),
    )
    counts = counter.counts(total=12)
    assert (counts.total, counts.registered, counts.rejected, counts.failed, counts.unknown) == (12, 5, 3, 2, 0)


def test_reasons_beyond_the_most_that_are_kept_are_counted_together_by_outcome() -> None:
    many = [(Outcome.FAILED, f"reason {number:04}", 2) for number in range(MOST_REASONS)]
    counter = counter_of(*many, (Outcome.REJECTED, "rare", 1), (Outcome.FAILED, "rare", 1), (Outcome.FAILED, "odd", 1))
    tallies = {(tally.outcome, tally.reason): tally.rows for tally in counter.tallies()}
    assert len(tallies) == MOST_REASONS + 2
    assert (tallies[Outcome.REJECTED, OTHERS], tallies[Outcome.FAILED, OTHERS]) == (1, 2)
    assert counter.counts(total=0).failed == 2 * MOST_REASONS + 2


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.integers(0, 3_000)), max_size=300))
def test_tallies_are_few_and_add_up_however_many_reasons_there_are(rows: list[tuple[Outcome, int]]) -> None:
    counter = ReasonCounter()
    outcomes = [
        DeviceOutcome(reading_id="r", row=number, outcome=outcome, error_code=f"reason {reason}")
        for number, (outcome, reason) in enumerate(rows, 1)
    ]
    assert list(counter.counting(outcomes)) == outcomes
    tallies = counter.tallies()
    assert len(tallies) <= MOST_REASONS + len(Outcome)
    for outcome in Outcome:
        assert sum(tally.rows for tally in tallies if tally.outcome is outcome) == [row[0] for row in rows].count(
            outcome
        )


def test_reasons_without_end_are_counted_in_bounded_memory() -> None:
    counter = ReasonCounter()
    for number in range(5_000):
        counter.add(DeviceOutcome(reading_id="r", row=number, outcome=Outcome.FAILED, error_code=str(number)))
    assert len(counter._rows) <= 1_001
    assert sum(tally.rows for tally in counter.tallies()) == 5_000
    assert [tally.reason for tally in counter.tallies()].count(OTHERS) == 1


def test_a_long_reason_is_cut() -> None:
    (tally,) = counter_of((Outcome.FAILED, "x" * 1_000, 1)).tallies()
    assert tally.reason == "x" * LONGEST_REASON
