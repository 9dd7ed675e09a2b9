"""The list of human acts, for scripts and on the page."""

import json

import pytest

from shared.pipeline.human_acts import Asker, Subject, note_act
from shared.status import acts
from shared.vocabulary import ActKind
from tests.pipeline.world import CUSTOMER, World
from tests.status.client import FILE, Client, closed_file, pages


def test_what_a_script_asks_for_is_kept_with_the_file(client: Client, world: World) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    file = closed_file(world)
    assert client.post(f"{FILE.format(file)}/withdraw", json.dumps({"name": "devices.csv"}).encode()).status == 202
    (act,) = client.get("/api/acts").json["acts"]
    assert (act["kind"], act["who"], act["subject"]) == ("withdraw", "a script with a function key", "devices.csv")
    assert (act["customer_name"], act["file_id"]) == ("Contoso", file)
    assert act["link"] == f"http://{client.host}/api/status/{CUSTOMER}/{file}"


def test_what_is_asked_on_the_page_is_shown_there(client: Client, world: World) -> None:
    file = closed_file(world)
    form = {"Origin": f"http://{client.host}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(f"/api/status/{CUSTOMER}/{file}/withdraw", b"name=devices.csv", form)
    assert answer.status == 303
    shown = client.get("/api/status/acts").body.decode()
    assert f'<a href="/api/status/{CUSTOMER}/{file}"><bdi>devices.csv</bdi></a>' in shown
    assert "somebody at the page, without sign-in" in shown


def test_a_change_that_is_refused_at_once_is_no_act(client: Client, world: World) -> None:
    file = closed_file(world)
    assert client.post(f"{FILE.format(file)}/withdraw", b'{"name": "other.csv"}').status == 409
    assert client.get("/api/acts").json["acts"] == []


def test_a_long_list_has_pages(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "ACTS_ON_A_PAGE", 2)
    for number in range(5):
        note_act(world.pipeline, Asker("Anna"), ActKind.NAME_CUSTOMER, Subject(str(number)))
    assert {act["subject"] for act in pages(client, "/api/acts", "acts")} == set("01234")
    first = client.get("/api/status/acts").body.decode()
    assert "Next page" in first
    assert client.get("/api/acts?next=x").json["code"] == "bad_page"
