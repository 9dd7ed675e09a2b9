"""The changes that people and scripts can request, and why they are refused."""

from typing import NoReturn

import pytest

from shared.status.commands import CHANGED, NO_CUSTOMER
from shared.storage.files import Files
from shared.storage.record_table import Conflict
from shared.vocabulary import Outcome
from tests.pipeline.world import CUSTOMER, World, numbered, tuples
from tests.status.client import FILE, Client, closed_file


def test_rows_are_sent_again_once_however_often_it_is_asked(world: World, client: Client) -> None:
    identifier = closed_file(world)
    assert client.post(FILE.format(identifier) + "/retry").json == {
        "parent_file_id": identifier,
        "file_id": None,
        "path": None,
        "rows": 0,
        "is_new": False,
        "link": None,
    }


def test_devices_are_withdrawn_when_the_name_of_the_file_confirms_it(world: World, client: Client) -> None:
    identifier = closed_file(world)
    path = FILE.format(identifier) + "/withdraw"

    assert client.post(path, b"").status == 400
    assert client.post(path, b'{"name": "other.csv"}').json["parameter"] == "name"
    assert client.get(FILE.format(identifier)).json["withdrawal"] is None
    asked = client.post(path, b'{"name": "devices.csv"}')
    assert asked.status == 202
    assert asked.json["withdrawal"]["total"] == 3
    assert client.post(path, b'{"name": "devices.csv"}').status == 200
    assert client.get(FILE.format(identifier)).json["withdrawal"]["state"] == "under_way"


def test_a_profile_is_assigned_once_however_often_it_is_asked(world: World, client: Client) -> None:
    identifier = closed_file(world)
    path = FILE.format(identifier) + "/profile"
    asked = client.post(path, b'{"profile": " Kiosk "}')
    assert asked.status == 202
    assert asked.json == {"file_id": identifier, "assigning_profile": "Kiosk", "is_new": True}
    again = client.post(path, b'{"profile": "kiosk"}')
    assert (again.status, again.json) == (200, asked.json | {"is_new": False})
    another = client.post(path, b'{"profile": "Standard"}')
    assert another.status == 409
    assert "the profile Kiosk is being assigned" in another.json["message"]
    world.run()
    details = client.get(FILE.format(identifier)).json
    assert (details["assigning_profile"], details["file"]["profiles"]["assigned"]) == (None, 3)
    (act,) = client.get("/api/acts").json["acts"]
    assert (act["kind"], act["who"], act["detail"]) == ("assign_profile", "a script with a function key", "Kiosk")


@pytest.mark.parametrize("body", [b"", b'{"profile": ""}', b'{"name": "Kiosk"}', b'{"profile": "Kiosk", "batch": "x"}'])
def test_a_request_without_a_profile_says_what_to_send(world: World, client: Client, body: bytes) -> None:
    answer = client.post(FILE.format(closed_file(world)) + "/profile", body)
    assert answer.status == 400
    assert "profile" in answer.json["message"]


def test_another_site_assigns_no_profile(world: World, client: Client) -> None:
    path = FILE.format(closed_file(world)) + "/profile"
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert client.post(path, b'{"profile": "Kiosk"}', elsewhere).status == 403


def test_nothing_is_done_with_a_file_that_is_open(world: World, client: Client) -> None:
    identifier = world.drop_file(numbered(1))
    changes = (("retry", b""), ("withdraw", b'{"name": "devices.csv"}'), ("profile", b'{"profile": "Kiosk"}'))
    for change, body in changes:
        answer = client.post(f"{FILE.format(identifier)}/{change}", body)
        assert answer.status == 409
        assert answer.json["code"] == "conflict"


def test_a_file_of_no_customer_has_nothing_to_change(world: World, client: Client) -> None:
    identifier = world.drop_file(numbered(1), "nowhere.csv")
    path = f"/api/files/_/{identifier}"
    changes = (("retry", b""), ("withdraw", b'{"name": "nowhere.csv"}'), ("profile", b'{"profile": "Kiosk"}'))
    for change, body in changes:
        answer = client.post(f"{path}/{change}", body)
        assert (answer.status, answer.json["message"]) == (409, NO_CUSTOMER)


def test_rows_whose_file_is_past_its_retention_are_gone(world: World, client: Client) -> None:
    identifier = closed_file(world, tuples(["STANDIN-StorageError-1"]))
    world.private.delete(f"{identifier}/device-file")
    answer = client.post(FILE.format(identifier) + "/retry")
    assert (answer.status, answer.json["code"]) == (410, "gone")


def test_a_file_that_others_keep_changing_is_to_be_opened_again(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = closed_file(world)

    def changed(*_: object) -> NoReturn:
        raise Conflict("changed by another worker")

    monkeypatch.setattr(Files, "change", changed)
    answer = client.post(FILE.format(identifier) + "/withdraw", b'{"name": "devices.csv"}')
    assert (answer.status, answer.json["message"]) == (409, CHANGED)


def held(customer_id: str | None, file_id: str | None, hold: str | None, *, is_new: bool = True) -> dict[str, object]:
    return {"customer_id": customer_id, "file_id": file_id, "hold": hold, "is_new": is_new}


def test_scripts_hold_let_go_on_and_stop_a_file(world: World, client: Client) -> None:
    identifier = world.put(numbered(3))
    assert client.post("/api/hold").json == held(None, None, "held")
    world.receive()
    path = FILE.format(identifier)
    assert client.post(f"{path}/hold").json == held(CUSTOMER, identifier, "held")
    assert client.post(f"{path}/hold").json == held(CUSTOMER, identifier, "held", is_new=False)
    kinds = [(each["kind"], each["file_id"]) for each in client.get(path).json["stopped"]]
    assert sorted(kinds, key=str) == sorted([("held", None), ("held", identifier)], key=str)
    assert client.get(path).json["file"]["needs_attention"]
    assert client.post(f"{path}/go_on").json == held(CUSTOMER, identifier, None)
    assert client.post("/api/go_on").json == held(None, None, None)
    assert client.post(f"{path}/stop").json == held(CUSTOMER, identifier, "stopped")
    assert [each["kind"] for each in client.get(path).json["stopped"]] == ["stopped"]
    assert client.get("/api/files").json["stopped"] == [], "a stop concerns its file alone"
    assert client.post(f"{path}/go_on").status == 409
    world.run()
    file = client.get(path).json["file"]
    assert file["counts"] == {
        **dict.fromkeys((*Outcome, "open"), 0),
        "total": 3,
        "cancelled": 3,
    }
    assert not file["needs_attention"], "somebody wanted it so"
    assert client.post(f"{path}/hold").json["code"] == "conflict"


def test_scripts_hold_a_customer_and_let_it_go_on(world: World, client: Client) -> None:
    path = f"/api/customers/{CUSTOMER.upper()}"
    assert client.post(f"{path}/hold?reason={'x' * 201}").json["code"] == "bad_parameter"
    assert client.post(f"{path}/hold?reason=an%20audit").json == held(CUSTOMER, None, "held")
    identifier = world.drop_file(numbered(1))
    (stopped,) = client.get(f"/api/files?customer={CUSTOMER}").json["stopped"]
    assert (stopped["kind"], stopped["customer_id"], stopped["file_id"]) == ("held", CUSTOMER, None)
    assert stopped["reason"].endswith("is on hold, by a script with a function key: an audit")
    assert client.post(f"{path}/go_on").json == held(CUSTOMER, None, None)
    assert client.post(f"{path}/go_on").json == held(CUSTOMER, None, None, is_new=False)
    assert client.post("/api/customers/_/hold").status == 404
    world.run()
    assert world.outcomes(identifier) == ["registered"]
