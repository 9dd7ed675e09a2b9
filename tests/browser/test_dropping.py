"""Files are dropped on the page by a person: without scripts, by keyboard, on a phone, and straight to storage."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from shared.status.page import dropping
from tests.browser.looking import (
    DARK,
    DESK,
    NARROW,
    PHONE,
    WITHOUT_SCRIPTS,
    faults_for_assistive_technology,
    looking,
    overflow,
)
from tests.browser.site import Site, running_site
from tests.device_files.cases import HEADER
from tests.pipeline.world import CUSTOMER, numbered

OTHER_CUSTOMER = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1"
STORAGE = "http://storage.invalid"
GOOD = numbered(3)
BAD = f"{HEADER}\r\nALONE,,\r\n"


def payload(name: str, content: str) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": content.encode()}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site(BLOB_TRIGGER_SOURCE="LogsAndContainerScan") as running:
        running.world.customers.add("Contoso", CUSTOMER, "", running.world.clock())
        running.world.drop_file(numbered(1, "KNOWN-"))
        running.world.drop_file(numbered(1, "OTHER-"), f"{OTHER_CUSTOMER}/Elsewhere/other.csv")
        running.world.run()
        yield running


class Storage:
    """Blob Storage as a browser sees it: it joins blocks, refuses as told, and lets the page alone upload."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._blocks: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.answers: Callable[[int], int] = lambda _: 201
        """The status for a request, by its number; 0 breaks the line."""

    def answer(self, route: Route) -> None:
        """Answer one request of the browser."""
        request = route.request
        address = urlsplit(request.url)
        query = parse_qs(address.query)
        allowed = {
            "Access-Control-Allow-Origin": self._site.url,
            "Access-Control-Allow-Methods": "PUT",
            "Access-Control-Allow-Headers": "content-type",
        }
        if request.method == "OPTIONS":
            route.fulfill(status=200, headers=allowed)
            return
        self.asked.append(f"{request.method} {query['comp'][0]}")
        status = self.answers(len(self.asked))
        if not status:
            route.abort("connectionreset")
            return
        if status < 300:
            self._take(unquote(address.path).removeprefix("/staging/"), query, request.post_data_buffer or b"")
        route.fulfill(status=status, headers=allowed)

    def _take(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        if query["comp"] == ["block"]:
            self._blocks[query["blockid"][0]] = body
            return
        names = re.findall(r"<Latest>([^<]+)</Latest>", body.decode())
        self._site.world.staging.put(path, b"".join(self._blocks[name] for name in names))


def choose(page: Page, site: Site, *files: FilePayload, customer: str = "Contoso", batch: str = "Sales") -> None:
    page.goto(f"{site.files}/drop")
    page.get_by_label("Customer").fill(customer)
    page.get_by_label("Batch").fill(batch)
    page.get_by_label("Device files").set_input_files(list(files))


def dropped(site: Site) -> list[str]:
    return [version.path.removeprefix(f"{CUSTOMER}/") for version in site.world.drop.versions()]


def test_without_scripts_files_are_chosen_checked_and_sent(browser: Browser, site: Site) -> None:
    with looking(browser, WITHOUT_SCRIPTS) as (page, seen):
        page.goto(site.files)
        page.get_by_role("link", name="Drop files").click()
        choose(page, site, payload("good.csv", GOOD), payload("bad.csv", BAD), payload("other.csv", numbered(2, "O-")))
        page.get_by_role("button", name="Check the files").click()
        expect(page.get_by_role("heading", name="3 files for Contoso")).to_be_visible()
        expect(page.get_by_role("region", name="bad.csv")).to_contain_text("1 rejected")
        page.get_by_label("Send other.csv").uncheck()
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("it is received within a minute").first).to_be_visible()
        assert "Sales/good.csv" in dropped(site)
        assert "Sales/other.csv" not in dropped(site)
        site.world.receive(f"{CUSTOMER}/Sales/good.csv")
        page.reload()
        page.get_by_role("region", name="good.csv").get_by_role("link", name="page of good.csv").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("good.csv")
        assert seen.complaints == []


def test_a_wrong_choice_is_told_in_the_form_without_scripts(browser: Browser, site: Site) -> None:
    with looking(browser, WITHOUT_SCRIPTS) as (page, _):
        choose(page, site, payload("a.csv", GOOD), customer="Kontoso")
        page.get_by_role("button", name="Check the files").click()
        expect(page.get_by_role("alert")).to_contain_text("Did you mean 'Contoso'?")
        expect(page.get_by_label("Customer")).to_have_value("Kontoso")
        expect(page.get_by_label("Batch")).to_have_value("Sales")


def test_the_keyboard_alone_is_enough(browser: Browser, site: Site) -> None:
    with looking(browser, WITHOUT_SCRIPTS) as (page, _):
        choose(page, site, payload("keys.csv", numbered(2, "KEYS-")))
        page.get_by_label("Batch").focus()
        page.keyboard.press("Tab")
        expect(page.get_by_label("registered")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_label("Device files")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**upload=**")
        page.get_by_label("Send keys.csv").focus()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Send", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("it is received within a minute")).to_be_visible()


@pytest.mark.parametrize("look", [DESK, DARK, PHONE, NARROW], ids=["desk", "dark", "phone", "narrow"])
def test_the_pages_are_usable_by_all_and_nothing_is_cut_off(
    browser: Browser, site: Site, look: dict[str, object]
) -> None:
    with looking(browser, look) as (page, seen):
        storage = Storage(site)
        page.route(f"{STORAGE}/**", storage.answer)
        name = "a-very-long-name-of-a-file-" * 8 + ".csv"
        choose(page, site, payload(name, numbered(2, "LONG-") + "ALONE,,,,\r\n"), payload("bad.csv", BAD))
        assert faults_for_assistive_technology(page) == []
        assert overflow(page) == 0
        page.get_by_role("button", name="Check the files").click()
        page.wait_for_url("**upload=**")
        for details in page.locator("details").all():
            details.evaluate("element => { element.open = true; }")
        assert faults_for_assistive_technology(page) == []
        assert overflow(page) == 0
        assert seen.complaints == []


@pytest.mark.parametrize("look", [DESK, NARROW, WITHOUT_SCRIPTS], ids=["desk", "narrow", "without scripts"])
def test_devices_are_moved_once_the_confirmation_is_ticked(
    browser: Browser, site: Site, look: dict[str, object]
) -> None:
    with looking(browser, look) as (page, seen):
        storage = Storage(site)
        page.route(f"{STORAGE}/**", storage.answer)
        name = f"move-{site.world.pipeline.new_id()}.csv"
        choose(page, site, payload(name, numbered(2, f"{name}-")))
        page.get_by_label("moved", exact=True).check()
        page.get_by_role("button", name="Check the files").click()
        expect(page.get_by_role("heading", name="Move 2 devices?")).to_be_visible()
        assert overflow(page) == 0
        if look is not WITHOUT_SCRIPTS:
            assert faults_for_assistive_technology(page) == []
        button = page.get_by_role("button", name="Move the devices")
        button.click()
        assert f"move-devices/{CUSTOMER}/Sales/{name}" not in [version.path for version in site.world.drop.versions()]
        page.get_by_role("checkbox", name="Move 2 devices").check()
        button.click()
        expect(page.get_by_text("it is received within a minute")).to_be_visible()
        assert f"move-devices/{CUSTOMER}/Sales/{name}" in [version.path for version in site.world.drop.versions()]
        assert seen.complaints == []


# --- straight to storage


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropping, "BYTES_OF_A_BLOCK", 40)


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[tuple[Page, Storage]]:
    with looking(browser, DESK) as (page, _):
        storage = Storage(site)
        page.route(f"{STORAGE}/**", storage.answer)
        yield page, storage


def _content(site: Site, page: Page) -> bytes:
    upload = parse_qs(urlsplit(page.url).query)["upload"][0]
    (version,) = site.world.staging.versions(f"{upload}/")
    return site.world.staging.read(version.path) or b""


@pytest.mark.usefixtures("small_blocks")
def test_a_file_goes_to_storage_in_blocks_and_a_broken_line_costs_one(visit: tuple[Page, Storage], site: Site) -> None:
    page, storage = visit
    content = numbered(5, "BLOCKS-")
    storage.answers = lambda number: 0 if number == 2 else 201
    choose(page, site, payload("blocks ä#.csv", content))
    page.get_by_role("button", name="Check the files").click()
    page.wait_for_url("**upload=**")
    assert _content(site, page) == content.encode()
    assert storage.asked.count("PUT block") == -(-len(content.encode()) // 40) + 1
    expect(page.get_by_text("5 rows would be sent")).to_be_visible()


@pytest.mark.usefixtures("small_blocks")
def test_an_upload_that_stays_broken_is_continued_where_it_stopped(visit: tuple[Page, Storage], site: Site) -> None:
    page, storage = visit
    page.clock.install()
    content = numbered(5, "RESUME-")
    storage.answers = lambda number: 201 if number == 1 else 0
    choose(page, site, payload("resume.csv", content))
    page.get_by_role("button", name="Check the files").click()
    resume = page.get_by_role("button", name="Continue the upload")
    for _ in range(20):
        if resume.is_visible():
            break
        page.clock.run_for(20_000)
    expect(page.get_by_role("status").filter(has_text="The line broke")).to_be_visible()
    before = len(storage.asked)
    storage.answers = lambda _: 201
    resume.click()
    page.wait_for_url("**upload=**")
    assert _content(site, page) == content.encode()
    assert len(storage.asked) - before == -(-len(content.encode()) // 40)  # all blocks but the first, and their list


@pytest.mark.usefixtures("small_blocks")
def test_an_address_whose_hour_is_over_says_so(visit: tuple[Page, Storage], site: Site) -> None:
    page, storage = visit
    storage.answers = lambda number: 201 if number == 1 else 403
    choose(page, site, payload("late.csv", numbered(5, "LATE-")))
    page.get_by_role("button", name="Check the files").click()
    expect(page.get_by_role("status")).to_contain_text("The hour for this upload is over")


def test_where_storage_cannot_be_reached_the_form_is_sent(visit: tuple[Page, Storage], site: Site) -> None:
    page, storage = visit
    storage.answers = lambda _: 403
    choose(page, site, payload("private.csv", numbered(4, "PRIVATE-")))
    page.get_by_role("button", name="Check the files").click()
    page.wait_for_url("**upload=**")
    expect(page.get_by_text("4 rows would be sent")).to_be_visible()


def test_a_file_too_large_for_the_form_says_why_it_cannot_go(
    visit: tuple[Page, Storage], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "LARGEST_FORM", 100)
    page, storage = visit
    storage.answers = lambda _: 403
    choose(page, site, payload("large.csv", GOOD))
    page.get_by_role("button", name="Check the files").click()
    expect(page.get_by_role("status")).to_contain_text("Storage cannot be reached from this browser")
    expect(page.get_by_role("status")).to_contain_text("The form takes files up to 100 bytes together")
    assert page.url.endswith("/drop")


def test_a_refusal_of_the_app_is_told_where_the_files_were_chosen(visit: tuple[Page, Storage], site: Site) -> None:
    page, storage = visit
    choose(page, site, payload("a.csv", GOOD), customer="Kontoso")
    page.get_by_role("button", name="Check the files").click()
    expect(page.get_by_role("status")).to_contain_text("Did you mean 'Contoso'?")
    expect(page.get_by_role("button", name="Check the files")).to_be_enabled()
    assert storage.asked == []


def test_files_are_dragged_onto_the_page(visit: tuple[Page, Storage], site: Site) -> None:
    page, _ = visit
    page.goto(f"{site.files}/drop?customer=Contoso&batch=Sales")
    contents = {"one.csv": numbered(1, "DRAG-1-"), "two.csv": numbered(1, "DRAG-2-")}
    carried = page.evaluate_handle(
        """contents => {
          const carried = new DataTransfer();
          for (const [name, text] of Object.entries(contents)) carried.items.add(new File([text], name));
          return carried;
        }""",
        contents,
    )
    page.locator("#drop").dispatch_event("drop", {"dataTransfer": carried})
    expect(page.locator("#chosen li")).to_have_count(2)
    page.get_by_role("button", name="Check the files").click()
    page.wait_for_url("**upload=**")
    expect(page.get_by_role("heading", name="2 files for Contoso")).to_be_visible()


def test_the_batches_of_the_chosen_customer_are_offered(browser: Browser, site: Site) -> None:
    with looking(browser, DESK) as (page, _):
        page.goto(f"{site.files}/drop")
        offered = page.locator("#batches option")
        expect(offered.and_(page.locator("[value=Elsewhere]"))).to_have_count(1)
        page.get_by_label("Customer").fill("contoso")
        expect(offered.and_(page.locator("[value=Elsewhere]"))).to_have_count(0)
        expect(offered.and_(page.locator("[value=Test]"))).to_have_count(1)
