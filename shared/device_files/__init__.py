"""Device files: bytes to rows to checked devices. Pure: knows no storage, no network, no pipeline.

Here are its words. `read_device_file` stands in `reading`, which an instance that only takes wake-ups never imports.
"""

from shared.device_files.rows import CheckedRow, FileRemark, PassedOver, Rules, SendableDevice
from shared.reasons import (
    FILE_NOTES,
    FILE_REASONS,
    NOTES,
    PASSED_OVER,
    REASONS,
    Explanation,
    FileNote,
    FileReason,
    Note,
    PassedOverKind,
    RowExplanation,
    RowReason,
    UnreadableDeviceFile,
)

__all__ = [
    "FILE_NOTES",
    "FILE_REASONS",
    "NOTES",
    "PASSED_OVER",
    "REASONS",
    "CheckedRow",
    "Explanation",
    "FileNote",
    "FileReason",
    "FileRemark",
    "Note",
    "PassedOver",
    "PassedOverKind",
    "RowExplanation",
    "RowReason",
    "Rules",
    "SendableDevice",
    "UnreadableDeviceFile",
]
