"""The page of the app's health, by eye and by ear."""

from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from playwright.sync_api import Browser, expect

from shared.pipeline.sweep import sweep
from tests.browser.looking import DARK, PHONE, faults_for_assistive_technology, looking, overflow
from tests.browser.site import running_site


@pytest.mark.parametrize("look", [DARK, PHONE], ids=["dark", "phone"])
def test_what_is_broken_is_read_first_and_checked_again(browser: Browser, look: dict[str, Any]) -> None:
    with running_site() as site, looking(browser, look) as (page, seen):
        sweep(site.world.pipeline)
        site.world.probes.faults = {"results": ServiceRequestError("nothing listens")}
        page.goto(site.files)
        page.get_by_role("link", name="Health").click()
        expect(page.get_by_role("heading", name="Something is broken")).to_be_visible()
        expect(page.get_by_role("row").nth(1)).to_contain_text("Container results: storage does not answer")
        assert faults_for_assistive_technology(page) == []
        assert overflow(page) == 0

        site.world.probes.faults = {}
        page.get_by_role("link", name="Check again").click()
        expect(page.get_by_role("heading", name="Everything is well")).to_be_visible()
        assert seen.complaints == []
