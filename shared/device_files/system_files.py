"""What programs and operating systems leave beside a person's files: no device files, so they are passed over. Pure.

The one table of them, for the watched folder, archives and storage alike. A file is passed over by its name only where
nobody gives a device file such a name; a name that somebody might give counts only with the size of what a program
writes under it.
"""

import re
from collections.abc import Mapping

OWNER_FILE_BYTES = 165
"""Of the file `~$devices.xlsx` in which Office keeps who has `devices.xlsx` open."""
LOCK_FILE_BYTES = 1_024
"""More than LibreOffice writes into `.~lock.devices.ods#`: names, a time and a folder."""

_FOLDERS = frozenset(
    {
        *("__macosx", ".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems"),  # macOS
        *("$recycle.bin", "system volume information"),  # Windows
        "@eadir",  # Synology
    }
)
"""Folders that systems fill, in lower case."""
_NAMES = frozenset(
    {
        *(".ds_store", "._.ds_store", ".localized", ".apdisk", "icon\r"),  # macOS
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),  # Windows
        ".directory",  # KDE
    }
)
"""Files that systems write, in lower case."""
_LOCK_FILE = re.compile(r"\.~lock\..+#", re.DOTALL)
FOLDER_MARK = "hdi_isfolder"
"""The metadata by which Azure's tools mark the empty blob that stands for a folder."""
_MARKER_ENDS = ("/", "_$folder$")
"""Names of the empty blobs by which tools show folders where storage has none (S3 tools, Hadoop)."""


def is_system_file(path: str, size: int) -> bool:
    """Whether the file of that path and size was added by a program or a system, whichever way its slashes lean."""
    *folders, name = path.replace("\\", "/").casefold().split("/")
    if name in _NAMES or not _FOLDERS.isdisjoint(folders):
        return True
    is_owner_file = name.startswith("~$") and size <= OWNER_FILE_BYTES
    return is_owner_file or (_LOCK_FILE.fullmatch(name) is not None and size <= LOCK_FILE_BYTES)


def is_folder_marker(path: str, size: int) -> bool:
    """Whether an empty blob stands for a folder by its name."""
    return not size and path.endswith(_MARKER_ENDS)


def is_marked_as_folder(metadata: Mapping[str, str]) -> bool:
    """Whether an empty blob stands for a folder by its metadata, whose names are in lower case."""
    return metadata.get(FOLDER_MARK, "").lower() == "true"
