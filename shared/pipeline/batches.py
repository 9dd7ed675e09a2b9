"""Which batch a submission goes to: found by listing, created when absent, by one submission while others wait."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from shared.partner_center.client import CallIds
from shared.partner_center.errors import PartnerCenterError
from shared.pipeline.composition import Pipeline
from shared.pipeline.decisions import (
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
from shared.storage.journal import JournalChanged, Stored
from shared.storage.records import Batch, BatchState, JournaledRequest, RequestKind, Submission


@dataclass(frozen=True, slots=True)
class Target:
    """The batch that a submission goes to, in the service's spelling, and how."""

    kind: RequestKind
    batch_id: str


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
    now = pipeline.clock()
    known = pipeline.journal.batch(submission.customer_id, submission.batch_id)
    if known is not None and known.record.state is BatchState.KNOWN:
        return Target(RequestKind.APPEND, known.record.batch_id)
    if known is not None and known.record.claimed_until > now and known.record.claimed_by != _owner(submission):
        return _wait_for_batch(patience(pipeline.settings.claim - (known.record.claimed_until - now)))
    try:
        claimed = pipeline.journal.change_batch(known, _batch(pipeline, submission, BatchState.LOOKING))
    except JournalChanged:
        return _wait_for_batch(SHORTEST_PATIENCE)
    return _find_or_create(pipeline, submission, claimed)


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
        return Target(RequestKind.APPEND, found)
    if submission.create_refused is not None:
        _free_batch(pipeline, claimed)
        return refusal(submission, submission.create_refused)
    return Target(RequestKind.CREATE, submission.batch_id)


def note_batch(pipeline: Pipeline, submission: Submission, request: JournaledRequest, step: Step) -> None:
    """What the answer to a POST says about the batch: whether the others may go on, or must list again."""
    known = pipeline.journal.batch(submission.customer_id, submission.batch_id)
    if known is None:
        return
    creates = request.kind is RequestKind.CREATE and known.record.claimed_by == _owner(submission)
    match step:
        case Poll() if creates:
            _note(pipeline, known, _batch(pipeline, submission, BatchState.KNOWN, request.batch_id))
        case SendAgain(same_request=True):
            return
        case FindBatchAgain():
            _free_batch(pipeline, known)
        case _ if creates:
            _free_batch(pipeline, known)


def _free_batch(pipeline: Pipeline, stored: Stored[Batch]) -> None:
    """Whoever comes next lists the batches."""
    _note(pipeline, stored, replace(stored.record, state=BatchState.LOOKING, claimed_until=pipeline.clock()))


def _note(pipeline: Pipeline, stored: Stored[Batch], changed: Batch) -> None:
    """Change what is known; whoever changed it meanwhile knows better, and the submission goes on all the same."""
    with suppress(JournalChanged):
        pipeline.journal.change_batch(stored, changed)


def _owner(submission: Submission) -> str:
    return f"{submission.reading_id}/{submission.number}"
