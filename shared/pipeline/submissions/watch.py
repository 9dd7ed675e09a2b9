"""Watches over a file that is being sent: it goes on after its canary, and is held when too many devices fail.

`bad_files` decides. A worker that dies before it acts loses nothing: the next submission to be sent asks again.
"""

from collections.abc import Sequence

from shared.pipeline.composition import Pipeline
from shared.pipeline.hold_events import announce_hold
from shared.pipeline.holds import hold_bad_file, holds_now, is_sent_on
from shared.pipeline.submissions.bad_files import (
    NEVER,
    WAITS_FOR_CANARY,
    CanaryResult,
    canary_result,
    fails_too_much,
    why_bad,
)
from shared.storage.record_table import log_unreadable
from shared.storage.records import DeviceFile, Submission
from shared.vocabulary import FileOrder, FileState, SubmissionState

CANARY = "1"
"""The number of the canary among the submissions of its file."""


def why_kept_back(pipeline: Pipeline, submission: Submission) -> str | None:
    """Why the submission, of a file that nobody holds, is not sent now; None when it may be.

    A file whose canary failed is held by that.
    """
    if submission.is_canary or _goes_on(pipeline, submission):
        return None
    canary = _canary(pipeline, submission.reading_id)
    match _result(pipeline, submission, canary):
        case CanaryResult.AWAITED:
            return WAITS_FOR_CANARY
        case CanaryResult.BAD:
            return _hold(pipeline, submission, canary)
        case CanaryResult.GOOD:
            pipeline.cache.good_files.keep(submission.reading_id, fact=True)
            return None


def judge(pipeline: Pipeline, changed: Submission) -> DeviceFile | None:
    """Hold the file of the submission if the verdicts on it say so; the file when its canary has spoken."""
    percent = pipeline.settings.hold_from_failed_percent
    if changed.is_canary and pipeline.cache.followed_canaries.get(changed.reading_id) is None:
        is_whole = changed.number == CANARY and not _has_parts(changed)
        canary = [changed] if is_whole else _canary(pipeline, changed.reading_id)
        match CanaryResult.GOOD if percent == NEVER else _result(pipeline, changed, canary):
            case CanaryResult.AWAITED:
                return None
            case CanaryResult.GOOD:
                pipeline.cache.good_files.keep(changed.reading_id, fact=True)
            case CanaryResult.BAD:
                _hold(pipeline, changed, canary)
        pipeline.cache.followed_canaries.keep(changed.reading_id, fact=True)
        return _file(pipeline, changed)
    if percent != NEVER and fails_too_much([changed], percent, least=1):
        # Only a submission of which too many devices fail can make them too many in the file.
        found = pipeline.journal.submissions.of_reading(changed.reading_id, log_unreadable)
        submissions = [stored.record for stored in found]
        is_any_left = any(each.state is SubmissionState.PENDING and not each.assigns_profiles for each in submissions)
        if is_any_left and fails_too_much(submissions, percent):
            _hold(pipeline, changed, submissions)
    return None


def _goes_on(pipeline: Pipeline, submission: Submission) -> bool:
    """Whether the canary of the file was well, or does not matter."""
    released = pipeline.cache.released.get(submission.reading_id)
    return (
        pipeline.settings.hold_from_failed_percent == NEVER
        or (released is not None and released.record.submissions <= 1)
        or pipeline.cache.good_files.get(submission.reading_id) is not None
        or is_sent_on(holds_now(pipeline), submission.file_id)
    )


def _result(pipeline: Pipeline, submission: Submission, canary: Sequence[Submission]) -> CanaryResult:
    file = _file(pipeline, submission)
    return canary_result(canary, pipeline.clock(), is_known_good=file is not None and file.is_known_good)


def _canary(pipeline: Pipeline, reading_id: str) -> list[Submission]:
    """The canary of a file, with its parts if it was split; empty where the file has none."""
    stored = pipeline.journal.submissions.get(reading_id, CANARY)
    if stored is None or not stored.record.is_canary:
        return []
    if not _has_parts(stored.record):
        return [stored.record]
    found = pipeline.journal.submissions.of_reading(reading_id, log_unreadable)
    parts = [each.record for each in found if each.record.is_canary and not each.record.assigns_profiles]
    # Of a move, what becomes of the devices that are to be registered tells; the others were left where they stood.
    return [part for part in parts if part.order is not FileOrder.MOVE] or parts


def _has_parts(canary: Submission) -> bool:
    """Whether other submissions may have gone on with its devices."""
    return canary.state is SubmissionState.SPLIT or canary.order is FileOrder.MOVE


def _hold(pipeline: Pipeline, submission: Submission, failed: Sequence[Submission]) -> str | None:
    file = _file(pipeline, submission)
    if file is None:
        return None
    reason = why_bad(file, failed)
    hold_bad_file(pipeline, file, reason)
    announce_hold(pipeline, file)
    return reason


def _file(pipeline: Pipeline, submission: Submission) -> DeviceFile | None:
    """The file of the submission, while it is being sent."""
    released = pipeline.cache.released.get(submission.reading_id)
    if released is not None:
        return released.record
    stored = pipeline.journal.files.get(submission.customer_id, submission.file_id)
    is_sent = stored is not None and stored.record.state is FileState.READ
    return stored.record if stored is not None and is_sent else None
