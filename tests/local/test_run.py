"""What `run` says and copies at its end. The whole way is tested elsewhere."""

import io
import uuid
from pathlib import Path
from typing import NoReturn

import pytest
from azure.storage.blob import BlobServiceClient
from rich.console import Console

from local.app_settings import app_settings
from local.dropping import SECONDS_UNTIL_TOLD, DropContainer, WatchedFolder
from local.following import Follower, Progress, copy_results, place_below
from local.hosts import HostKind
from local.run import RunOptions, _fault, _Session
from local.services import DataFolder
from shared.pipeline.blob_names import RESULTS_CONTAINER
from shared.pipeline.composition import Pipeline, compose, prepare
from shared.settings import settings_from
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
