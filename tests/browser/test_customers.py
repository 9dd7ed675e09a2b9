"""Customers in the page: a junior administrator names, renames and removes, with and without scripts."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local.partner_center import CUSTOMERS
from shared.pipeline.partner_customers import refresh_partner_customers
from tests.browser.looking import (
    DARK,
    PHONE,
    WITHOUT_SCRIPTS,
    faults_for_assistive_technology,
    looking,
    overflow,
)
from tests.browser.site import Site, running_site

FABRIKAM = next(each for each in CUSTOMERS if each.name.startswith("Fabrikam"))


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A site with Partner Center's list read, and no names."""
    with running_site() as site:
        refresh_partner_customers(site.world.pipeline)
        yield site


def named(site: Site) -> dict[str, str]:
    return {customer.name: customer.customer_id for customer in site.world.customers.all()}


def names_of(page: Page, customer: str) -> None:
    page.get_by_role("link", name=f"Names of {customer}").click()
    expect(page.get_by_role("heading", name=f"Names of {customer}")).to_be_visible()


@pytest.mark.parametrize("look", [WITHOUT_SCRIPTS, PHONE], ids=["without scripts", "phone"])
def test_a_listed_customer_is_named_renamed_and_the_name_removed(
    browser: Browser, own_site: Site, look: dict[str, Any]
) -> None:
    with looking(browser, look) as (page, seen):
        page.goto(own_site.files)
        page.get_by_role("link", name="Customers", exact=True).click()
        page.get_by_label("Name, domain or id").fill("fabrikam")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_role("heading", name="1 customer found")).to_be_visible()
        names_of(page, FABRIKAM.name)

        name = page.get_by_label("Name of the drop folder")
        expect(name).to_have_value(FABRIKAM.name)
        name.fill("Fabrikam/Lab")
        page.get_by_role("button", name="Add the name").click()
        expect(page.get_by_role("alert")).to_contain_text("leave out slashes")
        expect(name).to_have_attribute("aria-invalid", "true")
        expect(name).to_have_value("Fabrikam/Lab")
        assert overflow(page) == 0
        name.fill("Fabrikam")
        page.get_by_role("button", name="Add the name").click()
        expect(page.get_by_label("Another name")).to_have_value("")
        assert named(own_site) == {"Fabrikam": FABRIKAM.id}

        page.get_by_label("New name in place of Fabrikam").fill("Fabrikam Inc")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_label("New name in place of Fabrikam Inc")).to_be_visible()
        assert named(own_site) == {"Fabrikam Inc": FABRIKAM.id}

        page.get_by_role("button", name="Remove the name Fabrikam Inc").click()
        expect(page.get_by_text("This customer has no name yet")).to_be_visible()
        assert named(own_site) == {}
        assert [text for text in seen.complaints if "status of 4" not in text] == []


def test_a_customer_is_named_by_a_pasted_id_with_the_keyboard_alone(browser: Browser, own_site: Site) -> None:
    customer_id = "47021739-3426-40bf-9601-61b4b6d7c793"
    with looking(browser, DARK) as (page, _):
        page.goto(f"{own_site.files}/customers")
        field = page.get_by_label("Customer id (the GUID of its tenant)")
        field.focus()
        page.keyboard.type("Contoso")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("is no customer id")
        expect(field).to_be_focused()
        assert faults_for_assistive_technology(page) == []
        page.keyboard.type(customer_id)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Partner Center's list does not have this id")).to_be_visible()
        page.get_by_label("Name of the drop folder").focus()
        page.keyboard.type("Adatum")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Names of Adatum")).to_be_visible()
        assert named(own_site) == {"Adatum": customer_id}
        page.get_by_label("Another name").fill("a/b")
        page.get_by_role("button", name="Add the name").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert faults_for_assistive_technology(page) == []
