"""A large file has few submissions in the queue at a time, and every one of them is sent."""

from datetime import timedelta

import pytest

from local.partner_center import Behaviour
from shared.pipeline.hold_requests import go_on, hold
from shared.pipeline.human_acts import COMMAND, subject_of
from shared.pipeline.submissions.line import IN_LINE
from shared.pipeline.sweep import sweep
from shared.storage.records import Submission
from shared.vocabulary import Priority, SubmissionState
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered
from tests.simulation.world import submissions_in

MOST_IN_LINE = IN_LINE[Priority.NORMAL]


def _submissions(world: World, file: str) -> list[Submission]:
    return [stored.record for stored in world.journal.submissions.of_reading(f"{file}.1")]


def _named(world: World) -> list[str]:
    return [number for _, wake_up in world.wakeups.waiting for _, number in submissions_in(wake_up)]


def test_a_large_file_has_few_submissions_in_the_queue_and_all_of_them_are_sent(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="2", HOLD_FROM_FAILED_PERCENT="100"
    )
    file = world.drop_file(numbered(3 * MOST_IN_LINE))
    most = 0
    while any(each.state is SubmissionState.PENDING for each in _submissions(world, file)):
        pending = {each.number for each in _submissions(world, file) if each.state is SubmissionState.PENDING}
        most = max(most, len(pending & set(_named(world))))
        assert world.deliver_next()
    assert most == MOST_IN_LINE
    world.run()
    assert world.outcomes(file) == ["registered"] * 3 * MOST_IN_LINE


@pytest.mark.parametrize("priority", Priority)
def test_a_file_of_a_customer_of_low_priority_has_fewer_submissions_in_the_queue(
    make_world: MakeWorld, priority: Priority
) -> None:
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0", HOLD_FROM_FAILED_PERCENT="100"
    )
    world.customers.prioritise(CUSTOMER, priority, world.clock())
    world.drop_file(numbered(2 * IN_LINE[Priority.HIGH]))
    assert len(_named(world)) == IN_LINE[priority]


def test_a_sweep_leaves_alone_what_another_submission_will_wake(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0", HOLD_FROM_FAILED_PERCENT="100"
    )
    world.drop_file(numbered(2 * MOST_IN_LINE + 1))
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    report = sweep(world.pipeline)
    assert sorted(map(int, _named(world))) == list(range(1, MOST_IN_LINE + 1))
    assert (report.overdue_submissions, report.open_submissions) == (MOST_IN_LINE, 2 * MOST_IN_LINE + 1)


def test_a_sweep_wakes_the_next_in_line_when_its_wake_up_was_lost(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="1", HOLD_FROM_FAILED_PERCENT="100"
    )
    file = world.drop_file(numbered(2 * MOST_IN_LINE))
    assert world.submission(file, "1").record.state is SubmissionState.ACCEPTED
    world.wakeups.waiting.clear()
    world.clock.now += timedelta(hours=1)
    sweep(world.pipeline)
    assert str(MOST_IN_LINE + 1) in _named(world)
    assert str(MOST_IN_LINE + 2) not in _named(world)


def test_a_file_that_goes_on_wakes_no_more_than_stand_first_in_line(make_world: MakeWorld) -> None:
    world = make_world(
        Behaviour(delay=60), DEVICES_PER_SUBMISSION="1", INLINE_SUBMISSIONS="0", HOLD_FROM_FAILED_PERCENT="100"
    )
    file = world.drop_file(numbered(2 * MOST_IN_LINE))
    stored = world.journal.files.get(CUSTOMER, file)
    assert stored is not None
    hold(world.pipeline, COMMAND, subject_of(stored.record))
    for _ in range(MOST_IN_LINE):
        world.deliver_next()
    world.wakeups.waiting.clear()
    go_on(world.pipeline, COMMAND, subject_of(stored.record))
    world.deliver_next()
    assert sorted(map(int, _named(world))) == list(range(1, MOST_IN_LINE + 1))
    world.run()
    assert world.outcomes(file) == ["registered"] * 2 * MOST_IN_LINE
