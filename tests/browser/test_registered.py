"""The page of registered devices in the browser: found from a customer, read anew, and well on any screen."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.looking import (
    DARK,
    DESK,
    PHONE,
    faults_for_assistive_technology,
    looking,
    overflow,
)
from tests.browser.site import Site, running_site
from tests.pipeline.world import CUSTOMER, numbered


@pytest.fixture(scope="module")
def filled() -> Any:
    """A site with devices of two batches, which were read."""
    with running_site() as site:
        site.world.customers.add("Contoso", CUSTOMER, "", site.world.clock())
        site.world.drop_file(numbered(3, "A-"), f"{CUSTOMER}/Sales & Söhne/devices.csv")
        site.world.drop_file(numbered(2, "B-"), f"{CUSTOMER}/Test/a very long name of a file with devices.csv")
        site.world.run()
        site.world.read_devices()
        yield site


@pytest.mark.parametrize("look", [DESK, DARK, PHONE], ids=["desk", "dark", "phone"])
def test_the_devices_are_found_from_the_customer_and_fit_the_screen(
    browser: Browser, filled: Site, look: dict[str, Any]
) -> None:
    with looking(browser, look) as (page, seen):
        page.goto(f"{filled.files}/customers")
        page.get_by_role("link", name="Devices of Contoso").click()
        expect(page.get_by_role("heading", name="Registered devices of Contoso")).to_be_visible()
        expect(page.get_by_text("A-00001")).to_be_visible()
        assert overflow(page) == 0
        assert faults_for_assistive_technology(page) == []
        page.get_by_role("link", name="Test", exact=True).click()
        expect(page.get_by_role("heading", name="2 devices")).to_be_visible()
        assert seen.complaints == []


def test_a_page_on_which_devices_are_read_shows_them_when_they_are_there(browser: Browser, filled: Site) -> None:
    with looking(browser, DESK) as (page, seen):
        page.goto(f"{filled.files}/devices?customer={CUSTOMER}")
        filled.world.clock.now += timedelta(seconds=1)
        page.get_by_role("button", name="Read anew").click()
        expect(page.get_by_text("They are being read now.")).to_be_visible()
        filled.world.run()
        expect(page.get_by_text("They are being read now.")).to_be_hidden()
        assert seen.complaints == []
