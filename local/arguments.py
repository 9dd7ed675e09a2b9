"""The types of command arguments: each function parses one, or reports in one line what is wrong with it.

Standard library only, like everything that runs before `.venv` exists.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

SAMPLE_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
"""The customer of files dropped by `run` without `--customer`; the stand-in knows every GUID."""

MOST_INSTANCES = 16
MOST_LISTED = 1_000
LAST_PORT = 65_535


def existing_file(text: str) -> Path:
    """A file that can be read."""
    path = Path(text)
    if not _is(path.is_file):
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"the file {text!r} cannot be read: {error.strerror}") from None
    return path


def existing_path(text: str) -> Path:
    """A file or folder."""
    path = Path(text)
    if not _is(path.exists):
        raise argparse.ArgumentTypeError(f"there is no file or folder {text!r}")
    return path


def folder(text: str) -> Path:
    """A folder, or where one can be made."""
    path = Path(text)
    if _is(path.exists) and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return path


def _is(question: Callable[[], bool]) -> bool:
    """The answer of the file system.

    Raises:
        argparse.ArgumentTypeError: it cannot tell, because the path is too long or may not be read.
    """
    try:
        return question()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"the path cannot be used: {error.strerror}") from None


def guid(text: str) -> str:
    """A GUID as Microsoft writes one."""
    with contextlib.suppress(ValueError):
        if str(UUID(text)) == text.lower():
            return text.lower()
    raise argparse.ArgumentTypeError(f"{text!r} is not a GUID such as {SAMPLE_CUSTOMER}")


def batch(text: str) -> str:
    """A device batch, which is a folder's name."""
    if not text.strip(". ") or "/" in text or "\\" in text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not a batch name; it must be text without slashes")
    return text


def positive(text: str) -> float:
    """A number of seconds."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")


def instances(text: str) -> int:
    """How many functions hosts."""
    return _from_one_to(MOST_INSTANCES, text)


def port(text: str) -> int:
    """A TCP port."""
    return _from_one_to(LAST_PORT, text)


def listed(text: str) -> int:
    """How many entries of a list."""
    return _from_one_to(MOST_LISTED, text)


def _from_one_to(most: int, text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {most}")
