"""Ends a submission of a stopped file that the service certainly does not have."""

from msgspec.structs import replace

from shared.pipeline.closing.reason_counts import reasons_of
from shared.pipeline.outcome_rules import outcome_of_cancelled_row
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.state_machine import Decided, Finish
from shared.storage.record_table import Stored
from shared.storage.records import Counts, Submission


def cancelled(contents: Contents, stored: Stored[Submission]) -> Decided:
    """The decision that ends the submission: each of its rows is `cancelled`.

    Its request, which the service never took, goes first: a worker that dies while it writes the outcomes leaves no
    request whose answer might be lost, so the next worker goes on cancelling.
    """
    submission = replace(stored.record, request=None)
    outcomes = [outcome_of_cancelled_row(submission, row) for row in contents.rows(submission)]
    finish = Finish(
        Counts(cancelled=len(outcomes)),
        "Cancelled: somebody stopped the file before it was sent.",
        reasons_of(outcomes),
    )
    return Decided(stored.holding(submission), finish, outcomes=outcomes)
