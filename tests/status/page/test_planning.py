"""The page beside the check of a chosen file: what of it is registered already, and where."""

from urllib.parse import parse_qs, urlsplit

import pytest

from shared.pipeline.profiles import profiles_of
from shared.status.page import planning
from tests.pipeline.world import CUSTOMER, HEADER, World, numbered
from tests.status.client import Answer, Client
from tests.status.page.test_dropping import choose, chosen, page, text_of

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"


def plan(client: Client, upload: str, number: str = "0") -> Answer:
    return client.get(f"/api/status/drop?upload={upload}&plan={number}", {"x-functions-key": None})


def mixed() -> str:
    prefixes = ("HERE-", "TEST-", "THEIRS-", "NEW-")
    return "\r\n".join([HEADER, *(numbered(1, prefix).splitlines()[1] for prefix in prefixes), ""])


@pytest.fixture
def filled(world: World) -> World:
    world.drop_file(numbered(1, "HERE-"), f"{CUSTOMER}/Sales/a.csv")
    world.drop_file(numbered(1, "TEST-"), f"{CUSTOMER}/Test/b.csv")
    world.drop_file(numbered(1, "THEIRS-"), f"{OTHER_CUSTOMER}/Test/c.csv")
    world.customers.add("Contoso", OTHER_CUSTOMER, "", world.clock())
    world.run()
    world.read_devices()
    return world


def test_the_plan_is_reached_from_the_check_and_sends_nothing(client: Client, filled: World) -> None:
    upload = chosen(client, ("devices.csv", mixed()))
    assert f"/api/status/drop?upload={upload}&amp;plan=0" in page(client, upload).body.decode()
    before = len(list(filled.drop.versions()))
    text = text_of(plan(client, upload))
    for words in (
        "1 row at another customer",
        "at our customer Contoso",
        "1 row in another batch",
        "in batch Test",
        "1 row in this batch",
        "1 row new",
        "All batches were read on",
    ):
        assert words in text
    assert len(list(filled.drop.versions())) == before


def test_the_wished_profiles_stand_beside_with_where_the_wish_comes_from(client: Client, filled: World) -> None:
    profiles_of(filled.pipeline, CUSTOMER)
    filled.run()
    upload = chosen(client, ("devices.csv", mixed()))
    assert "Wished profiles" not in text_of(plan(client, upload))
    filled.customers.set_default_profile(CUSTOMER, "", "Kiosk", filled.clock())
    shown = text_of(plan(client, upload))
    for words in (
        "gets it: 2 rows",
        "gets none: 1 row",
        "Partner Center listed them on",
        "default of the customer",
        "Kiosk: gets it",
        "Kiosk: cannot be told",
        "The device stays in its batch",
    ):
        assert words in shown


def test_a_plan_before_the_batches_were_read_has_them_read(client: Client, world: World) -> None:
    upload = chosen(client, ("devices.csv", numbered(1)))
    text = text_of(plan(client, upload))
    assert "1 row cannot be told" in text
    assert "They are being read now." in text
    assert len(world.wakeups.waiting) == 1


def test_a_file_that_cannot_be_read_says_so(client: Client) -> None:
    upload = chosen(client, ("letter.csv", "no device file"))
    assert "plan=0" not in page(client, upload).body.decode()
    assert plan(client, upload).status == 200


def test_a_plan_that_takes_too_long_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SECONDS_FOR_A_PLAN", -1.0)
    upload = chosen(client, ("devices.csv", numbered(600)))
    assert "The file is large" in text_of(plan(client, upload))


def test_a_file_that_is_not_there_has_no_plan(client: Client, world: World) -> None:
    upload = chosen(client, ("devices.csv", numbered(1)))
    assert plan(client, upload, "1").status == 404
    assert plan(client, upload, "x").status == 404
    for version in list(world.staging.versions()):
        world.staging.delete(version.path)
    assert plan(client, upload).status == 409


def test_the_plan_of_a_removal_says_so_and_where_each_device_is_searched(client: Client, filled: World) -> None:
    content = "Serial number\r\nHERE-00001\r\nNEW-00001\r\n"
    answer = choose(client, ("wrong.csv", content), batch="", order="remove")
    upload = parse_qs(urlsplit(answer.headers["location"]).query)["upload"][0]
    text = text_of(plan(client, upload))
    for words in ("wrong.csv to remove devices of", "1 row registered", "in batch Sales", "1 row not registered"):
        assert words in text
    assert filled.wakeups.waiting == []
