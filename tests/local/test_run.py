"""What `run` says and copies at its end. The whole way is tested elsewhere."""

import errno
import io
import re
import uuid
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient
from rich.console import Console

from local.app_settings import app_settings
from local.dropping import SECONDS_UNTIL_TOLD, DropContainer, WatchedFolder
from local.following import Follower, Progress, copy_results, place_below
from local.hosts import HostKind
from local.in_memory_storage import InMemoryContainer
from local.run import RunOptions, _fault, _Session
from local.services import DataFolder
from shared.pipeline.blob_names import DROP_CONTAINER, RESULTS_CONTAINER
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.pipeline.intake.receive import receive
from shared.settings import settings_from
from shared.storage.blobs import BlobVersion, VersionGone
from shared.vocabulary import FileState
from tests.local.test_following import DROPPED, progress


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (progress(FileState.CLOSED), None),
        (progress(FileState.REJECTED), "was not registered"),
        (progress(FileState.READ), "was not closed within 7 seconds"),
        (Progress(DROPPED, None), "was not closed within 7 seconds"),
    ],
)
def test_a_file_that_is_not_closed_is_a_fault(one: Progress, said: str | None) -> None:
    options = RunOptions(
        (), "", "", once=True, results=None, timeout_seconds=7, instances=1, host=HostKind.AUTO, data=DataFolder()
    )
    fault = _fault(one, options)
    assert (fault is None) == (said is None)
    assert (said or "") in (fault or "")


def test_a_file_that_is_not_dropped_yet_is_told_of_once(
    tmp_path: Path, azurite_connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path, __: str) -> NoReturn:
        raise OSError("the disk is broken")

    options = RunOptions(
        (), "", "", once=False, results=None, timeout_seconds=7, instances=1, host=HostKind.AUTO, data=DataFolder()
    )
    told = io.StringIO()
    follower = Follower(_pipeline(azurite_connection))
    session = _Session(Console(file=told, width=160), options, azurite_connection, follower, lambda: None)
    monkeypatch.setattr(session, "_drop", broken)
    now = 0.0
    folder = WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json", lambda: now)
    (tmp_path / "drop" / "unreadable.csv").write_text("1")
    for second in range(int(2 * SECONDS_UNTIL_TOLD)):
        now = second
        (tmp_path / "drop" / "growing.csv").write_text("1" * second)
        session._drop_new_files(folder)
    assert told.getvalue().count("unreadable.csv cannot be read (the disk is broken)") == 1
    assert told.getvalue().count("growing.csv is not dropped yet: it is still being written.") == 1
    assert told.getvalue().count("\n") == 2


def test_a_dropped_file_is_found_again_by_path_and_version(azurite_connection: str, tmp_path: Path) -> None:
    container = DropContainer(BlobServiceClient.from_connection_string(azurite_connection))
    container.prepare()
    container.prepare()
    (tmp_path / "a.csv").write_text("1")
    path = f"{uuid.uuid4()}/Batch/a.csv"
    first, second = (container.drop(tmp_path / "a.csv", path) for _ in range(2))
    assert first.path == second.path == path
    assert first.file_id != second.file_id
    follower = Follower(_pipeline(azurite_connection))
    assert follower.poll(first).view is None
    assert follower.rows(follower.poll(first), 10) == []


OPTIONS = RunOptions(
    (), "", "", once=False, results=None, timeout_seconds=7, instances=1, host=HostKind.AUTO, data=DataFolder()
)


class Watching:
    """A run that watches a folder."""

    def __init__(self, tmp_path: Path, connection_string: str) -> None:
        self.told = io.StringIO()
        self.blobs = BlobServiceClient.from_connection_string(connection_string)
        self.pipeline = _pipeline(connection_string)
        self.customer = str(uuid.uuid4())
        options = replace(OPTIONS, customer_id=self.customer, batch_id="Batch")
        self.session = _Session(
            Console(file=self.told, width=160), options, connection_string, Follower(self.pipeline), lambda: None
        )
        self.root = tmp_path

    def folder(self) -> WatchedFolder:
        """The folder as the next start sees it."""
        return WatchedFolder(self.root / "drop", self.root / "dropped.json")

    def write(self, name: str, content: str) -> str:
        """Put a file into the folder; its path in storage."""
        file = self.root / "drop" / self.customer / "Batch" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return f"{self.customer}/Batch/{name}"

    def start(self) -> None:
        """What a start does with the folder, until each file has been seen twice."""
        folder = self.folder()
        self.session._forget_lost_files(folder)
        for _ in range(2):
            self.session._drop_new_files(folder)

    def content(self, path: str) -> str:
        return self.blobs.get_blob_client(DROP_CONTAINER, path).download_blob().readall().decode()


@pytest.fixture
def watching(tmp_path: Path, azurite_connection: str) -> Watching:
    return Watching(tmp_path, azurite_connection)


def test_a_start_drops_files_again_that_storage_has_lost(watching: Watching) -> None:
    kept, lost, older = (watching.write(f"{name}.csv", name) for name in ("kept", "lost", "older"))
    watching.start()
    before = watching.blobs.get_blob_client(DROP_CONTAINER, kept).get_blob_properties().etag
    watching.blobs.get_blob_client(DROP_CONTAINER, lost).delete_blob()
    watching.blobs.get_blob_client(DROP_CONTAINER, older).upload_blob(b"an earlier version", overwrite=True)
    watching.start()
    assert [watching.content(path) for path in (kept, lost, older)] == ["kept", "lost", "older"]
    assert watching.blobs.get_blob_client(DROP_CONTAINER, kept).get_blob_properties().etag == before
    assert watching.told.getvalue().count("is dropped again: storage has lost it.") == 2
    watching.start()
    assert watching.told.getvalue().count("is dropped again: storage has lost it.") == 2


def test_a_start_drops_no_file_again_that_the_app_has_received(watching: Watching) -> None:
    path = watching.write("a.csv", "no device file")
    watching.start()
    receive(watching.pipeline, path)
    watching.blobs.get_blob_client(DROP_CONTAINER, path).delete_blob()
    watching.start()
    assert "dropped again" not in watching.told.getvalue()


def test_a_file_that_has_ended_is_moved_with_its_results_and_one_that_has_not_stays(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, open_ = (watching.write(f"{name}.csv", "no device file") for name in ("ended", "open"))
    watching.start()
    receive(watching.pipeline, ended)
    watching.session._progress.clear()
    with monkeypatch.context() as patch:
        patch.setattr("local.run.write_results", _fails)
        watching.session._put_away_ended(watching.folder())
    assert "ended.csv stays where it is" in watching.told.getvalue()
    watching.session._stays.clear()
    for _ in range(2):
        watching.session._put_away_ended(watching.folder())
    done = watching.root / "drop" / ".done" / ended
    assert done.read_text() == "no device file"
    assert {"summary.json", "results.csv"} <= {file.name for file in Path(f"{done}.results").iterdir()}
    assert not (watching.root / "drop" / ended).exists()
    assert [dropped.path for dropped in watching.folder().remembered()] == [open_]
    assert watching.told.getvalue().count("Moved ") == 1


def _fails(*_: object) -> NoReturn:
    raise OSError(errno.EIO, "the disk is broken")


def test_the_folder_into_which_a_person_is_told_to_put_files_is_there(
    watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.run.DROP_FOLDER", tmp_path / "drop")
    watching.session._make_own_folder()
    watching.session._say_what_is_next("http://here")
    [folder] = re.findall(r"into (\S+)/\n", watching.told.getvalue())
    assert Path(folder) == tmp_path / "drop" / watching.customer / "Batch"
    assert Path(folder).is_dir()


def test_a_batch_that_is_no_name_of_a_folder_here_stops_no_run(
    watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drop").write_text("a file where the folder would be")
    monkeypatch.setattr("local.run.DROP_FOLDER", tmp_path / "drop")
    watching.session._make_own_folder()
    assert not (tmp_path / "drop").is_dir()


def test_a_file_that_ended_as_deleted_before_it_was_read_is_not_known(watching: Watching) -> None:
    path = watching.write("a.csv", "1")
    watching.start()
    (dropped,) = watching.folder().remembered()
    receive(replace(watching.pipeline, private=WithoutCopies()), path)
    assert watching.session._follower.poll(dropped).view is not None
    assert not watching.session._follower.knows(dropped)


class WithoutCopies(InMemoryContainer):
    """A container into which nothing is copied."""

    def copy_from(self, source: str, version: BlobVersion, path: str) -> None:
        raise VersionGone(f"Version {version.etag} of {source}/{version.path} is gone, not copied to {path}.")


def test_a_file_is_dropped_although_the_container_was_deleted(tmp_path: Path, azurite_connection: str) -> None:
    name = f"drop-{uuid.uuid4().hex}"
    blobs = BlobServiceClient.from_connection_string(azurite_connection)
    container = DropContainer(blobs)
    container._container = blobs.get_container_client(name)
    container.prepare()
    blobs.delete_container(name)
    (tmp_path / "a.csv").write_text("1")
    assert container.holds(container.drop(tmp_path / "a.csv", "a.csv"))


def test_a_record_that_cannot_be_written_is_told_of_once_and_no_file_is_dropped_twice(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device", "dropped.new")

    for name in ("a.csv", "b.csv"):
        watching.write(name, "1")
    monkeypatch.setattr(Path, "write_text", full)
    folder = watching.folder()
    for _ in range(5):
        watching.session._drop_new_files(folder)
    told = watching.told.getvalue()
    assert told.count("Dropped ") == 2
    assert told.count("There is no space left to write dropped.new: free some space") == 1


def test_a_disk_that_fills_up_during_a_run_is_told_of_once(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    for fault in (None, "There are 3 MB left.", "There are 2 MB left.", None, "There are 1 MB left."):
        monkeypatch.setattr("local.run.low_space", lambda _, fault=fault: fault)
        watching.session._poll()
    assert watching.told.getvalue() == "There are 3 MB left.\nThere are 1 MB left.\n"


def test_a_file_that_storage_does_not_take_waits_and_is_told_of_once(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise HttpResponseError("Internal Server Error\nErrorCode:None")

    watching.write("a.csv", "1")
    folder = watching.folder()
    with monkeypatch.context() as patch:
        patch.setattr(watching.session._container, "drop", full)
        for _ in range(5):
            watching.session._drop_new_files(folder)
    assert watching.told.getvalue().count("cannot be dropped (storage answers: Internal Server Error)") == 1
    for _ in range(5):
        watching.session._drop_new_files(folder)
    assert watching.told.getvalue().count("Dropped ") == 1


def test_results_with_a_name_that_is_too_long_for_the_disk_are_passed_over_and_named(
    azurite_connection: str, tmp_path: Path
) -> None:
    container = BlobServiceClient.from_connection_string(azurite_connection).get_container_client(RESULTS_CONTAINER)
    own, name = uuid.uuid4().hex, "\U0001f600" * 200
    for path in (f"{own}/{name}/summary.json", f"{own}/z/summary.json"):
        container.upload_blob(path, "{}")
    too_long: list[str] = []
    copy_results(azurite_connection, tmp_path / "results", too_long.append)
    assert f"{own}/{name}/summary.json" in too_long
    assert (tmp_path / "results" / own / "z" / "summary.json").exists()


def _pipeline(connection_string: str) -> Pipeline:
    pipeline = compose(
        settings_from(app_settings({}, storage=connection_string, partner_center_url="http://127.0.0.1"))
    )
    prepare(pipeline)
    return pipeline


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd/../../../b"])
def test_a_name_that_leads_out_of_the_results_folder_has_no_place_in_it(name: str, tmp_path: Path) -> None:
    assert place_below(tmp_path, name) is None
    assert place_below(tmp_path, "a/b") == tmp_path / "a" / "b"


def test_results_are_copied_once_for_each_version(azurite_connection: str, tmp_path: Path) -> None:
    container = BlobServiceClient.from_connection_string(azurite_connection).get_container_client(RESULTS_CONTAINER)
    if not container.exists():
        container.create_container()
    own = uuid.uuid4().hex
    container.upload_blob(f"{own}/Batch/a.csv/summary.json", "{}")
    target = tmp_path / "deep" / "results"
    assert copy_results(azurite_connection, target) >= 1
    assert (target / own / "Batch" / "a.csv" / "summary.json").read_text() == "{}"
    assert copy_results(azurite_connection, target) == 0
    container.upload_blob(f"{own}/Batch/a.csv/summary.json", '{"newer": 1}', overwrite=True)
    assert copy_results(azurite_connection, target) == 1
