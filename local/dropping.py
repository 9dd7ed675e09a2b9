"""Puts device files into the drop container: the given ones, and those that appear in the folder `drop/`."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain, count
from pathlib import Path
from stat import S_ISREG
from typing import Any
from unicodedata import category

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.processes import PROJECT
from shared.device_files.system_files import is_system_file
from shared.errors import DeviceDropError
from shared.pipeline.blob_names import DROP_CONTAINER, LONGEST_PATH, file_id
from shared.pipeline.drop_path import parse_drop_path
from shared.storage.keys import units_in

SAMPLES = PROJECT / "local" / "samples"
DROP_FOLDER = PROJECT / "drop"
DONE_FOLDER = ".done"
"""The folder in the watched one for files that have ended, in the folders that they lay in."""

_PASSED_OVER_STARTS = (".", "~$")
_FOLDER_OF_A_DOWNLOAD = ".download"
"""The folder in which Safari keeps a file until the download is complete."""
_PASSED_OVER_ENDS = (
    *(".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".opdownload", _FOLDER_OF_A_DOWNLOAD),
    *(".aria2", ".swp", "~"),
)


class NameRefused(DeviceDropError):
    """A file has a name that storage does not take; nothing was dropped."""


class RecordUnreadable(DeviceDropError):
    """The record of the dropped files is damaged."""


SECONDS_UNTIL_TOLD = 60.0
"""The wait after which a file in the watched folder that is not dropped yet is reported, once."""


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
        """The customer whose id its path starts with."""
        return parse_drop_path(self.path).customer_id


def samples() -> list[Path]:
    """The device files of a first run."""
    return sorted((SAMPLES / "first-run").glob("*.csv"))


class DropContainer:
    """The container the product watches."""

    def __init__(self, storage: BlobServiceClient) -> None:
        self._container = storage.get_container_client(DROP_CONTAINER)

    def prepare(self) -> None:
        """Create the container if it is missing."""
        if not self._container.exists():
            try:
                self._container.create_container()
            except ResourceExistsError:
                return

    def drop(self, file: Path, path: str, uploaded: Callable[[int, int | None], None] | None = None) -> Dropped:
        """Upload `file` to `path`, as a new version if it exists; calls `uploaded` with the bytes sent so far."""
        try:
            return self._upload(file, path, uploaded)
        except ResourceNotFoundError:
            # The container was deleted while it was in use.
            self.prepare()
            return self._upload(file, path, uploaded)

    def _upload(self, file: Path, path: str, uploaded: Callable[[int, int | None], None] | None) -> Dropped:
        blob = self._container.get_blob_client(path)
        with file.open("rb") as content:
            answer = blob.upload_blob(content, overwrite=True, progress_hook=uploaded)
        return Dropped(path, str(answer["etag"]))

    def holds(self, dropped: Dropped) -> bool:
        """Whether this version is the current one at its path; without an ETag, whether there is any."""
        try:
            etag = str(self._container.get_blob_client(dropped.path).get_blob_properties().etag)
        except ResourceNotFoundError:
            return False
        return not dropped.etag or etag.strip('"') == dropped.etag.strip('"')


class WaitReason(StrEnum):
    """Why a file in the watched folder is not dropped yet."""

    GROWING = "it is still being written"
    EMPTY = "it is empty, as a file is while its download continues under another name"
    LOCKED = "another program has locked it"
    NAME_IS_NO_TEXT = "its name is not valid UTF-8, so rename it"
    NAME_HAS_CONTROL = "its name has a control character or a code that is no character, so rename it"
    NAME_HAS_BACKSLASH = "its name has a backslash, which storage takes for the end of a folder's name, so rename it"
    NAME_IS_TOO_LONG = "its path in storage would be longer than 1,024 characters, so shorten its name"


@dataclass(frozen=True, slots=True)
class _State:
    """The attributes that show whether a file has changed."""

    size: int
    modified_ns: int
    identity: int | None = None
    """Distinguishes a file from one renamed over it; None for files of an earlier run, since some shares renumber."""
    etag: str = field(default="", compare=False)
    """The version of the blob as which it was dropped; empty while it is not, and in records of earlier versions."""

    def is_as(self, dropped: "_State") -> bool:
        """Whether the file is as it was when it was dropped."""
        if (self.size, self.modified_ns) != (dropped.size, dropped.modified_ns):
            return False
        return dropped.identity in (None, self.identity)


@dataclass(slots=True)
class _Waiting:
    """A file that is new or changed."""

    state: _State
    begun: float
    """When it was first seen to be new or changed, by the folder's clock."""
    since: float
    """When it was first seen as it is."""
    looks: int = 1
    """How many have seen it as it is."""
    is_told: bool = False


class WatchedFolder:
    """The folder `drop/{customer_id}/{batch_id}/`: reports files that are new or changed, once they are complete.

    A file counts as complete when two scans, the second at least `still_seconds` after the first, find it unchanged and
    not empty, and it can be read. `record` lists the dropped files that still lie in it, so that the next run does not
    drop them again.
    """

    def __init__(
        self, folder: Path, record: Path, clock: Callable[[], float] = time.monotonic, still_seconds: float = 0
    ) -> None:
        self._folder = folder
        self._record = record
        self._clock = clock
        self._still_seconds = still_seconds
        self._waiting: dict[str, _Waiting] = {}
        self._dropped = self._remembered()
        folder.mkdir(parents=True, exist_ok=True)

    def whole_files(self) -> dict[str, Path]:
        """Scan once: every file that is complete and not dropped yet, by its path below the folder."""
        now = self._clock()
        states = {path: state for path in self._paths() if (state := _state(self._folder / path)) is not None}
        self._waiting = {
            path: _after_scan(self._waiting.get(path), state, now)
            for path, state in states.items()
            if not self._is_dropped(path, state)
        }
        return {path: self._folder / path for path in self._waiting if self._reason_to_wait(path) is None}

    def late_files(self) -> dict[str, WaitReason]:
        """Files that had waited more than `SECONDS_UNTIL_TOLD` at the last scan, and why; each is reported once.

        A name that storage does not take is reported without waiting.
        """
        late: dict[str, WaitReason] = {}
        for path, waiting in self._waiting.items():
            reason = self._reason_to_wait(path)
            is_late = self._clock() - waiting.begun >= SECONDS_UNTIL_TOLD or name_fault(path) is not None
            if reason and not waiting.is_told and is_late:
                waiting.is_told = True
                late[path] = reason
        return late

    def put_off(self, path: str) -> bool:
        """Let a file that could not be read wait again; returns whether this was not reported before."""
        waiting = self._waiting[path]
        is_news, waiting.is_told, waiting.looks, waiting.since = not waiting.is_told, True, 0, self._clock()
        return is_news

    def remembered(self) -> list[Dropped]:
        """The files that were dropped, by an earlier run too."""
        return [Dropped(path, state.etag) for path, state in self._dropped.items()]

    def still_there(self) -> list[Dropped]:
        """The files that were dropped and lie in the folder as they were then."""
        return [dropped for dropped in self.remembered() if self._is_as_dropped(dropped.path)]

    def _is_as_dropped(self, path: str) -> bool:
        state = _state(self._folder / path)
        return state is not None and state.is_as(self._dropped[path])

    def place_when_done(self, path: str) -> Path:
        """The place for the file once it has ended: `.done/…/devices.csv`, or `devices (2).csv` if that is taken."""
        wanted = self._folder / DONE_FOLDER / path
        names = chain([wanted.name], (f"{wanted.stem} ({number}){wanted.suffix}" for number in count(2)))
        return next(place for name in names if not (place := wanted.with_name(name)).exists())

    def put_away(self, path: str, place: Path) -> bool:
        """Move the file to its place, so that no later run drops it; False if it was changed meanwhile, and stays."""
        if not self._is_as_dropped(path):
            return False
        place.parent.mkdir(parents=True, exist_ok=True)
        (self._folder / path).rename(place)
        del self._dropped[path]
        self._save()
        return True

    def forget(self, path: str) -> None:
        """Drop the file again, since storage has lost it."""
        self._dropped.pop(path, None)

    def remember(self, path: str, etag: str = "") -> None:
        """Note that the file, as it was seen last, has been dropped as this version of its blob."""
        self._dropped[path] = replace(self._waiting.pop(path).state, etag=etag)
        self._save()

    def _save(self) -> None:
        content = {path: [state.size, state.modified_ns, state.etag] for path, state in self._dropped.items()}
        self._record.parent.mkdir(parents=True, exist_ok=True)
        # Written to another file and then renamed: a truncated record would drop everything again.
        beside = self._record.with_suffix(".new")
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")
        beside.replace(self._record)

    def _paths(self) -> list[str]:
        """Every path below the folder, except files that have ended and those of programs that are writing."""
        tops = (top for top in self._folder.iterdir() if top.name != DONE_FOLDER)
        files = sorted(file for top in tops for file in (top, *top.rglob("*")))
        below = (file.relative_to(self._folder) for file in files)
        return [path.as_posix() for path in below if not _is_passed_over(path)]

    def _is_dropped(self, path: str, state: _State) -> bool:
        dropped = self._dropped.get(path)
        if dropped is None or not state.is_as(dropped):
            return False
        self._dropped[path] = replace(state, etag=dropped.etag)
        return True

    def _reason_to_wait(self, path: str) -> WaitReason | None:
        waiting = self._waiting[path]
        if (fault := name_fault(path)) is not None:
            return fault
        if waiting.looks <= 1 or self._clock() - waiting.since < self._still_seconds:
            return WaitReason.GROWING
        if not waiting.state.size:
            return WaitReason.EMPTY
        return None if _can_be_read(self._folder / path) else WaitReason.LOCKED

    def _remembered(self) -> dict[str, _State]:
        if not self._record.exists():
            return {}
        try:
            content = json.loads(self._record.read_text(encoding="utf-8"))
            return self._states(content)
        except (ValueError, TypeError, AttributeError) as error:
            raise RecordUnreadable(
                f"{self._record} is damaged ({error}). Delete it: the files in {self._folder} are then dropped again, "
                "which registers no device twice."
            ) from error

    @staticmethod
    def _states(content: dict[str, list[Any]]) -> dict[str, _State]:
        return {path: _State(size, modified, None, *etag) for path, (size, modified, *etag) in content.items()}


def name_fault(path: str) -> WaitReason | None:
    """Why no file is dropped to `path`: storage would refuse the name, change it, or fail to list it; None for others.

    Azurite takes a name that XML cannot hold, and from then on cannot list the container.
    """
    if not _is_text(path):
        return WaitReason.NAME_IS_NO_TEXT
    if any(category(character) == "Cc" or _is_no_character(ord(character)) for character in path):
        return WaitReason.NAME_HAS_CONTROL
    if "\\" in path:
        return WaitReason.NAME_HAS_BACKSLASH
    if units_in(path) > LONGEST_PATH:
        return WaitReason.NAME_IS_TOO_LONG
    return None


def refuse_names(files: Iterable[Path], folder: str) -> None:
    """Check that storage takes the names of `files` below `folder`.

    Raises:
        NameRefused: it does not take one of them.
    """
    for file in files:
        if (fault := name_fault(f"{folder}/{file.name}")) is not None:
            raise NameRefused(f"The file {file.name!a} is not dropped: {fault}.")


def _is_text(name: str) -> bool:
    return name.encode("utf-8", "replace").decode() == name


def _is_no_character(code: int) -> bool:
    """Whether Unicode guarantees that the code never stands for a character (The Unicode Standard, 23.7)."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004


def _after_scan(before: _Waiting | None, state: _State, now: float) -> _Waiting:
    if before is None:
        return _Waiting(state, begun=now, since=now)
    if before.state != state:
        return _Waiting(state, begun=before.begun, since=now, is_told=before.is_told)
    return replace(before, looks=before.looks + 1)


def _is_passed_over(path: Path) -> bool:
    name = path.name.lower()
    is_in_download = any(folder.lower().endswith(_FOLDER_OF_A_DOWNLOAD) for folder in path.parts[:-1])
    is_unfinished = is_in_download or name.startswith(_PASSED_OVER_STARTS) or name.endswith(_PASSED_OVER_ENDS)
    return is_unfinished or is_system_file(path.as_posix(), size=0)


def _state(file: Path) -> _State | None:
    """The current state of a file; None for folders, and for files that no longer exist."""
    try:
        status = file.stat()
    except OSError:
        return None
    return _State(status.st_size, status.st_mtime_ns, status.st_ino) if S_ISREG(status.st_mode) else None


def _can_be_read(file: Path) -> bool:
    """Whether the file can be read: on Windows a program that writes a file may lock it."""
    try:
        with file.open("rb") as content:
            content.read(1)
    except OSError:
        return False
    return True
