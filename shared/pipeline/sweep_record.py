"""What the last sweep leaves behind for people who look after the app: when it ended, and what it found."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.pipeline.blob_names import JSON
from shared.storage.blobs import Container

LAST_SWEEP = "sweep/last"
"""A blob in the private container."""


class SweepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One sweep that has ended."""

    ended_at: datetime
    version: str = ""
    """Of the app."""
    counts: Mapping[str, int] = {}
    """Its findings, by the names of the sweep's report."""
    failed_duties: tuple[str, ...] = ()
    settings: Mapping[str, str] = {}
    """The app's settings, without secrets."""


def keep_sweep_record(private: Container, record: SweepRecord) -> None:
    """Store the record in place of that of the sweep before."""
    private.write(LAST_SWEEP, msgspec.json.encode(record), JSON)


def last_sweep(private: Container) -> SweepRecord | None:
    """The record of the last sweep; None before the first, or where this version cannot read it."""
    content = private.read(LAST_SWEEP)
    try:
        return None if content is None else msgspec.json.decode(content, type=SweepRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
