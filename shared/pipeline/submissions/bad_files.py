"""Holds a file that fails: its first submission, the canary, goes alone, and later ones only while few devices fail.

A file of more than one submission begins with a canary of at most `CANARY_DEVICES`. The others wait until one of its
devices has a verdict that is no failure of the file or its customer. If all of them fail, the file is held; so it is
later when more than a share of at least `LEAST_VERDICTS` devices failed. A person lets it go on, or stops it.

A file is of known-good shape when its customer's last file closed well lately, and it has at most `MOST_ON_TRUST`
devices. It waits for the first poll of its canary only, unless a device has failed by then. A larger file always waits
for a verdict: so a large file for the wrong customer costs its canary, however well the files before it were.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

from shared.pipeline.closing.reason_counts import ReasonCounter
from shared.storage.records import Counts, DeviceFile, FileListing, ReasonTally, Submission
from shared.vocabulary import FileOrder, Outcome, Remedy, SubmissionState, counted

CANARY_DEVICES = 50
"""The most devices of a canary: so many a file for the wrong customer costs."""

LEAST_VERDICTS = 50
"""Fewer verdicts say nothing of the file."""

CANARY_PATIENCE = timedelta(hours=1)
"""How long the others wait for the first verdict on a canary that the service accepted. A service that takes longer
than that for fifty devices is slow, and says nothing of the file."""

MOST_ON_TRUST = 5_000
"""The most devices of a file that goes on before the verdicts on its canary: so many it may cost at worst."""

LATELY = timedelta(days=30)
"""How long ago the customer's last file may have closed, for the next one to be of known-good shape."""

NEVER = 100
"""The percentage of failures from which no file is ever held, and no canary sent."""

WAITS_FOR_CANARY = "Waits for the verdicts on the first devices of the file."


class CanaryResult(Enum):
    """What the verdicts on the canary say of its file."""

    AWAITED = auto()
    GOOD = auto()
    BAD = auto()


def is_known_good(latest: Iterable[FileListing], devices: int, percent: int, now: datetime) -> bool:
    """Whether a file of so many devices is of known-good shape, by its customer's `latest` files, newest first. Pure.

    The last file with a verdict of the service decides.
    """
    if devices > MOST_ON_TRUST:
        return False
    for listing in latest:
        counts = listing.counts
        verdicts = counts.registered + counts.already_registered + counts.failed
        if verdicts and listing.closed_at is not None and listing.order is FileOrder.REGISTER:
            is_taken_back = bool(counts.cancelled) or listing.withdrawal is not None
            return not is_taken_back and listing.closed_at >= now - LATELY and counts.failed * 100 <= percent * verdicts
    return False


def canary_result(canary: Sequence[Submission], now: datetime, *, is_known_good: bool = False) -> CanaryResult:
    """The result of the canary of a file, or of its parts if it was split, by now. Pure."""
    parts = [part for part in canary if part.state is not SubmissionState.SPLIT]
    if not parts:
        return CanaryResult.GOOD
    counts, failed = _counts(parts), failures(parts)
    may_go_on = is_known_good and not failed and any(part.job_status is not None for part in parts)
    if counts.ended > failed or may_go_on or any(_has_waited(part, now) for part in parts):
        return CanaryResult.GOOD
    return CanaryResult.BAD if all(part.state.is_final for part in parts) else CanaryResult.AWAITED


def _has_waited(part: Submission, now: datetime) -> bool:
    return not part.state.is_final and part.accepted_at is not None and now - part.accepted_at >= CANARY_PATIENCE


def keeps_others_back(submission: Submission, *, is_known_good: bool = False) -> bool:
    """Whether this is a canary without a good verdict, as its own record says. Pure.

    A part of a canary does not tell whether devices of another part failed.
    """
    failed = failures([submission])
    is_part = "-" in submission.number
    return (
        submission.is_canary
        and submission.counts.ended == failed
        and not (is_known_good and not failed and not is_part and submission.job_status is not None)
        and not _has_waited(submission, submission.polled_at or submission.due_at)
    )


def fails_too_much(submissions: Iterable[Submission], percent: int, *, least: int = LEAST_VERDICTS) -> bool:
    """Whether more than `percent` of the devices with a verdict failed, of at least `least`. Pure."""
    parts = list(submissions)
    ended = _counts(parts).ended
    return ended >= max(least, 1) and failures(parts) * 100 > percent * ended


def failures(submissions: Iterable[Submission]) -> int:
    """The devices that failed and would fail again: by the fault of the file or its customer. Pure."""
    return sum(tally.rows for part in submissions for tally in part.reasons if _would_fail_again(tally))


def _would_fail_again(tally: ReasonTally) -> bool:
    return tally.outcome is Outcome.FAILED and tally.remedy is not Remedy.SEND_AGAIN


def why_bad(file: DeviceFile, submissions: Iterable[Submission]) -> str:
    """Why the app holds a file, with the commonest reason of its failures. Pure."""
    parts = list(submissions)
    reasons = ReasonCounter()
    for part in parts:
        reasons.add_tallies(tally for tally in part.reasons if _would_fail_again(tally))
    commonest = reasons.tallies()[0]
    code = " ".join(filter(None, (commonest.reason, commonest.name)))
    devices = counted(_counts(parts).ended, "device")
    return (
        f"{file.name[:100]} is on hold, by the app: {failures(parts)} of its first {devices} failed, "
        f"most of them with {code}. {commonest.sentence}".strip()
    )


def _counts(parts: Iterable[Submission]) -> Counts:
    return sum((part.counts for part in parts), Counts())
