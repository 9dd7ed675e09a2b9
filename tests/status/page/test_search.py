"""The search for a serial number among the files of all customers."""

import pytest

from shared.status.authentication import Person
from shared.status.page import search
from shared.status.page.pages import device_page
from shared.status.page.search import devices_of_any_customer
from tests.pipeline.world import CUSTOMER, START, World, tuples

OTHER = "11111111-2222-4333-8444-555555555555"


def closed_at(world: World, hour: int, customer_id: str, serials: list[str]) -> str:
    world.clock.now = START.replace(hour=hour)
    identifier = world.drop_file(tuples(serials), f"{customer_id}/Test/{hour}.csv")
    world.run()
    return identifier


def test_a_device_is_found_at_every_customer_newest_first(world: World) -> None:
    dropped = [
        closed_at(world, 13 + number, customer, ["SN-1", "SN-2"])
        for number, customer in enumerate((CUSTOMER, OTHER, CUSTOMER))
    ]
    found = devices_of_any_customer(world.pipeline, "sn-1")
    assert [device.file_id for device in found.devices] == dropped[::-1]
    assert {device.outcome.serial_number for device in found.devices} == {"SN-1"}


def test_a_device_that_is_in_no_closed_file_gives_an_empty_page_with_the_number_of_open_files(world: World) -> None:
    world.drop_file(tuples(["SN-1"]))
    found = devices_of_any_customer(world.pipeline, "SN-1")
    assert (found.devices, found.files_not_searched, found.next) == ([], 1, None)


def test_every_row_is_on_one_page_however_many_customers_have_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour, customer in ((13, CUSTOMER), (14, OTHER), (15, CUSTOMER)):
        closed_at(world, hour, customer, ["SN-1"])
    whole = [device.file_id for device in devices_of_any_customer(world.pipeline, "SN-1").devices]
    for most in (1, 2, 3):
        monkeypatch.setattr(search, "DEVICES_ON_A_PAGE", most)
        found, page, pages = list[str](), None, 0
        while pages == 0 or page is not None:
            shown = devices_of_any_customer(world.pipeline, "SN-1", page)
            assert ("Next page" in device_page(shown, Person("someone"))) is (shown.next is not None)
            found += [device.file_id for device in shown.devices]
            page, pages = shown.next, pages + 1
        assert sorted(found) == sorted(whole)
        assert pages == -(-3 // most)


def test_a_file_that_was_deleted_since_the_index_was_read_is_left_out(world: World) -> None:
    gone = closed_at(world, 13, CUSTOMER, ["SN-1"])
    kept = closed_at(world, 14, OTHER, ["SN-1"])
    stored = world.journal.files.get(CUSTOMER, gone)
    assert stored is not None
    world.journal.forget_file(stored.record)
    assert [device.file_id for device in devices_of_any_customer(world.pipeline, "SN-1").devices] == [kept]
