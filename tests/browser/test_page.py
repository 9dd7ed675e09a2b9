"""The status page as people meet it, in a real browser, over storage in memory."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import (
    DARK,
    DESK,
    NARROW,
    PHONE,
    WITHOUT_SCRIPTS,
    ZOOMED,
    faults_for_assistive_technology,
    looking,
    overflow,
)
from tests.browser.office import FABRIKAM, Office
from tests.browser.site import Site

LOOKS = {"desk": DESK, "phone": PHONE, "narrow": NARROW, "zoomed": ZOOMED}
PAGES = {
    "list": "",
    "filtered list": "?customer=Contoso&state=closed&from=2026-11-20&to=2026-11-22",
    "empty list": "?state=gone",
    "closed file": "/{closed}",
    "its failed rows": "/{closed}?outcome=failed",
    "file without trouble": "/{well}",
    "rejected file": "/{rejected}",
    "file under way": "/{under_way}",
    "serial number": "?serial={serial}",
    "unknown serial number": "?serial=nowhere",
    "withdrawing": "/{closed}/withdraw",
    "unknown file": "/{unknown}",
    "wrong filter": "?state=lost",
    "customers": "/customers",
    "names of a customer": f"/customers?search=o&customer={FABRIKAM}",
}


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Page]:
    """A page on a desk, for all tests that leave nothing behind in its browser."""
    with looking(browser, DESK) as (page, _):
        yield page


def address(site: Site, office: Office, path: str) -> str:
    """A page of the site."""
    places = {name: "/".join(getattr(office, name)) for name in ("closed", "well", "rejected", "under_way")}
    return site.files + path.format(**places, serial=office.lost_serial, unknown=f"{FABRIKAM}/{FABRIKAM}")


def test_every_page_is_accessible_and_asks_no_other_host(browser: Browser, site: Site, office: Office) -> None:
    with looking(browser, DESK) as (page, seen):
        for name, path in PAGES.items():
            page.goto(address(site, office, path))
            assert faults_for_assistive_technology(page) == [], name
            assert page.title().endswith(" · Device Drop"), name
        assert seen.hosts == {site.url.removeprefix("http://")}
        assert [text for text in seen.complaints if "status of 40" not in text] == []


def test_every_page_has_contrast_in_the_dark(browser: Browser, site: Site, office: Office) -> None:
    with looking(browser, DARK) as (page, _):
        for name, path in PAGES.items():
            page.goto(address(site, office, path))
            assert faults_for_assistive_technology(page, "color-contrast", "link-in-text-block") == [], name


def test_tables_are_cards_on_a_phone_and_still_accessible(browser: Browser, site: Site, office: Office) -> None:
    with looking(browser, PHONE) as (page, _):
        for name in ("list", "its failed rows", "file under way", "serial number", "withdrawing"):
            page.goto(address(site, office, PAGES[name]))
            assert faults_for_assistive_technology(page) == [], name
        page.goto(address(site, office, PAGES["list"]))
        row = page.get_by_role("row", name=re.compile("new-starters-november"))
        assert row.get_by_role("cell").count() == 4, "it is a row for who cannot see that it is a card"
        assert row.evaluate("row => getComputedStyle(row).display") == "grid"


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_is_wider_than_its_window(browser: Browser, site: Site, office: Office, look: str) -> None:
    with looking(browser, LOOKS[look]) as (page, _):
        for name, path in PAGES.items():
            page.goto(address(site, office, path))
            assert overflow(page) <= 0, name


def test_the_list_begins_with_what_needs_attention_and_shows_how_every_file_is(
    desk: Page, site: Site, office: Office
) -> None:
    desk.goto(address(site, office, ""))
    names = desk.locator("tbody .title").all_inner_texts()
    assert names[:3] == ["new-starters-november.csv", "IMG_2041.csv", "warehouse-4711.csv"]
    row = desk.get_by_role("row", name=re.compile("new-starters-november"))
    expect(row).to_contain_text("closed")
    expect(row).to_contain_text("4 failed")
    expect(row).to_contain_text("7 not registered")
    expect(desk.get_by_role("row", name=re.compile("IMG_2041"))).to_contain_text("It is a picture")


def test_the_list_is_filtered_by_customer_state_and_time(desk: Page, site: Site, office: Office) -> None:
    desk.goto(address(site, office, ""))
    desk.get_by_label("Customer").fill("fabrikam gmbh")
    desk.get_by_label("State").select_option("rejected")
    desk.get_by_role("button", name="Show").click()
    expect(desk.locator("tbody .title")).to_have_text(["IMG_2041.csv"])
    desk.get_by_role("link", name="Show all").click()
    desk.get_by_label("Received from").fill("2026-11-21")
    desk.get_by_role("button", name="Show").click()
    expect(desk.get_by_text("retired-leases.csv")).to_have_count(0)
    expect(desk.get_by_text("meeting-rooms.csv")).to_have_count(1)


def test_a_wrong_filter_is_refused_in_words(desk: Page, site: Site, office: Office) -> None:
    for path, words in (
        ("?state=lost", "There is no state 'lost'"),
        ("?customer=Nobody", "no customer id (a GUID) and no name of a customer"),
        ("?from=yesterday", "is no date such as 2026-11-20"),
        ("?next=tampered", "This is no cursor of this list."),
        ("/{closed}?outcome=fine", "There is no outcome 'fine'"),
    ):
        answer = desk.goto(address(site, office, path))
        assert answer is not None
        assert answer.status == 400
        expect(desk.get_by_role("main")).to_contain_text(words)


def test_a_file_says_what_happened_and_what_to_do(desk: Page, site: Site, office: Office) -> None:
    desk.goto(address(site, office, "/{closed}"))
    story = desk.get_by_role("region", name="187 of 194 devices are registered; 7 are not")
    for words in (
        "Fix 3 rows.",
        "Send 2 rows again.",
        "2 rows need someone else.",
        "1 row is a duplicate of another.",
    ):
        expect(story).to_contain_text(words)
    reasons = desk.get_by_role("region", name="Outcomes by reason")
    expect(reasons.get_by_role("row", name=re.compile("rejected: serial_damaged"))).to_contain_text("1")
    desk.goto(address(site, office, "/{rejected}"))
    expect(desk.get_by_role("region", name="Nothing was sent")).to_contain_text("Drop the devices as CSV")


def test_rows_are_filtered_by_outcome_and_by_reason(desk: Page, site: Site, office: Office) -> None:
    desk.goto(address(site, office, "/{closed}"))
    desk.get_by_role("navigation", name="Rows by outcome").get_by_role("link", name="failed").click()
    rows = desk.locator(".rows tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("ZtdDeviceAssignedToOtherTenant")
    desk.get_by_role("link", name="rejected: serial_alone").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Add manufacturer and model exactly as the firmware spells them")
    desk.get_by_role("link", name="Show all rows").click()
    expect(rows).to_have_count(100)


def test_rows_are_paged(desk: Page, site: Site, office: Office) -> None:
    desk.goto(address(site, office, "/{closed}"))
    desk.get_by_role("link", name="Next page").click()
    expect(desk.locator(".rows tbody tr")).to_have_count(95)
    expect(desk.locator(".rows tbody tr").first).to_contain_text("101")
    desk.get_by_role("link", name="First page").click()
    expect(desk.locator(".rows tbody tr")).to_have_count(100)


def test_a_serial_number_is_found_in_every_file_of_every_customer(desk: Page, site: Site, office: Office) -> None:
    desk.goto(address(site, office, ""))
    desk.get_by_role("search").get_by_label("Serial number").fill(office.lost_serial.lower())
    desk.get_by_role("button", name="Find").click()
    rows = desk.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("new-starters-november.csv")
    expect(rows.first).to_contain_text("failed")
    expect(rows.last).to_contain_text("registered")
    rows.first.get_by_role("link").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("new-starters-november.csv")
    desk.goto(address(site, office, "?serial=nowhere"))
    expect(desk.get_by_text("No closed file has a row with this serial number")).to_be_visible()


def test_everything_can_be_reached_with_the_keyboard_and_is_seen_to_be(desk: Page, site: Site, office: Office) -> None:
    desk.goto(address(site, office, ""))
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(desk.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    desk.keyboard.press("Enter")
    walked = _walk(desk, "new-starters-november.csv")
    assert {"Customer", "State", "Received from", "Received until", "Show"} <= set(walked)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("new-starters-november.csv")
    walked = _walk(desk, "Next page")
    assert {"results.csv", "Withdraw…"} <= set(walked)
    assert any(text.startswith("Send again") for text in walked)
    assert "Table of submissions" in walked, "a box that scrolls can be scrolled with the keyboard"


def _walk(page: Page, last: str) -> list[str]:
    """Press Tab until what bears this name has the focus; what had it on the way, each seen to have it."""
    walked: list[str] = []
    for _ in range(120):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
                const it = document.activeElement;
                const name = it.getAttribute("aria-label") ?? it.labels?.[0]?.innerText ?? it.innerText;
                const around = getComputedStyle(it);
                return [name, around.outlineStyle === "none" ? 0 : parseFloat(around.outlineWidth)];
            }"""
        )
        assert outline >= 2, f"nobody sees that {name!r} has the focus"
        walked.append(name.strip())
        if walked[-1] == last:
            return walked
    raise AssertionError(f"{last!r} was not reached: {walked}")


def test_it_works_without_scripts(browser: Browser, site: Site, office: Office) -> None:
    with looking(browser, WITHOUT_SCRIPTS) as (page, _):
        page.goto(address(site, office, "/{under_way}"))
        assert page.locator("meta[http-equiv=refresh]").count() == 1, "it looks again by itself"
        expect(page.get_by_text("Times are UTC.")).to_be_visible()
        expect(page.get_by_role("button", name="Pause")).to_be_hidden()
        page.get_by_role("link", name="Device files").first.click()
        page.get_by_role("link", name="meeting-rooms.csv").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("meeting-rooms.csv")
        assert page.locator("meta[http-equiv=refresh]").count() == 0, "nothing more will happen to it"
        page.get_by_label("Serial number").fill("MR-0007")
        page.get_by_role("button", name="Find").click()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_times_are_those_of_the_person_who_looks(browser: Browser, site: Site, office: Office) -> None:
    with looking(browser, WITHOUT_SCRIPTS) as (page, _):
        page.goto(address(site, office, "/{well}"))
        utc = page.locator("time").first.inner_text()
    with looking(browser, DESK) as (page, _):
        page.goto(address(site, office, "/{well}"))
        here = page.locator("time").first.inner_text()
        expect(page.get_by_text("Times are those of Europe/Berlin.")).to_be_visible()
    assert int(here[-5:-3]) == (int(utc[-5:-3]) + 1) % 24


@pytest.mark.parametrize(("look", "word"), [(DESK, "light"), (DARK, "dark")], ids=["light", "dark"])
def test_it_follows_the_colours_of_the_system(
    browser: Browser, site: Site, office: Office, look: dict[str, Any], word: str
) -> None:
    with looking(browser, look) as (page, _):
        page.goto(address(site, office, ""))
        red = int(re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[0])
        assert (red > 128) == (word == "light")


def test_nothing_moves_for_whoever_asked_for_that(browser: Browser, site: Site, office: Office) -> None:
    for motion, animation in (("reduce", "none"), ("no-preference", "pulse")):
        with looking(browser, DESK | {"reduced_motion": motion}) as (page, _):
            page.goto(address(site, office, ""))
            assert page.evaluate("getComputedStyle(document.querySelector('.pulse')).animationName") == animation


def test_what_is_printed_is_the_file_and_not_the_controls(browser: Browser, site: Site, office: Office) -> None:
    with looking(browser, DARK) as (page, _):
        page.goto(address(site, office, "/{closed}"))
        page.emulate_media(media="print")
        expect(page.get_by_role("search")).to_be_hidden()
        expect(page.get_by_role("link", name="results.csv")).to_be_hidden()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_results_are_downloaded_under_the_name_of_their_file(desk: Page, site: Site, office: Office) -> None:
    desk.goto(address(site, office, "/{closed}"))
    with desk.expect_download() as download:
        desk.get_by_role("link", name="results.csv").click()
    assert download.value.suggested_filename == "new-starters-november.csv.results.csv"
    assert "PF5T0QA1" in download.value.path().read_text(encoding="utf-8")
