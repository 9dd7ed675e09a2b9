"""What programs and systems leave beside files is passed over; what only looks like it is not."""

import pytest

from shared.device_files.system_files import (
    LOCK_FILE_BYTES,
    OWNER_FILE_BYTES,
    is_folder_marker,
    is_system_file,
)

ADDED = [
    *(".DS_Store", "._.DS_Store", ".localized", "Icon\r", "Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db"),
    *("desktop.ini", "DESKTOP.INI", ".directory", "~$devices.xlsx", ".~lock.devices.ods#"),
    *("__MACOSX/._devices.csv", "$RECYCLE.BIN/devices.csv", "System Volume Information/x", "@eaDir/devices.csv"),
]


@pytest.mark.parametrize("folder", ["", "Sales/", "Sales\\", "0c39d6d5-c70d-4c55-bc02-f620844f3fd1/Sales/"])
@pytest.mark.parametrize("name", ADDED)
def test_what_systems_and_programs_leave_is_told_in_every_folder(folder: str, name: str) -> None:
    assert is_system_file(folder + name, 0)
    assert is_system_file(folder + name, 60)


@pytest.mark.parametrize(
    ("path", "size"),
    [
        *(("devices.csv", 0), ("Thumbs.db.csv", 9), ("my desktop.ini", 9), ("DS_Store", 9), ("macosx/a.csv", 9)),
        *(("__MACOSX", 9), ("__MACOSX.csv", 9), ("~devices.csv", 9), ("lock.devices.ods#", 9), ("._devices.csv", 9)),
        *(("~$devices.csv", OWNER_FILE_BYTES + 1), (".~lock.devices.csv#", LOCK_FILE_BYTES + 1)),
    ],
)
def test_what_only_looks_like_it_may_be_a_device_file(path: str, size: int) -> None:
    assert not is_system_file(path, size)


@pytest.mark.parametrize("path", ["a/Sales/", "a/Sales_$folder$"])
def test_an_empty_blob_for_a_folder_is_a_marker_and_one_with_contents_is_none(path: str) -> None:
    assert is_folder_marker(path, 0)
    assert not is_folder_marker(path, 1)
    assert not is_folder_marker("a/devices.csv", 0)
