"""Takes the step that was decided on: writes the submission, rings when it is due, halves it, closes its file.

The order is always: outcomes (under a claim), the change of the row, the wake-up, the clean-up. So a death in between
is repeated, not lost, and nobody writes an outcome over that of another owner.
"""

import logging
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.pipeline.composition import Pipeline
from shared.pipeline.decisions import Refuse, Said, Split, Step, taken
from shared.pipeline.device_file import payload_digest
from shared.pipeline.log_fields import of_submission
from shared.pipeline.matching import SentRow
from shared.pipeline.outcomes import refused
from shared.pipeline.results import close_if_complete
from shared.pipeline.submissions import Place, kept_submission
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import DeviceOutcome, Submission
from shared.storage.wakeups import SubmissionWakeUp
from shared.vocabulary import SubmissionState

logger = logging.getLogger(__name__)


class BlobMissing(DeviceDropError):
    """The private container no longer holds, unchanged, what an unfinished submission needs."""


def take(pipeline: Pipeline, stored: Stored[Submission], step: Step, said: Said | None = None) -> SubmissionState:
    """Write what `step` makes of the submission, then ring when it is due; its state then.

    Raises:
        JournalChanged: someone else took it further meanwhile.
    """
    if isinstance(step, Refuse):
        rows = sent_rows(pipeline, stored.record)
        outcomes = [refused(stored.record, row, step.fault) for row in rows]
        stored = write_outcomes(pipeline, stored, outcomes)
    submission = taken(stored.record, step, pipeline.clock(), said)
    if isinstance(step, Split):
        _split(pipeline, stored, submission)
        return submission.state
    pipeline.journal.change_submission(stored, submission)
    if submission.state.is_final:
        logger.info("A submission is final", extra=of_submission(submission))
        pipeline.private.delete(submission.payload)
        close_if_complete(pipeline, submission.customer_id, submission.file_id)
    else:
        pipeline.wakeups.send(wake_up_of(submission), submission.due_at - pipeline.clock())
    return submission.state


def write_outcomes(
    pipeline: Pipeline, stored: Stored[Submission], outcomes: Iterable[DeviceOutcome]
) -> Stored[Submission]:
    """Write outcomes as the one owner: a claim comes first, so that a late or doubled one writes nothing."""
    held = stored
    now, claim_lasts, claimed_until = pipeline.clock(), pipeline.settings.claim, stored.record.claimed_until
    # The rest of a claim that a long request used up is too short to write in.
    if claimed_until is None or claimed_until - now < claim_lasts / 2:
        until = now + claim_lasts
        claim = replace(stored.record, claimed_until=until, due_at=until)
        held = pipeline.journal.change_submission(stored, claim)
    pipeline.journal.write_outcomes(outcomes)
    return held


def wake_up_of(submission: Submission) -> SubmissionWakeUp:
    """The wake-up for the submission as it is now."""
    return SubmissionWakeUp(reading_id=submission.reading_id, number=submission.number, sequence=submission.sequence)


def sent_rows(pipeline: Pipeline, submission: Submission) -> list[SentRow]:
    """Which rows the submission holds, in the order of its devices."""
    content = pipeline.private.read(submission.rows)
    if content is None:
        raise _missing(pipeline, submission, submission.rows)
    rows: list[SentRow] = msgspec.json.decode(content, type=list[SentRow])
    return rows


def request_body(pipeline: Pipeline, submission: Submission) -> bytes:
    """The exact bytes that were journaled for this submission."""
    body = pipeline.private.read(submission.payload)
    if body is None or payload_digest(body) != submission.payload_digest:
        raise _missing(pipeline, submission, submission.payload)
    return body


def _missing(pipeline: Pipeline, submission: Submission, path: str) -> DeviceDropError:
    """Why a blob is missing: another owner took the submission to its end and cleaned up, or it was lost."""
    present = pipeline.journal.submission(submission.reading_id, submission.number)
    if present is None or present.record.sequence != submission.sequence:
        return JournalChanged(f"Submission {submission.number} of {submission.file_id} was taken further meanwhile.")
    return BlobMissing(
        f"Blob {path} in the private container, which submission {submission.number} of file {submission.file_id} "
        "needs, is missing or was changed. Restore it (soft delete keeps it), or drop the file again."
    )


def _split(pipeline: Pipeline, stored: Stored[Submission], split: Submission) -> None:
    """Halve a refused submission: the bodies first, then both halves and the end of the whole in one change."""
    devices = msgspec.json.decode(request_body(pipeline, stored.record), type=list[msgspec.Raw])
    rows = sent_rows(pipeline, stored.record)
    middle = len(rows) // 2
    halves = [
        _half(pipeline, split, f"{split.number}-{index}", devices[part], rows[part])
        for index, part in enumerate((slice(None, middle), slice(middle, None)))
    ]
    pipeline.journal.split_submission(stored, split, halves)
    logger.warning("A refused submission was split in two", extra=of_submission(split))
    for half in halves:
        pipeline.wakeups.send(wake_up_of(half))
    pipeline.private.delete(split.payload)


def _half(
    pipeline: Pipeline, split: Submission, number: str, devices: list[msgspec.Raw], rows: list[SentRow]
) -> Submission:
    folder, _, _ = split.payload.rpartition("/")
    place = Place(split.file_id, split.reading_id, split.customer_id, split.batch_id, folder, number)
    sentence = f"Waits with {len(rows)} devices, a half of submission {split.number}."
    half = kept_submission(pipeline, place, msgspec.json.encode(devices), rows, sentence)
    return replace(half, answer_lost=split.answer_lost, first_sent_at=split.first_sent_at)
