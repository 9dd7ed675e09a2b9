"""The buttons that hold, let go on, and stop a file, and those that hold a customer or everything."""

import pytest

from shared.storage.partner_customers import PartnerCustomer
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.world import CUSTOMER, World, numbered
from tests.status.client import Client
from tests.status.page.test_customers import change, shown
from tests.status.page.test_fixing import own_form


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Nothing is sent before a wake-up is delivered."""
    return make_world(INLINE_SUBMISSIONS="0")


def test_a_file_is_held_goes_on_and_is_stopped_on_its_page(client: Client, world: World) -> None:
    path = f"/api/status/{CUSTOMER}/{world.drop_file(numbered(2))}"
    assert "Hold</button>" in client.get(path).body.decode()
    answer = own_form(client, {"reason": "the <wrong> batch"}, f"{path}/hold")
    assert (answer.status, answer.headers["location"]) == (303, f"{path}?done=held")
    held = client.get(answer.headers["location"]).body.decode()
    for text in (
        "Nothing more of the file is sent",
        "Sending is on hold",
        "Sending of devices.csv is on hold",
        "the &lt;wrong&gt; batch",
        "Go on</b",
    ):
        assert text in held
    assert "Hold</button>" not in held
    answer = own_form(client, {}, f"{path}/go_on")
    gone_on = client.get(answer.headers["location"]).body.decode()
    assert "The file goes on." in gone_on
    assert "Sending is on hold" not in gone_on
    answer = own_form(client, {"reason": "as agreed"}, f"{path}/stop")
    stopped = client.get(answer.headers["location"]).body.decode()
    assert "The file is being stopped" in stopped
    assert "as agreed" in stopped
    assert "as agreed" in client.get("/api/status/acts").body.decode()
    assert "Stop the file" not in stopped, "there is nothing left to decide"
    world.run()
    closed = client.get(path).body.decode()
    assert "0 of 2 devices are registered; 2 are not" in closed
    assert "cancelled" in closed
    assert "Hold</button>" not in closed
    assert own_form(client, {}, f"{path}/stop").status == 409
    acts = sorted(act["kind"] for act in client.get("/api/acts").json["acts"])
    assert acts == ["go_on", "hold", "stop"]


@pytest.mark.parametrize("act", ["hold", "go_on", "stop"])
def test_a_form_of_another_site_changes_nothing(client: Client, world: World, act: str) -> None:
    path = f"/api/status/{CUSTOMER}/{world.drop_file(numbered(2))}/{act}"
    assert own_form(client, {}, path, Origin="https://elsewhere.example").status == 403
    assert world.journal.gates.all() == {}


@pytest.mark.parametrize("customer_id", [CUSTOMER, ""])
def test_a_customer_or_everything_is_held_and_goes_on(client: Client, world: World, customer_id: str) -> None:
    query = f"?customer={CUSTOMER}"
    what = "this customer" if customer_id else "everything"
    assert f"Hold {what}" in shown(client, query)
    assert change(client, action="hold", customer_id=customer_id.upper(), reason="an audit").status == 303
    held = shown(client, query)
    assert f"Let {what} go on" in held
    assert "Sending is on hold" in held, "those who may not end it see it as well"
    assert "an audit" in held
    file = world.drop_file(numbered(2))
    world.deliver_next()
    assert "It stands still" in client.get(f"/api/status/{CUSTOMER}/{file}").body.decode()
    assert "Go on</button>" not in client.get(f"/api/status/{CUSTOMER}/{file}").body.decode(), "the file is not held"
    assert change(client, action="go_on", customer_id=customer_id).status == 303
    assert "Sending is on hold" not in shown(client, query)
    world.run()
    assert world.outcomes(file) == ["registered"] * 2


def test_a_hold_names_the_customer_as_commands_and_scripts_do(client: Client, world: World) -> None:
    world.journal.partner_customers.replace_all([PartnerCustomer(customer_id=CUSTOMER, name="Contoso")])
    change(client, action="add", customer_id=CUSTOMER, name="Our pilot")
    change(client, action="hold", customer_id=CUSTOMER)
    (stored,) = world.journal.gates.all().values()
    assert stored.record.reason.startswith("Sending of Our pilot is on hold, by ")


def test_what_is_no_customer_is_not_held(client: Client, world: World) -> None:
    assert change(client, action="hold", customer_id="Contoso").status == 400
    assert world.journal.gates.all() == {}
