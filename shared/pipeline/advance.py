"""Second step of the way: one submission, one step further. With `posting` and `looking` the only code that talks to
Partner Center.

Whoever calls it - the blob function for the first POSTs, the queue function - it starts from the row's state. Inside a
step the order is: change the row (due time, sequence), send the wake-up, return. So a message lost or doubled costs
time, never a device.
"""

import logging

from shared.pipeline.composition import Pipeline
from shared.pipeline.decisions import Standing, standing
from shared.pipeline.log_fields import of_submission
from shared.pipeline.looking import look
from shared.pipeline.posting import post
from shared.pipeline.results import close_if_complete
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import Submission
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import SubmissionState

logger = logging.getLogger(__name__)


def advance(pipeline: Pipeline, wake_up: SubmissionWakeUp) -> SubmissionState | None:
    """Take the submission that `wake_up` names one step further, if it is still where the wake-up was sent.

    Its state afterwards; None when someone else is at it, or there is none.
    """
    stored = pipeline.journal.submission(wake_up.reading_id, wake_up.number)
    if stored is None:
        logger.warning("A wake-up names no submission", extra=_of_wake_up(wake_up))
        return None
    try:
        return _advance(pipeline, stored, wake_up)
    except JournalChanged:
        logger.info("Someone else took the submission further", extra=of_submission(stored.record))
        return None


def _advance(pipeline: Pipeline, stored: Stored[Submission], wake_up: SubmissionWakeUp) -> SubmissionState | None:
    submission, now = stored.record, pipeline.clock()
    match standing(submission, wake_up.sequence, now):
        case Standing.OVERTAKEN:
            logger.info("A wake-up was overtaken", extra=_of_wake_up(wake_up))
            return None
        case Standing.FINAL:
            close_if_complete(pipeline, submission.customer_id, submission.file_id)
            return submission.state
        case Standing.CLAIMED:
            until = submission.claimed_until or now
            pipeline.wakeups.send(wake_up, until - now)
            return None
        case Standing.TO_POST:
            return post(pipeline, stored)
        case Standing.TO_LOOK:
            return look(pipeline, stored)


def _of_wake_up(wake_up: SubmissionWakeUp) -> dict[str, object]:
    return {"reading_id": wake_up.reading_id, "submission": wake_up.number, "sequence": wake_up.sequence}
