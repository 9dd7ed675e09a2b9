"""Begins the assignments of a profile that somebody has assigned to the devices of a closed file.

Each submission of the file that has registered devices is followed by one assignment, as if its rows had wished for the
profile. Safe to repeat: what an earlier owner has begun is left alone.
"""

from shared.pipeline.composition import Pipeline
from shared.pipeline.submissions.follow_ups import MOST_TOGETHER, first_wake_up
from shared.pipeline.submissions.profile_decisions import following_assignment
from shared.storage.records import DeviceFile, ProfileOrder, Submission
from shared.vocabulary import SubmissionState


def begin_assignments(pipeline: Pipeline, file: DeviceFile, order: ProfileOrder) -> int:
    """Enter the assignments that are missing, and wake them; how many these were."""
    submissions = [stored.record for stored in pipeline.journal.submissions.of_reading(file.reading_id)]
    known = {submission.number for submission in submissions}
    now = pipeline.clock()
    wanted = [following_assignment(submission, now, order) for submission in submissions if _has_devices(submission)]
    begun = [
        assignment.number
        for assignment in wanted
        if assignment.number not in known and pipeline.journal.submissions.insert(assignment)
    ]
    for first in range(0, len(begun), MOST_TOGETHER):
        pipeline.wakeups.send(first_wake_up(file.reading_id, begun[first : first + MOST_TOGETHER]))
    return len(begun)


def _has_devices(submission: Submission) -> bool:
    there = submission.counts.registered + submission.counts.already_registered
    return submission.state is SubmissionState.FINISHED and not submission.assigns_profiles and there > 0
