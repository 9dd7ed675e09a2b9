"""Claims on a device file: one owner at a time reads, closes or announces it; an abandoned claim is taken over."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.pipeline.composition import Pipeline
from shared.storage.record_table import Conflict, Stored
from shared.storage.records import DeviceFile, with_sentence

ROWS_BETWEEN_CLOCK_CHECKS = 500
"""Rows after which an owner checks whether to renew its claim."""


LATEST_WAKE_UP = timedelta(minutes=2)
"""How long a wake-up may be late before it counts as lost. Claimed work has none: it is due when its claim expires."""


def time_for_its_wake_up(claim: timedelta) -> timedelta:
    """`LATEST_WAKE_UP`, but no longer than a `claim`."""
    return min(LATEST_WAKE_UP, claim)


def with_claim(pipeline: Pipeline, file: DeviceFile) -> DeviceFile:
    """`file` with a claim of this owner, not journaled yet."""
    until = pipeline.clock() + pipeline.settings.advanced.claim
    return replace(file, claimed_until=until, due_at=until)


def with_claim_for_reading(pipeline: Pipeline, file: DeviceFile, sentence: str) -> DeviceFile:
    """`file` with a claim of this owner, who reads it from row 1; not journaled yet.

    Each reading writes to its own keys and blobs.
    """
    history = with_sentence(file.history, sentence, pipeline.clock())
    return replace(with_claim(pipeline, file), reading=file.reading + 1, history=history)


def is_claimed(file: DeviceFile, now: datetime) -> bool:
    """Whether an owner is working on the file, or died a moment ago."""
    return file.claimed_until is not None and file.claimed_until > now


def is_overdue(due_at: datetime, claimed_until: datetime | None, now: datetime, claim: timedelta) -> bool:
    """Whether the sweep is to wake work up: its wake-up is lost, or its owner died and the claim has expired."""
    is_abandoned = claimed_until is not None and claimed_until >= due_at
    return now - due_at >= (timedelta() if is_abandoned else time_for_its_wake_up(claim))


@dataclass(slots=True)
class FileLease:
    """A device file claimed by this owner, which renews the claim while it works."""

    pipeline: Pipeline
    stored: Stored[DeviceFile]

    @property
    def record(self) -> DeviceFile:
        """The file as last journaled."""
        return self.stored.record

    def change(self, changed: DeviceFile) -> None:
        """Journal a change. Raises Conflict when the claim was lost."""
        self.stored = self.pipeline.journal.files.change(self.stored, changed)

    def keep(self) -> None:
        """Renew the claim when a third of it has passed. Raises Conflict when it was lost."""
        until, claim = self.record.claimed_until, self.pipeline.settings.advanced.claim
        if until is not None and until - self.pipeline.clock() < claim * 2 / 3:
            self.change(with_claim(self.pipeline, self.record))

    def free(self, delay: timedelta = timedelta(0)) -> None:
        """Release the claim after a failure: the file may be taken up again after `delay`."""
        with suppress(Conflict):
            self.change(replace(self.record, claimed_until=None, due_at=self.pipeline.clock() + delay))

    @contextmanager
    def freed_on_failure(self) -> Iterator[None]:
        """Release the claim when the work on the file fails, so that the host's next try is not refused."""
        try:
            yield
        except Conflict:
            raise
        except Exception:
            self.free()
            raise
