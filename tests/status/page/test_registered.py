"""The page of registered devices: what it shows, its downloads, and the form that has them read anew."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from shared.pipeline.hold_requests import EVERYTHING, hold
from shared.pipeline.human_acts import COMMAND
from shared.status.authentication import Person
from shared.status.page.registered import devices_page
from shared.status.queries import EVERY_FILE
from shared.status.registered_devices import registered_devices
from shared.status.roles import Role
from shared.status.schemas import DriftNotice, FilePage
from shared.status.today import with_today
from shared.storage.inventories import CustomerInventory, Drift, DriftKind
from tests.pipeline.world import CUSTOMER, World, numbered, settings_with
from tests.status.client import Answer, Client

PAGE = "/api/status/devices"
OWN = f"{PAGE}?customer={CUSTOMER}"


@pytest.fixture
def filled(world: World) -> World:
    world.drop_file(numbered(102), f"{CUSTOMER}/Sales & Co/devices.csv")
    world.run()
    world.read_devices()
    world.customers.add("Contoso", CUSTOMER, "", world.clock())
    return world


def read_anew(client: Client, **fields: str) -> Answer:
    headers = {"Origin": f"http://{client.host}", "Content-Type": "application/x-www-form-urlencoded"}
    return client.post(PAGE, urlencode(fields).encode(), headers)


def text_of(answer: Answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^<>]*>", "", answer.body.decode()))


def test_the_page_shows_batches_and_devices_a_hundred_at_a_time(client: Client, filled: World) -> None:
    answer = client.get(OWN)
    text = text_of(answer)
    for words in ("Registered devices of Contoso", "Sales &amp; Co", "102 devices", "SN-00001", "row 1, registered"):
        assert words in text
    assert "SN-00101" not in text
    following = re.search(rf'href="({PAGE}[^"]*next=[^"]*)"', answer.body.decode())
    assert following is not None
    assert "SN-00101" in text_of(client.get(following[1].replace("&amp;", "&")))
    assert filled.wakeups.waiting == []


def test_the_page_of_customers_leads_to_it(client: Client, filled: World) -> None:
    assert f'href="{OWN}"' in client.get("/api/status/customers").body.decode()
    assert f'href="{OWN}"' in client.get(f"/api/status/customers?customer={CUSTOMER}").body.decode()
    assert filled.wakeups.waiting == []


def test_the_form_has_the_devices_read_anew(client: Client, filled: World) -> None:
    answer = read_anew(client, customer=CUSTOMER)
    assert (answer.status, answer.headers["location"]) == (303, OWN)
    text = text_of(client.get(OWN))
    assert "They are being read now." in text
    assert "Read anew" not in text, "it is not asked for twice"
    assert len(filled.wakeups.waiting) == 1


def test_a_form_of_another_site_is_refused(client: Client, world: World) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": "application/x-www-form-urlencoded"}
    assert client.post(PAGE, urlencode({"customer": CUSTOMER}).encode(), headers).status == 403
    assert world.wakeups.waiting == []


@pytest.mark.parametrize("customer", ["", "Contoso", "x" * 600])
def test_an_address_without_a_customer_is_refused(client: Client, customer: str) -> None:
    assert client.get(f"{PAGE}?{urlencode({'customer': customer})}").status == 400
    assert read_anew(client, customer=customer).status == 400


def test_the_downloads_stand_at_the_same_address(client: Client, filled: World) -> None:
    for kind, header in (("csv", "batch_id,serial_number"), ("device_file", "Device Serial Number,")):
        answer = client.get(f"{OWN}&as={kind}&batch=sales%20%26%20co")
        assert answer.headers["content-type"].startswith("text/csv")
        lines = answer.body.decode("utf-8-sig").splitlines()
        assert lines[0].startswith(header)
        assert len(lines) == 103
    assert filled.wakeups.waiting == []


def test_the_page_says_what_stands_still(client: Client, filled: World) -> None:
    hold(filled.pipeline, COMMAND, EVERYTHING)
    filled.clock.now += timedelta(minutes=1)
    assert "Sending is on hold" in text_of(client.get(OWN))


def test_nobody_without_the_role_sees_the_button(world: World) -> None:
    world.read_devices()
    found = registered_devices(world.pipeline, CUSTOMER)
    shown = {role: "Read anew" in devices_page(found, Person(role=role)) for role in (Role.SEE, Role.SEND)}
    assert shown == {Role.SEE: False, Role.SEND: True}
    assert "No device is known" in devices_page(found, Person())


def test_what_somebody_else_did_is_on_the_page_and_at_the_top_of_the_list(client: Client, world: World) -> None:
    world.settings = settings_with({"RECONCILE": "true"})
    world.pipeline = world.pipeline_with()
    seen_at = world.clock()
    reading = CustomerInventory(customer_id=CUSTOMER, asked_at=seen_at, read_at=seen_at, drifted_at=seen_at, drifted=1)
    stored = world.journal.inventories.change(None, reading)
    drift = Drift(
        customer_id=CUSTOMER,
        drift_id="1",
        kind=DriftKind.MOVED,
        batch_id="Sales",
        new_batch_id="Portal",
        serial_number="SN-1",
        who="anna@example.com",
        since=seen_at,
        seen_at=seen_at,
    )
    world.journal.inventories.enter_drift([drift])
    text = text_of(client.get(OWN))
    for words in ("Changed by somebody else", "moved to another batch", "Sales", "Portal", "anna@example.com"):
        assert words in text
    view = client.get(f"/api/customers/{CUSTOMER}/devices").json["drift"][0]
    assert (view["kind"], view["new_batch_id"], view["who"]) == ("moved", "Portal", "anna@example.com")
    served = devices_notice(world)
    assert [(notice.customer_id, notice.devices) for notice in served] == [(CUSTOMER, 1)]
    world.journal.inventories.change(stored, replace(reading, drifted_at=seen_at - timedelta(days=8)))
    assert devices_notice(world) == []


def devices_notice(world: World) -> list[DriftNotice]:
    """What the head of the list of files says of drift."""
    page = with_today(world.pipeline, FilePage(files=[], next=None), EVERY_FILE, None)
    return page.drift
