"""The last step of a file: when every submission is final, write the results and close the file.

An interrupted closing is repeated from the beginning and writes the same results: the change to `closing` fixes the
time.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from shared.pipeline.blob_names import reading_folder, search_prefix
from shared.pipeline.closing import accounting
from shared.pipeline.closing.csv_output import CSV, results_csv
from shared.pipeline.closing.notify import announce
from shared.pipeline.closing.reason_counts import ProfileCounter, ReasonCounter
from shared.pipeline.closing.service_level import fields_of_ended
from shared.pipeline.closing.summary import folder_of, rewrite_parents_summaries, write_summary
from shared.pipeline.composition import Pipeline
from shared.pipeline.holds import forget_hold, holds_now, scope_of_hold
from shared.pipeline.lease import ROWS_BETWEEN_CLOCK_CHECKS, FileLease, is_claimed, with_claim
from shared.pipeline.log_fields import of_file
from shared.pipeline.outcome_rules import outcome_never_written
from shared.storage.codec import UnreadableRecord
from shared.storage.record_table import Conflict, Stored, log_unreadable
from shared.storage.records import Counts, DeviceFile, DeviceOutcome, ProfileCounts, Submission, with_sentence
from shared.telemetry import Metric, StepName, annotate, measure, span
from shared.vocabulary import FileOrder, FileState, Outcome, SubmissionState, counted

logger = logging.getLogger(__name__)

MOST_LISTED_AT_ONCE = 20
"""Up to this number, all submissions are read to check whether their file is complete, since its summary needs them
too. For a larger file the journal is only queried for an open submission."""


def close_if_complete(
    pipeline: Pipeline, customer_id: str | None, file_id: str, reading_id: str, ended: Sequence[Submission] = ()
) -> None:
    """Close the file if no submission of its reading is open. Called when submissions end, and by the sweep.

    `ended` are the submissions that the caller has just finished.
    """
    remembered = pipeline.cache.released.get(reading_id)
    is_small = remembered is not None and remembered.record.submissions <= MOST_LISTED_AT_ONCE
    submissions: Sequence[Submission] | None = None
    if remembered is not None and _are_all(ended, remembered.record):
        submissions, is_complete = ended, True
    elif is_small:
        unreadable: list[UnreadableRecord] = []
        found = pipeline.journal.submissions.of_reading(reading_id, unreadable.append)
        submissions = [stored.record for stored in found]
        is_complete = all(submission.state.is_final for submission in submissions)
        if unreadable and is_complete:
            submissions, is_complete = None, not pipeline.journal.submissions.is_any_open(reading_id)
    else:
        is_complete = not pipeline.journal.submissions.is_any_open(reading_id)
    if not is_complete or (remembered is not None and _close_unless_changed(pipeline, remembered, submissions)):
        return
    pipeline.cache.released.forget(reading_id)
    stored = pipeline.journal.files.get(customer_id, file_id)
    if stored is not None and stored.record.reading_id == reading_id:
        _close_unless_changed(pipeline, stored, submissions)


def _are_all(ended: Sequence[Submission], file: DeviceFile) -> bool:
    """Whether these are all submissions of the file. A split submission does not count: its halves replace it.

    A move may have entered further ones.
    """
    if file.order is FileOrder.MOVE or any(submission.is_followed for submission in ended):
        return False
    whole = {submission.number for submission in ended if submission.state is not SubmissionState.SPLIT}
    return whole == {str(number) for number in range(1, file.submissions + 1)}


def _close_unless_changed(
    pipeline: Pipeline, stored: Stored[DeviceFile], submissions: Sequence[Submission] | None
) -> bool:
    """Close a file whose submissions are all final; False if another owner changed the file since it was read."""
    now, file = pipeline.clock(), stored.record
    if is_claimed(file, now):
        return True
    match file.state:
        case FileState.READ:
            closing = replace(file, state=FileState.CLOSING, closed_at=now)
        case FileState.CLOSING:
            closing = file
        case FileState.RECEIVED:
            return True
        case _:
            take_up_ended(pipeline, stored)
            return True
    held = FileLease(pipeline, stored)
    try:
        held.change(with_claim(pipeline, closing))
    except Conflict:
        logger.info("Another owner changed the file before it could be closed", extra=of_file(file))
        return False
    try:
        with span(StepName.CLOSE, file.file_id, of_file(file)), held.freed_on_failure():
            _close(held, submissions)
    except Conflict:
        logger.info("Another owner is closing the file", extra=of_file(file))
    return True


def end_without_sending(
    pipeline: Pipeline, stored: Stored[DeviceFile], state: FileState, reason: str, text: str
) -> None:
    """End a file of which no row was sent; its summary gives `reason` and `text`, which includes the remedy."""
    now, file = pipeline.clock(), stored.record
    ended = replace(
        with_claim(pipeline, file),
        state=state,
        reason=reason,
        reason_text=text,
        closed_at=file.closed_at or now,
        closed_counts=Counts(),
        history=with_sentence(file.history, text, now),
    )
    held = FileLease(pipeline, stored)
    held.change(ended)
    annotate({"reason": reason})
    with held.freed_on_failure():
        _tidy_up(held)


def take_up_ended(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Finish the work that the owner that ended a file left undone; `stored` is not claimed."""
    if stored.record.profile_order is not None:
        if not pipeline.journal.submissions.is_any_open(stored.record.reading_id):
            _publish_profiles(pipeline, stored)
        return
    if pipeline.journal.files.is_listed(stored.record):
        # All work is done: a repeated event entered the file in the index of open files again.
        pipeline.journal.files.no_longer_open(stored.record.file_id)
        return
    held = FileLease(pipeline, stored)
    try:
        held.change(with_claim(pipeline, stored.record))
        with held.freed_on_failure():
            _tidy_up(held)
    except Conflict:
        logger.info("Another owner is finishing the file", extra=of_file(stored.record))


def _publish_profiles(pipeline: Pipeline, stored: Stored[DeviceFile]) -> None:
    """Write the results of a closed file anew: a profile was assigned to its devices, and each has its outcome."""
    held = FileLease(pipeline, stored)
    try:
        held.change(with_claim(pipeline, stored.record))
        with held.freed_on_failure():
            _write_profiles(held)
    except Conflict:
        logger.info("Another owner is writing the results of the file", extra=of_file(stored.record))


def _write_profiles(held: FileLease) -> None:
    pipeline, profiles = held.pipeline, ProfileCounter()
    if not pipeline.journal.files.is_listed(held.record):
        # The owner that closed the file died before it announced the end; the entry by time will say that it did.
        _tell_of_end(held)
    _write_csv(pipeline, held.record, profiles.counting(_held(held, _every_outcome(pipeline, held.record))))
    file, counts = held.record, profiles.counts or ProfileCounts()
    of_all = f"{counts.assigned} of {counted(counts.assigned + counts.not_assigned, 'device')}"
    done = replace(
        file,
        profiles=profiles.counts,
        profile_order=None,
        claimed_until=None,
        changes_since_closed=file.changes_since_closed + 1,
        history=with_sentence(file.history, f"Assigned: {of_all} got the profile.", pipeline.clock()),
    )
    write_summary(pipeline.journal, pipeline.results, done)
    pipeline.journal.files.enter_by_time(done)
    held.change(done)
    pipeline.journal.files.no_longer_open(file.file_id)


def _tidy_up(held: FileLease) -> None:
    """Do the remaining work for a final file, claimed by this owner.

    The file's entry in the index by time records that it was announced and logged. If the owner dies between announcing
    it and entering it, the next owner does both again: an event is sent and a line logged at least once, and a second
    time, with the same id and the same fields, only then.
    """
    pipeline, file = held.pipeline, held.record
    if file.state is not FileState.CLOSED:
        _write_csv(pipeline, file, ())
        write_summary(pipeline.journal, pipeline.results, file)
        for version in pipeline.private.versions(f"{file.file_id}/"):
            # The bodies of a file rejected half-way are never sent, and so deleted nowhere else.
            if version.path.endswith(".json"):
                pipeline.private.delete(version.path)
    elif file.order is not FileOrder.REGISTER:
        for version in pipeline.private.versions(search_prefix(reading_folder(file.reading_id))):
            pipeline.private.delete(version.path)
    _tell_of_end(held)
    pipeline.journal.files.enter_by_time(file)
    pipeline.journal.files.no_longer_open(file.file_id)


def _tell_of_end(held: FileLease) -> None:
    pipeline, file = held.pipeline, held.record
    rewrite_parents_summaries(pipeline.journal, pipeline.results, file)
    forget_hold(pipeline, file.file_id)
    held.keep()
    announce(pipeline, file)
    _log_end(pipeline, file)


def _log_end(pipeline: Pipeline, file: DeviceFile) -> None:
    fields = fields_of_ended(file, pipeline.settings)
    if file.state is FileState.CLOSED:
        logger.info("A device file was closed", extra=fields)
    else:
        logger.warning("A device file was ended without sending", extra=fields)


def _close(held: FileLease, submissions: Sequence[Submission] | None) -> None:
    pipeline, file = held.pipeline, held.record
    reasons = ReasonCounter()
    outcomes = _held(held, pipeline.journal.outcomes.indexed(file, _every_outcome(pipeline, file)))
    profiles = ProfileCounter()
    _write_csv(pipeline, file, profiles.counting(reasons.counting(outcomes)))
    if file.passed_over:
        path = f"{folder_of(file)}/{accounting.NAME}"
        pipeline.results.write(path, accounting.passed_over_csv(file.passed_over, file.delimiter), CSV)
    counts = reasons.counts(file.read_counts.total)
    unreadable: list[UnreadableRecord] = []
    if submissions is None:
        found = pipeline.journal.submissions.of_reading(file.reading_id, unreadable.append)
        submissions = [stored.record for stored in found]
    readable = sum(
        submission.state is not SubmissionState.SPLIT and not submission.assigns_profiles for submission in submissions
    )
    for record in unreadable:
        log_unreadable(record)
    now = pipeline.clock()
    history = _with_stop(pipeline, file) if counts.cancelled else file.history
    closed = replace(
        with_claim(pipeline, file),
        state=FileState.CLOSED,
        submissions=readable + len(unreadable),
        first_accepted_at=min((each.accepted_at for each in submissions if each.accepted_at is not None), default=None),
        closed_counts=counts,
        reasons=reasons.tallies(),
        profiles=profiles.counts,
        history=with_sentence(history, f"Closed: {_in_words(counts)}.", now),
    )
    write_summary(pipeline.journal, pipeline.results, closed, submissions)
    held.change(closed)
    for outcome in Outcome:
        if number := getattr(counts, outcome):
            measure(Metric.DEVICES, number, {"outcome": str(outcome)})
    annotate(of_file(closed))
    _tidy_up(held)


def _with_stop(pipeline: Pipeline, file: DeviceFile) -> tuple[str, ...]:
    """The history of a file with who stopped it, and when."""
    gate = holds_now(pipeline).get(scope_of_hold(file_id=file.file_id))
    return file.history if gate is None or gate.since is None else with_sentence(file.history, gate.reason, gate.since)


def _every_outcome(pipeline: Pipeline, file: DeviceFile) -> Iterator[DeviceOutcome]:
    """Exactly one outcome for each row, in file order."""
    total = file.read_counts.total
    expected = 1
    for outcome in pipeline.journal.outcomes.of_rows(file.reading_id, 1, total):
        yield from _missing(pipeline, file, range(expected, outcome.row))
        yield outcome
        expected = outcome.row + 1
    yield from _missing(pipeline, file, range(expected, total + 1))


def _missing(pipeline: Pipeline, file: DeviceFile, rows: Iterable[int]) -> Iterator[DeviceOutcome]:
    """Outcomes for rows without one, which is a defect: the rows are logged as errors and end as unknown."""
    for row in rows:
        logger.error("A row of a finished file has no outcome", extra=of_file(file) | {"row": row})
        outcome = outcome_never_written(file.reading_id, row)
        pipeline.journal.outcomes.write([outcome])
        yield outcome


def _held(held: FileLease, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
    """Pass `outcomes` on and meanwhile renew the claim on their file."""
    for outcome in outcomes:
        if outcome.row % ROWS_BETWEEN_CLOCK_CHECKS == 0:
            held.keep()
        yield outcome


def _write_csv(pipeline: Pipeline, file: DeviceFile, outcomes: Iterable[DeviceOutcome]) -> None:
    pipeline.results.write(f"{folder_of(file)}/results.csv", results_csv(outcomes, file.delimiter), CSV)


def _in_words(counts: Counts) -> str:
    return ", ".join(f"{getattr(counts, name)} {name}" for name in ("total", *Outcome))
