"""Sending rows again and withdrawing a file, from the page, by a person."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.pipeline.blob_names import private_copy
from tests.browser.looking import DESK, WITHOUT_SCRIPTS, faults_for_assistive_technology, looking
from tests.browser.office import Office, open_office
from tests.browser.site import Site, running_site

NAME = "new-starters-november.csv"


@pytest.fixture
def own_site() -> Iterator[tuple[Site, Office]]:
    with running_site(DEVICES_PER_SUBMISSION="200") as site:
        yield site, open_office(site)


@pytest.fixture
def visit(browser: Browser, own_site: tuple[Site, Office]) -> Iterator[tuple[Page, Site, Office]]:
    """A person without scripts who looks at the file with rows of every kind."""
    site, office = own_site
    with looking(browser, WITHOUT_SCRIPTS) as (page, seen):
        page.goto(site.file(office.closed[1], office.closed[0]))
        yield page, site, office
        assert [text for text in seen.complaints if "status of 4" not in text] == []


def test_rows_are_sent_again_once(visit: tuple[Page, Site, Office]) -> None:
    page, site, office = visit
    page.get_by_role("button", name="Send again (2 rows)").click()
    expect(page.get_by_role("status").first).to_contain_text("The rows are being sent again")
    expect(page.get_by_text("which is about to be received")).to_be_visible()
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    (path,) = [version.path for version in site.world.drop.versions(f"{office.closed[0]}/") if "retry" in version.path]
    site.world.receive(path)
    site.world.run()
    page.reload()
    page.get_by_role("link", name="a new file").click()
    expect(page.locator(".rows tbody tr")).to_have_count(2)
    page.get_by_role("link", name="an earlier file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)


@pytest.mark.parametrize("policy", ["unsafe-url", "no-referrer"])
def test_a_form_of_another_site_changes_nothing(visit: tuple[Page, Site, Office], policy: str) -> None:
    page, site, office = visit
    action = f"{site.file(office.closed[1], office.closed[0])}/retry"
    form = f'<form action="{action}" method="post"><button>Win a prize</button></form>'
    page.route(
        "http://evil.example/",
        lambda route: route.fulfill(body=form, content_type="text/html", headers={"Referrer-Policy": policy}),
    )
    page.goto("http://evil.example/")
    page.get_by_role("button", name="Win a prize").click()
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    assert not [version for version in site.world.drop.versions() if "retry" in version.path]


def test_whoever_comes_after_the_retention_is_told_so(visit: tuple[Page, Site, Office]) -> None:
    page, site, office = visit
    site.world.private.delete(private_copy(office.closed[1]))
    with page.expect_response("**/retry") as answer:
        page.get_by_role("button", name="Send again (2 rows)").click()
    assert answer.value.status == 410
    expect(page.get_by_role("heading", name="No longer available")).to_be_visible()
    page.get_by_role("link", name="The file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)


def test_a_file_without_rows_to_send_again_says_so(visit: tuple[Page, Site, Office]) -> None:
    page, site, office = visit
    # The button of a page that was opened before the rows were sent again by someone else.
    address = f"{site.file(office.well[1], office.well[0])}/retry"
    answer = page.request.post(address, headers={"Origin": site.url})
    assert answer.status == 409
    assert "No row of this file can be sent again as it is" in answer.text()


def test_a_file_is_withdrawn_when_its_name_is_typed(browser: Browser, own_site: tuple[Site, Office]) -> None:
    site, office = own_site
    with looking(browser, DESK) as (page, _):
        page.goto(site.file(office.closed[1], office.closed[0]))
        page.get_by_role("link", name="Withdraw…").click()
        expect(page.get_by_role("heading", name="187 devices will be deregistered")).to_be_visible()
        name = page.get_by_label("To confirm, type the name of the file")
        name.fill("another.csv")
        page.get_by_role("button", name="Withdraw 187 devices").click()
        expect(page.get_by_role("alert")).to_contain_text("This is not the name of the file.")
        expect(name).to_have_attribute("aria-invalid", "true")
        assert faults_for_assistive_technology(page) == []
        name.fill(f" {NAME} ")
        page.get_by_role("button", name="Withdraw 187 devices").click()
        expect(page.get_by_text("The devices are being deregistered")).to_be_visible()
        expect(page.get_by_text("The file is being withdrawn: 0 of 187 devices deregistered.").last).to_be_visible()
        expect(page.get_by_role("link", name="Withdraw…")).to_have_count(0)
        site.world.run()
        page.reload()
        expect(page.get_by_text("Withdrawn: 187 of 187 devices were removed").last).to_be_visible()
        assert faults_for_assistive_technology(page) == []


def test_a_file_that_registered_nothing_is_not_withdrawn(browser: Browser, own_site: tuple[Site, Office]) -> None:
    site, office = own_site
    with looking(browser, DESK) as (page, _):
        page.goto(f"{site.file(office.rejected[1], office.rejected[0])}/withdraw")
        expect(page.get_by_role("heading", name="This cannot be done now")).to_be_visible()
