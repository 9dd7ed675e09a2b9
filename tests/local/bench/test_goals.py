"""Whether a figure reaches its goal, and when nothing can be said."""

import pytest

from local.bench.goals import GOALS, Figure, Goal, Verdict, verdict

AT_MOST = Goal("key", 10, "ms", "meaning")
AT_LEAST = Goal("key", 10, "", "meaning", at_least=True)


@pytest.mark.parametrize(
    ("goal", "value", "expected"),
    [
        (AT_MOST, 10, Verdict.REACHED),
        (AT_MOST, 10.1, Verdict.MISSED),
        (AT_LEAST, 10, Verdict.REACHED),
        (AT_LEAST, 9.9, Verdict.MISSED),
    ],
)
def test_a_figure_on_the_limit_reaches_its_goal(goal: Goal, value: float, expected: Verdict) -> None:
    assert verdict(goal, Figure(value), has_full_size=True) is expected


def test_repetitions_that_differ_by_more_than_30_percent_are_not_judged() -> None:
    assert verdict(AT_MOST, Figure.of([4, 5, 5.6]), has_full_size=True) is Verdict.TOO_NOISY
    assert verdict(AT_MOST, Figure.of([4, 5, 5.4]), has_full_size=True) is Verdict.REACHED


def test_another_size_than_the_goals_is_not_judged() -> None:
    assert verdict(AT_MOST, Figure(1), has_full_size=False) is Verdict.NOT_JUDGED


def test_what_was_not_asked_for_differs_from_what_the_system_does_not_tell() -> None:
    assert verdict(AT_MOST, None, has_full_size=True) is Verdict.NOT_MEASURED
    assert verdict(AT_MOST, Figure(None), has_full_size=True) is Verdict.NOT_AVAILABLE


def test_the_figure_is_the_median_of_its_repetitions() -> None:
    figure = Figure.of([1, 9, 2])
    assert figure.value == 2
    assert figure.spread == 4


def test_one_repetition_has_no_spread() -> None:
    assert Figure(3.0).spread is None
    assert Figure.of([3.0]).spread is None


def test_what_it_was_computed_from_may_be_too_noisy() -> None:
    assert verdict(AT_MOST, Figure(1.0, noise=0.4), has_full_size=True) is Verdict.TOO_NOISY


def test_the_limits_are_written_as_people_read_them() -> None:
    words = {goal.key: goal.in_words for goal in GOALS}
    assert words["outcome_cpu_ms_per_row"] == "at most 0.05 ms"
    assert words["peer_speedup"] == "at least 15"
    assert words["tuple_rows_vs_csv_reader"] == "at least 3"
