"""Writes decisions to the journal: outcomes and submissions; and notes their follow-ups.

The order is always: outcomes (under a claim), the change of the row, the wake-up, the clean-up. So a step cut short by
a crash is repeated, not lost, and no owner overwrites an outcome of another. Submissions that were polled together are
changed in one transaction; if another worker changed one of them meanwhile, each is changed on its own.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec
from msgspec.structs import replace

from shared.pipeline.closing.reason_counts import reasons_of
from shared.pipeline.log_fields import of_submission
from shared.pipeline.outcome_rules import outcome_of_refusal
from shared.pipeline.submissions.contents import Contents
from shared.pipeline.submissions.follow_ups import FollowUps
from shared.pipeline.submissions.matching import SentRow
from shared.pipeline.submissions.new_submission import SubmissionKey, kept_submission
from shared.pipeline.submissions.profile_assignment import halves_of, rows_of
from shared.pipeline.submissions.profile_decisions import following_assignment
from shared.pipeline.submissions.state_machine import Decided, MoveOn, Refuse, Split, next_record
from shared.storage.outcomes import Outcomes
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import Submission
from shared.storage.submissions import SubmissionEntry, Submissions
from shared.telemetry import StepName, span
from shared.vocabulary import SubmissionState, counted

logger = logging.getLogger(__name__)

Change = tuple[Stored[Submission], Submission]

CLAIMED_AFTER = timedelta(minutes=1)
"""After this time a poll that still goes on is claimed, and the claim renewed each time."""


@dataclass(frozen=True, slots=True)
class SubmissionWriter:
    """The only writer of submissions that are being advanced."""

    submissions: Submissions
    outcomes: Outcomes
    contents: Contents
    follow_ups: FollowUps
    clock: Callable[[], datetime]
    claim: timedelta

    def apply(self, decided: Decided) -> SubmissionState:
        """Write the decision for one submission and return its new state.

        Raises:
            Conflict: another worker took it further meanwhile.
        """
        stored, step = decided.stored, decided.step
        if isinstance(step, MoveOn):
            return self._move_on(decided, step)
        if isinstance(step, Split):
            return self._split(stored, next_record(stored.record, step, self.clock(), decided.answer), step)
        if isinstance(step, Refuse):
            rows = self.contents.rows(stored.record)
            outcomes = [outcome_of_refusal(stored.record, row, step.fault) for row in rows]
            refuse = dataclasses.replace(step, reasons=reasons_of(outcomes))
            decided = dataclasses.replace(decided, step=refuse, outcomes=outcomes)
        (changed,) = self.apply_all([decided])
        if changed is None:
            raise Conflict(f"Submission {stored.record.number} of {stored.record.file_id} was taken further.")
        return changed.state

    def apply_all(self, decided: Sequence[Decided]) -> list[Submission | None]:
        """Write the decisions for several submissions of one reading and return the submissions as changed.

        None stands for a submission that another worker took further meanwhile; nothing is written for it.
        """
        held = self._claimed(decided)
        self._write_outcomes([each for each in held if each is not None])
        now = self.clock()
        changes = [
            (each.stored, next_record(each.stored.record, each.step, now, each.answer))
            for each in held
            if each is not None
        ]
        changed = iter(self._changed(changes))
        result = [None if each is None else next(changed) for each in held]
        for stored in result:
            if stored is not None:
                if stored.record.state.is_final:
                    logger.info("A submission is final", extra=of_submission(stored.record))
                self.follow_ups.follow(stored.record)
        return [None if stored is None else stored.record for stored in result]

    def claimed(self, stored: Stored[Submission], submission: Submission) -> Stored[Submission]:
        """Write `submission` over `stored`, claimed by this worker.

        Raises:
            Conflict: another worker took it further meanwhile.
        """
        return self.submissions.change(stored, self._with_claim(submission))

    def _with_claim(self, submission: Submission) -> Submission:
        until = self.clock() + self.claim
        return replace(submission, claimed_until=until, due_at=until)

    def _write_outcomes(self, held: Sequence[Decided]) -> None:
        outcomes = [outcome for each in held for outcome in each.outcomes]
        if outcomes:
            with span(StepName.WRITE, held[0].stored.record.file_id, {"outcomes": len(outcomes)}):
                self.outcomes.write(outcomes)

    def _claimed(self, decided: Sequence[Decided]) -> list[Decided | None]:
        """Claim each submission that has outcomes before they are written: a late or second owner writes nothing."""
        now = self.clock()

        def is_to_be_claimed(each: Decided) -> bool:
            # After a long request, the rest of the claim may be too short to write in.
            until = each.stored.record.claimed_until
            return bool(each.outcomes) and (until is None or until - now < self.claim / 2)

        claims = iter(
            self._changed(
                [(each.stored, self._with_claim(each.stored.record)) for each in decided if is_to_be_claimed(each)]
            )
        )
        held: list[Decided | None] = []
        for each in decided:
            if is_to_be_claimed(each):
                claim = next(claims)
                held.append(None if claim is None else dataclasses.replace(each, stored=claim))
            else:
                held.append(each)
        return held

    def _changed(self, changes: Sequence[Change]) -> list[Stored[Submission] | None]:
        """The changed submissions; changed in one transaction if possible, else one by one."""
        if len(changes) > 1 and not any(submission.is_followed for _, submission in changes):
            try:
                return list(self.submissions.change_all(changes))
            except Conflict:
                logger.info(
                    "Another worker took one of several submissions further", extra=of_submission(changes[0][1])
                )
        return [self._changed_alone(stored, submission) for stored, submission in changes]

    def _changed_alone(self, stored: Stored[Submission], submission: Submission) -> Stored[Submission] | None:
        try:
            if not submission.is_followed:
                return self.submissions.change(stored, submission)
            follows = SubmissionEntry(following_assignment(submission, self.clock()), None)
            self.submissions.change_and_add(stored, submission, [follows])
        except Conflict:
            logger.info("Another worker took the submission further", extra=of_submission(submission))
            return None
        return stored.holding(submission)

    def _split(self, stored: Stored[Submission], split: Submission, step: Split) -> SubmissionState:
        """Split a submission in two: the bodies first, then both parts and the end of the whole in one change."""
        halves = self._assignments(split) if split.assigns_profiles else self._halves(stored, split, step)
        self.submissions.change_and_add(stored, split, halves)
        logger.warning("A submission was split in two", extra=of_submission(split))
        for half in halves:
            self.follow_ups.wake(half.submission, self.clock())
        self.follow_ups.follow(split)
        return split.state

    def _assignments(self, split: Submission) -> list[SubmissionEntry]:
        """The parts of an assignment of profiles. Raises Conflict."""
        rows = rows_of(self.contents, split)
        if rows is None:
            raise Conflict(f"The list of assignment {split.number} of {split.file_id} was lost; it is made anew.")
        return [SubmissionEntry(half, None) for half in halves_of(self.contents, split, rows)]

    def _halves(self, stored: Stored[Submission], split: Submission, step: Split) -> list[SubmissionEntry]:
        devices = msgspec.json.decode(self.contents.body(stored.record), type=list[msgspec.Raw])
        rows = self.contents.rows(stored.record)
        middle = step.first_part or len(rows) // 2
        return [
            self._half(split, f"{split.number}-{index}", devices[part], rows[part], counted_on)
            for index, part, counted_on in (
                (0, slice(None, middle), step.counted_on),
                (1, slice(middle, None), None),
            )
        ]

    def _move_on(self, decided: Decided, step: MoveOn) -> SubmissionState:
        """End the removal half of a move, and enter the submissions that register the devices, in one change.

        `{number}-0` has the devices that were removed, which nothing keeps back for good, and `{number}-1` the others.
        """
        (held,) = self._claimed([decided])
        if held is None:
            raise Conflict(f"Submission {decided.stored.record.number} was taken further.")
        self._write_outcomes([held])
        stored, now = held.stored, self.clock()
        ended = next_record(stored.record, step, now, held.answer)
        body = msgspec.json.decode(self.contents.body(stored.record), type=list[msgspec.Raw])
        devices = {row.row: device for row, device in zip(self.contents.rows(stored.record), body, strict=True)}
        removed = [row for row in step.rows if row.moved_from]
        others = [row for row in step.rows if not row.moved_from]
        made = [
            self._half(
                replace(ended, first_sent_at=None), f"{ended.number}-{index}", [devices[row.row] for row in rows], rows
            )
            for index, rows in enumerate((removed, others))
            if rows
        ]
        if ended.is_followed:
            made.append(SubmissionEntry(following_assignment(ended, now), None))
        self.submissions.change_and_add(stored, ended, made)
        for each in made:
            self.follow_ups.wake(each.submission, now)
        self.follow_ups.follow(ended)
        return ended.state

    def _half(
        self,
        split: Submission,
        number: str,
        devices: list[msgspec.Raw],
        rows: list[SentRow],
        counted_on: date | None = None,
    ) -> SubmissionEntry:
        folder, _, _ = split.payload.rpartition("/")
        key = SubmissionKey(
            split.file_id, split.reading_id, split.customer_id, split.batch_id, folder, number, split.is_canary
        )
        sentence = f"Waits with {counted(len(rows), 'device')}, a part of submission {split.number}."
        body, now = msgspec.json.encode(devices), self.clock()
        half = kept_submission(self.contents.private, key, body, rows, sentence, now, now)
        submission = replace(
            half.submission,
            answer_lost=split.answer_lost,
            first_lost_at=split.first_lost_at,
            first_sent_at=split.first_sent_at,
            counted_on=counted_on,
            removed_before=sum(bool(row.moved_from) for row in rows),
        )
        return SubmissionEntry(submission, half.rows)


@dataclass(slots=True)
class PollClaim:
    """The claim on a submission whose poll takes long because its batch is read. A short poll needs none.

    Without it the sweep would take a poll of many minutes for lost each time, and no reading would ever count.
    """

    writer: SubmissionWriter
    stored: Stored[Submission]
    since: datetime
    """When the poll began, or the claim was last written."""

    def keep(self) -> None:
        """Claim the submission if its poll has gone on for a while. Raises Conflict."""
        now = self.writer.clock()
        if now - self.since >= min(CLAIMED_AFTER, self.writer.claim / 3):
            self.stored, self.since = self.writer.claimed(self.stored, self.stored.record), now

    def holding(self, decided: Decided) -> Decided:
        """`decided` for the submission as it was claimed."""
        claimed = self.stored.record
        record = replace(decided.stored.record, claimed_until=claimed.claimed_until, due_at=claimed.due_at)
        return dataclasses.replace(decided, stored=self.stored.holding(record))
