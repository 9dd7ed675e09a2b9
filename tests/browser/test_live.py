"""The page while work is open: it follows by itself, and gets in nobody's way."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import DESK, looking
from tests.browser.site import Site, running_site
from tests.pipeline.world import CUSTOMER, numbered

A_LOOK = 3_000
"""Milliseconds in which a page that is live looks once. Its clock stands still but for that."""
LONG = 100_000


@dataclass(frozen=True, slots=True)
class Following:
    """A person who looks at a file of 600 devices, of which nothing has its outcome yet."""

    site: Site
    page: Page
    identifier: str
    asked: list[str]
    """Addresses that the page asked for."""

    def some_devices_end(self) -> int:
        """One more submission comes to its end, perhaps more; of how many devices it is known by now."""
        before = self._over()
        while self._over() == before:
            assert self.site.world.deliver_next()
        return 150 * self._over()

    def to_the_end(self) -> None:
        """The file comes to its end, and the page looks again."""
        self.site.world.run()
        self.look()

    def look(self) -> None:
        """Time passes for the page, and it has its answer."""
        with self.page.expect_response(self.page.url.partition("#")[0]):
            self.page.clock.run_for(A_LOOK)

    def _over(self) -> int:
        submissions = self.site.world.journal.submissions.of_reading(f"{self.identifier}.1")
        return sum(stored.record.state.is_final for stored in submissions)


@pytest.fixture
def following(browser: Browser) -> Iterator[Following]:
    with (
        running_site(DEVICES_PER_SUBMISSION="150", INLINE_SUBMISSIONS="1", HOLD_FROM_FAILED_PERCENT="100") as site,
        looking(browser, DESK) as (page, seen),
    ):
        identifier = site.world.drop_file(numbered(600))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.clock.install(time=0)
        page.clock.pause_at(1)
        page.goto(site.file(identifier, CUSTOMER))
        expect(page.get_by_role("heading", name="0 of 600 rows have their outcome")).to_be_visible()
        asked.clear()
        yield Following(site, page, identifier, asked)
        assert [text for text in seen.complaints if "503" not in text] == []


def test_it_follows_a_file_to_its_end_and_then_stops(following: Following) -> None:
    page = following.page
    ended = following.some_devices_end()
    following.look()
    expect(page.get_by_role("heading", name=f"{ended} of 600 rows have their outcome")).to_be_visible()
    percent = page.get_by_text(f"{ended // 60 * 10} percent of the rows have their outcome.")
    expect(percent).to_have_attribute("role", "status")
    following.to_the_end()
    expect(page.get_by_role("heading", name="All 600 devices are registered")).to_be_visible()
    expect(page.get_by_role("link", name="results.csv")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    following.asked.clear()
    page.clock.run_for(LONG)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(LONG)
    assert following.asked == [], "a file that is closed is looked at no more"


def test_focus_scroll_and_what_was_typed_stay_where_they_are(following: Following) -> None:
    page = following.page
    following.some_devices_end()
    following.look()
    page.get_by_label("Serial number").fill("half a ser")
    tab = page.get_by_role("navigation", name="Rows by outcome").get_by_role("link", name="registered")
    expect(tab).to_be_visible()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    tab.focus()
    scrolled = page.evaluate("scrollY")
    ended = following.some_devices_end()
    following.look()
    expect(tab).to_contain_text(str(ended))
    expect(tab).to_be_focused()
    assert abs(page.evaluate("scrollY") - scrolled) < 5
    expect(page.get_by_label("Serial number")).to_have_value("half a ser")


def test_the_filter_of_the_rows_stays(following: Following) -> None:
    page = following.page
    following.some_devices_end()
    following.look()
    page.get_by_role("navigation", name="Rows by outcome").get_by_role("link", name="registered").click()
    expect(page.locator(".tabs a[aria-current]")).to_contain_text("registered")
    ended = following.some_devices_end()
    following.look()
    expect(page.locator(".tabs a[aria-current]")).to_contain_text(str(ended))


def test_it_can_be_paused(following: Following) -> None:
    page = following.page
    page.get_by_role("button", name="Pause").click()
    ended = following.some_devices_end()
    page.clock.run_for(LONG)
    assert following.asked == []
    expect(page.get_by_role("heading", name="0 of 600 rows have their outcome")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name=f"{ended} of 600 rows have their outcome")).to_be_visible()


def test_a_server_that_is_away_for_a_while_does_no_harm(following: Following) -> None:
    page = following.page
    page.route("**/*", lambda route: route.fulfill(status=503, body="away"))
    following.look()
    expect(page.get_by_text("No answer")).to_be_visible()
    expect(page.get_by_role("heading", name="0 of 600 rows have their outcome")).to_be_visible()
    page.unroute("**/*")
    ended = following.some_devices_end()
    page.clock.run_for(2 * A_LOOK)
    expect(page.get_by_role("heading", name=f"{ended} of 600 rows have their outcome")).to_be_visible()
    expect(page.get_by_text("No answer")).to_be_hidden()


def test_the_list_follows_its_files(following: Following) -> None:
    page = following.page
    page.goto(following.site.files)
    row = page.get_by_role("row", name="devices.csv")
    expect(row).to_contain_text("600 in progress")
    following.to_the_end()
    expect(row).to_contain_text("600 registered")
    following.site.world.put(numbered(3, "NEW-"), f"{CUSTOMER}/Test/new.csv")
    following.site.world.receive(f"{CUSTOMER}/Test/new.csv")
    with page.expect_response(page.url):
        page.clock.run_for(10_000)
    expect(page.get_by_role("row", name="new.csv")).to_contain_text("3 in progress")
