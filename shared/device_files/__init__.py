"""Device files: bytes to rows to checked devices. Pure: knows no storage, no network, no pipeline.

Here are its words. `read_device_file` stands in `reading`, which an instance that only takes wake-ups never imports.
"""

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
    "CheckedRow",
    "Explanation",
    "FileReason",
    "Note",
    "RowExplanation",
    "RowReason",
    "Rules",
    "SendableDevice",
    "UnreadableDeviceFile",
]
