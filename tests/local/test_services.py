"""What a run publishes for other commands, and what is left of it."""

from pathlib import Path

import pytest

from local.services import DataFolder, Running, running_here


def test_other_commands_find_the_storage_of_a_run_while_it_runs(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    with data.announced(Running("UseDevelopmentStorage=true")):
        assert running_here(data) == Running("UseDevelopmentStorage=true")
    assert running_here(data) is None


@pytest.mark.parametrize(
    "left",
    [b"", b"x", b"[]", b"{}", b'{"storage": 5}', b'{"storage": ["x"]}', b"\xff\xfe{", b"\0" * 64, b"[" * 100_000],
)
def test_what_a_power_failure_left_of_it_counts_as_no_run(left: bytes, tmp_path: Path) -> None:
    (tmp_path / "running.json").write_bytes(left)
    assert running_here(DataFolder(tmp_path)) is None
