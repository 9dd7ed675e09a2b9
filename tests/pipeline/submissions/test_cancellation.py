"""The decision that cancels a submission of a stopped file."""

from shared.pipeline.submissions.cancellation import cancelled
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.state_machine import Finish
from shared.reasons import CANCELLED_REASONS, CancelledReason
from shared.storage.records import Counts
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import numbered


def test_every_row_is_cancelled_and_says_so_and_the_request_goes_first(make_world: MakeWorld) -> None:
    world = make_world(INLINE_SUBMISSIONS="0")
    stored = world.submission(world.drop_file(numbered(3)))
    decided = cancelled(Contents(world.journal, world.private), stored)
    assert isinstance(decided.step, Finish)
    assert decided.step.counts == Counts(cancelled=3)
    assert [(outcome.row, outcome.outcome) for outcome in decided.outcomes] == [
        (number, "cancelled") for number in (1, 2, 3)
    ]
    explanation = CANCELLED_REASONS[CancelledReason.STOPPED]
    assert {(outcome.what_to_do, outcome.remedy) for outcome in decided.outcomes} == {
        (explanation.what_to_do, explanation.remedy)
    }
    assert [(tally.reason, tally.rows) for tally in decided.step.reasons] == [("stopped", 3)]
    assert decided.stored.record.request is None
