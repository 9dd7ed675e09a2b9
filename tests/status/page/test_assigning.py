"""The form that sends a file without a customer to one."""

from tests.pipeline.world import CUSTOMER, World, numbered
from tests.status.client import Client
from tests.status.page.test_fixing import own_form


def test_the_page_offers_the_customer_that_was_meant_and_sends_the_file_there(client: Client, world: World) -> None:
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    path = f"/api/status/_/{world.drop_file(numbered(2), 'Kontoso/Sales/devices.csv')}"
    shown = client.get(path).body.decode()
    assert 'value="Contoso"' in shown
    answer = own_form(client, {"customer": "contoso", "name_it": "yes"}, f"{path}/assign")
    assert (answer.status, answer.headers["location"]) == (303, f"{path}?done=assigned")
    shown = client.get(answer.headers["location"]).body.decode()
    assert "The file is being sent to the customer" in shown
    assert "Send to this customer" not in shown
    assert "a new file</a>" not in shown
    known = world.customers.named("Kontoso")
    assert known is not None
    assert known.customer_id == CUSTOMER
    world.receive(f"{CUSTOMER}/Sales/devices.csv")
    world.run()
    assert "a new file</a>" in client.get(path).body.decode()
    files = {file["name"]: file for file in client.get("/api/files?customer=_").json["files"]}
    assert files["devices.csv"]["assigned_customer_id"] == CUSTOMER
    assert not files["devices.csv"]["needs_attention"]
    acts = [(act["kind"], act["subject"]) for act in client.get("/api/acts").json["acts"]]
    assert sorted(acts) == [("name_customer", "Kontoso"), ("send", "devices.csv")]


def test_a_customer_that_nobody_knows_is_refused_and_nothing_is_sent(client: Client, world: World) -> None:
    path = f"/api/status/_/{world.drop_file(numbered(2), 'Kontoso/devices.csv')}"
    for text in ("", "Fabrikam", "_", "<b>"):
        answer = own_form(client, {"customer": text}, f"{path}/assign")
        assert answer.status == 400
        assert "customer" in answer.body.decode()
    assert own_form(client, {"customer": CUSTOMER}, f"{path}/assign", Origin="https://elsewhere.example").status == 403
    assert [version.path for version in world.drop.versions()] == ["Kontoso/devices.csv"]


def test_a_file_of_a_customer_is_not_offered_to_another(client: Client, world: World) -> None:
    file = world.drop_file(numbered(2))
    assert "Send to this customer" not in client.get(f"/api/status/{CUSTOMER}/{file}").body.decode()
    assert own_form(client, {"customer": CUSTOMER}, f"/api/status/{CUSTOMER}/{file}/assign").status == 409


def test_a_profile_is_assigned_to_the_devices_of_a_closed_file_on_its_page(client: Client, world: World) -> None:
    file = world.drop_file(numbered(2))
    path = f"/api/status/{CUSTOMER}/{file}"
    assert "Assign the profile" not in client.get(path).body.decode()
    world.run()
    assert "Assign the profile" in client.get(path).body.decode()
    answer = own_form(client, {"profile": "kiosk"}, f"{path}/profile")
    assert (answer.status, answer.headers["location"]) == (303, f"{path}?done=assigning-profile")
    shown = client.get(answer.headers["location"]).body.decode()
    assert "The profile is being assigned; this page shows when that is done." in shown
    assert "Assign the profile<" not in shown
    assert client.get(f"/api/files/{CUSTOMER}/{file}").json["assigning_profile"] == "kiosk"
    world.run()
    shown = client.get(path).body.decode()
    assert "2 devices got their profiles." in shown
    assert "Profile <bdi>kiosk</bdi>: assigned" in shown
    details = client.get(f"/api/files/{CUSTOMER}/{file}").json
    assert (details["file"]["profiles"]["assigned"], details["file"]["needs_attention"]) == (2, False)
    assert [each["number"] for each in details["submissions"]] == ["1", "1-p1"]


def test_a_profile_that_cannot_be_assigned_now_says_why(client: Client, world: World) -> None:
    file = world.drop_file(numbered(1, "STANDIN-808-"))
    path = f"/api/status/{CUSTOMER}/{file}/profile"
    assert own_form(client, {"profile": "Kiosk"}, path).status == 409
    world.run()
    answer = own_form(client, {"profile": "Kiosk"}, path)
    assert answer.status == 409
    assert "none of its devices is registered by it" in answer.body.decode()
    assert own_form(client, {"profile": "Kiosk"}, path, Origin="https://elsewhere.example").status == 403


def test_a_device_that_did_not_get_its_profile_needs_attention_and_its_row_says_what_to_do(
    client: Client, world: World
) -> None:
    file = world.drop_file(numbered(1))
    world.run()
    own_form(client, {"profile": "Nobody's"}, f"/api/status/{CUSTOMER}/{file}/profile")
    world.run()
    details = client.get(f"/api/files/{CUSTOMER}/{file}").json
    assert details["file"]["needs_attention"]
    (row,) = client.get(f"/api/files/{CUSTOMER}/{file}/outcomes").json["outcomes"]
    assert (row["outcome"], row["profile_outcome"], row["profile_reason"]) == (
        "registered",
        "rejected",
        "profile_unknown",
    )
    shown = client.get(f"/api/status/{CUSTOMER}/{file}").body.decode()
    assert "1 device did not get its profile: the row says why." in shown
    assert 'class="panel summary rejected"' in shown, "it does not look done"
    assert "profile_unknown" in shown
    assert "Nothing." not in shown
