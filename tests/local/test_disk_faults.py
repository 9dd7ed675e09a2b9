"""A full disk, a read-only checkout and too long names: one line with the cure, no traceback."""

import argparse
import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from local import __main__ as command_line
from local import arguments, set_up
from local.commands.ending import ExitCode, ended
from local.disk_faults import LEAST_FREE, disk_fault, low_space

FAULTS = [
    (errno.ENOSPC, "no space left"),
    (errno.EDQUOT, "no space left"),
    (errno.EROFS, "cannot be written"),
    (errno.EACCES, "cannot be written"),
    (errno.EPERM, "cannot be written"),
    (errno.ENAMETOOLONG, "too long"),
    (errno.EEXIST, "something else is where"),
    (errno.EISDIR, "something else is where"),
    (errno.ENOTDIR, "something else is where"),
    (errno.ELOOP, "something else is where"),
]


def raises(number: int, name: str | None = "/work/.local/set-up.lock") -> Callable[..., None]:
    """A function that fails as the file system does."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), name)

    return fail


@pytest.mark.parametrize(("number", "words"), FAULTS)
def test_a_fault_of_the_disk_is_one_line_with_the_cure(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up, "enter_environment", raises(number))
    assert command_line.main(["services"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert words in told.lower()
    assert "/work/.local/set-up.lock" in told
    assert any(
        cure in told
        for cure in ("free some space", "use a copy of the project", "use a shorter one", "rename or remove it")
    )


@pytest.mark.parametrize(("number", "words"), FAULTS)
def test_a_command_that_meets_a_fault_of_the_disk_ends_with_one_json_object(
    number: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> ExitCode:
        raises(number)()
        return ExitCode.DONE

    assert ended(argparse.Namespace(json=True), work) == ExitCode.NOT_ALL_WELL
    assert words in json.loads(capsys.readouterr().out)["error"]["message"].lower()


def test_a_full_disk_is_told_of_without_a_name_too() -> None:
    assert "no space left" in (disk_fault(OSError(errno.ENOSPC, "No space left on device")) or "")


def test_a_rename_that_meets_a_fault_names_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "running.json").mkdir()
    (tmp_path / "running.new").touch()
    with pytest.raises(OSError, match=re.escape("running.new")) as raised:
        (tmp_path / "running.new").replace(tmp_path / "running.json")
    assert str(tmp_path / "running.json") in (disk_fault(raised.value) or "")


@pytest.mark.parametrize(
    "error", [OSError("any"), ConnectionResetError(errno.ECONNRESET, "reset"), FileNotFoundError(errno.ENOENT, "", "a")]
)
def test_any_other_error_is_not_the_disks(error: OSError) -> None:
    assert disk_fault(error) is None


def test_a_name_in_the_line_is_escaped() -> None:
    told = disk_fault(OSError(errno.EACCES, "Permission denied", "a\x1b[2Jb\udcff"))
    assert told is not None
    assert "a\\x1b[2Jb\\udcff" in told


@pytest.mark.parametrize("read", [arguments.existing_file, arguments.folder, arguments.existing_path])
def test_a_path_that_is_too_long_is_refused_as_an_argument(read: Callable[[str], Path]) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="cannot be used: File name too long"):
        read("x" * 5_000)


def test_a_disk_that_is_nearly_full_is_told_of_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, is_low in ((LEAST_FREE, False), (LEAST_FREE - 1, True), (0, True)):
        usage = shutil.disk_usage(tmp_path)._replace(free=free)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
            told = low_space(tmp_path)
        assert (told is not None) is is_low
        assert told is None or "free some space" in told
