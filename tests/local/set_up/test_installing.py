"""One line of progress, with size and time."""

import io
import re
import sys
from pathlib import Path

import pytest

from local.set_up import installing
from local.set_up.installing import Installation, SetUpError, progress, size_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_the_line_is_completed_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("Setting up", [tmp_path]) as tick:
        (tmp_path / "file").write_bytes(bytes(3_000_000))
        tick()
    shown = capsys.readouterr()
    assert re.fullmatch(r"Setting up \.\.\. 3 MB, \d s\n", shown.err)
    assert shown.out == ""


def test_on_a_terminal_the_line_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("Setting up", [tmp_path, tmp_path / "missing"]) as tick:
        tick()
        (tmp_path / "file").write_bytes(bytes(2_000_000))
    lines = terminal.getvalue().split("\r")
    assert [re.sub(r"\d s", "0 s", line) for line in lines] == [
        "Setting up ...",
        "Setting up ... 0 MB, 0 s",
        "Setting up ... 2 MB, 0 s\n",
    ]


def test_a_failure_ends_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetUpError), progress("Setting up", [tmp_path]):
        raise SetUpError("no")
    assert capsys.readouterr().err == "Setting up ... failed\n"


def test_a_failed_program_is_told_with_its_output_and_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "WORK", tmp_path)
    command = [sys.executable, "-c", "import sys; print('no room'); sys.exit(4)"]
    ticks: list[int] = []
    with pytest.raises(SetUpError, match=r"(?s)exit code 4.*no room.*Make room\."):
        Installation.start("test", command, cure="Make room.").finish(lambda: ticks.append(1))


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        ("OSError: [Errno 28] No space left on device", "Free some space"),
        ("npm ERR! code ENOSPC", "Free some space"),
        ("OSError: [Errno 30] Read-only file system: '/srv'", "a folder that belongs to you"),
        ("npm ERR! code EACCES", "a folder that belongs to you"),
        ("[Errno 36] File name too long: 'x'", "a shorter path"),
    ],
)
def test_a_program_that_failed_by_the_disk_is_told_with_the_cure_of_that(
    words: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "WORK", tmp_path)
    command = [sys.executable, "-c", f"import sys; print({words!r}); sys.exit(1)"]
    with pytest.raises(SetUpError) as failed:
        Installation.start("test", command, cure="Check the network.").finish(lambda: None)
    assert cure in str(failed.value)
    assert "Check the network." not in str(failed.value)


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(bytes(1_000_000))
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert 1_000_000 <= size_of(tmp_path) < 1_100_000
    assert size_of(tmp_path / "nowhere") == 0
