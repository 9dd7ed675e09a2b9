"""Records the parts of a file that are not rows, and whether they may hold more devices. Pure."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.pipeline.closing.csv_output import csv_text
from shared.reasons import FILE_NOTES, PASSED_OVER, Explanation, FileNote, PassedOverKind, RowReason
from shared.storage.records import DeviceFile, PassedOverTally, Remark

if TYPE_CHECKING:
    # An instance that only handles wake-ups reads no device file.
    from shared.device_files.account import FileAccount

UNREAD_PARTS = frozenset({RowReason.UNREADABLE_MEMBER, RowReason.PART_NOT_UNDERSTOOD})
"""Reasons of rows that each represent a whole unread part of a file, with an unknown number of devices."""

NAME = "passed_over.csv"
COLUMNS = ("kind", "count", "place", "excerpt", "may_hold_device")
"""The columns of passed_over.csv: one line for each recorded place, with the count of all places of its kind."""


def accounted(read: DeviceFile, account: "FileAccount") -> DeviceFile:
    """`read`, whose reasons are already counted, with its notes, delimiter and the parts passed over in reading."""
    passed_over = tuple(
        PassedOverTally(
            kind=kept.kind,
            count=kept.count,
            places=tuple(map(_storable, kept.places)),
            excerpts=tuple(map(_storable, kept.excerpts)),
            may_hold_device=kept.may_hold_device,
        )
        for kept in account.passed_over
    )
    remarks = tuple(Remark(note=remark.note, detail=_storable(remark.detail)) for remark in account.remarks)
    is_incomplete = (
        any(kept.may_hold_device for kept in passed_over)
        or any(remark.note == FileNote.MAY_HOLD_DEVICES for remark in remarks)
        or any(tally.reason in UNREAD_PARTS for tally in read.reasons)
    )
    return replace(
        read,
        passed_over=passed_over,
        remarks=remarks,
        is_incomplete=is_incomplete,
        delimiter=account.delimiter or read.delimiter,
    )


def explained(note: str) -> Explanation:
    """The sentence and remedy for a note on a file; the note itself if only another version of the app knows it."""
    return FILE_NOTES[FileNote(note)] if note in list(FileNote) else Explanation(f"{note}.", "")


def kind_in_words(kind: str) -> str:
    """The public name, in the plural, for passed-over parts of one kind."""
    return PASSED_OVER[PassedOverKind(kind)] if kind in list(PassedOverKind) else kind


def passed_over_csv(passed_over: Sequence[PassedOverTally], delimiter: str) -> Iterator[bytes]:
    """passed_over.csv in pieces."""
    rows = (
        (kept.kind, str(kept.count), place, excerpt, "true" if kept.may_hold_device else "false")
        for kept in passed_over
        for place, excerpt in zip(kept.places, kept.excerpts, strict=True)
    )
    return csv_text(chain([COLUMNS], rows), delimiter)


def _storable(text: str) -> str:
    """`text` without lone surrogates, which JSON can escape but UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode()
