"""Chooses the batch of a submission: one submission finds it by listing, or creates it, while the others wait.

This module records batches in the journal and in the process's memory; it writes nothing to submissions.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from shared.partner_center.errors import PartnerCenterError
from shared.pipeline.backoff import SHORTEST_PATIENCE, patience
from shared.pipeline.service import Service
from shared.pipeline.submissions.state_machine import (
    Decided,
    FindBatchAgain,
    Poll,
    SendAgain,
    Step,
    WaitFor,
    after_failure,
    answer_of,
    refusal,
)
from shared.storage.batches import Batches
from shared.storage.lru_cache import LruCache
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Batch, BatchState, RequestKind, Submission


@dataclass(frozen=True, slots=True)
class Target:
    """The batch that a submission goes to, in the service's spelling, and whether to create it or append to it."""

    kind: RequestKind
    batch_id: str
    claimed: Stored[Batch] | None = None
    """The batch's record, if this submission has just claimed it in order to create the batch."""
    was_listed: bool = False
    """Whether the service has just listed the batches, and so has answered."""


@dataclass(frozen=True, slots=True)
class DeviceBatches:
    """The known batches of the customers; `remembered` holds their spellings by customer and folded name."""

    batches: Batches
    remembered: LruCache[tuple[str, str], str]
    service: Service
    claim: timedelta

    def target_of(self, stored: Stored[Submission]) -> Target | Decided:
        """The batch of the submission, or the decision that delays or ends it first.

        Batches are listed before a batch is created; one submission at a time does so, the others wait for it.
        """
        submission = stored.record
        if submission.request is not None:
            return Target(submission.request.kind, submission.request.batch_id)
        spelling = self.remembered.get(_key(submission))
        if spelling is not None:
            return Target(RequestKind.APPEND, spelling)
        if (claimed := self._claimed(submission, None)) is None:
            known = self.batches.get(submission.customer_id, submission.batch_id)
            if known is not None and known.record.state is BatchState.KNOWN:
                self.remembered.keep(_key(submission), known.record.batch_id)
                return Target(RequestKind.APPEND, known.record.batch_id)
            now = self.service.clock()
            if known is not None and known.record.claimed_until > now and known.record.claimed_by != _owner(submission):
                return _wait_for_batch(stored, patience(self.claim - (known.record.claimed_until - now)))
            claimed = self._claimed(submission, known)
        if claimed is None:
            return _wait_for_batch(stored, SHORTEST_PATIENCE)
        return self._find_or_create(stored, claimed)

    def note(self, submission: Submission, target: Target, step: Step) -> None:
        """Record what the answer to a POST shows about the batch: the others may go on, or must list again.

        Until a repeated request is answered, the result is unknown: a batch that it may create stays claimed.
        """
        is_wrong = isinstance(step, FindBatchAgain)
        if is_wrong:
            self.remembered.forget(_key(submission))
        if isinstance(step, SendAgain) and step.same_request:
            return
        if target.kind is RequestKind.APPEND and not is_wrong:
            return
        known = target.claimed or self.batches.get(submission.customer_id, submission.batch_id)
        if known is None:
            return
        creates = target.kind is RequestKind.CREATE and known.record.claimed_by == _owner(submission)
        if creates and isinstance(step, Poll):
            self._write(known, self._batch(submission, BatchState.KNOWN, target.batch_id))
            self.remembered.keep(_key(submission), target.batch_id)
        elif creates or is_wrong:
            self._free(known)

    def _find_or_create(self, stored: Stored[Submission], claimed: Stored[Batch]) -> Target | Decided:
        submission = stored.record
        try:
            found = self._spelling(submission)
        except PartnerCenterError as error:
            self._free(claimed)
            step = after_failure(submission, None, error, self.service.pace)
            return Decided(stored, step, answer_of(error), error=error)
        if found is not None:
            self._write(claimed, self._batch(submission, BatchState.KNOWN, found))
            self.remembered.keep(_key(submission), found)
            return Target(RequestKind.APPEND, found, was_listed=True)
        if submission.create_refused is not None:
            self._free(claimed)
            return Decided(stored, refusal(submission, submission.create_refused))
        return Target(RequestKind.CREATE, submission.batch_id, claimed, was_listed=True)

    def _spelling(self, submission: Submission) -> str | None:
        """The batch as the service spells it; None when the customer has none of that name, in either case.

        The list is read no further than to this very spelling.
        """
        wanted, found = submission.batch_id.casefold(), None
        for batch in self.service.partner_center.device_batches(submission.customer_id, self.service.call_ids()):
            if batch.id == submission.batch_id:
                return batch.id
            if found is None and batch.id is not None and batch.id.casefold() == wanted:
                found = batch.id
        return found

    def _claimed(self, submission: Submission, known: Stored[Batch] | None) -> Stored[Batch] | None:
        """The batch's record, claimed by this submission to find or create it; None if another submission was first."""
        try:
            return self.batches.change(known, self._batch(submission, BatchState.LOOKING))
        except Conflict:
            return None

    def _batch(self, submission: Submission, state: BatchState, batch_id: str | None = None) -> Batch:
        now = self.service.clock()
        return Batch(
            customer_id=submission.customer_id,
            batch_id=batch_id or submission.batch_id,
            state=state,
            claimed_by=_owner(submission),
            claimed_until=now + self.claim if state is BatchState.LOOKING else now,
        )

    def _free(self, stored: Stored[Batch]) -> None:
        """Let the next submission that needs the batch list the batches."""
        self._write(stored, replace(stored.record, state=BatchState.LOOKING, claimed_until=self.service.clock()))

    def _write(self, stored: Stored[Batch], changed: Batch) -> None:
        """Change the record. If another worker changed it meanwhile, its newer record stays and this one goes on."""
        with suppress(Conflict):
            self.batches.change(stored, changed)


def _wait_for_batch(stored: Stored[Submission], delay: timedelta) -> Decided:
    return Decided(stored, WaitFor(delay, "Another submission is finding the batch or creating it."))


def _key(submission: Submission) -> tuple[str, str]:
    return submission.customer_id, submission.batch_id.casefold()


def _owner(submission: Submission) -> str:
    return f"{submission.reading_id}/{submission.number}"
