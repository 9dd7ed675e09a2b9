"""Device files: bytes to rows to checked devices. Pure: knows no storage, no network, no pipeline."""

from shared.device_files.duplicates import BetterRecordFound, Winners
from shared.device_files.reading import read_device_file
from shared.device_files.reasons import (
    FILE_REASONS,
    NOTES,
    REASONS,
    Explanation,
    FileReason,
    Note,
    RowExplanation,
    RowReason,
    UnreadableDeviceFile,
)
from shared.device_files.rows import CheckedRow, Rules, SendableDevice

__all__ = [
    "FILE_REASONS",
    "NOTES",
    "REASONS",
    "BetterRecordFound",
    "CheckedRow",
    "Explanation",
    "FileReason",
    "Note",
    "RowExplanation",
    "RowReason",
    "Rules",
    "SendableDevice",
    "UnreadableDeviceFile",
    "Winners",
    "read_device_file",
]
