"""Says in one line why the disk did not do what a command needs, and what to do.

Standard library only, like everything that runs before `.venv` exists.
"""

import errno
import shutil
from pathlib import Path

from local.escaping import escaped

LEAST_FREE = 50 * 1024 * 1024
"""Bytes that storage on this machine needs for a while."""

_FREE_SPACE = "Free some space on the disk; then run this command again."
_OWN_FOLDER = "Use a copy of the project in a folder that belongs to you; then run this command again."
_SHORTER = "Use a copy of the project in a folder with a shorter path; then run this command again."

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_IN_THE_WAY = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
"""A file where a folder belongs, a folder where a file does, or a link that leads nowhere."""


def disk_fault(error: OSError) -> str | None:
    """The sentence for people; None when `error` is not about the disk or a name on it."""
    if error.errno is None or (error.filename is None and error.errno not in _FULL):
        return None
    # A file that is renamed meets the fault at its new name.
    name = "the disk" if error.filename is None else escaped(str(error.filename2 or error.filename))
    if error.errno in _FULL:
        return f"There is no space left to write {name}: free some space, then run this command again."
    if error.errno in _READ_ONLY:
        return (
            f"{name} cannot be written or read ({error.strerror}): use a copy of the project in a folder that belongs "
            "to you, or change the permissions, then run this command again."
        )
    if error.errno in _IN_THE_WAY:
        return (
            f"Something else is where {name}, or a folder of it, belongs ({error.strerror}): rename or remove it, "
            "then run this command again."
        )
    if error.errno == errno.ENAMETOOLONG:
        return f"The name {name[:120]} is too long for this file system: use a shorter one."
    return None


def low_space(folder: Path) -> str | None:
    """The sentence for people if the disk of `folder` is nearly full, which storage on it does not report."""
    free = shutil.disk_usage(folder).free
    if free >= LEAST_FREE:
        return None
    name = escaped(str(folder))
    return f"The disk of {name} has {free // 1024**2} MB left, and storage needs more: free some space."


_CURES = {
    "No space left on device": _FREE_SPACE,
    "ENOSPC": _FREE_SPACE,
    "Disk quota exceeded": _FREE_SPACE,
    "Read-only file system": _OWN_FOLDER,
    "EROFS": _OWN_FOLDER,
    "EACCES": _OWN_FOLDER,
    "File name too long": _SHORTER,
    "ENAMETOOLONG": _SHORTER,
}
"""What to do, by the words with which Python and Node.js report a fault of the disk."""


def cure_of_output(output: str) -> str | None:
    """What to do about a fault of the disk that a program reported in its `output`; None if it reported none."""
    return next((cure for words, cure in _CURES.items() if words in output), None)
