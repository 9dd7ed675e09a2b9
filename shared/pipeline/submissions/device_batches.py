"""Which batch a submission goes to: found by listing, created when absent, by one submission while others wait."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from shared.partner_center.client import CallIds
from shared.partner_center.errors import PartnerCenterError
from shared.pipeline.composition import Pipeline
from shared.pipeline.submissions.state_machine import (
    SHORTEST_PATIENCE,
    FindBatchAgain,
    Poll,
    Refuse,
    SendAgain,
    Split,
    Step,
    WaitFor,
    patience,
    refusal,
)
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Batch, BatchState, RequestKind, Submission


@dataclass(frozen=True, slots=True)
class Target:
    """The batch that a submission goes to, in the service's spelling, and how."""

    kind: RequestKind
    batch_id: str
    claimed: Stored[Batch] | None = None
    """The batch as this submission has just claimed it, to create it."""


@dataclass(frozen=True, slots=True)
class ListingFailed:
    """The batches could not be listed."""

    error: PartnerCenterError


def target_of(pipeline: Pipeline, submission: Submission) -> Target | WaitFor | Refuse | Split | ListingFailed:
    """Where the submission goes, or what to do before that can be said.

    Batches are listed before one is created; one submission at a time does so for a batch, the others wait for it.
    """
    if submission.request is not None:
        return Target(submission.request.kind, submission.request.batch_id)
    spelling = pipeline.cache.batches.get(_key(submission))
    if spelling is not None:
        return Target(RequestKind.APPEND, spelling)
    if (claimed := _claimed(pipeline, submission, None)) is None:
        known = pipeline.journal.batches.get(submission.customer_id, submission.batch_id)
        if known is not None and known.record.state is BatchState.KNOWN:
            pipeline.cache.batches.keep(_key(submission), known.record.batch_id)
            return Target(RequestKind.APPEND, known.record.batch_id)
        now = pipeline.clock()
        if known is not None and known.record.claimed_until > now and known.record.claimed_by != _owner(submission):
            return _wait_for_batch(patience(pipeline.settings.claim - (known.record.claimed_until - now)))
        claimed = _claimed(pipeline, submission, known)
    if claimed is None:
        return _wait_for_batch(SHORTEST_PATIENCE)
    return _find_or_create(pipeline, submission, claimed)


def _claimed(pipeline: Pipeline, submission: Submission, known: Stored[Batch] | None) -> Stored[Batch] | None:
    """The batch, which nobody knows (None) or `known`, as this submission's to find or create; None when it is not."""
    try:
        return pipeline.journal.batches.change(known, _batch(pipeline, submission, BatchState.LOOKING))
    except Conflict:
        return None


def _wait_for_batch(delay: timedelta) -> WaitFor:
    return WaitFor(delay, "Another submission is looking for the batch or creating it.")


def _batch(pipeline: Pipeline, submission: Submission, state: BatchState, batch_id: str | None = None) -> Batch:
    now = pipeline.clock()
    return Batch(
        customer_id=submission.customer_id,
        batch_id=batch_id or submission.batch_id,
        state=state,
        claimed_by=_owner(submission),
        claimed_until=now + pipeline.settings.claim if state is BatchState.LOOKING else now,
    )


def _find_or_create(
    pipeline: Pipeline, submission: Submission, claimed: Stored[Batch]
) -> Target | Refuse | Split | ListingFailed:
    ids = CallIds(request_id=pipeline.new_id(), correlation_id=pipeline.new_id())
    try:
        batches = pipeline.partner_center.device_batches(submission.customer_id, ids)
    except PartnerCenterError as error:
        _free_batch(pipeline, claimed)
        return ListingFailed(error)
    wanted = submission.batch_id.casefold()
    spellings = [batch.id for batch in batches if batch.id is not None and batch.id.casefold() == wanted]
    if spellings:
        found = submission.batch_id if submission.batch_id in spellings else spellings[0]
        _note(pipeline, claimed, _batch(pipeline, submission, BatchState.KNOWN, found))
        pipeline.cache.batches.keep(_key(submission), found)
        return Target(RequestKind.APPEND, found)
    if submission.create_refused is not None:
        _free_batch(pipeline, claimed)
        return refusal(submission, submission.create_refused)
    return Target(RequestKind.CREATE, submission.batch_id, claimed)


def note_batch(pipeline: Pipeline, submission: Submission, target: Target, step: Step) -> None:
    """What the answer to a POST says about the batch: whether the others may go on, or must list again."""
    is_wrong = isinstance(step, FindBatchAgain)
    if is_wrong:
        pipeline.cache.batches.forget(_key(submission))
    if isinstance(step, SendAgain) and step.same_request:
        return
    if target.kind is RequestKind.APPEND and not is_wrong:
        return
    known = target.claimed or pipeline.journal.batches.get(submission.customer_id, submission.batch_id)
    if known is None:
        return
    creates = target.kind is RequestKind.CREATE and known.record.claimed_by == _owner(submission)
    if creates and isinstance(step, Poll):
        _note(pipeline, known, _batch(pipeline, submission, BatchState.KNOWN, target.batch_id))
        pipeline.cache.batches.keep(_key(submission), target.batch_id)
    elif creates or is_wrong:
        _free_batch(pipeline, known)


def _free_batch(pipeline: Pipeline, stored: Stored[Batch]) -> None:
    """Whoever comes next lists the batches."""
    _note(pipeline, stored, replace(stored.record, state=BatchState.LOOKING, claimed_until=pipeline.clock()))


def _note(pipeline: Pipeline, stored: Stored[Batch], changed: Batch) -> None:
    """Change what is known; whoever changed it meanwhile knows better, and the submission goes on all the same."""
    with suppress(Conflict):
        pipeline.journal.batches.change(stored, changed)


def _key(submission: Submission) -> tuple[str, str]:
    return submission.customer_id, submission.batch_id.casefold()


def _owner(submission: Submission) -> str:
    return f"{submission.reading_id}/{submission.number}"
