"""Lists that end before their limit, because a page is bounded in time, are read to their end."""

import argparse

import pytest
from azure.storage.blob import BlobServiceClient

from local.commands import status
from local.commands.account import Account
from local.dropping import Dropped
from local.following import Follower
from shared.pipeline.blob_names import file_id
from shared.status import queries
from shared.vocabulary import FileState
from tests.pipeline.conftest import make_world, world
from tests.pipeline.world import CUSTOMER, World, numbered

__all__ = ["make_world", "world"]

FILES = 30


@pytest.fixture
def hurried(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose pages end at once, as over a slow line, and the storage of the commands."""
    monkeypatch.setattr(queries, "SECONDS_FOR_FILES", -1)
    monkeypatch.setattr(queries, "SECONDS_FOR_ROWS", -1)
    monkeypatch.setattr(queries, "FIRST_BLOCKS", 1)
    opened = Account(world.pipeline, BlobServiceClient("http://127.0.0.1:9/account"))
    monkeypatch.setattr("local.commands.account.open_account", lambda _: opened)
    return world


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `status` prints."""
    parser = argparse.ArgumentParser()
    status.add_arguments(parser)
    assert status.main(parser.parse_args(list(words))) == 0
    return capsys.readouterr().out


def test_status_lists_every_open_file_up_to_its_limit(hurried: World, capsys: pytest.CaptureFixture[str]) -> None:
    files = [hurried.drop_file(numbered(1, f"A{number}-"), f"{CUSTOMER}/Test/{number}.csv") for number in range(FILES)]
    shown = listed(capsys, "--limit", str(FILES))
    assert all(file[:8] in shown for file in files)
    assert "There are more files" not in shown
    fewer = listed(capsys, "--limit", "20")
    assert sum(file[:8] in fewer for file in files) == 20
    assert "There are more files" in fewer
    page = listed(capsys, "--limit", "20", "--json")
    assert page.count('"file_id"') == 20


def test_status_finds_the_rare_file_of_a_state_behind_many_others(
    hurried: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(queries, "MOST_FILES_EXAMINED", 3)
    rejected = hurried.drop_file("no device file", f"{CUSTOMER}/Test/letter.csv")
    for number in range(10):
        hurried.drop_file(numbered(1, f"A{number}-"), f"{CUSTOMER}/Test/{number}.csv")
    hurried.run()
    assert rejected[:8] in listed(capsys, "--state", str(FileState.REJECTED))


def test_the_rows_of_a_followed_file_are_read_to_their_limit(hurried: World) -> None:
    path = f"{CUSTOMER}/Test/a.csv"
    etag = hurried.drop.put(path, numbered(2_500).encode(), hurried.clock())
    hurried.receive(path)
    hurried.run()
    follower = Follower(hurried.pipeline)
    progress = follower.poll(Dropped(path, etag))
    assert progress.view is not None
    assert progress.view.file_id == file_id(path, etag)
    assert [row.row for row in follower.rows(progress, 2_400)] == list(range(1, 2_401))
    assert len(follower.rows(progress, 10_000)) == 2_500
