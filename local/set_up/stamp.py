"""The stamp of a part that is completely set up: what it was set up from. Standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

_NAME = "device-drop-set-up.json"


def read_stamp(folder: Path) -> dict[str, object]:
    """The contents of the stamp in `folder`; empty if there is none or it is damaged."""
    try:
        content = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write_stamp(folder: Path, content: Mapping[str, object]) -> None:
    """Say that `folder` is complete."""
    (folder / _NAME).write_text(json.dumps(content, indent=1), encoding="utf-8")


def remove_stamp(folder: Path) -> None:
    """Say that `folder` is no longer complete."""
    (folder / _NAME).unlink(missing_ok=True)


def digest(files: Sequence[Path]) -> str:
    """A digest of the files' contents; line ends do not count, since a checkout may change them."""
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()
