"""A process's cache of the journal."""

from datetime import timedelta

from shared.pipeline.process_cache import GATES_BELIEVED, OpenGates
from tests.pipeline.world import START


def test_that_all_gates_are_open_is_believed_for_a_moment_and_not_if_the_clock_goes_back() -> None:
    gates = OpenGates()
    assert not gates.are_known(START)
    gates.keep(START, gates.changes, {}, are_open=True)
    moments = [timedelta(0), GATES_BELIEVED / 2, GATES_BELIEVED, timedelta(seconds=-1)]
    assert [gates.are_known(START + moment) for moment in moments] == [True, True, False, False]


def test_an_answer_that_was_asked_for_before_a_gate_was_closed_here_is_not_believed() -> None:
    gates = OpenGates()
    asked = gates.changes
    gates.forget()
    gates.keep(START, asked, {}, are_open=True)
    assert not gates.are_known(START)


def test_holds_are_believed_for_a_moment_also_while_another_gate_is_closed() -> None:
    gates = OpenGates()
    gates.keep(START, gates.changes, {}, are_open=False)
    assert not gates.are_known(START)
    assert gates.holds(START) == {}
    assert gates.holds(START + GATES_BELIEVED) is None
