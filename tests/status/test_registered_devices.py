"""The registered devices of a customer over HTTP: pages, how their reading stands, and downloads."""

import csv
import io
from datetime import timedelta
from http import HTTPStatus

import pytest
from msgspec.structs import replace

from local.partner_center import Fault, Operation
from local.partner_center.devices import SentDevice
from shared.pipeline.inventory.reading import TRIED_AGAIN
from shared.status.registered_devices import NEVER_READ, inventory_view
from shared.storage.inventories import CustomerInventory
from tests.pipeline.submissions.test_profile_assignment import wishing
from tests.pipeline.world import CUSTOMER, START, World, numbered
from tests.status.client import Client, pages

ADDRESS = f"/api/customers/{CUSTOMER}/devices"


@pytest.fixture
def filled(world: World) -> World:
    """A world with five registered devices in two batches, which were read."""
    world.drop_file(numbered(3, "A-"), f"{CUSTOMER}/Sales/devices.csv")
    world.drop_file(numbered(2, "B-"), f"{CUSTOMER}/Test/devices.csv")
    world.run()
    world.read_devices()
    return world


def test_every_device_is_on_one_page_with_the_file_that_registered_it(client: Client, filled: World) -> None:
    found = list(pages(client, f"{ADDRESS}?limit=2", "devices"))
    serials = [device["serial_number"] for device in found]
    assert serials == ["A-00001", "A-00002", "A-00003", "B-00001", "B-00002"]
    first = found[0]
    assert (first["batch_id"], first["manufacturer"], first["model"]) == ("Sales", "LENOVO", "21R3001BUK")
    assert first["seen_at"] == f"{filled.clock():%Y-%m-%dT%H:%M:%SZ}"
    assert (first["registered_by"]["file_name"], first["registered_by"]["row"]) == ("devices.csv", 1)
    assert first["registered_by"]["page"].startswith("http://")


def test_profiles_have_their_names_beside_their_ids_once_they_are_listed(client: Client, world: World) -> None:
    world.drop_file(wishing(("A-1", "kiosk"), ("B-1", "")))
    world.run()
    world.read_devices()
    page = client.get(ADDRESS).json
    (kiosk,) = page["devices"][0]["profiles"]
    assert (page["devices"][0]["profile_names"], page["devices"][1]["profile_names"]) == ([""], [])
    assert page["profile_names"]["sentence"] == "They are being listed now."
    world.run()
    page = client.get(ADDRESS).json
    assert (page["devices"][0]["profiles"], page["devices"][0]["profile_names"]) == ([kiosk], ["Kiosk"])
    assert page["profile_names"]["read_at"] == f"{world.clock():%Y-%m-%dT%H:%M:%SZ}"
    lines = list(csv.DictReader(io.StringIO(client.get(f"{ADDRESS}.csv").body.decode("utf-8-sig"), newline="")))
    assert [(line["profiles"], line["profile_names"]) for line in lines] == [(kiosk, "Kiosk"), ("", "")]
    shown = client.get(f"/api/status/devices?customer={CUSTOMER}").body.decode()
    assert f'<bdi>Kiosk</bdi><span class="below mono"><bdi>{kiosk}</bdi>' in shown
    assert "Names of profiles: Partner Center listed them on" in shown


def test_devices_without_a_name_are_said_not_to_be_watched(client: Client, world: World) -> None:
    world.drop_file(numbered(1))
    world.run()
    for serial, product_key, digest in ((None, "1", None), (None, None, "a"), ("To be filled by O.E.M.", None, "b")):
        device = SentDevice.of(
            serial=serial, product_key=product_key, manufacturer=None, model=None, hardware_hash=digest
        )
        world.service.register_elsewhere(CUSTOMER, "Test", device)
    assert client.get(ADDRESS).json["not_watched"] == 0
    world.read_devices()
    page = client.get(ADDRESS).json
    assert (page["total"], page["not_watched"]) == (4, 2)
    shown = client.get(f"/api/status/devices?customer={CUSTOMER}").body.decode()
    assert "2 devices are listed with neither a product key nor a real serial number" in shown


def test_one_batch_is_shown_by_its_name_in_any_case(client: Client, filled: World) -> None:
    page = client.get(f"{ADDRESS}?batch=test").json
    assert [device["serial_number"] for device in page["devices"]] == ["B-00001", "B-00002"]
    assert (page["total"], [batch["batch_id"] for batch in page["batches"]]) == (2, ["Test"])
    assert client.get(f"{ADDRESS}?batch=nothing").json["devices"] == []
    assert filled.wakeups.waiting == [], "what is new is not asked for again"


def test_the_first_look_has_them_read_and_says_so(client: Client, world: World) -> None:
    page = client.get(ADDRESS).json
    assert page["reading"]["sentence"] == "They are being read now."
    assert page["devices"] == []
    assert len(world.wakeups.waiting) == 1


def test_a_script_may_have_them_read_anew(client: Client, filled: World) -> None:
    filled.clock.now += timedelta(seconds=1)
    answer = client.post(f"{ADDRESS}/read")
    assert (answer.status, answer.json["is_in_progress"]) == (HTTPStatus.ACCEPTED, True)
    filled.run()
    assert client.get(ADDRESS).json["reading"]["read_at"] > f"{START:%Y-%m-%dT%H:%M:%SZ}"


def test_a_reading_that_was_given_up_says_why_and_what_was_read_stands(client: Client, filled: World) -> None:
    filled.service.script(Fault.FORBIDDEN, operation=Operation.DEVICE_BATCHES)
    filled.clock.now += timedelta(seconds=1)
    client.post(f"{ADDRESS}/read")
    filled.run()
    page = client.get(ADDRESS).json
    assert page["reading"]["sentence"].startswith("All batches were read on 2026-11-20 12:")
    assert "UTC was given up: Partner Center answered" in page["reading"]["sentence"]
    assert len(page["devices"]) == 5


@pytest.mark.parametrize(
    ("reading", "sentence"),
    [
        (None, NEVER_READ),
        (CustomerInventory(customer_id=CUSTOMER, asked_at=START, due_at=START), "They are being read now."),
        (
            CustomerInventory(customer_id=CUSTOMER, asked_at=START, due_at=START, read_at=START, waits_for="Paused."),
            "All batches were read on 2026-11-20 12:00 UTC. A reading waits. Paused.",
        ),
        (
            CustomerInventory(customer_id=CUSTOMER, asked_at=START, failed_at=START, failure="403."),
            "The reading of 2026-11-20 12:00 UTC was given up: 403.",
        ),
        (CustomerInventory(customer_id=CUSTOMER, asked_at=START), NEVER_READ),
    ],
)
def test_how_a_reading_stands_in_words(reading: CustomerInventory | None, sentence: str) -> None:
    assert inventory_view(reading).sentence == sentence


def test_a_page_goes_on_when_its_batch_is_gone(client: Client, filled: World) -> None:
    following = client.get(f"{ADDRESS}?limit=1").json["next"]
    (batch, _) = list(filled.journal.inventories.batches(CUSTOMER))
    filled.journal.inventories.remove_batch(batch)
    page = client.get(f"{ADDRESS}?next={following}").json
    assert [device["serial_number"] for device in page["devices"]] == ["B-00001", "B-00002"]


def test_blobs_that_vanish_are_a_conflict(client: Client, filled: World) -> None:
    for version in list(filled.private.versions("registered/")):
        filled.private.delete(version.path)
    assert client.get(ADDRESS).status == HTTPStatus.CONFLICT


@pytest.mark.parametrize(
    "path", ["nobody/devices", "nobody/devices.csv", "nobody/device_file.csv", "nobody/devices/read"]
)
def test_what_is_no_customer_id_is_not_found(client: Client, path: str) -> None:
    method = "POST" if path.endswith("read") else "GET"
    assert client.call(method, f"/api/customers/{path}").status == HTTPStatus.NOT_FOUND


def test_a_reading_that_failed_is_not_asked_for_at_every_look(client: Client, world: World) -> None:
    failed = CustomerInventory(customer_id=CUSTOMER, asked_at=world.clock(), failed_at=world.clock(), failure="403.")
    stored = world.journal.inventories.change(None, failed)
    client.get(ADDRESS)
    assert world.wakeups.waiting == []
    world.journal.inventories.change(stored, replace(failed, failed_at=world.clock() - TRIED_AGAIN))
    client.get(ADDRESS)
    assert len(world.wakeups.waiting) == 1
