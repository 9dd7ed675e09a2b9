"""Claims on a device file: one owner at a time reads or closes it, and an abandoned one is taken over."""

from datetime import datetime

from msgspec.structs import replace

from shared.pipeline.composition import Pipeline
from shared.storage.records import DeviceFile, with_sentence


def claimed(pipeline: Pipeline, file: DeviceFile, sentence: str | None = None) -> DeviceFile:
    """`file` as this owner's from now on, with `sentence` in its history."""
    now = pipeline.clock()
    until = now + pipeline.settings.claim
    history = with_sentence(file.history, sentence, now) if sentence else file.history
    return replace(file, claimed_until=until, due_at=until, history=history)


def is_claimed(file: DeviceFile, now: datetime) -> bool:
    """Whether someone is at it, or died at it a moment ago."""
    return file.claimed_until is not None and file.claimed_until > now
