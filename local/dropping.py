"""Putting device files into the drop container: given ones, and those that appear in the folder `drop/`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from local.processes import PROJECT
from shared.pipeline.device_file import DROP_CONTAINER, file_id, parse_drop_path

SAMPLES = PROJECT / "local" / "samples"
DROP_FOLDER = PROJECT / "drop"

_PASSED_OVER_STARTS = (".", "~$")
_PASSED_OVER_ENDS = (".tmp", ".part", ".partial", ".crdownload", "thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Dropped:
    """One version of one device file in the drop container."""

    path: str
    etag: str

    @property
    def file_id(self) -> str:
        """The identifier the product gives it."""
        return file_id(self.path, self.etag)

    @property
    def customer_id(self) -> str | None:
        """The customer whose id its path begins with."""
        return parse_drop_path(self.path).customer_id


def samples() -> list[Path]:
    """The device files that come with the project."""
    return sorted(SAMPLES.glob("*.csv"))


class DropContainer:
    """The container the product watches."""

    def __init__(self, storage: BlobServiceClient) -> None:
        self._container = storage.get_container_client(DROP_CONTAINER)

    def prepare(self) -> None:
        """Make the container where it is missing."""
        if not self._container.exists():
            try:
                self._container.create_container()
            except ResourceExistsError:
                return

    def drop(self, file: Path, path: str, uploaded: Callable[[int, int | None], None] | None = None) -> Dropped:
        """Put `file` at `path`, as a new version when it is there already; `uploaded` is told of bytes sent so far."""
        blob = self._container.get_blob_client(path)
        with file.open("rb") as content:
            answer = blob.upload_blob(content, overwrite=True, progress_hook=uploaded)
        return Dropped(path, str(answer["etag"]))


@dataclass(frozen=True, slots=True)
class _Look:
    size: int
    modified_ns: int


class WatchedFolder:
    """The folder `drop/{customer_id}/{batch_id}/`: tells of files that are new or changed, once they are whole.

    A file counts as whole when its size and time are the same in two looks. What was dropped is remembered in
    `record`, so that the next run does not drop it again.
    """

    def __init__(self, folder: Path, record: Path) -> None:
        self._folder = folder
        self._record = record
        self._last: dict[str, _Look] = {}
        self._dropped = self._remembered()
        folder.mkdir(parents=True, exist_ok=True)

    def whole_files(self) -> dict[str, Path]:
        """Look once: every file that is whole and not dropped yet, by its path below the folder."""
        files = {file.relative_to(self._folder).as_posix(): file for file in sorted(self._folder.rglob("*"))}
        before, self._last = self._last, {path: look for path, file in files.items() if (look := _look(file))}
        return {
            path: files[path]
            for path, look in self._last.items()
            if before.get(path) == look and self._dropped.get(path) != look
        }

    def remember(self, path: str) -> None:
        """Note that the file, as it was seen last, has been dropped."""
        self._dropped[path] = self._last[path]
        content = {path: [look.size, look.modified_ns] for path, look in self._dropped.items()}
        self._record.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and then renamed: a record cut off half-way would drop everything again.
        beside = self._record.with_suffix(".new")
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
        beside.replace(self._record)

    def _remembered(self) -> dict[str, _Look]:
        if not self._record.exists():
            return {}
        content = json.loads(self._record.read_text(encoding="utf-8"))
        return {path: _Look(*look) for path, look in content.items()}


def _look(file: Path) -> _Look | None:
    """Size and time of a file that may be dropped; None for folders, and for what programs leave while they write."""
    name = file.name.lower()
    if name.startswith(_PASSED_OVER_STARTS) or name.endswith(_PASSED_OVER_ENDS):
        return None
    try:
        status = file.stat()
    except OSError:
        return None
    return _Look(status.st_size, status.st_mtime_ns) if file.is_file() else None
