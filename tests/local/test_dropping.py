"""The watched folder: whole files only, each version once."""

import os
from pathlib import Path

import pytest

from local.dropping import Dropped, WatchedFolder, samples

PLACE = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1/Batch"


@pytest.fixture
def watched(tmp_path: Path) -> WatchedFolder:
    return WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json")


def write(tmp_path: Path, name: str, content: str) -> Path:
    file = tmp_path / "drop" / PLACE / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


def test_a_file_is_told_of_when_it_has_stopped_growing(watched: WatchedFolder, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", "1")
    assert watched.whole_files() == {}
    write(tmp_path, "a.csv", "12")
    assert watched.whole_files() == {}
    assert watched.whole_files() == {f"{PLACE}/a.csv": file}


def test_a_file_is_told_of_until_it_was_dropped_and_again_when_it_changes(
    watched: WatchedFolder, tmp_path: Path
) -> None:
    file = write(tmp_path, "a.csv", "1")
    watched.whole_files()
    assert len(watched.whole_files()) == 1
    assert len(watched.whole_files()) == 1
    watched.remember(f"{PLACE}/a.csv")
    assert watched.whole_files() == {}
    os.utime(file, (1, 1))
    watched.whole_files()
    assert len(watched.whole_files()) == 1


def test_what_was_dropped_is_remembered_by_the_next_run(watched: WatchedFolder, tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "1")
    watched.whole_files()
    watched.whole_files()
    watched.remember(f"{PLACE}/a.csv")
    again = WatchedFolder(tmp_path / "drop", tmp_path / "dropped.json")
    again.whole_files()
    assert again.whole_files() == {}


@pytest.mark.parametrize("name", [".DS_Store", "~$a.xlsx", "a.csv.part", "a.tmp", "Thumbs.db", "desktop.ini"])
def test_what_programs_leave_lying_about_is_passed_over(name: str, watched: WatchedFolder, tmp_path: Path) -> None:
    write(tmp_path, name, "1")
    watched.whole_files()
    assert watched.whole_files() == {}


def test_a_file_has_one_id_for_each_version() -> None:
    dropped = Dropped(f"{PLACE}/a.csv", '"0x1"')
    assert dropped.file_id == Dropped(f"{PLACE}/a.csv", "0x1").file_id
    assert dropped.file_id != Dropped(f"{PLACE}/a.csv", "0x2").file_id


def test_there_are_samples_to_drop() -> None:
    assert [file.name for file in samples()] == ["hardware_hashes_utf16le.csv", "partner_tuple.csv"]
