"""Takes the steps that were decided on: writes outcomes and submissions, and notes what follows from them.

The order is always: outcomes (under a claim), the change of the row, the wake-up, the clean-up. So a death in between
is repeated, not lost, and nobody writes an outcome over that of another owner. Submissions that were looked at together
are changed together, in one transaction; when one of them was changed by someone else, each goes alone.
"""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from shared.errors import DeviceDropError
from shared.pipeline.blob_names import is_payload
from shared.pipeline.composition import Pipeline
from shared.pipeline.log_fields import of_submission
from shared.pipeline.outcome_rules import outcome_of_refusal
from shared.pipeline.submissions.follow_ups import FollowUps
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.new_submission import SubmissionKey, kept_submission
from shared.pipeline.submissions.state_machine import LastAnswer, Refuse, Split, Step, next_record
from shared.storage.codec import unpacked
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceOutcome, Submission
from shared.storage.submissions import SubmissionEntry
from shared.storage.tables import Entity
from shared.storage.wakeups import SubmissionWakeUp
from shared.telemetry import StepName, span
from shared.vocabulary import SubmissionState

logger = logging.getLogger(__name__)

Change = tuple[Stored[Submission], Submission]


class BlobMissing(DeviceDropError):
    """Storage no longer holds, unchanged, what an unfinished submission needs."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided on for a submission as it was read, and the outcomes that it gives."""

    stored: Stored[Submission]
    step: Step
    said: LastAnswer | None = None
    outcomes: Sequence[DeviceOutcome] = ()


def apply(pipeline: Pipeline, decided: Decided, follow_ups: FollowUps) -> SubmissionState:
    """Write what was decided on for one submission; its state then.

    Raises:
        Conflict: someone else took it further meanwhile.
    """
    stored, step = decided.stored, decided.step
    if isinstance(step, Split):
        return _split(pipeline, stored, next_record(stored.record, step, pipeline.clock(), decided.said), follow_ups)
    if isinstance(step, Refuse):
        rows = sent_rows(pipeline, stored.record)
        decided = dataclasses.replace(
            decided, outcomes=[outcome_of_refusal(stored.record, row, step.fault) for row in rows]
        )
    (changed,) = apply_all(pipeline, [decided], follow_ups)
    if changed is None:
        raise Conflict(f"Submission {stored.record.number} of {stored.record.file_id} was taken further.")
    return changed.state


def apply_all(pipeline: Pipeline, decided: Sequence[Decided], follow_ups: FollowUps) -> list[Submission | None]:
    """Write what was decided on for several submissions of one reading: each as it is then.

    None stands for one that someone else took further meanwhile; nothing is written for that.
    """
    held = _claimed(pipeline, decided)
    _write_outcomes(pipeline, [each for each in held if each is not None])
    now = pipeline.clock()
    changes = [
        (each.stored, next_record(each.stored.record, each.step, now, each.said)) for each in held if each is not None
    ]
    changed = iter(_changed(pipeline, changes))
    result = [None if each is None else next(changed) for each in held]
    for stored in result:
        if stored is not None:
            if stored.record.state.is_final:
                logger.info("A submission is final", extra=of_submission(stored.record))
            follow_ups.follow(stored.record)
    return [None if stored is None else stored.record for stored in result]


def _write_outcomes(pipeline: Pipeline, held: Sequence[Decided]) -> None:
    outcomes = [outcome for each in held for outcome in each.outcomes]
    if outcomes:
        with span(StepName.WRITE, held[0].stored.record.file_id, {"outcomes": len(outcomes)}):
            pipeline.journal.outcomes.write(outcomes)


def _claimed(pipeline: Pipeline, decided: Sequence[Decided]) -> list[Decided | None]:
    """Each that has outcomes is claimed before they are written, so that a late or doubled owner writes nothing."""
    now, claim_lasts = pipeline.clock(), pipeline.settings.claim

    def is_to_be_claimed(each: Decided) -> bool:
        # The rest of a claim that a long request used up is too short to write in.
        until = each.stored.record.claimed_until
        return bool(each.outcomes) and (until is None or until - now < claim_lasts / 2)

    until = now + claim_lasts
    changes = [
        (each.stored, replace(each.stored.record, claimed_until=until, due_at=until))
        for each in decided
        if is_to_be_claimed(each)
    ]
    claims = iter(_changed(pipeline, changes))
    held: list[Decided | None] = []
    for each in decided:
        if is_to_be_claimed(each):
            claim = next(claims)
            held.append(None if claim is None else dataclasses.replace(each, stored=claim))
        else:
            held.append(each)
    return held


def _changed(pipeline: Pipeline, changes: Sequence[Change]) -> list[Stored[Submission] | None]:
    """The submissions after their changes, made together if that can be, else each alone."""
    if len(changes) > 1:
        try:
            return list(pipeline.journal.submissions.change_all(changes))
        except Conflict:
            logger.info("Someone else took one of several submissions further", extra=of_submission(changes[0][1]))
    return [_changed_alone(pipeline, stored, submission) for stored, submission in changes]


def _changed_alone(pipeline: Pipeline, stored: Stored[Submission], submission: Submission) -> Stored[Submission] | None:
    try:
        return pipeline.journal.submissions.change(stored, submission)
    except Conflict:
        logger.info("Someone else took the submission further", extra=of_submission(submission))
        return None


def wake_up_of(submission: Submission) -> SubmissionWakeUp:
    """The wake-up for the submission as it is now."""
    return SubmissionWakeUp(reading_id=submission.reading_id, number=submission.number, sequence=submission.sequence)


def sent_rows(pipeline: Pipeline, submission: Submission, pack: Entity | None = None) -> list[SentRow]:
    """Which rows the submission holds, in the order of its devices; `pack` is what was read with it."""
    if submission.rows is not None:
        content, place = pipeline.private.read(submission.rows), f"Blob {submission.rows} in the private container"
    else:
        pack = pack or pipeline.journal.submissions.rows(submission.reading_id, submission.number)
        content, place = None if pack is None else unpacked(pack), "The journal's list of rows"
    if content is None:
        raise _missing(pipeline, submission, place)
    rows: list[SentRow] = msgspec.json.decode(content, type=list[SentRow])
    return rows


def request_body(pipeline: Pipeline, submission: Submission) -> bytes:
    """The exact bytes that were journaled for this submission."""
    body = pipeline.private.read(submission.payload)
    if body is None or not is_payload(body, submission.payload_digest):
        raise _missing(pipeline, submission, f"Blob {submission.payload} in the private container")
    return body


def _missing(pipeline: Pipeline, submission: Submission, what: str) -> DeviceDropError:
    """Why something is missing: another owner took the submission to its end and cleaned up, or it was lost."""
    present = pipeline.journal.submissions.get(submission.reading_id, submission.number)
    if present is None or present.record.sequence != submission.sequence:
        return Conflict(f"Submission {submission.number} of {submission.file_id} was taken further meanwhile.")
    return BlobMissing(
        f"{what}, which submission {submission.number} of file {submission.file_id} "
        "needs, is missing or was changed. Restore it (soft delete keeps it), or drop the file again."
    )


def _split(pipeline: Pipeline, stored: Stored[Submission], split: Submission, follow_ups: FollowUps) -> SubmissionState:
    """Halve a refused submission: the bodies first, then both halves and the end of the whole in one change."""
    devices = msgspec.json.decode(request_body(pipeline, stored.record), type=list[msgspec.Raw])
    rows = sent_rows(pipeline, stored.record)
    middle = len(rows) // 2
    halves = [
        _half(pipeline, split, f"{split.number}-{index}", devices[part], rows[part])
        for index, part in enumerate((slice(None, middle), slice(middle, None)))
    ]
    pipeline.journal.submissions.split(stored, split, halves)
    logger.warning("A refused submission was split in two", extra=of_submission(split))
    for half in halves:
        follow_ups.wake(half.submission, pipeline.clock())
    follow_ups.follow(split)
    return split.state


def _half(
    pipeline: Pipeline, split: Submission, number: str, devices: list[msgspec.Raw], rows: list[SentRow]
) -> SubmissionEntry:
    folder, _, _ = split.payload.rpartition("/")
    place = SubmissionKey(split.file_id, split.reading_id, split.customer_id, split.batch_id, folder, number)
    sentence = f"Waits with {len(rows)} devices, a half of submission {split.number}."
    half = kept_submission(pipeline, place, msgspec.json.encode(devices), rows, sentence)
    submission = replace(half.submission, answer_lost=split.answer_lost, first_sent_at=split.first_sent_at)
    return SubmissionEntry(submission, half.rows)
