"""The totals of the day, in the list for scripts and for people."""

from datetime import timedelta

import pytest

from shared.status import today
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered
from tests.status.client import Client, closed_file

BROKEN = f"{HEADER}\r\nSN-1,,,LENOVO,T14\r\nSN-2,,,,\r\n"


def test_the_day_has_its_files_devices_and_what_is_missing(client: Client, world: World) -> None:
    closed_file(world, numbered(3), f"{CUSTOMER}/Test/yesterday.csv")
    world.clock.now += timedelta(days=1)
    closed_file(world, numbered(2, "NEW-"), f"{CUSTOMER}/Test/good.csv")
    closed_file(world, BROKEN, f"{CUSTOMER}/Test/broken.csv")
    world.drop_file(numbered(1, "OPEN-"), f"{CUSTOMER}/Test/open.csv")
    totals = client.get("/api/files").json["today"]
    assert totals == {
        "files": 3,
        "in_progress": 1,
        "need_attention": 1,
        "newly_registered": 3,
        "not_registered": 1,
        "is_cut_short": False,
    }
    shown = " ".join(client.get("/api/status").body.decode().split())
    assert "Today (UTC): 3 files, 1 in progress; 3 devices newly registered" in shown
    assert "1 not registered" in shown


def test_a_filter_and_a_later_page_have_no_totals_of_all_files(client: Client, world: World) -> None:
    for number in range(2):
        closed_file(world, numbered(1), f"{CUSTOMER}/Test/{number}.csv")
    following = client.get("/api/files?limit=1").json["next"]
    for query in (f"limit=1&next={following}", "attention=yes", "name=1"):
        assert client.get(f"/api/files?{query}").json["today"] is None
    assert "Today (UTC)" not in client.get("/api/status?name=1").body.decode()


def test_rows_that_a_later_file_registered_are_not_missing(client: Client, world: World) -> None:
    parent = closed_file(world, BROKEN)
    name = f"devices - fix of {parent[:8]}.csv"
    closed_file(world, f"{HEADER}\r\nSN-2,,,LENOVO,T14\r\n", f"{CUSTOMER}/Test/{name}")
    totals = client.get("/api/files").json["today"]
    assert (totals["newly_registered"], totals["not_registered"], totals["need_attention"]) == (2, 0, 0)


def test_of_a_day_with_very_many_files_the_newest_are_added_up(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(today, "MOST_FILES_COUNTED", 1)
    for number in range(2):
        closed_file(world, numbered(1, f"N{number}-"), f"{CUSTOMER}/Test/{number}.csv")
    totals = client.get("/api/files").json["today"]
    assert (totals["files"], totals["is_cut_short"]) == (1, True)
